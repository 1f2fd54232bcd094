package demo

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fieldpost/fieldpost/client"
	"github.com/fieldpost/fieldpost/internal/testrig"
)

// heard collects what the simulated phones tell.
type heard struct {
	mu      sync.Mutex
	lines   []string
	trouble []string
}

func (h *heard) say() Say {
	add := func(to *[]string) func(string) {
		return func(text string) {
			h.mu.Lock()
			defer h.mu.Unlock()
			*to = append(*to, text)
		}
	}
	return Say{Line: add(&h.lines), Trouble: add(&h.trouble)}
}

// holds tells whether some line of each kind has been heard.
func (h *heard) holds(parts ...string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := strings.Join(h.lines, "\n")
	for _, p := range parts {
		if !strings.Contains(all, p) {
			return false
		}
	}
	return true
}

// play lets the phones live, in a hurry, until they have told all of this.
func play(t *testing.T, r *testrig.Rig, w *World, folder string, parts ...string) {
	t.Helper()
	w.hurry = 200
	ctx, stop := context.WithCancel(t.Context())
	h := &heard{}
	ended := make(chan struct{})
	go func() { w.Traffic(ctx, folder, r.URL, h.say()); close(ended) }()
	for until := time.Now().Add(time.Minute); !h.holds(parts...); time.Sleep(20 * time.Millisecond) {
		r.Clock.Add(20 * time.Millisecond) // pokes are spaced by the server's clock
		if time.Now().After(until) {
			t.Errorf("not all of %q in %s", parts, strings.Join(h.lines, "\n"))
			break
		}
	}
	stop()
	<-ended
	if len(h.trouble) > 0 {
		t.Errorf("trouble: %s", strings.Join(h.trouble, "\n"))
	}
}

func TestTraffic(t *testing.T) {
	r := testrig.New(t)
	w, err := Prepare(t.Context(), r.S, &Clock{wall: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(t.TempDir(), "phones")
	reports := func() (n int64) {
		for _, c := range []string{"observations", "submissions"} {
			count, err := r.App.CountRecords(c)
			if err != nil {
				t.Fatal(err)
			}
			n += count
		}
		return n
	}
	before := reports()
	t.Run("[DEMO] phones go out of coverage, save, come back, and a coordinator opens what arrives", func(t *testing.T) {
		play(t, r, w, folder, "Phone A, night outreach: out of coverage", "Phone C, hotel staff: saved on this phone, 1 waiting",
			"back in coverage, 1 received, 0 waiting", "has arrived, it happened", "opened a report", "seen by a coordinator")
		if reports() == before {
			t.Fatal("the server holds no report more")
		}
	})
	t.Run("[DEMO] at another address the same phones go on with what they hold", func(t *testing.T) {
		r.Stop()
		r.Start()
		people, err := r.App.CountRecords("users")
		if err != nil {
			t.Fatal(err)
		}
		play(t, r, w, folder, "Phone A, night outreach: back in coverage", "Phone D, truck stop staff: back in coverage", "has arrived")
		now, err := r.App.CountRecords("users")
		if err != nil || now != people {
			t.Fatal(people, now, err)
		}
	})
	t.Run("[PUSH-2] every report of a phone is on the server once, or waits on the phone", func(t *testing.T) {
		onPhones, waiting := 0, 0
		for _, name := range []string{"a", "b", "c", "d"} {
			d, err := client.Open(filepath.Join(folder, name+".db"), client.Options{MustExist: true})
			if err != nil {
				t.Fatal(err)
			}
			status, err := d.Status()
			if err != nil {
				t.Fatal(err)
			}
			onPhones, waiting = onPhones+status.Saved, waiting+status.Waiting
			if status.NeedsAttention > 0 {
				t.Errorf("phone %s: %d need attention", name, status.NeedsAttention)
			}
			if err := d.Close(); err != nil {
				t.Fatal(err)
			}
		}
		// A push that was under way when the phones stopped may be there and
		// not known of on the phone.
		arrived := int(reports() - before)
		if arrived > onPhones || arrived < onPhones-waiting || onPhones == 0 {
			t.Fatalf("%d on phones, %d of them waiting, %d arrived", onPhones, waiting, arrived)
		}
	})
}

func TestCoverage(t *testing.T) {
	called := 0
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { called++ }))
	defer server.Close()
	home, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	c := &coverage{home: home.Host}
	caller := &http.Client{Transport: c}
	get := func(address string) error {
		res, err := caller.Get(address)
		if err == nil {
			res.Body.Close()
		}
		return err
	}
	t.Run("[DEMO] without coverage nothing goes out, with it requests reach the demo", func(t *testing.T) {
		if err := get(server.URL); !errors.Is(err, errNoCoverage) || called != 0 {
			t.Fatal(err, called)
		}
		c.there.Store(true)
		if err := get(server.URL); err != nil || called != 1 {
			t.Fatal(err, called)
		}
	})
	t.Run("[R24] a phone calls nobody but the demo's own server, through no proxy", func(t *testing.T) {
		elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { called++ }))
		defer elsewhere.Close()
		c.there.Store(true)
		before := called
		if err := get(elsewhere.URL); err == nil || called != before {
			t.Fatal(err, called)
		}
		if c.air.Proxy != nil {
			t.Fatal("a proxy would be asked")
		}
	})
}
