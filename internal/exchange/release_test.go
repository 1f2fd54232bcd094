package exchange_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/exchange"
	"github.com/fieldpost/fieldpost/internal/fault"
	"github.com/fieldpost/fieldpost/internal/journal"
	"github.com/fieldpost/fieldpost/internal/seal"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// repair asks, as the board does, for something to be done with what is held.
func (w *town) repair(by *rig.Device, what, id string, ops ...any) (int, *wire.Repaired, string) {
	w.T.Helper()
	body := map[string]any{}
	if len(ops) > 0 {
		body["ops"] = ops
	}
	var raw json.RawMessage
	status := w.Post(by.Token, "/api/sync/quarantine/"+id+"/"+what, body, &raw)
	if status != http.StatusOK {
		var e wire.ErrorBody
		if err := json.Unmarshal(raw, &e); err != nil {
			w.T.Fatalf("%d %s", status, raw)
		}
		return status, nil, e.Code
	}
	var r wire.Repaired
	if err := json.Unmarshal(raw, &r); err != nil {
		w.T.Fatalf("%s: %v", raw, err)
	}
	return status, &r, ""
}

// became asks and fails unless the mutation is in this state afterwards, in the
// answer and in quarantine.
func (w *town) became(by *rig.Device, what, id, state string, ops ...any) *wire.Repaired {
	w.T.Helper()
	status, r, code := w.repair(by, what, id, ops...)
	if status != http.StatusOK {
		w.T.Fatalf("%s: %d %s", what, status, code)
	}
	if r.ID != id || r.State != state {
		w.T.Fatalf("%s: %+v, want %s", what, r, state)
	}
	rig.Want(w.T, w.record("quarantine", id)["state"], state)
	return r
}

// op is a create as decoded JSON.
func op(t testing.TB, o wire.Op) any { t.Helper(); return any(object(t, mustJSON(t, o))) }

// noTime is an observation that nobody can take: it says not when.
func (w *town) noTime(site string) map[string]any {
	f := w.Observation(site)
	delete(f, "event_time")
	return f
}

// own gives the first entry of a record.
func (w *town) first(collection, id string) journal.PastEntry {
	w.T.Helper()
	past := w.past(collection, id)
	if len(past) == 0 {
		w.T.Fatalf("%s %s has no history", collection, id)
	}
	return past[0]
}

