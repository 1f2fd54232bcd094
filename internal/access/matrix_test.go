package access_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/pocketbase/pocketbase/core"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/merge"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// creation gives the fields of a create in a collection that is as good as the
// person can make it, and false when what it must name is not theirs.
func (w *world) creation(collection string, p *person) (map[string]any, bool) {
	w.T.Helper()
	switch collection {
	case "organizations":
		return map[string]any{"name": "New"}, true
	case "users":
		return map[string]any{"role": "worker", "organization": p.User.Organization, "password": "correct horse battery", "passwordConfirm": "correct horse battery"}, true
	case "sites":
		return map[string]any{"name": "New", "venue": "hotel"}, true
	case "checklists":
		return map[string]any{"key": "new", "version": 1, "locale": "en", "published": true}, true
	case "observations":
		return w.Observation(""), true
	case "submissions":
		return w.submission(), true
	case "addenda", "tips", "attachments":
		more := map[string]any{"text": "more"}
		if collection == "attachments" {
			more = aPhoto()
		}
		if collection == "tips" {
			more = map[string]any{"channel": "call", "at": "2026-01-11 06:00:00.000Z"}
		}
		// Authors and the serving organization's coordinators add to a report.
		for _, c := range []struct {
			field string
			of    map[string]string
		}{{"observation", w.obs}, {"submission", w.subs}} {
			for by, report := range c.of {
				own := by == p.name
				if access.Role(p.User.Role) == access.Coordinator && collection != "attachments" {
					r, err := w.App.FindRecordById(c.field+"s", report)
					if err != nil {
						w.T.Fatal(err)
					}
					own = r.GetString("organization") == p.User.Organization
				}
				if own {
					more[c.field] = report
					return more, true
				}
			}
		}
		more["observation"] = w.obs["worker A"]
		return more, false
	case "triage":
		return map[string]any{"observation": w.obs["worker A"], "suggested": "review", "urgency": "review", "status": "open", "organization": p.User.Organization}, true
	case "conflicts":
		return map[string]any{"collection": "sites", "record": w.x1, "field": "notes", "organization": p.User.Organization}, true
	case "quarantine":
		return map[string]any{"code": "invalid", "state": "held", "organization": p.User.Organization}, true
	case "lost_devices":
		return map[string]any{"organization": p.User.Organization, "what": "phone", "asked": "2026-01-11 04:55:00.000Z"}, true
	case "duty_hours":
		return map[string]any{"zone": "America/Chicago", "mail": []any{"night@example.org"}}, true
	case "operations":
		return map[string]any{"name": "Weekend", "begins": "2026-01-01 00:00:00.000Z", "ends": "2026-01-02 00:00:00.000Z"}, true
	case "rosters":
		for name, o := range w.ops {
			if r, err := w.App.FindRecordById("operations", o); err == nil && r.GetString("organization") == p.User.Organization {
				mate := map[string]string{w.ngoA: "worker A", w.ngoB: "worker B"}[p.User.Organization]
				if mate != "" {
					return map[string]any{"operation": w.ops[name], "person": w.person(mate).User.ID, "role": "outreach"}, true
				}
			}
		}
		return map[string]any{"operation": w.ops["B"], "person": p.User.ID, "role": "lead"}, false
	case "site_readiness":
		site := map[string]string{w.ngoA: w.x1, w.ngoB: w.x2}[p.User.Organization]
		if site == "" {
			return map[string]any{"site": w.x1, "posters": 2}, false
		}
		return map[string]any{"site": site, "posters": 2, "poster_on": "2026-01-11"}, true
	case "duty_alerts":
		return map[string]any{"organization": p.User.Organization, "triage": rig.ID(), "list": "first", "state": "sent", "at": "2026-01-11 04:55:00.000Z"}, true
	case "devices":
		return map[string]any{"user": p.User.ID, "thumbprint": "x"}, true
	case "audit":
		return map[string]any{"act": "release", "actor": p.User.ID, "at": "2026-01-11 04:55:00.000Z", "organization": p.User.Organization}, true
	case "seals":
		return map[string]any{"submission": w.subs["staff X1"], "organization": p.User.Organization, "by": p.User.ID, "reason": "because", "at": "2026-01-11 04:55:00.000Z"}, true
	case "hotlines", "guidance", "venues", "industries", "routing_profiles", "published_statistics":
		return map[string]any{"key": "ours", "body": map[string]any{"id": "ours"}, "published": true}, true
	case "checklist_drafts":
		return map[string]any{"organization": p.User.Organization, "key": "ours", "version": 1, "state": "draft", "form": map[string]any{"format": 2}}, true
	case "triage_rules":
		return map[string]any{"key": "ours", "version": 1, "turn": 9}, true
	case "invites":
		return map[string]any{"code": "x", "role": "admin", "organization": p.User.Organization, "uses": 1, "expires": "2030-01-01 00:00:00.000Z"}, true
	}
	w.T.Fatalf("%s: say in this test what a good create is", collection)
	return nil, false
}

