package httpapi_test

import (
	"net/http"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/fieldpost/fieldpost/internal/access"
)

// counts is how many reports came to the other organizations.
func (c *contract) counts(e *edge) {
	out := e.Enroll(access.Coordinator, e.ngo)
	e.revoke(out.ID)
	const path = "/api/fieldpost/counts"
	c.outsiders(e, http.MethodGet, path, "", nil, out)
	for _, name := range []string{"Second", "Third"} {
		org := e.Organization(name)
		d := e.Enroll(access.Worker, org)
		site := e.Site(name, e.Organization("Owner of "+name), org)
		for range 6 {
			d.Create("observations", e.Observation(site))
		}
	}
	e.without("observations", func() { c.at(e, http.MethodGet, path, "", e.keisha.Token, nil, 500, "internal") })
	c.at(e, http.MethodGet, path, "", e.keisha.Token, nil, 200, "")
}

// partners is the partner directory.
func (c *contract) partners(e *edge) {
	out := e.Enroll(access.Coordinator, e.ngo)
	e.revoke(out.ID)
	const path = "/api/fieldpost/partners"
	past := e.token(e.keisha.User.ID, jwt.MapClaims{"device": e.keisha.ID, "exp": time.Now().Add(-time.Minute).Unix()})
	c.at(e, http.MethodGet, path, "", "", nil, 401, "unauthenticated")
	c.at(e, http.MethodGet, path, "", past, nil, 401, "token_expired")
	owner := e.Organization("Owner of a motel")
	c.at(e, http.MethodGet, path, "", e.Enroll(access.Manager, owner, e.Site("Motel", owner, e.ngo)).Token, nil, 403, "not_allowed")
	c.at(e, http.MethodGet, path, "", out.Token, nil, 403, "device_revoked")
	e.without("organizations", func() { c.at(e, http.MethodGet, path, "", e.keisha.Token, nil, 500, "internal") })
	c.at(e, http.MethodGet, path, "", e.keisha.Token, nil, 200, "")
}
