package pb_migrations

import "github.com/pocketbase/pocketbase/core"

// How ready a site is: its posters and its training. Nobody is named, and
// nothing in it goes with a report.
func init() {
	register("1800000024_readiness.go", func(app core.App) error {
		ids, err := findReportIDs(app)
		if err != nil {
			return err
		}
		return saveCollection(app, "site_readiness", []core.Field{
			relation("site", ids.sites, true),
			text("poster_on", 10, false), // days, as 2026-01-31: of a time nobody needs more
			number("posters"),            // how many hang
			text("trained_on", 10, false),
			number("trained"), // people, counted by who trained them
			text("next_training", 10, false),
			relation("organization", ids.organizations, true), // who serves the site
		}, "site", "organization")
	}, "site_readiness")
}
