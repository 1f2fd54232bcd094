// Package triage suggests how soon a coordinator should look at a report, and
// names the rule and the items that say so. It is pure. It sorts reports; it
// never scores a person, and its suggestion changes nothing but the order in
// which reports are read.
package triage

// The urgencies, from most to least.
const (
	Emergency = "emergency"
	Review    = "review"
	Context   = "context"
)

// The rules that Judge knows, in the order in which it asks them.
const (
	AnyEmergency   = "any_emergency"   // one emergency item
	AnyStrong      = "any_strong"      // one strong item
	ThreeContext   = "three_context"   // ContextsForReview context items
	BelowThreshold = "below_threshold" // none of these
)

// ContextsForReview is how many different context items together are worth a
// coordinator's look.
const ContextsForReview = 3

// Reviewed tells whether practitioners have agreed to the weights and the
// thresholds. While it is false, ReviewNotice stands wherever a coordinator
// reads a suggestion (R25).
const Reviewed = false

// ReviewNotice is the sentence for the coordinator, in English.
const ReviewNotice = "No practitioner has reviewed these weights and thresholds yet."

// The weights that decide, as checklists write them; the third is "strong".
const (
	weightContext   = "context"
	weightEmergency = "emergency"
)

// Hit is an item that the person said was so.
type Hit struct {
	ID     string
	Weight string // context, strong, emergency
}

// Result is the suggestion for one report.
type Result struct {
	Urgency string   `json:"urgency"` // Emergency, Review, Context
	Rule    string   `json:"rule"`    // the rule that fired
	Items   []string `json:"items"`   // the ids that made it fire, in the order of the hits; never nil
}

// Judge applies the first rule that fires: any emergency item makes an
// emergency, any strong item or ContextsForReview context items a review, all
// else is context. Items holds the items of the weight that decided. An item
// counts once however often it was hit. A weight that is not known counts as
// strong: what we cannot weigh, a person looks at.
func Judge(hits []Hit) Result {
	var emergency, strong []string
	context := []string{}
	seen := make(map[string]bool, len(hits))
	for _, hit := range hits {
		if seen[hit.ID] {
			continue
		}
		seen[hit.ID] = true
		switch hit.Weight {
		case weightEmergency:
			emergency = append(emergency, hit.ID)
		case weightContext:
			context = append(context, hit.ID)
		default: // strong, or a weight of a later content pack
			strong = append(strong, hit.ID)
		}
	}
	switch {
	case len(emergency) > 0:
		return Result{Emergency, AnyEmergency, emergency}
	case len(strong) > 0:
		return Result{Review, AnyStrong, strong}
	case len(context) >= ContextsForReview:
		return Result{Review, ThreeContext, context}
	}
	return Result{Context, BelowThreshold, context}
}

// Item is what triage needs of a checklist's item.
type Item interface {
	Weighed() (id, weight string)
}

// HitsFromAnswers are the items of a submission that were answered "yes", in
// the order of the checklist. "no" and "unsure" are no hits. The answers were
// checked before.
func HitsFromAnswers[I Item](items []I, answers map[string]any) []Hit {
	var hits []Hit
	for _, item := range items {
		if id, weight := item.Weighed(); answers[id] == "yes" {
			hits = append(hits, Hit{id, weight})
		}
	}
	return hits
}

// HitsFromIndicators are the items of an observation's indicators, in their
// order; seen and told count alike. list is the decoded field,
// [{indicator, basis}], and was checked before. An id that weight does not
// know keeps an empty weight, and so goes to a person.
func HitsFromIndicators(weight func(id string) (string, bool), list any) []Hit {
	rows, _ := list.([]any)
	var hits []Hit
	for _, value := range rows {
		row, _ := value.(map[string]any)
		id, ok := row["indicator"].(string)
		if !ok {
			continue
		}
		w, _ := weight(id)
		hits = append(hits, Hit{id, w})
	}
	return hits
}
