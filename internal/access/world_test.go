package access_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/records"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// person is somebody of the world with a device.
type person struct {
	name string
	*rig.Device
}

// world is a small district: two organizations that run outreach, two hotels
// that they serve, partners, people in every role, and records in every
// collection of the table.
type world struct {
	*rig.Rig
	ngoA, ngoB, hotelX, hotelY, police, shelter, hq string
	x1, x2, y1, unserved                            string // sites
	people                                          []*person
	ops                                             map[string]string // name -> operation
	obs                                             map[string]string // whose or what -> observation
	subs                                            map[string]string // whose -> submission
	filled                                          map[string]any    // a submission's fields, read once
}

// odd is a text that two ways of writing JSON would write differently.
const odd = "a <b> & \"c\" \\ / \u2028 \u00f1 \U0001F600\ttab\nline\x7f"

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{Rig: rig.New(t), obs: map[string]string{}, subs: map[string]string{}}
	w.ngoA, w.ngoB = w.Organization("Night outreach"), w.Organization("Day <outreach>")
	w.hotelX, w.hotelY = w.Organization("Hotel X"), w.Organization("Hotel Y")
	w.police, w.shelter, w.hq = w.Organization("Police unit"), w.Organization("Shelter"), w.Organization("Task force")
	w.x1, w.x2 = w.Site("X one", w.hotelX, w.ngoA), w.Site("X two", w.hotelX, w.ngoB)
	w.y1, w.unserved = w.Site("Y one", w.hotelY, w.ngoA), w.Site("Y two", w.hotelY, "")
	for _, p := range []struct {
		name  string
		role  access.Role
		org   string
		sites []string
	}{
		{"worker A", access.Worker, w.ngoA, nil},
		{"second worker A", access.Worker, w.ngoA, nil},
		{"worker B", access.Worker, w.ngoB, nil},
		{"staff X1", access.Staff, w.hotelX, []string{w.x1}},
		{"other staff X1", access.Staff, w.hotelX, []string{w.x1}},
		{"staff X2", access.Staff, w.hotelX, []string{w.x2}},
		{"staff X1 and X2", access.Staff, w.hotelX, []string{w.x1, w.x2}},
		{"staff Y1", access.Staff, w.hotelY, []string{w.y1}},
		{"manager X", access.Manager, w.hotelX, []string{w.x1, w.x2}},
		{"manager Y", access.Manager, w.hotelY, []string{w.y1}},
		{"coordinator A", access.Coordinator, w.ngoA, nil},
		{"second coordinator A", access.Coordinator, w.ngoA, nil},
		{"coordinator B", access.Coordinator, w.ngoB, nil},
		{"coordinator of hotel X", access.Coordinator, w.hotelX, nil},
		{"police officer", access.LawEnforcement, w.police, nil},
		{"provider", access.Provider, w.shelter, nil},
		{"admin", access.Admin, w.hq, nil},
	} {
		w.people = append(w.people, &person{p.name, w.Enroll(p.role, p.org, p.sites...)})
	}
	w.seedPeople()
	w.seedReports()
	w.seedRepair()
	return w
}

func (w *world) person(name string) *person {
	w.T.Helper()
	for _, p := range w.people {
		if p.name == name {
			return p
		}
	}
	w.T.Fatalf("nobody is called %s", name)
	return nil
}

// now is the person as their user record stands now.
func (w *world) now(p *person) access.Person {
	w.T.Helper()
	who, err := w.S.Store.Person(w.App, p.User.ID)
	if err != nil {
		w.T.Fatal(err)
	}
	return *who
}

// seedPeople adds what people have beside one device: e-mails, a second
// device, a revoked one, open invites.
func (w *world) seedPeople() {
	for i, mail := range []string{"hidden@example.org", "seen@example.org"} {
		w.Make("users", map[string]any{"role": "worker", "organization": w.ngoA, "email": mail, "emailVisibility": i == 1,
			"password": "correct horse battery", "label": odd, "locale": "es", "verified": true})
	}
	second := w.NewDevice()
	status := w.Post(w.person("worker A").Token, "/api/sync/enroll", wire.EnrollRequest{Device: wire.EnrollDevice{ID: second.ID, Name: odd, Platform: "test", Key: second.JWK()}}, nil)
	rig.Want(w.T, status, http.StatusOK)
	w.set("devices", second.ID, map[string]any{"revoked": true})
	w.Invite(access.Staff, w.hotelX, 5, w.x1, w.x2)
	w.Invite(access.Provider, w.shelter, 2)
}

