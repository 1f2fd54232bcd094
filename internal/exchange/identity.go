package exchange

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"strings"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/hlc"
	"github.com/fieldpost/fieldpost/internal/journal"
	"github.com/fieldpost/fieldpost/internal/records"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// identity is under what a mutation is known here, and what is stored of who
// made it. Of most it is the device's pseudonym and n. Of staff it is keyed
// texts of which no two can be told to be one device's (R9). Of a report about
// oneself it goes by what the mutation says alone: nothing of its device, its
// number or its stamp is stored, and so not even the key names anybody.
type identity struct {
	device  string // of receipt, deferral and quarantine
	n       int64  // likewise; 0 where the number would tell
	content []byte
	sealed  string // of staff: the device, in clear, for records.Writer
	unnamed bool
	owner   string // marks the share of the quarantine; "" where device does
	stamped string // stands for the stamp; "" where that is stored itself
}

// hidden tells whether it must not be told who made it.
func (w *identity) hidden() bool { return w.unnamed || w.sealed != "" }

// stamp is what is stored to know a stamp again.
func (w *identity) stamp(m *wire.Received, pseudonym string) string {
	if w.stamped != "" {
		return w.stamped
	}
	return m.Stamp.WithDevice(pseudonym).String()
}

// identity decides how a mutation is known.
func (s *Service) identity(tx *records.Tx, c *pushing, m *wire.Received) (*identity, error) {
	unnamed, err := aboutSelf(tx, m)
	switch {
	case err != nil:
		return nil, err
	case unnamed:
		text, err := wire.Canonical(legible(m.Whole["ops"]))
		if err != nil {
			return nil, fmt.Errorf("name mutation: %w", err)
		}
		sum := sha256.Sum256([]byte(text))
		tag := s.Key.Unnamed(sum)
		return &identity{device: tag, content: s.Key.Content(sum), unnamed: true, owner: s.Key.Nobody(), stamped: tag}, nil
	case c.staff:
		w := &identity{device: s.Key.Receipt(c.device.ID, m.N), content: s.content(m), sealed: c.device.ID}
		w.owner = s.Key.HeldBy(c.device.ID, w.device)
		if m.HasTime {
			w.stamped = s.Key.Stamp(m.Stamp.String())
		}
		return w, nil
	}
	return &identity{device: c.pseudonym, n: m.N, content: s.content(m)}, nil
}

// aboutSelf tells whether a mutation makes a report about who writes it, or
// adds to one.
func aboutSelf(tx *records.Tx, m *wire.Received) (bool, error) {
	list, _ := m.Whole["ops"].([]any)
	for _, v := range list {
		op, _ := v.(map[string]any)
		collection, fields := word(op["collection"]), map[string]any(nil)
		if collection != "submissions" && collection != "addenda" && collection != "attachments" || word(op["op"]) != wire.OpCreate {
			continue
		}
		fields, _ = op["fields"].(map[string]any)
		if records.AboutSelf(collection, fields) {
			return true, nil
		}
		if yes, err := tx.NamesUnnamed(collection, fields); yes || err != nil {
			return yes, err
		}
	}
	return false, nil
}

// forked tells whether a device has used a number of this push for something
// else (PUSH-3), and whether nobody is to be named with something of it.
func (s *Service) forked(tx *records.Tx, c *pushing, j *job) (unnamed, forked bool, err error) {
	ns := make([]int64, 0, len(j.push.Mutations))
	ids := make([]*identity, len(j.push.Mutations))
	for i := range j.push.Mutations {
		who, err := s.identity(tx, c, &j.push.Mutations[i])
		if err != nil {
			return false, false, err
		}
		unnamed = unnamed || who.unnamed
		ids[i] = who
		if !who.hidden() {
			ns = append(ns, who.n)
		}
	}
	receipts, err := tx.Receipts(c.pseudonym, ns)
	if err != nil {
		return false, false, err
	}
	same := sameSent
	if j.recovered { // written anew each time, by any copy of the store
		same = sameMutation
	}
	for i, who := range ids {
		r := receipts[j.push.Mutations[i].N]
		if who.hidden() {
			if r, err = tx.Receipt(who.device, who.n); err != nil {
				return false, false, err
			}
		}
		if r != nil && !same(r.Content, who.content) {
			return unnamed, true, nil
		}
	}
	return unnamed, false, nil
}

// seen gives those reports of a device and its lineage that were opened in
// (after, upto], each once.
func (s *Service) seen(r *journal.Reader, d *records.Device, after, upto int64) ([]string, error) {
	devices := make([]string, len(d.Lineage))
	for i, id := range d.Lineage {
		devices[i] = s.Key.Device(id)
	}
	list, err := r.Seen(devices, after, upto)
	if err != nil || d.Person.Role != access.Staff {
		return list, err
	}
	all, err := r.SeenBetween(after, upto)
	if err != nil {
		return nil, err
	}
	named := map[string]bool{}
	for _, row := range all {
		for _, id := range d.Lineage {
			if !named[row.Report] && row.Device == s.Key.DeviceOn(id, row.Report) {
				named[row.Report] = true
				list = append(list, row.Report)
			}
		}
	}
	return list, nil
}