func TestRelease(t *testing.T) {
	w := newTown(t)
	keisha := w.coordinator()

	t.Run("[PUSH-6] a repaired mutation runs again as its author, keeps its stamp, and what was held stays to be seen with what was changed", func(t *testing.T) {
		w.on(t)
		rosa := w.worker()
		id := rig.ID()
		m := rosa.Mutation(rig.Create("observations", id, w.noTime(w.site)))
		v := verdict(t, rosa.Push(m)[0], wire.Refused, wire.CodeInvalid)
		before := w.record("quarantine", v.Quarantine)
		w.Clock.Add(48 * 3600e9)
		repaired := op(t, rig.Create("observations", id, w.Observation(w.site)))
		r := w.became(keisha, "release", v.Quarantine, "released", repaired)
		rig.Want(t, r.Verdict.Verdict, wire.Applied)
		rig.Want(t, r.Verdict.N, m.N)

		e := w.first("observations", id)
		rig.Want(t, e.Actor, rosa.User.ID)
		rig.Want(t, e.Device, w.S.Key.Device(rosa.ID))
		rig.Want(t, e.Stamp, strings.ReplaceAll(m.Stamp, rosa.ID, w.S.Key.Device(rosa.ID)))
		rig.Want(t, e.Extra["released"], v.Quarantine)
		rig.Want(t, w.record("observations", id)["author"], rosa.User.ID)
		if w.record("triage", wire.TriageID("observations", id)) == nil {
			t.Error("no triage was made")
		}

		after := w.record("quarantine", v.Quarantine)
		rig.Want(t, after["mutation"], before["mutation"])
		repair := after["repair"].(map[string]any)
		rig.Want(t, repair["by"], keisha.User.ID)
		rig.Want(t, wire.EqualJSON(repair["ops"], []any{repaired}), true)
		past := w.past("quarantine", v.Quarantine)
		rig.Want(t, past[len(past)-1].Actor, keisha.User.ID)
		rig.Want(t, rosa.Fresh()["observations"][id] != nil, true)

		// The device that asks again gets what it was told the first time.
		again := rosa.Push(m)[0]
		v.Replayed = true
		rig.Want(t, again, v)
	})

	t.Run("[PUSH-6] lent-rights: a release never lends the coordinator's rights to the author", func(t *testing.T) {
		w.on(t)
		rosa := w.worker()
		id := rig.ID()
		create := rig.Create("sites", id, map[string]any{"name": "Stop", "venue": "truck_stop"})
		v := verdict(t, rosa.Do(create), wire.Refused, wire.CodeNotAllowed)
		r := w.became(keisha, "release", v.Quarantine, "held")
		rig.Want(t, r.Verdict.Code, wire.CodeNotAllowed)
		r = w.became(keisha, "release", v.Quarantine, "held", op(t, create))
		rig.Want(t, r.Verdict.Code, wire.CodeNotAllowed)
		if w.record("sites", id) != nil {
			t.Fatal("a worker made a site with a coordinator's rights")
		}
		// The control: with the coordinator's rights it would have gone through,
		// as adopting it shows.
		rig.Want(t, w.became(keisha, "adopt", v.Quarantine, "adopted").Verdict.Verdict, wire.Applied)
		rig.Want(t, w.first("sites", id).Actor, keisha.User.ID)
	})

	t.Run("[PUSH-6] a release runs under the rules of now: what was wrong then may be right, and the other way round", func(t *testing.T) {
		w.on(t)
		other := w.Organization("Others")
		site := w.Site("Elsewhere", w.hotel, other)
		rosa := w.worker()
		id, v := rosa.Create("observations", w.Observation(site))
		verdict(t, v, wire.Refused, wire.CodeNotAllowed)
		rig.Want(t, w.became(keisha, "release", v.Quarantine, "held").Verdict.Code, wire.CodeNotAllowed)
		change(t, w.Rig, "sites", site, map[string]any{"served_by": w.ngo})
		w.became(keisha, "release", v.Quarantine, "released")
		rig.Want(t, w.record("observations", id)["organization"], w.ngo)

		tom := w.worker()
		late, v := tom.Create("observations", w.noTime(w.site))
		change(t, w.Rig, "users", tom.User.ID, map[string]any{"role": "manager"})
		r := w.became(keisha, "release", v.Quarantine, "held", op(t, rig.Create("observations", late, w.Observation(w.site))))
		rig.Want(t, r.Verdict.Code, wire.CodeNotAllowed)
		rig.Want(t, w.record("quarantine", v.Quarantine)["code"], wire.CodeNotAllowed)
		rig.Want(t, w.record("observations", late) == nil, true)
	})

	t.Run("[PUSH-6] what depended on it follows in the order of n, and what still waits for something else stays", func(t *testing.T) {
		w.on(t)
		rosa := w.worker()
		parent, elsewhere := rig.ID(), rig.ID()
		first, second, foreign := rig.ID(), rig.ID(), rig.ID()
		addendum := func(id, of string) wire.Mutation {
			return rosa.Mutation(rig.Create("addenda", id, map[string]any{"observation": of, "text": "more"}))
		}
		vs := rosa.Push(rosa.Mutation(rig.Create("observations", parent, w.noTime(w.site))),
			rosa.Mutation(rig.Create("observations", elsewhere, w.noTime(w.site))),
			addendum(first, parent), addendum(foreign, elsewhere), addendum(second, parent))
		for _, v := range vs[2:] {
			verdict(t, v, wire.Refused, wire.CodeDependsOnRefused)
		}
		// What comes later under the successor of the device depends on it too.
		next := goOn(t, rosa)
		third, v := next.Create("addenda", map[string]any{"observation": parent, "text": "later"})
		verdict(t, v, wire.Refused, wire.CodeDependsOnRefused)

		r := w.became(keisha, "release", vs[0].Quarantine, "released", op(t, rig.Create("observations", parent, w.Observation(w.site))))
		var followed []string
		for _, f := range r.Followed {
			followed = append(followed, f.ID+" "+f.State)
		}
		rig.Want(t, followed, []string{vs[2].Quarantine + " released", vs[4].Quarantine + " released", v.Quarantine + " released"})
		for _, id := range []string{first, second, third} {
			rig.Want(t, w.record("addenda", id)["author"], rosa.User.ID)
		}
		if a, b := w.first("addenda", first).Seq, w.first("addenda", second).Seq; a >= b {
			t.Errorf("%d before %d", b, a)
		}
		rig.Want(t, w.record("addenda", foreign) == nil, true)
		rig.Want(t, w.record("quarantine", vs[3].Quarantine)["state"], "held")
	})

	t.Run("[PUSH-7] after a release what depends on it and comes later is applied", func(t *testing.T) {
		w.on(t)
		rosa := w.worker()
		id, v := rosa.Create("observations", w.noTime(w.site))
		_, refused := rosa.Create("addenda", map[string]any{"observation": id, "text": "before"})
		verdict(t, refused, wire.Refused, wire.CodeDependsOnRefused)
		w.became(keisha, "release", v.Quarantine, "released", op(t, rig.Create("observations", id, w.Observation(w.site))))
		_, later := rosa.Create("addenda", map[string]any{"observation": id, "text": "after"})
		applied(t, later)
	})

	t.Run("[PUSH-6] refusal-dropped: every refused write is kept, shown to its coordinators, and comes to something by a person's act", func(t *testing.T) {
		w.on(t)
		rosa := w.worker()
		var held []string
		for range 5 {
			_, v := rosa.Create("observations", w.noTime(w.site))
			held = append(held, verdict(t, v, wire.Refused, wire.CodeInvalid).Quarantine)
		}
		view := keisha.Fresh()["quarantine"]
		for _, id := range held {
			row := object(t, view[id])
			o := row["mutation"].(map[string]any)["ops"].([]any)[0].(map[string]any)
			rig.Want(t, row["state"], "held")
			o["fields"].(map[string]any)["event_time"] = "2026-01-11T04:55:00.000Z"
			w.became(keisha, "release", id, "released", o)
			rig.Want(t, w.record("observations", fmt.Sprint(o["id"]))["author"], rosa.User.ID)
		}
	})

	t.Run("[PUSH-6] [SEALED] what came sealed and was opened before it was refused can be read, and is released like any other", func(t *testing.T) {
		w.on(t)
		others := w.Organization("Yet others")
		site := w.Site("Sealed place", w.hotel, others)
		dee := w.Enroll(access.Staff, w.hotel, site)
		id := rig.ID()
		m := dee.Mutation(rig.Create("submissions", id, w.submission(w.site)))
		text := wire.SealedText(mustJSON(t, m.Ops))
		var err error
		if m.Sealed, err = seal.SealFor(w.S.Key.SealKey(), wire.SealedAAD(dee.ID, m.N, m.Stamp), text); err != nil {
			t.Fatal(err)
		}
		m.Ops = nil
		v := verdict(t, dee.Push(m)[0], wire.Refused, wire.CodeNotAllowed)
		change(t, w.Rig, "users", dee.User.ID, map[string]any{"sites": []string{w.site}})
		change(t, w.Rig, "quarantine", v.Quarantine, map[string]any{"organization": w.ngo})
		w.became(keisha, "release", v.Quarantine, "released")
		rig.Want(t, w.first("submissions", id).Actor, w.S.Key.PersonOn(dee.User.ID, id))
		kept := w.record("quarantine", v.Quarantine)["mutation"].(map[string]any)
		rig.Want(t, kept["ops"] != nil && kept["sealed"] == nil, true)
	})

	t.Run("[PUSH-6] of two coordinators who release at once one wins and the other is told; it takes effect once", func(t *testing.T) {
		w.on(t)
		rosa, other := w.worker(), w.coordinator()
		id, v := rosa.Create("observations", w.noTime(w.site))
		repaired := op(t, rig.Create("observations", id, w.Observation(w.site)))
		answers := make([]string, 8)
		var wg sync.WaitGroup
		for i := range answers {
			by := []*rig.Device{keisha, other}[i%2]
			wg.Go(func() {
				ex := w.S.Exchange
				_, err := ex.Release(context.Background(), exchange.Repair{ID: v.Quarantine, By: by.User.ID, Ops: []any{repaired}})
				if answers[i] = "won"; err != nil {
					answers[i] = string(fault.Of(err).Code)
				}
			})
		}
		wg.Wait()
		won := 0
		for _, a := range answers {
			if a == "won" {
				won++
			} else if a != "not_held" {
				t.Error(a)
			}
		}
		rig.Want(t, won, 1)
		rig.Want(t, len(w.past("observations", id)), 1)
		status, _, code := w.repair(keisha, "release", v.Quarantine)
		rig.Want(t, fmt.Sprint(status, code), "409not_held")
		status, _, code = w.repair(keisha, "adopt", v.Quarantine)
		rig.Want(t, fmt.Sprint(status, code), "409not_held")
	})
}

