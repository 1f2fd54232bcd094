package exchange

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"sort"
	"strings"
	"time"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/fault"
	"github.com/fieldpost/fieldpost/internal/journal"
	"github.com/fieldpost/fieldpost/internal/records"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// tombstones is how long what has gone is told apart; an older cursor is
// answered by a reset (PULL-7).
const tombstones = 400 * 24 * time.Hour

// Pull gives a person what changed for them since the cursor. by is the token's
// device, as it was found with the request.
func (s *Service) Pull(ctx context.Context, by *records.Device, req *wire.PullRequest) (*wire.PullAnswer, error) {
	if req.Device != by.ID {
		return nil, fault.New(fault.WrongDevice, "The device is not the one that this access belongs to.")
	}
	if req.Schema < s.MinSchema {
		return nil, fault.New(fault.UpgradeRequired, "This app is too old to read from this server.")
	}
	s.hear(by, req)
	wait := time.Duration(req.Wait) * time.Second
	if !access.SyncsReports(by.Person.Role) {
		wait = 0
	}
	// Registered before the look, so that nothing falls in between.
	watcher := s.Live.Wait(by.Person, s.DeviceScopes(by))
	defer watcher.Close()
	deadline := time.NewTimer(wait)
	defer deadline.Stop()
	for {
		var answer *wire.PullAnswer
		// Each look finds the device anew: while the request was read, or waited,
		// it may have been signed out, and its person may have another role.
		err := s.Store.LookFrom(by.ID, func(sight *records.Sight) (err error) {
			d, err := admitted(sight.Device())
			if err != nil {
				return err
			}
			answer, err = s.page(sight, d, req)
			return err
		})
		if p, ok := errors.AsType[*parted](err); ok {
			// Outside of the snapshot: it is a write, and may fail.
			if err := s.part(p.epoch); err != nil {
				return nil, err
			}
			continue
		}
		if err == nil {
			answer.DurableSeq, err = s.durableSeq(s.Store.Journal(), answer.Epoch)
		}
		if err != nil {
			return nil, err
		}
		// Digests are something to send: who asks for them is not held.
		if wait == 0 || len(answer.Changes) > 0 || len(answer.Seen) > 0 || len(answer.Unsealed) > 0 || answer.More || answer.Reset || answer.Rewound || req.Digests {
			return answer, nil
		}
		select {
		case <-watcher.C:
		case <-deadline.C:
			return answer, nil
		case <-ctx.Done():
			return answer, nil
		case <-s.stop:
			return answer, nil
		}
	}
}

// DeviceScopes are the scopes that matter to a device and not to its person:
// that reports of it or its lineage were opened.
func (s *Service) DeviceScopes(d *records.Device) []string {
	var scopes []string
	for _, id := range d.Lineage {
		scopes = append(scopes, journal.SeenScope(s.Key.Device(id)))
	}
	if d.Person.Role == access.Staff {
		for _, o := range d.Person.ServedBy {
			scopes = append(scopes, journal.StaffScope(o))
		}
	}
	return scopes
}

// admitted tells whether a device may pull: unauthenticated, device_revoked.
func admitted(d *records.Device) (*records.Device, error) {
	switch {
	case d == nil:
		return nil, fault.New(fault.Unauthenticated, "The device is not known here.")
	case d.Revoked:
		return nil, fault.New(fault.DeviceRevoked, "The device was signed out.")
	}
	return d, nil
}

