package records

import (
	"fmt"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/fieldpost/fieldpost/internal/wire"
)

// readinessCollection says of sites how many posters hang and how many people
// are trained.
const readinessCollection = "site_readiness"

// maxReady is more posters, or trained people, than a site has.
const maxReady = 10_000

// prepareReadiness completes a record: it belongs to who serves the site, and
// nobody else makes one.
func (s *Store) prepareReadiness(app core.App, w *Writer, d *draft) error {
	site, err := s.find(app, w, "sites", d.text("site"))
	if absent(err) {
		return invalid("site is not known.")
	}
	if err != nil {
		return fmt.Errorf("find the site of a record of readiness: %w", err)
	}
	served := site.GetString("served_by")
	if served == "" || w.Person != nil && w.Person.Organization != served {
		return refuse(wire.CodeNotAllowed, "Your organization does not serve the site.")
	}
	d.set("organization", served)
	return checkReadiness(d)
}

func checkReadiness(d *draft) error {
	for _, f := range []string{"poster_on", "trained_on", "next_training"} {
		if day := d.text(f); day != "" {
			if _, err := time.Parse(time.DateOnly, day); err != nil {
				return invalid("%s is no day such as 2026-01-31.", f)
			}
		}
	}
	for _, f := range []string{"posters", "trained"} {
		if n := d.whole(f); n < 0 || n > maxReady {
			return invalid("%s is no number of posters or people.", f)
		}
	}
	return nil
}
