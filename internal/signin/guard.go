package signin

import (
	"sync"
	"time"
)

// How many wrong tries are free, and how long is waited then: a minute, twice
// as long with each further one, at most lockMost. Nobody is locked out for
// ever, and who guesses gets about a hundred tries a day.
const (
	freeTries        = 5  // of one account, from browsers that are not known
	freeKnown        = 10 // from a browser that signed in before
	freeFromAddress  = 30 // from one address, over all accounts
	lockLeast        = time.Minute
	lockMost         = 15 * time.Minute
	forgetTries      = 24 * time.Hour
	forgetOfAddress  = time.Hour
	mostTries        = 20_000 // what is remembered at once
	evictedAtOneTime = 100
)

// tries is what is remembered of one name.
type tries struct {
	wrong  int
	until  time.Time // locked
	forget time.Time
}

// guard counts wrong tries in memory only, under names that tell nobody
// anything: no address and no e-mail is kept (R22).
type guard struct {
	mu  sync.Mutex
	all map[string]*tries
}

// try counts a try as a wrong one before it is looked at, so that many at once
// can't slip through; right takes it back. wait is above zero when the name is
// locked, and then nothing was counted. locks tells that this try, if wrong,
// begins a lock.
func (g *guard) try(name string, free int, forget time.Duration, now time.Time) (wait time.Duration, locks bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.all == nil {
		g.all = map[string]*tries{}
	}
	t := g.all[name]
	if t != nil && now.After(t.forget) {
		t = nil
	}
	if t == nil {
		g.makeRoom(now)
		t = &tries{}
		g.all[name] = t
	}
	if now.Before(t.until) {
		return t.until.Sub(now), false
	}
	t.wrong++
	t.forget = now.Add(forget)
	if t.wrong < free {
		return 0, false
	}
	t.until = now.Add(min(lockLeast<<min(t.wrong-free, 10), lockMost))
	return 0, true
}

// right forgets what a name did wrong.
func (g *guard) right(name string) {
	g.mu.Lock()
	delete(g.all, name)
	g.mu.Unlock()
}

// back takes one try back: an address is not forgiven all its wrong ones for
// one right one.
func (g *guard) back(name string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if t := g.all[name]; t != nil && t.wrong > 0 {
		t.wrong--
		if t.wrong < freeFromAddress {
			t.until = time.Time{}
		}
	}
}

// makeRoom drops what is forgotten, when there is still too much then names that
// are not locked, and last of all any: a flood of made-up names frees hardly
// anybody who is.
func (g *guard) makeRoom(now time.Time) {
	if len(g.all) < mostTries {
		return
	}
	dropped := 0
	for pass := 0; pass < 3 && dropped < evictedAtOneTime; pass++ {
		for name, t := range g.all {
			if now.After(t.forget) || pass > 0 && now.After(t.until) && t.wrong < 3 || pass > 1 {
				delete(g.all, name)
				if dropped++; dropped >= evictedAtOneTime && pass > 0 {
					break
				}
			}
		}
	}
}
