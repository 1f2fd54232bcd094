package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/fieldpost/fieldpost/client"
)

func (d *device) outboxCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "outbox",
		Short: "What was saved here: list, show, export, send again, correct",
		Args:  cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return d.usage(c, "There is no such command.")
			}
			return c.Help()
		},
	}
	c.AddCommand(d.outboxList(), d.outboxShow(), d.outboxExport(), d.outboxRetry(), d.outboxCorrect())
	return c
}

func number(text string) (int64, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 1 {
		return 0, badInput("unknown_n", "That is no number of the outbox.", "List the outbox to see the numbers.")
	}
	return n, nil
}

var phaseNames = []client.Phase{client.Waiting, client.Acknowledged, client.Settled, client.Parked, client.Corrected}

func phaseFlag(c *cobra.Command) *string {
	return c.Flags().String("phase", "", "only those that are waiting, acknowledged, settled, parked or corrected")
}

func readPhase(text string) ([]client.Phase, error) {
	if text == "" {
		return nil, nil
	}
	if p := client.Phase(text); slices.Contains(phaseNames, p) {
		return []client.Phase{p}, nil
	}
	return nil, badInput("bad_field", "There is no such phase.", "It is waiting, acknowledged, settled, parked or corrected.")
}

func (d *device) outboxList() *cobra.Command {
	var phase *string
	c := d.command("list", "List what was saved here, in order", 0, func(c *cobra.Command, _ []string) error {
		phases, err := readPhase(*phase)
		if err != nil {
			return err
		}
		return d.with(false, func(dev *client.Device) error {
			all, err := dev.Outbox(phases...)
			if err != nil {
				return err
			}
			for _, e := range all {
				if err := d.say(c.OutOrStdout(), "mutation", entryMembers(e), "%s", entryText(e)); err != nil {
					return err
				}
			}
			return nil
		})
	})
	phase = phaseFlag(c)
	return c
}

func entryMembers(e client.Entry) map[string]any {
	line := leaveEmptyOut(map[string]any{"n": e.N, "stamp": e.Stamp, "phase": string(e.Phase), "state": string(e.State),
		"made": timeOrEmpty(e.Made), "code": e.Code, "message": e.Message, "corrected_by": e.CorrectedBy, "correction_of": e.CorrectionOf})
	records := []map[string]string{}
	for _, r := range e.Records {
		records = append(records, map[string]string{"op": r.Op, "collection": r.Collection, "id": r.ID})
	}
	line["records"] = records
	if e.Verdict != nil {
		line["verdict"] = e.Verdict
	}
	return line
}

func entryText(e client.Entry) string {
	text := fmt.Sprintf("%4d  %s  %s", e.N, e.Made.Local().Format("2006-01-02 15:04"), e.State)
	for _, r := range e.Records {
		text += fmt.Sprintf("  %s %s %s", r.Op, r.Collection, r.ID)
	}
	if e.Code != "" {
		text += "  (" + e.Code + ") " + e.Message
	}
	if e.CorrectedBy != 0 {
		text += fmt.Sprintf("  corrected as number %d", e.CorrectedBy)
	}
	return text
}

func (d *device) outboxShow() *cobra.Command {
	return d.command("show N", "Show one, whole", 1, func(c *cobra.Command, args []string) error {
		n, err := number(args[0])
		if err != nil {
			return err
		}
		return d.with(false, func(dev *client.Device) error {
			e, err := dev.Mutation(n)
			if err != nil {
				return err
			}
			line := entryMembers(e)
			body := "(let go: it is held by the server and elsewhere)"
			if e.Raw != nil {
				line["mutation"] = e.Raw
				pretty, err := json.MarshalIndent(e.Raw, "", "  ")
				if err != nil {
					return fmt.Errorf("show %d: %w", n, err)
				}
				body = string(pretty)
			}
			return d.say(c.OutOrStdout(), "mutation", line, "%s\n%s", entryText(e), body)
		})
	})
}

func (d *device) outboxExport() *cobra.Command {
	var phase *string
	var out string
	c := d.command("export", "Write what has no verdict or needs attention as JSON lines, whole", 0, func(c *cobra.Command, _ []string) error {
		phases, err := readPhase(*phase)
		if err != nil {
			return err
		}
		if phases == nil {
			phases = []client.Phase{client.Waiting, client.Parked}
		}
		return d.with(false, func(dev *client.Device) error {
			all, err := dev.Outbox(phases...)
			if err != nil {
				return err
			}
			s, err := dev.Status()
			if err != nil {
				return err
			}
			if out == "" {
				return export(c.OutOrStdout(), s.Device, all)
			}
			if err := exportFile(out, s.Device, all); err != nil {
				return err
			}
			return d.say(c.OutOrStdout(), "exported", map[string]any{"file": out, "mutations": len(all)}, "%d written to %s. Keep that file safe.", len(all), out)
		})
	})
	phase = phaseFlag(c)
	c.Flags().StringVar(&out, "out", "", "the file to write; standard output if left out")
	return c
}

