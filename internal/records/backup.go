package records

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/filesystem"

	"github.com/fieldpost/fieldpost/internal/seal"
)

// The database files of a data folder; each has companions of the same name
// with -wal and -shm behind it.
var databases = []string{"data.db", "auxiliary.db"}

// Backup makes a backup of the data folder in PocketBase's form, which its
// restore takes, but not in its way.
//
// PocketBase opens and closes the live database files to pack them. On POSIX
// systems that drops every lock that this process has on them. The next
// command that looks at the database (verify, invite) then believes that it is
// alone, and removes the write-ahead log under the running server: what is
// acknowledged from there on is gone with the process. So the databases are
// copied by SQLite itself, and the live files are never opened.
//
// The installation key stays out (JOURNAL-4).
func (s *Store) Backup(e *core.BackupEvent) (err error) {
	temp := filepath.Join(e.App.DataDir(), core.LocalTempDirName)
	if err := os.MkdirAll(temp, 0o700); err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	work, err := os.MkdirTemp(temp, "fieldpost_backup_")
	if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	for i, db := range []dbx.Builder{e.App.ConcurrentDB(), e.App.AuxConcurrentDB()} {
		_, err := db.NewQuery("VACUUM INTO {:to}").Bind(dbx.Params{"to": filepath.Join(work, databases[i])}).Execute()
		if err != nil {
			return fmt.Errorf("backup: copy %s: %w", databases[i], err)
		}
	}
	if e.Name == "" {
		e.Name = "fieldpost_" + s.Now().UTC().Format("20060102150405") + ".zip"
	}
	packed := filepath.Join(work, "backup.zip")
	if err := pack(packed, work, e.App.DataDir(), e.Exclude); err != nil {
		return fmt.Errorf("backup: pack: %w", err)
	}
	store, err := e.App.NewBackupsFilesystem()
	if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	store.SetContext(e.Context)
	file, err := filesystem.NewFileFromPath(packed)
	if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	file.Name, file.OriginalName = e.Name, e.Name
	if err := store.UploadFile(file, e.Name); err != nil {
		return fmt.Errorf("backup: store: %w", err)
	}
	return nil
}

// OutOfBackups are the entries of a data folder that no backup holds and no
// restore from the dashboard replaces: the installation key, the lock of the
// running server, the head that it last had, where it listens, the keys of its
// certificates, what restores keep aside, and photos that are not whole yet.
func OutOfBackups(dir string) []string {
	return []string{keysName(dir), LockFile, HeadFile, UpFile, core.LocalAutocertCacheDirName, planFile, replacedFolder, UploadsFolder}
}

// UploadsFolder is the folder of a data folder in which photos come together.
// What is there is not whole: phones have it, and begin again.
const UploadsFolder = "uploads"

func keysName(dir string) string { return filepath.Base(filepath.Dir(seal.KeyPath(dir))) }

// Files of a data folder beside the databases: whoever serves the folder holds
// a lock on LockFile; HeadFile names the newest point of history that a server
// there has seen committed.
const (
	LockFile = "fieldpost.lock"
	HeadFile = "fieldpost.head"
)

// pack writes a zip of the databases copied to work and of what else is in
// dir, but for the entries of exclude.
func pack(to, work, dir string, exclude []string) (err error) {
	f, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	z := zip.NewWriter(f)
	for _, name := range databases {
		if err := add(z, filepath.Join(work, name), name); err != nil {
			return errors.Join(err, z.Close())
		}
	}
	out := map[string]bool{}
	for _, name := range append(OutOfBackups(dir), exclude...) {
		out[name] = true
	}
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil || name == "." {
			return err
		}
		switch {
		case out[name] && d.IsDir():
			return fs.SkipDir
		case out[name] || live(name) || !d.Type().IsRegular():
			return nil
		}
		err = add(z, path, filepath.ToSlash(name))
		if errors.Is(err, fs.ErrNotExist) {
			return nil // a file that was deleted just now
		}
		return err
	})
	if err = errors.Join(err, z.Close()); err != nil {
		return err
	}
	return f.Sync()
}

// live tells whether an entry of the data folder is a database in use or a
// companion of one.
func live(name string) bool {
	for _, db := range databases {
		if strings.HasPrefix(name, db) {
			return true
		}
	}
	return false
}

func add(z *zip.Writer, path, name string) error {
	in, err := os.Open(path)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := z.Create(name)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return err
}
