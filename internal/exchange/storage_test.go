package exchange

import (
	"errors"
	"testing"
)

func TestStorage(t *testing.T) {
	t.Run("[PUSH-13] what the disk does is told from what a mutation does: only that is refused for good", func(t *testing.T) {
		for text, disk := range map[string]bool{
			"insert row: database or disk is full (13)": true, "insert row: disk I/O error (10)": true, "write data.db-wal: file too large": true,
			"attempt to write a readonly database (8)": true, "database disk image is malformed (11)": true, "file is not a database (26)": true,
			"unable to open database file (14)": true, "write: no space left on device": true, "database is locked (5) (SQLITE_BUSY)": true,
			"UNIQUE constraint failed: sites.id (1555)": false, "no such table: sites (1)": false, "panic: runtime error": false,
		} {
			if isStorage(errors.New(text)) != disk {
				t.Errorf("%q: %v", text, !disk)
			}
		}
	})
}
