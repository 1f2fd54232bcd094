package exchange_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/fieldpost/fieldpost/internal/access"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// resets tells for each page whether it says reset.
func resets(list []*wire.PullAnswer) (first bool, later int) {
	for i, p := range list {
		if i == 0 {
			first = p.Reset
		} else if p.Reset {
			later++
		}
	}
	return first, later
}

func TestResets(t *testing.T) {
	w := newTown(t)
	other := w.Organization("Other outreach")
	worker, keisha := w.worker(), w.coordinator()
	for range 6 {
		worker.Create("observations", w.Observation(""))
	}
	// anew fails unless the pages are one reset, of the first page alone.
	anew := func(t *testing.T, list []*wire.PullAnswer) {
		t.Helper()
		first, later := resets(list)
		if !first || later > 0 || list[0].Rewound || len(list) < 3 {
			t.Fatalf("reset %v, on %d later pages, rewound %v, %d pages", first, later, list[0].Rewound, len(list))
		}
	}
	// onward fails unless the pages go on from the cursor.
	onward := func(t *testing.T, list []*wire.PullAnswer) {
		t.Helper()
		if first, later := resets(list); first || later > 0 || list[0].Rewound {
			t.Fatalf("reset %v, on %d later pages, rewound %v", first, later, list[0].Rewound)
		}
	}
	t.Run("[PULL-4] a first pull is a reset on its first page, and the next pull goes on", func(t *testing.T) {
		anew(t, fresh(t, keisha, 1))
		onward(t, pages(t, keisha, 1))
		worker.Create("observations", w.Observation(""))
		onward(t, pages(t, keisha, 1))
	})
	t.Run("[PULL-4] a change of scopes is a reset: role, organization, sites", func(t *testing.T) {
		p := w.Enroll(access.Staff, w.hotel, w.site)
		second := w.Site("Hotel two", w.hotel, w.ngo)
		p.Pull()
		for _, values := range []map[string]any{{"sites": []string{w.site, second}}, {"sites": []string{second}}, {"organization": w.ngo}, {"role": "worker"}, {"role": "coordinator"}, {"role": "provider"}} {
			change(t, w.Rig, "users", p.User.ID, values)
			anew(t, pages(t, p, 1))
			onward(t, pages(t, p, 1))
		}
		change(t, w.Rig, "users", p.User.ID, map[string]any{"locale": "es"}) // no scope
		onward(t, pages(t, p, 1))
	})
	t.Run("[PULL-4] scopes that change during a reset void it", func(t *testing.T) {
		p := w.coordinator()
		first := p.Page(map[string]any{"limit": 1})
		if !first.Reset || !first.More {
			t.Fatalf("%+v", first)
		}
		if second := p.Page(map[string]any{"limit": 1}); second.Reset || !second.More {
			t.Fatalf("%+v", second)
		}
		change(t, w.Rig, "users", p.User.ID, map[string]any{"organization": other})
		list := pages(t, p, 1)
		anew(t, list)
		for _, page := range list {
			for _, c := range page.Changes {
				if c.Collection == "observations" {
					t.Errorf("%s comes from the view that was void", c.ID)
				}
			}
		}
		onward(t, pages(t, p, 1))
	})
	t.Run("[PULL-4] another schema is a reset", func(t *testing.T) {
		keisha.Pull()
		if !keisha.Page(map[string]any{"schema": 1}).Reset {
			t.Fatal("no reset")
		}
		if keisha.Page(map[string]any{"schema": 1}).Reset {
			t.Fatal("reset again")
		}
		if !keisha.Page(nil).Reset {
			t.Fatal("no reset on the way back")
		}
	})
	t.Run("[PULL-4] a reset tells of nothing that was gone before it, and of what goes during it", func(t *testing.T) {
		gone, v := keisha.Create("sites", map[string]any{"name": "Gone", "venue": "hotel"})
		applied(t, v)
		applied(t, keisha.Do(rig.Delete("sites", gone, v.Seq)))
		going, v := keisha.Create("sites", map[string]any{"name": "Going", "venue": "hotel"})
		applied(t, v)
		worker.Create("observations", w.Observation(""))
		p := w.coordinator()
		var list []*wire.PullAnswer
		for len(changed(list, "sites", going)) == 0 {
			list = append(list, p.Page(map[string]any{"limit": 1}))
		}
		applied(t, keisha.Do(rig.Delete("sites", going, v.Seq)))
		list = append(list, pages(t, p, 1)...)
		if found := changed(list, "sites", gone); len(found) > 0 {
			t.Errorf("%+v", found)
		}
		if found := changed(list, "sites", going); len(found) != 2 || isGone(found[0]) || !isGone(found[1]) {
			t.Errorf("%+v", found)
		}
	})
	t.Run("[PULL-7] a cursor of 399 days goes on and learns of what is gone, one of 401 gets a reset", func(t *testing.T) {
		id, v := keisha.Create("sites", map[string]any{"name": "Old", "venue": "hotel"})
		applied(t, v)
		keisha.Pull()
		old := keisha.Cursor
		applied(t, keisha.Do(rig.Delete("sites", id, v.Seq)))
		w.Clock.Add(399 * 24 * time.Hour)
		list := pages(t, keisha, 500)
		onward(t, list)
		if found := changed(list, "sites", id); len(found) != 1 || !isGone(found[0]) {
			t.Fatalf("%+v", found)
		}
		w.Clock.Add(2 * 24 * time.Hour)
		onward(t, pages(t, keisha, 500)) // its newer cursor is two days old
		keisha.Cursor = old
		list = pages(t, keisha, 1)
		anew(t, list)
		if found := changed(list, "sites", id); len(found) > 0 {
			t.Fatalf("%+v", found)
		}
	})
	t.Run("[EPOCH-4] no reset touches what was pushed: it is answered from its receipt", func(t *testing.T) {
		m := worker.Mutation(rig.Create("observations", rig.ID(), w.Observation("")))
		v := applied(t, worker.Push(m)[0])
		fresh(t, worker, 500)
		again := worker.Push(m)[0]
		if !again.Replayed || again.Seq != v.Seq {
			t.Fatalf("%+v", again)
		}
	})
}

