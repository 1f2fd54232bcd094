package exchange_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/fieldpost/fieldpost/internal/access"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// made is a mutation as another schema made it.
func made(m wire.Mutation, schema int) wire.Mutation {
	m.Schema = schema
	return m
}

func TestSchemas(t *testing.T) {
	w := newTown(t)
	admin, second := w.Enroll(access.Admin, w.ngo), w.Enroll(access.Admin, w.ngo)
	create := func(t *testing.T, schema int, fields map[string]any) (string, wire.Verdict) {
		t.Helper()
		w.on(t)
		id := rig.ID()
		return id, admin.Push(made(admin.Mutation(rig.Create("organizations", id, fields)), schema))[0]
	}
	is := func(t *testing.T, id string, typ, words string, allows ...any) {
		t.Helper()
		o := w.record("organizations", id)
		if allows == nil {
			allows = []any{}
		}
		rig.Want(t, []any{o["type"], o["type_text"], o["allows"]}, []any{typ, words, allows})
	}
	extra := func(t *testing.T, id string) any {
		t.Helper()
		past := w.past("organizations", id)
		return past[len(past)-1].Extra["fields"]
	}
	t.Run("[PUSH-9] a renamed field keeps its value, a text that is no type any more its words, a removed one its meaning", func(t *testing.T) {
		id, v := create(t, 1, map[string]any{"name": "A", "kind": "Interfaith coalition", "allow_plate": true, "allow_staff_note": false})
		applied(t, v)
		is(t, id, "other", "Interfaith coalition", "plates")
		applied(t, admin.Push(made(admin.Mutation(rig.Update("organizations", id, v.Seq, map[string]any{"kind": "provider"})), 1))[0])
		is(t, id, "service_provider", "", "plates")
		v = applied(t, admin.Push(made(admin.Mutation(rig.Update("organizations", id, v.Seq, map[string]any{"allow_staff_note": true, "allow_plate": false})), 1))[0])
		is(t, id, "service_provider", "", "staff_notes")
		applied(t, admin.Push(made(admin.Mutation(rig.Update("organizations", id, v.Seq, map[string]any{"kind": nil, "allow_staff_note": nil})), 1))[0])
		is(t, id, "", "")
	})
	t.Run("[PUSH-9] a value that its own schema would have refused is refused, and kept as it was sent", func(t *testing.T) {
		for _, fields := range []map[string]any{{"name": "B", "allow_plate": "yes"}, {"name": "B", "kind": 7},
			{"name": "B", "kind": fmt.Sprintf("%061d", 1)}} {
			_, v := create(t, 1, fields)
			verdict(t, v, wire.Refused, wire.CodeInvalid)
			held := w.record("quarantine", v.Quarantine)["mutation"].(map[string]any)
			sent := held["ops"].([]any)[0].(map[string]any)["fields"].(map[string]any)
			rig.Want(t, sent, fields)
			rig.Want(t, held["schema"], 1)
		}
	})
	t.Run("[PUSH-9] where both names come, the newer one counts and the other is kept", func(t *testing.T) {
		id, v := create(t, 1, map[string]any{"name": "C", "kind": "outreach", "type": "faith", "allows": []any{"plates"}, "allow_staff_note": true})
		verdict(t, v, wire.Applied, wire.CodeKeptExtra)
		is(t, id, "faith", "", "plates")
		rig.Want(t, extra(t, id), map[string]any{"kind": "outreach", "allow_staff_note": true})
	})
	t.Run("[PUSH-9] a field without a successor is kept: an old name in a new schema, one of a schema to come, one of another collection", func(t *testing.T) {
		for _, schema := range []int{2, 3, 99} {
			id, v := create(t, schema, map[string]any{"name": "D", "type": "labor", "kind": "union", "motto": "onward"})
			verdict(t, v, wire.Applied, wire.CodeKeptExtra)
			is(t, id, "labor", "")
			rig.Want(t, extra(t, id), map[string]any{"kind": "union", "motto": "onward"})
		}
		id := rig.ID()
		v := admin.Push(made(admin.Mutation(rig.Create("sites", id, map[string]any{"name": "Stop", "venue": "truck_stop", "kind": "large", "allow_plate": true})), 1))[0]
		verdict(t, v, wire.Applied, wire.CodeKeptExtra)
		rig.Want(t, w.past("sites", id)[0].Extra["fields"], map[string]any{"kind": "large", "allow_plate": true})
	})
	t.Run("[PUSH-9] a schema that is no number from 1 is that mutation's fault alone", func(t *testing.T) {
		w.on(t)
		for _, schema := range []any{0, -1, "1", 1.5, nil, []any{}} {
			bad := bend(t, admin.Mutation(rig.Create("organizations", rig.ID(), map[string]any{"name": "E"})), map[string]any{"schema": schema})
			good := admin.Mutation(rig.Create("organizations", rig.ID(), map[string]any{"name": "E"}))
			v := pushLoose(t, admin, bad, good)
			verdict(t, v[0], wire.Refused, wire.CodeInvalid)
			applied(t, v[1])
		}
	})
	t.Run("[PUSH-11] the same create under a new stamp is a no-op, also when one came from the older schema", func(t *testing.T) {
		id, v := create(t, 1, map[string]any{"name": "F", "kind": "provider", "allow_plate": true})
		before := w.Entries()
		again := admin.Push(admin.Mutation(rig.Create("organizations", id, map[string]any{"name": "F", "type": "service_provider", "allows": []any{"plates"}})))[0]
		rig.Want(t, applied(t, again).Seq, v.Seq)
		rig.Want(t, w.Entries(), before)
	})
	t.Run("[INV-15] two admins who are offline allow different things, in two schemas, and both stand", func(t *testing.T) {
		id, v := create(t, 2, map[string]any{"name": "G"})
		w.Clock.Add(1e9)
		applied(t, admin.Push(made(admin.Mutation(rig.Update("organizations", id, v.Seq, map[string]any{"allow_plate": true})), 1))[0])
		applied(t, second.Do(rig.Update("organizations", id, v.Seq, map[string]any{"allows": map[string]any{"add": []any{"staff_notes"}}})))
		is(t, id, "", "", "plates", "staff_notes")
		// One who saw neither takes nothing away by allowing nothing new.
		applied(t, second.Do(rig.Update("organizations", id, v.Seq, map[string]any{"allows": map[string]any{"add": []any{}}})))
		is(t, id, "", "", "plates", "staff_notes")
	})
	t.Run("[MERGE-4] a set takes its list at creation and edits after, each element checked", func(t *testing.T) {
		id, v := create(t, 2, map[string]any{"name": "H", "allows": []any{"staff_notes", "plates", "plates"}})
		applied(t, v)
		is(t, id, "", "", "plates", "staff_notes")
		for _, value := range []any{[]any{"plates"}, "plates", map[string]any{"add": []any{"everything"}}, map[string]any{"remove": []any{7}},
			map[string]any{"add": "plates"}, map[string]any{"set": []any{"plates"}}, map[string]any{"add": []any{"plates"}, "remove": []any{"plates"}}} {
			verdict(t, admin.Do(rig.Update("organizations", id, v.Seq, map[string]any{"allows": value})), wire.Refused, wire.CodeInvalid)
		}
		for _, value := range []any{[]any{"everything"}, "plates", map[string]any{"add": []any{"plates"}}, []any{7}} {
			_, v := create(t, 2, map[string]any{"name": "H", "allows": value})
			verdict(t, v, wire.Refused, wire.CodeInvalid)
		}
		is(t, id, "", "", "plates", "staff_notes")
	})
	t.Run("[JOURNAL-1] a list written by REST is sorted, checked, and each element that it changes is an edit of its own", func(t *testing.T) {
		id, v := create(t, 2, map[string]any{"name": "I", "allows": []any{"plates"}})
		w.Clock.Add(1e9)
		patch := func(body map[string]any) int {
			return w.Send(http.MethodPatch, admin.Token, "/api/collections/organizations/records/"+id, body, nil)
		}
		rig.Want(t, patch(map[string]any{"allows": []any{"staff_notes", "plates"}}), http.StatusOK)
		is(t, id, "", "", "plates", "staff_notes")
		rig.Want(t, patch(map[string]any{"allows": []any{"everything"}}), http.StatusBadRequest)
		rig.Want(t, patch(map[string]any{"type": "guild"}), http.StatusBadRequest)
		// Who was offline since before takes plates away, which REST left alone.
		w.Clock.Add(-5e8)
		applied(t, second.Do(rig.Update("organizations", id, v.Seq, map[string]any{"allows": map[string]any{"remove": []any{"plates"}}})))
		w.Clock.Add(5e8)
		is(t, id, "", "", "staff_notes")
	})
	t.Run("[PUSH-9] push takes what pull is too new for, and the same device goes on when it is new", func(t *testing.T) {
		w.on(t)
		d := w.worker()
		w.S.Exchange.MinSchema = 2
		defer func() { w.S.Exchange.MinSchema = wire.MinSchema }()
		status, _, e := d.TryPull(map[string]any{"schema": 1})
		rig.Want(t, []any{status, e.Code, e.Retry}, []any{http.StatusUpgradeRequired, "upgrade_required", "never"})
		id := rig.ID()
		applied(t, d.Push(made(d.Mutation(rig.Create("observations", id, w.Observation(w.site))), 1))[0])
		if d.Fresh()["observations"][id] == nil {
			t.Fatal("schema 2 does not pull what schema 1 pushed")
		}
		var hello wire.Hello
		w.Send(http.MethodGet, "", "/api/sync/hello", nil, &hello)
		rig.Want(t, []any{hello.Schema, hello.MinSchema}, []any{wire.Schema, 2})
	})
	t.Run("[PULL-4] a device that comes with a newer schema is sent everything again", func(t *testing.T) {
		w.on(t)
		d := w.worker()
		rig.Want(t, d.Page(map[string]any{"schema": 1}).Reset, true)
		rig.Want(t, d.Page(map[string]any{"schema": 1}).Reset, false)
		page := d.Page(map[string]any{"schema": 2})
		if !page.Reset || len(page.Changes) == 0 {
			t.Fatalf("%+v", page)
		}
		rig.Want(t, d.Page(map[string]any{"schema": 2}).Reset, false)
	})
}
