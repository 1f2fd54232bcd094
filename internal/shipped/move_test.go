package shipped

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pocketbase/pocketbase/core"

	"github.com/fieldpost/fieldpost/hooks"
	"github.com/fieldpost/fieldpost/internal/hlc"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
	"github.com/fieldpost/fieldpost/internal/wire"
	"github.com/fieldpost/fieldpost/internal/wiring"
)

// first is the golden folder of schema 1.
const first = shipped + "/schema1"

// became is what an organization of schema 1 is in schema 2.
func became(o map[string]any) string {
	kind := o["kind"].(string)
	types := map[string]string{"": "", "outreach": "outreach", "law_enforcement": "law_enforcement", "provider": "service_provider"}
	typ, known := types[kind]
	words := ""
	if !known {
		typ, words = "other", kind
	}
	allows := []string{}
	if o["plate"].(bool) {
		allows = append(allows, "plates")
	}
	if o["note"].(bool) {
		allows = append(allows, "staff_notes")
	}
	return fmt.Sprint(o["name"], typ, words, allows)
}

func organization(t *testing.T, r *rig.Rig, id string) string {
	t.Helper()
	o, err := r.App.FindRecordById("organizations", id)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(o.GetString("name"), o.GetString("type"), o.GetString("type_text"), o.GetStringSlice("allows"))
}

func exec(t *testing.T, dir, text string) {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(dir, "data.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(text); err != nil {
		t.Fatal(err)
	}
}

