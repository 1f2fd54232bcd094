package cli

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/fieldpost/fieldpost/internal/seal"
	"github.com/fieldpost/fieldpost/internal/wire"
	"github.com/fieldpost/fieldpost/internal/wiring"
)

const backupCodes = `

Exit codes: 0 done, 1 something broke, 2 a flag or file is wrong, 5 the folder is in use,
7 the backup is damaged or of another history, 8 the disk is full or may not be written.`

func backupCommand() *cobra.Command {
	c := &cobra.Command{Use: "backup [FILE]", Short: "Write a backup of a data folder, while the server runs or not", Args: cobra.MaximumNArgs(1),
		Long: `Writes one consistent copy of the database and the stored files to FILE, a zip that never overwrites another.
Without FILE it goes to the folder backups of the data folder: move it to another machine.

The installation key is not in it. Keep a copy of keys/installation.key apart from the backups.` + backupCodes}
	dir := dirFlag(c)
	asJSON := c.Flags().Bool("json", false, "print one JSON line")
	c.RunE = func(_ *cobra.Command, args []string) error {
		file := ""
		if len(args) == 1 {
			file = args[0]
		}
		if err := hasFolder(*dir); err != nil {
			return err
		}
		made, err := wiring.Backup(*dir, file, time.Now())
		if err != nil {
			return backupFailure(err)
		}
		if *asJSON {
			return sayArchive(made, nil)
		}
		fmt.Printf("Backup written: %s\n", made.File)
		fmt.Printf("It goes up to entry %d of epoch %s.\n", made.Seq, made.Epoch)
		fmt.Printf("The installation key is not in it: keep a copy of %s apart from it.\n", seal.KeyPath(*dir))
		fmt.Println("Check it: fieldpost backup verify " + made.File)
		return nil
	}
	c.AddCommand(backupVerifyCommand())
	return c
}

func backupVerifyCommand() *cobra.Command {
	c := &cobra.Command{Use: "verify FILE", Short: "Check a backup: the archive, the databases and the whole journal", Args: cobra.ExactArgs(1),
		Long: `Opens a copy of the backup away from any data folder and checks all of it.

With --held-elsewhere, and --dir of the installation, it also notes there that this much is held off the machine:
devices then let go of what the backup holds. Say so only of a file that lies on another machine.` + backupCodes}
	dir := c.Flags().String("dir", "", "the data folder to note it in")
	held := c.Flags().Bool("held-elsewhere", false, "the file is held off the server's machine: note that in --dir")
	asJSON := c.Flags().Bool("json", false, "print one JSON line")
	c.RunE = func(_ *cobra.Command, args []string) error {
		if *held != (*dir != "") {
			return fail(ExitUsage, "--held-elsewhere and --dir go together", "fieldpost backup verify FILE --held-elsewhere --dir FOLDER")
		}
		found, err := wiring.CheckBackup(args[0])
		if err != nil {
			return backupFailure(err)
		}
		if *held {
			if err := hasFolder(*dir); err != nil {
				return err
			}
			if err := wiring.NoteHeld(*dir, found, time.Now()); err != nil {
				return backupFailure(err)
			}
		}
		if *asJSON {
			return sayArchive(found, map[string]any{"entries": found.Entries, "erased": found.Erased, "noted": *held})
		}
		fmt.Printf("%s is whole: %d entries (%d erased by retention), up to %s.\n", found.File, found.Entries, found.Erased, day(found.At))
		fmt.Printf("Epoch %s, entry %d, hash %x\n", found.Epoch, found.Seq, found.Hash)
		if *held {
			fmt.Printf("Noted in %s: devices need not keep what is in it any longer.\n", *dir)
		}
		return nil
	}
	return c
}

