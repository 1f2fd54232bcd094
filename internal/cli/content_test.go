package cli

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/fieldpost/fieldpost/content"
	"github.com/fieldpost/fieldpost/hooks"
	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/checklist"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
	"github.com/fieldpost/fieldpost/internal/wiring"
)

// contentRun runs a content command and gives what it printed and its exit.
func contentRun(t *testing.T, args ...string) (string, int) {
	t.Helper()
	c := contentCommand(func(dir string, cfg wiring.Config) (core.App, *wiring.Services) {
		app := core.NewBaseApp(core.BaseAppConfig{DataDir: dir, DBConnect: wiring.DBConnect})
		services := wiring.New(app, cfg)
		hooks.Register(app, services)
		return app, services
	})
	out := &buffer{}
	c.SetArgs(args)
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

// copied is the shipped content in a folder, with one text changed.
func copied(t *testing.T, file, old, new string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, content.Files); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, file)
	data, err := os.ReadFile(name)
	if err != nil || !strings.Contains(string(data), old) {
		t.Fatalf("%s does not hold %q: %v", file, old, err)
	}
	if err := os.WriteFile(name, []byte(strings.Replace(string(data), old, new, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestContent(t *testing.T) {
	t.Run("[CONTENT] what ships has no faults", func(t *testing.T) {
		if out, exit := contentRun(t, "lint"); exit != ExitOK {
			t.Errorf("exit %d\n%s", exit, out)
		}
	})
	t.Run("[CLI] content lint names file, item and language of a planted fault, and ends with 7", func(t *testing.T) {
		dir := copied(t, "forms/hotel_front.v2.json", `"label::es"`, `"label::fr"`)
		if out, exit := contentRun(t, "lint", dir); exit != ExitAttention || !strings.Contains(out, "forms/hotel_front.v2.json: ") {
			t.Errorf("exit %d, %s", exit, out)
		}
		dir = copied(t, "forms/truck_lot.v2.json", `"icon": `, `"icon": "no-such", "iconx": `)
		if _, exit := contentRun(t, "lint", dir); exit != ExitAttention {
			t.Errorf("exit %d", exit)
		}
		dir = copied(t, "sources.json", `"HTF"`, `"HTFX"`)
		out, exit := contentRun(t, "lint", "--json", dir)
		first, _, _ := strings.Cut(out, "\n")
		var f checklist.Fault
		if err := json.Unmarshal([]byte(first), &f); err != nil || exit != ExitAttention || f.File == "" || f.Item == "" || !strings.Contains(f.Message, "source HTF") {
			t.Errorf("exit %d, %s, %v", exit, first, err)
		}
		if _, exit := contentRun(t, "lint", filepath.Join(dir, "nowhere")); exit != ExitUsage {
			t.Errorf("exit %d", exit)
		}
		if _, exit := contentRun(t, "lint", t.TempDir()); exit != ExitUsage {
			t.Errorf("an empty folder: exit %d", exit)
		}
	})
	t.Run("[R25] content review prints hotline and emergency texts first, then our wordings, then Spanish by setting, with counts", func(t *testing.T) {
		out, exit := contentRun(t, "review")
		at := func(text string) int { return strings.Index(out, text) }
		if exit != ExitOK || at("texts await review") < 0 || at("Hotline and emergency") < 0 || at("Wordings of our own") < at("Hotline and emergency") ||
			at("Spanish, by setting") < at("Wordings of our own") || at("core.01") < 0 || at("hotel_front.v2 (") < 0 {
			t.Errorf("exit %d\n%.2000s", exit, out)
		}
		lines, _ := contentRun(t, "review", "--json")
		want, err := checklist.AwaitingIn(content.Files)
		if err != nil || strings.Count(lines, "\n") != len(want) || len(want) < 100 {
			t.Errorf("%d lines of %d, %v", strings.Count(lines, "\n"), len(want), err)
		}
	})
	t.Run("[R3] [R24] [R25] content hotlines prints cards with 911 first, in the person's language, says that no number is verified, and dials nothing", func(t *testing.T) {
		out, exit := contentRun(t, "hotlines", "--place", "us-mo", "--need", "tip", "--locale", "es")
		cards := strings.Split(strings.TrimSpace(out), "\n\n")
		if exit != ExitOK || len(cards) != 3 || !strings.HasPrefix(cards[0], "Emergencia: 911\n") || !strings.Contains(out, "1-888-373-7888  (día y noche; inglés, español, otros con intérprete)") ||
			strings.Contains(out, "802-872-6199") || strings.Contains(out, "%!") {
			t.Errorf("exit %d, %d cards\n%s", exit, len(cards), out)
		}
		for _, card := range cards {
			if !strings.Contains(card, "Número: todavía sin verificar") || !strings.Contains(card, checklist.AwaitingNative) || !strings.Contains(card, "Fuente: ") {
				t.Error(card)
			}
		}
		if strings.Contains(out, "tel:") || strings.Contains(out, "sms:") {
			t.Error("a link that dials")
		}
		lines, exit := contentRun(t, "hotlines", "--json")
		all, err := checklist.HotlinesIn(content.Files)
		if err != nil || exit != ExitOK || strings.Count(lines, "\n") != len(all) || strings.Count(lines, `"verification":"not_verified"`) != len(all) {
			t.Errorf("exit %d, %v, %s", exit, err, lines)
		}
		for _, wrong := range [][]string{{"--place", "moon"}, {"--need", "pizza"}, {"--locale", "fr"}} {
			if _, exit := contentRun(t, append([]string{"hotlines"}, wrong...)...); exit != ExitUsage {
				t.Errorf("%q: exit %d", wrong, exit)
			}
		}
	})
	t.Run("[R25] a card says how old a verification is, and is amber after 90 days", func(t *testing.T) {
		today := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
		for on, want := range map[string]string{"": "Number: not yet verified\n", "2026-04-30": "Number: verified on 2026-04-30 (days since: 1)\n", "2026-01-31": "Number: AMBER: verified on 2026-01-31 (days since: 90)"} {
			var b strings.Builder
			if err := sayCard(&b, checklist.Hotline{NameEN: "A line", VerifiedOn: on}, nil, "en", today); err != nil || !strings.Contains(b.String(), want) {
				t.Errorf("%q: %v %s", on, err, b.String())
			}
		}
	})
	t.Run("[CLI] content diff and apply: what is edited stays until it is named", func(t *testing.T) {
		r := rig.New(t)
		dir := []string{"--dir", r.Dir}
		if out, exit := contentRun(t, append(dir, "diff")...); exit != ExitOK || !strings.Contains(out, "as they are shipped") {
			t.Fatalf("exit %d, %s", exit, out)
		}
		edited, err := r.App.FindFirstRecordByFilter("checklists", "key = 'core' && version = 2 && locale = 'es'")
		if err != nil {
			t.Fatal(err)
		}
		edited.Set("title", "Lo nuestro")
		if err := r.App.Save(edited); err != nil {
			t.Fatal(err)
		}
		if out, exit := contentRun(t, append(dir, "diff")...); exit != ExitOK || !strings.HasPrefix(out, "edited  core version 2 (es): title\n") {
			t.Errorf("exit %d, %s", exit, out)
		}
		if out, exit := contentRun(t, append(dir, "apply")...); exit != ExitOK || !strings.Contains(out, "nothing to take") {
			t.Errorf("exit %d, %s", exit, out)
		}
		if _, exit := contentRun(t, append(dir, "apply", "--replace", "motel")...); exit != ExitUsage {
			t.Errorf("a key that nobody ships: exit %d", exit)
		}
		if out, exit := contentRun(t, append(dir, "apply", "--replace", "core")...); exit != ExitOK || out != "replaced: core version 2 (es)\n" {
			t.Errorf("exit %d, %s", exit, out)
		}
		if out, exit := contentRun(t, append(dir, "diff", "--json")...); exit != ExitOK || out != "" {
			t.Errorf("exit %d, %s", exit, out)
		}
	})
}

func TestDeviceChecklist(t *testing.T) {
	t.Run("[CONTENT] [CLI] a device shows and fills a form in Spanish, asks no item whose condition fails, and keeps an answer to one all the same", func(t *testing.T) {
		r := rig.New(t)
		shipped, err := checklist.Load(os.DirFS("../checklist/testdata/content"))
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := r.S.Store.ApplyChecklists(slices.DeleteFunc(shipped, func(l checklist.Checklist) bool { return l.Key != "yard" }), nil); err != nil {
			t.Fatal(err)
		}
		p := enrolled(t, r, access.Worker, r.Organization("Outreach"))
		items := func(args ...string) (ids []string) {
			for _, line := range p.lines(append([]string{"checklist", "yard"}, args...)...) {
				if line["result"] == "item" {
					ids = append(ids, line["id"].(string))
				}
			}
			return ids
		}
		if got := items(); slices.Contains(got, "yard.02") || !slices.Contains(got, "yard.03") {
			t.Errorf("%q", got)
		}
		if got := items("--answer", "yard.01=yes"); !slices.Contains(got, "yard.02") {
			t.Errorf("%q", got)
		}
		lines := p.lines("checklist", "yard", "--locale", "es")
		p.wants("title", lines[0]["title"], "El patio")
		p.wants("label", lines[1]["text"], "Una camioneta espera en la entrada por horas")
		p.wants("group", lines[1]["group_label"], "En la entrada")
		p.fails(ExitUsage, "unknown_locale", "checklist", "yard", "--locale", "fr")
		p.fails(ExitUsage, "unknown_locale", "fill", "--checklist", "yard", "--locale", "fr", "--answer", "yard.03=yes")
		p.fails(ExitUsage, "bad_answer", "fill", "--checklist", "yard", "--answer", "yard.01=yes")
		p.fails(ExitUsage, "bad_answer", "fill", "--checklist", "yard", "--answer", "yard.01=yes", "--answer", "yard.03=unsure")

		p.ok("fill", "--checklist", "yard", "--locale", "es", "--answer", "yard.03=yes", "--answer", "yard.02=yes", "--answer", "yard.01=no")
		p.ok("sync")
		p.wants("needs attention", p.ok("status")["needs_attention"], 0)
		made, err := r.App.FindFirstRecordByFilter("submissions", "version = 1")
		if err != nil {
			t.Fatal(err)
		}
		list, err := r.App.FindRecordById("checklists", made.GetString("checklist"))
		if err != nil || list.GetString("locale") != "es" || !strings.Contains(made.GetString("answers"), "yard.02") {
			t.Errorf("%v %v", list, err)
		}
		p.ok("fill", "--checklist", "truck_lot", "--locale", "es", "--answer", "truck_lot.01=yes")
		p.ok("sync")
		p.wants("needs attention", p.ok("status")["needs_attention"], 0)
	})
}
