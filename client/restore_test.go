package client_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fieldpost/fieldpost/client"
	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/records"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
)

// The real client against a server that goes back: the faults "restored-server"
// and "books-restored-too" of the protocol's list.

// saw saves an observation with a note and gives its id.
func saw(t *testing.T, d *client.Device, note string) string {
	t.Helper()
	s, err := d.Observe(client.Observation{EventTime: time.Now(), Indicators: []client.Indicator{{ID: "core.01", Basis: "saw"}}, Details: client.Details{Note: note}})
	if err != nil {
		t.Fatal(err)
	}
	return s.IDs[0]
}

// notesOn are the notes of all observations on the server, sorted.
func notesOn(t *testing.T, r *rig.Rig) string {
	t.Helper()
	var notes []string
	if err := r.App.ConcurrentDB().NewQuery("SELECT note FROM observations ORDER BY note").Column(&notes); err != nil {
		t.Fatal(err)
	}
	return strings.Join(notes, " ")
}

// arrivedIn are the notes in the order in which the journal has them.
func arrivedIn(t *testing.T, r *rig.Rig) string {
	t.Helper()
	var bodies []string
	err := r.App.ConcurrentDB().NewQuery(`SELECT CAST(c.body AS TEXT) FROM journal_entry e JOIN journal_content c ON c.seq=e.seq
		WHERE e.collection='observations' AND e.op='create' ORDER BY e.seq`).Column(&bodies)
	if err != nil {
		t.Fatal(err)
	}
	var notes []string
	for _, b := range bodies {
		var c struct{ Fields struct{ Note string } }
		if err := json.Unmarshal([]byte(b), &c); err != nil {
			t.Fatal(err)
		}
		notes = append(notes, c.Fields.Note)
	}
	return strings.Join(notes, " ")
}

// backedUp makes a backup of a running server.
func backedUp(t *testing.T, r *rig.Rig) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "backup.zip")
	if _, err := records.BackupFolder(r.Dir, file); err != nil {
		t.Fatal(err)
	}
	return file
}

// restored puts a backup into the server's folder; devices follow its address.
func restored(t *testing.T, r *rig.Rig, file string, devices ...*client.Device) {
	t.Helper()
	r.Stop()
	if _, err := records.Restore(file, r.Dir, "", time.Now()); err != nil {
		t.Fatal(err)
	}
	r.Start()
	follow(t, r.URL, devices...)
}

func follow(t *testing.T, url string, devices ...*client.Device) {
	t.Helper()
	for _, d := range devices {
		if err := d.SetURL(url); err != nil {
			t.Fatal(err)
		}
	}
}

// settled syncs until nothing is sent, twice at most: what was missing comes
// back at once. It fails on any verdict but applied.
func settled(t *testing.T, d *client.Device) (sent int) {
	t.Helper()
	for range 3 {
		r := mustSync(t, d)
		for _, v := range r.Push.Verdicts {
			if v.Verdict != "applied" {
				t.Errorf("verdict %+v", v)
			}
		}
		sent += r.Push.Sent
		if r.Push.Sent == 0 && !r.Pull.Rewound {
			return sent
		}
	}
	t.Error("it does not come to rest")
	return sent
}

