package client

import (
	"context"
	"database/sql"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"sync/atomic"

	"github.com/fieldpost/fieldpost/internal/hlc"
	"github.com/fieldpost/fieldpost/internal/wire"
	"modernc.org/sqlite"
)

//go:embed schema.sql
var schemaSQL string

// storeMark is the application_id of a device store ("FpDv"), and
// storeVersion the version of its tables.
const (
	storeMark    = 0x46704476
	storeVersion = 3
)

// store is the SQLite file. All SQL runs inside tx; one connection serialises
// the transactions of the process.
type store struct {
	db   *sql.DB
	lock *os.File
	path string
	gone atomic.Bool // wiped: there is no file any more
}

// openStore opens the file, or makes it when fresh is allowed. made tells that
// the tables were made just now, and the device row must follow.
func openStore(path string, fresh bool, connect func(string) (*sql.DB, error), maxPages int) (s *store, made bool, err error) {
	path, err = resolve(path)
	if err != nil {
		return nil, false, diskError(err)
	}
	if err := finishWipe(path); err != nil {
		return nil, false, err
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if !fresh {
			return nil, false, notEnrolled("There is no store at this path.")
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return nil, false, diskError(err)
		}
	case err != nil:
		return nil, false, diskError(err)
	case info.IsDir():
		return nil, false, foreign("The path of the store is a folder.", nil)
	}
	lock, err := takeLock(path + ".lock")
	if errors.Is(err, ErrLocked) {
		return nil, false, &Error{Kind: ErrLocked, Code: "store_locked", Message: "Another process has this store open.",
			Hint: "Close it (a watch that runs, for instance) and try again."}
	}
	if err != nil {
		return nil, false, diskError(err)
	}
	s = &store{lock: lock, path: path}
	if made, err = s.start(connect, maxPages); err != nil {
		s.close()
		return nil, false, err
	}
	return s, made, nil
}

// resolve makes one path of the many that name a file, so that all of them
// meet in one lock.
func resolve(path string) (string, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	real, err := filepath.EvalSymlinks(abs)
	if errors.Is(err, fs.ErrNotExist) {
		dir, err := filepath.EvalSymlinks(filepath.Dir(abs))
		if err != nil {
			return abs, nil
		}
		return filepath.Join(dir, filepath.Base(abs)), nil
	}
	return real, err
}

func (s *store) start(connect func(string) (*sql.DB, error), maxPages int) (made bool, err error) {
	// SQLite would make the file readable for others.
	f, err := os.OpenFile(s.path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return false, diskError(err)
	}
	f.Close()
	q := url.Values{"_txlock": {"immediate"}, "_pragma": {
		"busy_timeout(5000)", "synchronous(FULL)", "secure_delete(1)"}}
	u := url.URL{Scheme: "file", Path: filepath.ToSlash(s.path), RawQuery: q.Encode()}
	if s.db, err = connect(u.String()); err != nil {
		return false, foreign("The store cannot be opened.", err)
	}
	s.db.SetMaxOpenConns(1)
	var mark, version, tables int64
	for _, r := range []struct {
		query string
		into  *int64
	}{
		{"PRAGMA application_id", &mark}, {"PRAGMA user_version", &version},
		{"SELECT count(*) FROM sqlite_master", &tables},
	} {
		if err := s.db.QueryRow(r.query).Scan(r.into); err != nil {
			return false, storeError("open store", err)
		}
	}
	made = mark == 0 && tables == 0
	switch {
	case !made && mark != storeMark:
		return false, foreign("The file is not a device store.", nil)
	case !made && version < 1:
		return false, damaged(errors.New("the store has no version"))
	case version > storeVersion:
		return false, &Error{Kind: ErrStore, Code: "store_newer", Message: "A newer version of this program made this store.",
			Hint: "Use the newer version. What is in the store is untouched."}
	}
	// Only now, on a file that is ours: this one changes the file for good.
	if _, err := s.db.Exec("PRAGMA journal_mode = WAL"); err != nil {
		return false, storeError("open store", err)
	}
	if maxPages > 0 {
		if _, err := s.db.Exec(fmt.Sprintf("PRAGMA max_page_count = %d", maxPages)); err != nil {
			return false, storeError("open store", err)
		}
	}
	if made {
		return true, s.create()
	}
	if err := s.check(); err != nil {
		return false, err
	}
	return false, s.upgrade(version)
}

