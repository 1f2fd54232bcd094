package httpapi

import (
	"sync"
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

// Subscribe decides what a realtime client may subscribe to: the sync topic,
// and single records; never whole collections, whose broadcast runs a query
// per subscriber inside the writer's request (LIVE-2).
func (a *API) Subscribe(e *core.RealtimeSubscribeRequestEvent) error {
	single := false
	for _, s := range e.Subscriptions {
		switch {
		case e.Auth == nil:
			return Fail(e.RequestEvent, a.notSignedIn(e.RequestEvent))
		case s == Topic:
			if !e.Auth.IsSuperuser() && !access.SyncsReports(access.Role(e.Auth.GetString("role"))) {
				return Fail(e.RequestEvent, fault.New(fault.NotAllowed, "Managers have no live reports."))
			}
		case !wholeRecord(s):
			return Fail(e.RequestEvent, fault.New(fault.NotAllowed, "Subscribe to `sync` and pull; whole collections are not broadcast."))
		default:
			single = true
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
	a.Singles.set(e.Client, single)
	return e.Next()
}

// Singles are the realtime clients that watch single records. PocketBase's
// broadcast looks at every client it is shown inside every write; these are
// all that it needs to see (LIVE-2). The zero value is ready.
type Singles struct {
	mu      sync.Mutex
	clients map[string]subscriptions.Client
}

var nobody = subscriptions.NewBroker()

func (s *Singles) set(c subscriptions.Client, watches bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !watches {
		delete(s.clients, c.Id())
		return
	}
	if s.clients == nil {
		s.clients = map[string]subscriptions.Client{}
	}
	s.clients[c.Id()] = c
}

// Broker holds the clients that watch single records now, and no others.
func (s *Singles) Broker() *subscriptions.Broker {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.clients) == 0 {
		return nobody
	}
	b := subscriptions.NewBroker()
	for id, c := range s.clients {
		if c.IsDiscarded() {
			delete(s.clients, id)
			continue
		}
		b.Register(c)
	}
	return b
}

// Disconnect ends the open streams of a device that was signed out (ENROL-3).
func Disconnect(app core.App, device string) {
	for id, c := range app.SubscriptionsBroker().Clients() {
		if of, _ := c.Get(deviceKey).(string); of == device {
			app.SubscriptionsBroker().Unregister(id)
		}
	}
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
