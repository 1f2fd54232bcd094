package exchange

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/hlc"
	"github.com/fieldpost/fieldpost/internal/journal"
	"github.com/fieldpost/fieldpost/internal/merge"
	"github.com/fieldpost/fieldpost/internal/records"
	"github.com/fieldpost/fieldpost/internal/wire"
)

func refuse(code, format string, args ...any) *records.Refusal {
	return &records.Refusal{Code: code, Message: fmt.Sprintf(format, args...)}
}

// clientMade are the collections whose records come from clients: a reference
// to one that is not here yet waits for it. One to anything else is wrong.
var clientMade = map[string]bool{"observations": true, "submissions": true, "sites": true, "addenda": true}

// apply runs the ops of a mutation in order. A *records.Refusal means that the
// op it names wrote nothing; earlier ops may have.
func (s *Service) apply(tx *records.Tx, c *pushing, m *wire.Received, base records.Writer) (*wire.Verdict, error) {
	v := &wire.Verdict{Verdict: wire.Applied}
	epochs, err := s.epochs(&tx.Reader)
	if err != nil {
		return nil, err
	}
	for i := range m.Ops {
		op := &m.Ops[i]
		// As this schema has it; content hash and quarantine keep what was sent.
		now, kept, problem := wire.Upgrade(op.Op, m.Schema)
		if problem != nil {
			return nil, refuse(problem.Code, "%s", problem.Message)
		}
		w := base
		w.Extra = maps.Clone(c.origin)
		extra := map[string]any{}
		if i == 0 && m.Extra != nil {
			extra["mutation"] = m.Extra
		}
		if op.Extra != nil {
			extra["op"] = op.Extra
		}
		o := &opRun{s: s, tx: tx, c: c, op: &now, kept: kept, w: &w, extra: extra, verdict: v, index: i, n: m.N, base: epochs.Base(m.Epoch, op.Base)}
		if err := o.run(); err != nil {
			return nil, err
		}
	}
	return v, nil
}

// opRun is one op on its way.
type opRun struct {
	s       *Service
	tx      *records.Tx
	c       *pushing
	op      *wire.Op
	kept    map[string]any // fields of an older schema that have no place in this one
	w       *records.Writer
	extra   map[string]any
	verdict *wire.Verdict
	index   int
	n       int64 // of the mutation
	base    int64 // what op.Base counts as on this line of history (MERGE-1)

	row    access.Collection
	values map[string]any
}

func (o *opRun) run() error {
	var ok bool
	if o.row, ok = access.Table[o.op.Collection]; !ok {
		return refuse(wire.CodeUnknownCollection, "There is no collection of that name.")
	}
	switch o.op.Op {
	case wire.OpCreate:
		return o.create()
	case wire.OpUpdate:
		return o.update()
	}
	return o.remove()
}

// fields checks the policies that forbid a field outright and normalises the
// rest; what is not understood goes to extra.
func (o *opRun) fields() error {
	for _, f := range o.row.AdminOnly {
		if _, sent := o.op.Fields[f]; sent && o.c.device.Person.Role != access.Admin {
			return refuse(wire.CodeNotAllowed, "%s is set by admins only.", f)
		}
	}
	for f := range o.op.Fields {
		if o.row.Fields[f] == merge.Server || f == "id" {
			return refuse(wire.CodeNotAllowed, "%s is set by the server.", f)
		}
	}
	sets := map[string]any{}
	plain := o.op.Fields
	if o.op.Op == wire.OpUpdate {
		plain = map[string]any{}
		for f, v := range o.op.Fields {
			if o.row.Fields[f] == merge.Set {
				sets[f] = v
			} else {
				plain[f] = v
			}
		}
	}
	values, unknown, r := o.tx.Normalise(o.op.Collection, plain, o.w.Corrected)
	if r != nil {
		return r
	}
	for f, v := range sets {
		if r := o.tx.CheckSet(o.op.Collection, f, v); r != nil {
			return r
		}
		values[f] = v
	}
	if unknown == nil {
		unknown = o.kept
	} else {
		maps.Copy(unknown, o.kept)
	}
	if len(unknown) > 0 {
		o.extra["fields"] = unknown
	}
	if len(o.extra) > 0 {
		text, err := wire.Canonical(o.extra)
		if err != nil {
			return err
		}
		if len(text) > wire.MaxExtraBytes {
			return refuse(wire.CodeTooLarge, "More than 4 KB that this server does not understand.")
		}
		if err := json.Unmarshal([]byte(o.s.veil(o.c, string(text), o.op.ID)), &o.w.Extra); err != nil {
			return fmt.Errorf("read extra of %s: %w", o.op.ID, err)
		}
		o.verdict.Code = wire.CodeKeptExtra
	}
	o.values = values
	return nil
}

