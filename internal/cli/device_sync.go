package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/fieldpost/fieldpost/client"
)

// moved takes the server's new address from a flag.
func moved(c *cobra.Command) *string {
	return c.Flags().String("url", "", "the server has moved: its address from now on")
}

func setURL(dev *client.Device, url string) error {
	if url == "" {
		return nil
	}
	return dev.SetURL(url)
}

func (d *device) syncCommand() *cobra.Command {
	var url *string
	c := d.command("sync", "Send what waits, then pull", 0, func(c *cobra.Command, _ []string) error {
		ctx, stop := interruptible(c)
		defer stop()
		return d.enrolled(func(dev *client.Device, s client.Status) error {
			if err := setURL(dev, *url); err != nil {
				return err
			}
			r, syncErr := dev.Sync(ctx)
			if errors.Is(syncErr, client.ErrWiped) {
				return d.say(c.OutOrStdout(), "wiped", map[string]any{"device": s.Device, "sent": r.Push.Sent},
					"This device was told to wipe itself. All that it held was handed in, and its store is gone.")
			}
			if err := d.sayVerdicts(c.OutOrStdout(), dev, r.Push); err != nil {
				return err
			}
			if syncErr != nil {
				return syncErr
			}
			return d.saySynced(c, dev, r)
		})
	})
	url = moved(c)
	return c
}

// sayVerdicts prints a line for each verdict.
func (d *device) sayVerdicts(w io.Writer, dev *client.Device, r client.PushReport) error {
	for _, v := range r.Verdicts {
		e, err := dev.Mutation(v.N)
		if err != nil {
			return err
		}
		line := leaveEmptyOut(map[string]any{"n": v.N, "verdict": v.Verdict, "seq": v.Seq, "code": v.Code, "message": v.Message,
			"quarantine": v.Quarantine, "stamp": e.Stamp, "state": string(e.State)})
		if v.Replayed {
			line["replayed"] = true
		}
		if len(v.Conflicts) > 0 {
			line["conflicts"] = v.Conflicts
		}
		if len(e.Records) > 0 {
			line["collection"], line["id"] = e.Records[0].Collection, e.Records[0].ID
		}
		why := ""
		if v.Code != "" {
			why = " (" + v.Code + ") " + v.Message
		}
		if err := d.say(w, "verdict", line, "Number %d: %s%s", v.N, e.State, why); err != nil {
			return err
		}
	}
	return nil
}

func (d *device) saySynced(c *cobra.Command, dev *client.Device, r client.SyncReport) error {
	s, err := dev.Status()
	if err != nil {
		return err
	}
	count := map[string]int{}
	replayed := 0
	for _, v := range r.Push.Verdicts {
		count[v.Verdict]++
		if v.Replayed {
			replayed++
		}
	}
	line := pulledMembers(r.Pull, s)
	for k, v := range map[string]any{"sent": r.Push.Sent, "applied": count["applied"], "merged": count["merged"], "refused": count["refused"],
		"deferred": count["deferred"], "replayed": replayed, "parked": r.Push.Parked, "waiting": s.Waiting,
		"needs_attention": s.NeedsAttention, "forked": r.Push.Forked} {
		line[k] = v
	}
	line["rewound"] = r.Push.Rewound || r.Pull.Rewound
	if err := d.say(c.OutOrStdout(), "sync", line, "%d %s, %d %s, %d changes pulled.",
		count["applied"]+count["merged"], client.Received, s.Waiting, client.IsWaiting, len(r.Pull.Changes)); err != nil {
		return err
	}
	for _, id := range r.Pull.Unsealed {
		if err := d.say(c.OutOrStdout(), "unsealed", map[string]any{"id": id}, "A coordinator was told who wrote %s.", id); err != nil {
			return err
		}
	}
	if err := d.sayFound(c.OutOrStdout(), r.Pull.Check, s); err != nil {
		return err
	}
	return d.needsAttention(c, s.NeedsAttention)
}

// pulledMembers are the members that sync and pull have in common.
func pulledMembers(r client.PullReport, s client.Status) map[string]any {
	count := map[client.Kind]int{}
	for _, ch := range r.Changes {
		count[ch.Kind]++
	}
	return map[string]any{"changes": len(r.Changes), "new": count[client.New], "changed": count[client.Changed],
		"gone": count[client.Gone], "seen": len(r.Seen), "reset": r.Reset, "rewound": r.Rewound, "records": s.Records}
}

