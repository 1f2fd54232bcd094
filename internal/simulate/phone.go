package simulate

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/fieldpost/fieldpost/client"
	"github.com/fieldpost/fieldpost/internal/access"
)

// phone is a device with its person: the client library on a disk of its own.
type phone struct {
	r       *run
	i       int
	name    string
	role    access.Role
	org     string
	sites   []string
	person  string // the person's id; "" before enrolment
	device  string // the id that it went by when it was last answered
	folder  string
	disk    *disk
	d       *client.Device // nil: switched off
	skew    time.Duration  // of its wall clock
	blind   bool           // its clock's jumps forward are not seen: no monotonic clock
	lost    bool           // fell into the canal
	revoked bool           // signed out by a coordinator
	copied  *phone         // the phone that this one is a copy of
	err     error          // of the last act
	anew    bool           // the server's history is another one than that of its view
	moved   bool           // something has changed here since it was looked at
	head    int64          // the server's when this phone last synced without fault, while healing
	random  *rand.ChaCha8

	measured  bool // it knows how far its clock is off, as of knownSkew
	knownSkew time.Duration
	syncedAt  time.Time // of the last sync without fault
	lastBatch int       // mutations of the last push
	pushes    int       // that the server answered in this sync
	invite    string    // of who was not there at the beginning
	invited   time.Time
	limit     int    // mutations a push that it was told to keep to, 0: the server's own
	turned    int    // pushes with something in them that were turned away
	heard     int64  // the server's newest seq at the last answer
	heardHash string // of the journal there
	markHash  string
	mark      int64 // the same, at the last sync that was noted
}

// roster is who is there, in this order.
var roster = []struct {
	role  access.Role
	org   string
	sites []string
}{
	{access.Worker, ngo, nil},
	{access.Coordinator, ngo, nil},
	{access.Coordinator, ngo, nil},
	{access.Worker, ngo, nil},
	{access.Staff, hotel, []string{siteA2}},
	{access.Worker, force, nil},
	{access.Coordinator, force, nil},
	{access.Admin, ngo, nil},
	{access.Staff, hotel, []string{siteB1, siteA1}},
	{access.Manager, hotel, []string{siteC1}},
	{access.LawEnforcement, force, nil},
	{access.Provider, force, nil},
}

func (r *run) newPhone(i int) *phone {
	w := roster[i%len(roster)]
	p := &phone{r: r, i: i, name: fmt.Sprintf("p%02d", i), role: w.role, org: w.org, sites: w.sites,
		folder: filepath.Join(r.folder, fmt.Sprintf("phone%02d", i))}
	p.reseed(uint64(i) + 1)
	return p
}

// reseed gives the phone the chance of one step, so that a step that is left
// out changes nothing in others.
func (p *phone) reseed(seed uint64) {
	var s [32]byte
	binary.LittleEndian.PutUint64(s[:], seed)
	binary.LittleEndian.PutUint64(s[8:], uint64(p.i)+1)
	p.random = rand.NewChaCha8(s)
}

// Read is the phone's chance.
func (p *phone) Read(b []byte) (int, error) { return p.random.Read(b) }

// on switches the phone on, and opens its store.
func (p *phone) on() error {
	if p.d != nil {
		return nil
	}
	if err := os.MkdirAll(p.folder, 0o700); err != nil {
		return err
	}
	full := p.disk != nil && p.disk.full
	p.disk = &disk{folder: p.folder, full: full}
	if p.r.tamper.PhoneSQL != nil {
		p.disk.tamper = func(q string, args []any) (string, bool) { return p.r.tamper.PhoneSQL(p.r, p, q, args) }
	}
	opt := client.Options{
		Now:     func() time.Time { return p.r.now().Add(p.skew) },
		Elapsed: func() time.Duration { return p.r.now().Sub(begin) },
		Rand:    p, Sleep: p.r.sleep(p), Connect: p.disk.connect,
		HTTP: &http.Client{Transport: network{p.r, p}},
	}
	if p.blind {
		opt.Elapsed = nil
	}
	d, err := client.Open(filepath.Join(p.folder, "store.db"), opt)
	if err != nil {
		return fmt.Errorf("open store of %s: %w", p.name, err)
	}
	p.d = d
	return nil
}

// off switches the phone off in good order; of a dead process, its disk stays.
func (p *phone) off() error {
	if p.d == nil {
		return nil
	}
	err := p.d.Close()
	p.d = nil
	if !p.disk.isDead() {
		return err
	}
	image := p.disk.image
	return errors.Join(putBack(image, p.folder), os.RemoveAll(image))
}

// fallen deals with a phone that died in an act.
func (p *phone) fallen() error {
	if p.d == nil || !p.disk.isDead() {
		return nil
	}
	p.r.note("%s dead", p.name)
	return p.off()
}

// enrol makes the phone's person, with an invite from the server's inside.
func (p *phone) enrol(ctx context.Context, invite string) error {
	person, err := p.d.Enroll(ctx, "http://server.invalid", invite, p.name)
	if err != nil {
		return err
	}
	p.person = person.ID
	p.r.name("person", person.ID)
	return nil
}

// sync is what the phone does when there is coverage.
func (p *phone) sync() error {
	if p.person == "" {
		if err := p.enter(); err != nil {
			return err
		}
	}
	_, err := p.d.Sync(context.Background())
	return err
}

// token is a token of the phone's device as it is now, without asking.
func (p *phone) token() (string, error) {
	st, err := p.d.Status()
	if err != nil {
		return "", err
	}
	return p.r.server.s.Store.Token(p.r.server.app, p.person, st.Device)
}
