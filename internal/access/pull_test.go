package access_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/fieldpost/fieldpost/internal/access"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// TestSight holds three answers to "who sees what" together: the access table
// evaluated in Go, the list and view API, and a pull.
func TestSight(t *testing.T) {
	w := newWorld(t)
	seen, hidden := map[string]bool{}, map[string]bool{}
	for _, p := range w.people {
		t.Run("[PULL-1] a full pull of "+p.name+" is what the list API shows, byte by byte", func(t *testing.T) {
			view := p.Fresh()
			for _, c := range w.collections() {
				status, listed := w.list(p.Token, c.Name)
				rig.Want(t, status, http.StatusOK)
				if why := differ(listed, view[c.Name]); why != "" {
					t.Errorf("%s:\n%s", c.Name, why)
				}
				delete(view, c.Name)
			}
			if len(view) > 0 {
				t.Errorf("pulled from collections that are not there: %v", view)
			}
		})
		t.Run("[PULL-8] [INV-10] the digests of "+p.name+" are those of what the list API shows", func(t *testing.T) {
			want := map[string]wire.Digest{}
			for _, c := range w.collections() {
				var sum wire.Summer
				_, listed := w.list(p.Token, c.Name)
				for id := range listed {
					clock, err := w.S.Store.Journal().Clock(c.Name, id)
					if err != nil || clock == nil {
						t.Fatal(c.Name, id, err)
					}
					sum.Add(id, clock.Version)
				}
				if len(listed) > 0 {
					want[c.Name] = sum.Digest()
				}
			}
			rig.Want(t, p.Page(map[string]any{"digests": true}).Digests, want)
		})
		t.Run("[ACCESS] list and view show "+p.name+" what the table says", func(t *testing.T) {
			who := w.now(p)
			for name, row := range access.Table {
				_, listed := w.list(p.Token, name)
				for _, v := range w.all(name) {
					want := row.List != nil && row.List.Holds(who, v)
					if _, got := listed[id(v)]; got != want {
						t.Errorf("%s %s: listed %v, the table says %v", name, id(v), got, want)
					}
					status := w.Send(http.MethodGet, p.Token, "/api/collections/"+name+"/records/"+id(v), nil, nil)
					if got := status == http.StatusOK; got != want || !got && status != http.StatusNotFound {
						t.Errorf("%s %s: viewed with %d, the table says %v", name, id(v), status, want)
					}
					if want {
						seen[name] = true
					} else {
						hidden[name] = true
					}
				}
			}
		})
	}
	t.Run("[ACCESS] the world has records in every collection that some see and others do not", func(t *testing.T) {
		for name := range access.Table {
			if !seen[name] || !hidden[name] {
				t.Errorf("%s: seen by some %v, hidden from some %v", name, seen[name], hidden[name])
			}
		}
	})
	t.Run("[ACCESS] who is not signed in sees nothing", func(t *testing.T) {
		for name := range access.Table {
			if _, listed := w.list("", name); len(listed) > 0 {
				t.Errorf("%s: %d listed", name, len(listed))
			}
			for _, v := range w.all(name) {
				if status := w.Send(http.MethodGet, "", "/api/collections/"+name+"/records/"+id(v), nil, nil); status == http.StatusOK {
					t.Errorf("%s %s is shown", name, id(v))
				}
			}
		}
	})
}

// walker is a device that keeps what it pulled, as a phone does.
type walker struct {
	*person
	view rig.View
	sent rig.View         // during a reset: what came since it began
	seqs map[string]int64 // by "collection/id" the version that came last
}

// sync pulls to the end and applies the pages as PULL-4 says. What it holds
// then has the server's digests.
func (k *walker) sync(t *testing.T, limit int) {
	t.Helper()
	for range 1000 {
		page := k.Page(map[string]any{"limit": limit, "digests": true})
		if page.Reset {
			k.sent = rig.View{}
		}
		for _, c := range page.Changes {
			k.seqs[c.Collection+"/"+c.ID] = c.Seq
			for _, v := range []rig.View{k.view, k.sent} {
				if v == nil {
					continue
				}
				if v[c.Collection] == nil {
					v[c.Collection] = map[string]json.RawMessage{}
				}
				if string(c.Record) == "null" {
					delete(v[c.Collection], c.ID)
				} else {
					v[c.Collection][c.ID] = c.Record
				}
			}
		}
		if page.More {
			continue
		}
		if k.sent != nil {
			k.view, k.sent = k.sent, nil
		}
		rig.Want(t, page.Digests, k.digests())
		return
	}
	t.Fatal("the pull does not end")
}

func (k *walker) digests() map[string]wire.Digest {
	out := map[string]wire.Digest{}
	for name, records := range k.view {
		var sum wire.Summer
		for id := range records {
			sum.Add(id, k.seqs[name+"/"+id])
		}
		if len(records) > 0 {
			out[name] = sum.Digest()
		}
	}
	return out
}

// TestWalk changes people, places and reports at random, as the dashboard
// could, and looks after each change whether every device still has what the
// list API shows its person.
func TestWalk(t *testing.T) {
	const steps = 20
	for seed := range uint64(2) {
		t.Run(fmt.Sprintf("[PULL-1] [PULL-3] [INV-10] after any change of people and places a device has what the list shows, and the digests of it, seed %d", seed), func(t *testing.T) {
			w := newWorld(t)
			random := rand.New(rand.NewPCG(seed, 11))
			var walkers []*walker
			for _, p := range w.people {
				k := &walker{person: p, view: rig.View{}, seqs: map[string]int64{}}
				k.sync(t, 1000)
				walkers = append(walkers, k)
			}
			for step := range steps {
				act := w.change(random)
				if why := w.adrift(); why != "" {
					t.Fatalf("step %d (%s): %s", step, act, why)
				}
				// Not all look each time: some find several changes at once.
				for _, k := range walkers {
					if random.IntN(3) > 0 && step < steps-1 {
						continue
					}
					k.sync(t, []int{1, 7, 500}[random.IntN(3)])
					for name := range access.Table {
						_, listed := w.list(k.Token, name)
						if why := differ(listed, k.view[name]); why != "" {
							t.Fatalf("step %d (%s): %s of %s:\n%s", step, act, name, k.name, why)
						}
					}
				}
			}
		})
	}
}

