// Package prepared keeps SQL statements prepared on their connection. To prepare
// a statement costs SQLite more than to run most of ours, and whoever builds
// texts anew for each request (PocketBase does) cannot keep them.
//
// It stands between database/sql and the driver, so that nobody who asks has to
// know: a text that a connection has met lately is not prepared again. What
// SQLite does when the schema changes under a prepared statement (it prepares it
// anew, with its new columns) holds here as well. A limit that is a bare question
// mark is planned by its value, and so prepared anew with each: write ?+0.
//
// Writes of a transaction may also run beside whoever makes them: see Later.
package prepared

import (
	"container/list"
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Most is how many statements each connection keeps: those that were used last.
const Most = 100

// Open opens a database of a registered driver. Its connections keep at most
// `most` statements each.
func Open(driverName, source string, most int) (*sql.DB, error) {
	plain, err := sql.Open(driverName, source) // opens no connection; it tells the driver
	if err != nil {
		return nil, err
	}
	d := plain.Driver()
	if err := plain.Close(); err != nil {
		return nil, err
	}
	return sql.OpenDB(Connector{Below: d, Source: source, Most: most}), nil
}

// Connector makes connections that keep their statements.
type Connector struct {
	Below  driver.Driver
	Source string
	Most   int
	// Asked is told each text that is run, for who counts them; nil: nobody.
	Asked func(text string)
	// Parcel is how many writes of Later go to the other goroutine at a time; 0:
	// as many as are worth it. The simulation has few, and wants them to go.
	Parcel int
}

// Driver is the driver below.
func (c Connector) Driver() driver.Driver { return c.Below }

// Connect opens a connection.
func (c Connector) Connect(context.Context) (driver.Conn, error) {
	raw, err := c.Below.Open(c.Source)
	if err != nil {
		return nil, err
	}
	inner, ok := raw.(inner)
	if !ok {
		return nil, errors.Join(fmt.Errorf("keep statements: %T can't", raw), raw.Close())
	}
	parcel := c.Parcel
	if parcel == 0 {
		parcel = handOver
	}
	return &conn{inner: inner, most: c.Most, asked: c.Asked, parcel: parcel, kept: map[string]*list.Element{}, order: list.New()}, nil
}

// inner is what a driver's connection has to be able to do.
type inner interface {
	driver.Conn
	driver.ConnPrepareContext
	driver.ConnBeginTx
	driver.ExecerContext
	driver.QueryerContext
	driver.Pinger
	driver.SessionResetter
	driver.Validator
}

// statement is what its statements have to be able to do.
type statement interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

// conn is a connection with what it keeps. database/sql sees to it that one
// goroutine at a time uses a connection, its rows included.
type conn struct {
	inner
	most    int
	asked   func(text string)
	parcel  int
	kept    map[string]*list.Element // of *kept
	order   *list.List               // last used first
	reading int                      // rows that are open
	lane    lane
}

type kept struct {
	text string
	stmt statement
	busy bool // its rows are being read
}

// Close closes what is kept with the connection.
func (c *conn) Close() error {
	errs := []error{c.arrive()}
	for e := c.order.Front(); e != nil; e = e.Next() {
		errs = append(errs, e.Value.(*kept).stmt.Close())
	}
	c.order.Init()
	clear(c.kept)
	return errors.Join(append(errs, c.inner.Close())...)
}

// longest is the length, in bytes, of what is worth keeping: texts with hundreds
// of values in them do not come again.
const longest = 8 << 10

// keeps tells whether a text is worth keeping. Texts that change the schema, the
// connection or the transaction are run once, and as they are.
func keeps(text string) bool {
	if len(text) > longest {
		return false
	}
	text = strings.TrimLeft(text, " \t\r\n")
	if len(text) < 6 {
		return false
	}
	switch strings.ToUpper(text[:6]) {
	case "SELECT", "INSERT", "UPDATE", "DELETE":
		return true
	}
	return strings.EqualFold(text[:5], "WITH ")
}

// take gives the statement of a text, nil when it is not to be kept or stands in
// the middle of its rows. The caller gives it back by done.
func (c *conn) take(ctx context.Context, text string) (*kept, error) {
	if c.asked != nil {
		c.asked(text)
	}
	if e, ok := c.kept[text]; ok {
		k := e.Value.(*kept)
		if k.busy {
			return nil, nil
		}
		c.order.MoveToFront(e)
		k.busy = true
		return k, nil
	}
	if !keeps(text) {
		return nil, nil
	}
	if err := c.makeRoom(); err != nil {
		return nil, err
	}
	raw, err := c.inner.PrepareContext(ctx, text)
	if err != nil {
		return nil, err
	}
	stmt, ok := raw.(statement)
	if !ok {
		return nil, raw.Close()
	}
	k := &kept{text: text, stmt: stmt, busy: true}
	c.kept[text] = c.order.PushFront(k)
	return k, nil
}

// makeRoom closes what was not used for longest.
func (c *conn) makeRoom() error {
	for e := c.order.Back(); e != nil && c.order.Len() >= c.most; {
		k := e.Value.(*kept)
		e = e.Prev()
		if k.busy {
			continue
		}
		if err := c.drop(k); err != nil {
			return err
		}
	}
	return nil
}

// done gives a statement back. One that failed is not kept: what state it is in
// is not to be guessed.
func (c *conn) done(k *kept, failed error) error {
	k.busy = false
	if failed == nil {
		return nil
	}
	return c.drop(k)
}

func (c *conn) drop(k *kept) error {
	if e, ok := c.kept[k.text]; ok && e.Value == k {
		delete(c.kept, k.text)
		c.order.Remove(e)
	}
	return k.stmt.Close()
}

// ExecContext runs a statement that gives no rows.
func (c *conn) ExecContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Result, error) {
	if l, ok := ctx.(later); ok {
		return c.later(l, text, args)
	}
	if err := c.arrive(); err != nil {
		return nil, err
	}
	k, err := c.take(ctx, text)
	if err != nil {
		return nil, err
	}
	if k == nil {
		return c.inner.ExecContext(ctx, text, args)
	}
	result, err := k.stmt.ExecContext(ctx, args)
	if end := c.done(k, err); err == nil {
		err = end
	}
	return result, err
}

