package checklist

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
)

var items = []Item{{ID: "yard.01"}, {ID: "yard.02"}, {ID: "core.19"}}

func decode(t *testing.T, text string) any {
	t.Helper()
	var value any
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return value
}

func object(t *testing.T, text string) map[string]any {
	t.Helper()
	value, _ := decode(t, text).(map[string]any)
	return value
}

// refused fails unless err is a Problem of that field whose message says says.
func refused(t *testing.T, what string, err error, field, says string) {
	t.Helper()
	var p *Problem
	if !errors.As(err, &p) {
		t.Errorf("%s: %v is no problem", what, err)
		return
	}
	if p.Field != field || !strings.Contains(p.Message, says) || p.Error() != p.Field+": "+p.Message {
		t.Errorf("%s: %v, want field %s and %q", what, err, field, says)
	}
}

func TestAnswers(t *testing.T) {
	t.Run("[CONTENT] every documented answer and basis is taken, and none is asked for", func(t *testing.T) {
		for _, c := range [][2]string{
			{`{}`, `null`}, {`{}`, `{}`},
			{`{"yard.01":"yes","yard.02":"no","core.19":"unsure"}`, `{"yard.01":"saw","core.19":"told"}`},
		} {
			if err := CheckAnswers(items, object(t, c[0]), object(t, c[1])); err != nil {
				t.Errorf("%v: %v", c, err)
			}
		}
	})
	t.Run("[CONTENT] an answer that the checklist does not know is refused, naming the item", func(t *testing.T) {
		for _, c := range []struct{ answers, basis, field, says string }{
			{`null`, `null`, "answers", "must be an object"},
			{`{"yard.99":"yes"}`, `null`, "answers", "item yard.99 is not in this checklist"},
			{`{"YARD.01":"yes"}`, `null`, "answers", "is not in this checklist"},
			{`{"yard.01":"Yes"}`, `null`, "answers", "item yard.01 must be yes, no or unsure"},
			{`{"yard.01":true}`, `null`, "answers", "item yard.01 must be"},
			{`{"yard.01":null}`, `null`, "answers", "item yard.01 must be"},
			{`{"yard.01":["yes"]}`, `null`, "answers", "item yard.01 must be"},
			{`{"a.1":"yes","a.2":"yes","a.3":"yes","a.4":"yes"}`, `null`, "answers", "more items"},
			{`{"yard.01":"yes"}`, `{"yard.01":"heard"}`, "basis", "item yard.01 must be saw or told"},
			{`{"yard.01":"yes"}`, `{"yard.03":"saw"}`, "basis", "item yard.03 is not in this checklist"},
		} {
			refused(t, c.answers+c.basis, CheckAnswers(items, object(t, c.answers), object(t, c.basis)), c.field, c.says)
		}
	})
}

func known(id string) bool { return id == "yard.01" || id == "core.19" }

func TestIndicators(t *testing.T) {
	t.Run("[CONTENT] a list of items with their basis is taken, the empty one too", func(t *testing.T) {
		for _, text := range []string{`[]`, `[{"indicator":"yard.01","basis":"saw"},{"indicator":"core.19","basis":"told"}]`} {
			if err := CheckIndicators(known, decode(t, text)); err != nil {
				t.Errorf("%s: %v", text, err)
			}
		}
	})
	t.Run("[CONTENT] anything else is refused, naming the indicator", func(t *testing.T) {
		for _, c := range []struct{ list, field, says string }{
			{`null`, "indicators", "must be a list"},
			{`{}`, "indicators", "must be a list"},
			{`["yard.01"]`, "indicators[0]", "must be an object"},
			{`[null]`, "indicators[0]", "must be an object"},
			{`[{"basis":"saw"}]`, "indicators[0]", "must be the id"},
			{`[{"indicator":1,"basis":"saw"}]`, "indicators[0]", "must be the id"},
			{`[{"indicator":"yard.98","basis":"saw"}]`, "indicators[0]", "indicator yard.98 is not an item"},
			{`[{"indicator":"yard.01"}]`, "indicators[0]", "basis must be saw or told"},
			{`[{"indicator":"yard.01","basis":"guessed"}]`, "indicators[0]", "basis must be saw or told"},
			{`[{"indicator":"yard.01","basis":"saw","note":"x"}]`, "indicators[0]", "key note is not known"},
			{`[{"indicator":"yard.01","basis":"saw"},{"indicator":"yard.01","basis":"told"}]`, "indicators[1]", "indicator yard.01 stands twice"},
		} {
			refused(t, c.list, CheckIndicators(known, decode(t, c.list)), c.field, c.says)
		}
		all := func(string) bool { return true }
		full := make([]any, MaxIndicators+1)
		for n := range full {
			full[n] = map[string]any{"indicator": fmt.Sprintf("a.%d", n), "basis": "saw"}
		}
		if err := CheckIndicators(all, full[:MaxIndicators]); err != nil {
			t.Errorf("at the bound: %v", err)
		}
		refused(t, "beyond the bound", CheckIndicators(all, full), "indicators", "holds more than 200")
	})
}

