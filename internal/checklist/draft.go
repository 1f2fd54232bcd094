package checklist

import (
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
)

// Newest gives the newest form of a key that a folder of content has, nil when
// it has none.
func Newest(fsys fs.FS, key string) (*Form, error) {
	names, err := fs.Glob(fsys, formFiles)
	if err != nil {
		return nil, err
	}
	var newest *Form
	for _, name := range names {
		if !strings.HasPrefix(path.Base(name), key+".v") {
			continue
		}
		form, err := readForm(fsys, name)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		if newest == nil || newest.Version < form.Version {
			newest = form
		}
	}
	return newest, nil
}

// DecodeDraft reads a form that may still be faulty: only what is no form at
// all is refused.
func DecodeDraft(data []byte) (*Form, error) { return decodeForm(data) }

// Under gives a copy of the form as a version of a key. Under another key its
// own items have that key's names, in conditions too; items of the core keep
// theirs.
func (f *Form) Under(key string, version int) *Form {
	out := *f
	out.Key, out.Version = key, version
	out.Survey = slices.Clone(f.Survey)
	out.Choices = slices.Clone(f.Choices)
	if key == f.Key {
		return &out
	}
	from, to := f.Key+".", key+"."
	for i, r := range out.Survey {
		if rest, own := strings.CutPrefix(r.Name, from); own && r.IsItem() {
			r.Name = to + rest
		}
		r.Relevant = strings.ReplaceAll(r.Relevant, "${"+from, "${"+to)
		r.Constraint = strings.ReplaceAll(r.Constraint, "${"+from, "${"+to)
		r.Sources = slices.Clone(r.Sources)
		out.Survey[i] = r
	}
	return &out
}

// FormOf makes a form of a version's checklists, one of each language, as far
// as they say what a form says: what they do not have is empty, and Lint names
// it.
func FormOf(lists []Checklist) (*Form, error) {
	byLocale := map[string]Checklist{}
	for _, l := range lists {
		byLocale[l.Locale] = l
	}
	en, es := byLocale["en"], byLocale["es"]
	if len(en.Items) == 0 || len(en.Items) != len(es.Items) {
		return nil, fmt.Errorf("form of %s version %d: it is not whole in both languages", en.Key, en.Version)
	}
	f := &Form{Format: Format, Key: en.Key, Version: en.Version, TitleEN: en.Title, TitleES: es.Title, SeenByEN: en.SeenBy, SeenByES: es.SeenBy, Venue: en.Venue,
		ReviewES: AwaitingNative, Choices: Answers()}
	group := ""
	for i, item := range en.Items {
		other := es.Items[i]
		if item.Group != group {
			if group != "" {
				f.Survey = append(f.Survey, Row{Type: EndGroup})
			}
			group = item.Group
			if group != "" {
				f.Survey = append(f.Survey, Row{Type: BeginGroup, Name: group, LabelEN: item.GroupLabel, LabelES: other.GroupLabel, Icon: item.GroupIcon})
			}
		}
		f.Survey = append(f.Survey, Row{Type: YesNo, Name: item.ID, LabelEN: item.Text, LabelES: other.Text, HintEN: item.Hint, HintES: other.Hint, ReadAloudEN: item.ReadAloud,
			ReadAloudES: other.ReadAloud, Icon: item.Icon, Weight: item.Weight, Form: item.Form, NoticedBy: item.NoticedBy, Sources: item.Sources, ReviewEN: item.Review,
			ReviewES: other.Review, Relevant: item.Relevant, Constraint: item.Constraint, Required: item.Required})
	}
	if group != "" {
		f.Survey = append(f.Survey, Row{Type: EndGroup})
	}
	return f, nil
}

// Answers are the choices that every form has.
func Answers() []Choice {
	return []Choice{{YesNoList, "yes", "Yes", "Sí"}, {YesNoList, "no", "No", "No"}, {YesNoList, "unsure", "Not sure", "No sé"}}
}

// MarkReviews gives every wording the mark that it awaits review (R25): all
// Spanish, and what is worded by us, which names the source D.
func (f *Form) MarkReviews() {
	f.ReviewEN, f.ReviewES = "", AwaitingNative
	for i, r := range f.Survey {
		if !r.IsItem() {
			continue
		}
		f.Survey[i].ReviewEN, f.Survey[i].ReviewES = "", AwaitingNative
		if slices.Contains(r.Sources, "D") {
			f.Survey[i].ReviewEN = AwaitingReview
		}
	}
}

