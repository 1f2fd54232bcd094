package httpapi_test

import (
	"bytes"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/pocketbase/pocketbase/core"

	"github.com/fieldpost/fieldpost/internal/access"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// token makes a token of a user, signed as the server signs, with these
// claims beside or instead of a device token's.
func (e *edge) token(user string, claims jwt.MapClaims) string {
	e.T.Helper()
	record, err := e.App.FindRecordById("users", user)
	if err != nil {
		e.T.Fatal(err)
	}
	all := jwt.MapClaims{"type": "auth", "id": user, "collectionId": record.Collection().Id, "refreshable": false, "exp": time.Now().Add(time.Hour).Unix()}
	for k, v := range claims {
		all[k] = v
	}
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, all).SignedString([]byte(record.TokenKey() + record.Collection().AuthToken.Secret))
	if err != nil {
		e.T.Fatal(err)
	}
	return token
}

// password makes somebody who is signed in on the web.
func (e *edge) password(role access.Role) (user, token string) {
	e.T.Helper()
	user = e.Make("users", map[string]any{"role": string(role), "organization": e.ngo, "password": "correct horse battery"})
	return user, e.Password(user)
}

func (e *edge) revoke(device string) {
	e.T.Helper()
	r, err := e.App.FindRecordById("devices", device)
	if err != nil {
		e.T.Fatal(err)
	}
	r.Set("revoked", true)
	if err := e.App.Save(r); err != nil {
		e.T.Fatal(err)
	}
}

// synced are the endpoints that take device tokens only, each with a good body.
func (e *edge) synced(d *rig.Device) map[string][]byte {
	return map[string][]byte{
		"/api/sync/push": text(e.T, e.envelope(d)),
		"/api/sync/pull": text(e.T, map[string]any{"protocol": 1, "schema": 1, "device": d.ID, "cursor": nil, "mark": nil}),
	}
}

