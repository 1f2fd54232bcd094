package exchange_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/dbx"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/hlc"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
	"github.com/fieldpost/fieldpost/internal/wire"
)

func TestPushRefuses(t *testing.T) {
	w := newTown(t)
	rosa, keisha := w.worker(), w.coordinator()

	t.Run("[PUSH-6] every refusal says why, and all but taken are kept whole", func(t *testing.T) {
		w.on(t)
		gone, standing := rig.ID(), rig.ID()
		applied(t, keisha.Do(rig.Create("sites", gone, map[string]any{"name": "Old", "venue": "hotel"})))
		applied(t, keisha.Do(rig.Delete("sites", gone, 0)))
		applied(t, keisha.Do(rig.Create("sites", standing, map[string]any{"name": "Stop", "venue": "truck_stop"})))
		refusedID := rig.ID()
		report, v := rosa.Create("observations", w.Observation(w.site))
		applied(t, v)
		triage := wire.TriageID("observations", report)
		applied(t, w.coordinator().Do(rig.Update("triage", triage, v.Seq, map[string]any{"note": "seen"})))
		other := w.coordinator()
		applied(t, other.Do(rig.Update("triage", triage, v.Seq, map[string]any{"claimed_by": other.User.ID})))
		for _, c := range []struct {
			d    *rig.Device
			op   wire.Op
			code string
		}{
			{rosa, rig.Create("sites", rig.ID(), map[string]any{"name": "Mine", "venue": "hotel"}), wire.CodeNotAllowed},
			{rosa, rig.Create("observations", refusedID, map[string]any{"event_time": "soon"}), wire.CodeInvalid},
			{rosa, rig.Create("observations", rig.ID(), with(w.Observation(""), "later", strings.Repeat("x", 5000))), wire.CodeTooLarge},
			{keisha, rig.Update("sites", gone, 0, map[string]any{"notes": "lit"}), wire.CodeGone},
			{rosa, rig.Create("addenda", rig.ID(), map[string]any{"observation": refusedID, "text": "more"}), wire.CodeDependsOnRefused},
			{rosa, rig.Create("unheard_of", rig.ID(), map[string]any{"channel": "phone"}), wire.CodeUnknownCollection},
			{keisha, rig.Update("triage", triage, v.Seq, map[string]any{"claimed_by": keisha.User.ID}), wire.CodeTaken},
		} {
			before := w.count("quarantine")
			m := c.d.Mutation(c.op)
			v := verdict(t, c.d.Push(m)[0], wire.Refused, c.code)
			if c.code == wire.CodeTaken {
				if strings.Contains(v.Message, other.User.ID) || w.count("quarantine") != before {
					t.Fatalf("%+v names a value, or was kept", v)
				}
				continue
			}
			kept := w.record("quarantine", v.Quarantine)
			want := loose(t, m)
			want["stamp"] = strings.Replace(m.Stamp, c.d.ID, w.S.Key.Device(c.d.ID), 1)
			if !wire.EqualJSON(kept["mutation"], want) {
				t.Fatalf("kept %v\nwant %v", kept["mutation"], want)
			}
			for field, want := range map[string]any{"code": c.code, "message": v.Message, "state": "held", "collection": c.op.Collection,
				"record": c.op.ID, "organization": w.ngo, "author": c.d.User.ID} {
				rig.Want(t, kept[field], want)
			}
			rig.Want(t, w.count("quarantine"), before+1)
		}
	})
	t.Run("[PUSH-6] refused is for good, also when what was missing has come since", func(t *testing.T) {
		w.on(t)
		d := w.worker()
		m := d.Mutation(rig.Create("sites", rig.ID(), map[string]any{"name": "Mine", "venue": "hotel"}))
		v := verdict(t, d.Push(m)[0], wire.Refused, wire.CodeNotAllowed)
		w.role(d, access.Coordinator)
		v.Replayed = true
		rig.Want(t, d.Push(m)[0], v)
		rig.Want(t, w.record("sites", m.Ops[0].ID) == nil, true)
	})
	t.Run("[PUSH-6] the author and the coordinators find what was refused, nobody else does", func(t *testing.T) {
		w.on(t)
		v := rosa.Do(rig.Create("sites", rig.ID(), map[string]any{"name": "Mine", "venue": "hotel"}))
		colleague, elsewhere := w.worker(), w.Enroll(access.Coordinator, w.hotel)
		for d, sees := range map[*rig.Device]bool{rosa: true, keisha: true, colleague: false, elsewhere: false} {
			if _, there := d.Fresh()["quarantine"][v.Quarantine]; there != sees {
				t.Fatalf("%s sees it: %v, want %v", d.User.Role, there, sees)
			}
		}
	})
	t.Run("[PUSH-6] the author of what was kept is found by the pseudonyms of the known devices", func(t *testing.T) {
		w.on(t)
		heir := goOn(t, w.worker())
		v := heir.Do(rig.Create("sites", rig.ID(), map[string]any{"name": "Mine", "venue": "hotel"}))
		stamp, err := hlc.Parse(fmt.Sprint(w.record("quarantine", v.Quarantine)["mutation"].(map[string]any)["stamp"]))
		if err != nil {
			t.Fatal(err)
		}
		var found []string
		for _, d := range w.rows(`SELECT id FROM devices`, nil) {
			if w.S.Key.Device(d["id"]) == stamp.Device {
				found = append(found, d["id"])
			}
		}
		rig.Want(t, found, []string{heir.ID})
	})
	t.Run("[PUSH-6] a mutation of several ops is kept with all of them", func(t *testing.T) {
		w.on(t)
		d := w.worker()
		m := d.Mutation(rig.Create("observations", rig.ID(), w.Observation("")), rig.Create("sites", rig.ID(), map[string]any{"name": "Mine"}))
		v := verdict(t, d.Push(m)[0], wire.Refused, wire.CodeNotAllowed)
		kept, _ := w.record("quarantine", v.Quarantine)["mutation"].(map[string]any)
		rig.Want(t, len(kept["ops"].([]any)), 2)
		rig.Want(t, w.record("observations", m.Ops[0].ID) == nil, true)
	})
}