func want(t *testing.T, what string, got, want any) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func TestARestoredServer(t *testing.T) {
	setup := func(t *testing.T) (r *rig.Rig, rosa, dee *client.Device) {
		r = rig.New(t)
		ngo := r.Organization("Outreach")
		rosa, dee = device(t, r, access.Worker, ngo), device(t, r, access.Worker, ngo)
		saw(t, rosa, "r1")
		saw(t, dee, "d1")
		mustSync(t, rosa)
		mustSync(t, dee)
		return r, rosa, dee
	}
	t.Run("[EPOCH-3] two phones bring back what a restored server lacks, once, in order, before what is new", func(t *testing.T) {
		r, rosa, dee := setup(t)
		file := backedUp(t, r)
		for _, n := range []string{"r2", "r3"} {
			saw(t, rosa, n)
			mustSync(t, rosa)
		}
		saw(t, dee, "d2")
		mustSync(t, dee)
		restored(t, r, file, rosa, dee)
		want(t, "in the backup", notesOn(t, r), "d1 r1")
		saw(t, rosa, "r4")
		settled(t, rosa)
		settled(t, dee)
		want(t, "on the server", notesOn(t, r), "d1 d2 r1 r2 r3 r4")
		order := strings.Fields(arrivedIn(t, r))
		if slices.Index(order, "r2") > slices.Index(order, "r3") {
			t.Errorf("arrived: %v", order)
		}
		for _, d := range []*client.Device{rosa, dee} {
			st, err := d.Status()
			if err != nil || st.Waiting != 0 {
				t.Errorf("%+v %v", st, err)
			}
			want(t, "sent again later", settled(t, d), 0)
		}
	})
	t.Run("[EPOCH-1] [EPOCH-3] a server that has grown past the phone's place is noticed all the same, and a phone that pulls first sends before what is new", func(t *testing.T) {
		r, rosa, dee := setup(t)
		file := backedUp(t, r)
		saw(t, rosa, "r2")
		mustSync(t, rosa)
		at := r.Entries()
		restored(t, r, file, rosa, dee)
		for i := 0; r.Entries() < at+20; i++ {
			saw(t, dee, "d"+string(rune('a'+i)))
			settled(t, dee)
		}
		if report, err := rosa.Pull(t.Context(), 0); err != nil || !report.Rewound || !report.Reset {
			t.Fatalf("%+v %v", report, err)
		}
		saw(t, rosa, "r3")
		settled(t, rosa)
		order := strings.Fields(arrivedIn(t, r))
		if slices.Index(order, "r2") < 0 || slices.Index(order, "r2") > slices.Index(order, "r3") || slices.Contains(order[slices.Index(order, "r2")+1:], "r2") {
			t.Errorf("arrived: %v", order)
		}
	})
	t.Run("[EPOCH-3] restored twice, the second time to an older backup, everything is back once", func(t *testing.T) {
		r, rosa, dee := setup(t)
		older := backedUp(t, r)
		saw(t, rosa, "r2")
		mustSync(t, rosa)
		newer := backedUp(t, r)
		saw(t, rosa, "r3")
		saw(t, dee, "d2")
		mustSync(t, rosa)
		mustSync(t, dee)
		for _, file := range []string{newer, newer, older} {
			restored(t, r, file, rosa, dee)
			settled(t, rosa)
			if file == older {
				continue // dee comes after both
			}
		}
		settled(t, dee)
		want(t, "on the server", notesOn(t, r), "d1 d2 r1 r2 r3")
	})
	t.Run("[EPOCH-3] what is held elsewhere is let go of, and is in the backup that says so", func(t *testing.T) {
		r, rosa, dee := setup(t)
		file := backedUp(t, r)
		a, err := records.CheckBackup(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := records.NoteHeld(r.Dir, a, time.Now()); err != nil {
			t.Fatal(err)
		}
		r.Clock.Add(2 * time.Minute) // looked at once a minute
		saw(t, rosa, "r2")
		mustSync(t, rosa)
		mustSync(t, rosa)
		if e, err := rosa.Mutation(1); err != nil || e.Phase != client.Settled {
			t.Errorf("%+v %v", e, err)
		}
		if e, err := rosa.Mutation(2); err != nil || e.Phase != client.Acknowledged {
			t.Errorf("%+v %v", e, err)
		}
		restored(t, r, file, rosa, dee)
		want(t, "sent again", settled(t, rosa), 1)
		settled(t, dee)
		want(t, "on the server", notesOn(t, r), "d1 r1 r2")
	})
	t.Run("[EPOCH-4] a rewind leaves what waits and what is parked as it was", func(t *testing.T) {
		r, rosa, dee := setup(t)
		file := backedUp(t, r)
		if _, err := rosa.Do(client.Op{Op: "create", Collection: "observations", Fields: map[string]any{"event_time": "2026-01-11T04:55:00.000Z",
			"indicators": []any{map[string]any{"indicator": "core.99", "basis": "saw"}}}}); err != nil {
			t.Fatal(err)
		}
		mustSync(t, rosa)
		restored(t, r, file, rosa, dee)
		saw(t, rosa, "r3")
		if _, err := rosa.Pull(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		if e, err := rosa.Mutation(2); err != nil || e.Phase != client.Parked || e.Raw == nil {
			t.Errorf("%+v %v", e, err)
		}
		if e, err := rosa.Mutation(3); err != nil || e.Phase != client.Waiting || e.Raw == nil {
			t.Errorf("%+v %v", e, err)
		}
		settled(t, rosa)
		want(t, "on the server", notesOn(t, r), "d1 r1 r3")
	})
}

func TestACopiedServer(t *testing.T) {
	for _, noticed := range []bool{true, false} {
		name := "that is noticed at its start"
		if !noticed {
			name = "that only the devices' marks show, a snapshot of the machine"
		}
		t.Run("[EPOCH-2] both copies of a server run, one "+name+": phones that cross over lose and double nothing", func(t *testing.T) {
			r := rig.New(t)
			ngo := r.Organization("Outreach")
			rosa, dee := device(t, r, access.Worker, ngo), device(t, r, access.Worker, ngo)
			saw(t, rosa, "r1")
			saw(t, dee, "d1")
			mustSync(t, rosa)
			mustSync(t, dee)
			r.Stop()
			dir := t.TempDir()
			if err := os.CopyFS(dir, os.DirFS(r.Dir)); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(filepath.Join(dir, "keys", "installation.key"), 0o600); err != nil {
				t.Fatal(err)
			}
			if !noticed {
				atHome(t, dir)
			}
			r.Start()
			second := rig.Open(t, dir)
			follow(t, r.URL, rosa)
			follow(t, second.URL, dee)
			saw(t, rosa, "r2")
			saw(t, dee, "d2")
			settled(t, rosa)
			settled(t, dee)
			before, err := second.S.Store.Journal().Epoch()
			if err != nil {
				t.Fatal(err)
			}
			follow(t, second.URL, rosa) // the first server is switched off
			r.Stop()
			report := mustSync(t, rosa)
			if !report.Push.Rewound && !report.Pull.Rewound {
				t.Error("rosa was not told")
			}
			saw(t, rosa, "r3")
			settled(t, rosa)
			if dees := mustSync(t, dee); dees.Push.Rewound || dees.Pull.Rewound || dees.Pull.Reset {
				t.Errorf("dee was disturbed: %+v", dees)
			}
			want(t, "on the copy", notesOn(t, second), "d1 d2 r1 r2 r3")
			after, err := second.S.Store.Journal().Epoch()
			if err != nil || (after == before) != noticed {
				t.Errorf("epoch %s, before %s, %v", after, before, err)
			}
			for _, d := range []*client.Device{rosa, dee} {
				want(t, "sent again", settled(t, d), 0)
			}
		})
	}
}

// atHome makes a copied folder look as if it had always been there.
func atHome(t *testing.T, dir string) {
	t.Helper()
	here, err := records.Fingerprint(dir)
	if err != nil {
		t.Fatal(err)
	}
	guest := &rig.Rig{T: t, Clock: &rig.Clock{}, Dir: dir, Guest: true}
	guest.Start()
	defer guest.Stop()
	if _, err := guest.App.NonconcurrentDB().NewQuery("UPDATE journal_home SET fingerprint='" + here + "'").Execute(); err != nil {
		t.Fatal(err)
	}
}
