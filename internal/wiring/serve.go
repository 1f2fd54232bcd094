package wiring

import (
	"context"
	"crypto/tls"
	"errors"
	"log"
	"net"
	"net/http"
	"regexp"
	"time"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/fieldpost/fieldpost/internal/httpapi"
	"github.com/fieldpost/fieldpost/internal/records"
)

// Listeners are where a server listens, and as whom.
type Listeners struct {
	Public net.Listener // people and their devices
	Admin  net.Listener // superusers, and what they have; nil: nobody
	// Redirect answers plain HTTP beside TLS: it sends browsers to TLS and
	// answers the certificate authority. nil: nobody does.
	Redirect net.Listener
	// Domains: TLS with certificates that an authority gives out for these
	// names, which it checks by asking the server at them.
	Domains []string
	// Certificate: TLS with the operator's own certificate.
	Certificate func(*tls.ClientHelloInfo) (*tls.Certificate, error)
	Ready       func() // is called when both doors are open; nil: nobody is told
}

func (l Listeners) tls() bool { return len(l.Domains) > 0 || l.Certificate != nil }

// How long a client may take. The head of a request is small; a body may be a
// large push over a slow link, and has PocketBase's five minutes.
const (
	headWithin  = 15 * time.Second
	idleWithin  = 2 * time.Minute
	maxHead     = 32 << 10 // bytes
	stopsWithin = time.Second
)

// Serve serves an app on its listeners until the app ends: PocketBase's server
// for people, and one beside it for superusers, over the same routes. Neither
// shows what is behind the other (httpapi.DoorsOf).
func Serve(app core.App, l Listeners) error {
	app.OnServe().Bind(&hook.Handler[*core.ServeEvent]{Id: "fieldpostListeners", Priority: -10_000, Func: func(e *core.ServeEvent) error {
		e.Listener = keepCrowdOut(l.Public)
		e.InstallerFunc = nil // it would open a browser
		patient(e.Server, app)
		if l.Certificate != nil {
			e.Server.TLSConfig.GetCertificate = l.Certificate
		}
		if err := e.Next(); err != nil {
			return err
		}
		public, admin, err := httpapi.Doors(e.Server.Handler, l.Admin != nil && isLocal(l.Admin), app.Settings().TrustedProxy.Headers)
		if err != nil {
			return err
		}
		e.Server.Handler = public
		if l.Admin != nil {
			beside(app, "fieldpostAdmin", l.Admin, admin)
		}
		if l.Redirect != nil {
			beside(app, "fieldpostRedirect", l.Redirect, e.CertManager.HTTPHandler(nil))
		}
		if l.Ready != nil {
			l.Ready()
		}
		return nil
	}})
	config := apis.ServeConfig{HttpAddr: l.Public.Addr().String()}
	if l.tls() {
		config = apis.ServeConfig{HttpsAddr: l.Public.Addr().String(), CertificateDomains: l.Domains}
	}
	return apis.Serve(app, config)
}

// beside serves another listener until the app ends.
func beside(app core.App, id string, l net.Listener, handler http.Handler) {
	ctx, cancel := context.WithCancel(context.Background())
	server := &http.Server{Handler: handler, BaseContext: func(net.Listener) context.Context { return ctx },
		ReadTimeout: 5 * time.Minute, WriteTimeout: 5 * time.Minute}
	patient(server, app)
	// Just after PocketBase stops its own server, before anything closes.
	app.OnTerminate().Bind(&hook.Handler[*core.TerminateEvent]{Id: id, Priority: -9998, Func: func(e *core.TerminateEvent) error {
		cancel()
		within, done := context.WithTimeout(context.Background(), stopsWithin)
		defer done()
		if server.Shutdown(within) != nil {
			_ = server.Close() // its connections end with the process, too
		}
		return e.Next()
	}})
	go func() {
		if err := server.Serve(l); err != nil && !errors.Is(err, http.ErrServerClosed) {
			app.Logger().Error("a listener broke", "listener", id, "error", err)
		}
	}()
}

// patient gives a server its times and a log without addresses.
func patient(s *http.Server, app core.App) {
	s.ReadHeaderTimeout, s.IdleTimeout, s.MaxHeaderBytes = headWithin, idleWithin, maxHead
	s.ErrorLog = log.New(withoutAddresses{app}, "", 0)
}

// withoutAddresses keeps of what Go's server says what broke, without where the
// request came from (R22). The rest is scanners that speak no TLS.
type withoutAddresses struct{ app core.App }

var panicked = regexp.MustCompile(`^http: panic serving \S+: (.*)`)

func (w withoutAddresses) Write(line []byte) (int, error) {
	if m := panicked.FindSubmatch(line); m != nil {
		w.app.Logger().Error("a handler broke", "error", string(m[1]))
	}
	return len(line), nil
}

// isLocal tells whether only this machine reaches a listener.
func isLocal(l net.Listener) bool {
	tcp, ok := l.Addr().(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}

// SettingsDrift names the settings that have one value and would have another.
func (s *Services) SettingsDrift(before, after *core.Settings) []string {
	choice := s.choice
	choice.Proxies = append([]string{}, before.TrustedProxy.Headers...)
	return records.SettingsDrift(after, choice)
}
