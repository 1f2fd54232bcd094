package hooks

import (
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/router"

	"github.com/fieldpost/fieldpost/internal/httpapi"
	"github.com/fieldpost/fieldpost/internal/wiring"
)

// bindHotlines is what coordinators and admins do with lines.
func bindHotlines(r *router.Router[*core.RequestEvent], s *wiring.Services) {
	r.POST("/api/fieldpost/hotlines/{id}/verified", httpapi.Handle(s.API.VerifyHotline))
}
