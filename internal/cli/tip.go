package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/spf13/cobra"

	"github.com/fieldpost/fieldpost/internal/fault"
	"github.com/fieldpost/fieldpost/internal/wiring"
)

// tipCommand helps a person who calls a tip line or fills in its form. It calls
// nobody and sends nothing (R5, R24).
func tipCommand(open Open) *cobra.Command {
	root := &cobra.Command{Use: "tip", Short: "Tip sheets to read aloud, print or copy; the log of tips that people made"}
	root.AddCommand(tipSheet(open), tipLog(open), tipList(open))
	return root
}

func tipSheet(open Open) *cobra.Command {
	c := &cobra.Command{Use: "sheet REPORT", Short: "Print a report as a tip sheet; audited as an export", Args: cobra.ExactArgs(1)}
	dir := dirFlag(c)
	format := c.Flags().String("format", "text", "one of: "+strings.Join(wiring.TipFormats, ", "))
	locale := c.Flags().String("locale", "en", "language: en, es")
	zone := c.Flags().String("zone", "", "time zone in which times are written, such as America/Chicago; UTC without it")
	without := c.Flags().StringSlice("without", nil, "fields to leave out: "+strings.Join(wiring.TipFields, ", "))
	file := c.Flags().StringP("out", "o", "", "a file to write to")
	c.RunE = func(c *cobra.Command, args []string) error {
		out := c.OutOrStdout()
		if *format == "pdf" && *file == "" {
			return fail(ExitUsage, "a PDF is no text for a screen", "Write it to a file: --out FILE")
		}
		return withApp(open, *dir, func(_ core.App, s *wiring.Services) error {
			sheet, err := s.TipSheet(wiring.TipRequest{Report: args[0], Format: *format, Locale: *locale, Zone: *zone, Without: *without})
			if err != nil {
				return tipFault(err)
			}
			if sheet == nil {
				return fail(ExitUsage, "there is no report "+args[0], "Give the id of an observation or a submission.")
			}
			if *format == "preview" {
				return sayPreview(out, sheet)
			}
			body, _, _, err := sheet.File(*format)
			if err != nil {
				return fail(ExitUnexpected, err.Error(), "")
			}
			if *file == "" {
				_, err = out.Write(body)
				return err
			}
			if err := os.WriteFile(*file, body, 0o600); err != nil {
				return fail(ExitUnwritable, err.Error(), "Give another file: --out FILE")
			}
			_, err = fmt.Fprintf(out, "Written: %s. Nothing was sent.\n", *file)
			return err
		})
	}
	return c
}

// tipFault turns what was refused into an exit.
func tipFault(err error) error {
	var f *fault.Fault
	if errors.As(err, &f) && f.Code != fault.Internal {
		return fail(ExitUsage, f.Message, f.Hint)
	}
	return fail(ExitUnexpected, err.Error(), "")
}

// sayPreview prints what would leave, by field.
func sayPreview(out io.Writer, sheet *wiring.TipSheet) error {
	var b strings.Builder
	for _, w := range sheet.Warnings {
		b.WriteString("! " + w + "\n")
	}
	b.WriteString("Would leave, if you tell it:\n")
	for _, section := range sheet.Sections {
		for _, l := range section.Lines {
			if l.Field != "" {
				fmt.Fprintf(&b, "  %-18s %s: %s\n", l.Field, l.Label, l.Text)
			}
		}
	}
	fmt.Fprintf(&b, "Stays: %s\nLeave out more with --without FIELD. Nothing was sent.\n", strings.Join(sheet.Stays, ", "))
	_, err := io.WriteString(out, b.String())
	return err
}

func tipLog(open Open) *cobra.Command {
	c := &cobra.Command{Use: "log REPORT", Short: "Note that a coordinator made a tip", Args: cobra.ExactArgs(1)}
	dir := dirFlag(c)
	as := c.Flags().String("as", "", "the coordinator who made it (e-mail or user id)")
	channel := c.Flags().String("channel", "call", "one of: "+strings.Join(wiring.TipChannels, ", "))
	line := c.Flags().String("line", "", "the id of the line: fieldpost content hotlines --json")
	at := c.Flags().String("at", "", "when, as 2026-01-11T06:02:00Z; now without it")
	reference := c.Flags().String("reference", "", "the reference that the line gave")
	asJSON := c.Flags().Bool("json", false, "print one JSON line")
	c.RunE = func(c *cobra.Command, args []string) error {
		when := time.Now()
		if *at != "" {
			var err error
			if when, err = time.Parse(time.RFC3339, *at); err != nil {
				return fail(ExitUsage, "--at is no time", "Write it as 2026-01-11T06:02:00Z.")
			}
		}
		if *as == "" || !slices.Contains(wiring.TipChannels, *channel) {
			return fail(ExitUsage, "--as is missing, or there is no such --channel", "Name the coordinator who made the tip, and one of: "+strings.Join(wiring.TipChannels, ", "))
		}
		return withApp(open, *dir, func(_ core.App, s *wiring.Services) error {
			tip, found, err := s.AddTip(*as, args[0], *channel, *line, *reference, when)
			switch {
			case err != nil:
				return tipFault(err)
			case !found:
				return fail(ExitUsage, "there is no such coordinator, or no report "+args[0]+" that they see", "Give the id of a report of their organization.")
			}
			out := c.OutOrStdout()
			if *asJSON {
				return json.NewEncoder(out).Encode(tip)
			}
			if tip.Earlier > 0 {
				fmt.Fprintf(out, "! There are %d earlier tips about this report. The line asks not to get the same information twice.\n", tip.Earlier)
			}
			_, err = fmt.Fprintf(out, "Noted: %s. %s\n", tip.ID, wiring.TipShared("en"))
			return err
		})
	}
	return c
}

func tipList(open Open) *cobra.Command {
	c := &cobra.Command{Use: "list REPORT", Short: "List the tips about a report", Args: cobra.ExactArgs(1)}
	dir := dirFlag(c)
	asJSON := c.Flags().Bool("json", false, "print one JSON line for each")
	c.RunE = func(c *cobra.Command, args []string) error {
		return withApp(open, *dir, func(_ core.App, s *wiring.Services) error {
			tips, found, err := s.Tips(args[0])
			switch {
			case err != nil:
				return fail(ExitUnexpected, err.Error(), "")
			case !found:
				return fail(ExitUsage, "there is no report "+args[0], "Give the id of an observation or a submission.")
			}
			out := c.OutOrStdout()
			for _, t := range tips {
				if *asJSON {
					err = json.NewEncoder(out).Encode(t)
				} else {
					_, err = fmt.Fprintf(out, "%s  %s  %-9s  %s  %s\n", t.ID, t.At, t.Channel, t.Line, t.Reference)
				}
				if err != nil {
					return err
				}
			}
			if len(tips) == 0 && !*asJSON {
				fmt.Fprintln(out, "No tip is noted.")
			}
			return nil
		})
	}
	return c
}
