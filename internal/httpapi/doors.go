package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/router"

	"github.com/fieldpost/fieldpost/internal/fault"
	"github.com/fieldpost/fieldpost/internal/records"
)

// Door is one of the two listeners of a server, as a bit of a set.
type Door uint8

// The doors. People and their devices come in by the public one. Superusers
// come in by the other, on the machine itself: what shares an origin with the
// apps, or is stolen from them, must not reach the database as a whole.
const (
	Public Door = 1 << iota
	Admin
)

const both = Public | Admin

// stockDoors is every route that PocketBase brings, as its mux names it, with
// the doors that it is behind. One that is not here is behind none: a new
// PocketBase opens nothing before somebody has decided on it.
var stockDoors = map[string]Door{
	"/":               both, // there is nothing
	"GET /api/health": both,

	// Records, sign-in and files: people by their rules, and the dashboard.
	"GET /api/collections/{collection}/records":                 both,
	"GET /api/collections/{collection}/records/{id}":            both,
	"POST /api/collections/{collection}/records":                both,
	"PATCH /api/collections/{collection}/records/{id}":          both,
	"DELETE /api/collections/{collection}/records/{id}":         both,
	"GET /api/collections/{collection}/auth-methods":            both,
	"POST /api/collections/{collection}/auth-refresh":           both,
	"POST /api/collections/{collection}/auth-with-password":     both,
	"POST /api/collections/{collection}/auth-with-oauth2":       both,
	"POST /api/collections/{collection}/auth-with-otp":          both,
	"POST /api/collections/{collection}/request-otp":            both,
	"POST /api/collections/{collection}/request-password-reset": both, // refused: no mail
	"POST /api/collections/{collection}/confirm-password-reset": both,
	"POST /api/collections/{collection}/request-verification":   both, // refused: no mail
	"POST /api/collections/{collection}/confirm-verification":   both,
	"POST /api/collections/{collection}/request-email-change":   both, // refused: no mail
	"POST /api/collections/{collection}/confirm-email-change":   both,
	"GET /api/oauth2-redirect":                                  both,
	"POST /api/oauth2-redirect":                                 both,
	"POST /api/batch":                                           both, // not with a device's token
	"GET /api/realtime":                                         both,
	"POST /api/realtime":                                        both,
	"POST /api/files/token":                                     both,
	"GET /api/files/{collection}/{recordId}/{filename}":         both,

	// What a superuser alone may do, and what it is done with.
	"POST /api/collections/{collection}/impersonate/{id}": Admin,
	"GET /_/{path...}":                                Admin,
	"GET /_/extensions.js":                            Admin,
	"GET /api/settings":                               Admin,
	"PATCH /api/settings":                             Admin,
	"POST /api/settings/test/s3":                      Admin,
	"POST /api/settings/test/email":                   Admin,
	"POST /api/settings/apple/generate-client-secret": Admin,
	"GET /api/collections":                            Admin,
	"POST /api/collections":                           Admin,
	"GET /api/collections/{collection}":               Admin,
	"PATCH /api/collections/{collection}":             Admin,
	"DELETE /api/collections/{collection}":            Admin,
	"DELETE /api/collections/{collection}/truncate":   Admin,
	"PUT /api/collections/import":                     Admin,
	"GET /api/collections/meta/scaffolds":             Admin,
	"GET /api/collections/meta/oauth2-providers":      Admin,
	"POST /api/collections/meta/dry-run-view":         Admin,
	"GET /api/logs":                                   Admin,
	"GET /api/logs/stats":                             Admin,
	"GET /api/logs/{id}":                              Admin,
	"GET /api/backups":                                Admin,
	"POST /api/backups":                               Admin,
	"POST /api/backups/upload":                        Admin,
	"GET /api/backups/{key}":                          Admin,
	"DELETE /api/backups/{key}":                       Admin,
	"POST /api/backups/{key}/restore":                 Admin,
	"GET /api/crons":                                  Admin,
	"POST /api/crons/{id}":                            Admin,
	"POST /api/sql":                                   Admin,
}

// DoorsOf gives the doors that a route is behind, by its pattern ("GET /path");
// 0 for none. Ours stand below /api/sync/ and /api/fieldpost/ and are people's;
// what is neither an API nor the dashboard is a page of the apps.
func DoorsOf(pattern string) Door {
	if d, ok := stockDoors[pattern]; ok {
		return d
	}
	path := pattern[strings.Index(pattern, " ")+1:]
	switch {
	case strings.HasPrefix(path, "/api/sync/"), strings.HasPrefix(path, "/api/fieldpost/"):
		return Public
	case path == "/api", strings.HasPrefix(path, "/api/"), path == "/_", strings.HasPrefix(path, "/_/"), !strings.HasPrefix(path, "/"):
		return 0
	}
	return Public
}