// aPhoto is the record of a photo, but for the report.
func aPhoto() map[string]any {
	return map[string]any{"kind": "place", "type": "image/jpeg", "bytes": 4711, "sha256": strings.Repeat("0a", 32)}
}

// edits are a harmless change for each collection.
var edits = map[string]map[string]any{
	"organizations": {"type": "outreach"}, "users": {"locale": "pt"}, "sites": {"notes": "m"}, "checklists": {"title": "x"},
	"observations": {"note": "x"}, "submissions": {"note": "x"}, "addenda": {"text": "x"}, "triage": {"note": "m"}, "triage_rules": {"turn": 50}, "tips": {"reference": "T-2"}, "attachments": {"kind": "vehicle"},
	"conflicts": {"resolved": true}, "quarantine": {"message": "x"}, "devices": {"name": "x"}, "invites": {"uses": 50}, "audit": {"reason": "x"}, "lost_devices": {"resolved": true}, "seals": {"reason": "x"},
	"hotlines": {"verified_on": "2026-01-11"}, "guidance": {"published": false}, "venues": {"published": false}, "industries": {"published": false},
	"routing_profiles": {"published": false}, "published_statistics": {"published": false},
	"checklist_drafts": {"title": "x"}, "duty_hours": {"zone": "America/New_York"}, "duty_alerts": {"people": 9}, "site_readiness": {"posters": 3}, "operations": {"name": "Another"}, "rosters": {"role": "lead"},
}

// pushable tells whether push takes all of these fields from a role; those
// that the server keeps are an admin's over REST only.
func pushable(row access.Collection, fields map[string]any, role access.Role) bool {
	for f := range fields {
		if row.Fields[f] == merge.Server || slices.Contains(row.AdminOnly, f) && role != access.Admin {
			return false
		}
	}
	return true
}

func (w *world) count(collection string) int {
	w.T.Helper()
	n, err := w.App.CountRecords(collection)
	if err != nil {
		w.T.Fatal(err)
	}
	return int(n)
}

