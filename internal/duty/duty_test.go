package duty

import (
	"strings"
	"testing"
	"time"
	_ "time/tzdata"
)

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	l, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func plan(t *testing.T, name string, hours []any, exceptions ...any) Plan {
	t.Helper()
	p, err := Parse(zone(t, name), hours, exceptions)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func weekly(day, from, to string) any { return map[string]any{"day": day, "from": from, "to": to} }

func TestAt(t *testing.T) {
	chicago := "America/Chicago"
	fri := plan(t, chicago, []any{weekly("fri", "18:00", "02:00"), weekly("sat", "20:00", "23:00")})
	daily := func(from, to string, exceptions ...any) Plan {
		var all []any
		for _, d := range Days {
			all = append(all, weekly(d, from, to))
		}
		return plan(t, chicago, all, exceptions...)
	}
	closed := func(date string) any { return map[string]any{"date": date, "closed": true} }
	shift := func(date, from, to string) any {
		return map[string]any{"date": date, "from": from, "to": to, "person": "abcdefghijklmno"}
	}
	for _, c := range []struct {
		name            string
		plans           []Plan
		now             string // RFC 3339
		on              bool
		until, nextTime string // RFC 3339, "" for none
	}{
		{"nobody without a plan", nil, "2026-11-20T23:00:00-06:00", false, "", ""},
		{"nobody without hours", []Plan{plan(t, chicago, nil)}, "2026-11-20T23:00:00-06:00", false, "", ""},
		{"before the hours", []Plan{fri}, "2026-11-20T17:59:59-06:00", false, "", "2026-11-20T18:00:00-06:00"},
		{"from their first second", []Plan{fri}, "2026-11-20T18:00:00-06:00", true, "2026-11-21T02:00:00-06:00", ""},
		{"over midnight", []Plan{fri}, "2026-11-21T01:59:59-06:00", true, "2026-11-21T02:00:00-06:00", ""},
		{"to their last second", []Plan{fri}, "2026-11-21T02:00:00-06:00", false, "", "2026-11-21T20:00:00-06:00"},
		{"asked in another zone", []Plan{fri}, "2026-11-21T07:59:59Z", true, "2026-11-21T02:00:00-06:00", ""},
		{"the next week", []Plan{fri}, "2026-11-21T23:00:00-06:00", false, "", "2026-11-27T18:00:00-06:00"},
		{"a closed date has none of its hours", []Plan{daily("18:00", "02:00", closed("2026-12-24"))}, "2026-12-24T19:00:00-06:00", false, "", "2026-12-25T18:00:00-06:00"},
		{"and leaves those that began the day before", []Plan{daily("18:00", "02:00", closed("2026-12-24"))}, "2026-12-24T01:00:00-06:00", true, "2026-12-24T02:00:00-06:00", ""},
		{"and takes those into the next day", []Plan{daily("18:00", "02:00", closed("2026-12-24"))}, "2026-12-25T01:00:00-06:00", false, "", "2026-12-25T18:00:00-06:00"},
		{"a shift on a closed date holds", []Plan{daily("18:00", "02:00", closed("2026-12-24"), shift("2026-12-24", "20:00", "21:00"))}, "2026-12-24T20:30:00-06:00", true, "2026-12-24T21:00:00-06:00", ""},
		{"a shift beside the hours prolongs them", []Plan{plan(t, chicago, []any{weekly("fri", "18:00", "20:00")}, shift("2026-11-20", "20:00", "21:00"))}, "2026-11-20T19:00:00-06:00", true, "2026-11-20T21:00:00-06:00", ""},
		{"a shift weeks ahead is the next", []Plan{plan(t, chicago, nil, shift("2026-12-31", "18:00", "23:00"))}, "2026-11-20T19:00:00-06:00", false, "", "2026-12-31T18:00:00-06:00"},
		{"a shift of the past is none", []Plan{plan(t, chicago, nil, shift("2026-01-31", "18:00", "23:00"))}, "2026-11-20T19:00:00-06:00", false, "", ""},
		{"always on duty promises a day", []Plan{daily("00:00", "00:00")}, "2026-11-20T19:00:00-06:00", true, "2026-11-21T19:00:00-06:00", ""},
		{"two plans together", []Plan{fri, plan(t, "America/New_York", []any{weekly("sat", "03:00", "05:00")})}, "2026-11-21T01:00:00-06:00", true, "2026-11-21T04:00:00-06:00", ""},
		{"clocks go forward within: an hour less", []Plan{daily("22:00", "06:00")}, "2026-03-08T01:30:00-06:00", true, "2026-03-08T06:00:00-05:00", ""},
		{"a begin that the clocks leap over is the leap", []Plan{daily("02:30", "06:00")}, "2026-03-08T01:59:59-06:00", false, "", "2026-03-08T03:00:00-05:00"},
		{"an end that they leap over too", []Plan{daily("22:00", "02:30")}, "2026-03-08T01:30:00-06:00", true, "2026-03-08T03:00:00-05:00", ""},
		{"hours that they leap over whole are none", []Plan{daily("02:10", "02:50")}, "2026-03-08T00:30:00-06:00", false, "", "2026-03-09T02:10:00-05:00"},
		{"clocks go back: an end that comes twice is the first", []Plan{daily("22:00", "01:30")}, "2026-11-01T01:15:00-05:00", true, "2026-11-01T01:30:00-05:00", ""},
		{"and by the second it is over", []Plan{daily("22:00", "01:30")}, "2026-11-01T01:15:00-06:00", false, "", "2026-11-01T22:00:00-06:00"},
		{"clocks go back within: an hour more", []Plan{daily("22:00", "06:00")}, "2026-11-01T01:30:00-06:00", true, "2026-11-01T06:00:00-06:00", ""},
		{"clocks that change by half an hour", []Plan{plan(t, "Australia/Lord_Howe", []any{weekly("sun", "02:15", "05:00")})}, "2026-10-03T15:00:00Z", false, "", "2026-10-03T15:30:00Z"},
		{"a zone ahead of UTC", []Plan{plan(t, "Pacific/Kiritimati", []any{weekly("sat", "00:00", "01:00")})}, "2026-11-20T10:30:00Z", true, "2026-11-20T11:00:00Z", ""},
	} {
		t.Run("[R23] on duty: "+c.name, func(t *testing.T) {
			now, err := time.Parse(time.RFC3339, c.now)
			if err != nil {
				t.Fatal(err)
			}
			got := At(c.plans, now)
			if got.On != c.on || !is(t, got.Until, c.until) || !is(t, got.Next, c.nextTime) {
				t.Fatalf("got %+v", got)
			}
		})
	}
	t.Run("[R23] the answer changes exactly at the times that it names, for a year of zones and changes of clocks", func(t *testing.T) {
		for _, p := range [][]Plan{{fri}, {daily("01:30", "02:30")}, {fri, daily("23:30", "00:15", closed("2026-11-01"))}} {
			now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
			for range 900 {
				a := At(p, now)
				turn := a.Next
				if a.On {
					turn = a.Until
				}
				if turn.IsZero() || !turn.After(now) {
					t.Fatalf("at %s: %+v", now, a)
				}
				if before, after := At(p, turn.Add(-time.Second)), At(p, turn); before.On != a.On || after.On == a.On {
					t.Fatalf("at %s: %+v, but %+v and %+v", now, a, before, after)
				}
				now = turn
			}
		}
	})
}

func is(t *testing.T, got time.Time, want string) bool {
	t.Helper()
	if want == "" {
		return got.IsZero()
	}
	w, err := time.Parse(time.RFC3339, want)
	if err != nil {
		t.Fatal(err)
	}
	return got.Equal(w)
}

func TestParse(t *testing.T) {
	long := make([]any, MaxHours+1)
	for i := range long {
		long[i] = weekly("mon", "01:00", "02:00")
	}
	for name, c := range map[string]struct{ hours, exceptions any }{
		"no list":                       {hours: "always"},
		"a day that is none":            {hours: []any{weekly("monday", "01:00", "02:00")}},
		"a time that is none":           {hours: []any{weekly("mon", "25:00", "02:00")}},
		"a time with one digit":         {hours: []any{weekly("mon", "1:00", "02:00")}},
		"a member that nobody knows":    {hours: []any{map[string]any{"day": "mon", "from": "01:00", "to": "02:00", "name": "x"}}},
		"a date that is none":           {exceptions: []any{map[string]any{"date": "2026-02-30", "closed": true}}},
		"neither closed nor hours":      {exceptions: []any{map[string]any{"date": "2026-02-28"}}},
		"closed with hours":             {exceptions: []any{map[string]any{"date": "2026-02-28", "closed": true, "from": "01:00", "to": "02:00"}}},
		"more hours than anybody needs": {hours: long},
		"a person that is a text":       {exceptions: []any{map[string]any{"date": "2026-02-28", "from": "01:00", "to": "02:00", "person": strings.Repeat("x", 16)}}},
	} {
		t.Run("[R23] on-call hours with "+name+" are refused in words", func(t *testing.T) {
			if _, err := Parse(time.UTC, c.hours, c.exceptions); err == nil {
				t.Fatal("taken")
			}
		})
	}
	t.Run("[R23] none at all are taken", func(t *testing.T) {
		if _, err := Parse(time.UTC, nil, nil); err != nil {
			t.Fatal(err)
		}
	})
}