func restoreCommand() *cobra.Command {
	c := &cobra.Command{Use: "restore FILE", Short: "Put a backup into a data folder", Args: cobra.ExactArgs(1),
		Long: `Puts a backup, made by "fieldpost backup" or in the dashboard, into a data folder that no server uses. All of it is
checked first. What it replaces is kept in the folder's own "replaced", by date. A new line of history begins: phones notice
at their next sync and send again what the backup lacks.

The installation key is needed: the folder's own, or a copy of it by --key.` + backupCodes}
	dir := dirFlag(c)
	key := c.Flags().String("key", "", "a copy of installation.key, for a folder without one")
	asJSON := c.Flags().Bool("json", false, "print one JSON line")
	c.RunE = func(_ *cobra.Command, args []string) error {
		// Before the folder is made, which a wrong name would leave behind.
		if _, err := os.Stat(args[0]); err != nil {
			return backupFailure(err)
		}
		lock, err := lockDir(*dir)
		if err != nil {
			return err
		}
		defer lock.Close()
		if err := markRestoring(lock, true); err != nil {
			return backupFailure(err)
		}
		done, err := wiring.Restore(args[0], *dir, *key, time.Now())
		if err = errors.Join(err, markRestoring(lock, false)); err != nil {
			return backupFailure(err)
		}
		if *asJSON {
			return sayArchive(&done.Archive, map[string]any{"entries": done.Entries, "line": done.Line, "replaced": done.Kept})
		}
		fmt.Printf("Restored into %s: %d entries, up to %s. A new line of history begins: epoch %s\n", *dir, done.Entries, day(done.At), done.Line)
		if done.Kept != "" {
			fmt.Printf("What was there is kept in %s; remove it when you are sure.\n", done.Kept)
		}
		fmt.Printf("Start the server: fieldpost serve --dir %s\nPhones send again what the backup lacks, once each, at their next sync.\n", *dir)
		return nil
	}
	return c
}

func hasFolder(dir string) error {
	if !wiring.HasDatabase(dir) {
		return fail(ExitUsage, "there is no database in "+dir, "Give the data folder: --dir FOLDER")
	}
	return nil
}

func day(ms int64) string {
	if ms == 0 {
		return "no entry yet"
	}
	return time.UnixMilli(ms).UTC().Format("2006-01-02 15:04 UTC")
}

func sayArchive(a *wiring.Archive, more map[string]any) error {
	line := map[string]any{"file": a.File, "epoch": a.Epoch, "seq": a.Seq, "hash": hex.EncodeToString(a.Hash)}
	if a.At != 0 {
		line["written"] = time.UnixMilli(a.At).UTC().Format(wire.TimeFormat)
	}
	for k, v := range more {
		line[k] = v
	}
	return json.NewEncoder(os.Stdout).Encode(line)
}

// backupFailure gives what went wrong its exit code and the next step.
func backupFailure(err error) error {
	var exit *Exit
	switch {
	case errors.As(err, &exit):
		return err
	case errors.Is(err, wiring.ErrDamaged):
		return fail(ExitAttention, err.Error(), "Nothing was changed. Use another backup.")
	case errors.Is(err, wiring.ErrNotHeld):
		return fail(ExitAttention, err.Error(), "Give the data folder that it is a backup of; after a restore older backups may hold what the folder lacks.")
	case errors.Is(err, wiring.ErrNoKey):
		return fail(ExitUsage, err.Error(), "Give your copy of it: --key installation.key. Without it nobody can continue this history.")
	case errors.Is(err, wiring.ErrOtherKey):
		return fail(ExitUsage, err.Error(), "Nothing was changed. Restore into the folder of that installation, or into an empty one with --key.")
	case errors.Is(err, wiring.ErrExists):
		return fail(ExitUsage, err.Error(), "Give another name; a backup never overwrites.")
	case errors.Is(err, wiring.ErrInside):
		return fail(ExitUsage, err.Error(), "Give a file outside of it, or leave FILE out.")
	case errors.Is(err, wiring.ErrNewer):
		return fail(ExitUnexpected, err.Error(), "Nothing was changed.")
	case errors.Is(err, fs.ErrNotExist):
		return fail(ExitUsage, err.Error(), "Give the name of a backup file.")
	case unwritable(err):
		return fail(ExitUnwritable, err.Error(), "Free the disk, or give another place. Nothing was changed.")
	}
	return fail(ExitUnexpected, err.Error(), "Nothing was changed.")
}

// unwritable tells whether the disk is full or may not be written.
func unwritable(err error) bool {
	if errors.Is(err, fs.ErrPermission) {
		return true
	}
	for _, sign := range []string{"no space left", "disk is full", "read-only", "readonly", "disk I/O", "quota exceeded", "unable to open"} {
		if strings.Contains(err.Error(), sign) {
			return true
		}
	}
	return false
}

// A command that finds the folder locked reads in the lock file whether it is a
// restore that holds it: then it must not look at the database.
const restoringMark = "restore\n"

func markRestoring(lock *os.File, on bool) error {
	if err := lock.Truncate(0); err != nil || !on {
		return err
	}
	_, err := lock.WriteAt([]byte(restoringMark), 0)
	return err
}

// restoring tells whether the folder's lock is held by a restore.
func restoring(dir string) bool {
	raw, err := os.ReadFile(filepath.Join(dir, wiring.LockFile))
	return err == nil && string(raw) == restoringMark
}
