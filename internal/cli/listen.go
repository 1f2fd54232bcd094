package cli

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/fieldpost/fieldpost/internal/wiring"
)

// The addresses of a server that was told nothing else.
const (
	defaultHTTP  = "127.0.0.1:8090"
	defaultAdmin = "127.0.0.1:8099"
	noAdmin      = "off"
)

// Addresses are where a server is to listen.
type Addresses struct {
	HTTP  string // plain HTTP; "" for none beside HTTPS
	HTTPS string // "" for none
	// Admin is for superusers: "" is the usual address, or another of this
	// machine where that is taken; "off" is nowhere.
	Admin string
	// Domains are the names that a certificate authority gives certificates
	// for; CertFile and KeyFile are one's own instead.
	Domains           []string
	CertFile, KeyFile string
	Proxies           []string // headers in which a proxy says where a request comes from
	PlainHTTP         bool     // HTTP may be an address that other machines reach
	AdminAnywhere     bool     // Admin may be one
	PublicURL         string   // the address that people's browsers use, "" for the one known
}

func addressFlags(c *cobra.Command) *Addresses {
	a := &Addresses{}
	f := c.Flags()
	f.StringVar(&a.HTTP, "http", defaultHTTP, "the address for people; port 0 picks one. With --https: none, or one that sends to HTTPS")
	f.StringVar(&a.HTTPS, "https", "", "the address for people with TLS, such as :443; with --domain, or --tls-cert and --tls-key")
	f.StringArrayVar(&a.Domains, "domain", nil, "the server's name; its certificate comes from Let's Encrypt, which asks the server at that name (may be given several times)")
	f.StringVar(&a.CertFile, "tls-cert", "", "a certificate of your own (PEM, with its chain); read anew when it changes")
	f.StringVar(&a.KeyFile, "tls-key", "", "its key (PEM)")
	f.StringVar(&a.Admin, "admin-http", "", `the address for superusers: dashboard, settings, backups, logs (usually `+defaultAdmin+`); "off" for none`)
	f.StringArrayVar(&a.Proxies, "trusted-proxy", nil, "the header in which a proxy before the server says where a request comes from, such as X-Forwarded-For")
	f.BoolVar(&a.PlainHTTP, "plain-http", false, "--http may be an address that other machines reach: a proxy there speaks TLS")
	f.BoolVar(&a.AdminAnywhere, "admin-anywhere", false, "--admin-http may be an address that other machines reach")
	f.StringVar(&a.PublicURL, "public-url", os.Getenv("FIELDPOST_PUBLIC_URL"), "the address that people's browsers use, such as https://example.org: passkeys and links are for it; kept for later starts")
	c.PreRun = func(c *cobra.Command, _ []string) {
		if a.HTTPS != "" && !c.Flags().Changed("http") {
			a.HTTP = ""
		}
	}
	return a
}

// listeners are open, and serve nobody yet.
type listeners struct {
	wiring.Listeners
	url, adminURL string
}

func (l *listeners) close() {
	for _, open := range []net.Listener{l.Public, l.Admin, l.Redirect} {
		if open != nil {
			open.Close()
		}
	}
}

// listen opens the addresses. What would put reports on the wire in clear, or
// the dashboard before strangers, is refused unless it was asked for by name.
func (a *Addresses) listen() (_ *listeners, err error) {
	l := &listeners{}
	defer func() {
		if err != nil {
			l.close()
		}
	}()
	if err := a.check(l); err != nil {
		return nil, err
	}
	if a.HTTPS != "" {
		if l.Public, err = open(a.HTTPS, "--https :8443"); err != nil {
			return nil, err
		}
		l.url = "https://" + named(a.Domains, l.Public)
		if a.HTTP != "" {
			if l.Redirect, err = open(a.HTTP, "--http :80"); err != nil {
				return nil, err
			}
		}
	} else {
		if l.Public, err = open(a.HTTP, "--http 127.0.0.1:8095"); err != nil {
			return nil, err
		}
		if !local(l.Public) && !a.PlainHTTP {
			return nil, fail(ExitUsage, "other machines reach "+a.HTTP+", and what phones send there would be read by whoever is between",
				"With a name of your own: --https :443 --domain NAME. Behind a proxy that speaks TLS on this machine: --http "+defaultHTTP+". If it is elsewhere, say so: --plain-http")
		}
		l.url = "http://" + l.Public.Addr().String()
	}
	return l, a.openAdmin(l)
}

