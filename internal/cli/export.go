package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/pocketbase/pocketbase/core"
	"github.com/spf13/cobra"

	"github.com/fieldpost/fieldpost/internal/fault"
	"github.com/fieldpost/fieldpost/internal/wiring"
)

// exportCommand writes reports to a file, as the act of a coordinator and with
// its entry in the audit (R16). Nothing is sent anywhere (R5).
func exportCommand(open Open) *cobra.Command {
	root := &cobra.Command{Use: "export", Short: "Reports as a file: csv, geojson; audited, and nothing in it says who wrote one"}
	root.AddCommand(exportAs(open, "csv", "Write reports to a table for a spreadsheet"),
		exportAs(open, "geojson", "Write reports to a map layer, in coarse cells"))
	return root
}

func exportAs(open Open, format, short string) *cobra.Command {
	c := &cobra.Command{Use: format + " FILE|-", Short: short, Args: cobra.ExactArgs(1)}
	dir := dirFlag(c)
	req := wiring.ExportRequest{Format: format}
	f := c.Flags()
	as := f.String("as", "", "the coordinator who asks (e-mail or user id); the file has what they may see")
	f.StringVar(&req.Reason, "reason", "", "why the reports leave, and for whom; others will read it")
	f.StringVar(&req.From, "from", "", "events from this day (in --zone) or time on")
	f.StringVar(&req.Before, "before", "", "events before this day or time")
	f.StringVar(&req.Site, "site", "", "only of this site (id)")
	f.StringVar(&req.Kind, "kind", "", "only observations, or only submissions")
	f.StringVar(&req.Status, "status", "", "only in this state of triage: open, emergency, review, context, closed")
	f.StringVar(&req.Urgency, "urgency", "", "only of this urgency: emergency, review, context")
	f.StringVar(&req.Checklist, "checklist", "", "only filled checklists of this key; a table then has a column for each item")
	f.IntVar(&req.Version, "version", 0, "only of this version of the checklist")
	f.BoolVar(&req.Texts, "texts", false, "with what people wrote in their own words")
	f.StringVar(&req.Locale, "locale", "en", "language: en, es")
	f.StringVar(&req.Zone, "zone", "", "time zone of days and times, such as America/Chicago; UTC without it")
	asJSON := f.Bool("json", false, "print one JSON line")
	c.RunE = func(c *cobra.Command, args []string) error {
		if *as == "" || req.Reason == "" {
			return fail(ExitUsage, "an export needs a coordinator and a reason", `Say both: --as E-MAIL --reason "why they leave, and for whom"`)
		}
		return withApp(open, *dir, func(_ core.App, s *wiring.Services) error {
			rows, known := 0, true
			err := writeNew(args[0], c.OutOrStdout(), func(out io.Writer) (err error) {
				if rows, known, err = s.ExportReports(out, *as, req); err == nil && !known {
					err = errUnknown
				}
				return err
			})
			var refused *fault.Fault
			switch {
			case !known && errors.Is(err, errUnknown):
				return fail(ExitUsage, "there is nobody with the e-mail or id "+*as, "Exports are made as a coordinator.")
			case errors.As(err, &refused) && refused.Code == fault.BadRequest:
				return fail(ExitUsage, refused.Message, refused.Hint)
			case errors.As(err, &refused) && refused.Code == fault.NotAllowed:
				return fail(ExitRefused, refused.Message, refused.Hint)
			case errors.Is(err, os.ErrExist):
				return fail(ExitUsage, "there is a file "+args[0]+" already", "Name another file: nothing is written over.")
			case err != nil:
				if exit := explainStorage(*dir, err); exit != nil {
					return exit
				}
				return fail(ExitUnexpected, err.Error(), "")
			}
			// Beside the file on standard output this goes where people read.
			say := c.OutOrStdout()
			if args[0] == "-" {
				say = c.ErrOrStderr()
			}
			if *asJSON {
				return json.NewEncoder(say).Encode(map[string]any{"file": args[0], "rows": rows})
			}
			_, err = fmt.Fprintf(say, "%d reports. The audit says who took them, and why. Nothing was sent; keep the file as you keep the reports.\n", rows)
			return err
		})
	}
	return c
}
