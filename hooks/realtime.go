package hooks

import (
	"sync/atomic"

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

// bindRealtime decides on subscriptions. While nobody has subscribed to a
// single record, PocketBase's broadcast sees no clients: it would look at each
// of them inside every write (LIVE-2).
func bindRealtime(app core.App, s *wiring.Services) {
	var single atomic.Bool
	app.OnRealtimeSubscribeRequest().BindFunc(func(e *core.RealtimeSubscribeRequestEvent) error {
		return s.API.Subscribe(e, &single)
	})
	silent := func(e *core.ModelEvent) error {
		if single.Load() || e.Model.TableName() == "users" || !httpapi.Synced(e.Model.TableName()) {
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
}
