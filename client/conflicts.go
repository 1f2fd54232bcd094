package client

import "reflect"

// Conflict is a value that gave way to another one (MERGE-2), as a coordinator
// finds it. Kept stood at the time of the conflict, Other is what lost.
type Conflict struct {
	ID                        string
	Collection, Record, Field string
	Kept, Other               any
	Now                       any  // what stands there today, own waiting changes included; nil when the record is not here
	Here                      bool // the record is on this device
	Resolved                  bool
}

// Conflicts lists what this person sees of the conflicts, by id: a coordinator
// those of the organization, others none.
func (d *Device) Conflicts() ([]Conflict, error) {
	records, err := d.Records("conflicts")
	if err != nil {
		return nil, err
	}
	all := make([]Conflict, 0, len(records))
	for _, r := range records {
		c, err := d.conflict(r)
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	return all, nil
}

func (d *Device) conflict(r Record) (Conflict, error) {
	c := Conflict{ID: r.ID, Collection: r.Text("collection"), Record: r.Text("record"), Field: r.Text("field"),
		Kept: r.Fields["kept"], Other: r.Fields["other"], Resolved: r.Fields["resolved"] == true}
	about, here, err := d.Record(c.Collection, c.Record)
	if err != nil {
		return c, err
	}
	if c.Here = here; here {
		c.Now = about.Fields[c.Field]
	}
	return c, nil
}

// Resolve settles a conflict in one mutation: with other, the value that lost
// is written to the record as an ordinary change, and the conflict is marked as
// resolved; else it is marked only, and the record stays as it is today. Errors:
// ErrInput (no such conflict, resolved already, the record is not here), ErrDisk.
func (d *Device) Resolve(id string, other bool) (Saved, error) {
	r, ok, err := d.Record("conflicts", id)
	if err != nil {
		return Saved{}, err
	}
	if !ok {
		return Saved{}, badInput("unknown_conflict", "There is no conflict of this id on this device.", "See which there are, after a pull.")
	}
	c, err := d.conflict(r)
	if err != nil {
		return Saved{}, err
	}
	if c.Resolved {
		return Saved{}, badInput("resolved_already", "The conflict is resolved already.", "Change the record itself, if it should be otherwise.")
	}
	ops := []Op{{Op: "update", Collection: "conflicts", ID: id, Fields: map[string]any{"resolved": true}}}
	if other && !(c.Here && reflect.DeepEqual(c.Now, c.Other)) {
		if !c.Here {
			return Saved{}, badInput("unknown_record", "The record of the conflict is not on this device.", "Pull, and if it is gone, keep what stands.")
		}
		ops = append(ops, Op{Op: "update", Collection: c.Collection, ID: c.Record, Fields: map[string]any{c.Field: c.Other}})
	}
	return d.Do(ops...)
}