// upgrades holds, for each version of the tables but the newest, what makes
// the next one of it. The file of a phone that slept for years goes through
// all of them; the outbox is never touched otherwise (EPOCH-4).
var upgrades = []string{
	1: `ALTER TABLE device ADD COLUMN checked INTEGER NOT NULL DEFAULT 0;
		ALTER TABLE device ADD COLUMN check_resets TEXT NOT NULL DEFAULT '';
		ALTER TABLE outbox ADD COLUMN sealed TEXT NOT NULL DEFAULT '';
		ALTER TABLE lineage ADD COLUMN key BLOB;`,
	2: `ALTER TABLE device ADD COLUMN wiping INTEGER NOT NULL DEFAULT 0;`,
}

// upgrade brings an older store to this version, in one transaction.
func (s *store) upgrade(version int64) error {
	if version == storeVersion {
		return nil
	}
	return s.tx(context.Background(), "upgrade store", func(tx *sql.Tx) error {
		for v := version; v < storeVersion; v++ {
			if _, err := tx.Exec(upgrades[v]); err != nil {
				return err
			}
		}
		_, err := tx.Exec(fmt.Sprintf("PRAGMA user_version = %d", storeVersion))
		return err
	})
}

// create makes the tables and marks the file as ours in one transaction: a
// crash leaves an empty file, which the next start takes up.
func (s *store) create() error {
	return s.tx(context.Background(), "make store", func(tx *sql.Tx) error {
		for _, q := range []string{schemaSQL,
			fmt.Sprintf("PRAGMA application_id = %d", storeMark),
			fmt.Sprintf("PRAGMA user_version = %d", storeVersion)} {
			if _, err := tx.Exec(q); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *store) check() error {
	var result string
	if err := s.db.QueryRow("PRAGMA quick_check(1)").Scan(&result); err != nil {
		return storeError("check store", err)
	}
	if result != "ok" {
		return damaged(errors.New(result))
	}
	return nil
}

// close gives the lock back last.
func (s *store) close() error {
	var err error
	if s.db != nil {
		err = s.db.Close()
	}
	if s.lock != nil {
		err = errors.Join(err, s.lock.Close())
	}
	return err
}

// wiping tells whether the store was about to wipe itself: all that it held
// was handed in, and the server said so.
func (s *store) wiping() (yes bool, err error) {
	err = s.tx(context.Background(), "open store", func(tx *sql.Tx) error {
		return tx.QueryRow("SELECT coalesce(max(wiping), 0) FROM device").Scan(&yes)
	})
	return yes, err
}

// tx runs do in one transaction and commits it with an fsync. What goes wrong
// comes back as an *Error, and nothing of do is left.
func (s *store) tx(ctx context.Context, op string, do func(*sql.Tx) error) error {
	if s.gone.Load() {
		return wipedAlready()
	}
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return storeError(op, err)
	}
	defer tx.Rollback() // after a commit it does nothing
	if err := do(tx); err != nil {
		return storeError(op, err)
	}
	return storeError(op, tx.Commit())
}

// storeError tells a full disk from a damaged file from our own mistakes.
func storeError(op string, err error) error {
	if err == nil {
		return nil
	}
	var own *Error
	if errors.As(err, &own) {
		return err
	}
	err = fmt.Errorf("%s: %w", op, err)
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return err
	}
	switch e.Code() & 0xff {
	case 13, 10, 8, 14, 3: // FULL, IOERR, READONLY, CANTOPEN, PERM
		return diskError(err)
	case 26: // NOTADB
		return foreign("The file is not a device store.", err)
	case 11: // CORRUPT
		return damaged(err)
	case 5, 6: // BUSY, LOCKED: somebody opened the file without our lock
		return &Error{Kind: ErrLocked, Code: "store_locked", Message: "Another program has this store open.",
			Hint: "Close it and try again.", cause: err}
	}
	return err
}

func diskError(cause error) *Error {
	return &Error{Kind: ErrDisk, Code: "store_unwritable", Message: "The store cannot be written: the disk is full, or writing is not allowed.",
		Hint: "Make room or correct the permissions, then do it again. What was saved before is whole.", cause: cause}
}

func foreign(message string, cause error) *Error {
	return &Error{Kind: ErrStore, Code: "store_foreign", Message: message,
		Hint: "Name another file as the store. This one was not changed.", cause: cause}
}

func damaged(cause error) *Error {
	return &Error{Kind: ErrStore, Code: "store_damaged", Message: "The store is damaged.",
		Hint: "Keep a copy of the file for repair, and enrol this device anew with another store.", cause: cause}
}

func notEnrolled(message string) *Error {
	return &Error{Kind: ErrNotEnrolled, Code: "not_enrolled", Message: message,
		Hint: "Enrol this device first, with the address of the server and an invite."}
}

// state is the device row.
type state struct {
	id         string
	key        []byte
	name       string
	url        string
	token      string
	person     wire.Person
	sealKey    string
	limits     wire.Limits
	n          int64
	clock      hlc.Clock
	offset     *int64
	offsetAt   int64
	epoch      *string
	viewEpoch  *string
	mark       *string
	cursor     *string
	durableSeq int64
	generation int64
	resetting  bool
	acks       int64
	pulledAcks int64
	contact    int64
	contactURL string
	problem    string
	forkID     string
	forkKey    []byte
}

const stateColumns = `id, key, name, url, token, person, seal_key, limits, n, clock_ms, clock_count, offset_ms, offset_at,
	epoch, view_epoch, mark, cursor, durable_seq, generation, resetting, acks, pulled_acks,
	contact, contact_url, problem, fork_id, fork_key`

func loadState(ctx context.Context, tx *sql.Tx) (*state, error) {
	s := &state{limits: wire.DefaultLimits}
	var person, limits string
	err := tx.QueryRowContext(ctx, "SELECT "+stateColumns+" FROM device").Scan(&s.id, &s.key, &s.name, &s.url, &s.token, &person, &s.sealKey, &limits,
		&s.n, &s.clock.Last.Ms, &s.clock.Last.Counter, &s.offset, &s.offsetAt, &s.epoch, &s.viewEpoch, &s.mark, &s.cursor,
		&s.durableSeq, &s.generation, &s.resetting, &s.acks, &s.pulledAcks, &s.contact, &s.contactURL, &s.problem, &s.forkID, &s.forkKey)
	if err != nil {
		return nil, fmt.Errorf("read device: %w", err)
	}
	if person != "" {
		if err := json.Unmarshal([]byte(person), &s.person); err != nil {
			return nil, damaged(err)
		}
	}
	if limits != "" {
		if err := json.Unmarshal([]byte(limits), &s.limits); err != nil {
			return nil, damaged(err)
		}
	}
	return s, nil
}

// save writes back what exchanges and saves change; identity, token and person
// have statements of their own.
func (s *state) save(ctx context.Context, tx *sql.Tx) error {
	_, err := tx.ExecContext(ctx, `UPDATE device SET n = ?, clock_ms = ?, clock_count = ?, offset_ms = ?, offset_at = ?, epoch = ?,
		view_epoch = ?, mark = ?, cursor = ?, durable_seq = ?, generation = ?, resetting = ?, acks = ?, pulled_acks = ?,
		contact = ?, contact_url = ?, problem = ?`,
		s.n, s.clock.Last.Ms, s.clock.Last.Counter, s.offset, s.offsetAt, s.epoch,
		s.viewEpoch, s.mark, s.cursor, s.durableSeq, s.generation, s.resetting, s.acks, s.pulledAcks,
		s.contact, s.contactURL, s.problem)
	if err != nil {
		return fmt.Errorf("write device: %w", err)
	}
	return nil
}

// read runs do in a transaction that writes nothing and hands it the state.
func (s *store) read(ctx context.Context, op string, do func(*sql.Tx, *state) error) error {
	return s.tx(ctx, op, func(tx *sql.Tx) error {
		st, err := loadState(ctx, tx)
		if err != nil {
			return err
		}
		return do(tx, st)
	})
}
