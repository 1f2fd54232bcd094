package client

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/fieldpost/fieldpost/internal/wire"
)

// tablet is a device of staff.
func tablet(t *testing.T, f *fake) (*Device, string) {
	t.Helper()
	d, path := open(t, Options{})
	if _, err := d.Enroll(t.Context(), f.http.URL, "invite-staff", "tablet"); err != nil {
		t.Fatal(err)
	}
	return d, path
}

// sealedParts gives the sealed parts that came to the server, in order; a
// mutation in clear stands as "clear".
func (f *fake) sealedParts() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var all []string
	for _, b := range f.bodies {
		s, ok := b["sealed"].(string)
		if _, ops := b["ops"]; ops || !ok {
			s = "clear"
		}
		all = append(all, s)
	}
	return all
}

// opened opens a sealed part as the server would, and gives the notes in it.
func opened(t *testing.T, d *Device, e Entry, sealed string) string {
	t.Helper()
	text, err := fakeKey.OpenSealed(sealed, wire.SealedAAD(status(t, d).Device, e.N, e.Stamp))
	if err != nil {
		t.Fatalf("number %d: %v", e.N, err)
	}
	var inner struct{ Ops []Op }
	if err := json.Unmarshal(text, &inner); err != nil || len(inner.Ops) != 1 {
		t.Fatalf("%s: %v", text, err)
	}
	return fmt.Sprint(inner.Ops[0].Fields["note"])
}

