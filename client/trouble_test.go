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
