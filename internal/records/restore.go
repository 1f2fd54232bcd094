package records

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/fieldpost/fieldpost/internal/journal"
	"github.com/fieldpost/fieldpost/internal/seal"
)

// ErrNoKey tells that a restore has no installation key; ErrOtherKey that the
// key is not the one that the backup's history was made with.
var (
	ErrNoKey    = errors.New("the installation key is missing")
	ErrOtherKey = errors.New("the installation key is that of another installation")
)

// replacedFolder keeps what restores replaced, each in a folder by date;
// planFile says how far one is. Once the plan is on the disk the restore
// happens, if not now then at the next start (FinishRestore).
const (
	replacedFolder = "replaced"
	planFile       = "fieldpost.restore"
)

// Restored tells what a restore did.
type Restored struct {
	Archive        // what was restored
	Line    string // the epoch that begins with it
	Kept    string // the folder with what was replaced; "" when there was nothing
}

// swap is the plan of a restore: what it moves, by names of entries of the data folder.
type swap struct {
	Staging string   `json:"staging"` // has the new ones
	Aside   string   `json:"aside"`   // gets the old ones
	Old     []string `json:"old"`
	New     []string `json:"new"`
}

// Restore puts a backup into a data folder whose lock the caller holds: empty,
// or with what it replaces, which is moved aside and never deleted. keyFile is
// the installation key for a folder that has none. All is checked before
// anything moves, and a crash leaves the old or, at the latest after the next
// start, the new, whole. A new epoch begins (EPOCH-2). ErrDamaged, ErrNoKey,
// ErrOtherKey, journal.ErrNewer, journal.ErrDirty.
func Restore(file, dir, keyFile string, now time.Time) (*Restored, error) {
	temp := filepath.Join(dir, core.LocalTempDirName)
	if err := os.MkdirAll(temp, 0o700); err != nil {
		return nil, fmt.Errorf("restore: %w", err)
	}
	staging, err := os.MkdirTemp(temp, "fieldpost_restore_")
	if err != nil {
		return nil, fmt.Errorf("restore: %w", err)
	}
	done, p, err := stage(file, dir, staging, keyFile, now)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(staging))
	}
	if len(p.Old) > 0 {
		done.Kept = filepath.Join(dir, p.Aside)
	}
	if err := writePlan(dir, p); err != nil {
		return nil, errors.Join(err, os.RemoveAll(staging))
	}
	return done, FinishRestore(dir)
}

// stage makes the new contents of the folder, ready to be moved in.
func stage(file, dir, staging, keyFile string, now time.Time) (*Restored, *swap, error) {
	// What no backup holds is not taken from one either.
	out := map[string]bool{}
	for _, name := range outOfRestores(dir) {
		out[name] = true
	}
	err := unpack(file, staging, func(name string) bool { return !out[topOf(name)] })
	if err != nil {
		return nil, nil, err
	}
	done := &Restored{Archive: Archive{File: file}}
	if err := done.check(staging); err != nil {
		return nil, nil, err
	}
	if err := fitKey(dir, staging, keyFile); err != nil {
		return nil, nil, err
	}
	if done.Line, err = beginLine(dir, staging, now); err != nil {
		return nil, nil, err
	}
	p := &swap{Aside: filepath.Join(replacedFolder, now.UTC().Format("20060102-150405"))}
	for n := 2; exists(filepath.Join(dir, p.Aside)); n++ {
		p.Aside = filepath.Join(replacedFolder, fmt.Sprintf("%s-%d", now.UTC().Format("20060102-150405"), n))
	}
	if p.Staging, err = filepath.Rel(dir, staging); err != nil {
		return nil, nil, fmt.Errorf("restore: %w", err)
	}
	if p.New, err = entries(staging, nil); err != nil {
		return nil, nil, err
	}
	p.Old, err = entries(dir, out)
	return done, p, errors.Join(err, syncTree(staging))
}

// outOfRestores are the entries of a data folder that a restore leaves where
// they are. The head of the history that is replaced goes with it.
func outOfRestores(dir string) []string {
	return []string{keysName(dir), LockFile, planFile, replacedFolder, core.LocalBackupsDirName, core.LocalTempDirName, core.LocalAutocertCacheDirName, lostAndFound}
}

