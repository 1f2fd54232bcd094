package devices

import (
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"math"
	"net/netip"
	"sync"
	"time"

	"github.com/fieldpost/fieldpost/internal/fault"
)

// How many wrong codes are let pass (ENROL-2). A code has 59 bits, so that even
// at the bound of the whole server guessing one takes longer than the server
// will stand; the lock makes the guesser visible and the log quiet.
const (
	WrongPerAddress = 10
	WrongAltogether = 300
	WrongWithin     = 10 * time.Minute // the window that wrong codes are counted in
	LockFor         = 15 * time.Minute // of an address that has used up its own
	maxAddresses    = 10_000           // that are kept in mind at once
)

// attempts counts wrong codes, for each address and for all together. It lives
// in memory alone and keeps of an address a hash under a salt of this process:
// no address is written or logged, for anyone (R22).
type attempts struct {
	mu        sync.Mutex
	salt      []byte
	addresses map[[32]byte]*count
	all       count
}

type count struct {
	since time.Time // of the window
	wrong int
	until time.Time // locked until then
}

func (c *count) add(now time.Time, bound int, lock time.Duration) (locked bool) {
	if now.Sub(c.since) >= WrongWithin || now.Before(c.since) {
		c.since, c.wrong = now, 0
	}
	c.wrong++
	if c.wrong < bound {
		return false
	}
	c.until, c.wrong = now.Add(lock), 0
	return true
}

func (c *count) left(now time.Time) time.Duration { return c.until.Sub(now) }

// try runs look, one at a time, unless the address or everybody is locked out.
// look tells whether the code was a right one. A right code during a lock is
// refused like a wrong one: the lock must not tell them apart. slow_down.
func (a *attempts) try(address string, now time.Time, look func() (right bool, err error)) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	own := a.of(address, now)
	if wait := max(own.left(now), a.all.left(now)); wait > 0 {
		return tooMany(wait)
	}
	right, err := look()
	if err != nil || right {
		return err
	}
	everybody := a.all.add(now, WrongAltogether, WrongWithin)
	if own.add(now, WrongPerAddress, LockFor) {
		return tooMany(LockFor)
	}
	if everybody {
		return tooMany(WrongWithin)
	}
	return nil
}

// of gives the count of an address. Where too many are in mind, those whose
// window and lock are over go; if none are, the address shares the count of all.
func (a *attempts) of(address string, now time.Time) *count {
	key := a.hash(address)
	if c := a.addresses[key]; c != nil {
		return c
	}
	if len(a.addresses) >= maxAddresses {
		for k, c := range a.addresses {
			if now.Sub(c.since) >= WrongWithin && c.left(now) <= 0 {
				delete(a.addresses, k)
			}
		}
	}
	c := &count{}
	if a.addresses == nil {
		a.addresses = map[[32]byte]*count{}
	}
	if len(a.addresses) < maxAddresses {
		a.addresses[key] = c
	}
	return c
}

func (a *attempts) hash(address string) [32]byte {
	if a.salt == nil {
		a.salt = make([]byte, 32)
		rand.Read(a.salt) // never fails
	}
	return sha256.Sum256(append(a.salt[:32:32], network(address)...))
}

// network is what one sender holds of an address: of IPv6 the first 64 bits,
// because everybody has all that follows.
func network(address string) string {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return address
	}
	ip = ip.Unmap().WithZone("")
	if ip.Is6() {
		if p, err := ip.Prefix(64); err == nil {
			return p.String()
		}
	}
	return ip.String()
}

func tooMany(wait time.Duration) error {
	wait = wait.Truncate(time.Second) + time.Second
	f := fault.New(fault.SlowDown, fmt.Sprintf("Too many wrong codes were tried. Codes are taken again in %d minutes.",
		int(math.Ceil(wait.Minutes())))).
		WithHint("Wait, then type the code exactly as it stands on the card, or ask for a new invite.")
	f.RetryAfter = wait
	return f
}
