package signin

import (
	"crypto/rand"
	"encoding/base64"
	"sync"
	"time"
)

// mostOnShelf is how many steps may be under way at once.
const mostOnShelf = 5_000

// shelf keeps what lies between two steps of a sign-in, in memory and for
// minutes. A server that starts again has forgotten it: the person begins anew.
type shelf struct {
	mu  sync.Mutex
	all map[string]shelved
}

type shelved struct {
	value any
	until time.Time
}

// put keeps a value and gives the ticket for it.
func (s *shelf) put(value any, now time.Time, life time.Duration) (ticket string, err error) {
	raw := make([]byte, 20)
	if _, err := rand.Read(raw); err != nil {
		return "", err
	}
	ticket = base64.RawURLEncoding.EncodeToString(raw)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all == nil {
		s.all = map[string]shelved{}
	}
	if len(s.all) >= mostOnShelf {
		oldest, when := "", time.Time{}
		for t, v := range s.all {
			switch {
			case now.After(v.until):
				delete(s.all, t)
			case oldest == "" || v.until.Before(when):
				oldest, when = t, v.until
			}
		}
		if len(s.all) >= mostOnShelf {
			delete(s.all, oldest)
		}
	}
	s.all[ticket] = shelved{value, now.Add(life)}
	return ticket, nil
}

// onShelf gives what a ticket is for; take also ends it. ok is false for a
// ticket that is over, unknown, or for something else.
func onShelf[T any](s *shelf, ticket string, now time.Time, take bool) (value T, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, there := s.all[ticket]
	if !there {
		return value, false
	}
	value, ok = v.value.(T)
	if now.After(v.until) {
		delete(s.all, ticket)
		var none T
		return none, false
	}
	if ok && take {
		delete(s.all, ticket)
	}
	return value, ok
}

// drop ends a ticket.
func (s *shelf) drop(ticket string) {
	s.mu.Lock()
	delete(s.all, ticket)
	s.mu.Unlock()
}