// heldAuthor is what quarantine keeps, locked, of who made a mutation of staff
// and how it was named: what a release needs.
type heldAuthor struct {
	Device   string `json:"device"`
	N        int64  `json:"n"`
	Stamp    string `json:"stamp,omitempty"`
	Offset   *int64 `json:"offset,omitempty"`
	ClockOff string `json:"clock_off"`
}

// heldMember is the member of a kept mutation that holds a heldAuthor.
const heldMember = "sealed_author"

// copySealed is copyOf without what tells the device: its number, its stamp,
// the error of its clock. They go along locked, or not at all.
func (s *Service) copySealed(c *pushing, m *wire.Received, who *identity, clockOff string) (kept, error) {
	whole, _ := legible(m.Whole).(map[string]any)
	author := heldAuthor{Device: c.device.ID, N: m.N, Stamp: word(whole["stamp"]), Offset: m.Offset, ClockOff: clockOff}
	for _, k := range []string{"n", "offset", "stamp", heldMember} {
		delete(whole, k)
	}
	device := s.Key.Nobody()
	if !who.unnamed {
		device = who.device
		raw, err := json.Marshal(author)
		if err != nil {
			return kept{}, fmt.Errorf("keep mutation: %w", err)
		}
		// Padded: the length of n and of the clock's error tell nothing.
		box, err := s.Key.Lock("held", who.device, []byte(fmt.Sprintf("%-160s", raw)))
		if err != nil {
			return kept{}, fmt.Errorf("keep mutation: %w", err)
		}
		whole[heldMember] = base64.RawURLEncoding.EncodeToString(box)
	}
	whole["stamp"] = hlc.Stamp{Time: hlc.Time{Ms: c.at}, Device: device}.String()
	text, err := wire.Canonical(whole)
	if err != nil {
		return kept{}, fmt.Errorf("keep mutation: %w", err)
	}
	return kept{string(text), named(m)}, nil
}

// unlockKept puts what was locked of a kept mutation back into its place, and
// gives it; nil where there is nothing of the kind.
func (s *Service) unlockKept(values map[string]any, receipt *journal.Receipt) (map[string]any, *heldAuthor, error) {
	whole, _ := values["mutation"].(map[string]any)
	box, err := base64.RawURLEncoding.DecodeString(word(whole[heldMember]))
	if err != nil || len(box) == 0 {
		if _, numbered := whole["n"]; !numbered && whole != nil { // nobody's
			whole = maps.Clone(whole)
			whole["n"] = float64(1)
		}
		return whole, nil, nil
	}
	raw, err := s.Key.Unlock("held", receipt.Device, box)
	if err != nil {
		return nil, nil, err
	}
	var author heldAuthor
	if err := json.Unmarshal([]byte(strings.TrimSpace(string(raw))), &author); err != nil {
		return nil, nil, fmt.Errorf("read held mutation: %w", err)
	}
	open := make(map[string]any, len(whole)+2)
	for k, v := range whole {
		if k != heldMember {
			open[k] = v
		}
	}
	open["n"], open["stamp"] = float64(author.N), author.Stamp
	if author.Offset != nil {
		open["offset"] = float64(*author.Offset)
	}
	return open, &author, nil
}

// roomSealed is room for who must not be told: whose a held mutation is has to
// be computed. What nobody is named with has one share together.
func (s *Service) roomSealed(tx *records.Tx, c *pushing, who *identity, more int64) error {
	all, err := tx.HeldSealed()
	if err != nil {
		return err
	}
	var family []*records.Device
	if !who.unnamed {
		if family, err = s.family(tx, c.device); err != nil {
			return err
		}
	}
	var items, bytes int64
	for _, h := range all {
		if who.unnamed && h.Owner == who.owner || s.ownsHeld(family, h) {
			items, bytes = items+1, bytes+h.Bytes
		}
	}
	return fits(items, bytes, more, c.device.Revoked && !who.unnamed)
}

func (s *Service) ownsHeld(family []*records.Device, h journal.Held) bool {
	for _, d := range family {
		if h.Owner == s.Key.HeldBy(d.ID, h.Device) {
			return true
		}
	}
	return false
}

// heldOf lists what a family of devices has in quarantine: of each in order of
// n; of staff, whose numbers are not stored, in the order in which it came.
func (s *Service) heldOf(tx *records.Tx, family []*records.Device) ([]journal.Held, error) {
	var out []journal.Held
	for _, d := range family {
		list, err := tx.HeldBy(s.Key.Device(d.ID))
		if err != nil {
			return nil, err
		}
		out = append(out, list...)
	}
	all, err := tx.HeldSealed()
	if err != nil {
		return nil, err
	}
	for _, h := range all {
		if s.ownsHeld(family, h) {
			out = append(out, h)
		}
	}
	return out, nil
}

// unsealed gives those reports of a person of staff whose author was made known
// in (after, upto].
func (s *Service) unsealed(r *journal.Reader, d *records.Device, after, upto int64) ([]string, error) {
	if d.Person.Role != access.Staff {
		return nil, nil
	}
	all, err := r.Unsealed(after, upto)
	var own []string
	for _, report := range all {
		mine, failed := s.Store.Wrote(r, d.Person.ID, "submissions", report)
		if failed != nil {
			return nil, failed
		}
		if mine {
			own = append(own, report)
		}
	}
	return own, err
}
