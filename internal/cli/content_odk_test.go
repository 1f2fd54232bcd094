package cli

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/fieldpost/fieldpost/internal/access"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// walkBook is a workbook of ten questions in two languages, with skip logic.
const walkBook = "../odk/testdata/lot_walk.xlsx"

// imported is the draft of the workbook, with one text changed.
func imported(t *testing.T, old, new string, args ...string) string {
	t.Helper()
	draft := filepath.Join(t.TempDir(), "draft.json")
	if out, exit := contentRun(t, append([]string{"import", walkBook, "--out", draft}, args...)...); exit != ExitOK || !strings.Contains(out, "10 items") || !strings.Contains(out, "Still to decide: 0") {
		t.Fatalf("exit %d, %s", exit, out)
	}
	data, err := os.ReadFile(draft)
	if err != nil || !strings.Contains(string(data), old) {
		t.Fatalf("%q is not in %s: %v", old, data, err)
	}
	if err := os.WriteFile(draft, []byte(strings.Replace(string(data), old, new, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	return draft
}

func TestImport(t *testing.T) {
	t.Run("[CONTENT] [CLI] a workbook becomes a checklist that a device shows and fills, with its skip logic, in both languages", func(t *testing.T) {
		r := rig.New(t)
		dir := []string{"--dir", r.Dir}
		draft := imported(t, "", "")
		if out, exit := contentRun(t, append(dir, "publish", draft)...); exit != ExitOK || !strings.Contains(out, "In force: lot_walk version 1, 10 items") {
			t.Fatalf("exit %d, %s", exit, out)
		}
		p := enrolled(t, r, access.Worker, r.Organization("Outreach"))
		items := func(args ...string) (ids []string) {
			for _, line := range p.lines(append([]string{"checklist", "lot_walk"}, args...)...) {
				if line["result"] == "item" {
					ids = append(ids, line["id"].(string))
				}
			}
			return ids
		}
		if got := items(); !slices.Equal(got, []string{"lot_walk.01", "lot_walk.04", "lot_walk.05", "lot_walk.09", "lot_walk.10"}) {
			t.Errorf("%q", got)
		}
		if got := items("--answer", "lot_walk.01=yes", "--answer", "lot_walk.02=yes", "--answer", "lot_walk.05=yes"); len(got) != 10 {
			t.Errorf("%q", got)
		}
		lines := p.lines("checklist", "lot_walk", "--locale", "es")
		p.wants("title", lines[0]["title"], "Vuelta por el estacionamiento")
		p.wants("label", lines[1]["text"], "Una van espera horas en la orilla del estacionamiento")
		p.fails(ExitUsage, "bad_answer", "fill", "--checklist", "lot_walk", "--answer", "lot_walk.05=no")
		p.ok("fill", "--checklist", "lot_walk", "--locale", "es", "--answer", "lot_walk.01=yes", "--answer", "lot_walk.02=yes", "--answer", "lot_walk.05=no", "--answer", "lot_walk.09=yes")
		p.ok("sync")
		p.wants("needs attention", p.ok("status")["needs_attention"], 0)
		made, err := r.App.FindFirstRecordByFilter("submissions", "version = 1")
		if err != nil || !strings.Contains(made.GetString("answers"), "lot_walk.02") {
			t.Fatalf("%v %v", made, err)
		}
		// Triage knows the weights that the workbook gave.
		verdict, err := r.App.FindRecordById("triage", wire.TriageID("submissions", made.Id))
		if err != nil || verdict.GetString("suggested") != "emergency" {
			t.Errorf("%v %v", verdict, err)
		}
		if out, exit := contentRun(t, append(dir, "diff")...); exit != ExitOK || !strings.Contains(out, "local   lot_walk version 1 (es)") {
			t.Errorf("exit %d, %s", exit, out)
		}
	})
	t.Run("[CONTENT] [R16] what is published is audited, never changes, counts on, and has a key of its own", func(t *testing.T) {
		r := rig.New(t)
		publish := func(draft string) (string, int) { return contentRun(t, "--dir", r.Dir, "publish", draft) }
		first := imported(t, "", "")
		audited := func() int {
			n, err := r.App.CountRecords("audit")
			if err != nil {
				t.Fatal(err)
			}
			return int(n)
		}
		before := audited()
		if out, exit := publish(first); exit != ExitOK {
			t.Fatalf("exit %d, %s", exit, out)
		}
		if audited() != before+1 {
			t.Errorf("%d entries of the audit, and were %d", audited(), before)
		}
		if out, exit := publish(first); exit != ExitOK || !strings.Contains(out, "in force already") || audited() != before+1 {
			t.Errorf("the same again: exit %d, %s", exit, out)
		}
		const label, other = `"label::en": "Somebody is hurt"`, `"label::en": "Somebody bleeds"`
		if out, exit := publish(imported(t, label, other)); exit != ExitUsage || !strings.Contains(out, "a version never changes") {
			t.Errorf("other words under the same version: exit %d, %s", exit, out)
		}
		if out, exit := publish(imported(t, label, other, "--version", "3")); exit != ExitUsage || !strings.Contains(out, "count on") {
			t.Errorf("a version left out: exit %d, %s", exit, out)
		}
		if out, exit := publish(imported(t, label, other, "--version", "2")); exit != ExitOK || audited() != before+2 {
			t.Errorf("the next version: exit %d, %s", exit, out)
		}
		was, err := r.App.FindFirstRecordByFilter("checklists", "key = 'lot_walk' && version = 1 && locale = 'en'")
		if err != nil || !strings.Contains(was.GetString("items"), "Somebody is hurt") {
			t.Errorf("version 1 is %v, %v", was, err)
		}
		if out, exit := publish(imported(t, "", "", "--key", "truck_lot", "--version", "3")); exit != ExitUsage || !strings.Contains(out, "comes with the program") {
			t.Errorf("a key of ours: exit %d, %s", exit, out)
		}
		if out, exit := publish(imported(t, `"weight": "strong"`, `"weight": "undecided"`)); exit != ExitAttention || !strings.Contains(out, `weight "undecided"`) {
			t.Errorf("a draft: exit %d, %s", exit, out)
		}
	})
	t.Run("[CONTENT] [CLI] a draft names what its author has still to decide, and writes over nothing; what is refused leaves no file", func(t *testing.T) {
		draft := imported(t, `"icon": "van"`, `"icon": "no-such"`)
		if out, exit := contentRun(t, "lint", draft); exit != ExitAttention || !strings.Contains(out, "lot_walk.01: there is no icons/no-such.svg") {
			t.Errorf("exit %d, %s", exit, out)
		}
		if _, exit := contentRun(t, "import", walkBook, "--out", draft); exit != ExitUsage {
			t.Errorf("a file that is there: exit %d", exit)
		}
		none := filepath.Join(t.TempDir(), "none.json")
		if out, exit := contentRun(t, "import", walkBook, "--out", none, "--key", "Not a key"); exit != ExitUsage || !strings.Contains(out, "refused settings!C2 (form_id): ") {
			t.Errorf("exit %d, %s", exit, out)
		}
		if out, exit := contentRun(t, "import", "content_odk_test.go", "--json"); exit != ExitUsage || !strings.Contains(out, `"code":"unreadable_workbook"`) {
			t.Errorf("exit %d, %s", exit, out)
		}
		if _, exit := contentRun(t, "import", filepath.Join(t.TempDir(), "gone.xlsx")); exit != ExitUsage {
			t.Errorf("no file: exit %d", exit)
		}
		if _, err := os.Stat(none); err == nil {
			t.Error("there is a file")
		}
	})
}

func TestXForm(t *testing.T) {
	t.Run("[CONTENT] [CLI] a checklist is written as an XForm: by key and version, from a file, or all of them", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "all")
		if out, exit := contentRun(t, "xform", "--all", dir); exit != ExitOK || !strings.Contains(out, "31 forms") {
			t.Fatalf("exit %d, %s", exit, out)
		}
		one, err := os.ReadFile(filepath.Join(dir, "truck_lot.xml"))
		if err != nil {
			t.Fatal(err)
		}
		if out, exit := contentRun(t, "xform", "truck_lot"); exit != ExitOK || out != string(one) || !strings.Contains(out, `version="2"`) {
			t.Errorf("exit %d, %.300s", exit, out)
		}
		if out, exit := contentRun(t, "xform", "truck_lot", "--version", "1"); exit != ExitOK || !strings.Contains(out, `version="1"`) || strings.Contains(out, "(es)") {
			t.Errorf("exit %d, %.300s", exit, out)
		}
		if out, exit := contentRun(t, "xform", "truck_lot", "--locale", "es"); exit != ExitOK || !strings.Contains(out, "Paradas de camiones") || strings.Contains(out, "(en)") {
			t.Errorf("exit %d, %.300s", exit, out)
		}
		file := filepath.Join(dir, "walk.xml")
		if out, exit := contentRun(t, "xform", imported(t, "", ""), "--out", file); exit != ExitOK {
			t.Errorf("exit %d, %s", exit, out)
		}
		for _, wrong := range [][]string{{}, {"nothing"}, {"truck_lot", "--version", "9"}, {"truck_lot", "--locale", "fr"}, {"truck_lot", "--version", "1", "--locale", "es"}, {"core", "--all", dir}, {"core", "--out", file}, {"--all", dir}} {
			if out, exit := contentRun(t, append([]string{"xform"}, wrong...)...); exit != ExitUsage {
				t.Errorf("%q: exit %d, %.200s", wrong, exit, out)
			}
		}
		if _, exit := contentRun(t, "xform", imported(t, `"weight": "strong"`, `"weight": "undecided"`)); exit != ExitAttention {
			t.Errorf("a draft: exit %d", exit)
		}
	})
}
