package client

import (
	"context"
	"errors"
	"time"

	"github.com/fieldpost/fieldpost/internal/fault"
)

// SyncReport tells what a sync did.
type SyncReport struct {
	Push PushReport
	Pull PullReport
}

// Sync sends what waits and then brings the view up to date. A push that fails
// on the server's side does not keep the pull from going (PULL-5). When the
// server's history has gone back, what it lost is sent again before Sync
// returns. Told to wipe itself, the device hands everything in, wipes itself and
// fails with ErrWiped (DEV-3). Errors as for Push and Pull; the first one is the one to show.
func (d *Device) Sync(ctx context.Context) (SyncReport, error) {
	var r SyncReport
	var err error
	r.Push, err = d.Push(ctx)
	if err != nil && (errors.Is(err, ErrOffline) || errors.Is(err, ErrNotFieldpost) || errors.Is(err, ErrNotEnrolled) || ctx.Err() != nil) {
		return r, err
	}
	if d.ordered() != "" && (err == nil || hasCode(err, fault.QuarantineFull)) {
		return r, d.obey(ctx)
	}
	var pullErr error
	r.Pull, pullErr = d.Pull(ctx, 0)
	if hasCode(pullErr, fault.DeviceRevoked) && err == nil {
		// The answer means that the server is there, and ends what is noted as
		// the problem; this one goes on.
		if err = d.meet(ctx); err == nil && d.ordered() == "" {
			pullErr = d.noteProblem(ctx, pullErr, false)
		}
	}
	if d.ordered() != "" && err == nil {
		// A push went before this pull; one more takes what was saved meanwhile.
		var more PushReport
		more, err = d.Push(ctx)
		r.Push.add(more)
		if err == nil || hasCode(err, fault.QuarantineFull) {
			if err := d.obey(ctx); err != nil {
				return r, err
			}
		}
	}
	if err == nil && pullErr == nil && r.Pull.Rewound {
		var more PushReport
		more, err = d.Push(ctx)
		r.Push.add(more)
		if err == nil {
			var again PullReport
			again, pullErr = d.Pull(ctx, 0)
			r.Pull.add(again)
		}
	}
	return r, errors.Join(err, pullErr)
}

func (r *PushReport) add(more PushReport) {
	r.Sent += more.Sent
	r.Verdicts = append(r.Verdicts, more.Verdicts...)
	r.Parked += more.Parked
	r.Rewound = r.Rewound || more.Rewound
	r.Forked = r.Forked || more.Forked
}

func (r *PullReport) add(more PullReport) {
	r.Changes = append(r.Changes, more.Changes...)
	r.Seen = append(r.Seen, more.Seen...)
	r.Reset = r.Reset || more.Reset
	r.Rewound = r.Rewound || more.Rewound
	if more.Check != nil {
		r.Check = more.Check
	}
}

// The rests between tries of Keep and Watch: from minRest, doubling, to
// maxRest, each with jitter from half to one and a half of itself. maxRest is
// short: a queue must not sleep long after the network is back.
const (
	minRest = time.Second
	maxRest = time.Minute
)

// backoff counts failures in a row.
type backoff struct{ failures int }

// rest is how long to wait after one more failure: never less than the server
// asked for.
func (b *backoff) rest(d *Device, err error) time.Duration {
	base := maxRest
	if b.failures < 6 {
		base = minRest << b.failures
	}
	b.failures++
	rest := time.Duration(float64(base) * (0.5 + d.jitter()))
	var e *Error
	if errors.As(err, &e) && e.RetryAfter > rest {
		rest = e.RetryAfter + time.Duration(d.jitter()*float64(time.Second))
	}
	return rest
}

// Keep syncs until ctx ends: at once, after each save, and every interval;
// after a failure it rests longer each time (DEV-4). report, which may be nil,
// is called after each sync. Keep returns ctx.Err(), or at once with ErrRefused, ErrWiped,
// ErrNotEnrolled, ErrStore or ErrDisk, where waiting does not help.
func (d *Device) Keep(ctx context.Context, interval time.Duration, report func(SyncReport, error)) error {
	var b backoff
	for {
		select { // this sync sees what was saved so far
		case <-d.wake:
		default:
		}
		r, err := d.Sync(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if report != nil {
			report(r, err)
		}
		if err == nil {
			b = backoff{}
			if err := d.restOrSave(ctx, interval); err != nil {
				return err
			}
			continue
		}
		if final(err) {
			return err
		}
		if err := d.opt.Sleep(ctx, b.rest(d, err)); err != nil {
			return err
		}
	}
}

// final tells failures that only a person can end.
func final(err error) bool {
	for _, kind := range []error{ErrRefused, ErrWiped, ErrNotEnrolled, ErrStore, ErrDisk} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return false
}

// restOrSave waits until something is saved, at most for the interval.
func (d *Device) restOrSave(ctx context.Context, interval time.Duration) error {
	resting, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- d.opt.Sleep(resting, interval) }()
	select {
	case <-d.wake:
		return nil
	case err := <-done:
		return err
	}
}
