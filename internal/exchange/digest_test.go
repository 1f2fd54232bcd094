package exchange_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/fieldpost/fieldpost/internal/access"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// pulled is what a device holds after pulls: versions by collection and id.
type pulled map[string]map[string]int64

func (h pulled) take(changes []wire.Change) {
	for _, c := range changes {
		if h[c.Collection] == nil {
			h[c.Collection] = map[string]int64{}
		}
		if isGone(c) {
			delete(h[c.Collection], c.ID)
		} else {
			h[c.Collection][c.ID] = c.Seq
		}
	}
}

// digests are those of what is held.
func (h pulled) digests() map[string]wire.Digest {
	out := map[string]wire.Digest{}
	for collection, versions := range h {
		var s wire.Summer
		for id, seq := range versions {
			s.Add(id, seq)
		}
		if len(versions) > 0 {
			out[collection] = s.Digest()
		}
	}
	return out
}

func TestDigests(t *testing.T) {
	w := newTown(t)
	worker, keisha := w.worker(), w.coordinator()
	manager := w.Enroll(access.Manager, w.hotel, w.site)
	for range 9 {
		worker.Create("observations", w.Observation(""))
	}

	t.Run("[PULL-8] the last page alone carries digests, of what came with all pages", func(t *testing.T) {
		w.on(t)
		h := pulled{}
		var last *wire.PullAnswer
		keisha.Cursor = nil
		for n := range 100 {
			last = keisha.Page(map[string]any{"limit": 4, "digests": true})
			h.take(last.Changes)
			if !last.More {
				if n < 3 {
					t.Fatalf("%d pages are too few to tell", n+1)
				}
				break
			}
			if last.Digests != nil {
				t.Fatalf("page %d has digests and is not the last", n)
			}
		}
		rig.Want(t, last.Digests, h.digests())
		rig.Want(t, last.Digests["observations"].Count, 9)
		if _, there := last.Digests["addenda"]; there {
			t.Error("a collection that is empty has a digest")
		}
		rig.Want(t, keisha.Page(map[string]any{"digests": true}).Digests, h.digests())
	})

	t.Run("[PULL-8] who does not ask for digests gets none", func(t *testing.T) {
		w.on(t)
		if p := keisha.Page(nil); p.Digests != nil {
			t.Errorf("%+v", p.Digests)
		}
	})

	t.Run("[PULL-8] a role without reports has digests of what it sees, and of no report", func(t *testing.T) {
		w.on(t)
		h, page := pulled{}, manager.Page(map[string]any{"digests": true})
		h.take(page.Changes)
		rig.Want(t, page.Digests, h.digests())
		rig.Want(t, page.Digests["sites"].Count, 1)
		for _, name := range []string{"observations", "submissions", "triage", "addenda"} {
			if d, there := page.Digests[name]; there {
				t.Errorf("%s: %+v", name, d)
			}
		}
	})

	t.Run("[PULL-8] a pull that asks for digests is not held when nothing is new", func(t *testing.T) {
		w.on(t)
		began := time.Now()
		if p := keisha.Page(map[string]any{"digests": true, "wait": 20}); p.Digests == nil {
			t.Error("no digests")
		}
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("it was held for %s", took)
		}
	})

	t.Run("[PULL-8] the digests are by the list rule: what the feed has lost is in them, and a full view that checks brings it back", func(t *testing.T) {
		w.on(t)
		id, v := worker.Create("observations", w.Observation(""))
		applied(t, v)
		w.exec("DELETE FROM journal_feed WHERE record = '" + id + "'")
		page := keisha.Page(map[string]any{"digests": true})
		if len(changed([]*wire.PullAnswer{page}, "observations", id)) > 0 {
			t.Fatal("it came: the test shows nothing")
		}
		rig.Want(t, page.Digests["observations"].Count, 10)
		// The control: a full view from the feed alone does not bring it back.
		if len(changed(fresh(t, keisha, 5), "observations", id)) > 0 {
			t.Error("a full view without digests brings it: the control shows nothing")
		}
		h := pulled{}
		keisha.Cursor = nil
		for more := true; more; {
			page = keisha.Page(map[string]any{"limit": 5, "digests": true})
			h.take(page.Changes)
			more = page.More
		}
		rig.Want(t, page.Digests, h.digests())
		rig.Want(t, h["observations"][id], v.Seq-1) // the triage record has the mutation's last entry
	})

	t.Run("[PULL-8] a row that the journal has never heard of makes a difference that is seen", func(t *testing.T) {
		w.on(t)
		before := keisha.Page(map[string]any{"digests": true}).Digests["checklists"]
		w.exec("INSERT INTO checklists (id, key, published) VALUES ('smuggled0000001', 'smuggled', true)")
		after := keisha.Page(map[string]any{"digests": true}).Digests["checklists"]
		rig.Want(t, after.Count, before.Count+1)
	})
}

// TestDigestsWhileOthersWrite pulls small pages with digests while records
// come, change hands and go. Whatever lies between two reads of one page would
// be a difference that is none, and cost every phone a full view.
func TestDigestsWhileOthersWrite(t *testing.T) {
	w := newTown(t)
	other := w.Organization("Other outreach")
	keisha, worker := w.coordinator(), w.worker()
	stop := make(chan struct{})
	var writing sync.WaitGroup
	writing.Go(func() {
		for n := 0; ; n++ {
			select {
			case <-stop:
				return
			default:
			}
			worker.Create("observations", w.Observation(""))
			site := w.Make("sites", map[string]any{"name": fmt.Sprint("Stop ", n), "venue": "truck_stop", "served_by": w.ngo})
			change(t, w.Rig, "sites", site, map[string]any{"notes": "changed", "served_by": []string{w.ngo, other}[n%2]})
		}
	})
	t.Run("[PULL-8] [INV-10] a write between two pages or in the middle of one is no difference", func(t *testing.T) {
		h, ends, until := pulled{}, 0, time.Now().Add(3*time.Second)
		for time.Now().Before(until) || ends < 20 {
			page := keisha.Page(map[string]any{"limit": 3, "digests": true})
			h.take(page.Changes)
			if page.More {
				continue
			}
			ends++
			rig.Want(t, page.Digests, h.digests())
		}
		if len(h["sites"]) < 10 || len(h["observations"]) < 10 {
			t.Errorf("%d sites and %d observations: too little was written to tell", len(h["sites"]), len(h["observations"]))
		}
	})
	close(stop)
	writing.Wait()
}
