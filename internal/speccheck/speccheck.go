// Package speccheck holds the protocol's text and the tests together: each rule
// of docs/protocol/SPEC.md has a test that names it, and each test names a rule
// or a declared family. Rules still to come stand in docs/protocol/later.json.
//
// A test names a rule by a string that begins with the id in square brackets,
// such as a subtest's name: `[PUSH-2] the same mutation again ...`. Several ids
// may follow one another: `[PUSH-2] [PUSH-3] ...` or `[PUSH-2, PUSH-3] ...`.
// Brackets further inside a string, and comments, name nothing: only what the
// test's output shows counts, and sources quoted in a test stay out of it.
package speccheck

import (
	"cmp"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
)

// The two documents, as paths from the top of the repository.
const (
	SpecPath  = "docs/protocol/SPEC.md"
	LaterPath = "docs/protocol/later.json"
)

// Kind says what is wrong.
type Kind string

// The kinds of problems.
const (
	Untested   Kind = "untested"   // a rule without a test
	Unnamed    Kind = "unnamed"    // a test that names no rule
	Unknown    Kind = "unknown"    // an id that the text does not have
	Built      Kind = "built"      // listed as later, whole, yet a test names it
	Document   Kind = "document"   // SPEC.md or later.json contradicts itself
	Unreadable Kind = "unreadable" // a test file that cannot be parsed
)

// Problem is one finding. Line counts from 1.
type Problem struct {
	Kind Kind
	ID   string // the rule or family; empty for Unnamed and Unreadable
	Path string
	Line int
	Text string
}

func (p Problem) String() string {
	return fmt.Sprintf("%s:%d: %s: %s", p.Path, p.Line, p.Kind, p.Text)
}

// mention is one id that a string of a test file begins with.
type mention struct {
	id   string
	line int
}

// testCase is one test that must name a rule.
type testCase struct {
	name  string
	line  int
	named bool
}

// testFile is what the check needs to know of a test file.
type testFile struct {
	path     string
	mentions []mention
	tests    []testCase
}

// Check reads the two documents and all test files below fsys, the top of the
// repository, and gives what is wrong in a stable order. The error is for what
// cannot be read at all.
func Check(fsys fs.FS) ([]Problem, error) {
	text, err := fs.ReadFile(fsys, SpecPath)
	if err != nil {
		return nil, fmt.Errorf("read spec: %w", err)
	}
	spec, problems := parseSpec(string(text))
	raw, err := fs.ReadFile(fsys, LaterPath)
	if err != nil {
		return nil, fmt.Errorf("read later list: %w", err)
	}
	list, err := parseLater(raw)
	if err != nil {
		return nil, err
	}
	whole, more := checkLater(list, spec)
	problems = append(problems, more...)
	files, more, err := readTests(fsys)
	if err != nil {
		return nil, err
	}
	problems = append(problems, more...)
	problems = append(problems, compare(spec, whole, files)...)
	slices.SortFunc(problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Line, b.Line), cmp.Compare(a.ID, b.ID), cmp.Compare(a.Kind, b.Kind))
	})
	return problems, nil
}

// compare holds rules against tests; whole are the rules that are later as a whole.
func compare(spec spec, whole map[string]int, files []testFile) []Problem {
	var problems []Problem
	tested := map[string]string{}
	for _, f := range files {
		for _, m := range f.mentions {
			if !spec.knows(m.id) {
				problems = append(problems, Problem{Unknown, m.id, f.path, m.line,
					fmt.Sprintf("[%s] is neither a rule nor a family of %s", m.id, SpecPath)})
			}
			if tested[m.id] == "" {
				tested[m.id] = fmt.Sprintf("%s:%d", f.path, m.line)
			}
		}
		for _, t := range f.tests {
			if !t.named {
				problems = append(problems, Problem{Unnamed, "", f.path, t.line,
					fmt.Sprintf("%s names no rule; begin a subtest's name with an id such as [PUSH-2]", t.name)})
			}
		}
	}
	for _, r := range spec.rules {
		line, later := whole[r.id]
		switch where := tested[r.id]; {
		case where == "" && !later:
			problems = append(problems, Problem{Untested, r.id, SpecPath, r.line,
				fmt.Sprintf("no test names [%s]", r.id)})
		case where != "" && later:
			problems = append(problems, Problem{Built, r.id, LaterPath, line,
				fmt.Sprintf("%s is listed as later, but %s tests it: take it off the list, or list the part that is missing", r.id, where)})
		}
	}
	return problems
}

// skipped tells which folders hold no tests of ours.
func skipped(name string) bool {
	switch name {
	case "node_modules", "vendor", "testdata", "dist", "pb_data":
		return true
	}
	return name != "." && (strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_"))
}

func readTests(fsys fs.FS) ([]testFile, []Problem, error) {
	var files []testFile
	var problems []Problem
	err := fs.WalkDir(fsys, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return fmt.Errorf("walk %s: %w", p, err)
		}
		if d.IsDir() {
			if skipped(d.Name()) {
				return fs.SkipDir
			}
			return nil
		}
		read := reader(path.Base(p))
		if read == nil {
			return nil
		}
		source, err := fs.ReadFile(fsys, p)
		if err != nil {
			return fmt.Errorf("read test file: %w", err)
		}
		f, line, err := read(p, string(source))
		if err != nil {
			problems = append(problems, Problem{Unreadable, "", p, line, err.Error()})
			return nil
		}
		files = append(files, f)
		return nil
	})
	return files, problems, err
}

// reader picks how a file is read by its name; nil if it is no test file. A
// reader's line is where its error is.
func reader(name string) func(path, source string) (f testFile, line int, err error) {
	switch {
	case strings.HasSuffix(name, "_test.go"):
		return readGo
	case strings.HasSuffix(name, ".test.ts"), strings.HasSuffix(name, ".spec.ts"), strings.HasSuffix(name, ".test.mjs"):
		return readScript
	}
	return nil
}

const idPattern = `[A-Z][A-Z0-9]*(?:-[1-9][0-9]*)?`

var (
	leading = regexp.MustCompile(`^\s*\[(` + idPattern + `(?:\s*,\s*` + idPattern + `)*)\]`)
	idForm  = regexp.MustCompile(idPattern)
)

// ids gives the ids that a string begins with.
func ids(s string) []string {
	var all []string
	for {
		m := leading.FindStringSubmatch(s)
		if m == nil {
			return all
		}
		all = append(all, idForm.FindAllString(m[1], -1)...)
		s = s[len(m[0]):]
	}
}
