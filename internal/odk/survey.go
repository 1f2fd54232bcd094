package odk

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/fieldpost/fieldpost/internal/checklist"
)

// Undecided is the weight and the form of an item of which the workbook does
// not say them. No lint passes it: what weight an item has is for its author.
const Undecided = "undecided"

// Options are what a workbook does not say of a checklist.
type Options struct {
	Key      string // instead of the form_id of the settings
	Version  int    // 0 is 1
	LeaveOut bool   // take what can be taken, and leave out what else is asked
}

// ReadXLSForm reads a workbook in XLSForm (.xlsx) into the draft of a
// checklist, in the way docs/CONTENT.md describes. Problems are everything
// that it does not take as it is, all at once, in the order in which they
// are met; if one of them is Refused there is no draft. It never panics.
func ReadXLSForm(data []byte, o Options) (*checklist.Form, []Problem) {
	r := &reader{Options: o, known: map[string]bool{}, names: map[string]string{}, rows: map[string]int{}, untaken: map[string]bool{}, lists: map[string]string{}}
	sheets, err := openWorkbook(data)
	var big errTooBig
	switch {
	case errors.As(err, &big):
		r.problem(TooBig, Refused, nil, 0, "", "%v", err)
	case err != nil:
		r.problem(Unreadable, Refused, nil, 0, "", "the file %v", err)
	default:
		r.survey, r.choices, r.settings = sheets["survey"], sheets["choices"], sheets["settings"]
		r.read()
	}
	if slices.ContainsFunc(r.problems, func(p Problem) bool { return p.State == Refused }) {
		return nil, r.problems
	}
	return &r.form, r.problems
}

type reader struct {
	Options
	survey, choices, settings *table
	form                      checklist.Form
	problems                  []Problem

	language  string            // of columns that name none
	known     map[string]bool   // what the workbook calls its questions of one choice
	ours      bool              // they have names by our rule already
	names     map[string]string // what the workbook calls an item that was taken: our name
	rows      map[string]int    // our name of an item or group: its row in the survey
	untaken   map[string]bool   // what the workbook calls questions that are left out
	lists     map[string]string // each list that was looked at: what is wrong with it
	group     string            // the open group, "" if none
	implied   bool              // the open group is not of the workbook
	full      bool              // there are more questions than are taken
	condition string            // of the open group
}

// problem notes one; row counts from 0, and head names the column.
func (r *reader) problem(code, state string, t *table, row int, head, format string, args ...any) {
	p := Problem{Code: code, State: state, What: fmt.Sprintf(format, args...), Next: next[code]}
	if t != nil {
		p.Sheet, p.Row = t.name, row+1
		if column, there := t.heads[head]; there {
			p.Column, p.Header = letters(column), t.cell(0, column)
		}
	}
	r.problems = append(r.problems, p)
}

// short keeps a foreign text in a message short.
func short(text string) string {
	if utf8.RuneCountInString(text) > 60 {
		text = string([]rune(text)[:60]) + "..."
	}
	return fmt.Sprintf("%q", text)
}

func (r *reader) read() {
	r.form = checklist.Form{Format: checklist.Format, Key: r.Key, Version: max(r.Version, 1), ReviewES: checklist.AwaitingNative}
	for _, c := range []struct{ name, en, es string }{{"yes", "Yes", "Sí"}, {"no", "No", "No"}, {"unsure", "Not sure", "No sé"}} {
		r.form.Choices = append(r.form.Choices, checklist.Choice{List: checklist.YesNoList, Name: c.name, LabelEN: c.en, LabelES: c.es})
	}
	r.language = checklist.Languages[0]
	r.readSettings()
	if r.choices != nil {
		r.head("choices", r.choices)
	}
	if r.survey == nil {
		r.problem(SheetMissing, Refused, nil, 0, "", "there is no sheet survey")
		return
	}
	r.head("survey", r.survey)
	missing := false
	for _, head := range []string{"type", "name", "label::en", "label::es"} {
		if _, there := r.survey.heads[head]; !there {
			missing = true
			r.problem(ColumnMissing, Refused, r.survey, 0, head, "there is no column %s", head)
		}
	}
	if missing {
		return
	}
	r.readSurvey()
	if slices.ContainsFunc(r.problems, func(p Problem) bool { return p.State == Refused }) {
		return
	}
	r.lastFaults()
}

// lastFaults holds the draft to what every form is held to, but for what its
// author has still to decide.
func (r *reader) lastFaults() {
	decided := r.form
	decided.TitleEN, decided.TitleES, decided.Survey = "x", "x", slices.Clone(r.form.Survey)
	for n := range decided.Survey {
		row := &decided.Survey[n]
		if row.Weight == Undecided {
			row.Weight = checklist.Context
		}
		if row.Form == Undecided {
			row.Form = checklist.Both
		}
	}
	for _, f := range decided.Faults() {
		r.problem(BadForm, Refused, r.survey, r.rows[f.Item], "name", "%s", strings.TrimPrefix(f.String(), ": "))
	}
}

