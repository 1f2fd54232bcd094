package exchange_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/fieldpost/fieldpost/internal/access"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
	"github.com/fieldpost/fieldpost/internal/wire"
)

func TestResolvingConflicts(t *testing.T) {
	r := rig.New(t)
	ngo, elsewhere := r.Organization("Outreach"), r.Organization("Elsewhere")
	a, b := r.Enroll(access.Coordinator, ngo), r.Enroll(access.Coordinator, ngo)
	worker, stranger := r.Enroll(access.Worker, ngo), r.Enroll(access.Coordinator, elsewhere)
	site := rig.ID()
	base := a.Do(rig.Create("sites", site, map[string]any{"name": "Stop", "venue": "hotel"})).Seq
	early := a.Mutation(rig.Update("sites", site, base, map[string]any{"notes": "early"}))
	r.Clock.Add(time.Minute)
	rig.Want(t, b.Do(rig.Update("sites", site, base, map[string]any{"notes": "late"})).Verdict, wire.Applied)
	v := a.Push(early)[0]
	rig.Want(t, v.Verdict, wire.Merged)
	conflict := v.Conflicts[0].Conflict
	resolve := func(value bool) wire.Op {
		return rig.Update("conflicts", conflict, v.Seq, map[string]any{"resolved": value})
	}
	t.Run("[ACCESS] who does not see a conflict cannot resolve it, by push or by REST", func(t *testing.T) {
		before := r.Entries()
		for _, d := range []*rig.Device{worker, stranger} {
			rig.Want(t, d.Do(resolve(true)).Code, wire.CodeNotAllowed)
			rig.Want(t, r.Send(http.MethodPatch, d.Token, "/api/collections/conflicts/records/"+conflict, map[string]any{"resolved": true}, nil), http.StatusNotFound)
		}
		rig.Want(t, r.Entries(), before+2) // what was refused is kept, and no more
	})
	t.Run("[MERGE-4] of a conflict nothing but `resolved` is a client's, not even beside it", func(t *testing.T) {
		for field, value := range map[string]any{"kept": "x", "other": "x", "field": "name", "record": rig.ID(), "collection": "users", "organization": elsewhere} {
			for _, fields := range []map[string]any{{field: value}, {field: value, "resolved": true}} {
				rig.Want(t, b.Do(rig.Update("conflicts", conflict, v.Seq, fields)).Code, wire.CodeNotAllowed)
				if status := r.Send(http.MethodPatch, b.Token, "/api/collections/conflicts/records/"+conflict, fields, nil); status < 400 || status >= 500 {
					t.Errorf("REST takes %v: %d", fields, status)
				}
			}
		}
		rig.Want(t, b.Do(rig.Delete("conflicts", conflict, v.Seq)).Code, wire.CodeNotAllowed)
		rig.Want(t, b.Do(rig.Create("conflicts", rig.ID(), map[string]any{"resolved": true})).Verdict, wire.Refused)
	})
	t.Run("[MERGE-2] [MERGE-4] a coordinator of the organization resolves it by push and by REST, and `resolved` itself merges as latest", func(t *testing.T) {
		rig.Want(t, b.Do(resolve(true)).Verdict, wire.Applied)
		rig.Want(t, r.Send(http.MethodPatch, a.Token, "/api/collections/conflicts/records/"+conflict, map[string]any{"resolved": false}, nil), http.StatusOK)
		// The other value is an ordinary change, in the same mutation.
		a.Fresh()
		r.Clock.Add(time.Minute)
		at := versionOf(t, r, "sites", site)
		both := a.Do(rig.Update("sites", site, at, map[string]any{"notes": "early"}), rig.Update("conflicts", conflict, versionOf(t, r, "conflicts", conflict), map[string]any{"resolved": true}))
		rig.Want(t, fmt.Sprint(both.Verdict, len(both.Conflicts)), "applied0")
		for collection, want := range map[string]string{"sites": "early", "conflicts": "true"} {
			record, err := r.App.FindRecordById(collection, map[string]string{"sites": site, "conflicts": conflict}[collection])
			if err != nil {
				t.Fatal(err)
			}
			rig.Want(t, record.GetString(map[string]string{"sites": "notes", "conflicts": "resolved"}[collection]), want)
		}
	})
}

func versionOf(t testing.TB, r *rig.Rig, collection, id string) int64 {
	t.Helper()
	versions, err := r.S.Store.Journal().Versions(collection, []string{id})
	if err != nil {
		t.Fatal(err)
	}
	return versions[id]
}
