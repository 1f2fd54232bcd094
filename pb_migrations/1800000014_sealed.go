package pb_migrations

import (
	"fmt"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/migrations"
)

// Sealed authorship (R9): who had the author of a staff report made known, when
// and why. Never whom they learned of. And what managers were told (R8), once
// for ever: no collection, for nobody lists it.
func init() {
	migrations.Register(func(app core.App) error {
		ids, err := findReportIDs(app)
		if err != nil {
			return err
		}
		_, submissions, err := findReports(app)
		if err != nil {
			return err
		}
		err = saveCollection(app, "seals", []core.Field{
			relation("submission", submissions, true),
			relation("organization", ids.organizations, true),
			relation("by", ids.users, true),
			text("reason", 1000, true),
			date("at", true),
		}, "submission", "organization")
		if err != nil {
			return err
		}
		_, err = app.DB().NewQuery(`CREATE TABLE site_numbers (
			site TEXT NOT NULL,
			week TEXT NOT NULL, -- its Monday, UTC: 2026-11-16
			said INTEGER,       -- NULL: withheld, for ever
			PRIMARY KEY (site, week)) STRICT, WITHOUT ROWID`).Execute()
		if err != nil {
			return fmt.Errorf("make table site_numbers: %w", err)
		}
		return nil
	}, func(app core.App) error {
		if _, err := app.DB().NewQuery("DROP TABLE site_numbers").Execute(); err != nil {
			return fmt.Errorf("drop table site_numbers: %w", err)
		}
		c, err := app.FindCollectionByNameOrId("seals")
		if err != nil {
			return fmt.Errorf("drop collection seals: %w", err)
		}
		if err := app.Delete(c); err != nil {
			return fmt.Errorf("drop collection seals: %w", err)
		}
		return nil
	}, "1800000014_sealed.go")
}
