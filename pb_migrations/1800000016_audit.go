package pb_migrations

import "github.com/pocketbase/pocketbase/core"

// What must not be forgotten (R16). Plain texts and no relations: a relation
// would change the record when what it names is deleted, and nothing may.
func init() {
	register("1800000016_audit.go", func(app core.App) error {
		return saveCollection(app, "audit", []core.Field{
			number("number"),          // counts all entries, from 1, without a gap
			text("before", 64, false), // hash, in the journal, of the entry before; hex
			number("own"),             // counts those of the organization
			text("own_before", 64, false),
			date("at", true),
			text("act", 60, true),
			text("actor", 60, true),
			text("organization", 15, false),
			text("collection", 60, false),
			text("record", 200, false),
			text("reason", 1000, false),
			jsonField("detail", 8<<10),
		}, "number", "organization")
	}, "audit")
}