// TestWriting walks role x collection x create, update, delete over REST and
// push and holds both against the rules of the table evaluated in Go.
func TestWriting(t *testing.T) {
	w := newWorld(t)
	// What is refused below lands in quarantine; the walk is over what was
	// there before it.
	seeded := map[string]bool{}
	for name := range access.Table {
		for _, v := range w.all(name) {
			seeded[name+id(v)] = true
		}
	}
	allowed := map[string]int{}
	like := map[string]bool{}
	for _, p := range w.people {
		who := w.now(p)
		if like[p.User.Role+p.User.Organization] {
			continue // somebody like them was here
		}
		like[p.User.Role+p.User.Organization] = true
		t.Run("[ACCESS] [PUSH-8] "+p.name+" creates what the table lets them, over REST as by push", func(t *testing.T) {
			for name, row := range access.Table {
				body, own := w.creation(name, p)
				want := own && row.Create != nil && row.Create.Holds(who, access.Values(body))
				before := w.count(name)
				status := w.Send(http.MethodPost, p.Token, "/api/collections/"+name+"/records", body, nil)
				same(t, "REST create in "+name, status, want, http.StatusOK, http.StatusBadRequest, http.StatusForbidden)
				if want {
					allowed[name+" create"]++
					before++
				}
				rig.Want(t, w.count(name), before)
				w.verdict(t, "push create in "+name, p.create(name, body), want && pushable(row, body, who.Role))
			}
		})
		t.Run("[ACCESS] [PUSH-8] "+p.name+" changes what the table lets them, over REST as by push", func(t *testing.T) {
			for name, row := range access.Table {
				var ops []wire.Mutation
				var wants []bool
				for _, v := range w.all(name) {
					if !seeded[name+id(v)] {
						continue
					}
					want := row.Update != nil && row.Update.Holds(who, v)
					status := w.Send(http.MethodPatch, p.Token, "/api/collections/"+name+"/records/"+id(v), edits[name], nil)
					same(t, "REST update of "+name+" "+id(v), status, want, http.StatusOK, http.StatusForbidden, http.StatusNotFound)
					if want {
						allowed[name+" update"]++
					}
					ops = append(ops, p.Mutation(rig.Update(name, id(v), w.Entries(), edits[name])))
					wants = append(wants, want && pushable(row, edits[name], who.Role))
				}
				for i, verdict := range p.Push(ops...) {
					w.verdict(t, "push update in "+name, verdict, wants[i])
				}
			}
		})
		t.Run("[ACCESS] [PUSH-8] "+p.name+" deletes what the table lets them, over REST as by push", func(t *testing.T) {
			for name, row := range access.Table {
				for i, v := range w.disposable(name, p) {
					if name != "sites" && name != "attachments" && name != "rosters" && (!seeded[name+id(v)] || i >= 3 && row.Delete == nil) {
						continue
					}
					want := row.Delete != nil && row.Delete.Holds(who, v)
					by := func(delete func() bool) {
						if got := delete(); got != want {
							t.Errorf("delete of %s %s: %v, the table says %v", name, id(v), got, want)
						}
					}
					by(func() bool {
						status := w.Send(http.MethodDelete, p.Token, "/api/collections/"+name+"/records/"+id(v), nil, nil)
						return status == http.StatusNoContent
					})
					if want {
						allowed[name+" delete"]++
						v = w.disposable(name, p)[0]
						if !row.Delete.Holds(who, v) {
							continue
						}
					}
					w.verdict(t, "push delete in "+name, p.Do(rig.Delete(name, id(v), w.Entries())), want)
				}
			}
		})
	}
	t.Run("[ACCESS] every verb that the table has was allowed to somebody", func(t *testing.T) {
		for name, row := range access.Table {
			for verb, rule := range map[string]access.Rule{"create": row.Create, "update": row.Update, "delete": row.Delete} {
				if n := allowed[name+" "+verb]; (rule != nil) != (n > 0) {
					t.Errorf("%s %s: has a rule %v, was allowed %d times", name, verb, rule != nil, n)
				}
			}
		}
	})
}

// disposable gives records for a person to delete: of sites and photos new ones, of their
// organization and of another; of the others those that are there.
func (w *world) disposable(collection string, p *person) []access.Values {
	if collection == "attachments" {
		var out []access.Values
		for _, by := range []string{"worker A", "worker B"} {
			photo := aPhoto()
			photo["observation"] = w.must(by, "observations", w.Observation(""))
			made := w.must(by, collection, photo)
			for _, v := range w.all(collection) {
				if id(v) == made {
					out = append(out, v)
				}
			}
		}
		return out
	}
	var out []access.Values
	if collection == "rosters" {
		for name, o := range map[string]string{"A": w.ngoA, "B": w.ngoB} {
			made := w.Make("rosters", map[string]any{"operation": w.ops[name], "person": w.person("worker " + name).User.ID, "role": "outreach", "home": o, "organization": o})
			for _, v := range w.all("rosters") {
				if id(v) == made {
					out = append(out, v)
				}
			}
		}
		return out
	}
	if collection != "sites" {
		return w.all(collection)
	}
	for _, served := range []string{p.User.Organization, w.police} {
		if served == w.hq {
			continue // nobody serves a site of their own
		}
		made := w.Site("Disposable", w.hq, served)
		for _, v := range w.all("sites") {
			if id(v) == made {
				out = append(out, v)
			}
		}
	}
	return out
}

// same holds a status against what the table says; any refusal must be one of
// the given.
func same(t *testing.T, what string, status int, want bool, good int, bad ...int) {
	t.Helper()
	if want && status != good || !want && !slices.Contains(bad, status) {
		t.Errorf("%s: %d, the table says %v", what, status, want)
	}
}

// verdict holds a verdict against what the table says; refused is not_allowed
// and nothing else.
func (w *world) verdict(t *testing.T, what string, v wire.Verdict, want bool) {
	t.Helper()
	good := v.Verdict == wire.Applied || v.Verdict == wire.Merged
	if good != want || !want && v.Code != wire.CodeNotAllowed {
		t.Errorf("%s: %+v, the table says %v", what, v, want)
	}
}

