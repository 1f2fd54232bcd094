package httpapi_test

import (
	"net/http"

	"github.com/fieldpost/fieldpost/internal/access"
)

// hotlines is what a coordinator does with a line.
func (c *contract) hotlines(e *edge) {
	const verified = "/api/fieldpost/hotlines/{id}/verified"
	out := e.Enroll(access.Coordinator, e.ngo)
	e.revoke(out.ID)
	c.outsiders(e, http.MethodPost, verified, "ncmec", nil, out)
	c.at(e, http.MethodPost, verified, "nobody", e.keisha.Token, nil, 404, "not_found")
	_, password := e.password(access.Coordinator)
	e.without("hotlines", func() { c.at(e, http.MethodPost, verified, "ncmec", password, nil, 500, "internal") })
	c.at(e, http.MethodPost, verified, "ncmec", e.keisha.Token, nil, 200, "")
}
