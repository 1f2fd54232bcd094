package access_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/fieldpost/fieldpost/internal/access"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// secret stands in the staff report of this file and nowhere else in the world.
const secret = "grid-7q3z"

// TestHotelWalk follows one report of hotel staff to the organization that
// serves the site, and looks for it with every key of the hotel's own people.
func TestHotelWalk(t *testing.T) {
	w := newWorld(t)
	fields := w.submission()
	fields["site"], fields["grid"], fields["about"] = w.x1, secret, "coworker"
	report := w.must("other staff X1", "submissions", fields)
	addendum := w.must("other staff X1", "addenda", map[string]any{"submission": report, "text": secret})
	triage := wire.TriageID("submissions", report)
	other := w.submission()
	other["grid"], other["note"] = secret, secret
	_, refused := w.person("other staff X1").Create("submissions", other)
	w.refused(refused)
	theirs := map[string]string{"submissions": report, "addenda": addendum, "triage": triage, "quarantine": refused.Quarantine}

	t.Run("[R8] a staff report reaches a coordinator of the organization that serves the site", func(t *testing.T) {
		view := w.person("coordinator A").Fresh()
		for collection, id := range theirs {
			raw, ok := view[collection][id]
			if !ok {
				t.Fatalf("%s %s is not pulled", collection, id)
			}
			var got map[string]any
			if err := json.Unmarshal(raw, &got); err != nil {
				t.Fatal(err)
			}
			rig.Want(t, got["organization"], w.ngoA)
			if author, ok := got["author"]; ok {
				rig.Want(t, author, "")
			}
		}
		if !strings.Contains(string(view["submissions"][report]), secret) {
			t.Fatal(string(view["submissions"][report]))
		}
	})
	t.Run("[R9] no pulled record joins the staff member to the report", func(t *testing.T) {
		staff := w.person("other staff X1")
		for collection, id := range theirs {
			raw := string(w.person("coordinator A").Fresh()[collection][id])
			for _, who := range []string{staff.User.ID, staff.ID} {
				if strings.Contains(raw, who) {
					t.Errorf("%s names the person or device: %s", collection, raw)
				}
			}
		}
	})
	for _, name := range []string{"manager X", "coordinator of hotel X", "staff X1", "staff X1 and X2", "other staff X1", "manager Y", "coordinator B", "worker A", "police officer", "admin"} {
		p := w.person(name)
		t.Run("[R8] "+name+" finds nothing of it by list, view or pull", func(t *testing.T) {
			for collection, raw := range pulled(t, p) {
				if strings.Contains(raw, secret) || strings.Contains(raw, report) {
					t.Errorf("pulled in %s: %s", collection, raw)
				}
			}
			for collection, id := range theirs {
				if _, listed := w.list(p.Token, collection); listed[id] != nil {
					t.Errorf("listed in %s", collection)
				}
				rig.Want(t, w.Send(http.MethodGet, p.Token, "/api/collections/"+collection+"/records/"+id, nil, nil), http.StatusNotFound)
				rig.Want(t, w.Send(http.MethodGet, p.Token, "/api/collections/"+collection+"/records/"+id+"?expand=site,checklist,organization,submission", nil, nil), http.StatusNotFound)
			}
		})
	}
	for _, name := range []string{"manager X", "coordinator of hotel X"} {
		t.Run("[R8] "+name+" cannot use filters, sorts and expands as an oracle for it", func(t *testing.T) {
			for q, n := range w.search(t, w.person(name), report) {
				if n > 0 {
					t.Errorf("%s: %d found", q, n)
				}
			}
		})
	}
	t.Run("[R8] who may see it finds it by its own fields, and nobody by way of another record", func(t *testing.T) {
		found := w.search(t, w.person("coordinator A"), report)
		rig.Want(t, found[`submissions where grid = "`+secret+`"`], 1)
		rig.Want(t, found[`submissions where id = "`+report+`"`], 1)
	})
	t.Run("[R8] the hotel's coordinator does not learn who its staff is, the serving organization's does", func(t *testing.T) {
		staff := w.person("other staff X1").User.ID
		if w.person("coordinator of hotel X").Fresh()["users"][staff] != nil {
			t.Error("the owner's coordinator pulls the staff member")
		}
		if _, listed := w.list(w.person("coordinator of hotel X").Token, "users"); listed[staff] != nil {
			t.Error("the owner's coordinator lists the staff member")
		}
		if w.person("coordinator A").Fresh()["users"][staff] == nil {
			t.Error("the serving coordinator does not pull the staff member")
		}
	})
	t.Run("[R8] site staff cannot report at a site that is not theirs", func(t *testing.T) {
		fields := w.submission()
		fields["site"] = w.y1
		v := w.person("staff X1").create("submissions", fields)
		rig.Want(t, v.Code, wire.CodeNotAllowed)
	})
	t.Run("[R8] a site that no organization serves enrols no staff", func(t *testing.T) {
		if _, err := w.S.Devices.MakeInvite("", inviteFor(access.Staff, w.hotelY, w.unserved)); err == nil {
			t.Fatal("an invite was made")
		}
	})
}

