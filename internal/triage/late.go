package triage

import (
	"fmt"
	"time"
)

// Late tells how long after what it tells a report arrived.
type Late struct {
	Late    bool  `json:"late"`    // at least as long as the rules say
	Minutes int64 `json:"minutes"` // from event to receipt, as the clock said; negative: the event lies after it
	About   bool  `json:"about"`   // the clock was off
}

// now is how long after it an arrival is still "now".
const now = 5 * time.Minute

// Lateness compares a report's event_time and received (Unix ms).
func (r *Rules) Lateness(event, received int64, clockOff string) Late {
	l := Late{Minutes: (received - event) / int64(time.Minute/time.Millisecond), About: inDoubt(clockOff)}
	l.Late = time.Duration(received-event)*time.Millisecond >= r.LateAfter()
	return l
}

// Words says it for the board: "happened 31 h ago, arrived now". at is the
// moment at which it is read, event and received as above; a clock in doubt
// says "about". It is "" for a report that is not late.
func (l Late) Words(event, received, at int64, locale string) string {
	if !l.Late {
		return ""
	}
	ago := func(since int64) time.Duration { return time.Duration(max(at-since, 0)) * time.Millisecond }
	happened := span(ago(event), l.About, locale)
	since := ago(received)
	if locale == "es" {
		if since < now {
			return "pasó hace " + happened + ", llegó ahora"
		}
		return "pasó hace " + happened + ", llegó hace " + span(since, false, locale)
	}
	if since < now {
		return "happened " + happened + " ago, arrived now"
	}
	return "happened " + happened + " ago, arrived " + span(since, false, locale) + " ago"
}

// span writes a duration as one reads it: minutes below two hours, hours below
// three days, then days; cut, not rounded.
func span(d time.Duration, about bool, locale string) string {
	n, unit, spanish := int64(d/time.Minute), "min", "unos"
	switch {
	case d >= 72*time.Hour:
		n, unit = int64(d/(24*time.Hour)), "days"
		if locale == "es" {
			unit = "días"
		}
	case d >= 2*time.Hour:
		n, unit, spanish = int64(d/time.Hour), "h", "unas"
	}
	text := fmt.Sprintf("%d %s", n, unit)
	switch {
	case !about:
		return text
	case locale == "es":
		return spanish + " " + text
	}
	return "about " + text
}
