package triage

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

func hits(pairs ...string) []Hit {
	var list []Hit
	for n := 0; n < len(pairs); n += 2 {
		list = append(list, Hit{pairs[n], pairs[n+1]})
	}
	return list
}

func TestJudge(t *testing.T) {
	for _, c := range []struct {
		name string
		hits []Hit
		want Result
	}{
		{"[R25] any emergency item makes an emergency, and only emergency items are named",
			hits("a.01", "context", "a.02", "strong", "a.03", "emergency", "a.04", "emergency"),
			Result{"emergency", "any_emergency", []string{"a.03", "a.04"}}},
		{"[R25] any strong item makes a review, and names the strong ones",
			hits("a.01", "context", "a.02", "strong"),
			Result{"review", "any_strong", []string{"a.02"}}},
		{"[R25] a strong item names itself also where three context items stand beside it",
			hits("a.01", "context", "a.02", "context", "a.03", "context", "a.04", "strong"),
			Result{"review", "any_strong", []string{"a.04"}}},
		{"[R25] three context items make a review, in the order in which they stand",
			hits("a.03", "context", "a.01", "context", "a.02", "context"),
			Result{"review", "three_context", []string{"a.03", "a.01", "a.02"}}},
		{"[R25] two context items stay context, and are named",
			hits("a.01", "context", "a.02", "context"),
			Result{"context", "below_threshold", []string{"a.01", "a.02"}}},
		{"[R25] one item said three times is one item",
			hits("a.01", "context", "a.01", "context", "a.01", "context"),
			Result{"context", "below_threshold", []string{"a.01"}}},
		{"[R25] nothing seen is context, with nothing named",
			nil, Result{"context", "below_threshold", []string{}}},
		{"[R25] a weight that nobody knows goes to a person",
			hits("a.01", ""), Result{"review", "any_strong", []string{"a.01"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := Judge(c.hits); !reflect.DeepEqual(got, c.want) {
				t.Fatalf("got %+v, want %+v", got, c.want)
			}
		})
	}
	t.Run("[R25] the order of the hits changes no urgency", func(t *testing.T) {
		list := hits("a.01", "context", "a.02", "context", "a.03", "strong", "a.04", "context", "a.05", "emergency")
		for range list {
			list = append(list[1:], list[0])
			if got := Judge(list); got.Urgency != Emergency {
				t.Fatalf("%v: %+v", list, got)
			}
			if got := Judge(list[:2]); (got.Urgency == Emergency) != (list[0].ID == "a.05" || list[1].ID == "a.05") {
				t.Fatalf("%v: %+v", list[:2], got)
			}
		}
	})
	t.Run("[R25] a result without items is written as an empty list, never as null", func(t *testing.T) {
		text, err := json.Marshal(Judge(nil))
		if err != nil || string(text) != `{"urgency":"context","rule":"below_threshold","items":[]}` {
			t.Fatalf("%s %v", text, err)
		}
	})
	t.Run("[R25] nobody has reviewed the thresholds yet, and there is a sentence that says so", func(t *testing.T) {
		// Whoever sets Reviewed names here who reviewed, and when.
		if Reviewed || !strings.HasPrefix(ReviewNotice, "No practitioner has reviewed") {
			t.Fatalf("reviewed %v, notice %q", Reviewed, ReviewNotice)
		}
	})
}

type item struct{ id, weight string }

func (i item) Weighed() (string, string) { return i.id, i.weight }

func TestHits(t *testing.T) {
	items := []item{{"a.02", "strong"}, {"a.01", "context"}, {"a.03", "emergency"}, {"a.04", "context"}}
	t.Run("[R25] only yes is a hit, in the order of the checklist", func(t *testing.T) {
		answers := map[string]any{"a.01": "yes", "a.02": "yes", "a.03": "unsure", "a.04": "no", "b.01": "yes"}
		if got, want := HitsFromAnswers(items, answers), hits("a.02", "strong", "a.01", "context"); !reflect.DeepEqual(got, want) {
			t.Fatalf("got %v, want %v", got, want)
		}
		if got := HitsFromAnswers(items, nil); got != nil {
			t.Fatalf("no answers gave %v", got)
		}
	})
	weight := func(id string) (string, bool) {
		for _, i := range items {
			if i.id == id {
				return i.weight, true
			}
		}
		return "", false
	}
	t.Run("[R25] indicators are hits, seen or told alike", func(t *testing.T) {
		list := decode(t, `[{"indicator":"a.03","basis":"told"},{"indicator":"a.01","basis":"saw"}]`)
		if got, want := HitsFromIndicators(weight, list), hits("a.03", "emergency", "a.01", "context"); !reflect.DeepEqual(got, want) {
			t.Fatalf("got %v, want %v", got, want)
		}
	})
	t.Run("[R25] an indicator that is not known here is never lost: a person looks", func(t *testing.T) {
		got := Judge(HitsFromIndicators(weight, decode(t, `[{"indicator":"z.99","basis":"saw"}]`)))
		if got.Urgency != Review || !reflect.DeepEqual(got.Items, []string{"z.99"}) {
			t.Fatalf("got %+v", got)
		}
	})
	t.Run("[PUSH-4] a list of another shape gives no hits and does not panic", func(t *testing.T) {
		for _, text := range []string{`null`, `{}`, `"a.01"`, `[]`, `[null,3,"a.01",{},{"indicator":7}]`} {
			if got := HitsFromIndicators(weight, decode(t, text)); got != nil {
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
