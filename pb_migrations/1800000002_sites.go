package pb_migrations

import "github.com/pocketbase/pocketbase/core"

func init() {
	register("1800000002_sites.go", func(app core.App) error {
		organizations, err := collectionID(app, "organizations")
		if err != nil {
			return err
		}
		return saveCollection(app, "sites", []core.Field{
			text("name", 200, true),
			text("venue", 60, true),
			text("industry", 1, false), // ISIC section letter
			text("address", 500, false),
			jsonField("point", 200),
			text("notes", 5000, false),
			relation("owner", organizations, false),
			relation("served_by", organizations, false),
		}, "served_by")
	}, "sites")
}
