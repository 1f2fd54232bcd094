package hooks

import (
	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/router"

	"github.com/fieldpost/fieldpost/internal/httpapi"
	"github.com/fieldpost/fieldpost/internal/wiring"
)

// bindInvites is what people do with invites on their screens.
func bindInvites(r *router.Router[*core.RequestEvent], s *wiring.Services) {
	desk := r.Group("/api/fieldpost")
	desk.Bind(apis.BodyLimit(0)) // our own limit holds here, and answers in our words
	desk.POST("/invites", httpapi.Handle(s.API.MakeInvite))
	desk.GET("/invites", httpapi.Handle(s.API.Invites))
	desk.POST("/invites/{id}/end", httpapi.Handle(s.API.EndInvite))
	desk.POST("/staff/{id}/confirm", httpapi.Handle(s.API.ConfirmStaff))
}
