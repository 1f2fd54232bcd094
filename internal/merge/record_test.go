package merge

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/fieldpost/fieldpost/internal/hlc"
)

// record is one record with its journal, kept as a server keeps them: it is
// what the tests deliver edits to.
type record struct {
	id        string
	seq       int64
	fields    map[string]Field
	conflicts []Conflict
}

// newRecord is a record after its create, which is entry 1.
func newRecord(t testing.TB, id string, stored hlc.Stamp, corrected hlc.Time, values map[string]any, policies map[string]Policy) *record {
	t.Helper()
	r := &record{id: id, seq: 1, fields: map[string]Field{}}
	clocks := Create(stored, corrected, values, policies)
	for name, policy := range policies {
		c, given := clocks[name]
		if !given {
			t.Fatalf("the create gives no %s", name)
		}
		c.Seq = 1
		r.fields[name] = Field{Policy: policy, Value: values[name], Clock: reread(t, c),
			History: []Past{{Seq: 1, Device: stored.Device, Eff: corrected, Value: values[name]}}}
	}
	return r
}

// deliver decides an edit and writes what came of it.
func (r *record) deliver(t testing.TB, edit Edit) Outcome {
	t.Helper()
	edit.Record = r.id
	touched := map[string]Field{}
	for name := range edit.Fields {
		if f, has := r.fields[name]; has {
			if f.Clock.Seq <= edit.Base {
				f.History = nil // a server reads history only when it is needed
			}
			touched[name] = f
		}
	}
	before := text(t, edit, touched)
	out := Update(edit, touched)
	if after := text(t, edit, touched); after != before {
		t.Fatalf("the arguments were changed\n%s\n%s", before, after)
	}
	if out.Refused != "" {
		if len(out.Changes)+len(out.Clocks)+len(out.Conflicts) > 0 {
			t.Fatalf("refused, yet %+v", out)
		}
		return out
	}
	if len(out.Changes) > 0 {
		r.seq++
	}
	for name, change := range out.Changes {
		f := r.fields[name]
		if f.Clock.Eff.After(change.Eff) {
			t.Fatalf("%s: the effective stamp fell from %v to %v", name, f.Clock.Eff, change.Eff)
		}
		clock, has := out.Clocks[name]
		if !has || clock.Eff != change.Eff {
			t.Fatalf("%s: change %+v and clock %+v", name, change, clock)
		}
		f.Value = change.Value
		f.History = append(f.History, Past{r.seq, edit.Stored.Device, change.Eff, change.Value})
		r.fields[name] = f
	}
	for name, clock := range out.Clocks {
		f := r.fields[name]
		if _, changed := out.Changes[name]; changed {
			clock.Seq = r.seq
		} else if clock.Seq != f.Clock.Seq {
			t.Fatalf("%s: no change, yet the clock's seq went from %d to %d", name, f.Clock.Seq, clock.Seq)
		}
		f.Clock = reread(t, clock)
		r.fields[name] = f
	}
	r.conflicts = append(r.conflicts, out.Conflicts...)
	return out
}

// state is what MERGE-3 speaks of: values and effective stamps.
func (r *record) state(t testing.TB) string {
	all := map[string]any{}
	for name, f := range r.fields {
		effs := map[string]any{}
		for hash, e := range f.Clock.Elements {
			if e.Present || e.Eff != (hlc.Time{}) {
				effs[hash] = []any{e.Eff, e.Present}
			}
		}
		all[name] = []any{f.Value, f.Clock.Eff, effs}
	}
	return text(t, all)
}

// reread stores a clock and reads it again.
func reread(t testing.TB, c Clock) Clock {
	t.Helper()
	var again Clock
	if err := json.Unmarshal([]byte(text(t, c)), &again); err != nil {
		t.Fatal(err)
	}
	return again
}

func text(t testing.TB, v ...any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	if len(v) == 1 {
		b = b[1 : len(b)-1]
	}
	return string(b)
}

// device gives the pseudonym of the i-th device.
func device(i int) string { return fmt.Sprintf("device%09d", i) }

func stamp(ms int64, counter int, device string) hlc.Stamp {
	return hlc.Stamp{Time: hlc.Time{Ms: ms, Counter: counter}, Device: device}
}