func (a *Addresses) check(l *listeners) error {
	l.Domains = a.Domains
	switch own := a.CertFile != "" || a.KeyFile != ""; {
	case a.HTTPS == "" && (own || len(a.Domains) > 0):
		return fail(ExitUsage, "a certificate needs an address with TLS", "Add --https :443")
	case a.HTTPS != "" && own == (len(a.Domains) > 0):
		return fail(ExitUsage, "--https takes a certificate by --domain, or by --tls-cert and --tls-key", "fieldpost serve --https :443 --domain NAME")
	case own:
		c := &certificate{cert: a.CertFile, key: a.KeyFile}
		if _, err := c.get(nil); err != nil {
			return fail(ExitUsage, "the certificate can't be used: "+err.Error(), "Give the files of one certificate: --tls-cert FILE --tls-key FILE")
		}
		l.Certificate = c.get
	}
	return nil
}

func (a *Addresses) openAdmin(l *listeners) (err error) {
	switch {
	case a.Admin == noAdmin:
		return nil
	case a.Admin != "":
		l.Admin, err = open(a.Admin, "--admin-http 127.0.0.1:8096")
	default:
		l.Admin, err = openUsual(portOf(a.HTTP) == "0" || portOf(a.HTTPS) == "0")
	}
	if err != nil {
		return err
	}
	if !local(l.Admin) && !a.AdminAnywhere {
		return fail(ExitUsage, "other machines reach "+a.Admin+", and with it the dashboard",
			"Keep it on this machine (--admin-http "+defaultAdmin+") and come to it by ssh -L 8099:"+defaultAdmin+". To open it all the same: --admin-anywhere")
	}
	l.adminURL = "http://" + l.Admin.Addr().String()
	return nil
}

// openUsual opens the usual address for superusers; where something else has
// it, or all is left to the system, any other.
func openUsual(any bool) (net.Listener, error) {
	if !any {
		if l, err := net.Listen("tcp", defaultAdmin); err == nil {
			return l, nil
		}
	}
	return open("127.0.0.1:0", "--admin-http "+defaultAdmin)
}

func open(addr, other string) (net.Listener, error) {
	l, err := net.Listen("tcp", addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fail(ExitNetwork, "the address "+addr+" is taken", "Stop what listens there, or give another one: "+other)
	}
	if err != nil {
		return nil, fail(ExitNetwork, "can't listen on "+addr+": "+err.Error(), "Give an address of this machine: "+other)
	}
	return l, nil
}

// portOf is the port of an address, "" if it has none.
func portOf(addr string) string {
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return ""
	}
	return port
}

// local tells whether only this machine reaches a listener.
func local(l net.Listener) bool {
	tcp, ok := l.Addr().(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}

func named(domains []string, l net.Listener) string {
	port := portOf(l.Addr().String())
	switch {
	case len(domains) == 0:
		return l.Addr().String()
	case port == "443":
		return domains[0]
	}
	return net.JoinHostPort(domains[0], port)
}

// certificate is one's own, read anew when its file has changed: whoever renews
// it need not stop the server.
type certificate struct {
	cert, key string

	mu     sync.Mutex
	looked time.Time
	made   time.Time // the file's time
	now    *tls.Certificate
}

const lookEvery = time.Minute

func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.now != nil && time.Since(c.looked) < lookEvery {
		return c.now, nil
	}
	c.looked = time.Now()
	info, err := os.Stat(c.cert)
	if err == nil && c.now != nil && info.ModTime().Equal(c.made) {
		return c.now, nil
	}
	var read tls.Certificate
	if err == nil {
		read, err = tls.LoadX509KeyPair(c.cert, c.key)
	}
	switch {
	case err == nil:
		c.now, c.made = &read, info.ModTime()
	case c.now == nil:
		return nil, fmt.Errorf("read certificate: %w", err)
	}
	// A half-written file: the one of before is good until it expires.
	return c.now, nil
}
