package simulate

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"testing/synctest"
	"time"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/records"
)

// settle enrols everybody and gives each a first view.
func (r *run) settle() error {
	for i := range r.script.Phones {
		if err := r.arrive(i); err != nil {
			return err
		}
	}
	return nil
}

// arrive enrols one of the roster and gives them a first view.
func (r *run) arrive(i int) error {
	p := r.newPhone(i)
	r.phones = append(r.phones, p)
	if err := p.on(); err != nil {
		return err
	}
	invite, err := r.server.s.Devices.MakeInvite(r.server.s.Devices.DerivedCode(p.name),
		records.Invite{Role: p.role, Organization: p.org, Sites: p.sites})
	if err != nil {
		return fmt.Errorf("invite %s: %w", p.name, err)
	}
	r.drive(&Step{}, act{p, func() error { return p.enrol(context.Background(), invite) }})
	if p.err != nil {
		return fmt.Errorf("enrol %s: %w", p.name, p.err)
	}
	r.drive(&Step{}, act{p, p.sync})
	if p.err != nil {
		return fmt.Errorf("first sync of %s: %w", p.name, p.err)
	}
	return nil
}

// phone gives a phone that is there, nil if it is not or no more.
func (r *run) phone(i int) *phone {
	if i < 0 || i >= len(r.phones) || r.phones[i].lost {
		return nil
	}
	return r.phones[i]
}

// step runs one step.
func (r *run) step(s *Step) error {
	r.pass(7 * time.Second)
	time.Sleep(2 * time.Second) // of the bubble: what the server does by the clock in the background is done
	if err := r.standing(); err != nil {
		return err
	}
	r.haunt()
	if err := r.standing(); err != nil {
		return err
	}
	for _, p := range r.phones {
		p.reseed(s.Seed)
	}
	p := r.phone(s.Who)
	var err error
	switch s.Do {
	case Save:
		if p != nil {
			err = r.save(s, p)
		}
	case Sync:
		err = r.sync(s)
	case Pass:
		r.pass(time.Duration(s.N) * time.Second)
	case Clock:
		if p != nil {
			p.skew = time.Duration(s.N) * time.Second
			r.note("%s clock off by %d s", p.name, s.N)
		}
	case Full, Free:
		r.fill(s.Who, s.Do == Full)
	case Reboot:
		if err := r.server.disk.die(); err != nil {
			return err
		}
		err = r.standing()
	case Restart:
		if p != nil && p.d != nil {
			if err := p.disk.die(); err != nil {
				return err
			}
			err = p.fallen()
		}
	case Rest:
		err = r.restWrite(s)
	case Change:
		if p != nil {
			err = r.change(s, p)
		}
	case Fork:
		if p != nil {
			err = r.fork(p)
		}
	case Backup:
		err = r.backup()
	case Restore, Rollback, Copy:
		if err = r.goBack(s); err == nil && r.strain.what != Quota {
			err = r.makeRoom()
		}
	case Release, Adopt:
		err = r.deal(s)
	case Strain:
		err = r.tense(s)
	case Calm:
		err = r.calm()
	case Carry:
		if p != nil {
			err = r.carry(s, p)
		}
	case Enrol:
		err = r.enrol(s)
	case Revoke:
		if p != nil {
			err = r.revoke(p)
		}
	case Lose:
		if p != nil && len(r.living()) > 2 {
			r.note("%s lost", p.name)
			err = p.off()
			p.lost = true
		}
	default:
		return fmt.Errorf("no such step")
	}
	if err != nil {
		return err
	}
	return r.fallen()
}

func (r *run) living() []*phone {
	var all []*phone
	for _, p := range r.phones {
		if !p.lost {
			all = append(all, p)
		}
	}
	return all
}

func (r *run) fill(who int, full bool) {
	r.note("disk of %d full: %v", who, full)
	if who < 0 {
		r.server.disk.setFull(full)
		return
	}
	if p := r.phone(who); p != nil {
		if p.disk == nil {
			p.disk = &disk{}
		}
		p.disk.setFull(full)
	}
}

