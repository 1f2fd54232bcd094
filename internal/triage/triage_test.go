package triage

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/fieldpost/fieldpost/content"
)

// shipped are the rules that the binary carries.
func shipped(t testing.TB) *Rules {
	t.Helper()
	all, err := Load(content.Files)
	if err != nil {
		t.Fatal(err)
	}
	return all[len(all)-1]
}

// hits reads "id weight group" texts; the group may be left out.
func hits(texts ...string) []Hit {
	var list []Hit
	for _, text := range texts {
		parts := append(strings.Fields(text), "", "")
		list = append(list, Hit{parts[0], parts[1], parts[2]})
	}
	return list
}

func TestJudge(t *testing.T) {
	rules := shipped(t)
	name := Name{Shipped, 1}
	for _, c := range []struct {
		name string
		in   Input
		want Result
	}{
		{"[R25] any emergency item makes an emergency, names the emergency items, and what else held",
			Input{Hits: hits("a.01 context x", "a.02 strong x", "a.03 emergency y", "a.04 emergency y")},
			Result{"emergency", Fired{"any_emergency", []string{"a.03", "a.04"}, nil}, []Fired{{"any_strong", []string{"a.02"}, nil}}, false, name}},
		{"[R25] any strong item makes a review, and names the strong ones",
			Input{Hits: hits("a.01 context x", "a.02 strong x")},
			Result{"review", Fired{"any_strong", []string{"a.02"}, nil}, nil, false, name}},
		{"[R25] three context items of different groups make a review, in the order in which they stand",
			Input{Hits: hits("a.03 context x", "a.01 context y", "a.02 context z")},
			Result{"review", Fired{"three_context", []string{"a.03", "a.01", "a.02"}, nil}, nil, false, name}},
		{"[R25] three context items of two groups stay context: they may be three words for one thing",
			Input{Hits: hits("a.03 context x", "a.01 context y", "a.02 context y")},
			Result{"context", Fired{"below_threshold", []string{"a.03", "a.01", "a.02"}, nil}, nil, false, name}},
		{"[R25] groups of one name in two settings are two groups",
			Input{Hits: hits("a.03 context x", "b.01 context x", "c.02 context x")},
			Result{"review", Fired{"three_context", []string{"a.03", "b.01", "c.02"}, nil}, nil, false, name}},
		{"[R25] where a checklist has no groups each item counts as one, and the result says so",
			Input{Hits: hits("a.03 context", "a.01 context", "a.02 context")},
			Result{"review", Fired{"three_context", []string{"a.03", "a.01", "a.02"}, nil}, nil, true, name}},
		{"[R25] somebody who may be under 18 makes a review, with whatever was seen",
			Input{Hits: hits("a.01 context x"), MinorPossible: true},
			Result{"review", Fired{"minor_possible", []string{}, []string{"minor_possible"}}, nil, false, name}},
		{"[R25] an emergency stays one where somebody may be under 18, and both are said",
			Input{Hits: hits("a.03 emergency y"), MinorPossible: true},
			Result{"emergency", Fired{"any_emergency", []string{"a.03"}, nil}, []Fired{{"minor_possible", []string{}, []string{"minor_possible"}}}, false, name}},
		{"[R25] two context items stay context, and are named",
			Input{Hits: hits("a.01 context x", "a.02 context y")},
			Result{"context", Fired{"below_threshold", []string{"a.01", "a.02"}, nil}, nil, false, name}},
		{"[R25] one item said three times is one item",
			Input{Hits: hits("a.01 context", "a.01 context", "a.01 context")},
			Result{"context", Fired{"below_threshold", []string{"a.01"}, nil}, nil, false, name}},
		{"[R25] nothing seen is context, with nothing named",
			Input{}, Result{"context", Fired{"below_threshold", []string{}, nil}, nil, false, name}},
		{"[R25] a weight that nobody knows goes to a person",
			Input{Hits: hits("a.01")}, Result{"review", Fired{"any_strong", []string{"a.01"}, nil}, nil, false, name}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := rules.Judge(c.in)
			if !reflect.DeepEqual(got, c.want) {
				t.Fatalf("got %+v, want %+v", got, c.want)
			}
			// What a triage record holds is the same, decoded.
			var decoded map[string]any
			text, err := json.Marshal(got)
			if err == nil {
				err = json.Unmarshal(text, &decoded)
			}
			delete(decoded, "urgency")
			if err != nil || !reflect.DeepEqual(decoded, got.Stored()) {
				t.Fatalf("stored as %v, said as %s (%v)", got.Stored(), text, err)
			}
		})
	}
	t.Run("[R25] the order of the hits changes no urgency", func(t *testing.T) {
		list := hits("a.01 context x", "a.02 context y", "a.03 strong x", "a.04 context z", "a.05 emergency y")
		for range list {
			list = append(list[1:], list[0])
			if got := rules.Judge(Input{Hits: list}); got.Urgency != Emergency {
				t.Fatalf("%v: %+v", list, got)
			}
			if got := rules.Judge(Input{Hits: list[:2]}); (got.Urgency == Emergency) != (list[0].ID == "a.05" || list[1].ID == "a.05") {
				t.Fatalf("%v: %+v", list[:2], got)
			}
		}
	})
	t.Run("[R25] a result holds no number but the version of the rules: there is no score", func(t *testing.T) {
		var numbers func(at string, v any)
		numbers = func(at string, v any) {
			switch x := v.(type) {
			case map[string]any:
				for k, e := range x {
					numbers(at+"."+k, e)
				}
			case []any:
				for _, e := range x {
					numbers(at, e)
				}
			case float64:
				if at != ".rules.version" {
					t.Errorf("%s is %v", at, x)
				}
			}
		}
		numbers("", rules.Judge(Input{Hits: hits("a.01 emergency", "a.02 strong", "a.03 context"), MinorPossible: true}).Stored())
	})
	t.Run("[R25] nobody has reviewed the thresholds yet, and there is a sentence that says so in both languages", func(t *testing.T) {
		if !strings.HasPrefix(Notice("en"), "No practitioner has reviewed") || !strings.HasPrefix(Notice("es"), "Ninguna persona") {
			t.Fatalf("%q %q", Notice("en"), Notice("es"))
		}
	})
}

