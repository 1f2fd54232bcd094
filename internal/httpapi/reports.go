package httpapi

import (
	"github.com/pocketbase/pocketbase/core"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/fault"
	"github.com/fieldpost/fieldpost/internal/records"
)

// coordinator is who asks, if they are a coordinator; with the token of a
// device or of a password.
func (a *API) coordinator(e *core.RequestEvent) (*access.Person, error) {
	switch {
	case e.Auth == nil:
		return nil, a.notSignedIn(e)
	case e.Auth.IsSuperuser():
		return nil, fault.New(fault.NotAllowed, "A superuser is nobody's coordinator.").WithHint("Use the server's command line.")
	}
	p := records.PersonOf(e.Auth)
	if p.Role != access.Coordinator {
		return nil, fault.New(fault.NotAllowed, "This is for coordinators.")
	}
	return &p, nil
}

// noReport is the answer for a report that is not there, and for one that the
// person may not see: they cannot tell the two apart.
func noReport() error {
	return fault.New(fault.NotFound, "There is no such report.").WithHint("Look at the list again.")
}

// Duplicates is GET /api/fieldpost/reports/{id}/duplicates: candidates, which
// nothing merges.
func (a *API) Duplicates(e *core.RequestEvent) (*records.LikeView, error) {
	by, err := a.coordinator(e)
	if err != nil {
		return nil, err
	}
	view, err := a.Store.Alike(by, e.Request.PathValue("id"))
	if err == nil && view == nil {
		err = noReport()
	}
	return view, err
}
