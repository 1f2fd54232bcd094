package client_test

import (
	"fmt"
	"testing"

	"github.com/fieldpost/fieldpost/client"
	"github.com/fieldpost/fieldpost/internal/access"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
)

// TestCheckAgainstTheServer breaks the real server's feed, which pulls are made
// from, and lets the device find out.
func TestCheckAgainstTheServer(t *testing.T) {
	r := rig.New(t)
	ngo := r.Organization("Outreach")
	keisha := device(t, r, access.Coordinator, ngo)
	var sites []string
	for i := range 3 {
		sites = append(sites, r.Make("sites", map[string]any{"name": fmt.Sprint("Stop ", i), "venue": "truck_stop", "served_by": ngo}))
	}
	mustSync(t, keisha)
	held := func() int {
		t.Helper()
		all, err := keisha.Confirmed("sites")
		if err != nil {
			t.Fatal(err)
		}
		return len(all)
	}
	forget := func(id string) {
		t.Helper()
		if _, err := r.App.NonconcurrentDB().NewQuery("DELETE FROM journal_feed WHERE record = '" + id + "'").Execute(); err != nil {
			t.Fatal(err)
		}
	}
	check := func() *client.CheckReport {
		t.Helper()
		report, err := keisha.CheckView(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return report.Check
	}

	t.Run("[PULL-8] all agrees, and a check costs no full view", func(t *testing.T) {
		rig.Want(t, *check(), client.CheckReport{Agrees: true})
	})

	t.Run("[PULL-8] a record that went while the feed lost the trace stays, until a check takes it away", func(t *testing.T) {
		record, err := r.App.FindRecordById("sites", sites[0])
		if err != nil {
			t.Fatal(err)
		}
		if err := r.App.Delete(record); err != nil {
			t.Fatal(err)
		}
		forget(sites[0])
		for range 3 { // the control
			mustSync(t, keisha)
		}
		rig.Want(t, held(), 3)
		rig.Want(t, *check(), client.CheckReport{Agrees: true, Differed: []string{"sites"}, Resets: 1})
		rig.Want(t, held(), 2)
	})

	t.Run("[PULL-8] a record that came while the feed lost its row is missing, until a check brings it", func(t *testing.T) {
		forget(r.Make("sites", map[string]any{"name": "Lost stop", "venue": "truck_stop", "served_by": ngo}))
		for range 3 { // the control
			mustSync(t, keisha)
		}
		rig.Want(t, held(), 2)
		rig.Want(t, *check(), client.CheckReport{Agrees: true, Differed: []string{"sites"}, Resets: 1})
		rig.Want(t, held(), 3)
		rig.Want(t, *check(), client.CheckReport{Agrees: true})
	})
}
