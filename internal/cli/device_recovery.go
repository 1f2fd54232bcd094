package cli

import (
	"bytes"
	"errors"
	"os"

	"github.com/spf13/cobra"

	"github.com/fieldpost/fieldpost/client"
)

func (d *device) recoveryCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "recovery",
		Short: "A sealed file of what waits, which anybody may carry: write it, hand it in",
		Args:  cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return d.usage(c, "There is no such command.")
			}
			return c.Help()
		},
	}
	c.AddCommand(d.recoveryExport(), d.recoveryDeliver(), d.recoveryCarry())
	return c
}

func (d *device) recoveryExport() *cobra.Command {
	var parked bool
	c := d.command("export FILE", "Write what waits, sealed, into a file that nobody on the way can read", 1, func(c *cobra.Command, args []string) error {
		return d.enrolled(func(dev *client.Device, _ client.Status) error {
			var file bytes.Buffer
			e, err := dev.ExportRecovery(&file, parked)
			if err != nil {
				return err
			}
			line := map[string]any{"file": args[0], "mutations": e.Mutations, "parts": e.Parts}
			if len(e.TooLarge) > 0 {
				line["too_large"] = e.TooLarge
			}
			if e.Mutations == 0 {
				line["file"] = ""
				return d.say(c.OutOrStdout(), "recovery", leaveEmptyOut(line), "Nothing waits; no file was written.")
			}
			if err := newFile(args[0], file.Bytes()); err != nil {
				return err
			}
			return d.say(c.OutOrStdout(), "recovery", line, "%d written to %s, sealed. They are still waiting: deliver the file from a device that has a connection, and sync this one when it has.", e.Mutations, args[0])
		})
	})
	c.Flags().BoolVar(&parked, "parked", false, "also what needs attention")
	return c
}

// newFile never writes over a file, and leaves none that is half written.
func newFile(path string, content []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		return badInput("file_exists", "The file is there already.", "Name another file.")
	}
	if err == nil {
		_, err = f.Write(content)
		if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
			err = errors.Join(err, os.Remove(path))
		}
	}
	if err != nil {
		return &client.Error{Kind: client.ErrDisk, Code: "file_unwritable", Message: "The file cannot be written.", Hint: "Name another file, or make room."}
	}
	return nil
}

func (d *device) recoveryDeliver() *cobra.Command {
	return d.command("deliver FILE", "Hand in a recovery file of any device with this device's access", 1, func(c *cobra.Command, args []string) error {
		f, err := os.Open(args[0])
		if err != nil {
			return badInput("no_file", "The file cannot be read.", "Name the recovery file that was written.")
		}
		defer f.Close()
		ctx, stop := interruptible(c)
		defer stop()
		return d.enrolled(func(dev *client.Device, _ client.Status) error {
			r, deliverErr := dev.DeliverRecovery(ctx, f)
			return d.sayDelivered(c, r, deliverErr)
		})
	})
}

// recoveryCarry hands in what waits on another person's store of this machine.
func (d *device) recoveryCarry() *cobra.Command {
	return d.command("carry STORE", "Hand in, sealed, what waits on another person's store of this machine", 1, func(c *cobra.Command, args []string) error {
		ctx, stop := interruptible(c)
		defer stop()
		return d.enrolled(func(dev *client.Device, _ client.Status) error {
			other, err := client.Open(args[0], client.Options{MustExist: true})
			if err != nil {
				return err
			}
			r, carryErr := dev.Carry(ctx, other)
			if err := other.Close(); err != nil {
				return err
			}
			if carryErr == nil && r.Mutations == 0 {
				return d.say(c.OutOrStdout(), "recovery", map[string]any{"mutations": 0, "parts": 0}, "Nothing waits there.")
			}
			return d.sayDelivered(c, r.Delivered, carryErr)
		})
	})
}

// sayDelivered tells what became of what was handed in for another device.
func (d *device) sayDelivered(c *cobra.Command, r client.Delivered, deliverErr error) error {
	if deliverErr != nil && len(r.Verdicts) == 0 {
		return deliverErr
	}
	received, later, attention := r.Count()
	replayed := 0
	for _, v := range r.Verdicts {
		if v.Replayed {
			replayed++
		}
	}
	advice := "The phone that wrote it says waiting until it syncs itself."
	if later > 0 {
		advice = "Keep the file and deliver it again: some of it waits for something that has not arrived."
	}
	if err := d.say(c.OutOrStdout(), "delivered", map[string]any{"device": r.Device, "mutations": len(r.Verdicts), "received": received,
		"waiting": later, "needs_attention": attention, "replayed": replayed},
		"%d received, %d of them known already, %d waiting, %d need attention. %s", received, replayed, later, attention, advice); err != nil {
		return err
	}
	if deliverErr != nil {
		return deliverErr
	}
	if attention > 0 {
		return d.failed(c, ExitAttention, "needs_attention", "Some of the file was not taken. It is kept for a coordinator.",
			"A coordinator finds it in quarantine; on the phone that wrote it, it shows after the next sync.", nil)
	}
	return nil
}
