package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/fieldpost/fieldpost/content"
	"github.com/fieldpost/fieldpost/internal/checklist"
	"github.com/fieldpost/fieldpost/internal/odk"
)

func contentXForm() *cobra.Command {
	c := &cobra.Command{Use: "xform [KEY | FILE.json]", Short: "Write a checklist as an ODK XForm", Args: cobra.MaximumNArgs(1)}
	version := c.Flags().Int("version", 0, "the version of KEY; without it, the newest")
	locale := c.Flags().String("locale", "both", "the language: en, es or both")
	out := c.Flags().String("out", "", "the file, which must not be there yet; without it, the form is printed")
	all := c.Flags().String("all", "", "write the newest version of every checklist of this binary into this folder")
	c.RunE = func(c *cobra.Command, args []string) error {
		if *locale != "both" && !slices.Contains(checklist.Languages, *locale) {
			return fail(ExitUsage, "there is no language "+*locale, "Give --locale en, es or both.")
		}
		if (len(args) == 1) == (*all != "") {
			return fail(ExitUsage, "either one checklist or --all", "Give a key (see: fieldpost content diff), a file, or --all FOLDER.")
		}
		if *all != "" {
			return everyXForm(c, *all, *locale)
		}
		lists, err := versionOf(args[0], *version)
		if err != nil {
			return err
		}
		data, err := xformOf(lists, *locale)
		switch {
		case err != nil:
			return err
		case *out != "":
			return keep(*out, data)
		}
		_, err = c.OutOrStdout().Write(data)
		return err
	}
	return c
}

// versionOf gives one version of a checklist in all its languages: of a file,
// or of a key of the binary (version 0: the newest).
func versionOf(name string, version int) ([]checklist.Checklist, error) {
	if strings.HasSuffix(name, ".json") {
		data, err := readAtMost(name, maxForm)
		if err != nil {
			return nil, err
		}
		form, err := checklist.ParseForm(data)
		if err != nil {
			return nil, fail(ExitAttention, name+": "+err.Error(), "See all of it: fieldpost content lint "+name)
		}
		return form.Checklists(), nil
	}
	shipped, err := checklist.Load(content.Files)
	if err != nil {
		return nil, err
	}
	var lists []checklist.Checklist
	for _, l := range shipped { // by version
		if l.Key != name || version != 0 && l.Version != version {
			continue
		}
		if len(lists) > 0 && lists[0].Version != l.Version {
			lists = nil
		}
		lists = append(lists, l)
	}
	if len(lists) == 0 {
		return nil, fail(ExitUsage, "this binary carries no such checklist: "+name, "See docs/CONTENT.md for the keys, or give a file that ends in .json.")
	}
	return lists, nil
}

func xformOf(lists []checklist.Checklist, locale string) ([]byte, error) {
	if locale != "both" {
		lists = slices.DeleteFunc(slices.Clone(lists), func(l checklist.Checklist) bool { return l.Locale != locale })
	}
	if len(lists) == 0 {
		return nil, fail(ExitUsage, "the checklist is not there in the language "+locale, "Version 1 of eight checklists is in English alone.")
	}
	data, err := odk.XForm(lists)
	if err != nil {
		return nil, fail(ExitUnexpected, err.Error(), "")
	}
	return data, nil
}

func everyXForm(c *cobra.Command, folder, locale string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return fail(ExitUnwritable, "cannot make "+folder+": "+err.Error(), "Give a folder that you may write.")
	}
	shipped, err := checklist.Load(content.Files)
	if err != nil {
		return err
	}
	keys := map[string]bool{}
	for _, l := range shipped {
		if keys[l.Key] {
			continue
		}
		keys[l.Key] = true
		lists, err := versionOf(l.Key, 0)
		if err != nil {
			return err
		}
		data, err := xformOf(lists, locale)
		if err != nil {
			return err
		}
		if err := keep(filepath.Join(folder, l.Key+".xml"), data); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintf(c.ErrOrStderr(), "%d forms in %s.\n", len(keys), folder)
	return err
}