// metadata are the rows that XLSForm fills by itself.
var metadata = []string{"start", "end", "today", "deviceid", "subscriberid", "simserial", "phonenumber", "username", "email", "audit", "start-geopoint"}

func (r *reader) readSurvey() {
	t := r.survey
	r.callAll()
	repeats, outside := 0, 0 // repeats that are open; groups in them
	for row := 1; row < len(t.cells); row++ {
		if t.isBare(row) {
			continue
		}
		if yes, _ := truth(t.at(row, "disabled")); yes {
			r.untaken[t.at(row, "name")] = true
			continue
		}
		kind := strings.Fields(strings.ToLower(t.at(row, "type")))
		is := func(words ...string) bool {
			return len(kind) > 0 && strings.ReplaceAll(kind[0], "_", " ") == strings.Join(words, " ") || len(kind) >= len(words) && slices.Equal(kind[:len(words)], words)
		}
		switch {
		case is("begin", "repeat"):
			repeats++
			if repeats == 1 {
				r.question(Repeat, row, "a checklist asks nothing several times; all in the repeat is not taken")
			}
		case is("end", "repeat"):
			if repeats--; repeats < 0 {
				repeats = 0
				r.problem(Unbalanced, Refused, t, row, "type", "a repeat ends that did not begin")
			}
		case repeats > 0:
			if is("begin", "group") {
				outside++
			} else if is("end", "group") {
				outside--
			}
			r.untaken[t.at(row, "name")] = true
		case is("begin", "group"):
			r.begin(row)
		case is("end", "group"):
			if r.group == "" || r.implied {
				r.problem(Unbalanced, Refused, t, row, "type", "a group ends that did not begin")
			} else {
				r.end()
			}
		case is("select", "multiple"):
			r.question(Multiple, row, "an item has one answer: yes, no or unsure")
		case is("calculate"):
			r.question(Calculate, row, "a checklist calculates nothing")
		case is("note"):
			r.untaken[t.at(row, "name")] = true
			r.problem(Note, LeftOut, t, row, "type", "a note asks nothing: %s", short(t.at(row, "label::en")))
		case len(kind) == 1 && slices.Contains(metadata, kind[0]):
			r.untaken[t.at(row, "name")] = true
			r.problem(Metadata, LeftOut, t, row, "type", "%s is not asked for", kind[0])
		case is("select", "one"):
			list := kind[1:]
			if kind[0] == "select" { // written apart
				list = kind[2:]
			}
			r.item(row, list)
		default:
			r.question(OtherType, row, "the type %s is not one that a checklist asks", short(t.at(row, "type")))
		}
	}
	if r.group != "" && !r.implied || repeats > 0 || outside > 0 {
		r.problem(Unbalanced, Refused, t, len(t.cells)-1, "type", "a group or repeat does not end")
	}
	if r.group != "" {
		r.end()
	}
	if len(r.form.Items()) == 0 && !slices.ContainsFunc(r.problems, func(p Problem) bool { return p.State == Refused }) {
		r.problem(BadForm, Refused, t, 0, "type", "there is no question that a checklist can ask")
	}
}

// question notes a row that asks what no checklist can.
func (r *reader) question(code string, row int, format string, args ...any) {
	state := Refused
	if r.LeaveOut {
		state = LeftOut
	}
	r.untaken[r.survey.at(row, "name")] = true
	r.problem(code, state, r.survey, row, "type", format, args...)
}

func (r *reader) begin(row int) {
	t := r.survey
	if r.group != "" && !r.implied {
		r.problem(Nested, Refused, t, row, "type", "the group begins inside of %s", r.group)
		return
	}
	if r.group != "" {
		r.end()
	}
	group := checklist.Row{Type: checklist.BeginGroup, Name: r.groupName(t.at(row, "name")), Icon: t.at(row, "icon")}
	group.LabelEN, group.LabelES = r.label(row, "en"), r.label(row, "es")
	r.open(group, row)
	if text := t.at(row, "relevant"); text != "" {
		r.condition = r.expression(row, "relevant", text)
	}
}

func (r *reader) open(group checklist.Row, row int) {
	r.form.Survey = append(r.form.Survey, group)
	r.group, r.implied, r.condition = group.Name, false, ""
	r.rows[group.Name] = row
}

