package pb_migrations

import "github.com/pocketbase/pocketbase/core"

func init() {
	register("1800000009_devices.go", func(app core.App) error {
		ids, err := findReportIDs(app)
		if err != nil {
			return err
		}
		err = saveCollection(app, "devices", []core.Field{
			relation("user", ids.users, true),
			relation("organization", ids.organizations, false),
			text("name", 100, false),
			text("platform", 60, false),
			hidden(jsonField("key", 1000)),       // public P-256 JWK
			hidden(text("thumbprint", 60, true)), // RFC 7638
			hidden(text("parent", 15, false)),    // the device it descends from (PUSH-3)
			hidden(text("invite", 15, false)),
			date("enrolled", false), // by the day
			yesNo("revoked"),
		}, "user", "organization")
		if err != nil {
			return err
		}
		return saveCollection(app, "invites", []core.Field{
			hidden(text("code", 60, true)), // HMAC of the code (ENROL-2)
			choice("role", true, "worker", "staff", "manager", "coordinator", "law_enforcement", "provider", "admin"),
			relation("organization", ids.organizations, true),
			relations("sites", ids.sites),
			number("uses"), // how many devices it admits
			number("used"),
			date("expires", true),
			relation("made_by", ids.users, false),
		}, "code")
	}, "devices", "invites")
}
