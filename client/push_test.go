package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fieldpost/fieldpost/internal/fault"
	"github.com/fieldpost/fieldpost/internal/wire"
)

func isPush(r *http.Request) bool { return r.URL.Path == "/api/sync/push" }

// quick does not rest between tries.
func quick(t *testing.T, f *fake) *Device {
	t.Helper()
	d, _ := open(t, Options{Sleep: func(ctx context.Context, _ time.Duration) error { return ctx.Err() }})
	if _, err := d.Enroll(t.Context(), f.http.URL, "invite-worker", "phone"); err != nil {
		t.Fatal(err)
	}
	return d
}

// poison fails every request that holds a mutation whose note is the given one.
func poison(note string, e *fault.Fault) func(wire.Mutation) (*wire.Verdict, *fault.Fault) {
	return func(m wire.Mutation) (*wire.Verdict, *fault.Fault) {
		if m.Ops[0].Fields["note"] == note {
			return nil, e
		}
		return nil, nil
	}
}

func unknown4xx() *fault.Fault {
	e := fault.New("something_new", "No such thing is known yet.")
	e.Status, e.Retry, e.RetryAfter = 418, fault.Never, 0
	return e
}

func TestPush(t *testing.T) {
	t.Run("[DEV-1] with no server everything is saved and nothing is lost; the server's new address is enough", func(t *testing.T) {
		f := newFake(t)
		d, path := enrolled(t, f)
		f.http.CloseClientConnections()
		f.http.Listener.Close()
		for i := range 4 {
			observe(t, d, fmt.Sprint(i))
		}
		if _, err := d.Sync(t.Context()); !errors.Is(err, ErrOffline) {
			t.Fatalf("got %v, want ErrOffline", err)
		}
		d.Close()
		d = reopen(t, path, Options{})
		want(t, "waiting", status(t, d).Waiting, 4)
		moved := newFake(t)
		moved.keys = f.keys
		if err := d.SetURL(moved.http.URL + "/"); err != nil {
			t.Fatal(err)
		}
		want(t, "sent", mustSync(t, d).Push.Sent, 4)
		want(t, "on the server", moved.live("observations"), 4)
	})

	t.Run("[PUSH-5] what waits goes in order of n, once", func(t *testing.T) {
		f := newFake(t)
		d, _ := enrolled(t, f)
		for i := range 4 {
			observe(t, d, fmt.Sprint(i))
		}
		r := mustSync(t, d)
		want(t, "sent", r.Push.Sent, 4)
		want(t, "pushes", len(f.pushes), 1)
		for i, b := range f.bodies {
			want(t, "n", b["n"].(float64), float64(i+1))
		}
		r = mustSync(t, d)
		want(t, "sent again", r.Push.Sent, 0)
		want(t, "pushes", len(f.pushes), 1)
		want(t, "on the server", f.live("observations"), 4)
		want(t, "phases", phases(t, d), "1 acknowledged, 2 acknowledged, 3 acknowledged, 4 acknowledged")
	})

	t.Run("[PUSH-13] batches keep the server's limits, at 0, limit-1, limit and limit+1", func(t *testing.T) {
		f := newFake(t)
		f.limits.Mutations = 10
		for _, n := range []int{0, 9, 10, 11, 35} {
			d, _ := enrolled(t, f)
			for range n {
				observe(t, d, "")
			}
			f.with(func() { f.pushes = nil })
			want(t, "sent", mustSync(t, d).Push.Sent, n)
			want(t, "requests", len(f.pushes), (n+9)/10)
		}
	})

	t.Run("[PUSH-13] batches keep the limit of bytes", func(t *testing.T) {
		f := newFake(t)
		f.limits.Bytes = 20_000
		d, _ := enrolled(t, f)
		for range 10 {
			observe(t, d, strings.Repeat("x", 5_000))
		}
		want(t, "sent", mustSync(t, d).Push.Sent, 10)
		if len(f.pushes) < 3 {
			t.Errorf("%d requests for 50 kB at 20 kB a request", len(f.pushes))
		}
	})

	t.Run("[PUSH-2] an answer that is lost on the way costs nothing: sent again, replayed, there once", func(t *testing.T) {
		f := newFake(t)
		d, _ := enrolled(t, f)
		observe(t, d, "")
		f.with(func() {
			f.after = func(w http.ResponseWriter, r *http.Request) bool {
				if isPush(r) {
					cut(w)
				}
				return isPush(r)
			}
		})
		_, err := d.Sync(t.Context())
		if !errors.Is(err, ErrOffline) {
			t.Fatalf("got %v, want ErrOffline", err)
		}
		want(t, "phases", phases(t, d), "1 waiting")
		f.with(func() { f.after = nil })
		r := mustSync(t, d)
		want(t, "replayed", r.Push.Verdicts[0].Replayed, true)
		want(t, "phases", phases(t, d), "1 acknowledged")
		want(t, "on the server", f.live("observations"), 1)
	})

	t.Run("[PUSH-4] a mutation that gets no verdict stays waiting, and the rest is noted", func(t *testing.T) {
		f := newFake(t)
		d, _ := enrolled(t, f)
		observe(t, d, "a")
		observe(t, d, "b")
		f.with(func() {
			f.verdict = func(m wire.Mutation) (*wire.Verdict, *fault.Fault) {
				if m.N == 1 {
					return &wire.Verdict{Verdict: "perhaps"}, nil
				}
				return nil, nil
			}
		})
		want(t, "sent", mustSync(t, d).Push.Sent, 1)
		want(t, "phases", phases(t, d), "1 waiting, 2 acknowledged")
	})
}