func topOf(name string) string {
	for parent := filepath.Dir(filepath.FromSlash(name)); parent != "."; parent = filepath.Dir(parent) {
		name = parent
	}
	return name
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func entries(dir string, without map[string]bool) ([]string, error) {
	all, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("restore: %w", err)
	}
	var names []string
	for _, e := range all {
		if !without[e.Name()] {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// fitKey sees that the folder has, or gets, the key that the staged history was
// made with.
func fitKey(dir, staging, keyFile string) (err error) {
	where := dir
	if !seal.Exists(dir) {
		if keyFile == "" {
			return fmt.Errorf("restore: %w", ErrNoKey)
		}
		raw, err := os.ReadFile(keyFile)
		if err != nil {
			return fmt.Errorf("restore: %w: %w", ErrNoKey, err)
		}
		where = staging
		path := seal.KeyPath(staging)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return fmt.Errorf("restore: %w", err)
		}
		if err := os.WriteFile(path, raw, 0o600); err != nil {
			return fmt.Errorf("restore: %w", err)
		}
	}
	key, _, err := seal.Open(where)
	if err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	db, err := openWrite(filepath.Join(staging, databases[0]))
	if err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	first, err := journal.NewReader(db).FirstDevice()
	if err != nil {
		return err
	}
	if first != "" && first != key.Rest("system") {
		return fmt.Errorf("restore: %w", ErrOtherKey)
	}
	return nil
}

// beginLine begins the new epoch in the staged database, which is at home in
// the folder from then on.
func beginLine(dir, staging string, now time.Time) (line string, err error) {
	path := filepath.Join(staging, databases[0])
	db, err := openWrite(path)
	if err != nil {
		return "", fmt.Errorf("restore: %w", err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := journal.Migrate(db.DB()); err != nil {
		return "", err
	}
	home, err := fingerprint(dir, path)
	if err != nil {
		return "", err
	}
	line = NewEpoch()
	return line, db.Transactional(func(d *dbx.Tx) (err error) {
		tx := journal.Begin(d)
		defer func() { err = errors.Join(err, tx.Close()) }()
		head, err := tx.LastSeq()
		if err != nil {
			return err
		}
		if err := tx.LeaveEpoch(line, now.UnixMilli(), head); err != nil {
			return err
		}
		return tx.SetHome(home)
	})
}

// writePlan puts the plan on the disk, whole: from here on the restore happens.
func writePlan(dir string, p *swap) error {
	raw, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	temp := filepath.Join(dir, p.Staging+".plan")
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	_, err = f.Write(raw)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(temp, filepath.Join(dir, planFile))
	}
	if err != nil {
		return fmt.Errorf("restore: %w", errors.Join(err, os.Remove(temp)))
	}
	return syncFolder(dir)
}

// beforeMove is for tests of what a crash leaves.
var beforeMove = func() {}

// FinishRestore brings a restore to its end that was planned in a data folder,
// however often it broke off; without one it does nothing. The caller holds the
// folder's lock.
func FinishRestore(dir string) error {
	raw, err := os.ReadFile(filepath.Join(dir, planFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("finish restore: %w", err)
	}
	var p swap
	if err := json.Unmarshal(raw, &p); err != nil {
		return fmt.Errorf("finish restore: %s: %w", planFile, err)
	}
	staging, aside := filepath.Join(dir, p.Staging), filepath.Join(dir, p.Aside)
	if len(p.Old) > 0 {
		if err := os.MkdirAll(aside, 0o700); err != nil {
			return fmt.Errorf("finish restore: %w", err)
		}
		for _, name := range p.Old {
			// What lies aside already was moved before it broke off; what bears
			// its name by now is new.
			if !exists(filepath.Join(aside, name)) && exists(filepath.Join(dir, name)) {
				beforeMove()
				if err := os.Rename(filepath.Join(dir, name), filepath.Join(aside, name)); err != nil {
					return fmt.Errorf("finish restore: %w", err)
				}
			}
		}
		if err := errors.Join(syncFolder(aside), syncFolder(filepath.Dir(aside))); err != nil {
			return fmt.Errorf("finish restore: %w", err)
		}
	}
	for _, name := range p.New {
		if exists(filepath.Join(staging, name)) {
			beforeMove()
			if err := os.Rename(filepath.Join(staging, name), filepath.Join(dir, name)); err != nil {
				return fmt.Errorf("finish restore: %w", err)
			}
		}
	}
	beforeMove()
	if err := syncFolder(dir); err != nil {
		return fmt.Errorf("finish restore: %w", err)
	}
	if err := os.Remove(filepath.Join(dir, planFile)); err != nil {
		return fmt.Errorf("finish restore: %w", err)
	}
	beforeMove()
	return errors.Join(syncFolder(dir), os.RemoveAll(staging))
}

// syncTree fsyncs the files and folders below a folder.
func syncTree(dir string) error {
	return filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return syncFolder(path)
	})
}
