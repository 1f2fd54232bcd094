package records_test

import (
	"errors"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pocketbase/dbx"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/records"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
	"github.com/fieldpost/fieldpost/internal/wire"
	"github.com/fieldpost/fieldpost/internal/wiring"
)

func TestAbsent(t *testing.T) {
	r := rig.New(t)
	ngo := r.Organization("Outreach")
	site := r.Site("Stop", r.Organization("Owner"), ngo)
	rosa := r.Enroll(access.Worker, ngo)
	invite := r.Invite(access.Worker, ngo, 5)
	exec := func(sql string) {
		t.Helper()
		if _, err := r.App.NonconcurrentDB().NewQuery(sql).Execute(); err != nil {
			t.Fatal(err)
		}
	}
	// lost does something while a table can't be read.
	lost := func(t *testing.T, table string, fn func()) {
		t.Helper()
		exec("ALTER TABLE " + table + " RENAME TO away")
		defer exec("ALTER TABLE away RENAME TO " + table)
		fn()
	}
	inside := func(fn func(tx *records.Tx) error) error { return r.S.Store.Transact(fn) }
	notAbsent := func(t *testing.T, what string, err error) {
		t.Helper()
		var refused *records.Refusal
		if err == nil || errors.As(err, &refused) || !strings.Contains(err.Error(), "no such table") {
			t.Errorf("%s: %v", what, err)
		}
	}

	t.Run("[ENROL-3] a device that can't be looked up is not one that is unknown", func(t *testing.T) {
		if d, err := r.S.Store.FindDevice(rig.ID()); d != nil || err != nil {
			t.Fatalf("unknown: %v %v", d, err)
		}
		lost(t, "devices", func() {
			_, err := r.S.Store.FindDevice(rosa.ID)
			notAbsent(t, "device", err)
			var e wire.ErrorBody
			if status := r.Post(rosa.Token, "/api/sync/pull", map[string]any{"protocol": 1, "schema": 1, "device": rosa.ID}, &e); status != http.StatusInternalServerError || e.Retry != "later" {
				t.Errorf("pull: %d %+v", status, e)
			}
			if status := r.Post("", "/api/sync/challenge", map[string]any{"device": rosa.ID}, &e); status == http.StatusForbidden || status == http.StatusUnauthorized {
				t.Errorf("challenge: %d %+v", status, e)
			}
		})
		r.T = t
		_, v := rosa.Create("observations", r.Observation(site))
		rig.Want(t, v.Verdict, wire.Applied)
	})

	t.Run("[PUSH-7] a record that can't be looked up is not one that is not there", func(t *testing.T) {
		lost(t, "sites", func() {
			err := inside(func(tx *records.Tx) error { _, err := tx.Exists("sites", site); return err })
			notAbsent(t, "exists", err)
			err = inside(func(tx *records.Tx) error { _, err := tx.Find("sites", site); return err })
			notAbsent(t, "find", err)
			err = inside(func(tx *records.Tx) error {
				_, err := tx.OrganizationFor(access.Person{Role: access.Worker, Organization: ngo}, site)
				return err
			})
			notAbsent(t, "organization", err)
			err = inside(func(tx *records.Tx) error {
				w := r.S.Store.System()
				w.Person = &access.Person{ID: rosa.User.ID, Role: access.Worker, Organization: ngo}
				_, err := tx.Create(w, "observations", rig.ID(), r.Observation(site))
				return err
			})
			notAbsent(t, "report", err)
		})
		if err := inside(func(tx *records.Tx) error {
			if here, err := tx.Exists("sites", rig.ID()); here || err != nil {
				t.Errorf("exists: %v %v", here, err)
			}
			if row, err := tx.Find("sites", rig.ID()); row != nil || err != nil {
				t.Errorf("find: %v %v", row, err)
			}
			if here, err := tx.Exists("sites", site); !here || err != nil {
				t.Errorf("exists: %v %v", here, err)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	})

	t.Run("[ENROL-2] an invite that can't be looked up is not one that is unknown", func(t *testing.T) {
		lost(t, "invites", func() {
			var e wire.ErrorBody
			d := r.NewDevice()
			status := r.Post("", "/api/sync/enroll", wire.EnrollRequest{Invite: invite, Device: wire.EnrollDevice{ID: d.ID, Name: "x", Platform: "x", Key: d.JWK()}}, &e)
			if status != http.StatusInternalServerError || e.Retry != "later" {
				t.Errorf("%d %+v", status, e)
			}
		})
		r.T = t
		r.NewDevice().Enroll(invite)
	})
}

func TestPeopleAbsent(t *testing.T) {
	r := rig.New(t)
	ngo, hotel := r.Organization("Outreach"), r.Organization("Hotel")
	site, alone := r.Site("Hotel one", hotel, ngo), r.Site("Hotel two", hotel, "")
	rename := func(from, to string) {
		t.Helper()
		if _, err := r.App.NonconcurrentDB().NewQuery("ALTER TABLE " + from + " RENAME TO " + to).Execute(); err != nil {
			t.Fatal(err)
		}
	}
	lost := func(table string, fn func(tx *records.People) error) error {
		t.Helper()
		rename(table, "away")
		defer rename("away", table)
		return r.S.Store.TransactPeople(fn)
	}
	noTable := func(err error) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), "no such table") {
			t.Errorf("%v", err)
		}
	}
	t.Run("[ENROL-1] a site that can't be looked up is not one that nobody serves", func(t *testing.T) {
		for _, c := range []struct {
			sites []string
			want  bool
		}{{[]string{site}, true}, {[]string{site, alone}, false}, {[]string{rig.ID()}, false}, {nil, false}} {
			err := r.S.Store.TransactPeople(func(tx *records.People) error {
				served, err := tx.Served(c.sites)
				if served != c.want {
					t.Errorf("%v: %v", c.sites, served)
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		invite := r.Invite(access.Staff, hotel, 1, site)
		noTable(lost("sites", func(tx *records.People) error { _, err := tx.Served([]string{site}); return err }))
		r.NewDevice().Enroll(invite)
	})
	t.Run("[HOUSE] who reads, is overtaken by another process and then writes begins anew", func(t *testing.T) {
		other, err := wiring.DBConnect(filepath.Join(r.Dir, "data.db"))
		if err != nil {
			t.Fatal(err)
		}
		defer other.Close()
		tries := 0
		err = r.S.Store.TransactPeople(func(tx *records.People) error {
			tries++
			if _, err := tx.Served([]string{site}); err != nil {
				return err
			}
			if tries == 1 {
				if _, err := other.NewQuery("UPDATE sites SET notes = 'overtaken' WHERE id = {:id}").Bind(dbx.Params{"id": site}).Execute(); err != nil {
					t.Fatal(err)
				}
			}
			_, err := tx.FindOrMake("organizations", "Overtaken", map[string]any{"name": "Overtaken", "type": "business"})
			return err
		})
		if err != nil || tries != 2 {
			t.Errorf("%d tries: %v", tries, err)
		}
	})
	t.Run("[HOUSE] an organization that can't be looked up is not made a second time", func(t *testing.T) {
		find := func(tx *records.People) error {
			id, err := tx.FindOrMake("organizations", "Outreach", nil)
			if err == nil && id != ngo {
				t.Errorf("another one was made: %s", id)
			}
			return err
		}
		noTable(lost("organizations", find))
		if err := r.S.Store.TransactPeople(find); err != nil {
			t.Fatal(err)
		}
	})
}

// exists and found are Exists and Find where the database can be read.
func exists(t *testing.T, tx *records.Tx, collection, id string) bool {
	t.Helper()
	here, err := tx.Exists(collection, id)
	if err != nil {
		t.Error(err)
	}
	return here
}

func found(t *testing.T, tx *records.Tx, collection, id string) *records.Row {
	t.Helper()
	row, err := tx.Find(collection, id)
	if err != nil {
		t.Error(err)
	}
	return row
}
