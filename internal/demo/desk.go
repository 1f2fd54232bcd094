package demo

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/fieldpost/fieldpost/client"
)

// watch is the life of a coordinator: reports arrive, and some are opened.
func (p *simulated) watch(ctx context.Context) error {
	arrived := make(chan string, 100)
	watching, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	go func() {
		ended <- p.device.Watch(watching, client.Watcher{Change: func(c client.Change) {
			if c.Kind == client.New && !c.Reset {
				p.arrival(c, arrived)
			}
		}})
	}()
	for {
		select {
		case err := <-ended:
			return err
		case triage := <-arrived:
			if !p.rest(ctx, 2*time.Second, 8*time.Second) {
				stop()
				return <-ended
			}
			if p.by.IntN(3) == 0 {
				continue // somebody else's, or for later
			}
			if err := p.look(ctx, triage); err != nil && !passing(err) {
				stop()
				return errors.Join(err, <-ended)
			}
		}
	}
}

// arrival tells of a report that has come, and hands on its triage record. What
// finds the list full is left to other coordinators.
func (p *simulated) arrival(c client.Change, arrived chan<- string) {
	if c.Collection == "triage" {
		select {
		case arrived <- c.ID:
		default:
		}
	}
	if c.Collection != "observations" && c.Collection != "submissions" {
		return
	}
	var r struct {
		EventTime string `json:"event_time"`
	}
	happened := "at an unknown time"
	if json.Unmarshal(c.Record, &r) == nil {
		if at, err := client.ParseTime(r.EventTime); err == nil {
			happened = time.Since(at).Round(time.Minute).String() + " ago"
			happened = strings.Replace(happened, "m0s", " min", 1)
		}
	}
	what := strings.TrimSuffix(c.Collection, "s")
	p.line(p.name, "one %s has arrived, it happened %s", what, happened)
}

// look opens a report, and claims it when it is urgent.
func (p *simulated) look(ctx context.Context, triage string) error {
	r, there, err := p.device.Record("triage", triage)
	if err != nil || !there {
		return err
	}
	status, err := p.device.Status()
	if err != nil {
		return err
	}
	fields := map[string]any{"opened": true}
	did := "opened"
	if r.Text("urgency") != string(plain) && r.Text("claimed_by") == "" {
		fields["claimed_by"], fields["status"] = status.Person.ID, r.Text("urgency")
		did = "opened and claimed"
	}
	if _, err := p.device.Do(client.Op{Op: "update", Collection: "triage", ID: triage, Fields: fields}); err != nil {
		return err
	}
	if _, err := p.device.Push(ctx); err != nil {
		return err
	}
	p.line(p.name, "%s a report (%s)", did, r.Text("urgency"))
	return nil
}
