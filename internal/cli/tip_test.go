package cli

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/spf13/cobra"

	"github.com/fieldpost/fieldpost/hooks"
	"github.com/fieldpost/fieldpost/internal/access"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
	"github.com/fieldpost/fieldpost/internal/wiring"
)

// besideRig runs a command on the folder of a rig that serves, and gives what it
// printed and its exit.
func besideRig(t *testing.T, r *rig.Rig, command func(Open) *cobra.Command, args ...string) (string, int) {
	t.Helper()
	c := command(func(dir string, cfg wiring.Config) (core.App, *wiring.Services) {
		app := core.NewBaseApp(core.BaseAppConfig{DataDir: dir, DBConnect: wiring.DBConnect})
		cfg.Now = r.Clock.Now
		services := wiring.New(app, cfg)
		hooks.Register(app, services)
		return app, services
	})
	out := &buffer{}
	c.SetArgs(append(args, "--dir", r.Dir))
	c.SetOut(out)
	c.SetErr(out)
	c.SilenceErrors, c.SilenceUsage = true, true
	err := c.ExecuteContext(t.Context())
	var exit *Exit
	switch {
	case err == nil:
		return out.String(), ExitOK
	case !errors.As(err, &exit) || exit.Hint == "":
		t.Fatalf("%v: %v is no exit with a next step", args, err)
	}
	return out.String() + exit.Message, exit.Code
}

