package pb_migrations

import "github.com/pocketbase/pocketbase/core"

func init() {
	register("1800000006_addenda.go", func(app core.App) error {
		ids, err := findReportIDs(app)
		if err != nil {
			return err
		}
		observations, submissions, err := findReports(app)
		if err != nil {
			return err
		}
		return saveCollection(app, "addenda", []core.Field{
			relation("observation", observations, false),
			relation("submission", submissions, false),
			text("text", 20_000, true),
			date("event_time", false),
			relation("organization", ids.organizations, true),
			relation("author", ids.users, false),
		}, "observation", "submission", "organization", "author")
	}, "addenda")
}
