package client

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fieldpost/fieldpost/internal/wire"
)

// judge makes the fake server give digests, as the protocol asks it to. lie,
// if set, changes them on the way out.
func (f *fake) judge(lie func(map[string]wire.Digest)) {
	f.with(func() {
		f.answer = func(w http.ResponseWriter, r *http.Request, body []byte) bool {
			var req wire.PullRequest
			if !isPull(r) || json.Unmarshal(body, &req) != nil || !req.Digests {
				return false
			}
			held := &holding{header: w.Header()}
			f.pull(held, r, body)
			var a wire.PullAnswer
			if held.status != 0 || json.Unmarshal(held.body, &a) != nil || a.More {
				w.WriteHeader(max(held.status, http.StatusOK))
				w.Write(held.body)
				return true
			}
			a.Digests = f.digests()
			if lie != nil {
				lie(a.Digests)
			}
			f.json(w, a)
			return true
		}
	})
}

// holding keeps an answer back.
type holding struct {
	header http.Header
	status int
	body   []byte
}

func (h *holding) Header() http.Header         { return h.header }
func (h *holding) WriteHeader(status int)      { h.status = status }
func (h *holding) Write(b []byte) (int, error) { h.body = append(h.body, b...); return len(b), nil }

func (f *fake) digests() map[string]wire.Digest {
	f.mu.Lock()
	defer f.mu.Unlock()
	newest := map[Ref]entry{}
	for _, e := range f.entries {
		newest[Ref{Collection: e.collection, ID: e.id}] = e
	}
	sums := map[string]*wire.Summer{}
	for r, e := range newest {
		if e.record == nil {
			continue
		}
		if sums[r.Collection] == nil {
			sums[r.Collection] = &wire.Summer{}
		}
		sums[r.Collection].Add(r.ID, e.seq)
	}
	out := map[string]wire.Digest{}
	for name, sum := range sums {
		out[name] = sum.Digest()
	}
	return out
}

// pace is a clock for device and server that only the test turns.
type pace struct {
	f  *fake
	mu sync.Mutex
	at time.Time
}

func (p *pace) now() time.Time { p.mu.Lock(); defer p.mu.Unlock(); return p.at }

func (p *pace) add(d time.Duration) {
	p.mu.Lock()
	p.at = p.at.Add(d)
	at := p.at
	p.mu.Unlock()
	p.f.with(func() { p.f.now = at })
}

// judged is an enrolled device with three sites, at a server that gives
// digests, both on one clock.
func judged(t *testing.T) (*fake, *Device, *pace) {
	t.Helper()
	f := newFake(t)
	p := &pace{f: f, at: time.Date(2026, 1, 11, 5, 0, 0, 0, time.UTC)}
	p.add(0)
	f.judge(nil)
	d, _ := open(t, Options{Now: p.now})
	if _, err := d.Enroll(t.Context(), f.http.URL, "invite-worker", "phone"); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		f.put("sites", id15(i), map[string]any{"name": "s"})
	}
	mustPull(t, d)
	return f, d, p
}

// behind changes the store behind the device's back.
func behind(t *testing.T, d *Device, query string, args ...any) {
	t.Helper()
	res, err := d.store.db.Exec(query, args...)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := res.RowsAffected(); err != nil || n != 1 {
		t.Fatalf("%s: %d rows, %v", query, n, err)
	}
}

// resets counts the pulls from nothing since the last call.
func (f *fake) resets() (n int) {
	f.with(func() {
		for _, p := range f.pulls {
			if p.Cursor == nil {
				n++
			}
		}
		f.pulls = nil
	})
	return n
}

