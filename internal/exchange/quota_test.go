package exchange_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/pocketbase/dbx"

	rig "github.com/fieldpost/fieldpost/internal/testrig"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// renewAgain renews a device as it is and gives its new token.
func renewAgain(t testing.TB, d *rig.Device) string {
	t.Helper()
	var c wire.ChallengeAnswer
	if status := d.Rig.Post("", "/api/sync/challenge", map[string]any{"device": d.ID}, &c); status != http.StatusOK {
		t.Fatalf("challenge: %d", status)
	}
	var a struct{ Token string }
	status := d.Rig.Post("", "/api/sync/renew", wire.RenewRequest{Device: d.ID, Challenge: c.Challenge,
		Signature: d.Sign(wire.RenewText(d.ID, c.Challenge, "", ""))}, &a)
	if status != http.StatusOK || a.Token == "" {
		t.Fatalf("renew: %d", status)
	}
	return a.Token
}

// bad gives mutations that are refused, each of about so many bytes.
func (w *town) bad(d *rig.Device, count, bytes int) []wire.Mutation {
	var out []wire.Mutation
	for range count {
		f := w.noTime(w.site)
		f["note"] = strings.Repeat("x", bytes)
		out = append(out, d.Mutation(rig.Create("observations", rig.ID(), f)))
	}
	return out
}

// share is what a device has in quarantine, as the server counts it.
func (w *town) share(d *rig.Device) string {
	w.T.Helper()
	r := w.rows(`SELECT count(*) AS n, coalesce(sum(bytes),0) AS b FROM journal_held WHERE device={:d}`, dbx.Params{"d": w.S.Key.Device(d.ID)})
	return r[0]["n"] + " " + r[0]["b"]
}

