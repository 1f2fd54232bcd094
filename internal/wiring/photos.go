package wiring

import (
	"log/slog"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/fieldpost/fieldpost/internal/media"
	"github.com/fieldpost/fieldpost/internal/records"
)

// newMedia keeps the photos beside the records.
func newMedia(app core.App, store *records.Store, now func() time.Time) *media.Service {
	m := &media.Service{Store: store, Dir: app.DataDir, Now: now, Log: func() *slog.Logger { return app.Logger() }, Limits: media.DefaultLimits}
	store.Dropped = m.Drop
	return m
}
