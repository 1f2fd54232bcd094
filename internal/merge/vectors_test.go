package merge

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
)

// The vectors hold hlc, wire and merge together with other languages. They run
// here because merge is the topmost of the three; docs/protocol/vectors/README.md
// describes their form.
const vectorsFolder = "../../docs/protocol/vectors"

// runners has a function for every kind of case in every file. A function gets
// what the case gives and expects, both as JSON.
var runners = map[string]map[string]func(t *testing.T, given, expect json.RawMessage){
	"stamp.json":     {"parse": runParse, "format": runFormat, "order": runOrder, "tick": runTick},
	"clock.json":     {"run": runClock},
	"base.json":      {"bases": runBase, "edits": runEdit},
	"correct.json":   {"correct": runCorrect},
	"ids.json":       {"valid": runValid, "triage": runTriage, "thumbprint": runThumbprint, "renew": runRenew},
	"canonical.json": {"canonical": runCanonical, "number": runNumber, "content": runContent},
	"decode.json":    {"push": runPush, "pull": runPull},
	"digests.json":   {"term": runTerm, "digest": runDigest},
	"sealed.json":    {"open": runOpen, "content": runSealedContent},
	"recovery.json":  {"file": runRecovery},
	"merge.json":     {"steps": runStep, "traces": runTrace},
}

type vectorCase struct {
	Rule   string          `json:"rule"`
	Why    string          `json:"why"`
	Given  json.RawMessage `json:"given"`
	Expect json.RawMessage `json:"expect"`
}

type vectorFile struct {
	About string                  `json:"about"`
	Cases map[string][]vectorCase `json:"cases"`
}

func TestVectors(t *testing.T) {
	entries, err := os.ReadDir(vectorsFolder)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, e := range entries {
		// internal/shipped runs what lies in the folder, internal/checklist the forms.
		if e.Name() == "README.md" || e.Name() == "forms.json" || e.IsDir() {
			continue
		}
		found[e.Name()] = true
		raw, err := os.ReadFile(filepath.Join(vectorsFolder, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		file := strict[vectorFile](t, raw)
		for kind, cases := range file.Cases {
			run := runners[e.Name()][kind]
			for i, c := range cases {
				t.Run(fmt.Sprintf("[%s] %s %s %d: %s", c.Rule, e.Name(), kind, i+1, c.Why), func(t *testing.T) {
					if run == nil {
						t.Fatal("nobody runs this")
					}
					run(t, c.Given, c.Expect)
				})
			}
		}
		t.Run("[DOC] "+e.Name()+" says what it is about, and each case which rule it holds and why", func(t *testing.T) {
			if file.About == "" {
				t.Error("about is empty")
			}
			if want := slices.Sorted(maps.Keys(runners[e.Name()])); !slices.Equal(slices.Sorted(maps.Keys(file.Cases)), want) {
				t.Errorf("the kinds are %v, and %v are run", slices.Sorted(maps.Keys(file.Cases)), want)
			}
			seen := map[string]bool{}
			for kind, cases := range file.Cases {
				if len(cases) == 0 {
					t.Errorf("%s has no cases", kind)
				}
				for i, c := range cases {
					if c.Rule == "" || c.Why == "" || len(c.Given) == 0 || len(c.Expect) == 0 {
						t.Errorf("%s %d: %+v", kind, i+1, c)
					}
					if id := kind + string(c.Given); seen[id] {
						t.Errorf("%s %d is there twice", kind, i+1)
					} else {
						seen[id] = true
					}
				}
			}
		})
	}
	t.Run("[DOC] every file that is run is there", func(t *testing.T) {
		for name := range runners {
			if !found[name] {
				t.Errorf("%s is missing", name)
			}
		}
	})
}

// strict decodes JSON and fails on a member that nobody reads.
func strict[T any](t *testing.T, raw []byte) T {
	t.Helper()
	var v T
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%v in %s", err, raw)
	}
	return v
}

// wantJSON compares two values as JSON.
func wantJSON(t *testing.T, got any, want json.RawMessage) {
	t.Helper()
	raw, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	var a, b any
	if err := json.Unmarshal(raw, &a); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(want, &b); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(a, b) {
		t.Errorf("got  %s\nwant %s", raw, want)
	}
}

// failed is what a case expects when there is nothing to give but an error.
var failed = map[string]any{"error": true}
