package httpapi_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/fieldpost/fieldpost/internal/access"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// at sends a request to a path with an id in it and holds the answer against
// the document.
func (c *contract) at(e *edge, method, path, id, token string, body any, status int, code string) answer {
	e.T.Helper()
	raw, ok := body.([]byte)
	if !ok && body != nil {
		raw = text(e.T, body)
	}
	a := e.send(method, strings.Replace(path, "{id}", id, 1), token, bytes.NewReader(raw), nil)
	c.answer(method, path, a)
	if got, _ := a.body["code"].(string); a.status != status || got != code {
		e.T.Errorf("%s %s: %d %s, want %d %s: %.300s", method, path, a.status, got, status, code, a.raw)
	}
	return a
}

// outsiders are refused on a path of coordinators, each in its way. out is a
// device that was signed out.
func (c *contract) outsiders(e *edge, method, path, id string, body any, out *rig.Device) {
	e.T.Helper()
	past := e.token(e.keisha.User.ID, jwt.MapClaims{"device": e.keisha.ID, "exp": time.Now().Add(-time.Minute).Unix()})
	c.at(e, method, path, id, "", body, 401, "unauthenticated")
	c.at(e, method, path, id, past, body, 401, "token_expired")
	c.at(e, method, path, id, e.worker.Token, body, 403, "not_allowed")
	c.at(e, method, path, id, out.Token, body, 403, "device_revoked")
}

// losses are what is done about lost devices and people who leave.
func (c *contract) losses(e *edge) {
	out := e.Enroll(access.Coordinator, e.ngo)
	e.revoke(out.ID)
	keisha, why := e.keisha.Token, map[string]any{"reason": "left on a bus"}
	_, password := e.password(access.Coordinator)

	lost := e.Enroll(access.Worker, e.ngo)
	const state, revoke, order, withdraw, offboard = "/api/fieldpost/devices/{id}", "/api/fieldpost/devices/{id}/revoke",
		"/api/fieldpost/devices/{id}/wipe", "/api/fieldpost/devices/{id}/wipe/withdraw", "/api/fieldpost/people/{id}/offboard"
	for _, path := range []string{order, withdraw, order, revoke} {
		c.outsiders(e, http.MethodPost, path, lost.ID, why, out)
		c.at(e, http.MethodPost, path, lost.ID, keisha, "x", 400, "bad_request")
		c.at(e, http.MethodPost, path, lost.ID, keisha, map[string]any{"reason": " "}, 400, "bad_request")
		c.at(e, http.MethodPost, path, lost.ID, keisha, map[string]any{"reason": strings.Repeat("x", 501)}, 400, "bad_request")
		c.at(e, http.MethodPost, path, rig.ID(), keisha, why, 404, "not_found")
		e.without("devices", func() { c.at(e, http.MethodPost, path, lost.ID, password, why, 500, "internal") })
		c.at(e, http.MethodPost, path, lost.ID, keisha, why, 200, "")
	}
	c.outsiders(e, http.MethodGet, state, lost.ID, nil, out)
	c.at(e, http.MethodGet, state, rig.ID(), keisha, nil, 404, "not_found")
	e.without("devices", func() { c.at(e, http.MethodGet, state, lost.ID, password, nil, 500, "internal") })
	a := c.at(e, http.MethodGet, state, lost.ID, keisha, nil, 200, "")
	rig.Want(e.T, a.body["revoked"], true)

	const all = "/api/fieldpost/devices"
	c.outsiders(e, http.MethodGet, all, "", nil, out)
	e.without("device_told", func() { c.at(e, http.MethodGet, all, "", password, nil, 500, "internal") })
	told := c.at(e, http.MethodGet, all, "", keisha, nil, 200, "")
	if len(list(told.body, "devices")) == 0 {
		e.T.Error("no device is told of")
	}

	leaver := e.Enroll(access.Worker, e.ngo)
	c.outsiders(e, http.MethodPost, offboard, leaver.User.ID, why, out)
	c.at(e, http.MethodPost, offboard, leaver.User.ID, keisha, "x", 400, "bad_request")
	c.at(e, http.MethodPost, offboard, rig.ID(), keisha, why, 404, "not_found")
	c.at(e, http.MethodPost, offboard, e.keisha.User.ID, keisha, why, 403, "not_allowed")
	e.without("triage", func() { c.at(e, http.MethodPost, offboard, leaver.User.ID, keisha, why, 500, "internal") })
	for _, dry := range []bool{true, false} {
		a := c.at(e, http.MethodPost, offboard, leaver.User.ID, keisha, map[string]any{"reason": "left", "dryRun": dry}, 200, "")
		rig.Want(e.T, a.body["dryRun"], dry)
	}

	tom := e.Enroll(access.Manager, e.Organization("Hotel"), e.site)
	const missing = "/api/fieldpost/devices/lost"
	what := map[string]any{"site": e.site, "what": "tablet", "note": "from the linen cart"}
	c.outsiders(e, http.MethodPost, missing, "", what, out)
	c.at(e, http.MethodPost, missing, "", tom.Token, map[string]any{"site": e.site, "what": "car"}, 400, "bad_request")
	c.at(e, http.MethodPost, missing, "", tom.Token, map[string]any{"site": rig.ID(), "what": "phone"}, 403, "not_allowed")
	e.without("lost_devices", func() { c.at(e, http.MethodPost, missing, "", tom.Token, what, 500, "internal") })
	c.at(e, http.MethodPost, missing, "", tom.Token, what, 200, "")

	c.wipes(e, out, password)
}

