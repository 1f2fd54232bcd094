package client

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fieldpost/fieldpost/internal/fault"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// arrivals names the mutations that came to the server, by note.
func (f *fake) arrivals() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var all []string
	for _, b := range f.bodies {
		op := b["ops"].([]any)[0].(map[string]any)
		fields, _ := op["fields"].(map[string]any)
		all = append(all, fmt.Sprint(fields["note"]))
	}
	return strings.Join(all, " ")
}

func TestRewind(t *testing.T) {
	for _, seen := range []string{"push", "pull"} {
		t.Run("[EPOCH-1] a rewind met by "+seen+": what the server lost is sent again, in order, before what is new", func(t *testing.T) {
			f := newFake(t)
			d, _ := enrolled(t, f)
			observe(t, d, "a")
			mustSync(t, d)
			backup := f.seq
			observe(t, d, "b")
			observe(t, d, "c")
			mustSync(t, d)
			f.rewind(backup, "epoch2")
			// The server grows past the point before the device comes back.
			for i := range 5 {
				f.put("sites", id15(i), map[string]any{"name": "s"})
			}
			f.with(func() { f.bodies = nil })
			var r SyncReport
			if seen == "push" {
				observe(t, d, "new")
				r = mustSync(t, d)
				want(t, "rewound", r.Push.Rewound, true)
			} else {
				r = mustSync(t, d)
				want(t, "rewound", r.Pull.Rewound, true)
			}
			arrived := f.arrivals()
			// A push meets it with what is new in hand; a pull before that.
			want(t, "arrived", arrived, map[string]string{"push": "new a b c", "pull": "a b c"}[seen])
			want(t, "observations", f.live("observations"), map[string]int{"push": 4, "pull": 3}[seen])
			want(t, "waiting", status(t, d).Waiting, 0)
			want(t, "view", confirmed(t, d, "sites"), "0 1 2 3 4")
			f.with(func() { f.bodies = nil })
			mustSync(t, d)
			want(t, "then quiet", f.arrivals(), "")
		})
	}

	t.Run("[EPOCH-1] what is new waits behind what was lost when the rewind is known before it is sent", func(t *testing.T) {
		f := newFake(t)
		d, _ := enrolled(t, f)
		observe(t, d, "a")
		mustSync(t, d)
		f.rewind(0, "epoch2")
		mustPull(t, d)
		observe(t, d, "new")
		f.with(func() { f.bodies = nil })
		mustSync(t, d)
		want(t, "order", f.arrivals(), "a new")
	})

	t.Run("[EPOCH-1] a new change that builds on what was lost is deferred and goes through in the same sync", func(t *testing.T) {
		f := newFake(t)
		d, _ := enrolled(t, f)
		own := observe(t, d, "a")
		mustSync(t, d)
		f.rewind(0, "epoch2")
		f.verdict = func(m wire.Mutation) (*wire.Verdict, *fault.Fault) {
			there := false
			for _, e := range f.entries {
				there = there || e.id == own.IDs[0]
			}
			if m.Ops[0].Op == "update" && !there {
				return &wire.Verdict{Verdict: wire.Deferred, Code: wire.CodeMissingDependency}, nil
			}
			return nil, nil
		}
		d.Do(Op{Op: "update", Collection: "observations", ID: own.IDs[0], Fields: map[string]any{"note": "b"}})
		mustSync(t, d)
		want(t, "waiting", status(t, d).Waiting, 0)
	})

	t.Run("[EPOCH-1] the answer that tells of the rewind is lost: it is told again", func(t *testing.T) {
		f := newFake(t)
		d, _ := enrolled(t, f)
		observe(t, d, "a")
		mustSync(t, d)
		f.rewind(0, "epoch2")
		observe(t, d, "new")
		f.with(func() {
			f.after = func(w http.ResponseWriter, r *http.Request) bool { cut(w); return true }
		})
		if _, err := d.Sync(t.Context()); err == nil {
			t.Fatal("no error")
		}
		f.with(func() { f.after = nil })
		r := mustSync(t, d)
		want(t, "rewound", r.Push.Rewound || r.Pull.Rewound, true)
		want(t, "observations", f.live("observations"), 2)
	})

	t.Run("[EPOCH-3] an acknowledged mutation is kept until durableSeq passes it", func(t *testing.T) {
		f := newFake(t)
		d, _ := enrolled(t, f)
		observe(t, d, "a")
		observe(t, d, "b")
		mustSync(t, d)
		f.with(func() { f.durable = 1 })
		mustSync(t, d)
		want(t, "phases", phases(t, d), "1 settled, 2 acknowledged")
		e, _ := d.Mutation(1)
		want(t, "content let go", e.Raw == nil, true)
		want(t, "still counted", status(t, d).Received, 2)
		f.rewind(1, "epoch2")
		f.with(func() { f.bodies = nil })
		mustSync(t, d)
		want(t, "only what may be lost", f.arrivals(), "b")
	})

	t.Run("[MERGE-1] a mutation names the epoch that its bases belong to, not the newest heard of", func(t *testing.T) {
		f := newFake(t)
		d, _ := enrolled(t, f)
		f.put("sites", id15(1), map[string]any{"name": "a"})
		mustPull(t, d)
		f.rewind(0, "epoch2")
		observe(t, d, "")
		if _, err := d.Push(t.Context()); err != nil { // hears of epoch2, pulls nothing
			t.Fatal(err)
		}
		s, err := d.Do(Op{Op: "update", Collection: "sites", ID: id15(1), Fields: map[string]any{"name": "b"}})
		if err != nil {
			t.Fatal(err)
		}
		e, _ := d.Mutation(s.N)
		if !contains(e.Raw, `"epoch":"epoch1"`) || !contains(e.Raw, `"base":1`) {
			t.Errorf("mutation: %s", e.Raw)
		}
	})
}

