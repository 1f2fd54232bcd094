package cli

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/fieldpost/fieldpost/internal/seal"
)

// The signs of what is wrong with a disk, in the words of the system and of
// SQLite. They come through layers that keep no more than the text.
var (
	signsOfFull     = []string{"disk is full", "no space left", "disk quota exceeded", "file too large", "disk I/O error"}
	signsOfReadOnly = []string{"readonly", "read-only", "permission denied", "operation not permitted", "unable to open database file", "not a directory", "is a directory"}
	signsOfDamage   = []string{"malformed", "file is not a database", "file is encrypted"}
	signsOfUse      = []string{"database is locked", "database table is locked"}
)

func hasSign(err error, signs []string) bool {
	for _, s := range signs {
		if strings.Contains(err.Error(), s) {
			return true
		}
	}
	return false
}

// explainStorage turns an error of a data folder's files into one that says
// what to do; nil when it is none of theirs.
func explainStorage(dir string, err error) *Exit {
	switch {
	case hasSign(err, signsOfDamage):
		return damagedFolder(dir, err)
	case hasSign(err, signsOfFull):
		return fail(ExitUnwritable, "the disk of "+dir+" is full, or fails: "+err.Error(), "Make room on it, and start again. What was acknowledged is whole.")
	case hasSign(err, signsOfReadOnly):
		return fail(ExitUnwritable, "the folder "+dir+" can't be written: "+err.Error(), "Give this user the folder, on a disk that may be written.")
	case hasSign(err, signsOfUse):
		return fail(ExitLocked, "the database in "+dir+" is held by another program: "+err.Error(), "Stop that program, and start again.")
	}
	return nil
}

// damagedFolder names the file that is no database, as far as it can be told.
func damagedFolder(dir string, err error) *Exit {
	const keep = "Keep a copy of the folder as it is, then restore a backup into a new one. Phones send again what it lacks."
	for _, name := range []string{"data.db", "auxiliary.db"} {
		if !looksForeign(filepath.Join(dir, name)) {
			continue
		}
		if name == "auxiliary.db" {
			return fail(ExitUnwritable, filepath.Join(dir, name)+" is damaged: "+err.Error(), "It holds logs and nothing else: move it away, and start again.")
		}
		return fail(ExitUnwritable, filepath.Join(dir, name)+" is damaged: "+err.Error(), keep)
	}
	return fail(ExitUnwritable, "the database in "+dir+" is damaged: "+err.Error(), keep)
}

// looksForeign tells whether a file that is not empty does not begin as every
// SQLite database does.
func looksForeign(path string) bool {
	const begins = "SQLite format 3\x00"
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	head := make([]byte, len(begins))
	n, err := io.ReadFull(f, head)
	if errors.Is(err, io.EOF) { // empty: a database to be
		return false
	}
	return string(head[:n]) != begins
}

// lostDatabase refuses a folder that has an installation key and no database: a
// server that began an empty one there would turn every phone away.
func lostDatabase(dir string) error {
	if !seal.Exists(dir) {
		return nil
	}
	for _, name := range []string{"data.db", "data.db-wal"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err == nil && info.Size() > 0 {
			return nil
		}
	}
	return fail(ExitAttention, "the database is gone from "+dir+", though its installation key is there",
		"Put data.db back, or restore a backup. For a new installation give an empty folder.")
}
