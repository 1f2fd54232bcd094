package pb_migrations

import (
	"fmt"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/migrations"
)

// What somebody did with a refused mutation: when, with which ops, what came
// of it, and, where it was a person, who.
func init() {
	change := func(app core.App, edit func(c *core.Collection)) error {
		c, err := app.FindCollectionByNameOrId("quarantine")
		if err != nil {
			return fmt.Errorf("change collection quarantine: %w", err)
		}
		edit(c)
		if err := app.Save(c); err != nil {
			return fmt.Errorf("change collection quarantine: %w", err)
		}
		return nil
	}
	migrations.Register(func(app core.App) error {
		return change(app, func(c *core.Collection) { c.Fields.Add(jsonField("repair", 32<<20)) })
	}, func(app core.App) error {
		return change(app, func(c *core.Collection) { c.Fields.RemoveByName("repair") })
	}, "1800000011_repair_of_refused.go")
}
