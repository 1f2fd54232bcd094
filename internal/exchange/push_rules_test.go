package exchange_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/fieldpost/fieldpost/internal/access"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// rest sends a request to the stock REST API.
func (w *town) rest(d *rig.Device, method, path string, body any) (int, map[string]any) {
	w.T.Helper()
	var raw json.RawMessage
	status := w.Send(method, d.Token, "/api/collections/"+path, body, &raw)
	if len(raw) == 0 {
		return status, nil
	}
	return status, object(w.T, raw)
}

func TestPushHoldsTheRules(t *testing.T) {
	w := newTown(t)

	t.Run("[PUSH-8] push lets each role do what the REST API lets it do, and nothing else", func(t *testing.T) {
		w.on(t)
		rosa := w.worker()
		observed, v := rosa.Create("observations", w.Observation(w.site))
		applied(t, v)
		triage := wire.TriageID("observations", observed)
		base := v.Seq
		people := map[access.Role]*rig.Device{access.Worker: rosa, access.Staff: w.staff(), access.Manager: w.Enroll(access.Manager, w.hotel, w.site),
			access.Coordinator: w.coordinator(), access.LawEnforcement: w.Enroll(access.LawEnforcement, w.hotel),
			access.Provider: w.Enroll(access.Provider, w.hotel), access.Admin: w.Enroll(access.Admin, w.ngo)}
		writers := map[string][]access.Role{}
		for name, op := range map[string]func() wire.Op{
			"create observations": func() wire.Op { return rig.Create("observations", rig.ID(), w.Observation(w.site)) },
			"create submissions":  func() wire.Op { return rig.Create("submissions", rig.ID(), w.submission(w.site)) },
			"create sites":        func() wire.Op { return rig.Create("sites", rig.ID(), map[string]any{"name": "S", "venue": "hotel"}) },
			"create addenda": func() wire.Op {
				return rig.Create("addenda", rig.ID(), map[string]any{"observation": observed, "text": "x"})
			},
			"create triage": func() wire.Op {
				return rig.Create("triage", rig.ID(), map[string]any{"observation": observed, "status": "open"})
			},
			"create users":        func() wire.Op { return rig.Create("users", rig.ID(), map[string]any{"role": "admin"}) },
			"create devices":      func() wire.Op { return rig.Create("devices", rig.ID(), map[string]any{"user": rosa.User.ID}) },
			"create invites":      func() wire.Op { return rig.Create("invites", rig.ID(), map[string]any{"role": "admin"}) },
			"create quarantine":   func() wire.Op { return rig.Create("quarantine", rig.ID(), map[string]any{"code": "x"}) },
			"create conflicts":    func() wire.Op { return rig.Create("conflicts", rig.ID(), map[string]any{"field": "x"}) },
			"create checklists":   func() wire.Op { return rig.Create("checklists", rig.ID(), map[string]any{"key": "x"}) },
			"update sites":        func() wire.Op { return rig.Update("sites", w.site, 0, map[string]any{"notes": rig.ID()}) },
			"update triage":       func() wire.Op { return rig.Update("triage", triage, base, map[string]any{"note": rig.ID()}) },
			"update observations": func() wire.Op { return rig.Update("observations", observed, base, map[string]any{"note": rig.ID()}) },
			"delete observations": func() wire.Op { return rig.Delete("observations", observed, base) },
			"delete triage":       func() wire.Op { return rig.Delete("triage", triage, base) },
			"update users":        func() wire.Op { return rig.Update("users", rosa.User.ID, 0, map[string]any{"locale": "es"}) },
		} {
			for _, role := range access.Roles {
				d := people[role]
				pushed := d.Do(op())
				overREST := w.sameOverREST(d, op())
				if (pushed.Verdict == wire.Applied || pushed.Verdict == wire.Merged) != overREST {
					t.Errorf("%s by %s: push %s %s, REST allows it: %v", name, role, pushed.Verdict, pushed.Code, overREST)
				}
				if overREST {
					writers[name] = append(writers[name], role)
				} else if pushed.Code != wire.CodeNotAllowed {
					t.Errorf("%s by %s: %+v, want not_allowed", name, role, pushed)
				}
			}
		}
		rig.Want(t, writers, map[string][]access.Role{
			"create observations": {access.Worker},
			"create submissions":  {access.Worker, access.Staff},
			"create sites":        {access.Coordinator, access.Admin},
			"create addenda":      {access.Worker, access.Coordinator},
			"update sites":        {access.Coordinator, access.Admin},
			"update triage":       {access.Coordinator},
		})
	})
	t.Run("[PUSH-8] organizations are an admin's to write, over push as over REST", func(t *testing.T) {
		w.on(t)
		pat := w.Enroll(access.Admin, w.ngo)
		op := rig.Create("organizations", rig.ID(), map[string]any{"name": "O"})
		verdict(t, pat.Do(op), wire.Applied, "")
		verdict(t, pat.Do(rig.Create("organizations", rig.ID(), map[string]any{"kind": "x"})), wire.Refused, wire.CodeInvalid)
		rig.Want(t, w.sameOverREST(pat, rig.Create("organizations", rig.ID(), map[string]any{"name": "Q"})), true)
		other := rig.Create("organizations", rig.ID(), map[string]any{"name": "P"})
		verdict(t, w.coordinator().Do(other), wire.Refused, wire.CodeNotAllowed)
		rig.Want(t, w.sameOverREST(w.coordinator(), other), false)
	})
	t.Run("[PUSH-8] what the server sets is not allowed from a client", func(t *testing.T) {
		w.on(t)
		rosa, dee := w.worker(), w.staff()
		now := w.Clock.Now().UTC().Format(wire.TimeFormat)
		for field, value := range map[string]any{"organization": w.ngo, "author": rosa.User.ID, "received": now, "clock_off": "ok", "id": rig.ID()} {
			for _, v := range []any{value, "", nil} {
				_, got := rosa.Create("observations", with(w.Observation(""), field, v))
				verdict(t, got, wire.Refused, wire.CodeNotAllowed)
				_, got = dee.Create("submissions", with(w.submission(w.site), field, v))
				verdict(t, got, wire.Refused, wire.CodeNotAllowed)
			}
		}
		keisha := w.coordinator()
		for _, field := range []string{"owner", "served_by"} {
			_, got := keisha.Create("sites", map[string]any{"name": "S", "venue": "hotel", field: w.ngo})
			verdict(t, got, wire.Refused, wire.CodeNotAllowed)
			verdict(t, keisha.Do(rig.Update("sites", w.site, 0, map[string]any{field: w.ngo})), wire.Refused, wire.CodeNotAllowed)
		}
	})
	t.Run("[PUSH-8] a plate is taken only where the organization allows it, and so is free text of site staff", func(t *testing.T) {
		w.on(t)
		rosa, dee := w.worker(), w.staff()
		plate := map[string]any{"kind": "van", "color": "white", "plate_state": "MO", "plate_end": "12"}
		try := func(d *rig.Device, fields map[string]any) wire.Verdict {
			collection := "observations"
			if d == dee {
				collection = "submissions"
			}
			_, v := d.Create(collection, fields)
			return v
		}
		applied(t, try(rosa, with(w.Observation(w.site), "vehicles", []any{plate})))
		whole := []any{map[string]any{"kind": "van", "plate": "ABC 123"}}
		if v := try(rosa, with(w.Observation(w.site), "vehicles", whole)); v.Verdict != wire.Refused {
			t.Fatalf("%+v", v)
		}
		verdict(t, try(dee, with(w.submission(w.site), "note", "she cried")), wire.Refused, wire.CodeNotAllowed)
		applied(t, try(dee, with(w.submission(w.site), "note", "")))
		ngo, err := w.App.FindRecordById("organizations", w.ngo)
		if err != nil {
			t.Fatal(err)
		}
		ngo.Set("allows", []string{"plates", "staff_notes"})
		if err := w.App.Save(ngo); err != nil {
			t.Fatal(err)
		}
		applied(t, try(rosa, with(w.Observation(w.site), "vehicles", whole)))
		applied(t, try(dee, with(w.submission(w.site), "note", "she cried")))
	})
	t.Run("[PUSH-8] who a person is counts as it is when the push runs", func(t *testing.T) {
		w.on(t)
		d := w.worker()
		_, v := d.Create("sites", map[string]any{"name": "S", "venue": "hotel"})
		verdict(t, v, wire.Refused, wire.CodeNotAllowed)
		w.role(d, access.Coordinator)
		_, v = d.Create("sites", map[string]any{"name": "S", "venue": "hotel"})
		applied(t, v)
		_, v = d.Create("observations", w.Observation(""))
		verdict(t, v, wire.Refused, wire.CodeNotAllowed)

		dee := w.staff()
		second := w.Site("Hotel two", w.hotel, w.ngo)
		_, v = dee.Create("submissions", w.submission(second))
		verdict(t, v, wire.Refused, wire.CodeNotAllowed)
		user, err := w.App.FindRecordById("users", dee.User.ID)
		if err != nil {
			t.Fatal(err)
		}
		user.Set("sites", []string{second})
		if err := w.App.Save(user); err != nil {
			t.Fatal(err)
		}
		_, v = dee.Create("submissions", w.submission(second))
		applied(t, v)
		_, v = dee.Create("submissions", w.submission(w.site))
		verdict(t, v, wire.Refused, wire.CodeNotAllowed)
	})
	t.Run("[PUSH-8] a revoked device pushes nothing", func(t *testing.T) {
		w.on(t)
		d := w.worker()
		m := d.Mutation(rig.Create("observations", rig.ID(), w.Observation("")))
		device, err := w.App.FindRecordById("devices", d.ID)
		if err != nil {
			t.Fatal(err)
		}
		device.Set("revoked", true)
		if err := w.App.Save(device); err != nil {
			t.Fatal(err)
		}
		before := w.print()
		w.postPush(d, mustJSON(t, envelope(d, m)), nil).is(t, http.StatusForbidden, "device_revoked", "never")
		w.unchanged(before)
	})
	t.Run("[PUSH-8] records are seen as the mutations before have left them", func(t *testing.T) {
		w.on(t)
		keisha, rosa := w.coordinator(), w.worker()
		site, id := rig.ID(), rig.ID()
		v := keisha.Push(
			keisha.Mutation(rig.Create("sites", site, map[string]any{"name": "Stop", "venue": "truck_stop"})),
			keisha.Mutation(rig.Update("sites", site, 0, map[string]any{"notes": "one"})),
			keisha.Mutation(rig.Update("sites", site, 0, map[string]any{"notes": "two"}), rig.Update("sites", site, 0, map[string]any{"address": "I-70"})),
			keisha.Mutation(rig.Delete("sites", site, 0)),
			keisha.Mutation(rig.Update("sites", site, 0, map[string]any{"notes": "three"})),
		)
		for _, x := range v[:4] {
			applied(t, x)
		}
		verdict(t, v[4], wire.Refused, wire.CodeGone)
		if v[1].Conflicts != nil || v[2].Conflicts != nil {
			t.Fatalf("a device is in conflict with itself: %+v", v)
		}
		v = rosa.Push(
			rosa.Mutation(rig.Create("observations", id, w.Observation("")), rig.Create("addenda", rig.ID(), map[string]any{"observation": id, "text": "in one act"})),
			rosa.Mutation(rig.Create("addenda", rig.ID(), map[string]any{"observation": id, "text": "after"})),
		)
		applied(t, v[0])
		applied(t, v[1])
	})
	t.Run("[PUSH-8] the ops of a mutation are applied all or not at all", func(t *testing.T) {
		w.on(t)
		rosa := w.worker()
		for _, spoil := range []wire.Op{
			rig.Create("observations", rig.ID(), map[string]any{}),
			rig.Create("sites", rig.ID(), map[string]any{"name": "S", "venue": "hotel"}),
			rig.Create("nowhere", rig.ID(), map[string]any{}),
			rig.Update("observations", rig.ID(), 0, map[string]any{"note": "x"}),
		} {
			m := rosa.Mutation(rig.Create("observations", rig.ID(), w.Observation("")), rig.Create("observations", rig.ID(), w.Observation("")), spoil)
			before := w.print()
			if v := rosa.Push(m)[0]; v.Verdict == wire.Applied {
				t.Fatalf("%+v", v)
			}
			for table, all := range w.print() {
				switch table {
				case "observations", "triage", "sites":
					rig.Want(t, all == before[table], true)
				}
			}
			for _, op := range m.Ops[:2] {
				rig.Want(t, len(w.past(op.Collection, op.ID)), 0)
			}
		}
	})
}

