package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/spf13/cobra"

	"github.com/fieldpost/fieldpost/internal/wiring"
)

// auditCommand hands out the audit, and checks what was handed out (R16).
func auditCommand(open Open) *cobra.Command {
	root := &cobra.Command{Use: "audit", Short: "The audit: export it, verify it"}
	root.AddCommand(auditExport(open), auditVerify())
	return root
}

func auditExport(open Open) *cobra.Command {
	c := &cobra.Command{Use: "export FILE|-", Short: "Write the audit to a file that anybody can check without the server", Args: cobra.ExactArgs(1)}
	dir := dirFlag(c)
	since := c.Flags().String("since", "", "from this day or time on: 2026-01-31, or 2026-01-31T18:00:00Z")
	organization := c.Flags().String("organization", "", "only what concerns this organization (name or id)")
	asJSON := c.Flags().Bool("json", false, "print one JSON line")
	c.RunE = func(c *cobra.Command, args []string) error {
		from, err := moment(*since)
		if err != nil {
			return fail(ExitUsage, "--since "+*since+" is no day and no time", "Write 2026-01-31, or 2026-01-31T18:00:00Z.")
		}
		return withApp(open, *dir, func(_ core.App, s *wiring.Services) error {
			var last *wiring.AuditLast
			known := true
			err := writeNew(args[0], c.OutOrStdout(), func(out io.Writer) (err error) {
				last, known, err = s.ExportAudit(out, *organization, from)
				if err == nil && !known {
					err = errUnknown
				}
				return err
			})
			switch {
			case !known && errors.Is(err, errUnknown):
				return fail(ExitUsage, "there is no organization "+*organization, "Give its name as it is written, or its id.")
			case errors.Is(err, os.ErrExist):
				return fail(ExitUsage, "there is a file "+args[0]+" already", "Name another file: nothing is written over.")
			case err != nil:
				if exit := explainStorage(*dir, err); exit != nil {
					return exit
				}
				return fail(ExitUnexpected, err.Error(), "")
			}
			// Beside the export on standard output this goes where people read.
			say := c.OutOrStdout()
			if args[0] == "-" {
				say = c.ErrOrStderr()
			}
			if *asJSON {
				return json.NewEncoder(say).Encode(map[string]any{"file": args[0], "entries": last.Entries, "head": last.Head})
			}
			_, err = fmt.Fprintf(say, "%d entries. The last is this export's own, entry %d of the journal. Write down its hash, apart from the file:\n%s\n",
				last.Entries, last.Head.Seq, last.Head.Hash)
			return err
		})
	}
	return c
}

var errUnknown = errors.New("not known")

// moment reads a day or a time; "" is the beginning.
func moment(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if t, err := time.Parse(time.DateOnly, text); err == nil {
		return t, nil
	}
	return time.Parse(time.RFC3339, text)
}

// writeNew writes a file that is not there yet, whole and fsynced or not at
// all; "-" is standard output.
func writeNew(path string, stdout io.Writer, write func(io.Writer) error) (err error) {
	if path == "-" {
		return write(stdout)
	}
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("write %s: %w", path, os.ErrExist)
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".fieldpost-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(f.Name())) }()
	if err = errors.Join(write(f), f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Link(f.Name(), path)
}

func auditVerify() *cobra.Command {
	c := &cobra.Command{Use: "verify [FILE|-]", Short: "Check an export by itself, against a data folder, or a folder's own audit", Args: cobra.MaximumNArgs(1)}
	dir := c.Flags().String("dir", "", "the data folder: is the export of its history? Without FILE: is its audit whole?")
	head := c.Flags().String("head", "", "the hash that was written down when the export was made")
	asJSON := c.Flags().Bool("json", false, "print one JSON line")
	c.RunE = func(c *cobra.Command, args []string) error {
		if len(args) == 0 && *dir == "" {
			return fail(ExitUsage, "there is nothing to verify", "Give an export, a data folder (--dir), or both.")
		}
		if *dir != "" {
			if err := hasFolder(*dir); err != nil {
				return err
			}
		}
		var report *wiring.AuditReport
		var err error
		if len(args) == 1 {
			report, err = verifyFile(args[0], *dir, *head, c.InOrStdin())
		} else {
			report, err = wiring.VerifyAuditOf(*dir)
		}
		if err != nil {
			var exit *Exit
			if errors.As(err, &exit) {
				return exit
			}
			if exit = explainStorage(*dir, err); exit != nil {
				return exit
			}
			return fail(ExitUnexpected, err.Error(), "")
		}
		if *asJSON {
			if err := json.NewEncoder(c.OutOrStdout()).Encode(report); err != nil {
				return err
			}
		}
		if report.Bad != "" {
			e := fail(ExitAttention, report.Bad, "Keep the file and the folder as they are, and compare with other copies: docs/AUDIT.md says how.")
			e.Printed = *asJSON
			return e
		}
		if !*asJSON {
			_, err = fmt.Fprintf(c.OutOrStdout(), "%d entries, %d to %d, none changed, left out, put in or moved. Head: entry %d of the journal, hash\n%s\n",
				report.Entries, report.First, report.Last, report.Head.Seq, report.Head.Hash)
		}
		return err
	}
	return c
}

// verifyFile checks an export, and holds it against what is known from elsewhere.
func verifyFile(path, dir, head string, stdin io.Reader) (*wiring.AuditReport, error) {
	in := stdin
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, fail(ExitUsage, "the export can't be read: "+err.Error(), "Name the file that was written: fieldpost audit export FILE")
		}
		defer f.Close()
		in = f
	}
	report, err := wiring.VerifyAudit(in)
	if err != nil || report.Bad != "" {
		return report, err
	}
	if head != "" && head != report.Head.Hash {
		report.Bad = "the export ends with another hash than the one that was written down: it was written anew, or is another"
		return report, nil
	}
	if dir != "" {
		err = wiring.VerifyAuditIn(report, dir)
	}
	return report, err
}
