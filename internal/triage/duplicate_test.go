package triage

import (
	"fmt"
	"reflect"
	"testing"
	"time"
)

func TestCandidates(t *testing.T) {
	rules := shipped(t)
	const base = int64(1768108200000)
	minutes := func(n int64) int64 { return base + n*60_000 }
	van := Vehicle{Kind: "van", Color: "silver", State: "MO", End: "7X"}
	of := Sighting{Collection: "observations", ID: "me", Site: "s1", At: base, ClockOff: ClockOK, Vehicles: []Vehicle{van}}
	with := func(change func(*Sighting)) Sighting {
		o := of
		o.ID, o.Vehicles = "you", []Vehicle{van}
		change(&o)
		return o
	}
	for _, c := range []struct {
		name  string
		other Sighting
		want  []string // Why; nil for no candidate
	}{
		{"the same place, time and vehicle", with(func(o *Sighting) { o.At = minutes(90) }), []string{SamePlace, SameTime, SameVehicle}},
		{"a submission beside an observation", with(func(o *Sighting) { o.Collection, o.ID = "submissions", "me" }), []string{SamePlace, SameTime, SameVehicle}},
		{"itself is none", of, nil},
		{"another site is none, whatever the vehicle", with(func(o *Sighting) { o.Site = "s2" }), nil},
		{"no site beside a site is none", with(func(o *Sighting) { o.Site = "" }), nil},
		{"two hours and a minute apart is none", with(func(o *Sighting) { o.At = minutes(121) }), nil},
		{"two hours apart, before", with(func(o *Sighting) { o.At = minutes(-120) }), []string{SamePlace, SameTime, SameVehicle}},
		{"three stops of three vehicles are three stops", with(func(o *Sighting) { o.Vehicles = []Vehicle{{Kind: "truck", Color: "red"}} }), nil},
		{"who saw no vehicle may have seen the same", with(func(o *Sighting) { o.Vehicles = nil }), []string{SamePlace, SameTime}},
		{"a vehicle with nothing said of it is no vehicle", with(func(o *Sighting) { o.Vehicles = []Vehicle{{State: "MO"}} }), []string{SamePlace, SameTime}},
		{"the kind alone does not make it the same, and does not fit either", with(func(o *Sighting) { o.Vehicles = []Vehicle{{Kind: "van"}} }), nil},
		{"more of the same plate was read", with(func(o *Sighting) { o.Vehicles = []Vehicle{{End: "c-7x"}} }), []string{SamePlace, SameTime, SameVehicle}},
		{"another end of the plate", with(func(o *Sighting) { o.Vehicles = []Vehicle{{Kind: "van", Color: "silver", End: "8X"}} }), nil},
		{"another state", with(func(o *Sighting) { o.Vehicles = []Vehicle{{Kind: "van", Color: "silver", State: "KS", End: "7X"}} }), nil},
		{"one of several vehicles", with(func(o *Sighting) { o.Vehicles = []Vehicle{{Kind: "car", Color: "red"}, van} }), []string{SamePlace, SameTime, SameVehicle}},
		{"hours apart by a clock that was off by hours, and the vehicle fits", with(func(o *Sighting) { o.At, o.ClockOff = minutes(20*60), ClockHours }), []string{SamePlace, LooseTime, SameVehicle}},
		{"hours apart by such a clock, and nothing else speaks for it", with(func(o *Sighting) { o.At, o.ClockOff, o.Vehicles = minutes(20*60), ClockHours, nil }), nil},
		{"days apart by a clock that was off by hours", with(func(o *Sighting) { o.At, o.ClockOff = minutes(30*60), ClockHours }), nil},
	} {
		t.Run("[R19] candidates for a duplicate: "+c.name, func(t *testing.T) {
			got := rules.Candidates(of, []Sighting{c.other})
			back := rules.Candidates(c.other, []Sighting{of})
			if len(got) != len(back) {
				t.Fatalf("it goes one way only: %v, %v", got, back)
			}
			if (len(got) == 1) != (c.want != nil) || len(got) == 1 && !reflect.DeepEqual(got[0].Why, c.want) {
				t.Fatalf("got %+v, want %v", got, c.want)
			}
			if len(got) == 1 && (got[0].About != (c.other.ClockOff != ClockOK) || !reflect.DeepEqual(got[0].Why, back[0].Why)) {
				t.Fatalf("%+v %+v", got, back)
			}
		})
	}
	t.Run("[R14] without sites the coarse cell is the place, and no place is none", func(t *testing.T) {
		a, b := of, with(func(*Sighting) {})
		a.Site, b.Site = "", ""
		if got := rules.Candidates(a, []Sighting{b}); len(got) != 0 {
			t.Fatalf("two reports without a place: %v", got)
		}
		a.Grid, b.Grid = "9yum", "9yum"
		if got := rules.Candidates(a, []Sighting{b}); len(got) != 1 {
			t.Fatalf("got %v", got)
		}
		b.Grid = "9yuk"
		if got := rules.Candidates(a, []Sighting{b}); len(got) != 0 {
			t.Fatalf("got %v", got)
		}
	})
	t.Run("[R19] those with a vehicle come first, then the nearest, whatever the order they are given in", func(t *testing.T) {
		var others []Sighting
		for i, far := range []int64{5, 60, 30} {
			others = append(others, with(func(o *Sighting) { o.ID, o.At = fmt.Sprint("v", i), minutes(far) }))
		}
		others = append(others, with(func(o *Sighting) { o.ID, o.Vehicles = "plain", nil }))
		for range others {
			others = append(others[1:], others[0])
			var ids []string
			for _, c := range rules.Candidates(of, others) {
				ids = append(ids, c.ID)
			}
			if fmt.Sprint(ids) != "[v0 v2 v1 plain]" {
				t.Fatal(ids)
			}
		}
	})
	t.Run("[R19] none is an empty list, never null", func(t *testing.T) {
		if got := rules.Candidates(of, nil); got == nil || len(got) != 0 {
			t.Fatal(got)
		}
	})
}

