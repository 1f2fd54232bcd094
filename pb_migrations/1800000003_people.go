package pb_migrations

import (
	"fmt"

	"github.com/pocketbase/pocketbase/core"
)

// The people are PocketBase's own users collection: device tokens and
// passwords are tokens of it. Name and avatar go: nobody needs them here.
func init() {
	register("1800000003_people.go", func(app core.App) error {
		users, err := app.FindCollectionByNameOrId("users")
		if err != nil {
			return fmt.Errorf("find collection users: %w", err)
		}
		organizations, err := collectionID(app, "organizations")
		if err != nil {
			return err
		}
		sites, err := collectionID(app, "sites")
		if err != nil {
			return err
		}
		for _, gone := range []string{"name", "avatar", "created", "updated"} {
			users.Fields.RemoveByName(gone)
		}
		users.Fields.Add(
			choice("role", true, "worker", "staff", "manager", "coordinator", "law_enforcement", "provider", "admin"),
			relation("organization", organizations, true),
			relations("sites", sites),
			relations("served_by", organizations),
			text("label", 60, false),
			text("locale", 10, false),
		)
		// Most people sign in with a device and have no e-mail; staff never
		// have one (R8).
		if email, ok := users.Fields.GetByName("email").(*core.EmailField); ok {
			email.Required = false
		}
		users.AuthAlert.Enabled = false
		users.OAuth2.Enabled = false
		users.AddIndex("idx_users_organization", false, "organization", "")
		if err := app.Save(users); err != nil {
			return fmt.Errorf("make collection users: %w", err)
		}
		return nil
	})
}
