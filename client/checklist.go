package client

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/fieldpost/fieldpost/internal/checklist"
)

// Checklist is one version of a checklist, as pulled.
type Checklist struct {
	ID      string // of its record: what a submission names
	Key     string // "hotel_front"
	Version int
	Locale  string
	Title   string
	Items   []Item
}

// Item is one thing that may have been noticed. Weight is context, strong or
// emergency; an emergency shows 911 before anything else (R3). What comes after
// Form is empty in checklists of the first format.
type Item struct {
	ID, Text, Weight, Form string

	Hint, ReadAloud, Icon        string
	Group, GroupLabel, GroupIcon string
	Relevant, Constraint         string // conditions, as in docs/CONTENT.md
	Review                       string // what reviews it still awaits (R25)
	Required                     bool
}

func (i Item) condition() checklist.Item {
	return checklist.Item{ID: i.ID, Relevant: i.Relevant, Constraint: i.Constraint, Required: i.Required}
}

// Asked gives the items that a person is asked, given the answers so far: not
// those whose condition fails.
func (c Checklist) Asked(answers map[string]string) []Item {
	by := map[string]Item{}
	var conditions []checklist.Item
	for _, i := range c.Items {
		by[i.ID] = i
		conditions = append(conditions, i.condition())
	}
	var asked []Item
	for _, i := range checklist.Asked(conditions, answers) {
		asked = append(asked, by[i.ID])
	}
	return asked
}

// Unfit gives the ids of asked items whose answers do not fit: required and
// missing, or against their constraint. Fill and the server take them all the
// same; a screen asks the person first.
func (c Checklist) Unfit(answers map[string]string) []string {
	var conditions []checklist.Item
	for _, i := range c.Items {
		conditions = append(conditions, i.condition())
	}
	return checklist.Unfit(conditions, answers)
}

// Checklists gives the checklists on this device: by key, newest version
// first, the person's language first.
func (d *Device) Checklists() ([]Checklist, error) {
	records, err := d.Records("checklists")
	if err != nil {
		return nil, err
	}
	st, err := d.peek()
	if err != nil {
		return nil, err
	}
	var all []Checklist
	for _, r := range records {
		version, _ := number(r.Fields["version"])
		c := Checklist{ID: r.ID, Key: r.Text("key"), Version: int(version), Locale: r.Text("locale"), Title: r.Text("title")}
		items, _ := r.Fields["items"].([]any)
		for _, v := range items {
			m, _ := v.(map[string]any)
			text := func(k string) string { s, _ := m[k].(string); return s }
			required, _ := m["required"].(bool)
			c.Items = append(c.Items, Item{text("id"), text("text"), text("weight"), text("form"), text("hint"), text("read_aloud"), text("icon"),
				text("group"), text("group_label"), text("group_icon"), text("relevant"), text("constraint"), text("review"), required})
		}
		all = append(all, c)
	}
	foreign := func(c Checklist) int {
		if c.Locale == st.person.Locale {
			return 0
		}
		return 1
	}
	slices.SortFunc(all, func(a, b Checklist) int {
		return cmp.Or(cmp.Compare(a.Key, b.Key), cmp.Compare(b.Version, a.Version), cmp.Compare(foreign(a), foreign(b)),
			cmp.Compare(a.Locale, b.Locale))
	})
	return all, nil
}

// FindChecklist finds a checklist by key or record id, in the given version or,
// with 0, the newest; in the person's language where there is that. Errors:
// ErrInput with unknown_checklist, whose hint lists what there is, or
// unknown_version.
func (d *Device) FindChecklist(name string, version int) (Checklist, error) {
	return d.FindChecklistIn(name, version, "")
}

// FindChecklistIn is FindChecklist in a language; "" is the person's. One more
// error: ErrInput with unknown_locale.
func (d *Device) FindChecklistIn(name string, version int, locale string) (Checklist, error) {
	all, err := d.Checklists()
	if err != nil || locale == "" {
		if err != nil {
			return Checklist{}, err
		}
		return findChecklist(all, name, version)
	}
	in := slices.DeleteFunc(slices.Clone(all), func(c Checklist) bool { return c.Locale != locale })
	c, err := findChecklist(in, name, version)
	if err == nil {
		return c, nil
	}
	other, otherErr := findChecklist(all, name, version)
	if otherErr != nil {
		return Checklist{}, otherErr
	}
	return Checklist{}, badInput("unknown_locale", "This checklist is not on this device in that language.", "It is there in "+other.Locale+".")
}

