package httpapi

import (
	"github.com/pocketbase/pocketbase/core"

	"github.com/fieldpost/fieldpost/internal/fault"
	"github.com/fieldpost/fieldpost/internal/records"
)

// VerifyHotline is POST /api/fieldpost/hotlines/{id}/verified: a coordinator or
// an admin called the line today and heard who answers. id is the line's, as
// in its content.
func (a *API) VerifyHotline(e *core.RequestEvent) (*records.Verified, error) {
	switch {
	case e.Auth == nil:
		return nil, a.notSignedIn(e)
	case e.Auth.IsSuperuser():
		return nil, fault.New(fault.NotAllowed, "A superuser verifies no line.").WithHint("Use the server's command line.")
	}
	p := records.PersonOf(e.Auth)
	return a.Store.VerifyHotline(&p, "", e.Request.PathValue("id"))
}
