package checklist

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
)

// The bounds of what one report may hold. A list beyond its bound is a
// Problem, never cut.
const (
	MaxIndicators  = 200
	MaxPersons     = 50
	MaxDescription = 20 // choices on one person
	MaxVehicles    = 20
	MaxOutreach    = 50
	MaxPeople      = 10_000
	MaxChoice      = 40 // characters of one choice
)

// Problem says what is wrong with a field of a report, in a plain sentence
// for the person who has to mend it. It names the field and, where there is
// one, the item or key; it never repeats a value, which may hold what a person
// wrote.
type Problem struct {
	Field   string // "answers", "persons[2].age"
	Message string // "item hotel_front.99 is not in this checklist"
}

func (p *Problem) Error() string { return p.Field + ": " + p.Message }

func problem(field, format string, args ...any) error {
	return &Problem{Field: field, Message: fmt.Sprintf(format, args...)}
}

// CheckAnswers checks a submission against the items of the checklist version
// that it names. answers is {item: "yes"|"no"|"unsure"} and must be there, but
// may be empty: not every item has to be answered. basis is
// {item: "saw"|"told"}; nil means that it was left out. Keys are ids of items.
// The error is a *Problem.
func CheckAnswers(items []Item, answers, basis map[string]any) error {
	if answers == nil {
		return problem("answers", "must be an object of item and answer")
	}
	known := make(map[string]bool, len(items))
	for _, item := range items {
		known[item.ID] = true
	}
	if err := checkPerItem("answers", known, answers, "yes", "no", "unsure"); err != nil {
		return err
	}
	return checkPerItem("basis", known, basis, "saw", "told")
}

func checkPerItem(field string, known map[string]bool, given map[string]any, choices ...string) error {
	if len(given) > len(known) {
		return problem(field, "names more items than this checklist has")
	}
	for _, id := range sorted(given) {
		if !known[id] {
			return problem(field, "item %s is not in this checklist", quotable(idForm, id))
		}
		if !oneOf(given[id], choices...) {
			return problem(field, "item %s must be %s", id, or(choices))
		}
	}
	return nil
}

// CheckIndicators checks the indicators of an observation: a list, which must
// be there but may be empty, of {indicator, basis}, each indicator once, basis
// "saw" or "told". known tells whether an id is an item of a shipped checklist
// or of the core. The error is a *Problem.
func CheckIndicators(known func(id string) bool, list any) error {
	rows, err := listOf("indicators", list, MaxIndicators)
	if err != nil {
		return err
	}
	seen := make(map[string]bool, len(rows))
	for n, value := range rows {
		field := fmt.Sprintf("indicators[%d]", n)
		row, err := objectOf(field, value, "indicator", "basis")
		if err != nil {
			return err
		}
		id, isText := row["indicator"].(string)
		switch {
		case !isText:
			return problem(field, "indicator must be the id of an item")
		case !known(id):
			return problem(field, "indicator %s is not an item of any checklist", quotable(idForm, id))
		case seen[id]:
			return problem(field, "indicator %s stands twice", quotable(idForm, id))
		case !oneOf(row["basis"], "saw", "told"):
			return problem(field, "basis must be saw or told")
		}
		seen[id] = true
	}
	return nil
}

// listOf is value as a list of at most max elements.
func listOf(field string, value any, max int) ([]any, error) {
	list, ok := value.([]any)
	if !ok {
		return nil, problem(field, "must be a list")
	}
	if len(list) > max {
		return nil, problem(field, "holds more than %d", max)
	}
	return list, nil
}

// objectOf is value as an object with no keys but the given ones. This is what
// keeps a name, a birthplace or a citizenship from riding along (R1).
func objectOf(field string, value any, keys ...string) (map[string]any, error) {
	object, ok := value.(map[string]any)
	if !ok {
		return nil, problem(field, "must be an object")
	}
	for _, key := range sorted(object) {
		if !slices.Contains(keys, key) {
			return nil, problem(field, "key %s is not known here", quotable(memberForm, key))
		}
	}
	return object, nil
}

func oneOf(value any, choices ...string) bool {
	text, ok := value.(string)
	return ok && slices.Contains(choices, text)
}

// or joins choices for a sentence: "yes, no or unsure".
func or(choices []string) string {
	text := choices[0]
	for n, choice := range choices[1:] {
		if n == len(choices)-2 {
			text += " or " + choice
		} else {
			text += ", " + choice
		}
	}
	return text
}

// sorted makes the complaint about a bad object the same one every time.
func sorted(object map[string]any) []string { return slices.Sorted(maps.Keys(object)) }

var memberForm = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]{0,39}$`)

// quotable is a key or id as an error may repeat it: only one that has the
// form of its kind. A sentence that somebody sent in its place stays out of
// logs and of quarantine's messages.
func quotable(form *regexp.Regexp, key string) string {
	if form.MatchString(key) {
		return key
	}
	return "(unreadable)"
}