func TestRefused(t *testing.T) {
	t.Run("[DEV-3] a refused mutation is parked and can be seen, exported, sent again and corrected", func(t *testing.T) {
		f := newFake(t)
		d, path := enrolled(t, f)
		f.verdict = func(m wire.Mutation) (*wire.Verdict, *fault.Fault) {
			if m.Ops[0].Fields["note"] == "bad" {
				return &wire.Verdict{Verdict: wire.Refused, Code: wire.CodeInvalid, Message: "The note is bad.", Quarantine: "q00000000000001"}, nil
			}
			return nil, nil
		}
		bad := observe(t, d, "bad")
		observe(t, d, "good")
		mustSync(t, d)
		want(t, "phases", phases(t, d), "1 parked, 2 acknowledged")
		d.Close()
		d = reopen(t, path, Options{})
		e, err := d.Mutation(1)
		if err != nil {
			t.Fatal(err)
		}
		want(t, "code", e.Code, wire.CodeInvalid)
		want(t, "message", e.Message, "The note is bad.")
		want(t, "state", e.State, NeedsAttention)
		want(t, "quarantine", e.Verdict.Quarantine, "q00000000000001")
		if !contains(e.Raw, `"note":"bad"`) {
			t.Errorf("not whole: %s", e.Raw)
		}
		r, ok, _ := d.Record("observations", bad.IDs[0])
		if !ok || r.State != NeedsAttention {
			t.Errorf("the refused report shows as %v %q", ok, r.State)
		}

		want(t, "nothing to send", mustSync(t, d).Push.Sent, 0)
		if err := d.Retry(1); err != nil {
			t.Fatal(err)
		}
		sent := mustSync(t, d).Push
		want(t, "sent again", sent.Sent, 1)
		want(t, "the same verdict", sent.Verdicts[0].Replayed, true)
		want(t, "phases", phases(t, d), "1 parked, 2 acknowledged")

		ops := e.Ops
		ops[0].Fields["note"] = "mended"
		fixed, err := d.CorrectAs(1, ops...)
		if err != nil {
			t.Fatal(err)
		}
		if fixed.IDs[0] == bad.IDs[0] {
			t.Error("the copy has the id of the refused record")
		}
		mustSync(t, d)
		want(t, "phases", phases(t, d), "1 corrected, 2 acknowledged, 3 acknowledged")
		e, _ = d.Mutation(1)
		want(t, "corrected by", e.CorrectedBy, int64(3))
		want(t, "still whole", contains(e.Raw, `"note":"bad"`), true)
		s := status(t, d)
		want(t, "needs attention", s.NeedsAttention, 0)
		want(t, "received", s.Received, 2)
		if err := d.Retry(2); !errors.Is(err, ErrInput) {
			t.Errorf("retry of what is not parked: %v", err)
		}
		if _, err := d.CorrectAs(99, ops...); Explain(err).Code != "unknown_n" {
			t.Errorf("correct of nothing: %v", err)
		}
	})

	t.Run("[DEV-3] a correction of several ops keeps them together under new ids", func(t *testing.T) {
		f := newFake(t)
		d, _ := enrolled(t, f)
		f.verdict = func(m wire.Mutation) (*wire.Verdict, *fault.Fault) {
			if m.N == 1 {
				return &wire.Verdict{Verdict: wire.Refused, Code: wire.CodeNotAllowed}, nil
			}
			return nil, nil
		}
		id, _ := d.NewID()
		if _, err := d.Do(Op{Op: "create", Collection: "observations", ID: id, Fields: map[string]any{"event_time": "x"}},
			Op{Op: "create", Collection: "addenda", Fields: map[string]any{"observation": id, "text": "more"}}); err != nil {
			t.Fatal(err)
		}
		mustSync(t, d)
		e, _ := d.Mutation(1)
		if _, err := d.CorrectAs(1, e.Ops...); err != nil {
			t.Fatal(err)
		}
		e, _ = d.Mutation(2)
		if e.Ops[0].ID == id || e.Ops[1].Fields["observation"] != e.Ops[0].ID {
			t.Errorf("the reference does not follow: %+v", e.Ops)
		}
	})

	t.Run("[PUSH-7] a deferred mutation stays waiting and is sent again, also within one push once more is known", func(t *testing.T) {
		f := newFake(t)
		d, _ := enrolled(t, f)
		d.Do(Op{Op: "update", Collection: "sites", ID: "s00000000000001", Base: 1, Fields: map[string]any{"name": "x"}})
		ready := false
		f.verdict = func(m wire.Mutation) (*wire.Verdict, *fault.Fault) {
			if m.N == 1 && !ready {
				return &wire.Verdict{Verdict: wire.Deferred, Code: wire.CodeMissingDependency}, nil
			}
			return nil, nil
		}
		r := mustSync(t, d)
		want(t, "verdict", r.Push.Verdicts[0].Verdict, wire.Deferred)
		want(t, "phases", phases(t, d), "1 waiting")
		want(t, "one request for what can only wait", len(f.pushes), 1)
		e, _ := d.Mutation(1)
		want(t, "code", e.Code, wire.CodeMissingDependency)
		observe(t, d, "")
		f.with(func() { f.pushes = nil })
		mustSync(t, d)
		if len(f.pushes) < 2 || len(f.pushes) > maxPasses {
			t.Errorf("%d requests", len(f.pushes))
		}
		f.with(func() { ready = true })
		mustSync(t, d)
		want(t, "phases", phases(t, d), "1 acknowledged, 2 acknowledged")
	})
}

