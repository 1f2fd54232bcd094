package hooks

import (
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/router"

	"github.com/fieldpost/fieldpost/internal/httpapi"
	"github.com/fieldpost/fieldpost/internal/wiring"
)

// bindReports is what a coordinator does with one report.
func bindReports(r *router.Router[*core.RequestEvent], s *wiring.Services) {
	g := r.Group("/api/fieldpost/reports/{id}")
	g.GET("/duplicates", httpapi.Handle(s.API.Duplicates))
	g.GET("/history", httpapi.Handle(s.API.History))
	g.GET("/tipsheet", s.API.TipSheet)
	g.GET("/tips", httpapi.Handle(s.API.Tips))
	g.POST("/tips", httpapi.Handle(s.API.AddTip))
	r.GET("/api/fieldpost/duty", httpapi.Handle(s.API.Duty))
	r.GET("/api/fieldpost/counts", httpapi.Handle(s.API.Counts))
	r.GET("/api/fieldpost/partners", httpapi.Handle(s.API.Partners))
}
