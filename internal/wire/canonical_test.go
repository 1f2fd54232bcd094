package wire

import (
	"encoding/json"
	"math"
	"testing"
)

func canonicalText(t *testing.T, v any) string {
	t.Helper()
	b, err := Canonical(v)
	if err != nil {
		t.Fatalf("%v: %v", v, err)
	}
	return string(b)
}

// The numbers, escapes and orders themselves are in the vectors, which other
// languages run too; here is what only Go can get wrong.
func TestCanonical(t *testing.T) {
	t.Run("[WIRE] every Go form of a number has one text", func(t *testing.T) {
		for _, v := range []any{float64(5), 5, int64(5), json.Number("5"), json.Number("5.0"), json.Number("0.5e1")} {
			if got := canonicalText(t, v); got != "5" {
				t.Errorf("%T %v: %s", v, v, got)
			}
		}
		if got := canonicalText(t, math.Copysign(0, -1)); got != "0" {
			t.Error(got)
		}
	})

	t.Run("[WIRE] what is no JSON fails, at any depth", func(t *testing.T) {
		for _, v := range []any{
			math.NaN(), math.Inf(1), math.Inf(-1), json.Number("1e400"), json.Number("x"), struct{}{}, []string{"a"}, map[string]string{}, uint8(1),
		} {
			for _, where := range []any{v, []any{v}, map[string]any{"k": []any{1.0, v}}} {
				if b, err := Canonical(where); err == nil {
					t.Errorf("%T %v gave %s", v, where, b)
				}
			}
			if EqualJSON(v, v) {
				t.Errorf("%T %v equals itself", v, v)
			}
		}
	})

	t.Run("[WIRE] values are equal when their canonical forms are", func(t *testing.T) {
		same := [][2]string{{`{"a":1,"b":[2]}`, ` { "b":[2.0], "a":1e0 } `}, {`"\u00e9"`, `"é"`}, {`-0`, `0`}}
		differ := [][2]string{{`[1,2]`, `[2,1]`}, {`null`, `""`}, {`1`, `"1"`}, {`"é"`, `"e\u0301"`}, {`{}`, `[]`}, {`{"a":null}`, `{}`}}
		equal := func(pair [2]string) bool {
			var a, b any
			if err := json.Unmarshal([]byte(pair[0]), &a); err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal([]byte(pair[1]), &b); err != nil {
				t.Fatal(err)
			}
			return EqualJSON(a, b)
		}
		for _, p := range same {
			if !equal(p) {
				t.Errorf("%v differ", p)
			}
		}
		for _, p := range differ {
			if equal(p) {
				t.Errorf("%v are equal", p)
			}
		}
	})
}
