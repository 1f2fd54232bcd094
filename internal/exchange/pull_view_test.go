package exchange_test

import (
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/fieldpost/fieldpost/internal/access"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// one pulls to the end and gives what came of a record: exactly one change.
func one(t testing.TB, d *rig.Device, collection, id string) wire.Change {
	t.Helper()
	found := changed(pages(t, d, 500), collection, id)
	if len(found) != 1 {
		t.Fatalf("%s %s: %d changes, want one", collection, id, len(found))
	}
	return found[0]
}

// none fails when anything comes of a record.
func none(t testing.TB, d *rig.Device, collection, id string) {
	t.Helper()
	if found := changed(pages(t, d, 500), collection, id); len(found) > 0 {
		t.Fatalf("%+v", found)
	}
}

func TestLeavingAndEntering(t *testing.T) {
	w := newTown(t)
	other := w.Organization("Other outreach")
	worker, keisha := w.worker(), w.coordinator()
	theirWorker, theirs := w.Enroll(access.Worker, other), w.Enroll(access.Coordinator, other)
	staff := w.staff()
	catchUp := func() {
		for _, d := range []*rig.Device{worker, keisha, theirWorker, theirs, staff} {
			d.Pull()
		}
	}
	t.Run("[PULL-3] a site that another organization serves leaves one side's view and enters the other's", func(t *testing.T) {
		old, v := keisha.Create("sites", map[string]any{"name": "Old stop", "venue": "truck_stop"})
		applied(t, v)
		for range 5 { // others come after it
			worker.Create("observations", w.Observation(""))
		}
		catchUp()
		change(t, w.Rig, "sites", old, map[string]any{"served_by": other})
		for _, d := range []*rig.Device{worker, keisha} {
			if c := one(t, d, "sites", old); !isGone(c) {
				t.Errorf("%s still comes: %s", d.User.Role, c.Record)
			}
		}
		for _, d := range []*rig.Device{theirWorker, theirs} {
			if c := one(t, d, "sites", old); isGone(c) {
				t.Errorf("it did not come to the new %s", d.User.Role)
			}
		}
		catchUp()
		none(t, keisha, "sites", old)
	})
	t.Run("[PULL-3] with a site its staff, their devices and its conflicts change hands", func(t *testing.T) {
		base := w.Entries()
		applied(t, keisha.Do(rig.Update("sites", w.site, base, map[string]any{"notes": "a"})))
		v := w.coordinator().Do(rig.Update("sites", w.site, base, map[string]any{"notes": "b"}))
		conflict := v.Conflicts[0].Conflict
		catchUp()
		change(t, w.Rig, "sites", w.site, map[string]any{"served_by": other})
		left, came := pages(t, keisha, 500), pages(t, theirs, 500)
		for collection, id := range map[string]string{"users": staff.User.ID, "devices": staff.ID, "conflicts": conflict} {
			if l := changed(left, collection, id); len(l) != 1 || !isGone(l[0]) {
				t.Errorf("%s did not leave: %+v", collection, l)
			}
			if c := changed(came, collection, id); len(c) != 1 || isGone(c[0]) {
				t.Errorf("%s did not come: %+v", collection, c)
			}
		}
		if c := one(t, staff, "sites", w.site); isGone(c) {
			t.Error("the staff lost their site")
		}
		change(t, w.Rig, "sites", w.site, map[string]any{"served_by": w.ngo})
	})
	t.Run("[PULL-3] a report that moves takes triage and addenda along, however old they are", func(t *testing.T) {
		report, v := staff.Create("submissions", w.submission(w.site))
		applied(t, v)
		addendum, v := staff.Create("addenda", map[string]any{"submission": report, "text": "more"})
		applied(t, v)
		for range 5 {
			theirWorker.Create("observations", w.Observation(""))
		}
		catchUp()
		change(t, w.Rig, "submissions", report, map[string]any{"organization": other})
		left, came := pages(t, keisha, 500), pages(t, theirs, 500)
		for collection, id := range map[string]string{"submissions": report, "addenda": addendum, "triage": wire.TriageID("submissions", report)} {
			if l := changed(left, collection, id); len(l) != 1 || !isGone(l[0]) {
				t.Errorf("%s did not leave: %+v", collection, l)
			}
			if c := changed(came, collection, id); len(c) != 1 || isGone(c[0]) {
				t.Errorf("%s did not come: %+v", collection, c)
			}
		}
	})
	t.Run("[PULL-3] a person who changes organization loses the one view and gains the other", func(t *testing.T) {
		mine, v := worker.Create("observations", w.Observation(""))
		applied(t, v)
		early, v := theirWorker.Create("observations", w.Observation(""))
		applied(t, v)
		moving := w.coordinator()
		moving.Pull()
		catchUp()
		change(t, w.Rig, "users", moving.User.ID, map[string]any{"organization": other})
		list := pages(t, moving, 3)
		if !list[0].Reset || list[0].Rewound {
			t.Fatalf("%+v", list[0])
		}
		if len(changed(list, "observations", mine)) > 0 || len(changed(list, "observations", early)) != 1 {
			t.Fatal("the view is not that of the new organization")
		}
		if c := one(t, keisha, "users", moving.User.ID); !isGone(c) {
			t.Error("the old organization still has the person")
		}
		if c := one(t, theirs, "users", moving.User.ID); isGone(c) {
			t.Error("the new organization does not get the person")
		}
	})
	t.Run("[PULL-3] a record that is seen for two reasons stays when one of them ends", func(t *testing.T) {
		colleague := w.coordinator()
		colleague.Pull()
		catchUp()
		// Her device is hers, and it is her organization's.
		change(t, w.Rig, "devices", keisha.ID, map[string]any{"organization": other})
		if c := one(t, keisha, "devices", keisha.ID); isGone(c) {
			t.Error("she lost her own device")
		}
		if c := one(t, colleague, "devices", keisha.ID); !isGone(c) {
			t.Error("the organization still has it")
		}
		change(t, w.Rig, "devices", keisha.ID, map[string]any{"organization": w.ngo})
	})
	t.Run("[PULL-3] what is deleted comes as gone, once", func(t *testing.T) {
		id, v := keisha.Create("sites", map[string]any{"name": "Spare", "venue": "hotel"})
		applied(t, v)
		catchUp()
		applied(t, keisha.Do(rig.Delete("sites", id, v.Seq)))
		if c := one(t, worker, "sites", id); !isGone(c) {
			t.Error(string(c.Record))
		}
		none(t, worker, "sites", id)
	})
	t.Run("[PULL-3] what leaves and comes back between two pulls comes as it is", func(t *testing.T) {
		id, v := keisha.Create("sites", map[string]any{"name": "Back", "venue": "hotel"})
		applied(t, v)
		catchUp()
		change(t, w.Rig, "sites", id, map[string]any{"served_by": other})
		change(t, w.Rig, "sites", id, map[string]any{"served_by": w.ngo, "notes": "back"})
		if c := one(t, worker, "sites", id); isGone(c) {
			t.Error("it is gone")
		}
		if c := one(t, theirWorker, "sites", id); !isGone(c) {
			t.Error("it stayed where it was for a moment")
		}
	})
	t.Run("[PULL-3] what left comes as gone even if it changes elsewhere while the page is made", func(t *testing.T) {
		id, v := keisha.Create("sites", map[string]any{"name": "Race", "venue": "hotel"})
		applied(t, v)
		catchUp()
		change(t, w.Rig, "sites", id, map[string]any{"served_by": other})
		// A pull asks the time once it has read how far history goes: then the
		// new organization changes the site once more.
		meddled := false
		now := w.S.Exchange.Now
		w.S.Exchange.Now = func() time.Time {
			if !meddled && calledFrom("exchange.(*Service).start") {
				meddled = true
				change(t, w.Rig, "sites", id, map[string]any{"notes": "theirs"})
			}
			return now()
		}
		first := keisha.Page(nil)
		if !meddled {
			t.Fatal("nothing happened in between")
		}
		found := changed(append(pages(t, keisha, 500), first), "sites", id)
		if len(found) != 1 || !isGone(found[0]) {
			t.Fatalf("%+v", found)
		}
	})
}

// calledFrom tells whether a function is among those that called the caller.
func calledFrom(function string) bool {
	pcs := make([]uintptr, 32)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs)])
	for {
		frame, more := frames.Next()
		if strings.HasSuffix(frame.Function, function) {
			return true
		}
		if !more {
			return false
		}
	}
}
