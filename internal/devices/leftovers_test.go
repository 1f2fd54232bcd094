package devices_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/records"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
)

func TestLeftovers(t *testing.T) {
	r := rig.New(t)
	ngo, other, hotel := r.Organization("Outreach"), r.Organization("Other"), r.Organization("Hotel")
	site := r.Site("Hotel one", hotel, ngo)
	keisha, stranger, owner, admin := r.Enroll(access.Coordinator, ngo), r.Enroll(access.Coordinator, other), r.Enroll(access.Coordinator, hotel), r.Enroll(access.Admin, other)
	// leave is a device that was told to wipe itself, left a file behind, and confirmed it.
	leave := func(d *rig.Device, confirms bool) {
		t.Helper()
		if _, err := r.S.Wipe(d.ID, "", "left on a bus", false); err != nil {
			t.Fatal(err)
		}
		if err := r.S.Store.TransactPeople(func(tx *records.People) error {
			one, err := tx.Device(d.ID)
			if err != nil {
				return err
			}
			if _, err := tx.KeepLeftover(d.ID, []byte("a file of "+d.ID), 1<<20); err != nil || !confirms {
				return err
			}
			return tx.Wipe(one, 1)
		}); err != nil {
			t.Fatal(err)
		}
	}
	files := func(by *rig.Device) (n int) {
		t.Helper()
		var a map[string]any
		if status := r.Send(http.MethodGet, by.Token, "/api/fieldpost/leftovers", nil, &a); status != http.StatusOK {
			t.Fatal(status)
		}
		if len(a) != 1 {
			t.Errorf("[R9] more than a count is told: %v", a)
		}
		return int(a["files"].(float64))
	}

	t.Run("[ACCESS] [DEV-3] what a wiped device left is for coordinators of who looks after it and for admins; to nobody else it is there", func(t *testing.T) {
		leave(r.Enroll(access.Worker, ngo), true)
		for by, want := range map[*rig.Device]int{keisha: 1, admin: 1, stranger: 0, owner: 0} {
			if n := files(by); n != want {
				t.Errorf("%s: %d files, want %d", by.User.Role, n, want)
			}
		}
		for _, role := range []access.Role{access.Worker, access.Manager, access.LawEnforcement, access.Provider} {
			d := r.Enroll(role, ngo, site)
			for method, path := range map[string]string{http.MethodGet: "/api/fieldpost/leftovers", http.MethodPost: "/api/fieldpost/leftovers/take"} {
				if status := r.Send(method, d.Token, path, map[string]any{}, nil); status != http.StatusForbidden {
					t.Errorf("%s %s: %d", role, path, status)
				}
			}
		}
	})
	t.Run("[R9] what a device of staff left is there from the day after its wipe on, and not at the hour at which it came", func(t *testing.T) {
		before := files(keisha)
		leave(r.Enroll(access.Staff, hotel, site), true)
		leave(r.Enroll(access.Staff, hotel, site), false)
		if n := files(keisha); n != before {
			t.Errorf("%d files on the day itself, want %d", n, before)
		}
		r.Clock.Add(24 * time.Hour)
		if n := files(keisha); n != before+1 {
			t.Errorf("%d files on the day after, want %d: one has not confirmed", n, before+1)
		}
		if n := files(owner); n != 0 {
			t.Errorf("the owner of the site is told of %d", n)
		}
	})
}
