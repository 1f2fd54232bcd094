package httpapi_test

import (
	"net/http"
	"strings"

	"github.com/fieldpost/fieldpost/internal/access"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
)

// sealed is who wrote a staff report, and what a manager is told.
func (c *contract) sealed(e *edge) {
	out := e.Enroll(access.Coordinator, e.ngo)
	e.revoke(out.ID)
	hotel := e.Organization("A hotel")
	site := e.Site("Of a hotel", hotel, e.ngo)
	dee, tom := e.Enroll(access.Staff, hotel, site), e.Enroll(access.Manager, hotel, site)
	list, err := e.App.FindFirstRecordByData("checklists", "key", "hotel_front")
	if err != nil {
		e.T.Fatal(err)
	}
	report, _ := dee.Create("submissions", map[string]any{"checklist": list.Id, "version": list.GetInt("version"), "site": site,
		"event_time": "2026-01-11T04:55:00.000Z", "answers": map[string]any{"hotel_front.01": "yes"}})
	_, password := e.password(access.Coordinator)
	const unseal, numbers = "/api/fieldpost/reports/{id}/unseal", "/api/fieldpost/sites/{id}/numbers"
	why := map[string]any{"reason": "court order 12, shown to me"}

	c.outsiders(e, http.MethodPost, unseal, report, why, out)
	for _, bad := range []any{"x", map[string]any{"reason": "because"}, map[string]any{"reason": strings.Repeat("x", 1001)}} {
		c.at(e, http.MethodPost, unseal, report, e.keisha.Token, bad, 400, "bad_request")
	}
	c.at(e, http.MethodPost, unseal, rig.ID(), e.keisha.Token, why, 404, "not_found")
	e.without("submissions", func() { c.at(e, http.MethodPost, unseal, report, password, why, 500, "internal") })
	c.at(e, http.MethodPost, unseal, report, e.keisha.Token, why, 200, "")
	c.at(e, http.MethodPost, unseal, report, e.keisha.Token, why, 200, "")
	dee.Cursor = nil
	rig.Want(e.T, dee.Page(nil).Unsealed, []string{report})

	c.outsiders(e, http.MethodGet, numbers, site, nil, out)
	c.at(e, http.MethodGet, numbers, rig.ID(), tom.Token, nil, 404, "not_found")
	e.without("observations", func() { c.at(e, http.MethodGet, numbers, site, tom.Token, nil, 500, "internal") })
	c.at(e, http.MethodGet, numbers, site, tom.Token, nil, 200, "")
}
