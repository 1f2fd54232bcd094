package pb_migrations

import (
	"fmt"

	"github.com/pocketbase/pocketbase/core"
)

// When somebody is on duty, whom to wake, and whom the server woke (R23).
func init() {
	register("1800000022_duty.go", func(app core.App) error {
		organizations, err := collectionID(app, "organizations")
		if err != nil {
			return err
		}
		if err := saveCollection(app, "duty_hours", []core.Field{
			relation("organization", organizations, true),
			text("zone", 60, true), // as in the tz database: America/Chicago
			jsonField("hours", 16<<10),
			jsonField("exceptions", 64<<10),
			jsonField("mail", 8<<10),   // addresses that are alerted first
			jsonField("second", 8<<10), // and those 10 minutes later
		}, "organization"); err != nil {
			return err
		}
		if err := saveCollection(app, "duty_alerts", []core.Field{
			relation("organization", organizations, true),
			text("triage", 15, true), // the id: an alert outlives what it names
			choice("list", true, "first", "second"),
			choice("state", true, "sent", "failed"),
			number("people"), // addresses that took it
			date("at", true),
		}, "organization", "triage"); err != nil {
			return err
		}
		// What the server looks for every few seconds: there are few of these.
		triage, err := app.FindCollectionByNameOrId("triage")
		if err != nil {
			return fmt.Errorf("find collection triage: %w", err)
		}
		triage.AddIndex("idx_triage_waits", false, "urgency", "urgency = 'emergency' AND opened = ''")
		return app.Save(triage)
	}, "duty_hours", "duty_alerts")
}
