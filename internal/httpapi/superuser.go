package httpapi

import (
	"net/http"
	"strings"

	"github.com/pocketbase/pocketbase/core"

	"github.com/fieldpost/fieldpost/internal/records"
)

// AuditSuperuser writes an entry for what a superuser asks for beside the
// records of the product, whose writes are audited where they are journalled:
// accounts, collections, settings, backups, SQL, a token in another's name. It
// is written before, so that an entry says that it was asked for; one that
// can't be written stops it.
func (a *API) AuditSuperuser(e *core.RequestEvent) error {
	entry := superuserAct(e)
	if entry == nil {
		return e.Next()
	}
	if err := a.Store.Audit(*entry); err != nil {
		return Fail(e, err)
	}
	return e.Next()
}

// superuserAct tells what a request is in the audit, nil when it is none.
func superuserAct(e *core.RequestEvent) *records.Audit {
	path := strings.Split(strings.Trim(e.Request.URL.Path, "/"), "/")
	if len(path) < 2 || path[0] != "api" {
		return nil
	}
	part := func(i int) string {
		if i < len(path) {
			return path[i]
		}
		return ""
	}
	auth, reads := e.Auth, e.Request.Method == http.MethodGet || e.Request.Method == http.MethodHead || e.Request.Method == http.MethodOptions
	if path[1] == "backups" && part(2) != "" && reads {
		// A download carries its token in the address.
		if by, err := e.App.FindAuthRecordByToken(e.Request.URL.Query().Get("token"), core.TokenTypeFile); err == nil {
			auth, reads = by, false
		}
	}
	if reads || auth == nil || !auth.IsSuperuser() {
		return nil
	}
	out := &records.Audit{Act: records.ActSuperuserWrite, Actor: "superuser:" + auth.Id, Collection: path[1], Record: part(2),
		Detail: map[string]any{"method": e.Request.Method}}
	switch path[1] {
	case "settings":
		out.Act, out.Record = records.ActSettings, ""
		if part(2) != "" {
			return nil // it tries mail, which the server does not send
		}
	case "sql":
		out.Act = records.ActSealedRead
	case "backups":
		if e.Request.Method == http.MethodGet {
			out.Act = records.ActExport
		}
	case "collections":
		name := part(2)
		if c, err := e.App.FindCachedCollectionByNameOrId(name); err == nil {
			name = c.Name
		}
		switch what := part(3); {
		case what == "records" && Synced(name), strings.HasPrefix(what, "auth-"), strings.HasPrefix(what, "request-"), strings.HasPrefix(what, "confirm-"):
			return nil
		case what != "":
			out.Collection, out.Record = name, part(4)
			if what != "records" {
				out.Detail["what"] = what // truncate, impersonate
			}
		}
	case "crons":
	default: // batch and realtime, and what audits itself
		return nil
	}
	if r := []rune(out.Record); len(r) > 200 {
		out.Record = string(r[:200])
	}
	if r := []rune(out.Collection); len(r) > 60 {
		out.Collection = string(r[:60])
	}
	return out
}