// references checks that what the record names is here (PUSH-7).
func (o *opRun) references() error {
	refs, err := o.tx.References(o.op.Collection, o.values)
	if err != nil {
		return err
	}
	for _, ref := range refs {
		here, err := o.tx.Exists(ref.Collection, ref.ID)
		if err != nil {
			return err
		}
		if here {
			continue
		}
		err = o.missing(ref.Collection, ref.ID)
		var r *records.Refusal
		switch {
		case errors.As(err, &r) && r.Code == wire.CodeGone:
			return refuse(wire.CodeDependsOnRefused, "%s was deleted.", ref.Field)
		case r != nil && r.Code == wire.CodeMissingDependency && !clientMade[ref.Collection]:
			return refuse(wire.CodeInvalid, "%s names something that is not known.", ref.Field)
		}
		return err
	}
	return nil
}

// missing tells why a record that is not here is not: gone, refused, unknown,
// or still to come.
func (o *opRun) missing(collection, id string) error {
	clock, err := o.tx.Clock(collection, id)
	if err != nil {
		return err
	}
	if clock != nil && clock.Gone {
		return refuse(wire.CodeGone, "It was deleted.")
	}
	refused, err := o.tx.WasRefused(collection, id)
	if err != nil {
		return err
	}
	if refused {
		return refuse(wire.CodeDependsOnRefused, "What this depends on was refused.")
	}
	return refuse(wire.CodeMissingDependency, "What this depends on has not arrived yet.")
}

func (o *opRun) create() error {
	if o.row.Create == nil {
		return refuse(wire.CodeNotAllowed, "Records of %s are made by the server.", o.op.Collection)
	}
	if err := o.fields(); err != nil {
		return err
	}
	clock, err := o.tx.Clock(o.op.Collection, o.op.ID)
	if err != nil {
		return err
	}
	if clock != nil {
		return o.again(clock)
	}
	adopts := o.c.adopting && o.row.Adopt != nil && o.row.Adopt.Holds(o.c.device.Person, access.Values(o.values))
	if !adopts && !o.row.Create.Holds(o.c.device.Person, access.Values(o.values)) {
		return refuse(wire.CodeNotAllowed, "Your role does not write %s.", o.op.Collection)
	}
	if err := o.references(); err != nil {
		return err
	}
	seq, err := o.tx.Create(o.w, o.op.Collection, o.op.ID, o.values)
	if err != nil {
		return err
	}
	o.verdict.Seq = seq
	return nil
}

// again is a create of an id that was here before (PUSH-11, MERGE-5).
func (o *opRun) again(clock *journal.RecordClock) error {
	if clock.Gone {
		return refuse(wire.CodeGone, "It was deleted.")
	}
	past, err := o.tx.History(o.op.Collection, o.op.ID)
	if err != nil {
		return err
	}
	if len(past) == 0 || past[0].Op != wire.OpCreate || past[0].Actor != o.s.Store.SignedBy(o.w, o.op.ID) || !o.same(o.inThisSchema(&past[0])) ||
		!wire.EqualJSON(past[0].Extra["fields"], o.w.Extra["fields"]) {
		return refuse(wire.CodeInvalid, "The id is taken by another record.")
	}
	o.verdict.Seq = max(o.verdict.Seq, clock.Version)
	if len(o.w.Extra) == 0 || wire.EqualJSON(map[string]any(past[0].Extra), o.w.Extra) {
		return nil
	}
	// What came around the same record is not lost (PUSH-9).
	row, err := o.tx.Find(o.op.Collection, o.op.ID)
	if err != nil {
		return err
	}
	if row == nil {
		return fmt.Errorf("find %s %s: the journal has it, the table has not", o.op.Collection, o.op.ID)
	}
	o.verdict.Seq, err = o.tx.Update(o.w, row, &merge.Outcome{})
	return err
}

