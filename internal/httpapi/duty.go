package httpapi

import (
	"github.com/pocketbase/pocketbase/core"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// Duty is GET /api/fieldpost/duty (R23).
func (a *API) Duty(e *core.RequestEvent) (*wire.Duty, error) {
	by, err := a.nobodySuper(e)
	if err != nil {
		return nil, err
	}
	d, err := a.Store.Duty(by)
	if err != nil {
		return nil, err
	}
	if role := access.Role(e.Auth.GetString("role")); role == access.Coordinator || role == access.Admin {
		on := a.Alerts
		d.Alerts = &on
	}
	return d, nil
}
