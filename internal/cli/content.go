package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/pocketbase/pocketbase/core"
	"github.com/spf13/cobra"

	"github.com/fieldpost/fieldpost/content"
	"github.com/fieldpost/fieldpost/internal/checklist"
	"github.com/fieldpost/fieldpost/internal/wiring"
)

// contentCommand is about what ships with the binary: checklists and texts.
func contentCommand(open Open) *cobra.Command {
	root := &cobra.Command{Use: "content", Short: "Checklists and other content: hotlines, lint, review, diff, apply"}
	root.AddCommand(contentHotlines(), contentLint(), contentReview(), contentDiff(open), contentApply(open), contentVerify(open))
	root.AddCommand(contentImport(), contentPublish(open), contentXForm())
	return root
}

// contentFolder is the folder of an argument, or what the binary carries.
func contentFolder(args []string) (fs.FS, error) {
	if len(args) == 0 {
		return content.Files, nil
	}
	if info, err := os.Stat(args[0]); err != nil || !info.IsDir() {
		return nil, fail(ExitUsage, "there is no folder "+args[0], "Give a folder that holds forms, left_out, icons, words.json and sources.json.")
	}
	return os.DirFS(args[0]), nil
}

func contentLint() *cobra.Command {
	c := &cobra.Command{Use: "lint [DIR | FILE.json]", Short: "Find what is wrong with content, or with one form; without either, with the content of this binary", Args: cobra.MaximumNArgs(1)}
	asJSON := c.Flags().Bool("json", false, "print one JSON line for each fault")
	c.RunE = func(c *cobra.Command, args []string) error {
		faults, err := lintOf(args)
		if err != nil {
			return err
		}
		out := c.OutOrStdout()
		for _, f := range faults {
			if *asJSON {
				err = json.NewEncoder(out).Encode(f)
			} else {
				_, err = fmt.Fprintln(out, f)
			}
			if err != nil {
				return err
			}
		}
		if len(faults) > 0 {
			return fail(ExitAttention, fmt.Sprintf("%d faults in the content", len(faults)), "How to write a form: docs/CONTENT.md")
		}
		if !*asJSON {
			fmt.Fprintln(out, "The content has no faults.")
		}
		return nil
	}
	return c
}

// lintOf lints a form in a file, a folder, or what the binary carries.
func lintOf(args []string) ([]checklist.Fault, error) {
	if len(args) == 1 && strings.HasSuffix(args[0], ".json") {
		return lintFile(args[0])
	}
	folder, err := contentFolder(args)
	if err != nil {
		return nil, err
	}
	faults, err := checklist.Lint(folder)
	if err != nil {
		return nil, fail(ExitUsage, err.Error(), "Give a folder that holds forms, left_out, icons, words.json and sources.json.")
	}
	return append(faults, wiring.LintTriage(folder)...), nil
}

func contentReview() *cobra.Command {
	c := &cobra.Command{Use: "review [DIR]", Short: "List what awaits review by practitioners and native speakers, most urgent first", Args: cobra.MaximumNArgs(1)}
	asJSON := c.Flags().Bool("json", false, "print one JSON line for each text")
	c.RunE = func(c *cobra.Command, args []string) error {
		folder, err := contentFolder(args)
		if err != nil {
			return err
		}
		list, err := checklist.AwaitingIn(folder)
		if err != nil {
			return fail(ExitUsage, err.Error(), "See: fieldpost content lint")
		}
		if !*asJSON {
			return sayReview(c.OutOrStdout(), list)
		}
		for _, a := range list {
			if err := json.NewEncoder(c.OutOrStdout()).Encode(a); err != nil {
				return err
			}
		}
		return nil
	}
	return c
}