// same tells whether a create says what the record was created with; what the
// server set does not count.
func (o *opRun) same(created map[string]any) bool {
	serverSet := map[string]bool{}
	for _, f := range o.row.AdminOnly {
		serverSet[f] = true
	}
	for f, policy := range o.row.Fields {
		v, sent := o.values[f]
		if policy == merge.Server || !sent && serverSet[f] {
			continue
		}
		have, stands := created[f]
		switch {
		case stands && !wire.EqualJSON(have, v):
			return false
		case !stands && !records.IsZero(v):
			return false
		}
	}
	return true
}

// inThisSchema reads the fields of a journal entry, which may be older than the
// schema, under the names of now.
func (o *opRun) inThisSchema(e *journal.PastEntry) map[string]any {
	now, _, problem := wire.Upgrade(wire.Op{Op: e.Op, Collection: o.op.Collection, Fields: e.Fields}, 1)
	if problem != nil {
		return e.Fields // not reachable: what was journalled was checked
	}
	return now.Fields
}

// effOf is the effective stamp of a field in an entry, by the field's name of
// now. What a change of schema wrote has none: it is nobody's edit.
func (o *opRun) effOf(e *journal.PastEntry, field string) (hlc.Time, bool) {
	if eff, ok := e.Eff[field]; ok {
		return eff, true
	}
	for from := int64(1); from < wire.Schema; from++ {
		fields, _ := wire.Successors(from, o.op.Collection)
		for old, now := range fields {
			if eff, ok := e.Eff[old]; ok && slices.Contains(now, field) {
				return eff, true
			}
		}
	}
	return hlc.Time{}, false
}

// standing finds the record that an update or delete is about.
func (o *opRun) standing() (*records.Row, *journal.RecordClock, error) {
	clock, err := o.tx.Clock(o.op.Collection, o.op.ID)
	if err != nil {
		return nil, nil, err
	}
	if clock == nil || clock.Gone {
		if o.row.Create == nil && o.row.Update == nil {
			// Whether it is there or not, no push ever touches it.
			return nil, nil, refuse(wire.CodeNotAllowed, "Your role does not change this.")
		}
		return nil, nil, o.missing(o.op.Collection, o.op.ID)
	}
	row, err := o.tx.Find(o.op.Collection, o.op.ID)
	if err != nil {
		return nil, nil, err
	}
	if row == nil {
		return nil, nil, fmt.Errorf("find %s %s: the journal has it, the table has not", o.op.Collection, o.op.ID)
	}
	return row, clock, nil
}

func (o *opRun) update() error {
	row, clock, err := o.standing()
	if err != nil {
		return err
	}
	if o.row.Update == nil || !o.row.Update.Holds(o.c.device.Person, row.Values) {
		return refuse(wire.CodeNotAllowed, "Your role does not change this.")
	}
	if err := o.fields(); err != nil {
		return err
	}
	if err := o.references(); err != nil {
		return err
	}
	fields, err := o.state(row, clock)
	if err != nil {
		return err
	}
	edit := merge.Edit{Record: o.op.ID, Base: o.base, Stored: o.w.Stored, Corrected: o.w.Corrected, Own: o.c.own, Fields: o.values}
	outcome := merge.Update(edit, fields)
	if outcome.Refused != "" {
		return refuse(outcome.Refused, "%s can't be changed like this.", outcome.Field)
	}
	o.verdict.Seq = max(o.verdict.Seq, clock.Version)
	switch {
	case len(outcome.Changes) > 0 || len(o.w.Extra) > 0:
		if o.verdict.Seq, err = o.tx.Update(o.w, row, &outcome); err != nil {
			return err
		}
	case len(outcome.Clocks) > 0:
		if err := o.tx.SetClocks(o.op.Collection, o.op.ID, outcome.Clocks); err != nil {
			return err
		}
	}
	return o.conflicts(row, outcome.Conflicts)
}