func pulled(t *testing.T, p *person) map[string]string {
	t.Helper()
	out := map[string]string{}
	for collection, records := range p.Fresh() {
		raw, err := json.Marshal(records)
		if err != nil {
			t.Fatal(err)
		}
		out[collection] = string(raw)
	}
	return out
}

// search asks, through everything that a list can be narrowed or widened by,
// questions whose answers would show that the report is there, and gives how
// much each finds.
func (w *world) search(t *testing.T, p *person, report string) map[string]int {
	t.Helper()
	out := map[string]int{}
	questions := []struct{ collection, filter string }{
		{"submissions", `grid = "` + secret + `"`},
		{"submissions", `id = "` + report + `"`},
	}
	// Over a relation and back, where a list rule may not be asked: any of the
	// records, each of them, and none of them are different questions.
	for _, q := range []struct{ collection, path string }{
		{"submissions", `site.submissions_via_site.grid`}, {"sites", `submissions_via_site.grid`}, {"sites", `submissions_via_site.addenda_via_submission.text`},
		{"organizations", `submissions_via_organization.grid`}, {"checklists", `submissions_via_checklist.grid`}, {"checklists", `submissions_via_checklist.addenda_via_submission.text`},
		{"triage", `submission.grid`}, {"addenda", `submission.grid`}, {"users", `sites.submissions_via_site.grid`}, {"invites", `sites.submissions_via_site.grid`},
		{"sites", `@collection.submissions.grid`}, {"checklists", `@collection.submissions.grid`},
	} {
		for _, op := range []string{"?=", "=", "?~", "~"} {
			questions = append(questions, struct{ collection, filter string }{q.collection, q.path + " " + op + ` "` + secret + `"`})
		}
	}
	for _, q := range questions {
		var page struct {
			TotalItems int `json:"totalItems"`
		}
		status := w.Send(http.MethodGet, p.Token, "/api/collections/"+q.collection+"/records?perPage=500&filter="+url.QueryEscape(q.filter), nil, &page)
		if status != http.StatusOK && status != http.StatusBadRequest && status != http.StatusForbidden {
			t.Errorf("%s where %s: %d", q.collection, q.filter, status)
		}
		out[q.collection+" where "+q.filter] = page.TotalItems
	}
	// The opposite question must not tell it either: what is left out counts.
	for collection, path := range map[string]string{"sites": "submissions_via_site.grid", "organizations": "submissions_via_organization.grid", "checklists": "submissions_via_checklist.grid"} {
		_, with := w.ask(p, collection, "filter", path+` != "`+secret+`"`)
		_, without := w.ask(p, collection, "filter", path+` != "nowhere"`)
		out[collection+" where not "+path] = without - with
	}
	for collection, field := range map[string]string{"sites": "submissions_via_site.grid", "submissions": "site.name", "checklists": "submissions_via_checklist.id"} {
		status, _ := w.ask(p, collection, "sort", field)
		if status == http.StatusOK {
			t.Errorf("%s is sorted by %s", collection, field)
		}
	}
	for _, q := range []string{"sites/records?expand=submissions_via_site", "organizations/records?expand=submissions_via_organization", "checklists/records?expand=submissions_via_checklist"} {
		var raw json.RawMessage
		rig.Want(t, w.Send(http.MethodGet, p.Token, "/api/collections/"+q, nil, &raw), http.StatusOK)
		out[q] = strings.Count(string(raw), secret)
	}
	return out
}
