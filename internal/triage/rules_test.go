package triage

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/fieldpost/fieldpost/content"
)

func TestRules(t *testing.T) {
	raw, err := content.Files.ReadFile("triage/rules.v1.json")
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile("../../content/triage/schema.json")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	if err := c.AddResource("schema.json", doc); err != nil {
		t.Fatal(err)
	}
	schema := c.MustCompile("schema.json")
	fits := func(text []byte) bool {
		v, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		return err == nil && schema.Validate(v) == nil
	}
	t.Run("[CONTENT] the shipped rules are read, fit their schema, and have no faults", func(t *testing.T) {
		if _, err := Parse(raw); err != nil || !fits(raw) {
			t.Fatal(err)
		}
		if faults := Lint(content.Files); len(faults) > 0 {
			t.Fatal(faults)
		}
	})
	t.Run("[CONTENT] version 1 of the rules is as it was released", func(t *testing.T) {
		sum := sha256.Sum256(raw)
		if got := hex.EncodeToString(sum[:]); got != released1 {
			t.Fatalf("the hash is %s: a version never changes", got)
		}
	})
	for _, c := range []struct {
		name, from, to, want string
		shape                bool // the schema sees it too
	}{
		{"another format", `"format": 1`, `"format": 2`, "format is 2", true},
		{"a key with blanks", `"shipped"`, `"My rules"`, "key is not", true},
		{"a version below 1", `"version": 1`, `"version": 0`, "version is not", true},
		{"a missing translation", `"Se vio una señal fuerte."`, `""`, "any_strong (es): label is missing", true},
		{"a missing label", `, "label::en": "A strong sign was seen."`, ``, "any_strong (en): label is missing", true},
		{"thresholds that say they were reviewed", `"awaiting practitioner review"`, `""`, "(en): review is", true},
		{"an urgency that is none", `"urgency": "context"`, `"urgency": "soon"`, "below_threshold: urgency is not", true},
		{"a weight that is none", `"weight": "strong"`, `"weight": "heavy"`, "any_strong: weight is not", true},
		{"a count of none", `"at_least": 3`, `"at_least": 0`, "three_context: at_least is not", true},
		{"a score in its place", `"at_least": 3`, `"score": 0.7`, "unknown field", true},
		{"a flag that is none", `"flag": "minor_possible"`, `"flag": "foreign"`, "minor_possible: flag is not", true},
		{"two conditions in one rule", `"flag": "minor_possible"`, `"flag": "minor_possible", "weight": "strong", "at_least": 1`, "asks for 2 of", true},
		{"a rule twice", `"name": "any_strong"`, `"name": "any_emergency"`, "any_emergency: stands twice", false},
		{"a mild rule before an urgent one", `"urgency": "review", "weight": "context"`, `"urgency": "emergency", "weight": "context"`, "three_context: is more urgent", false},
		{"an emergency item that makes no emergency", `"urgency": "emergency", "weight": "emergency", "at_least": 1`, `"urgency": "emergency", "weight": "emergency", "at_least": 2`, "no rule makes an emergency", false},
		{"no rule for what is left", `"otherwise": true`, `"flag": "minor_possible"`, "below_threshold: the last rule", false},
		{"a window of a week", `"within_minutes": 120`, `"within_minutes": 10080`, "duplicates.within_minutes", true},
		{"something after the rules", "\n}\n", "\n}\n{}", "something stands after", true},
	} {
		t.Run("[CONTENT] rules are refused: "+c.name, func(t *testing.T) {
			text := strings.Replace(string(raw), c.from, c.to, 1)
			if text == string(raw) {
				t.Fatal("the fault was not planted")
			}
			_, err := Parse([]byte(text))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %v, want %q", err, c.want)
			}
			if fits([]byte(text)) == c.shape {
				t.Errorf("the schema takes it: %v", c.shape)
			}
		})
	}
	folder := func(text, name, released string) fstest.MapFS {
		return fstest.MapFS{"triage/" + name: {Data: []byte(text)}, releasedFile: {Data: []byte(released)}}
	}
	sum := func(text string) string { s := sha256.Sum256([]byte(text)); return hex.EncodeToString(s[:]) }
	list := func(name, text string) string { return fmt.Sprintf(`{%q:%q}`, name, sum(text)) }
	v2 := strings.Replace(string(raw), `"version": 1`, `"version": 2`, 1)
	local := strings.Replace(string(raw), `"shipped"`, `"ours"`, 1)
	for _, c := range []struct {
		name   string
		folder fstest.MapFS
		want   string
	}{
		{"nothing, of a version that was released", folder(v2, "rules.v2.json", list("rules.v2.json", v2)), ""},
		{"a released version that has changed", folder(strings.Replace(string(raw), "120", "60", 1), "rules.v1.json", list("rules.v1.json", string(raw))), "triage/rules.v1.json: was released and has changed"},
		{"a version that nobody released", folder(v2, "rules.v2.json", `{}`), "triage/rules.v2.json: is not in"},
		{"a released version that is gone", folder(v2, "rules.v2.json", `{"rules.v2.json":"`+sum(v2)+`","rules.v1.json":"x"}`), "triage/rules.v1.json: was released and is not there"},
		{"a file under another version's name", folder(v2, "rules.v3.json", list("rules.v3.json", v2)), "triage/rules.v3.json: holds shipped version 2"},
		{"an installation's own among the shipped", folder(local, "rules.v1.json", list("rules.v1.json", local)), "holds ours version 1"},
		{"a fault inside, by file, rule and language", folder(strings.Replace(v2, `"Se vio una señal fuerte."`, `""`, 1), "rules.v2.json", list("rules.v2.json", strings.Replace(v2, `"Se vio una señal fuerte."`, `""`, 1))),
			"triage/rules.v2.json: any_strong (es): label is missing"},
		{"no list of what was released", fstest.MapFS{"triage/rules.v2.json": {Data: []byte(v2)}}, "triage/released.json"},
	} {
		t.Run("[CONTENT] lint of the rules finds "+c.name, func(t *testing.T) {
			var got []string
			for _, f := range Lint(c.folder) {
				got = append(got, f.String())
			}
			if all := strings.Join(got, "\n"); c.want == "" && all != "" || !strings.Contains(all, c.want) {
				t.Fatalf("got %q, want %q", all, c.want)
			}
		})
	}
}

// released1 is the SHA-256 of version 1. It never changes.
const released1 = "fddb3d4ac3b0569fd53ae85a2ba12b4448c7a6d96ab892b78c4108389d369923"
