package demo

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/fieldpost/fieldpost/client"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// report is one that a phone of the past saves.
type report struct {
	id         string // "" makes one
	saved      time.Time
	collection string
	fields     map[string]any
	how        urgency
}

// maker makes a report that is saved at a time.
type maker func(saved time.Time, how urgency) report

// outing makes the reports of outreach workers at a site: observations, and
// now and then a filled checklist.
func (h *history) outing(place site) maker {
	return func(saved time.Time, how urgency) report {
		seen := saved.Add(-time.Duration(h.by.IntN(25)) * time.Minute)
		if len(place.lists) > 0 && h.by.IntN(6) == 0 {
			noticed, r := h.filled(h.by.oneOf(place.lists)+" en", saved, seen, how)
			h.details(r.fields, place, h.by.outing(place.venue, len(noticed)))
			h.joint(saved, place, r)
			return r
		}
		noticed := h.by.notice(h.lists["core en"].items, how)
		indicators := []any{}
		for _, i := range noticed {
			indicators = append(indicators, map[string]any{"indicator": i, "basis": h.by.basis()})
		}
		r := report{saved: saved, collection: "observations", how: how,
			fields: map[string]any{"event_time": timeText(seen), "indicators": indicators, "grid": place.grid}}
		h.details(r.fields, place, h.by.outing(place.venue, len(noticed)))
		h.joint(saved, place, r)
		return r
	}
}

// joint puts a report under the operation if that lasts when it is saved.
func (h *history) joint(saved time.Time, place site, r report) {
	if !place.alone && saved.After(h.t.start.Add(-before)) {
		r.fields["operation"] = h.t.effort
	}
}

// onDuty makes the reports of a site's staff: checklists, with choices and no
// free text (R2).
func (h *history) onDuty(place site) maker {
	return func(saved time.Time, how urgency) report {
		locale := "en"
		if int(saved.Unix()/60)%staffPerSite < place.spanish {
			locale = "es"
		}
		noticed, r := h.filled(h.by.oneOf(place.lists)+" "+locale, saved, saved.Add(-time.Duration(h.by.IntN(180))*time.Minute), how)
		r.fields["about"] = "guest"
		if h.by.IntN(7) == 0 {
			r.fields["about"] = "coworker"
			r.fields["manager_involved"] = h.by.IntN(3) == 0
		}
		d := client.Details{}
		if len(noticed) > 0 {
			n := 1 + h.by.IntN(2)
			d.People = &n
			d.Persons = []client.Described{{Age: h.by.oneOf(ages), Description: []string{h.by.oneOf(looks)}}}
		}
		h.details(r.fields, place, d)
		return r
	}
}

// filled makes a submission of a checklist, named as in lists.
func (h *history) filled(key string, saved, seen time.Time, how urgency) ([]string, report) {
	l := h.lists[key]
	noticed := h.by.notice(l.items, how)
	answers, basis := h.by.answers(l.items, noticed)
	return noticed, report{saved: saved, collection: "submissions", how: how, fields: map[string]any{
		"checklist": l.id, "version": l.version, "event_time": timeText(seen), "answers": answers, "basis": basis}}
}

// details adds the fields that reports have in common; what is empty is left
// out, as a phone does.
func (h *history) details(fields map[string]any, place site, d client.Details) {
	if place.key != "" {
		fields["site"] = h.t.sites[place.key]
	}
	if d.People != nil {
		fields["people"] = *d.People
	}
	if d.Note != "" {
		fields["note"] = d.Note
	}
	if d.MinorPossible {
		fields["minor_possible"] = true
	}
	if len(d.Outreach) > 0 {
		fields["outreach"] = d.Outreach
	}
	var persons, vehicles []any
	for _, p := range d.Persons {
		persons = append(persons, map[string]any{"age": p.Age, "description": p.Description})
	}
	for _, v := range d.Vehicles {
		vehicles = append(vehicles, map[string]any{"kind": v.Kind, "color": v.Color, "plate_state": v.PlateState})
	}
	if persons != nil {
		fields["persons"] = persons
	}
	if vehicles != nil {
		fields["vehicles"] = vehicles
	}
}

// file saves reports on a phone and pushes them when it is back.
func (h *history) file(ctx context.Context, who string, back time.Time, reports ...report) error {
	p, err := h.phone(who)
	if err != nil {
		return err
	}
	for i := range reports {
		r := &reports[i]
		if r.id == "" {
			r.id = id(h.s, fmt.Sprintf("report %d", h.count))
			h.count++
		}
		p.save(r.saved, wire.Op{Op: wire.OpCreate, Collection: r.collection, ID: r.id, Fields: r.fields})
	}
	verdicts, err := p.push(ctx, h.s, h.clock, back, wire.Applied)
	if err != nil {
		return err
	}
	if strings.HasPrefix(who, besides) {
		return nil // what their coordinator does is not told
	}
	for i, v := range verdicts {
		r := reports[i]
		// The triage record is the last that the server made of the mutation.
		h.filed = append(h.filed, &filed{collection: r.collection, id: r.id, version: v.Seq, at: back, how: r.how})
	}
	return nil
}

// refused is a checklist with a note, which the organization takes from no
// site's staff: it is kept, and a coordinator finds it in quarantine.
func (h *history) refused(ctx context.Context, at time.Time) error {
	p, err := h.phone(fmt.Sprintf("staff %s %d", sites[1].key, staffPerSite-1))
	if err != nil {
		return err
	}
	r := h.onDuty(sites[1])(at.Add(-20*time.Minute), plain)
	r.fields["note"] = "Please ask me about this when my shift ends."
	p.save(r.saved, wire.Op{Op: wire.OpCreate, Collection: r.collection, ID: id(h.s, "refused report"), Fields: r.fields})
	_, err = p.push(ctx, h.s, h.clock, at, wire.Refused)
	return err
}

func (h *history) phone(who string) (*phone, error) {
	if p := h.t.phones[who]; p != nil {
		return p, nil
	}
	return nil, fmt.Errorf("there is no %s in the demo", who)
}

func timeText(t time.Time) string { return t.UTC().Format(wire.TimeFormat) }