func (r *reader) end() {
	r.form.Survey = append(r.form.Survey, checklist.Row{Type: checklist.EndGroup})
	r.group, r.implied, r.condition = "", false, ""
}

var notInNames = regexp.MustCompile(`[^a-z0-9_]+`)

// groupName makes a name by our rule that no other group has.
func (r *reader) groupName(name string) string {
	name = strings.Trim(notInNames.ReplaceAllString(strings.ToLower(name), "_"), "_0123456789")
	name = name[:min(len(name), 30)]
	if name == "" {
		name = "part"
	}
	free, n := name, 1
	for _, used := r.rows[free]; used; _, used = r.rows[free] {
		n++
		free = fmt.Sprintf("%s_%d", name, n)
	}
	return free
}

func (r *reader) label(row int, language string) string {
	text := r.text(r.survey, row, "label::"+language)
	if text == "" {
		r.problem(Translation, Refused, r.survey, row, "label::"+language, "the text is missing in the language %s", language)
	}
	return text
}

// callAll looks at what all questions are called, so that a condition which
// names a later question can be told from one that names nothing.
func (r *reader) callAll() {
	t := r.survey
	// A workbook that has names by our rule keeps them: they mean for ever what
	// they meant in the version before.
	byRule := regexp.MustCompile(`^` + r.form.Key + `\.[0-9]{2,3}$`)
	r.ours = true
	for row := 1; row < len(t.cells); row++ {
		kind := strings.ReplaceAll(strings.ToLower(t.at(row, "type")), "_", " ")
		if !strings.HasPrefix(kind, "select one ") {
			continue
		}
		name := t.at(row, "name")
		if r.known[name] {
			r.problem(BadName, Refused, t, row, "name", "the name %s stands twice", short(name))
		}
		r.known[name] = true
		r.ours = r.ours && byRule.MatchString(name)
	}
}

// call gives an item that is taken its name.
func (r *reader) call(name string) string {
	ours := name
	if !r.ours {
		ours = fmt.Sprintf("%s.%02d", r.form.Key, len(r.names)+1)
	}
	r.names[name] = ours
	return ours
}