// role gives a device's person another role.
func (w *town) role(d *rig.Device, role access.Role) {
	w.T.Helper()
	user, err := w.App.FindRecordById("users", d.User.ID)
	if err != nil {
		w.T.Fatal(err)
	}
	user.Set("role", string(role))
	if err := w.App.Save(user); err != nil {
		w.T.Fatal(err)
	}
}

func TestPushDefers(t *testing.T) {
	w := newTown(t)
	rosa, keisha := w.worker(), w.coordinator()
	addendum := func(report string) wire.Op {
		return rig.Create("addenda", rig.ID(), map[string]any{"observation": report, "text": "she had a bag"})
	}
	t.Run("[PUSH-7] what depends on something that has not come waits, and is applied once it has", func(t *testing.T) {
		w.on(t)
		parent := rosa.Mutation(rig.Create("observations", rig.ID(), w.Observation("")))
		child := rosa.Mutation(addendum(parent.Ops[0].ID))
		for range 2 {
			verdict(t, rosa.Push(child)[0], wire.Deferred, wire.CodeMissingDependency)
		}
		applied(t, rosa.Push(parent)[0])
		if v := applied(t, rosa.Push(child)[0]); v.Replayed {
			t.Fatalf("%+v: deferred is no verdict to keep", v)
		}
		rig.Want(t, w.count("journal_deferred"), 0)
		if v := rosa.Push(child)[0]; !v.Replayed {
			t.Fatalf("%+v", v)
		}
	})
	t.Run("[PUSH-7] of what waits only pseudonym, n, stamp and first receipt are kept", func(t *testing.T) {
		w.on(t)
		m := rosa.Mutation(rig.Create("addenda", rig.ID(), map[string]any{"observation": rig.ID(), "text": "unheard-of words"}))
		before := w.print()
		verdict(t, rosa.Push(m)[0], wire.Deferred, wire.CodeMissingDependency)
		w.unchanged(before, "journal_deferred")
		for table, all := range w.print() {
			if strings.Contains(all, "unheard-of") || strings.Contains(all, m.Ops[0].ID) {
				t.Fatal(table, "holds what only waits")
			}
		}
		row := w.rows(`SELECT * FROM journal_deferred WHERE n={:n}`, dbx.Params{"n": m.N})
		rig.Want(t, row, []map[string]string{{"device": w.S.Key.Device(rosa.ID), "n": fmt.Sprint(m.N),
			"stamp": strings.Replace(m.Stamp, rosa.ID, w.S.Key.Device(rosa.ID), 1), "corrected": m.Stamp[:13], "first_at": fmt.Sprint(w.Clock.Now().UnixMilli())}})
	})
	t.Run("[PUSH-7] an update or delete of a record that does not exist yet waits", func(t *testing.T) {
		w.on(t)
		for _, collection := range []string{"sites", "observations", "submissions", "addenda", "triage"} {
			verdict(t, keisha.Do(rig.Update(collection, rig.ID(), 5, map[string]any{"note": "x"})), wire.Deferred, wire.CodeMissingDependency)
			verdict(t, keisha.Do(rig.Delete(collection, rig.ID(), 5)), wire.Deferred, wire.CodeMissingDependency)
		}
		site := keisha.Mutation(rig.Create("sites", rig.ID(), map[string]any{"name": "Stop", "venue": "truck_stop"}))
		edit := keisha.Mutation(rig.Update("sites", site.Ops[0].ID, 0, map[string]any{"notes": "lit"}))
		verdict(t, keisha.Push(edit)[0], wire.Deferred, wire.CodeMissingDependency)
		applied(t, keisha.Push(site)[0])
		applied(t, keisha.Push(edit)[0])
		rig.Want(t, w.record("sites", site.Ops[0].ID)["notes"], "lit")
	})
	t.Run("[PUSH-7] a coordinator's edit of the triage of a report that is not back yet waits for it", func(t *testing.T) {
		w.on(t)
		report := rosa.Mutation(rig.Create("observations", rig.ID(), w.Observation("")))
		edit := keisha.Mutation(rig.Update("triage", wire.TriageID("observations", report.Ops[0].ID), 4, map[string]any{"status": "review"}))
		verdict(t, keisha.Push(edit)[0], wire.Deferred, wire.CodeMissingDependency)
		applied(t, rosa.Push(report)[0])
		applied(t, keisha.Push(edit)[0])
	})
	t.Run("[PUSH-7] a mutation of several ops waits whole", func(t *testing.T) {
		w.on(t)
		first := rosa.Mutation(rig.Create("observations", rig.ID(), w.Observation("")))
		both := rosa.Mutation(rig.Create("observations", rig.ID(), w.Observation("")), addendum(first.Ops[0].ID))
		verdict(t, rosa.Push(both)[0], wire.Deferred, wire.CodeMissingDependency)
		rig.Want(t, w.record("observations", both.Ops[0].ID) == nil, true)
		v := rosa.Push(first, both)
		applied(t, v[0])
		applied(t, v[1])
	})
	t.Run("[PUSH-7] after thirty days it is refused, and kept", func(t *testing.T) {
		w.on(t)
		d := w.worker()
		m := d.Mutation(addendum(rig.ID()))
		verdict(t, d.Push(m)[0], wire.Deferred, wire.CodeMissingDependency)
		w.Clock.Add(30*24*time.Hour - time.Millisecond)
		verdict(t, d.Push(m)[0], wire.Deferred, wire.CodeMissingDependency)
		w.Clock.Add(time.Millisecond)
		v := verdict(t, d.Push(m)[0], wire.Refused, wire.CodeDependsOnRefused)
		rig.Want(t, len(w.rows(`SELECT 1 FROM journal_deferred WHERE device={:d}`, dbx.Params{"d": w.S.Key.Device(d.ID)})), 0)
		v.Replayed = true
		rig.Want(t, d.Push(m)[0], v)
		fresh := d.Mutation(addendum(rig.ID()))
		verdict(t, d.Push(fresh)[0], wire.Deferred, wire.CodeMissingDependency) // its own thirty days begin now
	})
	t.Run("[PUSH-7] the thirty days go on when a device's successor sends it, and what was stored is the stamp as it was made", func(t *testing.T) {
		w.on(t)
		d := w.worker()
		m := offClock(d, -24*time.Hour, false, addendum(rig.ID()))
		verdict(t, pushAt(t, d, -24*time.Hour, m), wire.Deferred, wire.CodeMissingDependency)
		row := w.rows(`SELECT stamp, corrected, first_at FROM journal_deferred WHERE device={:d}`, dbx.Params{"d": w.S.Key.Device(d.ID)})
		stored := strings.Replace(m.Stamp, d.ID, w.S.Key.Device(d.ID), 1)
		if len(row) != 1 || row[0]["stamp"] != stored || row[0]["corrected"] == m.Stamp[:13] {
			t.Fatalf("%v, want %s", row, stored)
		}
		next := goOn(t, d)
		m.N = 7
		verdict(t, next.Push(m)[0], wire.Deferred, wire.CodeMissingDependency)
		rig.Want(t, w.rows(`SELECT stamp, corrected, first_at FROM journal_deferred WHERE stamp={:s}`, dbx.Params{"s": stored}), row)
		w.Clock.Add(31 * 24 * time.Hour)
		next = goOn(t, next) // the token has run out, too
		verdict(t, next.Push(m)[0], wire.Refused, wire.CodeDependsOnRefused)
		rig.Want(t, len(w.rows(`SELECT 1 FROM journal_deferred WHERE stamp={:s}`, dbx.Params{"s": stored})), 0)
	})
	t.Run("[PUSH-7] an op on a deleted record is refused gone", func(t *testing.T) {
		w.on(t)
		id := rig.ID()
		applied(t, keisha.Do(rig.Create("sites", id, map[string]any{"name": "Old", "venue": "hotel"})))
		applied(t, keisha.Do(rig.Delete("sites", id, 0)))
		verdict(t, keisha.Do(rig.Update("sites", id, 0, map[string]any{"notes": "lit"})), wire.Refused, wire.CodeGone)
		verdict(t, keisha.Do(rig.Delete("sites", id, 0)), wire.Refused, wire.CodeGone)
		verdict(t, keisha.Do(rig.Create("sites", id, map[string]any{"name": "Old", "venue": "hotel"})), wire.Refused, wire.CodeGone)
		verdict(t, w.worker().Do(rig.Update("sites", id, 0, map[string]any{"notes": "lit"})), wire.Refused, wire.CodeGone)
	})
	t.Run("[PUSH-7] an op on a record whose create was refused is refused for that", func(t *testing.T) {
		w.on(t)
		id := rig.ID()
		verdict(t, keisha.Do(rig.Create("sites", id, map[string]any{"venue": "hotel"})), wire.Refused, wire.CodeInvalid)
		verdict(t, keisha.Do(rig.Update("sites", id, 0, map[string]any{"notes": "lit"})), wire.Refused, wire.CodeDependsOnRefused)
		verdict(t, keisha.Do(rig.Delete("sites", id, 0)), wire.Refused, wire.CodeDependsOnRefused)
	})
	t.Run("[PUSH-7] a create that could not even be read holds back what depends on it", func(t *testing.T) {
		w.on(t)
		d := w.worker()
		for name, spoil := range map[string]func(m wire.Mutation) map[string]any{
			"stamp":  func(m wire.Mutation) map[string]any { return bend(t, m, map[string]any{"stamp": "today"}) },
			"schema": func(m wire.Mutation) map[string]any { return bend(t, m, map[string]any{"schema": "one"}) },
			"size": func(m wire.Mutation) map[string]any {
				return bend(t, m, map[string]any{"pad": strings.Repeat("x", 1<<20)})
			},
			"depth": func(m wire.Mutation) map[string]any { return bend(t, m, map[string]any{"pad": nested(100)}) },
			"a number": func(m wire.Mutation) map[string]any {
				return bend(t, m, map[string]any{"pad": json.RawMessage("1e999")})
			},
		} {
			m := d.Mutation(rig.Create("observations", rig.ID(), w.Observation("")))
			if v := pushLoose(t, d, spoil(m))[0]; v.Verdict != wire.Refused {
				t.Fatalf("%s: %+v", name, v)
			}
			if v := d.Do(addendum(m.Ops[0].ID)); v.Code != wire.CodeDependsOnRefused {
				t.Fatalf("%s: %+v", name, v)
			}
		}
	})
	t.Run("[PUSH-7] what was to be made by a mutation that was taken holds back what depends on it", func(t *testing.T) {
		w.on(t)
		report, v := rosa.Create("observations", w.Observation(""))
		triage := wire.TriageID("observations", report)
		other := w.coordinator()
		applied(t, other.Do(rig.Update("triage", triage, v.Seq, map[string]any{"claimed_by": other.User.ID})))
		site := rig.ID()
		verdict(t, keisha.Do(rig.Create("sites", site, map[string]any{"name": "Stop", "venue": "truck_stop"}),
			rig.Update("triage", triage, v.Seq, map[string]any{"claimed_by": keisha.User.ID})), wire.Refused, wire.CodeTaken)
		verdict(t, keisha.Do(rig.Update("sites", site, 0, map[string]any{"notes": "lit"})), wire.Refused, wire.CodeDependsOnRefused)
	})
	t.Run("[PUSH-7] a reference to what was refused or deleted is refused", func(t *testing.T) {
		w.on(t)
		refused, deleted := rig.ID(), rig.ID()
		verdict(t, keisha.Do(rig.Create("sites", refused, map[string]any{"venue": "hotel"})), wire.Refused, wire.CodeInvalid)
		applied(t, keisha.Do(rig.Create("sites", deleted, map[string]any{"name": "Old", "venue": "hotel"})))
		applied(t, keisha.Do(rig.Delete("sites", deleted, 0)))
		for _, site := range []string{refused, deleted} {
			_, v := rosa.Create("observations", w.Observation(site))
			verdict(t, v, wire.Refused, wire.CodeDependsOnRefused)
		}
		_, v := rosa.Create("observations", w.Observation(rig.ID()))
		verdict(t, v, wire.Deferred, wire.CodeMissingDependency)
	})
	t.Run("[PUSH-7] an op on a record that exists but may not be touched is not allowed", func(t *testing.T) {
		w.on(t)
		report, v := rosa.Create("observations", w.Observation(""))
		stranger := w.Enroll(access.Coordinator, w.hotel)
		device := rosa.ID
		for _, c := range []struct {
			d  *rig.Device
			op wire.Op
		}{
			{rosa, rig.Update("observations", report, v.Seq, map[string]any{"note": "other"})},
			{rosa, rig.Delete("observations", report, v.Seq)},
			{keisha, rig.Update("observations", report, v.Seq, map[string]any{"note": "other"})},
			{rosa, rig.Update("triage", wire.TriageID("observations", report), v.Seq, map[string]any{"status": "closed"})},
			{stranger, rig.Update("triage", wire.TriageID("observations", report), v.Seq, map[string]any{"status": "closed"})},
			{stranger, rig.Update("sites", w.site, 0, map[string]any{"notes": "ours"})},
			{stranger, rig.Delete("sites", w.site, 0)},
			{rosa, rig.Create("addenda", rig.ID(), map[string]any{"observation": func() string { id, _ := w.worker().Create("observations", w.Observation("")); return id }(), "text": "x"})},
			{rosa, rig.Update("users", rosa.User.ID, 0, map[string]any{"role": "admin"})},
			{rosa, rig.Update("devices", device, 0, map[string]any{"revoked": false})},
			{rosa, rig.Delete("devices", device, 0)},
			{rosa, rig.Update("users", rig.ID(), 0, map[string]any{"role": "admin"})},
			{rosa, rig.Update("devices", rig.ID(), 0, map[string]any{"revoked": false})},
			{keisha, rig.Delete("quarantine", rig.ID(), 0)},
		} {
			verdict(t, c.d.Do(c.op), wire.Refused, wire.CodeNotAllowed)
		}
		rig.Want(t, len(w.past("observations", report)), 1)
	})
	t.Run("[PUSH-7] a full disk half way defers the rest, and does not hide what was committed", func(t *testing.T) {
		w.on(t)
		d := w.worker()
		several := func() wire.Mutation {
			return d.Mutation(rig.Create("observations", rig.ID(), w.Observation("")), rig.Create("observations", rig.ID(), w.Observation("")))
		}
		list := []wire.Mutation{several(), several(), several()}
		second := list[1].Ops[1].ID
		w.exec(`CREATE TRIGGER fault BEFORE INSERT ON observations WHEN NEW.id='` + second + `' BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END`)
		v := d.Push(list...)
		w.exec(`DROP TRIGGER fault`)
		applied(t, v[0])
		verdict(t, v[1], wire.Deferred, wire.CodeBusy)
		verdict(t, v[2], wire.Deferred, wire.CodeBusy)
		rig.Want(t, w.record("observations", list[1].Ops[0].ID) == nil, true)
		v = d.Push(list...)
		if !v[0].Replayed || applied(t, v[1]).Replayed || applied(t, v[2]).Replayed {
			t.Fatalf("%+v", v)
		}
	})
	t.Run("[PUSH-4] a mutation that breaks the server's own code is refused and kept, and the rest goes on", func(t *testing.T) {
		w.on(t)
		d := w.worker()
		list := []wire.Mutation{}
		for range 5 {
			list = append(list, d.Mutation(rig.Create("observations", rig.ID(), w.Observation(""))))
		}
		w.exec(`CREATE TRIGGER fault BEFORE INSERT ON observations WHEN NEW.id='` + list[2].Ops[0].ID + `' BEGIN SELECT RAISE(ABORT, 'nobody foresaw this'); END`)
		status, a, e := d.TryPush(list...)
		w.exec(`DROP TRIGGER fault`)
		if status != http.StatusOK {
			t.Fatalf("%d %+v", status, e)
		}
		for i, v := range a.Verdicts {
			if i == 2 {
				verdict(t, v, wire.Refused, wire.CodeInvalid)
				continue
			}
			applied(t, v)
		}
	})
}
