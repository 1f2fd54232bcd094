package client_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/fieldpost/fieldpost/client"
	"github.com/fieldpost/fieldpost/internal/access"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
)

// line carries requests, keeps what went out, and loses answers on demand.
type line struct {
	mu   sync.Mutex
	lose string // path whose next answer is lost, after the server has acted
	sent []string
}

func (l *line) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		raw, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		r.Body = io.NopCloser(bytes.NewReader(raw))
		if r.Header.Get("Content-Encoding") == "gzip" {
			z, err := gzip.NewReader(bytes.NewReader(raw))
			if err != nil {
				return nil, err
			}
			if raw, err = io.ReadAll(z); err != nil {
				return nil, err
			}
		}
		l.mu.Lock()
		l.sent = append(l.sent, r.URL.Path+" "+string(raw))
		l.mu.Unlock()
	}
	l.mu.Lock()
	lost := l.lose == r.URL.Path
	if lost {
		l.lose = ""
	}
	l.mu.Unlock()
	res, err := http.DefaultTransport.RoundTrip(r)
	if err == nil && lost {
		res.Body.Close()
		return nil, errors.New("the link broke")
	}
	return res, err
}

// district is an installation with one hotel, whoever looks on, and phones
// whose clocks never show the same millisecond twice.
type district struct {
	*rig.Rig
	t          *testing.T
	ngo, hotel string
	site       string
	keisha     *rig.Device
	began      time.Time
	ticks      int
}

func newDistrict(t *testing.T) *district {
	t.Helper()
	d := &district{Rig: rig.New(t), t: t, began: time.Now()}
	d.ngo, d.hotel = d.Organization("Outreach"), d.Organization("Hotel")
	d.site = d.Site("Hotel one", d.hotel, d.ngo)
	d.keisha = d.Rig.Enroll(access.Coordinator, d.ngo)
	return d
}

func (d *district) now() time.Time {
	d.ticks++
	return d.began.Add(time.Duration(d.ticks) * 7 * time.Millisecond)
}

func (d *district) invite(role access.Role) string {
	if role == access.Staff {
		return d.Invite(role, d.hotel, 1, d.site)
	}
	return d.Invite(role, d.ngo, 1)
}

// copied is one copy of a store.
type copied struct {
	d    *district
	path string
	link *line
	dev  *client.Device
	ids  []string // what was saved on it
}

func (d *district) at(path string) *copied { return &copied{d: d, path: path, link: &line{}} }

func (d *district) fresh() *copied { return d.at(filepath.Join(d.t.TempDir(), "device.db")) }

// phone is a new store, enrolled and synced.
func (d *district) phone(role access.Role) *copied {
	d.t.Helper()
	c := d.fresh()
	c.enroll(d.invite(role))
	return c
}

func (c *copied) open() *client.Device {
	c.d.t.Helper()
	if c.dev == nil {
		dev, err := client.Open(c.path, client.Options{Now: c.d.now, HTTP: &http.Client{Transport: c.link}})
		if err != nil {
			c.d.t.Fatal(err)
		}
		c.dev = dev
		c.d.t.Cleanup(func() { c.close() })
	}
	return c.dev
}

func (c *copied) close() {
	if c.dev != nil {
		if err := c.dev.Close(); err != nil {
			c.d.t.Error(err)
		}
		c.dev = nil
	}
}

func (c *copied) enroll(invite string) {
	c.d.t.Helper()
	if _, err := c.open().Enroll(c.d.t.Context(), c.d.URL, invite, "tablet"); err != nil {
		c.d.t.Fatal(err)
	}
	c.sync()
}

func (c *copied) sync() client.SyncReport {
	c.d.t.Helper()
	r, err := c.open().Sync(c.d.t.Context())
	if err != nil {
		c.d.t.Fatal(err)
	}
	return r
}

