package hooks

import (
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/router"

	"github.com/fieldpost/fieldpost/internal/httpapi"
	"github.com/fieldpost/fieldpost/internal/wiring"
)

// bindContent is what coordinators and admins do with checklists and with the
// rules of triage.
func bindContent(r *router.Router[*core.RequestEvent], s *wiring.Services) {
	r.POST("/api/fieldpost/drafts", httpapi.Handle(s.API.BeginDraft))
	d := r.Group("/api/fieldpost/drafts/{id}")
	d.GET("", httpapi.Handle(s.API.Draft))
	d.POST("", httpapi.Handle(s.API.SaveDraft))
	d.POST("/publish", httpapi.Handle(s.API.PublishDraft))
	d.POST("/drop", httpapi.Handle(s.API.DropDraft))
	t := r.Group("/api/fieldpost/triage/rules")
	t.GET("", httpapi.Handle(s.API.TriageRules))
	t.POST("/try", httpapi.Handle(s.API.TryTriageRules))
	t.POST("/apply", httpapi.Handle(s.API.ApplyTriageRules))
}
