package pb_migrations

import (
	"fmt"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/migrations"
)

// lossTables are what a lost or leaving device needs beside its record. They
// are no collections: nobody lists, pulls or journals them. A journalled write
// when a device confirms its wipe would stand right behind the last reports
// that it handed in, and so name who wrote them (R9). For the same reason no
// time in them is finer than a day for staff, and what is kept sealed does not
// say whose it is.
var lossTables = []struct{ name, columns string }{
	{"device_tokens", `device TEXT PRIMARY KEY NOT NULL,
		turn INTEGER NOT NULL                 -- of the newest token that was used`},
	{"device_wipes", `device TEXT PRIMARY KEY NOT NULL,
		done INTEGER NOT NULL,                -- ms; of staff the day
		handed TEXT NOT NULL                  -- JSON of counts; of staff none`},
	{"device_leftovers", `id TEXT PRIMARY KEY NOT NULL,
		device TEXT NOT NULL,                 -- a keyed name, no pseudonym of the journal
		part TEXT NOT NULL,                   -- keyed hash of the file: the same one is kept once
		bytes INTEGER NOT NULL,
		file BLOB NOT NULL,                   -- locked, and what it holds is sealed
		UNIQUE (device, part)`},
}

func init() {
	edit := func(app core.App, name string, change func(c *core.Collection)) error {
		c, err := app.FindCollectionByNameOrId(name)
		if err != nil {
			return fmt.Errorf("change collection %s: %w", name, err)
		}
		change(c)
		if err := app.Save(c); err != nil {
			return fmt.Errorf("change collection %s: %w", name, err)
		}
		return nil
	}
	migrations.Register(func(app core.App) error {
		for _, t := range lossTables {
			if _, err := app.DB().NewQuery("CREATE TABLE " + t.name + " (" + t.columns + "\n) STRICT, WITHOUT ROWID").Execute(); err != nil {
				return fmt.Errorf("make table %s: %w", t.name, err)
			}
		}
		// When a device was told to wipe itself, and when a person left.
		if err := edit(app, "devices", func(c *core.Collection) { c.Fields.Add(date("wipe", false)) }); err != nil {
			return err
		}
		if err := edit(app, "users", func(c *core.Collection) { c.Fields.Add(date("left", false)) }); err != nil {
			return err
		}
		ids, err := findReportIDs(app)
		if err != nil {
			return err
		}
		// What somebody says is lost, for a coordinator to look at.
		return saveCollection(app, "lost_devices", []core.Field{
			relation("organization", ids.organizations, true),
			relation("site", ids.sites, false),
			choice("what", true, "phone", "tablet", "computer", "other"),
			text("note", 300, false),
			relation("asked_by", ids.users, false),
			date("asked", true),
			yesNo("resolved"),
		}, "organization")
	}, func(app core.App) error {
		c, err := app.FindCollectionByNameOrId("lost_devices")
		if err != nil {
			return fmt.Errorf("drop collection lost_devices: %w", err)
		}
		if err := app.Delete(c); err != nil {
			return fmt.Errorf("drop collection lost_devices: %w", err)
		}
		if err := edit(app, "users", func(c *core.Collection) { c.Fields.RemoveByName("left") }); err != nil {
			return err
		}
		if err := edit(app, "devices", func(c *core.Collection) { c.Fields.RemoveByName("wipe") }); err != nil {
			return err
		}
		for i := len(lossTables) - 1; i >= 0; i-- {
			if _, err := app.DB().NewQuery("DROP TABLE " + lossTables[i].name).Execute(); err != nil {
				return fmt.Errorf("drop table %s: %w", lossTables[i].name, err)
			}
		}
		return nil
	}, "1800000013_loss.go")
}