func (w *world) seedReports() {
	rich := w.Observation(w.x1)
	rich["note"] = odd
	rich["point"] = map[string]any{"lat": 39.0997, "lon": -94.57860000000001}
	rich["people"] = 3
	rich["persons"] = []any{map[string]any{"age": "adult", "description": []any{"tired", "limping"}}, map[string]any{"age": "unsure", "description": []any{}}}
	rich["vehicles"] = []any{map[string]any{"kind": "van", "color": "silver", "plate_state": "MO", "plate_end": "7X"}}
	rich["outreach"] = []any{"kit"}
	rich["event_end"] = "2026-01-11 04:55:00.000Z"
	rich["grid"] = "9yum"
	rich["operation"] = rig.ID()
	rich["minor_possible"], rich["manager_involved"] = true, true
	for _, o := range []struct {
		key    string
		by     string
		fields map[string]any
	}{
		{"worker A", "worker A", w.Observation("")},
		{"second worker A", "second worker A", rich},
		{"worker A at Y1", "worker A", w.Observation(w.y1)},
		{"worker B", "worker B", w.Observation(w.x2)},
	} {
		w.obs[o.key] = w.must(o.by, "observations", o.fields)
	}
	for _, s := range []struct{ by, site string }{
		{"staff X1", w.x1}, {"staff X1 and X2", w.x2}, {"staff X2", ""}, {"staff Y1", w.y1}, {"worker A", ""}, {"worker B", w.x2},
	} {
		fields := w.submission()
		if s.site != "" {
			fields["site"] = s.site
		}
		if s.by == "staff X1" {
			fields["about"] = "coworker"
		}
		w.subs[s.by] = w.must(s.by, "submissions", fields)
	}
	w.must("worker A", "addenda", map[string]any{"observation": w.obs["worker A"], "text": odd, "event_time": "2026-01-11T05:00:00Z"})
	w.must("staff X1", "addenda", map[string]any{"submission": w.subs["staff X1"], "text": "it was at night"})
	w.must("coordinator A", "addenda", map[string]any{"submission": w.subs["staff X1"], "text": "asked once more"})
	w.must("coordinator B", "addenda", map[string]any{"observation": w.obs["worker B"], "text": "called"})
	tip := func(by, field, report string) {
		w.must(by, "tips", map[string]any{field: report, "channel": "call", "line": "hsi_tip_line", "at": "2026-01-11T06:00:00Z", "reference": "T <1> & 'x'"})
	}
	tip("worker A", "observation", w.obs["worker A"])
	tip("staff X1", "submission", w.subs["staff X1"])
	tip("coordinator A", "observation", w.obs["worker A"])
	tip("coordinator B", "observation", w.obs["worker B"])
	for _, o := range []string{w.ngoA, w.ngoB} {
		w.set("organizations", o, map[string]any{"allows": []string{"photos"}})
	}
	for by, of := range map[string]map[string]any{"worker A": {"observation": w.obs["worker A"]}, "staff X1": {"submission": w.subs["staff X1"]}, "worker B": {"observation": w.obs["worker B"]}} {
		photo := aPhoto()
		maps.Copy(photo, of)
		w.must(by, "attachments", photo)
	}
}

