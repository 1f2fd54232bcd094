package client

import (
	"context"
	"database/sql"
	"errors"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/fieldpost/fieldpost/internal/hlc"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// The messages of the protocol that this package hands in and out.
type (
	// Op is one change of one record.
	Op = wire.Op
	// Verdict is the server's answer to a mutation.
	Verdict = wire.Verdict
	// Person is whom the device acts for.
	Person = wire.Person
	// Limits are the server's.
	Limits = wire.Limits
)

// Device is one installation and one person, with its store open and locked.
// Its methods may be called from several goroutines.
type Device struct {
	opt   Options
	store *store
	wake  chan struct{} // a save happened; holds at most one

	order struct { // to wipe itself, as the server told it last; "" for none
		sync.Mutex
		text string
	}

	pushing sync.Mutex // one push in flight (PUSH-5, DEV-2)
	pulling sync.Mutex // one pull in flight: a page goes on from the cursor that is stored

	clock struct {
		sync.Mutex
		wall   time.Time // when last looked at
		real   time.Duration
		looked bool
		jumped bool // seen, and not yet noted in the store
	}
	random sync.Mutex

	// How much one request carries on the link as it is; 0: as much as the
	// server takes. Under pushing and pulling.
	batch, page int
}

// Open opens the store file of a device, and makes it, with a new device id
// and key, when it is not there. The store stays locked until Close or the end
// of the process. Errors: ErrLocked, ErrStore, ErrDisk, and with
// Options.MustExist ErrNotEnrolled.
func Open(path string, opt Options) (*Device, error) {
	d := &Device{opt: opt.withDefaults(), wake: make(chan struct{}, 1)}
	s, made, err := openStore(path, !opt.MustExist, d.opt.Connect, opt.maxPages)
	if err != nil {
		return nil, err
	}
	d.store = s
	if wiping, err := s.wiping(); err != nil {
		return nil, errors.Join(err, s.close())
	} else if wiping { // a crash came between
		if err := d.destroy(); err != nil {
			return nil, errors.Join(err, s.close())
		}
		return Open(path, opt)
	}
	if err := d.ensureIdentity(); err != nil {
		return nil, errors.Join(err, s.close())
	}
	if made {
		syncFolder(filepath.Dir(s.path))
	}
	return d, nil
}

// syncFolder makes a new file's name durable. Not every system can; then the
// file system's own order has to do.
func syncFolder(dir string) {
	if f, err := os.Open(dir); err == nil {
		_ = f.Sync()
		f.Close()
	}
}

// ensureIdentity gives a new store its id and key. A crash between the tables
// and this leaves a store without, so every start looks.
func (d *Device) ensureIdentity() error {
	return d.store.tx(context.Background(), "make device", func(tx *sql.Tx) error {
		var there int
		if err := tx.QueryRow("SELECT count(*) FROM device").Scan(&there); err != nil || there > 0 {
			return err
		}
		id, key, err := d.newIdentity()
		if err != nil {
			return err
		}
		_, err = tx.Exec("INSERT INTO device (one, id, key) VALUES (1, ?, ?)", id, key)
		return err
	})
}

func (d *Device) newIdentity() (id string, key []byte, err error) {
	if id, err = d.NewID(); err != nil {
		return "", nil, err
	}
	d.random.Lock()
	defer d.random.Unlock()
	key, err = newKey(d.opt.Rand)
	return id, key, err
}

// peek reads the device row.
func (d *Device) peek() (*state, error) {
	var st *state
	err := d.store.read(context.Background(), "read device", func(_ *sql.Tx, s *state) error { st = s; return nil })
	return st, err
}

// NewID makes a record id.
func (d *Device) NewID() (string, error) {
	d.random.Lock()
	defer d.random.Unlock()
	return newID(d.opt.Rand)
}

// jitter gives a number from 0 up to but not 1.
func (d *Device) jitter() float64 {
	d.random.Lock()
	defer d.random.Unlock()
	var b [2]byte
	if _, err := io.ReadFull(d.opt.Rand, b[:]); err != nil {
		return 0.5 // chance is wanted here, not needed
	}
	return float64(int(b[0])<<8|int(b[1])) / 65536
}

// Close closes the store and gives up its lock. Nothing waits to be written:
// what was saved is on disk.
func (d *Device) Close() error {
	d.opt.HTTP.CloseIdleConnections()
	return storeError("close store", d.store.close())
}

// now reads the wall clock and tells whether it has jumped: whether it moved
// otherwise than real time did. It keeps saying so until jumpNoted.
func (d *Device) now() (wall time.Time, jumped bool) {
	c := &d.clock
	c.Lock()
	defer c.Unlock()
	now := d.opt.Now()
	var real time.Duration
	if d.opt.Elapsed != nil {
		real = d.opt.Elapsed()
	}
	if c.looked {
		passed := now.Sub(c.wall) // by Go's monotonic reading, if there is one
		if d.opt.Elapsed != nil {
			passed = real - c.real
		}
		drift := now.Round(0).Sub(c.wall.Round(0)) - passed
		if drift.Abs() > hlc.JumpTolerance*time.Millisecond {
			c.jumped = true
		}
	}
	c.wall, c.real, c.looked = now, real, true
	return now.Round(0), c.jumped
}

// jumpNoted follows the commit of a transaction that has dealt with a jump.
func (d *Device) jumpNoted() {
	d.clock.Lock()
	defer d.clock.Unlock()
	d.clock.jumped = false
}