// What becomes of an item, a group or the form itself.
const (
	ChangeAdded   = "added"
	ChangeRemoved = "removed"
	ChangeEdited  = "edited"
	ChangeMoved   = "moved"
)

// Change is one thing that sets a form apart from the one before it. Item is ""
// for the form itself; Fields are the members that differ, sorted.
type Change struct {
	Item   string   `json:"item,omitempty"`
	What   string   `json:"what"`
	Fields []string `json:"fields,omitempty"`
}

// Changes tells what sets a form apart from the one before it, in the order of
// the form; what is gone stands at the end. Without one before it nothing is
// told: all of it is new.
func (f *Form) Changes(before *Form) []Change {
	changes := []Change{}
	if before == nil {
		return changes
	}
	if fields := differ(before.members(), f.members()); len(fields) > 0 {
		changes = append(changes, Change{What: ChangeEdited, Fields: fields})
	}
	rows := func(form *Form) (names []string, by map[string]Row, groups map[string]string) {
		by, groups = map[string]Row{}, map[string]string{}
		group := ""
		for _, r := range form.Survey {
			if r.Type == EndGroup {
				continue
			}
			if r.Type == BeginGroup {
				group = r.Name
			} else {
				groups[r.Name] = group
			}
			names, by[r.Name] = append(names, r.Name), r
		}
		return names, by, groups
	}
	was, wasBy, wasIn := rows(before)
	now, nowBy, nowIn := rows(f)
	// What both have, in either order: what stands elsewhere in it was moved.
	both := func(names []string, in map[string]Row) []string {
		return slices.DeleteFunc(slices.Clone(names), func(n string) bool { _, ok := in[n]; return !ok })
	}
	stays := inOrder(both(was, nowBy), both(now, wasBy))
	for _, name := range now {
		old, there := wasBy[name]
		if !there {
			changes = append(changes, Change{Item: name, What: ChangeAdded})
			continue
		}
		if fields := differ(old.members(), nowBy[name].members()); len(fields) > 0 {
			changes = append(changes, Change{Item: name, What: ChangeEdited, Fields: fields})
		}
		if !stays[name] || wasIn[name] != nowIn[name] {
			changes = append(changes, Change{Item: name, What: ChangeMoved})
		}
	}
	for _, name := range was {
		if _, there := nowBy[name]; !there {
			changes = append(changes, Change{Item: name, What: ChangeRemoved})
		}
	}
	return changes
}

// inOrder names the most that keep their order from a to b.
func inOrder(a, b []string) map[string]bool {
	best := make([][]int, len(a)+1)
	for i := range best {
		best[i] = make([]int, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				best[i][j] = best[i+1][j+1] + 1
			} else {
				best[i][j] = max(best[i+1][j], best[i][j+1])
			}
		}
	}
	stays := map[string]bool{}
	for i, j := 0, 0; i < len(a) && j < len(b); {
		switch {
		case a[i] == b[j]:
			stays[a[i]] = true
			i, j = i+1, j+1
		case best[i+1][j] >= best[i][j+1]:
			i++
		default:
			j++
		}
	}
	return stays
}

func (f *Form) members() map[string]string {
	return map[string]string{"title::en": f.TitleEN, "title::es": f.TitleES, "seen_by::en": f.SeenByEN, "seen_by::es": f.SeenByES, "venue": f.Venue,
		"choices": fmt.Sprint(f.Choices)}
}

func (r Row) members() map[string]string {
	return map[string]string{"label::en": r.LabelEN, "label::es": r.LabelES, "hint::en": r.HintEN, "hint::es": r.HintES, "read_aloud::en": r.ReadAloudEN,
		"read_aloud::es": r.ReadAloudES, "icon": r.Icon, "weight": r.Weight, "form": r.Form, "noticed_by": r.NoticedBy, "sources": strings.Join(r.Sources, " "),
		"relevant": r.Relevant, "constraint": r.Constraint, "required": fmt.Sprint(r.Required)}
}

func differ(a, b map[string]string) []string {
	var fields []string
	for _, name := range slices.Sorted(maps.Keys(a)) {
		if a[name] != b[name] {
			fields = append(fields, name)
		}
	}
	return fields
}
