package prepared_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fieldpost/fieldpost/internal/prepared"
)

var errOne = errors.New("not one row")

const (
	insertT = "INSERT INTO t (a,b) VALUES (?,?)"
	onlyNew = "INSERT INTO t (a,b) VALUES (?,?) ON CONFLICT DO NOTHING"
	countT  = "SELECT count(*) FROM t"
)

// begin begins a transaction that has met the texts of the tests before.
func begin(t *testing.T, db *sql.DB) *sql.Tx {
	t.Helper()
	for _, text := range []string{insertT, onlyNew} {
		if _, err := db.Exec(text, -time.Now().UnixNano(), nil); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := db.Exec("DELETE FROM t WHERE a<0"); err != nil {
		t.Fatal(err)
	}
	tx, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tx.Rollback() })
	return tx
}

func later(t *testing.T, tx *sql.Tx, one error, text string, args ...any) {
	t.Helper()
	if _, err := tx.ExecContext(prepared.Later(one), text, args...); err != nil {
		t.Fatal(err)
	}
}

func count(t *testing.T, db interface {
	Query(string, ...any) (*sql.Rows, error)
}) string {
	t.Helper()
	_, got := all(t, db, countT)
	return fmt.Sprint(got)
}

func TestLater(t *testing.T) {
	for _, n := range []int{1, 31, 32, 33, 2000} {
		t.Run(fmt.Sprintf("[HOUSE] who reads sees every write before it, and the commit is of all: %d", n), func(t *testing.T) {
			db, _ := open(t, 10)
			tx := begin(t, db)
			own, err := tx.Prepare(countT)
			if err != nil {
				t.Fatal(err)
			}
			for i := range n {
				later(t, tx, nil, insertT, 100+i, fmt.Sprint("b", i))
			}
			var have int
			if err := own.QueryRow().Scan(&have); err != nil || have != n+2 { // a statement of its own
				t.Fatal(have, err)
			}
			later(t, tx, errOne, insertT, 99, "last")
			if got := count(t, tx); got != fmt.Sprintf("[%d]", n+3) {
				t.Fatal(got)
			}
			for i := range n {
				later(t, tx, nil, insertT, 10_000+i, fmt.Sprint("c", i))
			}
			if err := tx.Commit(); err != nil {
				t.Fatal(err)
			}
			if got := count(t, db); got != fmt.Sprintf("[%d]", 2*n+3) {
				t.Fatal(got)
			}
		})
		t.Run(fmt.Sprintf("[HOUSE] a write that fails fails what waits for it and the commit, and nothing stands: %d", n), func(t *testing.T) {
			for _, asked := range []bool{false, true} {
				db, d := open(t, 10)
				tx := begin(t, db)
				for i := range n {
					later(t, tx, nil, insertT, 100+i, fmt.Sprint("b", i))
				}
				later(t, tx, nil, insertT, 50, "x") // there is one
				for i := range n {
					if _, err := tx.ExecContext(prepared.Later(nil), insertT, 10_000+i, fmt.Sprint("c", i)); err != nil {
						t.Fatal(err) // nobody waits for it here
					}
				}
				if asked {
					for range 2 { // and again: who overhears it once must not go on
						if _, err := tx.Exec("DELETE FROM t"); err == nil || !strings.Contains(err.Error(), "UNIQUE") {
							t.Fatal(err)
						}
					}
				}
				if err := tx.Commit(); err == nil || !strings.Contains(err.Error(), "UNIQUE") {
					t.Fatal(err)
				}
				if got := count(t, db); got != "[2]" {
					t.Fatal(got)
				}
				before := d.prepared.Load()
				tx = begin(t, db) // the connection is good for the next
				if d.prepared.Load() != before+1 {
					t.Fatal("what failed was kept, or more was thrown away")
				}
				later(t, tx, nil, insertT, 100, "b")
				if err := tx.Commit(); err != nil {
					t.Fatal(err)
				}
				if got := count(t, db); got != "[3]" {
					t.Fatal(got)
				}
			}
		})
		t.Run(fmt.Sprintf("[HOUSE] a write that changes no row where it must change one fails as it said: %d", n), func(t *testing.T) {
			db, _ := open(t, 10)
			tx := begin(t, db)
			for i := range n {
				later(t, tx, errOne, onlyNew, 100+i, fmt.Sprint("b", i))
			}
			later(t, tx, nil, onlyNew, 1, "none of it") // may change any number
			if got := count(t, tx); got != fmt.Sprintf("[%d]", n+2) {
				t.Fatal(got)
			}
			later(t, tx, errOne, onlyNew, 1, "again")
			if err := tx.Commit(); !errors.Is(err, errOne) {
				t.Fatal(err)
			}
			if got := count(t, db); got != "[2]" {
				t.Fatal(got)
			}
		})
		t.Run(fmt.Sprintf("[HOUSE] a rollback takes all of it back: %d", n), func(t *testing.T) {
			db, _ := open(t, 10)
			tx := begin(t, db)
			for i := range n {
				later(t, tx, nil, insertT, 100+i, fmt.Sprint("b", i))
			}
			if err := tx.Rollback(); err != nil {
				t.Fatal(err)
			}
			if got := count(t, db); got != "[2]" {
				t.Fatal(got)
			}
		})
	}
	t.Run("[HOUSE] writes run in the order in which they were made", func(t *testing.T) {
		db, _ := open(t, 10)
		const text = "UPDATE t SET b=b||? WHERE a=1"
		if _, err := db.Exec(text, ""); err != nil {
			t.Fatal(err)
		}
		tx := begin(t, db)
		want := "x"
		for i := range 200 {
			later(t, tx, errOne, text, fmt.Sprint(i, "."))
			want += fmt.Sprint(i, ".")
		}
		if _, got := all(t, tx, "SELECT b FROM t WHERE a=1"); fmt.Sprint(got) != "["+want+"]" {
			t.Fatal(got)
		}
	})
	t.Run("[HOUSE] while rows are read nothing runs beside them", func(t *testing.T) {
		db, _ := open(t, 10)
		tx := begin(t, db)
		for i := range 500 {
			later(t, tx, nil, insertT, 100+i, fmt.Sprint("b", i))
		}
		rows, err := tx.Query("SELECT a FROM t ORDER BY a LIMIT 100")
		if err != nil {
			t.Fatal(err)
		}
		seen := 0
		for rows.Next() {
			res, err := tx.ExecContext(prepared.Later(nil), insertT, 10_000+seen, fmt.Sprint("c", seen))
			if err != nil {
				t.Fatal(err)
			}
			if n, err := res.RowsAffected(); err != nil || n != 1 { // it has run
				t.Fatal(n, err)
			}
			seen++
		}
		if err := errors.Join(rows.Err(), rows.Close(), tx.Commit()); err != nil || seen != 100 {
			t.Fatal(seen, err)
		}
		if got := count(t, db); got != "[602]" {
			t.Fatal(got)
		}
	})
	t.Run("[HOUSE] outside of a transaction, and of a text that is new, a write runs at once and says what it did", func(t *testing.T) {
		db, d := open(t, 2)
		res, err := db.ExecContext(prepared.Later(nil), onlyNew, 1, "x")
		if err != nil {
			t.Fatal(err)
		}
		if n, err := res.RowsAffected(); err != nil || n != 0 {
			t.Fatal(n, err)
		}
		tx := begin(t, db)
		d.prepared.Store(0)
		for i := range 100 { // as many texts: none is kept long
			res, err := tx.ExecContext(prepared.Later(nil), fmt.Sprintf("INSERT INTO t (a) VALUES (?+%d)", 100*i), i)
			if err != nil {
				t.Fatal(err)
			}
			if n, err := res.RowsAffected(); err != nil || n != 1 {
				t.Fatal(n, err)
			}
		}
		if err := tx.Commit(); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("[HOUSE] who leaves in the middle leaves the connection in order", func(t *testing.T) {
		db, _ := open(t, 10)
		if err := begin(t, db).Rollback(); err != nil {
			t.Fatal(err)
		}
		for range 20 {
			ctx, leave := context.WithCancel(t.Context())
			tx, err := db.BeginTx(ctx, nil)
			if err != nil {
				t.Fatal(err)
			}
			var n atomic.Int64
			go func() {
				for n.Load() < 300 {
					time.Sleep(time.Millisecond)
				}
				leave()
			}()
			for i := range 5000 {
				if _, err := tx.ExecContext(prepared.Later(nil), insertT, 100+i, fmt.Sprint("b", i)); err != nil {
					break
				}
				n.Add(1)
			}
			leave()
			_ = tx.Rollback()
			if got := count(t, db); got != "[2]" {
				t.Fatal(got)
			}
		}
	})
}
