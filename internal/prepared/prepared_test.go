package prepared_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"

	_ "modernc.org/sqlite" // what is tested over

	"github.com/fieldpost/fieldpost/internal/prepared"
)

// counting counts what is prepared below.
type counting struct {
	driver.Driver
	prepared, open *atomic.Int64
}

type below interface {
	driver.Conn
	driver.ConnPrepareContext
	driver.ConnBeginTx
	driver.ExecerContext
	driver.QueryerContext
	driver.Pinger
	driver.SessionResetter
	driver.Validator
}

type connection struct {
	below
	d counting
}

type statement struct {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
	open *atomic.Int64
}

func (d counting) Open(name string) (driver.Conn, error) {
	c, err := d.Driver.Open(name)
	if err != nil {
		return nil, err
	}
	return connection{c.(below), d}, nil
}

func (c connection) PrepareContext(ctx context.Context, text string) (driver.Stmt, error) {
	s, err := c.below.PrepareContext(ctx, text)
	if err != nil {
		return nil, err
	}
	c.d.prepared.Add(1)
	c.d.open.Add(1)
	return statement{s, s.(driver.StmtExecContext), s.(driver.StmtQueryContext), c.d.open}, nil
}

func (s statement) Close() error { s.open.Add(-1); return s.Stmt.Close() }

// open gives a database of one connection, and its counts.
func open(t *testing.T, most int) (*sql.DB, counting) {
	t.Helper()
	plain, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		t.Fatal(err)
	}
	d := counting{plain.Driver(), &atomic.Int64{}, &atomic.Int64{}}
	if err := plain.Close(); err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(prepared.Connector{Below: d, Source: filepath.Join(t.TempDir(), "x.db") + "?_pragma=journal_mode(WAL)", Most: most})
	db.SetMaxOpenConns(1)
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
		if n := d.open.Load(); n != 0 {
			t.Errorf("%d statements outlive their connection", n)
		}
	})
	for _, text := range []string{"CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT UNIQUE)", "INSERT INTO t VALUES (1,'x'), (2,'y')"} {
		if _, err := db.Exec(text); err != nil {
			t.Fatal(err)
		}
	}
	d.prepared.Store(0)
	return db, d
}

func all(t *testing.T, db interface {
	Query(string, ...any) (*sql.Rows, error)
}, text string, args ...any) (names []string, values []string) {
	t.Helper()
	rows, err := db.Query(text, args...)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	if names, err = rows.Columns(); err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		row := make([]any, len(names))
		into := make([]any, len(names))
		for i := range row {
			into[i] = &row[i]
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		values = append(values, fmt.Sprint(row...))
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return names, values
}

func TestPrepared(t *testing.T) {
	t.Run("[HOUSE] a text is prepared once, in and out of transactions, with the values of each time", func(t *testing.T) {
		db, d := open(t, 10)
		for a := range 5 {
			_, got := all(t, db, "SELECT b FROM t WHERE a=?", a)
			if want := map[int]string{1: "[x]", 2: "[y]"}[a]; fmt.Sprint(got) != want && !(want == "" && len(got) == 0) {
				t.Fatal(a, got)
			}
			tx, err := db.Begin()
			if err != nil {
				t.Fatal(err)
			}
			_, _ = all(t, tx, "SELECT b FROM t WHERE a=?", a)
			if _, err := tx.Exec("INSERT INTO t (a) VALUES (?)", a+10); err != nil {
				t.Fatal(err)
			}
			if err := tx.Commit(); err != nil {
				t.Fatal(err)
			}
		}
		if n := d.prepared.Load(); n != 2 {
			t.Fatal(n)
		}
	})
	t.Run("[HOUSE] who asks the same in the middle of its rows gets rows of their own", func(t *testing.T) {
		db, _ := open(t, 10)
		tx, err := db.Begin()
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = tx.Rollback() }()
		const text = "SELECT a FROM t ORDER BY a"
		rows, err := tx.Query(text)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		var seen []int
		for rows.Next() {
			var a int
			if err := rows.Scan(&a); err != nil {
				t.Fatal(err)
			}
			seen = append(seen, a)
			if _, inner := all(t, tx, text); fmt.Sprint(inner) != "[1 2]" {
				t.Fatal(inner)
			}
		}
		if fmt.Sprint(seen) != "[1 2]" {
			t.Fatal(seen)
		}
	})
	t.Run("[HOUSE] a table that was changed is read with its new columns", func(t *testing.T) {
		db, d := open(t, 10)
		_, before := all(t, db, "SELECT * FROM t WHERE a=1")
		if _, err := db.Exec("ALTER TABLE t ADD COLUMN c TEXT DEFAULT 'new'"); err != nil {
			t.Fatal(err)
		}
		names, after := all(t, db, "SELECT * FROM t WHERE a=1")
		if fmt.Sprint(before, names, after) != "[1x] [a b c] [1xnew]" {
			t.Fatalf("%v %v %v", before, names, after)
		}
		if n := d.prepared.Load(); n != 1 {
			t.Fatal(n)
		}
	})
	t.Run("[HOUSE] what failed is prepared anew, and works then", func(t *testing.T) {
		db, d := open(t, 10)
		const text = "INSERT INTO t (b) VALUES (?)"
		if _, err := db.Exec(text, "x"); err == nil {
			t.Fatal("a second x")
		}
		for _, b := range []string{"z", "zz"} {
			if _, err := db.Exec(text, b); err != nil {
				t.Fatal(err)
			}
		}
		if _, got := all(t, db, "SELECT count(*) FROM t"); fmt.Sprint(got) != "[4]" || d.prepared.Load() != 3 {
			t.Fatal(got, d.prepared.Load())
		}
	})
	t.Run("[HOUSE] no more are kept than were asked for, and those that were used last", func(t *testing.T) {
		db, d := open(t, 3)
		for i := range 20 {
			_, _ = all(t, db, "SELECT a FROM t WHERE a=1")
			_, _ = all(t, db, fmt.Sprintf("SELECT a FROM t WHERE a=%d", i+100))
			if n := d.open.Load(); n > 3 {
				t.Fatal(n)
			}
		}
		if n := d.prepared.Load(); n != 21 {
			t.Fatal(n)
		}
	})
	t.Run("[HOUSE] what is kept holds nobody up: rows that were left half read are let go of", func(t *testing.T) {
		db, _ := open(t, 10)
		rows, err := db.Query("SELECT a FROM t")
		if err != nil {
			t.Fatal(err)
		}
		if !rows.Next() {
			t.Fatal("no row")
		}
		if err := rows.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := db.Exec("DROP TABLE t"); err != nil { // locked, while somebody reads
			t.Fatal(err)
		}
		if _, err := db.Query("SELECT a FROM t"); err == nil {
			t.Fatal("the table is gone")
		}
	})
	t.Run("[HOUSE] what changes the connection or the schema is run as it is", func(t *testing.T) {
		db, d := open(t, 10)
		for _, text := range []string{"PRAGMA user_version", " VACUUM", "CREATE TABLE u (a)", "BEGIN", "COMMIT", "x"} {
			_, _ = db.Exec(text) // the last one fails either way
		}
		if n := d.prepared.Load(); n != 0 {
			t.Fatal(n)
		}
	})
}
