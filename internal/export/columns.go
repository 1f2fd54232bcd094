package export

import (
	"slices"
	"strings"
	"time"

	"github.com/fieldpost/fieldpost/internal/records"
)

// column is one thing that an export of many says of each report. No column
// says who wrote one, about whom they wrote ("me"), or who looked after it:
// nobody needs that in a file that leaves.
type column struct {
	key string // in GeoJSON, never renamed; its heading is the word "column.<key>"
	// say gives a string, int, float64, bool, or nil where there is nothing.
	say func(m *maker, r *records.LeavingReport) any
}

// columns are all of them in their order. note is there for whoever asks for
// texts.
var columns = []column{
	{"id", func(_ *maker, r *records.LeavingReport) any { return r.ID }},
	{"kind", func(m *maker, r *records.LeavingReport) any { return m.words["kind.of."+r.Collection] }},
	{"happened", func(m *maker, r *records.LeavingReport) any { return m.moment(r.Values["event_time"]) }},
	{"until", func(m *maker, r *records.LeavingReport) any { return m.moment(r.Values["event_end"]) }},
	{"arrived", func(m *maker, r *records.LeavingReport) any { return m.moment(r.Values["received"]) }},
	{"clock", func(m *maker, r *records.LeavingReport) any {
		if off := text(r.Values["clock_off"]); off != "ok" {
			return m.words["clock."+off]
		}
		return nil
	}},
	{"organization", func(_ *maker, r *records.LeavingReport) any { return clean(r.Organization) }},
	{"site", func(_ *maker, r *records.LeavingReport) any { return clean(text(r.Site["name"])) }},
	{"venue", func(m *maker, r *records.LeavingReport) any {
		venue := text(r.Site["venue"])
		return m.choice("venue."+venue, venue)
	}},
	{"cell", func(_ *maker, r *records.LeavingReport) any { name, _, _ := placeOf(r); return name }},
	{"latitude", func(_ *maker, r *records.LeavingReport) any {
		if p := pointOf(r.Values["point"]); p != nil {
			return p.Lat
		}
		return nil
	}},
	{"longitude", func(_ *maker, r *records.LeavingReport) any {
		if p := pointOf(r.Values["point"]); p != nil {
			return p.Lon
		}
		return nil
	}},
	{"checklist", func(_ *maker, r *records.LeavingReport) any { return clean(r.Title) }},
	{"version", func(_ *maker, r *records.LeavingReport) any {
		if n, ok := r.Values["version"].(float64); ok {
			return int(n)
		}
		return nil
	}},
	{"signs", func(m *maker, r *records.LeavingReport) any {
		return m.joined(r, (*maker).what, "indicators", "answers")
	}},
	{"emergency_signs", weighed("emergency")},
	{"strong_signs", weighed("strong")},
	{"context_signs", weighed("context")},
	{"people", func(_ *maker, r *records.LeavingReport) any {
		if n, ok := r.Values["people"].(float64); ok {
			return int(n)
		}
		return nil
	}},
	{"persons", func(m *maker, r *records.LeavingReport) any { return m.joined(r, (*maker).who, "persons") }},
	{"minor_possible", func(_ *maker, r *records.LeavingReport) any { return r.Values["minor_possible"] == true }},
	{"vehicles", func(m *maker, r *records.LeavingReport) any { return m.joined(r, (*maker).vehicle, "vehicles") }},
	{"outreach", func(_ *maker, r *records.LeavingReport) any {
		list, _ := r.Values["outreach"].([]any)
		var given []string
		for _, o := range list {
			given = append(given, clean(strings.ReplaceAll(text(o), "_", " ")))
		}
		return strings.Join(given, "; ")
	}},
	{"manager_involved", func(_ *maker, r *records.LeavingReport) any { return r.Values["manager_involved"] == true }},
	{"urgency", func(m *maker, r *records.LeavingReport) any { return m.word("triage.", r.Triage["urgency"]) }},
	{"status", func(m *maker, r *records.LeavingReport) any { return m.word("triage.", r.Triage["status"]) }},
	{"closed_as", func(m *maker, r *records.LeavingReport) any { return m.word("closed.", r.Triage["closing_reason"]) }},
	{"opened", func(m *maker, r *records.LeavingReport) any { return m.moment(r.Triage["opened"]) }},
}

// noteColumn is the free text, for whoever asks for it.
var noteColumn = column{"note", func(_ *maker, r *records.LeavingReport) any { return clean(text(r.Values["note"])) }}

func weighed(weight string) func(*maker, *records.LeavingReport) any {
	return func(_ *maker, r *records.LeavingReport) any {
		n := 0
		for _, s := range r.Signs {
			if s.Weight == weight {
				n++
			}
		}
		return n
	}
}

// itemColumn is the answer to one item of one checklist version: its heading is
// the question as it was asked.
func itemColumn(id, question string) column {
	return column{question, func(m *maker, r *records.LeavingReport) any {
		answers, _ := r.Values["answers"].(map[string]any)
		answer := text(answers[id])
		if answer == "" {
			return nil
		}
		said := m.word("answer.", answer)
		basis, _ := r.Values["basis"].(map[string]any)
		if b := m.words["basis."+text(basis[id])]; b != "" {
			said += " (" + b + ")"
		}
		return said
	}}
}

// placeOf is where a report is: its own coarse cell, or that of its site. A
// site's exact place stays here, and a report's unless its author chose to give
// it (R14).
func placeOf(r *records.LeavingReport) (name string, b box, ok bool) {
	if name, b, ok = cellOf(text(r.Values["grid"])); ok {
		return name, b, ok
	}
	p := pointOf(r.Values["point"])
	if p == nil {
		p = pointOf(r.Site["point"])
	}
	if p == nil {
		return "", box{}, false
	}
	if name, ok = cellAround(*p); !ok {
		return "", box{}, false
	}
	return cellOf(name)
}

func pointOf(v any) *Point {
	m, _ := v.(map[string]any)
	lat, okLat := m["lat"].(float64)
	lon, okLon := m["lon"].(float64)
	if !okLat || !okLon {
		return nil
	}
	return &Point{lat, lon}
}

// word is a choice in words, "" for none.
func (m *maker) word(kind string, v any) string {
	chosen := text(v)
	if chosen == "" {
		return ""
	}
	return m.choice(kind+chosen, chosen)
}

// moment writes a time so that a program and a person can read it, in the
// asked zone: 2026-01-11 22:55:00 -06:00.
func (m *maker) moment(v any) any {
	t := timeOf(v)
	if t.IsZero() {
		return nil
	}
	return t.In(m.opt.Zone).Format(momentForm)
}

const momentForm = time.DateOnly + " 15:04:05 -07:00"

// joined are the lines that a tip sheet has of some fields, in one cell.
func (m *maker) joined(r *records.LeavingReport, section func(*maker, *lines), fields ...string) string {
	own := &maker{report: reportOf(&r.Told), words: m.words, opt: m.opt, leaves: map[string]bool{}}
	l := &lines{m: own}
	section(own, l)
	var parts []string
	for _, line := range l.all {
		if slices.Contains(fields, line.Field) {
			parts = append(parts, line.Text)
		}
	}
	return strings.Join(parts, "; ")
}
