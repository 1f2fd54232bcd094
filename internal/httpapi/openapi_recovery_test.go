package httpapi_test

import (
	"bytes"
	"encoding/json"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/seal"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// recoveryFile makes a recovery file of some mutations of a device.
func (e *edge) recoveryFile(d *rig.Device, mutations ...wire.Mutation) []byte {
	e.T.Helper()
	var sealed []json.RawMessage
	for _, m := range mutations {
		var err error
		if m.Sealed, err = seal.SealFor(e.S.Key.SealKey(), wire.SealedAAD(d.ID, m.N, m.Stamp), wire.SealedText(text(e.T, m.Ops))); err != nil {
			e.T.Fatal(err)
		}
		m.Ops = nil
		sealed = append(sealed, text(e.T, m))
	}
	signed, err := wire.RecoveryText(d.ID, sealed)
	if err != nil {
		e.T.Fatal(err)
	}
	file, err := wire.RecoveryFile(signed, d.Sign(string(signed)))
	if err != nil {
		e.T.Fatal(err)
	}
	return file
}

// recoveries hands in recovery files.
func (c *contract) recoveries(e *edge) {
	locked, carrier := e.Enroll(access.Worker, e.ngo), e.worker
	m := locked.Mutation(rig.Create("observations", rig.ID(), e.Observation("")))
	orphan := locked.Mutation(rig.Create("addenda", rig.ID(), map[string]any{"observation": rig.ID(), "text": "x"}))
	file := e.recoveryFile(locked, m, orphan)
	c.holds("a recovery file", file, "paths", "/api/sync/recovery", "post", "requestBody", "content", "application/json", "schema")
	c.try(e, "recovery", carrier.Token, file, 200, "")
	c.try(e, "recovery", carrier.Token, file, 200, "")
	_, password := e.password(access.Coordinator)
	c.try(e, "recovery", password, file, 200, "")
	c.try(e, "recovery", carrier.Token, "x", 400, "bad_request")
	c.try(e, "recovery", "", file, 401, "unauthenticated")
	c.try(e, "recovery", e.token(carrier.User.ID, jwt.MapClaims{"device": carrier.ID, "exp": time.Now().Add(-time.Minute).Unix()}), file, 401, "token_expired")
	c.try(e, "recovery", carrier.Token, bytes.Replace(file, []byte(`"n":2`), []byte(`"n":3`), 1), 403, "bad_signature")
	other := m
	other.Ops = []wire.Op{rig.Create("observations", rig.ID(), e.Observation(""))}
	c.try(e, "recovery", carrier.Token, e.recoveryFile(locked, other), 409, "device_forked")
	c.try(e, "recovery", carrier.Token, bytes.Repeat([]byte(" "), int(e.S.Exchange.Limits.Bytes)+1), 413, "too_large")
	e.without("devices", func() { c.try(e, "recovery", password, file, 500, "internal") })
	out := e.Enroll(access.Worker, e.ngo)
	e.revoke(out.ID)
	c.try(e, "recovery", out.Token, file, 403, "device_revoked")
}
