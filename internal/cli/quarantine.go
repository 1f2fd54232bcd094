package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/pocketbase/pocketbase/core"
	"github.com/spf13/cobra"

	"github.com/fieldpost/fieldpost/internal/fault"
	"github.com/fieldpost/fieldpost/internal/wire"
	"github.com/fieldpost/fieldpost/internal/wiring"
)

// quarantineCommand is what an operator does with refused mutations at the
// server (PUSH-6). It runs beside a serving process: devices that wait learn of
// it at their next pull.
func quarantineCommand(open Open) *cobra.Command {
	root := &cobra.Command{Use: "quarantine", Short: "Refused reports: list, show, release, adopt, dismiss"}
	root.AddCommand(quarantineList(open), quarantineShow(open), quarantineAct(open, false), quarantineAct(open, true), quarantineDismiss(open))
	return root
}

func quarantineList(open Open) *cobra.Command {
	c := &cobra.Command{Use: "list", Short: "List what is held", Args: cobra.NoArgs}
	dir := dirFlag(c)
	all := c.Flags().Bool("all", false, "also what was released or adopted")
	asJSON := c.Flags().Bool("json", false, "print one JSON line for each")
	c.RunE = func(*cobra.Command, []string) error {
		return withApp(open, *dir, func(_ core.App, s *wiring.Services) error {
			list, err := s.Store.Quarantine(*all)
			if err != nil {
				return fail(ExitUnexpected, err.Error(), "")
			}
			for _, h := range list {
				if *asJSON {
					err = json.NewEncoder(os.Stdout).Encode(h)
				} else {
					_, err = fmt.Printf("%s  %-8s  %-18s  %-12s  %s: %s\n", h.ID, h.State, h.Code, h.Collection, h.Organization, h.Message)
				}
				if err != nil {
					return err
				}
			}
			if len(list) == 0 && !*asJSON {
				fmt.Println("Nothing is held.")
			}
			return nil
		})
	}
	return c
}

func quarantineShow(open Open) *cobra.Command {
	c := &cobra.Command{Use: "show ID", Short: "Show one, whole", Args: cobra.ExactArgs(1)}
	dir := dirFlag(c)
	asJSON := c.Flags().Bool("json", false, "print one JSON line")
	c.RunE = func(_ *cobra.Command, args []string) error {
		return withApp(open, *dir, func(_ core.App, s *wiring.Services) error {
			h, err := heldOne(s, args[0])
			if err != nil {
				return err
			}
			if *asJSON {
				return json.NewEncoder(os.Stdout).Encode(h)
			}
			fmt.Printf("%s: %s (%s) %s\nOrganization: %s\n", h.ID, h.State, h.Code, h.Message, h.Organization)
			if h.Author != "" {
				fmt.Println("Author: " + h.Author)
			}
			pretty, err := json.MarshalIndent(h.Mutation, "", "  ")
			if err != nil {
				return err
			}
			fmt.Printf("What came:\n%s\n", pretty)
			if h.Repair != nil {
				if pretty, err = json.MarshalIndent(h.Repair, "", "  "); err != nil {
					return err
				}
				fmt.Printf("What was done with it:\n%s\n", pretty)
			}
			return nil
		})
	}
	return c
}

func heldOne(s *wiring.Services, id string) (*wiring.HeldView, error) {
	h, err := s.Store.QuarantineOne(id)
	if err != nil {
		return nil, fail(ExitUnexpected, err.Error(), "")
	}
	if h == nil {
		return nil, fail(ExitUsage, "there is nothing of the id "+id+" in quarantine", "List the ids: fieldpost quarantine list")
	}
	return h, nil
}

// quarantineAct is release and adopt.
func quarantineAct(open Open, adopt bool) *cobra.Command {
	c := &cobra.Command{Use: "release ID", Short: "Run it again as its author, under the rules of now, and what depends on it after it", Args: cobra.ExactArgs(1)}
	who := "the coordinator who releases it (e-mail or user id); without it the server's operator"
	if adopt {
		c.Use, c.Short = "adopt ID", "Make it a coordinator's own: their rights, no author"
		who = "the coordinator whose own it becomes (e-mail or user id)"
	}
	dir := dirFlag(c)
	as := c.Flags().String("as", "", who)
	set := c.Flags().StringArray("set", nil, "change a field first: OP.FIELD=VALUE, ops count from 0, the value is JSON or else text (may be given several times)")
	drop := c.Flags().StringArray("drop", nil, "take a field out first: OP.FIELD (may be given several times)")
	file := c.Flags().String("ops", "", "a file with the whole list of ops as JSON, in place of what came")
	asJSON := c.Flags().Bool("json", false, "print one JSON line")
	c.RunE = func(_ *cobra.Command, args []string) error {
		if adopt && *as == "" {
			return fail(ExitUsage, "adopting needs to know whose own it becomes", "Name a coordinator: --as E-MAIL or --as USER-ID")
		}
		return withApp(open, *dir, func(_ core.App, s *wiring.Services) error {
			h, err := heldOne(s, args[0])
			if err != nil {
				return err
			}
			ops, err := repairedOps(h, *file, *set, *drop)
			if err != nil {
				return fail(ExitUsage, err.Error(), "See what came: fieldpost quarantine show "+args[0])
			}
			out, known, err := s.Repair(args[0], *as, adopt, ops)
			if err := actedAs(*as, known, err, "The person must be a coordinator of its organization."); err != nil {
				return err
			}
			return sayRepaired(out, *asJSON)
		})
	}
	return c
}

