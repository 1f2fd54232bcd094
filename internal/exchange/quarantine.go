package exchange

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/hlc"
	"github.com/fieldpost/fieldpost/internal/journal"
	"github.com/fieldpost/fieldpost/internal/records"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// keep remembers what a refused mutation would have created, so that what
// depends on it is refused too (PUSH-7), and keeps the mutation whole in
// quarantine, all but what is `taken` (PUSH-6). It gives the quarantine
// record's id.
// clockOff is how far its clock was off.
func (s *Service) keep(tx *records.Tx, c *pushing, m *wire.Received, who *identity, r *records.Refusal, clockOff string) (string, error) {
	k, ok := c.kept[m.N]
	var err error
	switch {
	case who.hidden():
		k, err = s.copySealed(c, m, who, clockOff)
	case !ok:
		k, err = copyOf(m)
	}
	if err != nil {
		return "", err
	}
	ops := k.ops
	whole := s.veil(c, k.text, who.device)
	if m.HasTime && c.lineage[m.Stamp.Device] == "" {
		whole = strings.ReplaceAll(whole, m.Stamp.Device, s.Key.Device(m.Stamp.Device))
	}
	if r.Code != wire.CodeTaken {
		// First of all: what has no room must leave nothing.
		if err := s.room(tx, c, who, int64(len(whole))); err != nil {
			return "", err
		}
	}
	for _, op := range ops {
		if _, ok := access.Table[op.collection]; ok && op.op == wire.OpCreate && hlc.ValidID(op.id) {
			if err := tx.MarkRefused(op.collection, op.id); err != nil {
				return "", err
			}
		}
	}
	if r.Code == wire.CodeTaken {
		return "", nil
	}
	values := map[string]any{"code": r.Code, "message": r.Message, "state": "held", "mutation": json.RawMessage(whole)}
	site := ""
	if len(ops) > 0 {
		values["collection"], values["record"] = clip(ops[0].collection, 200), s.veil(c, clip(ops[0].id, 200), who.device)
		site = ops[0].site
	}
	if values["organization"], err = tx.OrganizationFor(c.device.Person, site); err != nil {
		return "", err
	}
	if !who.hidden() {
		values["author"] = c.device.Person.ID
	}
	id, _, err := tx.SystemSave(c.at, "quarantine", values)
	if err != nil {
		return "", err
	}
	return id, tx.Hold(journal.Held{Quarantine: id, Device: who.device, N: who.n, Bytes: int64(len(whole)), Owner: who.owner})
}

// What one device may have in quarantine (PUSH-10), together with those it
// descends from and what descends from them: a device admits its successors by
// itself, as many as it likes.
const (
	maxHeldItems        = 1000
	maxHeldBytes        = 10_000_000
	maxHeldRevokedBytes = 2_000_000
)

// errFull tells that a mutation would be refused and has no room in quarantine:
// it gets no verdict to keep, and the device keeps it.
var errFull = errors.New("the device's share of the quarantine is used up")

// signedOut is why all that a revoked device hands in is refused.
const signedOut = "This device was signed out. What it hands in is kept for a coordinator to look at."

// room looks whether so many bytes more fit into the device's share. What comes
// while nothing is held always fits: else something large could never be
// refused, and its device would send it for ever.
func (s *Service) room(tx *records.Tx, c *pushing, who *identity, more int64) error {
	if who.hidden() {
		return s.roomSealed(tx, c, who, more)
	}
	if c.family == nil {
		family, err := s.family(tx, c.device)
		if err != nil {
			return err
		}
		for _, d := range family {
			c.family = append(c.family, s.Key.Device(d.ID))
		}
	}
	var items, bytes int64
	for _, p := range c.family {
		n, b, err := tx.HeldShare(p)
		if err != nil {
			return err
		}
		items, bytes = items+n, bytes+b
	}
	return fits(items, bytes, more, c.device.Revoked)
}

func fits(items, bytes, more int64, revoked bool) error {
	limit := int64(maxHeldBytes)
	if revoked {
		limit = maxHeldRevokedBytes
	}
	if items > 0 && (items >= maxHeldItems || bytes+more > limit) {
		return errFull
	}
	return nil
}

