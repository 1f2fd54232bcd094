package pb_migrations

import (
	"fmt"

	"github.com/pocketbase/pocketbase/core"
)

// Operations with their rosters; on a person what they are on now, because
// rules read the record and its reader alone; and on what stands beside a
// report the operation that the report belongs to.
func init() {
	register("1800000025_operations.go", func(app core.App) error {
		ids, err := findReportIDs(app)
		if err != nil {
			return err
		}
		if err := saveCollection(app, "operations", []core.Field{
			text("name", 100, true),
			date("begins", true),
			date("ends", true),
			relations("sites", ids.sites),
			relations("organizations", ids.organizations), // who takes part beside who runs it
			relation("organization", ids.organizations, true),
		}, "organization", "begins", "ends"); err != nil {
			return err
		}
		operations, err := collectionID(app, "operations")
		if err != nil {
			return err
		}
		if err := saveCollection(app, "rosters", []core.Field{
			relation("operation", operations, true),
			relation("person", ids.users, true),
			choice("role", true, "lead", "triage", "outreach", "liaison"),
			relation("home", ids.organizations, true),         // the person's own
			relation("organization", ids.organizations, true), // who runs the operation
		}, "operation", "person", "home", "organization"); err != nil {
			return err
		}
		for name, fields := range map[string][]core.Field{
			// Ids with a blank between: a rule asks whether one is in it.
			"users":   {text("operations", 2000, false), text("operation_sites", 20_000, false)},
			"triage":  {text("operation", 15, false)},
			"addenda": {text("operation", 15, false)},
		} {
			c, err := app.FindCollectionByNameOrId(name)
			if err != nil {
				return fmt.Errorf("find collection %s: %w", name, err)
			}
			c.Fields.Add(fields...)
			if name == "users" {
				c.AddIndex("idx_users_operations", false, "operations", "operations != ''")
			} else {
				c.AddIndex("idx_"+name+"_operation", false, "operation", "operation != ''")
			}
			if err := app.Save(c); err != nil {
				return fmt.Errorf("change collection %s: %w", name, err)
			}
		}
		for _, name := range []string{"observations", "submissions"} {
			c, err := app.FindCollectionByNameOrId(name)
			if err != nil {
				return fmt.Errorf("find collection %s: %w", name, err)
			}
			c.AddIndex("idx_"+name+"_operation", false, "operation", "operation != ''")
			if err := app.Save(c); err != nil {
				return fmt.Errorf("change collection %s: %w", name, err)
			}
		}
		return nil
	}, "operations", "rosters")
}
