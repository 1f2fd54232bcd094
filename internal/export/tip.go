// Package export makes what leaves the house from what is in it: tip sheets.
// What makes the sheet (tip.go, words.go, format.go, pdf.go) takes values and
// gives values: it reads no clock and no database. Service fetches the values,
// for whom they are, and writes each use to the audit. Nothing here sends
// anything: a person reads a sheet aloud, or copies from it (R5).
package export

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Report is what of a report may be on a tip sheet. Who wrote it, about whom
// they wrote ("me"), what they handed out, and whose report it is are not in
// it: no sheet can hold them.
type Report struct {
	Collection      string // observations, submissions
	ID              string
	Site            *Site
	Grid            string // coarse cell
	Point           *Point // only where the person opted in
	Event, EventEnd time.Time
	ClockOff        string // ok, minutes, hours, days
	Signs           []Sign // what was said to be so, in the words of the report's own checklist version
	Note            string
	People          *int
	Persons         []Person
	Vehicles        []Vehicle
	MinorPossible   bool
	ManagerInvolved bool
	Reason          string   // of the triage rule that fired, in the sheet's language; "" if there is none
	Addenda         []string // what was added later, the oldest first
}

// Site is a place.
type Site struct{ Name, Venue, Address string }

// Point is an exact place in degrees.
type Point struct{ Lat, Lon float64 }

// Sign is an item that was said to be so.
type Sign struct {
	ID, Text, Weight string
	Basis            string // saw, told; "" if the report does not say
	Language         string // of Text, where the checklist has none in the sheet's
	Awaiting         bool   // nobody has reviewed the wording (R25)
}

// Person is somebody who was there, described by choices.
type Person struct {
	Age         string // child, teen, adult, unsure, ""
	Description []string
}

// Vehicle is a vehicle, described by choices.
type Vehicle struct{ Kind, Color, PlateState, PlateEnd, Plate string }

// Earlier is a tip that was made about the same report.
type Earlier struct {
	Channel, Line, Reference string
	At                       time.Time
}

// Options are what the person who asks for a sheet chooses.
type Options struct {
	Locale  string         // en, es
	Zone    *time.Location // in which times are written; nil is UTC
	Without []string       // fields that shall not be on it; of Fields
	Now     time.Time      // when the sheet is made
	Earlier []Earlier      // tips about this report, the oldest first
}

// The fields of a report that a sheet may hold, in the order of the sheet. A
// preview names those that it does hold; each can be left out.
var Fields = []string{"site.name", "site.venue", "site.address", "point", "grid", "manager_involved", "event_time", "event_end", "clock_off",
	"indicators", "answers", "note", "addenda", "people", "persons", "minor_possible", "vehicles", "triage.fired", "id"}

// Stays are the fields of a report that no sheet holds.
var Stays = []string{"author", "about", "outreach", "operation", "organization", "received", "site.notes", "site.owner"}

// Kinds of sheet.
const (
	ReadAloud = "read_aloud" // in the order in which an operator asks
	WebForm   = "web_form"   // in the order of the web form
)

// Sheet is a report as somebody tells it.
type Sheet struct {
	Kind     string    `json:"kind"`
	Locale   string    `json:"locale"`
	Title    string    `json:"title"`
	Made     string    `json:"made"`   // when
	Before   []string  `json:"before"` // for the person who calls; not to be told
	Sections []Section `json:"sections"`
	After    []string  `json:"after"`  // likewise, at the end
	Leaves   []string  `json:"leaves"` // the fields that are on it: of Fields
	Stays    []string  `json:"stays"`  // those of the report that are not
	Warnings []string  `json:"warnings"`

	made time.Time
}

// Section is one part of it.
type Section struct {
	Key   string `json:"key"`
	Title string `json:"title"`
	Hint  string `json:"hint,omitempty"` // for the person; not to be told
	Lines []Line `json:"lines"`
	Copy  string `json:"copy"` // the lines as one text, to be copied
}

// Line is one thing that is told.
type Line struct {
	Field string `json:"field,omitempty"` // of Fields; "" for "not known"
	Label string `json:"label,omitempty"`
	Text  string `json:"text"`
}

// maker makes one sheet.
type maker struct {
	report Report
	words  map[string]string
	opt    Options
	leaves map[string]bool
}