func sayReview(out io.Writer, list []checklist.Awaiting) error {
	titles := []struct{ kind, title string }{
		{checklist.ReviewUrgent, "Hotline and emergency texts, then guidance: first"},
		{checklist.ReviewOurs, "Wordings of our own (source D)"},
		{checklist.ReviewPacks, "Packs: kinds of place, industries, who takes what, published numbers"},
		{checklist.ReviewTranslation, "Spanish, by setting"},
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d texts await review.\n", len(list))
	for _, t := range titles {
		part := slices.DeleteFunc(slices.Clone(list), func(a checklist.Awaiting) bool { return a.Kind != t.kind })
		fmt.Fprintf(&b, "\n%s (%d)\n", t.title, len(part))
		file := ""
		for _, a := range part {
			if a.File != file {
				file = a.File
				n := 0
				for _, other := range part {
					if other.File == file {
						n++
					}
				}
				fmt.Fprintf(&b, "\n  %s (%d)\n", strings.TrimSuffix(path.Base(file), ".json"), n)
			}
			item := a.Item
			if item == "" {
				item = "title"
			}
			fmt.Fprintf(&b, "    %-18s %-2s  %s\n", item, a.Language, a.Text)
			if a.Original != "" {
				fmt.Fprintf(&b, "    %-18s %-2s  %s\n", "", "en", a.Original)
			}
		}
	}
	_, err := io.WriteString(out, b.String())
	return err
}

func contentDiff(open Open) *cobra.Command {
	c := &cobra.Command{Use: "diff", Short: "Show how checklists, hotlines and other content of a data folder differ from those of this binary", Args: cobra.NoArgs}
	dir := dirFlag(c)
	asJSON := c.Flags().Bool("json", false, "print one JSON line for each")
	c.RunE = func(c *cobra.Command, _ []string) error {
		return withApp(open, *dir, func(_ core.App, s *wiring.Services) error {
			d, err := s.Store.DiffChecklists(s.Shipped)
			if err != nil {
				return fail(ExitUnexpected, err.Error(), "")
			}
			out := c.OutOrStdout()
			say := func(state string, n wiring.ChecklistName, fields []string) error {
				if *asJSON {
					return json.NewEncoder(out).Encode(struct {
						State string `json:"state"`
						wiring.ChecklistName
						Fields []string `json:"fields,omitempty"`
					}{state, n, fields})
				}
				text := fmt.Sprintf("%-6s  %s version %d (%s)", state, n.Key, n.Version, n.Locale)
				if len(fields) > 0 {
					text += ": " + strings.Join(fields, ", ")
				}
				_, err := fmt.Fprintln(out, text)
				return err
			}
			for _, n := range d.New {
				if err := say("new", n, nil); err != nil {
					return err
				}
			}
			for _, e := range d.Edited {
				if err := say("edited", e.ChecklistName, e.Fields); err != nil {
					return err
				}
			}
			for _, n := range d.Local {
				if err := say("local", n, nil); err != nil {
					return err
				}
			}
			more, err := sayEntries(out, s, *asJSON)
			if err != nil {
				return err
			}
			switch {
			case *asJSON:
			case len(d.New)+len(d.Edited) > 0 || more:
				fmt.Fprintln(out, "Take what is new: fieldpost content apply. Put the shipped words back over what was edited: --replace KEY, or --replace hotlines/KEY")
			default:
				fmt.Fprintln(out, "All checklists, hotlines and other content of this binary are in the database as they are shipped.")
			}
			return nil
		})
	}
	return c
}

func contentApply(open Open) *cobra.Command {
	c := &cobra.Command{Use: "apply", Short: "Take the content of this binary that a data folder lacks", Args: cobra.NoArgs}
	dir := dirFlag(c)
	replace := c.Flags().StringArray("replace", nil, "what was edited here, the key of a checklist or COLLECTION/KEY: put the shipped words back (may be given several times)")
	c.RunE = func(c *cobra.Command, _ []string) error {
		return withApp(open, *dir, func(_ core.App, s *wiring.Services) error {
			keys, entries, err := entriesNamed(s, *replace)
			if err != nil {
				return err
			}
			made, replaced, err := s.Store.ApplyChecklists(s.Shipped, keys)
			if err != nil {
				return fail(ExitUnexpected, err.Error(), "Nothing was changed.")
			}
			out := c.OutOrStdout()
			for _, n := range made {
				fmt.Fprintf(out, "taken: %s version %d (%s)\n", n.Key, n.Version, n.Locale)
			}
			for _, n := range replaced {
				fmt.Fprintf(out, "replaced: %s version %d (%s)\n", n.Key, n.Version, n.Locale)
			}
			more, err := takeEntries(out, s, entries)
			if err != nil {
				return err
			}
			if len(made)+len(replaced) == 0 && !more {
				fmt.Fprintln(out, "There was nothing to take.")
			}
			return nil
		})
	}
	return c
}