// wipes confirms wipes.
func (c *contract) wipes(e *edge, out *rig.Device, password string) {
	d := e.Enroll(access.Worker, e.ngo)
	if _, err := e.S.Wipe(d.ID, "", "left on a bus", false); err != nil {
		e.T.Fatal(err)
	}
	order, _ := c.try(e, "push", d.Token, e.envelope(d), 200, "").body["wipe"].(string)
	pull := map[string]any{"protocol": 1, "schema": 1, "device": d.ID, "cursor": nil, "mark": nil}
	rig.Want(e.T, c.try(e, "pull", d.Token, pull, 200, "").body["wipe"], order)
	signed := func(device string, signer *rig.Device) map[string]any {
		return map[string]any{"device": device, "order": order, "signature": signer.Sign(wire.WipeText(device, order, "", false))}
	}
	good := signed(d.ID, d)
	c.try(e, "wipe", "", good, 401, "unauthenticated")
	c.try(e, "wipe", e.token(d.User.ID, jwt.MapClaims{"device": d.ID, "exp": time.Now().Add(-time.Minute).Unix()}), good, 401, "token_expired")
	c.try(e, "wipe", password, good, 403, "not_allowed")
	c.try(e, "wipe", e.worker.Token, good, 403, "wrong_device")
	c.try(e, "wipe", e.worker.Token, signed(e.worker.ID, e.worker), 403, "bad_signature")
	c.try(e, "wipe", d.Token, signed(d.ID, e.worker), 403, "bad_signature")
	c.try(e, "wipe", out.Token, signed(out.ID, out), 403, "device_revoked")
	c.try(e, "wipe", d.Token, "x", 400, "bad_request")
	c.try(e, "wipe", d.Token, bytes.Repeat([]byte(" "), int(e.S.Exchange.Limits.Bytes)+1), 413, "too_large")
	e.without("journal_receipt", func() { c.try(e, "wipe", d.Token, good, 500, "internal") })

	file := e.recoveryFile(d, d.Mutation(rig.Create("observations", rig.ID(), e.Observation(""))))
	var inner struct{ Signature string }
	if err := json.Unmarshal(file, &inner); err != nil {
		e.T.Fatal(err)
	}
	left := map[string]any{"device": d.ID, "order": order, "more": true, "leftovers": json.RawMessage(file)}
	left["signature"] = d.Sign(wire.WipeText(d.ID, order, "", true))
	c.try(e, "wipe", d.Token, left, 403, "bad_signature") // it does not speak of the file
	left["signature"] = d.Sign(wire.WipeText(d.ID, order, inner.Signature, true))
	c.holds("a confirmation", text(e.T, left), "paths", "/api/sync/wipe", "post", "requestBody", "content", "application/json", "schema")
	rig.Want(e.T, c.try(e, "wipe", d.Token, left, 200, "").body["granted"], false)
	if _, err := e.S.Wipe(d.ID, "", "found again", true); err != nil {
		e.T.Fatal(err)
	}
	c.try(e, "wipe", d.Token, good, 409, "wipe_withdrawn")
	e.Clock.Add(time.Second)
	if _, err := e.S.Wipe(d.ID, "", "lost again", false); err != nil {
		e.T.Fatal(err)
	}
	c.try(e, "wipe", d.Token, good, 409, "wipe_withdrawn") // it names the order before
	order, _ = c.try(e, "push", d.Token, e.envelope(d), 200, "").body["wipe"].(string)
	rig.Want(e.T, c.try(e, "wipe", d.Token, signed(d.ID, d), 200, "").body["granted"], true)
	c.try(e, "pull", d.Token, pull, 403, "device_revoked")

	const files, take = "/api/fieldpost/leftovers", "/api/fieldpost/leftovers/take"
	c.outsiders(e, http.MethodGet, files, "", nil, out)
	c.outsiders(e, http.MethodPost, take, "", map[string]any{}, out)
	e.without("device_leftovers", func() {
		c.at(e, http.MethodGet, files, "", password, nil, 500, "internal")
		c.at(e, http.MethodPost, take, "", password, map[string]any{}, 500, "internal")
	})
	rig.Want(e.T, c.at(e, http.MethodGet, files, "", e.keisha.Token, nil, 200, "").body["files"], 1.0)
	rig.Want(e.T, c.at(e, http.MethodPost, take, "", e.keisha.Token, map[string]any{}, 200, "").body["files"], 1.0)
}
