package pb_migrations

import (
	"fmt"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/migrations"
)

// The settings that product requirements fix: no address and no account in
// any log (R22), and a name that tells nothing.
func init() {
	migrations.Register(func(app core.App) error {
		s := app.Settings()
		s.Meta.AppName = "Fieldpost"
		s.Logs.LogIP = false
		s.Logs.LogAuthId = false
		s.Batch.Enabled = true
		s.Batch.MaxRequests = 500
		if err := app.Save(s); err != nil {
			return fmt.Errorf("set settings: %w", err)
		}
		return nil
	}, nil, "1800000010_settings.go")
}
