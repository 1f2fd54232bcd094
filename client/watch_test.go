package client

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// watching runs Watch and hands on what it tells.
func watching(t *testing.T, d *Device) (changes chan Change, states chan LiveState, stop func() error) {
	t.Helper()
	changes, states = make(chan Change, 100), make(chan LiveState, 100)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- d.Watch(ctx, Watcher{
			Change: func(c Change) { changes <- c },
			State:  func(s LiveState, _ error) { states <- s },
		})
	}()
	stop = func() error { cancel(); return <-done }
	t.Cleanup(cancel)
	return changes, states, stop
}

func next[T any](t *testing.T, what string, from chan T) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(10 * time.Second):
		t.Fatalf("%s did not come", what)
		panic("unreachable")
	}
}

func TestWatch(t *testing.T) {
	t.Run("[LIVE-1] a poke brings the change within two seconds", func(t *testing.T) {
		f := newFake(t)
		d, _ := enrolled(t, f)
		f.put("sites", id15(1), map[string]any{"name": "before"})
		changes, states, stop := watching(t, d)
		want(t, "state", next(t, "state", states), Connecting)
		want(t, "what was there", next(t, "change", changes).ID, id15(1))
		want(t, "state", next(t, "state", states), Live)
		began := time.Now()
		f.put("sites", id15(2), map[string]any{"name": "now"})
		c := next(t, "change", changes)
		want(t, "change", c.ID, id15(2))
		want(t, "kind", c.Kind, New)
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("took %v", took)
		}
		if err := stop(); !errors.Is(err, context.Canceled) {
			t.Errorf("end: %v", err)
		}
	})

	t.Run("[LIVE-1] pokes that come while a pull runs are one more pull, however many", func(t *testing.T) {
		f := newFake(t)
		d, _ := enrolled(t, f)
		running, goOn := make(chan struct{}, 10), make(chan struct{})
		f.answer = func(_ http.ResponseWriter, r *http.Request, _ []byte) bool {
			if isPull(r) {
				running <- struct{}{}
				<-goOn
			}
			return false
		}
		s := newStream(time.Now().Add(-time.Minute))
		ended := make(chan error, 1)
		go func() { ended <- (&watch{d: d}).follow(t.Context(), s) }()
		s.pokes <- struct{}{}
		next(t, "the first pull", running)
		pokes := strings.NewReader(strings.Repeat("event:sync\ndata:{}\n\n", 5))
		s.read(&eventReader{from: bufio.NewReader(pokes)}, io.NopCloser(pokes)) // and the stream ends
		close(goOn)
		if err := next(t, "the end", ended); err != nil {
			t.Error(err)
		}
		want(t, "pulls", len(f.pulls), 2)
	})

	t.Run("[LIVE-1] after a reconnect the gap is pulled", func(t *testing.T) {
		f := newFake(t)
		d := quick(t, f)
		changes, states, _ := watching(t, d)
		next(t, "connecting", states)
		want(t, "state", next(t, "state", states), Live)
		f.with(func() {
			f.answer = func(w http.ResponseWriter, r *http.Request, _ []byte) bool { cut(w); return true }
			for _, s := range f.streams {
				close(s)
			}
			f.streams = nil
		})
		want(t, "never silently stale", next(t, "state", states), Behind)
		f.put("sites", id15(1), map[string]any{"name": "in the gap"})
		f.with(func() { f.answer = nil })
		want(t, "change", next(t, "change", changes).ID, id15(1))
		want(t, "state", next(t, "state", states), Live)
	})

	t.Run("[LIVE-1] what comes between the first pull and the subscription is not missed", func(t *testing.T) {
		f := newFake(t)
		d, _ := enrolled(t, f)
		f.answer = func(_ http.ResponseWriter, r *http.Request, _ []byte) bool {
			if r.Method == http.MethodGet && r.URL.Path == "/api/realtime" {
				f.put("sites", id15(1), map[string]any{"name": "in the gap"}) // no stream yet: no poke
			}
			return false
		}
		changes, _, _ := watching(t, d)
		want(t, "change", next(t, "change", changes).ID, id15(1))
	})

	t.Run("[PULL-6] without a stream it pulls with wait", func(t *testing.T) {
		f := newFake(t)
		f.noSSE = true
		d := quick(t, f)
		changes, states, _ := watching(t, d)
		next(t, "connecting", states)
		want(t, "state", next(t, "state", states), Polling)
		f.put("sites", id15(1), map[string]any{"name": "x"})
		want(t, "change", next(t, "change", changes).ID, id15(1))
		asked := 0
		f.with(func() {
			for _, p := range f.pulls {
				asked = max(asked, p.Wait)
			}
		})
		want(t, "wait", asked, 25)
	})

	t.Run("[DEV-7] a page in place of the stream is no stream", func(t *testing.T) {
		f := newFake(t)
		d := quick(t, f)
		f.answer = func(w http.ResponseWriter, r *http.Request, _ []byte) bool {
			if r.URL.Path == "/api/realtime" {
				w.Header().Set("Content-Type", "text/html")
				return true
			}
			return false
		}
		_, states, _ := watching(t, d)
		next(t, "connecting", states)
		want(t, "state", next(t, "state", states), Polling)
	})

	t.Run("[DEV-4] a watch that no waiting can help ends with the reason", func(t *testing.T) {
		d, _ := open(t, Options{})
		if err := d.Watch(t.Context(), Watcher{}); !errors.Is(err, ErrNotEnrolled) {
			t.Errorf("got %v", err)
		}
	})
}
