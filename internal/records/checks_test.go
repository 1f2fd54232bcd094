package records_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/hlc"
	"github.com/fieldpost/fieldpost/internal/journal"
	"github.com/fieldpost/fieldpost/internal/records"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
	"github.com/fieldpost/fieldpost/internal/wire"
)

func clockAt(ms int64) hlc.Time { return hlc.Time{Ms: ms} }

// rest sends a request to the stock REST API.
func rest(r *rig.Rig, d *rig.Device, method, path string, body any) (int, map[string]any) {
	r.T.Helper()
	var raw json.RawMessage
	status := r.Send(method, d.Token, "/api/collections/"+path, body, &raw)
	var m map[string]any
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &m); err != nil {
			r.T.Fatalf("%s: %v", raw, err)
		}
	}
	return status, m
}

func with(fields map[string]any, name string, value any) map[string]any {
	out := map[string]any{name: value}
	for k, v := range fields {
		if k != name {
			out[k] = v
		}
	}
	return out
}

// both tries a create by push and by REST and fails unless both take it or
// both refuse it with the code.
func both(t *testing.T, r *rig.Rig, d *rig.Device, collection string, fields map[string]any, code string) {
	t.Helper()
	_, v := d.Create(collection, fields)
	status, answer := rest(r, d, http.MethodPost, collection+"/records", with(fields, "id", rig.ID()))
	if pushed, stored := v.Verdict == wire.Applied, status == http.StatusOK; pushed != (code == "") || stored != (code == "") {
		t.Fatalf("%v: push %s %s %q, REST %d %v, want %q", fields, v.Verdict, v.Code, v.Message, status, answer, code)
	}
	if v.Code != code {
		t.Fatalf("%v: push %s %q, want %s", fields, v.Code, v.Message, code)
	}
	if code == wire.CodeNotAllowed && status != http.StatusForbidden && status != http.StatusBadRequest {
		t.Fatalf("REST %d %v", status, answer)
	}
}

