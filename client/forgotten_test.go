package client_test

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/fieldpost/fieldpost/client"
	"github.com/fieldpost/fieldpost/internal/access"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
)

// A server that was restored to before it knew a device has forgotten it.
func TestForgottenDevice(t *testing.T) {
	// forgotten is a phone that has one report received, and one waiting, and
	// whose server is back at before it was enrolled.
	forgotten := func(t *testing.T, role access.Role) (r *rig.Rig, ngo, invite string, rosa *client.Device) {
		t.Helper()
		r = rig.New(t)
		ngo = r.Organization("Outreach")
		invite = r.Invite(role, ngo, 1)
		file := backedUp(t, r)
		d, err := client.Open(filepath.Join(t.TempDir(), "device.db"), client.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { d.Close() })
		if _, err := d.Enroll(t.Context(), r.URL, invite, "phone"); err != nil {
			t.Fatal(err)
		}
		saw(t, d, "r1")
		saw(t, d, "r2")
		mustSync(t, d)
		restored(t, r, file, d)
		saw(t, d, "r3")
		return r, ngo, invite, d
	}
	t.Run("[EPOCH-3] [ENROL-1] a restored server that does not know a phone says so in words; enrolled again, it brings back everything, once, in order", func(t *testing.T) {
		for _, same := range []bool{false, true} {
			r, ngo, invite, rosa := forgotten(t, access.Worker)
			before := status(t, rosa)
			_, err := rosa.Sync(t.Context())
			if e := client.Explain(err); !errors.Is(err, client.ErrRefused) || !strings.Contains(e.Message, "does not know this device") || !strings.Contains(e.Hint, "new invite") {
				t.Fatalf("%v; %+v", err, e)
			}
			want(t, "waiting", status(t, rosa).Waiting, 1)
			if !same { // than the one it was enrolled with at first
				invite = r.Invite(access.Worker, ngo, 1)
			}
			if _, err := rosa.Enroll(t.Context(), r.URL, invite, "phone"); err != nil {
				t.Fatal(err)
			}
			want(t, "the same device", status(t, rosa).Device, before.Device)
			want(t, "received and waiting until it syncs", status(t, rosa).Waiting, 3)
			want(t, "sent", settled(t, rosa), 3)
			want(t, "in the order of making", arrivedIn(t, r), "r1 r2 r3")
			if s := status(t, rosa); s.Received != 3 || s.Problem != nil {
				t.Errorf("%+v", s)
			}
			mine, err := rosa.Records("observations")
			if err != nil || len(mine) != 3 {
				t.Errorf("%d shown, %v", len(mine), err)
			}
			if _, err := rosa.Enroll(t.Context(), r.URL, invite, "phone"); err != nil {
				t.Fatal(err)
			}
			want(t, "sent after enrolling once more", settled(t, rosa), 0)
		}
	})
	t.Run("[R12] an invite for another role makes no other person of a store: nothing is sent as that one, also not later", func(t *testing.T) {
		r, ngo, _, rosa := forgotten(t, access.Worker)
		_, err := rosa.Enroll(t.Context(), r.URL, r.Invite(access.Coordinator, ngo, 1), "phone")
		if client.Explain(err).Code != "another_person" {
			t.Fatalf("%v", err)
		}
		if _, err := rosa.Sync(t.Context()); client.Explain(err).Code != "another_person" {
			t.Fatalf("%v", err)
		}
		want(t, "on the server", notesOn(t, r), "")
		if s := status(t, rosa); s.Waiting != 1 || s.Received != 2 || s.Person.Role != "worker" {
			t.Errorf("%+v", s)
		}
	})
	t.Run("[EPOCH-3] [PUSH-3] a copy whose new id the restored server does not know is announced again by its ancestor's key, and everything is back, once", func(t *testing.T) {
		r := rig.New(t)
		one, two := twins(t, r, r.Organization("Outreach"))
		saw(t, one, "a1")
		saw(t, two, "b1")
		mustSync(t, one)
		file := backedUp(t, r)
		if report := mustSync(t, two); !report.Push.Forked {
			t.Fatalf("%+v", report.Push)
		}
		saw(t, two, "b2")
		mustSync(t, two)
		id := status(t, two).Device
		restored(t, r, file, one, two)
		saw(t, two, "b3")
		want(t, "sent", settled(t, two) >= 3, true)
		settled(t, one)
		want(t, "the same id", status(t, two).Device, id)
		want(t, "in the order of making", arrivedIn(t, r), "a1 b1 b2 b3")
		want(t, "sent again", settled(t, two)+settled(t, one), 0)
	})
	t.Run("[EPOCH-3] [PUSH-3] a copy of a copy, of which the restored server knows none: enrolled again, all its ids are known and everything is back, once", func(t *testing.T) {
		r := rig.New(t)
		ngo := r.Organization("Outreach")
		file := backedUp(t, r)
		one, two := twins(t, r, ngo)
		saw(t, one, "a1")
		saw(t, two, "b1")
		mustSync(t, one)
		mustSync(t, two)
		saw(t, two, "b2")
		mustSync(t, two)
		lineage := status(t, two).Lineage
		restored(t, r, file, one, two)
		saw(t, two, "b3")
		if _, err := two.Sync(t.Context()); !errors.Is(err, client.ErrRefused) {
			t.Fatal(err)
		}
		invite := r.Invite(access.Worker, ngo, 1)
		if _, err := two.Enroll(t.Context(), r.URL, invite, "phone"); err != nil {
			t.Fatal(err)
		}
		settled(t, two)
		if !slices.Equal(status(t, two).Lineage, lineage) {
			t.Errorf("%v", status(t, two).Lineage)
		}
		// The first one has the id that the other one was enrolled by.
		if _, err := one.Sync(t.Context()); client.Explain(err).Code != "another_person" {
			t.Fatal(err)
		}
		if _, err := one.Enroll(t.Context(), r.URL, invite, "phone"); err != nil {
			t.Fatal(err)
		}
		settled(t, one)
		got := strings.Fields(notesOn(t, r))
		if !slices.Equal(got, []string{"a1", "b1", "b2", "b3"}) {
			t.Errorf("on the server: %v", got)
		}
		want(t, "sent again", settled(t, two)+settled(t, one), 0)
	})
	t.Run("[EPOCH-3] after a rewind what was acknowledged goes before what is new, also where both change one field", func(t *testing.T) {
		r := rig.New(t)
		keisha := device(t, r, access.Coordinator, r.Organization("Outreach"))
		made, err := keisha.Do(client.Op{Op: "create", Collection: "sites", Fields: map[string]any{"name": "Stop", "venue": "truck_stop"}})
		if err != nil {
			t.Fatal(err)
		}
		mustSync(t, keisha)
		file := backedUp(t, r)
		note := func(text string) {
			t.Helper()
			if _, err := keisha.Do(client.Op{Op: "update", Collection: "sites", ID: made.IDs[0], Fields: map[string]any{"notes": text}}); err != nil {
				t.Fatal(err)
			}
		}
		note("older")
		mustSync(t, keisha)
		restored(t, r, file, keisha)
		note("newer")
		mustSync(t, keisha)
		rec, _, err := keisha.Record("sites", made.IDs[0])
		if err != nil || rec.Text("notes") != "newer" {
			t.Errorf("%v %v", rec.Text("notes"), err)
		}
	})
}

func status(t *testing.T, d *client.Device) client.Status {
	t.Helper()
	s, err := d.Status()
	if err != nil {
		t.Fatal(err)
	}
	return s
}
