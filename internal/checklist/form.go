package checklist

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Languages are those that every form is written in (R20), the first being the
// one that the others are translated from.
var Languages = []string{"en", "es"}

// formFiles is where forms lie. A form's name in it is its key and version.
const formFiles = "forms/*.v*.json"

// Format is the format of a file that holds a Form.
const Format = 2

// Choice types that a row may have. A report's answers are yes, no and unsure
// and nothing else (the protocol's submissions), so there is one.
const (
	BeginGroup = "begin_group"
	EndGroup   = "end_group"
	YesNo      = "select_one " + YesNoList
	YesNoList  = "yes_no_unsure"
)

// Form is one version of a checklist in all its languages, in the vocabulary
// of XLSForm. docs/CONTENT.md tells how to write one.
type Form struct {
	Format  int    `json:"format"` // Format
	Key     string `json:"key"`
	Version int    `json:"version"` // counts from 1, or on from the key's checklists/*.json
	// The members of each language end in its code, as XLSForm's columns do.
	TitleEN  string `json:"title::en"`
	TitleES  string `json:"title::es"`
	SeenByEN string `json:"seen_by::en"`
	SeenByES string `json:"seen_by::es"`
	Venue    string `json:"venue"` // the kind of place, as in sites
	ReviewEN string `json:"review::en"`
	ReviewES string `json:"review::es"`

	Survey  []Row    `json:"survey"`
	Choices []Choice `json:"choices"`
}

// Row is one row of a survey: the begin or end of a group, or an item.
type Row struct {
	Type        string   `json:"type"` // BeginGroup, EndGroup, YesNo
	Name        string   `json:"name,omitempty"`
	LabelEN     string   `json:"label::en,omitempty"`
	LabelES     string   `json:"label::es,omitempty"`
	HintEN      string   `json:"hint::en,omitempty"`
	HintES      string   `json:"hint::es,omitempty"`
	ReadAloudEN string   `json:"read_aloud::en,omitempty"`
	ReadAloudES string   `json:"read_aloud::es,omitempty"`
	Icon        string   `json:"icon,omitempty"`
	Weight      string   `json:"weight,omitempty"`
	Form        string   `json:"form,omitempty"`
	NoticedBy   string   `json:"noticed_by,omitempty"`
	Sources     []string `json:"sources,omitempty"`
	ReviewEN    string   `json:"review::en,omitempty"`
	ReviewES    string   `json:"review::es,omitempty"`
	Relevant    string   `json:"relevant,omitempty"`
	Constraint  string   `json:"constraint,omitempty"`
	Required    bool     `json:"required,omitempty"`
}

// Choice is one answer of a list.
type Choice struct {
	List    string `json:"list_name"`
	Name    string `json:"name"`
	LabelEN string `json:"label::en"`
	LabelES string `json:"label::es"`
}

// Words are one language of a form or row.
type Words struct{ Label, Hint, ReadAloud, Review string }

// Words gives the row in one of Languages; nothing in any other.
func (r Row) Words(language string) Words {
	switch language {
	case "en":
		return Words{r.LabelEN, r.HintEN, r.ReadAloudEN, r.ReviewEN}
	case "es":
		return Words{r.LabelES, r.HintES, r.ReadAloudES, r.ReviewES}
	}
	return Words{}
}

// Title gives title, who fills the form, and its state of review.
func (f *Form) Title(language string) (title, seenBy, review string) {
	switch language {
	case "en":
		return f.TitleEN, f.SeenByEN, f.ReviewEN
	case "es":
		return f.TitleES, f.SeenByES, f.ReviewES
	}
	return "", "", ""
}

// Label is the choice in one of Languages.
func (c Choice) Label(language string) string {
	switch language {
	case "en":
		return c.LabelEN
	case "es":
		return c.LabelES
	}
	return ""
}

// IsItem tells whether the row asks something.
func (r Row) IsItem() bool { return r.Type != BeginGroup && r.Type != EndGroup }

// Fault is one thing that is wrong with content. Item and Language are "" when
// it concerns the whole file, or every language.
type Fault struct {
	File     string `json:"file"` // "forms/hotel_front.v2.json"
	Item     string `json:"item,omitempty"`
	Language string `json:"language,omitempty"`
	Message  string `json:"message"`
	// Code is permanent, and one of Codes: a screen says it in its own language.
	// "" of what concerns a folder and no single form. Args are what the message
	// names, in its order.
	Code string   `json:"code,omitempty"`
	Args []string `json:"args,omitempty"`
}

// found makes a Fault of a form.
func found(code, item, language, format string, args ...any) Fault {
	f := Fault{Item: item, Language: language, Message: fmt.Sprintf(format, args...), Code: code}
	for _, a := range args {
		if n, ok := a.(float64); ok {
			a = strconv.FormatFloat(math.Round(n*10)/10, 'f', -1, 64)
		}
		f.Args = append(f.Args, fmt.Sprint(a))
	}
	return f
}

