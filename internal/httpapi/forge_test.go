package httpapi_test

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/records"
	"github.com/fieldpost/fieldpost/internal/seal"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
)

// thief has a copy of the database, as a backup holds it, and no key.
type thief struct {
	t  *testing.T
	db *sql.DB
}

func (e *edge) stolen(t *testing.T) *thief {
	t.Helper()
	path := filepath.Join(t.TempDir(), "data.db")
	if _, err := e.App.NonconcurrentDB().NewQuery("VACUUM INTO '" + path + "'").Execute(); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return &thief{t, db}
}

func (th *thief) look(into any, query string, args ...any) {
	th.t.Helper()
	if err := th.db.QueryRow(query, args...).Scan(into); err != nil {
		th.t.Fatal(err)
	}
}

// forge signs a token for a device as PocketBase does, of what stands in the
// copy and of these claims.
func (th *thief) forge(device string, claims jwt.MapClaims) string {
	th.t.Helper()
	var user, key, collection, options string
	var turn int64
	th.look(&user, "SELECT user FROM devices WHERE id=?", device)
	th.look(&key, "SELECT tokenKey FROM users WHERE id=?", user)
	th.look(&collection, "SELECT id FROM _collections WHERE name='users'")
	th.look(&options, "SELECT options FROM _collections WHERE name='users'")
	th.look(&turn, "SELECT turn FROM device_tokens WHERE device=?", device)
	var o struct {
		AuthToken struct{ Secret string } `json:"authToken"`
	}
	if err := json.Unmarshal([]byte(options), &o); err != nil || o.AuthToken.Secret == "" {
		th.t.Fatal(err)
	}
	all := jwt.MapClaims{"type": "auth", "id": user, "collectionId": collection, "refreshable": false, "device": device, "turn": turn,
		"exp": time.Now().Add(time.Hour).Unix()}
	for k, v := range claims {
		all[k] = v
	}
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, all).SignedString([]byte(key + o.AuthToken.Secret))
	if err != nil {
		th.t.Fatal(err)
	}
	return token
}

// claims reads a token that the server gave.
func claims(t *testing.T, token string) jwt.MapClaims {
	t.Helper()
	out := jwt.MapClaims{}
	if _, _, err := jwt.NewParser().ParseUnverified(token, out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestForgedTokens(t *testing.T) {
	e := newEdge(t)
	d, phone := e.keisha, e.Enroll(access.Worker, e.ngo)
	th := e.stolen(t)
	own, others := claims(t, d.Token), claims(t, phone.Token)
	another := &records.Store{Key: seal.FromSeed(bytes.Repeat([]byte{7}, 32)), Now: e.Clock.Now}
	elsewhere, err := another.Token(e.App, d.User.ID, d.ID)
	if err != nil {
		t.Fatal(err)
	}
	bound := own[records.BoundClaim]
	forged := map[string]string{
		"none":                         th.forge(d.ID, nil),
		"none, of a turn to come":      th.forge(d.ID, jwt.MapClaims{"turn": 1 << 40}),
		"an empty one":                 th.forge(d.ID, jwt.MapClaims{"bound": ""}),
		"no text":                      th.forge(d.ID, jwt.MapClaims{"bound": true}),
		"one of another key":           elsewhere,
		"another device's":             th.forge(d.ID, jwt.MapClaims{"bound": others[records.BoundClaim], "exp": others["exp"], "turn": others["turn"]}),
		"its own, of another turn":     th.forge(d.ID, jwt.MapClaims{"bound": bound, "exp": own["exp"], "turn": 2}),
		"its own, of a later end":      th.forge(d.ID, jwt.MapClaims{"bound": bound, "turn": own["turn"], "exp": own["exp"].(float64) + 1}),
		"its own, but for push":        th.forge(d.ID, jwt.MapClaims{"bound": bound, "exp": own["exp"], "turn": own["turn"], "pushOnly": true}),
		"that of an end without limit": th.forge(d.ID, jwt.MapClaims{"bound": bound, "turn": own["turn"], "exp": 1 << 50}),
	}
	walk := func(token string, seen func(what string, a answer)) {
		for _, q := range []struct {
			method, path string
			body         any
		}{
			{"POST", "/api/sync/pull", map[string]any{"protocol": 1, "schema": 1, "device": d.ID, "cursor": nil, "mark": nil}},
			{"POST", "/api/sync/push", e.envelope(d)},
			{"POST", "/api/sync/enroll", map[string]any{"device": map[string]any{"id": rig.ID(), "key": e.NewDevice().JWK()}}},
			{"POST", "/api/sync/wipe", map[string]any{}},
			{"GET", "/api/collections/observations/records", nil},
			{"GET", "/api/collections/observations/records/" + e.observation, nil},
			{"GET", "/api/collections/users/records", nil},
			{"POST", "/api/collections/sites/records", map[string]any{"name": "x", "venue": "hotel"}},
			{"PATCH", "/api/collections/sites/records/" + e.site, map[string]any{"notes": "x"}},
			{"POST", "/api/realtime", map[string]any{"clientId": "x", "subscriptions": []string{"sync"}}},
			{"POST", "/api/files/token", nil},
			{"GET", "/api/fieldpost/invites", nil},
			{"POST", "/api/fieldpost/devices/" + phone.ID + "/revoke", map[string]any{"reason": "x"}},
		} {
			seen(q.method+" "+q.path, e.send(q.method, q.path, token, bytes.NewReader(text(t, q.body)), nil))
		}
	}
	for name, token := range forged {
		t.Run("[ENROL-3] [R9] who has the database and not the key gets in nowhere with a token whose bond is "+name, func(t *testing.T) {
			before := e.stored()
			for _, form := range []string{token, "bearer " + token} {
				walk(form, func(what string, a answer) {
					a.is(t, what, http.StatusUnauthorized, "token_expired", "renew")
				})
			}
			rig.Want(t, e.stored(), before)
			d.Fresh() // and the device's own token did not end by it
		})
	}
	t.Run("[ENROL-3] what is refused is right but for its bond: the control, with the protection off, lets it in", func(t *testing.T) {
		e.S.Store.Unbound = true
		defer func() { e.S.Store.Unbound = false }()
		for _, path := range []string{"/api/collections/observations/records", "/api/collections/sites/records"} {
			a := e.send(http.MethodGet, path, th.forge(d.ID, nil), nil, nil)
			if a.status != http.StatusOK || a.body["totalItems"] == float64(0) {
				t.Errorf("%s: %d %s", path, a.status, a.raw)
			}
		}
		rig.Want(t, e.post("/api/sync/pull", th.forge(d.ID, nil), e.synced(d)["/api/sync/pull"]).status, http.StatusOK)
	})
	t.Run("[ENROL-3] a challenge can't be made without the key either, nor answered without the device's", func(t *testing.T) {
		a := e.post("/api/sync/challenge", "", text(t, map[string]any{"device": d.ID}))
		body := map[string]any{"device": d.ID, "challenge": a.body["challenge"], "signature": phone.Sign("x")}
		e.post("/api/sync/renew", "", text(t, body)).is(t, "renew", http.StatusForbidden, "bad_signature", "never")
	})
}
