package pb_migrations

import (
	"fmt"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/migrations"
)

// Superusers sign in anew each shift: their token opens everything, and a
// browser that was left open keeps it.
func init() {
	migrations.Register(func(app core.App) error {
		c, err := app.FindCollectionByNameOrId(core.CollectionNameSuperusers)
		if err != nil {
			return fmt.Errorf("shorten superusers' tokens: %w", err)
		}
		c.AuthToken.Duration = 8 * 60 * 60 // seconds
		c.FileToken.Duration = 2 * 60
		c.OTP.Enabled = false // it comes by mail, and none is sent
		if err := app.Save(c); err != nil {
			return fmt.Errorf("shorten superusers' tokens: %w", err)
		}
		return nil
	}, nil, "1800000017_superusers.go")
}
