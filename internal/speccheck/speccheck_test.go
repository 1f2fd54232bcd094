package speccheck

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// A small text: two rules, one family and one range.
const text = "## Rules\n" +
	"- **PUSH-1** First.\n" +
	"- **PUSH-2** Second, see **PUSH-1** and - **PUSH-9** in passing.\n" +
	"```\n- **PUSH-7** quoted, not defined\n```\n" +
	"| `NOTE` | a table elsewhere |\n" +
	"## Test families\n" +
	"| family | what |\n|---|---|\n| `CLI` | commands |\n| `R1` to `R3` | requirements |\n"

const both = `package a

import "testing"

func TestPush(t *testing.T) {
	t.Run("[PUSH-1] one", func(t *testing.T) {})
	t.Run("[PUSH-2] two", func(t *testing.T) {})
}
`

// run checks a tree that has the small text, an empty list and the given
// files, which may replace those two.
func run(t *testing.T, files map[string]string) []Problem {
	t.Helper()
	tree := fstest.MapFS{}
	for p, s := range map[string]string{SpecPath: text, LaterPath: "[]"} {
		tree[p] = &fstest.MapFile{Data: []byte(s)}
	}
	for p, s := range files {
		tree[p] = &fstest.MapFile{Data: []byte(s)}
	}
	problems, err := Check(tree)
	if err != nil {
		t.Fatal(err)
	}
	return problems
}

// brief is a problem as the tests compare it.
func brief(problems []Problem) []string {
	all := []string{}
	for _, p := range problems {
		all = append(all, fmt.Sprintf("%s %s %s:%d", p.Kind, p.ID, p.Path, p.Line))
	}
	return all
}

// list is a later.json of the given entries, one a line from the second on.
func list(entries ...string) string {
	return "[\n" + strings.Join(entries, ",\n") + "\n]"
}

