package cli

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/fieldpost/fieldpost/client"
)

func (d *device) conflictsCommand() *cobra.Command {
	root := &cobra.Command{Use: "conflicts", Short: "Values that gave way to another one; for coordinators", Args: cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return d.usage(c, "There is no such command.")
			}
			return c.Help()
		}}
	root.AddCommand(d.conflictsListCommand(), d.conflictsResolveCommand())
	return root
}

func (d *device) conflictsListCommand() *cobra.Command {
	all := false
	c := d.command("list", "List what is not resolved yet; asks nobody", 0, func(c *cobra.Command, _ []string) error {
		return d.with(false, func(dev *client.Device) error {
			list, err := dev.Conflicts()
			if err != nil {
				return err
			}
			shown := 0
			for _, k := range list {
				if k.Resolved && !all {
					continue
				}
				shown++
				if err := d.sayConflict(c, k); err != nil {
					return err
				}
			}
			if shown == 0 && !d.json {
				_, err = fmt.Fprintln(c.OutOrStdout(), "No conflicts wait.")
			}
			return err
		})
	})
	c.Flags().BoolVar(&all, "all", false, "those that are resolved too")
	return c
}

func (d *device) sayConflict(c *cobra.Command, k client.Conflict) error {
	line := map[string]any{"id": k.ID, "collection": k.Collection, "record": k.Record, "field": k.Field,
		"kept": k.Kept, "other": k.Other, "resolved": k.Resolved}
	text := fmt.Sprintf("%s  %s %s, %s: kept %s, other %s", k.ID, k.Collection, k.Record, k.Field, asJSON(k.Kept), asJSON(k.Other))
	if k.Here {
		line["now"] = k.Now
		if asJSON(k.Now) != asJSON(k.Kept) {
			text += ", now " + asJSON(k.Now)
		}
	}
	if k.Resolved {
		text += "  (resolved)"
	}
	return d.say(c.OutOrStdout(), "conflict", line, "%s", text)
}

// asJSON shows a value so that a text can be told from a number.
func asJSON(v any) string {
	raw, err := json.Marshal(v)
	if err != nil { // it came out of JSON
		return fmt.Sprint(v)
	}
	return string(raw)
}

func (d *device) conflictsResolveCommand() *cobra.Command {
	keep, other := false, false
	c := d.command("resolve ID", "Keep what stands, or write the other value; needs no server", 1, func(c *cobra.Command, args []string) error {
		if keep == other {
			return badInput("keep_or_other", "It takes one of --keep and --other.", "--keep leaves the record as it is, --other writes the value that lost.")
		}
		return d.enrolled(func(dev *client.Device, _ client.Status) error {
			saved, err := dev.Resolve(args[0], other)
			if err != nil {
				return err
			}
			return d.saySaved(c, dev, saved, "conflicts", 0)
		})
	})
	c.Flags().BoolVar(&keep, "keep", false, "the record stays as it is")
	c.Flags().BoolVar(&other, "other", false, "the value that lost is written to the record, in the same change")
	return c
}
