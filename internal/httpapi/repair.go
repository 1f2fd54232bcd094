package httpapi

import (
	"encoding/json"

	"github.com/pocketbase/pocketbase/core"

	"github.com/fieldpost/fieldpost/internal/exchange"
	"github.com/fieldpost/fieldpost/internal/fault"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// Release is POST /api/sync/quarantine/{id}/release (PUSH-6). It takes the
// token of a coordinator, of a device or of a password.
func (a *API) Release(e *core.RequestEvent) (*wire.Repaired, error) {
	r, err := a.repair(e)
	if err != nil {
		return nil, err
	}
	return a.Exchange.Release(e.Request.Context(), r)
}

// Adopt is POST /api/sync/quarantine/{id}/adopt (PUSH-6).
func (a *API) Adopt(e *core.RequestEvent) (*wire.Repaired, error) {
	r, err := a.repair(e)
	if err != nil {
		return nil, err
	}
	return a.Exchange.Adopt(e.Request.Context(), r)
}

// Dismiss is POST /api/sync/quarantine/{id}/dismiss (PUSH-6).
func (a *API) Dismiss(e *core.RequestEvent) (*wire.Repaired, error) {
	r, err := a.repair(e)
	if err != nil {
		return nil, err
	}
	return a.Exchange.Dismiss(e.Request.Context(), r)
}

// repair reads who asks for what. The exchange decides whether they may.
func (a *API) repair(e *core.RequestEvent) (exchange.Repair, error) {
	r := exchange.Repair{ID: e.Request.PathValue("id")}
	switch {
	case e.Auth == nil:
		return r, a.notSignedIn(e)
	case e.Auth.IsSuperuser():
		return r, fault.New(fault.NotAllowed, "A superuser is nobody's coordinator.").WithHint("Use the server's command line: fieldpost quarantine")
	}
	r.By = e.Auth.Id
	raw, err := body(e, a.Exchange.Limits)
	if err != nil || len(raw) == 0 {
		return r, err
	}
	var req wire.RepairRequest
	if err := json.Unmarshal(raw, &req); err != nil {
		return r, fault.New(fault.BadRequest, "The request is not the JSON object it should be.").Because(err)
	}
	r.Ops, r.Reason = req.Ops, req.Reason
	return r, nil
}