// sameOverREST does an op by the stock API and tells whether it was allowed.
func (w *town) sameOverREST(d *rig.Device, op wire.Op) bool {
	w.T.Helper()
	var status int
	switch op.Op {
	case wire.OpCreate:
		status, _ = w.rest(d, http.MethodPost, op.Collection+"/records", with(op.Fields, "id", op.ID))
	case wire.OpUpdate:
		status, _ = w.rest(d, http.MethodPatch, op.Collection+"/records/"+op.ID, op.Fields)
	case wire.OpDelete:
		status, _ = w.rest(d, http.MethodDelete, op.Collection+"/records/"+op.ID, nil)
	}
	return status == http.StatusOK || status == http.StatusNoContent
}

func TestPushLosesNothingItDoesNotUnderstand(t *testing.T) {
	w := newTown(t)
	rosa, keisha := w.worker(), w.coordinator()
	t.Run("[PUSH-9] what is not understood is kept in the journal's extra, wherever it stands", func(t *testing.T) {
		w.on(t)
		id := rig.ID()
		m := loose(t, rosa.Mutation(rig.Create("observations", id, with(w.Observation(""), "weather", map[string]any{"sky": "fog", "°C": -4.5}))))
		m["battery"] = 12
		m["ops"].([]any)[0].(map[string]any)["reason"] = []any{"late", nil}
		v := verdict(t, pushLoose(t, rosa, m)[0], wire.Applied, wire.CodeKeptExtra)
		past := w.past("observations", id)
		rig.Want(t, len(past), 1)
		want := map[string]any{"mutation": map[string]any{"battery": 12.0}, "op": map[string]any{"reason": []any{"late", nil}},
			"fields": map[string]any{"weather": map[string]any{"sky": "fog", "°C": -4.5}}}
		if !wire.EqualJSON(map[string]any(past[0].Extra), want) {
			t.Fatalf("kept %v", past[0].Extra)
		}
		v.Replayed = true
		rig.Want(t, pushLoose(t, rosa, m)[0], v)
	})
	t.Run("[PUSH-9] the same holds for updates and deletes, also where nothing else changes", func(t *testing.T) {
		w.on(t)
		id := rig.ID()
		applied(t, keisha.Do(rig.Create("sites", id, map[string]any{"name": "Stop", "venue": "truck_stop"})))
		for _, op := range []wire.Op{
			rig.Update("sites", id, 0, map[string]any{"notes": "lit", "colour": "red"}),
			rig.Update("sites", id, 0, map[string]any{"colour": "blue"}),
			rig.Update("sites", id, 0, map[string]any{"notes": "lit", "colour": "green"}),
		} {
			v := verdict(t, keisha.Do(op), wire.Applied, wire.CodeKeptExtra)
			past := w.past("sites", id)
			last := past[len(past)-1]
			rig.Want(t, []any{last.Seq, last.Extra["fields"].(map[string]any)["colour"]}, []any{v.Seq, op.Fields["colour"]})
		}
		m := bendOp(t, keisha.Mutation(rig.Delete("sites", id, 0)), map[string]any{"why": "closed down"})
		verdict(t, pushLoose(t, keisha, m)[0], wire.Applied, wire.CodeKeptExtra)
		past := w.past("sites", id)
		rig.Want(t, past[len(past)-1].Extra, map[string]any{"op": map[string]any{"why": "closed down"}})
	})
	t.Run("[PUSH-9] four kilobytes an op fit, one byte more is too large", func(t *testing.T) {
		w.on(t)
		frame := len(`{"fields":{"pad":""}}`)
		pad := func(n int) wire.Op {
			return rig.Create("observations", rig.ID(), with(w.Observation(""), "pad", strings.Repeat("x", n-frame)))
		}
		verdict(t, rosa.Do(pad(4096)), wire.Applied, wire.CodeKeptExtra)
		verdict(t, rosa.Do(pad(4097)), wire.Refused, wire.CodeTooLarge)
		verdict(t, rosa.Do(pad(4096), pad(4096)), wire.Applied, wire.CodeKeptExtra)
		verdict(t, rosa.Do(pad(4096), pad(4097)), wire.Refused, wire.CodeTooLarge)
	})
	t.Run("[PUSH-9] what is understood has no code, and no extra", func(t *testing.T) {
		w.on(t)
		id, v := rosa.Create("observations", w.Observation(""))
		applied(t, v)
		rig.Want(t, len(w.past("observations", id)[0].Extra), 0)
	})
	t.Run("[PUSH-9] what comes around a record that is there already is kept too", func(t *testing.T) {
		w.on(t)
		id := rig.ID()
		first := rosa.Mutation(rig.Create("observations", id, w.Observation("")))
		applied(t, rosa.Push(first)[0])
		again := bend(t, rosa.Mutation(first.Ops...), map[string]any{"battery": 3})
		verdict(t, pushLoose(t, rosa, again)[0], wire.Applied, wire.CodeKeptExtra)
		past := w.past("observations", id)
		rig.Want(t, past[len(past)-1].Extra, map[string]any{"mutation": map[string]any{"battery": 3.0}})
	})
}

