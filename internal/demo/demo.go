// Package demo is the invented task force: organizations, people in every
// role, some days of reports, and simulated phones. Nothing in it is real, and
// nothing of it leaves the machine (R24).
//
// What a demo holds is made by the same paths as real data: people by the
// records' own calls, reports and the coordinators' work by pushes through the
// exchange, under a clock that is set back. So journal, triage, pseudonyms and
// times of receipt are what they would be.
//
// Everything that must not differ between two starts on one folder is derived
// from its installation key or told by a fixed sequence of chance. A start
// that was cut short is therefore continued by doing all of it again: what was
// done answers as it did the first time and changes nothing (PUSH-2).
package demo

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/fieldpost/fieldpost/internal/wire"
	"github.com/fieldpost/fieldpost/internal/wiring"
)

// Notice is what a demo says at every start.
const Notice = "This is a demo: every organization, person and report in it is invented."

// SuperuserEmail signs in at the dashboard. The domain can't exist (RFC 2606).
const SuperuserEmail = "demo@fieldpost.example"

// ErrNotDemo says that a folder holds an installation that is no demo: nothing
// invented may get among what real people wrote.
var ErrNotDemo = errors.New("the folder holds an installation that is not a demo")

const (
	day        = 24 * time.Hour
	past       = 14 * day      // how long before its first start the world begins
	quiet      = 3 * time.Hour // before the first start, kept for the newest reports
	inviteLife = 3650 * day    // from the first start; it also tells when that was
	inviteUses = 100_000
)

// Clock is the clock of a demo's server: set back while the past is made, and
// then that of the system.
type Clock struct {
	at   atomic.Pointer[time.Time] // nil: the system's
	wall func() time.Time
}

// NewClock makes the clock for a data folder. Where there is no database yet it
// begins in the past, so that nothing in the journal is younger than what
// follows it.
func NewClock(dir string) *Clock {
	c := &Clock{wall: time.Now}
	if _, err := os.Stat(filepath.Join(dir, "data.db")); errors.Is(err, os.ErrNotExist) {
		c.set(c.wall().Add(-past))
	}
	return c
}

// Now reads the clock.
func (c *Clock) Now() time.Time {
	if at := c.at.Load(); at != nil {
		return *at
	}
	return c.wall()
}

func (c *Clock) set(at time.Time) { c.at.Store(&at) }

func (c *Clock) release() { c.at.Store(nil) }

// Invites are the codes that admit devices to the demo, by role.
type Invites struct {
	Worker         string `json:"worker"`
	Staff          string `json:"staff"`
	Manager        string `json:"manager"`
	Coordinator    string `json:"coordinator"`
	LawEnforcement string `json:"law_enforcement"`
	Provider       string `json:"provider"`
	Admin          string `json:"admin"`
}

// Superuser is who signs in at the dashboard.
type Superuser struct {
	Email    string `json:"email"`
	Password string `json:"password"`
}

// Line is what a demo prints when it is ready: the same at every start on the
// same folder and address.
type Line struct {
	URL       string    `json:"url"`
	AdminURL  string    `json:"adminUrl"`
	Invites   Invites   `json:"invites"`
	Superuser Superuser `json:"superuser"`
}

// World is a demo that is ready to be served.
type World struct {
	Invites   Invites
	Superuser Superuser
	codes     func(purpose string) string
	hurry     time.Duration // the phones' rests are divided by it; 1 is for people who watch
}

// Prepare fills an installation with the task force, or finds that it is
// filled, or goes on where an earlier start was cut short. It is done before
// the server answers anybody. The services must run by clock; from Prepare's
// end on that is the system's. Errors: ErrNotDemo, ctx.Err(), or what broke.
func Prepare(ctx context.Context, s *wiring.Services, clock *Clock) (*World, error) {
	defer clock.release()
	w := newWorld(s)
	filled, err := s.Store.Journal().Clock("observations", lastReport(s))
	if err != nil {
		return nil, fmt.Errorf("look for the demo: %w", err)
	}
	if filled != nil {
		return w, nil
	}
	t, err := settle(s, clock, w)
	if err != nil {
		return nil, err
	}
	s.Exchange.Start()
	h, err := newHistory(s, clock, t)
	if err != nil {
		return nil, err
	}
	if err := h.run(ctx); err != nil {
		return nil, err
	}
	clock.release()
	return w, s.Store.TurnOperations() // who is on one now, as any request would find it
}

func newWorld(s *wiring.Services) *World {
	code := func(purpose string) string { return s.Devices.DerivedCode("demo " + purpose) }
	return &World{
		codes: code,
		hurry: 1,
		Invites: Invites{
			Worker: code("worker"), Staff: code("staff " + sites[0].key), Manager: code("manager"), Coordinator: code("coordinator"),
			LawEnforcement: code("law_enforcement"), Provider: code("provider"), Admin: code("admin"),
		},
		Superuser: Superuser{Email: SuperuserEmail,
			Password: base64.RawURLEncoding.EncodeToString(s.Key.Derive("demo superuser password"))[:20]},
	}
}

// id makes the id that a thing of the demo always has in this installation.
func id(s *wiring.Services, thing string) string { return wire.Base32(s.Key.Derive("demo " + thing)) }

// lastReport is the id of the report that is made last: when it is there, so is
// all the rest.
func lastReport(s *wiring.Services) string { return id(s, "last report") }
