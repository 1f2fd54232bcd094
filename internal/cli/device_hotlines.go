package cli

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/fieldpost/fieldpost/client"
	"github.com/fieldpost/fieldpost/content"
	"github.com/fieldpost/fieldpost/internal/checklist"
)

// hotlinesCommand prints the call cards that this device has pulled, 911
// first. It asks no server and dials nothing (R3, R24).
func (d *device) hotlinesCommand() *cobra.Command {
	c := d.command("hotlines", "Call cards, 911 first, from this device; asks nobody, dials nothing", 0, nil)
	place := c.Flags().String("place", "", "only what can be reached from there: "+strings.Join(checklist.Places, ", "))
	need := c.Flags().String("need", "", "only 911 and what helps with it: "+strings.Join(checklist.Needs, ", "))
	locale := c.Flags().String("locale", checklist.Languages[0], "language of the cards: "+strings.Join(checklist.Languages, ", "))
	c.RunE = func(c *cobra.Command, _ []string) error {
		for _, flag := range []struct {
			name, value string
			known       []string
		}{{"place", *place, append([]string{""}, checklist.Places...)}, {"need", *need, append([]string{""}, checklist.Needs...)}, {"locale", *locale, checklist.Languages}} {
			if !slices.Contains(flag.known, flag.value) {
				return d.usage(c, fmt.Sprintf("There is no %s %q. Give one of: %s.", flag.name, flag.value, strings.TrimPrefix(strings.Join(flag.known, ", "), ", ")))
			}
		}
		return d.explain(c, d.with(false, func(dev *client.Device) error {
			lines, from, err := linesOn(dev)
			if err != nil {
				return err
			}
			sources, err := checklist.SourcesIn(content.Files)
			if err != nil {
				return err
			}
			if from != "" && !d.json {
				fmt.Fprintln(c.OutOrStdout(), from+"\n")
			}
			today := time.Now().UTC()
			for _, h := range checklist.CallCards(lines, *place, *need) {
				if !d.json {
					if err := sayCard(c.OutOrStdout(), h, sources, *locale, today); err != nil {
						return err
					}
					continue
				}
				state, days := h.Verification(today)
				name, _ := h.Name(*locale)
				if err := d.say(c.OutOrStdout(), "hotline", leaveEmptyOut(map[string]any{"id": h.ID, "name": name, "needs": h.Needs, "channels": h.Channels,
					"verification": state, "verified_on": h.VerifiedOn, "verified_days_ago": days, "pulled": from == ""}), "%s", name); err != nil {
					return err
				}
			}
			return nil
		}))
	}
	return c
}

// linesOn gives the lines that a device has pulled. A device that has none yet
// gets those that came with the program, and words that say so: in danger any
// card is better than none. A line that cannot be read takes no other with it.
func linesOn(dev *client.Device) (lines []checklist.Hotline, from string, err error) {
	records, err := dev.Records(checklist.HotlineCollection)
	if err != nil {
		return nil, "", err
	}
	for _, r := range records {
		if h, err := checklist.HotlineOf(r.Fields["body"], r.Text("verified_on")); err == nil && h.ID != "" {
			lines = append(lines, h)
		}
	}
	emergency := slices.ContainsFunc(lines, func(h checklist.Hotline) bool { return slices.Contains(h.Needs, checklist.NeedEmergency) })
	if emergency {
		slices.SortStableFunc(lines, func(a, b checklist.Hotline) int { return strings.Compare(a.ID, b.ID) })
		return lines, "", nil
	}
	// Whatever was unpublished at the server: 911 is never missing (R3).
	shipped, err := checklist.HotlinesIn(content.Files)
	if err != nil {
		return nil, "", err
	}
	if len(lines) == 0 {
		return shipped, "This device has pulled no lines yet. These came with the program.", nil
	}
	return append(shipped[:1:1], lines...), "", nil
}