func TestIsolation(t *testing.T) {
	for name, e := range map[string]func() *fault.Fault{
		"an unknown 4xx": unknown4xx,
		"repeated 5xx":   func() *fault.Fault { return fault.New(fault.Internal, "It broke.") },
		"bad_request":    func() *fault.Fault { return fault.New(fault.BadRequest, "Unreadable.") },
	} {
		for _, at := range []int{0, 7, 19} {
			t.Run(fmt.Sprintf("[DEV-4] %s: the culprit at place %d of 20 is found and parked, the rest goes on", name, at), func(t *testing.T) {
				f := newFake(t)
				f.verdict = poison("poison", e())
				d := quick(t, f)
				for i := range 20 {
					note := fmt.Sprint(i)
					if i == at {
						note = "poison"
					}
					observe(t, d, note)
				}
				r, err := d.Push(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				want(t, "sent", r.Sent, 19)
				want(t, "parked", r.Parked, 1)
				m, _ := d.Mutation(int64(at + 1))
				want(t, "phase", m.Phase, Parked)
				want(t, "code", m.Code, codeSending)
				want(t, "on the server", f.live("observations"), 19)
				want(t, "kept whole", contains(m.Raw, "poison"), true)
			})
		}
	}

	t.Run("[DEV-4] a fault of the server that passes splits and parks nothing", func(t *testing.T) {
		f := newFake(t)
		d := quick(t, f)
		for range 10 {
			observe(t, d, "")
		}
		faults := 2
		f.verdict = func(wire.Mutation) (*wire.Verdict, *fault.Fault) {
			if faults--; faults >= 0 {
				return nil, fault.New(fault.Internal, "It broke.")
			}
			return nil, nil
		}
		r, err := d.Push(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		want(t, "sent", r.Sent, 10)
		want(t, "requests", len(f.pushes), tries)
		want(t, "batch, whole", len(f.pushes[tries-1].Mutations), 10)
	})

	t.Run("[DEV-4] a culprit alone in the queue is parked in the end, and not at the first 5xx", func(t *testing.T) {
		f := newFake(t)
		f.verdict = poison("poison", fault.New(fault.Internal, "It broke."))
		d := quick(t, f)
		observe(t, d, "poison")
		for i := 1; i < failsToPark; i++ {
			if _, err := d.Push(t.Context()); !errors.Is(err, ErrLater) {
				t.Fatalf("push %d: %v, want ErrLater", i, err)
			}
			want(t, "phases", phases(t, d), "1 waiting")
		}
		if _, err := d.Push(t.Context()); err != nil {
			t.Fatal(err)
		}
		want(t, "phases", phases(t, d), "1 parked")
	})

	t.Run("[DEV-4] a day on which the server fails on every write parks nothing either", func(t *testing.T) {
		f := newFake(t)
		d := quick(t, f)
		for range 5 {
			observe(t, d, "")
		}
		broken := true
		f.verdict = func(wire.Mutation) (*wire.Verdict, *fault.Fault) {
			if broken {
				return nil, fault.New(fault.Internal, "It broke.")
			}
			return nil, nil
		}
		for range failsToPark * 2 {
			if _, err := d.Push(t.Context()); !errors.Is(err, ErrLater) {
				t.Fatalf("got %v", err)
			}
		}
		want(t, "parked", status(t, d).NeedsAttention, 0)
		f.with(func() { broken = false })
		want(t, "sent", mustSync(t, d).Push.Sent, 5)
	})

	t.Run("[DEV-4] what builds on a culprit keeps its place behind it", func(t *testing.T) {
		f := newFake(t)
		f.verdict = poison("poison", fault.New(fault.Internal, "It broke."))
		d := quick(t, f)
		s := observe(t, d, "poison")
		d.Do(Op{Op: "update", Collection: "observations", ID: s.IDs[0], Fields: map[string]any{"note": "later"}})
		observe(t, d, "other")
		if _, err := d.Push(t.Context()); err != nil {
			t.Fatal(err)
		}
		want(t, "phases", phases(t, d), "1 parked, 2 acknowledged, 3 acknowledged")
		order := ""
		for _, b := range f.bodies {
			order += fmt.Sprint(b["n"], " ")
		}
		want(t, "order of arrival: 2 only once 1 was parked", order, "3 2 ")
	})

	t.Run("[DEV-4] a server that fails on everything parks nothing, within a bound of requests", func(t *testing.T) {
		for name, break_ := range map[string]func(f *fake){
			"on every push": func(f *fake) {
				f.answer = func(w http.ResponseWriter, r *http.Request, _ []byte) bool {
					if isPush(r) {
						f.fail(w, fault.New(fault.Internal, "It broke."))
					}
					return isPush(r)
				}
			},
			"on every write": func(f *fake) {
				f.verdict = func(wire.Mutation) (*wire.Verdict, *fault.Fault) { return nil, fault.New(fault.Internal, "It broke.") }
			},
		} {
			f := newFake(t)
			d := quick(t, f)
			for range 500 {
				observe(t, d, "")
			}
			requests := 0
			break_(f)
			inner := f.answer
			f.answer = func(w http.ResponseWriter, r *http.Request, b []byte) bool {
				requests++
				return inner != nil && inner(w, r, b)
			}
			if _, err := d.Push(t.Context()); !errors.Is(err, ErrLater) {
				t.Errorf("%s: %v, want ErrLater", name, err)
			}
			want(t, name+": parked", status(t, d).NeedsAttention, 0)
			if requests > 60 {
				t.Errorf("%s: %d requests", name, requests)
			}
		}
	})

	t.Run("[DEV-4] a server that breaks half-way parks nothing of the rest", func(t *testing.T) {
		f := newFake(t)
		f.limits.Mutations = 10
		d := quick(t, f)
		for range 30 {
			observe(t, d, "")
		}
		f.verdict = func(m wire.Mutation) (*wire.Verdict, *fault.Fault) {
			if m.N > 10 {
				return nil, fault.New(fault.Internal, "It broke.")
			}
			return nil, nil
		}
		if _, err := d.Push(t.Context()); !errors.Is(err, ErrLater) {
			t.Errorf("got %v, want ErrLater", err)
		}
		s := status(t, d)
		want(t, "received", s.Received, 10)
		want(t, "waiting", s.Waiting, 20)
		if n := len(f.pushes); n > 30 {
			t.Errorf("%d requests", n)
		}
	})

	t.Run("[DEV-4] 413 halves the batch; one that is too large alone is parked", func(t *testing.T) {
		f := newFake(t)
		d := quick(t, f)
		f.with(func() { f.limits.Mutations = 3 })
		f.verdict = poison("poison", wire.TooMany(f.limits))
		for i := range 10 {
			note := ""
			if i == 4 {
				note = "poison"
			}
			observe(t, d, note)
		}
		r, err := d.Push(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		want(t, "sent", r.Sent, 9)
		m, _ := d.Mutation(5)
		want(t, "phase", m.Phase, Parked)
		want(t, "code", m.Code, "too_large")
	})

	t.Run("[DEV-7] a proxy's 413 halves the batch, and parks nothing", func(t *testing.T) {
		f := newFake(t)
		d := quick(t, f)
		f.answer = func(w http.ResponseWriter, r *http.Request, body []byte) bool {
			if !isPush(r) || len(body) < 3000 {
				return false
			}
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(413)
			fmt.Fprint(w, "<html>Request Entity Too Large</html>")
			return true
		}
		observe(t, d, strings.Repeat("x", 4000))
		for range 20 {
			observe(t, d, "")
		}
		if _, err := d.Push(t.Context()); err != nil {
			t.Fatal(err)
		}
		s := status(t, d)
		want(t, "received", s.Received, 20)
		want(t, "waiting", s.Waiting, 1)
		want(t, "parked", s.NeedsAttention, 0)
	})
}

func TestTrouble(t *testing.T) {
	t.Run("[DEV-5] a full disk at book-keeping is no failed send: sent again and known", func(t *testing.T) {
		f := newFake(t)
		d, path := open(t, Options{maxPages: 45})
		if _, err := d.Enroll(t.Context(), f.http.URL, "invite-worker", "phone"); err != nil {
			t.Fatal(err)
		}
		saved := 0
		for ; saved < 1000; saved++ {
			if _, err := d.Do(Op{Op: "create", Collection: "observations", Fields: map[string]any{"note": strings.Repeat("x", 100)}}); err != nil {
				break
			}
		}
		f.verdict = func(wire.Mutation) (*wire.Verdict, *fault.Fault) {
			return &wire.Verdict{Verdict: wire.Applied, Code: wire.CodeKeptExtra, Message: strings.Repeat("long ", 50)}, nil
		}
		if _, err := d.Push(t.Context()); !errors.Is(err, ErrDisk) {
			t.Fatalf("got %v, want ErrDisk", err)
		}
		s := status(t, d)
		want(t, "waiting", s.Waiting, saved)
		want(t, "parked", s.NeedsAttention, 0)
		want(t, "on the server", f.live("observations"), saved)
		d.Close()
		d = reopen(t, path, Options{})
		r, err := d.Push(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		want(t, "replayed", r.Verdicts[0].Replayed, true)
		want(t, "received", status(t, d).Received, saved)
		want(t, "on the server, once", f.live("observations"), saved)
	})

	t.Run("[DEV-6] an expired token is renewed by the device's key, and the queue is kept", func(t *testing.T) {
		f := newFake(t)
		d, _ := enrolled(t, f)
		observe(t, d, "")
		f.with(func() { clear(f.tokens) })
		r := mustSync(t, d)
		want(t, "sent", r.Push.Sent, 1)
		f.with(func() { clear(f.tokens) })
		if _, err := d.Pull(t.Context(), 0); err != nil {
			t.Errorf("pull with an expired token: %v", err)
		}
	})

	t.Run("[DEV-6] when the renewal is refused the queue is kept and the person is told", func(t *testing.T) {
		f := newFake(t)
		d, _ := enrolled(t, f)
		observe(t, d, "")
		f.with(func() { clear(f.tokens); clear(f.keys) })
		_, err := d.Sync(t.Context())
		if !errors.Is(err, ErrRefused) || Explain(err).Code != "bad_signature" {
			t.Fatalf("got %v", err)
		}
		want(t, "phases", phases(t, d), "1 waiting")
		want(t, "told later too", status(t, d).Problem.Code, "bad_signature")
	})

	portal := map[string]http.HandlerFunc{
		"an HTML page with 200": func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>Welcome to Fuel Wifi</html>") },
		"HTML said to be JSON": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, "<html>")
		},
		"an answer of the right form, but said to be a page": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			fmt.Fprint(w, `{"epoch":"e","now":"2026-01-11T05:00:00.000Z","mark":"m","durableSeq":0,"verdicts":[{"n":1,"verdict":"applied","seq":1}],`+
				`"reset":true,"more":false,"cursor":"c","token":"t","user":{"id":"u"},"sealKey":"k","protocol":[1],"limits":{"mutations":1,"bytes":1,"inflated":1}}`)
		},
		"other JSON": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, `{"ok":true}`)
		},
		"JSON that is no object": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, `[]`)
		},
		"a redirect": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/login", http.StatusFound) },
		"HTML with 403": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(403)
		},
		"HTML with 502": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(502)
		},
		"empty 204": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) },
		"another PocketBase": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(404)
			fmt.Fprint(w, `{"status":404,"message":"The requested resource wasn't found.","data":{}}`)
		},
		"JSON with a foreign status": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(401)
			fmt.Fprint(w, `{"error":"login required"}`)
		},
	}
	for name, handler := range portal {
		t.Run("[DEV-7] no answer of ours: "+name, func(t *testing.T) {
			f := newFake(t)
			d := quick(t, f)
			observe(t, d, "a")
			observe(t, d, "b")
			f.answer = func(w http.ResponseWriter, r *http.Request, _ []byte) bool { handler(w, r); return true }
			_, err := d.Sync(t.Context())
			if !errors.Is(err, ErrNotFieldpost) {
				t.Fatalf("got %v, want ErrNotFieldpost", err)
			}
			want(t, "phases", phases(t, d), "1 waiting, 2 waiting")
			if _, err := d.Pull(t.Context(), 0); !errors.Is(err, ErrNotFieldpost) {
				t.Errorf("pull: %v", err)
			}
			fresh, _ := open(t, Options{})
			if _, err := fresh.Enroll(t.Context(), f.http.URL, "invite-worker", "x"); !errors.Is(err, ErrNotFieldpost) {
				t.Errorf("enroll: %v", err)
			}
			f.with(func() { f.answer = nil })
			want(t, "sent when the network is itself again", mustSync(t, d).Push.Sent, 2)
		})
	}

	t.Run("[DEV-7] an answer cut in the middle is no answer", func(t *testing.T) {
		f := newFake(t)
		d := quick(t, f)
		observe(t, d, "")
		f.answer = func(w http.ResponseWriter, r *http.Request, _ []byte) bool {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Content-Length", "500")
			fmt.Fprint(w, `{"epoch":"epoch1","now":`)
			return true
		}
		if _, err := d.Sync(t.Context()); !errors.Is(err, ErrOffline) {
			t.Fatalf("got %v, want ErrOffline", err)
		}
		want(t, "phases", phases(t, d), "1 waiting")
	})

	t.Run("[DEV-7] the token goes to no other host", func(t *testing.T) {
		stolen := false
		other := newFake(t)
		other.answer = func(http.ResponseWriter, *http.Request, []byte) bool { stolen = true; return false }
		f := newFake(t)
		d := quick(t, f)
		f.answer = func(w http.ResponseWriter, r *http.Request, _ []byte) bool {
			http.Redirect(w, r, other.http.URL+r.URL.Path, http.StatusTemporaryRedirect)
			return true
		}
		if _, err := d.Sync(t.Context()); err == nil {
			t.Error("no error")
		}
		want(t, "redirect followed", stolen, false)
	})

	t.Run("[DEV-4] busy is waited out, never split, and the order is kept", func(t *testing.T) {
		f := newFake(t)
		d := quick(t, f)
		for range 3 {
			observe(t, d, "")
		}
		busy := true
		pushes := 0
		f.answer = func(w http.ResponseWriter, r *http.Request, _ []byte) bool {
			if isPush(r) {
				pushes++
				if busy {
					f.fail(w, fault.New(fault.Busy, "Busy."))
					return true
				}
			}
			return false
		}
		_, err := d.Sync(t.Context())
		if !errors.Is(err, ErrLater) || Explain(err).RetryAfter != 5*time.Second {
			t.Fatalf("got %v", err)
		}
		want(t, "requests", pushes, 1)
		f.with(func() { busy = false })
		want(t, "sent", mustSync(t, d).Push.Sent, 3)
	})

	t.Run("[DEV-4] on a link that is too slow for a batch, smaller ones get through, and grow again", func(t *testing.T) {
		f := newFake(t)
		d, _ := open(t, Options{Timeout: 300 * time.Millisecond})
		if _, err := d.Enroll(t.Context(), f.http.URL, "invite-worker", "x"); err != nil {
			t.Fatal(err)
		}
		for i := range 200 {
			observe(t, d, "")
			f.put("sites", id15(i), map[string]any{"name": "s"})
		}
		var fast atomic.Bool
		f.answer = func(w http.ResponseWriter, r *http.Request, body []byte) bool {
			var b struct {
				Mutations []json.RawMessage
				Limit     int
			}
			json.Unmarshal(body, &b)
			if !fast.Load() && (len(b.Mutations) > 60 || b.Limit > 300) {
				w.Header().Set("Content-Type", "application/json")
				fmt.Fprint(w, `{"epoch":`)
				w.(http.Flusher).Flush()
				time.Sleep(400 * time.Millisecond)
				return true
			}
			return false
		}
		r := mustSync(t, d)
		want(t, "sent", r.Push.Sent, 200)
		want(t, "pulled", len(r.Pull.Changes), 400)
		want(t, "batch", len(f.pushes[0].Mutations), 50)
		want(t, "page", f.pulls[0].Limit, 250)
		fast.Store(true)
		for range 200 {
			observe(t, d, "")
		}
		f.with(func() { f.pushes = nil })
		mustSync(t, d)
		if n := len(f.pushes); n > 3 {
			t.Errorf("%d requests once the link is fast", n)
		}
	})

	t.Run("[DEV-4] retries rest longer each time, with jitter, and at least as long as the server asks", func(t *testing.T) {
		d, _ := open(t, Options{})
		var b backoff
		for i := range 8 {
			base := min(minRest<<i, maxRest)
			if rest := b.rest(d, nil); rest < base/2 || rest > base*3/2 {
				t.Errorf("rest %d: %v, want around %v", i, rest, base)
			}
		}
		var first backoff
		if rest := first.rest(d, &Error{Kind: ErrLater, RetryAfter: time.Minute}); rest < time.Minute {
			t.Errorf("asked for a minute: %v", rest)
		}
		seen := map[time.Duration]bool{}
		for range 20 {
			var b backoff
			seen[b.rest(d, nil)] = true
		}
		if len(seen) < 10 {
			t.Errorf("20 rests, %d different", len(seen))
		}
	})

	t.Run("[DEV-4] Keep sends what is saved, at once, and after the network is back", func(t *testing.T) {
		f := newFake(t)
		d := quick(t, f)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var up atomic.Bool
		f.answer = func(w http.ResponseWriter, _ *http.Request, _ []byte) bool {
			if up.Load() {
				return false
			}
			cut(w)
			return true
		}
		d.opt.Sleep = sleep
		reports := make(chan error, 100)
		done := make(chan error, 1)
		observe(t, d, "")
		go func() { done <- d.Keep(ctx, time.Hour, func(_ SyncReport, err error) { reports <- err }) }()
		if err := <-reports; !errors.Is(err, ErrOffline) {
			t.Fatalf("first try: %v", err)
		}
		up.Store(true)
		if err := <-reports; err != nil {
			t.Fatalf("second try: %v", err)
		}
		observe(t, d, "")
		if err := <-reports; err != nil {
			t.Fatal(err)
		}
		want(t, "on the server", f.live("observations"), 2)
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("end: %v", err)
		}
	})

	t.Run("[DEV-3] a device that is not enrolled keeps what it has and says so", func(t *testing.T) {
		d, _ := open(t, Options{})
		observe(t, d, "")
		if _, err := d.Sync(t.Context()); !errors.Is(err, ErrNotEnrolled) {
			t.Errorf("got %v", err)
		}
		want(t, "waiting", status(t, d).Waiting, 1)
	})
}
