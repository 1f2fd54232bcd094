package prepared

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
)

// Later makes a context for the Exec of a write whose outcome its caller does
// not wait for. Inside of a transaction the connection then runs it beside the
// caller, in the order in which the writes were made, and whatever else is asked
// of the connection first waits for all of them: nobody reads what was not
// written yet, and the commit is the commit of all of it.
//
// A write that fails shows at the next that waits, at the latest at the commit,
// which then rolls back. one is the error of a write that does not change exactly
// one row; nil: it may change any number.
//
// The caller must not change a []byte among the values after the call. Outside
// of a transaction, while rows are read, and on another driver's connections the
// write runs at once; there the caller compares the rows itself.
func Later(one error) context.Context { return later{context.Background(), one} }

type later struct {
	context.Context
	one error
}

// handOver is how many writes go to the other goroutine at a time: to wake it
// costs more than one of them. Fewer than that, and somebody waits for them,
// run where they are.
const handOver = 32

// ahead is how many such parcels may wait.
const ahead = 16

// lane is what a connection writes beside its user. All but run is the user's
// side, which database/sql keeps to one goroutine at a time.
type lane struct {
	within  bool         // a transaction
	parcel  []write      // not handed over yet
	way     chan []write // to the other goroutine; nil: there is none
	arrived chan struct{}
	failed  failure // the other goroutine's until it has arrived
}

type write struct {
	k    *kept
	args []driver.NamedValue
	one  error
}

type failure struct {
	k   *kept
	err error
}

// promised is the result of a write that has not run yet: it will have changed
// one row, or the transaction fails.
type promised struct{ one bool }

var errPromised = errors.New("the write has not run yet")

func (promised) LastInsertId() (int64, error) { return 0, errPromised }
func (p promised) RowsAffected() (int64, error) {
	if p.one {
		return 1, nil
	}
	return 0, errPromised
}

func (c *conn) later(l later, text string, args []driver.NamedValue) (driver.Result, error) {
	e, ok := c.kept[text]
	if !ok || !c.lane.within || c.reading > 0 {
		return c.ExecContext(l.Context, text, args) // and is kept for the next
	}
	if c.asked != nil {
		c.asked(text)
	}
	c.order.MoveToFront(e)
	c.lane.parcel = append(c.lane.parcel, write{e.Value.(*kept), args, l.one})
	if len(c.lane.parcel) < c.parcel {
		return promised{l.one != nil}, nil
	}
	if c.lane.way == nil {
		c.lane.way, c.lane.arrived = make(chan []write, ahead), make(chan struct{})
		go c.lane.run(c.lane.way, c.lane.arrived)
	}
	c.lane.way <- c.lane.parcel
	c.lane.parcel = make([]write, 0, c.parcel)
	return promised{l.one != nil}, nil
}

// run is the other goroutine. After a failure nothing more is written.
func (l *lane) run(way <-chan []write, arrived chan<- struct{}) {
	defer close(arrived)
	for parcel := range way {
		l.do(parcel)
	}
}

func (l *lane) do(parcel []write) {
	for i := range parcel {
		if l.failed.err != nil {
			return
		}
		w := &parcel[i]
		if err := w.do(); err != nil {
			l.failed = failure{w.k, err}
		}
	}
}

func (w *write) do() (err error) {
	defer func() {
		if r := recover(); r != nil { // whoever waits for it takes it up; here nobody would
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	result, err := w.k.stmt.ExecContext(context.Background(), w.args)
	if err != nil || w.one == nil {
		return err
	}
	if n, err := result.RowsAffected(); err != nil || n != 1 {
		return errors.Join(w.one, err)
	}
	return nil
}

// arrive waits for the writes that run beside, and gives the error of the first
// that failed, until the transaction ends.
func (c *conn) arrive() error {
	l := &c.lane
	if l.way != nil {
		if len(l.parcel) > 0 {
			l.way <- l.parcel
		}
		close(l.way)
		<-l.arrived
		l.way, l.arrived, l.parcel = nil, nil, nil
	} else if len(l.parcel) > 0 {
		l.do(l.parcel)
		l.parcel = l.parcel[:0]
	}
	if l.failed.k != nil { // in what state it is is not to be guessed
		k := l.failed.k
		l.failed.k = nil
		l.failed.err = errors.Join(l.failed.err, c.drop(k))
	}
	return l.failed.err
}

// end is the end of a transaction.
func (c *conn) end() { c.lane.within, c.lane.failed = false, failure{} }

// BeginTx begins a transaction, in which writes may run beside.
func (c *conn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	if err := c.arrive(); err != nil {
		return nil, err
	}
	tx, err := c.inner.BeginTx(ctx, opts)
	if err != nil {
		return nil, err
	}
	c.lane.within = true
	return transaction{tx, c}, nil
}

type transaction struct {
	driver.Tx
	c *conn
}

// Commit commits when all writes have arrived, and rolls back when one failed.
func (t transaction) Commit() error {
	defer t.c.end()
	if err := t.c.arrive(); err != nil {
		return errors.Join(err, t.Tx.Rollback())
	}
	return t.Tx.Commit()
}

// Rollback takes back what was written, and does not begin what was not.
func (t transaction) Rollback() error {
	defer t.c.end()
	t.c.lane.parcel = nil
	_ = t.c.arrive() // nothing of it stands, so there is nothing to tell
	return t.Tx.Rollback()
}

// PrepareContext prepares a statement for a user of their own.
func (c *conn) PrepareContext(ctx context.Context, text string) (driver.Stmt, error) {
	if err := c.arrive(); err != nil {
		return nil, err
	}
	raw, err := c.inner.PrepareContext(ctx, text)
	if err != nil {
		return nil, err
	}
	s, ok := raw.(statement)
	if !ok {
		return nil, errors.Join(fmt.Errorf("keep statements: %T can't", raw), raw.Close())
	}
	return own{s, c}, nil
}

// Prepare is PrepareContext.
func (c *conn) Prepare(text string) (driver.Stmt, error) {
	return c.PrepareContext(context.Background(), text)
}

// Ping asks the connection when all writes have arrived.
func (c *conn) Ping(ctx context.Context) error {
	if err := c.arrive(); err != nil {
		return err
	}
	return c.inner.Ping(ctx)
}

// own is a statement that its user prepared.
type own struct {
	statement
	c *conn
}

func (s own) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	if err := s.c.arrive(); err != nil {
		return nil, err
	}
	return s.statement.ExecContext(ctx, args)
}

func (s own) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	if err := s.c.arrive(); err != nil {
		return nil, err
	}
	found, err := s.statement.QueryContext(ctx, args)
	return s.c.open(found, nil, err)
}

// Close waits: what runs beside may be running on the same connection.
func (s own) Close() error {
	_ = s.c.arrive() // whoever ends the transaction is told
	return s.statement.Close()
}
