package exchange_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/hlc"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
	"github.com/fieldpost/fieldpost/internal/wire"
)

func TestOrderBehindWhatWaits(t *testing.T) {
	t.Run("[PUSH-5] [PUSH-7] [MERGE-3] a change waits with an earlier one of the same record that waits for something else", func(t *testing.T) {
		r := rig.New(t)
		ngo := r.Organization("Outreach")
		a := r.Enroll(access.Coordinator, ngo)
		site, made := a.Create("sites", map[string]any{"name": "Stop", "venue": "truck_stop"})
		other, there := a.Create("sites", map[string]any{"name": "Other", "venue": "truck_stop"})
		report := rig.ID()
		first := a.Mutation(rig.Update("sites", site, made.Seq, map[string]any{"notes": "first"}),
			rig.Create("addenda", rig.ID(), map[string]any{"observation": report, "text": "on what has not come"}))
		r.Clock.Add(1e9)
		second := a.Mutation(rig.Update("sites", site, made.Seq, map[string]any{"notes": "second"}))
		beside := a.Mutation(rig.Update("sites", other, there.Seq, map[string]any{"notes": "beside"}))
		v := a.Push(first, second, beside)
		rig.Want(t, []string{v[0].Verdict, v[1].Verdict, v[2].Verdict}, []string{wire.Deferred, wire.Deferred, wire.Applied})
		rig.Want(t, v[1].Code, wire.CodeMissingDependency)

		worker := r.Enroll(access.Worker, ngo)
		if v := worker.Do(rig.Create("observations", report, r.Observation(""))); v.Verdict != wire.Applied {
			t.Fatalf("%+v", v)
		}
		v = a.Push(first, second)
		rig.Want(t, []string{v[0].Verdict, v[1].Verdict}, []string{wire.Applied, wire.Applied})
		var got map[string]any
		if err := json.Unmarshal(a.Fresh()["sites"][site], &got); err != nil {
			t.Fatal(err)
		}
		rig.Want(t, got["notes"], "second")
	})
	t.Run("[MERGE-3] [EPOCH-3] a change that comes behind a later one of its own device does not win by that", func(t *testing.T) {
		r := rig.New(t)
		a := r.Enroll(access.Coordinator, r.Organization("Outreach"))
		site, made := a.Create("sites", map[string]any{"name": "Stop", "venue": "truck_stop"})
		first := a.Mutation(rig.Update("sites", site, made.Seq, map[string]any{"notes": "first"}))
		r.Clock.Add(1e9)
		second := a.Mutation(rig.Update("sites", site, made.Seq, map[string]any{"notes": "second"}))
		a.Push(second) // a restore took the first away; it is sent again after this
		a.Push(first)
		var got map[string]any
		if err := json.Unmarshal(a.Fresh()["sites"][site], &got); err != nil {
			t.Fatal(err)
		}
		rig.Want(t, got["notes"], "second")
	})
	t.Run("[PUSH-4] [PUSH-2] behind one that waits, what can never be taken is refused all the same and leaves no trace of waiting", func(t *testing.T) {
		r := rig.New(t)
		a := r.Enroll(access.Coordinator, r.Organization("Outreach"))
		site := rig.ID()
		waits := a.Mutation(rig.Update("sites", site, 0, map[string]any{"notes": "of a site that has not come"}))
		stranger := a.Mutation(rig.Update("sites", site, 0, map[string]any{"notes": "b"}))
		stranger.Stamp = stranger.Stamp[:len(stranger.Stamp)-15] + rig.ID()
		v := a.Push(waits, stranger)
		rig.Want(t, []string{v[0].Verdict, v[1].Verdict + " " + v[1].Code}, []string{wire.Deferred, "refused invalid"})
		var n int
		if err := r.App.DB().NewQuery("SELECT count(*) FROM journal_deferred WHERE stamp=''").Row(&n); err != nil {
			t.Fatal(err)
		}
		rig.Want(t, n, 0)
	})
	t.Run("[MERGE-1] [PUSH-12] [INV-21] a change that was made after the clock was put right replaces the one before it", func(t *testing.T) {
		r := rig.New(t)
		a := r.Enroll(access.Coordinator, r.Organization("Outreach"))
		site, made := a.Create("sites", map[string]any{"name": "Stop", "venue": "truck_stop"})
		first := a.Mutation(rig.Update("sites", site, made.Seq, map[string]any{"notes": "first"}))
		wrong, err := hlc.Parse(first.Stamp)
		if err != nil {
			t.Fatal(err)
		}
		wrong.Ms += (365 * 24 * time.Hour).Milliseconds()
		first.Stamp, first.Offset = wrong.String(), nil
		second := a.Mutation(rig.Update("sites", site, made.Seq, map[string]any{"notes": "second"}))
		r.Clock.Add(time.Hour)
		for _, v := range a.Push(first, second) {
			rig.Want(t, v.Verdict, wire.Applied)
		}
		var got map[string]any
		if err := json.Unmarshal(a.Fresh()["sites"][site], &got); err != nil {
			t.Fatal(err)
		}
		rig.Want(t, got["notes"], "second")
	})
	t.Run("[MERGE-4] [INV-6] nor does an earlier claim or assignment take the place of a later one of its own device", func(t *testing.T) {
		r := rig.New(t)
		ngo := r.Organization("Outreach")
		worker, a, b := r.Enroll(access.Worker, ngo), r.Enroll(access.Coordinator, ngo), r.Enroll(access.Coordinator, ngo)
		report, _ := worker.Create("observations", r.Observation(""))
		triage := wire.TriageID("observations", report)
		base := r.Entries()
		first := a.Mutation(rig.Update("triage", triage, base, map[string]any{"assignee": a.User.ID}))
		second := a.Mutation(rig.Update("triage", triage, base, map[string]any{"assignee": b.User.ID}))
		v := append(a.Push(second), a.Push(first)...)
		rig.Want(t, []string{v[0].Verdict, v[1].Code}, []string{wire.Applied, wire.CodeTaken})
		var got map[string]any
		if err := json.Unmarshal(a.Fresh()["triage"][triage], &got); err != nil {
			t.Fatal(err)
		}
		rig.Want(t, got["assignee"], b.User.ID)
	})
}
