package client

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/fieldpost/fieldpost/internal/hlc"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// Details are the fields that observations and submissions have in common. All
// may be left out. None is for a person's name, birthplace, citizenship or
// immigration status (R1).
type Details struct {
	Site            string    // id of a site
	Grid            string    // coarse cell
	Point           *Point    // exact place; opt-in for each report (R14)
	EventEnd        time.Time // when it was over
	People          *int      // how many people
	Persons         []Described
	Vehicles        []Vehicle
	Outreach        []string // what was given or done
	Note            string
	Operation       string
	MinorPossible   bool
	ManagerInvolved bool
}

// Point is an exact place, in degrees.
type Point struct{ Lat, Lon float64 }

// Described is a person by choices. Age is child, teen, adult or unsure.
type Described struct {
	Age         string
	Description []string
}

// Vehicle is a vehicle by choices and what was read of its plate. Plate, the
// whole of it, only if the organization allows it.
type Vehicle struct{ Kind, Color, PlateState, PlateEnd, Plate string }

// Indicator is an item of a checklist that somebody noticed. Basis is saw or told.
type Indicator struct{ ID, Basis string }

// Observation is what one person saw. EventTime, when they saw it, must be given.
type Observation struct {
	EventTime  time.Time
	Indicators []Indicator
	Details
}

// Submission is one filled checklist. Checklist is its key or record id;
// Version 0 means the newest version on this device.
type Submission struct {
	Checklist string
	Version   int
	Locale    string // its language; the person's if empty
	EventTime time.Time
	Answers   map[string]string // item: yes, no or unsure
	Basis     map[string]string // item: saw or told
	About     string            // guest, coworker, self, or empty
	Details
}

// Addendum is added later to an own report: to Observation or to Submission, ids.
type Addendum struct {
	Observation, Submission string
	Text                    string
	EventTime               time.Time // may be zero
}

// Observe saves an observation. It works with no server. Errors: ErrInput
// (bad_time, unknown_item, unknown_site, bad_field) before anything is saved,
// ErrDisk.
func (d *Device) Observe(o Observation) (Saved, error) {
	indicators := []any{}
	for _, i := range o.Indicators {
		indicators = append(indicators, map[string]any{"indicator": i.ID, "basis": i.Basis})
	}
	fields, err := o.fields(o.EventTime)
	if err != nil {
		return Saved{}, err
	}
	fields["indicators"] = indicators
	return d.saveReport("observations", fields)
}

// Fill saves a filled checklist. It works with no server once the checklist
// has been pulled. Errors: ErrInput (unknown_checklist, unknown_version, unknown_locale,
// unknown_item, bad_answer, bad_time, unknown_site, bad_field) before anything
// is saved, ErrDisk.
func (d *Device) Fill(s Submission) (Saved, error) {
	list, err := d.FindChecklistIn(s.Checklist, s.Version, s.Locale)
	if err != nil {
		return Saved{}, err
	}
	fields, err := s.fields(s.EventTime)
	if err != nil {
		return Saved{}, err
	}
	fields["checklist"], fields["version"] = list.ID, list.Version
	fields["answers"] = textMap(s.Answers)
	if len(s.Basis) > 0 {
		fields["basis"] = textMap(s.Basis)
	}
	if s.About != "" {
		fields["about"] = s.About
	}
	return d.saveReport("submissions", fields)
}

// Add saves an addendum to an own report. Errors: ErrInput (unknown_report,
// no_text), ErrDisk.
func (d *Device) Add(a Addendum) (Saved, error) {
	collection, field, id := "observations", "observation", a.Observation
	if id == "" {
		collection, field, id = "submissions", "submission", a.Submission
	}
	if _, known, err := d.Record(collection, id); err != nil {
		return Saved{}, err
	} else if !known {
		return Saved{}, badInput("unknown_report", "There is no such report on this device.", "Name one of this device's reports.")
	}
	if strings.TrimSpace(a.Text) == "" {
		return Saved{}, badInput("no_text", "The addendum has no text.", "Write what is to be added.")
	}
	fields := map[string]any{field: id, "text": a.Text}
	if !a.EventTime.IsZero() {
		text, err := timeText("event_time", a.EventTime)
		if err != nil {
			return Saved{}, err
		}
		fields["event_time"] = text
	}
	return d.Do(Op{Op: wire.OpCreate, Collection: "addenda", Fields: fields})
}

func (d *Device) saveReport(collection string, fields map[string]any) (Saved, error) {
	op := Op{Op: wire.OpCreate, Collection: collection, Fields: fields}
	if err := d.Check(op); err != nil {
		return Saved{}, err
	}
	return d.Do(op)
}

