package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/fieldpost/fieldpost/client"
)

func (d *device) checkCommand() *cobra.Command {
	var url *string
	c := d.command("check", "Compare what is on this device with what the server shows, and mend it", 0, func(c *cobra.Command, _ []string) error {
		ctx, stop := interruptible(c)
		defer stop()
		return d.enrolled(func(dev *client.Device, _ client.Status) error {
			if err := setURL(dev, *url); err != nil {
				return err
			}
			r, err := dev.CheckView(ctx)
			if err != nil {
				return err
			}
			s, err := dev.Status()
			if err != nil {
				return err
			}
			if err := d.say(c.OutOrStdout(), "check", checkMembers(r.Check, s), "%s", checkText(r.Check, s)); err != nil {
				return err
			}
			if len(r.Check.Doubtful) == 0 {
				return nil
			}
			return d.failed(c, ExitAttention, "doubtful", "This device does not show what the server does: "+strings.Join(r.Check.Doubtful, ", ")+".",
				"What you saved is safe. Tell your coordinator, and check again tomorrow: fieldpost device check", nil)
		})
	})
	url = moved(c)
	return c
}

// sayFound prints what a check found that came with another command, unless
// all was as it should be.
func (d *device) sayFound(w io.Writer, r *client.CheckReport, s client.Status) error {
	if r == nil || len(r.Differed)+len(r.Doubtful)+len(r.Cleared) == 0 {
		return nil
	}
	return d.say(w, "check", checkMembers(r, s), "%s", checkText(r, s))
}

func checkMembers(r *client.CheckReport, s client.Status) map[string]any {
	line := map[string]any{"agrees": r.Agrees, "resets": r.Resets, "records": s.Records}
	for name, list := range map[string][]string{"differed": r.Differed, "doubtful": r.Doubtful, "cleared": r.Cleared} {
		if len(list) > 0 {
			line[name] = list
		}
	}
	return line
}

// checkText says in plain words what a check came to.
func checkText(r *client.CheckReport, s client.Status) string {
	var lines []string
	switch {
	case len(r.Doubtful) > 0:
		lines = append(lines, doubt(r.Doubtful))
	case len(r.Differed) > 0:
		lines = append(lines, fmt.Sprintf("This device did not show what the server does (%s). It was mended: all was pulled anew.", strings.Join(r.Differed, ", ")))
	default:
		lines = append(lines, fmt.Sprintf("Checked: the %d records on this device are what the server shows you.", s.Records))
	}
	if len(r.Cleared) > 0 {
		lines = append(lines, fmt.Sprintf("No longer doubtful: %s.", strings.Join(r.Cleared, ", ")))
	}
	return strings.Join(lines, "\n")
}

// doubt tells a person what it means that collections are doubtful, and what
// to do.
func doubt(collections []string) string {
	return "Doubtful: " + strings.Join(collections, ", ") + `. Something may be missing there, or old, or too much: what this device
shows is not what the server shows you, and pulling all of it anew did not mend it. What you saved is not
touched by this: it is kept here and sent as ever. Do not rely on these lists. Tell your coordinator; this
device looks again once a day, or when you ask: fieldpost device check`
}
