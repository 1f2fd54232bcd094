package demo

import (
	"context"
	"time"

	"github.com/fieldpost/fieldpost/internal/wire"
)

// filed is a report that has been received, with what coordinators did so far.
type filed struct {
	collection, id string
	version        int64 // of the triage record
	at             time.Time
	how            urgency
	opened, closed bool
}

func (f *filed) update(fields map[string]any) wire.Op {
	return wire.Op{Op: wire.OpUpdate, Collection: "triage", ID: wire.TriageID(f.collection, f.id), Base: f.version, Fields: fields}
}

// closings are the reasons to close, with what is noted.
var closings = map[urgency][][2]string{
	plain: {{"no_basis", "Nothing beyond the ordinary."}, {"explained", "Asked at the site; an ordinary stop."},
		{"insufficient", "One weak sign, nothing to go on."}, {"duplicate", "Told by two of us in one night."}},
	review: {{"referred", "Handed over by phone."}, {"explained", "Asked the night crew; a family on the road."},
		{"insufficient", "Watched for three nights, did not come again."}},
	pressing: {{"referred", "911 was called at the site; handed over by phone."}},
}

// triage is a coordinator at the board: opens what is new, claims what is
// urgent, closes what has been looked into. only, when given, says which of
// the new ones; nothing is closed then.
func (h *history) triage(who string, only func(*filed) bool) func(context.Context, time.Time) error {
	return func(ctx context.Context, at time.Time) error {
		p, err := h.phone(who)
		if err != nil {
			return err
		}
		var touched []*filed
		began := at.Add(-30 * time.Minute)
		for _, f := range h.filed {
			fields := h.decide(f, p.person, at, only)
			if fields == nil {
				continue
			}
			// One after the other, and none before it has arrived.
			touched = append(touched, f)
			if arrived := f.at.Add(time.Minute); began.Before(arrived) {
				began = arrived
			}
			began = began.Add(10 * time.Second)
			p.save(began, f.update(fields))
		}
		verdicts, err := p.push(ctx, h.s, h.clock, at, wire.Applied)
		for i, v := range verdicts {
			touched[i].version = v.Seq
		}
		return err
	}
}

// decide gives what a coordinator changes about a report, nil for nothing.
func (h *history) decide(f *filed, person string, at time.Time, only func(*filed) bool) map[string]any {
	switch {
	case !f.opened && (only == nil || only(f)):
		f.opened = true
		if f.how == plain {
			return map[string]any{"opened": true}
		}
		return map[string]any{"opened": true, "claimed_by": person, "status": string(f.how)}
	case f.opened && !f.closed && only == nil && at.Sub(f.at) > 14*time.Hour && h.by.IntN(3) > 0:
		f.closed = true
		why := closings[f.how][h.by.IntN(len(closings[f.how]))]
		return map[string]any{"status": "closed", "closing_reason": why[0], "note": why[1]}
	}
	return nil
}

// disagree is two coordinators who note different things on one report, each
// without having seen the other's: one is shown, the other is kept as a
// conflict.
func (h *history) disagree(ctx context.Context, at time.Time) error {
	var f *filed
	for _, candidate := range h.filed {
		if candidate.opened && !candidate.closed {
			f = candidate
		}
	}
	if f == nil {
		return nil
	}
	seen := *f
	for i, note := range []string{"Will look again tomorrow night.", "Same car as last week? Ask the night crew."} {
		p, err := h.phone([]string{"coordinator 0", "coordinator 1"}[i])
		if err != nil {
			return err
		}
		back := at.Add(time.Duration(i) * 6 * time.Minute)
		p.save(back.Add(-10*time.Minute), seen.update(map[string]any{"note": note}))
		verdicts, err := p.push(ctx, h.s, h.clock, back, wire.Applied, wire.Merged)
		if err != nil {
			return err
		}
		f.version = verdicts[0].Seq
	}
	return nil
}
