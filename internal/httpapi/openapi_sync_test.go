package httpapi_test

import (
	"bytes"
	"maps"
	"net/http"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/httpapi"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// strangers asks what takes no device: hello, enroll and challenge.
func (c *contract) strangers(e *edge) {
	hello := func() {
		c.answer(http.MethodGet, "/api/sync/hello", e.send(http.MethodGet, "/api/sync/hello", "", nil, nil))
	}
	hello()
	now := e.S.Exchange.Now
	e.S.Exchange.Now = func() time.Time { panic("on purpose") }
	hello()
	e.S.Exchange.Now = now

	d, other := e.NewDevice(), e.NewDevice()
	ask := func(d *rig.Device, invite string) map[string]any {
		body := map[string]any{"device": map[string]any{"id": d.ID, "name": "x", "platform": "cli", "key": d.JWK()}}
		if invite != "" {
			body["invite"] = invite
		}
		return body
	}
	invite := e.Invite(access.Worker, e.ngo, 1)
	c.try(e, "enroll", "", ask(d, invite), 200, "")
	c.try(e, "enroll", "", "x", 400, "bad_request")
	c.try(e, "enroll", "", bytes.Repeat([]byte(" "), 64<<10+1), 400, "bad_request")
	c.try(e, "enroll", "x", ask(other, ""), 401, "unauthenticated")
	past := e.token(e.worker.User.ID, jwt.MapClaims{"device": e.worker.ID, "exp": time.Now().Add(-time.Minute).Unix()})
	c.try(e, "enroll", past, ask(other, ""), 401, "token_expired")
	c.try(e, "enroll", "", ask(other, "NONE-SUCH-HERE"), 403, "invite_invalid")
	c.try(e, "enroll", "", ask(other, invite), 403, "invite_used")
	c.try(e, "enroll", "", ask(&rig.Device{Rig: e.Rig, ID: d.ID, Key: other.Key}, invite), 409, "device_exists")
	late := e.Invite(access.Worker, e.ngo, 1)
	e.without("invites", func() { c.try(e, "enroll", "", ask(other, late), 500, "internal") })
	e.revoke(d.ID)
	c.try(e, "enroll", "", ask(d, invite), 403, "device_revoked")
	e.Clock.Add(73 * time.Hour)
	c.try(e, "enroll", "", ask(other, late), 403, "invite_expired")
	further := e.NewDevice()
	c.try(e, "enroll", e.keisha.Token, ask(further, ""), 200, "")

	c.try(e, "challenge", "", map[string]any{"device": "nobodyknowsthis"}, 200, "")
	c.try(e, "challenge", "", map[string]any{}, 400, "bad_request")
	now = e.S.Devices.Now
	e.S.Devices.Now = func() time.Time { panic("on purpose") }
	c.try(e, "challenge", "", map[string]any{"device": "x"}, 500, "internal")
	e.S.Devices.Now = now
}

// renewals asks for tokens.
func (c *contract) renewals(e *edge) {
	d := e.Enroll(access.Worker, e.ngo)
	signed := func(signer *rig.Device, to *rig.Device) map[string]any {
		challenge := c.try(e, "challenge", "", map[string]any{"device": d.ID}, 200, "").body["challenge"].(string)
		body := map[string]any{"device": d.ID, "challenge": challenge}
		id, thumbprint := "", ""
		if to != nil {
			id = to.ID
			var err error
			if thumbprint, err = to.JWK().Thumbprint(); err != nil {
				e.T.Fatal(err)
			}
			body["newDevice"] = map[string]any{"id": to.ID, "key": to.JWK()}
		}
		body["signature"] = signer.Sign(wire.RenewText(d.ID, challenge, id, thumbprint))
		return body
	}
	c.try(e, "renew", "", signed(d, nil), 200, "")
	c.try(e, "renew", "", signed(d, e.NewDevice()), 200, "")
	c.try(e, "renew", "", signed(d, &rig.Device{Rig: e.Rig, ID: e.worker.ID, Key: d.Key}), 409, "device_exists")
	c.try(e, "renew", "", signed(e.worker, nil), 403, "bad_signature")
	c.try(e, "renew", "", signed(d, &rig.Device{Rig: e.Rig, ID: "SHORT", Key: d.Key}), 400, "bad_request")
	ready := signed(d, nil)
	e.without("devices", func() { c.try(e, "renew", "", ready, 500, "internal") })
	e.Clock.Add(3 * time.Minute)
	c.try(e, "renew", "", ready, 403, "challenge_expired")
}

// pushes asks for every verdict and every refusal of a push.
func (c *contract) pushes(e *edge) {
	d := e.worker
	c.refusals(e, "push", e.envelope(d))
	push := func(d *rig.Device, mutations ...any) []any {
		a := c.try(e, "push", d.Token, e.envelope(d, mutations...), 200, "")
		return a.body["verdicts"].([]any)
	}
	want := func(v any, verdict, code string) map[string]any {
		e.T.Helper()
		m, _ := v.(map[string]any)
		if got, _ := m["code"].(string); m["verdict"] != verdict || got != code {
			e.T.Errorf("%v, want %s %s", v, verdict, code)
		}
		return m
	}
	first := d.Mutation(rig.Create("observations", rig.ID(), e.Observation("")))
	want(push(d, first)[0], "applied", "")
	rig.Want(e.T, want(push(d, first)[0], "applied", "")["replayed"], true)
	extra := e.Observation("")
	extra["of_a_later_version"] = 1
	want(push(d, d.Mutation(rig.Create("observations", rig.ID(), extra)))[0], "applied", "kept_extra")
	rig.Want(e.T, len(want(push(d, d.Mutation(rig.Create("observations", rig.ID(), map[string]any{})))[0], "refused", "invalid")["quarantine"].(string)), 15)
	want(push(d, d.Mutation(rig.Create("addenda", rig.ID(), map[string]any{"observation": rig.ID(), "text": "x"})))[0], "deferred", "missing_dependency")
	base := e.version("sites", e.site)
	other := e.Enroll(access.Coordinator, e.ngo)
	now := other.Mutation(rig.Update("sites", e.site, base, map[string]any{"notes": "one"}))
	e.Clock.Add(time.Second)
	want(push(e.keisha, e.keisha.Mutation(rig.Update("sites", e.site, base, map[string]any{"notes": "two"})))[0], "applied", "")
	if conflicts, _ := want(push(other, now)[0], "merged", "")["conflicts"].([]any); len(conflicts) != 1 {
		e.T.Error("no conflict")
	}
	again := first
	again.Stamp = d.Mutation().Stamp
	c.try(e, "push", d.Token, e.envelope(d, again), 409, "device_forked")
	rewound := e.envelope(d)
	rewound["mark"] = "of another installation"
	rig.Want(e.T, c.try(e, "push", d.Token, rewound, 200, "").body["rewound"], true)

	httpapi.SetDecodeWait(50 * time.Millisecond)
	defer httpapi.SetDecodeWait(10 * time.Second)
	for range cap(httpapi.Decoding) {
		httpapi.Decoding <- struct{}{}
	}
	c.try(e, "push", d.Token, e.envelope(d), 503, "busy")
	for range cap(httpapi.Decoding) {
		<-httpapi.Decoding
	}
}

// version is a record's, from the journal.
func (e *edge) version(collection, id string) int64 {
	e.T.Helper()
	versions, err := e.S.Store.Journal().Versions(collection, []string{id})
	if err != nil {
		e.T.Fatal(err)
	}
	return versions[id]
}

// pulls asks for every kind of page.
func (c *contract) pulls(e *edge) {
	d := e.keisha
	ask := func(cursor, mark any) map[string]any {
		return map[string]any{"protocol": 1, "schema": 1, "device": d.ID, "cursor": cursor, "mark": mark, "digests": true}
	}
	c.refusals(e, "pull", map[string]any{"protocol": 1, "schema": 1, "device": e.worker.ID, "cursor": nil, "mark": nil})
	a := c.try(e, "pull", d.Token, ask(nil, nil), 200, "")
	rig.Want(e.T, a.body["reset"], true)
	gone := rig.ID()
	m := d.Mutation(rig.Create("sites", gone, map[string]any{"name": "Stop", "venue": "hotel"}))
	v := d.Push(m)[0]
	a = c.try(e, "pull", d.Token, ask(a.body["cursor"], a.body["mark"]), 200, "")
	rig.Want(e.T, d.Do(rig.Delete("sites", gone, v.Seq)).Verdict, wire.Applied)
	a = c.try(e, "pull", d.Token, ask(a.body["cursor"], a.body["mark"]), 200, "")
	if !strings.Contains(string(a.raw), `"record":null`) {
		e.T.Errorf("nothing is gone: %s", a.raw)
	}
	rig.Want(e.T, c.try(e, "pull", d.Token, ask("x", nil), 200, "").body["rewound"], true)
}

// repairs asks for what a coordinator does with what is held.
func (c *contract) repairs(e *edge) {
	d := e.worker
	parent := e.Observation("")
	refused := func(ops ...wire.Op) string { return d.Do(ops...).Quarantine }
	without := maps.Clone(parent)
	delete(without, "event_time")
	for _, what := range []string{"release", "adopt", "dismiss"} {
		try := func(id, token string, body any, status int, code string) answer {
			e.T.Helper()
			raw, ok := body.([]byte)
			if !ok {
				raw = text(e.T, body)
			}
			a := e.post("/api/sync/quarantine/"+id+"/"+what, token, raw)
			c.answer(http.MethodPost, "/api/sync/quarantine/{id}/"+what, a)
			if got, _ := a.body["code"].(string); a.status != status || got != code {
				e.T.Errorf("%s: %d %s, want %d %s: %.300s", what, a.status, got, status, code, a.raw)
			}
			return a
		}
		id := rig.ID()
		held := refused(rig.Create("observations", id, without))
		refused(rig.Create("addenda", rig.ID(), map[string]any{"observation": id, "text": "x"}))
		good := map[string]any{"ops": []any{rig.Create("observations", id, parent)}, "reason": "a test"}
		keisha := e.keisha.Token
		try(held, keisha, "x", 400, "bad_request")
		try(held, "", good, 401, "unauthenticated")
		try(held, e.token(e.keisha.User.ID, jwt.MapClaims{"device": e.keisha.ID, "exp": time.Now().Add(-time.Minute).Unix()}), good, 401, "token_expired")
		try(held, d.Token, good, 403, "not_allowed")
		out := e.Enroll(access.Coordinator, e.ngo)
		e.revoke(out.ID)
		try(held, out.Token, good, 403, "device_revoked")
		try(rig.ID(), keisha, good, 404, "not_found")
		try(held, keisha, bytes.Repeat([]byte(" "), int(e.S.Exchange.Limits.Bytes)+1), 413, "too_large")
		e.without("journal_held", func() { try(held, keisha, good, 500, "internal") })
		if what == "dismiss" {
			try(held, keisha, map[string]any{"reason": " "}, 400, "bad_request")
		} else {
			rig.Want(e.T, try(held, keisha, map[string]any{}, 200, "").body["state"], "held")
		}
		_, password := e.password(access.Coordinator)
		rig.Want(e.T, try(held, password, good, 200, "").body["state"], map[string]any{"release": "released", "adopt": "adopted", "dismiss": "dismissed"}[what])
		try(held, keisha, good, 409, "not_held")
	}
}

// refusals are those of both push and pull; good is a body of the worker.
func (c *contract) refusals(e *edge, path string, good map[string]any) {
	bend := func(key string, value any) map[string]any {
		body := maps.Clone(good)
		body[key] = value
		return body
	}
	d := e.worker
	c.try(e, path, d.Token, "x", 400, "bad_request")
	c.try(e, path, d.Token, bend("protocol", 2), 400, "unsupported_protocol")
	c.try(e, path, "", good, 401, "unauthenticated")
	c.try(e, path, e.token(d.User.ID, jwt.MapClaims{"device": d.ID, "exp": time.Now().Add(-time.Minute).Unix()}), good, 401, "token_expired")
	c.try(e, path, d.Token, bend("device", e.keisha.ID), 403, "wrong_device")
	_, password := e.password(access.Coordinator)
	c.try(e, path, password, good, 403, "not_allowed")
	out := e.Enroll(access.Worker, e.ngo)
	e.revoke(out.ID)
	c.try(e, path, out.Token, bend("device", out.ID), 403, "device_revoked")
	c.try(e, path, d.Token, bytes.Repeat([]byte(" "), int(e.S.Exchange.Limits.Bytes)+1), 413, "too_large")
	e.without("journal_entry", func() { c.try(e, path, d.Token, good, 500, "internal") })
}
