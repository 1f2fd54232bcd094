package exchange_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/records"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// lobby is a hotel with a poster.
type lobby struct {
	*rig.Rig
	ngo, hotel, site string
	keisha           *rig.Device
	list             map[string]any // of a submission
}

func newLobby(t *testing.T) *lobby {
	t.Helper()
	l := &lobby{Rig: rig.New(t)}
	l.ngo, l.hotel = l.Organization("Outreach"), l.Organization("Hotel")
	l.site = l.Site("Hotel one", l.hotel, l.ngo)
	l.keisha = l.Enroll(access.Coordinator, l.ngo)
	c, err := l.App.FindFirstRecordByData("checklists", "key", "hotel_front")
	if err != nil {
		t.Fatal(err)
	}
	l.list = map[string]any{"checklist": c.Id, "version": c.GetInt("version"), "answers": map[string]any{}}
	return l
}

func (l *lobby) poster(site string) string {
	l.T.Helper()
	made, err := l.S.Devices.Make(records.Invite{Role: access.Staff, Organization: l.hotel, Sites: []string{site}, Poster: true})
	if err != nil {
		l.T.Fatal(err)
	}
	return made.Code
}

func (l *lobby) by(code string) *rig.Device {
	l.T.Helper()
	d := l.NewDevice()
	d.Enroll(code)
	return d
}

func (l *lobby) report(site string) map[string]any {
	f := map[string]any{"event_time": l.Clock.Now().UTC().Format(wire.TimeFormat)}
	for k, v := range l.list {
		f[k] = v
	}
	if site != "" {
		f["site"] = site
	}
	return f
}

// mark is what the coordinator reads of a report.
func (l *lobby) mark(id string) string {
	l.T.Helper()
	var record struct{ Unconfirmed, Author string }
	if err := json.Unmarshal(l.keisha.Fresh()["submissions"][id], &record); err != nil {
		l.T.Fatal(err)
	}
	rig.Want(l.T, record.Author, "")
	return record.Unconfirmed
}

func (l *lobby) confirm(d *rig.Device) {
	l.T.Helper()
	var c wire.Confirmed
	if status := l.Post(l.keisha.Token, "/api/fieldpost/staff/"+d.User.ID+"/confirm", nil, &c); status != http.StatusOK || !strings.HasPrefix(c.Label, "staff-") {
		l.T.Fatal(status, c)
	}
}

func TestPoster(t *testing.T) {
	l := newLobby(t)
	t.Run("[ENROL-2] [R8] who comes by a poster is unconfirmed, with a made label, no name and no e-mail; the coordinator sees that, the hotel nothing", func(t *testing.T) {
		d := l.by(l.poster(l.site))
		user, err := l.App.FindRecordById("users", d.User.ID)
		if err != nil {
			t.Fatal(err)
		}
		rig.Want(t, fmt.Sprint(user.GetBool("unconfirmed"), user.Email() == "", strings.HasPrefix(user.GetString("label"), "staff-")), "true true true")
		if raw := string(l.keisha.Fresh()["users"][d.User.ID]); !strings.Contains(raw, `"unconfirmed":true`) {
			t.Errorf("the coordinator reads %s", raw)
		}
		if owner := l.Enroll(access.Coordinator, l.hotel); owner.Fresh()["users"][d.User.ID] != nil {
			t.Error("the site's owner reads it")
		}
		plain := l.Enroll(access.Staff, l.hotel, l.site)
		user, err = l.App.FindRecordById("users", plain.User.ID)
		if err != nil {
			t.Fatal(err)
		}
		rig.Want(t, user.GetBool("unconfirmed"), false)
		l.confirm(d)
	})
	t.Run("[ENROL-2] another poster of a site ends the one before, not those of other sites", func(t *testing.T) {
		other := l.Site("Hotel two", l.hotel, l.ngo)
		elsewhere, old := l.poster(other), l.poster(l.site)
		var made wire.InviteMade
		l.Post(l.keisha.Token, "/api/fieldpost/invites", wire.InviteRequest{Role: "staff", Sites: []string{l.site}, Poster: true}, &made)
		rig.Want(t, fmt.Sprint(len(made.Replaced), made.Record.Uses, made.Record.Poster), "1 200 true")
		var answer wire.ErrorBody
		d := l.NewDevice()
		status := l.Post("", "/api/sync/enroll", wire.EnrollRequest{Invite: old, Device: wire.EnrollDevice{ID: d.ID, Key: d.JWK()}}, &answer)
		rig.Want(t, fmt.Sprint(status, " ", answer.Code), "403 invite_ended")
		for _, code := range []string{elsewhere, made.Code} {
			l.confirm(l.by(code))
		}
	})
	t.Run("[ENROL-2] only those confirm whose organization serves the site, and only staff are confirmed", func(t *testing.T) {
		d := l.by(l.poster(l.site))
		for _, who := range []*rig.Device{l.Enroll(access.Coordinator, l.hotel), l.Enroll(access.Worker, l.ngo), l.Enroll(access.Manager, l.hotel, l.site), d} {
			var e wire.ErrorBody
			status := l.Post(who.Token, "/api/fieldpost/staff/"+d.User.ID+"/confirm", nil, &e)
			if status != http.StatusForbidden && status != http.StatusNotFound || e.Hint == "" {
				t.Errorf("%s: %d %+v", who.User.Role, status, e)
			}
		}
		var e wire.ErrorBody
		rig.Want(t, l.Post(l.keisha.Token, "/api/fieldpost/staff/"+l.keisha.User.ID+"/confirm", nil, &e), http.StatusNotFound)
		user, err := l.App.FindRecordById("users", d.User.ID)
		if err != nil {
			t.Fatal(err)
		}
		rig.Want(t, user.GetBool("unconfirmed"), true)
		l.confirm(d)
		l.confirm(d) // again is no fault
	})
	t.Run("[ENROL-2] each person on a shared tablet is a device and a person of their own, by one site code", func(t *testing.T) {
		code := l.Invite(access.Staff, l.hotel, 6, l.site)
		people, labels := map[string]bool{}, map[string]bool{}
		for range 6 {
			d := l.by(code)
			people[d.User.ID] = true
			user, err := l.App.FindRecordById("users", d.User.ID)
			if err != nil {
				t.Fatal(err)
			}
			labels[user.GetString("label")] = true
		}
		rig.Want(t, fmt.Sprint(len(people), len(labels)), "6 6")
	})
}

