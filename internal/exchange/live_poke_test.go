package exchange_test

import (
	"testing"
	"time"

	"github.com/fieldpost/fieldpost/internal/access"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// change saves values on a record as the system, as the dashboard would.
func change(t testing.TB, r *rig.Rig, collection, id string, values map[string]any) {
	t.Helper()
	record, err := r.App.FindRecordById(collection, id)
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range values {
		record.Set(k, v)
	}
	if err := r.App.Save(record); err != nil {
		t.Fatal(err)
	}
}

// looks lets a test say, each time that it is asked, whether pushes are at the
// writer.
func looks(r *rig.Rig) (asked chan chan bool, end func()) {
	asked, over := make(chan chan bool), make(chan struct{})
	live := r.S.Exchange.Live
	before := live.Busy
	live.Busy = func() bool {
		answer := make(chan bool, 1)
		select {
		case asked <- answer:
			return <-answer
		case <-over:
			return false
		}
	}
	return asked, func() { close(over); live.Busy = before }
}

func TestPokes(t *testing.T) {
	t.Parallel() // it mostly waits
	r := rig.New(t)
	ngo, other := r.Organization("Outreach"), r.Organization("Other")
	worker, keisha := r.Enroll(access.Worker, ngo), r.Enroll(access.Coordinator, ngo)
	stranger := r.Enroll(access.Coordinator, other)
	// later turns the clock past the time between two pokes.
	later := func() { r.Clock.Add(time.Second) }

	t.Run("[LIVE-1] a poke follows the commit and carries nothing", func(t *testing.T) {
		s := watch(t, r, keisha.Token)
		id, v := worker.Create("observations", r.Observation(""))
		applied(t, v)
		s.poked()
		if keisha.Fresh()["observations"][id] == nil {
			t.Fatal("the poke came before the record can be pulled")
		}
		s.quiet()
	})
	t.Run("[LIVE-1] while more is at the writer a poke waits, so that one does for all, and not for ever", func(t *testing.T) {
		later()
		s := watch(t, r, keisha.Token)
		asked, end := looks(r)
		defer end()
		go worker.Create("observations", r.Observation(""))
		for n := 0; ; n++ {
			select {
			case answer := <-asked:
				answer <- true
				continue
			case e := <-s.events:
				rig.Want(t, e, event{"sync", "{}"})
			case <-time.After(10 * time.Second):
				t.Fatal("no poke though it waited long enough")
			}
			if n < 2 {
				t.Fatalf("poked after %d looks", n)
			}
			break
		}
	})
	t.Run("[LIVE-1] while pushes come one after the other the writer may rest between two, and one poke does for all", func(t *testing.T) {
		later()
		s := watch(t, r, keisha.Token)
		asked, end := looks(r)
		defer end()
		go worker.Create("observations", r.Observation(""))
		for n, busy := range []bool{true, true, false, false, true, false, false} {
			select {
			case answer := <-asked:
				answer <- busy
			case <-s.events:
				t.Fatalf("poked after %d looks", n)
			case <-time.After(10 * time.Second):
				t.Fatal("nobody looks")
			}
		}
		for {
			select {
			case answer := <-asked:
				answer <- false
				continue
			case e := <-s.events:
				rig.Want(t, e, event{"sync", "{}"})
			case <-time.After(10 * time.Second):
				t.Fatal("no poke")
			}
			break
		}
	})
	t.Run("[LIVE-1] a person is poked at most once in 250 ms, and what was held back comes then", func(t *testing.T) {
		later()
		s, second := watch(t, r, keisha.Token), watch(t, r, keisha.Token)
		for range 5 {
			worker.Create("observations", r.Observation(""))
		}
		s.poked()
		second.poked() // each screen of a person, in the one round
		s.quiet()
		r.Clock.Add(249 * time.Millisecond)
		s.quiet()
		r.Clock.Add(time.Millisecond)
		s.poked()
		s.quiet()
	})
	t.Run("[LIVE-1] only those are poked who may see something of it", func(t *testing.T) {
		later()
		own, theirs := watch(t, r, worker.Token), watch(t, r, stranger.Token)
		worker.Create("observations", r.Observation(""))
		own.poked()
		theirs.quiet()
	})
	t.Run("[LIVE-1] [R8] a staff report pokes the serving organization and nobody of the hotel", func(t *testing.T) {
		w := newTown(t)
		staff, colleague, boss, keisha := w.staff(), w.staff(), w.Enroll(access.Coordinator, w.hotel), w.coordinator()
		time.Sleep(100 * time.Millisecond) // the pokes of their enrolments are over
		serving := watch(t, w.Rig, keisha.Token)
		hotel := []*stream{watch(t, w.Rig, boss.Token), watch(t, w.Rig, colleague.Token), watch(t, w.Rig, staff.Token)}
		_, v := staff.Create("submissions", w.submission(w.site))
		applied(t, v)
		serving.poked()
		for _, s := range hotel {
			s.quiet()
		}
	})
	t.Run("[LIVE-1] whom to poke is decided from roles and organizations as they are then", func(t *testing.T) {
		later()
		s := watch(t, r, stranger.Token)
		change(t, r, "users", stranger.User.ID, map[string]any{"organization": ngo})
		s.poked() // their own record
		later()
		worker.Create("observations", r.Observation(""))
		s.poked()
		later()
		change(t, r, "users", stranger.User.ID, map[string]any{"role": "provider"})
		s.poked()
		later()
		worker.Create("observations", r.Observation(""))
		s.quiet()
		change(t, r, "users", stranger.User.ID, map[string]any{"role": "coordinator", "organization": other})
	})
	t.Run("[LIVE-1] a write over REST or by the server itself pokes as a push does", func(t *testing.T) {
		later()
		s := watch(t, r, keisha.Token)
		r.Make("sites", map[string]any{"name": "Stop", "venue": "truck_stop", "served_by": ngo})
		s.poked()
		later()
		rig.Want(t, r.Post(worker.Token, "/api/collections/observations/records", r.Observation(""), nil), 200)
		s.poked()
	})
	t.Run("[LIVE-1] the phone of a report that is opened is poked, a colleague's not", func(t *testing.T) {
		id, v := worker.Create("observations", r.Observation(""))
		applied(t, v)
		later()
		s, colleague := watch(t, r, worker.Token), watch(t, r, r.Enroll(access.Worker, ngo).Token)
		later()
		applied(t, keisha.Do(rig.Update("triage", wire.TriageID("observations", id), r.Entries(), map[string]any{"opened": true})))
		s.poked()
		colleague.quiet()
	})
	t.Run("[LIVE-1] a missed poke costs delay and no data", func(t *testing.T) {
		later()
		keisha.Pull()
		id, v := worker.Create("observations", r.Observation("")) // nobody listens
		applied(t, v)
		watch(t, r, keisha.Token).quiet()
		for _, c := range keisha.Pull() {
			if c.ID == id {
				return
			}
		}
		t.Fatal("the pull does not bring it")
	})
}
