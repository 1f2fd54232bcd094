// Package internal_test holds the house together: it fails when an arrow points
// up, when PocketBase is met outside of its rooms, when a pure room reads a
// clock, a file or the network, and when a room is not in the plan.
package internal_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
)

const module = "github.com/fieldpost/fieldpost"

// floors is the plan of the house, from the ground up; "." is main. A room
// imports only from floors below its own, rooms on one floor know nothing of
// each other. A new room gets its floor here, in the commit that makes it.
var floors = [][]string{
	{"content", "web", "web/signin", "pb_migrations", "internal/speccheck", "internal/prepared"},
	{"internal/fault"},
	{"internal/hlc"},
	{"internal/wire"},
	{"internal/merge"},
	{"internal/checklist", "internal/triage", "internal/duty", "internal/access", "internal/seal", "internal/card", "internal/counts"},
	{"internal/journal", "internal/odk"},
	{"internal/records"}, // above the journal: a record is written with its entry
	{"internal/exchange", "internal/devices", "internal/media", "internal/export", "internal/alert"},
	{"internal/signin"}, // above devices: it redeems their invites
	{"internal/httpapi"},
	{"internal/wiring"},
	{"hooks"},
	{"client"},
	{"internal/testrig"},
	{"internal/demo", "internal/simulate", "internal/shipped", "internal/unmask"},
	{"internal/cli"},
	{".", "bench"},
}

// only names rooms that may not take all that lies below them.
var only = map[string][]string{
	// A device library that others import: it knows the wire, not the server.
	"client": {"internal/prepared", "internal/checklist", "internal/fault", "internal/hlc", "internal/wire", "internal/merge", "internal/seal"},
	// Commands and simulated phones speak HTTP through the client; what needs
	// the server's inside goes through wiring.
	"internal/cli": {"client", "content", "internal/checklist", "internal/fault", "internal/hlc", "internal/wire", "internal/seal", "internal/wiring", "internal/demo", "internal/card", "internal/odk"},
	// The demo builds a whole world, so it also knows people and roles.
	"internal/demo": {"client", "internal/fault", "internal/hlc", "internal/wire", "internal/seal", "internal/wiring", "internal/access", "internal/records", "internal/devices"},
}

// hosts are the rooms that know PocketBase; in "." only main.go does.
var hosts = []string{".", "pb_migrations", "hooks", "internal/wiring", "internal/records", "internal/httpapi",
	"internal/testrig", "internal/cli", "internal/demo", "internal/simulate", "bench"}

// queries are the rooms that know PocketBase's query builder beside them.
var queries = []string{"internal/journal"}

// forTests are rooms that only tests, and each other, may import.
var forTests = []string{"internal/testrig", "internal/simulate", "internal/speccheck", "internal/shipped", "internal/unmask"}

// pure rooms take values and give values: no clock, no chance, no file, no
// network, no database.
var pure = []string{"internal/hlc", "internal/wire", "internal/merge", "internal/checklist", "internal/triage", "internal/duty", "internal/access", "internal/counts"}

// impure is what a pure room must not import, with all below it.
var impure = []string{"os", "net", "database", "syscall", "log", "crypto/rand", "io/ioutil", "plugin"}

// asks is what a pure room must not ask of package time: it reads the clock,
// waits, or reads the machine's time zone.
var asks = []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker", "Local", "LoadLocation"}

// seeded is what of math/rand depends on its arguments alone.
var seeded = []string{"New", "NewSource", "NewZipf", "NewPCG", "NewChaCha8", "Rand", "Source", "Source64", "Zipf", "PCG", "ChaCha8"}

// nameless are names that say nothing of what a room is for.
var nameless = []string{"util", "utils", "common", "helper", "helpers", "misc"}

// A file of more lines says why in a comment near its top.
const longFile = 500

var longReason = regexp.MustCompile(`(?m)^\s*// Long: \S`)

// room is a package as the check sees it: its folder from the top, its name,
// and the sources of its files, tests left out.
type room struct {
	path, name string
	files      map[string]string
}

