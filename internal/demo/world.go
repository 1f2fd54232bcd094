package demo

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/devices"
	"github.com/fieldpost/fieldpost/internal/records"
	"github.com/fieldpost/fieldpost/internal/wire"
	"github.com/fieldpost/fieldpost/internal/wiring"
)

// The organizations. The word in brackets is part of each name, so that no
// screenshot of the demo can be taken for the real.
const (
	outreach = "Paper Lantern Outreach (invented)"
	provider = "Umbrella House Services (invented)"
	police   = "Make-Believe Police, Unit 0 (invented)"
	effort   = "First night (invented)"
)

// neighbours are small organizations beside it, so that what is told across
// organizations is not empty. The first takes part in the operation: its
// coordinator sees what was reported for that, and nothing else of the others.
var neighbours = []string{"Tin Whistle Street Team (invented)", "Quiet Kettle Night Crew (invented)"}

// beat is where a neighbour's people walk: a cell, and no site.
func beat(i int) site {
	return site{venue: truckStop, grid: []string{"9yuwd", "9yuxs"}[i], alone: i > 0}
}

// site is a place that the outreach organization serves; each belongs to an
// organization of its own, of the same name.
type site struct {
	key, name, venue, industry string   // industry: ISIC section
	lists                      []string // checklists that its staff fill
	spanish                    int      // of its staff, how many read Spanish
	lat, lon                   float64  // in a lake of the region: no real house is meant
	grid                       string   // the coarse cell around it (geohash of 5)
	alone                      bool     // who walks there is on no operation
}

const (
	hotel     = "hotel"
	truckStop = "truck_stop"
)

var sites = []site{
	{"marmalade", "Hotel Marmalade (invented)", hotel, "I", []string{"hotel_front", "hotel_house", "hotel_fb", "hotel_sec"}, 3, 39.410, -94.550, "9zhb0", false},
	{"teapot", "Blue Teapot Inn (invented)", hotel, "I", []string{"hotel_front", "hotel_house"}, 2, 38.905, -94.470, "9yuv6", false},
	{"mitten", "Lost Mitten Truck Stop (invented)", truckStop, "G", []string{"truck_cash", "truck_lot"}, 1, 39.167, -94.785, "9yuwg", false},
	{"owls", "Two Owls Truck Stop (invented)", truckStop, "G", []string{"truck_cash", "truck_driver", "truck_lot"}, 0, 39.020, -94.335, "9yuvv", false},
}

// How many people of each kind there are. Five of staff a site is the least
// that a manager's counts are shown for (R8).
const (
	workers      = 4
	coordinators = 2
	staffPerSite = 5
	officers     = 2
	helpers      = 2
	neighbourly  = 2 // workers of a neighbour, beside one coordinator
)

// taskForce is the world in one installation.
type taskForce struct {
	start  time.Time         // of the demo's first start; everything is told from here
	sites  map[string]string // key -> id
	phones map[string]*phone // "worker 0", "staff marmalade 3", ...
	effort string            // the operation of the first night, with all of outreach on its roster
}

// before is how long the operation lasts at the first start, and after how long
// it goes on.
const before, after = 5 * time.Hour, 9 * time.Hour

// settle makes organizations, sites, invites and people in one transaction, or
// finds them from an earlier start.
func settle(s *wiring.Services, clock *Clock, w *World) (*taskForce, error) {
	t := &taskForce{start: clock.wall().UTC().Truncate(time.Second), sites: map[string]string{}, phones: map[string]*phone{}}
	hash := func(code string) string { return s.Key.Invite(devices.NormaliseCode(code)) }
	err := s.Store.TransactPeople(func(tx *records.People) error {
		have, err := tx.Invite(hash(w.Invites.Worker))
		if err != nil {
			return err
		}
		if have != nil {
			t.start = have.Expires.UTC().Add(-inviteLife)
		} else if n, err := s.Store.App.CountRecords("organizations"); err != nil || n > 0 {
			if err != nil {
				return fmt.Errorf("count organizations: %w", err)
			}
			return ErrNotDemo
		}
		clock.set(t.start.Add(-past))
		b := &builder{tx: tx, s: s, t: t, w: w, hash: hash}
		b.build()
		return b.err
	})
	return t, err
}

// builder makes the world; after the first error it does nothing more.
type builder struct {
	tx   *records.People
	s    *wiring.Services
	t    *taskForce
	w    *World
	hash func(string) string
	err  error
}

