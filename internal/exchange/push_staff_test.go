package exchange_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/fieldpost/fieldpost/internal/access"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
	"github.com/fieldpost/fieldpost/internal/wire"
)

func TestPushOfSiteStaff(t *testing.T) {
	w := newTown(t)
	marisol := w.staff()
	keisha, tom := w.coordinator(), w.Enroll(access.Manager, w.hotel, w.site)
	inHotel := w.Enroll(access.Coordinator, w.hotel)
	head := w.Enroll(access.Admin, w.hotel)

	report, v := marisol.Create("submissions", w.submission(w.site))
	applied(t, v)
	triage := wire.TriageID("submissions", report)

	t.Run("[R8] a staff report belongs to the organization that serves the site, and its coordinator sees it", func(t *testing.T) {
		w.on(t)
		view := keisha.Fresh()
		got := object(t, view["submissions"][report])
		rig.Want(t, got["organization"], w.ngo)
		rig.Want(t, got["answers"], map[string]any{"hotel_front.01": "yes", "hotel_front.02": "no"})
		if view["triage"][triage] == nil {
			t.Fatal("no triage")
		}
	})
	t.Run("[R9] nobody sees who wrote it, by push, pull or REST", func(t *testing.T) {
		w.on(t)
		rig.Want(t, object(t, keisha.Fresh()["submissions"][report])["author"], "")
		status, got := w.rest(keisha, http.MethodGet, "submissions/records/"+report, nil)
		rig.Want(t, []any{status, got["author"]}, []any{200, ""})
		for collection, records := range keisha.Fresh() {
			for id, raw := range records {
				if collection != "users" && collection != "devices" && (strings.Contains(string(raw), marisol.User.ID) || strings.Contains(string(raw), marisol.ID)) {
					t.Fatalf("%s %s names her: %s", collection, id, raw)
				}
			}
		}
	})
	t.Run("[R8] her boss and her boss's organization see nothing of it", func(t *testing.T) {
		w.on(t)
		for _, d := range []*rig.Device{tom, inHotel, head} {
			for collection, records := range d.Fresh() {
				for id, raw := range records {
					if id == report || id == triage || strings.Contains(string(raw), report) {
						t.Fatalf("%s %s pulls %s %s", d.User.Role, d.User.Organization, collection, raw)
					}
				}
			}
			for _, path := range []string{"submissions/records/" + report, "triage/records/" + triage} {
				if status, got := w.rest(d, http.MethodGet, path, nil); status != http.StatusNotFound {
					t.Fatalf("%s reads %s: %d %v", d.User.Role, path, status, got)
				}
			}
			for _, collection := range []string{"submissions", "observations", "triage", "quarantine", "addenda", "conflicts"} {
				status, got := w.rest(d, http.MethodGet, collection+"/records", nil)
				if items, _ := got["items"].([]any); status == http.StatusOK && len(items) > 0 {
					t.Fatalf("%s lists %s: %v", d.User.Role, collection, got)
				}
			}
		}
	})
	t.Run("[R8] she herself does not read it back from the server", func(t *testing.T) {
		w.on(t)
		view := marisol.Fresh()
		rig.Want(t, len(view["submissions"])+len(view["triage"]), 0)
	})
	t.Run("[R8] a report that is refused is kept for the organization that serves the site, without its author", func(t *testing.T) {
		w.on(t)
		second := w.Organization("Second outreach")
		other := w.Site("Hotel two", w.hotel, second)
		dee := w.Enroll(access.Staff, w.hotel, w.site, other)
		for site, organization := range map[string]string{w.site: w.ngo, other: second, "": w.ngo, rig.ID()[:14] + "0": w.ngo} {
			_, v := dee.Create("submissions", with(w.submission(site), "version", 99))
			kept := w.record("quarantine", v.Quarantine)
			if v.Code == wire.CodeMissingDependency {
				continue
			}
			rig.Want(t, []any{kept["organization"], kept["author"]}, []any{organization, ""})
			if strings.Contains(fmt.Sprint(kept), dee.User.ID) || strings.Contains(fmt.Sprint(kept), dee.ID) {
				t.Fatalf("%v", kept)
			}
		}
		for _, d := range []*rig.Device{tom, inHotel, dee} {
			rig.Want(t, len(d.Fresh()["quarantine"]), 0)
		}
		rig.Want(t, len(keisha.Fresh()["quarantine"]) > 0, true)
	})
	t.Run("[R9] a refused mutation in which staff name themselves is kept without that", func(t *testing.T) {
		w.on(t)
		_, v := marisol.Create("submissions", with(w.submission(w.site), "author", marisol.User.ID))
		verdict(t, v, wire.Refused, wire.CodeNotAllowed)
		text := fmt.Sprint(w.record("quarantine", v.Quarantine))
		if strings.Contains(text, marisol.User.ID) || strings.Contains(text, w.S.Key.Person(marisol.User.ID)) ||
			!strings.Contains(text, w.S.Key.PersonOn(marisol.User.ID, w.S.Key.Receipt(marisol.ID, v.N))) {
			t.Fatal(text)
		}
	})
	t.Run("[R9] an addendum of staff to their own report has no author, and nobody else of staff can write one", func(t *testing.T) {
		w.on(t)
		add := func(d *rig.Device) (string, wire.Verdict) {
			return d.Create("addenda", map[string]any{"submission": report, "text": "she asked for help"})
		}
		id, v := add(marisol)
		applied(t, v)
		got := object(t, keisha.Fresh()["addenda"][id])
		rig.Want(t, []any{got["author"], got["organization"]}, []any{"", w.ngo})
		for _, d := range []*rig.Device{w.staff(), tom, inHotel} {
			_, v := add(d)
			verdict(t, v, wire.Refused, wire.CodeNotAllowed)
		}
		_, v = add(goOn(t, marisol))
		applied(t, v)
	})
	t.Run("[R8] a report of staff without a site belongs to who serves their first site", func(t *testing.T) {
		w.on(t)
		fields := w.submission("")
		delete(fields, "site")
		id, v := marisol.Create("submissions", fields)
		applied(t, v)
		rig.Want(t, w.record("submissions", id)["organization"], w.ngo)
	})
	t.Run("[R8] a worker's report at a site belongs to who serves it, without one to the worker's organization", func(t *testing.T) {
		w.on(t)
		rosa := w.worker()
		for site, organization := range map[string]string{w.site: w.ngo, "": w.ngo} {
			id, v := rosa.Create("observations", w.Observation(site))
			applied(t, v)
			got := w.record("observations", id)
			rig.Want(t, []any{got["organization"], got["author"]}, []any{organization, rosa.User.ID})
		}
		elsewhere := w.Site("Far away", w.hotel, w.Organization("Third outreach"))
		_, v := rosa.Create("observations", w.Observation(elsewhere))
		verdict(t, v, wire.Refused, wire.CodeNotAllowed)
	})
}
