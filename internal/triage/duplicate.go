package triage

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// How far a clock was off, as reports say it (PUSH-12).
const (
	ClockOK      = "ok"
	ClockMinutes = "minutes"
	ClockHours   = "hours"
	ClockDays    = "days"
)

// slack is how much wider two reports may lie apart when a clock was off.
var slack = map[string]time.Duration{ClockMinutes: time.Hour, ClockHours: 24 * time.Hour, ClockDays: 7 * 24 * time.Hour}

// MaxApart is the most that two candidates can lie apart, for who looks them
// up: twice the greatest slack, and the rules' own.
func (r *Rules) MaxApart() time.Duration { return r.Within() + 2*slack[ClockDays] }

// Sighting is what of a report decides whether another may be about the same.
// Who wrote it does not: staff reports have no author that anybody sees.
type Sighting struct {
	Collection string
	ID         string
	Site       string // id; "" for none
	Grid       string // coarse cell; "" for none. Counts where neither has a site
	At         int64  // event_time, Unix ms
	ClockOff   string // ClockOK and so on
	Vehicles   []Vehicle
}

// Vehicle is a vehicle as reports describe it; each part may be "".
type Vehicle struct{ Kind, Color, State, End string }

// What speaks for a candidate.
const (
	SamePlace   = "place"
	SameTime    = "time"    // within the rules' minutes
	LooseTime   = "clock"   // within them only if a clock was off
	SameVehicle = "vehicle" // a vehicle of each could be one
)

// Candidate is a report that may be about the same as another. A person
// decides; nothing is ever merged.
type Candidate struct {
	Collection string   `json:"collection"`
	ID         string   `json:"id"`
	Why        []string `json:"why"`     // SamePlace and so on
	Minutes    int      `json:"minutes"` // apart, as the clocks said
	About      bool     `json:"about"`   // a clock was off
}

// Candidates finds, among others, candidates for a report: the same place,
// near in time, and no vehicle that says otherwise. Where both describe
// vehicles and none could be the same, they are two things that happened at one
// place. What is near only if a clock was off needs a vehicle that fits. Those
// with a vehicle come first, then the nearest.
func (r *Rules) Candidates(of Sighting, others []Sighting) []Candidate {
	out := []Candidate{}
	for _, o := range others {
		if o.Collection == of.Collection && o.ID == of.ID || !samePlace(of, o) {
			continue
		}
		apart := time.Duration(of.At-o.At) * time.Millisecond
		if apart < 0 {
			apart = -apart
		}
		c := Candidate{Collection: o.Collection, ID: o.ID, Why: []string{SamePlace}, Minutes: int(apart / time.Minute),
			About: inDoubt(of.ClockOff) || inDoubt(o.ClockOff)}
		same, different := compare(of.Vehicles, o.Vehicles)
		switch {
		case different:
			continue
		case apart <= r.Within():
			c.Why = append(c.Why, SameTime)
		case same && apart <= r.Within()+slack[of.ClockOff]+slack[o.ClockOff]:
			c.Why = append(c.Why, LooseTime)
		default:
			continue
		}
		if same {
			c.Why = append(c.Why, SameVehicle)
		}
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b Candidate) int {
		va, vb := slices.Contains(a.Why, SameVehicle), slices.Contains(b.Why, SameVehicle)
		if va != vb {
			if va {
				return -1
			}
			return 1
		}
		return cmp.Or(cmp.Compare(a.Minutes, b.Minutes), cmp.Compare(a.Collection, b.Collection), cmp.Compare(a.ID, b.ID))
	})
	return out
}

func inDoubt(clock string) bool { return clock != ClockOK }

func samePlace(a, b Sighting) bool {
	if a.Site != "" || b.Site != "" {
		return a.Site == b.Site
	}
	return a.Grid != "" && a.Grid == b.Grid
}

// compare tells whether two lists of vehicles have one that could be the same,
// or both describe vehicles of which none could.
func compare(a, b []Vehicle) (same, different bool) {
	described := func(v Vehicle) bool { return v.Kind != "" || v.Color != "" || v.End != "" }
	any := false
	for _, x := range a {
		for _, y := range b {
			if !described(x) || !described(y) {
				continue
			}
			any = true
			if x.like(y) {
				return true, false
			}
		}
	}
	return false, any
}

// like tells whether two descriptions could be of one vehicle: nothing
// contradicts, and the end of the plate, or kind and color, are said by both.
func (v Vehicle) like(o Vehicle) bool {
	fits := func(x, y string) bool { return x == "" || y == "" || strings.EqualFold(x, y) }
	x, y := plateEnd(v.End), plateEnd(o.End)
	end := x != "" && y != "" && (strings.HasSuffix(x, y) || strings.HasSuffix(y, x))
	if !fits(v.State, o.State) || !fits(v.Kind, o.Kind) || !fits(v.Color, o.Color) || x != "" && y != "" && !end {
		return false
	}
	return end || v.Kind != "" && o.Kind != "" && v.Color != "" && o.Color != ""
}

// plateEnd leaves out what one writes and another does not.
func plateEnd(text string) string {
	return strings.Map(func(r rune) rune {
		if r == ' ' || r == '-' || r == '.' {
			return -1
		}
		return r
	}, strings.ToUpper(text))
}
