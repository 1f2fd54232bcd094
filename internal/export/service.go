package export

import (
	"fmt"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // a small server has no table of zones of its own

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/fault"
	"github.com/fieldpost/fieldpost/internal/records"
)

// Service fetches what leaves, for whom it may, and writes each use to the
// audit before it is given.
type Service struct {
	Store *records.Store
	Now   func() time.Time
}

// The formats of a tip sheet.
const (
	Preview  = "preview"  // what would leave, as JSON without texts to copy; not audited
	AsText   = "text"     // to read aloud
	AsHTML   = "html"     // to print
	AsPDF    = "pdf"      // to print
	Sections = "sections" // to copy into the web form
)

// Formats are all of them.
var Formats = []string{Preview, AsText, AsHTML, AsPDF, Sections}

// Request asks for a tip sheet.
type Request struct {
	Report  string // id of an observation or a submission
	Format  string // of Formats; "" is Preview
	Kind    string // for Preview: ReadAloud ("" is that) or WebForm
	Locale  string // "" is en
	Zone    string // of the IANA table; "" is UTC
	Without []string
}

// Tip makes a tip sheet for a coordinator who may see the report; by nil is the
// server's operator. nil: there is no such report for them. Anything but a
// preview is an export, and audited as one: never what is on it, and never
// with who wrote the report.
func (s *Service) Tip(by *access.Person, req Request) (*Sheet, error) {
	kind, opt, err := s.options(req)
	if err != nil {
		return nil, err
	}
	told, err := s.Store.ToldOf(by, req.Report, opt.Locale)
	if err != nil || told == nil {
		return nil, err
	}
	for _, t := range told.Tips {
		opt.Earlier = append(opt.Earlier, Earlier{Channel: t.Channel, Line: t.Line, Reference: t.Reference, At: timeOf(t.At)})
	}
	sheet := Make(kind, reportOf(told), opt)
	if req.Format == "" || req.Format == Preview {
		for i := range sheet.Sections {
			sheet.Sections[i].Copy = ""
		}
		return sheet, nil
	}
	actor := records.ActorOperator
	if by != nil {
		actor = by.ID
	}
	organization, _ := told.Values["organization"].(string)
	err = s.Store.Audit(records.Audit{Act: records.ActExport, Actor: actor, Organization: organization, Collection: told.Collection, Record: told.ID,
		Detail: map[string]any{"what": "tip_sheet", "format": req.Format, "locale": sheet.Locale, "fields": sheet.Leaves}})
	if err != nil {
		return nil, err
	}
	return sheet, nil
}

// options checks what was asked.
func (s *Service) options(req Request) (kind string, opt Options, err error) {
	bad := func(format string, args ...any) error {
		return fault.Newf(fault.BadRequest, format, args...).WithHint("Ask for what there is.")
	}
	switch {
	case req.Format != "" && !slices.Contains(Formats, req.Format):
		return "", opt, bad("format is none of %s.", strings.Join(Formats, ", "))
	case req.Locale != "" && wordsOf[req.Locale] == nil:
		return "", opt, bad("locale is neither en nor es.")
	case req.Kind != "" && req.Kind != ReadAloud && req.Kind != WebForm:
		return "", opt, bad("kind is neither %s nor %s.", ReadAloud, WebForm)
	}
	for _, f := range req.Without {
		if !slices.Contains(Fields, f) {
			return "", opt, bad("without names a field that no sheet has. There are: %s.", strings.Join(Fields, ", "))
		}
	}
	opt = Options{Locale: req.Locale, Without: req.Without, Now: s.Now()}
	if opt.Locale == "" {
		opt.Locale = "en"
	}
	// "Local" would be the server's own, which is nobody's.
	if opt.Zone, err = time.LoadLocation(req.Zone); err != nil || req.Zone == "Local" {
		return "", opt, bad("zone is no name of a time zone, such as America/Chicago.")
	}
	kind = req.Kind
	switch {
	case req.Format == Sections:
		kind = WebForm
	case kind == "" || req.Format != Preview && req.Format != "":
		kind = ReadAloud
	}
	return kind, opt, nil
}

// timeOf reads a time as records show it; the zero time for none.
func timeOf(v any) time.Time { return records.TimeOf(text(v)) }

// reportOf takes of a report what a sheet may hold, and nothing else.
func reportOf(told *records.Told) Report {
	v := told.Values
	r := Report{Collection: told.Collection, ID: told.ID, Grid: text(v["grid"]), Event: timeOf(v["event_time"]), EventEnd: timeOf(v["event_end"]),
		ClockOff: text(v["clock_off"]), Note: text(v["note"]), MinorPossible: v["minor_possible"] == true, ManagerInvolved: v["manager_involved"] == true,
		Reason: told.Rule, Addenda: told.Addenda}
	if s := told.Site; s != nil {
		r.Site = &Site{Name: text(s["name"]), Venue: text(s["venue"]), Address: text(s["address"])}
	}
	if p, ok := v["point"].(map[string]any); ok {
		lat, okLat := p["lat"].(float64)
		lon, okLon := p["lon"].(float64)
		if okLat && okLon {
			r.Point = &Point{lat, lon}
		}
	}
	if n, ok := v["people"].(float64); ok {
		whole := int(n)
		r.People = &whole
	}
	for _, s := range told.Signs {
		r.Signs = append(r.Signs, Sign{ID: s.ID, Text: s.Text, Weight: s.Weight, Basis: s.Basis, Language: s.Locale, Awaiting: s.Review != ""})
	}
	for _, p := range objects(v["persons"]) {
		person := Person{Age: text(p["age"])}
		list, _ := p["description"].([]any)
		for _, d := range list {
			person.Description = append(person.Description, text(d))
		}
		r.Persons = append(r.Persons, person)
	}
	for _, e := range objects(v["vehicles"]) {
		r.Vehicles = append(r.Vehicles, Vehicle{text(e["kind"]), text(e["color"]), text(e["plate_state"]), text(e["plate_end"]), text(e["plate"])})
	}
	return r
}

func text(v any) string { s, _ := v.(string); return s }

func objects(v any) []map[string]any {
	list, _ := v.([]any)
	var out []map[string]any
	for _, e := range list {
		if m, ok := e.(map[string]any); ok {
			out = append(out, m)
		}
	}
	return out
}

// File is a sheet in a format, with its media type and name. The name tells
// nothing of what is in it.
func (s *Sheet) File(format string) (body []byte, mediaType, name string, err error) {
	switch format {
	case AsText:
		return s.Text(), "text/plain; charset=utf-8", "sheet.txt", nil
	case Sections:
		return s.CopySections(), "text/plain; charset=utf-8", "sections.txt", nil
	case AsHTML:
		body, err = s.HTML()
		return body, "text/html; charset=utf-8", "sheet.html", err
	case AsPDF:
		body, err = s.PDF()
		return body, "application/pdf", "sheet.pdf", err
	}
	return nil, "", "", fmt.Errorf("make sheet: %q is no file", format)
}
