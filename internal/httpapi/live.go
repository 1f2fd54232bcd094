package httpapi

import (
	"sync/atomic"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/subscriptions"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/fault"
	"github.com/fieldpost/fieldpost/internal/records"
)

// Topic is the realtime topic of pokes.
const Topic = "sync"

// What a realtime client carries of ours.
const (
	pokingKey = "@fieldpost.poking" // a poke waits to be read
	deviceKey = "@fieldpost.device" // the device whose token it has
	scopesKey = "@fieldpost.scopes" // those of that device
)

// Subscribe lets a realtime client subscribe to the sync topic and to nothing
// else. PocketBase's own topics run a rule and a client's filter for each
// subscriber inside the writer's request, and hold messages without bound for
// one that does not read (LIVE-2).
func (a *API) Subscribe(e *core.RealtimeSubscribeRequestEvent) error {
	for _, s := range e.Subscriptions {
		switch {
		case e.Auth == nil:
			return Fail(e.RequestEvent, a.notSignedIn(e.RequestEvent))
		case s != Topic:
			return Fail(e.RequestEvent, fault.New(fault.NotAllowed, "Subscribe to `sync` and pull; records are not broadcast."))
		case !e.Auth.IsSuperuser() && !access.SyncsReports(access.Role(e.Auth.GetString("role"))):
			return Fail(e.RequestEvent, fault.New(fault.NotAllowed, "Managers have no live reports."))
		}
	}
	if id, _ := records.ReadClaims(e.Request.Header.Get("Authorization"), a.Exchange.Now()); id != "" {
		d, err := a.Store.FindDevice(id)
		if err != nil || d == nil {
			return Fail(e.RequestEvent, fault.New(fault.Unauthenticated, "The device is not known here.").Because(err))
		}
		e.Client.Set(deviceKey, id)
		e.Client.Set(scopesKey, a.Exchange.DeviceScopes(d))
	}
	if e.Auth != nil {
		e.Client.Set(sessionKey, a.session(e.RequestEvent))
	}
	return e.Next()
}

// Disconnect ends the open streams of a device that was signed out (ENROL-3).
func Disconnect(app core.App, device string) {
	for id, c := range app.SubscriptionsBroker().Clients() {
		if of, _ := c.Get(deviceKey).(string); of == device {
			app.SubscriptionsBroker().Unregister(id)
		}
	}
}

// Streams gives the open realtime streams on the sync topic with their people
// as they are now; for the hub.
func Streams(app core.App) func(each func(p access.Person, device []string, poke func())) {
	return func(each func(p access.Person, device []string, poke func())) {
		for _, client := range app.SubscriptionsBroker().Clients() {
			if !client.HasSubscription(Topic) {
				continue
			}
			auth, _ := client.Get("auth").(*core.Record)
			if auth == nil || auth.IsSuperuser() {
				continue
			}
			device, _ := client.Get(scopesKey).([]string)
			each(records.PersonOf(auth), device, func() { poke(client) })
		}
	}
}

// poke sends an empty message. A client that does not read holds one waiting
// message and no more (LIVE-2).
func poke(client subscriptions.Client) {
	busy, ok := client.Get(pokingKey).(*atomic.Bool)
	if !ok {
		busy = &atomic.Bool{}
		client.Set(pokingKey, busy)
	}
	if !busy.CompareAndSwap(false, true) {
		return
	}
	go func() {
		defer busy.Store(false)
		client.Send(subscriptions.Message{Name: Topic, Data: []byte("{}")})
	}()
}