func TestSealing(t *testing.T) {
	t.Run("[SEALED] what staff save goes out sealed for this device and number; what a worker saves goes in clear", func(t *testing.T) {
		f := newFake(t)
		d, _ := tablet(t, f)
		observe(t, d, "a")
		observe(t, d, "b")
		mustSync(t, d)
		all, err := d.Outbox()
		if err != nil {
			t.Fatal(err)
		}
		notes := ""
		for i, sealed := range f.sealedParts() {
			notes += opened(t, d, all[i], sealed)
			want(t, "sealed", all[i].Sealed, true)
		}
		want(t, "notes", notes, "ab")
		raw, err := json.Marshal(f.bodies)
		if err != nil || strings.Contains(string(raw), all[0].Records[0].ID) {
			t.Fatalf("the record's id went out in clear (%v)", err)
		}

		g := newFake(t)
		worker, _ := enrolled(t, g)
		saved := observe(t, worker, "a")
		mustSync(t, worker)
		want(t, "a worker's", strings.Join(g.sealedParts(), " "), "clear")
		if raw, err := json.Marshal(g.bodies); err != nil || !strings.Contains(string(raw), saved.IDs[0]) {
			t.Fatalf("the control does not see an id in clear (%v)", err)
		}
	})

	t.Run("[SEALED] a program that asks for it seals for workers too", func(t *testing.T) {
		f := newFake(t)
		d, _ := open(t, Options{SealAll: true})
		if _, err := d.Enroll(t.Context(), f.http.URL, "invite-worker", "phone"); err != nil {
			t.Fatal(err)
		}
		observe(t, d, "a")
		mustSync(t, d)
		all, err := d.Outbox()
		if err != nil {
			t.Fatal(err)
		}
		want(t, "note", opened(t, d, all[0], f.sealedParts()[0]), "a")
	})

	t.Run("[SEALED] what staff saved before anybody knew the key is sealed with the enrolment", func(t *testing.T) {
		f := newFake(t)
		d, _ := open(t, Options{})
		observe(t, d, "a")
		if _, err := d.Enroll(t.Context(), f.http.URL, "invite-staff", "tablet"); err != nil {
			t.Fatal(err)
		}
		mustSync(t, d)
		all, err := d.Outbox()
		if err != nil {
			t.Fatal(err)
		}
		want(t, "note", opened(t, d, all[0], f.sealedParts()[0]), "a")
	})

	t.Run("[SEALED] sealed once, it is sent letter by letter the same, however often", func(t *testing.T) {
		f := newFake(t)
		d, path := tablet(t, f)
		observe(t, d, "a")
		f.with(func() {
			f.after = func(w http.ResponseWriter, r *http.Request) bool {
				if isPush(r) {
					cut(w)
				}
				return isPush(r)
			}
		})
		if _, err := d.Push(t.Context()); err == nil {
			t.Fatal("the answer was not lost")
		}
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
		d = reopen(t, path, Options{})
		f.with(func() { f.after = nil })
		mustSync(t, d)
		sent := f.sealedParts()
		want(t, "sent more than once", len(sent) > 1 && sent[0] != "clear", true)
		want(t, "different texts", len(slices.Compact(sent)), 1)
	})

	t.Run("[EPOCH-3] staff keep what is acknowledged in sealed form, and after a rewind send that again, in order, before what is new", func(t *testing.T) {
		f := newFake(t)
		d, _ := tablet(t, f)
		observe(t, d, "a")
		observe(t, d, "b")
		mustSync(t, d)
		before := f.sealedParts()
		f.rewind(0, "epoch2")
		mustPull(t, d)
		observe(t, d, "new")
		f.with(func() { f.bodies = nil })
		mustSync(t, d)
		after := f.sealedParts()
		want(t, "times", len(after), 3)
		want(t, "the same two first", after[0] == before[0] && after[1] == before[1], true)
		want(t, "waiting", status(t, d).Waiting, 0)
	})

	t.Run("[EPOCH-3] what is held off the machine is let go of, and never sent again: a new epoch's lower durableSeq brings none of it back", func(t *testing.T) {
		f := newFake(t)
		d, _ := tablet(t, f)
		observe(t, d, "a")
		mustSync(t, d)
		f.with(func() { f.durable = f.seq })
		mustSync(t, d)
		want(t, "phases", phases(t, d), "1 settled")
		all, err := d.Outbox()
		want(t, "sealed text is kept", err != nil || all[0].Sealed, false)
		observe(t, d, "b")
		mustSync(t, d)
		f.with(func() { f.durable = 0 })
		f.rewind(f.seq, "epoch2") // nothing is lost but the epoch
		f.with(func() { f.bodies = nil })
		mustSync(t, d)
		mustSync(t, d)
		want(t, "phases", phases(t, d), "1 settled, 2 acknowledged")
		for _, s := range f.sealedParts() {
			if all, err := d.Outbox(); err != nil || opened(t, d, all[1], s) != "b" {
				t.Fatalf("sent again: %v", err)
			}
		}
	})

	t.Run("[SEALED] what is too large to be sealed is said before anything is saved", func(t *testing.T) {
		f := newFake(t)
		d, _ := tablet(t, f)
		large := Op{Op: wire.OpCreate, Collection: "observations", Fields: map[string]any{"note": strings.Repeat("x", 900<<10)}}
		_, err := d.Do(large)
		want(t, "code", Explain(err).Code, "too_large")
		want(t, "saved", status(t, d).Saved, 0)
		worker, _ := enrolled(t, f) // the control: in clear it may be saved
		if _, err := worker.Do(large); err != nil {
			t.Fatal(err)
		}
	})

	t.Run("[KEPT] a report that staff saved takes at most 3 KB until it is let go of, and 768 KiB can be sealed", func(t *testing.T) {
		f := newFake(t)
		d, path := tablet(t, f)
		size := func() int64 {
			if _, err := d.store.db.Exec("PRAGMA wal_checkpoint(TRUNCATE)"); err != nil {
				t.Fatal(err)
			}
			info, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			return info.Size()
		}
		before := size()
		const reports = 60
		answers := map[string]any{}
		for i := range 12 {
			answers[fmt.Sprintf("hotel_house.%02d", i)] = "yes"
		}
		for range reports {
			if _, err := d.Do(Op{Op: wire.OpCreate, Collection: "submissions", Fields: map[string]any{"checklist": id15(1), "version": 1,
				"event_time": "2026-01-11T04:55:00.000Z", "answers": answers, "site": id15(2)}}); err != nil {
				t.Fatal(err)
			}
		}
		each := (size() - before) / reports
		if each > 3<<10 {
			t.Errorf("%d bytes each", each)
		}
		t.Logf("%d bytes each", each)
		if _, err := d.Do(Op{Op: wire.OpCreate, Collection: "observations", Fields: map[string]any{"note": strings.Repeat("x", 766<<10)}}); err != nil {
			t.Fatal(err)
		}
	})

	t.Run("[SEALED] a server without a key to seal for is none of ours", func(t *testing.T) {
		f := newFake(t)
		f.sealKey = "BA"
		d, err := Open(filepath.Join(t.TempDir(), "d.db"), Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		_, err = d.Enroll(t.Context(), f.http.URL, "invite-staff", "tablet")
		want(t, "code", Explain(err).Code, "not_fieldpost")
	})
}