func TestLate(t *testing.T) {
	rules := shipped(t)
	const received = int64(1768108200000)
	ms := func(d time.Duration) int64 { return int64(d / time.Millisecond) }
	for _, c := range []struct {
		name   string
		after  time.Duration // from event to receipt
		clock  string
		read   time.Duration // after receipt
		en, es string
	}{
		{"what arrives at once is not late", time.Minute, ClockOK, 0, "", ""},
		{"twelve hours less a minute is not", 12*time.Hour - time.Minute, ClockOK, 0, "", ""},
		{"twelve hours is", 12 * time.Hour, ClockOK, 0, "happened 12 h ago, arrived now", "pasó hace 12 h, llegó ahora"},
		{"31 hours, as it arrives", 31 * time.Hour, ClockOK, time.Minute, "happened 31 h ago, arrived now", "pasó hace 31 h, llegó ahora"},
		{"31 hours, read two hours later", 31 * time.Hour, ClockOK, 2 * time.Hour, "happened 33 h ago, arrived 2 h ago", "pasó hace 33 h, llegó hace 2 h"},
		{"a clock in doubt says about", 31 * time.Hour, ClockHours, 40 * time.Minute, "happened about 31 h ago, arrived 40 min ago", "pasó hace unas 31 h, llegó hace 40 min"},
		{"days", 75 * time.Hour, ClockDays, 0, "happened about 3 days ago, arrived now", "pasó hace unos 3 días, llegó ahora"},
		{"a clock that nobody knows anything of is in doubt", 75 * time.Hour, "", 0, "happened about 3 days ago, arrived now", "pasó hace unos 3 días, llegó ahora"},
		{"an event that lies after its receipt is not late", -40 * time.Hour, ClockDays, 0, "", ""},
	} {
		t.Run("[R19] late arrivals: "+c.name, func(t *testing.T) {
			event := received - ms(c.after)
			l := rules.Lateness(event, received, c.clock)
			if l.Late != (c.en != "") || l.Minutes != int64(c.after/time.Minute) || l.About != (c.clock != ClockOK) {
				t.Fatalf("%+v", l)
			}
			for locale, want := range map[string]string{"en": c.en, "es": c.es} {
				if got := l.Words(event, received, received+ms(c.read), locale); got != want {
					t.Errorf("%s: %q, want %q", locale, got, want)
				}
			}
		})
	}
	t.Run("[R19] a reader whose clock is behind sees no negative times", func(t *testing.T) {
		l := rules.Lateness(received-ms(20*time.Hour), received, ClockOK)
		if got := l.Words(received-ms(20*time.Hour), received, received-ms(30*time.Hour), "en"); got != "happened 0 min ago, arrived now" {
			t.Fatal(got)
		}
	})
}
