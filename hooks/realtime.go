package hooks

import (
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
	"github.com/pocketbase/pocketbase/tools/subscriptions"

	"github.com/fieldpost/fieldpost/internal/httpapi"
	"github.com/fieldpost/fieldpost/internal/wiring"
)

// quiet is an app without realtime clients.
type quiet struct{ core.App }

var nobody = subscriptions.NewBroker()

func (quiet) SubscriptionsBroker() *subscriptions.Broker { return nobody }

// bindRealtime decides on subscriptions, and keeps PocketBase's broadcast from
// looking at each client inside every write: nobody may subscribe to records,
// so it has nobody to find (LIVE-2).
func bindRealtime(app core.App, s *wiring.Services) {
	app.OnRealtimeSubscribeRequest().BindFunc(s.API.Subscribe)
	// A change of users has to reach every client: their roles are there.
	loud := func(e *core.ModelEvent) bool {
		return e.Model.TableName() == "users" || !httpapi.Synced(e.Model.TableName())
	}
	silent := func(e *core.ModelEvent) error {
		if loud(e) {
			return e.Next()
		}
		outer := e.App
		e.App = quiet{outer}
		err := e.Next()
		e.App = outer
		return err
	}
	// Before PocketBase's own handlers, which have priority -99.
	app.OnModelAfterCreateSuccess().Bind(&hook.Handler[*core.ModelEvent]{Id: "fieldpostQuietCreate", Priority: -1000, Func: silent})
	app.OnModelAfterUpdateSuccess().Bind(&hook.Handler[*core.ModelEvent]{Id: "fieldpostQuietUpdate", Priority: -1000, Func: silent})
	app.OnModelAfterDeleteSuccess().Bind(&hook.Handler[*core.ModelEvent]{Id: "fieldpostQuietDeleted", Priority: -1000, Func: silent})
	// Before a delete PocketBase's handler has priority 99 and calls the delete
	// itself, which must run on the app as it was.
	app.OnModelDelete().Bind(&hook.Handler[*core.ModelEvent]{Id: "fieldpostQuietDelete", Priority: 98, Func: func(e *core.ModelEvent) error {
		if !loud(e) {
			e.App = quiet{e.App}
		}
		return e.Next()
	}})
	app.OnModelDelete().Bind(&hook.Handler[*core.ModelEvent]{Id: "fieldpostLoudDelete", Priority: 100, Func: func(e *core.ModelEvent) error {
		if q, ok := e.App.(quiet); ok {
			e.App = q.App
		}
		return e.Next()
	}})
	disconnect := func(e *core.RecordEvent) error {
		if e.Type == core.ModelEventTypeDelete || e.Record.GetBool("revoked") {
			httpapi.Disconnect(app, e.Record.Id)
		}
		return e.Next()
	}
	app.OnRecordAfterUpdateSuccess("devices").BindFunc(disconnect)
	app.OnRecordAfterDeleteSuccess("devices").BindFunc(disconnect)
}
