package exchange_test

import (
	"encoding/json"
	"testing"

	"github.com/fieldpost/fieldpost/internal/access"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
	"github.com/fieldpost/fieldpost/internal/wire"
)

func TestFirstPath(t *testing.T) {
	t.Run("[PUSH-1] what a worker pushes, a coordinator pulls, with its triage", func(t *testing.T) {
		r := rig.New(t)
		ngo := r.Organization("Outreach")
		hotel := r.Organization("Hotel")
		site := r.Site("Hotel one", hotel, ngo)
		worker := r.Enroll(access.Worker, ngo)
		keisha := r.Enroll(access.Coordinator, ngo)
		id, v := worker.Create("observations", r.Observation(site))
		if v.Verdict != wire.Applied {
			t.Fatalf("%+v", v)
		}
		view := keisha.Fresh()
		var got map[string]any
		if err := json.Unmarshal(view["observations"][id], &got); err != nil {
			t.Fatal(err, view)
		}
		rig.Want(t, got["organization"], ngo)
		rig.Want(t, got["author"], worker.User.ID)
		var triage map[string]any
		if err := json.Unmarshal(view["triage"][wire.TriageID("observations", id)], &triage); err != nil {
			t.Fatal(err)
		}
		rig.Want(t, triage["suggested"], "review")
		own := worker.Fresh()
		if len(own["observations"]) != 1 || len(own["triage"]) != 0 {
			t.Fatal(own)
		}
	})
	t.Run("[MERGE-2] two coordinators change one site, the other value is kept", func(t *testing.T) {
		r := rig.New(t)
		ngo := r.Organization("Outreach")
		a, b := r.Enroll(access.Coordinator, ngo), r.Enroll(access.Coordinator, ngo)
		id, v := a.Create("sites", map[string]any{"name": "Stop", "venue": "truck_stop"})
		if v.Verdict != wire.Applied {
			t.Fatalf("%+v", v)
		}
		r.Clock.Add(1e9)
		va := a.Do(rig.Update("sites", id, v.Seq, map[string]any{"notes": "a"}))
		r.Clock.Add(1e9)
		vb := b.Do(rig.Update("sites", id, v.Seq, map[string]any{"notes": "b"}))
		if va.Verdict != "applied" || vb.Verdict != "applied" || len(vb.Conflicts) != 1 {
			t.Fatalf("%+v %+v", va, vb)
		}
		if n := len(a.Fresh()["conflicts"]); n != 1 {
			t.Fatal(n)
		}
	})
}