// save fills a checklist, which staff and workers may.
func (c *copied) save() string {
	c.d.t.Helper()
	s, err := c.open().Fill(client.Submission{Checklist: "hotel_house", EventTime: c.d.began, Details: client.Details{Site: c.d.site},
		Answers: map[string]string{"hotel_house.01": "yes"}})
	if err != nil {
		c.d.t.Fatal(err)
	}
	c.ids = append(c.ids, s.IDs[0])
	return s.IDs[0]
}

// copy closes the store and copies its files to a new place.
func (c *copied) copy() *copied {
	c.d.t.Helper()
	c.close()
	to := c.d.fresh()
	copyFile(c.d.t, c.path, to.path)
	to.ids = slices.Clone(c.ids)
	return to
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	if _, err := os.Stat(from + "-wal"); err == nil {
		t.Fatal("the store was not closed")
	}
	raw, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, raw, 0o600); err != nil {
		t.Fatal(err)
	}
}

func (c *copied) status() client.Status {
	c.d.t.Helper()
	s, err := c.open().Status()
	if err != nil {
		c.d.t.Fatal(err)
	}
	return s
}

// endsWell syncs the copies in turn until nothing moves, and fails unless each
// thing that was saved on any of them arrived once, none of them waits or needs
// attention, and all of them show the same.
func (d *district) endsWell(all ...*copied) {
	d.t.Helper()
	for range 2 {
		for _, c := range all {
			c.sync()
		}
	}
	want := map[string]bool{}
	for _, c := range all {
		if s := c.status(); s.Waiting != 0 || s.NeedsAttention != 0 {
			entries, err := c.open().Outbox(client.Waiting, client.Parked)
			d.t.Fatalf("a copy ends with %d waiting, %d that need attention: %+v %v", s.Waiting, s.NeedsAttention, entries, err)
		}
		if r := c.sync(); r.Push.Sent != 0 {
			d.t.Fatalf("not at rest: %+v", r.Push)
		}
		for _, id := range c.ids {
			want[id] = true
		}
	}
	have := d.keisha.Fresh()
	if len(have["quarantine"]) != 0 || len(have["conflicts"]) != 0 {
		d.t.Fatalf("in quarantine %v, conflicts %v", have["quarantine"], have["conflicts"])
	}
	if len(have["submissions"]) != len(want) {
		d.t.Fatalf("%d arrived, %d were saved", len(have["submissions"]), len(want))
	}
	for id := range want {
		if have["submissions"][id] == nil {
			d.t.Fatalf("%s did not arrive", id)
		}
	}
	views := map[string]bool{}
	for _, c := range all {
		view, err := c.open().Confirmed("submissions")
		if err != nil {
			d.t.Fatal(err)
		}
		views[fmt.Sprint(view)] = true
	}
	if len(views) != 1 {
		d.t.Fatalf("the copies show different things: %v", views)
	}
}