type doorKey struct{}

// Doors gives the handlers of the two listeners over one mux. local: the admin
// listener is reached from its own machine only, so every name by which a
// request calls it must be one of that machine; a page elsewhere whose name was
// made to point here has another. proxies are the headers in which a proxy says
// where a request comes from: it stands before the public listener, and nobody
// else's word counts.
func Doors(handler http.Handler, local bool, proxies []string) (public, admin http.Handler, err error) {
	mux, ok := handler.(*http.ServeMux)
	if !ok {
		return nil, nil, fmt.Errorf("doors: the handler is a %T and tells no patterns", handler)
	}
	public = through(Public, mux)
	inner := through(Admin, mux)
	admin = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if local && !localName(r.Host) {
			secure(w.Header(), r, Admin, "")
			notHere(w)
			return
		}
		for _, h := range proxies {
			r.Header.Del(h)
		}
		inner.ServeHTTP(w, r)
	})
	return public, admin, nil
}

// through is one door. It decides before the mux does anything, so that its
// redirects do not tell of what is behind the other.
func through(d Door, mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, pattern := mux.Handler(r)
		secure(w.Header(), r, d, pattern)
		if DoorsOf(pattern)&d == 0 {
			notHere(w)
			return
		}
		if most := bodyCap(d, pattern); most > 0 {
			r.Body = http.MaxBytesReader(w, r.Body, most)
		}
		mux.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), doorKey{}, d)))
	})
}

func localName(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.Trim(host, "[]")
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

// notHere answers as for an address that does not exist.
func notHere(w http.ResponseWriter) {
	f := fault.New(fault.NotFound, "There is nothing at this address.")
	raw, err := json.Marshal(f.Body())
	if err != nil { // a map of texts
		raw = []byte("{}")
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(f.Status)
	_, _ = w.Write(raw) // who asked has gone
}

// Caps of request bodies at the public door, in bytes. Routes of ours have
// their own; sign-in, and what else takes anybody's word, is small.
const (
	maxRecord = 4 << 20
	maxSignIn = 64 << 10
)

// bodyCap is the cap of a route; 0: it has its own.
func bodyCap(d Door, pattern string) int64 {
	if d != Public || strings.Contains(pattern, " /api/sync/") || strings.Contains(pattern, " /api/fieldpost/") || strings.HasPrefix(pattern, "/api/") {
		return 0
	}
	if strings.Contains(pattern, "/records") || strings.HasSuffix(pattern, "/api/batch") {
		return maxRecord
	}
	return maxSignIn
}

// OneDoor is a middleware for every route: nobody is a superuser at the public
// door, whichever way the token comes, and PocketBase's own collections are
// not there. What came by no door (a handler called in memory) is public.
func OneDoor(e *core.RequestEvent) error {
	if d, _ := e.Request.Context().Value(doorKey{}).(Door); d == Admin {
		return e.Next()
	}
	if e.HasSuperuserAuth() {
		return Fail(e, fault.New(fault.NotAllowed, "Superusers come in on the server's own machine, and not here.").
			WithHint("Use the admin address that the server prints at its start."))
	}
	if token := e.Request.URL.Query().Get("token"); token != "" {
		record, err := e.App.FindAuthRecordByToken(token, core.TokenTypeFile)
		if err == nil && record.IsSuperuser() {
			return Fail(e, fault.New(fault.NotFound, "There is nothing at this address."))
		}
	}
	if name := e.Request.PathValue("collection"); name != "" {
		c, err := e.App.FindCachedCollectionByNameOrId(name)
		if err == nil && c.System {
			return Fail(e, fault.New(fault.NotFound, "There is nothing at this address."))
		}
	}
	return e.Next()
}

// NoBatchForDevices is a middleware for every route: a device pushes. A batch
// would be a second way for it that knows neither numbers nor verdicts.
func NoBatchForDevices(e *core.RequestEvent) error {
	if strings.TrimSuffix(e.Request.URL.Path, "/") != "/api/batch" || e.Auth == nil {
		return e.Next()
	}
	if device, _ := records.ReadClaims(e.Request.Header.Get("Authorization"), time.Time{}); device != "" {
		return Fail(e, fault.New(fault.NotAllowed, "A device sends what it holds by push, not as a batch.").WithHint("Update the app. What you saved is kept on this device."))
	}
	return e.Next()
}

// SlowDown is a middleware around all others: whoever asks too often is told
// in the protocol's words, which a device understands (slow_down).
func SlowDown(e *core.RequestEvent) error {
	err := e.Next()
	var api *router.ApiError
	if err != nil && errors.As(err, &api) && api.Status == http.StatusTooManyRequests {
		return Fail(e, fault.New(fault.SlowDown, "Too much was asked from one place at once."))
	}
	return err
}
