// Package hooks lists every way PocketBase calls us. Each binding translates
// and calls; the rules of the domain are not here.
package hooks

import (
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/fieldpost/fieldpost/internal/wiring"
)

// Register binds everything.
func Register(app core.App, s *wiring.Services) {
	bindStart(app, s)
	bindRequests(app, s)
	bindRecords(app, s)
	bindCollections(app)
	bindSettings(app, s)
	bindRealtime(app, s)
	bindBackups(app, s)
	bindSignIn(app, s)
}

// bindStart prepares the installation once the database is open, and starts
// and stops what runs in the background.
func bindStart(app core.App, s *wiring.Services) {
	app.OnBootstrap().Bind(&hook.Handler[*core.BootstrapEvent]{Id: "fieldpostPrepare", Func: func(e *core.BootstrapEvent) error {
		if err := e.Next(); err != nil {
			return err
		}
		return s.Prepare(e.App)
	}})
	app.OnServe().Bind(&hook.Handler[*core.ServeEvent]{Id: "fieldpostServe", Func: func(e *core.ServeEvent) error {
		bindRoutes(e.Router, s)
		s.Exchange.Start()
		s.StartOperations()
		s.Alerts.Start()
		s.API.Media.Start()
		return e.Next()
	}})
	app.OnTerminate().Bind(&hook.Handler[*core.TerminateEvent]{Id: "fieldpostStop", Func: func(e *core.TerminateEvent) error {
		// Requests have ended (PocketBase's own handler runs first); the
		// writer must end before the database closes.
		s.API.Media.Close()
		s.Alerts.Close()
		s.StopOperations()
		s.Exchange.Close()
		return e.Next()
	}})
}
