package client_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fieldpost/fieldpost/client"
	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// order has the operator tell a phone to wipe itself.
func (c *copied) order() string {
	c.d.t.Helper()
	id := c.status().Device
	if _, err := c.d.S.Wipe(id, "", "left behind on a bus", false); err != nil {
		c.d.t.Fatal(err)
	}
	return id
}

// wiped syncs a phone that must wipe itself by that, and fails if anything of
// its store is left.
func (c *copied) wiped() {
	c.d.t.Helper()
	if _, err := c.open().Sync(c.d.t.Context()); !errors.Is(err, client.ErrWiped) {
		c.d.t.Fatalf("sync: %v", err)
	}
	if _, err := c.dev.Status(); !errors.Is(err, client.ErrWiped) {
		c.d.t.Errorf("status after the wipe: %v", err)
	}
	if err := c.dev.Close(); err != nil {
		c.d.t.Error(err)
	}
	c.dev = nil
	c.nothingLeft()
}

func (c *copied) nothingLeft() {
	c.d.t.Helper()
	files, err := filepath.Glob(c.path + "*")
	if err != nil {
		c.d.t.Fatal(err)
	}
	for _, f := range files {
		if info, err := os.Stat(f); err != nil || f != c.path+".lock" || info.Size() > 0 {
			c.d.t.Errorf("%s is left (%v)", filepath.Base(f), err)
		}
	}
	if _, err := client.Open(c.path, client.Options{MustExist: true}); !errors.Is(err, client.ErrNotEnrolled) {
		c.d.t.Errorf("the store opens: %v", err)
	}
}

func (d *district) device(id string) *wire.DeviceState {
	d.t.Helper()
	s, err := d.S.Devices.State(id)
	if err != nil {
		d.t.Fatal(err)
	}
	return s
}

// orphan saves an addendum to a report that nobody has sent: it is put off for
// thirty days.
func (c *copied) orphan(text string) {
	c.d.t.Helper()
	missing, err := c.open().NewID()
	if err != nil {
		c.d.t.Fatal(err)
	}
	if _, err := c.open().Do(client.Op{Op: wire.OpCreate, Collection: "addenda", Fields: map[string]any{"observation": missing, "text": text}}); err != nil {
		c.d.t.Fatal(err)
	}
}

// onTheServer tells whether a text stands, in UTF-8 or UTF-16, in any file of
// the server's folder.
func (d *district) onTheServer(text string) string {
	d.t.Helper()
	found := ""
	err := filepath.WalkDir(d.Dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() || found != "" {
			return err
		}
		raw, err := os.ReadFile(path)
		if form := shows(raw, text); form != "" {
			found = filepath.Base(path) + ": " + form
		}
		return err
	})
	if err != nil {
		d.t.Fatal(err)
	}
	return found
}

// between does something when a request to a path has its answer, before the
// device hears it.
type between struct {
	path string
	do   func()
}

func (b *between) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := http.DefaultTransport.RoundTrip(r)
	if err == nil && r.URL.Path == b.path && b.do != nil {
		do := b.do
		b.do = nil
		do()
	}
	return res, err
}