func (b *builder) build() {
	ngo := b.make("organizations", outreach, map[string]any{"type": "outreach"})
	for i, place := range sites {
		owner := b.make("organizations", place.name, map[string]any{"type": "business", "type_text": place.venue})
		at := b.make("sites", place.name, map[string]any{"venue": place.venue, "industry": place.industry,
			"address": fmt.Sprintf("%d Nowhere Street, Kansas City", i+1), "point": map[string]any{"lat": place.lat, "lon": place.lon}, "owner": owner, "served_by": ngo})
		b.t.sites[place.key] = at
		b.invite(b.w.codes("staff "+place.key), access.Staff, owner, at)
		if i == 0 {
			b.invite(b.w.Invites.Manager, access.Manager, owner, at)
		}
		b.person("manager "+place.key, access.Manager, owner, "en", at)
		for n := range staffPerSite {
			locale := "en"
			if n < place.spanish {
				locale = "es"
			}
			b.person(fmt.Sprintf("staff %s %d", place.key, n), access.Staff, owner, locale, at)
		}
	}
	b.crew(access.Worker, workers, ngo, b.w.Invites.Worker)
	b.crew(access.Coordinator, coordinators, ngo, b.w.Invites.Coordinator)
	b.crew(access.Admin, 1, ngo, b.w.Invites.Admin)
	unit := b.make("organizations", police, map[string]any{"type": "law_enforcement"})
	b.crew(access.LawEnforcement, officers, unit, b.w.Invites.LawEnforcement)
	b.crew(access.Provider, helpers, b.make("organizations", provider, map[string]any{"type": "service_provider"}), b.w.Invites.Provider)
	takesPart := []string{unit}
	for i, name := range neighbours {
		o := b.make("organizations", name, map[string]any{"type": "outreach"})
		for n := range neighbourly {
			b.person(neighbour(i, access.Worker, n), access.Worker, o, "en")
		}
		b.person(neighbour(i, access.Coordinator, 0), access.Coordinator, o, "en")
		if i == 0 {
			takesPart = append(takesPart, o)
		}
	}
	b.t.effort = b.make("operations", effort, map[string]any{"organization": ngo, "organizations": takesPart,
		"begins": b.t.start.Add(-before), "ends": b.t.start.Add(after), "sites": slices.Sorted(maps.Values(b.t.sites))})
	b.roster(access.Worker, workers, "outreach")
	b.roster(access.Coordinator, coordinators, "triage")
	b.roster(access.LawEnforcement, officers, "liaison")
	for n := range neighbourly {
		b.putOn(neighbour(0, access.Worker, n), "outreach")
	}
	b.putOn(neighbour(0, access.Coordinator, 0), "triage")
}

// besides begins the name of everybody of a neighbour: the task force's own
// coordinators are shown none of what they report.
const besides = "neighbour "

// neighbour names somebody of a neighbour.
func neighbour(i int, role access.Role, n int) string {
	return fmt.Sprintf("%s%d %s %d", besides, i, role, n)
}

// roster puts the people of a role on the operation.
func (b *builder) roster(role access.Role, n int, part string) {
	for i := range n {
		b.putOn(fmt.Sprintf("%s %d", role, i), part)
	}
}

func (b *builder) putOn(who, part string) {
	if b.err == nil {
		b.err = b.tx.PutOn(b.t.effort, b.t.phones[who].person, part)
	}
}

// crew makes the people of one role of an organization and the role's invite.
func (b *builder) crew(role access.Role, n int, organization, code string) {
	b.invite(code, role, organization)
	for i := range n {
		b.person(fmt.Sprintf("%s %d", role, i), role, organization, "en")
	}
}

func (b *builder) make(collection, name string, values map[string]any) string {
	if b.err != nil {
		return ""
	}
	made, err := b.tx.FindOrMake(collection, name, values)
	b.err = err
	return made
}

func (b *builder) invite(code string, role access.Role, organization string, sites ...string) {
	if b.err == nil {
		b.err = b.tx.MakeInvite(b.hash(code), records.Invite{Role: role, Organization: organization, Sites: sites,
			Uses: inviteUses, Expires: b.t.start.Add(inviteLife)})
	}
}

// person makes a person with one device. Its key is thrown away: this device
// writes the past and never comes back.
func (b *builder) person(name string, role access.Role, organization, locale string, sites ...string) {
	if b.err != nil {
		return
	}
	p := &phone{id: id(b.s, "device "+name), ahead: ahead[name]}
	b.t.phones[name] = p
	known, err := b.tx.Device(p.id)
	if err != nil || known != nil {
		if b.err = err; err == nil {
			p.person = known.Person.ID
		}
		return
	}
	var who access.Person
	var key wire.Key
	if key, b.err = newKey(); b.err != nil {
		return
	}
	if who, b.err = b.tx.AddPerson(access.Person{Role: role, Organization: organization, Sites: sites, Locale: locale}); b.err != nil {
		return
	}
	p.person = who.ID
	b.err = b.tx.AddDevice(wire.EnrollDevice{ID: p.id, Name: "Demo phone", Platform: "demo", Key: key}, who.ID, "", "")
}

func newKey() (wire.Key, error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return wire.Key{}, fmt.Errorf("make key of a demo phone: %w", err)
	}
	point, err := private.PublicKey.Bytes()
	if err != nil {
		return wire.Key{}, fmt.Errorf("make key of a demo phone: %w", err)
	}
	part := base64.RawURLEncoding.EncodeToString
	return wire.Key{Kty: "EC", Crv: "P-256", X: part(point[1:33]), Y: part(point[33:])}, nil
}