// start decides where a page begins: at the cursor, or anew.
func (s *Service) start(r *journal.Reader, req *wire.PullRequest, scopes string, head int64) (from place, reset, rewound bool, err error) {
	anew := place{Reset: true, From: head}
	if mark := deref(req.Mark); mark != "" {
		if from, rewound, err = s.missing(r, "mark", mark); err != nil {
			return from, true, true, err
		}
	}
	if req.Cursor == nil {
		return anew, true, rewound, nil
	}
	p, gone, err := s.missing(r, "cursor", *req.Cursor)
	if err != nil {
		return p, true, true, err
	}
	switch {
	case gone || rewound:
		return anew, true, true, nil
	case p.Scope != scopes, p.Sch != req.Schema, s.Now().UnixMilli()-p.At > tombstones.Milliseconds():
		return anew, true, false, nil
	}
	return p, false, false, nil
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// page makes one page (PULL-2), all of it from one snapshot: what is written
// meanwhile comes with the next page.
func (s *Service) page(sight *records.Sight, d *records.Device, req *wire.PullRequest) (*wire.PullAnswer, error) {
	r := sight.Journal()
	head, headHash, err := r.Head()
	if err != nil {
		return nil, err
	}
	person := sight.Person()
	scopes := access.Scopes(person)
	name := scopeSet(person, scopes)
	from, reset, rewound, err := s.start(r, req, name, head)
	if err != nil {
		return nil, err
	}
	found, more, err := candidates(r, scopes, from.Seq, head, req.Limit)
	if err != nil {
		return nil, err
	}
	end := head
	if more {
		end = found[len(found)-1].Seq
	}
	changes, err := changesOf(sight, scopes, from, found)
	if err != nil {
		return nil, err
	}
	seen, err := s.seen(r, d, from.Seq, end)
	if err != nil {
		return nil, err
	}
	unsealed, err := s.unsealed(r, d, from.Seq, end)
	if err != nil {
		return nil, err
	}
	endHash := headHash
	if end != head {
		if endHash, err = r.HashAt(end); err != nil {
			return nil, err
		}
	}
	epochs, err := s.epochs(r)
	if err != nil {
		return nil, err
	}
	epoch := epochs.Present().ID
	next := place{Epoch: epoch, Seq: end, Hash: short(endHash), Scope: name, Sch: req.Schema, At: s.Now().UnixMilli()}
	if more && from.Reset {
		next.Reset, next.From = true, from.From
	}
	answer := &wire.PullAnswer{Epoch: epoch, Now: s.stampNow(), Rewound: rewound, Reset: reset, More: more, Changes: changes, Seen: seen, Unsealed: unsealed}
	if req.Digests && !more {
		if err := s.judge(sight, scopes, from.Reset, answer); err != nil {
			return nil, err
		}
	}
	if answer.Cursor, err = s.sign("cursor", next); err != nil {
		return nil, err
	}
	answer.Mark, err = s.sign("mark", place{Epoch: epoch, Seq: head, Hash: short(headHash)})
	return answer, err
}

// scopeSet names a set of scopes: when it changes, the view is made anew.
func scopeSet(p access.Person, scopes []string) string {
	sorted := append([]string{string(p.Role)}, scopes...)
	sort.Strings(sorted[1:])
	sum := sha256.Sum256([]byte(strings.Join(sorted, "\n")))
	return hex.EncodeToString(sum[:8])
}

// candidates merges the feeds of the scopes: at most about limit rows in
// (after, head], in order of seq, ending between two mutations. more tells
// that there are others.
func candidates(r *journal.Reader, scopes []string, after, head int64, limit int) ([]journal.Candidate, bool, error) {
	for want := limit; ; want *= 2 {
		horizon, cut := head, false
		all, err := r.Feeds(scopes, after, head, want+1)
		if err != nil {
			return nil, false, err
		}
		rows, last := make([]int, len(scopes)), make([]int64, len(scopes)) // of each scope
		for _, c := range all {
			rows[c.Scope]++
			last[c.Scope] = max(last[c.Scope], c.Seq)
		}
		for i, n := range rows {
			if n > want {
				cut = true
				horizon = min(horizon, last[i])
			}
		}
		sort.SliceStable(all, func(i, j int) bool { return all[i].Seq < all[j].Seq })
		list := all[:0]
		before := int64(0)
		for _, c := range all {
			if c.Seq > horizon || c.Seq == before { // a row in two scopes
				continue
			}
			before = c.Seq
			list = append(list, c)
		}
		if !cut && len(list) <= want {
			return list, false, nil
		}
		if len(list) > want+1 {
			list = list[:want+1]
		}
		end := len(list) - 1
		for end > 0 && list[end-1].Mut == list[end].Mut {
			end--
		}
		if end > 0 {
			return list[:end], true, nil
		}
	}
}

// changesOf turns candidates into what the person may see of them, in order.
func changesOf(sight *records.Sight, scopes []string, from place, found []journal.Candidate) ([]wire.Change, error) {
	r := sight.Journal()
	byCollection := map[string]map[string]int64{}
	for _, c := range found {
		if byCollection[c.Collection] == nil {
			byCollection[c.Collection] = map[string]int64{}
		}
		byCollection[c.Collection][c.Record] = c.Version
	}
	bodies := map[string]map[string]json.RawMessage{}
	for collection, versions := range byCollection {
		var err error
		if bodies[collection], err = sight.Bodies(collection, versions); err != nil {
			return nil, err
		}
	}
	mine := map[string]bool{}
	for _, sc := range scopes {
		mine[sc] = true
	}
	out := make([]wire.Change, 0, len(found))
	for _, c := range found {
		version, body := c.Version, bodies[c.Collection][c.Record]
		if version == 0 {
			continue
		}
		if version != c.Seq {
			// It changed since. If that matters to a scope of ours, the record
			// comes there; else it has left this person's view, and this row is
			// the last word on it.
			newest, err := r.NewestIn(mine, c.Collection, c.Record)
			if err != nil {
				return nil, err
			}
			if newest > c.Seq {
				continue
			}
		}
		change := wire.Change{Collection: c.Collection, ID: c.Record, Seq: c.Seq, Record: body}
		if body == nil {
			if from.Reset && c.Seq <= from.From {
				continue // it was gone before this view began
			}
			change.Record = json.RawMessage("null")
		} else {
			change.Seq = version
		}
		out = append(out, change)
	}
	return out, nil
}