func TestCheck(t *testing.T) {
	const push2Untested = "untested PUSH-2 " + SpecPath + ":3"
	onlyFirst := strings.Replace(both, "[PUSH-2]", "[PUSH-1]", 1)
	whole2 := `{"rule":"PUSH-2","part":"whole","reason":"next"}`
	part2 := `{"rule":"PUSH-2","part":"the end","reason":"next"}`

	for _, c := range []struct {
		name  string
		files map[string]string
		want  []string
	}{
		{"[DOC] rules that all have tests are in order", map[string]string{"a/a_test.go": both}, nil},
		{"[DOC] a rule without a test is found", map[string]string{"a/a_test.go": onlyFirst}, []string{push2Untested}},
		{"[DOC] a rule that is later as a whole needs no test",
			map[string]string{"a/a_test.go": onlyFirst, LaterPath: list(whole2)}, nil},
		{"[DOC] a rule that is later in part needs a test",
			map[string]string{"a/a_test.go": onlyFirst, LaterPath: list(part2)}, []string{push2Untested}},
		{"[DOC] a rule that is later in part may have a test",
			map[string]string{"a/a_test.go": both, LaterPath: list(part2)}, nil},
		{"[DOC] a rule that is later as a whole and has a test comes off the list",
			map[string]string{"a/a_test.go": both, LaterPath: list(whole2)}, []string{"built PUSH-2 " + LaterPath + ":2"}},
		{"[DOC] an id that nobody defined is found",
			map[string]string{"a/a_test.go": both, "b_test.go": "package b\nfunc TestB(t *testing.T) { t.Log(\"[PUSH-3] x\") }\n"},
			[]string{"unknown PUSH-3 b_test.go:2"}},
		{"[DOC] an id that the text only quotes or mentions is not defined",
			map[string]string{"a/a_test.go": both, "b_test.go": "package b\nvar _ = []string{\"[PUSH-7]\", \"[PUSH-9]\", \"[NOTE]\"}\n"},
			[]string{"unknown NOTE b_test.go:2", "unknown PUSH-7 b_test.go:2", "unknown PUSH-9 b_test.go:2"}},
		{"[DOC] families and ranges are known, beyond their end they are not",
			map[string]string{"a/a_test.go": both, "b_test.go": "package b\nvar _ = []string{\"[CLI]\", \"[CLI-12]\", \"[R3]\", \"[R4]\", \"[R3-1]\"}\n"},
			[]string{"unknown R3-1 b_test.go:2", "unknown R4 b_test.go:2"}},
		{"[DOC] a test that names nothing is found, and its neighbour's id does not cover it",
			map[string]string{"a/a_test.go": both + "func TestBare(t *testing.T) { t.Log(\"x\") }\nfunc FuzzBare(f *testing.F) {}\n"},
			[]string{"unnamed  a/a_test.go:9", "unnamed  a/a_test.go:10"}},
		{"[DOC] helpers, examples, benchmarks, methods and TestMain need no id",
			map[string]string{"a/a_test.go": both + "func TestMain(m *testing.M) {}\nfunc Testing(t *testing.T) {}\nfunc (s suite) TestX(t *testing.T) {}\n" +
				"func ExampleA() {}\nfunc BenchmarkA(b *testing.B) {}\nfunc want(t *testing.T) {}\n"}, nil},
		{"[DOC] a comment names nothing",
			map[string]string{"a/a_test.go": onlyFirst, "b_test.go": "package b\n// [PUSH-2] said\nfunc TestB(t *testing.T) {\n// [PUSH-2] again\n}\n"},
			[]string{"unnamed  b_test.go:3", push2Untested}},
		{"[DOC] brackets further inside a string name nothing",
			map[string]string{"a/a_test.go": onlyFirst + "var fixture = `func TestQuoted() { \"[PUSH-2] x\" } [NOPE-1]`\n"}, []string{push2Untested}},
		{"[DOC] several ids at the start all count",
			map[string]string{"a_test.go": "package a\nfunc TestA(t *testing.T) { t.Run(`[CLI] [PUSH-1, PUSH-2] x`, nil) }\n"}, nil},
		{"[DOC] a table outside the function counts for the rule and not for the function",
			map[string]string{"a_test.go": "package a\nvar cases = []string{\"[PUSH-1] x\", \"[PUSH-2] y\"}\nfunc TestA(t *testing.T) {}\n"},
			[]string{"unnamed  a_test.go:3"}},
		{"[DOC] only test files count, outside of folders that are not ours",
			map[string]string{"a/a_test.go": onlyFirst, "a/a.go": both, "node_modules/b_test.go": both, "testdata/b_test.go": both, ".x/b_test.go": both, "web/dist/a.test.ts": "test('[PUSH-2] x')"},
			[]string{push2Untested}},
		{"[DOC] a test file that does not parse is found with its line",
			map[string]string{"a/a_test.go": both, "b_test.go": "package b\n\nfunc {"}, []string{"unreadable  b_test.go:3"}},
		{"[DOC] a rule defined twice, or as a family too, is found",
			map[string]string{"a_test.go": both, SpecPath: text + "| `PUSH` | no |\n- **PUSH-1** again\n"},
			[]string{"document PUSH-1 " + SpecPath + ":2", "document PUSH-2 " + SpecPath + ":3", "document PUSH-1 " + SpecPath + ":14"}},
		{"[DOC] a family that is neither a name nor a range is found",
			map[string]string{"a_test.go": both, SpecPath: text + "| `B3` to `B1` | no |\n| `B3` | no |\n| `B1` to `B99999` | no |\n"},
			[]string{"document B " + SpecPath + ":13", "document B " + SpecPath + ":14", "document B " + SpecPath + ":15"}},
		{"[DOC] a later entry for no rule, without reason, or twice is found",
			map[string]string{"a_test.go": onlyFirst, LaterPath: list(
				`{"rule":"PUSH-8","part":"whole","reason":"x"}`, `{"rule":"PUSH-1","part":"x","reason":" "}`, whole2, part2, whole2)},
			[]string{"document PUSH-8 " + LaterPath + ":2", "document PUSH-1 " + LaterPath + ":3", "document PUSH-2 " + LaterPath + ":5", "document PUSH-2 " + LaterPath + ":6"}},
		{"[DOC] a rule listed in parts and then as a whole is found",
			map[string]string{"a_test.go": both, LaterPath: list(part2, part2, whole2)}, []string{"document PUSH-2 " + LaterPath + ":4"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := brief(run(t, c.files))
			slices.Sort(got)
			slices.Sort(c.want)
			if !slices.Equal(got, c.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(c.want, "\n"))
			}
		})
	}

	t.Run("[DOC] documents that cannot be read are an error", func(t *testing.T) {
		for name, tree := range map[string]fstest.MapFS{
			"no text":       {LaterPath: {Data: []byte("[]")}},
			"no list":       {SpecPath: {Data: []byte(text)}},
			"not a list":    {SpecPath: {Data: []byte(text)}, LaterPath: {Data: []byte(`{}`)}},
			"cut short":     {SpecPath: {Data: []byte(text)}, LaterPath: {Data: []byte(`[` + whole2)}},
			"a strange key": {SpecPath: {Data: []byte(text)}, LaterPath: {Data: []byte(`[{"rules":"PUSH-1"}]`)}},
			"a second list": {SpecPath: {Data: []byte(text)}, LaterPath: {Data: []byte(`[] []`)}},
		} {
			if _, err := Check(tree); err == nil {
				t.Errorf("%s: no error", name)
			}
		}
	})
}