// check gives what is wrong with a house, sorted.
func check(rooms []room) []string {
	floor := map[string]int{}
	for i, f := range floors {
		for _, r := range f {
			floor[r] = i
		}
	}
	var wrong []string
	for _, r := range rooms {
		for _, n := range []string{r.name, path.Base(r.path)} {
			if slices.Contains(nameless, n) {
				wrong = append(wrong, fmt.Sprintf("%s: %q says nothing of what it is for", r.path, n))
				break
			}
		}
		if _, ok := floor[r.path]; !ok && len(r.files) > 0 {
			wrong = append(wrong, r.path+": not in the plan; give it a floor in internal/layers_test.go")
			continue
		}
		for name, source := range r.files {
			for _, w := range checkFile(floor, r.path, name, source) {
				wrong = append(wrong, path.Join(r.path, name)+": "+w)
			}
		}
	}
	slices.Sort(wrong)
	return wrong
}

func checkFile(floor map[string]int, from, name, source string) []string {
	var wrong []string
	say := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	lines := strings.SplitAfter(source, "\n")
	if n := len(lines) - 1; n > longFile && !longReason.MatchString(strings.Join(lines[:20], "")) {
		say("%d lines, and no `// Long: why` in its first 20", n)
	}
	tree, err := parser.ParseFile(token.NewFileSet(), name, source, 0)
	if err != nil {
		return append(wrong, err.Error())
	}
	isPure := slices.Contains(pure, from)
	for _, spec := range tree.Imports {
		target, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			say("%v", err)
			continue
		}
		host, _, _ := strings.Cut(target, "/")
		switch to, ours := strings.CutPrefix(target, module+"/"); {
		case ours:
			checkArrow(floor, from, to, say)
		case under(target, "github.com/pocketbase/dbx"):
			if !slices.Contains(hosts, from) && !slices.Contains(queries, from) {
				say("imports %s, which only the rooms around PocketBase and the journal may", target)
			}
		case under(target, "github.com/pocketbase"):
			if !slices.Contains(hosts, from) || from == "." && name != "main.go" {
				say("imports %s; PocketBase stays in main.go and in %s", target, strings.Join(hosts[1:], ", "))
			}
		case isPure && strings.Contains(host, "."):
			say("is pure and imports %s, which nobody here answers for", target)
		}
		if isPure && slices.ContainsFunc(impure, func(p string) bool { return under(target, p) }) {
			say("is pure and imports %s", target)
		}
	}
	if isPure {
		checkPure(tree, say)
	}
	return wrong
}

func checkArrow(floor map[string]int, from, to string, say func(string, ...any)) {
	height, planned := floor[to]
	list, narrow := only[from]
	switch {
	case !planned:
		say("imports %s, which is not in the plan", to)
	case height >= floor[from]:
		say("imports %s, which is not below it", to)
	case narrow && !slices.Contains(list, to):
		say("imports %s; it may import only %s", to, strings.Join(list, ", "))
	case slices.Contains(forTests, to) && !slices.Contains(forTests, from):
		say("imports %s, which is for tests", to)
	}
}

// checkPure finds what reads a clock, waits or rolls dice.
func checkPure(tree *ast.File, say func(string, ...any)) {
	names := map[string]string{} // by which name the file knows a package
	for _, spec := range tree.Imports {
		target := strings.Trim(spec.Path.Value, "`\"")
		if target != "time" && !under(target, "math/rand") {
			continue
		}
		switch {
		case spec.Name == nil && target == "math/rand/v2":
			names["rand"] = target
		case spec.Name == nil:
			names[path.Base(target)] = target
		case spec.Name.Name == ".":
			say("is pure and imports %s with a dot, so that no check sees what it asks", target)
		default:
			names[spec.Name.Name] = target
		}
	}
	ast.Inspect(tree, func(n ast.Node) bool {
		use, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		x, ok := use.X.(*ast.Ident)
		if !ok || x.Obj != nil { // Obj: a variable of that name
			return true
		}
		switch target := names[x.Name]; {
		case target == "time" && slices.Contains(asks, use.Sel.Name):
			say("is pure and uses time.%s; take the time as an argument", use.Sel.Name)
		case under(target, "math/rand") && !slices.Contains(seeded, use.Sel.Name):
			say("is pure and uses %s.%s; take a seeded source as an argument", target, use.Sel.Name)
		}
		return true
	})
}

// under tells whether a path is top or lies below it.
func under(p, top string) bool { return p == top || strings.HasPrefix(p, top+"/") }

