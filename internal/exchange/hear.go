package exchange

import (
	"time"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/records"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// heard is what a device said of itself, as it was last stored by this process.
type heard struct {
	day     string
	app     string
	waiting int
}

// hear stores what a device says of itself in a pull, once a day and when it
// says something else. That it can't be stored keeps nobody from pulling.
func (s *Service) hear(d *records.Device, req *wire.PullRequest) {
	if req.App == "" {
		return
	}
	now := s.Now()
	h := heard{now.UTC().Format(time.DateOnly), req.App, -1}
	if req.Waiting != nil && d.Person.Role != access.Staff {
		h.waiting = *req.Waiting
	}
	if last, ok := s.heardOf.Load(d.ID); ok && last == h {
		return
	}
	if err := s.Store.Told(d, now.UnixMilli(), req.App, req.Waiting); err != nil {
		s.Log().Warn("what a device says of itself was not stored", "error", err)
		return
	}
	s.heardOf.Store(d.ID, h)
}
