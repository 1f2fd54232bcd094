package pb_migrations

import "github.com/pocketbase/pocketbase/core"

// Content beside checklists: hotlines, guidance and what packs hold. A record
// is one entry in all languages; `shipped` marks what the binary's said when it
// was taken, so that an edit is told from a newer version.
func init() {
	names := []string{"hotlines", "guidance", "venues", "industries", "routing_profiles", "published_statistics"}
	register("1800000019_packs.go", func(app core.App) error {
		for _, name := range names {
			fields := []core.Field{
				text("key", 60, true),
				jsonField("body", 64<<10),
				yesNo("published"),
				hidden(text("shipped", 16, false)),
			}
			if name == "hotlines" {
				fields = append(fields, text("verified_on", 10, false)) // a day in UTC; "" if nobody called
			}
			if err := saveCollection(app, name, fields, "key"); err != nil {
				return err
			}
		}
		return nil
	}, names...)
}
