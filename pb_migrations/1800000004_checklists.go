package pb_migrations

import "github.com/pocketbase/pocketbase/core"

func init() {
	register("1800000004_checklists.go", func(app core.App) error {
		return saveCollection(app, "checklists", []core.Field{
			text("key", 60, true),
			&core.NumberField{Name: "version", OnlyInt: true, Required: true},
			text("locale", 10, true),
			text("title", 200, false),
			jsonField("items", 1<<20),
			yesNo("published"),
		}, "key")
	}, "checklists")
}
