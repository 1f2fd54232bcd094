package unmask

import (
	"bytes"
	"database/sql"
	"os"
	"path/filepath"
	"testing"

	"github.com/fieldpost/fieldpost/internal/wiring"
)

func TestFreedPages(t *testing.T) {
	// left tells whether a text that was written, changed and deleted again is
	// still in the file.
	left := func(t *testing.T, source func(path string) string) bool {
		t.Helper()
		path := filepath.Join(t.TempDir(), "data.db")
		db, err := sql.Open("sqlite", source(path))
		if err != nil {
			t.Fatal(err)
		}
		db.SetMaxOpenConns(1)
		mark := bytes.Repeat([]byte("whose phone it was "), 500) // more than a page
		for _, text := range []string{"CREATE TABLE x (id INTEGER PRIMARY KEY, a BLOB)", "INSERT INTO x VALUES (1, ?), (2, ?)", "UPDATE x SET a='' WHERE id=1",
			"DELETE FROM x", "PRAGMA wal_checkpoint(TRUNCATE)"} {
			args := make([]any, bytes.Count([]byte(text), []byte("?")))
			for i := range args {
				args[i] = mark
			}
			if _, err := db.Exec(text, args...); err != nil {
				t.Fatal(text, err)
			}
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return bytes.Contains(raw, mark[:200])
	}
	t.Run("[R9] what was deleted is not left in the database's free pages", func(t *testing.T) {
		if left(t, wiring.DataSource) {
			t.Fatal("it is there")
		}
	})
	t.Run("[R9] the control: without our pragmas it is", func(t *testing.T) {
		if !left(t, func(path string) string { return path + "?_pragma=journal_mode(WAL)" }) {
			t.Fatal("the test proves nothing")
		}
	})
}
