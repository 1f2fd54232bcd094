package hooks

import (
	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/router"

	"github.com/fieldpost/fieldpost/internal/httpapi"
	"github.com/fieldpost/fieldpost/internal/wiring"
)

// bindLoss is what coordinators and admins do about lost devices and people
// who leave.
func bindLoss(r *router.Router[*core.RequestEvent], s *wiring.Services) {
	g := r.Group("/api/fieldpost")
	g.Bind(apis.BodyLimit(0))
	g.POST("/devices/lost", httpapi.Handle(s.API.LostDevice))
	g.GET("/devices", httpapi.Handle(s.API.DevicesTold))
	g.GET("/devices/{id}", httpapi.Handle(s.API.DeviceState))
	g.POST("/devices/{id}/revoke", httpapi.Handle(s.API.RevokeDevice))
	g.POST("/devices/{id}/wipe", httpapi.Handle(s.API.WipeDevice))
	g.POST("/devices/{id}/wipe/withdraw", httpapi.Handle(s.API.KeepDevice))
	g.GET("/leftovers", httpapi.Handle(s.API.Leftovers))
	g.POST("/leftovers/take", httpapi.Handle(s.API.TakeLeftovers))
	g.POST("/people/{id}/offboard", httpapi.Handle(s.API.Offboard))
}