func TestCheck(t *testing.T) {
	t.Run("[PULL-8] a device asks for digests with its first pull, then once a day, and when its clock was set back", func(t *testing.T) {
		f, d, p := judged(t)
		asked := func() string {
			var all []string
			f.with(func() {
				for _, r := range f.pulls {
					all = append(all, fmt.Sprint(r.Digests))
				}
				f.pulls = nil
			})
			return strings.Join(all, " ")
		}
		want(t, "first pull", asked(), "true")
		for _, step := range []struct {
			turn time.Duration
			asks string
		}{{0, "false"}, {23 * time.Hour, "false"}, {2 * time.Hour, "true"}, {time.Minute, "false"}, {-300 * 24 * time.Hour, "true"}, {time.Hour, "false"}} {
			p.add(step.turn)
			mustPull(t, d)
			want(t, fmt.Sprintf("after %s", step.turn), asked(), step.asks)
		}
		want(t, "checked", status(t, d).Checked, p.now().Add(-time.Hour))
	})

	t.Run("[PULL-8] a pull that checks is not asked to wait", func(t *testing.T) {
		f, d, p := judged(t)
		f.resets()
		p.add(25 * time.Hour)
		if _, err := d.Pull(t.Context(), maxWait); err != nil {
			t.Fatal(err)
		}
		want(t, "wait", f.pulls[0].Wait, 0)
	})

	for name, spoil := range map[string]func(*testing.T, *fake, *Device){
		"changed behind its back": func(t *testing.T, _ *fake, d *Device) {
			behind(t, d, "UPDATE records SET seq = seq + 7 WHERE id = ?", id15(1))
		},
		"removed behind its back": func(t *testing.T, _ *fake, d *Device) {
			behind(t, d, "DELETE FROM records WHERE id = ?", id15(1))
		},
		"added behind its back": func(t *testing.T, _ *fake, d *Device) {
			behind(t, d, "INSERT INTO records (collection, id, seq, generation, record) SELECT 'sites', ?, 3, generation, '{}' FROM device", id15(9))
		},
		"added in a collection of its own": func(t *testing.T, _ *fake, d *Device) {
			behind(t, d, "INSERT INTO records (collection, id, seq, generation, record) SELECT 'triage', ?, 3, generation, '{}' FROM device", id15(9))
		},
		"kept because the server lost the trace of its end": func(_ *testing.T, f *fake, _ *Device) { f.forget(id15(1)) },
	} {
		t.Run("[PULL-8] a record "+name+" stays wrong with every pull, until a check mends it with one full view", func(t *testing.T) {
			f, d, p := judged(t)
			waits := observe(t, d, "waits")
			spoil(t, f, d)
			right := f.digests()
			wrong := func() bool {
				st, err := d.peek()
				if err != nil {
					t.Fatal(err)
				}
				var is bool
				if err := d.store.read(t.Context(), "", func(tx *sql.Tx, _ *state) error {
					mine, err := st.digests(t.Context(), tx)
					is = len(differing(mine, right)) > 0
					return err
				}); err != nil {
					t.Fatal(err)
				}
				return is
			}
			f.resets()
			for range 3 { // the control: without the check nobody notices
				p.add(time.Hour)
				mustPull(t, d)
			}
			want(t, "wrong before the check", wrong(), true)
			want(t, "resets before the check", f.resets(), 0)
			p.add(24 * time.Hour)
			r := mustPull(t, d)
			want(t, "wrong after the check", wrong(), false)
			want(t, "resets", f.resets(), 1)
			if c := r.Check; c == nil || !c.Agrees || c.Resets != 1 || len(c.Differed) != 1 || len(c.Doubtful) != 0 {
				t.Errorf("report: %+v", c)
			}
			want(t, "the outbox", phases(t, d), fmt.Sprintf("%d waiting", waits.N))
			p.add(time.Minute)
			mustPull(t, d)
			want(t, "then quiet", f.resets(), 0)
		})
	}

	t.Run("[PULL-8] what waits here, and what a reset has kept for it, is not in the confirmed view", func(t *testing.T) {
		f, d, _ := judged(t)
		observe(t, d, "not sent")
		for i, change := range []Op{
			{Op: "update", Collection: "sites", ID: id15(0), Fields: map[string]any{"name": "mine"}},
			{Op: "delete", Collection: "sites", ID: id15(1)},
			{Op: "update", Collection: "sites", ID: id15(2), Fields: map[string]any{"name": "mine"}},
		} {
			if _, err := d.Do(change); err != nil {
				t.Fatal(i, err)
			}
		}
		f.forget(id15(2)) // it leaves the view, and the reset keeps it for the change
		f.expire()
		mustPull(t, d)
		if _, kept, _ := d.Record("sites", id15(2)); !kept {
			t.Fatal("the reset kept nothing: the test shows nothing")
		}
		f.resets()
		r, err := d.CheckView(t.Context())
		if err != nil || !r.Check.Agrees || r.Check.Resets != 0 {
			t.Errorf("%v %+v", err, r.Check)
		}
		want(t, "resets", f.resets(), 0)
	})

	t.Run("[PULL-8] a check compares what all pages brought, and a change between two of them is no difference", func(t *testing.T) {
		f, d, _ := judged(t)
		for i := range 20 {
			f.put("sites", id15(20+i), map[string]any{"name": "s"})
		}
		f.with(func() { f.page = 4 })
		judging, n := f.answer, 0
		f.with(func() {
			f.answer = func(w http.ResponseWriter, r *http.Request, body []byte) bool {
				if n++; isPull(r) && n < 5 {
					f.put("sites", id15(n), map[string]any{"name": fmt.Sprint(n)})
				}
				return judging(w, r, body)
			}
		})
		r, err := d.CheckView(t.Context())
		if err != nil || !r.Check.Agrees || r.Check.Resets != 0 {
			t.Errorf("%v %+v", err, r.Check)
		}
	})

	t.Run("[PULL-4] a full view for a check that is cut goes on with the next pull, and counts once", func(t *testing.T) {
		f, d, p := judged(t)
		behind(t, d, "DELETE FROM records WHERE id = ?", id15(1))
		judging := f.answer
		f.with(func() {
			f.answer = func(w http.ResponseWriter, r *http.Request, body []byte) bool {
				if strings.Contains(string(body), `"cursor":null`) {
					cut(w)
					return true
				}
				return judging(w, r, body)
			}
		})
		for range 5 {
			if _, err := d.CheckView(t.Context()); !errors.Is(err, ErrOffline) {
				t.Fatalf("got %v", err)
			}
			p.add(time.Minute)
		}
		f.with(func() { f.answer = judging })
		r := mustPull(t, d)
		want(t, "reset", r.Reset, true)
		want(t, "agrees", r.Check.Agrees, true)
		want(t, "view", confirmed(t, d, "sites"), "0 1 2")
		var noted string
		if err := d.store.db.QueryRow("SELECT json_array_length(check_resets) FROM device").Scan(&noted); err != nil {
			t.Fatal(err)
		}
		want(t, "counted", noted, "1")
	})

	t.Run("[PULL-8] a server that gives no digests is pulled from as ever, and a person who asks for a check is told", func(t *testing.T) {
		f, d, p := judged(t)
		f.with(func() { f.answer = nil })
		p.add(25 * time.Hour)
		if r := mustPull(t, d); r.Check != nil {
			t.Errorf("%+v", r.Check)
		}
		if _, err := d.CheckView(t.Context()); !errors.Is(err, ErrNotFieldpost) {
			t.Errorf("got %v", err)
		}
	})
}