func TestMove(t *testing.T) {
	t.Run("[PUSH-9] a folder of schema 1 is moved once: every organization keeps what it said, and has a new version", func(t *testing.T) {
		dir := unpack(t, first)
		before := old(t, dir)
		if len(before) < 10 {
			t.Fatalf("%d organizations", len(before))
		}
		r := rig.Open(t, dir)
		versions := map[string]int64{}
		for id, o := range before {
			rig.Want(t, organization(t, r, id), became(o))
			past, err := r.S.Store.Journal().History("organizations", id)
			if err != nil {
				t.Fatal(err)
			}
			clock, err := r.S.Store.Journal().Clock("organizations", id)
			if err != nil {
				t.Fatal(err)
			}
			last := past[len(past)-1]
			if last.Actor != "system" || last.Op != wire.OpUpdate || last.Fields["type"] == nil && last.Fields["allows"] == nil || clock.Version != last.Seq {
				t.Fatalf("%+v, version %d", last, clock.Version)
			}
			versions[id] = clock.Version
		}
		c, err := r.App.FindCollectionByNameOrId("organizations")
		if err != nil {
			t.Fatal(err)
		}
		for _, gone := range []string{"kind", "allow_plate", "allow_staff_note"} {
			if c.Fields.GetByName(gone) != nil {
				t.Errorf("%s is still a field", gone)
			}
		}
		entries := r.Entries()
		r.Stop()
		r.Start()
		rig.Want(t, r.Entries(), entries)
	})
	t.Run("[PULL-3] a device that goes on with schema 1 is sent every organization anew, one of schema 2 all there is", func(t *testing.T) {
		dir := unpack(t, first)
		before := old(t, dir)
		s := load(t, first).Stores[1]
		path := filepath.Join(t.TempDir(), "device.db")
		if err := os.WriteFile(path, unzip(t, filepath.Join(first, s.File)), 0o600); err != nil {
			t.Fatal(err)
		}
		r := rig.Open(t, dir)
		d := device(t, r, s.Device)
		db, err := sql.Open("sqlite", path)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if err := db.QueryRow("SELECT cursor, mark FROM device").Scan(&d.Cursor, &d.Mark); err != nil {
			t.Fatal(err)
		}
		page := d.Page(map[string]any{"schema": 1})
		rig.Want(t, page.Reset, false)
		got := map[string]bool{}
		for _, change := range page.Changes {
			if change.Collection != "organizations" {
				continue
			}
			got[change.ID] = true
			var o map[string]any
			if err := json.Unmarshal(change.Record, &o); err != nil {
				t.Fatal(err)
			}
			if _, there := o["kind"]; there || o["allows"] == nil {
				t.Errorf("%s", change.Record)
			}
		}
		rig.Want(t, len(got), len(before))
		rig.Want(t, d.Page(map[string]any{"schema": 2}).Reset, true)
		rig.Want(t, d.Page(map[string]any{"schema": 2}).Reset, false)
	})
	t.Run("[MERGE-2] an edit that waited through the move meets the edits of people, and not the move", func(t *testing.T) {
		dir := unpack(t, first)
		g := load(t, first)
		// The store's admin changed one kind before: the device that wakes now
		// did not know of it.
		var theirs wire.Mutation
		if err := json.Unmarshal(g.Stores[1].Entries[0].Mutation, &theirs); err != nil {
			t.Fatal(err)
		}
		id := theirs.Ops[0].ID
		r := rig.Open(t, dir)
		past, err := r.S.Store.Journal().History("organizations", id)
		if err != nil {
			t.Fatal(err)
		}
		d := device(t, r, g.Devices[len(g.Devices)-2])
		stamp, err := hlc.Parse(theirs.Stamp)
		if err != nil {
			t.Fatal(err)
		}
		edit := func(n int64, later int64, fields map[string]any) wire.Mutation {
			zero := int64(0)
			return wire.Mutation{N: n, Stamp: hlc.Stamp{Time: hlc.Time{Ms: stamp.Ms + later}, Device: d.ID}.String(), Offset: &zero, Schema: 1,
				Ops: []wire.Op{rig.Update("organizations", id, past[0].Seq, fields)}}
		}
		// What stood at their base is no change, whatever stands now (MERGE-6).
		if v := d.Push(edit(899, 6000, map[string]any{"kind": past[0].Fields["kind"]})); v[0].Verdict != wire.Applied || len(v[0].Conflicts) > 0 || !strings.Contains(organization(t, r, id), "labor union") {
			t.Fatalf("%+v %s", v[0], organization(t, r, id))
		}
		v := d.Push(edit(900, -5000, map[string]any{"kind": "provider", "allow_plate": false}), edit(901, 5000, map[string]any{"kind": "outreach", "allow_plate": true}))
		// Older than theirs: it gives way, and is kept. `allows` nobody touched.
		if v[0].Verdict != wire.Merged || len(v[0].Conflicts) == 0 || v[0].Conflicts[0].Field != "type" {
			t.Fatalf("%+v", v[0])
		}
		// Newer than theirs, though older than the move.
		if v[1].Verdict != wire.Applied || !strings.Contains(organization(t, r, id), "outreach") || !strings.Contains(organization(t, r, id), "plates") {
			t.Fatalf("%+v %s", v[1], organization(t, r, id))
		}
	})
	t.Run("[MERGE-1] what a device wrote itself before the move is not somebody else's after it", func(t *testing.T) {
		dir := unpack(t, first)
		s := load(t, first).Stores[1]
		var own wire.Mutation
		if err := json.Unmarshal(s.Entries[0].Mutation, &own); err != nil {
			t.Fatal(err)
		}
		r := rig.Open(t, dir)
		stamp, err := hlc.Parse(own.Stamp)
		if err != nil {
			t.Fatal(err)
		}
		stamp.Ms += 5000
		zero := int64(0)
		past, err := r.S.Store.Journal().History("organizations", own.Ops[0].ID)
		if err != nil {
			t.Fatal(err)
		}
		// Back to what stood at their base, over their own change of it.
		next := wire.Mutation{N: 900, Stamp: stamp.String(), Offset: &zero, Epoch: own.Epoch, Schema: 1,
			Ops: []wire.Op{rig.Update("organizations", own.Ops[0].ID, own.Ops[0].Base, map[string]any{"kind": past[0].Fields["kind"]})}}
		v := device(t, r, s.Device).Push(next)[0]
		if v.Verdict != wire.Applied || len(v.Conflicts) > 0 || !strings.Contains(organization(t, r, own.Ops[0].ID), "law_enforcement") {
			t.Fatalf("%+v %s", v, organization(t, r, own.Ops[0].ID))
		}
	})
	t.Run("[PUSH-9] a move that is cut off leaves schema 1 whole, and the next start moves it", func(t *testing.T) {
		dir := unpack(t, first)
		before := old(t, dir)
		exec(t, dir, `CREATE TABLE cut (n INTEGER); CREATE TRIGGER cut_off BEFORE INSERT ON journal_content
			WHEN (SELECT count(*) FROM cut) >= 5 BEGIN SELECT RAISE(ABORT, 'the power went'); END;
			CREATE TRIGGER cut_count AFTER INSERT ON journal_content BEGIN INSERT INTO cut VALUES (1); END`)
		app := core.NewBaseApp(core.BaseAppConfig{DataDir: dir, DBConnect: wiring.DBConnect})
		hooks.Register(app, wiring.New(app, wiring.Config{}))
		if err := app.Bootstrap(); err == nil || !strings.Contains(err.Error(), "the power went") {
			t.Fatalf("it was not cut off: %v", err)
		}
		if err := app.ResetBootstrapState(); err != nil {
			t.Fatal(err)
		}
		rig.Want(t, old(t, dir), before)
		exec(t, dir, `DROP TRIGGER cut_off; DROP TRIGGER cut_count; DROP TABLE cut`)
		r := rig.Open(t, dir)
		for id, o := range before {
			rig.Want(t, organization(t, r, id), became(o))
		}
	})
}
