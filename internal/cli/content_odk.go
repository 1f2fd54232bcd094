package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/pocketbase/pocketbase/core"
	"github.com/spf13/cobra"

	"github.com/fieldpost/fieldpost/content"
	"github.com/fieldpost/fieldpost/internal/checklist"
	"github.com/fieldpost/fieldpost/internal/fault"
	"github.com/fieldpost/fieldpost/internal/odk"
	"github.com/fieldpost/fieldpost/internal/wiring"
)

// maxForm is how large a form's file may be, in bytes; the longest that ships
// has a hundredth of it.
const maxForm = 1 << 20

// readAtMost reads a file of at most so many bytes.
func readAtMost(name string, most int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fail(ExitUsage, "cannot read "+name, "Give the name of a file that is there and that you may read.")
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, most+1))
	switch {
	case err != nil:
		return nil, fail(ExitUsage, "cannot read "+name, "Give the name of a file, not of a folder.")
	case int64(len(data)) > most:
		return nil, fail(ExitUsage, fmt.Sprintf("%s is larger than %d bytes", name, most), "Give a file with one form in it.")
	}
	return data, nil
}

func contentImport() *cobra.Command {
	c := &cobra.Command{Use: "import FILE.xlsx", Short: "Make the draft of a checklist of a workbook in XLSForm", Args: cobra.ExactArgs(1)}
	out := c.Flags().String("out", "", "the file for the draft, which must not be there yet; without it, the draft is printed")
	key := c.Flags().String("key", "", "the key of the checklist, instead of the form_id of the settings")
	version := c.Flags().Int("version", 1, "its version")
	leaveOut := c.Flags().Bool("leave-out", false, "leave out questions that no checklist can ask, and say which")
	asJSON := c.Flags().Bool("json", false, "print one JSON line for each thing that is not taken as it is")
	c.RunE = func(c *cobra.Command, args []string) error {
		if *version < 1 {
			return fail(ExitUsage, "--version is below 1", "Versions count from 1.")
		}
		data, err := readAtMost(args[0], odk.MaxFile)
		if err != nil {
			return err
		}
		form, problems := odk.ReadXLSForm(data, odk.Options{Key: *key, Version: *version, LeaveOut: *leaveOut})
		refused := 0
		for _, p := range problems {
			if p.State == odk.Refused {
				refused++
			}
			if *asJSON {
				err = json.NewEncoder(c.ErrOrStderr()).Encode(p)
			} else {
				_, err = fmt.Fprintln(c.ErrOrStderr(), p)
			}
			if err != nil {
				return err
			}
		}
		if form == nil {
			return fail(ExitUsage, fmt.Sprintf("%d things of %s cannot be taken; there is no draft", refused, filepath.Base(args[0])), "Each line above names sheet, cell and what to do.")
		}
		var draft bytes.Buffer
		enc := json.NewEncoder(&draft)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		if err := enc.Encode(form); err != nil {
			return err
		}
		if *out == "" {
			_, err := c.OutOrStdout().Write(draft.Bytes())
			return err
		}
		if err := keep(*out, draft.Bytes()); err != nil {
			return err
		}
		_, faults, err := checklist.LintForm(content.Files, *out, draft.Bytes())
		if err != nil {
			return err
		}
		for _, f := range faults {
			fmt.Fprintln(c.ErrOrStderr(), f)
		}
		_, err = fmt.Fprintf(c.ErrOrStderr(), "Draft of %s version %d with %d items: %s. Still to decide: %d (fieldpost content lint %s).\n",
			form.Key, form.Version, len(form.Items()), *out, len(faults), *out)
		return err
	}
	return c
}

// keep writes a file that is not there yet.
func keep(name string, data []byte) error {
	err := writeNew(name, io.Discard, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
	switch {
	case errors.Is(err, os.ErrExist):
		return fail(ExitUsage, name+" is there already, and nothing is written over", "Give another name, or move the file away.")
	case err != nil:
		return fail(ExitUnwritable, "cannot write "+name+": "+err.Error(), "Give a name in a folder that you may write, on a disk with space.")
	}
	return nil
}

// lintFile prints what is wrong with a form in a file of its own.
func lintFile(name string) ([]checklist.Fault, error) {
	data, err := readAtMost(name, maxForm)
	if err != nil {
		return nil, err
	}
	_, faults, err := checklist.LintForm(content.Files, name, data)
	return faults, err
}

func contentPublish(open Open) *cobra.Command {
	c := &cobra.Command{Use: "publish FILE.json", Short: "Put a checklist of your own into force; a version never changes", Args: cobra.ExactArgs(1)}
	dir := dirFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		data, err := readAtMost(args[0], maxForm)
		if err != nil {
			return err
		}
		form, faults, err := checklist.LintForm(content.Files, args[0], data)
		if err != nil {
			return err
		}
		for _, f := range faults {
			fmt.Fprintln(c.ErrOrStderr(), f)
		}
		if len(faults) > 0 {
			return fail(ExitAttention, fmt.Sprintf("%d faults in %s; nothing was published", len(faults), args[0]), "How to write a form: docs/CONTENT.md")
		}
		return withApp(open, *dir, func(_ core.App, s *wiring.Services) error {
			published, err := s.PublishChecklist(form)
			var f *fault.Fault
			switch {
			case errors.As(err, &f) && f.Code == fault.BadRequest:
				return fail(ExitUsage, f.Message, f.Hint)
			case err != nil:
				return fail(ExitUnexpected, err.Error(), "Nothing was published.")
			case !published:
				_, err = fmt.Fprintf(c.OutOrStdout(), "%s version %d is in force already.\n", form.Key, form.Version)
			default:
				_, err = fmt.Fprintf(c.OutOrStdout(), "In force: %s version %d, %d items, in %d languages. Phones have it after their next exchange.\n", form.Key, form.Version, len(form.Items()), len(checklist.Languages))
			}
			return err
		})
	}
	return c
}