func TestTipAndTriageCommands(t *testing.T) {
	r := rig.New(t)
	ngo := r.Organization("Outreach")
	stop := r.Site("Big Stop", r.Organization("Owner"), ngo)
	worker, keisha := r.Enroll(access.Worker, ngo), r.Enroll(access.Coordinator, ngo)
	var ids []string
	for range 2 {
		id, v := worker.Create("observations", r.Observation(stop))
		rig.Want(t, v.Verdict, "applied")
		ids = append(ids, id)
	}
	report := ids[0]
	run := func(command func(Open) *cobra.Command, want int, args ...string) string {
		t.Helper()
		out, code := besideRig(t, r, command, args...)
		if code != want {
			t.Fatalf("%v: exit %d: %s", args, code, out)
		}
		return out
	}
	t.Run("[CLI] [R5] tip sheet prints a report as a sheet, in each format, beside a running server", func(t *testing.T) {
		text := run(tipCommand, ExitOK, "sheet", report, "--locale", "es", "--zone", "America/Chicago")
		if !strings.Contains(text, "Hoja para leer en voz alta") || !strings.Contains(text, "Big Stop") || !strings.Contains(text, "silver van") {
			t.Error(text)
		}
		if text = run(tipCommand, ExitOK, "sheet", report, "--format", "preview", "--without", "note"); strings.Contains(text, "silver van") || !strings.Contains(text, "site.name") {
			t.Error(text)
		}
		if text = run(tipCommand, ExitOK, "sheet", report, "--format", "sections"); !strings.Contains(text, "== 7. What happened ==") {
			t.Error(text)
		}
		file := filepath.Join(t.TempDir(), "sheet.pdf")
		run(tipCommand, ExitUsage, "sheet", report, "--format", "pdf")
		run(tipCommand, ExitOK, "sheet", report, "--format", "pdf", "--out", file)
		if data, err := os.ReadFile(file); err != nil || !strings.HasPrefix(string(data), "%PDF-") {
			t.Error(err)
		}
		for _, bad := range [][]string{{"--format", "fax"}, {"--locale", "fr"}, {"--zone", "Nowhere"}, {"--without", "author"}} {
			run(tipCommand, ExitUsage, append([]string{"sheet", report}, bad...)...)
		}
		run(tipCommand, ExitUsage, "sheet", "nobodyknowsthis")
		n, err := r.App.CountRecords("audit", dbx.HashExp{"act": "export", "actor": "operator", "record": report})
		if err != nil {
			t.Fatal(err)
		}
		rig.Want(t, n, 3)
	})
	t.Run("[CLI] [R5] tip log notes a tip as a coordinator, and warns of a second one", func(t *testing.T) {
		if out := run(tipCommand, ExitOK, "log", report, "--as", keisha.User.ID, "--line", "hsi_tip_line", "--reference", "T-1"); strings.Contains(out, "earlier") || !strings.Contains(out, "shared inside DHS") {
			t.Error(out)
		}
		if out := run(tipCommand, ExitOK, "log", report, "--as", keisha.User.ID, "--channel", "web_form"); !strings.Contains(out, "1 earlier") {
			t.Error(out)
		}
		if out := run(tipCommand, ExitOK, "list", report); strings.Count(out, "\n") != 2 || !strings.Contains(out, "T-1") {
			t.Error(out)
		}
		run(tipCommand, ExitUsage, "log", report, "--as", worker.User.ID+"x")
		run(tipCommand, ExitUsage, "log", report, "--as", keisha.User.ID, "--at", "yesterday")
		run(tipCommand, ExitUsage, "log", report)
	})
	rules := filepath.Join(t.TempDir(), "rules.json")
	write := func(changes ...string) {
		t.Helper()
		shown := run(triageCommand, ExitOK, "show", "--json")
		text := strings.NewReplacer(append([]string{`"key": "shipped"`, `"key": "ours"`}, changes...)...).Replace(shown)
		if err := os.WriteFile(rules, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("[CLI] [CONTENT] [R25] triage dry-run shows by id what rules would change, and apply takes them", func(t *testing.T) {
		if out := run(triageCommand, ExitOK, "show"); !strings.Contains(out, "shipped version 1") || !strings.Contains(out, "No practitioner has reviewed") {
			t.Error(out)
		}
		// One strong sign is not enough any more: both reports have one.
		write(`"weight": "strong",`+"\n"+`      "at_least": 1`, `"weight": "strong",`+"\n"+`      "at_least": 2`)
		out := run(triageCommand, ExitOK, "dry-run", rules)
		for _, want := range []string{ids[0], ids[1], "review", "context", "any_strong", "below_threshold", "No practitioner has reviewed", "on the last 2 reports: 2 would"} {
			if !strings.Contains(out, want) {
				t.Errorf("%q is not in %s", want, out)
			}
		}
		if strings.Contains(out, "silver van") {
			t.Error(out)
		}
		var trial struct {
			Rules   struct{ Key string }
			Looked  int
			Changes []struct{ Report, From, To, Rule string }
		}
		if err := json.Unmarshal([]byte(run(triageCommand, ExitOK, "dry-run", rules, "--json", "--last", "1")), &trial); err != nil {
			t.Fatal(err)
		}
		rig.Want(t, []any{trial.Rules.Key, trial.Looked, len(trial.Changes)}, []any{"ours", 1, 1})
		run(triageCommand, ExitOK, "apply", rules)
		if out := run(triageCommand, ExitOK, "show"); !strings.Contains(out, "ours version 1") {
			t.Error(out)
		}
		id, _ := worker.Create("observations", r.Observation(stop))
		record, err := r.App.FindFirstRecordByData("triage", "observation", id)
		if err != nil {
			t.Fatal(err)
		}
		rig.Want(t, record.GetString("suggested"), "context") // the server that runs took them too
		write(`"at_least": 2`, `"at_least": 3`)
		run(triageCommand, ExitUsage, "apply", rules)
		write(`"version": 1`, `"version": 0`)
		run(triageCommand, ExitUsage, "dry-run", rules)
		run(triageCommand, ExitUsage, "dry-run", filepath.Join(t.TempDir(), "none"))
	})
	t.Run("[CLI] [R19] triage duplicates lists candidates by id", func(t *testing.T) {
		out := run(triageCommand, ExitOK, "duplicates")
		if !strings.Contains(out, ids[0]) || !strings.Contains(out, "same place, time") || strings.Contains(out, "silver van") {
			t.Error(out)
		}
		if out := run(triageCommand, ExitOK, "duplicates", report, "--json"); !strings.Contains(out, ids[1]) {
			t.Error(out)
		}
		run(triageCommand, ExitUsage, "duplicates", "nobodyknowsthis")
	})
	t.Run("[CLI] [CONTENT] content lint looks at the rules of triage too", func(t *testing.T) {
		out, code := contentRun(t, "lint", copied(t, "triage/rules.v1.json", `"within_minutes": 120`, `"within_minutes": 60`))
		if code != ExitAttention || !strings.Contains(out, "triage/rules.v1.json: was released and has changed") {
			t.Errorf("exit %d: %s", code, out)
		}
	})
}
