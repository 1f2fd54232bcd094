package records

import (
	"fmt"
	"slices"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/hlc"
	"github.com/fieldpost/fieldpost/internal/journal"
	"github.com/fieldpost/fieldpost/internal/merge"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// MoveToSchema2 moves what the organizations of schema 1 hold to the fields of
// schema 2 and drops the old ones: once, at the first start that finds them,
// in one transaction. A crash leaves all of it to do, or nothing.
//
// Each record gets an entry by the system, and so a new version: devices pull
// what has changed its shape. But it is nobody's edit. The entry has no
// effective stamps, and the new fields take over the clocks of the old ones: a
// change that waits on a phone must not lose against a change of schema.
func (s *Store) MoveToSchema2() error {
	const from, collection = 1, "organizations"
	c, err := s.App.FindCollectionByNameOrId(collection)
	if err != nil {
		return fmt.Errorf("move to schema 2: %w", err)
	}
	fields, elements := wire.Successors(from, collection)
	var old []string
	for name := range fields {
		old = append(old, name)
	}
	for name := range elements {
		old = append(old, name)
	}
	slices.Sort(old)
	if !slices.ContainsFunc(old, func(name string) bool { return c.Fields.GetByName(name) != nil }) {
		return nil
	}
	err = s.Transact(func(tx *Tx) error {
		rows, err := tx.app.FindAllRecords(collection)
		if err != nil {
			return err
		}
		for _, r := range rows {
			if err := tx.move(r, old, from); err != nil {
				return fmt.Errorf("%s: %w", r.Id, err)
			}
		}
		if err := tx.Close(); err != nil { // no statement may stand open while the table changes
			return err
		}
		c, err := tx.app.FindCollectionByNameOrId(collection)
		if err != nil {
			return err
		}
		for _, name := range old {
			c.Fields.RemoveByName(name)
		}
		return tx.app.Save(c)
	})
	if err != nil {
		return fmt.Errorf("move to schema 2: %w", err)
	}
	return nil
}

// move writes one record's new fields, its entry and its clocks. It goes past
// PocketBase's hooks: what they check and complete was checked when a person
// wrote it, and an extension that counts edits must not count this.
func (t *Tx) move(record *core.Record, old []string, from int64) error {
	name := record.Collection().Name
	said := map[string]any{}
	for _, f := range old {
		said[f] = Plain(record.Get(f))
	}
	op, _, problem := wire.Upgrade(wire.Op{Op: wire.OpCreate, Collection: name, ID: record.Id, Fields: said}, from)
	if problem != nil {
		return fmt.Errorf("%s: %s", problem.Code, problem.Message)
	}
	for f, v := range op.Fields {
		n, r := Normalise(record.Collection().Fields.GetByName(f), v)
		if r != nil {
			return r
		}
		setPlain(record, f, n)
		op.Fields[f] = Plain(record.Get(f))
		column, err := columnOf(record, f)
		if err != nil {
			return err
		}
		_, err = t.app.NonconcurrentDB().Update(name, dbx.Params{f: column}, dbx.HashExp{"id": record.Id}).Execute()
		if err != nil {
			return err
		}
	}
	clock, err := t.Clock(name, record.Id)
	if err != nil {
		return err
	}
	past, err := t.History(name, record.Id)
	if err != nil {
		return err
	}
	w := t.store.System()
	audience := access.Table[name].Audience(Values(record))
	t.NewMutation()
	_, err = t.Append(journal.Entry{At: w.At, Collection: name, Record: record.Id, Op: wire.OpUpdate, Actor: w.Actor,
		Device: w.Device, Stamp: w.Stored.String(), Fields: op.Fields, Before: audience, After: audience})
	if err != nil || clock == nil {
		return err
	}
	return t.SetClocks(name, record.Id, heirs(clock, past, name, from))
}

// columnOf is a field's value as the database keeps it.
func columnOf(record *core.Record, field string) (any, error) {
	if d, ok := record.Collection().Fields.GetByName(field).(core.DriverValuer); ok {
		return d.DriverValue(record)
	}
	return record.GetRaw(field), nil
}

// heirs are the clocks that the new fields take over from the old ones. Those
// that have none of their own have the create's, as before.
func heirs(clock *journal.RecordClock, past []journal.PastEntry, collection string, from int64) map[string]merge.Clock {
	fields, elements := wire.Successors(from, collection)
	clocks := map[string]merge.Clock{}
	for old, now := range fields {
		if c, own := clock.Fields[old]; own {
			for _, f := range now {
				clocks[f] = c
			}
		}
	}
	changed := map[string]bool{} // sets of which an element was changed since the create
	for old, e := range elements {
		_, own := clock.Fields[old]
		changed[e.Set] = changed[e.Set] || own
	}
	for old, e := range elements {
		if !changed[e.Set] {
			continue
		}
		set, there := clocks[e.Set]
		if !there {
			set = clock.Default
			set.Elements = map[string]merge.Element{}
		}
		if c := clock.Of(old); c.Seq > set.Seq {
			set.Seq, set.Eff, set.Stored = c.Seq, hlc.Max(set.Eff, c.Eff), c.Stored
		}
		set.Elements[merge.Hash(e.Name)] = states(clock, past, old)
		clocks[e.Set] = set
	}
	return clocks
}

// states turns the history of a yes or no into that of an element.
func states(clock *journal.RecordClock, past []journal.PastEntry, field string) merge.Element {
	now := merge.Element{Eff: clock.Default.Eff, Stored: clock.Default.Stored, Seq: clock.Created}
	for _, p := range past {
		yes, said := p.Fields[field].(bool)
		eff, ok := p.Eff[field]
		switch {
		case p.Op == wire.OpCreate:
			now.Present = yes
		case said && ok:
			before := now
			before.Before = nil
			now = merge.Element{Eff: eff, Stored: p.Stamp, Seq: p.Seq, Present: yes, Before: append(now.Before, before)}
		}
	}
	for device, l := range clock.Of(field).Lost {
		if now.Lost == nil {
			now.Lost = map[string]merge.Element{}
		}
		now.Lost[device] = merge.Element{Eff: l.Eff, Seq: l.Seq, Present: l.Value == merge.Hash(true)}
	}
	return now
}
