// Package duty tells from an organization's on-call hours whether somebody is
// on duty, until when, and from when next (R23). It is pure: the time and the
// time zone are given.
package duty

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// Days of the week as plans name them, Sunday first as in package time.
var Days = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// Most that one plan may hold: hours of a week, and exceptions.
const (
	MaxHours      = 50
	MaxExceptions = 400
)

// Hours are from a time of day to another, on a day of every week. What ends at
// or before its begin ends on the next day; from equal to to is a whole day.
type Hours struct {
	Day  string `json:"day"`  // one of Days: the day on which it begins
	From string `json:"from"` // "18:00", on the clock of the plan's zone
	To   string `json:"to"`   // "02:00"
}

// Exception is what is different on one date. Closed takes away the hours of
// the week that begin on it; otherwise From to To come in addition: a shift.
type Exception struct {
	Date   string `json:"date"` // "2026-12-24"
	Closed bool   `json:"closed,omitempty"`
	From   string `json:"from,omitempty"`
	To     string `json:"to,omitempty"`
	Person string `json:"person,omitempty"` // id of the coordinator who takes the shift; nobody is told
}

// Plan is when somebody of an organization is on duty.
type Plan struct {
	Zone       *time.Location
	Hours      []Hours
	Exceptions []Exception
}

// Parse reads hours and exceptions as records hold them: decoded JSON, nil for
// none. The error says what is wrong, in words for the person who wrote it.
func Parse(zone *time.Location, hours, exceptions any) (Plan, error) {
	p := Plan{Zone: zone}
	if err := into(hours, &p.Hours); err != nil {
		return p, fmt.Errorf("hours is no list of {day, from, to}")
	}
	if err := into(exceptions, &p.Exceptions); err != nil {
		return p, fmt.Errorf("exceptions is no list of {date, closed} or {date, from, to, person}")
	}
	return p, p.check()
}

func into(v, target any) error {
	if v == nil || v == "" {
		return nil
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	return d.Decode(target)
}

func (p Plan) check() error {
	if len(p.Hours) > MaxHours || len(p.Exceptions) > MaxExceptions {
		return fmt.Errorf("there are more than %d hours or %d exceptions", MaxHours, MaxExceptions)
	}
	for _, h := range p.Hours {
		if !slices.Contains(Days, h.Day) {
			return fmt.Errorf("day %.20q is none of sun, mon, tue, wed, thu, fri, sat", h.Day)
		}
		if err := span(h.From, h.To); err != nil {
			return err
		}
	}
	for _, x := range p.Exceptions {
		if _, err := time.Parse(time.DateOnly, x.Date); err != nil {
			return fmt.Errorf("date %.20q is no date such as 2026-12-24", x.Date)
		}
		if len(x.Person) > 15 {
			return fmt.Errorf("person is no id")
		}
		if x.Closed {
			if x.From+x.To+x.Person != "" {
				return fmt.Errorf("a closed date has no hours")
			}
			continue
		}
		if err := span(x.From, x.To); err != nil {
			return err
		}
	}
	return nil
}

func span(from, to string) error {
	for _, s := range []string{from, to} {
		if _, _, ok := ofDay(s); !ok {
			return fmt.Errorf("%.20q is no time such as 18:00", s)
		}
	}
	return nil
}

func ofDay(s string) (hour, minute int, ok bool) {
	t, err := time.Parse("15:04", s)
	return t.Hour(), t.Minute(), err == nil && len(s) == 5
}

// Answer is what may be told to anybody: that somebody is on duty, and until
// when at least, or from when next. A zero time is not known. It names nobody.
type Answer struct {
	On          bool
	Until, Next time.Time
}

// How far ahead the next duty is looked for, and the most that is promised of
// one that goes on.
const (
	ahead   = 62 // days
	promise = 24 * time.Hour
)

// At tells how it stands at a time by all plans of an organization together:
// somebody is on duty when any of them says so.
func At(plans []Plan, now time.Time) Answer {
	for _, d := range merged(plans, now) {
		switch {
		case !d.to.After(now):
		case d.from.After(now):
			return Answer{Next: d.from}
		default:
			until := d.to
			if most := now.Add(promise); until.After(most) {
				until = most
			}
			return Answer{On: true, Until: until}
		}
	}
	return Answer{}
}

// duration is from an instant up to another.
type duration struct{ from, to time.Time }

// merged gives when somebody is on duty, from the day before now on, in order;
// what touches is one.
func merged(plans []Plan, now time.Time) []duration {
	var all []duration
	for _, p := range plans {
		all = append(all, p.durations(now)...)
	}
	slices.SortFunc(all, func(a, b duration) int { return a.from.Compare(b.from) })
	var out []duration
	for _, d := range all {
		if !d.to.After(d.from) {
			continue // hours that fall whole into the one that the clocks leap over
		}
		if n := len(out); n > 0 && !d.from.After(out[n-1].to) {
			if d.to.After(out[n-1].to) {
				out[n-1].to = d.to
			}
			continue
		}
		out = append(out, d)
	}
	return out
}

func (p Plan) durations(now time.Time) []duration {
	var out []duration
	year, month, day := now.In(p.Zone).Date()
	// Two days back: a whole day that began the day before yesterday may reach
	// into today where clocks change.
	for i := -2; i <= ahead; i++ {
		date := time.Date(year, month, day+i, 0, 0, 0, 0, time.UTC)
		name, closed := date.Format(time.DateOnly), false
		for _, x := range p.Exceptions {
			if x.Date != name {
				continue
			}
			if closed = closed || x.Closed; !x.Closed {
				out = append(out, p.on(date, x.From, x.To))
			}
		}
		for _, h := range p.Hours {
			if !closed && h.Day == Days[date.Weekday()] {
				out = append(out, p.on(date, h.From, h.To))
			}
		}
	}
	return out
}

func (p Plan) on(date time.Time, from, to string) duration {
	fh, fm, _ := ofDay(from)
	th, tm, _ := ofDay(to)
	end := date
	if th*60+tm <= fh*60+fm {
		end = date.AddDate(0, 0, 1)
	}
	return duration{wall(p.Zone, date, fh, fm), wall(p.Zone, end, th, tm)}
}

// wall is the instant at which a clock on the wall shows a time of a date. A
// time that comes twice, when clocks go back, is its first; one that never
// comes is the moment at which they leap over it.
func wall(zone *time.Location, date time.Time, hour, minute int) time.Time {
	as := date.Add(time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute) // as if in UTC
	offset := func(at time.Time) time.Duration {
		_, seconds := at.In(zone).Zone()
		return time.Duration(seconds) * time.Second
	}
	// The zones in force the day before and the day after are the only two that
	// it can be of.
	before, after := offset(as.Add(-24*time.Hour)), offset(as.Add(24*time.Hour))
	first := as.Add(-max(before, after))
	second := as.Add(-min(before, after))
	for _, t := range []time.Time{first, second} {
		if offset(t) == as.Sub(t) {
			return t.In(zone)
		}
	}
	start, _ := second.In(zone).ZoneBounds()
	return start.In(zone)
}
