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
