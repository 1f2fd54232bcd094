package wire

import "slices"

// Schema is the version of the collections' fields that this build has, and
// MinSchema the oldest that it still answers pulls for. Pushes are taken from
// every schema ever shipped (PUSH-9).
//
// A schema gets a number when a field that shipped is renamed, removed or
// changes its meaning; a new field or collection alone needs none. The steps
// below say how what was made under the one before is read, for ever: phones
// sleep in drawers. A name is never used again for something else, because
// journal and quarantine go on using it for what it was (decision 0012).
const (
	Schema    = 2
	MinSchema = 1
)

// OrganizationTypes are the values of organizations.type.
var OrganizationTypes = []string{"outreach", "service_provider", "law_enforcement", "government", "labor", "health",
	"education", "faith", "business", "international", "other"}

// What an organization may allow its people to write: the elements of
// organizations.allows (R2, R13, R14).
const (
	AllowPlates     = "plates"
	AllowPhotos     = "photos" // of places and vehicles
	AllowPoints     = "points" // a phone offers the exact place, for one report at a time
	AllowStaffNotes = "staff_notes"
)

// Allowances are the elements that organizations.allows may have, sorted.
var Allowances = []string{AllowPhotos, AllowPlates, AllowPoints, AllowStaffNotes}

// A successor says which field of the next schema carries on what a field said.
// A field without one is not understood any more, and kept as such.
type successor struct {
	to string
	// Of a text that has become a choice: the choice for each text that stands
	// for one, and the field that keeps the words of all others.
	choices map[string]string
	words   string
	// Of a yes or no that has become an element of the set `to`.
	element string
}

// steps[i] leads from schema i to the next: by collection and field.
var steps = []map[string]map[string]successor{
	1: {"organizations": {
		"kind":             {to: "type", words: "type_text", choices: kinds()},
		"allow_plate":      {to: "allows", element: AllowPlates},
		"allow_staff_note": {to: "allows", element: AllowStaffNotes},
	}},
}

// kinds are the texts that were in use for types.
func kinds() map[string]string {
	m := map[string]string{"": "", "provider": "service_provider"}
	for _, t := range OrganizationTypes {
		m[t] = t
	}
	return m
}

// Upgrade reads the fields of an op as this build's schema has them; from is
// the schema that it was made under. The op given is not changed. kept are
// fields whose successor the op names too: that one counts, and nothing is
// lost. An op of this schema, or of a later one, is as it is. The problem is
// `invalid`: a value that had the wrong type in its own schema.
func Upgrade(op Op, from int64) (upgraded Op, kept map[string]any, problem *Problem) {
	for ; from >= 1 && from < Schema; from++ {
		changed := steps[from][op.Collection]
		if !slices.ContainsFunc(keys(changed), func(f string) bool { _, has := op.Fields[f]; return has }) {
			continue
		}
		next := make(map[string]any, len(op.Fields))
		for f, v := range op.Fields {
			if _, ok := changed[f]; !ok {
				next[f] = v
			}
		}
		for _, f := range keys(changed) {
			v, sent := op.Fields[f]
			if !sent {
				continue
			}
			if _, both := op.Fields[changed[f].to]; both {
				if kept == nil {
					kept = map[string]any{}
				}
				kept[f] = v
				continue
			}
			if !changed[f].carry(next, v, op.Op == OpCreate) {
				return op, nil, invalid(f + " is not true or false.")
			}
		}
		op.Fields = next
	}
	return op, kept, nil
}

// keys gives the fields of a step in one order, so that the same op is read the
// same way every time.
func keys(changed map[string]successor) []string {
	names := make([]string, 0, len(changed))
	for f := range changed {
		names = append(names, f)
	}
	slices.Sort(names)
	return names
}

// carry writes what v said to the fields of the next schema; false when v never
// was a value of the field.
func (s successor) carry(into map[string]any, v any, create bool) bool {
	switch {
	case s.element != "":
		yes, ok := v.(bool)
		if !ok && v != nil { // null was no, as it is for every yes or no
			return false
		}
		s.put(into, yes, create)
	case s.choices == nil:
		into[s.to] = v
	default:
		text, ok := v.(string)
		if !ok && v != nil {
			into[s.to] = v // it is refused for its type, as it was
			return true
		}
		choice, known := s.choices[text]
		if known {
			into[s.to], text = choice, ""
		} else {
			into[s.to] = "other"
		}
		// A create says only what there is to say.
		if _, sent := into[s.words]; !sent && !(create && text == "") {
			into[s.words] = text
		}
	}
	return true
}

// put adds the element to the list of a create, or to the edit of an update.
func (s successor) put(into map[string]any, yes, create bool) {
	if create {
		list, _ := into[s.to].([]any)
		if yes {
			list = append(list, s.element)
		}
		if list == nil {
			list = []any{}
		}
		into[s.to] = list
		return
	}
	edit, _ := into[s.to].(map[string]any)
	if edit == nil {
		edit = map[string]any{}
		into[s.to] = edit
	}
	member := "remove"
	if yes {
		member = "add"
	}
	list, _ := edit[member].([]any)
	edit[member] = append(list, s.element)
}

// Element is the element of a set that a yes or no has become.
type Element struct{ Set, Name string }

// Successors tells what the fields of a collection that one step has replaced
// have become: fields by the old name, elements of sets by the old name. It is
// for who moves what is stored.
func Successors(from int64, collection string) (fields map[string][]string, elements map[string]Element) {
	fields, elements = map[string][]string{}, map[string]Element{}
	if from < 1 || from >= Schema {
		return fields, elements
	}
	for f, s := range steps[from][collection] {
		switch {
		case s.element != "":
			elements[f] = Element{s.to, s.element}
		case s.words != "":
			fields[f] = []string{s.to, s.words}
		default:
			fields[f] = []string{s.to}
		}
	}
	return fields, elements
}
