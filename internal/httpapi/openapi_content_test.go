package httpapi_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/fieldpost/fieldpost/internal/access"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
)

const (
	draftsPath  = "/api/fieldpost/drafts"
	draftPath   = "/api/fieldpost/drafts/{id}"
	publishPath = "/api/fieldpost/drafts/{id}/publish"
	dropPath    = "/api/fieldpost/drafts/{id}/drop"
	rulesPath   = "/api/fieldpost/triage/rules"
	tryPath     = "/api/fieldpost/triage/rules/try"
	applyPath   = "/api/fieldpost/triage/rules/apply"
)

// content is what coordinators and admins do with checklists and rules.
func (c *contract) content(e *edge) {
	out := e.Enroll(access.Coordinator, e.ngo)
	e.revoke(out.ID)
	keisha := e.keisha.Token
	_, password := e.password(access.Coordinator)
	huge := bytes.Repeat([]byte(" "), int(e.S.Exchange.Limits.Bytes)+1)
	made := c.at(e, http.MethodPost, draftsPath, "", keisha, map[string]any{"from": "truck_lot", "key": "our_lot"}, 200, "")
	draft := made.body["draft"].(map[string]any)
	id := draft["id"].(string)
	rules := c.at(e, http.MethodGet, rulesPath, "", keisha, nil, 200, "").body["rules"].(map[string]any)
	rules["key"] = "ours"
	named := map[string]any{"rules": rules, "reason": "fewer go unread"}
	for _, x := range []struct {
		method, path, table string
		body                any
	}{
		{http.MethodPost, draftsPath, "checklist_drafts", map[string]any{"from": "truck_driver", "key": "our_driver"}},
		{http.MethodGet, draftPath, "checklist_drafts", nil},
		{http.MethodPost, draftPath, "checklist_drafts", map[string]any{"revision": 1, "form": draft["form"]}},
		{http.MethodPost, publishPath, "checklist_drafts", map[string]any{"revision": 1, "reason": "more of the lot"}},
		{http.MethodPost, dropPath, "checklist_drafts", map[string]any{"revision": 1}},
		{http.MethodGet, rulesPath, "triage_rules", nil},
		{http.MethodPost, tryPath, "observations", named},
		{http.MethodPost, applyPath, "triage_rules", named},
	} {
		past := e.token(e.keisha.User.ID, jwt.MapClaims{"device": e.keisha.ID, "exp": time.Now().Add(-time.Minute).Unix()})
		c.at(e, x.method, x.path, id, "", x.body, 401, "unauthenticated")
		c.at(e, x.method, x.path, id, past, x.body, 401, "token_expired")
		c.at(e, x.method, x.path, id, e.worker.Token, x.body, 403, "not_allowed")
		c.at(e, x.method, x.path, id, out.Token, x.body, 403, "device_revoked")
		e.without(x.table, func() { c.at(e, x.method, x.path, id, password, x.body, 500, "internal") })
		if x.method == http.MethodPost {
			c.at(e, x.method, x.path, id, keisha, "x", 400, "bad_request")
			c.at(e, x.method, x.path, id, keisha, huge, 413, "too_large")
		}
		if strings.Contains(x.path, "{id}") {
			c.at(e, x.method, x.path, rig.ID(), keisha, x.body, 404, "not_found")
		}
		if strings.Contains(x.path, "{id}") && x.method == http.MethodPost {
			late := maps.Clone(x.body.(map[string]any))
			late["revision"] = 7
			c.at(e, x.method, x.path, id, keisha, late, 409, "not_held")
		}
	}
	c.at(e, http.MethodPost, draftsPath, "", keisha, map[string]any{"from": "no_such", "key": "mine"}, 404, "not_found")
	book, err := os.ReadFile("../odk/testdata/lot_walk.xlsx")
	if err != nil {
		e.T.Fatal(err)
	}
	for _, leave := range []bool{false, true} {
		for _, file := range [][]byte{book, []byte("PK")} {
			c.at(e, http.MethodPost, draftsPath, "", keisha, map[string]any{"xlsx": base64.StdEncoding.EncodeToString(file), "key": map[bool]string{true: "walk_one", false: "walk_two"}[leave], "leave_out": leave}, 200, "")
		}
	}
	c.at(e, http.MethodGet, draftPath, id, keisha, nil, 200, "")
	c.at(e, http.MethodPost, draftPath, id, keisha, map[string]any{"revision": 1, "form": draft["form"]}, 200, "")
	c.at(e, http.MethodPost, publishPath, id, keisha, map[string]any{"revision": 2, "reason": "more of the lot"}, 200, "")
	next := c.at(e, http.MethodPost, draftsPath, "", keisha, map[string]any{"from": "our_lot"}, 200, "").body["draft"].(map[string]any)
	c.at(e, http.MethodPost, dropPath, next["id"].(string), keisha, map[string]any{"revision": 1}, 200, "")
	c.at(e, http.MethodPost, tryPath, "", keisha, named, 200, "")
	c.at(e, http.MethodPost, applyPath, "", keisha, named, 200, "")
}