// String names file, item and language before what is wrong.
func (f Fault) String() string {
	var b strings.Builder
	b.WriteString(f.File)
	if f.Item != "" {
		b.WriteString(": " + f.Item)
	}
	if f.Language != "" {
		b.WriteString(" (" + f.Language + ")")
	}
	return b.String() + ": " + f.Message
}

// ParseForm reads a form. It fails on members that it does not know or that
// stand twice, on anything after the document, and on the first fault that
// Faults finds. What else a form should be is for Lint.
func ParseForm(data []byte) (*Form, error) {
	form, err := decodeForm(data)
	if err != nil {
		return nil, err
	}
	if faults := form.Faults(); len(faults) > 0 {
		f := faults[0]
		f.File = form.Key
		return nil, errors.New(f.String())
	}
	return form, nil
}

func decodeForm(data []byte) (*Form, error) {
	form := &Form{}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(form); err != nil {
		return nil, fmt.Errorf("read json: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("read json: something stands after the form")
	}
	if err := onlyOnce(data); err != nil {
		return nil, err
	}
	return form, nil
}

// onlyOnce refuses an object with a member twice, or in other letters: Go
// would take the last one, and another reader the first.
func onlyOnce(data []byte) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	var walk func() error
	walk = func() error {
		t, err := dec.Token()
		if err != nil {
			return err
		}
		d, _ := t.(json.Delim)
		seen := map[string]bool{}
		for d != 0 && dec.More() {
			if d == '{' {
				k, err := dec.Token()
				if err != nil {
					return err
				}
				key, _ := k.(string)
				switch {
				case seen[key]:
					return fmt.Errorf("read json: member %q stands twice in one object", key)
				case key != strings.ToLower(key):
					return fmt.Errorf("read json: member %q is not in lower case", key)
				}
				seen[key] = true
			}
			if err := walk(); err != nil {
				return err
			}
		}
		if d != 0 {
			_, err = dec.Token()
		}
		return err
	}
	return walk()
}

// readForm reads a file and checks that it has the name of what it holds.
func readForm(fsys fs.FS, name string) (*Form, error) {
	data, err := fs.ReadFile(fsys, name)
	if err != nil {
		return nil, err
	}
	form, err := ParseForm(data)
	if err != nil {
		return nil, err
	}
	if want := form.fileName(); path.Base(name) != want {
		return nil, fmt.Errorf("%s version %d belongs in a file of the name %s", form.Key, form.Version, want)
	}
	return form, nil
}

func (f *Form) fileName() string { return fmt.Sprintf("%s.v%d.json", f.Key, f.Version) }

// Items are the rows that ask something, in order.
func (f *Form) Items() []Row {
	var items []Row
	for _, r := range f.Survey {
		if r.IsItem() {
			items = append(items, r)
		}
	}
	return items
}

var groupForm = regexp.MustCompile(`^[a-z][a-z0-9_]{0,39}$`)

// Faults tells what keeps the form from being used at all: its shape. File is
// left empty.
func (f *Form) Faults() []Fault {
	var faults []Fault
	item := ""
	say := func(code, language, format string, args ...any) {
		faults = append(faults, found(code, item, language, format, args...))
	}
	if f.Format != Format {
		say("format", "", "format %d is not %d", f.Format, Format)
	}
	if !keyForm.MatchString(f.Key) {
		say("key", "", "key %q is not a short lower-case word", f.Key)
	}
	if f.Version < 1 {
		say("version", "", "version %d is below 1", f.Version)
	}
	for _, language := range Languages {
		if title, _, _ := f.Title(language); strings.TrimSpace(title) == "" {
			say("title_missing", language, "title is missing")
		}
	}
	group := ""
	seen := map[string]bool{}
	for _, r := range f.Survey {
		item = r.Name
		if r.Type != EndGroup && seen[r.Name] {
			say("name_twice", "", "the name stands twice")
		}
		switch {
		case r.Type == EndGroup:
			if group == "" {
				say("group_not_begun", "", "a group ends that did not begin")
			}
			if !r.isBare() {
				say("group_end_more", "", "the end of a group says more than its type")
			}
			group = ""
			continue
		case r.Type == BeginGroup:
			if !groupForm.MatchString(r.Name) {
				say("group_name", "", "the name of the group is not a short lower-case word")
			}
			if group != "" {
				say("group_inside", "", "the group begins inside of %s", group)
			}
			group = r.Name
		case r.Type != YesNo:
			say("type", "", "type %q is not %s, %s or %s", r.Type, YesNo, BeginGroup, EndGroup)
		default:
			r.itemFaults(say)
			if group == "" {
				say("group_missing", "", "the item stands in no group")
			}
		}
		seen[r.Name] = true
		for _, language := range Languages {
			if strings.TrimSpace(r.Words(language).Label) == "" {
				say("label_missing", language, "label is missing")
			}
		}
	}
	item = ""
	if group != "" {
		say("group_not_ended", "", "group %s does not end", group)
	}
	if len(f.Items()) == 0 {
		say("items_missing", "", "there are no items")
	}
	faults = append(faults, f.choiceFaults()...)
	return append(faults, f.conditionFaults()...)
}