func TestWipe(t *testing.T) {
	t.Run("[DEV-3] told to wipe itself, a phone hands everything in, says so, and nothing of its store is left", func(t *testing.T) {
		d := newDistrict(t)
		rosa := d.phone(access.Worker)
		rosa.save()
		rosa.save()
		id := rosa.order()
		if s := d.device(id); s.Ordered == "" || s.Wiped != "" || s.Revoked {
			t.Fatalf("%+v", s)
		}
		rosa.wiped()
		if n := d.arrived(); n != 2 {
			t.Fatalf("%d arrived", n)
		}
		if s := d.device(id); s.Wiped == "" || s.Handed["answered"] != 2 || s.Handed["sealed"] != 0 {
			t.Fatalf("%+v", s)
		}
		// The same path takes a new person.
		rosa.enroll(d.invite(access.Worker))
		if s := rosa.status(); s.Device == id || s.Saved != 0 {
			t.Fatalf("%+v", s)
		}
	})

	t.Run("[DEV-3] one that has nothing to send learns of it from its pull", func(t *testing.T) {
		d := newDistrict(t)
		rosa := d.phone(access.Worker)
		rosa.order()
		rosa.wiped()
	})

	t.Run("[DEV-3] [PUSH-10] one that was signed out meets the order when it renews, hands in into quarantine, and is told apart by no number if it is of staff", func(t *testing.T) {
		for _, waits := range []int{0, 2} {
			d := newDistrict(t)
			tablet := d.phone(access.Staff)
			for range waits {
				tablet.save()
			}
			id := tablet.order()
			if _, err := d.S.SignOut(id, "", "left behind on a bus"); err != nil {
				t.Fatal(err)
			}
			tablet.wiped()
			if n := len(d.keisha.Fresh()["quarantine"]); n != waits {
				t.Errorf("%d lie in quarantine, want %d", n, waits)
			}
			s := d.device(id)
			if _, err := time.Parse(time.DateOnly, s.Wiped); err != nil || s.Handed != nil {
				t.Errorf("%+v", s)
			}
		}
	})

	t.Run("[DEV-3] while the server is not reached the phone keeps all", func(t *testing.T) {
		d := newDistrict(t)
		rosa := d.phone(access.Worker)
		rosa.save()
		rosa.order()
		d.Stop()
		for range 3 {
			if _, err := rosa.open().Sync(t.Context()); !errors.Is(err, client.ErrOffline) {
				t.Fatal(err)
			}
		}
		if s := rosa.status(); s.Waiting != 1 {
			t.Fatalf("%+v", s)
		}
		d.Start()
		if err := rosa.open().SetURL(d.URL); err != nil {
			t.Fatal(err)
		}
		rosa.wiped()
		if n := d.arrived(); n != 1 {
			t.Fatalf("%d arrived", n)
		}
	})

	t.Run("[DEV-3] an order that is withdrawn in time is not obeyed", func(t *testing.T) {
		d := newDistrict(t)
		rosa := d.phone(access.Worker)
		id := rosa.order()
		rosa.save()
		rosa.close()
		meddler := &between{path: "/api/sync/push", do: func() {
			if _, err := d.S.Wipe(id, "", "found again", true); err != nil {
				t.Error(err)
			}
		}}
		dev, err := client.Open(rosa.path, client.Options{HTTP: &http.Client{Transport: meddler}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := dev.Sync(t.Context()); err != nil {
			t.Fatal(err)
		}
		if s := status(t, dev); s.Received != 1 {
			t.Fatalf("%+v", s)
		}
		mustSync(t, dev)
		if err := dev.Close(); err != nil {
			t.Fatal(err)
		}
		if s := d.device(id); s.Ordered != "" || s.Wiped != "" {
			t.Fatalf("%+v", s)
		}
	})

	t.Run("[DEV-3] the answer to the confirmation is lost: the phone keeps all, asks again, and is wiped once", func(t *testing.T) {
		d := newDistrict(t)
		rosa := d.phone(access.Worker)
		rosa.save()
		id := rosa.order()
		rosa.link.lose = "/api/sync/wipe"
		if _, err := rosa.open().Sync(t.Context()); !errors.Is(err, client.ErrOffline) {
			t.Fatal(err)
		}
		first := d.device(id)
		if s := rosa.status(); s.Saved != 1 || first.Wiped == "" {
			t.Fatalf("%+v %+v", s, first)
		}
		d.Clock.Add(48 * time.Hour)
		rosa.wiped()
		if s := d.device(id); s.Wiped != first.Wiped {
			t.Fatalf("wiped %s, then %s", first.Wiped, s.Wiped)
		}
	})

	t.Run("[DEV-3] what is saved while the server confirms is handed in before the wipe", func(t *testing.T) {
		d := newDistrict(t)
		rosa := d.phone(access.Worker)
		rosa.order()
		rosa.close()
		meddler := &between{path: "/api/sync/wipe"}
		dev, err := client.Open(rosa.path, client.Options{HTTP: &http.Client{Transport: meddler}})
		if err != nil {
			t.Fatal(err)
		}
		meddler.do = func() {
			if _, err := dev.Observe(client.Observation{EventTime: d.began, Indicators: []client.Indicator{{ID: "core.01", Basis: "saw"}}}); err != nil {
				t.Error(err)
			}
		}
		if _, err := dev.Sync(t.Context()); !errors.Is(err, client.ErrWiped) {
			t.Fatal(err)
		}
		if err := dev.Close(); err != nil {
			t.Fatal(err)
		}
		// The phone had said that it is done: what comes after lies in quarantine.
		if n := len(d.keisha.Fresh()["quarantine"]); n != 1 {
			t.Fatalf("%d in quarantine", n)
		}
		rosa.nothingLeft()
	})

	t.Run("[DEV-3] what gets no verdict lies sealed on the server before the wipe, is read there by nobody, and can be handed in later", func(t *testing.T) {
		const canary = "kanarienvogel hinter der eisdiele"
		d := newDistrict(t)
		rosa := d.phone(access.Worker)
		rosa.save()
		rosa.orphan(canary)
		rosa.sync()
		if s := rosa.status(); s.Waiting != 1 || s.Received != 1 {
			t.Fatalf("%+v", s)
		}
		id := rosa.order()
		rosa.wiped()
		if s := d.device(id); s.Handed["sealed"] != 1 {
			t.Fatalf("%+v", s)
		}
		left, err := d.S.Store.Leftovers()
		if err != nil || len(left) != 1 {
			t.Fatalf("%+v %v", left, err)
		}
		if at := d.onTheServer(canary); at != "" {
			t.Errorf("the server's disk shows it in %s", at)
		}
		if file, err := d.S.Store.Leftover(left[0].ID); err != nil || !strings.Contains(string(file.File), id) || shows(file.File, canary) != "" {
			t.Errorf("%.200s %v", file.File, err)
		}
		verdicts, err := d.S.Exchange.TakeLeftover(t.Context(), left[0].ID)
		if err != nil || len(verdicts) != 1 || verdicts[0].Verdict != wire.Refused {
			t.Fatalf("%+v %v", verdicts, err)
		}
		// The control: in quarantine it stands open, and the same search finds it.
		if d.onTheServer(canary) == "" {
			t.Error("the search would not find it")
		}
		if left, err := d.S.Store.Leftovers(); err != nil || len(left) != 0 {
			t.Errorf("%+v %v", left, err)
		}
	})

	t.Run("[DEV-3] what watches or keeps syncing ends when the device is wiped", func(t *testing.T) {
		d := newDistrict(t)
		for name, run := range map[string]func(*client.Device, context.Context) error{
			"keep":  func(dev *client.Device, ctx context.Context) error { return dev.Keep(ctx, time.Second, nil) },
			"watch": func(dev *client.Device, ctx context.Context) error { return dev.Watch(ctx, client.Watcher{}) },
		} {
			rosa := d.phone(access.Worker)
			rosa.order()
			ctx, stop := context.WithTimeout(t.Context(), 20*time.Second)
			if err := run(rosa.open(), ctx); !errors.Is(err, client.ErrWiped) {
				t.Errorf("%s: %v", name, err)
			}
			stop()
		}
	})
}
