package pb_migrations

import "github.com/pocketbase/pocketbase/core"

// What a person must look at: conflicts and refused mutations.
func init() {
	register("1800000008_repair.go", func(app core.App) error {
		ids, err := findReportIDs(app)
		if err != nil {
			return err
		}
		err = saveCollection(app, "conflicts", []core.Field{
			text("collection", 60, true),
			text("record", 15, true),
			text("field", 60, true),
			jsonField("kept", 1<<20),
			jsonField("other", 1<<20),
			yesNo("resolved"),
			relation("organization", ids.organizations, false),
		}, "organization")
		if err != nil {
			return err
		}
		return saveCollection(app, "quarantine", []core.Field{
			text("collection", 200, false),
			text("record", 200, false),
			text("code", 60, true),
			text("message", 500, false),
			jsonField("mutation", 32<<20),
			choice("state", true, "held", "released", "adopted"),
			relation("organization", ids.organizations, false),
			relation("author", ids.users, false),
		}, "organization", "author")
	}, "conflicts", "quarantine")
}
