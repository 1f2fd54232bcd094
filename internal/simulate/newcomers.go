package simulate

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"testing/synctest"
	"time"

	"github.com/fieldpost/fieldpost/internal/devices"
	"github.com/fieldpost/fieldpost/internal/records"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// planNewcomer lets somebody enrol while the server has too much to do, or
// while something goes wrong, and try again. Its chance is one of its own: the
// plans of other seeds stay what they were. In runs whose server goes back nobody
// is new: who enrolled after the backup needs another invite, and that is a
// test of its own.
func planNewcomer(s *Script) {
	g := rand.New(rand.NewPCG(s.Seed, 0x6e6577))
	if g.IntN(2) > 0 || slices.ContainsFunc(s.Steps, func(p Step) bool { return p.Do == Restore || p.Do == Rollback }) {
		return
	}
	who, at := s.Phones, g.IntN(len(s.Steps)*3/4) // a copied phone may have this place; then the newcomer tries again when all heals
	strain := []string{Busy, Busy, Rates, Small, ""}[g.IntN(5)]
	if strain != "" {
		s.insert(at, Step{Do: Strain, What: strain, N: g.IntN(3), Seed: g.Uint64()})
		at++
	}
	s.insert(at, Step{Do: Enrol, Seed: g.Uint64(), Faults: planFaults(g, 1)})
	for range g.IntN(3) {
		at += 1 + g.IntN(min(3, len(s.Steps)-at))
		s.insert(at, Step{Do: Sync, Who: who, With: []int{who}, Seed: g.Uint64(), Faults: planFaults(g, 1)})
	}
	if strain != "" {
		at++
		s.insert(at, Step{Do: Calm, Seed: g.Uint64()})
	}
	list := acts[who%len(roster)]
	s.insert(at+1, Step{Do: Save, What: list[g.IntN(len(list))], Who: who, N: 1 + g.IntN(2), Seed: g.Uint64()})
}

// validity is how long an invite can be used (ENROL-2).
const validity = 72 * time.Hour

// enrol gives a new phone an invite, with which it tries to enrol.
func (r *run) enrol(s *Step) error {
	if len(r.phones) >= len(roster)+3 {
		return nil
	}
	p := r.newPhone(len(r.phones))
	var err error
	go func() {
		p.invite, err = r.server.s.Devices.MakeInvite(r.server.s.Devices.DerivedCode(p.name), records.Invite{Role: p.role, Organization: p.org, Sites: p.sites})
	}()
	synctest.Wait()
	if err != nil && r.server.disk.full {
		r.note("no invite for %s: no room", p.name)
		return nil
	}
	if err != nil {
		return fmt.Errorf("invite %s: %w", p.name, err)
	}
	p.invited = r.now()
	r.note("%s has an invite", p.name)
	r.phones = append(r.phones, p)
	return r.sync(&Step{Do: Sync, With: []int{p.i}, Seed: s.Seed, Faults: s.Faults})
}

// enter enrols a phone that is not yet, with the invite that it has.
func (p *phone) enter() error {
	st, err := p.d.Status()
	if err != nil {
		return err
	}
	if st.Enrolled { // it died before it said so
		p.person = st.Person.ID
		p.r.name("person", p.person)
		return nil
	}
	return p.enrol(context.Background(), p.invite)
}

// admitted is what an invite has led to.
type admitted struct{ used, devices, people int }

func (r *run) admitted(code string) admitted {
	var a admitted
	for _, row := range r.server.query(`SELECT i.used, (SELECT count(*) FROM devices d WHERE d.invite = i.id),
		(SELECT count(*) FROM users u WHERE u.id IN (SELECT d.user FROM devices d WHERE d.invite = i.id)) FROM invites i WHERE i.code = ?`,
		r.server.s.Key.Invite(devices.NormaliseCode(code))) {
		a = admitted{number(row[0]), number(row[1]), number(row[2])}
	}
	return a
}

func number(v any) int {
	switch x := v.(type) {
	case int64:
		return int(x)
	case float64:
		return int(x)
	}
	return 0
}

// enrols tells of the enrolment of a newcomer.
func (l *letter) enrols() bool { return l.path == "/api/sync/enroll" && l.p.invite != "" }

// enrolled sees the answer to an enrolment: what was turned away has changed
// nothing, and who is told to be in is (INV-27).
func (m *model) enrolled(l *letter, a *answer, body []byte) {
	r, now := m.r, m.r.admitted(l.p.invite)
	switch a.status {
	case http.StatusOK:
		if now != (admitted{1, 1, 1}) {
			r.fail(27, "%s is told that it is enrolled: its invite counts %d, and there are %d devices and %d people of it", l.p.name, now.used, now.devices, now.people)
		}
		var told wire.EnrollAnswer
		if json.Unmarshal(body, &told) == nil && len(r.server.query("SELECT 1 FROM users WHERE id = ?", told.User.ID)) == 0 {
			r.fail(27, "%s is told that it is of somebody who is not there", l.p.name)
		}
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		if a.header.Get("Retry-After") == "" {
			r.fail(27, "%s: %d %s without Retry-After", l.p.name, a.status, codeOf(body))
		}
		if now != l.admitted {
			r.fail(27, "%s was answered %d %s, and its invite counts %d, with %d devices and %d people", l.p.name, a.status, codeOf(body), now.used, now.devices, now.people)
		}
	}
}

// checkNewcomers: of each invite there is one device of one person, or it was
// not used (INV-27). Who is not in when all is quiet has been told why: the
// invite's time was over (INV-4).
func (r *run) checkNewcomers() {
	for _, p := range r.phones {
		if p.invite == "" {
			continue
		}
		a := r.admitted(p.invite)
		if a != (admitted{}) && a != (admitted{1, 1, 1}) {
			r.fail(27, "the invite of %s counts %d, and there are %d devices and %d people of it", p.name, a.used, a.devices, a.people)
		}
		switch {
		case p.lost:
		case p.person != "" && a.devices == 0:
			r.fail(27, "%s is enrolled, and the server has no device of it", p.name)
		case p.person == "" && a.devices > 0:
			r.fail(4, "%s is not enrolled, and its invite is used up: %v", p.name, p.err)
		case p.person == "" && (r.now().Sub(p.invited) < validity || p.err == nil):
			r.fail(4, "%s is not enrolled when all is quiet: %v", p.name, p.err)
		}
	}
}