// list reads the packages of the module in a folder.
func list(top string) ([]room, error) {
	cmd := exec.Command("go", "list", "-e", "-json=Dir,ImportPath,Name,GoFiles,CgoFiles,IgnoredGoFiles,TestGoFiles,XTestGoFiles,Error", "./...")
	cmd.Dir = top
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w: %s", err, stderr.String())
	}
	var rooms []room
	dec := json.NewDecoder(bytes.NewReader(out))
	for {
		var p struct {
			Dir, ImportPath, Name             string
			GoFiles, CgoFiles, IgnoredGoFiles []string
			TestGoFiles, XTestGoFiles         []string
			Error                             *struct{ Err string }
		}
		if err := dec.Decode(&p); err == io.EOF {
			return rooms, nil
		} else if err != nil {
			return nil, fmt.Errorf("go list: %w", err)
		}
		files := slices.Concat(p.GoFiles, p.CgoFiles, p.IgnoredGoFiles)
		if p.Error != nil && (len(files) > 0 || len(p.TestGoFiles)+len(p.XTestGoFiles) == 0) {
			return nil, fmt.Errorf("go list: %s: %s", p.ImportPath, p.Error.Err)
		}
		r := room{path: strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/"), name: p.Name, files: map[string]string{}}
		if r.path == "" {
			r.path = "."
		}
		for _, f := range files {
			if strings.HasSuffix(f, "_test.go") {
				continue
			}
			source, err := os.ReadFile(filepath.Join(p.Dir, f))
			if err != nil {
				return nil, err
			}
			r.files[f] = string(source)
		}
		rooms = append(rooms, r)
	}
}

// foreign are folders that the go command passes over too.
func foreign(fsys fs.FS, p, name string) bool {
	if p == "." {
		return false
	}
	if _, err := fs.Stat(fsys, path.Join(p, "go.mod")); err == nil {
		return true // a module of its own
	}
	return strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") || name == "testdata" || name == "node_modules" || name == "vendor"
}

// hidden gives what the go command would pass over without a word: folders
// that it does not list, and tests that a build tag keeps from running.
func hidden(fsys fs.FS, rooms []room) ([]string, error) {
	known := map[string]bool{}
	for _, r := range rooms {
		known[r.path] = true
	}
	var wrong []string
	err := fs.WalkDir(fsys, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if foreign(fsys, p, d.Name()) {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(p, ".go") {
			return nil
		}
		if dir := path.Dir(p); !known[dir] {
			known[dir] = true // said once
			wrong = append(wrong, dir+": the go command does not see it")
		}
		if strings.HasSuffix(p, "_test.go") {
			source, err := fs.ReadFile(fsys, p)
			if err != nil {
				return err
			}
			head, _, _ := strings.Cut("\n"+string(source), "\npackage ")
			if strings.Contains(head, "\n//go:build") {
				wrong = append(wrong, p+": a build tag keeps these tests from running")
			}
		}
		return nil
	})
	return wrong, err
}

func TestHouse(t *testing.T) {
	top, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	rooms, err := list(top)
	if err != nil {
		t.Fatal(err)
	}
	t.Run("[HOUSE] every room is in the plan, imports only downwards, and the pure ones are pure", func(t *testing.T) {
		for _, w := range check(rooms) {
			t.Error(w)
		}
	})
	t.Run("[HOUSE] nothing is hidden from the go command", func(t *testing.T) {
		wrong, err := hidden(os.DirFS(top), rooms)
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range wrong {
			t.Error(w)
		}
	})
	t.Run("[HOUSE] the check has seen the house", func(t *testing.T) {
		seen := map[string]bool{}
		for _, r := range rooms {
			if len(r.files) > 0 {
				seen[r.path] = true
			}
		}
		for _, r := range slices.Concat(pure, []string{".", "internal/journal"}) {
			if !seen[r] {
				t.Errorf("%s was not read", r)
			}
		}
	})
}

