package hooks

import (
	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
	"github.com/pocketbase/pocketbase/tools/router"

	"github.com/fieldpost/fieldpost/internal/httpapi"
	"github.com/fieldpost/fieldpost/internal/wiring"
)

// bindRoutes is every HTTP route of ours.
func bindRoutes(r *router.Router[*core.RequestEvent], s *wiring.Services) {
	// A log of requests would hold, by the millisecond, which device asked just
	// before a report came in (R9). What fails is logged by its handler.
	r.Unbind(apis.DefaultActivityLoggerMiddlewareId)
	// No page elsewhere asks here, so nothing answers a browser that asks for one;
	// and the headers are set for every answer, which PocketBase's are not.
	r.Unbind(apis.DefaultCorsMiddlewareId, apis.DefaultSecurityHeadersMiddlewareId)
	r.Bind(&hook.Handler[*core.RequestEvent]{Id: "fieldpostHonestBody", Priority: -100_000, Func: httpapi.HonestBody})
	r.Bind(&hook.Handler[*core.RequestEvent]{Id: "fieldpostSlowDown", Priority: -99_000, Func: httpapi.SlowDown})
	// Before PocketBase reads who asks: what they are on is as the clock says.
	r.Bind(&hook.Handler[*core.RequestEvent]{Id: "fieldpostOperations", Priority: -98_000, Func: s.API.TurnOperations})
	// Devices ask most: who they are is found at once, before PocketBase looks (-1020).
	r.Bind(&hook.Handler[*core.RequestEvent]{Id: "fieldpostKnown", Priority: apis.DefaultLoadAuthTokenMiddlewarePriority - 1, Func: s.API.Known})
	// After PocketBase has read the token (-1020), before any handler.
	r.Bind(&hook.Handler[*core.RequestEvent]{Id: "fieldpostOneDoor", Priority: -1012, Func: httpapi.OneDoor})
	r.Bind(&hook.Handler[*core.RequestEvent]{Id: "fieldpostRefuseRevoked", Priority: -900, Func: s.API.RefuseRevoked})
	r.Bind(&hook.Handler[*core.RequestEvent]{Id: "fieldpostOwnFieldsOnly", Priority: -895, Func: httpapi.OwnFieldsOnly})
	r.Bind(&hook.Handler[*core.RequestEvent]{Id: "fieldpostNoBatchForDevices", Priority: -893, Func: httpapi.NoBatchForDevices})
	r.Bind(&hook.Handler[*core.RequestEvent]{Id: "fieldpostReadOnlySQL", Priority: -890, Func: httpapi.ReadOnlySQL})
	r.Bind(&hook.Handler[*core.RequestEvent]{Id: "fieldpostAuditSuperuser", Priority: -880, Func: s.API.AuditSuperuser})

	bindLoss(r, s)
	bindReports(r, s)
	bindHotlines(r, s)
	bindContent(r, s)
	bindExports(r, s)

	sync := r.Group("/api/sync")
	// The protocol's own limits hold here, and answer in its own words.
	sync.Bind(apis.BodyLimit(0))
	sync.GET("/hello", httpapi.Handle(s.API.Hello))
	sync.GET("/openapi.json", httpapi.Handle(s.API.Describe))
	sync.POST("/enroll", httpapi.Handle(s.API.Enroll))
	sync.POST("/invite", httpapi.Handle(s.API.Look))
	sync.POST("/challenge", httpapi.Handle(s.API.Challenge))
	sync.POST("/renew", httpapi.Handle(s.API.Renew))
	sync.POST("/push", httpapi.Handle(s.API.Push))
	sync.POST("/recovery", httpapi.Handle(s.API.Recover))
	sync.POST("/pull", httpapi.Handle(s.API.Pull))
	sync.POST("/wipe", httpapi.Handle(s.API.Wipe))
	bindPhotos(sync, s)
	sync.POST("/quarantine/{id}/release", httpapi.Handle(s.API.Release))
	sync.POST("/quarantine/{id}/adopt", httpapi.Handle(s.API.Adopt))
	sync.POST("/quarantine/{id}/dismiss", httpapi.Handle(s.API.Dismiss))
	sync.Any("/{path...}", s.API.NotFound)
	bindInvites(r, s)
	bindSealed(r, s)
	r.Any("/{path...}", httpapi.Pages)
	bindSignInRoutes(r, s)
}
