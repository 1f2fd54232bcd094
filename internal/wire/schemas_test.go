package wire

import (
	"fmt"
	"maps"
	"slices"
	"testing"
)

func TestUpgrade(t *testing.T) {
	t.Run("[PUSH-9] reading an old op changes nothing of what was sent, and reads the same every time", func(t *testing.T) {
		fields := map[string]any{"name": "A", "kind": "a union", "allow_plate": false, "allow_staff_note": true}
		sent := maps.Clone(fields)
		op := Op{Op: OpUpdate, Collection: "organizations", ID: "aaaaaaaaaaaaaaa", Base: 4, Fields: fields}
		want := map[string]any{"name": "A", "type": "other", "type_text": "a union",
			"allows": map[string]any{"add": []any{"staff_notes"}, "remove": []any{"plates"}}}
		for range 20 {
			now, kept, problem := Upgrade(op, 1)
			if problem != nil || kept != nil || !EqualJSON(now.Fields, want) || now.Base != 4 || now.Op != OpUpdate {
				t.Fatal(now, kept, problem)
			}
		}
		if !EqualJSON(fields, sent) {
			t.Fatal(fields)
		}
	})
	t.Run("[PUSH-9] an op of this schema or a later one, or of a collection that did not change, is as it is", func(t *testing.T) {
		for _, c := range []struct {
			collection string
			schema     int64
		}{{"organizations", Schema}, {"organizations", 99}, {"organizations", 0}, {"organizations", -1}, {"sites", 1}, {"no_such", 1}} {
			op := Op{Op: OpCreate, Collection: c.collection, Fields: map[string]any{"kind": "x", "allow_plate": true}}
			now, kept, problem := Upgrade(op, c.schema)
			if problem != nil || kept != nil || fmt.Sprint(now) != fmt.Sprint(op) {
				t.Error(c, now, kept, problem)
			}
		}
		if now, _, _ := Upgrade(Op{Op: OpDelete, Collection: "organizations"}, 1); now.Fields != nil {
			t.Error(now)
		}
	})
	t.Run("[PUSH-9] there is a step from each schema to the next, and types and allowances are lists that do not repeat", func(t *testing.T) {
		if len(steps) != Schema || MinSchema < 1 || MinSchema > Schema {
			t.Fatal(len(steps), Schema)
		}
		if !slices.Contains(OrganizationTypes, "other") || !slices.IsSorted(Allowances) {
			t.Fatal(OrganizationTypes, Allowances)
		}
		for _, step := range steps[1:] {
			for collection, fields := range step {
				for f, s := range fields {
					if _, again := fields[s.to]; again || s.to == "" {
						t.Errorf("%s.%s leads to %q", collection, f, s.to)
					}
				}
			}
		}
	})
}