func textMap(m map[string]string) map[string]any {
	out := map[string]any{}
	for k, v := range m {
		out[k] = v
	}
	return out
}

func timeText(field string, t time.Time) (string, error) {
	t = t.UTC()
	if y := t.Year(); t.IsZero() || y < 1970 || y > 9999 {
		return "", badInput("bad_time", "The "+field+" is missing or no time.", "Give a time such as 2026-01-11T04:55:00Z.")
	}
	return t.Format(wire.TimeFormat), nil
}

// fields gives what was filled in; absent keys are left out.
func (r *Details) fields(event time.Time) (map[string]any, error) {
	at, err := timeText("event_time", event)
	if err != nil {
		return nil, err
	}
	f := map[string]any{"event_time": at}
	if !r.EventEnd.IsZero() {
		if f["event_end"], err = timeText("event_end", r.EventEnd); err != nil {
			return nil, err
		}
	}
	for key, text := range map[string]string{"site": r.Site, "grid": r.Grid, "note": r.Note, "operation": r.Operation} {
		if text != "" {
			f[key] = text
		}
	}
	if r.Point != nil {
		f["point"] = map[string]any{"lat": r.Point.Lat, "lon": r.Point.Lon}
	}
	if r.People != nil {
		f["people"] = *r.People
	}
	if len(r.Persons) > 0 {
		list := []any{}
		for _, p := range r.Persons {
			list = append(list, leaveOut(map[string]any{"age": p.Age, "description": texts(p.Description)}))
		}
		f["persons"] = list
	}
	if len(r.Vehicles) > 0 {
		list := []any{}
		for _, v := range r.Vehicles {
			list = append(list, leaveOut(map[string]any{"kind": v.Kind, "color": v.Color,
				"plate_state": v.PlateState, "plate_end": v.PlateEnd, "plate": v.Plate}))
		}
		f["vehicles"] = list
	}
	if len(r.Outreach) > 0 {
		f["outreach"] = texts(r.Outreach)
	}
	if r.MinorPossible {
		f["minor_possible"] = true
	}
	if r.ManagerInvolved {
		f["manager_involved"] = true
	}
	return f, nil
}

func texts(list []string) []any {
	out := []any{}
	for _, s := range list {
		out = append(out, s)
	}
	return out
}

func leaveOut(m map[string]any) map[string]any {
	maps.DeleteFunc(m, func(_ string, v any) bool {
		list, isList := v.([]any)
		return v == "" || isList && len(list) == 0
	})
	return m
}

// Check tells what is wrong with the create of a report, as far as this device
// can know: times, choices, and names of what it has pulled. nil for other ops.
// It names no values: they may hold what a person wrote.
func (d *Device) Check(op Op) error {
	if op.Op != wire.OpCreate || op.Collection != "observations" && op.Collection != "submissions" {
		return nil
	}
	for _, key := range []string{"event_time", "event_end"} {
		v, there := op.Fields[key]
		if text, _ := v.(string); there || key == "event_time" {
			if _, err := ParseTime(text); err != nil {
				return badInput("bad_time", "The "+key+" is missing or no time.", "Give a time such as 2026-01-11T04:55:00Z.")
			}
		}
	}
	if err := d.checkSite(op.Fields["site"]); err != nil {
		return err
	}
	if n, there := op.Fields["people"]; there && n != nil {
		if f, ok := number(n); !ok || f < 0 || f != float64(int64(f)) {
			return badField("people", "a whole number from 0")
		}
	}
	lists, err := d.Checklists()
	if err != nil {
		return err
	}
	if op.Collection == "observations" {
		return checkIndicators(lists, op.Fields["indicators"])
	}
	return checkAnswers(lists, op.Fields)
}

func number(v any) (float64, bool) {
	switch n := v.(type) {
	case int:
		return float64(n), true
	case float64:
		return n, true
	}
	return 0, false
}

func badField(field, want string) error {
	return badInput("bad_field", fmt.Sprintf("%s must be %s.", field, want), "Correct it and save again.")
}

// checkSite accepts what it cannot know: before the first pull there are no
// sites here, and the server decides.
func (d *Device) checkSite(v any) error {
	if v == nil {
		return nil
	}
	id, _ := v.(string)
	unknown := badInput("unknown_site", "There is no such site on this device.", "Name a site by its id; pull first if it is new.")
	if !hlc.ValidID(id) {
		return unknown
	}
	st, err := d.peek()
	if err != nil {
		return err
	}
	if st.viewEpoch == nil || slices.Contains(st.person.Sites, id) {
		return nil
	}
	if _, known, err := d.Record("sites", id); err != nil || known {
		return err
	}
	return unknown
}
