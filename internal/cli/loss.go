package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/pocketbase/pocketbase/core"
	"github.com/spf13/cobra"

	"github.com/fieldpost/fieldpost/internal/fault"
	"github.com/fieldpost/fieldpost/internal/wire"
	"github.com/fieldpost/fieldpost/internal/wiring"
)

// asFlags are who acts, and why: both go into the audit.
func asFlags(c *cobra.Command) (as, reason *string) {
	as = c.Flags().String("as", "", "the person who does it (e-mail or user id); without it the server's operator")
	reason = c.Flags().String("reason", "", "why: kept in the audit, so without names")
	return as, reason
}

// byName finds who acts.
func byName(s *wiring.Services, as string) (string, error) {
	by, known, err := s.By(as)
	if err != nil {
		return "", fail(ExitUnexpected, err.Error(), "")
	}
	if !known {
		return "", fail(ExitUsage, "there is nobody with the e-mail or id "+as, "List the people: fieldpost people list")
	}
	return by, nil
}

// explainFault gives a fault its exit code.
func explainFault(err error, hint string) error {
	var f *fault.Fault
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &f) || f.Code == fault.Internal || f.Code == fault.Busy:
		return fail(ExitUnexpected, err.Error(), "Try again in a moment.")
	case f.Code == fault.BadRequest:
		return fail(ExitUsage, f.Message, f.Hint)
	case f.Code == fault.NotFound:
		return fail(ExitUsage, f.Message, hint)
	}
	return fail(ExitRefused, f.Message, f.Hint)
}

// wipeDevice is `fieldpost devices wipe ID`.
func wipeDevice(open Open) *cobra.Command {
	c := &cobra.Command{Use: "wipe ID", Args: cobra.ExactArgs(1),
		Short: "Tell a device to hand everything in and then wipe itself; it obeys at its next contact",
		Long: `The order reaches the device at its next contact with the server. It hands in
what it holds, keeps everything until each report has an answer or lies sealed
on the server, tells the server so, and then wipes its store. A device that
never comes back keeps what it has.

The order alone signs nobody out. For a lost device also run:
fieldpost devices revoke ID`}
	dir := dirFlag(c)
	as, reason := asFlags(c)
	withdraw := c.Flags().Bool("withdraw", false, "take the order back, if it was not obeyed yet")
	asJSON := c.Flags().Bool("json", false, "print one JSON line")
	c.RunE = func(_ *cobra.Command, args []string) error {
		return withApp(open, *dir, func(_ core.App, s *wiring.Services) error {
			by, err := byName(s, *as)
			if err != nil {
				return err
			}
			state, err := s.Wipe(args[0], by, *reason, *withdraw)
			if err != nil {
				return explainFault(err, "List the ids: fieldpost devices list")
			}
			return sayState(state, *asJSON)
		})
	}
	return c
}

// deviceStatus is `fieldpost devices show ID`.
func deviceStatus(open Open) *cobra.Command {
	c := &cobra.Command{Use: "show ID", Short: "Show whether a device is signed out, told to wipe itself, and has done so", Args: cobra.ExactArgs(1)}
	dir := dirFlag(c)
	asJSON := c.Flags().Bool("json", false, "print one JSON line")
	c.RunE = func(_ *cobra.Command, args []string) error {
		return withApp(open, *dir, func(_ core.App, s *wiring.Services) error {
			state, err := s.Devices.State(args[0])
			if err != nil {
				return explainFault(err, "List the ids: fieldpost devices list")
			}
			return sayState(state, *asJSON)
		})
	}
	return c
}

func sayState(state *wire.DeviceState, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(os.Stdout).Encode(state)
	}
	text := "It is in use"
	if state.Revoked {
		text = "It is signed out"
	}
	switch {
	case state.Wiped != "":
		text += fmt.Sprintf(", was told on %s to wipe itself, and confirmed it on %s", state.Ordered[:10], state.Wiped[:10])
		if state.Handed != nil {
			text += fmt.Sprintf(": %d answered, %d kept sealed without an answer", state.Handed["answered"], state.Handed["sealed"])
		}
	case state.Ordered != "":
		text += fmt.Sprintf(", and was told on %s to wipe itself. It has not confirmed yet", state.Ordered[:10])
	}
	_, err := fmt.Println(text + ".")
	return err
}

// leftoversCommand is `fieldpost devices leftovers`: what devices that wiped
// themselves could get no answer for.
func leftoversCommand(open Open) *cobra.Command {
	c := &cobra.Command{Use: "leftovers", Short: "What devices that wiped themselves could get no answer for: list it, hand it in", Args: cobra.NoArgs}
	dir := dirFlag(c)
	take := c.Flags().String("take", "", "hand in the file of this id now; it goes once all of it has an answer")
	asJSON := c.Flags().Bool("json", false, "print one JSON line for each")
	c.RunE = func(*cobra.Command, []string) error {
		return withApp(open, *dir, func(_ core.App, s *wiring.Services) error {
			if *take != "" {
				return takeLeftover(s, *take, *asJSON)
			}
			all, err := s.Store.Leftovers()
			if err != nil {
				return fail(ExitUnexpected, err.Error(), "")
			}
			for _, l := range all {
				if *asJSON {
					err = json.NewEncoder(os.Stdout).Encode(map[string]any{"id": l.ID, "bytes": l.Bytes})
				} else {
					_, err = fmt.Printf("%s  %d bytes, sealed\n", l.ID, l.Bytes)
				}
				if err != nil {
					return err
				}
			}
			if len(all) == 0 && !*asJSON {
				fmt.Println("Nothing is left over.")
			}
			return nil
		})
	}
	return c
}

