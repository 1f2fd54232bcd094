package access_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/fieldpost/fieldpost/internal/access"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// TestOperationNames looks at whom and what the maker of an operation may name in it.
func TestOperationNames(t *testing.T) {
	at := func(j *joint) map[string]any {
		return map[string]any{"name": "Another", "begins": j.begins.Format(time.RFC3339), "ends": j.ends.Add(time.Hour).Format(time.RFC3339)}
	}
	create := func(j *joint, d *rig.Device, field string, ids ...string) wire.Verdict {
		fields := at(j)
		fields[field] = ids
		_, v := d.Create("operations", fields)
		return v
	}
	change := func(j *joint, field string, ids ...string) wire.Verdict {
		return j.keisha.Do(rig.Update("operations", j.operation, j.Entries(), map[string]any{field: ids}))
	}
	// unchecked writes a record as the system does, past what binds people.
	unchecked := func(j *joint, collection, id string, fields map[string]any) {
		t.Helper()
		r, err := j.App.FindRecordById(collection, id)
		if err != nil {
			t.Fatal(err)
		}
		for f, v := range fields {
			r.Set(f, v)
		}
		if err := j.App.Save(r); err != nil {
			t.Fatal(err)
		}
	}
	named := func(j *joint) []string {
		r, err := j.App.FindRecordById("operations", j.operation)
		if err != nil {
			t.Fatal(err)
		}
		return r.GetStringSlice("organizations")
	}

	t.Run("[OPS-8] [ACCESS] who is not in the directory is named in no operation, whichever way, and the answer is that on an id of nobody", func(t *testing.T) {
		j := newJoint(t)
		chain := j.Organization("Chain") // people who may be on a roster, and the site that is watched
		owner := j.Enroll(access.Coordinator, chain)
		unchecked(j, "sites", j.site, map[string]any{"owner": chain})
		business := j.Make("organizations", map[string]any{"name": "Motel Q", "type": "business"})
		j.Enroll(access.Worker, business)
		empty := j.Make("organizations", map[string]any{"name": "Nobody yet"})
		before := named(j)
		for _, id := range []string{chain, business, empty, rig.ID()} {
			for _, v := range []wire.Verdict{create(j, j.keisha, "organizations", id), create(j, j.keisha, "organizations", j.police, id), change(j, "organizations", append(before, id)...)} {
				rig.Want(t, []string{v.Verdict, v.Code, v.Message}, []string{wire.Refused, wire.CodeNotAllowed, "organizations names one that is not in the partner directory."})
			}
		}
		for _, id := range []string{chain, business, empty, rig.ID()} {
			rig.Want(t, j.Send(http.MethodPatch, j.keisha.Token, "/api/collections/operations/records/"+j.operation, map[string]any{"organizations": []string{id}}, nil), http.StatusForbidden)
		}
		rig.Want(t, named(j), before)
		j.at(j.begins)
		rig.Want(t, j.sees(owner), "")
		// Named nonetheless, the owner reads which of their sites is watched, and when.
		unchecked(j, "operations", j.operation, map[string]any{"organizations": append(before, chain)})
		rig.Want(t, j.sees(owner), "operation ")
	})
	t.Run("[OPS-8] [MERGE-1] partners and one's own organization are named; who has left the directory meanwhile stays and stops no other change, and once off it is not named again", func(t *testing.T) {
		j := newJoint(t)
		clinic := j.Make("organizations", map[string]any{"name": "clinic", "type": "health"})
		j.Site("Own lodge", j.ngo, j.other) // the maker's own is not in the directory
		rig.Want(t, create(j, j.keisha, "organizations", clinic, j.police, j.ngo).Verdict, wire.Applied)
		unchecked(j, "organizations", j.police, map[string]any{"type": "business"})
		rig.Want(t, change(j, "organizations", j.other, j.police, clinic).Verdict, wire.Applied)
		rig.Want(t, j.keisha.Do(rig.Update("operations", j.operation, j.Entries(), map[string]any{"name": "Long weekend"})).Verdict, wire.Applied)
		rig.Want(t, named(j), []string{j.other, j.police, clinic})
		rig.Want(t, change(j, "organizations", j.other).Verdict, wire.Applied)
		rig.Want(t, change(j, "organizations", j.other, j.police).Code, wire.CodeNotAllowed)
		if _, err := j.S.MakeOperation("The operator's", j.ngo, []string{j.police}, nil, j.begins, j.ends); err != nil {
			t.Error(err) // who knows all of them
		}
	})
	t.Run("[OPS-1] [OPS-4] [ACCESS] nobody goes on seeing a site after the end by an operation of their own that names it", func(t *testing.T) {
		j := newJoint(t)
		j.at(j.begins)
		rig.Want(t, j.listed(j.guest, "sites", j.site), true)
		v := create(j, j.guest, "sites", j.site)
		rig.Want(t, []string{v.Code, v.Message}, []string{wire.CodeNotAllowed, "sites names one that your organization does not serve."})
		rig.Want(t, create(j, j.guest, "sites", j.Site("Small Stop", "", j.other)).Verdict, wire.Applied)
		rig.Want(t, change(j, "sites", j.site, j.Site("Bus station", "", j.other)).Code, wire.CodeNotAllowed)
		rig.Want(t, change(j, "sites", j.site, j.Site("Rest area", "", j.ngo)).Verdict, wire.Applied)
		// Made nonetheless, it shows the site when the first is over.
		own, v := j.guest.Create("operations", at(j))
		rig.Want(t, v.Verdict, wire.Applied)
		_, v = j.guest.Create("rosters", map[string]any{"operation": own, "person": j.guest.User.ID, "role": "lead"})
		rig.Want(t, v.Verdict, wire.Applied)
		j.at(j.ends)
		rig.Want(t, j.sees(j.guest), "operation ")
		unchecked(j, "operations", own, map[string]any{"sites": []string{j.site}})
		rig.Want(t, j.listed(j.guest, "sites", j.site), true)
		// What the site was named in before it changed hands stands.
		unchecked(j, "sites", j.site, map[string]any{"served_by": j.other})
		rig.Want(t, j.keisha.Do(rig.Update("operations", j.operation, j.Entries(), map[string]any{"name": "Over"})).Verdict, wire.Applied)
	})
}
