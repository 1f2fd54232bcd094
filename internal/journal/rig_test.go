package journal

import (
	"encoding/hex"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pocketbase/dbx"

	"github.com/fieldpost/fieldpost/internal/hlc"
	"github.com/fieldpost/fieldpost/internal/merge"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// The pragmas that the server opens data.db with.
const pragmas = "?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=foreign_keys(ON)"

// Pseudonyms have the shape of ids.
const (
	rosa = "aaaaaaaaaaaaaaa"
	dee  = "bbbbbbbbbbbbbbb"
)

// file opens an empty database file, closed at the end of the test.
func file(t *testing.T) *dbx.DB {
	t.Helper()
	db, err := dbx.Open("sqlite", filepath.Join(t.TempDir(), "data.db")+pragmas)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	db.DB().SetMaxOpenConns(1) // as PocketBase's write pool
	return db
}

// open opens a database file with the journal's tables.
func open(t *testing.T) *dbx.DB {
	t.Helper()
	db := file(t)
	if err := Migrate(db.DB()); err != nil {
		t.Fatal(err)
	}
	return db
}

// within writes in one transaction, as the server does, and gives its error.
func within(db *dbx.DB, write func(tx *Tx) error) error {
	return db.Transactional(func(d *dbx.Tx) error {
		tx := Begin(d)
		err := write(tx)
		if e := tx.Close(); err == nil {
			err = e
		}
		return err
	})
}

// commit is within where no error is expected.
func commit(t *testing.T, db *dbx.DB, write func(tx *Tx) error) {
	t.Helper()
	if err := within(db, write); err != nil {
		t.Fatal(err)
	}
}

// add appends entries, each in a mutation of its own, and gives their seqs.
func add(t *testing.T, db *dbx.DB, entries ...Entry) []int64 {
	t.Helper()
	var seqs []int64
	commit(t, db, func(tx *Tx) error {
		for _, e := range entries {
			tx.NewMutation()
			seq, err := tx.Append(e)
			if err != nil {
				return err
			}
			seqs = append(seqs, seq)
		}
		return nil
	})
	return seqs
}

func at(ms int64) hlc.Time { return hlc.Time{Ms: ms} }

func stamp(ms int64, device string) string {
	return hlc.Stamp{Time: at(ms), Device: device}.String()
}

// created is a create of an observation by Rosa.
func created(id string, scopes ...string) Entry {
	return Entry{At: 1000, Collection: "observations", Record: id, Op: wire.OpCreate,
		Actor: "rosa", Device: rosa, Stamp: stamp(900, rosa),
		Fields:  map[string]any{"note": "silver van", "people": 2.0},
		Eff:     map[string]hlc.Time{"note": at(900)},
		Default: &merge.Clock{Eff: at(900), Stored: stamp(900, rosa)},
		After:   scopes}
}

// updated is a change of the note by Dee at ms.
func updated(id string, ms int64, before, after []string) Entry {
	return Entry{At: ms + 100, Collection: "observations", Record: id, Op: wire.OpUpdate,
		Actor: "dee", Device: dee, Stamp: stamp(ms, dee),
		Fields: map[string]any{"note": fmt.Sprintf("van at %d", ms)},
		Eff:    map[string]hlc.Time{"note": at(ms)},
		Clocks: map[string]merge.Clock{"note": {Eff: at(ms), Stored: stamp(ms, dee)}},
		Before: before, After: after}
}

func deleted(id string, ms int64, before ...string) Entry {
	return Entry{At: ms + 100, Collection: "observations", Record: id, Op: wire.OpDelete,
		Actor: "dee", Device: dee, Stamp: stamp(ms, dee), Before: before}
}

// tables are the journal's tables, as the database has them.
func tables(t *testing.T, db *dbx.DB) []string {
	t.Helper()
	var names []string
	err := db.NewQuery(`SELECT name FROM sqlite_master WHERE type='table'
		AND name NOT LIKE 'sqlite\_%' ESCAPE '\' AND name<>'journal_schema' ORDER BY name`).Column(&names)
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// dump is every row of a table as text, sorted, blobs in hex and as text.
func dump(t *testing.T, db *dbx.DB, table string) string {
	t.Helper()
	rows, err := db.NewQuery("SELECT * FROM " + table).Rows()
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for rows.Next() {
		var line strings.Builder
		cells := make([]any, len(columns))
		into := make([]any, len(columns))
		for i := range cells {
			into[i] = &cells[i]
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		for i, c := range cells {
			if b, ok := c.([]byte); ok {
				c = hex.EncodeToString(b) + " " + string(b)
			}
			fmt.Fprintf(&line, "%s=%v ", columns[i], c)
		}
		lines = append(lines, line.String()+"\n")
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	slices.Sort(lines)
	return strings.Join(lines, "")
}

// dumpAll is every row of every table of the journal.
func dumpAll(t *testing.T, db *dbx.DB) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, name := range tables(t, db) {
		all[name] = dump(t, db, name)
	}
	return all
}

// tamper changes the file behind the journal's back.
func tamper(t *testing.T, db *dbx.DB, statements ...string) {
	t.Helper()
	for _, s := range statements {
		if _, err := db.NewQuery(s).Execute(); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}
