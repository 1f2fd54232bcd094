// Package triage suggests how soon a coordinator should look at a report, and
// names the rule and the items that say so. Which rules there are is data with
// a version (Rules); this package applies them. It finds candidates for
// duplicates and tells late arrivals. It is pure. It sorts reports; it never
// scores a person, and its suggestion changes nothing but the order in which
// reports are read.
package triage

import "strings"

// The urgencies, from most to least.
const (
	Emergency = "emergency"
	Review    = "review"
	Context   = "context"
)

// The weights of an item, as checklists write them, from most to least.
const (
	WeightEmergency = "emergency"
	WeightStrong    = "strong"
	WeightContext   = "context"
)

// FlagMinor is the flag of a report that says that somebody may be under 18.
const FlagMinor = "minor_possible"

// Hit is an item that the person said was so.
type Hit struct {
	ID     string
	Weight string // context, strong, emergency
	Group  string // what one looks at, as the checklist groups it; "" when the checklist has no groups (format 1)
}

// Input is what of a report decides.
type Input struct {
	Hits          []Hit
	MinorPossible bool
}

// Fired is a rule that holds for a report, and what makes it hold.
type Fired struct {
	Rule  string   `json:"rule"`
	Items []string `json:"items"`           // the ids that count for it, in the order of the hits; never nil
	Flags []string `json:"flags,omitempty"` // the flags that count for it
}

// Name names a version of rules.
type Name struct {
	Key     string `json:"key"`
	Version int    `json:"version"`
}

// Result is the suggestion for one report.
type Result struct {
	Urgency string `json:"urgency"` // Emergency, Review, Context
	Fired          // the rule that decided
	// Also are the other rules that hold, in their order, but for the last,
	// which always does.
	Also []Fired `json:"also,omitempty"`
	// Ungrouped: a rule that asks for different groups met items whose
	// checklist has none. Each counted as a group of its own, so that rather
	// too much than too little goes to a person.
	Ungrouped bool `json:"ungrouped,omitempty"`
	Rules     Name `json:"rules"` // the rules that were applied
}

// Judge applies the first rule that holds. An item counts once however often
// it was hit. A weight that is not known counts as strong: what we cannot
// weigh, a person looks at.
func (r *Rules) Judge(in Input) Result {
	by := map[string][]Hit{}
	seen := make(map[string]bool, len(in.Hits))
	for _, hit := range in.Hits {
		if seen[hit.ID] {
			continue
		}
		seen[hit.ID] = true
		w := hit.Weight
		if w != WeightEmergency && w != WeightContext {
			w = WeightStrong // or a weight of a later content pack
		}
		by[w] = append(by[w], hit)
	}
	out := Result{Urgency: Context, Fired: Fired{Items: []string{}}, Rules: Name{r.Key, r.Version}}
	decided := false
	for _, rule := range r.Rules {
		fired, ungrouped, holds := rule.holds(by, in)
		switch {
		case !holds:
			continue
		case !decided:
			out.Urgency, out.Fired, decided = rule.Urgency, fired, true
		case !rule.Otherwise:
			out.Also = append(out.Also, fired)
		default:
			continue
		}
		out.Ungrouped = out.Ungrouped || ungrouped
	}
	return out
}

func (r Rule) holds(by map[string][]Hit, in Input) (fired Fired, ungrouped, holds bool) {
	fired = Fired{Rule: r.Name, Items: []string{}}
	switch {
	case r.Otherwise:
		fired.Items = ids(by[WeightContext])
		return fired, false, true
	case r.Flag == FlagMinor:
		if !in.MinorPossible {
			return fired, false, false
		}
		fired.Flags = []string{FlagMinor}
		return fired, false, true
	}
	hits := by[r.Weight]
	n := len(hits)
	if r.Groups {
		n, ungrouped = groups(hits)
	}
	if r.AtLeast < 1 || n < r.AtLeast {
		return fired, false, false
	}
	fired.Items = ids(hits)
	return fired, ungrouped, true
}

// groups counts the different groups of hits. A group's name is unique in its
// setting alone, so the setting goes with it.
func groups(hits []Hit) (n int, ungrouped bool) {
	seen := map[string]bool{}
	for _, h := range hits {
		setting, _, _ := strings.Cut(h.ID, ".")
		name := setting + "/" + h.Group
		if h.Group == "" {
			ungrouped = true
			name = h.ID
		}
		seen[name] = true
	}
	return len(seen), ungrouped
}

func ids(hits []Hit) []string {
	out := make([]string, len(hits))
	for i, h := range hits {
		out[i] = h.ID
	}
	return out
}

// Stored is the result as a triage record's `fired` holds it, as decoded JSON:
// rule and items, what else held, and the version of the rules.
func (r Result) Stored() map[string]any {
	m := r.Fired.stored()
	m["rules"] = map[string]any{"key": r.Rules.Key, "version": float64(r.Rules.Version)}
	if len(r.Also) > 0 {
		also := make([]any, len(r.Also))
		for i, f := range r.Also {
			also[i] = f.stored()
		}
		m["also"] = also
	}
	if r.Ungrouped {
		m["ungrouped"] = true
	}
	return m
}

func (f Fired) stored() map[string]any {
	m := map[string]any{"rule": f.Rule, "items": list(f.Items)}
	if len(f.Flags) > 0 {
		m["flags"] = list(f.Flags)
	}
	return m
}

func list(texts []string) []any {
	out := make([]any, len(texts))
	for i, t := range texts {
		out[i] = t
	}
	return out
}

// Item is what triage needs of a checklist's item.
type Item interface {
	Weighed() (id, weight, group string)
}

// HitsFromAnswers are the items of a submission that were answered "yes", in
// the order of the checklist. "no" and "unsure" are no hits. The answers were
// checked before.
func HitsFromAnswers[I Item](items []I, answers map[string]any) []Hit {
	var hits []Hit
	for _, item := range items {
		if id, weight, group := item.Weighed(); answers[id] == "yes" {
			hits = append(hits, Hit{id, weight, group})
		}
	}
	return hits
}

// HitsFromIndicators are the items of an observation's indicators, in their
// order; seen and told count alike. value is the decoded field,
// [{indicator, basis}], and was checked before. An id that weighed does not
// know keeps an empty weight, and so goes to a person.
func HitsFromIndicators(weighed func(id string) (weight, group string), value any) []Hit {
	rows, _ := value.([]any)
	var hits []Hit
	for _, value := range rows {
		row, _ := value.(map[string]any)
		id, ok := row["indicator"].(string)
		if !ok {
			continue
		}
		weight, group := weighed(id)
		hits = append(hits, Hit{id, weight, group})
	}
	return hits
}
