package cli

import (
	"testing"
	"time"

	"github.com/fieldpost/fieldpost/client"
	"github.com/fieldpost/fieldpost/internal/access"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
)

func TestDeviceConflicts(t *testing.T) {
	r := rig.New(t)
	ngo := r.Organization("Outreach")
	site := r.Site("Stop", "", ngo)
	keisha, other := enrolled(t, r, access.Coordinator, ngo), enrolled(t, r, access.Coordinator, ngo)
	worker := enrolled(t, r, access.Worker, ngo)
	// clash makes a conflict on the site's notes: `first` loses against `second`.
	clash := func(first, second string) map[string]any {
		t.Helper()
		keisha.ok("sync")
		other.ok("sync")
		r.Clock.Add(time.Hour)
		edit := func(p phone, text string, at time.Time) {
			t.Helper()
			d, err := client.Open(p.store, client.Options{MustExist: true, Now: func() time.Time { return at }})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := d.Do(client.Op{Op: "update", Collection: "sites", ID: site, Fields: map[string]any{"notes": text}}); err != nil {
				t.Fatal(err)
			}
			if err := d.Close(); err != nil {
				t.Fatal(err)
			}
		}
		// By the phones' own clocks: by the server's, which is hours ahead here, both
		// would count as made at receipt, and a hash would decide (PUSH-12).
		edit(keisha, first, time.Now().Add(-20*time.Minute))
		edit(other, second, time.Now().Add(-10*time.Minute))
		keisha.ok("sync")
		other.ok("sync")
		keisha.ok("pull")
		lines, exit := keisha.run("conflicts", "list")
		if exit != 0 || len(lines) != 1 {
			t.Fatal(exit, lines)
		}
		keisha.wants("conflict", []any{lines[0]["collection"], lines[0]["record"], lines[0]["field"], lines[0]["kept"], lines[0]["other"], lines[0]["now"], lines[0]["resolved"]},
			[]any{"sites", site, "notes", second, first, second, false})
		return lines[0]
	}
	notes := func() any {
		t.Helper()
		record, err := r.App.FindRecordById("sites", site)
		if err != nil {
			t.Fatal(err)
		}
		return record.GetString("notes")
	}
	none := func(p phone, args ...string) {
		t.Helper()
		if lines, exit := p.run(append([]string{"conflicts", "list"}, args...)...); exit != 0 || len(lines) != 0 {
			t.Error(exit, lines)
		}
	}
	t.Run("[CLI] [MERGE-2] resolving with the other value writes it and marks the conflict in one change, and another coordinator sees both", func(t *testing.T) {
		c := clash("gate code is 12", "closed since May")
		before := r.Entries()
		saved := keisha.ok("conflicts", "resolve", c["id"].(string), "--other")
		keisha.wants("saved", []any{saved["collection"], saved["id"]}, []any{"conflicts", c["id"]})
		none(keisha) // laid over at once, with no server
		sent := keisha.ok("sync")
		keisha.wants("sync", []any{sent["sent"], sent["applied"]}, []any{1.0, 1.0})
		rig.Want(t, notes(), "gate code is 12")
		rig.Want(t, r.Entries(), before+2)
		other.ok("sync")
		none(other)
		if lines, _ := other.run("conflicts", "list", "--all"); len(lines) != 1 || lines[0]["resolved"] != true || lines[0]["now"] != "gate code is 12" {
			t.Error(lines)
		}
	})
	t.Run("[CLI] [MERGE-2] keeping what stands marks the conflict and touches nothing else", func(t *testing.T) {
		c := clash("one", "two")
		before := r.Entries()
		keisha.ok("conflicts", "resolve", c["id"].(string), "--keep")
		keisha.ok("sync")
		rig.Want(t, notes(), "two")
		rig.Want(t, r.Entries(), before+1)
		none(keisha)
		keisha.fails(2, "resolved_already", "conflicts", "resolve", c["id"].(string), "--other")
	})
	t.Run("[CLI] what cannot be resolved is said, and nothing is saved", func(t *testing.T) {
		before := keisha.ok("status")["saved"]
		keisha.fails(2, "unknown_conflict", "conflicts", "resolve", "nosuchconflict0", "--keep")
		keisha.fails(2, "keep_or_other", "conflicts", "resolve", "nosuchconflict0")
		keisha.fails(2, "keep_or_other", "conflicts", "resolve", "nosuchconflict0", "--keep", "--other")
		keisha.fails(2, "bad_usage", "conflicts", "resolve")
		keisha.fails(2, "bad_usage", "conflicts", "x")
		rig.Want(t, keisha.ok("status")["saved"], before)
	})
	t.Run("[ACCESS] a worker sees no conflicts", func(t *testing.T) {
		worker.ok("sync")
		none(worker, "--all")
	})
}
