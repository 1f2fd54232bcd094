package pb_migrations

import (
	"fmt"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/migrations"
)

// Schema 2: an organization has a type of a list, and a set of what it allows.
// The fields of schema 1 stay, hidden, until what they hold has moved with an
// entry in the journal: only records.MoveToSchema2 can write one, and it drops
// them.
func init() {
	migrations.Register(func(app core.App) error {
		c, err := app.FindCollectionByNameOrId("organizations")
		if err != nil {
			return fmt.Errorf("find collection organizations: %w", err)
		}
		for _, old := range []string{"kind", "allow_plate", "allow_staff_note"} {
			if f := c.Fields.GetByName(old); f != nil {
				f.SetHidden(true)
			}
		}
		c.Fields.Add(
			choice("type", false, "outreach", "service_provider", "law_enforcement", "government", "labor", "health",
				"education", "faith", "business", "international", "other"),
			text("type_text", 60, false), // in the organization's own words
			// What it allows its people to write (R2, R13).
			&core.SelectField{Name: "allows", Values: []string{"plates", "staff_notes"}, MaxSelect: 2},
		)
		if err := app.Save(c); err != nil {
			return fmt.Errorf("change collection organizations: %w", err)
		}
		return nil
	}, nil, "1800000011_organization_types.go")
}