type item struct{ id, weight, group string }

func (i item) Weighed() (string, string, string) { return i.id, i.weight, i.group }

func TestHits(t *testing.T) {
	items := []item{{"a.02", "strong", "x"}, {"a.01", "context", "y"}, {"a.03", "emergency", ""}, {"a.04", "context", ""}}
	t.Run("[R25] only yes is a hit, in the order of the checklist", func(t *testing.T) {
		answers := map[string]any{"a.01": "yes", "a.02": "yes", "a.03": "unsure", "a.04": "no", "b.01": "yes"}
		if got, want := HitsFromAnswers(items, answers), hits("a.02 strong x", "a.01 context y"); !reflect.DeepEqual(got, want) {
			t.Fatalf("got %v, want %v", got, want)
		}
		if got := HitsFromAnswers(items, nil); got != nil {
			t.Fatalf("no answers gave %v", got)
		}
	})
	weighed := func(id string) (string, string) {
		for _, i := range items {
			if i.id == id {
				return i.weight, i.group
			}
		}
		return "", ""
	}
	t.Run("[R25] indicators are hits, seen or told alike", func(t *testing.T) {
		list := decode(t, `[{"indicator":"a.03","basis":"told"},{"indicator":"a.01","basis":"saw"}]`)
		if got, want := HitsFromIndicators(weighed, list), hits("a.03 emergency", "a.01 context y"); !reflect.DeepEqual(got, want) {
			t.Fatalf("got %v, want %v", got, want)
		}
	})
	t.Run("[R25] an indicator that is not known here is never lost: a person looks", func(t *testing.T) {
		got := shipped(t).Judge(Input{Hits: HitsFromIndicators(weighed, decode(t, `[{"indicator":"z.99","basis":"saw"}]`))})
		if got.Urgency != Review || !reflect.DeepEqual(got.Items, []string{"z.99"}) {
			t.Fatalf("got %+v", got)
		}
	})
	t.Run("[PUSH-4] a list of another shape gives no hits and does not panic", func(t *testing.T) {
		for _, text := range []string{`null`, `{}`, `"a.01"`, `[]`, `[null,3,"a.01",{},{"indicator":7}]`} {
			if got := HitsFromIndicators(weighed, decode(t, text)); got != nil {
				t.Errorf("%s gave %v", text, got)
			}
		}
	})
}

func decode(t *testing.T, text string) any {
	t.Helper()
	var value any
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		t.Fatal(err)
	}
	return value
}

// BenchmarkSubmissions judges 100,000 submissions of a checklist of 25 items
// an iteration. docs/PERFORMANCE.md has the figure.
func BenchmarkSubmissions(b *testing.B) {
	rules := shipped(b)
	var items []item
	for n := range 25 {
		items = append(items, item{fmt.Sprintf("a.%02d", n), []string{"context", "context", "strong", "context", "emergency"}[n%5], string(rune('a' + n/5))})
	}
	const many = 100_000
	answers := make([]map[string]any, many)
	for i := range answers {
		answers[i] = map[string]any{}
		for n, it := range items {
			answers[i][it.id] = []string{"no", "yes", "unsure", "no"}[(i*7+n*n)%4]
		}
	}
	b.ResetTimer()
	for range b.N {
		emergencies := 0
		for _, a := range answers {
			if rules.Judge(Input{Hits: HitsFromAnswers(items, a)}).Urgency == Emergency {
				emergencies++
			}
		}
		if emergencies == 0 || emergencies == many {
			b.Fatal(emergencies)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/many, "us/report")
}
