package devices

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/fieldpost/fieldpost/internal/fault"
)

var errLook = errors.New("the database is away")

func TestAttempts(t *testing.T) {
	start := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	try := func(a *attempts, address string, at time.Time, right bool) (looked bool, err error) {
		err = a.try(address, at, func() (bool, error) { looked = true; return right, nil })
		return looked, err
	}
	lock := func(t *testing.T, a *attempts, address string, at time.Time) {
		t.Helper()
		for i := range WrongPerAddress {
			if _, err := try(a, address, at, false); (err != nil) != (i == WrongPerAddress-1) {
				t.Fatalf("%d: %v", i, err)
			}
		}
	}
	t.Run("[ENROL-2] the tenth wrong code locks its address; others go on; the lock ends by itself", func(t *testing.T) {
		a := &attempts{}
		lock(t, a, "192.0.2.1", start)
		looked, err := try(a, "192.0.2.1", start.Add(time.Minute), true)
		var f *fault.Fault
		if looked || !errors.As(err, &f) || f.Code != fault.SlowDown || f.RetryAfter < LockFor-time.Minute || f.RetryAfter > LockFor {
			t.Fatalf("%v %v", looked, err)
		}
		if looked, err := try(a, "192.0.2.2", start, true); !looked || err != nil {
			t.Fatalf("another address: %v %v", looked, err)
		}
		if looked, err := try(a, "192.0.2.1", start.Add(LockFor), true); !looked || err != nil {
			t.Fatalf("after the lock: %v %v", looked, err)
		}
	})
	t.Run("[ENROL-2] right codes do not win back wrong ones; time does", func(t *testing.T) {
		a := &attempts{}
		for range WrongPerAddress - 1 {
			try(a, "192.0.2.1", start, false)
			try(a, "192.0.2.1", start, true)
		}
		if _, err := try(a, "192.0.2.1", start.Add(WrongWithin-time.Second), false); err == nil {
			t.Error("a right code between won back the wrong ones")
		}
		b := &attempts{}
		for range WrongPerAddress - 1 {
			try(b, "192.0.2.1", start, false)
		}
		if _, err := try(b, "192.0.2.1", start.Add(WrongWithin), false); err != nil {
			t.Errorf("in the next window: %v", err)
		}
	})
	t.Run("[ENROL-2] together all addresses have a bound, that of IPv6 is of the first 64 bits, and who asks in one form asks in all", func(t *testing.T) {
		a := &attempts{}
		for i := range WrongAltogether {
			_, err := try(a, fmt.Sprintf("192.0.%d.%d", i/200, i%200), start, false)
			if (err != nil) != (i == WrongAltogether-1) {
				t.Fatalf("%d: %v", i, err)
			}
		}
		if looked, err := try(a, "198.51.100.7", start, true); looked || !fault.Is(err, fault.SlowDown) {
			t.Errorf("beyond the bound: %v %v", looked, err)
		}
		if looked, err := try(a, "198.51.100.7", start.Add(WrongWithin), true); !looked || err != nil {
			t.Errorf("after it: %v %v", looked, err)
		}
		six := &attempts{}
		for i := range WrongPerAddress {
			try(six, fmt.Sprintf("2001:db8:1:2::%x", i), start, false)
		}
		if looked, _ := try(six, "2001:db8:1:2:ffff::1", start, true); looked {
			t.Error("another address of the same network was let in")
		}
		if looked, _ := try(six, "2001:db8:1:3::1", start, true); !looked {
			t.Error("another network was locked")
		}
		four := &attempts{}
		lock(t, four, "192.0.2.1", start)
		if looked, _ := try(four, "::ffff:192.0.2.1", start, true); looked {
			t.Error("the same address in another form was let in")
		}
	})
	t.Run("[R22] what is kept of an address is a hash under a salt that no two processes share", func(t *testing.T) {
		a, b := &attempts{}, &attempts{}
		if first, again := a.hash("192.0.2.1"), a.hash("192.0.2.1"); first != again || first == b.hash("192.0.2.1") {
			t.Error("the hash of an address is not of this process")
		}
	})
	t.Run("[ENROL-2] a database that is away counts for nobody", func(t *testing.T) {
		a := &attempts{}
		for range 3 * WrongPerAddress {
			if err := a.try("192.0.2.1", start, func() (bool, error) { return false, errLook }); !errors.Is(err, errLook) {
				t.Fatal(err)
			}
		}
	})
	t.Run("[ENROL-2] many at once get no more than one after the other", func(t *testing.T) {
		a := &attempts{}
		var all sync.WaitGroup
		var mu sync.Mutex
		looks := 0
		for range 100 {
			all.Go(func() {
				if looked, _ := try(a, "192.0.2.1", start, false); looked {
					mu.Lock()
					looks++
					mu.Unlock()
				}
			})
		}
		all.Wait()
		if looks != WrongPerAddress {
			t.Errorf("%d codes were looked at", looks)
		}
	})
	t.Run("[ENROL-2] memory is bounded, and a full one forgets no lock", func(t *testing.T) {
		a := &attempts{}
		lock(t, a, "192.0.2.1", start)
		for i := range maxAddresses + 500 {
			a.of(fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255), start)
		}
		if len(a.addresses) > maxAddresses {
			t.Errorf("%d addresses are kept", len(a.addresses))
		}
		if looked, _ := try(a, "192.0.2.1", start, true); looked {
			t.Error("a full memory forgot a lock")
		}
	})
}
