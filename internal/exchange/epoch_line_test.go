package exchange_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/pocketbase/dbx"

	"github.com/fieldpost/fieldpost/internal/records"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// epoch is the present epoch of an installation.
func (w *town) epoch() string {
	w.T.Helper()
	id, err := w.S.Store.Journal().Epoch()
	if err != nil {
		w.T.Fatal(err)
	}
	return id
}

// folder copies a stopped data folder, as somebody would who moves a server.
func (w *town) folder(t *testing.T) string {
	t.Helper()
	w.Stop()
	defer w.Start()
	to := t.TempDir()
	if err := os.CopyFS(to, os.DirFS(w.Dir)); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(to, "keys", "installation.key"), 0o600); err != nil {
		t.Fatal(err)
	}
	return to
}

// serve starts an installation on a copied folder, with the town's clock.
func (w *town) serve(t *testing.T, dir string) *town {
	t.Helper()
	c := *w
	c.Rig = rig.Open(t, dir)
	return &c
}

// asAtHome makes a folder look as if it had always been served from there: a
// snapshot of a whole machine, which neither place nor head file shows.
func asAtHome(t *testing.T, dir string) {
	t.Helper()
	here, err := records.Fingerprint(dir)
	if err != nil {
		t.Fatal(err)
	}
	db, err := dbx.Open("sqlite", filepath.Join(dir, "data.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.NewQuery("UPDATE journal_home SET fingerprint={:f}").Bind(dbx.Params{"f": here}).Execute(); err != nil {
		t.Fatal(err)
	}
}

// visits lets a device talk to another server with all that it knows.
func visits(d *rig.Device, w *town) *rig.Device { d.Rig = w.Rig; return d }

func TestANewLine(t *testing.T) {
	w := newTown(t)
	worker := w.worker()
	worker.Create("observations", w.Observation(""))
	t.Run("[EPOCH-2] a server that was stopped, or killed, and started goes on in its epoch", func(t *testing.T) {
		w.on(t)
		before := w.epoch()
		w.Stop()
		w.Start()
		rig.Want(t, w.epoch(), before)
		rig.Want(t, w.S.NewLine, "")
	})
	t.Run("[EPOCH-2] a copy of the folder begins a new epoch where it was made, and keeps the former one; the original goes on", func(t *testing.T) {
		w.on(t)
		before := w.epoch()
		c := w.serve(t, w.folder(t))
		rig.Want(t, w.epoch(), before)
		lines, err := c.S.Store.Journal().Epochs()
		if err != nil || len(lines) != 2 || lines[0].ID != before || lines[0].Left != w.Entries() || c.epoch() == before || c.S.NewLine == "" {
			t.Fatalf("%+v %v %q", lines, err, c.S.NewLine)
		}
		now := c.epoch()
		c.Stop()
		c.Start()
		rig.Want(t, c.epoch(), now) // it is at home there from then on
	})
	t.Run("[EPOCH-2] without the place that is kept, nothing tells a copy", func(t *testing.T) {
		w.on(t)
		dir := w.folder(t)
		asAtHome(t, dir)
		rig.Want(t, w.serve(t, dir).epoch(), w.epoch())
	})
	t.Run("[EPOCH-2] a command that does not have the folder to itself begins nothing", func(t *testing.T) {
		w.on(t)
		dir := w.folder(t)
		c := &town{Rig: &rig.Rig{T: t, Clock: w.Clock, Dir: dir, Guest: true}}
		c.Start()
		rig.Want(t, c.epoch(), w.epoch())
		c.Stop()
		c.Guest = false
		c.Start()
		defer c.Stop()
		if c.epoch() == w.epoch() {
			t.Error("nor does the server that comes after it")
		}
	})
	t.Run("[EPOCH-2] a tail that is lost at start begins a new epoch, by the head that lies beside the database", func(t *testing.T) {
		w.on(t)
		for _, noted := range []bool{true, false} {
			kept := w.folder(t)
			before := w.epoch()
			worker.Create("observations", w.Observation(""))
			w.Stop()
			for _, name := range []string{"data.db", "data.db-wal", "data.db-shm"} {
				raw, err := os.ReadFile(filepath.Join(kept, name))
				if os.IsNotExist(err) {
					continue
				}
				if err == nil { // into the same file: the place stays as it was
					err = os.WriteFile(filepath.Join(w.Dir, name), raw, 0o600)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			if !noted {
				if err := os.Remove(filepath.Join(w.Dir, records.HeadFile)); err != nil {
					t.Fatal(err)
				}
			}
			w.Start()
			if began := w.epoch() != before; began != noted {
				t.Errorf("head noted %v, new epoch %v", noted, began)
			}
		}
	})
	t.Run("[EPOCH-2] a head file that is not whole, or another installation's, tells nothing", func(t *testing.T) {
		w.on(t)
		elsewhere := rig.Open(t, t.TempDir())
		elsewhere.Stop()
		foreign, err := os.ReadFile(filepath.Join(elsewhere.Dir, records.HeadFile))
		if err != nil {
			t.Fatal(err)
		}
		before := w.epoch()
		for _, text := range []string{"", "\n", "x", string(foreign[:20]), string(foreign)} {
			w.Stop()
			if err := os.WriteFile(filepath.Join(w.Dir, records.HeadFile), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			w.Start()
			rig.Want(t, w.epoch(), before)
		}
	})
}

func TestTwoLinesUnderOneEpoch(t *testing.T) {
	w := newTown(t)
	away, home := w.coordinator(), w.worker()
	site, base := w.stop(away)
	home.Create("observations", w.Observation(""))
	away.Pull()
	home.Pull()
	dir := w.folder(t)
	asAtHome(t, dir)
	c := w.serve(t, dir)
	before := w.epoch()
	rig.Want(t, c.epoch(), before)
	// The original goes on with one device; the copy with the other.
	away.Mark, away.Cursor = nil, nil
	away.Pull()
	v := applied(t, away.Do(rig.Update("sites", site, base, notes("as the original has it"))))
	away.Pull()
	visits(home, c)
	home.Create("observations", w.Observation(""))
	local := c.coordinator()
	for c.Entries() < v.Seq {
		local.Create("observations", w.Observation(""))
	}
	local.Pull()
	changed := applied(t, local.Do(rig.Update("sites", site, base, notes("as the copy has it"))))
	home.Pull()
	entries := c.Entries()

	t.Run("[EPOCH-2] a device's mark that is not in the present epoch shows the other line, and this one begins a new epoch", func(t *testing.T) {
		c.on(t)
		visits(away, c)
		m := away.Mutation(rig.Update("sites", site, v.Seq+2, notes("from the other line")))
		m.Epoch = &before
		_, answer, e := away.TryPush(m)
		if e != nil || !answer.Rewound || answer.Epoch == before || answer.Epoch != c.epoch() {
			t.Fatalf("%+v %+v", answer, e)
		}
		lines, err := c.S.Store.Journal().Epochs()
		if err != nil || len(lines) != 2 || lines[0].Left != lines[0].Began || lines[1].Began != entries {
			t.Fatalf("%+v %v", lines, err)
		}
		// Its base is of entries that this line has not got.
		got := answer.Verdicts[0]
		if len(got.Conflicts) != 1 || changed.Seq == 0 {
			t.Fatalf("it overwrote what it has not seen: %+v", got)
		}
	})
	t.Run("[EPOCH-1] devices whose marks are known are not disturbed by the new epoch", func(t *testing.T) {
		c.on(t)
		for _, d := range []*rig.Device{home, local} {
			if p := d.Page(nil); p.Rewound || p.Reset || p.Epoch == before {
				t.Fatalf("%+v", p)
			}
		}
	})
	t.Run("[EPOCH-2] [LINES] it begins once, however many devices of the other line come, by push or by pull", func(t *testing.T) {
		c.on(t)
		now := c.epoch()
		for range 2 {
			visits(away, w)
			if p := away.Page(nil); !p.Rewound {
				t.Fatal("the original does not know the copy's mark, nor does it say so")
			}
			away.Pull()
			visits(away, c)
			if p := away.Page(nil); !p.Rewound || !p.Reset {
				t.Fatalf("%+v", p)
			}
			away.Pull()
		}
		rig.Want(t, c.epoch(), now)
		rig.Want(t, w.epoch(), before)
	})
	t.Run("[EPOCH-1] [LINES] a mark that nobody here signed begins nothing", func(t *testing.T) {
		c.on(t)
		now := c.epoch()
		bent := *away.Mark
		bent = bent[:4] + swapped(bent[4]) + bent[5:]
		away.Mark = &bent
		if _, answer, e := away.TryPush(); e != nil || !answer.Rewound {
			t.Fatalf("%+v %+v", answer, e)
		}
		rig.Want(t, c.epoch(), now)
	})
	t.Run("[EPOCH-2] a cursor shows it as a mark does", func(t *testing.T) {
		dir := w.folder(t)
		asAtHome(t, dir)
		d := w.serve(t, dir)
		d.on(t)
		visits(away, w)
		away.Mark, away.Cursor = nil, nil
		away.Pull()
		away.Create("observations", w.Observation(""))
		away.Pull()
		away.Mark = nil
		visits(away, d)
		if p := away.Page(nil); !p.Rewound || p.Epoch == before || p.Epoch != d.epoch() {
			t.Fatalf("%+v", p)
		}
	})
}

func TestBasesAfterARewind(t *testing.T) {
	w := newTown(t)
	a, b := w.coordinator(), w.coordinator()
	former := w.epoch()
	site, base := w.stop(a)
	restore := backup(t, w.Rig)
	seen := applied(t, a.Do(rig.Update("sites", site, base, notes("lost")))).Seq
	restore()
	try := func(epoch *string, base int64) wire.Verdict {
		w.T.Helper()
		w.Clock.Add(time.Minute)
		m := a.Mutation(rig.Update("sites", site, base, notes("built on what was lost "+rig.ID())))
		m.Epoch = epoch
		return applied(w.T, a.Push(m)[0])
	}
	now, unknown := w.epoch(), "nobodysepoch"
	// fresh is a change by b, who has seen all of this line.
	fresh := func(text string) int64 {
		w.T.Helper()
		w.Clock.Add(time.Minute)
		m := b.Mutation(rig.Update("sites", site, w.Entries(), notes(text)))
		m.Epoch = &now
		return applied(w.T, b.Push(m)[0]).Seq
	}
	fresh("of this line") // somebody else's change stands where a's was
	t.Run("[MERGE-1] a base of a former epoch reaches up to the point that both lines share", func(t *testing.T) {
		w.on(t)
		if now == former {
			t.Fatal("no new epoch")
		}
		if v := try(&former, seen); len(v.Conflicts) != 1 {
			t.Fatalf("it overwrote in silence what it had not seen: %+v", v)
		}
	})
	t.Run("[MERGE-1] one of an unknown epoch, or of none where there were several, counts as 0", func(t *testing.T) {
		w.on(t)
		for _, epoch := range []*string{&unknown, nil} {
			head := fresh("again of this line " + rig.ID())
			if v := try(epoch, head); len(v.Conflicts) != 1 {
				t.Fatalf("%+v", v)
			}
		}
	})
	t.Run("[MERGE-1] one of the present epoch stands", func(t *testing.T) {
		w.on(t)
		if v := try(&now, fresh("once more")); v.Conflicts != nil {
			t.Fatalf("%+v", v)
		}
	})
}

func TestHeldElsewhere(t *testing.T) {
	const month = 31 * 24 * time.Hour
	w := newTown(t)
	worker, keisha := w.worker(), w.coordinator()
	durable := func(t *testing.T) int64 {
		t.Helper()
		w.Clock.Add(2 * time.Minute)
		page := worker.Page(nil)
		_, answer, e := worker.TryPush()
		if e != nil || answer.DurableSeq != page.DurableSeq {
			t.Fatalf("push says %+v, pull %d", answer, page.DurableSeq)
		}
		return page.DurableSeq
	}
	var old int64
	t.Run("[EPOCH-3] durableSeq is 0 at first", func(t *testing.T) {
		w.on(t)
		rig.Want(t, durable(t), 0)
	})
	t.Run("[EPOCH-3] what was committed over 30 days ago counts as held elsewhere, and nothing newer", func(t *testing.T) {
		w.on(t)
		worker.Create("observations", w.Observation(""))
		old = w.Entries()
		w.Clock.Add(month)
		keisha.Create("observations", w.Observation(""))
		durable(t)
		w.Clock.Add(25 * time.Hour)
		rig.Want(t, durable(t), old)
	})
	t.Run("[EPOCH-3] a clock that is ahead for less than a day makes nothing older", func(t *testing.T) {
		w.on(t)
		w.Clock.Add(40 * 24 * time.Hour)
		rig.Want(t, durable(t), old)
		w.Clock.Add(23 * time.Hour)
		rig.Want(t, durable(t), old)
		w.Clock.Add(-41 * 24 * time.Hour)
		rig.Want(t, durable(t), old)
		w.Clock.Add(25 * time.Hour)
		rig.Want(t, durable(t), old)
	})
	t.Run("[EPOCH-3] it does not fall with a clock that is put back, nor with a restart", func(t *testing.T) {
		w.on(t)
		w.Clock.Add(-2 * month)
		rig.Want(t, durable(t), old)
		w.Stop()
		w.Start()
		rig.Want(t, durable(t), old)
		w.Clock.Add(2 * month)
	})
	t.Run("[EPOCH-3] [LINES] it is looked at once a minute, not with every answer", func(t *testing.T) {
		w.on(t)
		durable(t)
		w.exec("UPDATE journal_durable SET seq=seq+1")
		rig.Want(t, worker.Page(nil).DurableSeq, old)
		w.Clock.Add(time.Minute)
		rig.Want(t, worker.Page(nil).DurableSeq, old+1)
		w.exec("UPDATE journal_durable SET seq=seq-1")
	})
	t.Run("[EPOCH-3] after a rewind it is of the new epoch, and never above what this database has", func(t *testing.T) {
		w.on(t)
		restore := backup(t, w.Rig)
		head := w.Entries()
		for range 3 {
			worker.Create("observations", w.Observation(""))
		}
		w.Clock.Add(month)
		durable(t)
		w.Clock.Add(25 * time.Hour)
		if got := durable(t); got <= head {
			t.Fatalf("%d of %d", got, head)
		}
		restore()
		if got := durable(t); got > head || got < old {
			t.Errorf("%d, with %d entries", got, head)
		}
	})
}