func TestSeen(t *testing.T) {
	w := newTown(t)
	worker, keisha := w.worker(), w.coordinator()
	first, v := worker.Create("observations", w.Observation(""))
	applied(t, v)
	second, v := worker.Create("observations", w.Observation(""))
	applied(t, v)
	worker.Pull()
	open := func(report string) {
		applied(t, keisha.Do(rig.Update("triage", wire.TriageID("observations", report), w.Entries(), map[string]any{"opened": true})))
	}
	t.Run("[PULL-4] what a coordinator opened is told once, and after a reset all of it", func(t *testing.T) {
		rig.Want(t, worker.Page(nil).Seen, []string{})
		open(first)
		rig.Want(t, worker.Page(nil).Seen, []string{first})
		rig.Want(t, worker.Page(nil).Seen, []string{})
		open(second)
		all := map[string]bool{}
		for _, p := range fresh(t, worker, 1) {
			for _, id := range p.Seen {
				all[id] = true
			}
		}
		rig.Want(t, all, map[string]bool{first: true, second: true})
		rig.Want(t, keisha.Page(nil).Seen, []string{}) // hers are none
	})
	t.Run("[PULL-4] a pull by a coordinator opens nothing", func(t *testing.T) {
		third, v := worker.Create("observations", w.Observation(""))
		applied(t, v)
		keisha.Fresh()
		rig.Want(t, w.Send(http.MethodGet, keisha.Token, "/api/collections/observations/records/"+third, nil, nil), http.StatusOK)
		rig.Want(t, worker.Page(nil).Seen, []string{})
	})
}