func (d *device) pullCommand() *cobra.Command {
	var wait int
	var url *string
	c := d.command("pull", "Bring the view up to date; sends nothing", 0, func(c *cobra.Command, _ []string) error {
		ctx, stop := interruptible(c)
		defer stop()
		return d.enrolled(func(dev *client.Device, _ client.Status) error {
			if err := setURL(dev, *url); err != nil {
				return err
			}
			r, err := dev.Pull(ctx, time.Duration(wait)*time.Second)
			if err != nil {
				return err
			}
			s, err := dev.Status()
			if err != nil {
				return err
			}
			if err := d.say(c.OutOrStdout(), "pull", pulledMembers(r, s), "%d changes pulled; %d records are on this device.", len(r.Changes), s.Records); err != nil {
				return err
			}
			return d.sayFound(c.OutOrStdout(), r.Check, s)
		})
	})
	c.Flags().IntVar(&wait, "wait", 0, "seconds that the server may wait for something new, at most 25")
	url = moved(c)
	return c
}

func (d *device) watchCommand() *cobra.Command {
	var seconds int
	var url *string
	c := d.command("watch", "Print each change as it arrives, until interrupted", 0, func(c *cobra.Command, _ []string) error {
		ctx, stop := interruptible(c)
		defer stop()
		ctx, giveUp := context.WithCancel(ctx)
		defer giveUp()
		if seconds > 0 {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, time.Duration(seconds)*time.Second)
			defer cancel()
		}
		return d.enrolled(func(dev *client.Device, _ client.Status) error {
			if err := setURL(dev, *url); err != nil {
				return err
			}
			w := &watching{d: d, dev: dev, out: c.OutOrStdout(), giveUp: giveUp}
			err := dev.Watch(ctx, client.Watcher{Change: w.change, Seen: w.seen, Check: w.check, State: w.state})
			switch {
			case w.err != nil: // nobody reads any more
				return w.err
			case ctx.Err() == nil:
				return err
			case !w.reached && w.last != nil:
				return w.last
			}
			return nil
		})
	})
	c.Flags().IntVar(&seconds, "seconds", 0, "end after so many seconds")
	url = moved(c)
	return c
}

// watching prints what a watch tells.
type watching struct {
	d       *device
	dev     *client.Device
	out     io.Writer
	reached bool  // the server has answered during this watch
	last    error // why it is not reached
	history int   // records of a full view, not printed one by one as text
	err     error // why it cannot print
	giveUp  context.CancelFunc
}

// note ends the watch when nobody can read it any more.
func (w *watching) note(err error) {
	if err != nil {
		w.err = errors.Join(w.err, err)
		w.giveUp()
	}
}

func (w *watching) state(s client.LiveState, err error) {
	if s == client.Live || s == client.Polling {
		w.reached = true
	}
	line := map[string]any{"state": string(s)}
	text := fmt.Sprintf("-- %s", s)
	if err != nil {
		w.last = err
		e := client.Explain(err)
		line["code"], line["message"], line["hint"] = e.Code, e.Message, e.Hint
		text += ": " + e.Message
	}
	if w.history > 0 && !w.d.json {
		text = fmt.Sprintf("-- %d records so far\n%s", w.history, text)
		w.history = 0
	}
	w.note(w.d.say(w.out, "state", line, "%s", text))
}

func (w *watching) seen(reports []string) {
	for _, id := range reports {
		w.note(w.d.say(w.out, "seen", map[string]any{"id": id}, "%s %s", id, client.Seen))
	}
}

func (w *watching) check(r client.CheckReport) {
	s, err := w.dev.Status()
	w.note(err)
	if err == nil {
		w.note(w.d.sayFound(w.out, &r, s))
	}
}

func (w *watching) change(ch client.Change) {
	if ch.Reset && !w.d.json {
		w.history++
		return
	}
	a, err := about(w.dev, ch)
	if err != nil {
		w.note(err)
		return
	}
	line := leaveEmptyOut(map[string]any{"kind": string(ch.Kind), "collection": ch.Collection, "id": ch.ID, "seq": ch.Seq,
		"event_time": timeOrEmpty(a.event), "received": timeOrEmpty(a.received), "urgency": a.urgency, "report": a.report})
	line["own"], line["reset"] = a.own, ch.Reset
	text := fmt.Sprintf("%s %s %s", ch.Kind, ch.Collection, ch.ID)
	if a.report != "" {
		text += " of " + a.report
	}
	if !a.event.IsZero() {
		text += ", happened " + a.event.Local().Format("2006-01-02 15:04")
	}
	if late := a.received.Sub(a.event); !a.event.IsZero() && late > time.Hour {
		text += fmt.Sprintf(" (arrived %.0f h later)", late.Hours())
	}
	if a.urgency != "" {
		text += ", " + a.urgency
	}
	w.note(w.d.say(w.out, "change", line, "%s", text))
}
