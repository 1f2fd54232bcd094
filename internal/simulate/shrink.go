package simulate

import (
	"slices"
	"strings"
)

// Shrink makes a failing script as small as it gets: it leaves out phones,
// steps and faults as long as the script still fails on one of the same
// invariants. run plays a script and gives its failures; tries bounds how often.
func Shrink(script *Script, tries int, run func(*Script) []string) *Script {
	first := run(script)
	wanted := invariants(first)
	fails := func(s *Script) bool {
		if tries <= 0 {
			return false
		}
		tries--
		for _, i := range invariants(run(s)) {
			if slices.Contains(wanted, i) {
				return true
			}
		}
		return false
	}
	best := script
	// Halves first, then quarters, down to single steps.
	for size := len(best.Steps) / 2; size > 0; size /= 2 {
		for at := 0; at < len(best.Steps); {
			s := *best
			s.Steps = slices.Delete(slices.Clone(best.Steps), at, min(at+size, len(best.Steps)))
			if fails(&s) {
				best = &s
			} else {
				at += size
			}
		}
	}
	for i := 0; i < len(best.Steps); i++ {
		for f := 0; f < len(best.Steps[i].Faults); {
			s := best.clone()
			s.Steps[i].Faults = slices.Delete(s.Steps[i].Faults, f, f+1)
			if fails(s) {
				best = s
			} else {
				f++
			}
		}
		for w := 0; w < len(best.Steps[i].With) && len(best.Steps[i].With) > 1; {
			s := best.clone()
			s.Steps[i].With = slices.Delete(s.Steps[i].With, w, w+1)
			if fails(s) {
				best = s
			} else {
				w++
			}
		}
		for best.Steps[i].Do == Save && best.Steps[i].N > 1 {
			s := best.clone()
			s.Steps[i].N--
			if !fails(s) {
				break
			}
			best = s
		}
	}
	for best.Phones > 2 {
		s := *best
		s.Phones--
		if !fails(&s) {
			break
		}
		best = &s
	}
	return best
}

func (s *Script) clone() *Script {
	c := *s
	c.Steps = slices.Clone(s.Steps)
	for i := range c.Steps {
		c.Steps[i].Faults = slices.Clone(c.Steps[i].Faults)
		c.Steps[i].With = slices.Clone(c.Steps[i].With)
	}
	return &c
}

// invariants are those that failures name.
func invariants(failures []string) []string {
	var all []string
	for _, f := range failures {
		id, _, _ := strings.Cut(f, " ")
		if !slices.Contains(all, id) {
			all = append(all, id)
		}
	}
	return all
}
