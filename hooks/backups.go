package hooks

import (
	"github.com/pocketbase/pocketbase/core"

	"github.com/fieldpost/fieldpost/internal/records"
	"github.com/fieldpost/fieldpost/internal/wiring"
)

// bindBackups makes PocketBase's backups in a way that does not break the
// locks of the running database, and keeps the installation key out of them.
func bindBackups(app core.App, s *wiring.Services) {
	// No e.Next(): PocketBase's own packing is what must not run.
	app.OnBackupCreate().BindFunc(s.Store.Backup)
	app.OnBackupRestore().BindFunc(func(e *core.BackupEvent) error {
		e.Exclude = append(e.Exclude, records.OutOfBackups(e.App.DataDir())...)
		return e.Next()
	})
}
