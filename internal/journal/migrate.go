package journal

import (
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/golang-migrate/migrate/v4"
	"github.com/golang-migrate/migrate/v4/database/sqlite"
	"github.com/golang-migrate/migrate/v4/source/iofs"
)

//go:embed schema/*.sql
var schemaFiles embed.FS

// ErrDirty tells that a schema file broke off; Mend repairs it.
var ErrDirty = errors.New("the journal's schema is dirty: an upgrade broke off. Nothing is lost. Run: fieldpost mend")

// ErrNewer tells that the database was written by a newer fieldpost.
var ErrNewer = errors.New("the database is newer than this fieldpost: install the newer version again")

// LatestSchema is the number of the newest schema file.
func LatestSchema() (uint, error) { return latestSchema(schemaFiles) }

func latestSchema(files fs.FS) (uint, error) {
	names, err := fs.Glob(files, "schema/*.up.sql")
	if err != nil {
		return 0, err
	}
	var latest uint64
	for _, n := range names {
		number, _, _ := strings.Cut(strings.TrimPrefix(n, "schema/"), "_")
		v, err := strconv.ParseUint(number, 10, 32)
		if err != nil {
			return 0, fmt.Errorf("journal schema %s: no number", n)
		}
		latest = max(latest, v)
	}
	return uint(latest), nil
}

// migrator makes a migrator on PocketBase's own pool. It must never be
// closed: Close would close that pool, and every later write with it.
func migrator(db *sql.DB, files fs.FS) (*migrate.Migrate, error) {
	source, err := iofs.New(files, "schema")
	if err != nil {
		return nil, fmt.Errorf("journal schema: %w", err)
	}
	driver, err := sqlite.WithInstance(db, &sqlite.Config{MigrationsTable: "journal_schema"})
	if err != nil {
		return nil, fmt.Errorf("journal schema: %w", err)
	}
	m, err := migrate.NewWithInstance("iofs", source, "sqlite", driver)
	if err != nil {
		return nil, fmt.Errorf("journal schema: %w", err)
	}
	return m, nil
}

// Migrate brings the journal's tables to this build's schema. It must not run
// inside a transaction: the pool has one connection. ErrDirty, ErrNewer.
func Migrate(db *sql.DB) error { return migrateWith(db, schemaFiles) }

func migrateWith(db *sql.DB, files fs.FS) error {
	m, err := migrator(db, files)
	if err != nil {
		return err
	}
	version, dirty, err := schemaVersion(db)
	if err != nil {
		return err
	}
	if dirty {
		return fmt.Errorf("journal schema %d: %w", version, ErrDirty)
	}
	latest, err := latestSchema(files)
	if err != nil {
		return err
	}
	if version > int(latest) {
		return fmt.Errorf("journal schema %d, this build has %d: %w", version, latest, ErrNewer)
	}
	if err := m.Up(); err != nil && !errors.Is(err, migrate.ErrNoChange) {
		return fmt.Errorf("journal schema: %w", err)
	}
	return nil
}

// Mend finds out at which version a dirty schema really stands, says so to
// the migrator, and goes on from there; a clean one is only migrated. Each
// file is one transaction, so a file that broke off stands whole or not at
// all, but the mark of it is written before and after: a crash right after
// the file leaves it standing and marked as broken. ErrNewer, and ErrDirty
// when the tables are those of no version that this build knows.
func Mend(db *sql.DB) error { return mendWith(db, schemaFiles) }

func mendWith(db *sql.DB, files fs.FS) error {
	m, err := migrator(db, files)
	if err != nil {
		return fmt.Errorf("mend: %w", err)
	}
	version, dirty, err := schemaVersion(db)
	if err != nil {
		return fmt.Errorf("mend: %w", err)
	}
	if !dirty {
		return migrateWith(db, files)
	}
	latest, err := latestSchema(files)
	if err != nil {
		return fmt.Errorf("mend: %w", err)
	}
	here, err := shape(db)
	if err != nil {
		return fmt.Errorf("mend: %w", err)
	}
	// The version before comes first: a file that changes rows and no table
	// looks alike on both sides, and runs again.
	for v := max(version-1, 0); v <= min(version+1, int(latest)); v++ {
		want, err := shapeOf(files, v)
		if err != nil {
			return fmt.Errorf("mend: %w", err)
		}
		if here != want {
			continue
		}
		force := v
		if v == 0 {
			force = -1 // golang-migrate's word for "no version"
		}
		if err := m.Force(force); err != nil {
			return fmt.Errorf("mend: journal schema: %w", err)
		}
		return migrateWith(db, files)
	}
	if version > int(latest) {
		return fmt.Errorf("mend: journal schema %d, this build has %d: %w", version, latest, ErrNewer)
	}
	return fmt.Errorf("mend: journal schema %d: the tables are those of no version, restore a backup: %w", version, ErrDirty)
}

// schemaVersion reads what the migrator noted, 0 before the first file. The
// migrator's own Version takes every error for "no version", and hides that
// a way back to "no version" broke off.
func schemaVersion(db *sql.DB) (version int, dirty bool, err error) {
	err = db.QueryRow(`SELECT version, dirty FROM journal_schema`).Scan(&version, &dirty)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, fmt.Errorf("journal schema: %w", err)
	}
	return max(version, 0), dirty, nil
}

// shape is what a database says of the journal's tables and indexes: names
// and statements, sorted.
func shape(db *sql.DB) (string, error) {
	rows, err := db.Query(`SELECT type||' '||name||' '||coalesce(sql,'') FROM sqlite_master
		WHERE tbl_name LIKE 'journal\_%' ESCAPE '\' AND tbl_name<>'journal_schema' ORDER BY 1`)
	if err != nil {
		return "", fmt.Errorf("journal shape: %w", err)
	}
	defer rows.Close()
	var all strings.Builder
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			return "", fmt.Errorf("journal shape: %w", err)
		}
		all.WriteString(line + "\n")
	}
	if err := rows.Err(); err != nil {
		return "", fmt.Errorf("journal shape: %w", err)
	}
	return all.String(), nil
}

// shapeOf is the shape that the files up to a version make.
func shapeOf(files fs.FS, version int) (string, error) {
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		return "", fmt.Errorf("journal shape %d: %w", version, err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1) // each connection would be a database of its own
	names, err := fs.Glob(files, "schema/*.up.sql")
	if err != nil {
		return "", err
	}
	slices.Sort(names)
	for _, name := range names[:min(version, len(names))] {
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return "", fmt.Errorf("journal shape %d: %w", version, err)
		}
		if _, err := db.Exec(string(text)); err != nil {
			return "", fmt.Errorf("journal shape %d: %s: %w", version, name, err)
		}
	}
	return shape(db)
}