func TestQuota(t *testing.T) {
	w := newTown(t)
	t.Run("[PUSH-10] the thousandth item of a device has room in quarantine, the next has not, and nothing of it is kept", func(t *testing.T) {
		w.on(t)
		rosa := w.worker()
		for _, v := range rosa.Push(w.bad(rosa, 9, 1)...) {
			verdict(t, v, wire.Refused, wire.CodeInvalid)
		}
		// 990 more, counted without the trouble of sending them.
		w.exec(`INSERT INTO journal_held WITH RECURSIVE i(n) AS (SELECT 10001 UNION ALL SELECT n+1 FROM i WHERE n<10990)
			SELECT 'q'||n, '` + w.S.Key.Device(rosa.ID) + `', n, 100, '' FROM i`)
		last := verdict(t, rosa.Push(w.bad(rosa, 1, 1)...)[0], wire.Refused, wire.CodeInvalid)
		before := w.print()
		over := w.bad(rosa, 1, 1)
		a := w.postPush(rosa, mustJSON(t, envelope(rosa, over[0])), nil)
		a.is(t, http.StatusServiceUnavailable, "quarantine_full", "later")
		if a.header.Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
		w.unchanged(before)

		// What can be applied is, beside it; what was refused before is known.
		good := rosa.Mutation(rig.Create("observations", rig.ID(), w.Observation(w.site)))
		vs := rosa.Push(over[0], good)
		rig.Want(t, vs[0].Verdict+" "+vs[0].Code, "deferred busy")
		applied(t, vs[1])
		rig.Want(t, w.count("journal_held"), 1000)
		// Others are not held up.
		tom := w.worker()
		verdict(t, tom.Push(w.bad(tom, 1, 1)...)[0], wire.Refused, wire.CodeInvalid)

		// Once a coordinator has dealt with one there is room for one.
		keisha := w.coordinator()
		kept := w.record("quarantine", last.Quarantine)["mutation"].(map[string]any)["ops"].([]any)[0].(map[string]any)
		kept["fields"] = map[string]any(w.Observation(w.site))
		w.became(keisha, "release", last.Quarantine, "released", kept)
		verdict(t, rosa.Push(over[0])[0], wire.Refused, wire.CodeInvalid)
		status, _, e := rosa.TryPush(w.bad(rosa, 1, 1)...)
		rig.Want(t, fmt.Sprint(status, e.Code), "503quarantine_full")
	})
	t.Run("[PUSH-10] ten megabytes of a device have room in quarantine, and its successors share them", func(t *testing.T) {
		w.on(t)
		rosa := w.worker()
		for range 5 {
			for _, v := range rosa.Push(w.bad(rosa, 2, 900_000)...) {
				verdict(t, v, wire.Refused, wire.CodeInvalid)
			}
		}
		verdict(t, rosa.Push(w.bad(rosa, 1, 900_000)...)[0], wire.Refused, wire.CodeInvalid)
		before := w.share(rosa)
		status, _, e := rosa.TryPush(w.bad(rosa, 1, 900_000)...)
		rig.Want(t, fmt.Sprint(status, e.Code), "503quarantine_full")
		verdict(t, rosa.Push(w.bad(rosa, 1, 1)...)[0], wire.Refused, wire.CodeInvalid)
		if w.share(rosa) == before {
			t.Error("what is small had no room")
		}
		next := goOn(t, rosa)
		status, _, e = next.TryPush(w.bad(next, 1, 900_000)...)
		rig.Want(t, fmt.Sprint(status, e.Code), "503quarantine_full")
	})
	t.Run("[PUSH-10] what no empty quarantine has room for is kept all the same: else its device would send it for ever", func(t *testing.T) {
		w.on(t)
		rosa := w.worker()
		change(t, w.Rig, "devices", rosa.ID, map[string]any{"revoked": true})
		rosa.Token = renewAgain(t, rosa)
		verdict(t, rosa.Push(w.bad(rosa, 1, 3_000_000)...)[0], wire.Refused, wire.CodeNotAllowed)
		status, _, e := rosa.TryPush(w.bad(rosa, 1, 1)...)
		rig.Want(t, fmt.Sprint(status, e.Code), "503quarantine_full")
	})
	t.Run("[PUSH-10] what is deleted, or marked as dealt with, in the dashboard frees its room too", func(t *testing.T) {
		w.on(t)
		rosa := w.worker()
		vs := rosa.Push(w.bad(rosa, 2, 1)...)
		rig.Want(t, w.share(rosa)[:2], "2 ")
		gone, err := w.App.FindRecordById("quarantine", vs[0].Quarantine)
		if err == nil {
			err = w.App.Delete(gone)
		}
		if err != nil {
			t.Fatal(err)
		}
		rig.Want(t, w.share(rosa)[:2], "1 ")
		change(t, w.Rig, "quarantine", vs[1].Quarantine, map[string]any{"state": "adopted"})
		rig.Want(t, w.share(rosa), "0 0")
	})
}

