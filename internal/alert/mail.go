// Package alert wakes people: it looks for emergencies that nobody has opened,
// and mails the on-call lists without a word of what was reported (R23). It is
// the only room that sends mail, and only where the operator set it up.
package alert

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"net/smtp"
	"net/url"
	"strings"
	"time"
)

// Mail is the mail server that takes our alerts. The zero value is none.
type Mail struct {
	Host, Port string
	User, Pass string
	From       string // the bare address that alerts come from
	// Implicit is TLS from the first byte (smtps); otherwise STARTTLS is asked
	// for, and required of every host but this machine.
	Implicit bool
}

// sendTimeout is how long one mail may take: a mail server that hangs must not
// keep another organization waiting.
const sendTimeout = 10 * time.Second

// ParseMail reads a mail server's address, as
// smtps://user:password@mail.example.org:465?from=alerts@example.org, or smtp://
// with STARTTLS. "" is none. The error never holds the password.
func ParseMail(text string) (*Mail, error) {
	if text == "" {
		return nil, nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "smtp" && u.Scheme != "smtps" || u.Hostname() == "" || strings.Trim(u.Path, "/") != "" {
		return nil, errors.New("it is not like smtps://user:password@mail.example.org:465?from=alerts@example.org")
	}
	m := &Mail{Host: u.Hostname(), Port: u.Port(), From: u.Query().Get("from"), Implicit: u.Scheme == "smtps"}
	if m.Port == "" {
		m.Port = map[bool]string{true: "465", false: "587"}[m.Implicit]
	}
	if u.User != nil {
		m.User = u.User.Username()
		m.Pass, _ = u.User.Password()
	}
	if a, err := mail.ParseAddress(m.From); err != nil || a.Address != m.From {
		return nil, errors.New("its from= is no address such as alerts@example.org")
	}
	return m, nil
}

// Loopback tells whether the mail server is on this machine.
func (m *Mail) Loopback() bool {
	ip := net.ParseIP(m.Host)
	return m.Host == "localhost" || ip != nil && ip.IsLoopback()
}

// text is the whole of an alert. It has no place for anything of a report: who
// reads over a shoulder, at the mail server or in a stolen mailbox learns that
// somebody uses this server, and no more.
func text(from, board, id string, at time.Time) string {
	lines := []string{
		"From: <" + from + ">",
		"To: undisclosed-recipients:;",
		"Subject: Fieldpost",
		"Date: " + at.UTC().Format(time.RFC1123Z),
		"Message-ID: <" + id + "@fieldpost>",
		"Auto-Submitted: auto-generated",
		"MIME-Version: 1.0",
		"Content-Type: text/plain; charset=utf-8",
		"Content-Transfer-Encoding: 8bit",
		"",
		"An item waits on the board.",
		"Hay algo que espera en el tablero.",
		"",
		board,
		"",
	}
	return strings.Join(lines, "\r\n")
}

// idOf names a mail by what it is about, without telling it: the same alert,
// sent again because nobody knows whether it arrived, is known for the same by
// the programs that read it.
func idOf(list string, triages []string) string {
	sum := sha256.Sum256([]byte(list + "\n" + strings.Join(triages, "\n")))
	return hex.EncodeToString(sum[:16])
}

// Send hands one alert to the mail server and gives how many addresses it took.
// An address that it refuses keeps nobody else from the alert; the error is of
// the whole, and names no address.
func (m *Mail) Send(ctx context.Context, to []string, message string) (taken int, err error) {
	// What is begun is ended, also while the server stops: of a mail that broke
	// off in the middle nobody knows whether it was sent.
	ctx, end := context.WithTimeout(context.WithoutCancel(ctx), sendTimeout)
	defer end()
	c, err := m.dial(ctx)
	if err != nil {
		return 0, fmt.Errorf("send alert: reach the mail server: %w", err)
	}
	defer c.Close()
	if m.User != "" {
		if err := c.Auth(smtp.PlainAuth("", m.User, m.Pass, m.Host)); err != nil {
			return 0, errors.New("send alert: the mail server does not take our name and password")
		}
	}
	if err := c.Mail(m.From); err != nil {
		return 0, errors.New("send alert: the mail server does not take our sender")
	}
	for _, a := range to {
		if c.Rcpt(a) == nil {
			taken++
		}
	}
	if taken == 0 {
		return 0, errors.New("send alert: the mail server takes none of the addresses")
	}
	w, err := c.Data()
	if err == nil {
		if _, err = w.Write([]byte(message)); err == nil {
			err = w.Close()
		}
	}
	if err != nil {
		return 0, fmt.Errorf("send alert: %w", err)
	}
	_ = c.Quit() // it has the mail: what comes after changes nothing
	return taken, nil
}

func (m *Mail) dial(ctx context.Context) (*smtp.Client, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", net.JoinHostPort(m.Host, m.Port))
	if err != nil {
		return nil, err
	}
	// The timeout ends whatever is waited for.
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	fail := func(err error) (*smtp.Client, error) {
		stop()
		return nil, errors.Join(err, conn.Close())
	}
	secure := &tls.Config{ServerName: m.Host, MinVersion: tls.VersionTLS12}
	if m.Implicit {
		conn = tls.Client(conn, secure)
	}
	c, err := smtp.NewClient(conn, m.Host)
	if err != nil {
		return fail(err)
	}
	if m.Implicit {
		return c, nil
	}
	if ok, _ := c.Extension("STARTTLS"); ok {
		if err := c.StartTLS(secure); err != nil {
			return fail(err)
		}
	} else if !m.Loopback() {
		return fail(errors.New("it offers no TLS"))
	}
	return c, nil
}