// seedRepair works on triage, makes conflicts on triage and a site, has
// mutations refused, deletes a site and hides a checklist.
func (w *world) seedRepair() {
	a, a2 := w.person("coordinator A"), w.person("second coordinator A")
	id := wire.TriageID("submissions", w.subs["staff X1"])
	base := w.Entries()
	w.applied(a.Do(rig.Update("triage", id, base, map[string]any{"opened": true, "claimed_by": a.User.ID, "note": "mine " + odd})))
	w.applied(a2.Do(rig.Update("triage", id, base, map[string]any{"note": "hers", "status": "review"})))
	id, v := a.Create("sites", map[string]any{"name": "Pumps <north>", "venue": "truck_stop", "point": map[string]any{"lat": 1.5, "lon": -0.25}, "industry": "G"})
	w.applied(v)
	w.applied(a.Do(rig.Update("sites", id, v.Seq, map[string]any{"address": "1 Road"})))
	w.applied(a2.Do(rig.Update("sites", id, v.Seq, map[string]any{"address": "2 Road " + odd})))
	gone, v := a.Create("sites", map[string]any{"name": "Closed", "venue": "hotel"})
	w.applied(v)
	w.applied(a.Do(rig.Delete("sites", gone, v.Seq)))
	// What the dashboard wrote with blanks in its JSON.
	w.Make("sites", map[string]any{"name": "By hand", "venue": "hotel", "served_by": w.ngoB, "point": "{ \"lat\" : 1.50 ,\n \"lon\": 2e1 }"})

	unknown := w.Observation("")
	unknown["indicators"] = []any{map[string]any{"indicator": "core.99", "basis": "saw"}}
	text := w.submission()
	text["note"] = "free text of staff"
	w.refused(w.person("worker A").create("observations", unknown))
	w.refused(w.person("staff X2").create("submissions", text))
	w.refused(w.person("coordinator B").create("triage", map[string]any{"status": "open"}))
	w.refused(w.person("police officer").create("observations", w.Observation("")))
	for _, o := range []string{w.ngoA, w.ngoB} {
		w.Make("checklist_drafts", map[string]any{"organization": o, "key": "night_walk", "version": 1, "title": odd, "form": map[string]any{"format": 2, "title::en": odd}, "revision": 1, "state": "draft"})
		w.Make("lost_devices", map[string]any{"organization": o, "what": "tablet", "note": odd, "asked": "2026-01-11 04:55:00.000Z"})
		w.Make("duty_hours", map[string]any{"organization": o, "zone": "America/Chicago", "hours": []any{map[string]any{"day": "fri", "from": "18:00", "to": "02:00"}}, "mail": []any{"night@example.org"}})
		w.Make("duty_alerts", map[string]any{"organization": o, "triage": rig.ID(), "list": "first", "state": "sent", "people": 1, "at": "2026-01-11 04:55:00.000Z"})
	}
	w.ops = map[string]string{}
	for name, o := range map[string]string{"A": w.ngoA, "B": w.ngoB} {
		now := w.Clock.Now().UTC()
		w.ops[name] = w.Make("operations", map[string]any{"name": "Operation " + name, "organization": o, "organizations": []string{w.ngoA, w.ngoB, w.police}, "sites": []string{w.x2},
			"begins": now.Add(-24 * time.Hour), "ends": now.Add(24 * time.Hour)})
	}
	for _, r := range []struct{ op, who string }{{"A", "worker A"}, {"A", "coordinator B"}, {"B", "police officer"}, {"B", "coordinator B"}} {
		w.Make("rosters", map[string]any{"operation": w.ops[r.op], "person": w.person(r.who).User.ID, "role": "triage",
			"home": w.person(r.who).User.Organization, "organization": map[string]string{"A": w.ngoA, "B": w.ngoB}[r.op]})
	}
	shared := w.Observation(w.x1)
	shared["operation"] = w.ops["A"]
	w.obs["worker A on A"] = w.must("worker A", "observations", shared)
	w.must("worker A", "addenda", map[string]any{"observation": w.obs["worker A on A"], "text": "more of it"})
	for site, o := range map[string]string{w.x1: w.ngoA, w.x2: w.ngoB, w.y1: w.ngoA} {
		w.Make("site_readiness", map[string]any{"site": site, "organization": o, "posters": 2, "poster_on": "2026-01-05", "trained": 7, "trained_on": "2026-01-06"})
	}
	for o, c := range map[string]string{w.ngoA: "coordinator A", w.ngoB: "coordinator B"} {
		w.Make("seals", map[string]any{"submission": w.subs["staff X1"], "organization": o, "by": w.person(c).User.ID, "reason": odd, "at": "2026-01-11 04:55:00.000Z"})
	}
	w.Make("checklists", map[string]any{"key": "draft", "version": 1, "locale": "en", "title": "Draft", "items": "[]", "published": false})
	for _, name := range []string{"hotlines", "guidance"} { // one that nobody is shown any more
		r, err := w.App.FindFirstRecordByData(name, "published", true)
		if err != nil {
			w.T.Fatal(err)
		}
		r.Set("published", false)
		if err := w.App.Save(r); err != nil {
			w.T.Fatal(err)
		}
	}

}

func (p *person) create(collection string, fields map[string]any) wire.Verdict {
	p.Rig.T.Helper()
	_, v := p.Create(collection, fields)
	return v
}

// must has somebody create a record and gives its id.
func (w *world) must(by, collection string, fields map[string]any) string {
	w.T.Helper()
	id, v := w.person(by).Create(collection, fields)
	w.applied(v)
	return id
}