// actedAs says what came of an act that somebody was named for with --as; nil:
// it was done. who says whom one could have named.
func actedAs(as string, known bool, err error, who string) error {
	var f *fault.Fault
	switch {
	case errors.As(err, &f) && f.Code == fault.Busy:
		return fail(ExitUnexpected, f.Message+" Nothing was changed.", "Try again in a moment.")
	case errors.As(err, &f) && f.Code != fault.Internal:
		return fail(ExitRefused, f.Message, f.Hint)
	case err != nil:
		return fail(ExitUnexpected, err.Error(), "")
	case !known:
		return fail(ExitUsage, "there is nobody with the e-mail or id "+as, who)
	}
	return nil
}

func quarantineDismiss(open Open) *cobra.Command {
	c := &cobra.Command{Use: "dismiss ID", Short: "Put it aside as of no use; it can still be released or adopted", Args: cobra.ExactArgs(1)}
	dir := dirFlag(c)
	as := c.Flags().String("as", "", "the coordinator who puts it aside (e-mail or user id); without it the server's operator")
	reason := c.Flags().String("reason", "", "why it is of no use; others will read it")
	asJSON := c.Flags().Bool("json", false, "print one JSON line")
	c.RunE = func(_ *cobra.Command, args []string) error {
		return withApp(open, *dir, func(_ core.App, s *wiring.Services) error {
			out, known, err := s.Dismiss(args[0], *as, *reason)
			if err := actedAs(*as, known, err, "The person must be a coordinator of its organization."); err != nil {
				return err
			}
			if *asJSON {
				return json.NewEncoder(os.Stdout).Encode(out)
			}
			_, err = fmt.Printf("%s is %s.\n", out.ID, out.State)
			return err
		})
	}
	return c
}

// sayRepaired prints what became of it. That it stays held needs a person.
func sayRepaired(out *wire.Repaired, asJSON bool) error {
	if asJSON {
		if err := json.NewEncoder(os.Stdout).Encode(out); err != nil {
			return err
		}
	} else {
		for _, r := range append([]wire.Repaired{*out}, out.Followed...) {
			if r.State == "held" {
				fmt.Printf("%s stays held: (%s) %s\n", r.ID, r.Verdict.Code, r.Verdict.Message)
			} else {
				fmt.Printf("%s is %s (entry %d).\n", r.ID, r.State, r.Verdict.Seq)
			}
		}
	}
	if out.State == "held" {
		e := fail(ExitAttention, out.Verdict.Message, "")
		e.Printed = true
		return e
	}
	return nil
}

// repairedOps gives the ops that take the place of what came; nil for none.
func repairedOps(h *wiring.HeldView, file string, set, drop []string) ([]any, error) {
	var ops []any
	if file != "" {
		raw, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(raw, &ops); err != nil {
			return nil, fmt.Errorf("%s is no JSON list of ops: %w", file, err)
		}
	}
	if len(set)+len(drop) == 0 {
		return ops, nil
	}
	if ops == nil {
		var m struct {
			Ops []any `json:"ops"`
		}
		if err := json.Unmarshal(h.Mutation, &m); err != nil || m.Ops == nil {
			return nil, errors.New("what came has no ops that can be read: give all of them with --ops FILE")
		}
		ops = m.Ops
	}
	for _, s := range set {
		name, value, ok := strings.Cut(s, "=")
		if !ok {
			return nil, fmt.Errorf("--set %s is not OP.FIELD=VALUE", s)
		}
		fields, field, err := fieldsOf(ops, name)
		if err != nil {
			return nil, err
		}
		var v any
		if json.Unmarshal([]byte(value), &v) != nil {
			v = value
		}
		fields[field] = v
	}
	for _, name := range drop {
		fields, field, err := fieldsOf(ops, name)
		if err != nil {
			return nil, err
		}
		delete(fields, field)
	}
	return ops, nil
}

// fieldsOf finds the fields of the op that OP.FIELD names.
func fieldsOf(ops []any, name string) (map[string]any, string, error) {
	number, field, ok := strings.Cut(name, ".")
	i, err := strconv.Atoi(number)
	if !ok || err != nil || field == "" || i < 0 || i >= len(ops) {
		return nil, "", fmt.Errorf("%s is not OP.FIELD with an op from 0 to %d", name, len(ops)-1)
	}
	op, ok := ops[i].(map[string]any)
	if !ok {
		return nil, "", fmt.Errorf("op %d is no object: give all ops with --ops FILE", i)
	}
	fields, ok := op["fields"].(map[string]any)
	if !ok {
		fields = map[string]any{}
		op["fields"] = fields
	}
	return fields, field, nil
}