func TestReleaseIsForCoordinators(t *testing.T) {
	w := newTown(t)
	rosa := w.worker()
	id, v := rosa.Create("observations", w.noTime(w.site))
	others := w.Organization("Others")
	t.Run("[PUSH-6] only coordinators of its organization may act on what is held", func(t *testing.T) {
		w.on(t)
		before := w.print()
		for _, d := range []*rig.Device{rosa, w.staff(), w.Enroll(access.Manager, w.hotel, w.site), w.Enroll(access.Admin, w.ngo),
			w.Enroll(access.LawEnforcement, w.ngo), w.Enroll(access.Provider, w.ngo), w.Enroll(access.Coordinator, others)} {
			for _, what := range []string{"release", "adopt"} {
				status, _, code := w.repair(d, what, v.Quarantine, op(t, rig.Create("observations", id, w.Observation(w.site))))
				rig.Want(t, fmt.Sprint(d.User.Role, what, status, code), fmt.Sprint(d.User.Role, what, 403, "not_allowed"))
			}
		}
		for _, table := range []string{"quarantine", "observations", "journal_held"} {
			if w.print()[table] != before[table] {
				t.Errorf("%s changed", table)
			}
		}
	})
	keisha := w.coordinator()
	t.Run("[PUSH-6] nobody releases into an organization that is not theirs", func(t *testing.T) {
		w.on(t)
		mover := w.worker()
		id, v := mover.Create("observations", w.noTime(""))
		change(t, w.Rig, "users", mover.User.ID, map[string]any{"organization": others})
		repaired := op(t, rig.Create("observations", id, w.Observation("")))
		rig.Want(t, w.became(keisha, "release", v.Quarantine, "held", repaired).Verdict.Code, wire.CodeNotAllowed)
		rig.Want(t, w.record("observations", id) == nil, true)
		// The control: the author's rights alone would have let it through.
		r, err := w.S.Exchange.Release(context.Background(), exchange.Repair{ID: v.Quarantine, Ops: []any{repaired}})
		if err != nil || r.State != "released" {
			t.Fatalf("%+v %v", r, err)
		}
		rig.Want(t, w.record("observations", id)["organization"], others)
	})
	t.Run("[PUSH-6] a coordinator does not get an admin's rights by repairing what an admin wrote", func(t *testing.T) {
		w.on(t)
		root := w.Enroll(access.Admin, w.ngo)
		_, v := root.Create("sites", map[string]any{"name": "No venue"})
		verdict(t, v, wire.Refused, wire.CodeInvalid)
		take := op(t, rig.Update("sites", w.site, 0, map[string]any{"owner": w.ngo}))
		rig.Want(t, w.became(keisha, "release", v.Quarantine, "held", take).Verdict.Code, wire.CodeNotAllowed)
		rig.Want(t, w.record("sites", w.site)["owner"], w.hotel)
	})
	t.Run("[PUSH-6] an id that is not there, a request that can't be read and a token that is none get their codes", func(t *testing.T) {
		w.on(t)
		url := w.URL + "/api/sync/quarantine/"
		post(t, url+rig.ID()+"/release", keisha.Token, nil, nil).is(t, 404, "not_found", "never")
		post(t, url+v.Quarantine+"/release", keisha.Token, strings.NewReader(`{"ops":1}`), nil).is(t, 400, "bad_request", "never")
		post(t, url+v.Quarantine+"/release", "", nil, nil).is(t, 401, "unauthenticated", "never")
		rig.Want(t, w.record("quarantine", v.Quarantine)["state"], "held")
	})
}