// NewestChecklists gives of each key the newest version in the person's
// language, or in another where there is none.
func (d *Device) NewestChecklists() ([]Checklist, error) {
	all, err := d.Checklists()
	if err != nil {
		return nil, err
	}
	return slices.CompactFunc(all, func(a, b Checklist) bool { return a.Key == b.Key }), nil
}

func findChecklist(all []Checklist, name string, version int) (Checklist, error) {
	var keys []string
	var versions []string
	for _, c := range all {
		if !slices.Contains(keys, c.Key) {
			keys = append(keys, c.Key)
		}
		if c.Key != name && c.ID != name {
			continue
		}
		if version == 0 || version == c.Version {
			return c, nil
		}
		versions = append(versions, fmt.Sprint(c.Version))
	}
	switch {
	case len(versions) > 0:
		return Checklist{}, badInput("unknown_version", "There is no such version of this checklist on this device.",
			"On this device: version "+strings.Join(slices.Compact(versions), ", ")+".")
	case len(keys) == 0:
		return Checklist{}, badInput("unknown_checklist", "There are no checklists on this device yet.", "Pull once, where there is a connection.")
	}
	return Checklist{}, badInput("unknown_checklist", "There is no such checklist on this device.", "On this device: "+strings.Join(keys, ", ")+".")
}

func checkAnswers(lists []Checklist, fields map[string]any) error {
	id, _ := fields["checklist"].(string)
	version, _ := number(fields["version"])
	list, err := findChecklist(lists, id, int(version))
	if err != nil {
		return err
	}
	known := map[string]bool{}
	for _, i := range list.Items {
		known[i.ID] = true
	}
	answers, ok := fields["answers"].(map[string]any)
	if !ok {
		return badField("answers", "an object of item and answer")
	}
	basis, _ := fields["basis"].(map[string]any)
	for _, part := range []struct {
		values  map[string]any
		choices []string
	}{{answers, []string{"yes", "no", "unsure"}}, {basis, []string{"saw", "told"}}} {
		for _, item := range slices.Sorted(maps.Keys(part.values)) {
			if !known[item] {
				return badInput("unknown_item", fmt.Sprintf("Item %s is not in this checklist.", quotable(item)),
					fmt.Sprintf("The items are %s to %s.", list.Items[0].ID, list.Items[len(list.Items)-1].ID))
			}
			if text, _ := part.values[item].(string); !slices.Contains(part.choices, text) {
				return badInput("bad_answer", fmt.Sprintf("Item %s must be %s.", item, strings.Join(part.choices, ", ")), "Correct the answer and save again.")
			}
		}
	}
	if about, there := fields["about"]; there && !slices.Contains([]any{"guest", "coworker", "self"}, about) {
		return badField("about", "guest, coworker or self")
	}
	return nil
}

var (
	coreItem  = regexp.MustCompile(`^core\.[0-9]{2}$`)
	itemShape = regexp.MustCompile(`^[a-z][a-z0-9_]{0,39}\.[a-z0-9_]{1,20}$`)
)

// quotable is an item id as a message may repeat it: what has not the form of
// one may be something that a person wrote.
func quotable(id string) string {
	if itemShape.MatchString(id) {
		return id
	}
	return "(unreadable)"
}

// checkIndicators knows the items of the checklists on this device. The core
// may not be among them as a list of its own; then its ids pass by their form.
func checkIndicators(lists []Checklist, v any) error {
	rows, ok := v.([]any)
	if !ok {
		return badField("indicators", "a list")
	}
	known, core := map[string]bool{}, false
	for _, c := range lists {
		core = core || c.Key == "core"
		for _, i := range c.Items {
			known[i.ID] = true
		}
	}
	seen := map[string]bool{}
	for _, row := range rows {
		m, _ := row.(map[string]any)
		id, _ := m["indicator"].(string)
		switch {
		case len(lists) > 0 && !known[id] && (core || !coreItem.MatchString(id)), !itemShape.MatchString(id):
			return badInput("unknown_item", fmt.Sprintf("Indicator %s is not an item of any checklist on this device.", quotable(id)),
				"Use an item id such as core.01; pull first if it is new.")
		case m["basis"] != "saw" && m["basis"] != "told":
			return badInput("bad_answer", fmt.Sprintf("The basis of %s must be saw or told.", id), "Correct it and save again.")
		case seen[id]:
			return badInput("bad_answer", fmt.Sprintf("Indicator %s is given twice.", id), "Give it once.")
		}
		seen[id] = true
	}
	return nil
}