// change changes one thing that somebody's sight depends on, and says what.
func (w *world) change(random *rand.Rand) string {
	w.T.Helper()
	pick := func(list ...string) string { return list[random.IntN(len(list))] }
	sample := func(collection string) string {
		all := w.all(collection)
		return id(all[random.IntN(len(all))])
	}
	organization := pick(w.ngoA, w.ngoB, w.hotelX)
	switch random.IntN(9) {
	case 0:
		site := sample("sites")
		w.set("sites", site, map[string]any{"served_by": pick(w.ngoA, w.ngoB, w.shelter)})
		return "site " + site + " is served by another"
	case 1:
		w.set("sites", sample("sites"), map[string]any{"notes": rig.ID()})
		return "a site's notes change"
	case 2:
		p := w.people[random.IntN(len(w.people))]
		w.set("users", p.User.ID, map[string]any{"organization": organization})
		return p.name + " changes organization"
	case 3:
		p := w.people[random.IntN(len(w.people))]
		role := pick("worker", "staff", "manager", "coordinator", "provider", "admin")
		w.set("users", p.User.ID, map[string]any{"role": role, "sites": []string{pick(w.x1, w.x2, w.y1)}})
		return p.name + " becomes " + role
	case 4:
		report := pick(access.Reports...)
		w.set(report, sample(report), map[string]any{"organization": organization})
		return "a report moves"
	case 5:
		list := sample("checklists")
		published := random.IntN(2) == 0
		w.set("checklists", list, map[string]any{"published": published})
		return fmt.Sprintf("checklist %s is published: %v", list, published)
	case 6:
		coordinators := slices.DeleteFunc(slices.Clone(w.people), func(p *person) bool { return w.now(p).Role != access.Coordinator })
		if len(coordinators) == 0 {
			return "nobody coordinates"
		}
		c := coordinators[random.IntN(len(coordinators))]
		c.Do(rig.Update("triage", sample("triage"), w.Entries(), map[string]any{"note": rig.ID(), "opened": true}))
		return c.name + " works on triage, perhaps not on theirs"
	case 7:
		workers := slices.DeleteFunc(slices.Clone(w.people), func(p *person) bool { return w.now(p).Role != access.Worker })
		if len(workers) == 0 {
			return "nobody works"
		}
		p := workers[random.IntN(len(workers))]
		p.Create("observations", w.Observation(pick("", w.x1, w.y1)))
		return p.name + " reports, perhaps in vain"
	}
	empty := ""
	for _, v := range w.all("sites") {
		if name, _ := v["name"].(string); strings.HasPrefix(name, "Spare") {
			empty = id(v)
		}
	}
	if empty == "" {
		w.Make("sites", map[string]any{"name": "Spare", "venue": "hotel", "served_by": organization})
		return "a spare site"
	}
	r, err := w.App.FindRecordById("sites", empty)
	if err != nil {
		w.T.Fatal(err)
	}
	if err := w.App.Delete(r); err != nil {
		w.T.Fatal(err)
	}
	return "the spare site is deleted"
}

// adrift tells which record carries an organization that is no longer that of
// what it hangs on: rules read only the record, so a copy left behind lets the
// wrong people see it.
func (w *world) adrift() string {
	w.T.Helper()
	text := func(v access.Values, f string) string { s, _ := v[f].(string); return s }
	of := func(collection, id, field string) string {
		r, err := w.App.FindRecordById(collection, id)
		if err != nil {
			return ""
		}
		return r.GetString(field)
	}
	for _, v := range w.all("users") {
		p := w.now(&person{Device: &rig.Device{User: wire.Person{ID: id(v)}}})
		want := map[string]bool{}
		for _, site := range p.Sites {
			if o := of("sites", site, "served_by"); o != "" && p.Role == access.Staff {
				want[o] = true
			}
		}
		for _, o := range p.ServedBy {
			if !want[o] {
				return "user " + p.ID + " is said to be served by " + o
			}
		}
		if len(want) != len(p.ServedBy) {
			return fmt.Sprintf("user %s is served by %v and said to be by %v", p.ID, want, p.ServedBy)
		}
	}
	for _, v := range w.all("devices") {
		p := w.now(&person{Device: &rig.Device{User: wire.Person{ID: text(v, "user")}}})
		want := p.Organization
		if p.Role == access.Staff {
			if want = ""; len(p.ServedBy) > 0 {
				want = p.ServedBy[0]
			}
		}
		if text(v, "organization") != want {
			return "device " + id(v) + " carries the organization " + text(v, "organization")
		}
	}
	for _, c := range []string{"triage", "addenda"} {
		for _, v := range w.all(c) {
			want := of("observations", text(v, "observation"), "organization") + of("submissions", text(v, "submission"), "organization")
			if text(v, "organization") != want {
				return c + " " + id(v) + " carries the organization " + text(v, "organization")
			}
		}
	}
	for _, v := range w.all("conflicts") {
		field := "organization"
		if text(v, "collection") == "sites" {
			field = "served_by"
		}
		if text(v, "organization") != of(text(v, "collection"), text(v, "record"), field) {
			return "conflict " + id(v) + " carries the organization " + text(v, "organization")
		}
	}
	return ""
}
