package wiring

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/pocketbase/dbx"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/journal"
)

// ErrDirty and ErrNewer tell that the journal's schema keeps the server from
// starting; their texts say what to do.
var (
	ErrDirty = journal.ErrDirty
	ErrNewer = journal.ErrNewer
)

// VerifyReport is what a check of the hash chain found.
type VerifyReport = journal.Report

// Verify checks the hash chain of a data folder. It opens the database for
// reading only, and nothing else: who suspects a folder wants it as it is.
func Verify(dir string) (VerifyReport, error) {
	db, err := readOnly(dir)
	if err != nil {
		return VerifyReport{}, err
	}
	defer db.Close()
	r := journal.NewReader(db)
	// The chain is a part of the file: a page of another table may be broken.
	if err := r.Sound(); err != nil {
		return VerifyReport{}, fmt.Errorf("verify: %w", err)
	}
	return r.Verify()
}

// readOnly opens the database of a data folder for reading and nothing else.
func readOnly(dir string) (*dbx.DB, error) {
	path := filepath.Join(dir, "data.db")
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("verify: there is no database in %s", dir)
	}
	db, err := dbx.Open("sqlite", "file:"+path+"?mode=ro&_pragma=busy_timeout(10000)&_pragma=query_only(1)")
	if err != nil {
		return nil, fmt.Errorf("verify: %w", err)
	}
	return db, nil
}

// JournalSchema is the newest schema of the journal's tables in this build.
func JournalSchema() (uint, error) { return journal.LatestSchema() }

// Mend repairs the journal's schema in a data folder that no server uses.
func Mend(dir string) error {
	path := filepath.Join(dir, "data.db")
	if _, err := os.Stat(path); err != nil {
		return fmt.Errorf("mend: there is no database in %s", dir)
	}
	db, err := sql.Open("sqlite", path+"?_pragma=busy_timeout(10000)&_pragma=synchronous(FULL)")
	if err != nil {
		return fmt.Errorf("mend: %w", err)
	}
	defer db.Close()
	return journal.Mend(db)
}

// ValidRole tells whether a role is one of the access table.
func ValidRole(role string) bool { return slices.Contains(access.Roles, access.Role(role)) }