// moments are when a store is copied. Each gives the copies, all of which then
// go on writing.
var moments = []struct {
	name string
	make func(d *district, role access.Role) []*copied
}{
	{"before it was enrolled", func(d *district, role access.Role) []*copied {
		one := d.fresh()
		one.open()
		two, invite := one.copy(), d.invite(role)
		one.enroll(invite)
		two.enroll(invite)
		return []*copied{one, two}
	}},
	{"before the answer to its enrolment", func(d *district, role access.Role) []*copied {
		one := d.fresh()
		one.link.lose = "/api/sync/enroll"
		invite := d.invite(role)
		if _, err := one.open().Enroll(d.t.Context(), d.URL, invite, "tablet"); err == nil {
			d.t.Fatal("the answer was not lost")
		}
		two := one.copy()
		two.enroll(invite)
		one.enroll(invite)
		return []*copied{one, two}
	}},
	{"when it was enrolled", func(d *district, role access.Role) []*copied {
		one := d.phone(role)
		return []*copied{one, one.copy()}
	}},
	{"with things waiting", func(d *district, role access.Role) []*copied {
		one := d.phone(role)
		one.save()
		one.save()
		return []*copied{one, one.copy()}
	}},
	{"in the middle of a push, before the answer", func(d *district, role access.Role) []*copied {
		one := d.phone(role)
		one.save()
		one.save()
		one.link.lose = "/api/sync/push"
		if _, err := one.open().Push(d.t.Context()); err == nil {
			d.t.Fatal("the answer was not lost")
		}
		return []*copied{one, one.copy()}
	}},
	{"after the answer to a push, before it was noted by a pull", func(d *district, role access.Role) []*copied {
		one := d.phone(role)
		one.save()
		if _, err := one.open().Push(d.t.Context()); err != nil {
			d.t.Fatal(err)
		}
		return []*copied{one, one.copy()}
	}},
	{"after everything was acknowledged", func(d *district, role access.Role) []*copied {
		one := d.phone(role)
		one.save()
		one.sync()
		one.sync()
		return []*copied{one, one.copy()}
	}},
	{"twice", func(d *district, role access.Role) []*copied {
		one := d.phone(role)
		one.save()
		return []*copied{one, one.copy(), one.copy()}
	}},
	{"and the copy was copied, with more written on it", func(d *district, role access.Role) []*copied {
		one := d.phone(role)
		one.save()
		two := one.copy()
		two.save()
		return []*copied{one, two, two.copy()}
	}},
	{"and the copy was copied after it had found out", func(d *district, role access.Role) []*copied {
		one := d.phone(role)
		one.save()
		two := one.copy()
		one.save()
		one.sync()
		two.save()
		if !two.sync().Push.Forked {
			d.t.Fatal("the copy did not find out")
		}
		two.save()
		return []*copied{one, two, two.copy()}
	}},
	{"while it took a new id, before the answer", func(d *district, role access.Role) []*copied {
		one := d.phone(role)
		two := one.copy()
		one.save()
		one.sync()
		two.save()
		two.link.lose = "/api/sync/renew"
		if _, err := two.open().Push(d.t.Context()); err == nil {
			d.t.Fatal("the answer was not lost")
		}
		return []*copied{one, two, two.copy()}
	}},
}

func TestCopies(t *testing.T) {
	for _, m := range moments {
		for _, role := range []access.Role{access.Worker, access.Staff} {
			t.Run("[PUSH-3] a store of "+string(role)+" copied "+m.name+": each thing saved on any copy arrives once, and all show the same", func(t *testing.T) {
				d := newDistrict(t)
				all := m.make(d, role)
				for range 2 { // they write in turn, and find out in the midst of it
					for _, c := range all {
						c.save()
						c.save()
					}
					for _, c := range all {
						c.sync()
						c.save()
					}
				}
				d.endsWell(all...)
				ids := map[string]bool{}
				for _, c := range all {
					ids[c.status().Device] = true
				}
				if len(ids) != len(all) {
					t.Fatalf("%d copies go by %d ids", len(all), len(ids))
				}
			})
		}
	}

	t.Run("[PUSH-3] an older copy put back over the store: what it lacks stays on the server, what it holds arrives once", func(t *testing.T) {
		for _, role := range []access.Role{access.Worker, access.Staff} {
			d := newDistrict(t)
			one := d.phone(role)
			one.save()
			older := one.copy()
			one.save()
			one.save()
			one.sync()
			one.close()
			copyFile(t, older.path, one.path)
			one.save() // takes a number that was used
			d.endsWell(one)
		}
	})

	t.Run("[PUSH-2] a copy that has nothing of its own keeps the id, and sends again what the other sent", func(t *testing.T) {
		for _, role := range []access.Role{access.Worker, access.Staff} {
			d := newDistrict(t)
			one := d.phone(role)
			one.save()
			two := one.copy()
			one.sync()
			r := two.sync()
			if r.Push.Forked || len(r.Push.Verdicts) != 1 || !r.Push.Verdicts[0].Replayed {
				t.Fatalf("%s: %+v", role, r.Push)
			}
			d.endsWell(one, two)
		}
	})
}
