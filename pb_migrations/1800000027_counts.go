package pb_migrations

import (
	"fmt"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/migrations"
)

// What was told of a week across organizations, once for ever: no collection,
// for nobody lists it.
func init() {
	migrations.Register(func(app core.App) error {
		_, err := app.DB().NewQuery(`CREATE TABLE counts_said (
			audience TEXT NOT NULL, -- the organization whose reports are not in it; '*': none is left out
			week TEXT NOT NULL,     -- its Monday, UTC: 2026-11-16
			said TEXT NOT NULL,     -- wire.CountsWeek
			PRIMARY KEY (audience, week)) STRICT, WITHOUT ROWID`).Execute()
		if err != nil {
			return fmt.Errorf("make table counts_said: %w", err)
		}
		return nil
	}, func(app core.App) error {
		if _, err := app.DB().NewQuery("DROP TABLE counts_said").Execute(); err != nil {
			return fmt.Errorf("drop table counts_said: %w", err)
		}
		return nil
	}, "1800000027_counts.go")
}
