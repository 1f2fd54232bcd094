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

const pokingKey = "@fieldpost.poking"

// Subscribe decides what a realtime client may subscribe to: the sync topic,
// and single records; never whole collections, whose broadcast runs a query
// per subscriber inside the writer's request (LIVE-2).
func (a *API) Subscribe(e *core.RealtimeSubscribeRequestEvent, single *atomic.Bool) error {
	for _, s := range e.Subscriptions {
		if s == Topic {
			switch {
			case e.Auth == nil:
				return Fail(e.RequestEvent, a.notSignedIn(e.RequestEvent))
			case !e.Auth.IsSuperuser() && !access.SyncsReports(access.Role(e.Auth.GetString("role"))):
				return Fail(e.RequestEvent, fault.New(fault.NotAllowed, "Managers have no live reports."))
			}
			continue
		}
		if !wholeRecord(s) {
			return Fail(e.RequestEvent, fault.New(fault.NotAllowed, "Subscribe to `sync` and pull; whole collections are not broadcast."))
		}
		single.Store(true)
	}
	return e.Next()
}

// wholeRecord tells whether a subscription is to one record: collection/id.
func wholeRecord(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] == '?' {
			s = s[:i]
			break
		}
	}
	for i := 0; i < len(s); i++ {
		if s[i] == '/' {
			return i > 0 && len(s) > i+1 && s[i+1:] != "*"
		}
	}
	return false
}

// Streams gives the open realtime streams on the sync topic with their people
// as they are now; for the hub.
func Streams(app core.App) func(each func(p access.Person, poke func())) {
	return func(each func(p access.Person, poke func())) {
		for _, client := range app.SubscriptionsBroker().Clients() {
			if !client.HasSubscription(Topic) {
				continue
			}
			auth, _ := client.Get("auth").(*core.Record)
			if auth == nil || auth.IsSuperuser() {
				continue
			}
			each(records.PersonOf(auth), func() { poke(client) })
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
