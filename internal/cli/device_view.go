package cli

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/fieldpost/fieldpost/client"
	"github.com/fieldpost/fieldpost/internal/wire"
)

func (d *device) statusCommand() *cobra.Command {
	return d.command("status", "Where this device stands; asks nobody", 0, func(c *cobra.Command, _ []string) error {
		return d.with(false, func(dev *client.Device) error {
			s, err := dev.Status()
			if err != nil {
				return err
			}
			return d.say(c.OutOrStdout(), "status", d.statusMembers(s), "%s", statusText(s))
		})
	})
}

func (d *device) statusMembers(s client.Status) map[string]any {
	line := leaveEmptyOut(map[string]any{"device": s.Device, "name": s.Name, "user": s.Person.ID, "role": s.Person.Role,
		"organization": s.Person.Organization, "url": s.URL, "oldest_waiting": timeOrEmpty(s.OldestWaiting),
		"last_contact": timeOrEmpty(s.LastContact), "last_contact_url": s.LastContactURL, "checked": timeOrEmpty(s.Checked), "store": d.store})
	for k, v := range map[string]any{"enrolled": s.Enrolled, "saved": s.Saved, "waiting": s.Waiting, "received": s.Received, "seen": s.Seen,
		"needs_attention": s.NeedsAttention, "corrected": s.Corrected, "pulled": s.Pulled, "records": s.Records, "resetting": s.Resetting} {
		line[k] = v
	}
	if s.Enrolled {
		line["sites"] = s.Person.Sites
	}
	if s.Offset != nil {
		line["clock_offset_ms"] = s.Offset.Milliseconds()
	}
	if s.Problem != nil {
		line["problem"] = map[string]string{"code": s.Problem.Code, "message": s.Problem.Message, "hint": s.Problem.Hint, "at": timeOrEmpty(s.Problem.At)}
	}
	if len(s.Doubtful) > 0 {
		line["doubtful"] = s.Doubtful
	}
	if len(s.Lineage) > 0 {
		line["lineage"] = s.Lineage
	}
	return line
}

func statusText(s client.Status) string {
	text := fmt.Sprintf("%d saved on this phone: %d waiting, %d received, %d seen by a coordinator, %d needs attention",
		s.Saved, s.Waiting, s.Received, s.Seen, s.NeedsAttention)
	if s.Corrected > 0 {
		text += fmt.Sprintf(", %d replaced by a corrected copy", s.Corrected)
	}
	if !s.OldestWaiting.IsZero() {
		text += "\nThe oldest waits since " + s.OldestWaiting.Local().Format("2006-01-02 15:04")
	}
	switch {
	case !s.Enrolled:
		text += "\nNot enrolled"
	case s.LastContact.IsZero():
		text += "\nNo contact yet with " + s.URL
	default:
		text += fmt.Sprintf("\nLast contact %s with %s", s.LastContact.Local().Format("2006-01-02 15:04:05"), s.LastContactURL)
	}
	text += fmt.Sprintf("\n%d records pulled", s.Records)
	if s.Resetting {
		text += "; a full view is on its way and not whole yet"
	}
	if s.Problem != nil {
		text += fmt.Sprintf("\nA failure at %s: %s %s", s.Problem.At.Local().Format("2006-01-02 15:04"), s.Problem.Message, s.Problem.Hint)
	}
	if len(s.Doubtful) > 0 {
		text += "\n" + doubt(s.Doubtful)
	}
	return text
}

func (d *device) recordsCommand() *cobra.Command {
	c := d.command("records", "List what is on this device: records [COLLECTION]", 0, nil)
	c.Use = "records [COLLECTION]"
	c.Args = func(c *cobra.Command, args []string) error {
		if len(args) > 1 {
			return d.usage(c, "records takes one collection at most.")
		}
		return nil
	}
	c.RunE = func(c *cobra.Command, args []string) error {
		return d.explain(c, d.with(false, func(dev *client.Device) error {
			names := args
			if len(names) == 0 {
				var err error
				if names, err = dev.Collections(); err != nil {
					return err
				}
			}
			for _, name := range names {
				if err := d.sayRecords(c, dev, name, len(args) > 0); err != nil {
					return err
				}
			}
			return nil
		}))
	}
	return c
}

func (d *device) sayRecords(c *cobra.Command, dev *client.Device, collection string, each bool) error {
	all, err := dev.Records(collection)
	if err != nil {
		return err
	}
	if !each {
		return d.say(c.OutOrStdout(), "collection", map[string]any{"collection": collection, "records": len(all)}, "%-14s %d", collection, len(all))
	}
	for _, r := range all {
		line := leaveEmptyOut(map[string]any{"collection": collection, "id": r.ID, "seq": r.Seq, "state": string(r.State), "n": r.N})
		line["record"] = r.Fields
		text := r.ID
		for _, field := range []string{"key", "name", "title", "event_time"} {
			if t := r.Text(field); t != "" {
				text += "  " + t
			}
		}
		if r.State != "" {
			text += "  " + string(r.State)
		}
		if err := d.say(c.OutOrStdout(), "record", line, "%s", text); err != nil {
			return err
		}
	}
	return nil
}

// aboutChange is what a watch says of a change beside its name.
type aboutChange struct {
	event    time.Time // when it happened
	received time.Time
	urgency  string // of the report, when this person sees triage
	report   string // of a triage record or addendum: the report's id
	own      bool   // made on this device
}

func about(dev *client.Device, ch client.Change) (aboutChange, error) {
	var a aboutChange
	r, ok, err := dev.Record(ch.Collection, ch.ID)
	if err != nil || !ok {
		return a, err
	}
	a.event, a.received, a.own = r.Time("event_time"), r.Time("received"), r.State != ""
	collection, id := ch.Collection, ch.ID
	switch ch.Collection {
	case "triage", "addenda":
		for field, of := range map[string]string{"observation": "observations", "submission": "submissions"} {
			if a.report = r.Text(field); a.report != "" {
				collection, id = of, a.report
				break
			}
		}
	}
	if ch.Collection == "triage" {
		report, _, err := dev.Record(collection, id)
		if err != nil {
			return a, err
		}
		a.event = report.Time("event_time")
	}
	if collection == "observations" || collection == "submissions" {
		triage, _, err := dev.Record("triage", wire.TriageID(collection, id))
		if err != nil {
			return a, err
		}
		if a.urgency = triage.Text("urgency"); a.urgency == "" {
			a.urgency = triage.Text("suggested")
		}
	}
	return a, nil
}