// ready switches phones on; one whose disk is full may stay off.
func (r *run) ready(p *phone) bool {
	err := p.on()
	if err != nil {
		r.note("%s does not start", p.name)
		if !p.disk.full && !p.disk.isDead() {
			r.fail(8, "%s does not start: %v", p.name, err)
		}
	}
	return err == nil
}

func (r *run) sync(s *Step) error {
	var acts []act
	for _, i := range s.With {
		p := r.phone(i)
		if p == nil || slices.ContainsFunc(acts, func(a act) bool { return a.p == p }) || !r.ready(p) {
			continue
		}
		for _, f := range s.Faults {
			if f.At%len(s.With) == len(acts) && (f.Kind == Die || f.Kind == DieLate) {
				p.disk.arm(f.Arg, f.Kind == DieLate)
			}
		}
		acts = append(acts, act{p, p.sync})
	}
	r.drive(s, acts...)
	if r.up { // a death that was not met is no more
		r.server.disk.disarm()
	}
	for _, a := range acts {
		a.p.disk.disarm()
		r.note("%s synced: %s", a.p.name, r.saying(a.p.err))
		if err := a.p.fallen(); err != nil {
			return err
		}
		if a.p.person == "" {
			continue
		}
		if err := r.model.synced(a.p, len(s.Faults) == 0); err != nil {
			return err
		}
	}
	return nil
}

// clean syncs a phone with nothing in the way.
func (r *run) clean(p *phone) error {
	if err := r.standing(); err != nil {
		return err
	}
	if !r.ready(p) {
		return nil
	}
	st, err := p.d.Status()
	if err != nil {
		return err
	}
	p.pushes = 0
	r.drive(&Step{}, act{p, p.sync})
	r.note("%s synced: %s", p.name, r.saying(p.err))
	if p.person == "" {
		return nil
	}
	r.checkBatches(p, st.Waiting)
	return r.model.synced(p, true)
}

// checkBatches: a queue goes out in as many pushes as it has batches, and a few
// for what is deferred, forked or lost in a restore (INV-25).
func (r *run) checkBatches(p *phone, waiting int) {
	if r.server == nil {
		return
	}
	limit := r.server.s.Exchange.Limits.Mutations
	if p.limit > 0 {
		limit = min(limit, p.limit)
	}
	entries, err := p.d.Outbox()
	if err != nil {
		return
	}
	waiting = max(waiting, len(entries)) // a rewind sends all of them again
	if bound := 4*((waiting+limit-1)/limit) + 6; p.pushes > bound {
		r.fail(25, "%s made %d pushes of at most %d for %d mutations", p.name, p.pushes, limit, waiting)
	}
}

// restWrite writes a record through REST or the dashboard.
func (r *run) restWrite(s *Step) error {
	g := rand.New(rand.NewPCG(s.Seed, 3))
	token, who := "", "dashboard"
	var err error
	if s.Who < 0 {
		token, err = r.server.superuser()
	} else {
		p := r.phone(s.Who)
		if p == nil || p.person == "" || !r.ready(p) {
			return nil
		}
		who = p.name
		token, err = p.token()
	}
	if err != nil {
		return err
	}
	method, path, body := r.restRequest(g, s)
	if path == "" {
		return nil
	}
	for _, f := range s.Faults {
		r.server.disk.arm(f.Arg, f.Kind == KillLate)
	}
	before, err := r.server.head()
	if err != nil {
		return err
	}
	status := 0
	go func() { status, err = r.server.rest(method, path, token, body, nil) }()
	synctest.Wait()
	if err != nil && !r.server.disk.isDead() {
		return err
	}
	if r.server.disk.isDead() {
		r.note("%s %s by %s: server dies", method, path, who)
		return r.standing()
	}
	r.server.disk.disarm()
	r.note("%s %s by %s: %d", method, path, who, status)
	return r.model.wroteREST(method, path, status, before)
}