func plain(value any) error     { return CheckVehicles(value, false) }
func withPlate(value any) error { return CheckVehicles(value, true) }

func TestFields(t *testing.T) {
	t.Run("[R2] people and vehicles described by the documented choices are taken", func(t *testing.T) {
		for _, c := range []struct {
			check func(any) error
			text  string
		}{
			{CheckPersons, `null`}, {CheckPersons, `[]`}, {CheckPersons, `[{}]`},
			{CheckPersons, `[{"age":"child"},{"age":"teen","description":[]},{"age":"adult","description":["dark_hair","red jacket","t-shirt"]},{"age":"unsure"}]`},
			{plain, `null`}, {plain, `[]`}, {plain, `[{}]`},
			{plain, `[{"kind":"van","color":"silver","plate_state":"MO","plate_end":"7K2"},{"kind":"box_truck","color":"","plate_state":"US-KS","plate_end":"0417"}]`},
			{withPlate, `[{"plate":"AB1 C2D"},{"plate":""},{"kind":"car"}]`},
			{CheckOutreach, `null`}, {CheckOutreach, `[]`}, {CheckOutreach, `["hygiene_kit","hygiene_kit","hotline card"]`},
			{CheckPeople, `null`}, {CheckPeople, `0`}, {CheckPeople, `3`}, {CheckPeople, `10000`},
			{CheckPoint, `null`}, {CheckPoint, `{"lat":39.0997,"lon":-94.5786}`}, {CheckPoint, `{"lat":-90,"lon":180}`}, {CheckPoint, `{"lat":0,"lon":0}`},
		} {
			if err := c.check(decode(t, c.text)); err != nil {
				t.Errorf("%s: %v", c.text, err)
			}
		}
		if err := CheckPeople(json.Number("12")); err != nil {
			t.Errorf("a json.Number: %v", err)
		}
	})
	t.Run("[R1] no key beside the documented ones rides along on a person, a vehicle or a point", func(t *testing.T) {
		for _, key := range []string{"name", "birthplace", "citizenship", "status", "Age"} {
			extra := map[string]any{key: "adult"}
			refused(t, key, CheckPersons([]any{extra}), "persons[0]", "key "+key+" is not known")
			refused(t, key, CheckVehicles([]any{extra}, true), "vehicles[0]", "key "+key+" is not known")
			refused(t, key, CheckPoint(extra), "point", "key "+key+" is not known")
		}
	})
	t.Run("[R2] what is no choice is refused, naming its place and never repeating it", func(t *testing.T) {
		long := `"` + strings.Repeat("a", MaxChoice+1) + `"`
		for _, c := range []struct {
			check             func(any) error
			text, field, says string
		}{
			{CheckPersons, `{}`, "persons", "must be a list"},
			{CheckPersons, `[null]`, "persons[0]", "must be an object"},
			{CheckPersons, `[{"age":"adult"},{"age":"14"}]`, "persons[1].age", "child, teen, adult or unsure"},
			{CheckPersons, `[{"age":null}]`, "persons[0].age", "child, teen"},
			{CheckPersons, `[{"description":"tall"}]`, "persons[0].description", "must be a list"},
			{CheckPersons, `[{"description":["tall","Marcus"]}]`, "persons[0].description[1]", "lower-case"},
			{CheckPersons, `[{"description":["816 555 0100"]}]`, "persons[0].description[0]", "lower-case"},
			{CheckPersons, `[{"description":["tall, with a scar."]}]`, "persons[0].description[0]", "lower-case"},
			{CheckPersons, `[{"description":[` + long + `]}]`, "persons[0].description[0]", "short"},
			{CheckPersons, `[{"description":[7]}]`, "persons[0].description[0]", "lower-case"},
			{CheckPersons, `[{"description":[` + strings.Repeat(`"a",`, MaxDescription) + `"a"]}]`, "persons[0].description", "more than 20"},
			{CheckPersons, `[` + strings.Repeat(`{},`, MaxPersons) + `{}]`, "persons", "more than 50"},
			{plain, `"van"`, "vehicles", "must be a list"},
			{plain, `[{"kind":"Van of Marcus"}]`, "vehicles[0].kind", "lower-case"},
			{plain, `[{"color":` + long + `}]`, "vehicles[0].color", "short"},
			{plain, `[{"color":5}]`, "vehicles[0].color", "lower-case"},
			{plain, `[{"plate_state":"29"}]`, "vehicles[0].plate_state", "letters of a state"},
			{plain, `[{"plate_end":"AB1C2D"}]`, "vehicles[0].plate_end", "at most 4"},
			{plain, `[{"plate_end":417}]`, "vehicles[0].plate_end", "at most 4"},
			{plain, `[` + strings.Repeat(`{},`, MaxVehicles) + `{}]`, "vehicles", "more than 20"},
			{withPlate, `[{"plate":"ask Marcus at the desk"}]`, "vehicles[0].plate", "at most 12"},
			{withPlate, `[{"plate":"'; --"}]`, "vehicles[0].plate", "at most 12"},
			{CheckOutreach, `{"kit":2}`, "outreach", "must be a list"},
			{CheckOutreach, `["kit",2]`, "outreach[1]", "lower-case"},
			{CheckOutreach, `[""]`, "outreach[0]", "lower-case"},
			{CheckOutreach, `[` + strings.Repeat(`"kit",`, MaxOutreach) + `"kit"]`, "outreach", "more than 50"},
			{CheckPeople, `-1`, "people", "from 0"}, {CheckPeople, `"3"`, "people", "whole number"},
			{CheckPeople, `2.5`, "people", "whole number"}, {CheckPeople, `10001`, "people", "to 10000"},
			{CheckPeople, `true`, "people", "or null"}, {CheckPeople, `[]`, "people", "or null"},
		} {
			err := c.check(decode(t, c.text))
			refused(t, c.text, err, c.field, c.says)
			if err != nil && (strings.Contains(err.Error(), "Marcus") || strings.Contains(err.Error(), "555")) {
				t.Errorf("%s: the error repeats what was written: %v", c.text, err)
			}
		}
	})
	t.Run("[R2] a whole plate is taken only where the organization allows it", func(t *testing.T) {
		list := decode(t, `[{"kind":"van","plate":"AB1C2D"}]`)
		if err := withPlate(list); err != nil {
			t.Error(err)
		}
		refused(t, "not allowed", plain(list), "vehicles[0].plate", "not allowed by the organization")
		refused(t, "empty", plain(decode(t, `[{"plate":""}]`)), "vehicles[0].plate", "not allowed by the organization")
	})
	t.Run("[R14] a point is a latitude and a longitude in range, or nothing", func(t *testing.T) {
		for _, c := range [][2]string{
			{`[39.1,-94.6]`, "point"}, {`{}`, "point.lat"}, {`{"lat":39.1}`, "point.lon"}, {`{"lat":90.01,"lon":0}`, "point.lat"},
			{`{"lat":0,"lon":-180.5}`, "point.lon"}, {`{"lat":"39.1","lon":"-94.6"}`, "point.lat"}, {`{"lat":null,"lon":0}`, "point.lat"},
		} {
			refused(t, c[0], CheckPoint(decode(t, c[0])), c[1], "must be")
		}
		refused(t, "no float holds it", CheckPoint(map[string]any{"lat": json.Number("1e400"), "lon": json.Number("0")}), "point.lat", "must be")
	})
	t.Run("[R2] a sentence sent as a key or as an id is not repeated in the error", func(t *testing.T) {
		sentence := "ask for Maria at the pumps"
		for _, err := range []error{
			CheckAnswers(items, map[string]any{sentence: "yes"}, nil),
			CheckIndicators(known, []any{map[string]any{"indicator": sentence, "basis": "saw"}}),
			CheckIndicators(known, []any{map[string]any{"indicator": "Maria", "basis": "saw"}}),
			CheckPersons([]any{map[string]any{sentence: 1}}),
			CheckPoint(map[string]any{sentence: 1}),
		} {
			if err == nil || strings.Contains(err.Error(), "Maria") || !strings.Contains(err.Error(), "(unreadable)") {
				t.Errorf("%v", err)
			}
		}
	})
	t.Run("[R2] of several bad keys the error names the same one every time", func(t *testing.T) {
		bad := map[string]any{"zeta": 1, "alpha": 1, "mid": 1}
		for range 20 {
			refused(t, "bad", CheckPersons([]any{bad}), "persons[0]", "key alpha ")
		}
	})
}
