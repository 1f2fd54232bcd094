package simulate

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"modernc.org/sqlite"

	"github.com/fieldpost/fieldpost/internal/prepared"
)

// errDead is what a process that is dead would have got from its disk: nothing.
// Nobody outside ever sees it, because a dead process answers nobody.
var errDead = errors.New("simulation: the process is dead")

// disk stands between a process and SQLite. It can end the process at a
// statement, and be full. What was committed when the process ended is what
// the next one finds: the files are copied at that moment, the write-ahead log
// included, as a kernel would keep them.
type disk struct {
	mu     sync.Mutex
	folder string // what a dead process leaves behind
	dead   bool
	image  string // the copy of folder that was made at the end
	writes int    // statements that may write so far
	killAt int    // the process ends at this one; 0: never
	late   bool   // and only after it, if it is a commit: done, and nobody knows
	full   bool

	// tamper breaks a rule, for planted faults: it sees a statement before
	// SQLite does and may replace it, or say that it was done.
	tamper func(query string, args []any) (instead string, skip bool)

	pools int           // opened so far
	held  chan struct{} // transactions of the writing pool wait for it
}

// open gives a pool whose connections go through the disk.
func (d *disk) open(source string) *sql.DB {
	d.pools++
	c := &connector{d, source, d.pools}
	if d.pools != writing {
		return sql.OpenDB(c)
	}
	// As the server has it: writes run beside the transaction, here from the third on.
	return sql.OpenDB(prepared.Connector{Below: below{c}, Source: source, Most: prepared.Most, Parcel: 3})
}

// connect is open for a device's store.
func (d *disk) connect(source string) (*sql.DB, error) { return d.open(source), nil }

// writing is the number of PocketBase's pool of one connection, through which
// all writes go: it is the second that is opened.
const writing = 2

// close lets transactions of the writing pool wait until release.
func (d *disk) close() { d.mu.Lock(); d.held = make(chan struct{}); d.mu.Unlock() }

func (d *disk) release() { d.mu.Lock(); close(d.held); d.held = nil; d.mu.Unlock() }

// arm ends the process at the k-th statement from now; late, after the commit
// that is or follows it.
func (d *disk) arm(k int, late bool) {
	d.mu.Lock()
	d.killAt, d.late = d.writes+max(k, 1), late
	d.mu.Unlock()
}

func (d *disk) setFull(full bool) { d.mu.Lock(); d.full = full; d.mu.Unlock() }

func (d *disk) disarm() { d.mu.Lock(); d.killAt = 0; d.mu.Unlock() }

type connector struct {
	d      *disk
	source string
	pool   int
}

// below is a connector as a driver.
type below struct{ c *connector }

func (b below) Open(string) (driver.Conn, error) { return b.c.Connect(context.Background()) }

func (c *connector) Driver() driver.Driver { return &sqlite.Driver{} }

func (c *connector) Connect(context.Context) (driver.Conn, error) {
	if c.d.isDead() {
		return nil, errDead
	}
	inner, err := (&sqlite.Driver{}).Open(c.source)
	if err != nil {
		return nil, err
	}
	return &conn{inner: inner.(sqliteConn), d: c.d, pool: c.pool, compiled: map[string][]sqliteStmt{}}, nil
}

func (d *disk) isDead() bool { d.mu.Lock(); defer d.mu.Unlock(); return d.dead }

// die ends the process now.
func (d *disk) die() error { d.mu.Lock(); defer d.mu.Unlock(); return d.dieLocked() }

func (d *disk) dieLocked() error {
	if d.dead {
		return nil
	}
	d.dead = true
	d.image = d.folder + ".image"
	return copyFolder(d.folder, d.image)
}

// step counts a statement. after tells that it is over.
func (d *disk) step(query string, after bool) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.dead {
		return errDead
	}
	if !writes(query) {
		return nil
	}
	if !after {
		d.writes++
	}
	if d.killAt == 0 || d.writes < d.killAt || after != d.late {
		return nil
	}
	return errors.Join(errDead, d.dieLocked())
}

