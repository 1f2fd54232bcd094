package exchange_test

import (
	"fmt"
	"net/http"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
	"github.com/pocketbase/pocketbase/tools/subscriptions"

	"github.com/fieldpost/fieldpost/internal/access"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
)

func TestSubscriptions(t *testing.T) {
	t.Parallel() // it mostly waits
	w := newTown(t)
	worker, keisha, staff := w.worker(), w.coordinator(), w.staff()
	tom := w.Enroll(access.Manager, w.hotel, w.site)
	t.Run("[LIVE-2] a manager has no live reports: 403, and nothing comes", func(t *testing.T) {
		s := listen(t, w.Rig)
		status, e := s.subscribe(tom.Token, "sync")
		rig.Want(t, status, http.StatusForbidden)
		rig.Want(t, e.Code, "not_allowed")
		worker.Create("observations", w.Observation(w.site))
		s.quiet()
	})
	t.Run("[LIVE-2] who becomes a manager is no longer poked", func(t *testing.T) {
		p := w.Enroll(access.Staff, w.hotel, w.site)
		s := watch(t, w.Rig, p.Token)
		w.Clock.Add(time.Second)
		change(t, w.Rig, "sites", w.site, map[string]any{"notes": "a"})
		s.poked()
		change(t, w.Rig, "users", p.User.ID, map[string]any{"role": "manager"})
		w.Clock.Add(time.Second)
		change(t, w.Rig, "sites", w.site, map[string]any{"notes": "b"})
		s.quiet()
	})
	t.Run("[LIVE-2] nobody subscribes to whole collections, nor to single records, in no spelling", func(t *testing.T) {
		c, err := w.App.FindCollectionByNameOrId("observations")
		if err != nil {
			t.Fatal(err)
		}
		id, v := worker.Create("observations", w.Observation(""))
		applied(t, v)
		s := listen(t, w.Rig)
		for _, topic := range []string{"observations/" + id, c.Id + "/" + id, "observations", "observations/*", c.Id, c.Id + "/*", "observations?options=%7B%7D", `observations/*?options={"query":{"filter":"id!=''"}}`,
			"observations/", "*", "sync/*", "sync?options={}", "@oauth2"} {
			for _, d := range []*rig.Device{worker, keisha, staff} {
				status, e := s.subscribe(d.Token, "sync", topic)
				rig.Want(t, fmt.Sprint(topic, status, e.Code), fmt.Sprint(topic, http.StatusForbidden, "not_allowed"))
			}
		}
		w.Clock.Add(time.Second)
		worker.Create("observations", w.Observation(""))
		change(t, w.Rig, "observations", id, map[string]any{"grid": "9yum"})
		s.quiet()
	})
	t.Run("[LIVE-2] who is not signed in subscribes to nothing", func(t *testing.T) {
		for _, topic := range []string{"sync", "observations/abcdefghijklmno"} {
			status, e := listen(t, w.Rig).subscribe("", topic)
			rig.Want(t, status, http.StatusUnauthorized)
			rig.Want(t, e.Code, "unauthenticated")
		}
	})
	t.Run("[ENROL-3] the open stream of a device that is signed out ends", func(t *testing.T) {
		d := w.coordinator()
		first, second, stays := watch(t, w.Rig, d.Token), watch(t, w.Rig, "bearer "+d.Token), watch(t, w.Rig, keisha.Token)
		change(t, w.Rig, "devices", d.ID, map[string]any{"revoked": true})
		first.ended()
		second.ended()
		w.Clock.Add(time.Second)
		worker.Create("observations", w.Observation(""))
		stays.poked()
	})
}

// broadcast notes how many clients PocketBase's own broadcast is shown.
func broadcast(r *rig.Rig) *atomic.Int64 {
	seen := &atomic.Int64{}
	look := func(e *core.ModelEvent) error {
		seen.Add(int64(e.App.SubscriptionsBroker().TotalClients()))
		return e.Next()
	}
	// Where PocketBase's handlers are, and after them.
	r.App.OnModelAfterCreateSuccess().Bind(&hook.Handler[*core.ModelEvent]{Priority: -99, Func: look})
	r.App.OnModelAfterUpdateSuccess().Bind(&hook.Handler[*core.ModelEvent]{Priority: -99, Func: look})
	r.App.OnModelDelete().Bind(&hook.Handler[*core.ModelEvent]{Priority: 99, Func: look})
	r.App.OnModelAfterDeleteSuccess().Bind(&hook.Handler[*core.ModelEvent]{Priority: -99, Func: look})
	return seen
}

func TestWatchers(t *testing.T) {
	t.Run("[LIVE-2] PocketBase's broadcast sees no clients, however many watch", func(t *testing.T) {
		w := newTown(t)
		worker, keisha := w.worker(), w.coordinator()
		id, v := keisha.Create("sites", map[string]any{"name": "Stop", "venue": "truck_stop"})
		applied(t, v)
		for range 20 {
			watch(t, w.Rig, keisha.Token)
		}
		seen := broadcast(w.Rig)
		write := func() {
			worker.Create("observations", w.Observation(""))
			rig.Want(t, w.Post(worker.Token, "/api/collections/observations/records", w.Observation(""), nil), http.StatusOK)
			applied(t, keisha.Do(rig.Update("sites", id, w.Entries(), map[string]any{"notes": rig.ID()})))
			rig.Want(t, w.Send(http.MethodPatch, keisha.Token, "/api/collections/sites/records/"+id, map[string]any{"notes": rig.ID()}, nil), http.StatusOK)
			spare := w.Site("Spare", w.hotel, w.ngo)
			rig.Want(t, w.Send(http.MethodDelete, keisha.Token, "/api/collections/sites/records/"+spare, nil, nil), http.StatusNoContent)
		}
		write()
		rig.Want(t, seen.Load(), 0)
		// Roles live in users: their changes have to reach every client.
		change(t, w.Rig, "users", worker.User.ID, map[string]any{"locale": "es"})
		if seen.Load() < 20 {
			t.Fatal("this test looks in the wrong place: a change that reaches the clients is not seen")
		}
	})
	t.Run("[LIVE-2] a watcher that does not read holds one poke, not all of them", func(t *testing.T) {
		w := newTown(t)
		worker, keisha := w.worker(), w.coordinator()
		// What a stalled connection looks like from inside: nobody takes from
		// its channel.
		user, err := w.App.FindRecordById("users", keisha.User.ID)
		if err != nil {
			t.Fatal(err)
		}
		var stalled []subscriptions.Client
		for range 10 {
			c := subscriptions.NewDefaultClient()
			c.Set("auth", user)
			c.Subscribe("sync")
			w.App.SubscriptionsBroker().Register(c)
			stalled = append(stalled, c)
		}
		reads := watch(t, w.Rig, keisha.Token)
		poke := func() {
			w.Clock.Add(time.Second)
			worker.Create("observations", w.Observation(""))
			reads.poked()
		}
		for range 5 {
			poke()
		}
		before := runtime.NumGoroutine()
		for range 40 {
			poke()
		}
		if grown := runtime.NumGoroutine() - before; grown > 5 {
			t.Fatalf("%d more goroutines after 40 pokes of 10 stalled watchers", grown)
		}
		for _, c := range stalled {
			rig.Want(t, string((<-c.Channel()).Data), "{}")
			select {
			case m := <-c.Channel():
				t.Fatalf("another one waited: %+v", m)
			case <-time.After(10 * time.Millisecond):
			}
			w.App.SubscriptionsBroker().Unregister(c.Id())
		}
		poke()
	})
}
