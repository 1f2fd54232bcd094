package client

import (
	"context"
	"database/sql"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/fieldpost/fieldpost/internal/fault"
)

// Who is at fault when a batch fails? DEV-4 wants the one culprit found and
// parked. But a server that fails on everything has no culprit, and parking a
// night's reports one by one would tell people to look at what only has to
// wait. So a mutation is parked on evidence: it failed alone, and after the
// batch it was in had failed, the server took others. Where there are no others
// to compare with, an empty push must go through; then an unknown 4xx is about
// the content, and so is a 5xx that has come often.
const (
	tries        = 3                      // of a batch that meets a fault of the server, before it is split
	firstRest    = 200 * time.Millisecond // between them, growing
	maxSuspects  = 3                      // that failed alone with nothing answered since: look at the server
	maxBlind     = 10                     // parked with nothing answered at all: it is the server
	failsToPark  = 5                      // pushes in which one failed alone with a 5xx, and was the only one to
	failsOfMany  = 20                     // the same when others fail as well: more likely it is the server
	smallBatch   = 20                     // what is not too much for any link
	maxSlow      = 2                      // batches cut down in one push because they took too long
	codeSending  = "cannot_be_sent"       // why a mutation is parked by this device
	parkedByUs   = "The server fails on this one each time it is sent."
	parkedTooBig = "The server does not take anything this large."
)

// notFailed is the since of a batch that is no part of a failed one.
const notFailed = -1

// suspect is a mutation that failed alone. since is how many mutations had a
// verdict when a batch with it first failed.
type suspect struct {
	item
	since int
	err   error
}

// deliver sends a batch. Afterwards each mutation of it has a verdict, is
// parked, is a suspect, or waits because of the error. since is of suspect.
func (p *pusher) deliver(ctx context.Context, batch []item, since int) error {
	if since == notFailed {
		since = p.answered
	}
	err := p.postPatiently(ctx, batch)
	switch {
	case err == nil:
		if len(batch) == p.d.batch { // the link carries it: more next time
			p.d.batch *= 2
		}
		return nil
	case tooSlow(ctx, err) && len(batch) > smallBatch && p.slow < maxSlow:
		p.slow++
		p.max = max(smallBatch, len(batch)/4)
		p.d.batch = p.max
	case tooLarge(err):
		if e := Explain(err); e.limits != nil && e.limits.Mutations > 0 && e.limits.Bytes > 0 && e.limits.Inflated > 0 {
			if err := p.d.setLimits(ctx, e.limits); err != nil {
				return err
			}
		}
		if len(batch) == 1 {
			return p.tooBig(ctx, batch[0], err)
		}
		p.max = max(1, len(batch)/2)
	case !blamesContent(err):
		return err
	case len(batch) == 1:
		return p.suspect(ctx, suspect{batch[0], since, err})
	}
	size := (len(batch) + 1) / 2
	if tooSlow(ctx, err) {
		size = p.max
	}
	for part := range slices.Chunk(batch, size) {
		if part = p.sendable(part); len(part) == 0 || p.again {
			continue
		}
		if err := p.deliver(ctx, part, since); err != nil {
			return err
		}
	}
	return nil
}

// postPatiently tries a batch again when the server has a fault of its own:
// only a repeated one says something about the batch.
func (p *pusher) postPatiently(ctx context.Context, batch []item) error {
	rest := firstRest
	for try := 1; ; try++ {
		err := p.post(ctx, batch)
		if err == nil || try == tries || !serverFault(err) {
			return err
		}
		if err := p.d.opt.Sleep(ctx, time.Duration(float64(rest)*(0.5+p.d.jitter()))); err != nil {
			return err
		}
		rest *= 2
	}
}

// tooSlow tells that the time for one request was over. On a slow link a large
// batch would never get through, however often it is tried.
func tooSlow(ctx context.Context, err error) bool {
	return ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded)
}

// tooLarge is a 413, also one of a proxy on the way: sending less is harmless.
func tooLarge(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.status == http.StatusRequestEntityTooLarge
}

// serverFault is a 5xx in our shape that does not ask to come later.
func serverFault(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.status >= 500 && (e.Kind != ErrNotFieldpost || e.Code == "no_code") &&
		e.Code != string(fault.Busy) && e.Code != string(fault.QuarantineFull)
}