func TestScripts(t *testing.T) {
	for _, c := range []struct {
		name, source string
		want         []string
	}{
		{"[DOC] titles of test and it name rules", "test('[PUSH-1] a', () => {})\nit(\n  \"[PUSH-2] b\", f)", nil},
		{"[DOC] a title without an id is found", "test('[PUSH-1] [PUSH-2] a', f);\ntest(`bare ${x}`, f)", []string{"unnamed  a.test.ts:2"}},
		{"[DOC] a title after a comment and after only is still a title", "it.only(/* why */ 'bare', f)\nconst s = ['[PUSH-1]', '[PUSH-2]']", []string{"unnamed  a.test.ts:1"}},
		{"[DOC] a test in a comment tests nothing", "test('[PUSH-1] a', f)\n// test('[PUSH-2] b', f)\n/* test('[PUSH-2] b', f)\n*/", []string{"untested PUSH-2 " + SpecPath + ":3"}},
		{"[DOC] a test that is skipped tests nothing", "test('[PUSH-1] a', f)\ntest.skip('[PUSH-2] b', f)", []string{"untested PUSH-2 " + SpecPath + ":3"}},
		{"[DOC] a test quoted in a string tests nothing", "test('[PUSH-1] a', f)\nconst q = `test('[PUSH-2] b')`", []string{"untested PUSH-2 " + SpecPath + ":3"}},
		{"[DOC] a regular expression's test method is no test", "test('[PUSH-1] [PUSH-2] a', () => /it's [/'\"]/.test('bare') && re.test('bare'))", nil},
		{"[DOC] a division is no regular expression", "const a = b / c; test('[PUSH-1] [PUSH-2] a', f); d = (e) / 2", nil},
		{"[DOC] code inside a template does not end it", "const a = `${{b: `'`}.b} it's`; test('[PUSH-1] [PUSH-2] a', f)", nil},
		{"[DOC] a file whose titles are computed names a rule somewhere", "for (const c of cases) test(c.name, f)", []string{"unnamed  a.test.ts:1", "untested PUSH-1 " + SpecPath + ":2", "untested PUSH-2 " + SpecPath + ":3"}},
		{"[DOC] a string that does not end is found with its line", "test('[PUSH-1] [PUSH-2] a', f)\nx = 'cut\n", []string{"unreadable  a.test.ts:2", "untested PUSH-1 " + SpecPath + ":2", "untested PUSH-2 " + SpecPath + ":3"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := brief(run(t, map[string]string{"a.test.ts": c.source}))
			if !slices.Equal(got, c.want) && len(got)+len(c.want) > 0 {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(c.want, "\n"))
			}
		})
	}
	t.Run("[DOC] all kinds of script tests are read", func(t *testing.T) {
		for _, p := range []string{"x.test.ts", "x.spec.ts", "x.test.mjs"} {
			if got := run(t, map[string]string{p: "test('[PUSH-1] [PUSH-2] a', f)"}); len(got) != 0 {
				t.Errorf("%s: %v", p, got)
			}
		}
	})
}

// top gives the folder that holds go.mod.
func top(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Fatal("no go.mod above this package")
		}
		dir = up
	}
}

// The check itself: this repository against its own text.
func TestRepository(t *testing.T) {
	problems, err := Check(os.DirFS(top(t)))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		kind Kind
	}{
		{"[DOC] every rule has a test or is listed as later", Untested},
		{"[DOC] every test names a rule or a family", Unnamed},
		{"[DOC] every id that a test names exists", Unknown},
		{"[DOC] what is listed as later has no test yet", Built},
		{"[DOC] the text and the list of later rules are sound", Document},
		{"[DOC] every test file can be read", Unreadable},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, p := range problems {
				if p.Kind == c.kind {
					t.Error(p)
				}
			}
		})
	}
}
