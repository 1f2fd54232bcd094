package httpapi_test

import (
	"net/http"

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