func takeLeftover(s *wiring.Services, id string, asJSON bool) error {
	verdicts, err := s.TakeLeftover(context.Background(), id)
	if err != nil {
		return explainFault(err, "")
	}
	if verdicts == nil {
		return fail(ExitUsage, "there is nothing of the id "+id, "List the ids: fieldpost devices leftovers")
	}
	count := map[string]int{}
	for _, v := range verdicts {
		count[v.Verdict]++
	}
	if asJSON {
		err = json.NewEncoder(os.Stdout).Encode(map[string]any{"id": id, "verdicts": count, "kept": count[wire.Deferred] > 0})
	} else {
		_, err = fmt.Printf("%d received, %d in quarantine, %d wait on.\n", count[wire.Applied]+count[wire.Merged], count[wire.Refused], count[wire.Deferred])
	}
	if err != nil {
		return err
	}
	if count[wire.Deferred] > 0 {
		e := fail(ExitAttention, "some of it waits for something that has not arrived", "Try again later; it is kept.")
		e.Printed = asJSON
		return e
	}
	return nil
}

// peopleCommand is what an operator does at the server with people.
func peopleCommand(open Open) *cobra.Command {
	root := &cobra.Command{Use: "people", Short: "The people who are enrolled: list, offboard, password, reset-second-factor"}
	list := &cobra.Command{Use: "list", Short: "List them", Args: cobra.NoArgs}
	listDir := dirFlag(list)
	all := list.Flags().Bool("all", false, "also those who left")
	listJSON := list.Flags().Bool("json", false, "print one JSON line for each")
	list.RunE = func(*cobra.Command, []string) error {
		return withApp(open, *listDir, func(_ core.App, s *wiring.Services) error {
			people, err := s.Store.AllPeople(*all)
			if err != nil {
				return fail(ExitUnexpected, err.Error(), "")
			}
			for _, p := range people {
				if *listJSON {
					err = json.NewEncoder(os.Stdout).Encode(p)
				} else {
					left := ""
					if p.Left != "" {
						left = "  left " + p.Left
					}
					_, err = fmt.Printf("%s  %-15s  %-18s  %d device(s)  %s%s\n", p.ID, p.Role, p.Label, p.Devices, p.Organization, left)
				}
				if err != nil {
					return err
				}
			}
			return nil
		})
	}
	root.AddCommand(list, offboardCommand(open), passwordCommand(open), resetCommand(open))
	return root
}

func offboardCommand(open Open) *cobra.Command {
	c := &cobra.Command{Use: "offboard ID|LABEL", Short: "End all that a person has here, in one step, and say what it was", Args: cobra.ExactArgs(1)}
	dir := dirFlag(c)
	as, reason := asFlags(c)
	wipe := c.Flags().Bool("wipe", false, "also tell their devices to wipe themselves once everything is handed in")
	dry := c.Flags().Bool("dry-run", false, "say what would be touched, and touch nothing")
	asJSON := c.Flags().Bool("json", false, "print one JSON line")
	c.RunE = func(_ *cobra.Command, args []string) error {
		return withApp(open, *dir, func(_ core.App, s *wiring.Services) error {
			by, err := byName(s, *as)
			if err != nil {
				return err
			}
			out, found, err := s.Offboard(args[0], by, *reason, *wipe, *dry)
			switch {
			case err != nil:
				return explainFault(err, "List the people: fieldpost people list")
			case found > 1:
				return fail(ExitUsage, fmt.Sprintf("%d people have the label %s", found, args[0]), "Name the person by id: fieldpost people list")
			case found == 0:
				return fail(ExitUsage, "there is nobody with the id, label or e-mail "+args[0], "List the people: fieldpost people list")
			case *asJSON:
				return json.NewEncoder(os.Stdout).Encode(out)
			}
			return sayOffboarded(out)
		})
	}
	return c
}

func sayOffboarded(o *wire.Offboarded) error {
	head := "has left"
	switch {
	case o.DryRun:
		head = "would leave; nothing was changed"
	case o.Already:
		head = "had left before"
	}
	_, err := fmt.Printf("%s (%s) %s.\n%d device(s) signed out, %d told to wipe themselves, %d session(s) ended, %d invite(s) ended, %d report(s) back in the queue.\n",
		o.Label, o.Role, head, len(o.Devices), len(o.Wipes), o.Sessions, o.Invites, len(o.Claims))
	if err != nil {
		return err
	}
	for name, ids := range map[string][]string{"device": o.Devices, "triage": o.Claims} {
		for _, id := range ids {
			if _, err := fmt.Printf("  %s %s\n", name, id); err != nil {
				return err
			}
		}
	}
	return nil
}
