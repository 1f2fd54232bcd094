// Package checklist knows what a checklist is and what may be said in answer
// to one: it reads checklists, and checks the answers and the common fields of
// a report. It is pure: what it reads is handed to it.
//
// A checklist is named by key and version. A version never changes, so a
// submission that names it can be read with the words its author saw.
package checklist

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"regexp"
	"slices"
	"strings"
)

// The weights of an item, from least to most.
const (
	Context   = "context"   // weak alone
	Strong    = "strong"    // one is enough for a coordinator to look
	Emergency = "emergency" // 911 is shown before anything else (R3)
)

// The forms of trafficking that an item would suggest.
const (
	Sex   = "sex"
	Labor = "labor"
	Both  = "both"
)

// AwaitingReview is the Review of an item that is our own wording and that no
// practitioner has confirmed (R25).
const AwaitingReview = "awaiting practitioner review"

// AwaitingNative is the Review of a translation that nobody who speaks the
// language from home, and no practitioner, has confirmed (R25).
const AwaitingNative = "awaiting native and practitioner review"

// Checklist is one version of one checklist in one language.
type Checklist struct {
	Key     string `json:"key"`     // names the setting: "hotel_front"
	Version int    `json:"version"` // counts from 1
	Locale  string `json:"locale"`  // "en"
	Title   string `json:"title"`
	SeenBy  string `json:"seen_by,omitempty"` // who fills it
	Venue   string `json:"venue,omitempty"`   // the kind of place, as in sites
	Items   []Item `json:"items"`             // in the order of the screen
}

// Item is one thing that a person may have seen or heard.
type Item struct {
	ID        string   `json:"id"` // "hotel_front.01"; what answers and indicators name
	Text      string   `json:"text"`
	Weight    string   `json:"weight"`
	Form      string   `json:"form"`
	NoticedBy string   `json:"noticed_by,omitempty"`
	Sources   []string `json:"sources,omitempty"` // codes of content/sources.json
	Review    string   `json:"review,omitempty"`  // AwaitingReview, AwaitingNative, or nothing

	// What the forms of format 2 have beside it; see Form.
	Hint       string `json:"hint,omitempty"`
	ReadAloud  string `json:"read_aloud,omitempty"` // what a voice says
	Icon       string `json:"icon,omitempty"`       // of content/icons, without .svg
	Group      string `json:"group,omitempty"`
	GroupLabel string `json:"group_label,omitempty"`
	GroupIcon  string `json:"group_icon,omitempty"`
	Relevant   string `json:"relevant,omitempty"`   // an Expression: asked only if it holds
	Constraint string `json:"constraint,omitempty"` // an Expression that an answer has to fit
	Required   bool   `json:"required,omitempty"`
}

// Weighed gives what triage asks of an item.
func (i Item) Weighed() (id, weight, group string) { return i.ID, i.Weight, i.Group }

var (
	keyForm    = regexp.MustCompile(`^[a-z][a-z0-9_]{0,39}$`)
	idForm     = regexp.MustCompile(`^[a-z][a-z0-9_]{0,39}\.[a-z0-9_]{1,20}$`)
	localeForm = regexp.MustCompile(`^[a-z]{2,3}(-[A-Za-z0-9]{2,8})?$`)
)

// IsKey tells whether a word can be the key of a checklist.
func IsKey(word string) bool { return keyForm.MatchString(word) }

// Load reads every checklists/*.json of fsys (one language each) and every
// forms/*.v*.json (a Form, which is a Checklist for each of its languages),
// sorted by key, version, locale. It fails, naming the file, on the first that
// Parse or ParseForm refuses, on two that hold the same version of the same
// checklist in one language, and when there are none.
func Load(fsys fs.FS) ([]Checklist, error) {
	names, err := fs.Glob(fsys, "checklists/*.json")
	if err != nil {
		return nil, fmt.Errorf("checklist: load: %w", err)
	}
	forms, err := fs.Glob(fsys, formFiles)
	if err != nil {
		return nil, fmt.Errorf("checklist: load: %w", err)
	}
	if len(names)+len(forms) == 0 {
		return nil, errors.New("checklist: load: no file matches checklists/*.json or " + formFiles)
	}
	var lists []Checklist
	from := map[string]string{}
	add := func(name string, list Checklist) error {
		which := fmt.Sprintf("%s version %d (%s)", list.Key, list.Version, list.Locale)
		if first, twice := from[which]; twice {
			return fmt.Errorf("checklist: load %s: %s is in %s already", name, which, first)
		}
		from[which] = name
		lists = append(lists, list)
		return nil
	}
	for _, name := range names {
		data, err := fs.ReadFile(fsys, name)
		if err != nil {
			return nil, fmt.Errorf("checklist: load: %w", err)
		}
		list, err := Parse(data)
		if err != nil {
			return nil, fmt.Errorf("checklist: load %s: %w", name, err)
		}
		if err := add(name, list); err != nil {
			return nil, err
		}
	}
	for _, name := range forms {
		form, err := readForm(fsys, name)
		if err != nil {
			return nil, fmt.Errorf("checklist: load %s: %w", name, err)
		}
		for _, list := range form.Checklists() {
			if err := add(name, list); err != nil {
				return nil, err
			}
		}
	}
	slices.SortFunc(lists, func(a, b Checklist) int {
		return cmp.Or(cmp.Compare(a.Key, b.Key), cmp.Compare(a.Version, b.Version), cmp.Compare(a.Locale, b.Locale))
	})
	return lists, nil
}