func TestAdopt(t *testing.T) {
	w := newTown(t)
	keisha := w.coordinator()
	t.Run("[PUSH-6] what was adopted is the coordinator's own, with the original attached and no author that lies", func(t *testing.T) {
		w.on(t)
		rosa := w.worker()
		id, v := rosa.Create("observations", w.noTime(w.site))
		change(t, w.Rig, "devices", rosa.ID, map[string]any{"revoked": true})
		repaired := op(t, rig.Create("observations", id, w.Observation(w.site)))
		r := w.became(keisha, "release", v.Quarantine, "held", repaired)
		rig.Want(t, r.Verdict.Code, wire.CodeNotAllowed)
		r = w.became(keisha, "adopt", v.Quarantine, "adopted", repaired)
		rig.Want(t, r.Verdict.Verdict, wire.Applied)
		e := w.first("observations", id)
		rig.Want(t, e.Actor, keisha.User.ID)
		rig.Want(t, e.Device, w.S.Key.Rest(keisha.User.ID))
		rig.Want(t, e.Extra["adopted"], v.Quarantine)
		o := w.record("observations", id)
		rig.Want(t, o["author"], "")
		rig.Want(t, o["organization"], w.ngo)
		kept := w.record("quarantine", v.Quarantine)
		rig.Want(t, kept["author"], rosa.User.ID)
		rig.Want(t, kept["repair"].(map[string]any)["by"], keisha.User.ID)
		rig.Want(t, w.record("triage", wire.TriageID("observations", id)) != nil, true)

		addendum, v := w.worker().Create("addenda", map[string]any{"observation": id, "text": "I was there too"})
		verdict(t, v, wire.Refused, wire.CodeNotAllowed)
		w.became(keisha, "adopt", v.Quarantine, "adopted")
		rig.Want(t, w.record("addenda", addendum)["author"], "")
	})
	t.Run("[PUSH-6] of a staff report that is released or adopted the author stays sealed", func(t *testing.T) {
		w.on(t)
		for _, what := range []string{"release", "adopt"} {
			dee := w.staff()
			before := w.print() // who is enrolled is in the journal, by the day
			bad := w.submission(w.site)
			bad["version"] = 99
			id, v := dee.Create("submissions", bad)
			verdict(t, v, wire.Refused, wire.CodeInvalid)
			w.became(keisha, what, v.Quarantine, map[string]string{"release": "released", "adopt": "adopted"}[what],
				op(t, rig.Create("submissions", id, w.submission(w.site))))
			actor := w.S.Key.PersonOn(dee.User.ID, id)
			if what == "adopt" {
				actor = keisha.User.ID
			}
			rig.Want(t, w.first("submissions", id).Actor, actor)
			for _, table := range []string{"submissions", "quarantine", "triage", "journal_entry", "journal_content", "journal_held", "journal_receipt", "journal_clock"} {
				for _, row := range printed(t, w.App.ConcurrentDB(), table) {
					if !strings.Contains(before[table], row) && (strings.Contains(row, dee.ID) || strings.Contains(row, dee.User.ID)) {
						t.Fatalf("%s names who wrote it: %.300s", table, row)
					}
				}
			}
		}
	})
	t.Run("[PUSH-6] adopting gives no rights that a coordinator has not got, and stays within the organization", func(t *testing.T) {
		w.on(t)
		others := w.Organization("Others")
		site := w.Site("Elsewhere", w.hotel, others)
		rosa := w.worker()
		_, v := rosa.Create("observations", w.Observation(site))
		rig.Want(t, w.became(keisha, "adopt", v.Quarantine, "held").Verdict.Code, wire.CodeNotAllowed)
		v = rosa.Do(rig.Create("organizations", rig.ID(), map[string]any{"name": "Mine"}))
		rig.Want(t, w.became(keisha, "adopt", v.Quarantine, "held").Verdict.Code, wire.CodeNotAllowed)
		v = rosa.Do(rig.Update("sites", w.site, 0, map[string]any{"served_by": others}))
		rig.Want(t, w.became(keisha, "adopt", v.Quarantine, "held").Verdict.Code, wire.CodeNotAllowed)
	})
}
