package httpapi_test

import (
	"net/http"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/fieldpost/fieldpost/internal/access"
)

// duty is whether somebody is there.
func (c *contract) duty(e *edge) {
	out := e.Enroll(access.Worker, e.ngo)
	e.revoke(out.ID)
	const path = "/api/fieldpost/duty"
	past := e.token(e.keisha.User.ID, jwt.MapClaims{"device": e.keisha.ID, "exp": time.Now().Add(-time.Minute).Unix()})
	c.at(e, http.MethodGet, path, "", "", nil, 401, "unauthenticated")
	c.at(e, http.MethodGet, path, "", past, nil, 401, "token_expired")
	c.at(e, http.MethodGet, path, "", out.Token, nil, 403, "device_revoked")
	e.without("duty_hours", func() { c.at(e, http.MethodGet, path, "", e.keisha.Token, nil, 500, "internal") })
	c.at(e, http.MethodGet, path, "", e.keisha.Token, nil, 200, "")
	worker := e.Enroll(access.Worker, e.ngo)
	c.at(e, http.MethodGet, path, "", worker.Token, nil, 200, "")
}