// Parse reads one checklist from JSON. It fails on members it does not know,
// on anything after the document, and as Validate says.
func Parse(data []byte) (Checklist, error) {
	var list Checklist
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&list); err != nil {
		return Checklist{}, fmt.Errorf("read json: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return Checklist{}, errors.New("read json: something stands after the checklist")
	}
	return list, list.Validate()
}

// Validate tells whether the checklist can be shipped: a key, a version from
// 1, a language, a title, and at least one item; every item with an id of its
// own, a text, and a weight, form and review state that are known.
func (c Checklist) Validate() error {
	switch {
	case !keyForm.MatchString(c.Key):
		return fmt.Errorf("key %q is not a short lower-case word", c.Key)
	case c.Version < 1:
		return fmt.Errorf("%s: version %d is below 1", c.Key, c.Version)
	case !localeForm.MatchString(c.Locale):
		return fmt.Errorf("%s: locale %q is no language code", c.Key, c.Locale)
	case strings.TrimSpace(c.Title) == "":
		return fmt.Errorf("%s: title is empty", c.Key)
	case len(c.Items) == 0:
		return fmt.Errorf("%s: there are no items", c.Key)
	}
	seen := make(map[string]bool, len(c.Items))
	for _, item := range c.Items {
		if err := item.validate(); err != nil {
			return fmt.Errorf("%s: %w", c.Key, err)
		}
		if seen[item.ID] {
			return fmt.Errorf("%s: item %s stands twice", c.Key, item.ID)
		}
		seen[item.ID] = true
	}
	return nil
}

func (i Item) validate() error {
	switch {
	case !idForm.MatchString(i.ID):
		return fmt.Errorf("item id %q is not of the form setting.number", i.ID)
	case strings.TrimSpace(i.Text) == "":
		return fmt.Errorf("item %s: text is empty", i.ID)
	case i.Weight != Context && i.Weight != Strong && i.Weight != Emergency:
		return fmt.Errorf("item %s: weight %q is not context, strong or emergency", i.ID, i.Weight)
	case i.Form != Sex && i.Form != Labor && i.Form != Both:
		return fmt.Errorf("item %s: form %q is not sex, labor or both", i.ID, i.Form)
	case i.Review != "" && i.Review != AwaitingReview && i.Review != AwaitingNative:
		return fmt.Errorf("item %s: review %q is neither %q nor %q", i.ID, i.Review, AwaitingReview, AwaitingNative)
	}
	return nil
}

// Catalog finds an item by its id. An observation's indicators may name any of
// them.
type Catalog map[string]Item

// NewCatalog holds every item of the lists. Where an id stands in several, the
// item of the highest version counts, and of equal versions the first.
func NewCatalog(lists []Checklist) Catalog {
	items, versions := Catalog{}, map[string]int{}
	for _, list := range lists {
		for _, item := range list.Items {
			if list.Version > versions[item.ID] {
				items[item.ID], versions[item.ID] = item, list.Version
			}
		}
	}
	return items
}

// Known tells whether there is an item of that id.
func (c Catalog) Known(id string) bool {
	_, ok := c[id]
	return ok
}

// Weight is the weight of the item of that id; false when there is none.
func (c Catalog) Weight(id string) (string, bool) {
	item, ok := c[id]
	return item.Weight, ok
}

// Weighed gives what triage asks of the item of that id, nothing when there is
// none.
func (c Catalog) Weighed(id string) (weight, group string) { return c[id].Weight, c[id].Group }