func TestHouseCheck(t *testing.T) {
	// source is a file that imports some packages and says something.
	source := func(body string, imports ...string) string {
		var b strings.Builder
		b.WriteString("package p\n\n")
		for _, i := range imports {
			if !strings.Contains(i, `"`) {
				i = `"` + i + `"`
			}
			b.WriteString("import " + i + "\n")
		}
		return b.String() + body
	}
	const ours = module + "/"
	long := strings.Repeat("// line\n", longFile)

	for _, c := range []struct {
		name, path, file, source string
		want                     string // "" when all is well
	}{
		{"a room imports one below", "internal/merge", "a.go", source("", ours+"internal/hlc"), ""},
		{"merge imports the journal", "internal/merge", "a.go", source("", ours+"internal/journal"), "imports internal/journal, which is not below it"},
		{"the journal imports records", "internal/journal", "a.go", source("", ours+"internal/records"), "not below it"},
		{"wiring imports hooks", "internal/wiring", "a.go", source("", ours+"hooks"), "not below it"},
		{"rooms on one floor import each other", "internal/triage", "a.go", source("", ours+"internal/checklist"), "not below it"},
		{"a room imports main's", "internal/cli", "a.go", source("", ours+"."), "not below it"},
		{"an import under another name counts too", "internal/hlc", "a.go", source("", `f "`+ours+`internal/wire"`), "not below it"},
		{"the server imports the client", "internal/exchange", "a.go", source("", ours+"client"), "not below it"},
		{"the client imports wire and seal", "client", "a.go", source("", ours+"internal/wire", ours+"internal/seal"), ""},
		{"the client imports records", "client", "a.go", source("", ours+"internal/records"), "it may import only"},
		{"the demo imports the client and wiring", "internal/demo", "a.go", source("", ours+"client", ours+"internal/wiring"), ""},
		{"the demo imports the exchange", "internal/demo", "a.go", source("", ours+"internal/exchange"), "it may import only"},
		{"a command imports the demo", "internal/cli", "a.go", source("", ours+"internal/demo"), ""},
		{"main imports the test rig", ".", "main.go", source("", ours+"internal/testrig"), "is for tests"},
		{"the simulation imports the test rig", "internal/simulate", "a.go", source("", ours+"internal/testrig"), ""},
		{"a migration imports what may change", "pb_migrations", "a.go", source("", ours+"internal/access"), "not below it"},
		{"a room that nobody planned", "internal/attic", "a.go", source(""), "not in the plan"},
		{"a room below a planned one", "internal/journal/attic", "a.go", source(""), "not in the plan"},
		{"a planned room imports one that is not", "internal/cli", "a.go", source("", ours+"internal/attic"), "imports internal/attic, which is not in the plan"},
		{"a folder of tests only needs no floor", "internal/attic", "", "", ""},

		{"hooks import PocketBase", "hooks", "a.go", source("", "github.com/pocketbase/pocketbase/core"), ""},
		{"the exchange imports PocketBase", "internal/exchange", "a.go", source("", "github.com/pocketbase/pocketbase/core"), "PocketBase stays in"},
		{"the journal imports PocketBase", "internal/journal", "a.go", source("", "github.com/pocketbase/pocketbase"), "PocketBase stays in"},
		{"the client imports a package of PocketBase's maker", "client", "a.go", source("", "github.com/pocketbase/ozzo-validation/v4"), "PocketBase stays in"},
		{"main.go imports PocketBase", ".", "main.go", source("", "github.com/pocketbase/pocketbase"), ""},
		{"another file of main does", ".", "more.go", source("", "github.com/pocketbase/pocketbase"), "PocketBase stays in"},
		{"the journal imports the query builder", "internal/journal", "a.go", source("", "github.com/pocketbase/dbx"), ""},
		{"records imports the query builder", "internal/records", "a.go", source("", "github.com/pocketbase/dbx"), ""},
		{"the exchange imports the query builder", "internal/exchange", "a.go", source("", "github.com/pocketbase/dbx"), "imports github.com/pocketbase/dbx"},

		{"a pure room imports os", "internal/hlc", "a.go", source("", "os"), "is pure and imports os"},
		{"a pure room imports os/exec", "internal/wire", "a.go", source("", "os/exec"), "is pure and imports os/exec"},
		{"a pure room imports net", "internal/merge", "a.go", source("", "net"), "is pure and imports net"},
		{"a pure room imports net/http", "internal/triage", "a.go", source("", "net/http"), "is pure and imports net/http"},
		{"a pure room imports database/sql", "internal/access", "a.go", source("", "database/sql"), "is pure and imports database/sql"},
		{"a pure room imports somebody's module", "internal/checklist", "a.go", source("", "example.com/x"), "nobody here answers for"},
		{"a pure room takes chance from crypto/rand", "internal/hlc", "a.go", source("", "crypto/rand"), "is pure and imports crypto/rand"},
		{"a pure room reads the clock", "internal/hlc", "a.go", source("var x = time.Now()", "time"), "uses time.Now"},
		{"a pure room reads the clock under another name", "internal/hlc", "a.go", source("var x = clock.Now", `clock "time"`), "uses time.Now"},
		{"a pure room reads the clock with a dot", "internal/hlc", "a.go", source("var x = Now()", `. "time"`), "with a dot"},
		{"a pure room asks how long ago", "internal/hlc", "a.go", source("func f(t time.Time) any { return time.Since(t) }", "time"), "uses time.Since"},
		{"a pure room waits", "internal/hlc", "a.go", source("func f() { time.Sleep(1) }", "time"), "uses time.Sleep"},
		{"a pure room counts with time", "internal/hlc", "a.go", source("var x = time.UnixMilli(5).UTC().Format(time.RFC3339)", "time"), ""},
		{"a variable called time is no clock", "internal/hlc", "a.go", source("func f(time struct{ Now int }) int { return time.Now }"), ""},
		{"a pure room rolls dice", "internal/merge", "a.go", source("var x = rand.Int()", "math/rand"), "uses math/rand.Int"},
		{"a pure room rolls new dice", "internal/merge", "a.go", source("var x = rand.N(6)", "math/rand/v2"), "uses math/rand/v2.N"},
		{"a pure room is given dice", "internal/merge", "a.go", source("func f(s int64) int { return rand.New(rand.NewSource(s)).Int() }", "math/rand"), ""},
		{"a room that is not pure reads the clock", "internal/exchange", "a.go", source("var x = time.Now()", "time"), ""},

		{"a name that says nothing", "internal/utils", "", "", `"utils" says nothing`},
		{"a name that says nothing, deeper", "client/common", "", "", `"common" says nothing`},
		{"a folder called helpers", "hooks/helpers", "", "", `"helpers" says nothing`},

		{"a file of the longest length", "hooks", "a.go", "package p\n" + long[len("// line\n"):], ""},
		{"a file of one line more", "hooks", "a.go", "package p\n" + long, "501 lines"},
		{"a long file with a reason", "hooks", "a.go", "package p\n// Long: one table.\n" + long, ""},
		{"a long file with no more than the word", "hooks", "a.go", "package p\n// Long:\n" + long, "502 lines"},
		{"a long file with its reason at the end", "hooks", "a.go", "package p\n" + long + "// Long: one table.\n", "502 lines"},
		{"a file that does not parse", "hooks", "a.go", "package", "expected"},
	} {
		t.Run("[HOUSE] the check of the house: "+c.name, func(t *testing.T) {
			r := room{path: c.path, name: path.Base(c.path), files: map[string]string{}}
			if c.file != "" {
				r.files[c.file] = c.source
			}
			got := check([]room{r})
			switch {
			case c.want == "" && len(got) > 0:
				t.Errorf("got %v, want nothing", got)
			case c.want != "" && (len(got) != 1 || !strings.Contains(got[0], c.want) || !strings.HasPrefix(got[0], c.path) && c.path != "."):
				t.Errorf("got %q, want one fault of %s with %q", got, c.path, c.want)
			}
		})
	}
	t.Run("[HOUSE] the check of the house: a package's name counts beside its folder's", func(t *testing.T) {
		if got := check([]room{{path: "internal/journal", name: "helpers", files: map[string]string{}}}); len(got) != 1 {
			t.Errorf("got %v", got)
		}
	})
	t.Run("[HOUSE] the check of the house: what the go command passes over is found", func(t *testing.T) {
		tree := fstest.MapFS{}
		for name, text := range map[string]string{
			"main.go":                     "package main\n",
			"internal/attic/a.go":         "//go:build never\n\npackage attic\n",
			"internal/attic/b.go":         "//go:build never\n\npackage attic\n",
			"internal/hlc/a_test.go":      "// Tests.\n\n//go:build testing\n\npackage hlc\n",
			"internal/hlc/b_test.go":      "package hlc\n\nconst quoted = `\n//go:build testing\n`\n",
			"internal/hlc/testdata/x.go":  "package x\n",
			"web/node_modules/x/x.go":     "package x\n",
			".ci/tools/x.go":              "package x\n",
			"other/go.mod":                "module other\n",
			"other/x.go":                  "package x\n",
			"docs/protocol/vectors/a.txt": "package x\n",
		} {
			tree[name] = &fstest.MapFile{Data: []byte(text)}
		}
		got, err := hidden(tree, []room{{path: "."}, {path: "internal/hlc"}})
		if err != nil {
			t.Fatal(err)
		}
		want := []string{"internal/attic: the go command does not see it", "internal/hlc/a_test.go: a build tag keeps these tests from running"}
		if !slices.Equal(got, want) {
			t.Errorf("got %q\nwant %q", got, want)
		}
	})
}