func TestHandingInAfterRevoking(t *testing.T) {
	w := newTown(t)
	keisha, rosa := w.coordinator(), w.worker()
	good := rosa.Mutation(rig.Create("observations", rig.ID(), w.Observation(w.site)))
	first := applied(t, rosa.Push(good)[0])
	old := rosa.Token
	change(t, w.Rig, "devices", rosa.ID, map[string]any{"revoked": true})
	held := rosa.Mutation(rig.Create("observations", rig.ID(), w.Observation(w.site)))

	t.Run("[PUSH-10] a revoked device hands in what it holds with a renewed token, and all of it goes to quarantine", func(t *testing.T) {
		w.on(t)
		w.postPush(rosa, mustJSON(t, envelope(rosa, held)), nil).is(t, http.StatusForbidden, "device_revoked", "never")
		rosa.Token = renewAgain(t, rosa)
		two := rosa.Mutation(rig.Create("addenda", rig.ID(), map[string]any{"observation": good.Ops[0].ID, "text": "a"}),
			rig.Create("addenda", rig.ID(), map[string]any{"observation": good.Ops[0].ID, "text": "b"}))
		vs := rosa.Push(good, held, two)
		first.Replayed = true
		rig.Want(t, vs[0], first)
		for _, v := range vs[1:] {
			verdict(t, v, wire.Refused, wire.CodeNotAllowed)
			rig.Want(t, strings.Contains(v.Message, "signed out"), true)
		}
		rig.Want(t, w.record("observations", held.Ops[0].ID) == nil, true)
		if keisha.Fresh()["quarantine"][vs[1].Quarantine] == nil {
			t.Fatal("no coordinator sees it")
		}
		again := rosa.Push(held)[0]
		vs[1].Replayed = true
		rig.Want(t, again, vs[1])
		w.became(keisha, "adopt", vs[1].Quarantine, "adopted")
	})
	t.Run("[PUSH-10] [ENROL-3] that token is refused everywhere else, and the old one everywhere", func(t *testing.T) {
		w.on(t)
		for _, token := range []string{old, rosa.Token, "Bearer " + rosa.Token} {
			refused := "403device_revoked"
			if token == old { // it ended when the one after it was used
				refused = "401token_expired"
			}
			for _, path := range []string{"/api/sync/pull", "/api/sync/enroll", "/api/sync/quarantine/" + rig.ID() + "/release", "/api/sync/push/",
				"/api/collections/users/auth-refresh", "/api/realtime", "/api/batch", "/api/collections/observations/records"} {
				var e wire.ErrorBody
				body := map[string]any{"protocol": 1, "schema": 1, "device": rosa.ID, "cursor": nil}
				if status := w.Post(token, path, body, &e); fmt.Sprint(status, e.Code) != refused {
					t.Errorf("%s: %d %s, not %s", path, status, e.Code, refused)
				}
			}
			var e wire.ErrorBody
			if status := w.Send(http.MethodGet, token, "/api/collections/observations/records", nil, &e); fmt.Sprint(status, e.Code) != refused {
				t.Errorf("list: %d %s, not %s", status, e.Code, refused)
			}
		}
	})
	t.Run("[PUSH-10] what goes on for it after a fork is revoked like it", func(t *testing.T) {
		w.on(t)
		next := goOn(t, rosa)
		rig.Want(t, w.record("devices", next.ID)["revoked"], true)
		verdict(t, next.Push(next.Mutation(rig.Create("observations", rig.ID(), w.Observation(w.site))))[0], wire.Refused, wire.CodeNotAllowed)
		status, _, e := next.TryPull(nil)
		rig.Want(t, fmt.Sprint(status, e.Code), "403device_revoked")
	})
	t.Run("[PUSH-10] two megabytes of a revoked device have room, the third has not", func(t *testing.T) {
		w.on(t)
		tom := w.worker()
		change(t, w.Rig, "devices", tom.ID, map[string]any{"revoked": true})
		tom.Token = renewAgain(t, tom)
		for range 2 {
			verdict(t, tom.Push(w.bad(tom, 1, 900_000)...)[0], wire.Refused, wire.CodeNotAllowed)
		}
		status, _, e := tom.TryPush(w.bad(tom, 1, 900_000)...)
		rig.Want(t, fmt.Sprint(status, e.Code), "503quarantine_full")
	})
	t.Run("[PUSH-10] successors of a revoked device share its two megabytes, however many it admits", func(t *testing.T) {
		w.on(t)
		tom := w.worker()
		change(t, w.Rig, "devices", tom.ID, map[string]any{"revoked": true})
		for range 2 {
			next := goOn(t, tom)
			verdict(t, next.Push(w.bad(next, 1, 900_000)...)[0], wire.Refused, wire.CodeNotAllowed)
		}
		third := goOn(t, tom)
		status, _, e := third.TryPush(w.bad(third, 1, 900_000)...)
		if status != http.StatusServiceUnavailable || e.Code != "quarantine_full" {
			t.Errorf("the third: %d %+v", status, e)
		}
	})
	t.Run("[ENROL-3] a device that is let in again renews its token and has everything", func(t *testing.T) {
		w.on(t)
		change(t, w.Rig, "devices", rosa.ID, map[string]any{"revoked": false})
		status, _, e := rosa.TryPush()
		rig.Want(t, fmt.Sprint(status, e.Code, e.Retry), "401token_expiredrenew")
		rosa.Token = renewAgain(t, rosa)
		rosa.Fresh()
	})
}
