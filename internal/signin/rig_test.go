package signin_test

import (
	"encoding/base32"
	"net/http"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/fieldpost/fieldpost/internal/access"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
	"github.com/fieldpost/fieldpost/internal/wire"
)

const (
	password = "four brown horses at the gate"
	other    = "nine grey geese on the pond"
)

// desk is an installation with an organization that people sign in to.
type desk struct {
	*rig.Rig
	ngo string
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	d := &desk{Rig: rig.New(t)}
	d.S.SignIn().Cost = bcrypt.MinCost
	d.S.SignIn().PublicURL = "http://localhost:8090"
	d.ngo = d.Organization("Outreach")
	t.Cleanup(func() { d.S.SignIn().Wait() }) // before the rig stops
	return d
}

// answer is what any of the endpoints says.
type answer struct {
	Status                     int
	Code, Message, Hint        string
	Step, Ticket, Token, Known string
	Methods, Recovery          []string
	RecoveryLeft               int
	Secret, URI, Link, Email   string
	QR                         []string
	Session                    struct{ ID, Method, Browser string }
	User                       wire.Person
	Sessions                   []struct{ ID, User string }
	Current                    string
	RetryAfter                 int `json:"-"`
	TOTP                       bool
	Passkeys                   []struct{ ID, Name, Added string }
}

// post asks and fails unless the status is the one that is wanted.
func (d *desk) post(status int, token, path string, body map[string]any) answer {
	d.T.Helper()
	return d.ask(http.MethodPost, status, token, path, body)
}

func (d *desk) ask(method string, status int, token, path string, body map[string]any) answer {
	d.T.Helper()
	var a answer
	var sent any
	if body != nil {
		sent = body
	}
	got := d.Send(method, token, "/api/fieldpost"+path, sent, &a)
	if got != status {
		d.T.Fatalf("%s %s: %d %s (%s), want %d", method, path, got, a.Code, a.Message, status)
	}
	return a
}

// code is the code of a secret, some steps from now.
func (d *desk) code(secret string, steps int64) string {
	d.T.Helper()
	return rig.TOTP(d.T, secret, d.Clock.Now().Add(time.Duration(steps)*30*time.Second))
}

// person is somebody with a sign-in.
type person struct {
	email, secret, token, known string
	recovery                    []string
	id, session                 string
}

// join redeems an invite on the web, with an authenticator app.
func (d *desk) join(role access.Role, email string) *person {
	d.T.Helper()
	step := d.post(200, "", "/signin/setup", map[string]any{"invite": d.Invite(role, d.ngo, 1), "email": email, "password": password})
	rig.Want(d.T, step.Step, "setup")
	return d.app(step.Ticket, email)
}

// app sets up an authenticator app and so ends a set-up.
func (d *desk) app(ticket, email string) *person {
	d.T.Helper()
	totp := d.post(200, "", "/signin/setup/totp", map[string]any{"ticket": ticket})
	in := d.post(200, "", "/signin/setup/totp/confirm", map[string]any{"ticket": ticket, "code": d.code(totp.Secret, 0)})
	d.Clock.Add(time.Minute) // the next code is another one
	return &person{email: email, secret: totp.Secret, token: in.Token, known: in.Known, recovery: in.Recovery, id: in.User.ID, session: in.Session.ID}
}

// first does the step with the password.
func (d *desk) first(p *person) answer {
	d.T.Helper()
	return d.post(200, "", "/signin", map[string]any{"email": p.email, "password": password})
}

// signIn signs somebody in anew.
func (d *desk) signIn(p *person) answer {
	d.T.Helper()
	in := d.post(200, "", "/signin/second", map[string]any{"ticket": d.first(p).Ticket, "code": d.code(p.secret, 0)})
	d.Clock.Add(time.Minute)
	return in
}

// opens tells whether a token opens stock REST.
func (d *desk) opens(token string) bool {
	d.T.Helper()
	var body struct{ Code string }
	status := d.Send(http.MethodGet, token, "/api/collections/organizations/records", nil, &body)
	if status != http.StatusOK && (status != http.StatusUnauthorized || body.Code != "unauthenticated") {
		d.T.Fatalf("%d %s", status, body.Code)
	}
	return status == http.StatusOK
}

func base32Bytes(t *testing.T, secret string) []byte {
	t.Helper()
	raw, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(secret)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}
