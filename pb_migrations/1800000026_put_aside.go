package pb_migrations

import (
	"fmt"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/migrations"
)

// A coordinator may put aside what was refused and is of no use, and sees of
// each device which app it runs and how much waits on it.
func init() {
	states := func(app core.App, words ...string) error {
		c, err := app.FindCollectionByNameOrId("quarantine")
		if err != nil {
			return fmt.Errorf("change collection quarantine: %w", err)
		}
		state, ok := c.Fields.GetByName("state").(*core.SelectField)
		if !ok {
			return fmt.Errorf("change collection quarantine: state is no choice")
		}
		state.Values = words
		if err := app.Save(c); err != nil {
			return fmt.Errorf("change collection quarantine: %w", err)
		}
		return nil
	}
	migrations.Register(func(app core.App) error {
		// No collection: nobody lists, pulls or journals it. Of staff there is one
		// row for all of them, locked, as their last contacts are (R9).
		_, err := app.DB().NewQuery(`CREATE TABLE device_told (
			device TEXT PRIMARY KEY NOT NULL, -- '' for those of staff
			at INTEGER NOT NULL,              -- ms; 0 for those of staff
			app TEXT NOT NULL,                -- version
			waiting INTEGER NOT NULL,         -- mutations without a verdict; -1: not told
			box BLOB                          -- of staff: JSON of day and app by device, locked
		) STRICT, WITHOUT ROWID`).Execute()
		if err != nil {
			return fmt.Errorf("make table device_told: %w", err)
		}
		return states(app, "held", "released", "adopted", "dismissed")
	}, func(app core.App) error {
		if _, err := app.DB().NewQuery("DROP TABLE device_told").Execute(); err != nil {
			return fmt.Errorf("drop table device_told: %w", err)
		}
		if _, err := app.DB().NewQuery("UPDATE {{quarantine}} SET state='held' WHERE state='dismissed'").Execute(); err != nil {
			return fmt.Errorf("take back what was put aside: %w", err)
		}
		return states(app, "held", "released", "adopted")
	}, "1800000026_put_aside.go")
}