// writes tells whether a statement may change the file. Reads are no points at
// which a crash makes a difference.
func writes(query string) bool {
	q := strings.TrimSpace(query)
	return len(q) < 6 || !strings.EqualFold(q[:6], "SELECT")
}

type sqliteConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.Pinger
	driver.SessionResetter
	driver.Validator
}

type conn struct {
	inner sqliteConn
	d     *disk
	pool  int
	full  bool

	compiled map[string][]sqliteStmt // those that are not in use
}

// before is asked ahead of each statement.
func (c *conn) before(query string, args []driver.NamedValue) (string, bool, error) {
	if err := c.d.step(query, false); err != nil {
		return query, false, err
	}
	if err := c.fill(); err != nil {
		return query, false, err
	}
	if c.d.tamper != nil {
		values := make([]any, len(args))
		for i, a := range args {
			values[i] = a.Value
		}
		if instead, skip := c.d.tamper(query, values); skip || instead != "" {
			return instead, skip, nil
		}
	}
	return query, false, nil
}

// fill makes the file's limit what it is now, or lifts it again: SQLite itself
// then says that the disk is full.
func (c *conn) fill() error {
	c.d.mu.Lock()
	full := c.d.full
	c.d.mu.Unlock()
	if full == c.full {
		return nil
	}
	c.full = full
	limit := int64(1 << 30)
	if full {
		limit = 1 // SQLite takes the present size for it
	}
	_, err := c.inner.ExecContext(context.Background(), fmt.Sprintf("PRAGMA max_page_count = %d", limit), nil)
	return err
}

func (c *conn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	query, skip, err := c.before(query, args)
	if err != nil {
		return nil, err
	}
	if skip {
		return driver.RowsAffected(1), nil
	}
	if !kept(query) {
		return c.inner.ExecContext(ctx, query, args)
	}
	s, free, err := c.take(ctx, query)
	if err != nil {
		return nil, err
	}
	defer free()
	return s.ExecContext(ctx, args)
}

func (c *conn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	query, _, err := c.before(query, args)
	if err != nil {
		return nil, err
	}
	if !kept(query) {
		return c.inner.QueryContext(ctx, query, args)
	}
	s, free, err := c.take(ctx, query)
	if err != nil {
		return nil, err
	}
	rows, err := s.QueryContext(ctx, args)
	if err != nil {
		free()
		return nil, err
	}
	return &results{rows.(sqliteRows), free}, nil
}

// sqliteRows is all that SQLite's rows can tell.
type sqliteRows interface {
	driver.Rows
	driver.RowsColumnTypeDatabaseTypeName
	driver.RowsColumnTypeLength
	driver.RowsColumnTypeNullable
	driver.RowsColumnTypePrecisionScale
	driver.RowsColumnTypeScanType
}

// results give their statement back when they are closed.
type results struct {
	sqliteRows
	free func()
}

func (r *results) Close() error { defer r.free(); return r.sqliteRows.Close() }

// kept tells which statements stay compiled. Compiling them anew, as
// PocketBase's query builder does, would be a third of a run.
func kept(query string) bool {
	q := strings.TrimSpace(query)
	for _, verb := range []string{"SELECT", "INSERT", "UPDATE", "DELETE", "WITH"} {
		if len(q) > len(verb) && strings.EqualFold(q[:len(verb)], verb) {
			return !strings.Contains(strings.TrimRight(q, "; \n"), ";")
		}
	}
	return false
}

// take gives a compiled statement, and what gives it back.
func (c *conn) take(ctx context.Context, query string) (sqliteStmt, func(), error) {
	if list := c.compiled[query]; len(list) > 0 {
		s := list[len(list)-1]
		c.compiled[query] = list[:len(list)-1]
		return s, func() { c.compiled[query] = append(c.compiled[query], s) }, nil
	}
	inner, err := c.inner.PrepareContext(ctx, query)
	if err != nil {
		return nil, nil, err
	}
	s := inner.(sqliteStmt)
	return s, func() { c.compiled[query] = append(c.compiled[query], s) }, nil
}

