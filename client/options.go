package client

import (
	"context"
	"crypto/rand"
	"database/sql"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/fieldpost/fieldpost/internal/prepared"
)

// Options are what a Device takes from outside. The zero value is right for a
// program; a simulation puts its own time, chance and network in.
type Options struct {
	// Now reads the wall clock; default time.Now.
	Now func() time.Time
	// Elapsed tells how much time has really passed since some fixed point,
	// whatever is done to the wall clock. With it, or with a Now that carries
	// Go's monotonic reading, a jump of the clock is seen in both directions;
	// without, only one that goes back.
	Elapsed func() time.Duration
	// Rand gives ids, keys and jitter; default crypto/rand.
	Rand io.Reader
	// HTTP carries the requests; default a client of its own. Redirects are
	// never followed, whatever it says: a token is for one server.
	HTTP *http.Client
	// Sleep waits between retries; default a timer. It fails when ctx ends.
	Sleep func(ctx context.Context, d time.Duration) error
	// Timeout bounds one request, without the time that a pull waits; default 60 s.
	Timeout time.Duration
	// Platform is told at enrolment, such as "android"; default "cli".
	Platform string
	// Connect opens the store's SQLite file by its data source name; default
	// SQLite's driver. A simulation puts one in that fails as a full disk does,
	// and stops where a process dies.
	Connect func(source string) (*sql.DB, error)
	// SealAll seals for the installation whatever is saved from now on, before
	// it is sent. Without it only devices of staff do.
	SealAll bool
	// MustExist makes Open fail with ErrNotEnrolled when there is no store yet,
	// in place of making one.
	MustExist bool

	maxPages int               // of the store, for tests of a full disk
	died     func(step string) // called between the steps of a wipe, for tests of a crash
}

func (o Options) withDefaults() Options {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	var base http.Client
	if o.HTTP != nil {
		base = *o.HTTP
	} else {
		base.Transport = &http.Transport{
			Proxy:                 http.ProxyFromEnvironment,
			DialContext:           (&net.Dialer{Timeout: 15 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
			TLSHandshakeTimeout:   15 * time.Second,
			MaxIdleConnsPerHost:   2,
			IdleConnTimeout:       time.Minute,
			ForceAttemptHTTP2:     true,
			ExpectContinueTimeout: time.Second,
		}
	}
	base.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	o.HTTP = &base
	if o.Connect == nil {
		o.Connect = func(source string) (*sql.DB, error) { return prepared.Open("sqlite", source, prepared.Most) }
	}
	if o.Sleep == nil {
		o.Sleep = sleep
	}
	if o.Timeout == 0 {
		o.Timeout = time.Minute
	}
	if o.Platform == "" {
		o.Platform = "cli"
	}
	return o
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