var nameForm = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]*$`)

func (r *reader) item(row int, list []string) {
	t := r.survey
	name := t.at(row, "name")
	if len(list) != 1 {
		r.question(OtherChoices, row, "the type names no list, or more than one (or_other)")
		return
	}
	if wrong := r.list(list[0]); wrong != "" {
		r.question(OtherChoices, row, "the list %s %s", short(list[0]), wrong)
		return
	}
	if !nameForm.MatchString(name) {
		r.problem(BadName, Refused, t, row, "name", "%s is no name", short(name))
		return
	}
	if len(r.names) >= maxItems {
		if !r.full {
			r.problem(TooBig, Refused, t, row, "type", "the form asks more than %d questions", maxItems)
		}
		r.full = true
		return
	}
	for _, head := range refusedColumns {
		if t.at(row, head) != "" {
			r.problem(Calculate, Refused, t, row, head, "the column changes what is asked or answered")
		}
	}
	if r.group == "" {
		r.open(checklist.Row{Type: checklist.BeginGroup, Name: r.groupName("questions"), LabelEN: "Questions", LabelES: "Preguntas"}, row)
		r.implied = true
		r.problem(GroupAdded, Added, t, row, "type", "the questions from here on stand in no group; the draft puts them in %s", r.group)
	}
	item := checklist.Row{Type: checklist.YesNo, Name: r.call(name), LabelEN: r.label(row, "en"), LabelES: r.label(row, "es"), ReviewES: checklist.AwaitingNative,
		Weight: t.at(row, "weight"), Form: t.at(row, "form"), NoticedBy: r.text(t, row, "noticed_by"), Icon: t.at(row, "icon")}
	item.HintEN, item.HintES = r.both(row, "hint::")
	item.ReadAloudEN, item.ReadAloudES = r.both(row, "guidance_hint::")
	item.Sources = strings.FieldsFunc(t.at(row, "sources"), func(c rune) bool { return c == ' ' || c == ',' || c == ';' })
	if slices.Contains(item.Sources, "D") {
		item.ReviewEN = checklist.AwaitingReview
	}
	for _, part := range []*string{&item.Weight, &item.Form} {
		if *part == "" {
			*part = Undecided
		}
	}
	r.oneOf(row, "weight", item.Weight, checklist.Context, checklist.Strong, checklist.Emergency)
	r.oneOf(row, "form", item.Form, checklist.Sex, checklist.Labor, checklist.Both)
	if text := t.at(row, "relevant"); text != "" {
		item.Relevant = r.expression(row, "relevant", text)
	}
	switch {
	case r.condition != "" && item.Relevant != "":
		item.Relevant = "(" + r.condition + ") and (" + item.Relevant + ")"
	case r.condition != "":
		item.Relevant = r.condition
	}
	if text := t.at(row, "constraint"); text != "" {
		item.Constraint = r.expression(row, "constraint", text)
	}
	required, known := truth(t.at(row, "required"))
	if !known {
		r.problem(BadRequired, Refused, t, row, "required", "%s is neither yes nor no", short(t.at(row, "required")))
	}
	item.Required = required
	r.form.Survey = append(r.form.Survey, item)
	r.rows[item.Name] = row
}

func (r *reader) oneOf(row int, head, value string, known ...string) {
	if value != Undecided && !slices.Contains(known, value) {
		r.problem(BadForm, Refused, r.survey, row, head, "%s is none of %s", short(value), strings.Join(known, ", "))
	}
}

// both gives a text that need not be there, but if, then in each language.
func (r *reader) both(row int, head string) (en, es string) {
	en, es = r.text(r.survey, row, head+"en"), r.text(r.survey, row, head+"es")
	if (en == "") != (es == "") {
		missing := "en"
		if es == "" {
			missing = "es"
		}
		r.problem(Translation, Refused, r.survey, row, head+missing, "the %s is missing in the language %s", strings.TrimSuffix(head, "::"), missing)
	}
	return en, es
}

func truth(text string) (yes, known bool) {
	switch strings.ToLower(text) {
	case "", "no", "false", "false()", "0":
		return false, true
	case "yes", "true", "true()", "1":
		return true, true
	}
	return false, false
}

// list tells what is wrong with a list of choices, "" if nothing is.
func (r *reader) list(list string) string {
	if wrong, looked := r.lists[list]; looked {
		return wrong
	}
	var names []string
	first := 0
	if r.choices != nil {
		for row := 1; row < len(r.choices.cells); row++ {
			if strings.ToLower(r.choices.at(row, "list_name")) != list {
				continue
			}
			if first == 0 {
				first = row
			}
			names = append(names, r.choices.at(row, "name"))
		}
	}
	wrong := ""
	sorted := slices.Sorted(slices.Values(names))
	switch {
	case len(names) == 0:
		wrong = "is not in the sheet choices"
	case slices.Equal(sorted, []string{"no", "yes"}):
		r.problem(AnswerAdded, Added, r.choices, first, "list_name", "the list %s has no unsure; a checklist does", short(list))
	case !slices.Equal(sorted, []string{"no", "unsure", "yes"}):
		wrong = "has the choices " + short(strings.Join(names, ", ")) + ", and an item is answered yes, no or unsure"
	}
	r.lists[list] = wrong
	if wrong == "" {
		r.choiceLabels(list)
	}
	return wrong
}

// choiceLabels notes labels that are not the ones that every checklist has.
func (r *reader) choiceLabels(list string) {
	t := r.choices
	for row := 1; row < len(t.cells); row++ {
		if strings.ToLower(t.at(row, "list_name")) != list {
			continue
		}
		for _, c := range r.form.Choices {
			if c.Name != t.at(row, "name") {
				continue
			}
			for _, language := range checklist.Languages {
				if text := t.at(row, "label::"+language); text != "" && !strings.EqualFold(text, c.Label(language)) {
					r.problem(ChoiceLabel, LeftOut, t, row, "label::"+language, "the answer says %s, as in every checklist, and not %s", short(c.Label(language)), short(text))
				}
			}
		}
	}
}

// expression gives a condition with our names in place of the workbook's.
func (r *reader) expression(row int, head, text string) string {
	t := r.survey
	e, err := checklist.ParseExpression(text)
	if err != nil {
		r.problem(BadCondition, Refused, t, row, head, "%v", err)
		return ""
	}
	if e.Own() && head == "relevant" {
		r.problem(BadCondition, Refused, t, row, head, "asks for its own answer (.), which is not there yet")
	}
	runes := []rune(text)
	for _, name := range slices.Backward(e.Names()) {
		ours := r.names[name.Name]
		_, before := r.rows[ours]
		switch {
		case ours != "" && before:
			at := name.At - 1
			runes = slices.Replace(runes, at, at+len([]rune("${"+name.Name+"}")), []rune("${"+ours+"}")...)
			continue
		case r.untaken[name.Name]:
			r.problem(BadReference, Refused, t, row, head, "at character %d: %s is not taken", name.At, short(name.Name))
		case r.known[name.Name]:
			r.problem(BadReference, Refused, t, row, head, "at character %d: %s stands in no row above, or is not taken", name.At, short(name.Name))
		default:
			r.problem(BadReference, Refused, t, row, head, "at character %d: there is no question %s", name.At, short(name.Name))
		}
	}
	return string(runes)
}