func export(w io.Writer, device string, all []client.Entry) error {
	for _, e := range all {
		line := entryMembers(e)
		line["result"], line["device"] = "mutation", device
		if e.Raw != nil {
			line["mutation"] = e.Raw
		}
		if err := printJSON(w, line); err != nil {
			return err
		}
	}
	return nil
}

// exportFile never writes over a file: it may be the only copy of something.
func exportFile(path, device string, all []client.Entry) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		return badInput("file_exists", "The file is there already.", "Name another file.")
	}
	if err == nil {
		err = errors.Join(export(f, device, all), f.Sync(), f.Close())
	}
	if err != nil {
		return &client.Error{Kind: client.ErrDisk, Code: "file_unwritable", Message: "The file cannot be written.", Hint: "Name another file, or make room."}
	}
	return nil
}

func (d *device) outboxRetry() *cobra.Command {
	return d.command("retry N", "Send one that needs attention again, as it is", 1, func(c *cobra.Command, args []string) error {
		n, err := number(args[0])
		if err != nil {
			return err
		}
		return d.with(false, func(dev *client.Device) error {
			if err := dev.Retry(n); err != nil {
				return err
			}
			return d.say(c.OutOrStdout(), "retry", map[string]any{"n": n, "state": string(client.IsWaiting)}, "Number %d: %s.", n, client.IsWaiting)
		})
	})
}

func (d *device) outboxCorrect() *cobra.Command {
	var set, unset []string
	var index int
	c := d.command("correct N", "Save a corrected copy of one that needs attention", 1, func(c *cobra.Command, args []string) error {
		n, err := number(args[0])
		if err != nil {
			return err
		}
		if len(set)+len(unset) == 0 {
			return badInput("no_change", "There is nothing to correct given.", "For instance: --set people=3")
		}
		return d.with(false, func(dev *client.Device) error {
			e, err := dev.Mutation(n)
			if err != nil {
				return err
			}
			if index < 0 || index >= len(e.Ops) {
				return badInput("bad_field", "There is no such op in it.", "Ops count from 0; see: fieldpost device outbox show N")
			}
			if err := change(&e.Ops[index], set, unset); err != nil {
				return err
			}
			for _, op := range e.Ops {
				if err := dev.Check(op); err != nil {
					return err
				}
			}
			saved, err := dev.CorrectAs(n, e.Ops...)
			if err != nil {
				return err
			}
			return d.saySaved(c, dev, saved, e.Ops[0].Collection, n)
		})
	})
	c.Flags().StringArrayVar(&set, "set", nil, "FIELD=VALUE, a value in JSON or a plain text; FIELD.KEY for a part of one; may be repeated")
	c.Flags().StringArrayVar(&unset, "unset", nil, "FIELD to leave out; may be repeated")
	c.Flags().IntVar(&index, "op", 0, "which op of the mutation, from 0")
	return c
}

// change applies --set and --unset to an op's fields.
func change(op *client.Op, set, unset []string) error {
	if op.Fields == nil {
		op.Fields = map[string]any{}
	}
	for _, name := range unset {
		if _, there := op.Fields[name]; !there {
			return badInput("bad_field", "There is no such field in it.", "See: fieldpost device outbox show N")
		}
		delete(op.Fields, name)
	}
	for _, text := range set {
		name, value, ok := strings.Cut(text, "=")
		if !ok || name == "" {
			return badInput("bad_field", "--set is not of the form FIELD=VALUE.", "For instance: --set people=3")
		}
		field, key, part := strings.Cut(name, ".")
		if !part {
			op.Fields[name] = valueOf(op.Fields[name], name, value)
			continue
		}
		// Item ids have a dot of their own: only the first one separates.
		object, isObject := op.Fields[field].(map[string]any)
		if !isObject {
			return badInput("bad_field", "Only a field with parts takes FIELD.KEY.", "For instance: --set answers.hotel_front.01=yes")
		}
		object[key] = valueOf(object[key], key, value)
	}
	return nil
}

// textFields hold text, even one that reads like a number.
var textFields = []string{"note", "text", "site", "grid", "operation", "event_time", "event_end", "about", "checklist", "name", "address", "notes"}

// valueOf reads a new value: as text where text stood or belongs, otherwise as
// JSON if it is JSON.
func valueOf(old any, field, text string) any {
	if _, isText := old.(string); isText || slices.Contains(textFields, field) {
		return text
	}
	var v any
	if json.Unmarshal([]byte(text), &v) != nil {
		return text
	}
	return v
}
