package wiring

import (
	"os"
	"path/filepath"
	"time"

	"github.com/fieldpost/fieldpost/internal/records"
)

// LockFile is the file in a data folder that whoever serves it has locked.
const LockFile = records.LockFile

// What keeps a backup from being made, checked or restored; their texts say so.
var (
	ErrDamaged  = records.ErrDamaged
	ErrExists   = records.ErrExists
	ErrInside   = records.ErrInside
	ErrNotHeld  = records.ErrNotHeld
	ErrNoKey    = records.ErrNoKey
	ErrOtherKey = records.ErrOtherKey
)

// Archive is what a backup holds; Restored what a restore did.
type (
	Archive  = records.Archive
	Restored = records.Restored
)

// Backup writes a backup of a data folder, in use or not, and never overwrites.
// Without a file it lies in the folder's own backups, named by the time.
func Backup(dir, file string, now time.Time) (*Archive, error) {
	if file == "" {
		file = filepath.Join(dir, "backups", "fieldpost_"+now.UTC().Format("20060102150405")+".zip")
	}
	return records.BackupFolder(dir, file)
}

// CheckBackup checks a backup, away from any data folder.
func CheckBackup(file string) (*Archive, error) { return records.CheckBackup(file) }

// NoteHeld notes in a data folder that a checked backup is held off the machine.
func NoteHeld(dir string, a *Archive, now time.Time) error { return records.NoteHeld(dir, a, now) }

// Restore puts a backup into a data folder whose lock the caller holds.
func Restore(file, dir, keyFile string, now time.Time) (*Restored, error) {
	return records.Restore(file, dir, keyFile, now)
}

// FinishRestore ends a restore of a data folder that broke off. The caller holds
// the folder's lock.
func FinishRestore(dir string) error { return records.FinishRestore(dir) }

// HasDatabase tells whether a data folder has a database.
func HasDatabase(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "data.db"))
	return err == nil
}
