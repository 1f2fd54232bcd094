package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/fieldpost/fieldpost/internal/hlc"
	"github.com/fieldpost/fieldpost/internal/wire"
	"github.com/fieldpost/fieldpost/internal/wiring"
)

// ahead are the phones of the past whose clocks are wrong, and by how much.
var ahead = map[string]time.Duration{
	"worker 2":       47 * time.Minute,
	"staff mitten 2": -5 * time.Hour,
}

// phone is a device of the past. It saves with no coverage, and what waits goes
// up in one push when it is back, as a real one's does.
type phone struct {
	id, person string
	ahead      time.Duration // its clock minus the true time
	clock      hlc.Clock
	n          int64
	met        bool // it has had an answer, so it knows how wrong its clock is
	waiting    []wire.Mutation
}

// save makes a mutation at a true time.
func (p *phone) save(at time.Time, ops ...wire.Op) {
	p.clock, _ = p.clock.Next(at.Add(p.ahead).UnixMilli(), false)
	p.n++
	m := wire.Mutation{N: p.n, Stamp: hlc.Stamp{Time: p.clock.Last, Device: p.id}.String(), Schema: wire.Schema, Ops: ops}
	if p.met {
		offset := -p.ahead.Milliseconds()
		m.Offset = &offset
	}
	p.waiting = append(p.waiting, m)
}

// push sends what waits, at a true time, and gives the verdicts. One that is
// not among the expected ones is an error: the demo would not be what it says.
func (p *phone) push(ctx context.Context, s *wiring.Services, clock *Clock, at time.Time, expected ...string) ([]wire.Verdict, error) {
	if len(p.waiting) == 0 {
		return nil, nil
	}
	req := wire.PushRequest{Protocol: wire.Protocol, Device: p.id, Now: at.Add(p.ahead).UTC().Format(wire.TimeFormat)}
	for _, m := range p.waiting {
		raw, err := json.Marshal(m)
		if err != nil {
			return nil, fmt.Errorf("push of the past: %w", err)
		}
		req.Mutations = append(req.Mutations, raw)
	}
	body, err := json.Marshal(req)
	if err != nil {
		return nil, fmt.Errorf("push of the past: %w", err)
	}
	received, err := wire.DecodePush(body, s.Exchange.Limits)
	if err != nil {
		return nil, fmt.Errorf("push of the past: %w", err)
	}
	clock.set(at)
	answer, err := s.Exchange.Push(ctx, p.id, received)
	if err != nil {
		return nil, fmt.Errorf("push of the past: %w", err)
	}
	p.waiting, p.met = nil, true
	for _, v := range answer.Verdicts {
		if !slices.Contains(expected, v.Verdict) {
			return nil, fmt.Errorf("push of the past: mutation %d of %s: %s %s %s", v.N, p.id, v.Verdict, v.Code, v.Message)
		}
	}
	return answer.Verdicts, nil
}