// TestContentOverHTTP is who may write content, and what becomes of it.
func TestContentOverHTTP(t *testing.T) {
	e := newEdge(t)
	other := e.Enroll(access.Coordinator, e.Organization("Day outreach"))
	admin := e.Enroll(access.Admin, e.Organization("Task force"))
	ask := func(d *rig.Device, method, path string, body any) answer {
		var raw []byte
		if body != nil {
			raw = text(t, body)
		}
		return e.send(method, path, d.Token, bytes.NewReader(raw), nil)
	}
	post := func(d *rig.Device, path string, body any) answer { return ask(d, http.MethodPost, path, body) }
	draftOf := func(a answer) map[string]any {
		t.Helper()
		if a.status != 200 {
			t.Fatalf("%d %s", a.status, a.raw)
		}
		if d, ok := a.body["draft"].(map[string]any); ok {
			return d
		}
		return a.body
	}
	at := func(d map[string]any, what string) string { return draftsPath + "/" + d["id"].(string) + what }
	revision := func(d map[string]any, more map[string]any) map[string]any {
		out := map[string]any{"revision": d["revision"], "reason": "because"}
		maps.Copy(out, more)
		return out
	}
	// label finds a row of a form by its name and sets a member of it.
	set := func(d map[string]any, item, field, value string) {
		t.Helper()
		for _, r := range d["form"].(map[string]any)["survey"].([]any) {
			if row := r.(map[string]any); row["name"] == item {
				row[field] = value
				return
			}
		}
		t.Fatalf("no item %s", item)
	}
	begin := map[string]any{"from": "truck_lot", "key": "our_lot"}

	t.Run("[ACCESS] worker, staff, manager, law enforcement and provider write neither checklists nor rules", func(t *testing.T) {
		mine := draftOf(post(e.keisha, draftsPath, begin))
		rules := ask(e.keisha, http.MethodGet, rulesPath, nil).body["rules"]
		for _, role := range []access.Role{access.Worker, access.Staff, access.Manager, access.LawEnforcement, access.Provider} {
			var d *rig.Device
			if role == access.Staff || role == access.Manager {
				d = e.Enroll(role, e.Organization("Hotel "+string(role)), e.site)
			} else {
				d = e.Enroll(role, e.ngo)
			}
			for _, x := range []struct {
				method, path string
				body         any
			}{{http.MethodPost, draftsPath, begin}, {http.MethodGet, at(mine, ""), nil}, {http.MethodPost, at(mine, ""), revision(mine, map[string]any{"form": mine["form"]})},
				{http.MethodPost, at(mine, "/publish"), revision(mine, nil)}, {http.MethodPost, at(mine, "/drop"), revision(mine, nil)}, {http.MethodGet, rulesPath, nil},
				{http.MethodPost, tryPath, map[string]any{"rules": rules}}, {http.MethodPost, applyPath, map[string]any{"rules": rules, "reason": "x"}},
				{http.MethodPost, "/api/fieldpost/hotlines/ncmec/verified", nil}} {
				ask(d, x.method, x.path, x.body).is(t, string(role)+" "+x.path, 403, "not_allowed", "never")
			}
			if seen := d.Fresh()["checklist_drafts"]; len(seen) > 0 {
				t.Errorf("%s pulls drafts", role)
			}
		}
		rig.Want(t, post(e.keisha, at(mine, "/drop"), revision(mine, nil)).status, 200)
	})
	t.Run("[ACCESS] a draft is its organization's, and so is the key that it published", func(t *testing.T) {
		mine := draftOf(post(e.keisha, draftsPath, begin))
		ask(other, http.MethodGet, at(mine, ""), nil).is(t, "read", 404, "not_found", "never")
		for _, what := range []string{"", "/publish", "/drop"} {
			post(other, at(mine, what), revision(mine, map[string]any{"form": mine["form"]})).is(t, what, 404, "not_found", "never")
		}
		if len(other.Fresh()["checklist_drafts"]) != 0 || e.keisha.Fresh()["checklist_drafts"][mine["id"].(string)] == nil || admin.Fresh()["checklist_drafts"][mine["id"].(string)] == nil {
			t.Error("a draft is pulled by its organization's coordinators and by admins")
		}
		post(other, draftsPath, begin).is(t, "the same key", 403, "not_allowed", "never")
		rig.Want(t, post(e.keisha, at(mine, "/publish"), revision(mine, nil)).status, 200)
		post(other, draftsPath, map[string]any{"from": "our_lot"}).is(t, "the next version", 403, "not_allowed", "never")
		theirs := draftOf(post(other, draftsPath, map[string]any{"from": "our_lot", "key": "day_lot"}))
		rig.Want(t, theirs["form"].(map[string]any)["survey"].([]any)[1].(map[string]any)["name"], "day_lot.01")
		rig.Want(t, post(other, at(theirs, "/drop"), revision(theirs, nil)).status, 200)
	})
	t.Run("[CONTENT] [R16] a report keeps the words of its version when the next is published; publishing is audited with its reason", func(t *testing.T) {
		list := func(version int) map[string]any {
			t.Helper()
			for id, raw := range e.worker.Fresh()["checklists"] {
				var r map[string]any
				if err := json.Unmarshal(raw, &r); err != nil {
					t.Fatal(err)
				}
				if r["key"] == "our_lot" && r["version"] == float64(version) && r["locale"] == "en" {
					r["id"] = id
					return r
				}
			}
			return nil
		}
		first := list(1)
		if first == nil {
			t.Fatal("the phone has no version 1")
		}
		words := func(l map[string]any) string { return l["items"].([]any)[0].(map[string]any)["text"].(string) }
		report, v := e.worker.Create("submissions", map[string]any{"checklist": first["id"], "version": 1, "site": e.site, "event_time": "2026-01-11T04:55:00.000Z", "answers": map[string]any{"our_lot.01": "yes"}})
		rig.Want(t, v.Verdict, "applied")
		next := draftOf(post(e.keisha, draftsPath, map[string]any{"from": "our_lot"}))
		rig.Want(t, []any{next["version"], next["in_force"], len(next["faults"].([]any)), len(next["changes"].([]any))}, []any{2.0, 1.0, 0, 0})
		post(e.keisha, draftsPath, map[string]any{"from": "our_lot"}).is(t, "a second draft", 400, "bad_request", "never")
		const fresh = "A van parks far from the light."
		set(next, "our_lot.01", "label::en", fresh)
		set(next, "our_lot.01", "label::es", "")
		saved := draftOf(post(e.keisha, at(next, ""), revision(next, map[string]any{"form": next["form"]})))
		fault := saved["faults"].([]any)[0].(map[string]any)
		rig.Want(t, []any{fault["item"], fault["language"]}, []any{"our_lot.01", "es"})
		refused := post(e.keisha, at(saved, "/publish"), revision(saved, nil))
		refused.is(t, "a draft with a fault", 400, "bad_request", "never")
		rig.Want(t, len(refused.body["faults"].([]any)), len(saved["faults"].([]any)))
		post(e.keisha, at(next, ""), revision(next, map[string]any{"form": next["form"]})).is(t, "an older revision", 409, "not_held", "never")
		set(saved, "our_lot.01", "label::es", "Una van se estaciona lejos de la luz.")
		saved = draftOf(post(e.keisha, at(saved, ""), revision(saved, map[string]any{"form": saved["form"]})))
		rig.Want(t, []any{len(saved["faults"].([]any)), saved["changes"].([]any)[0].(map[string]any)["item"]}, []any{0, "our_lot.01"})
		post(e.keisha, at(saved, "/publish"), map[string]any{"revision": saved["revision"], "reason": " "}).is(t, "no reason", 400, "bad_request", "never")
		done := draftOf(post(e.keisha, at(saved, "/publish"), revision(saved, nil)))
		rig.Want(t, done["state"], "published")
		post(e.keisha, at(done, "/publish"), revision(done, nil)).is(t, "once more", 409, "not_held", "never")
		if got := list(2); got == nil || words(got) != fresh {
			t.Errorf("the phone's version 2: %v", got)
		}
		kept := e.keisha.Fresh()
		var filled, old map[string]any
		if err := json.Unmarshal(kept["submissions"][report], &filled); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(kept["checklists"][filled["checklist"].(string)], &old); err != nil {
			t.Fatal(err)
		}
		if words(old) != words(first) || words(old) == fresh {
			t.Errorf("the report's words are now %q", words(old))
		}
		found, err := e.App.FindRecordsByFilter("audit", "collection='checklists'", "-number", 1, 0)
		if err != nil || len(found) != 1 {
			t.Fatal(len(found), err)
		}
		if a := found[0]; a.GetString("actor") != e.keisha.User.ID || a.GetString("organization") != e.ngo || a.GetString("reason") != "because" || !strings.Contains(a.GetString("detail"), `"version":2`) {
			t.Error(a)
		}
	})
	t.Run("[CONTENT] a version that a report names is changed and deleted by nobody, a superuser included", func(t *testing.T) {
		r, err := e.App.FindFirstRecordByFilter("checklists", "key='our_lot' && version=1 && locale='en'")
		if err != nil {
			t.Fatal(err)
		}
		for field, value := range map[string]any{"title": "Other", "items": "[]", "version": 9, "key": "other", "locale": "fr"} {
			changed := r.Fresh()
			changed.Set(field, value)
			if e.App.Save(changed) == nil {
				t.Errorf("%s was changed", field)
			}
		}
		if e.App.Delete(r) == nil {
			t.Error("it was deleted")
		}
		free, err := e.App.FindFirstRecordByFilter("checklists", "key='our_lot' && version=2 && locale='en'")
		if err != nil {
			t.Fatal(err)
		}
		free.Set("title", "Nobody has filled it")
		if err := e.App.Save(free); err != nil {
			t.Errorf("the control: %v", err)
		}
	})
	t.Run("[TRIAGE] rules are tried on the reports of one's own organization alone, and an admin sees none", func(t *testing.T) {
		weak := e.Observation("")
		weak["indicators"] = []any{map[string]any{"indicator": "core.03", "basis": "saw"}}
		if _, v := e.worker.Create("observations", weak); v.Verdict != "applied" {
			t.Fatal(v)
		}
		rules := ask(e.keisha, http.MethodGet, rulesPath, nil).body["rules"].(map[string]any)
		rules["key"] = "ours"
		for _, r := range rules["rules"].([]any) {
			if rule := r.(map[string]any); rule["name"] == "three_context" {
				rule["at_least"] = 1
			}
		}
		own := post(e.keisha, tryPath, map[string]any{"rules": rules})
		if own.body["looked"].(float64) < 2 || len(own.body["changes"].([]any)) == 0 {
			t.Fatalf("%s", own.raw)
		}
		rig.Want(t, post(other, tryPath, map[string]any{"rules": rules}).body["looked"], 0.0)
		post(admin, tryPath, map[string]any{"rules": rules}).is(t, "an admin", 403, "not_allowed", "never")
		post(e.keisha, applyPath, map[string]any{"rules": rules}).is(t, "no reason", 400, "bad_request", "never")
		rig.Want(t, post(e.keisha, applyPath, map[string]any{"rules": rules, "reason": "one is enough here"}).status, 200)
		rules["late"].(map[string]any)["after_minutes"] = 60
		post(e.keisha, applyPath, map[string]any{"rules": rules, "reason": "x"}).is(t, "the same version, changed", 400, "bad_request", "never")
		found, err := e.App.FindRecordsByFilter("audit", "collection='triage_rules'", "-number", 1, 0)
		if err != nil || len(found) != 1 || found[0].GetString("reason") != "one is enough here" || found[0].GetString("actor") != e.keisha.User.ID {
			t.Fatal(found, err)
		}
	})
	t.Run("[CONTENT] what comes with the program is nobody's to publish, and its forms make drafts under another key", func(t *testing.T) {
		for _, body := range []map[string]any{{"from": "truck_lot"}, {"from": "hotel_front", "key": "truck_lot"}, {"from": "truck_lot", "key": "No Key"}, {"xlsx": "%%"}, {}} {
			post(e.keisha, draftsPath, body).is(t, "", 400, "bad_request", "never")
		}
	})
}
