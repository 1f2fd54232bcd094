package demo

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fieldpost/fieldpost/client"
)

// Say is where the simulated phones tell what happens. Line may be nil. Calls
// come one at a time.
type Say struct {
	Line    func(text string) // what a phone did, in the words for people
	Trouble func(text string) // a phone that can't go on
}

// maxRounds is how often a simulated phone goes out in one start of the demo: a
// demo that is forgotten for a week does not fill the disk.
const maxRounds = 500

// errNoCoverage is what a request meets while its phone is out of coverage.
var errNoCoverage = errors.New("no coverage")

// Traffic runs the simulated phones until ctx ends: each is the client library
// over HTTP, with a store file of its own in folder, as on a real phone. They
// continue where an earlier start left them.
func (w *World) Traffic(ctx context.Context, folder, address string, say Say) {
	var mu sync.Mutex
	tell := func(to func(string)) func(string, string, ...any) {
		return func(who, format string, args ...any) {
			if to != nil && ctx.Err() == nil {
				mu.Lock()
				defer mu.Unlock()
				to(who + ": " + fmt.Sprintf(format, args...))
			}
		}
	}
	t := &traffic{folder: folder, address: address, line: tell(say.Line), trouble: tell(say.Trouble), hurry: w.hurry}
	var all sync.WaitGroup
	for _, p := range []simulated{
		{name: "Phone A, night outreach", file: "a", invite: w.Invites.Worker, venue: truckStop},
		{name: "Phone B, hotel outreach", file: "b", invite: w.Invites.Worker, venue: hotel},
		{name: "Phone C, hotel staff", file: "c", invite: w.Invites.Staff, venue: hotel, staff: true},
		{name: "Phone D, truck stop staff", file: "d", invite: w.codes("staff " + sites[2].key), venue: truckStop, staff: true},
	} {
		all.Go(func() { t.run(ctx, &p, p.goOut) })
	}
	desk := &simulated{name: "Coordinator's laptop", file: "coordinator", invite: w.Invites.Coordinator}
	all.Go(func() { t.run(ctx, desk, desk.watch) })
	all.Wait()
}

// traffic is what the simulated phones share.
type traffic struct {
	folder, address string
	line, trouble   func(who, format string, args ...any)
	hurry           time.Duration // rests are divided by it
}

// rest waits for some time between two; false when ctx ends before.
func (t *traffic) rest(ctx context.Context, least, most time.Duration) bool {
	timer := time.NewTimer((least + rand.N(most-least)) / t.hurry)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// simulated is one simulated phone.
type simulated struct {
	name, file, invite, venue string
	staff                     bool

	*traffic
	device *client.Device
	air    *coverage
	by     inventor
}

// run opens a phone's store, joins the task force and lives until ctx ends.
func (t *traffic) run(ctx context.Context, p *simulated, live func(context.Context) error) {
	p.traffic, p.by = t, inventor{rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))}
	err := p.open()
	if err == nil {
		defer func() {
			if err := p.device.Close(); err != nil {
				t.trouble(p.name, "%s", err)
			}
		}()
		if err = p.join(ctx); err == nil {
			err = live(ctx)
		}
	}
	if err != nil && ctx.Err() == nil {
		t.trouble(p.name, "stops. %s", err)
	}
}

func (p *simulated) open() error {
	server, err := url.Parse(p.address)
	if err != nil {
		return fmt.Errorf("read address: %w", err)
	}
	if err := os.MkdirAll(p.folder, 0o700); err != nil {
		return fmt.Errorf("make folder of phones: %w", err)
	}
	p.air = &coverage{home: server.Host}
	p.air.there.Store(true)
	p.device, err = client.Open(filepath.Join(p.folder, p.file+".db"),
		client.Options{HTTP: &http.Client{Transport: p.air}, Platform: "demo"})
	return err
}

// join enrols the phone, or tells one that is enrolled where the server is now.
func (p *simulated) join(ctx context.Context) error {
	status, err := p.device.Status()
	if err != nil {
		return err
	}
	if !status.Enrolled {
		_, err = p.device.Enroll(ctx, p.address, p.invite, p.name)
	} else if status.URL != p.address {
		err = p.device.SetURL(p.address)
	}
	if err != nil {
		return err
	}
	_, err = p.device.Sync(ctx)
	return err
}

// goOut is the life of a phone in the field.
func (p *simulated) goOut(ctx context.Context) error {
	for range maxRounds {
		if !p.rest(ctx, 3*time.Second, 10*time.Second) {
			return nil
		}
		p.air.there.Store(false)
		p.line(p.name, "out of coverage")
		for range 1 + p.by.IntN(3) {
			if !p.rest(ctx, 4*time.Second, 9*time.Second) {
				return nil
			}
			if err := p.log(); err != nil {
				return err
			}
			waiting, err := p.waiting()
			if err != nil {
				return err
			}
			p.line(p.name, "saved on this phone, %d waiting", waiting)
		}
		if _, err := p.device.Sync(ctx); err != nil && !passing(err) {
			return err
		}
		if !p.rest(ctx, 3*time.Second, 8*time.Second) {
			return nil
		}
		p.air.there.Store(true)
		if err := p.comeBack(ctx); err != nil {
			return err
		}
	}
	p.line(p.name, "has gone home for today")
	<-ctx.Done()
	return nil
}