func TestTokens(t *testing.T) {
	e := newEdge(t)
	d := e.worker
	t.Run("[ENROL-3] a device token is an auth token of users with the claims device and refreshable:false", func(t *testing.T) {
		claims := jwt.MapClaims{}
		if _, _, err := jwt.NewParser().ParseUnverified(d.Token, claims); err != nil {
			t.Fatal(err)
		}
		users, err := e.App.FindCollectionByNameOrId("users")
		if err != nil {
			t.Fatal(err)
		}
		for k, want := range map[string]any{"type": "auth", "id": d.User.ID, "collectionId": users.Id, "device": d.ID, "refreshable": false} {
			rig.Want(t, claims[k], want)
		}
		exp, err := claims.GetExpirationTime()
		if err != nil {
			t.Fatal(err)
		}
		t.Run("[LIFETIMES] and it is valid for 30 days", func(t *testing.T) {
			rig.Want(t, exp.Sub(e.Clock.Now()), 30*24*time.Hour)
		})
	})
	t.Run("[WIRE] a token goes bare or after Bearer, in any spelling", func(t *testing.T) {
		for _, form := range []string{d.Token, "Bearer " + d.Token, "bearer " + d.Token, "BEARER " + d.Token} {
			for path, body := range e.synced(d) {
				if a := e.post(path, form, body); a.status != http.StatusOK {
					t.Errorf("%s %.10s: %d %s", path, form, a.status, a.raw)
				}
			}
		}
	})
	t.Run("[ENROL-3] stock REST takes it: list, create; a batch is for people's own scripts", func(t *testing.T) {
		if a := e.send(http.MethodGet, "/api/collections/observations/records", d.Token, nil, nil); a.status != http.StatusOK || a.body["totalItems"] == float64(0) {
			t.Errorf("%d %s", a.status, a.raw)
		}
		rig.Want(t, e.post("/api/collections/observations/records", d.Token, text(t, e.Observation(""))).status, http.StatusOK)
		batch := map[string]any{"requests": []any{map[string]any{"method": "POST", "url": "/api/collections/observations/records", "body": e.Observation("")}}}
		for _, form := range []string{d.Token, "bearer " + d.Token} {
			e.send(http.MethodPost, "/api/batch", form, bytes.NewReader(text(t, batch)), nil).is(t, "batch", http.StatusForbidden, "not_allowed", "never")
		}
		batch = map[string]any{"requests": []any{map[string]any{"method": "POST", "url": "/api/collections/sites/records", "body": map[string]any{"name": "Second stop", "venue": "hotel"}}}}
		if a := e.send(http.MethodPost, "/api/batch", e.Password(e.keisha.User.ID), bytes.NewReader(text(t, batch)), nil); a.status != http.StatusOK {
			t.Errorf("%d %s", a.status, a.raw)
		}
	})
	t.Run("[ENROL-3] it is not prolonged and does not lose its device by the stock refresh", func(t *testing.T) {
		var answer struct{ Token string }
		status := e.Post(d.Token, "/api/collections/users/auth-refresh", nil, &answer)
		if status == http.StatusOK {
			rig.Want(t, answer.Token, d.Token)
		}
	})
	t.Run("[WIRE] no token and none of ours is unauthenticated, an expired one asks to renew", func(t *testing.T) {
		gone := e.Enroll(access.Worker, e.ngo)
		change := func(r *core.Record) { r.RefreshTokenKey() }
		user, err := e.App.FindRecordById("users", gone.User.ID)
		if err != nil {
			t.Fatal(err)
		}
		change(user)
		if err := e.App.Save(user); err != nil {
			t.Fatal(err)
		}
		past := time.Now().Add(-time.Minute).Unix()
		expired := e.token(d.User.ID, jwt.MapClaims{"device": d.ID, "exp": past})
		for path, body := range e.synced(d) {
			for name, token := range map[string]string{"none": "", "garbage": "x", "three parts": "a.b.c", "touched": d.Token[:len(d.Token)-3] + "AAA",
				"another key's": gone.Token, "a device that is not": e.token(d.User.ID, jwt.MapClaims{"device": rig.ID()}),
				"another person's device": e.token(d.User.ID, jwt.MapClaims{"device": e.keisha.ID}), "no algorithm": unsigned(t, d.Token)} {
				e.post(path, token, body).is(t, path+" with "+name, http.StatusUnauthorized, "unauthenticated", "never")
			}
			for _, form := range []string{expired, "Bearer " + expired, "bearer " + expired} {
				e.post(path, form, body).is(t, path+" with an expired token", http.StatusUnauthorized, "token_expired", "renew")
			}
		}
		e.post("/api/sync/enroll", expired, text(t, map[string]any{"device": map[string]any{}})).is(t, "enroll", http.StatusUnauthorized, "token_expired", "renew")
		e.post("/api/sync/enroll", "x", text(t, map[string]any{"device": map[string]any{}})).is(t, "enroll", http.StatusUnauthorized, "unauthenticated", "never")
	})
	t.Run("[ENROL-3] a session's token opens stock REST, not push and pull, and so does a superuser's", func(t *testing.T) {
		_, token := e.password(access.Coordinator)
		super := core.NewRecord(e.superusers())
		super.Set("email", "root@example.org")
		super.Set("password", "correct horse battery")
		if err := e.App.Save(super); err != nil {
			t.Fatal(err)
		}
		root, err := super.NewAuthToken()
		if err != nil {
			t.Fatal(err)
		}
		for _, token := range []string{token, root} {
			if a := e.send(http.MethodGet, "/api/collections/observations/records", token, nil, nil); a.status != http.StatusOK || a.body["totalItems"] == float64(0) {
				t.Errorf("%d %s", a.status, a.raw)
			}
			for path, body := range e.synced(d) {
				e.post(path, token, body).is(t, path, http.StatusForbidden, "not_allowed", "never")
				e.post(path, "bearer "+token, body).is(t, path, http.StatusForbidden, "not_allowed", "never")
			}
		}
	})
	t.Run("[R22] nothing is kept of the address that somebody signs in from, not even its fingerprint", func(t *testing.T) {
		e.password(access.Coordinator)
		super := core.NewRecord(e.superusers())
		super.Set("email", "second@example.org")
		super.Set("password", "correct horse battery")
		if err := e.App.Save(super); err != nil {
			t.Fatal(err)
		}
		status := e.SendTo(e.Admin, http.MethodPost, "", "/api/collections/_superusers/auth-with-password", map[string]any{"identity": "second@example.org", "password": "correct horse battery"}, nil)
		rig.Want(t, status, http.StatusOK)
		rig.Want(t, e.count("_authOrigins"), 0)
	})
	t.Run("[PUSH-13] a device that is not the token's is refused, on push and on pull", func(t *testing.T) {
		before := e.stored()
		for path, body := range e.synced(e.keisha) {
			e.post(path, d.Token, body).is(t, path, http.StatusForbidden, "wrong_device", "never")
		}
		rig.Want(t, e.stored(), before)
	})
}

