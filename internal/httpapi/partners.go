package httpapi

import (
	"github.com/pocketbase/pocketbase/core"

	"github.com/fieldpost/fieldpost/internal/wire"
)

// Partners is GET /api/fieldpost/partners.
func (a *API) Partners(e *core.RequestEvent) (*wire.Partners, error) {
	by, err := a.nobodySuper(e)
	if err != nil {
		return nil, err
	}
	return a.Store.Partners(by)
}