// comeBack syncs and tells what became of what was waiting.
func (p *simulated) comeBack(ctx context.Context) error {
	done, err := p.device.Sync(ctx)
	waiting, statusErr := p.waiting()
	if statusErr != nil {
		return statusErr
	}
	if err != nil {
		if passing(err) {
			p.line(p.name, "back in coverage, but the server does not answer; %d waiting", waiting)
			return nil
		}
		return err
	}
	refused := 0
	for _, v := range done.Push.Verdicts {
		if v.Verdict == "refused" {
			refused++
		}
	}
	p.line(p.name, "back in coverage, %d received, %d waiting", len(done.Push.Verdicts)-refused, waiting)
	if refused > 0 {
		p.line(p.name, "%d need attention", refused)
	}
	if n := len(done.Pull.Seen); n > 0 {
		p.line(p.name, "%d seen by a coordinator", n)
	}
	return nil
}

// passing tells a failure that the next try may not meet.
func passing(err error) bool {
	return errors.Is(err, client.ErrOffline) || errors.Is(err, client.ErrNotFieldpost) || errors.Is(err, client.ErrLater)
}

func (p *simulated) waiting() (int, error) {
	status, err := p.device.Status()
	return status.Waiting, err
}

// log saves one report, as the person of this phone would.
func (p *simulated) log() error {
	seen := time.Now().Add(-time.Duration(p.by.IntN(40)) * time.Minute)
	at, err := p.site()
	if err != nil {
		return err
	}
	if p.staff || p.by.IntN(5) == 0 {
		return p.fill(at, seen)
	}
	core, err := p.device.FindChecklist("core", 0)
	if err != nil {
		return err
	}
	noticed := p.by.notice(itemsOf(core), p.by.howUrgent())
	o := client.Observation{EventTime: seen, Details: p.by.outing(p.venue, len(noticed))}
	o.Site = at
	for _, i := range noticed {
		o.Indicators = append(o.Indicators, client.Indicator{ID: i, Basis: p.by.basis()})
	}
	_, err = p.device.Observe(o)
	return err
}

// fill saves a filled checklist of the venue; staff write no free text (R2).
func (p *simulated) fill(at string, seen time.Time) error {
	lists, err := p.device.NewestChecklists()
	if err != nil {
		return err
	}
	prefix := map[string]string{hotel: "hotel_", truckStop: "truck_"}[p.venue]
	lists = slices.DeleteFunc(lists, func(c client.Checklist) bool { return !strings.HasPrefix(c.Key, prefix) })
	if len(lists) == 0 {
		return fmt.Errorf("no checklist for a %s has been pulled", p.venue)
	}
	chosen := lists[p.by.IntN(len(lists))]
	noticed := p.by.notice(itemsOf(chosen), p.by.howUrgent())
	s := client.Submission{Checklist: chosen.ID, Version: chosen.Version, EventTime: seen}
	s.Answers, s.Basis = p.by.answers(itemsOf(chosen), noticed)
	if p.staff {
		s.About = "guest"
	} else {
		s.Details = p.by.outing(p.venue, len(noticed))
	}
	s.Site = at
	_, err = p.device.Fill(s)
	return err
}

func itemsOf(c client.Checklist) []item {
	var out []item
	for _, i := range c.Items {
		out = append(out, item{i.ID, i.Weight})
	}
	return out
}

// site is one of the sites that this phone's person may report at.
func (p *simulated) site() (string, error) {
	all, err := p.device.Records("sites")
	if err != nil {
		return "", err
	}
	all = slices.DeleteFunc(all, func(r client.Record) bool { return r.Text("venue") != p.venue })
	if len(all) == 0 {
		return "", fmt.Errorf("no %s has been pulled", p.venue)
	}
	return all[p.by.IntN(len(all))].ID, nil
}

// coverage carries a phone's requests while there is any, to the demo's own
// server and to nobody else (R24).
type coverage struct {
	home  string
	there atomic.Bool
	air   http.Transport
}

// RoundTrip sends a request, or fails as a phone without coverage does.
func (c *coverage) RoundTrip(req *http.Request) (*http.Response, error) {
	switch {
	case req.URL.Host != c.home:
		return nil, fmt.Errorf("a demo phone calls %s and nobody else", c.home)
	case !c.there.Load():
		return nil, errNoCoverage
	}
	return c.air.RoundTrip(req)
}

// CloseIdleConnections closes what no request uses.
func (c *coverage) CloseIdleConnections() { c.air.CloseIdleConnections() }