func (e *edge) superusers() *core.Collection {
	e.T.Helper()
	c, err := e.App.FindCollectionByNameOrId(core.CollectionNameSuperusers)
	if err != nil {
		e.T.Fatal(err)
	}
	return c
}

// unsigned is a token that says that it needs no signature.
func unsigned(t testing.TB, token string) string {
	t.Helper()
	claims := jwt.MapClaims{}
	if _, _, err := jwt.NewParser().ParseUnverified(token, claims); err != nil {
		t.Fatal(err)
	}
	out, err := jwt.NewWithClaims(jwt.SigningMethodNone, claims).SignedString(jwt.UnsafeAllowNoneSignatureType)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestRevoked(t *testing.T) {
	e := newEdge(t)
	d := e.Enroll(access.Coordinator, e.ngo)
	d.Fresh()
	m := d.Mutation(rig.Create("sites", rig.ID(), map[string]any{"name": "Stop", "venue": "hotel"}))
	rig.Want(t, d.Push(m)[0].Verdict, wire.Applied)
	e.revoke(d.ID)
	for _, form := range []string{d.Token, "Bearer " + d.Token, "bearer " + d.Token, "BEARER " + d.Token, "bEaReR " + d.Token} {
		t.Run("[ENROL-3] the token of a device that was signed out is refused everywhere, written as "+strings.TrimSuffix(form, d.Token)+"token", func(t *testing.T) {
			before := e.stored()
			batch := map[string]any{"requests": []any{map[string]any{"method": "POST", "url": "/api/collections/sites/records", "body": map[string]any{"name": "x", "venue": "hotel"}}}}
			for _, q := range []struct {
				method, path string
				body         any
			}{
				{"POST", "/api/sync/push", e.envelope(d)},
				{"POST", "/api/sync/pull", map[string]any{"protocol": 1, "schema": 1, "device": d.ID, "cursor": d.Cursor, "mark": nil}},
				{"POST", "/api/sync/enroll", map[string]any{"device": map[string]any{"id": rig.ID(), "key": e.NewDevice().JWK()}}},
				{"GET", "/api/collections/observations/records", nil},
				{"GET", "/api/collections/observations/records/" + e.observation, nil},
				{"GET", "/api/collections/users/records/" + d.User.ID, nil},
				{"POST", "/api/collections/sites/records", map[string]any{"name": "x", "venue": "hotel"}},
				{"PATCH", "/api/collections/sites/records/" + e.site, map[string]any{"notes": "x"}},
				{"DELETE", "/api/collections/sites/records/" + e.site, nil},
				{"POST", "/api/batch", batch},
				{"POST", "/api/collections/users/auth-refresh", nil},
				{"POST", "/api/realtime", map[string]any{"clientId": "x", "subscriptions": []string{"sync"}}},
				{"POST", "/api/files/token", nil},
			} {
				e.send(q.method, q.path, form, bytes.NewReader(text(t, q.body)), nil).is(t, q.method+" "+q.path, http.StatusForbidden, "device_revoked", "never")
			}
			rig.Want(t, e.stored(), before)
		})
	}
	t.Run("[ENROL-3] the person's other devices stay", func(t *testing.T) {
		e.keisha.Fresh()
		further := e.NewDevice()
		status := e.Post(e.keisha.Token, "/api/sync/enroll", wire.EnrollRequest{Device: wire.EnrollDevice{ID: further.ID, Key: further.JWK()}}, nil)
		rig.Want(t, status, http.StatusOK)
		e.revoke(further.ID)
		e.keisha.Fresh()
	})
	t.Run("[ENROL-3] what it had sent before stays", func(t *testing.T) {
		if e.keisha.Fresh()["sites"][m.Ops[0].ID] == nil {
			t.Fatal("it is gone")
		}
	})
}
