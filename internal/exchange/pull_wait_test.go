package exchange_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/fieldpost/fieldpost/internal/access"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// held is the answer to a pull that waited, and how long it took.
type held struct {
	status int
	answer *wire.PullAnswer
	err    *wire.ErrorBody
	took   time.Duration
}

// hold pulls with a wait in the background; by the time it returns the request
// is under way.
func hold(d *rig.Device, seconds int) chan held {
	out := make(chan held, 1)
	go func() {
		began := time.Now()
		status, answer, e := d.TryPull(map[string]any{"wait": seconds})
		out <- held{status, answer, e, time.Since(began)}
	}()
	time.Sleep(200 * time.Millisecond)
	return out
}

// came waits for a held pull to be answered soon after what it waited for.
func came(t testing.TB, pull chan held) held {
	t.Helper()
	began := time.Now()
	select {
	case h := <-pull:
		if since := time.Since(began); since > time.Second {
			t.Fatalf("it took %v", since)
		}
		return h
	case <-time.After(5 * time.Second):
		t.Fatal("the pull still waits")
	}
	return held{}
}

func TestWait(t *testing.T) {
	t.Parallel() // it mostly waits
	w := newTown(t)
	worker, keisha := w.worker(), w.coordinator()
	stranger := w.Enroll(access.Coordinator, w.Organization("Other"))
	keisha.Pull()
	stranger.Pull()
	t.Run("[PULL-6] a pull that waits is answered when something changes, within a second, with the change", func(t *testing.T) {
		for name, write := range map[string]func() string{
			"push": func() string { id, v := worker.Create("observations", w.Observation("")); applied(t, v); return id },
			"REST": func() string {
				var made struct{ ID string }
				rig.Want(t, w.Post(worker.Token, "/api/collections/observations/records", w.Observation(""), &made), http.StatusOK)
				return made.ID
			},
			"the server": func() string { return w.Site("New", w.hotel, w.ngo) },
		} {
			pull := hold(keisha, 20)
			id := write()
			h := came(t, pull)
			found := false
			for _, c := range h.answer.Changes {
				found = found || c.ID == id
			}
			if !found || h.answer.Reset {
				t.Errorf("%s: %+v", name, h.answer)
			}
			keisha.Pull()
		}
	})
	t.Run("[PULL-6] when nothing changes it is answered empty at its time", func(t *testing.T) {
		h := <-hold(keisha, 1)
		rig.Want(t, h.status, http.StatusOK)
		if h.took < time.Second || h.took > 3*time.Second || len(h.answer.Changes) > 0 || h.answer.More || h.answer.Reset {
			t.Fatalf("%v %+v", h.took, h.answer)
		}
		worker.Create("observations", w.Observation(""))
		rig.Want(t, len(keisha.Page(nil).Changes), 2) // its cursor holds
	})
	t.Run("[PULL-6] what others do does not answer it", func(t *testing.T) {
		pull := hold(stranger, 1)
		worker.Create("observations", w.Observation(""))
		h := <-pull
		if h.took < time.Second || len(h.answer.Changes) > 0 {
			t.Fatalf("%v %+v", h.took, h.answer)
		}
	})
	t.Run("[PULL-6] what is there already, and a reset, are not waited for", func(t *testing.T) {
		worker.Create("observations", w.Observation(""))
		rig.Want(t, len(came(t, hold(keisha, 20)).answer.Changes) > 0, true)
		keisha.Pull()
		keisha.Cursor = nil
		rig.Want(t, came(t, hold(keisha, 20)).answer.Reset, true)
		keisha.Pull()
	})
	t.Run("[PULL-6] a report that is opened answers the device that wrote it", func(t *testing.T) {
		id, v := worker.Create("observations", w.Observation(""))
		applied(t, v)
		worker.Pull()
		pull := hold(worker, 20)
		applied(t, keisha.Do(rig.Update("triage", wire.TriageID("observations", id), w.Entries(), map[string]any{"opened": true})))
		rig.Want(t, came(t, pull).answer.Seen, []string{id})
		keisha.Pull()
	})
	t.Run("[LIVE-2] [PULL-6] a manager's wait counts as 0", func(t *testing.T) {
		tom := w.Enroll(access.Manager, w.hotel, w.site)
		tom.Pull()
		h := came(t, hold(tom, 20))
		rig.Want(t, fmt.Sprint(h.status, len(h.answer.Changes)), fmt.Sprint(http.StatusOK, 0))
	})
	t.Run("[PULL-6] [PULL-4] scopes that change while it waits answer it with a reset", func(t *testing.T) {
		p := w.coordinator()
		p.Pull()
		pull := hold(p, 20)
		change(t, w.Rig, "users", p.User.ID, map[string]any{"role": "worker"})
		rig.Want(t, came(t, pull).answer.Reset, true)
	})
	t.Run("[ENROL-3] a device that is signed out while it waits gets nothing but that", func(t *testing.T) {
		p := w.coordinator()
		p.Pull()
		pull := hold(p, 20)
		change(t, w.Rig, "devices", p.ID, map[string]any{"revoked": true})
		h := came(t, pull)
		if h.status != http.StatusForbidden || h.err.Code != "device_revoked" {
			t.Fatalf("%d %+v", h.status, h.answer)
		}
	})
	t.Run("[PULL-6] a server that stops does not keep it waiting", func(t *testing.T) {
		keisha.Pull()
		pull := hold(keisha, 20)
		w.S.Exchange.Close()
		h := came(t, pull)
		rig.Want(t, fmt.Sprint(h.status, len(h.answer.Changes)), fmt.Sprint(http.StatusOK, 0))
	})
}