func (w *world) applied(v wire.Verdict) {
	w.T.Helper()
	if v.Verdict != wire.Applied && v.Verdict != wire.Merged {
		w.T.Fatalf("not applied: %+v", v)
	}
}

func (w *world) refused(v wire.Verdict) {
	w.T.Helper()
	if v.Verdict != wire.Refused {
		w.T.Fatalf("not refused: %+v", v)
	}
}

// submission gives the fields of a filled hotel checklist.
func (w *world) submission() map[string]any {
	w.T.Helper()
	list, err := w.App.FindFirstRecordByData("checklists", "key", "hotel_front")
	if err != nil {
		w.T.Fatal(err)
	}
	return map[string]any{"checklist": list.Id, "version": 1, "event_time": "2026-01-11T04:55:00.000Z",
		"answers": map[string]any{"hotel_front.01": "yes", "hotel_front.02": "unsure"}, "basis": map[string]any{"hotel_front.01": "saw"}}
}

// set changes a record as the system.
func (w *world) set(collection, id string, values map[string]any) {
	w.T.Helper()
	r, err := w.App.FindRecordById(collection, id)
	if err != nil {
		w.T.Fatal(err)
	}
	for k, v := range values {
		r.Set(k, v)
	}
	if err := w.App.Save(r); err != nil {
		w.T.Fatal(collection, id, err)
	}
}

// collections are all of the database but PocketBase's own, sorted.
func (w *world) collections() []*core.Collection {
	w.T.Helper()
	all, err := w.App.FindAllCollections()
	if err != nil {
		w.T.Fatal(err)
	}
	all = slices.DeleteFunc(all, func(c *core.Collection) bool { return strings.HasPrefix(c.Name, "_") })
	slices.SortFunc(all, func(a, b *core.Collection) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// all gives every record of a collection as rules read it, in order of id.
func (w *world) all(collection string) []access.Values {
	w.T.Helper()
	found, err := w.App.FindAllRecords(collection)
	if err != nil {
		w.T.Fatal(err)
	}
	out := make([]access.Values, 0, len(found))
	for _, r := range found {
		out = append(out, records.Values(r))
	}
	slices.SortFunc(out, func(a, b access.Values) int { return strings.Compare(id(a), id(b)) })
	return out
}

func id(v access.Values) string { s, _ := v["id"].(string); return s }

// fields is a record as it goes over the wire, by field.
type fields map[string]json.RawMessage

// list asks the list API, by id and without the two members that a pull may
// leave out.
func (w *world) list(token, collection string) (int, map[string]fields) {
	w.T.Helper()
	var page struct {
		TotalItems int      `json:"totalItems"`
		Items      []fields `json:"items"`
	}
	status := w.Send(http.MethodGet, token, "/api/collections/"+collection+"/records?perPage=500", nil, &page)
	out := map[string]fields{}
	for _, item := range page.Items {
		var id string
		if err := json.Unmarshal(item["id"], &id); err != nil {
			w.T.Fatal(err)
		}
		out[id] = bare(item)
	}
	if status == http.StatusOK && page.TotalItems != len(out) {
		w.T.Fatalf("%s: %d of %d on one page", collection, len(out), page.TotalItems)
	}
	return status, out
}

func bare(f fields) fields {
	delete(f, "collectionId")
	delete(f, "collectionName")
	return f
}

// differ tells in what two views of one collection differ, "" in nothing.
func differ(listed map[string]fields, pulled map[string]json.RawMessage) string {
	var why []string
	for id, want := range listed {
		raw, ok := pulled[id]
		if !ok {
			why = append(why, id+" is listed and not pulled")
			continue
		}
		var got fields
		if err := json.Unmarshal(raw, &got); err != nil {
			why = append(why, fmt.Sprintf("%s: %v: %s", id, err, raw))
			continue
		}
		bare(got)
		for f, v := range want {
			if string(got[f]) != string(v) {
				why = append(why, fmt.Sprintf("%s.%s is listed as %s and pulled as %s", id, f, v, got[f]))
			}
		}
		for f := range got {
			if _, ok := want[f]; !ok {
				why = append(why, fmt.Sprintf("%s.%s is pulled and not listed", id, f))
			}
		}
	}
	for id := range pulled {
		if _, ok := listed[id]; !ok {
			why = append(why, id+" is pulled and not listed")
		}
	}
	slices.Sort(why)
	return strings.Join(why, "\n")
}
