package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/pocketbase/pocketbase/core"
	"github.com/spf13/cobra"

	"github.com/fieldpost/fieldpost/internal/checklist"
	"github.com/fieldpost/fieldpost/internal/fault"
	"github.com/fieldpost/fieldpost/internal/wiring"
)

// sayEntries prints how hotlines, guidance and packs differ from what is
// shipped; some tells that there is something to take.
func sayEntries(out io.Writer, s *wiring.Services, asJSON bool) (some bool, err error) {
	diff, err := s.Store.DiffEntries(s.Entries)
	if err != nil {
		return false, fail(ExitUnexpected, err.Error(), "")
	}
	for _, d := range diff {
		if asJSON {
			err = json.NewEncoder(out).Encode(d)
		} else {
			text := fmt.Sprintf("%-6s  %s", d.State, d.EntryName)
			if len(d.Fields) > 0 {
				text += ": " + strings.Join(d.Fields, ", ")
			}
			_, err = fmt.Fprintln(out, text)
		}
		if err != nil {
			return false, err
		}
	}
	return len(diff) > 0, nil
}

// takeEntries takes what is new, and what is named by COLLECTION/KEY.
func takeEntries(out io.Writer, s *wiring.Services, replace []wiring.EntryName) (some bool, err error) {
	taken, err := s.Store.ApplyEntries(s.Entries, replace)
	if err != nil {
		return false, fail(ExitUnexpected, err.Error(), "Checklists that were named above were taken, and nothing else.")
	}
	for _, d := range taken {
		word := "replaced"
		if d.State == wiring.EntryNew || d.State == wiring.EntryNewer {
			word = "taken"
		}
		fmt.Fprintf(out, "%s: %s\n", word, d.EntryName)
	}
	return len(taken) > 0, nil
}

// entriesNamed parts what --replace names: entries as COLLECTION/KEY, and keys
// of checklists.
func entriesNamed(s *wiring.Services, replace []string) (lists []string, entries []wiring.EntryName, err error) {
	for _, name := range replace {
		collection, key, isEntry := strings.Cut(name, "/")
		switch {
		case !isEntry && slices.ContainsFunc(s.Shipped, func(l checklist.Checklist) bool { return l.Key == name }):
			lists = append(lists, name)
		case !isEntry:
			return nil, nil, fail(ExitUsage, "this binary carries no checklist "+name, "See what differs: fieldpost content diff")
		case slices.ContainsFunc(s.Entries, func(e checklist.Entry) bool { return e.Collection == collection && e.Key == key }):
			entries = append(entries, wiring.EntryName{Collection: collection, Key: key})
		default:
			return nil, nil, fail(ExitUsage, "this binary carries no "+name, "See what differs: fieldpost content diff")
		}
	}
	return lists, entries, nil
}

// A label as the server makes them, or a short word of one's own: who verified
// stands in the audit, which holds no names of people and no addresses.
var labelShape = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{1,39}$`)

func contentVerify(open Open) *cobra.Command {
	c := &cobra.Command{Use: "verify-hotline ID", Short: "Say that somebody called this line today and heard who answers; audited", Args: cobra.ExactArgs(1)}
	dir := dirFlag(c)
	by := c.Flags().String("by", "", "the label of who called, such as coordinator-K7M2P; no name")
	asJSON := c.Flags().Bool("json", false, "print one JSON line")
	c.RunE = func(c *cobra.Command, args []string) error {
		if !labelShape.MatchString(*by) {
			return fail(ExitUsage, "who called is missing, or is no label", "Give the label of who called the line: --by coordinator-K7M2P")
		}
		return withApp(open, *dir, func(_ core.App, s *wiring.Services) error {
			done, err := s.VerifyHotline(args[0], *by)
			var f *fault.Fault
			switch {
			case errors.As(err, &f) && f.Code == fault.NotFound:
				return fail(ExitUsage, "there is no line "+args[0], "See the ids: fieldpost content hotlines --json")
			case err != nil:
				return fail(ExitUnexpected, err.Error(), "Nothing was changed.")
			case *asJSON:
				return json.NewEncoder(c.OutOrStdout()).Encode(done)
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "%s is verified on %s. Devices show it after their next sync. From day %d on it is amber.\n", done.ID, done.VerifiedOn, checklist.AmberAfter)
			return err
		})
	}
	return c
}
