package client

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/fieldpost/fieldpost/internal/fault"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// Wiping, in one picture:
//
//	order (in an answer of push, pull or renew)
//	  -> push           all that waits gets its verdict
//	  -> confirm        what has none goes up sealed; the device's signed word
//	  -> granted        noted, if nothing was saved meanwhile; saving ends here
//	  -> emptied        all rows and keys, by a transaction that leaves zeros
//	  -> put aside      the file gets another name: no store is here any more
//	  -> overwritten, removed
//
// Before "granted" the device has everything and may be told to stop. From
// there on each step can be done again, and Open does what a crash has left.
// While the server is not reached, nothing of this happens.

// maxObey bounds how often something saved meanwhile makes the device hand in
// once more within one sync.
const maxObey = 3

// asideSuffix names the file that is about to be removed.
const asideSuffix = ".wiping"

// ordered gives the order to wipe itself that the server told last, "" for none.
func (d *Device) ordered() string {
	d.order.Lock()
	defer d.order.Unlock()
	return d.order.text
}

func (d *Device) noteOrder(text string) {
	d.order.Lock()
	defer d.order.Unlock()
	d.order.text = text
}

// meet tells a device that was signed out whether it is to wipe itself: only a
// push gets it an answer (PUSH-10).
func (d *Device) meet(ctx context.Context) error {
	d.pushing.Lock()
	defer d.pushing.Unlock()
	st, err := d.enrolled()
	if err != nil {
		return err
	}
	return (&pusher{d: d, stuck: map[int64]item{}, st: st}).post(ctx, nil)
}

// obey hands in what is left and wipes the store (DEV-3). It follows a push.
// The error is ErrWiped when that is done; nil when the order was withdrawn;
// any other leaves everything as it was.
func (d *Device) obey(ctx context.Context) error {
	for range maxObey {
		order := d.ordered()
		if order == "" {
			return nil
		}
		left, err := d.unanswered(ctx)
		if err != nil {
			return err
		}
		if err := d.confirm(ctx, left); hasCode(err, fault.WipeWithdrawn) {
			d.noteOrder("")
			return nil
		} else if err != nil {
			return err
		}
		d.step("confirmed")
		granted, err := d.noteGranted(context.WithoutCancel(ctx), left)
		if err != nil {
			return err
		}
		if granted {
			d.step("granted")
			if err := d.destroy(); err != nil {
				return err // the next Open goes on
			}
			return &Error{Kind: ErrWiped, Code: "wiped", Message: "This device was wiped, as the coordinator ordered. All that it held was handed in.",
				Hint: "To use it again, enrol it with a new invite."}
		}
		if _, err := d.Push(ctx); err != nil {
			return err
		}
	}
	return nil // somebody keeps saving: the next sync goes on
}

// unanswered are the mutations that the server has given no verdict that
// stands: those that wait, and those that this device set aside by itself.
func (d *Device) unanswered(ctx context.Context) (left []item, err error) {
	err = d.store.read(ctx, "look for what has no answer", func(tx *sql.Tx, st *state) error {
		left, err = st.unanswered(ctx, tx)
		return err
	})
	return left, err
}

