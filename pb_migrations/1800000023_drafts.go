package pb_migrations

import "github.com/pocketbase/pocketbase/core"

// The installation's own checklists on their way into force, in the shape of
// content/forms. One that was published stays: it is what the next version
// begins with.
func init() {
	register("1800000023_drafts.go", func(app core.App) error {
		organizations, err := collectionID(app, "organizations")
		if err != nil {
			return err
		}
		return saveCollection(app, "checklist_drafts", []core.Field{
			relation("organization", organizations, false), // none: the server's operator's
			text("key", 40, true),
			number("version"),
			text("title", 300, false), // in English, for the list
			jsonField("form", 512<<10),
			number("revision"), // counts the times that it was saved
			choice("state", true, "draft", "published"),
			text("changed_by", 40, false), // a person's id, or operator
			date("changed", false),
		}, "key", "organization")
	}, "checklist_drafts")
}
