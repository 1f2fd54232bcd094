package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
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