// blamesContent tells answers that may be about a mutation (an unknown 4xx, a
// repeated 5xx) from those about the device or the whole server.
func blamesContent(err error) bool {
	var e *Error
	if !errors.As(err, &e) || e.status < 400 || e.Kind == ErrNotFieldpost && e.Code != "no_code" {
		return false
	}
	switch fault.Code(e.Code) {
	case fault.Unauthenticated, fault.TokenExpired, fault.WrongDevice, fault.DeviceRevoked, fault.BadSignature,
		fault.NotAllowed, fault.ChallengeExpired, fault.NotFound, fault.DeviceForked, fault.DeviceExists,
		fault.UnsupportedProtocol, fault.UpgradeRequired, fault.SlowDown, fault.Busy, fault.QuarantineFull:
		return false
	}
	return true
}

// tooBig deals with a single mutation that is too large. The server's word
// parks it; a proxy's word does not, it only waits.
func (p *pusher) tooBig(ctx context.Context, i item, err error) error {
	if Explain(err).Kind == ErrNotFieldpost {
		p.stuck[i.pos] = i
		return nil
	}
	return p.park(ctx, i, string(fault.TooLarge), parkedTooBig)
}

// suspect notes a mutation that failed alone, and parks it if there is evidence.
func (p *pusher) suspect(ctx context.Context, s suspect) error {
	if p.answered > s.since {
		return p.park(ctx, s.item, codeSending, parkedByUs)
	}
	p.stuck[s.pos] = s.item
	p.suspects = append(p.suspects, s)
	open := 0
	for _, s := range p.suspects {
		if p.answered == s.since {
			open++
		}
	}
	if open < maxSuspects {
		return nil
	}
	return p.judge(ctx)
}

// parkConfirmed parks the suspects that there is evidence against. The others
// stay suspects.
func (p *pusher) parkConfirmed(ctx context.Context) error {
	var open []suspect
	for _, s := range p.suspects {
		if p.answered == s.since {
			open = append(open, s)
		} else if err := p.park(ctx, s.item, codeSending, parkedByUs); err != nil {
			return err
		}
	}
	p.suspects = open
	return nil
}

// judge decides about the suspects. The error is that of a suspect which there
// is no evidence against: it waits, and the push ends.
func (p *pusher) judge(ctx context.Context) error {
	if err := p.parkConfirmed(ctx); err != nil || len(p.suspects) == 0 {
		return err
	}
	open := p.suspects
	p.suspects = nil
	if err := p.countFails(ctx, open); err != nil {
		return err
	}
	enough := failsToPark
	if len(open) > 1 {
		enough = failsOfMany
	}
	probe := p.post(ctx, nil)
	for _, s := range open {
		worn := !serverFault(s.err) || s.fails+1 >= enough
		if probe != nil || !worn || p.blind >= maxBlind && p.answered == 0 {
			return s.err
		}
		p.blind++
		if err := p.park(ctx, s.item, codeSending, parkedByUs); err != nil {
			return err
		}
	}
	return nil
}

// park sets a mutation aside for a person (DEV-4). It is kept whole.
func (p *pusher) park(ctx context.Context, i item, code, message string) error {
	p.report.Parked++
	delete(p.stuck, i.pos)
	p.released = true
	return p.d.store.tx(ctx, "park", func(tx *sql.Tx) error {
		_, err := tx.Exec("UPDATE outbox SET state = 'parked', code = ?, message = ? WHERE pos = ? AND state = 'waiting'", code, message, i.pos)
		return err
	})
}

func (p *pusher) countFails(ctx context.Context, suspects []suspect) error {
	return p.d.store.tx(ctx, "count fails", func(tx *sql.Tx) error {
		for _, s := range suspects {
			if _, err := tx.Exec("UPDATE outbox SET fails = fails + 1 WHERE pos = ?", s.pos); err != nil {
				return err
			}
		}
		return nil
	})
}

// setLimits stores the limits that the server told.
func (d *Device) setLimits(ctx context.Context, l *Limits) error {
	raw, err := encode(l)
	if err != nil {
		return err
	}
	return d.store.tx(ctx, "note limits", func(tx *sql.Tx) error {
		_, err := tx.Exec("UPDATE device SET limits = ?", string(raw))
		return err
	})
}
