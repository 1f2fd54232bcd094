package httpapi_test

import (
	"bytes"
	"net/http"
	"strings"
	"testing"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/export"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
)

// reports are what a coordinator does with one report.
func (c *contract) reports(e *edge) {
	out := e.Enroll(access.Coordinator, e.ngo)
	e.revoke(out.ID)
	theirs := e.Enroll(access.Coordinator, e.Organization("Elsewhere"))
	keisha := e.keisha.Token
	_, password := e.password(access.Coordinator)
	const alike, history, sheet, tips = "/api/fieldpost/reports/{id}/duplicates", "/api/fieldpost/reports/{id}/history", "/api/fieldpost/reports/{id}/tipsheet", "/api/fieldpost/reports/{id}/tips"
	e.worker.Create("observations", e.Observation(e.site)) // another one at the same stop
	tip := map[string]any{"channel": "call", "line": "hsi_tip_line", "at": "2026-01-11T06:02:00.000Z", "reference": "T-4711"}
	for _, x := range []struct {
		method, path string
		body         any
	}{{http.MethodGet, alike, nil}, {http.MethodGet, history, nil}, {http.MethodGet, sheet, nil}, {http.MethodGet, tips, nil}, {http.MethodPost, tips, tip}} {
		c.outsiders(e, x.method, x.path, e.observation, x.body, out)
		c.at(e, x.method, x.path, rig.ID(), keisha, x.body, 404, "not_found")
		c.at(e, x.method, x.path, e.observation, theirs.Token, x.body, 404, "not_found")
		e.without("observations", func() { c.at(e, x.method, x.path, e.observation, password, x.body, 500, "internal") })
		c.at(e, x.method, x.path, e.observation, keisha, x.body, 200, "")
	}
	for _, bad := range []any{"x", map[string]any{"channel": "call"}, map[string]any{"channel": "pigeon", "at": tip["at"]},
		map[string]any{"channel": "call", "at": "2099-01-01T00:00:00.000Z"}, map[string]any{"channel": "call", "at": tip["at"], "reference": strings.Repeat("x", 200)}} {
		c.at(e, http.MethodPost, tips, e.observation, keisha, bad, 400, "bad_request")
	}
	for _, query := range []string{"format=fax", "locale=fr", "kind=poem", "zone=Mars/Base", "zone=Local", "zone=../x", "without=author"} {
		a := e.send(http.MethodGet, strings.Replace(sheet, "{id}", e.observation, 1)+"?"+query, keisha, nil, nil)
		c.answer(http.MethodGet, sheet, a)
		a.is(e.T, query, 400, "bad_request", "never")
	}
	for _, query := range []string{"kind=web_form&locale=es", "format=preview&zone=America/Chicago&without=note,vehicles"} {
		a := e.send(http.MethodGet, strings.Replace(sheet, "{id}", e.observation, 1)+"?"+query, keisha, nil, nil)
		c.answer(http.MethodGet, sheet, a)
		rig.Want(e.T, a.status, 200)
	}
}