// Make makes a sheet of a kind. What a report does not say is said to be not
// known, so that an operator is not asked to wait for it.
func Make(kind string, r Report, opt Options) *Sheet {
	words, ok := wordsOf[opt.Locale]
	if !ok {
		opt.Locale, words = "en", wordsOf["en"]
	}
	if opt.Zone == nil {
		opt.Zone = time.UTC
	}
	m := &maker{report: r, words: words, opt: opt, leaves: map[string]bool{}}
	sheet := &Sheet{Kind: kind, Locale: opt.Locale, Title: words["title."+kind], Made: m.time(opt.Now), made: opt.Now,
		Before: []string{words["before.sent"], words["before.danger"], words["before.shared"], words["before.author"]},
		After:  []string{words["after.weights"]}, Leaves: []string{}, Warnings: []string{}}
	if kind == WebForm {
		sheet.Sections = m.form()
		sheet.After = append(sheet.After, words["after.form"])
	} else {
		sheet.Sections = m.aloud()
	}
	for i := range sheet.Sections {
		section := &sheet.Sections[i]
		section.Title = fmt.Sprintf("%d. %s", i+1, section.Title)
		section.Copy = copyText(section.Lines)
	}
	if opt.Locale == "es" || slices.ContainsFunc(r.Signs, func(s Sign) bool { return s.Awaiting }) {
		sheet.After = append(sheet.After, words["after.words"])
	}
	if n := len(r.Addenda); n > 0 && slices.Contains(opt.Without, "addenda") {
		sheet.After = append(sheet.After, fmt.Sprintf(words["after.addenda"], n))
	}
	for _, f := range Fields {
		if m.leaves[f] {
			sheet.Leaves = append(sheet.Leaves, f)
		} else {
			sheet.Stays = append(sheet.Stays, f)
		}
	}
	sheet.Stays = append(sheet.Stays, Stays...)
	for _, e := range opt.Earlier {
		sheet.Warnings = append(sheet.Warnings, m.earlier(e))
	}
	sheet.Before = append(slices.Clone(sheet.Warnings), sheet.Before...)
	return sheet
}

// earlier warns of a second tip on one report.
func (m *maker) earlier(e Earlier) string {
	text := fmt.Sprintf(m.words["earlier"], m.choice("channel."+e.Channel, e.Channel), m.time(e.At))
	if e.Reference != "" {
		text += " " + m.words["reference"] + ": " + clean(e.Reference) + "."
	}
	return text + " " + m.words["earlier.twice"]
}

// lines collects the lines of a section.
type lines struct {
	m   *maker
	all []Line
}

// add adds a line unless the text is empty or the person leaves the field out.
func (l *lines) add(field, label, text string) {
	if text = clean(text); text == "" || slices.Contains(l.m.opt.Without, field) {
		return
	}
	l.m.leaves[field] = true
	l.all = append(l.all, Line{field, l.m.words[label], text})
}

func (m *maker) section(key string, fill func(l *lines)) Section {
	l := &lines{m: m}
	fill(l)
	if len(l.all) == 0 {
		l.all = []Line{{Text: m.words["not_known"]}}
	}
	return Section{Key: key, Title: m.words["section."+key], Lines: l.all}
}

func (m *maker) aloud() []Section {
	return []Section{m.section("where", m.where), m.section("when", m.when), m.section("what", m.what),
		m.section("who", m.who), m.section("vehicle", m.vehicle), m.section("why", m.why)}
}

// form has the order of the web form: who reports, what violation, then where,
// when, who and with what, and the narrative at the end.
func (m *maker) form() []Section {
	hint := func(key string) Section {
		return Section{Key: key, Title: m.words["section."+key], Hint: m.words["hint."+key], Lines: []Line{}}
	}
	narrative := m.section("narrative", func(l *lines) {
		m.what(l)
		m.why(l)
	})
	narrative.Hint = m.words["hint.narrative"]
	return []Section{hint("you"), hint("violation"), m.section("where", m.where), m.section("when", m.when),
		m.section("who", m.who), m.section("vehicle", m.vehicle), narrative}
}

func (m *maker) where(l *lines) {
	r := m.report
	if s := r.Site; s != nil {
		l.add("site.name", "place", s.Name)
		l.add("site.venue", "venue", m.choice("venue."+s.Venue, s.Venue))
		l.add("site.address", "address", s.Address)
	} else if r.Grid != "" {
		l.add("grid", "grid", r.Grid)
	}
	if p := r.Point; p != nil {
		l.add("point", "point", fmt.Sprintf("%.5f, %.5f", p.Lat, p.Lon))
	}
	if r.ManagerInvolved {
		l.add("manager_involved", "manager", m.words["manager.text"])
	}
}

