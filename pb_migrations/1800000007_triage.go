package pb_migrations

import "github.com/pocketbase/pocketbase/core"

func init() {
	register("1800000007_triage.go", func(app core.App) error {
		ids, err := findReportIDs(app)
		if err != nil {
			return err
		}
		observations, submissions, err := findReports(app)
		if err != nil {
			return err
		}
		return saveCollection(app, "triage", []core.Field{
			relation("observation", observations, false),
			relation("submission", submissions, false),
			choice("suggested", true, "emergency", "review", "context"),
			jsonField("fired", 64<<10), // the rule and the items that it names
			choice("urgency", true, "emergency", "review", "context"),
			choice("status", true, "open", "emergency", "review", "context", "closed"),
			choice("closing_reason", false, "insufficient", "duplicate", "explained", "no_basis", "referred"),
			text("note", 20_000, false),
			date("opened", false),
			relation("claimed_by", ids.users, false),
			relation("assignee", ids.users, false),
			relation("organization", ids.organizations, true),
		}, "observation", "submission", "organization")
	}, "triage")
}
