package speccheck

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/fieldpost/fieldpost/internal/fault"
	"github.com/fieldpost/fieldpost/internal/wire"
)

func document(t *testing.T, path string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(top(t), filepath.FromSlash(path)))
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func TestContract(t *testing.T) {
	text := document(t, SpecPath)

	t.Run("[DOC] no rule of version 1 has gone", func(t *testing.T) {
		s, _ := parseSpec(text)
		// Other people's clients refer to these ids; a family may grow, never shrink.
		for family, n := range map[string]int{"PUSH": 13, "MERGE": 6, "JOURNAL": 4, "PULL": 8, "LIVE": 2, "EPOCH": 4, "DEV": 7, "ENROL": 3, "INV": 28} {
			for i := 1; i <= n; i++ {
				if id := fmt.Sprintf("%s-%d", family, i); s.lines[id] == 0 {
					t.Errorf("%s is gone", id)
				}
			}
		}
	})

	t.Run("[DOC] the table of errors is the one in the code", func(t *testing.T) {
		row := regexp.MustCompile("(?m)^\\| (\\d{3}) \\| `(\\w+)` \\| (\\w+) \\|")
		var written, built []string
		for _, m := range row.FindAllStringSubmatch(text, -1) {
			written = append(written, strings.Join(m[1:], " "))
		}
		for code, c := range fault.Codes() {
			built = append(built, fmt.Sprintf("%d %s %s", c.Status, code, c.Retry))
		}
		slices.Sort(written)
		slices.Sort(built)
		if !slices.Equal(written, built) {
			t.Errorf("written\n%s\nbuilt\n%s", strings.Join(written, "\n"), strings.Join(built, "\n"))
		}
	})

	t.Run("[DOC] the limits are the ones in the code", func(t *testing.T) {
		l := wire.DefaultLimits
		entry := regexp.MustCompile(`(?s)- \*\*LIMITS\*\* (.*?)\n- `).FindString(text)
		thousands := func(n int) string { return fmt.Sprintf("%d,%03d", n/1000, n%1000) }
		for _, want := range []string{
			"at most " + thousands(l.Mutations) + " mutations",
			fmt.Sprintf("%d MiB on the wire and %d MiB inflated", l.Bytes>>20, l.Inflated>>20),
			"at most " + thousands(l.Changes) + " changes, and " + strconv.Itoa(wire.DefaultPage),
			fmt.Sprintf("at most %d MiB, measured", wire.MaxMutationBytes>>20),
			fmt.Sprintf("%d ops", wire.MaxOps),
		} {
			if !strings.Contains(strings.Join(strings.Fields(entry), " "), want) {
				t.Errorf("LIMITS does not say %q", want)
			}
		}
	})

	t.Run("[DOC] the triage id in the text is the one that the code makes", func(t *testing.T) {
		if id := wire.TriageID("observations", "p4k2v8w1x6z0c3m"); !strings.Contains(text, "`"+id+"`") {
			t.Errorf("the text does not name %s", id)
		}
	})

	t.Run("[DOC] the messages in the text are messages that the code reads", func(t *testing.T) {
		kinds := map[string]int{}
		for _, m := range regexp.MustCompile("(?s)```json\n(.*?)```").FindAllStringSubmatch(text, -1) {
			kind, err := readMessage([]byte(m[1]))
			if err != nil {
				t.Errorf("%v in\n%s", err, m[1])
			}
			kinds[kind]++
		}
		for _, kind := range []string{"push", "verdicts", "pull", "changes"} {
			if kinds[kind] == 0 {
				t.Errorf("the text shows no %s", kind)
			}
		}
	})

	t.Run("[DOC] each requirement that tests may name is listed among the goals", func(t *testing.T) {
		goals := document(t, "docs/GOALS.md")
		for i := 1; i <= 25; i++ {
			if !strings.Contains(goals, fmt.Sprintf("| R%d |", i)) {
				t.Errorf("docs/GOALS.md lacks R%d", i)
			}
		}
	})
}

// readMessage reads a message as strictly as the code allows and tells which
// of the four kinds it is.
func readMessage(raw []byte) (string, error) {
	var keys map[string]json.RawMessage
	if err := json.Unmarshal(raw, &keys); err != nil {
		return "", err
	}
	strict := func(into any) error {
		d := json.NewDecoder(bytes.NewReader(raw))
		d.DisallowUnknownFields()
		return d.Decode(into)
	}
	switch {
	case keys["mutations"] != nil:
		p, err := wire.DecodePush(raw, wire.DefaultLimits)
		if err != nil {
			return "push", err
		}
		for _, m := range p.Mutations {
			if m.Problem != nil || m.Extra != nil {
				return "push", fmt.Errorf("mutation %d: %v %v", m.N, m.Problem, m.Extra)
			}
		}
		return "push", strict(new(wire.PushRequest))
	case keys["verdicts"] != nil:
		return "verdicts", strict(new(wire.PushAnswer))
	case keys["changes"] != nil:
		return "changes", strict(new(wire.PullAnswer))
	case keys["schema"] != nil:
		if _, err := wire.DecodePull(raw, wire.DefaultLimits); err != nil {
			return "pull", err
		}
		return "pull", strict(new(wire.PullRequest))
	}
	return "", fmt.Errorf("neither push nor pull")
}