// state gathers what merge needs of the fields that the edit touches.
func (o *opRun) state(row *records.Row, clock *journal.RecordClock) (map[string]merge.Field, error) {
	fields := map[string]merge.Field{}
	needsPast := false
	for f := range o.values {
		c := clock.Of(f)
		fields[f] = merge.Field{Policy: o.row.Fields[f], Value: row.Values[f], Clock: c}
		needsPast = needsPast || c.Seq > o.base || len(c.Lost) > 0
	}
	if !needsPast {
		return fields, nil
	}
	past, err := o.tx.History(o.op.Collection, o.op.ID)
	if err != nil {
		return nil, err
	}
	said := make([]map[string]any, len(past))
	for i := range past {
		said[i] = o.inThisSchema(&past[i])
	}
	for f, field := range fields {
		for i, e := range past {
			v, changed := said[i][f]
			eff, ok := o.effOf(&e, f)
			if e.Op == wire.OpCreate {
				// A create gives every field its first value, set or not.
				eff, ok = clock.Default.Eff, true
				if !changed {
					v = records.ZeroLike(field.Value)
				}
			} else if !changed {
				continue
			}
			if !ok {
				continue
			}
			field.History = append(field.History, merge.Past{Seq: e.Seq, Device: e.Device, Eff: eff, Value: v})
			if late, err := o.madeLater(&e); err != nil {
				return nil, err
			} else if late {
				if field.Later == nil {
					field.Later = map[int64]bool{}
				}
				field.Later[e.Seq] = true
			}
		}
		fields[f] = field
	}
	return fields, nil
}

// madeLater tells whether the device, or its lineage, made an entry after this
// mutation. Its n tells, not its clock, which may have been put right between
// the two; of another device of the lineage only the stamp is left.
func (o *opRun) madeLater(e *journal.PastEntry) (bool, error) {
	if e.Seq <= o.base || !o.c.own[e.Device] {
		return false, nil
	}
	r, err := o.tx.ReceiptByStamp(e.Stamp)
	if err != nil {
		return false, err
	}
	if r != nil && r.Device == o.c.pseudonym && o.w.Stored.Device == o.c.pseudonym {
		return r.N > o.n, nil
	}
	made, err := hlc.Parse(e.Stamp)
	return err == nil && made.Time.After(o.w.Stored.Time), nil
}

// organizationOf is whose coordinators look after a record: of a site, of who
// serves it.
func organizationOf(row *records.Row) any {
	if o := row.Values["organization"]; o != nil {
		return o
	}
	return row.Values["served_by"]
}

// conflicts keeps the values that gave way, where a coordinator finds them.
func (o *opRun) conflicts(row *records.Row, list []merge.Conflict) error {
	for _, c := range list {
		id, seq, err := o.tx.SystemSave(o.w.At, "conflicts", map[string]any{
			"collection": o.op.Collection, "record": o.op.ID, "field": c.Field,
			"kept": c.Kept, "other": c.Other, "organization": organizationOf(row),
		})
		if err != nil {
			return err
		}
		o.verdict.Seq = max(o.verdict.Seq, seq)
		if c.Lost {
			o.verdict.Verdict = wire.Merged
		}
		o.verdict.Conflicts = append(o.verdict.Conflicts, wire.Conflict{Op: o.index, Collection: o.op.Collection,
			ID: o.op.ID, Field: c.Field, Conflict: id})
	}
	return nil
}

func (o *opRun) remove() error {
	row, _, err := o.standing()
	if err != nil {
		return err
	}
	if o.row.Delete == nil || !o.row.Delete.Holds(o.c.device.Person, row.Values) {
		return refuse(wire.CodeNotAllowed, "Your role does not delete this.")
	}
	if err := o.fields(); err != nil {
		return err
	}
	seq, err := o.tx.Delete(o.w, row)
	if err != nil {
		return err
	}
	o.verdict.Seq = seq
	return nil
}
