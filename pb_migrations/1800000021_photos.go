package pb_migrations

import (
	"fmt"

	"github.com/pocketbase/pocketbase/core"
)

// Photos of places and vehicles, where an organization allows them (R13). The
// record goes first; the bytes lie in the folder "media", by their hash.
func init() {
	register("1800000021_photos.go", func(app core.App) error {
		ids, err := findReportIDs(app)
		if err != nil {
			return err
		}
		observations, submissions, err := findReports(app)
		if err != nil {
			return err
		}
		// A photo does not outlive its report: what is deleted takes it along.
		of := func(name, collection string) core.Field {
			return &core.RelationField{Name: name, CollectionId: collection, MaxSelect: 1, CascadeDelete: true}
		}
		err = saveCollection(app, "attachments", []core.Field{
			of("observation", observations),
			of("submission", submissions),
			choice("kind", true, "place", "vehicle"), // never of people
			choice("type", true, "image/jpeg", "image/webp"),
			number("bytes"),
			text("sha256", 64, true),      // of the bytes as they are sent
			text("raw_sha256", 64, false), // of the picture as it was picked, before it was made anew (R13)
			date("stored", false),         // when the bytes were here whole
			relation("organization", ids.organizations, true),
			relation("author", ids.users, false), // never set for staff (R9)
		}, "observation", "submission", "organization", "author", "sha256")
		if err != nil {
			return err
		}
		c, err := app.FindCollectionByNameOrId("organizations")
		if err != nil {
			return fmt.Errorf("find collection organizations: %w", err)
		}
		allows, ok := c.Fields.GetByName("allows").(*core.SelectField)
		if !ok {
			return fmt.Errorf("organizations.allows is no choice")
		}
		allows.Values = []string{"photos", "plates", "staff_notes"}
		allows.MaxSelect = len(allows.Values)
		return app.Save(c)
	}, "attachments")
}
