package pb_migrations

import "github.com/pocketbase/pocketbase/core"

// Every version of the rules of triage that is here. The one of the greatest
// turn is in force; 0 is one that never was.
func init() {
	register("1800000018_triage_rules.go", func(app core.App) error {
		return saveCollection(app, "triage_rules", []core.Field{
			text("key", 40, true),
			number("version"),
			jsonField("rules", 64<<10),
			number("turn"),
			date("applied", false), // when it was put in force last
		}, "turn")
	}, "triage_rules")
}
