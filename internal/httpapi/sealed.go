package httpapi

import (
	"github.com/pocketbase/pocketbase/core"

	"github.com/fieldpost/fieldpost/internal/fault"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// Unseal is POST /api/fieldpost/reports/{id}/unseal (R9).
func (a *API) Unseal(e *core.RequestEvent) (*wire.Unsealed, error) {
	by, err := a.nobodySuper(e)
	if err != nil {
		return nil, err
	}
	var req wire.UnsealRequest
	if err := a.decode(e, &req); err != nil {
		return nil, err
	}
	return a.Store.Unseal(e.Request.PathValue("id"), by, req.Reason)
}

// SiteNumbers is GET /api/fieldpost/sites/{id}/numbers (R8).
func (a *API) SiteNumbers(e *core.RequestEvent) (*wire.SiteNumbers, error) {
	by, err := a.nobodySuper(e)
	if err != nil {
		return nil, err
	}
	return a.Store.Numbers(e.Request.PathValue("id"), by)
}

// nobodySuper is the person of a request; a superuser is none.
func (a *API) nobodySuper(e *core.RequestEvent) (string, error) {
	switch {
	case e.Auth == nil:
		return "", a.notSignedIn(e)
	case e.Auth.IsSuperuser():
		return "", fault.New(fault.NotAllowed, "A superuser is of no organization and no site.")
	}
	return e.Auth.Id, nil
}
