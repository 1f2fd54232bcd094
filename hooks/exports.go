package hooks

import (
	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/router"

	"github.com/fieldpost/fieldpost/internal/httpapi"
	"github.com/fieldpost/fieldpost/internal/wiring"
)

// bindExports is what leaves as a file, each time with its entry in the audit.
func bindExports(r *router.Router[*core.RequestEvent], s *wiring.Services) {
	g := r.Group("/api/fieldpost")
	g.Bind(apis.BodyLimit(0))
	g.POST("/exports/reports", s.API.ExportReports)
	g.POST("/exports/audit", s.API.ExportAudit)
	g.POST("/audit/verify", httpapi.Handle(s.API.VerifyAudit))
}
