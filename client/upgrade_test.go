package client

import (
	"compress/gzip"
	"database/sql"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// shippedStore is a copy of the golden store of a role, of version 1.
func shippedStore(t *testing.T, role string) string {
	t.Helper()
	f, err := os.Open("../docs/protocol/vectors/shipped/schema1/store-" + role + ".db.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "device.db")
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// printOutbox gives every column that version 1 has, of every row, and the
// version.
func printOutbox(t *testing.T, path string) (version int, rows string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.QueryRow("PRAGMA user_version").Scan(&version); err != nil {
		t.Fatal(err)
	}
	list, err := db.Query(`SELECT pos || n || stamp || hex(body) || state || made || seq || verdict || code || message || fails || ack ||
		corrected_by || correction_of FROM outbox ORDER BY pos`)
	if err != nil {
		t.Fatal(err)
	}
	defer list.Close()
	for list.Next() {
		var row string
		if err := list.Scan(&row); err != nil {
			t.Fatal(err)
		}
		rows += row + "\n"
	}
	if err := list.Err(); err != nil {
		t.Fatal(err)
	}
	return version, rows
}

func TestUpgrade(t *testing.T) {
	t.Run("[EPOCH-4] an upgrade that breaks off leaves the old store whole, and the next start makes it new", func(t *testing.T) {
		path := shippedStore(t, "worker")
		version, before := printOutbox(t, path)
		want(t, "version", version, 1)
		if len(before) < 1000 {
			t.Fatalf("the outbox is empty: %q", before)
		}
		whole := upgrades[1]
		defer func() { upgrades[1] = whole }()
		upgrades[1] = whole + "; UPDATE outbox SET body = NULL; INSERT INTO no_such_table VALUES (1);"
		if d, err := Open(path, Options{MustExist: true}); err == nil {
			d.Close()
			t.Fatal("it did not break off")
		}
		version, now := printOutbox(t, path)
		want(t, "version", version, 1)
		want(t, "outbox", now, before)
		upgrades[1] = whole
		d, err := Open(path, Options{MustExist: true})
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
		version, now = printOutbox(t, path)
		want(t, "version", version, storeVersion)
		want(t, "outbox", now, before)
	})
	t.Run("[EPOCH-4] an upgraded store has the tables of a new one", func(t *testing.T) {
		tables := func(path string) string {
			d, err := Open(path, Options{})
			if err != nil {
				t.Fatal(err)
			}
			if err := d.Close(); err != nil {
				t.Fatal(err)
			}
			db, err := sql.Open("sqlite", path)
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			rows, err := db.Query(`SELECT m.name, c.name, c.type, c."notnull", coalesce(c.dflt_value, '') FROM sqlite_master m JOIN pragma_table_info(m.name) c
				WHERE m.type = 'table' ORDER BY 1, 2`)
			if err != nil {
				t.Fatal(err)
			}
			defer rows.Close()
			out := ""
			for rows.Next() {
				var table, column, kind, def string
				var notNull bool
				if err := rows.Scan(&table, &column, &kind, &notNull, &def); err != nil {
					t.Fatal(err)
				}
				out += fmt.Sprintln(table, column, kind, notNull, def)
			}
			return out
		}
		want(t, "tables", tables(shippedStore(t, "worker")), tables(filepath.Join(t.TempDir(), "new.db")))
	})
	t.Run("[PUSH-9] what waits in the words of schema 1 is shown in those of now", func(t *testing.T) {
		d, err := Open(shippedStore(t, "admin"), Options{MustExist: true})
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		waiting, err := d.Outbox(Waiting)
		if err != nil {
			t.Fatal(err)
		}
		last := waiting[len(waiting)-1].Ops[0]
		want(t, "as made", fmt.Sprint(last.Fields["kind"], " ", last.Fields["allow_plate"]), "provider true")
		shown, known, err := d.Record("organizations", last.ID)
		if err != nil || !known {
			t.Fatal(known, err)
		}
		want(t, "type", shown.Text("type"), "service_provider")
		want(t, "allows", fmt.Sprint(shown.Fields["allows"]), "[plates staff_notes]")
	})
}