// sample is a value that a field of its type could have.
func (w *world) sample(f core.Field) any {
	switch x := f.(type) {
	case *core.BoolField:
		return true
	case *core.NumberField:
		return 7
	case *core.DateField:
		return "2026-01-11 04:55:00.000Z"
	case *core.SelectField:
		return x.Values[len(x.Values)-1]
	case *core.JSONField:
		return map[string]any{"lat": 1, "lon": 2}
	case *core.EmailField:
		return "x@example.org"
	case *core.RelationField:
		target, err := w.App.FindCollectionByNameOrId(x.CollectionId)
		if err != nil {
			w.T.Fatal(err)
		}
		all := w.all(target.Name)
		if x.IsMultiple() {
			return []any{id(all[len(all)-1])}
		}
		return id(all[len(all)-1])
	}
	return "x"
}

// TestForbiddenFields sends, for every collection that somebody may write,
// each field that they may not.
func TestForbiddenFields(t *testing.T) {
	w := newWorld(t)
	had := map[access.Role]bool{}
	for _, p := range w.people {
		who := w.now(p)
		if had[who.Role] {
			continue
		}
		had[who.Role] = true
		t.Run("[MERGE-4] [ACCESS] a field that "+p.name+" may not send is refused by push and REST and changes nothing", func(t *testing.T) {
			for name, row := range access.Table {
				body, own := w.creation(name, p)
				create := own && row.Create != nil && row.Create.Holds(who, access.Values(body)) && pushable(row, body, who.Role)
				standing := w.mayUpdate(name, who)
				for f, policy := range row.Fields {
					value := w.sample(w.collection(name).Fields.GetByName(f))
					adminOnly := slices.Contains(row.AdminOnly, f) && who.Role != access.Admin
					if create && (policy == merge.Server || adminOnly) {
						with := map[string]any{f: value}
						for k, v := range body {
							with[k] = v
						}
						w.verdict(t, "push create in "+name+" with "+f, p.create(name, with), false)
						before := w.count(name)
						status := w.Send(http.MethodPost, p.Token, "/api/collections/"+name+"/records", with, nil)
						same(t, "REST create in "+name+" with "+f, status, false, 0, http.StatusBadRequest, http.StatusForbidden)
						rig.Want(t, w.count(name), before)
					}
					if standing != "" && (policy == merge.Server || policy == merge.Once || adminOnly) {
						if policy != merge.Server && w.standing(name, standing, f) == fmt.Sprint(value) {
							continue // what stands there already is no change (MERGE-6)
						}
						w.refusedUpdate(t, p, name, standing, f, value)
					}
				}
			}
		})
	}
}

// mayUpdate finds a record that a person may change by push.
func (w *world) mayUpdate(collection string, who access.Person) string {
	row := access.Table[collection]
	if row.Update == nil || !pushable(row, edits[collection], who.Role) {
		return ""
	}
	for _, v := range w.all(collection) {
		if row.Update.Holds(who, v) {
			return id(v)
		}
	}
	return ""
}

func (w *world) refusedUpdate(t *testing.T, p *person, name, record, field string, value any) {
	t.Helper()
	before := w.standing(name, record, field)
	w.verdict(t, "push update of "+name+"."+field, p.Do(rig.Update(name, record, w.Entries(), map[string]any{field: value})), false)
	// PocketBase's modifiers are other spellings of the same field.
	for _, key := range []string{field, field + "+", "+" + field, field + "-"} {
		body := map[string]any{key: value}
		for k, v := range edits[name] {
			body[k] = v
		}
		status := w.Send(http.MethodPatch, p.Token, "/api/collections/"+name+"/records/"+record, body, nil)
		if now := w.standing(name, record, field); now != before {
			t.Errorf("REST update of %s.%s as %q: %d, it was %s and is %s", name, field, key, status, before, now)
		}
		if key == field {
			same(t, "REST update of "+name+"."+field, status, false, 0, http.StatusBadRequest, http.StatusForbidden, http.StatusNotFound)
		}
	}
}

func (w *world) standing(collection, record, field string) string {
	w.T.Helper()
	for _, v := range w.all(collection) {
		if id(v) == record {
			return fmt.Sprintf("%v", v[field])
		}
	}
	w.T.Fatalf("no %s %s", collection, record)
	return ""
}
