package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/pocketbase/pocketbase/core"
	"github.com/spf13/cobra"

	"github.com/fieldpost/fieldpost/internal/wiring"
)

// dutyCommand is about who is on duty, and whom the server wakes (R23).
func dutyCommand(open Open) *cobra.Command {
	root := &cobra.Command{Use: "duty", Short: "On-call hours and alerts of unopened emergencies: show, set, test-mail"}
	root.AddCommand(dutyShow(open), dutySet(open), dutyTest(open))
	return root
}

// mailFromEnvironment is the mail server that takes alerts; nil: none.
func mailFromEnvironment() (*wiring.Mail, error) {
	m, err := wiring.ParseMail(os.Getenv(wiring.MailVariable))
	if err != nil {
		return nil, fail(ExitUsage, wiring.MailVariable+": "+err.Error(), "Correct it, or unset it: then no mail is sent.")
	}
	return m, nil
}

func dutyShow(open Open) *cobra.Command {
	c := &cobra.Command{Use: "show ORGANIZATION", Short: "Show the on-call hours, how it stands now, and the last alerts", Args: cobra.ExactArgs(1)}
	dir := dirFlag(c)
	asJSON := c.Flags().Bool("json", false, "print one JSON object")
	c.RunE = func(c *cobra.Command, args []string) error {
		return withApp(open, *dir, func(_ core.App, s *wiring.Services) error {
			v, err := s.Duty(args[0])
			if err != nil {
				return fail(ExitUnexpected, err.Error(), "")
			}
			if *asJSON {
				return json.NewEncoder(c.OutOrStdout()).Encode(v)
			}
			var b strings.Builder
			switch {
			case v.Now.On:
				fmt.Fprintf(&b, "On duty until %s\n", *v.Now.Until)
			case v.Now.Next != nil:
				fmt.Fprintf(&b, "Nobody is on duty. Next: %s\n", *v.Now.Next)
			default:
				b.WriteString("Nobody is on duty.\n")
			}
			for _, h := range v.Hours {
				fmt.Fprintf(&b, "%s  %s\n", h.ID, h.Zone)
				for _, x := range h.Hours {
					fmt.Fprintf(&b, "  %s %s-%s\n", x.Day, x.From, x.To)
				}
				for _, x := range h.Exceptions {
					fmt.Fprintf(&b, "  %s %s\n", x.Date, map[bool]string{true: "closed", false: x.From + "-" + x.To}[x.Closed])
				}
				fmt.Fprintf(&b, "  first list: %s\n  second list: %s\n", strings.Join(h.Mail, ", "), strings.Join(h.Second, ", "))
			}
			for _, a := range v.Alerts {
				fmt.Fprintf(&b, "%s  %-6s  %-6s  %d  %s\n", a.At, a.List, a.State, a.People, a.Triage)
			}
			_, err = io.WriteString(c.OutOrStdout(), b.String())
			return err
		})
	}
	return c
}

func dutySet(open Open) *cobra.Command {
	c := &cobra.Command{Use: "set ORGANIZATION", Short: "Set on-call hours and lists; what is not given stays", Args: cobra.ExactArgs(1),
		Example: `  fieldpost duty set ORGANIZATION --zone America/Chicago --hours "fri 18:00-02:00" --hours "sat 20:00-04:00" \
    --except "2026-12-24 closed" --mail night@example.org --second lead@example.org`}
	dir := dirFlag(c)
	zone := c.Flags().String("zone", "", "the time zone of the hours, as America/Chicago")
	hours := c.Flags().StringArray("hours", nil, `hours of a week, "fri 18:00-02:00"; again for more`)
	except := c.Flags().StringArray("except", nil, `what is different on a date: "2026-12-24 closed" or "2026-12-24 20:00-23:00"; again for more`)
	first := c.Flags().StringSlice("mail", nil, "addresses that are alerted first")
	second := c.Flags().StringSlice("second", nil, "addresses that are alerted 10 minutes later")
	c.RunE = func(c *cobra.Command, args []string) error {
		change := wiring.DutyChange{Mail: *first, Second: *second}
		if !c.Flags().Changed("mail") {
			change.Mail = nil
		}
		if !c.Flags().Changed("second") {
			change.Second = nil
		}
		if c.Flags().Changed("zone") {
			change.Zone = zone
		}
		for _, h := range *hours {
			day, span, _ := strings.Cut(strings.TrimSpace(h), " ")
			from, to, ok := strings.Cut(strings.TrimSpace(span), "-")
			if !ok {
				return fail(ExitUsage, fmt.Sprintf("--hours %q is not like \"fri 18:00-02:00\"", h), "Say a day of the week and from when to when; past midnight is fine.")
			}
			change.Hours = append(change.Hours, wiring.DutyHours{Day: day, From: from, To: to})
		}
		for _, e := range *except {
			date, span, _ := strings.Cut(strings.TrimSpace(e), " ")
			x := wiring.DutyException{Date: date, Closed: strings.TrimSpace(span) == "closed"}
			if !x.Closed {
				x.From, x.To, _ = strings.Cut(strings.TrimSpace(span), "-")
			}
			change.Exceptions = append(change.Exceptions, x)
		}
		return withApp(open, *dir, func(_ core.App, s *wiring.Services) error {
			if err := s.Store.SetDuty(args[0], change); err != nil {
				return explainFault(err, "List the organizations in the dashboard.")
			}
			_, err := fmt.Fprintf(c.OutOrStdout(), "Set. See how it stands: fieldpost duty show %s\n", args[0])
			return err
		})
	}
	return c
}

func dutyTest(open Open) *cobra.Command {
	c := &cobra.Command{Use: "test-mail ADDRESS", Short: "Send one alert to an address, as a real one would look", Args: cobra.ExactArgs(1),
		Long: "Sends one alert through the mail server in " + wiring.MailVariable + ". Without --really only a mail server on this machine is asked."}
	dir := dirFlag(c)
	really := c.Flags().Bool("really", false, "let the mail leave this machine")
	c.RunE = func(c *cobra.Command, args []string) error {
		m, err := mailFromEnvironment()
		switch {
		case err != nil:
			return err
		case m == nil:
			return fail(ExitUsage, wiring.MailVariable+" is not set", "Set it as for the server: "+wiring.MailVariable+"='smtps://user:password@mail.example.org:465?from=alerts@example.org'")
		case !m.Loopback() && !*really:
			return fail(ExitRefused, "the mail server is not on this machine, and nothing was sent", "If the mail may leave this machine, add --really.")
		case strings.ContainsAny(args[0], "\r\n"):
			return fail(ExitUsage, "that is no address", "Give one address, as night@example.org.")
		}
		return withApp(open, *dir, func(_ core.App, s *wiring.Services) error {
			if err := s.TestMail(context.Background(), m, args[0]); err != nil {
				return fail(ExitUnexpected, err.Error(), "Check "+wiring.MailVariable+" and the mail server.")
			}
			_, err := fmt.Fprintln(c.OutOrStdout(), "The mail server took it.")
			return err
		})
	}
	return c
}