// family gives a device, those it descends from and what descends from any of
// them, the oldest first.
func (s *Service) family(tx *records.Tx, device *records.Device) ([]*records.Device, error) {
	all, err := tx.DevicesOf(device.Person.ID)
	if err != nil {
		return nil, err
	}
	list := slices.DeleteFunc(all, func(d *records.Device) bool {
		return !slices.ContainsFunc(d.Lineage, func(id string) bool { return slices.Contains(device.Lineage, id) })
	})
	slices.SortStableFunc(list, func(a, b *records.Device) int { return len(a.Lineage) - len(b.Lineage) })
	return list, nil
}

const noRoom = "There is no room for it in quarantine until a coordinator has looked at what lies there."

// full defers a mutation that has no room in quarantine.
func full(n int64) *wire.Verdict {
	return &wire.Verdict{N: n, Verdict: wire.Deferred, Code: wire.CodeBusy, Message: noRoom}
}

// allFull tells that a push has mutations and room for none of them: nothing of
// it was committed, and the answer says what it waits for (PUSH-10).
func allFull(verdicts []wire.Verdict) bool {
	for _, v := range verdicts {
		if v.Verdict != wire.Deferred || v.Message != noRoom {
			return false
		}
	}
	return len(verdicts) > 0
}

// kept is what quarantine keeps of a mutation: its text, the device still in
// clear, and what its ops name.
type kept struct {
	text string
	ops  []opName
}

func copyOf(m *wire.Received) (kept, error) {
	text, err := wire.Canonical(legible(m.Whole))
	if err != nil {
		return kept{}, fmt.Errorf("keep mutation %d: %w", m.N, err)
	}
	return kept{string(text), named(m)}, nil
}

// worthAhead is the size, in bytes, from which a mutation is copied before it
// is known whether it will be refused.
const worthAhead = 16 << 10

// ahead makes the copies that are refused anyway, or large, outside the writer:
// everybody waits for what happens inside it.
func ahead(push *wire.Push) (map[int64]kept, error) {
	var copies map[int64]kept
	for i := range push.Mutations {
		m := &push.Mutations[i]
		if m.Problem == nil && m.Size < worthAhead {
			continue
		}
		k, err := copyOf(m)
		if err != nil {
			return nil, err
		}
		if copies == nil {
			copies = map[int64]kept{}
		}
		copies[m.N] = k
	}
	return copies, nil
}

// veil puts pseudonyms where a text names the pushing device, one that it
// descends from, or a person of staff (JOURNAL-4).
// Those of staff are bound to where the text is kept.
func (s *Service) veil(c *pushing, text, where string) string {
	for id, p := range c.lineage {
		if c.staff {
			p = s.Key.DeviceOn(id, where)
		}
		text = strings.ReplaceAll(text, id, p)
	}
	if p := c.device.Person; c.staff {
		text = strings.ReplaceAll(text, p.ID, s.Key.PersonOn(p.ID, where))
	}
	return text
}

// legible replaces the numbers that no float64 holds by their text: whoever
// reads the quarantine must be able to read all of it.
func legible(v any) any {
	switch x := v.(type) {
	case json.Number:
		return string(x)
	case []any:
		list := make([]any, len(x))
		for i, e := range x {
			list[i] = legible(e)
		}
		return list
	case map[string]any:
		m := make(map[string]any, len(x))
		for k, e := range x {
			m[k] = legible(e)
		}
		return m
	}
	return v
}

// opName is what an op names.
type opName struct{ op, collection, id, site string }

// named gives what the ops of a mutation name, as far as it can be read: one
// that is refused for its stamp still has ops that others depend on.
func named(m *wire.Received) []opName {
	var out []opName
	for _, h := range m.Heads { // kept as text
		out = append(out, opName{h.Op, h.Collection, h.ID, h.Site})
	}
	list, _ := m.Whole["ops"].([]any)
	for _, v := range list {
		op, _ := v.(map[string]any)
		fields, _ := op["fields"].(map[string]any)
		out = append(out, opName{word(op["op"]), word(op["collection"]), word(op["id"]), word(fields["site"])})
	}
	return out
}

func word(v any) string { s, _ := v.(string); return s }

func clip(s string, n int) string {
	if len(s) > n {
		return strings.ToValidUTF8(s[:n], "")
	}
	return s
}
