package httpapi

import (
	"github.com/pocketbase/pocketbase/core"

	"github.com/fieldpost/fieldpost/internal/wire"
)

// Counts is GET /api/fieldpost/counts.
func (a *API) Counts(e *core.RequestEvent) (*wire.Counts, error) {
	by, err := a.nobodySuper(e)
	if err != nil {
		return nil, err
	}
	return a.Store.Counts(by)
}
