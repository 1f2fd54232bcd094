package pb_migrations

import "github.com/pocketbase/pocketbase/core"

func init() {
	register("1800000001_organizations.go", func(app core.App) error {
		return saveCollection(app, "organizations", []core.Field{
			text("name", 200, true),
			text("kind", 60, false),
			// What the organization allows its people to write (R2, R13).
			yesNo("allow_plate"),
			yesNo("allow_staff_note"),
		})
	}, "organizations")
}
