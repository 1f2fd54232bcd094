package records

import (
	"archive/zip"
	"context"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/fieldpost/fieldpost/internal/journal"
)

// ErrDamaged tells that a file is no whole backup; ErrExists that one would be
// overwritten; ErrInside that a backup would lie in what it is a backup of;
// ErrNotHeld that a backup's newest entry is not in a folder's history.
var (
	ErrDamaged = errors.New("the backup is damaged, or is none")
	ErrExists  = errors.New("there is a file of that name already")
	ErrInside  = errors.New("a backup can't lie inside the data folder, but for its folder backups")
	ErrNotHeld = errors.New("what the backup ends with is not in this folder's history")
)

// Archive is what a backup holds.
type Archive struct {
	File    string
	Epoch   string // the line of history that it was made on
	Seq     int64  // its newest entry
	Hash    []byte // of that
	At      int64  // when that was written, ms; 0: no entry
	Entries int64  // entries checked; 0 where the chain was not read
	Erased  int64
}

// BackupFolder writes a backup of a data folder, in the form of Backup, while a
// server runs on it or not; it changes nothing in the folder. It never
// overwrites. The file is there, whole and fsynced, or not at all. ErrExists,
// ErrInside.
func BackupFolder(dir, file string) (made *Archive, err error) {
	if _, err := os.Stat(filepath.Join(dir, databases[0])); err != nil {
		return nil, fmt.Errorf("backup: there is no database in %s", dir)
	}
	// Before the name is looked at: a place that is wrong is told as that, taken or not.
	if err := outside(dir, file); err != nil {
		return nil, err
	}
	if _, err := os.Lstat(file); err == nil {
		return nil, fmt.Errorf("backup to %s: %w", file, ErrExists)
	}
	folder := filepath.Dir(file)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, fmt.Errorf("backup: %w", err)
	}
	work, err := os.MkdirTemp(folder, ".fieldpost-backup-")
	if err != nil {
		return nil, fmt.Errorf("backup: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	// The database comes first: a file that it names may be gone by the time that
	// files are copied, but none is missing that was there before it.
	for _, name := range databases {
		if err := copyDatabase(filepath.Join(dir, name), filepath.Join(work, name)); err != nil {
			return nil, fmt.Errorf("backup: copy %s: %w", name, err)
		}
	}
	made = &Archive{File: file}
	if err := made.read(filepath.Join(work, databases[0]), false); err != nil {
		return nil, err
	}
	packed := filepath.Join(work, "backup.zip")
	out := []string{core.LocalBackupsDirName, core.LocalTempDirName, core.LocalNotifyDirName, core.LocalAutocertCacheDirName, lostAndFound}
	if err := pack(packed, work, dir, out); err != nil {
		return nil, fmt.Errorf("backup: pack: %w", err)
	}
	if err := os.Link(packed, file); err != nil {
		if errors.Is(err, fs.ErrExist) {
			err = ErrExists
		}
		return nil, fmt.Errorf("backup to %s: %w", file, err)
	}
	return made, syncFolder(folder)
}

const lostAndFound = "lost+found"

// outside refuses a file that the backup would meet while it packs the folder.
func outside(dir, file string) error {
	root, err := filepath.Abs(dir)
	if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	path, err := filepath.Abs(file)
	if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	in, err := filepath.Rel(root, path)
	if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	first, _, _ := strings.Cut(filepath.ToSlash(in), "/")
	if first != ".." && (first != core.LocalBackupsDirName || in == first) {
		return fmt.Errorf("backup to %s: %w", file, ErrInside)
	}
	return nil
}

// copyDatabase copies a database as it is at one moment, through SQLite itself:
// see Backup on why no process may open and close the live file.
func copyDatabase(from, to string) error {
	db, err := openRead(from)
	if err != nil {
		return err
	}
	_, err = db.NewQuery("VACUUM INTO {:to}").Bind(dbx.Params{"to": to}).Execute()
	return errors.Join(err, db.Close())
}

func openRead(path string) (*dbx.DB, error) {
	return dbx.Open("sqlite", "file:"+(&url.URL{Path: path}).EscapedPath()+"?mode=ro&_pragma=busy_timeout(10000)")
}

func openWrite(path string) (*dbx.DB, error) {
	return dbx.Open("sqlite", "file:"+(&url.URL{Path: path}).EscapedPath()+"?mode=rw&_pragma=busy_timeout(10000)&_pragma=synchronous(FULL)&_pragma=foreign_keys(ON)")
}

// CheckBackup opens a backup away from any data folder and checks all of it:
// the archive, the databases, and the whole hash chain (JOURNAL-2). ErrDamaged
// says what is wrong.
func CheckBackup(file string) (a *Archive, err error) {
	work, err := os.MkdirTemp("", "fieldpost-verify-")
	if err != nil {
		return nil, fmt.Errorf("check backup: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	if err := unpack(file, work, func(name string) bool { return live(name) }); err != nil {
		return nil, err
	}
	a = &Archive{File: file}
	return a, a.check(work)
}

// check checks the databases that were unpacked to a folder.
func (a *Archive) check(work string) error {
	for _, name := range databases {
		if err := sound(filepath.Join(work, name)); err != nil {
			return err
		}
	}
	return a.read(filepath.Join(work, databases[0]), true)
}

// read reads what the history in a database ends with, and with chain all of it.
func (a *Archive) read(path string, chain bool) (err error) {
	db, err := openWrite(path)
	if err != nil {
		return fmt.Errorf("read backup: %w", err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	r := journal.NewReader(db)
	if a.Epoch, err = r.Epoch(); err != nil {
		return fmt.Errorf("%w: it has no journal: %w", ErrDamaged, err)
	}
	if a.Seq, a.Hash, err = r.Head(); err != nil {
		return err
	}
	if a.At, err = r.WrittenAt(a.Seq); err != nil || !chain {
		return err
	}
	report, err := r.Verify()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if report.Bad != 0 {
		return fmt.Errorf("%w: the chain is broken at entry %d: %s", ErrDamaged, report.Bad, report.Why)
	}
	a.Entries, a.Erased = report.Entries, report.Erased
	return nil
}

// sound asks SQLite whether a database file is whole.
func sound(path string) (err error) {
	name := filepath.Base(path)
	if _, err := os.Stat(path); err != nil {
		return fmt.Errorf("%w: it has no %s", ErrDamaged, name)
	}
	db, err := openWrite(path)
	if err != nil {
		return fmt.Errorf("check backup: %w", err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	var said string
	if err := db.NewQuery("PRAGMA integrity_check(1)").Row(&said); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrDamaged, name, err)
	}
	if said != "ok" {
		return fmt.Errorf("%w: %s: %s", ErrDamaged, name, said)
	}
	return nil
}

// unpack reads every entry of a zip to its end, which checks its checksum, and
// writes those that keep names into a folder, fsynced. A name that would lead
// out of the folder is refused.
func unpack(file, to string, keep func(name string) bool) (err error) {
	z, err := zip.OpenReader(file)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("open backup: %w", err)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	defer func() { err = errors.Join(err, z.Close()) }()
	for _, f := range z.File {
		name := filepath.FromSlash(f.Name)
		if !filepath.IsLocal(name) {
			return fmt.Errorf("%w: the entry %q leads out of it", ErrDamaged, f.Name)
		}
		if strings.HasSuffix(f.Name, "/") {
			continue
		}
		if !f.Mode().IsRegular() {
			return fmt.Errorf("%w: the entry %q is no file", ErrDamaged, f.Name)
		}
		if err := unpackOne(f, filepath.Join(to, name), keep(f.Name)); err != nil {
			return err
		}
	}
	return nil
}

func unpackOne(f *zip.File, path string, keep bool) (err error) {
	in, err := f.Open()
	if err != nil {
		return fmt.Errorf("%w: %s: %w", ErrDamaged, f.Name, err)
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	if !keep {
		if _, err := io.Copy(io.Discard, in); err != nil {
			return fmt.Errorf("%w: %s: %w", ErrDamaged, f.Name, err)
		}
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("unpack backup: %w", err)
	}
	out, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("unpack backup: %w", err)
	}
	_, err = io.Copy(out, reading{in})
	if _, broken := errors.AsType[*readError](err); broken {
		err = fmt.Errorf("%w: %s: %w", ErrDamaged, f.Name, err)
	} else if err != nil {
		err = fmt.Errorf("unpack backup: %w", err)
	}
	if err == nil {
		err = out.Sync()
	}
	return errors.Join(err, out.Close())
}

// reading tells a damaged archive from a disk that is full.
type reading struct{ r io.Reader }

type readError struct{ error }

func (r reading) Read(b []byte) (int, error) {
	n, err := r.r.Read(b)
	if err != nil && err != io.EOF {
		err = &readError{err}
	}
	return n, err
}

// NoteHeld notes in a data folder that a backup which was checked is held off
// the machine, so that devices may let go of what is in it (EPOCH-3). A server
// may run there; it sees the note within a minute. ErrNotHeld when the backup is
// of another history, or of one that was lost here.
func NoteHeld(dir string, a *Archive, now time.Time) (err error) {
	path := filepath.Join(dir, databases[0])
	if _, err := os.Stat(path); err != nil {
		return fmt.Errorf("note backup: there is no database in %s", dir)
	}
	db, err := openWrite(path)
	if err != nil {
		return fmt.Errorf("note backup: %w", err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	return db.TransactionalContext(context.Background(), &sql.TxOptions{}, func(d *dbx.Tx) (err error) {
		tx := journal.Begin(d)
		defer func() { err = errors.Join(err, tx.Close()) }()
		hash, err := tx.HashAt(a.Seq)
		if err != nil {
			return err
		}
		if hex.EncodeToString(hash) != hex.EncodeToString(a.Hash) {
			return fmt.Errorf("note backup: entry %d: %w", a.Seq, ErrNotHeld)
		}
		epoch, err := tx.Epoch()
		if err != nil {
			return err
		}
		return tx.RaiseDurable(epoch, a.Seq, now.UnixMilli(), "backup")
	})
}

func syncFolder(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