func (s *state) unanswered(ctx context.Context, tx *sql.Tx) ([]item, error) {
	rows, err := tx.QueryContext(ctx, `SELECT pos, n, stamp, body, sealed FROM outbox WHERE body IS NOT NULL AND (state = 'waiting'
		OR state IN ('parked', 'corrected') AND CASE WHEN verdict = '' THEN 1 ELSE json_extract(verdict, '$.verdict') = 'deferred' END) ORDER BY n`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var left []item
	for rows.Next() {
		var i item
		var stamp string
		if err := rows.Scan(&i.pos, &i.n, &stamp, &i.body, &i.sealed); err != nil {
			return nil, err
		}
		if i.sealed == "" {
			if i.sealed, err = s.seal(i.n, stamp, i.body); err != nil {
				return nil, err
			}
		}
		if len(i.sealed) > wire.MaxMutationBytes-sealedEnvelope {
			return nil, &Error{Kind: ErrLater, Code: "wipe_waits", Message: "This device is to be wiped, and holds something that is too large to be handed in.",
				Hint: "Tell your coordinator. Everything is kept on this device."}
		}
		left = append(left, i)
	}
	return left, rows.Err()
}

type wipeAnswer struct {
	Now     serverTime `json:"now"`
	Granted *bool      `json:"granted"`
}

func (a *wipeAnswer) missing() string {
	switch {
	case a.Now.IsZero():
		return "now"
	case a.Granted == nil:
		return "granted"
	}
	return ""
}

// confirm gives the server what is left, sealed, and this device's word that
// there is nothing else.
func (d *Device) confirm(ctx context.Context, left []item) error {
	st, err := d.enrolled()
	if err != nil {
		return err
	}
	var parts [][]byte
	if _, err := st.recoveryParts(left, func(file []byte) error {
		parts = append(parts, bytes.TrimSpace(file))
		return nil
	}); err != nil {
		return err
	}
	if len(parts) == 0 {
		parts = [][]byte{nil}
	}
	for i, part := range parts {
		more := i < len(parts)-1
		if st, err = d.enrolled(); err != nil { // with the token of now
			return err
		}
		var a wipeAnswer
		_, turned, err := d.authorized(ctx, st, request{path: "/api/sync/wipe"}, true, &a, func(st *state, _ time.Time) ([]byte, error) {
			var file struct {
				Device    string `json:"device"`
				Signature string `json:"signature"`
			}
			if part != nil {
				if err := json.Unmarshal(part, &file); err != nil {
					return nil, damaged(err)
				}
			}
			order := d.ordered() // a renewal on the way may have brought a newer one
			signature, err := sign(st.key, wire.WipeText(st.id, order, file.Signature, more))
			if err != nil {
				return nil, err
			}
			return encode(wire.WipeRequest{Device: st.id, Order: order, Leftovers: part, More: more, Signature: signature})
		})
		switch {
		case err != nil:
			return err
		case turned != straight, *a.Granted == more:
			return &Error{Kind: ErrLater, Code: "wipe_waits", Message: "This device is to be wiped, and has not handed everything in yet.",
				Hint: "Everything is kept on this device. It goes on by itself."}
		}
	}
	return nil
}

// noteGranted notes that the server has all of it, unless something was saved
// since. From then on nothing can be saved here.
func (d *Device) noteGranted(ctx context.Context, left []item) (granted bool, err error) {
	err = d.store.tx(ctx, "note that this device is to be wiped", func(tx *sql.Tx) error {
		st, err := loadState(ctx, tx)
		if err != nil {
			return err
		}
		now, err := st.unanswered(ctx, tx)
		if err != nil {
			return err
		}
		if granted = len(now) == len(left); !granted {
			return nil
		}
		for i := range now {
			if now[i].pos != left[i].pos {
				granted = false
				return nil
			}
		}
		_, err = tx.ExecContext(ctx, "UPDATE device SET wiping = 1")
		return err
	})
	return granted, err
}

// destroy wipes the store. What it has begun, Open ends. On flash memory what
// was overwritten may stay in cells that no program reaches: a store that has to
// withstand that is encrypted, and then it is the key that is gone.
func (d *Device) destroy() error {
	s := d.store
	if err := s.empty(); err != nil {
		return err
	}
	d.step("emptied")
	s.gone.Store(true)
	d.opt.HTTP.CloseIdleConnections()
	if err := s.db.Close(); err != nil {
		return storeError("wipe store", err)
	}
	if err := os.Rename(s.path, s.path+asideSuffix); err != nil {
		return diskError(err)
	}
	syncFolder(filepath.Dir(s.path))
	d.step("put aside")
	err := scrub(s.path, d.step)
	lock := s.lock
	s.lock = nil
	return errors.Join(err, lock.Close())
}

// empty leaves nothing of what the store held, in the file or beside it.
func (s *store) empty() error {
	ctx := context.Background()
	if err := s.tx(ctx, "wipe store", func(tx *sql.Tx) error {
		for _, q := range []string{"DELETE FROM outbox", "DELETE FROM touched", "DELETE FROM records", "DELETE FROM seen", "DELETE FROM doubtful", "DELETE FROM lineage",
			`UPDATE device SET key = zeroblob(32), name = '', url = '', token = '', person = '', seal_key = '', epoch = NULL, view_epoch = NULL,
				mark = NULL, cursor = NULL, contact_url = '', problem = '', fork_id = '', fork_key = NULL`} {
			if _, err := tx.Exec(q); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		return err
	}
	// The file has zeros where content was. The log still has the pages of
	// before: once they are in the file, and nobody else reads it, it may go. A
	// crash between leaves a log that SQLite takes for empty, which it is.
	if err := s.checkpoint("FULL"); err != nil {
		return err
	}
	if err := blank(s.path + "-wal"); err != nil {
		return err
	}
	return s.checkpoint("TRUNCATE")
}

// checkpoint brings the log into the file. One that could not is no fault of
// SQLite's own but a number: somebody else reads the file.
func (s *store) checkpoint(mode string) error {
	var busy, log, done int
	if err := s.db.QueryRow("PRAGMA wal_checkpoint("+mode+")").Scan(&busy, &log, &done); err != nil {
		return storeError("wipe store", err)
	}
	if busy != 0 || log != done {
		return &Error{Kind: ErrLocked, Code: "store_locked", Message: "Another program has this store open.", Hint: "Close it and try again."}
	}
	return nil
}

// scrub overwrites and removes the file that was put aside, and what SQLite
// kept beside the store. There may be nothing.
func scrub(path string, step func(string)) error {
	aside := path + asideSuffix
	if _, err := os.Stat(aside); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, beside := range []string{"-wal", "-shm"} {
		if err := remove(path + beside); err != nil {
			return err
		}
	}
	if err := remove(aside); err != nil {
		return err
	}
	step("removed")
	syncFolder(filepath.Dir(path))
	return nil
}

// remove overwrites a file with zeros and removes it; none is no fault.
func remove(path string) error {
	if err := blank(path); err != nil {
		return err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return diskError(err)
	}
	return nil
}

// blank overwrites a file with zeros; none is no fault.
func blank(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return diskError(err)
	}
	info, err := f.Stat()
	if err == nil {
		_, err = io.CopyN(f, zeros{}, info.Size())
	}
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return diskError(err)
	}
	return nil
}

// zeros reads as zeros without end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// finishWipe goes on with a wipe that a crash has cut, before the store is
// looked for. Whoever else has it open is at it.
func finishWipe(path string) error {
	if _, err := os.Stat(path + asideSuffix); err != nil {
		return nil
	}
	lock, err := takeLock(path + ".lock")
	if errors.Is(err, ErrLocked) {
		return nil
	}
	if err != nil {
		return diskError(err)
	}
	return errors.Join(scrub(path, func(string) {}), lock.Close())
}

func wipedAlready() *Error {
	return &Error{Kind: ErrWiped, Code: "wiped", Message: "This device was wiped.", Hint: "To use it again, enrol it with a new invite."}
}

// step tells a test where it is.
func (d *Device) step(name string) {
	if d.opt.died != nil {
		d.opt.died(name)
	}
}
