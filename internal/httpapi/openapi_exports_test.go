package httpapi_test

import (
	"net/http"
	"strings"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/httpapi"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
)

// exports are what leaves as a file, and the check of the audit.
func (c *contract) exports(e *edge) {
	out := e.Enroll(access.Coordinator, e.ngo)
	e.revoke(out.ID)
	boss := e.Enroll(access.Admin, e.ngo)
	_, keisha := e.password(access.Coordinator)
	_, admin := e.password(access.Admin)
	good := map[string]any{"format": "csv", "reason": "the yearly report to the county"}
	for _, x := range []struct {
		path, who string
		body      any
		other     *rig.Device
	}{
		{"/api/fieldpost/exports/reports", keisha, good, boss},
		{"/api/fieldpost/exports/audit", admin, map[string]any{"since": "2026-01-01"}, e.keisha},
		{"/api/fieldpost/audit/verify", admin, map[string]any{}, e.keisha},
	} {
		c.outsiders(e, http.MethodPost, x.path, "", x.body, out)
		c.at(e, http.MethodPost, x.path, "", x.other.Token, x.body, 403, "not_allowed")
		e.without("audit", func() { c.at(e, http.MethodPost, x.path, "", x.who, x.body, 500, "internal") })
		httpapi.Exporting <- struct{}{}
		httpapi.Exporting <- struct{}{}
		c.at(e, http.MethodPost, x.path, "", x.who, x.body, 503, "busy")
		<-httpapi.Exporting
		<-httpapi.Exporting
		if x.path == "/api/fieldpost/audit/verify" {
			c.at(e, http.MethodPost, x.path, "", x.who, x.body, 200, "")
			continue
		}
		c.at(e, http.MethodPost, x.path, "", x.who, "x", 400, "bad_request")
		a := e.post(x.path, x.who, text(e.T, x.body))
		if a.status != 200 || !strings.HasPrefix(a.header.Get("Content-Disposition"), "attachment") || a.header.Get("Cache-Control") != "no-store" {
			e.T.Errorf("%s: %d %v", x.path, a.status, a.header)
		}
		c.seen["POST "+x.path+" 200"] = true
	}
	for _, bad := range []map[string]any{{"format": "xlsx"}, {"reason": "because"}, {"reason": strings.Repeat("x", 1001)}, {"locale": "fr"}, {"kind": "users"},
		{"status": "new"}, {"urgency": "closed"}, {"version": 1}, {"version": -1, "checklist": "x"}, {"zone": "Local"}, {"from": "yesterday"}, {"before": "31.1."}, {"site": strings.Repeat("x", 16)}} {
		body := map[string]any{"format": "csv", "reason": "the yearly report to the county"}
		for k, v := range bad {
			body[k] = v
		}
		c.at(e, http.MethodPost, "/api/fieldpost/exports/reports", "", keisha, body, 400, "bad_request")
	}
	c.at(e, http.MethodPost, "/api/fieldpost/exports/audit", "", admin, map[string]any{"since": "last week"}, 400, "bad_request")
}
