package exchange_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/fieldpost/fieldpost/internal/access"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// backup stops the server, copies its database and starts it again. What it
// gives puts the copy back the same way.
func backup(t testing.TB, r *rig.Rig) (restore func()) {
	t.Helper()
	kept := t.TempDir()
	swap := func(from, to string) {
		for _, name := range []string{"data.db", "data.db-wal", "data.db-shm"} {
			if err := os.RemoveAll(filepath.Join(to, name)); err != nil {
				t.Fatal(err)
			}
			raw, err := os.ReadFile(filepath.Join(from, name))
			if os.IsNotExist(err) {
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(to, name), raw, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	r.Stop()
	swap(r.Dir, kept)
	r.Start()
	return func() {
		r.Stop()
		swap(kept, r.Dir)
		r.Start()
	}
}

func TestRewind(t *testing.T) {
	w := newTown(t)
	worker, keisha := w.worker(), w.coordinator()
	grow := func(n int) {
		for range n {
			id, v := worker.Create("observations", w.Observation(""))
			applied(t, v)
			_ = id
		}
	}
	// back restores to before n observations that both devices know of.
	back := func(n int) {
		restore := backup(t, w.Rig)
		grow(n)
		worker.Pull()
		keisha.Pull()
		restore()
	}
	// rewound fails unless the device is told, gets a full view, and goes on
	// from there as if nothing had been.
	rewound := func(t *testing.T, d *rig.Device) {
		t.Helper()
		list := pages(t, d, 5)
		if !list[0].Rewound || !list[0].Reset {
			t.Fatalf("rewound %v, reset %v", list[0].Rewound, list[0].Reset)
		}
		for _, p := range list[1:] {
			if p.Rewound || p.Reset {
				t.Fatal("a later page says so again")
			}
		}
		view := 0
		for _, p := range list {
			for _, c := range p.Changes {
				if c.Collection == "observations" {
					view++
				}
			}
		}
		rig.Want(t, view, w.count("observations"))
		if next := d.Page(nil); next.Rewound || next.Reset || len(next.Changes) > 0 {
			t.Fatalf("%+v", next)
		}
	}
	grow(3)
	worker.Pull()
	keisha.Pull()
	t.Run("[EPOCH-1] a server that was only stopped and started goes on with every cursor and mark", func(t *testing.T) {
		w.Stop()
		w.Start()
		for _, d := range []*rig.Device{worker, keisha} {
			if p := d.Page(nil); p.Rewound || p.Reset {
				t.Fatalf("%+v", p)
			}
		}
		_, answer, e := worker.TryPush()
		if e != nil || answer.Rewound {
			t.Fatalf("%+v %+v", answer, e)
		}
	})
	t.Run("[EPOCH-1] after a restore a cursor beyond its history is told, and the pull is a reset", func(t *testing.T) {
		back(4)
		rewound(t, keisha)
	})
	t.Run("[EPOCH-1] it is told though the history has since grown past the cursor", func(t *testing.T) {
		before := w.Entries()
		back(4)
		rig.Want(t, w.Entries(), before)
		third := w.worker()
		for w.Entries() < before+30 {
			third.Create("observations", w.Observation(""))
		}
		rewound(t, keisha)
	})
	t.Run("[EPOCH-1] a mark alone tells it, without a cursor", func(t *testing.T) {
		back(2)
		keisha.Cursor = nil
		if p := keisha.Page(nil); !p.Rewound || !p.Reset {
			t.Fatalf("rewound %v", p.Rewound)
		}
		keisha.Pull()
	})
	t.Run("[EPOCH-1] a cursor that the history still has goes on, and the mark beside it tells", func(t *testing.T) {
		old, mark := keisha.Cursor, keisha.Mark
		back(2)
		keisha.Cursor = old // kept from before the backup
		if p := keisha.Page(nil); !p.Rewound || !p.Reset {
			t.Fatalf("the newer mark is not seen: %+v", p)
		}
		keisha.Cursor, keisha.Mark = old, mark
		if p := keisha.Page(nil); p.Rewound || p.Reset {
			t.Fatalf("what is before the backup is known: %+v", p)
		}
		keisha.Pull()
	})
	t.Run("[EPOCH-1] push is told by its mark, once, and takes what it is given all the same", func(t *testing.T) {
		before := w.Entries()
		back(4)
		_, answer, e := worker.TryPush(worker.Mutation(rig.Create("observations", rig.ID(), w.Observation(""))))
		if e != nil || !answer.Rewound {
			t.Fatalf("%+v %+v", answer, e)
		}
		applied(t, answer.Verdicts[0])
		_, answer, e = worker.TryPush() // with the new mark
		if e != nil || answer.Rewound {
			t.Fatalf("%+v %+v", answer, e)
		}
		if w.Entries() <= before {
			t.Fatal("nothing was written")
		}
	})
	t.Run("[EPOCH-1] push is told though its own mutations carry the history past the mark", func(t *testing.T) {
		back(1)
		var ms []wire.Mutation
		for range 20 {
			ms = append(ms, worker.Mutation(rig.Create("observations", rig.ID(), w.Observation(""))))
		}
		_, answer, e := worker.TryPush(ms...)
		if e != nil || !answer.Rewound {
			t.Fatalf("%+v %+v", answer, e)
		}
	})
}

func TestForeignPlaces(t *testing.T) {
	w := newTown(t)
	worker, keisha := w.worker(), w.coordinator()
	worker.Create("observations", w.Observation(""))
	keisha.Pull()
	cursor, mark := *keisha.Cursor, *keisha.Mark
	// told fails unless a pull with these is a reset that says rewound.
	told := func(t *testing.T, what string, cursor, mark *string) {
		t.Helper()
		keisha.Cursor, keisha.Mark = cursor, mark
		if p := keisha.Page(nil); !p.Rewound || !p.Reset {
			t.Errorf("%s: rewound %v, reset %v", what, p.Rewound, p.Reset)
		}
		keisha.Pull()
		if p := keisha.Page(nil); p.Rewound || p.Reset {
			t.Errorf("%s: does not end", what)
		}
	}
	t.Run("[EPOCH-1] a cursor or mark that somebody touched names no point of this history", func(t *testing.T) {
		for _, at := range []int{0, len(cursor) / 2, len(cursor) - 2} {
			bent := cursor[:at] + swapped(cursor[at]) + cursor[at+1:]
			told(t, "cursor", &bent, &mark)
		}
		bent := mark[:5] + swapped(mark[5]) + mark[6:]
		told(t, "mark", &cursor, &bent)
		for _, text := range []string{"x", "AAAA", "{}", "' OR 1=1 --", string(make([]byte, 3000))} {
			told(t, "cursor", &text, nil)
			told(t, "mark", nil, &text)
			keisha.Mark = &text
			_, answer, e := keisha.TryPush()
			if e != nil || !answer.Rewound {
				t.Errorf("push with mark %.10q: %+v %+v", text, answer, e)
			}
		}
	})
	t.Run("[EPOCH-1] a mark is no cursor and a cursor no mark", func(t *testing.T) {
		told(t, "mark as cursor", &mark, nil)
		told(t, "cursor as mark", nil, &cursor)
	})
	t.Run("[EPOCH-1] nor is one of another installation, whatever it says", func(t *testing.T) {
		elsewhere := rig.Open(t, t.TempDir()) // a key of its own
		d := elsewhere.Enroll(access.Coordinator, elsewhere.Organization("Elsewhere"))
		d.Pull()
		told(t, "cursor of another installation", d.Cursor, nil)
		told(t, "mark of another installation", nil, d.Mark)
	})
	t.Run("[EPOCH-1] one of another line of history under the same key is none", func(t *testing.T) {
		clone := rig.New(t) // from the same template: the same key
		d := clone.Enroll(access.Coordinator, clone.Organization("Clone"))
		for clone.Entries() < w.Entries() {
			clone.Organization("More")
		}
		d.Pull()
		told(t, "cursor of a clone", d.Cursor, nil)
		told(t, "mark of a clone", nil, d.Mark)
	})
	t.Run("[PULL-4] a colleague's cursor is of the same scopes only where it is, and shows nothing more", func(t *testing.T) {
		worker.Pull()
		keisha.Cursor, keisha.Mark = worker.Cursor, nil
		if p := keisha.Page(nil); !p.Reset || p.Rewound {
			t.Fatalf("%+v", p)
		}
	})
}

// swapped is another character of base64url.
func swapped(c byte) string {
	if c == 'A' {
		return "B"
	}
	return "A"
}

func TestEnrolledAfterTheBackup(t *testing.T) {
	w := newTown(t)
	restore := backup(t, w.Rig)
	late := w.worker()
	sent := late.Mutation(rig.Create("observations", rig.ID(), w.Observation("")))
	applied(t, late.Push(sent)[0])
	restore()
	t.Run("[EPOCH-3] [ENROL-1] a device that the restored server does not know enrols again as itself, and brings back what it made", func(t *testing.T) {
		w.on(t)
		status, _, e := late.TryPush(sent)
		rig.Want(t, fmt.Sprint(status, e.Code), "401unauthenticated")
		late.Enroll(w.Invite(access.Worker, w.ngo, 1))
		late.Mark = nil
		applied(t, late.Push(sent)[0])
		if late.Fresh()["observations"][sent.Ops[0].ID] == nil {
			t.Error("it is not in its author's view")
		}
	})
}
