package httpapi_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"golang.org/x/crypto/bcrypt"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/records"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
)

// signIns are the ways in on the web, with every answer that the document
// promises of them.
func (c *contract) signIns(e *edge) {
	t := e.T
	const base = "/api/fieldpost/signin"
	service := e.S.SignIn()
	service.Cost, service.PublicURL = bcrypt.MinCost, "http://localhost:8090"
	t.Cleanup(service.Wait)
	type body = map[string]any
	post := func(path, token string, b any, status int, code string) body {
		t.Helper()
		return c.at(e, http.MethodPost, base+path, "", token, b, status, code).body
	}
	passkey := rig.NewPasskey(t, service.PublicURL)
	raw := func(v any) json.RawMessage { return text(t, v) }
	options := func(v any) json.RawMessage { return raw(body{"publicKey": v.(body)["publicKey"]}) }

	// By an invite, with a passkey; then an authenticator app beside it.
	invite := body{"invite": e.Invite(access.Coordinator, e.ngo, 1), "email": "c@example.org", "password": "four brown horses at the gate"}
	step, twin := post("/setup", "", invite, 200, ""), body(nil)
	twin = post("/setup", "", merged(invite, "email", "d@example.org"), 200, "")
	ticket := body{"ticket": step["ticket"]}
	made := post("/setup/passkey", "", ticket, 200, "")
	in := post("/setup/passkey/confirm", "", merged(ticket, "name", "laptop", "credential", passkey.Create(options(made))), 200, "")
	token := in["token"].(string)

	ask := post("/passkey", "", body{}, 200, "")
	answer := body{"ticket": ask["ticket"], "credential": passkey.Get(options(ask["options"]))}
	post("/passkey/confirm", "", answer, 200, "")
	post("/passkey/confirm", "", answer, 403, "challenge_expired")
	ask = post("/passkey", "", body{}, 200, "")
	post("/passkey/confirm", "", body{"ticket": ask["ticket"], "credential": body{}}, 401, "unauthenticated")
	post("/passkey/confirm", "", "x", 400, "bad_request")

	change := body{"password": invite["password"]}
	ticket = body{"ticket": post("/change", token, change, 200, "")["ticket"]}
	post("/setup/passkey/remove", "", merged(ticket, "passkey", records.PasskeyID([]byte("none"))), 200, "")
	overview := c.at(e, http.MethodGet, base+"/account", "", token, nil, 200, "").body
	key := overview["passkeys"].([]any)[0].(body)["id"]
	post("/setup/passkey/remove", "", merged(ticket, "passkey", key), 403, "not_allowed")
	totp := post("/setup/totp", "", ticket, 200, "")
	post("/setup/totp/confirm", "", merged(ticket, "code", "x"), 401, "unauthenticated")
	post("/setup/totp/confirm", "", merged(ticket, "code", rig.TOTP(t, totp["secret"].(string), e.Clock.Now())), 200, "")
	recovery := post("/setup/recovery", "", ticket, 200, "")["recovery"].([]any)
	post("/setup/password", "", merged(ticket, "password", invite["password"]), 200, "")
	post("/setup/password", "", merged(ticket, "password", "short"), 400, "bad_request")
	totp = post("/setup/totp", "", body{"ticket": twin["ticket"]}, 200, "")
	post("/setup/totp/confirm", "", body{"ticket": twin["ticket"], "code": rig.TOTP(t, totp["secret"].(string), e.Clock.Now())}, 403, "invite_used")

	// A service that has no address for passkeys.
	other := post("/change", token, change, 200, "")
	service.PublicURL = "http://127.0.0.1:8090"
	post("/passkey", "", body{}, 403, "not_allowed")
	post("/setup/passkey", "", body{"ticket": other["ticket"]}, 403, "not_allowed")
	service.PublicURL = "http://localhost:8090"
	post("/setup/passkey", "", body{"ticket": other["ticket"]}, 200, "")
	post("/setup/passkey/confirm", "", body{"ticket": other["ticket"], "credential": body{}}, 401, "unauthenticated")

	// Steps that are over, and requests that are none.
	for _, path := range []string{"/setup/totp", "/setup/totp/confirm", "/setup/passkey", "/setup/passkey/confirm", "/setup/passkey/remove", "/setup/recovery", "/setup/password"} {
		post(path, "", body{"ticket": "none", "code": "1", "password": "x"}, 403, "challenge_expired")
		post(path, "", "x", 400, "bad_request")
	}
	first := body{"email": "c@example.org", "password": invite["password"]}
	second := post("", "", first, 200, "")
	post("/second", "", body{"ticket": second["ticket"], "recovery": recovery[0]}, 200, "")
	post("/second", "", body{"ticket": second["ticket"], "recovery": recovery[1]}, 403, "challenge_expired")
	second = post("", "", first, 200, "")
	post("/second", "", body{"ticket": second["ticket"]}, 400, "bad_request")
	post("", "", "x", 400, "bad_request")
	post("/change", token, "x", 400, "bad_request")
	post("/change", "", change, 401, "unauthenticated")
	post("/change", e.keisha.Token, change, 403, "not_allowed")

	// Who tries too often.
	for range 5 {
		post("/second", "", body{"ticket": second["ticket"], "code": "000000"}, 401, "unauthenticated")
		post("", "", body{"email": "nobody@example.org", "password": "x"}, 401, "unauthenticated")
		post("/setup", "", body{"link": "x", "email": "n@example.org", "password": "x"}, 403, "invite_invalid")
	}
	for range 10 {
		post("/change", token, body{"password": "x"}, 401, "unauthenticated")
	}
	post("/second", "", body{"ticket": second["ticket"], "code": "000000"}, 429, "slow_down")
	post("", "", body{"email": "nobody@example.org", "password": "x"}, 429, "slow_down")
	post("/setup", "", body{"link": "x", "email": "n@example.org", "password": "x"}, 429, "slow_down")
	post("/change", token, change, 429, "slow_down")

	// Invites that are none any more.
	bad := func(i records.Invite) string {
		i.Role, i.Organization = access.Coordinator, e.ngo
		m, err := e.S.Devices.MakeInvite("", i)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	post("/setup", "", merged(invite, "invite", bad(records.Invite{Expires: e.Clock.Now().Add(-time.Hour)})), 403, "invite_expired")
	post("/setup", "", invite, 403, "invite_used")
	post("/setup", "", merged(invite, "invite", e.Invite(access.Worker, e.ngo, 1)), 403, "not_allowed")
	post("/setup", "", merged(invite, "invite", e.Invite(access.Admin, e.ngo, 1)), 400, "bad_request") // the e-mail is somebody's
	ended := bad(records.Invite{})
	found, err := e.S.Store.FindInvite(e.S.Key.Invite(strings.ReplaceAll(ended, "-", "")))
	if err != nil || found == nil {
		t.Fatal(found, err)
	}
	if _, err := e.S.Devices.EndInvite(found.ID, ""); err != nil {
		t.Fatal(err)
	}
	post("/setup", "", merged(invite, "invite", ended), 403, "invite_ended")

	// Links.
	past := e.token(e.keisha.User.ID, jwt.MapClaims{"device": e.keisha.ID, "exp": time.Now().Add(-time.Minute).Unix()})
	out := e.Enroll(access.Coordinator, e.ngo)
	e.revoke(out.ID)
	_, admin := e.password(access.Admin)
	post("/link", e.keisha.Token, body{}, 200, "")
	post("/link", admin, body{"user": e.keisha.User.ID}, 200, "")
	post("/link", admin, body{"user": rig.ID()}, 404, "not_found")
	post("/link", admin, "x", 400, "bad_request")
	post("/link", e.worker.Token, body{}, 403, "not_allowed")
	post("/link", e.keisha.Token, body{"user": e.worker.User.ID}, 403, "not_allowed")
	post("/link", "", body{}, 401, "unauthenticated")
	post("/link", past, body{}, 401, "token_expired")
	post("/link", out.Token, body{}, 403, "device_revoked")

	// What one sees of oneself, and ends.
	get := func(path, token string, status int, code string) body {
		t.Helper()
		return c.at(e, http.MethodGet, path, "", token, nil, status, code).body
	}
	const sessions, one = "/api/fieldpost/sessions", "/api/fieldpost/sessions/{id}"
	for _, path := range []string{base + "/account", sessions} {
		get(path, "", 401, "unauthenticated")
		get(path, e.keisha.Token, 403, "not_allowed")
	}
	get(base+"/account", admin, 404, "not_found")
	mine := get(sessions, token, 200, "")
	c.at(e, http.MethodDelete, one, rig.ID(), token, nil, 404, "not_found")
	c.at(e, http.MethodDelete, one, "current", "", nil, 401, "unauthenticated")
	c.at(e, http.MethodDelete, one, "current", e.keisha.Token, nil, 403, "not_allowed")
	c.at(e, http.MethodDelete, one, mine["current"].(string), admin, nil, 200, "")
	c.at(e, http.MethodDelete, one, "current", admin, nil, 200, "")
}

// merged is a body with some members more, given as key, value, key, value.
func merged(b map[string]any, more ...any) map[string]any {
	out := map[string]any{}
	for k, v := range b {
		out[k] = v
	}
	for i := 0; i < len(more); i += 2 {
		out[more[i].(string)] = more[i+1]
	}
	return out
}
