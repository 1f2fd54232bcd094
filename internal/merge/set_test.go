package merge

import (
	"reflect"
	"testing"

	"github.com/fieldpost/fieldpost/internal/hlc"
)

func setRecord(t *testing.T, values ...any) *record {
	t.Helper()
	return newRecord(t, recordID, stamp(100, 0, device(0)), hlc.Time{Ms: 100}, map[string]any{"f": values}, map[string]Policy{"f": Set})
}

// change is an edit of a set by a device on a version.
func change(d int, base, ms int64, add, remove []any) Edit {
	ops := map[string]any{}
	if add != nil {
		ops["add"] = add
	}
	if remove != nil {
		ops["remove"] = remove
	}
	return Edit{Base: base, Stored: stamp(ms, 0, device(d)), Corrected: hlc.Time{Ms: ms}, Own: map[string]bool{device(d): true},
		Fields: map[string]any{"f": ops}}
}

func TestSet(t *testing.T) {
	want := func(t *testing.T, r *record, list ...any) {
		t.Helper()
		if list == nil {
			list = []any{}
		}
		if got := r.fields["f"].Value; !reflect.DeepEqual(got, list) {
			t.Errorf("%v, want %v", got, list)
		}
	}

	t.Run("[MERGE-4] two devices add different elements, and both are there, in canonical order", func(t *testing.T) {
		r := setRecord(t, "m")
		r.deliver(t, change(1, 1, 200, []any{"z", "b"}, nil))
		out := r.deliver(t, change(2, 1, 150, []any{"c", map[string]any{"k": 1.0}}, nil))
		want(t, r, "b", "c", "m", "z", map[string]any{"k": 1.0})
		if out.Conflicts != nil {
			t.Errorf("%+v", out.Conflicts)
		}
	})

	t.Run("[MERGE-6] adding what was there as seen, or removing what was not, is no change", func(t *testing.T) {
		r := setRecord(t, "a")
		r.deliver(t, change(2, 1, 200, nil, []any{"a"}))
		seq := r.seq
		out := r.deliver(t, change(1, 1, 900, []any{"a"}, []any{"x"}))
		want(t, r)
		if r.seq != seq || !reflect.DeepEqual(out, Outcome{}) {
			t.Errorf("%+v", out)
		}
	})

	t.Run("[MERGE-4] on one element the greater stamp wins, and adding wins a tie", func(t *testing.T) {
		for _, c := range []struct {
			add, remove int64
			here        bool
		}{{300, 400, false}, {400, 300, true}, {300, 300, true}} {
			// Devices 1 and 2 saw version 2, where x was there; 3 removed it then.
			for _, addFirst := range []bool{true, false} {
				r := setRecord(t)
				r.deliver(t, change(1, 1, 200, []any{"x"}, nil))
				r.deliver(t, change(3, 2, 250, nil, []any{"x"}))
				add, remove := change(1, 3, c.add, []any{"x"}, nil), change(2, 2, c.remove, nil, []any{"x"})
				if !addFirst {
					add, remove = remove, add
				}
				r.deliver(t, add)
				r.deliver(t, remove)
				if here := len(r.fields["f"].Value.([]any)) == 1; here != c.here {
					t.Errorf("%+v, add first %v: %v", c, addFirst, r.fields["f"].Value)
				}
			}
		}
	})

	t.Run("[MERGE-1] an own element can be taken back before anything was pulled", func(t *testing.T) {
		r := setRecord(t)
		r.deliver(t, change(2, 1, 500, []any{"y"}, nil))
		r.deliver(t, change(1, 1, 200, []any{"x"}, nil))
		r.deliver(t, change(1, 1, 201, nil, []any{"x"}))
		want(t, r, "y")
	})

	t.Run("[MERGE-1] an own element can be taken back after others' were pulled, before it was sent", func(t *testing.T) {
		r := setRecord(t)
		r.deliver(t, change(2, 1, 500, []any{"y"}, nil)) // version 2, pulled by device 1
		r.deliver(t, change(1, 1, 200, []any{"x"}, nil)) // made before that pull
		r.deliver(t, change(1, 2, 201, nil, []any{"x"})) // made after it
		want(t, r, "y")
	})

	t.Run("[MERGE-6] a second add of one element only raises its stamp", func(t *testing.T) {
		r := setRecord(t)
		r.deliver(t, change(1, 1, 200, []any{"x"}, nil))
		out := r.deliver(t, change(2, 1, 300, []any{"x"}, nil))
		if c := out.Changes["f"]; !reflect.DeepEqual(c.Value, []any{"x"}) || c.Eff != (hlc.Time{Ms: 300}) {
			t.Errorf("%+v", c)
		}
		seq := r.seq
		r.deliver(t, change(3, 1, 250, []any{"x"}, nil))
		if r.seq != seq {
			t.Error("a smaller stamp made an entry")
		}
	})

	t.Run("[MERGE-4] a set without states of its own has those of its clock", func(t *testing.T) {
		f := latestField(Past{2, device(2), hlc.Time{Ms: 300}, nil})
		f.Policy, f.Value = Set, []any{"a", "b"}
		edit := by1(200, map[string]any{"remove": []any{"a"}})
		edit.Base = 2
		out := decideOne(edit, f)
		if c := out.Changes["f"]; !reflect.DeepEqual(c.Value, []any{"b"}) || c.Eff != (hlc.Time{Ms: 300, Counter: 1}) {
			t.Errorf("%+v", out)
		}
	})

	t.Run("[MERGE-4] an edit that is no add and remove of lists is invalid", func(t *testing.T) {
		r := setRecord(t, "a")
		for _, bad := range []any{
			nil, "x", []any{"a"}, map[string]any{"add": "x"}, map[string]any{"add": nil}, map[string]any{"add": []any{}, "replace": []any{}},
			map[string]any{"add": []any{"x"}, "remove": []any{"x"}}, map[string]any{"add": []any{struct{}{}}},
		} {
			edit := change(1, 1, 200, nil, nil)
			edit.Fields["f"] = bad
			wantOutcome(t, Update(edit, r.fields), Outcome{Refused: "invalid", Field: "f"})
		}
		wantOutcome(t, r.deliver(t, change(1, 1, 200, nil, nil)), Outcome{})
		wantOutcome(t, r.deliver(t, change(1, 1, 200, []any{}, []any{"x", "x"})), Outcome{})
	})
}