// QueryContext runs a query; its statement is busy until the rows are closed.
func (c *conn) QueryContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Rows, error) {
	if err := c.arrive(); err != nil {
		return nil, err
	}
	k, err := c.take(ctx, text)
	if err != nil {
		return nil, err
	}
	if k == nil {
		found, err := c.inner.QueryContext(ctx, text, args)
		return c.open(found, nil, err)
	}
	found, err := k.stmt.QueryContext(ctx, args)
	return c.open(found, k, err)
}

// open gives the rows of a query, counted while they are read. k is the kept
// statement that they are of; nil: it is not kept.
func (c *conn) open(found driver.Rows, k *kept, err error) (driver.Rows, error) {
	if err == nil {
		typed, ok := found.(typedRows)
		if ok {
			c.reading++
			return &rows{typedRows: typed, conn: c, kept: k}, nil
		}
		err = errors.Join(fmt.Errorf("keep statements: rows of %T can't", found), found.Close())
	}
	if k != nil {
		_ = c.done(k, err) // the first error says more
	}
	return nil, err
}

// typedRows is all that SQLite's rows can tell.
type typedRows interface {
	driver.Rows
	driver.RowsColumnTypeDatabaseTypeName
	driver.RowsColumnTypeLength
	driver.RowsColumnTypeNullable
	driver.RowsColumnTypePrecisionScale
	driver.RowsColumnTypeScanType
}

type rows struct {
	typedRows
	conn   *conn
	kept   *kept
	failed error
	closed bool
}

func (r *rows) Next(into []driver.Value) error {
	err := r.typedRows.Next(into)
	if err != nil && err != io.EOF {
		r.failed = err
	}
	return err
}

// Close gives the statement back, once.
func (r *rows) Close() error {
	if r.closed {
		return nil
	}
	r.closed = true
	r.conn.reading--
	err := r.typedRows.Close()
	if err != nil {
		r.failed = err
	}
	if r.kept == nil {
		return err
	}
	if end := r.conn.done(r.kept, r.failed); err == nil {
		err = end
	}
	return err
}