// clone copies a closed store.
func clone(t *testing.T, path string) string {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(t.TempDir(), "clone.db")
	if err := os.WriteFile(to, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	return to
}

func TestFork(t *testing.T) {
	setup := func(t *testing.T) (f *fake, first, second *Device) {
		f = newFake(t)
		d, path := enrolled(t, f)
		observe(t, d, "shared and sent")
		mustSync(t, d)
		observe(t, d, "shared and waiting")
		d.Close()
		copied := clone(t, path)
		return f, reopen(t, path, Options{}), reopen(t, copied, Options{})
	}

	t.Run("[PUSH-3] a copied store goes on under a new id, with its stamps, and nothing is lost or doubled", func(t *testing.T) {
		f, first, second := setup(t)
		old := status(t, first).Device
		observe(t, first, "of the first")
		mustSync(t, first)
		s := observe(t, second, "of the second")
		r := mustSync(t, second)
		want(t, "forked", r.Push.Forked, true)
		now := status(t, second)
		if now.Device == old || len(now.Lineage) != 1 || now.Lineage[0] != old {
			t.Errorf("device %s, lineage %v, was %s", now.Device, now.Lineage, old)
		}
		e, _ := second.Mutation(s.N)
		want(t, "stamp", e.Stamp, s.Stamp)
		want(t, "phases", phases(t, second), "1 acknowledged, 2 acknowledged, 3 acknowledged")
		want(t, "on the server", f.live("observations"), 4)
		want(t, "the first goes on", status(t, first).Device, old)
		next := observe(t, second, "later")
		if !strings.HasSuffix(next.Stamp, now.Device) {
			t.Errorf("stamp %s of device %s", next.Stamp, now.Device)
		}
		observe(t, first, "later")
		want(t, "second", mustSync(t, second).Push.Forked, false)
		want(t, "first", mustSync(t, first).Push.Forked, false)
		want(t, "on the server", f.live("observations"), 6)
	})

	t.Run("[PUSH-3] under the new id the n are new and in the old order", func(t *testing.T) {
		f, first, second := setup(t)
		observe(t, first, "of the first")
		mustSync(t, first)
		// Make a gap, as a store has that skipped numbers.
		if _, err := second.store.db.Exec("UPDATE device SET n = 10"); err != nil {
			t.Fatal(err)
		}
		observe(t, second, "x") // n 11: no clash yet
		if _, err := second.store.db.Exec("UPDATE outbox SET n = 3 WHERE n = 11"); err != nil {
			t.Fatal(err)
		}
		if _, err := second.store.db.Exec("UPDATE device SET n = 20"); err != nil {
			t.Fatal(err)
		}
		observe(t, second, "y")
		f.with(func() { f.pushes = nil })
		mustSync(t, second)
		want(t, "phases", phases(t, second), "1 acknowledged, 2 acknowledged, 3 acknowledged, 4 acknowledged")
		want(t, "next n", observe(t, second, "z").N, int64(5))
	})

	t.Run("[PUSH-3] the answer to the renewal is lost: the same new id is taken, not a third", func(t *testing.T) {
		f, first, second := setup(t)
		observe(t, first, "of the first")
		mustSync(t, first)
		observe(t, second, "of the second")
		f.with(func() {
			f.after = func(w http.ResponseWriter, r *http.Request) bool {
				if strings.HasSuffix(r.URL.Path, "/renew") {
					cut(w)
					return true
				}
				return false
			}
		})
		if _, err := second.Sync(t.Context()); err == nil {
			t.Fatal("no error")
		}
		st, _ := second.peek()
		chosen := st.forkID
		f.with(func() { f.after = nil })
		mustSync(t, second)
		want(t, "device", status(t, second).Device, chosen)
		want(t, "devices on the server", len(f.keys), 2)
		want(t, "observations", f.live("observations"), 4)
	})

	t.Run("[PUSH-3] after a fork a rewind still brings everything back", func(t *testing.T) {
		f, first, second := setup(t)
		observe(t, first, "of the first")
		mustSync(t, first)
		observe(t, second, "of the second")
		mustSync(t, second)
		f.rewind(0, "epoch2")
		mustSync(t, second)
		want(t, "from the second alone", f.live("observations"), 3)
		mustSync(t, first)
		want(t, "from both", f.live("observations"), 4)
	})
}
