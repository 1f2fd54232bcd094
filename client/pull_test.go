package client

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/fieldpost/fieldpost/internal/fault"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// id15 makes a record id that ends in n.
func id15(n int) string { return fmt.Sprintf("r%014d", n) }

func isPull(r *http.Request) bool { return r.URL.Path == "/api/sync/pull" }

func confirmed(t *testing.T, d *Device, collection string) string {
	t.Helper()
	all, err := d.Confirmed(collection)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for i := range 100 {
		if _, ok := all[id15(i)]; ok {
			ids = append(ids, fmt.Sprint(i))
		}
	}
	return strings.Join(ids, " ")
}

func mustPull(t *testing.T, d *Device) PullReport {
	t.Helper()
	r, err := d.Pull(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// expire makes the next pull a reset: its cursor is too old.
func (f *fake) expire() { f.with(func() { f.expired = true }) }

func TestPull(t *testing.T) {
	t.Run("[PULL-4] the first pull is a reset and brings the whole view, page by page", func(t *testing.T) {
		f := newFake(t)
		f.page = 3
		d, _ := enrolled(t, f)
		for i := range 8 {
			f.put("sites", id15(i), map[string]any{"name": "s"})
		}
		r := mustPull(t, d)
		want(t, "reset", r.Reset, true)
		want(t, "changes", len(r.Changes), 8)
		want(t, "kind", r.Changes[0].Kind, New)
		want(t, "pages", len(f.pulls), 3)
		want(t, "first cursor", f.pulls[0].Cursor, nil)
		want(t, "view", confirmed(t, d, "sites"), "0 1 2 3 4 5 6 7")
		want(t, "nothing more", len(mustPull(t, d).Changes), 0)
	})

	t.Run("[PULL-3] changes, deletions and records that leave the view arrive", func(t *testing.T) {
		f := newFake(t)
		d, _ := enrolled(t, f)
		f.put("sites", id15(1), map[string]any{"name": "a"})
		f.put("sites", id15(2), map[string]any{"name": "b"})
		mustPull(t, d)
		f.put("sites", id15(1), map[string]any{"name": "c"})
		f.drop("sites", id15(2))
		r := mustPull(t, d)
		want(t, "kinds", fmt.Sprint(r.Changes[0].Kind, r.Changes[1].Kind), "changedgone")
		want(t, "view", confirmed(t, d, "sites"), "1")
		site, _, _ := d.Record("sites", id15(1))
		want(t, "name", site.Text("name"), "c")
	})

	t.Run("[PULL-4] a reset drops what was not sent since it began, in the transaction of the last page", func(t *testing.T) {
		f := newFake(t)
		f.page = 2
		d, _ := enrolled(t, f)
		for i := range 6 {
			f.put("sites", id15(i), map[string]any{"name": "s"})
		}
		mustPull(t, d)
		f.forget(id15(1))
		f.forget(id15(4))
		f.expire()
		pages := 0
		f.answer = func(w http.ResponseWriter, r *http.Request, _ []byte) bool {
			if isPull(r) {
				if pages++; pages >= 2 { // also when the transport tries again
					cut(w)
					return true
				}
			}
			return false
		}
		if _, err := d.Pull(t.Context(), 0); !errors.Is(err, ErrOffline) {
			t.Fatalf("got %v", err)
		}
		want(t, "cut after the first page: all is still there", confirmed(t, d, "sites"), "0 1 2 3 4 5")
		want(t, "and it is said", status(t, d).Resetting, true)
		f.with(func() { f.answer = nil })
		r := mustPull(t, d)
		want(t, "view", confirmed(t, d, "sites"), "0 2 3 5")
		want(t, "whole", status(t, d).Resetting, false)
		gone := 0
		for _, c := range r.Changes {
			if c.Kind == Gone {
				gone++
			}
		}
		want(t, "gone", gone, 2)
	})

	t.Run("[PULL-4] a new reset voids the one under way", func(t *testing.T) {
		f := newFake(t)
		f.page = 2
		d, _ := enrolled(t, f)
		for i := range 4 {
			f.put("sites", id15(i), map[string]any{"name": "s"})
		}
		mustPull(t, d)
		f.expire()
		pages := 0
		f.answer = func(w http.ResponseWriter, r *http.Request, _ []byte) bool {
			if isPull(r) {
				if pages++; pages >= 2 { // also when the transport tries again
					cut(w)
					return true
				}
			}
			return false
		}
		if _, err := d.Pull(t.Context(), 0); err == nil {
			t.Fatal("the pull was not cut")
		}
		f.with(func() { f.answer = nil })
		// Record 0 came with the first page of the voided reset, and is not in the view any more.
		f.forget(id15(0))
		f.expire()
		mustPull(t, d)
		want(t, "view", confirmed(t, d, "sites"), "1 2 3")
	})

	t.Run("[PULL-4] a record with an own change that is not acknowledged outlives the reset, until the verdict", func(t *testing.T) {
		f := newFake(t)
		d, _ := enrolled(t, f)
		f.put("sites", id15(1), map[string]any{"name": "a"})
		f.put("sites", id15(2), map[string]any{"name": "b"})
		mustPull(t, d)
		if _, err := d.Do(Op{Op: "update", Collection: "sites", ID: id15(1), Fields: map[string]any{"notes": "mine"}}); err != nil {
			t.Fatal(err)
		}
		m, _ := d.Mutation(1)
		want(t, "base is the confirmed version", m.Ops[0].Base, int64(1))
		f.forget(id15(1))
		f.expire()
		mustPull(t, d)
		want(t, "kept", confirmed(t, d, "sites"), "1 2")
		site, ok, _ := d.Record("sites", id15(1))
		if !ok || site.Text("notes") != "mine" {
			t.Errorf("the change is not laid over: %v %v", ok, site.Fields)
		}
		f.verdict = func(wire.Mutation) (*wire.Verdict, *fault.Fault) {
			return &wire.Verdict{Verdict: wire.Refused, Code: wire.CodeNotAllowed}, nil
		}
		mustSync(t, d)
		want(t, "dropped with the verdict", confirmed(t, d, "sites"), "2")
		want(t, "the change is kept", phases(t, d), "1 parked")
	})

	t.Run("[EPOCH-4] no reset touches the outbox", func(t *testing.T) {
		f := newFake(t)
		d, _ := enrolled(t, f)
		observe(t, d, "acknowledged")
		mustSync(t, d)
		observe(t, d, "waiting")
		before, _ := d.Outbox()
		f.expire()
		want(t, "reset", mustPull(t, d).Reset, true)
		after, _ := d.Outbox()
		for i := range before {
			want(t, "mutation", string(after[i].Raw), string(before[i].Raw))
			want(t, "phase", after[i].Phase, before[i].Phase)
		}
	})

	t.Run("[PULL-5] a page's records, cursor and mark are stored together or not at all", func(t *testing.T) {
		f := newFake(t)
		f.page = 4
		d, path := open(t, Options{maxPages: 60})
		if _, err := d.Enroll(t.Context(), f.http.URL, "invite-worker", "x"); err != nil {
			t.Fatal(err)
		}
		for i := range 60 {
			f.put("sites", id15(i), map[string]any{"name": strings.Repeat("x", 3000)})
		}
		if _, err := d.Pull(t.Context(), 0); !errors.Is(err, ErrDisk) {
			t.Fatalf("got %v, want ErrDisk", err)
		}
		st, _ := d.peek()
		all, _ := d.Confirmed("sites")
		if len(all) == 0 || len(all)%4 != 0 || fmt.Sprintf("epoch1:%d", len(all)) != *st.cursor {
			t.Errorf("%d records with cursor %s", len(all), *st.cursor)
		}
		d.Close()
		d = reopen(t, path, Options{})
		mustPull(t, d)
		all, _ = d.Confirmed("sites")
		want(t, "goes on from there", len(all), 60)
	})

	t.Run("[PULL-5] waiting uploads do not hold back a pull and are laid over what was pulled", func(t *testing.T) {
		f := newFake(t)
		d := quick(t, f)
		f.put("sites", id15(1), map[string]any{"name": "theirs", "tags": []any{"a", "b"}})
		mustPull(t, d)
		own := observe(t, d, "mine")
		d.Do(Op{Op: "update", Collection: "sites", ID: id15(1), Fields: map[string]any{"name": "mine", "tags": map[string]any{"add": []any{"c"}, "remove": []any{"a"}}}})
		f.answer = func(w http.ResponseWriter, r *http.Request, _ []byte) bool {
			if isPush(r) {
				f.fail(w, fault.New(fault.QuarantineFull, "Full."))
			}
			return isPush(r)
		}
		f.put("sites", id15(1), map[string]any{"name": "theirs again", "venue": "hotel"})
		r, err := d.Sync(t.Context())
		if !errors.Is(err, ErrLater) {
			t.Fatalf("got %v", err)
		}
		want(t, "pulled", len(r.Pull.Changes), 1)
		site, _, _ := d.Record("sites", id15(1))
		want(t, "own over theirs", site.Text("name"), "mine")
		want(t, "their other field", site.Text("venue"), "hotel")
		want(t, "set", fmt.Sprint(site.Fields["tags"]), "[b c]")
		rec, ok, _ := d.Record("observations", own.IDs[0])
		want(t, "own report", fmt.Sprintf("%v %v", ok, rec.State), "true waiting")
		f.with(func() { f.answer = nil })
		if _, err := d.Push(t.Context()); err != nil {
			t.Fatal(err)
		}
		rec, ok, _ = d.Record("observations", own.IDs[0])
		want(t, "between verdict and pull it stays in sight", fmt.Sprintf("%v %v", ok, rec.State), "true received")
		d.Do(Op{Op: "delete", Collection: "sites", ID: id15(1)})
		if _, ok, _ := d.Record("sites", id15(1)); ok {
			t.Error("a record deleted here is still shown")
		}
	})

	t.Run("[PULL-5] what is acknowledged while a pull is under way stays in sight until the next one", func(t *testing.T) {
		f := newFake(t)
		d, _ := enrolled(t, f)
		own := observe(t, d, "mine")
		f.with(func() {
			f.after = func(_ http.ResponseWriter, r *http.Request) bool { // the pull's answer is made already
				if isPull(r) {
					if _, err := d.Push(t.Context()); err != nil {
						t.Error(err)
					}
				}
				return false
			}
		})
		mustPull(t, d)
		rec, ok, _ := d.Record("observations", own.IDs[0])
		want(t, "own report", fmt.Sprintf("%v %v", ok, rec.State), "true received")
		want(t, "not confirmed yet", rec.Seq, int64(0))
		mustPull(t, d)
		rec, _, _ = d.Record("observations", own.IDs[0])
		want(t, "confirmed", rec.Seq, int64(1))
	})

	t.Run("[PULL-5] own pushes do not come back as new once they were shown", func(t *testing.T) {
		f := newFake(t)
		d, _ := enrolled(t, f)
		observe(t, d, "")
		mustSync(t, d)
		f.expire()
		r := mustPull(t, d)
		want(t, "reset", r.Reset, true)
		want(t, "changes", len(r.Changes), 0)
	})

	t.Run("[PULL-4] seen reports are told, and a reset tells all anew", func(t *testing.T) {
		f := newFake(t)
		d, _ := enrolled(t, f)
		own := observe(t, d, "")
		mustSync(t, d)
		f.with(func() { f.seen = []string{own.IDs[0]} })
		want(t, "seen", mustPull(t, d).Seen[0], own.IDs[0])
		s := status(t, d)
		want(t, "counts", fmt.Sprint(s.Received, s.Seen), "0 1")
		e, _ := d.Mutation(1)
		want(t, "word", e.State, Seen)
		f.with(func() { f.seen = nil })
		mustPull(t, d)
		want(t, "still seen", status(t, d).Seen, 1)
		f.expire()
		mustPull(t, d)
		want(t, "not among all that are", status(t, d).Seen, 0)
	})

	t.Run("[PULL-5] a device of staff shows its reports from its own store, for they are never pulled", func(t *testing.T) {
		f := newFake(t)
		d, _ := open(t, Options{})
		if _, err := d.Enroll(t.Context(), f.http.URL, "invite-staff", "tablet"); err != nil {
			t.Fatal(err)
		}
		own := observe(t, d, "mine")
		mustSync(t, d)
		f.forget(own.IDs[0])
		f.with(func() { f.durable = f.seq })
		f.expire()
		mustSync(t, d)
		mustSync(t, d)
		rec, ok, _ := d.Record("observations", own.IDs[0])
		want(t, "own report", fmt.Sprintf("%v %v %v", ok, rec.State, rec.Text("note")), "true received mine")
	})

	t.Run("[DEV-7] a page that is not whole is no answer and stores nothing", func(t *testing.T) {
		f := newFake(t)
		d, _ := enrolled(t, f)
		for name, body := range map[string]string{
			"no cursor":   `{"epoch":"e","now":"2026-01-11T05:00:00.000Z","mark":"m","durableSeq":0,"reset":true,"more":false,"changes":[],"seen":[]}`,
			"no reset":    `{"epoch":"e","now":"2026-01-11T05:00:00.000Z","mark":"m","durableSeq":0,"more":false,"cursor":"c","changes":[],"seen":[]}`,
			"no more":     `{"epoch":"e","now":"2026-01-11T05:00:00.000Z","mark":"m","durableSeq":0,"reset":true,"cursor":"c","changes":[],"seen":[]}`,
			"bad id":      `{"epoch":"e","now":"2026-01-11T05:00:00.000Z","mark":"m","durableSeq":0,"reset":true,"more":false,"cursor":"c","changes":[{"collection":"sites","id":"x","seq":1,"record":{}}]}`,
			"list record": `{"epoch":"e","now":"2026-01-11T05:00:00.000Z","mark":"m","durableSeq":0,"reset":true,"more":false,"cursor":"c","changes":[{"collection":"sites","id":"a1b2c3d4e5f6g7h","seq":1,"record":[]}]}`,
			"no time":     `{"epoch":"e","now":"soon","mark":"m","durableSeq":0,"reset":true,"more":false,"cursor":"c","changes":[]}`,
		} {
			f.with(func() {
				f.answer = func(w http.ResponseWriter, r *http.Request, _ []byte) bool {
					w.Header().Set("Content-Type", "application/json; charset=utf-8")
					fmt.Fprint(w, body)
					return true
				}
			})
			if _, err := d.Pull(t.Context(), 0); !errors.Is(err, ErrNotFieldpost) {
				t.Errorf("%s: %v", name, err)
			}
			want(t, name, status(t, d).Pulled, false)
		}
	})

	t.Run("[PULL-2] a server that says more for ever is left", func(t *testing.T) {
		f := newFake(t)
		d, _ := enrolled(t, f)
		n := 0
		f.answer = func(w http.ResponseWriter, r *http.Request, _ []byte) bool {
			if !isPull(r) {
				return false
			}
			n++
			f.json(w, wire.PullAnswer{Epoch: "epoch1", Now: "2026-01-11T05:00:00.000Z", Mark: "m", More: true, Cursor: "same"})
			return true
		}
		if _, err := d.Pull(t.Context(), 0); err == nil {
			t.Error("no error")
		}
		if n > 3 {
			t.Errorf("%d requests", n)
		}
	})
}
