package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fieldpost/fieldpost/internal/access"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
)

func TestExportCommand(t *testing.T) {
	r := rig.New(t)
	ngo := r.Organization("Outreach")
	worker, keisha := r.Enroll(access.Worker, ngo), r.Enroll(access.Coordinator, ngo)
	id, v := worker.Create("observations", r.Observation(""))
	rig.Want(t, v.Verdict, "applied")
	run := func(want int, args ...string) string {
		t.Helper()
		out, code := besideRig(t, r, exportCommand, args...)
		if code != want {
			t.Fatalf("%v: exit %d, want %d: %s", args, code, want, out)
		}
		return out
	}
	file := filepath.Join(t.TempDir(), "reports.csv")
	by := []string{"--as", keisha.User.ID, "--reason", "the yearly report to the county"}
	t.Run("[CLI] [R16] an export needs a coordinator and a reason, writes its file, and says how many", func(t *testing.T) {
		run(ExitUsage, "csv", file)
		run(ExitUsage, "csv", file, "--as", "nobody@example.org", "--reason", "because I like it")
		run(ExitUsage, append([]string{"csv", file, "--status", "new"}, by...)...)
		run(ExitRefused, "csv", file, "--as", worker.User.ID, "--reason", "because I like it")
		if _, err := os.Stat(file); err == nil {
			t.Fatal("what was refused left a file")
		}
		out := run(ExitOK, append([]string{"csv", file}, by...)...)
		raw, err := os.ReadFile(file)
		if err != nil || !strings.Contains(out, "1 reports") || !strings.Contains(string(raw), id) || strings.Contains(string(raw), worker.User.ID) {
			t.Fatal(err, out, string(raw))
		}
		run(ExitUsage, append([]string{"csv", file}, by...)...) // nothing is written over
		entry, err := r.App.FindFirstRecordByFilter("audit", "act='export'")
		if err != nil || entry.GetString("actor") != keisha.User.ID {
			t.Fatal(err, entry)
		}
	})
	t.Run("[CLI] a map layer goes to standard output, the words for people beside it", func(t *testing.T) {
		if out := run(ExitOK, append([]string{"geojson", "-"}, by...)...); !strings.Contains(out, `"FeatureCollection"`) || !strings.Contains(out, "Nothing was sent") {
			t.Error(out)
		}
	})
}
