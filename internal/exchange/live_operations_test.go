package exchange_test

import (
	"testing"
	"time"

	"github.com/fieldpost/fieldpost/internal/access"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
)

func TestOperationPokes(t *testing.T) {
	t.Parallel() // it mostly waits
	r := rig.New(t)
	ngo, other := r.Organization("Outreach"), r.Organization("Other")
	keisha := r.Enroll(access.Coordinator, ngo)
	guest, stranger, worker := r.Enroll(access.Coordinator, other), r.Enroll(access.Coordinator, r.Organization("Third")), r.Enroll(access.Worker, ngo)
	begins := r.Clock.Now().UTC().Truncate(time.Second).Add(time.Hour)
	ends := begins.Add(time.Hour)
	at := func(t time.Time) { r.Clock.Add(t.Sub(r.Clock.Now())) }
	operation, v := keisha.Create("operations", map[string]any{"name": "Weekend", "begins": begins.Format(time.RFC3339), "ends": ends.Format(time.RFC3339), "organizations": []any{other}})
	applied(t, v)
	for _, d := range []*rig.Device{guest, worker} {
		_, v = keisha.Create("rosters", map[string]any{"operation": operation, "person": d.User.ID, "role": "triage"})
		applied(t, v)
	}
	on := func(d *rig.Device) int {
		t.Helper()
		user, err := r.App.FindRecordById("users", d.User.ID)
		if err != nil {
			t.Fatal(err)
		}
		return len(user.GetStringSlice("operations"))
	}
	at(begins.Add(-time.Minute))
	time.Sleep(600 * time.Millisecond) // the pokes of what was made are over

	t.Run("[OPS-4] [LIVE-1] who is on it is poked when it begins and at the second it ends, though nobody asks anything; nobody else is", func(t *testing.T) {
		theirs, none := watch(t, r, guest.Token), watch(t, r, stranger.Token)
		at(begins.Add(-time.Millisecond))
		theirs.quiet()
		rig.Want(t, on(guest), 0)
		at(begins)
		theirs.poked()
		rig.Want(t, on(guest), 1)
		at(ends.Add(-time.Millisecond))
		theirs.quiet()
		at(ends)
		theirs.poked()
		rig.Want(t, on(guest), 0)
		none.quiet()
	})
	t.Run("[OPS-3] [OPS-4] a worker is on it from the roster until the end, and is poked then", func(t *testing.T) {
		rig.Want(t, on(worker), 0)
		next := ends.Add(time.Hour)
		v := keisha.Do(rig.Update("operations", operation, r.Entries(), map[string]any{"begins": next.Format(time.RFC3339), "ends": next.Add(time.Hour).Format(time.RFC3339)}))
		applied(t, v)
		rig.Want(t, []int{on(worker), on(guest)}, []int{1, 0})
		at(next.Add(time.Hour - time.Second))
		time.Sleep(600 * time.Millisecond) // the turn of its begin is over
		s := watch(t, r, worker.Token)
		at(next.Add(time.Hour))
		s.poked()
		rig.Want(t, on(worker), 0)
	})
}