func TestUnconfirmedReports(t *testing.T) {
	l := newLobby(t)
	known := l.Enroll(access.Staff, l.hotel, l.site)
	t.Run("[R9] while a site has no unconfirmed staff no report is marked", func(t *testing.T) {
		id, v := known.Create("submissions", l.report(l.site))
		rig.Want(t, v.Verdict+l.mark(id), wire.Applied)
	})
	code := l.poster(l.site)
	strangers := []*rig.Device{l.by(code)}
	t.Run("[R9] with fewer than five unconfirmed every staff report of the site says maybe: the mark names nobody", func(t *testing.T) {
		for i := 1; i < 5; i++ {
			for _, d := range []*rig.Device{strangers[0], known} {
				id, v := d.Create("submissions", l.report(l.site))
				rig.Want(t, v.Verdict+l.mark(id), wire.Applied+"maybe")
			}
			if i < 4 {
				strangers = append(strangers, l.by(code))
			}
		}
		id, v := known.Create("submissions", l.report("")) // of no site: of all that the organization serves
		rig.Want(t, v.Verdict+l.mark(id), wire.Applied+"maybe")
		elsewhere := l.Site("Hotel two", l.hotel, l.ngo)
		id, v = l.Enroll(access.Staff, l.hotel, elsewhere).Create("submissions", l.report(elsewhere))
		rig.Want(t, v.Verdict+l.mark(id), wire.Applied)
	})
	t.Run("[R9] from five on it says yes of theirs and nothing of others, and still no report names a person", func(t *testing.T) {
		for len(strangers) < 5 {
			strangers = append(strangers, l.by(code))
		}
		id, _ := strangers[0].Create("submissions", l.report(l.site))
		rig.Want(t, l.mark(id), "yes")
		other, _ := known.Create("submissions", l.report(l.site))
		rig.Want(t, l.mark(other), "")
		raw := string(l.keisha.Fresh()["submissions"][id])
		for _, d := range strangers {
			user, err := l.App.FindRecordById("users", d.User.ID)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(raw, d.User.ID) || strings.Contains(raw, d.ID) || strings.Contains(raw, user.GetString("label")) {
				t.Errorf("the report names who wrote it: %s", raw)
			}
		}
	})
	t.Run("[MERGE-4] the mark is the server's: nobody sends it", func(t *testing.T) {
		f := l.report(l.site)
		f["unconfirmed"] = ""
		_, v := strangers[0].Create("submissions", f)
		rig.Want(t, v.Verdict+v.Code, wire.Refused+wire.CodeNotAllowed)
		rig.Want(t, l.Post(strangers[0].Token, "/api/collections/submissions/records", f, nil) != http.StatusOK, true)
	})
	t.Run("[ENROL-2] after twenty reports of a day the next wait on the device, by push and REST, and go through the day after", func(t *testing.T) {
		l.Clock.Add(24 * time.Hour)
		d := strangers[1]
		var all []wire.Mutation
		for range records.UnconfirmedReports + 5 {
			all = append(all, d.Mutation(rig.Create("submissions", rig.ID(), l.report(l.site))))
		}
		got := map[string]int{}
		for _, v := range d.Push(all...) {
			got[v.Verdict+v.Code]++
			if v.Verdict == wire.Deferred && !strings.Contains(v.Message, "Ask the organization to confirm you.") {
				t.Errorf("no next step: %q", v.Message)
			}
		}
		rig.Want(t, got, map[string]int{wire.Applied: 20, "deferredunconfirmed": 5})
		rig.Want(t, l.Post(d.Token, "/api/collections/submissions/records", l.report(l.site), nil) != http.StatusOK, true)
		ten := d.Mutation() // ops of one mutation count each, and stand or wait together
		for range 10 {
			ten.Ops = append(ten.Ops, rig.Create("submissions", rig.ID(), l.report(l.site)))
		}
		rig.Want(t, d.Push(ten)[0].Code, wire.CodeUnconfirmed)
		held, err := l.App.CountRecords("quarantine")
		if err != nil {
			t.Fatal(err)
		}
		_, v := strangers[2].Create("submissions", l.report(l.site)) // each has a share of their own
		rig.Want(t, v.Verdict, wire.Applied)
		_, v = known.Create("submissions", l.report(l.site))
		rig.Want(t, v.Verdict, wire.Applied)
		l.Clock.Add(24 * time.Hour)
		got = map[string]int{}
		for _, v := range d.Push(append(all, ten)...) {
			got[v.Verdict+v.Code]++
			if v.Replayed {
				got["replayed"]++
			}
		}
		rig.Want(t, got, map[string]int{wire.Applied: 26, "replayed": 20})
		if now, err := l.App.CountRecords("quarantine"); err != nil || now != held {
			t.Errorf("what waited went to quarantine: %d %v", now-held, err)
		}
	})
	t.Run("[ENROL-2] a further device of the same person, and one that goes on for it, share the twenty; confirming lets all through at once", func(t *testing.T) {
		l.Clock.Add(24 * time.Hour)
		d := l.by(code)
		for range records.UnconfirmedReports {
			d.Create("submissions", l.report(l.site))
		}
		further := l.NewDevice()
		var answer wire.EnrollAnswer
		rig.Want(t, l.Post(d.Token, "/api/sync/enroll", wire.EnrollRequest{Device: wire.EnrollDevice{ID: further.ID, Key: further.JWK()}}, &answer), http.StatusOK)
		further.Token, further.User = answer.Token, answer.User
		rig.Want(t, answer.Unconfirmed, true)
		id := rig.ID()
		waits := further.Mutation(rig.Create("submissions", id, l.report(l.site)))
		rig.Want(t, further.Push(waits)[0].Code, wire.CodeUnconfirmed)
		addendum := further.Mutation(rig.Create("addenda", rig.ID(), map[string]any{"submission": id, "text": "and"}))
		rig.Want(t, further.Push(addendum)[0].Code, wire.CodeMissingDependency) // waits for what waits
		l.confirm(d)
		for _, v := range further.Push(waits, addendum) {
			rig.Want(t, v.Verdict, wire.Applied)
		}
		rig.Want(t, l.mark(id), "")
	})
	t.Run("[R9] what is counted of a day is in memory alone: after a restart the day begins anew", func(t *testing.T) {
		l.Clock.Add(24 * time.Hour)
		d := strangers[3]
		for range records.UnconfirmedReports {
			d.Create("submissions", l.report(l.site))
		}
		waits := d.Mutation(rig.Create("submissions", rig.ID(), l.report(l.site)))
		rig.Want(t, d.Push(waits)[0].Code, wire.CodeUnconfirmed)
		l.Stop()
		l.Start()
		rig.Want(t, d.Push(waits)[0].Verdict, wire.Applied)
	})
}
