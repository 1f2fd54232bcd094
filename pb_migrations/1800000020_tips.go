package pb_migrations

import "github.com/pocketbase/pocketbase/core"

// A tip is a call or a form that a person made about a report. The server
// makes none (R5).
func init() {
	register("1800000020_tips.go", func(app core.App) error {
		ids, err := findReportIDs(app)
		if err != nil {
			return err
		}
		observations, submissions, err := findReports(app)
		if err != nil {
			return err
		}
		return saveCollection(app, "tips", []core.Field{
			relation("observation", observations, false),
			relation("submission", submissions, false),
			choice("channel", true, "call", "web_form", "text", "chat", "in_person"),
			text("line", 40, false), // the id of the line, as in the hotlines
			date("at", true),
			text("reference", 100, false),
			number("earlier"), // tips about the same report that were here before
			relation("organization", ids.organizations, true),
			relation("author", ids.users, false), // never set for staff (R9)
		}, "observation", "submission", "organization", "author")
	}, "tips")
}