func TestReportsAreChecked(t *testing.T) {
	r := rig.New(t)
	ngo, hotel := r.Organization("Outreach"), r.Organization("Hotel group")
	site := r.Site("Hotel one", hotel, ngo)
	rosa, dee := r.Enroll(access.Worker, ngo), r.Enroll(access.Staff, hotel, site)
	list, err := r.App.FindFirstRecordByData("checklists", "key", "hotel_house")
	if err != nil {
		t.Fatal(err)
	}
	submission := map[string]any{"checklist": list.Id, "version": list.GetInt("version"), "event_time": "2026-01-11T04:55:00.000Z", "site": site,
		"answers": map[string]any{"hotel_house.01": "yes"}}

	t.Run("[PUSH-8] a submission is checked against the checklist version that it names, by push as by REST", func(t *testing.T) {
		both(t, r, dee, "submissions", submission, "")
		both(t, r, rosa, "submissions", with(submission, "answers", map[string]any{}), "")
		for field, values := range map[string][]any{
			"version":    {list.GetInt("version") + 1, 0, nil},
			"checklist":  {"", nil, rig.ID()},
			"answers":    {nil, []any{}, map[string]any{"hotel_front.01": "yes"}, map[string]any{"hotel_house.01": "maybe"}, map[string]any{"hotel_house.01": true}},
			"basis":      {[]any{}, map[string]any{"hotel_house.01": "guessed"}, map[string]any{"x": "saw"}},
			"about":      {"boss"},
			"event_time": {nil, ""},
			"people":     {-1, 1.5, "two", 1_000_000},
			"point":      {map[string]any{"lat": 91, "lon": 0}, map[string]any{"lat": 39}, "here", []any{39, -94}},
			"persons":    {map[string]any{}, []any{map[string]any{"age": "old"}}, []any{map[string]any{"name": "x"}}, []any{map[string]any{"description": []any{"Maria Lopez"}}}},
			"vehicles":   {[]any{map[string]any{"kind": "A Van"}}, []any{map[string]any{"plate": "ABC123"}}, []any{map[string]any{"plate_end": "ABC123"}}},
			"outreach":   {"kit", []any{5}},
			"operation":  {"short"},
		} {
			for _, v := range values {
				both(t, r, rosa, "submissions", with(submission, field, v), wire.CodeInvalid)
			}
		}
	})
	t.Run("[R1] no key of a report takes a name, birthplace, citizenship or status along", func(t *testing.T) {
		for _, key := range []string{"name", "birthplace", "citizenship", "status", "phone"} {
			both(t, r, rosa, "submissions", with(submission, "persons", []any{map[string]any{"age": "adult", key: "x"}}), wire.CodeInvalid)
		}
	})
	t.Run("[PUSH-8] a site of somebody else, or one that nobody serves, takes no report", func(t *testing.T) {
		far := r.Site("Far away", hotel, r.Organization("Second outreach"))
		unserved := r.Site("Nobody's", hotel, "")
		for _, s := range []string{far, unserved} {
			both(t, r, rosa, "submissions", with(submission, "site", s), wire.CodeNotAllowed)
			both(t, r, dee, "submissions", with(submission, "site", s), wire.CodeNotAllowed)
		}
	})
	t.Run("[PUSH-8] an addendum names one report, its own or the organization's, and says something", func(t *testing.T) {
		report, v := rosa.Create("observations", r.Observation(site))
		if v.Verdict != wire.Applied {
			t.Fatalf("%+v", v)
		}
		filled, _ := rosa.Create("submissions", submission)
		keisha, stranger := r.Enroll(access.Coordinator, ngo), r.Enroll(access.Coordinator, hotel)
		good := map[string]any{"observation": report, "text": "more"}
		both(t, r, rosa, "addenda", good, "")
		both(t, r, keisha, "addenda", good, "")
		both(t, r, stranger, "addenda", good, wire.CodeNotAllowed)
		both(t, r, dee, "addenda", good, wire.CodeNotAllowed)
		both(t, r, rosa, "addenda", with(good, "text", ""), wire.CodeInvalid)
		both(t, r, rosa, "addenda", with(good, "submission", filled), wire.CodeInvalid)
		both(t, r, rosa, "addenda", map[string]any{"text": "about nothing"}, wire.CodeInvalid)
	})
	t.Run("[ACCESS] a site with reports is not deleted, an empty one is", func(t *testing.T) {
		keisha := r.Enroll(access.Coordinator, ngo)
		if v := keisha.Do(rig.Delete("sites", site, 0)); v.Verdict != wire.Refused || v.Code != wire.CodeInvalid {
			t.Fatalf("%+v", v)
		}
		if status, answer := rest(r, keisha, http.MethodDelete, "sites/records/"+site, nil); status != http.StatusBadRequest {
			t.Fatal(status, answer)
		}
		empty := r.Site("Empty", hotel, ngo)
		if status, answer := rest(r, keisha, http.MethodDelete, "sites/records/"+empty, nil); status != http.StatusNoContent {
			t.Fatal(status, answer)
		}
	})
	t.Run("[ACCESS] a claim goes to a coordinator of the organization and to nobody else, by REST too", func(t *testing.T) {
		report, v := rosa.Create("observations", r.Observation(site))
		keisha, stranger := r.Enroll(access.Coordinator, ngo), r.Enroll(access.Coordinator, hotel)
		triage := wire.TriageID("observations", report)
		for who, want := range map[string]int{keisha.User.ID: 200, stranger.User.ID: 400, rosa.User.ID: 400, dee.User.ID: 400, rig.ID(): 400, "": 200} {
			if status, answer := rest(r, keisha, http.MethodPatch, "triage/records/"+triage, map[string]any{"assignee": who}); status != want {
				t.Fatalf("%s: %d %v", who, status, answer)
			}
		}
		if got := keisha.Do(rig.Update("triage", triage, v.Seq, map[string]any{"status": ""})); got.Code != wire.CodeInvalid {
			t.Fatalf("%+v", got)
		}
	})
	t.Run("[TRIAGE] a report has its one triage record, by push, REST and in Go, that names rule and items", func(t *testing.T) {
		for how, create := range map[string]func(id string) bool{
			"push": func(id string) bool {
				return rosa.Do(rig.Create("submissions", id, submission)).Verdict == wire.Applied
			},
			"REST": func(id string) bool {
				status, _ := rest(r, rosa, http.MethodPost, "submissions/records", with(submission, "id", id))
				return status == http.StatusOK
			},
			"Go": func(id string) bool { return r.Make("submissions", with(submission, "id", id)) == id },
		} {
			id := rig.ID()
			if !create(id) {
				t.Fatal(how)
			}
			got, err := r.App.FindRecordById("triage", wire.TriageID("submissions", id))
			if err != nil {
				t.Fatal(how, err)
			}
			var fired struct {
				Rule  string
				Items []string
			}
			if err := got.UnmarshalJSONField("fired", &fired); err != nil {
				t.Fatal(err)
			}
			if got.GetString("submission") != id || got.GetString("organization") != ngo || got.GetString("status") != "open" ||
				got.GetString("urgency") != got.GetString("suggested") || fired.Rule == "" || fmt.Sprint(fired.Items) != "[hotel_house.01]" {
				t.Fatalf("%s: %v %+v", how, got, fired)
			}
		}
	})
}

