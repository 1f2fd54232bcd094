package pb_migrations

import (
	"fmt"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/migrations"
)

// What people are on is a list of operations, so that a rule asks for the whole
// id and not for a likeness. It is made of the rosters anew at the first
// request. An organization may let its phones offer the exact place (R14).
func init() {
	change := func(app core.App, on func(operations string) core.Field, empty string, allowed ...string) error {
		operations, err := collectionID(app, "operations")
		if err != nil {
			return err
		}
		users, err := app.FindCollectionByNameOrId("users")
		if err != nil {
			return fmt.Errorf("find collection users: %w", err)
		}
		// Rules name the field; they are made again at the start.
		users.RemoveIndex("idx_users_operations")
		users.Fields.RemoveByName("operations")
		users.Fields.Add(on(operations))
		users.AddIndex("idx_users_operations", false, "operations", "operations != '"+empty+"'")
		if err := app.Save(users); err != nil {
			return fmt.Errorf("change collection users: %w", err)
		}
		organizations, err := app.FindCollectionByNameOrId("organizations")
		if err != nil {
			return fmt.Errorf("find collection organizations: %w", err)
		}
		allows, ok := organizations.Fields.GetByName("allows").(*core.SelectField)
		if !ok {
			return fmt.Errorf("organizations.allows is no choice")
		}
		allows.Values, allows.MaxSelect = allowed, len(allowed)
		if err := app.Save(organizations); err != nil {
			return fmt.Errorf("change collection organizations: %w", err)
		}
		return nil
	}
	migrations.Register(func(app core.App) error {
		return change(app, func(operations string) core.Field { return relations("operations", operations) }, "[]", "photos", "plates", "points", "staff_notes")
	}, func(app core.App) error {
		return change(app, func(string) core.Field { return text("operations", 2000, false) }, "", "photos", "plates", "staff_notes")
	}, "1800000028_on_operations.go")
}
