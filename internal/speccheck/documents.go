package speccheck

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
)

// wholly is the part of a later entry that means the whole rule.
const wholly = "whole"

type rule struct {
	id   string
	line int
}

// spec is what SPEC.md defines: rules, each of which needs a test, and
// families, whose ids a test may carry instead.
type spec struct {
	rules    []rule
	lines    map[string]int  // of rules
	families map[string]bool // as NAME or NAME-<n>
	exact    map[string]bool // ids of a range such as R1 to R25
}

var (
	// A rule is a list item that begins with its id in bold.
	ruleLine = regexp.MustCompile(`^- \*\*(` + idPattern + `)\*\* `)
	// A family is the first cell of a row in the table of families.
	familyRow = regexp.MustCompile("^\\| `([A-Z]+)([0-9]*)`(?: to `([A-Z]+)([0-9]+)`)? \\|")
	numbered  = regexp.MustCompile(`-[1-9][0-9]*$`)
)

const familyHeading = "## Test families"

func parseSpec(text string) (spec, []Problem) {
	s := spec{lines: map[string]int{}, families: map[string]bool{}, exact: map[string]bool{}}
	var problems []Problem
	wrong := func(id string, line int, text string) {
		problems = append(problems, Problem{Document, id, SpecPath, line, text})
	}
	fenced, families := false, false
	for i, line := range strings.Split(text, "\n") {
		n := i + 1
		if strings.HasPrefix(line, "```") {
			fenced = !fenced
		}
		if fenced {
			continue
		}
		if strings.HasPrefix(line, "## ") {
			families = line == familyHeading
		}
		if m := ruleLine.FindStringSubmatch(line); m != nil {
			if first := s.lines[m[1]]; first != 0 {
				wrong(m[1], n, fmt.Sprintf("%s stands in line %d already", m[1], first))
				continue
			}
			s.lines[m[1]] = n
			s.rules = append(s.rules, rule{m[1], n})
		}
		if m := familyRow.FindStringSubmatch(line); m != nil && families {
			if !s.declare(m[1], m[2], m[3], m[4]) {
				wrong(m[1], n, "a family is one NAME, or a range `R1` to `R25`")
			}
		}
	}
	for _, r := range s.rules {
		if s.families[numbered.ReplaceAllString(r.id, "")] || s.exact[r.id] {
			wrong(r.id, r.line, fmt.Sprintf("%s is a rule and a family at once", r.id))
		}
	}
	return s, problems
}

// declare takes the cells of a family: a name alone, or a range of one name.
func (s spec) declare(name, from, name2, to string) bool {
	if from == "" && name2 == "" {
		s.families[name] = true
		return true
	}
	first, err1 := strconv.Atoi(from)
	last, err2 := strconv.Atoi(to)
	if err1 != nil || err2 != nil || name != name2 || first > last || last > 1000 {
		return false
	}
	for i := first; i <= last; i++ {
		s.exact[name+strconv.Itoa(i)] = true
	}
	return true
}

func (s spec) knows(id string) bool {
	return s.lines[id] != 0 || s.exact[id] || s.families[numbered.ReplaceAllString(id, "")]
}

// later is one entry of later.json: a rule, the part of it that is not built
// ("whole" for all of it), and why.
type later struct {
	Rule   string `json:"rule"`
	Part   string `json:"part"`
	Reason string `json:"reason"`
	line   int
}

// parseLater reads the list. It fails on anything but a list of such entries.
func parseLater(raw []byte) ([]later, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if t, err := d.Token(); err != nil || t != json.Delim('[') {
		return nil, fmt.Errorf("read later list: %s is no list", LaterPath)
	}
	var list []later
	for d.More() {
		var l later
		if err := d.Decode(&l); err != nil {
			return nil, fmt.Errorf("read later list: %s: %w", LaterPath, err)
		}
		l.line = 1 + bytes.Count(raw[:d.InputOffset()], []byte("\n"))
		list = append(list, l)
	}
	if _, err := d.Token(); err != nil {
		return nil, fmt.Errorf("read later list: %s: %w", LaterPath, err)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fmt.Errorf("read later list: %s goes on after the list", LaterPath)
	}
	return list, nil
}

// checkLater gives the rules that are later as a whole, with their lines in
// the list, and what is wrong with the list.
func checkLater(list []later, s spec) (map[string]int, []Problem) {
	var problems []Problem
	whole, parts := map[string]int{}, map[string]bool{}
	for _, l := range list {
		wrong := func(text string) {
			problems = append(problems, Problem{Document, l.Rule, LaterPath, l.line, text})
		}
		switch {
		case s.lines[l.Rule] == 0:
			wrong(fmt.Sprintf("%q is no rule of %s", l.Rule, SpecPath))
		case strings.TrimSpace(l.Part) == "" || strings.TrimSpace(l.Reason) == "":
			wrong(l.Rule + " is listed without a part or a reason")
		case whole[l.Rule] != 0 || l.Part == wholly && parts[l.Rule]:
			wrong(l.Rule + " is listed as a whole and once more")
		case l.Part == wholly:
			whole[l.Rule] = l.line
		default:
			parts[l.Rule] = true
		}
	}
	return whole, problems
}
