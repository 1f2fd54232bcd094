package hooks

import (
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/router"

	"github.com/fieldpost/fieldpost/internal/media"
	"github.com/fieldpost/fieldpost/internal/wiring"
)

// bindPhotos is the bytes of photos: tus, and reading them.
func bindPhotos(sync *router.RouterGroup[*core.RequestEvent], s *wiring.Services) {
	g := sync.Group(media.Path[len("/api/sync"):])
	g.OPTIONS("", s.API.PhotoOptions)
	g.POST("", s.API.BeginPhoto)
	g.HEAD("/{id}", s.API.PhotoOffset)
	g.PATCH("/{id}", s.API.SendPhoto)
	g.POST("/{id}", s.API.SendPhoto)
	g.GET("/{id}", s.API.Photo)
}