func TestTipSheetOverHTTP(t *testing.T) {
	e := newEdge(t)
	at := "/api/fieldpost/reports/" + e.observation + "/tipsheet"
	get := func(query string) answer { return e.send(http.MethodGet, at+"?"+query, e.keisha.Token, nil, nil) }
	audits := func() int {
		t.Helper()
		n, err := e.App.CountRecords("audit")
		if err != nil {
			t.Fatal(err)
		}
		return int(n)
	}
	t.Run("[R5] [R16] a preview is no export; each file is one, audited with its fields and none of their content", func(t *testing.T) {
		before := audits()
		a := get("format=preview")
		rig.Want(t, a.status, 200)
		rig.Want(t, audits(), before)
		if bytes.Contains(a.raw, []byte(`"copy":"Place`)) {
			t.Error("the preview can be copied")
		}
		for i, format := range []string{"text", "html", "pdf", "sections"} {
			a := get("format=" + format)
			rig.Want(t, a.status, 200)
			rig.Want(t, audits(), before+i+1)
			if a.header.Get("Cache-Control") != "no-store" || a.header.Get("Content-Security-Policy") != export.PagePolicy || !strings.HasPrefix(a.header.Get("Content-Disposition"), "attachment") {
				t.Errorf("%s: %v", format, a.header)
			}
			if format == "pdf" != bytes.HasPrefix(a.raw, []byte("%PDF-")) || format != "pdf" && !bytes.Contains(a.raw, []byte("silver van, cab to cab")) {
				t.Errorf("%s: %.200s", format, a.raw)
			}
		}
		found, err := e.App.FindRecordsByFilter("audit", "act='export'", "-number", 1, 0)
		if err != nil || len(found) != 1 {
			t.Fatal(len(found), err)
		}
		detail := found[0].GetString("detail")
		if found[0].GetString("actor") != e.keisha.User.ID || found[0].GetString("record") != e.observation || found[0].GetString("organization") != e.ngo ||
			!strings.Contains(detail, `"note"`) || strings.Contains(detail, "silver van") {
			t.Errorf("%v %s", found[0], detail)
		}
	})
	t.Run("[R8] [R9] who wrote the report is on no sheet, in no format", func(t *testing.T) {
		for _, format := range export.Formats {
			for _, secret := range []string{e.worker.User.ID, e.worker.ID, e.ngo} {
				if bytes.Contains(get("format="+format).raw, []byte(secret)) {
					t.Errorf("%s holds %s", format, secret)
				}
			}
		}
	})
	t.Run("[R20] the words are those of the asked language, and the times of the asked zone", func(t *testing.T) {
		a := get("format=text&locale=es&zone=America/Chicago")
		if !bytes.Contains(a.raw, []byte("Alguien habla por la persona, la corrige o no la deja estar a solas")) || !bytes.Contains(a.raw, []byte(" CST")) && !bytes.Contains(a.raw, []byte(" CDT")) {
			t.Errorf("%s", a.raw)
		}
	})
	t.Run("[R5] a second tip about a report warns, on the list and before the sheet", func(t *testing.T) {
		note := func() map[string]any {
			return e.post("/api/fieldpost/reports/"+e.observation+"/tips", e.keisha.Token, text(t, map[string]any{"channel": "web_form", "at": "2026-01-11T06:02:00Z", "reference": "W-1"})).body
		}
		before := get("format=text")
		if bytes.Contains(before.raw, []byte("There is a tip")) {
			t.Fatal("warned of nothing")
		}
		first := note()
		rig.Want(t, len(first["tips"].([]any)), 1)
		second := note()
		list := second["tips"].([]any)
		rig.Want(t, []any{len(list), second["second"], list[1].(map[string]any)["earlier"]}, []any{2, true, 1})
		if !strings.Contains(second["notice"].(map[string]any)["en"].(string), "shared inside DHS") {
			t.Error(second["notice"])
		}
		if a := get("format=text"); strings.Count(string(a.raw), "There is a tip about this report already: a web form") != 2 || !bytes.Contains(a.raw, []byte("W-1")) {
			t.Errorf("%s", a.raw)
		}
	})
	t.Run("[R9] a tip that staff note has no author", func(t *testing.T) {
		staff := e.Enroll(access.Staff, e.Organization("Owner two"), e.site)
		list, err := e.App.FindFirstRecordByFilter("checklists", "key='hotel_front' && version=1")
		if err != nil {
			t.Fatal(err)
		}
		id, v := staff.Create("submissions", map[string]any{"checklist": list.Id, "version": 1, "site": e.site, "event_time": "2026-01-11T04:55:00.000Z", "answers": map[string]any{"hotel_front.01": "yes"}})
		rig.Want(t, v.Verdict, "applied")
		tip, v := staff.Create("tips", map[string]any{"submission": id, "channel": "call", "at": "2026-01-11T05:55:00.000Z"})
		rig.Want(t, v.Verdict, "applied")
		r, err := e.App.FindRecordById("tips", tip)
		if err != nil {
			t.Fatal(err)
		}
		rig.Want(t, []any{r.GetString("author"), r.GetString("organization")}, []any{"", e.ngo})
		_, v = staff.Create("tips", map[string]any{"observation": e.observation, "channel": "call", "at": "2026-01-11T05:55:00.000Z"})
		rig.Want(t, v.Code, "not_allowed")
	})
}
