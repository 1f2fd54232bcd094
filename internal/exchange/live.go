package exchange

import (
	"sync"
	"time"

	"github.com/fieldpost/fieldpost/internal/access"
)

// pokeEvery is the least time between two pokes of one person (LIVE-1).
const pokeEvery = 250 * time.Millisecond

// pokesAtOnce is how many streams are poked before the hub rests pokeRest. A
// thousand watchers that wake in one moment would keep the processors from
// whoever writes then (LIVE-2); the last of them hears 40 ms later than the
// first.
const (
	pokesAtOnce = 25
	pokeRest    = time.Millisecond
)

// gatherStep and gatherMost: while pushes are at the writer, what has been
// committed is held back this long, looked at so often. Fifty phones that post
// in one moment are one poke then, and one pull for each board, in place of
// three. One push alone waits for a step at most. Where two looks have found
// pushes, more are on their way through the doors: it is over when none has come
// for crowdRest.
const (
	gatherStep = 2 * time.Millisecond
	crowdRest  = 10 * time.Millisecond
	gatherMost = 160 * time.Millisecond
)

// Hub pokes whom a commit matters to. A commit only drops its scopes here:
// what follows runs in the hub's own goroutine, so that the cost of a write
// does not grow with the number of watchers (LIVE-2).
type Hub struct {
	now func() time.Time
	// Streams lists the open realtime streams with the person of each as they
	// are now and the scopes of their device; poke must not block. Set before
	// start.
	Streams func(each func(p access.Person, device []string, poke func()))
	// Busy tells that more is about to be committed. nil: nothing ever is.
	Busy func() bool

	mu      sync.Mutex
	pending map[string]bool
	waiters map[*Watcher]bool
	wake    chan struct{}
	stop    chan struct{}
	done    chan struct{}
}

// NewHub makes a hub.
func NewHub(now func() time.Time) *Hub {
	return &Hub{now: now, pending: map[string]bool{}, waiters: map[*Watcher]bool{}, wake: make(chan struct{}, 1)}
}

// Notify takes the scopes that a commit mattered to. It never blocks.
func (h *Hub) Notify(scopes map[string]bool) {
	h.mu.Lock()
	for s := range scopes {
		h.pending[s] = true
	}
	h.mu.Unlock()
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

// Watcher is a pull that waits. C receives once when something may have
// changed for its person.
type Watcher struct {
	C      chan struct{}
	scopes []string
	hub    *Hub
}

// Wait registers a pull that waits, of a person and a device's scopes; Close
// it.
func (h *Hub) Wait(p access.Person, device []string) *Watcher {
	w := &Watcher{C: make(chan struct{}, 1), scopes: append(access.Scopes(p), device...), hub: h}
	h.mu.Lock()
	h.waiters[w] = true
	h.mu.Unlock()
	return w
}

// Close takes the watcher away.
func (w *Watcher) Close() {
	w.hub.mu.Lock()
	delete(w.hub.waiters, w)
	w.hub.mu.Unlock()
}

func (h *Hub) start() {
	h.stop, h.done = make(chan struct{}), make(chan struct{})
	go h.run()
}

func (h *Hub) close() {
	close(h.stop)
	<-h.done
}

// run wakes waiting pulls at once and pokes streams at most once per person
// and pokeEvery; a poke that is held back is sent when its time comes.
func (h *Hub) run() {
	defer close(h.done)
	last := map[string]time.Time{} // person -> last poke
	held := map[string]bool{}      // scopes whose pokes are held back
	var later <-chan time.Time
	for {
		select {
		case <-h.stop:
			return
		case <-h.wake:
		case <-later:
		}
		later = nil
		h.gather()
		h.mu.Lock()
		fresh := h.pending
		h.pending = map[string]bool{}
		for w := range h.waiters {
			if matters(w.scopes, fresh) {
				select {
				case w.C <- struct{}{}:
				default:
				}
			}
		}
		h.mu.Unlock()
		for s := range fresh {
			held[s] = true
		}
		if h.Streams == nil {
			clear(held)
			continue
		}
		now := h.now()
		poked := map[string]bool{} // persons poked in this round
		pokes := 0
		early := false
		h.Streams(func(p access.Person, device []string, poke func()) {
			if !access.SyncsReports(p.Role) || !matters(access.Scopes(p), held) && !matters(device, held) {
				return
			}
			since := now.Sub(last[p.ID])
			if poked[p.ID] || since >= pokeEvery || since < 0 {
				poked[p.ID] = true
				poke()
				if pokes++; pokes%pokesAtOnce == 0 {
					time.Sleep(pokeRest)
				}
				return
			}
			early = true
		})
		for id := range poked {
			last[id] = now
		}
		if !early {
			clear(held)
		} else {
			// Someone was poked a moment ago: all that is held comes once more
			// to everybody it matters to. A poke too many costs an empty pull.
			later = time.After(pokeEvery)
		}
		for id, t := range last {
			if now.Sub(t) > time.Minute {
				delete(last, id)
			}
		}
	}
}

// gather rests as long as more is about to be committed.
func (h *Hub) gather() {
	if h.Busy == nil {
		return
	}
	looks, quiet := 0, time.Duration(0) // looks that found pushes; how long none did
	for rested := time.Duration(0); rested < gatherMost; rested += gatherStep {
		switch {
		case h.Busy():
			looks++
			quiet = 0
		case looks < 2 || quiet >= crowdRest:
			return
		default:
			quiet += gatherStep
		}
		time.Sleep(gatherStep)
	}
}

func matters(scopes []string, touched map[string]bool) bool {
	for _, s := range scopes {
		if touched[s] {
			return true
		}
	}
	return false
}