func (m *maker) when(l *lines) {
	r := m.report
	if !r.Event.IsZero() {
		l.add("event_time", "event", m.time(r.Event))
	}
	if !r.EventEnd.IsZero() {
		l.add("event_end", "until", m.time(r.EventEnd))
	}
	if r.ClockOff != "ok" && r.ClockOff != "" {
		l.add("clock_off", "clock", m.words["clock."+r.ClockOff])
	}
}

func (m *maker) what(l *lines) {
	field := "indicators"
	if m.report.Collection == "submissions" {
		field = "answers"
	}
	for _, s := range m.report.Signs {
		text := s.Text
		if s.Language != "" && s.Language != m.opt.Locale {
			text += " [" + s.Language + "]"
		}
		if basis := m.words["basis."+s.Basis]; s.Basis != "" && basis != "" {
			text += " (" + basis + ")"
		}
		l.add(field, "sign", text)
	}
	l.add("note", "note", m.report.Note)
	for _, text := range m.report.Addenda {
		l.add("addenda", "addendum", text)
	}
}

func (m *maker) who(l *lines) {
	r := m.report
	if r.People != nil {
		l.add("people", "people", fmt.Sprint(*r.People))
	}
	for _, p := range r.Persons {
		parts := []string{m.choice("age."+p.Age, p.Age)}
		for _, d := range p.Description {
			parts = append(parts, m.choice("look."+d, d))
		}
		l.add("persons", "person", strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), ", "))
	}
	if r.MinorPossible {
		l.add("minor_possible", "minor", m.words["minor.text"])
	}
}

func (m *maker) vehicle(l *lines) {
	for _, v := range m.report.Vehicles {
		text := strings.TrimSpace(m.choice("color."+v.Color, v.Color) + " " + m.choice("kind."+v.Kind, v.Kind))
		if m.opt.Locale == "es" {
			text = m.choice("kind."+v.Kind, v.Kind)
			if v.Color != "" {
				text = strings.TrimPrefix(text+", color "+m.choice("color."+v.Color, v.Color), ", ")
			}
		}
		plate := v.Plate
		if plate == "" && v.PlateEnd != "" {
			plate = m.words["plate.end"] + " " + v.PlateEnd
		}
		if plate = strings.TrimSpace(v.PlateState + " " + plate); plate != "" {
			text = strings.TrimPrefix(text+", "+m.words["plate"]+" "+plate, ", ")
		}
		l.add("vehicles", "vehicle", text)
	}
}

func (m *maker) why(l *lines) {
	counts := map[string]int{}
	for _, s := range m.report.Signs {
		counts[s.Weight]++
	}
	var parts []string
	for _, w := range []string{"emergency", "strong", "context"} {
		if n := counts[w]; n > 0 {
			parts = append(parts, fmt.Sprintf("%s: %d", m.words["weight."+w], n))
		}
	}
	l.add("triage.fired", "counts", strings.Join(parts, ", "))
	l.add("triage.fired", "reason", m.report.Reason)
	l.add("id", "reference", m.report.ID)
}

// choice is a choice in words; one that nobody translated is said as it was
// chosen.
func (m *maker) choice(key, chosen string) string {
	if w, ok := m.words[key]; ok {
		return w
	}
	return strings.ReplaceAll(chosen, "_", " ")
}

// copyText is what somebody copies: a line each, with its label.
func copyText(all []Line) string {
	var b strings.Builder
	for _, l := range all {
		if l.Label != "" {
			b.WriteString(l.Label + ": ")
		}
		b.WriteString(l.Text + "\n")
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// clean takes out of a text what would steer a screen or printer or turn its
// order around; line ends and tabs become blanks.
func clean(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\r' || r == '\t' || r == '\u2028' || r == '\u2029':
			return ' '
		case r < ' ' || r >= 0x7f && r < 0xa0, r >= '\u202a' && r <= '\u202e', r >= '\u2066' && r <= '\u2069', r == '\ufeff':
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
	return strings.Join(strings.Fields(text), " ")
}

// time writes a time as one says it, with the name of its zone.
func (m *maker) time(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	t = t.In(m.opt.Zone)
	day, month := m.words[fmt.Sprintf("day.%d", t.Weekday())], m.words[fmt.Sprintf("month.%d", t.Month())]
	if m.opt.Locale == "es" {
		return fmt.Sprintf("%s %d de %s de %d, %s", day, t.Day(), month, t.Year(), t.Format("15:04 MST"))
	}
	return fmt.Sprintf("%s, %s %d, %d, %s", day, month, t.Day(), t.Year(), t.Format("3:04 PM MST"))
}