func TestTransactions(t *testing.T) {
	r := rig.New(t)
	ngo := r.Organization("Outreach")
	s := r.S.Store
	create := func(tx *records.Tx, id string) error {
		_, err := tx.Create(s.System(), "sites", id, map[string]any{"name": "Stop", "venue": "truck_stop", "served_by": ngo})
		return err
	}
	t.Run("[PUSH-1] what fails in a transaction takes all of it back, and pokes nobody", func(t *testing.T) {
		before := r.Entries()
		poked := 0
		notify := s.Notify
		s.Notify = func(scopes map[string]bool) { poked++ }
		defer func() { s.Notify = notify }()
		id := rig.ID()
		err := s.Transact(func(tx *records.Tx) error {
			if err := create(tx, id); err != nil {
				return err
			}
			return errors.New("after all")
		})
		if err == nil || r.Entries() != before || poked != 0 {
			t.Fatal(err, r.Entries(), before, poked)
		}
		if _, err := r.App.FindRecordById("sites", id); err == nil {
			t.Fatal("the row is there")
		}
		if err := s.Transact(func(tx *records.Tx) error { return create(tx, id) }); err != nil || poked != 1 {
			t.Fatal(err, poked)
		}
	})
	t.Run("[JOURNAL-3] a save in Go inside a push's transaction goes on where the push's journal stands", func(t *testing.T) {
		one, two := rig.ID(), rig.ID()
		site := r.Site("Closing", "", ngo)
		r.Invite(access.Manager, ngo, 1, site)
		before := r.Entries()
		err := s.Transact(func(tx *records.Tx) error {
			if err := create(tx, one); err != nil {
				return err
			}
			// A delete with a cascade goes through PocketBase's hooks.
			if _, err := tx.Delete(s.System(), found(t, tx, "sites", site)); err != nil {
				return err
			}
			return create(tx, two)
		})
		if err != nil {
			t.Fatal(err)
		}
		if got := r.Entries(); got != before+4 { // the invite's among them
			t.Fatalf("%d entries, want %d", got, before+4)
		}
		report, err := s.Journal().Verify()
		if err != nil || report.Bad != 0 {
			t.Fatalf("%+v %v", report, err)
		}
	})
	t.Run("[PUSH-7] what a transaction has read once is read anew once it has changed", func(t *testing.T) {
		id := rig.ID()
		err := s.Transact(func(tx *records.Tx) error {
			if exists(t, tx, "sites", id) {
				return errors.New("it is there before it was made")
			}
			if err := create(tx, id); err != nil {
				return err
			}
			if !exists(t, tx, "sites", id) {
				return errors.New("it was made and is not there")
			}
			if _, err := tx.Delete(s.System(), found(t, tx, "sites", id)); err != nil {
				return err
			}
			if exists(t, tx, "sites", id) || found(t, tx, "sites", id) != nil {
				return errors.New("it was deleted and is there")
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
	t.Run("[MERGE-5] a row that was deleted behind our back still has a spent id", func(t *testing.T) {
		id := rig.ID()
		if err := s.Transact(func(tx *records.Tx) error { return create(tx, id) }); err != nil {
			t.Fatal(err)
		}
		if _, err := r.App.NonconcurrentDB().NewQuery(`DELETE FROM sites WHERE id='` + id + `'`).Execute(); err != nil {
			t.Fatal(err)
		}
		err := s.Transact(func(tx *records.Tx) error { return create(tx, id) })
		if !errors.Is(err, journal.ErrIDSpent) {
			t.Fatal(err)
		}
		if _, err := r.App.FindRecordById("sites", id); err == nil {
			t.Fatal("it lives again")
		}
	})
}

func TestStaffStandBehindPseudonyms(t *testing.T) {
	r := rig.New(t)
	ngo, hotel := r.Organization("Outreach"), r.Organization("Hotel group")
	site := r.Site("Hotel one", hotel, ngo)
	dee, rosa := r.Enroll(access.Staff, hotel, site), r.Enroll(access.Worker, ngo)
	t.Run("[R9] a staff user has neither name nor e-mail, only a label that was made", func(t *testing.T) {
		user, err := r.App.FindRecordById("users", dee.User.ID)
		if err != nil {
			t.Fatal(err)
		}
		if user.Email() != "" || !strings.HasPrefix(user.GetString("label"), "staff-") || user.Collection().Fields.GetByName("name") != nil {
			t.Fatal(user)
		}
	})
	t.Run("[JOURNAL-4] an actor is staff's pseudonym and anybody else's id", func(t *testing.T) {
		s := r.S.Store
		for d, want := range map[*rig.Device]string{dee: r.S.Key.Person(dee.User.ID), rosa: rosa.User.ID} {
			p, err := s.Person(r.App, d.User.ID)
			if err != nil {
				t.Fatal(err)
			}
			if got := s.Actor(*p); got != want {
				t.Fatalf("%s: %s, want %s", p.Role, got, want)
			}
		}
	})
	t.Run("[JOURNAL-4] a device's record says the day it was enrolled and no more", func(t *testing.T) {
		d, err := r.App.FindRecordById("devices", dee.ID)
		if err != nil {
			t.Fatal(err)
		}
		if at := d.GetDateTime("enrolled").Time(); at.Hour()+at.Minute()+at.Second()+at.Nanosecond() != 0 {
			t.Fatal(at)
		}
	})
}
