package hooks

import (
	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/router"

	"github.com/fieldpost/fieldpost/internal/httpapi"
	"github.com/fieldpost/fieldpost/internal/wiring"
)

// bindSealed is what opens a seal, and what a manager is told.
func bindSealed(r *router.Router[*core.RequestEvent], s *wiring.Services) {
	desk := r.Group("/api/fieldpost")
	desk.Bind(apis.BodyLimit(0))
	desk.POST("/reports/{id}/unseal", httpapi.Handle(s.API.Unseal))
	desk.GET("/sites/{id}/numbers", httpapi.Handle(s.API.SiteNumbers))
}
