package main

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/fieldpost/fieldpost/internal/wiring"
)

// floor is what the rows of a push cost when nothing but the rows is done: the
// rows that a push wrote are read back, and written again by raw prepared
// inserts into a copy of the database from before it, with the same pragmas,
// transactions and fsyncs. No request, no decoding, no checks, no hashes.
type floor struct {
	blank string // copy of the database from before the push
	rows  [][]insert
}

// insert is one row of one table.
type insert struct {
	table string
	args  []any
}

// written are the tables that a push writes rows to, and what tells a row of
// the push: everything the database had before has a seq up to the head then.
var written = []struct{ table, newer string }{
	{"observations", ""}, {"triage", ""}, {"journal_entry", "seq > ?"}, {"journal_content", "seq > ?"},
	{"journal_clock", "version > ?"}, {"journal_feed", "seq > ?"}, {"journal_receipt", ""},
}

// before copies the database as it stands before the push.
func (f *floor) before(dir string) error {
	path, err := os.MkdirTemp("", "fieldpost-floor-")
	if err != nil {
		return err
	}
	f.blank = filepath.Join(path, "data.db")
	db, err := wiring.DBConnect(filepath.Join(dir, "data.db"))
	if err != nil {
		return err
	}
	defer db.Close()
	_, err = db.DB().Exec(`VACUUM INTO ?`, f.blank)
	return err
}

func (f *floor) remove() { _ = os.RemoveAll(filepath.Dir(f.blank)) }

// read takes the rows that the push wrote, in its order, `size` mutations to
// a transaction.
func (f *floor) read(dir string, size int) error {
	blank, err := wiring.DBConnect(f.blank)
	if err != nil {
		return err
	}
	defer blank.Close()
	var head int64
	if err := blank.DB().QueryRow(`SELECT coalesce(max(seq),0) FROM journal_entry`).Scan(&head); err != nil {
		return err
	}
	db, err := wiring.DBConnect(filepath.Join(dir, "data.db"))
	if err != nil {
		return err
	}
	defer db.Close()
	found := map[string]map[any][]insert{} // by table and key
	for _, w := range written {
		if found[w.table], err = rowsOf(db.DB(), w.table, w.newer, head); err != nil {
			return fmt.Errorf("floor: read %s: %w", w.table, err)
		}
	}
	entries, err := db.DB().Query(`SELECT seq, collection, record, device FROM journal_entry WHERE seq > ? ORDER BY seq`, head)
	if err != nil {
		return err
	}
	defer entries.Close()
	var one, group []insert
	mutations := 0
	for entries.Next() {
		var seq int64
		var collection, record, device string
		if err := entries.Scan(&seq, &collection, &record, &device); err != nil {
			return err
		}
		one = append(one, found[collection][record]...)
		for _, t := range []string{"journal_clock", "journal_entry", "journal_content", "journal_feed"} {
			one = append(one, found[t][seq]...)
		}
		receipt := found["journal_receipt"][seq]
		if len(receipt) == 0 {
			continue // the receipt names the mutation's last entry
		}
		group, one = append(append(group, one...), receipt...), nil
		if mutations++; mutations%size == 0 {
			f.rows, group = append(f.rows, group), nil
		}
	}
	if len(group) > 0 {
		f.rows = append(f.rows, group)
	}
	return entries.Err()
}

// rowsOf reads a table's rows by what joins them to an entry: the record's id,
// or the seq.
func rowsOf(db *sql.DB, table, newer string, head int64) (map[any][]insert, error) {
	text, args := `SELECT * FROM `+table, []any{}
	if newer != "" {
		text, args = text+` WHERE `+newer, []any{head}
	}
	rows, err := db.Query(text, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	key := map[string]string{"observations": "id", "triage": "id", "journal_clock": "version"}[table]
	if key == "" {
		key = "seq"
	}
	out := map[any][]insert{}
	for rows.Next() {
		values, into := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		for i, c := range columns {
			if c == key {
				out[values[i]] = append(out[values[i]], insert{table, values})
				break
			}
		}
	}
	return out, rows.Err()
}

// run writes the rows and adds the time to r. It gives the number of rows.
func (f *floor) run(r *result) error {
	open, err := wiring.DBConnect(f.blank)
	if err != nil {
		return err
	}
	defer open.Close()
	db := open.DB()
	db.SetMaxOpenConns(1)
	prepared := map[string]*sql.Stmt{}
	for _, w := range written {
		for _, group := range f.rows {
			for _, row := range group {
				if row.table == w.table && prepared[w.table] == nil {
					places := strings.TrimSuffix(strings.Repeat("?,", len(row.args)), ",")
					if prepared[w.table], err = db.Prepare(`INSERT INTO ` + w.table + ` VALUES (` + places + `)`); err != nil {
						return fmt.Errorf("floor: %w", err)
					}
				}
			}
			if prepared[w.table] != nil {
				break
			}
		}
	}
	start := time.Now()
	count := 0
	for _, group := range f.rows {
		tx, err := db.Begin()
		if err != nil {
			return err
		}
		within := map[string]*sql.Stmt{}
		for table, s := range prepared {
			within[table] = tx.Stmt(s)
		}
		for _, row := range group {
			if _, err := within[row.table].Exec(row.args...); err != nil {
				return fmt.Errorf("floor: insert into %s: %w", row.table, err)
			}
		}
		count += len(group)
		if err := tx.Commit(); err != nil {
			return err
		}
	}
	r.add(time.Since(start).Seconds(), 0, 0)
	r.Rows = float64(count) / float64(r.Docs)
	return nil
}
