package pb_migrations

import (
	"fmt"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/migrations"
)

// Invites that are kept in view: whose coordinators look after one, whether it
// was ended, whether it hangs on a wall. Who came by one of those is a person
// whom nobody has confirmed yet, and reports say so without saying who.
func init() {
	migrations.Register(func(app core.App) error {
		organizations, err := collectionID(app, "organizations")
		if err != nil {
			return err
		}
		err = addFields(app, "invites", func(c *core.Collection) {
			c.Fields.Add(
				// Of staff, who serves their site; its owner never sees their invites (R8).
				relation("keeper", organizations, false),
				date("ended", false),
				yesNo("poster"),
			)
		})
		if err != nil {
			return err
		}
		err = addFields(app, "users", func(c *core.Collection) {
			c.Fields.Add(yesNo("unconfirmed"))
			c.AddIndex("idx_users_unconfirmed", false, "unconfirmed", "unconfirmed = 1")
		})
		if err != nil {
			return err
		}
		return addFields(app, "submissions", func(c *core.Collection) {
			c.Fields.Add(choice("unconfirmed", false, "yes", "maybe"))
		})
	}, func(app core.App) error {
		for name, gone := range map[string][]string{"invites": {"keeper", "ended", "poster"}, "users": {"unconfirmed"}, "submissions": {"unconfirmed"}} {
			err := addFields(app, name, func(c *core.Collection) {
				c.RemoveIndex("idx_users_unconfirmed")
				for _, f := range gone {
					c.Fields.RemoveByName(f)
				}
			})
			if err != nil {
				return err
			}
		}
		return nil
	}, "1800000012_invites.go")
}

func addFields(app core.App, collection string, edit func(c *core.Collection)) error {
	c, err := app.FindCollectionByNameOrId(collection)
	if err != nil {
		return fmt.Errorf("change collection %s: %w", collection, err)
	}
	edit(c)
	if err := app.Save(c); err != nil {
		return fmt.Errorf("change collection %s: %w", collection, err)
	}
	return nil
}
