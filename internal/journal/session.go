package journal

import (
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/pocketbase/dbx"

	"github.com/fieldpost/fieldpost/internal/prepared"
)

// Statements keeps statements prepared for the one connection that writes, from
// one transaction to the next: to prepare one costs more than to run it. Their
// texts are those of the program, a bounded number; never put a value into one.
// When the schema changes SQLite prepares them anew by itself.
type Statements struct {
	mu     sync.Mutex
	db     *sql.DB
	kept   map[string]*sql.Stmt
	wanted map[string]bool
}

// Ready prepares what the transactions so far have asked for. It is called
// outside of any transaction: a transaction holds the only connection, and to
// prepare needs one. A text that cannot be prepared is forgotten; whoever runs
// it meets the error.
func (s *Statements) Ready(db *sql.DB) {
	s.mu.Lock()
	if s.db != db { // opened anew: the old ones went with the old pool
		s.db, s.kept, s.wanted = db, map[string]*sql.Stmt{}, map[string]bool{}
	}
	texts := slices.Collect(maps.Keys(s.wanted))
	clear(s.wanted)
	s.mu.Unlock()
	for _, text := range texts {
		stmt, err := db.Prepare(text)
		if err != nil {
			continue
		}
		s.mu.Lock()
		if s.db == db && s.kept[text] == nil {
			s.kept[text], stmt = stmt, nil
		}
		s.mu.Unlock()
		if stmt != nil {
			_ = stmt.Close() // not used, so there is nothing to lose
		}
	}
}

// find gives a kept statement, nil when it is to be prepared in the transaction
// this time.
func (s *Statements) find(text string) *sql.Stmt {
	s.mu.Lock()
	defer s.mu.Unlock()
	stmt := s.kept[text]
	if stmt == nil && s.wanted != nil {
		s.wanted[text] = true
	}
	return stmt
}

// Session runs statements in one transaction; each text is prepared at most
// once. It is not safe for several goroutines.
type Session struct {
	ex     dbx.Executor
	tx     *sql.Tx // nil: not a transaction
	kept   *Statements
	live   map[string]*sql.Stmt
	beside bool // writes may run beside whoever makes them
}

// NewSession begins a session in a transaction that the caller opened. kept may
// be nil; else its Ready was called for the pool that the transaction is of.
func NewSession(db DB, kept *Statements) *Session {
	s := &Session{ex: Below(db), kept: kept, live: map[string]*sql.Stmt{}}
	s.tx, _ = s.ex.(*sql.Tx)
	return s
}

// Below is what is below a database or transaction of dbx, which builds its
// parameters from maps; nil: nothing is known of it.
func Below(db DB) dbx.Executor {
	var b dbx.Builder
	switch x := db.(type) {
	case *dbx.Tx:
		b = x.Builder
	case *dbx.DB:
		b = x.Builder
	}
	if e, ok := b.(interface{ Executor() dbx.Executor }); ok {
		return e.Executor()
	}
	return nil
}

func (s *Session) stmt(text string) (*sql.Stmt, error) {
	if stmt := s.live[text]; stmt != nil {
		return stmt, nil
	}
	if s.kept != nil && s.tx != nil {
		if kept := s.kept.find(text); kept != nil {
			stmt := s.tx.Stmt(kept)
			s.live[text] = stmt
			return stmt, nil
		}
	}
	if s.ex == nil {
		return nil, errors.New("prepare: no database below")
	}
	stmt, err := s.ex.Prepare(text)
	if err != nil {
		return nil, err
	}
	s.live[text] = stmt
	return stmt, nil
}

// Exec runs a statement with its values in the order of its question marks.
func (s *Session) Exec(text string, args ...any) (sql.Result, error) {
	stmt, err := s.stmt(text)
	if err != nil {
		return nil, err
	}
	return stmt.Exec(args...)
}

// Beside lets the writes of Later run while the transaction goes on: for who
// writes much that nobody reads before the commit.
func (s *Session) Beside() *Session {
	s.beside = s.tx != nil
	return s
}

// Later runs a write whose outcome is not waited for (see prepared.Later): its
// error may come from any statement after it, or from the commit. one is the
// error of a write that does not change exactly one row, nil: it may change any
// number. The caller does not change the values after the call.
func (s *Session) Later(one error, text string, args ...any) error {
	var res sql.Result
	var err error
	if s.beside {
		res, err = s.tx.ExecContext(prepared.Later(one), text, args...)
	} else {
		res, err = s.Exec(text, args...)
	}
	if err != nil || one == nil {
		return err
	}
	n, err := res.RowsAffected()
	if err == nil && n != 1 {
		err = one
	}
	return err
}

// Query runs a query. The caller closes the rows before the next statement.
func (s *Session) Query(text string, args ...any) (*sql.Rows, error) {
	stmt, err := s.stmt(text)
	if err != nil {
		return nil, err
	}
	return stmt.Query(args...)
}

// Row reads the first row of a query; sql.ErrNoRows when there is none.
func (s *Session) Row(text string, args []any, into ...any) error {
	rows, err := s.Query(text, args...)
	if err != nil {
		return err
	}
	return firstRow(rows, into)
}

func firstRow(rows *sql.Rows, into []any) error {
	err := sql.ErrNoRows
	if rows.Next() {
		err = rows.Scan(into...)
	} else if e := rows.Err(); e != nil {
		err = e
	}
	if e := rows.Close(); err == nil {
		err = e
	}
	return err
}

// Close frees the statements; call it before the transaction ends.
func (s *Session) Close() error {
	var errs []error
	for _, stmt := range s.live {
		errs = append(errs, stmt.Close())
	}
	clear(s.live)
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("close statements: %w", err)
	}
	return nil
}