func TestPushNeverOverwritesAnID(t *testing.T) {
	w := newTown(t)
	w.Clock.Morning() // a last contact of staff is kept by the day
	rosa, keisha := w.worker(), w.coordinator()
	t.Run("[PUSH-11] the same content from the same author is a no-op with the record's version", func(t *testing.T) {
		w.on(t)
		for _, c := range []struct {
			d          *rig.Device
			collection string
			fields     map[string]any
		}{
			{rosa, "observations", with(with(w.Observation(w.site), "people", 3), "point", map[string]any{"lat": 39.1, "lon": -94.5})},
			{rosa, "observations", map[string]any{"event_time": "2026-01-11 04:55:00.000Z", "indicators": []any{}}},
			{w.staff(), "submissions", w.submission(w.site)},
			{keisha, "sites", map[string]any{"name": "Stop", "venue": "truck_stop", "notes": ""}},
		} {
			id, v := c.d.Create(c.collection, c.fields)
			applied(t, v)
			version := w.past(c.collection, id)[0].Seq
			before := w.print()
			w.Clock.Add(time.Hour)
			same := c.fields
			if at, ok := same["event_time"]; ok { // another spelling of one time
				same = with(same, "event_time", strings.Replace(strings.Replace(fmt.Sprint(at), " ", "T", 1), "Z", "000+00:00", 1))
			}
			again := applied(t, c.d.Do(rig.Create(c.collection, id, same)))
			if again.Replayed || again.Seq != version {
				t.Fatalf("%+v, want seq %d", again, version)
			}
			w.unchanged(before, "journal_receipt")
			heir := goOn(t, c.d)
			rig.Want(t, applied(t, heir.Do(rig.Create(c.collection, id, same))).Seq, version)
		}
	})
	t.Run("[PUSH-11] the version of a no-op is that of the record as it is by now", func(t *testing.T) {
		w.on(t)
		fields := map[string]any{"name": "Stop", "venue": "truck_stop"}
		id, v := keisha.Create("sites", fields)
		applied(t, v)
		edited := applied(t, w.coordinator().Do(rig.Update("sites", id, v.Seq, map[string]any{"notes": "lit"})))
		rig.Want(t, applied(t, keisha.Do(rig.Create("sites", id, fields))).Seq, edited.Seq)
		rig.Want(t, w.record("sites", id)["notes"], "lit")
	})
	t.Run("[PUSH-11] other content, or another author, is refused and kept, and overwrites nothing", func(t *testing.T) {
		w.on(t)
		id, v := rosa.Create("observations", w.Observation(w.site))
		applied(t, v)
		before := w.record("observations", id)
		for d, list := range map[*rig.Device][]map[string]any{
			rosa: {with(w.Observation(w.site), "note", "other"), with(w.Observation(w.site), "people", 2), w.Observation(""),
				with(w.Observation(w.site), "weather", "fog"), with(w.Observation(w.site), "event_time", "2026-01-01T00:00:00.000Z")},
			w.worker(): {w.Observation(w.site)},
		} {
			for _, fields := range list {
				v := verdict(t, d.Do(rig.Create("observations", id, fields)), wire.Refused, wire.CodeInvalid)
				rig.Want(t, w.record("quarantine", v.Quarantine)["record"], id)
			}
		}
		rig.Want(t, w.record("observations", id), before)
		rig.Want(t, len(w.past("observations", id)), 1)
	})
	t.Run("[PUSH-11] an id belongs to one collection and may be used in another", func(t *testing.T) {
		w.on(t)
		id, v := rosa.Create("observations", w.Observation(""))
		applied(t, v)
		applied(t, rosa.Do(rig.Create("submissions", id, w.submission(w.site))))
	})
	t.Run("[PUSH-11] what clients write has no unique index but the id", func(t *testing.T) {
		w.on(t)
		for name, row := range access.Table {
			if row.Create == nil && row.Update == nil {
				continue
			}
			for _, index := range w.rows(`SELECT * FROM pragma_index_list({:t}) WHERE "unique"=1`, map[string]any{"t": name}) {
				columns := w.rows(`SELECT name FROM pragma_index_info({:i})`, map[string]any{"i": index["name"]})
				if len(columns) != 1 || columns[0]["name"] != "id" {
					t.Errorf("%s: %v", name, index)
				}
			}
		}
	})
}
