package cli

import (
	"database/sql"
	"fmt"
	"strings"
	"testing"

	"github.com/fieldpost/fieldpost/internal/access"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
)

// spoil changes the phone's store behind its back.
func (p phone) spoil(query string) {
	p.t.Helper()
	db, err := sql.Open("sqlite", p.store)
	if err != nil {
		p.t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(query); err != nil {
		p.t.Fatal(err)
	}
}

func TestDeviceCheck(t *testing.T) {
	r := rig.New(t)
	ngo := r.Organization("Outreach")
	r.Site("Hotel one", r.Organization("Hotel"), ngo)
	rosa := enrolled(t, r, access.Worker, ngo)
	onServer := func(query string) {
		t.Helper()
		if _, err := r.App.NonconcurrentDB().NewQuery(query).Execute(); err != nil {
			t.Fatal(err)
		}
	}

	t.Run("[CLI] check says that all agrees, with exit code 0", func(t *testing.T) {
		line := rosa.ok("check")
		rosa.wants("line", fmt.Sprint(line["result"], ": ", line["agrees"], line["resets"]), "check: true 0")
		if s := rosa.ok("status"); s["checked"] == nil || s["doubtful"] != nil {
			t.Errorf("status: %v", s)
		}
		out := &buffer{}
		rosa.wants("exit", rosa.raw(out, "--store", rosa.store, "check"), 0)
		if !strings.Contains(out.String(), "are what the server shows you") {
			t.Error(out)
		}
	})

	t.Run("[CLI] check mends a view that was spoilt, and says so", func(t *testing.T) {
		rosa.spoil("DELETE FROM records WHERE collection = 'sites'")
		rosa.wants("sites on the phone", len(rosa.lines("records", "sites")), 0)
		line := rosa.ok("check")
		rosa.wants("line", fmt.Sprint(line["agrees"], line["resets"], line["differed"]), "true 1 [sites]")
		rosa.wants("sites on the phone", len(rosa.lines("records", "sites")), 1)
	})

	t.Run("[CLI] check ends with exit code 7 and plain words when it cannot mend the view; status, sync and pull repeat them", func(t *testing.T) {
		rosa.ok("observe", "--time", "2026-01-11T04:55:00Z", "--indicator", "core.01=saw")
		onServer("INSERT INTO checklists (id, key, published) VALUES ('smuggled0000001', 'smuggled', true)")
		rosa.fails(ExitAttention, "doubtful", "check")
		rosa.wants("status", rosa.ok("status")["doubtful"], "[checklists]")
		rosa.spoil("UPDATE device SET checked = 0")
		lines, exit := rosa.run("sync")
		rosa.wants("exit of sync", exit, 0)
		last := lines[len(lines)-1]
		rosa.wants("what sync found", fmt.Sprint(last["result"], ": ", last["agrees"], last["doubtful"]), "check: false [checklists]")
		for _, command := range []string{"status", "check", "sync", "pull"} {
			rosa.spoil("UPDATE device SET checked = 0")
			out := &buffer{}
			rosa.raw(out, "--store", rosa.store, command)
			for _, words := range []string{"Doubtful: checklists.", "did not mend it", "What you saved is not", "Tell your coordinator"} {
				if !strings.Contains(out.String(), words) {
					t.Errorf("%s does not say %q:\n%s", command, words, out)
				}
			}
		}
	})

	t.Run("[CLI] check says when a doubt has ended", func(t *testing.T) {
		onServer("DELETE FROM checklists WHERE id = 'smuggled0000001'")
		line := rosa.ok("check")
		rosa.wants("line", fmt.Sprint(line["agrees"], line["cleared"]), "true [checklists]")
		rosa.wants("status", rosa.ok("status")["doubtful"], nil)
	})
}

// lines runs a command that must work and gives its lines.
func (p phone) lines(args ...string) []map[string]any {
	p.t.Helper()
	lines, exit := p.run(args...)
	if exit != 0 {
		p.t.Fatalf("%v: exit %d, %v", args, exit, lines)
	}
	return lines
}