func (c *conn) Prepare(query string) (driver.Stmt, error) {
	return c.PrepareContext(context.Background(), query)
}

func (c *conn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	if c.d.isDead() {
		return nil, errDead
	}
	return &stmt{c: c, query: query}, nil
}

func (c *conn) Begin() (driver.Tx, error) {
	return c.BeginTx(context.Background(), driver.TxOptions{})
}

func (c *conn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	c.d.mu.Lock()
	held := c.d.held
	c.d.mu.Unlock()
	if held != nil && c.pool == writing {
		<-held
	}
	if _, _, err := c.before("BEGIN", nil); err != nil {
		return nil, err
	}
	inner, err := c.inner.BeginTx(ctx, opts)
	if err != nil {
		return nil, err
	}
	return &transaction{inner, c}, nil
}

func (c *conn) ResetSession(ctx context.Context) error { return c.inner.ResetSession(ctx) }
func (c *conn) IsValid() bool                          { return c.inner.IsValid() }
func (c *conn) Ping(ctx context.Context) error         { return c.inner.Ping(ctx) }

// Close lets go of the statements first.
func (c *conn) Close() error {
	var errs []error
	for _, list := range c.compiled {
		for _, s := range list {
			errs = append(errs, s.Close())
		}
	}
	return errors.Join(append(errs, c.inner.Close())...)
}

type sqliteStmt interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

// stmt is a prepared statement; the connection keeps what is compiled.
type stmt struct {
	c     *conn
	query string
}

func (s *stmt) Close() error  { return nil }
func (s *stmt) NumInput() int { return -1 }

func (s *stmt) Exec([]driver.Value) (driver.Result, error) { return nil, errors.ErrUnsupported }
func (s *stmt) Query([]driver.Value) (driver.Rows, error)  { return nil, errors.ErrUnsupported }

func (s *stmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	return s.c.ExecContext(ctx, s.query, args)
}

func (s *stmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	return s.c.QueryContext(ctx, s.query, args)
}

type transaction struct {
	inner driver.Tx
	c     *conn
}

func (t *transaction) Commit() error {
	_, skip, err := t.c.before("COMMIT", nil)
	if err != nil {
		return errors.Join(err, t.inner.Rollback())
	}
	if skip { // a planted fault: said to be done, and not done
		return t.inner.Rollback()
	}
	if err := t.inner.Commit(); err != nil {
		return err
	}
	return t.c.d.step("COMMIT", true)
}

// Rollback works for the dead too: it is what the next start would find.
func (t *transaction) Rollback() error { return t.inner.Rollback() }

// copyFolder copies the files of a folder, as they are at this moment.
func copyFolder(from, to string) error {
	if err := os.RemoveAll(to); err != nil {
		return err
	}
	return filepath.WalkDir(from, func(path string, e os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, name)
		switch {
		case e.IsDir():
			return os.MkdirAll(target, 0o700)
		case !e.Type().IsRegular() || strings.HasSuffix(name, "-shm") || strings.HasSuffix(name, ".lock"):
			return nil // rebuilt by who opens the file
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(target, raw, 0o600)
	})
}

// putBack makes a folder hold what another holds, file by file: a process that
// died leaves its files where they were.
func putBack(image, folder string) error {
	var gone []string
	err := filepath.WalkDir(folder, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		name, err := filepath.Rel(folder, path)
		if err != nil {
			return err
		}
		if _, err := os.Stat(filepath.Join(image, name)); errors.Is(err, os.ErrNotExist) {
			gone = append(gone, path)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, path := range gone {
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	return filepath.WalkDir(image, func(path string, e os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(image, path)
		if err != nil {
			return err
		}
		if e.IsDir() {
			return os.MkdirAll(filepath.Join(folder, name), 0o700)
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(folder, name), raw, 0o600) // the file stays the same one
	})
}
