package records_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/records"
	"github.com/fieldpost/fieldpost/internal/wire"
)

func TestNormalise(t *testing.T) {
	text := &core.TextField{Name: "f", Max: 5}
	long := &core.TextField{Name: "f"}
	number := &core.NumberField{Name: "f"}
	whole := &core.NumberField{Name: "f", OnlyInt: true}
	yes := &core.BoolField{Name: "f"}
	date := &core.DateField{Name: "f"}
	choice := &core.SelectField{Name: "f", Values: []string{"a", "b"}, MaxSelect: 1}
	one := &core.RelationField{Name: "f", CollectionId: "x", MaxSelect: 1}
	many := &core.RelationField{Name: "f", CollectionId: "x", MaxSelect: 9}
	free := &core.JSONField{Name: "f", MaxSize: 20}
	const id = "abcdefghijklmno"

	t.Run("[WIRE] a value of the field's type is taken in the form that the field stores", func(t *testing.T) {
		for _, c := range []struct {
			field     core.Field
			sent, got any
		}{
			{text, "seven"[:5], "seven"}, {text, "ääääé", "ääääé"}, {text, "", ""}, {text, nil, ""}, {long, strings.Repeat("x", 9000), strings.Repeat("x", 9000)},
			{number, 1.5, 1.5}, {number, nil, 0.0}, {whole, 3.0, 3.0}, {whole, math.Copysign(0, -1), 0.0},
			{yes, true, true}, {yes, nil, false},
			{date, "2026-01-11T04:55:00.000Z", "2026-01-11 04:55:00.000Z"}, {date, "2026-01-11 04:55:00.000Z", "2026-01-11 04:55:00.000Z"},
			{date, "2026-01-10T22:55:00-06:00", "2026-01-11 04:55:00.000Z"}, {date, "2026-01-11T04:55:00Z", "2026-01-11 04:55:00.000Z"},
			{date, "9999-12-31T23:59:59.999Z", "9999-12-31 23:59:59.999Z"}, {date, "", ""}, {date, nil, ""},
			{choice, "b", "b"}, {choice, "", ""}, {choice, nil, ""},
			{one, id, id}, {one, "", ""}, {one, nil, ""}, {many, []any{id}, []any{id}}, {many, []any{}, []any{}},
			{free, map[string]any{"a": 1.0}, map[string]any{"a": 1.0}}, {free, nil, nil}, {free, "words", "words"}, {free, 0.0, 0.0},
		} {
			got, r := records.Normalise(c.field, c.sent)
			if r != nil || !wire.EqualJSON(got, c.got) {
				t.Errorf("%T %v: got %v, %v, want %v", c.field, c.sent, got, r, c.got)
			}
		}
	})
	t.Run("[WIRE] a text that is too long is refused with how long it may be, one character or many", func(t *testing.T) {
		for limit, want := range map[int]string{1: "f is longer than 1 character.", 2: "f is longer than 2 characters."} {
			_, r := records.Normalise(&core.TextField{Name: "f", Max: limit}, "long")
			if r == nil || r.Code != wire.CodeInvalid || r.Message != want {
				t.Errorf("got %v, want %q", r, want)
			}
		}
	})
	t.Run("[WIRE] a value of another type is refused, never emptied", func(t *testing.T) {
		for _, c := range []struct {
			field core.Field
			sent  any
		}{
			{text, 5.0}, {text, true}, {text, []any{"x"}}, {text, map[string]any{}}, {text, "sevens"}, {text, "ääääéé"},
			{number, "5"}, {number, true}, {number, []any{}}, {whole, 1.5},
			{yes, "true"}, {yes, 1.0}, {yes, []any{}},
			{date, "tomorrow"}, {date, "2026-01-11"}, {date, "2026-13-11T04:55:00Z"}, {date, "04:55"}, {date, 1770439272318.0}, {date, true},
			{date, "10000-01-01T00:00:00Z"}, {date, "2026-01-11T04:55:00"},
			{choice, "c"}, {choice, 1.0}, {choice, []any{"a"}}, {choice, "A"},
			{one, "ABCDEFGHIJKLMNO"}, {one, "abc"}, {one, id + "p"}, {one, 5.0}, {one, []any{id}}, {one, "x' OR 1=1 --  "},
			{many, id}, {many, []any{id, ""}}, {many, []any{5.0}}, {many, map[string]any{}},
			{free, strings.Repeat("x", 20)}, {free, []any{1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0}},
		} {
			got, r := records.Normalise(c.field, c.sent)
			if r == nil || r.Code != wire.CodeInvalid || !strings.HasPrefix(r.Message, "f ") {
				t.Errorf("%T %v: got %v, %v, want it refused as invalid", c.field, c.sent, got, r)
			}
			if r != nil && fmt.Sprint(c.sent) != "" && len(fmt.Sprint(c.sent)) > 4 && strings.Contains(r.Message, fmt.Sprint(c.sent)) {
				t.Errorf("%q repeats what was sent", r.Message)
			}
		}
	})
	t.Run("[WIRE] a field of a type that no client writes is not allowed", func(t *testing.T) {
		for _, f := range []core.Field{&core.PasswordField{Name: "f"}, &core.FileField{Name: "f"}, &core.AutodateField{Name: "f"}} {
			if _, r := records.Normalise(f, "x"); r == nil || r.Code != wire.CodeNotAllowed {
				t.Errorf("%T: %v", f, r)
			}
		}
	})
	t.Run("[MERGE-6] what an unset field holds is known for every kind of value", func(t *testing.T) {
		for _, v := range []any{nil, "", false, 0.0, []any{}} {
			if !records.IsZero(v) {
				t.Errorf("%v is not taken for unset", v)
			}
		}
		for _, v := range []any{"x", true, 1.0, []any{nil}, map[string]any{}, map[string]any{"a": nil}} {
			if records.IsZero(v) {
				t.Errorf("%v is taken for unset", v)
			}
		}
		for _, c := range [][2]any{{"x", ""}, {true, false}, {3.0, 0.0}, {map[string]any{}, nil}, {[]any{1.0}, nil}} {
			if got := records.ZeroLike(c[0]); got != c[1] {
				t.Errorf("unset like %v: %v, want %v", c[0], got, c[1])
			}
		}
	})
	t.Run("[PUSH-11] a stored value reads as the one that was sent", func(t *testing.T) {
		for _, c := range [][2]any{{types.JSONRaw(`{"a":[1,2.50]}`), map[string]any{"a": []any{1.0, 2.5}}}, {types.JSONRaw(`null`), nil}, {types.JSONRaw(``), nil},
			{types.JSONRaw(`"x"`), "x"}, {[]string{"a", "b"}, []any{"a", "b"}}, {3, 3.0}, {types.DateTime{}, ""}} {
			if got := records.Plain(c[0]); !wire.EqualJSON(got, c[1]) {
				t.Errorf("%v reads as %v, want %v", c[0], got, c[1])
			}
		}
	})
	t.Run("[PUSH-9] fields that the schema does not know come back apart, the known ones normalised", func(t *testing.T) {
		c := core.NewBaseCollection("sites")
		c.Fields.Add(&core.TextField{Name: "name"}, &core.DateField{Name: "opened"})
		known := func(f string) bool { _, ok := access.Table["sites"].Fields[f]; return ok }
		s := &records.Store{}
		values, extra, r := s.NormaliseFields(c, known, map[string]any{"name": "Stop", "mood": []any{1.0}, "password": "x"}, clockAt(5))
		if r != nil || !wire.EqualJSON(values, map[string]any{"name": "Stop"}) || !wire.EqualJSON(extra, map[string]any{"mood": []any{1.0}, "password": "x"}) {
			t.Errorf("%v %v %v", values, extra, r)
		}
		if _, _, r := s.NormaliseFields(c, known, map[string]any{"notes": "x"}, clockAt(5)); r == nil || r.Code != wire.CodeInvalid {
			t.Errorf("a field of the table that the collection lacks: %v", r)
		}
	})
	t.Run("[MERGE-4] opened is a time, or true for the time of the stamp, of triage alone", func(t *testing.T) {
		opened := func(collection string, v any) (any, *records.Refusal) {
			c := core.NewBaseCollection(collection)
			c.Fields.Add(&core.DateField{Name: "opened"})
			values, _, r := (&records.Store{}).NormaliseFields(c, func(string) bool { return true }, map[string]any{"opened": v}, clockAt(1_768_108_200_000))
			return values["opened"], r
		}
		if got, r := opened("triage", true); r != nil || got != "2026-01-11 05:10:00.000Z" {
			t.Errorf("%v %v", got, r)
		}
		for _, v := range []any{false, 1.0, "soon"} {
			if got, r := opened("triage", v); r == nil {
				t.Errorf("%v was taken as %v", v, got)
			}
		}
		if got, r := opened("shifts", true); r == nil {
			t.Errorf("true was taken as %v elsewhere", got)
		}
	})
}
