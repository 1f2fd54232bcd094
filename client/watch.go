package client

import (
	"context"
	"errors"
	"time"
)

// LiveState says how fresh the view is while watching.
type LiveState string

// The live states. A watch is never silently stale: it is Behind from the first
// failed exchange to the next good one.
const (
	Connecting LiveState = "connecting"
	Live       LiveState = "live"    // pokes come by the realtime stream
	Polling    LiveState = "polling" // the server holds pulls until there is something
	Behind     LiveState = "behind"  // the server is not reached; it is tried again
)

// Watcher is told what happens. Calls come one at a time, after what they tell
// is stored. Functions may be nil.
type Watcher struct {
	Change func(Change)
	Seen   func(reports []string) // own reports that a coordinator has opened
	// Check is told what each check of the view came to (PULL-8).
	Check func(CheckReport)
	// State: err is why the state is Behind, or nil.
	State func(state LiveState, err error)
}

const (
	safetyPull = 20 * time.Second // a poke that got lost costs no more than this
	pullTime   = 20 * time.Second // of a request: one that takes longer means that the view may be stale
	pollSpan   = 2 * time.Minute  // before the stream is tried again
	quickPull  = 2 * time.Second  // a held pull that ends earlier, with nothing, was not held
	unheldRest = 5 * time.Second  // between pulls that the server does not hold
	shortLived = 5 * time.Second  // a stream that ends earlier counts as a failure
)

// Watch keeps the view fresh until ctx ends, by pull and poke alone, and tells
// w of each change. When the realtime stream is not to be had it pulls with
// wait; when the server is not reached it rests, longer each time, and begins
// with a pull, so that no gap stays (LIVE-1). It returns ctx.Err(), or at once
// ErrRefused, ErrNotEnrolled, ErrStore or ErrDisk.
func (d *Device) Watch(ctx context.Context, w Watcher) error {
	v := &watch{d: d, w: w}
	v.enter(Connecting, nil)
	var b backoff
	for {
		err := v.round(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err == nil {
			b = backoff{}
			continue
		}
		v.enter(Behind, err)
		if final(err) {
			return err
		}
		if err := d.opt.Sleep(ctx, b.rest(d, err)); err != nil {
			return err
		}
	}
}

type watch struct {
	d     *Device
	w     Watcher
	state LiveState
}

func (v *watch) enter(s LiveState, err error) {
	if v.state == s {
		return
	}
	v.state = s
	if v.w.State != nil {
		v.w.State(s, err)
	}
}

// round is one stream, or one span of polling.
func (v *watch) round(ctx context.Context) error {
	// The first pull also renews a token that has expired: a subscription with
	// one would be a stranger's.
	if err := v.pull(ctx, 0); err != nil {
		return err
	}
	s, err := v.d.openStream(ctx)
	if errors.Is(err, errNoStream) {
		return v.poll(ctx)
	}
	if err != nil {
		return err
	}
	defer s.close()
	// Subscribed now; what came between the first pull and this is fetched.
	if err := v.pull(ctx, 0); err != nil {
		return err
	}
	v.enter(Live, nil)
	return v.follow(ctx, s)
}

func (v *watch) follow(ctx context.Context, s *stream) error {
	for {
		timer := time.NewTimer(safetyPull)
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case _, open := <-s.pokes:
			timer.Stop()
			if !open {
				if now, _ := v.d.now(); now.Sub(s.began) < shortLived {
					return offline(errors.New("the stream ended at once"))
				}
				return nil
			}
		case <-timer.C:
		}
		if err := v.pull(ctx, 0); err != nil {
			return err
		}
	}
}

func (v *watch) poll(ctx context.Context) error {
	until := time.Now().Add(pollSpan)
	v.enter(Polling, nil)
	for time.Now().Before(until) {
		began := time.Now()
		n, err := v.pullCount(ctx, maxWait)
		if err != nil {
			return err
		}
		if n == 0 && time.Since(began) < quickPull {
			if err := v.d.opt.Sleep(ctx, unheldRest); err != nil {
				return err
			}
		}
	}
	return nil
}

func (v *watch) pull(ctx context.Context, wait time.Duration) error {
	_, err := v.pullCount(ctx, wait)
	return err
}

func (v *watch) pullCount(ctx context.Context, wait time.Duration) (int, error) {
	v.d.pulling.Lock()
	r, err := v.d.pull(ctx, wait, pullTime)
	v.d.pulling.Unlock()
	err = v.d.noteProblem(ctx, err, false)
	if err == nil && v.d.ordered() != "" {
		_, err = v.d.Sync(ctx)
	}
	for _, c := range r.Changes { // also those of pages before an error
		if v.w.Change != nil {
			v.w.Change(c)
		}
	}
	if len(r.Seen) > 0 && v.w.Seen != nil {
		v.w.Seen(r.Seen)
	}
	if err == nil && r.Check != nil && v.w.Check != nil {
		v.w.Check(*r.Check)
	}
	return len(r.Changes), err
}
