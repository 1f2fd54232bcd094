package httpapi

import (
	"github.com/pocketbase/pocketbase/core"

	"github.com/fieldpost/fieldpost/internal/records"
)

// History is GET /api/fieldpost/reports/{id}/history: what happened to a report
// and to what stands beside it. Of staff it names nobody, and of nobody a
// device (R8).
func (a *API) History(e *core.RequestEvent) (*records.HistoryView, error) {
	by, err := a.coordinator(e)
	if err != nil {
		return nil, err
	}
	view, err := a.Store.History(by, e.Request.PathValue("id"))
	if err == nil && view == nil {
		err = noReport()
	}
	return view, err
}
