package cli

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"strings"

	"github.com/pocketbase/pocketbase/core"
	"github.com/spf13/cobra"

	"github.com/fieldpost/fieldpost/internal/wire"
	"github.com/fieldpost/fieldpost/internal/wiring"
)

// withApp opens a data folder for one command. The folder may be in use by a
// server: SQLite keeps the two apart.
func withApp(open Open, dir string, fn func(core.App, *wiring.Services) error) error {
	if _, err := os.Stat(dir); err != nil {
		return fail(ExitUsage, "there is no data folder "+dir, "Start the server once: fieldpost serve --dir "+dir)
	}
	app, services, err := openBeside(open, dir)
	if err != nil {
		return err
	}
	defer app.ResetBootstrapState()
	return fn(app, services)
}

// openBeside opens a data folder that a server may have open. Where no server
// runs this command has the folder while it opens it, and so may notice that it
// is a copy. It does not keep it: a server may start.
func openBeside(open Open, dir string) (core.App, *wiring.Services, error) {
	alone, err := opening(dir)
	if err != nil {
		return nil, nil, err
	}
	defer alone.Close()
	lock, err := lockDir(dir)
	switch {
	case err == nil:
		defer lock.Close()
	case !locked(err):
		return nil, nil, err
	case restoring(dir):
		return nil, nil, fail(ExitLocked, "the folder "+dir+" is being restored", "Try again when the restore has ended.")
	}
	return openApp(open, dir, wiring.Config{Owner: lock != nil})
}

func superuserCommand(open Open) *cobra.Command {
	c := &cobra.Command{Use: "superuser EMAIL PASSWORD", Short: "Make or change a superuser of the dashboard (break-glass)", Args: cobra.ExactArgs(2)}
	dir := dirFlag(c)
	c.RunE = func(_ *cobra.Command, args []string) error {
		return withApp(open, *dir, func(app core.App, s *wiring.Services) error {
			// The audit comes first: a superuser that it does not know must not be.
			err := s.AuditSuperuser()
			if err == nil {
				err = UpsertSuperuser(app, args[0], args[1])
			}
			if err != nil {
				if exit := explainStorage(*dir, err); exit != nil {
					return exit
				}
				return fail(ExitUsage, err.Error(), "Give an e-mail address and a password of 8 characters or more.")
			}
			fmt.Println("Saved.")
			return nil
		})
	}
	return c
}

// UpsertSuperuser makes a superuser, or changes its password.
func UpsertSuperuser(app core.App, email, password string) error {
	superusers, err := app.FindCachedCollectionByNameOrId(core.CollectionNameSuperusers)
	if err != nil {
		return fmt.Errorf("save superuser: %w", err)
	}
	r, err := app.FindAuthRecordByEmail(superusers, email)
	if err != nil {
		r = core.NewRecord(superusers)
	} else if r.ValidatePassword(password) {
		return nil
	}
	r.SetEmail(email)
	r.SetPassword(password)
	if err := app.Save(r); err != nil {
		return fmt.Errorf("save superuser: %w", err)
	}
	return nil
}

func verifyCommand() *cobra.Command {
	c := &cobra.Command{Use: "verify", Short: "Check the journal's hash chain", Args: cobra.NoArgs}
	dir := dirFlag(c)
	asJSON := c.Flags().Bool("json", false, "print one JSON line")
	c.RunE = func(*cobra.Command, []string) error {
		if err := hasFolder(*dir); err != nil {
			return err
		}
		report, err := wiring.Verify(*dir)
		if err != nil {
			if exit := explainStorage(*dir, err); exit != nil {
				return exit
			}
			return fail(ExitUnexpected, err.Error(), "")
		}
		if *asJSON {
			err := json.NewEncoder(os.Stdout).Encode(map[string]any{"ok": report.Bad == 0, "entries": report.Entries,
				"erased": report.Erased, "bad": report.Bad, "why": report.Why, "head": hex.EncodeToString(report.Head)})
			if err != nil {
				return err
			}
		}
		if report.Bad != 0 {
			e := fail(ExitAttention, fmt.Sprintf("the chain is broken at entry %d: %s", report.Bad, report.Why),
				"Someone or something changed the database outside Fieldpost. Keep a copy as it is, then restore a backup.")
			e.Printed = *asJSON
			return e
		}
		if !*asJSON {
			fmt.Printf("The chain of %d entries is whole (%d erased by retention). Head: %x\n", report.Entries, report.Erased, report.Head)
		}
		return nil
	}
	return c
}

func mendCommand() *cobra.Command {
	c := &cobra.Command{Use: "mend", Short: "Repair the journal's schema after an upgrade that broke off", Args: cobra.NoArgs}
	dir := dirFlag(c)
	c.RunE = func(*cobra.Command, []string) error {
		if err := mendFolder(*dir); err != nil {
			return err
		}
		fmt.Println("The schema is whole. Start the server again.")
		return nil
	}
	return c
}

// mendFolder repairs the journal's schema in a folder that nobody serves.
func mendFolder(dir string) error {
	if err := hasFolder(dir); err != nil {
		return err
	}
	lock, err := lockDir(dir)
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := wiring.Mend(dir); err != nil {
		if exit := explainStorage(dir, err); exit != nil {
			return exit
		}
		return fail(ExitUnexpected, err.Error(), "Give the data folder: --dir FOLDER")
	}
	return nil
}

func versionCommand() *cobra.Command {
	c := &cobra.Command{Use: "version", Short: "Print versions", Args: cobra.NoArgs}
	asJSON := c.Flags().Bool("json", false, "print one JSON line")
	c.RunE = func(*cobra.Command, []string) error {
		latest, err := wiring.JournalSchema()
		if err != nil {
			return err
		}
		if *asJSON {
			return json.NewEncoder(os.Stdout).Encode(map[string]any{"version": Version, "protocol": wire.Protocol,
				"schema": wire.Schema, "minSchema": wire.MinSchema, "journal": latest, "go": runtime.Version()})
		}
		fmt.Printf("fieldpost %s, protocol %d, schema %d, journal schema %d, %s\n", Version, wire.Protocol, wire.Schema,
			latest, strings.TrimPrefix(runtime.Version(), "go"))
		return nil
	}
	return c
}
