package records

import (
	"archive/zip"
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "github.com/pocketbase/pocketbase" // the database driver

	"github.com/fieldpost/fieldpost/internal/journal"
	"github.com/fieldpost/fieldpost/internal/seal"
)

var noon = time.Date(2026, 2, 7, 12, 0, 0, 0, time.UTC)

// installed makes a data folder: a key, databases with n entries in epoch "a",
// and stored files.
func installed(t *testing.T, n int) string {
	t.Helper()
	dir := t.TempDir()
	key, _, err := seal.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range databases {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	db, err := openWrite(filepath.Join(dir, databases[0]))
	if err != nil {
		t.Fatal(err)
	}
	if err := journal.Migrate(db.DB()); err != nil {
		t.Fatal(err)
	}
	tx := journal.Begin(db)
	if err := tx.BeginEpoch("a", 1); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		tx.NewMutation()
		if _, err := tx.Append(journal.Entry{At: noon.UnixMilli(), Collection: "sites", Record: "r" + string(rune('a'+i)), Op: "create",
			Actor: "system", Device: key.Rest("system"), Stamp: "s"}); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(tx.Close(), db.Close()); err != nil {
		t.Fatal(err)
	}
	put(t, dir, "storage/c/r/photo.jpg", "a photo of "+string(rune('0'+n)))
	return dir
}

func put(t *testing.T, dir, name, text string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func reads(t *testing.T, path string) string {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func backedUp(t *testing.T, dir string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "backup.zip")
	if _, err := BackupFolder(dir, file); err != nil {
		t.Fatal(err)
	}
	return file
}

// holds gives how many entries a folder has and its present epoch; the whole
// chain is checked.
func holds(t *testing.T, dir string) (int64, string) {
	t.Helper()
	a := &Archive{}
	if err := a.check(dir); err != nil {
		t.Fatal(err)
	}
	return a.Seq, a.Epoch
}

// failing makes the nth move of a restore panic, as a crash would end it.
func failing(n int) (restore func()) {
	beforeMove = func() {
		if n--; n == 0 {
			panic("crash")
		}
	}
	return func() { beforeMove = func() {} }
}

func crashes(fn func()) (crashed bool) {
	defer func() { crashed = recover() == "crash" }()
	fn()
	return false
}

func TestRestore(t *testing.T) {
	t.Run("[EPOCH-2] a restore brings back all that the backup holds and begins a new epoch, at home in its folder", func(t *testing.T) {
		dir := installed(t, 3)
		file := backedUp(t, dir)
		before, err := Fingerprint(dir)
		if err != nil {
			t.Fatal(err)
		}
		done, err := Restore(file, dir, "", noon)
		if err != nil {
			t.Fatal(err)
		}
		seq, epoch := holds(t, dir)
		if seq != 3 || epoch == "a" || epoch != done.Line || done.Epoch != "a" || done.Seq != 3 || done.Entries != 3 {
			t.Errorf("%d entries, epoch %s, %+v", seq, epoch, done)
		}
		db, err := openWrite(filepath.Join(dir, databases[0]))
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		home, err := journal.NewReader(db).Home()
		here, err2 := Fingerprint(dir)
		if err != nil || err2 != nil || home != here || here == before {
			t.Errorf("home %q, here %q, before %q", home, here, before)
		}
	})
	t.Run("[EPOCH-2] what a restore replaces is kept aside, each time, and the next backup does not hold it", func(t *testing.T) {
		dir := installed(t, 3)
		file := backedUp(t, dir)
		put(t, dir, "storage/new.txt", "newer than the backup")
		put(t, dir, HeadFile, "the old head")
		put(t, dir, "backups/one.zip", "a backup")
		for range 2 {
			if _, err := Restore(file, dir, "", noon); err != nil {
				t.Fatal(err)
			}
		}
		kept := filepath.Join(dir, replacedFolder, "20260207-120000")
		if seq, epoch := holds(t, kept); seq != 3 || epoch != "a" {
			t.Errorf("%d entries of epoch %s kept", seq, epoch)
		}
		if reads(t, filepath.Join(kept, "storage/new.txt")) == "" || reads(t, filepath.Join(kept, HeadFile)) != "the old head" || exists(filepath.Join(dir, HeadFile)) || exists(filepath.Join(dir, "storage/new.txt")) {
			t.Error("old and new are mixed")
		}
		if _, epoch := holds(t, kept+"-2"); epoch == "a" {
			t.Error("the second restore replaced something else than the first made")
		}
		if reads(t, filepath.Join(dir, "backups/one.zip")) != "a backup" || reads(t, filepath.Join(dir, "storage/c/r/photo.jpg")) != "a photo of 3" {
			t.Error("backups or files are gone")
		}
		z, err := zip.OpenReader(backedUp(t, dir))
		if err != nil {
			t.Fatal(err)
		}
		defer z.Close()
		var names []string
		for _, f := range z.File {
			names = append(names, f.Name)
		}
		if got := strings.Join(names, " "); got != "data.db auxiliary.db storage/c/r/photo.jpg" {
			t.Errorf("a backup holds %s", got)
		}
	})
	t.Run("[EPOCH-2] a crash at any point leaves the old whole, or the new at the next start", func(t *testing.T) {
		like := installed(t, 3)
		file := backedUp(t, like)
		ended := false
		for step := 1; !ended; step++ {
			dir := t.TempDir()
			if err := os.CopyFS(dir, os.DirFS(like)); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(seal.KeyPath(dir), 0o600); err != nil {
				t.Fatal(err)
			}
			put(t, dir, "storage/old.txt", "old")
			again := failing(step)
			crashed := crashes(func() {
				if _, err := Restore(file, dir, "", noon); err != nil {
					t.Error(err)
				}
			})
			again()
			again = failing(2) // and the next start crashes too
			twice := crashes(func() { _ = FinishRestore(dir) })
			again()
			if err := FinishRestore(dir); err != nil {
				t.Fatalf("step %d: %v", step, err)
			}
			if seq, epoch := holds(t, dir); seq != 3 || epoch == "a" {
				t.Errorf("step %d: %d entries of epoch %s", step, seq, epoch)
			}
			if seq, epoch := holds(t, filepath.Join(dir, replacedFolder, "20260207-120000")); seq != 3 || epoch != "a" {
				t.Errorf("step %d: %d entries of epoch %s are kept", step, seq, epoch)
			}
			if exists(filepath.Join(dir, "storage/old.txt")) || exists(filepath.Join(dir, planFile)) {
				t.Errorf("step %d: old and new are mixed", step)
			}
			if ended = !crashed; ended && (step < 7 || twice) {
				t.Errorf("only %d steps could crash", step-1)
			}
		}
	})
	t.Run("[EPOCH-2] before the plan is on the disk a crash leaves the old as it was", func(t *testing.T) {
		dir := installed(t, 3)
		temp := filepath.Join(dir, ".pb_temp_to_delete", "fieldpost_restore_1")
		put(t, temp, "data.db", "half of something")
		if err := FinishRestore(dir); err != nil {
			t.Fatal(err)
		}
		if seq, epoch := holds(t, dir); seq != 3 || epoch != "a" {
			t.Errorf("%d entries of epoch %s", seq, epoch)
		}
	})
	t.Run("[JOURNAL-4] a restore needs the installation key, the folder's or a copy of it, and refuses another's", func(t *testing.T) {
		dir, other := installed(t, 3), installed(t, 2)
		file := backedUp(t, dir)
		empty := t.TempDir()
		for name, c := range map[string]struct {
			dir, key string
			want     error
		}{
			"none":                      {empty, "", ErrNoKey},
			"a name that is no file":    {empty, filepath.Join(empty, "x"), ErrNoKey},
			"another's":                 {empty, seal.KeyPath(other), ErrOtherKey},
			"another's folder":          {other, "", ErrOtherKey},
			"another's folder, own key": {other, seal.KeyPath(dir), ErrOtherKey},
		} {
			if _, err := Restore(file, c.dir, c.key, noon); !errors.Is(err, c.want) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if exists(filepath.Join(empty, databases[0])) || seal.Exists(empty) {
			t.Error("something was left in the empty folder")
		}
		if seq, epoch := holds(t, other); seq != 2 || epoch != "a" {
			t.Error("the other folder was touched")
		}
		done, err := Restore(file, empty, seal.KeyPath(dir), noon)
		if err != nil || done.Kept != "" {
			t.Fatalf("%+v %v", done, err)
		}
		if reads(t, seal.KeyPath(empty)) != reads(t, seal.KeyPath(dir)) {
			t.Error("the key is not there")
		}
	})
	t.Run("[JOURNAL-2] a damaged backup is refused, whatever is damaged in it, and nothing moves", func(t *testing.T) {
		dir := installed(t, 3)
		good, err := os.ReadFile(backedUp(t, dir))
		if err != nil {
			t.Fatal(err)
		}
		bad := map[string][]byte{"cut short": good[:len(good)-30], "no zip": []byte("hello"), "empty": {}}
		flipped := bytes.Clone(good)
		flipped[len(flipped)/2] ^= 0xff
		bad["a byte"] = flipped
		bad["no database"] = zipped(t, map[string]string{"storage/x": "y"})
		bad["no SQLite"] = zipped(t, map[string]string{"data.db": strings.Repeat("x", 5000), "auxiliary.db": ""})
		bad["no journal"] = zipped(t, map[string]string{"data.db": "", "auxiliary.db": ""})
		bad["a way out"] = zipped(t, map[string]string{"data.db": "", "auxiliary.db": "", "../out.txt": "out"})
		broken := installed(t, 3)
		db, err := openWrite(filepath.Join(broken, databases[0]))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := db.NewQuery("UPDATE journal_entry SET actor='somebody' WHERE seq=2").Execute(); err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		if bad["a broken chain"], err = os.ReadFile(backedUp(t, broken)); err != nil {
			t.Fatal(err)
		}
		for name, raw := range bad {
			file := filepath.Join(t.TempDir(), "bad.zip")
			if err := os.WriteFile(file, raw, 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := CheckBackup(file); !errors.Is(err, ErrDamaged) {
				t.Errorf("%s: check says %v", name, err)
			}
			if _, err := Restore(file, dir, "", noon); !errors.Is(err, ErrDamaged) {
				t.Errorf("%s: restore says %v", name, err)
			}
		}
		if seq, epoch := holds(t, dir); seq != 3 || epoch != "a" || exists(filepath.Join(dir, replacedFolder)) {
			t.Error("something moved")
		}
		if left, err := os.ReadDir(filepath.Join(dir, ".pb_temp_to_delete")); err != nil || len(left) > 0 {
			t.Errorf("left behind: %v %v", left, err)
		}
		whole := filepath.Join(t.TempDir(), "good.zip")
		if err := os.WriteFile(whole, good, 0o600); err != nil {
			t.Fatal(err)
		}
		if a, err := CheckBackup(whole); err != nil || a.Entries != 3 || a.Seq != 3 || a.Epoch != "a" || a.At != noon.UnixMilli() {
			t.Errorf("the whole one: %+v %v", a, err)
		}
	})
}

func zipped(t *testing.T, files map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, body := range files {
		f, err := z.Create(name)
		if err == nil {
			_, err = f.Write([]byte(body))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestBackupFolder(t *testing.T) {
	t.Run("[EPOCH-3] a backup never overwrites, never lies in what it packs, and leaves nothing half made", func(t *testing.T) {
		dir := installed(t, 3)
		out := t.TempDir()
		put(t, out, "there.zip", "there")
		for name, c := range map[string]struct {
			file string
			want error
		}{
			"there already":   {filepath.Join(out, "there.zip"), ErrExists},
			"in the folder":   {filepath.Join(dir, "x.zip"), ErrInside},
			"in its storage":  {filepath.Join(dir, "storage", "x.zip"), ErrInside},
			"its backups":     {filepath.Join(dir, "backups"), ErrInside},
			"in its backups":  {filepath.Join(dir, "backups", "x.zip"), nil},
			"somewhere else":  {filepath.Join(out, "new", "x.zip"), nil},
			"beside the file": {filepath.Join(out, "x?y#%41.zip"), nil},
		} {
			if _, err := BackupFolder(dir, c.file); !errors.Is(err, c.want) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if reads(t, filepath.Join(out, "there.zip")) != "there" {
			t.Error("overwritten")
		}
		for _, folder := range []string{out, filepath.Join(out, "new"), filepath.Join(dir, "backups")} {
			all, err := os.ReadDir(folder)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range all {
				if !strings.HasSuffix(e.Name(), ".zip") && e.Name() != "new" {
					t.Errorf("%s was left behind", e.Name())
				}
			}
		}
	})
	t.Run("[EPOCH-3] a backup that is held elsewhere is noted only where its newest entry is in the history", func(t *testing.T) {
		dir, other := installed(t, 3), installed(t, 3)
		a, err := CheckBackup(backedUp(t, dir))
		if err != nil {
			t.Fatal(err)
		}
		if err := NoteHeld(other, a, noon); !errors.Is(err, ErrNotHeld) {
			t.Errorf("another history: %v", err)
		}
		ahead := *a
		ahead.Seq++
		if err := NoteHeld(dir, &ahead, noon); !errors.Is(err, ErrNotHeld) {
			t.Errorf("more than there is: %v", err)
		}
		if err := NoteHeld(dir, a, noon); err != nil {
			t.Fatal(err)
		}
		db, err := openWrite(filepath.Join(dir, databases[0]))
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if seq, err := journal.NewReader(db).Durable("a"); seq != 3 || err != nil {
			t.Errorf("noted %d %v", seq, err)
		}
	})
}