func (r Row) isBare() bool {
	r.Type, r.Name = "", ""
	return r.Icon == "" && r.Weight == "" && r.Form == "" && r.NoticedBy == "" && r.Sources == nil && r.Relevant == "" && r.Constraint == "" &&
		!r.Required && r.Words("en") == Words{} && r.Words("es") == Words{}
}

func (r Row) itemFaults(say func(code, language, format string, args ...any)) {
	if !idForm.MatchString(r.Name) {
		say("name", "", "the name is not of the form setting.number")
	}
	if r.Weight != Context && r.Weight != Strong && r.Weight != Emergency {
		say("weight", "", "weight %q is not context, strong or emergency", r.Weight)
	}
	if r.Form != Sex && r.Form != Labor && r.Form != Both {
		say("form", "", "form %q is not sex, labor or both", r.Form)
	}
	for _, language := range Languages {
		switch review := r.Words(language).Review; review {
		case "", AwaitingReview, AwaitingNative:
		default:
			say("review_word", language, "review %q is neither %q nor %q", review, AwaitingReview, AwaitingNative)
		}
	}
}

// choiceFaults holds the choices to what a report may answer.
func (f *Form) choiceFaults() []Fault {
	var faults []Fault
	var names []string
	for _, c := range f.Choices {
		if c.List != YesNoList {
			faults = append(faults, found("choice_list", c.Name, "", "a choice of the list %q, which no item has", c.List))
			continue
		}
		names = append(names, c.Name)
		for _, language := range Languages {
			if strings.TrimSpace(c.Label(language)) == "" {
				faults = append(faults, found("choice_label", c.Name, language, "label of the choice is missing"))
			}
		}
	}
	if !slices.Equal(names, []string{"yes", "no", "unsure"}) {
		faults = append(faults, found("choices", "", "", "the choices of %s are not yes, no and unsure", YesNoList))
	}
	return faults
}

// conditionFaults reads every relevant and constraint. One may ask only for
// items before its own: so no two can hang on each other, and a screen that
// shows them in order never takes back what it has shown.
func (f *Form) conditionFaults() []Fault {
	var faults []Fault
	before := map[string]bool{}
	for _, r := range f.Survey {
		for _, condition := range []struct {
			member, text string
			own          bool
		}{{"relevant", r.Relevant, false}, {"constraint", r.Constraint, true}} {
			if condition.text == "" {
				continue
			}
			say := func(code, format string, args ...any) {
				faults = append(faults, found(code, r.Name, "", "%s: "+format, append([]any{condition.member}, args...)...))
			}
			if r.Type != YesNo {
				say("condition_place", "only an item may have one")
				continue
			}
			e, err := ParseExpression(condition.text)
			if wrong, ok := errors.AsType[*ExpressionError](err); ok {
				say(wrong.code, "at character %d: "+wrong.format, append([]any{wrong.At}, wrong.args...)...)
				continue
			}
			for _, n := range e.Names() {
				if !before[n.Name] {
					say("condition_before", "at character %d: there is no item %s before this one", n.At, n.Name)
				}
			}
			if e.Own() && !condition.own {
				say("condition_own", "asks for its own answer (.), which is not there yet")
			}
		}
		if r.IsItem() {
			before[r.Name] = true
		}
	}
	return faults
}

// Checklists gives the form as one Checklist for each of Languages.
func (f *Form) Checklists() []Checklist {
	var lists []Checklist
	for _, language := range Languages {
		title, seenBy, _ := f.Title(language)
		list := Checklist{Key: f.Key, Version: f.Version, Locale: language, Title: title, SeenBy: seenBy, Venue: f.Venue}
		var group Row
		for _, r := range f.Survey {
			switch {
			case r.Type == BeginGroup:
				group = r
			case r.IsItem():
				w := r.Words(language)
				list.Items = append(list.Items, Item{ID: r.Name, Text: w.Label, Weight: r.Weight, Form: r.Form, NoticedBy: r.NoticedBy, Sources: r.Sources,
					Review: w.Review, Hint: w.Hint, ReadAloud: w.ReadAloud, Icon: r.Icon, Group: group.Name, GroupLabel: group.Words(language).Label,
					GroupIcon: group.Icon, Relevant: r.Relevant, Constraint: r.Constraint, Required: r.Required})
			}
		}
		lists = append(lists, list)
	}
	return lists
}
