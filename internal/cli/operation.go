package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/pocketbase/pocketbase/core"
	"github.com/spf13/cobra"

	"github.com/fieldpost/fieldpost/internal/fault"
	"github.com/fieldpost/fieldpost/internal/wiring"
)

// operationCommand looks after operations, which community organizations know
// as joint efforts: who is on one sees it while it lasts.
func operationCommand(open Open) *cobra.Command {
	root := &cobra.Command{Use: "operation", Short: "Joint efforts of several organizations: make, list, roster, end"}
	root.AddCommand(operationMake(open), operationList(open), operationRoster(open), operationEnd(open))
	return root
}

func operationMake(open Open) *cobra.Command {
	c := &cobra.Command{Use: "make NAME", Short: "Make an operation; nobody is on it yet", Args: cobra.ExactArgs(1)}
	dir := dirFlag(c)
	f := c.Flags()
	organization := f.String("organization", "", "who runs it (name or id)")
	with := f.StringSlice("with", nil, "organizations that take part (name or id)")
	sites := f.StringSlice("site", nil, "sites (id)")
	begins := f.String("begins", "", "day or time: 2026-01-31, or 2026-01-31T18:00:00Z")
	ends := f.String("ends", "", "day or time; access ends at that second")
	asJSON := f.Bool("json", false, "print one JSON line")
	c.RunE = func(c *cobra.Command, args []string) error {
		from, err := moment(*begins)
		to, endErr := moment(*ends)
		if err != nil || endErr != nil || from.IsZero() || to.IsZero() || *organization == "" {
			return fail(ExitUsage, "an operation needs an organization, a begin and an end", "Say --organization NAME --begins 2026-01-30T18:00:00Z --ends 2026-02-01T06:00:00Z")
		}
		return withApp(open, *dir, func(_ core.App, s *wiring.Services) error {
			v, err := s.MakeOperation(args[0], *organization, *with, *sites, from, to)
			return sayOperation(c.OutOrStdout(), v, err, *asJSON)
		})
	}
	return c
}

func operationList(open Open) *cobra.Command {
	c := &cobra.Command{Use: "list", Short: "List operations with their rosters, the newest first", Args: cobra.NoArgs}
	dir := dirFlag(c)
	asJSON := c.Flags().Bool("json", false, "print one JSON line for each")
	c.RunE = func(c *cobra.Command, _ []string) error {
		return withApp(open, *dir, func(_ core.App, s *wiring.Services) error {
			all, err := s.Operations()
			if err != nil {
				return fail(ExitUnexpected, err.Error(), "")
			}
			if len(all) == 0 && !*asJSON {
				_, err = fmt.Fprintln(c.OutOrStdout(), "There is no operation.")
				return err
			}
			for i := range all {
				if err := sayOperation(c.OutOrStdout(), &all[i], nil, *asJSON); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return c
}

func operationRoster(open Open) *cobra.Command {
	c := &cobra.Command{Use: "roster OPERATION", Short: "Put a person on the roster of an operation, or take one off", Args: cobra.ExactArgs(1)}
	dir := dirFlag(c)
	add := c.Flags().String("add", "", "the person (e-mail or user id)")
	remove := c.Flags().String("remove", "", "the person (e-mail or user id)")
	role := c.Flags().String("role", "outreach", "what they do on it: lead, triage, outreach, liaison")
	asJSON := c.Flags().Bool("json", false, "print one JSON line")
	c.RunE = func(c *cobra.Command, args []string) error {
		if (*add == "") == (*remove == "") {
			return fail(ExitUsage, "one person is put on the roster, or taken off", "Say --add PERSON or --remove PERSON.")
		}
		return withApp(open, *dir, func(_ core.App, s *wiring.Services) error {
			var v *wiring.OperationView
			var err error
			if *add != "" {
				v, err = s.PutOn(args[0], *add, *role)
			} else {
				v, err = s.TakeOff(args[0], *remove)
			}
			return sayOperation(c.OutOrStdout(), v, err, *asJSON)
		})
	}
	return c
}

func operationEnd(open Open) *cobra.Command {
	c := &cobra.Command{Use: "end OPERATION", Short: "End an operation now, and with it what people see by it", Args: cobra.ExactArgs(1)}
	dir := dirFlag(c)
	asJSON := c.Flags().Bool("json", false, "print one JSON line")
	c.RunE = func(c *cobra.Command, args []string) error {
		return withApp(open, *dir, func(_ core.App, s *wiring.Services) error {
			v, err := s.EndOperation(args[0])
			return sayOperation(c.OutOrStdout(), v, err, *asJSON)
		})
	}
	return c
}

func sayOperation(out io.Writer, v *wiring.OperationView, err error, asJSON bool) error {
	var refused *fault.Fault
	switch {
	case errors.As(err, &refused) && refused.Code == fault.BadRequest:
		return fail(ExitUsage, refused.Message, refused.Hint)
	case err != nil:
		return fail(ExitUnexpected, err.Error(), "")
	case v == nil:
		return fail(ExitUsage, "there is no such operation, or nobody of that name", "Look at the ids: fieldpost operation list, fieldpost people list")
	case asJSON:
		return json.NewEncoder(out).Encode(v)
	}
	state := "not on"
	if v.On {
		state = "on now"
	}
	if _, err := fmt.Fprintf(out, "%s  %s: %s, %s to %s, by %s\n", v.ID, v.Name, state, v.Begins, v.Ends, strings.Join(append([]string{v.Organization}, v.Organizations...), ", ")); err != nil {
		return err
	}
	for _, r := range v.Roster {
		if _, err := fmt.Fprintf(out, "    %s  %s, %s\n", r.Person, r.Label, r.Role); err != nil {
			return err
		}
	}
	return nil
}