// TestResetStorm is the mistake reset-storm: clients that reset over and over.
func TestResetStorm(t *testing.T) {
	liar := func(all map[string]wire.Digest) {
		d := all["sites"]
		d.Sums[3] = "0123456789abcdef"
		all["sites"] = d
	}

	t.Run("[PULL-4] [EPOCH-4] a server whose digests never agree causes three resets in any 24 hours, and the doubt is told", func(t *testing.T) {
		f, d, p := judged(t)
		waits := observe(t, d, "waits")
		f.judge(liar)
		f.resets()
		var when []time.Time
		told := false
		for n := range 6 * 24 * 3 { // three days, a pull every ten minutes
			p.add(10 * time.Minute)
			var r PullReport
			var err error
			if n%7 == 0 { // and a person who keeps asking
				r, err = d.CheckView(t.Context())
			} else {
				r, err = d.Pull(t.Context(), 0)
			}
			if err != nil {
				t.Fatal(err)
			}
			for range f.resets() {
				when = append(when, p.now())
			}
			told = told || r.Check != nil && len(r.Check.Doubtful) > 0
		}
		for i, first := range when {
			if i+3 < len(when) && when[i+3].Sub(first) < 24*time.Hour {
				t.Errorf("four resets from %s to %s", first, when[i+3])
			}
		}
		if len(when) < 6 || len(when) > 9 {
			t.Errorf("%d resets in three days", len(when))
		}
		want(t, "told", told, true)
		want(t, "doubtful", strings.Join(status(t, d).Doubtful, " "), "sites")
		want(t, "the view is still there", confirmed(t, d, "sites"), "0 1 2")
		want(t, "the outbox", phases(t, d), fmt.Sprintf("%d waiting", waits.N))
	})

	t.Run("[PULL-4] a device clock that jumps about causes no more resets", func(t *testing.T) {
		f, d, p := judged(t)
		f.judge(liar)
		f.resets()
		n := 0
		for i := range 40 {
			p.mu.Lock()
			p.at = p.at.Add([]time.Duration{400 * 24 * time.Hour, -390 * 24 * time.Hour}[i%2]) // the server's stands still
			p.mu.Unlock()
			mustPull(t, d)
			n += f.resets()
		}
		want(t, "resets", n, maxCheckResets)
	})

	t.Run("[PULL-4] other resets are not capped", func(t *testing.T) {
		f, d, _ := judged(t)
		f.judge(liar)
		if _, err := d.CheckView(t.Context()); err != nil {
			t.Fatal(err)
		}
		f.resets()
		for range 5 {
			f.expire()
			want(t, "reset", mustPull(t, d).Reset, true)
		}
	})

	t.Run("[PULL-4] a later check that agrees ends the doubt and says so; another collection stays doubtful", func(t *testing.T) {
		f, d, p := judged(t)
		f.put("checklists", id15(50), map[string]any{"key": "k"})
		both := func(all map[string]wire.Digest) {
			liar(all)
			all["checklists"] = wire.Digest{Count: 7}
		}
		f.judge(both)
		r, err := d.CheckView(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		want(t, "doubtful", strings.Join(r.Check.Doubtful, " "), "checklists sites")
		want(t, "resets", r.Check.Resets, 3)
		f.judge(liar)
		p.add(24 * time.Hour)
		r = mustPull(t, d)
		want(t, "cleared", strings.Join(r.Check.Cleared, " "), "checklists")
		want(t, "still doubtful", strings.Join(status(t, d).Doubtful, " "), "sites")
		f.judge(nil)
		if r, err = d.CheckView(t.Context()); err != nil {
			t.Fatal(err)
		}
		want(t, "agrees", r.Check.Agrees, true)
		want(t, "cleared", strings.Join(r.Check.Cleared, " "), "sites")
		want(t, "no doubt", len(status(t, d).Doubtful), 0)
	})

	t.Run("[PULL-8] a watch checks too, and tells", func(t *testing.T) {
		f, d, p := judged(t)
		f.judge(liar)
		p.add(25 * time.Hour)
		told := make(chan CheckReport, 10)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- d.Watch(ctx, Watcher{Check: func(c CheckReport) { told <- c }}) }()
		select {
		case c := <-told:
			want(t, "doubtful", strings.Join(c.Doubtful, " "), "sites")
		case <-time.After(20 * time.Second):
			t.Error("nothing was told")
		}
		stop()
		<-ended
	})
}