func (r *run) restRequest(g *rand.Rand, s *Step) (method, path string, body map[string]any) {
	mark := fmt.Sprintf("mkrest-%03d;", r.at)
	pick := func(collection string) string {
		ids := r.server.ids(collection)
		if len(ids) == 0 {
			return ""
		}
		return ids[g.IntN(len(ids))]
	}
	at := func(collection, id string) string { return "/api/collections/" + collection + "/records/" + id }
	switch s.What {
	case "site":
		field := []string{"notes", "address", "industry"}[g.IntN(3)]
		value := mark
		if field == "industry" {
			value = section(g, mark)
		}
		return http.MethodPatch, at("sites", pick("sites")), map[string]any{field: value}
	case "newsite":
		return http.MethodPost, "/api/collections/sites/records", map[string]any{"id": idFrom(g), "name": mark, "venue": "hotel"}
	case "delsite":
		return http.MethodDelete, at("sites", pick("sites")), nil
	case "organization":
		return http.MethodPatch, at("organizations", []string{ngo, force, hotel}[g.IntN(3)]), map[string]any{"kind": mark}
	case "report":
		return http.MethodPost, "/api/collections/observations/records", map[string]any{"id": idFrom(g), "event_time": "2026-02-07T04:30:00.000Z",
			"indicators": []any{map[string]any{"indicator": "core.01", "basis": "saw"}}, "note": mark, "site": []string{siteA1, siteB1}[g.IntN(2)]}
	case "triage":
		if id := pick("triage"); id != "" {
			return http.MethodPatch, at("triage", id), map[string]any{"note": mark}
		}
	}
	return "", "", nil
}

// change is what an administrator does to people, in the dashboard. Those it
// matters to sync at once, and see what they may see, no more and no less.
func (r *run) change(s *Step, p *phone) error {
	token, err := r.server.superuser()
	if err != nil {
		return err
	}
	if p.person == "" {
		return nil
	}
	patch := map[string]any{}
	path := "/api/collections/users/records/" + p.person
	switch s.What {
	case "role":
		if p.role != access.Worker && p.role != access.Coordinator {
			return nil
		}
		patch["role"] = []string{"worker", "coordinator"}[s.N%2]
	case "organization":
		if p.role == access.Staff || p.role == access.Manager {
			return nil
		}
		patch["organization"] = []string{ngo, force}[s.N%2]
	case "roster":
		if p.role != access.Staff && p.role != access.Manager {
			return nil
		}
		patch["sites"] = [][]string{{siteA2}, {siteB1, siteA1}, {siteA1, siteC1}, {siteB2}}[s.N%4]
	case "served":
		site := []string{siteA1, siteA2, siteB1, siteB2}[s.N%4]
		path = "/api/collections/sites/records/" + site
		patch["served_by"] = []string{ngo, force}[s.N/4%2]
	}
	status, err := r.server.rest(http.MethodPatch, path, token, patch, nil)
	if err != nil {
		return err
	}
	r.note("change %s of %s to %d: %d", s.What, p.name, s.N, status)
	r.model.changes++
	if err := r.refresh(); err != nil {
		return err
	}
	if r.strain.what != "" || r.server.disk.full || p.disk != nil && p.disk.full || p.shut() {
		return nil
	}
	if err := r.clean(p); err != nil || p.d == nil {
		return err
	}
	if p.err != nil {
		return nil
	}
	return r.checkView(p, 12, 13)
}

// refresh reads who everybody is now.
func (r *run) refresh() error {
	for _, p := range r.phones {
		if p.person == "" {
			continue
		}
		who, err := r.server.s.Store.Person(r.server.app, p.person)
		if err != nil {
			return err
		}
		p.role, p.org, p.sites = who.Role, who.Organization, who.Sites
		if p.device != "" && r.signedOut(p.device) {
			p.revoked = true // it stays so for the phone, even if the server goes back
		}
	}
	return nil
}

// fork copies a phone's store to another phone: a backup of the phone, or a
// twin. Both go on.
func (r *run) fork(p *phone) error {
	if len(r.phones) >= len(roster)+3 || p.person == "" {
		return nil
	}
	if p.d != nil {
		if err := p.off(); err != nil {
			return err
		}
	}
	q := r.newPhone(len(r.phones))
	q.role, q.org, q.sites, q.person, q.copied = p.role, p.org, p.sites, p.person, p
	q.skew = p.skew
	if err := copyFolder(p.folder, q.folder); err != nil {
		return err
	}
	r.phones = append(r.phones, q)
	r.model.forked(p, q)
	r.note("%s is copied to %s", p.name, q.name)
	return nil
}
