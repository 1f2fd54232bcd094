// Package signin is the sign-in of coordinators, admins and partners on the
// web: a password and a second factor, or a passkey. It ends in a session, which
// is listed and ended like any other. Workers and staff have none of it: they
// have devices.
package signin

import (
	"context"
	"encoding/base64"
	"errors"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/go-webauthn/webauthn/webauthn"
	"golang.org/x/crypto/bcrypt"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/devices"
	"github.com/fieldpost/fieldpost/internal/fault"
	"github.com/fieldpost/fieldpost/internal/records"
	"github.com/fieldpost/fieldpost/internal/seal"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// Lifetimes of what lies between two steps, and of a link to set up.
const (
	stepLife     = 5 * time.Minute
	setupLife    = 20 * time.Minute
	ceremonyLife = 3 * time.Minute
	LinkLife     = 24 * time.Hour
)

// Service signs people in.
type Service struct {
	Store   *records.Store
	Devices *devices.Service // for invites
	Key     *seal.Installation
	Now     func() time.Time
	Log     func() *slog.Logger
	// PublicURL is the address that people's browsers use, as
	// https://host[:port]. Passkeys are bound to it; without one there are none.
	PublicURL string
	// Cost is bcrypt's; 0 is DefaultCost. Tests take a small one.
	Cost int

	guard      guard
	steps      shelf // begun by somebody who knew a password, an invite or a link
	ceremonies shelf // begun by anybody
	hashing    chan struct{}
	once       sync.Once
	dummy      []byte
	behind     sync.WaitGroup
}

// DefaultCost of bcrypt: some 200 ms on a small server. What is hashed is an HMAC
// of the password under the installation key, so that a stolen database can't be
// guessed at all without that key.
const DefaultCost = 12

// Limits of what people write, in characters.
const (
	leastPassword = 12
	mostPassword  = 200
	mostEmail     = 200
)

// Step says what comes next. Ticket goes with the next request; it is good for
// some minutes.
type Step struct {
	Step    string   `json:"step"` // second, setup
	Ticket  string   `json:"ticket"`
	Methods []string `json:"methods"` // of second: totp, recovery, passkey; of setup: totp, passkey
	Email   string   `json:"email,omitempty"`
}

// SignedIn is the end of every way in. Recovery are new recovery codes: this
// is the one time that they are shown. Known is for the browser to keep: it tells
// this browser from those of whoever guesses (see guard).
type SignedIn struct {
	Token        string           `json:"token"`
	Session      *records.Session `json:"session"`
	User         wire.Person      `json:"user"`
	Known        string           `json:"known"`
	Recovery     []string         `json:"recovery,omitempty"`
	RecoveryLeft int              `json:"recoveryLeft"`
}

// second waits for a second factor.
type second struct {
	user       string
	generation int64
	method     string
	browser    string // name in the guard of a known browser, "" of another
	link, hash string // of a new password by a link
}

// words of a refusal that says nothing about which part was wrong.
func wrong() *fault.Fault {
	return fault.New(fault.Unauthenticated, "That did not fit.").WithHint("Check the e-mail, the password and the code, and try again.")
}

func over() *fault.Fault {
	return fault.New(fault.ChallengeExpired, "This step took too long, or the server was started again.").WithHint("Begin the sign-in again.")
}

func (s *Service) init() {
	s.once.Do(func() {
		s.hashing = make(chan struct{}, 2)
		if s.Cost == 0 {
			s.Cost = DefaultCost
		}
		s.dummy, _ = bcrypt.GenerateFromPassword([]byte("nobody's password"), s.Cost) // its cost is in range
	})
}

// Wait ends when what runs behind an answer has ended: for tests and the end of
// the server.
func (s *Service) Wait() { s.behind.Wait() }

// attempt is one try at a secret, counted as wrong until it is right.
type attempt struct {
	s       *Service
	name    string // of the account or the browser
	address string
	user    string // for the audit, "" when nobody is known
	what    string
	locks   bool
}

// attempt counts a try. browser is the name of a known browser, "" for any
// other: whoever signed in from a browser before is not locked out of it by
// what others do elsewhere.
func (s *Service) attempt(what, name, browser, from, user string) (*attempt, error) {
	now := s.Now()
	a := &attempt{s: s, name: what + ":" + name, user: user, what: what}
	free := freeTries
	if browser != "" {
		a.name, free = what+":"+browser, freeKnown
	} else {
		a.address = "from:" + s.Key.Name("address", from)
		if wait, _ := s.guard.try(a.address, freeFromAddress, forgetOfAddress, now); wait > 0 {
			return nil, locked(wait)
		}
	}
	wait, locks := s.guard.try(a.name, free, forgetTries, now)
	if wait > 0 {
		if a.address != "" {
			s.guard.back(a.address)
		}
		return nil, locked(wait)
	}
	a.locks = locks
	return a, nil
}

func locked(wait time.Duration) *fault.Fault {
	f := fault.New(fault.SlowDown, "Too many wrong tries.").
		WithHint("Wait until the time is over, or use a passkey or a browser that you have signed in with before. Your coordinator or admin can help.")
	f.RetryAfter = wait.Truncate(time.Second) + time.Second
	return f
}

func (a *attempt) right() {
	a.s.guard.right(a.name)
	if a.address != "" {
		a.s.guard.back(a.address)
	}
}

// wrong notes a lock in the audit. Behind the answer: how long it takes would
// tell whether there is such an account.
func (a *attempt) wrong() {
	if !a.locks || a.user == "" {
		return
	}
	a.s.behind.Go(func() {
		person, err := a.s.Store.Person(a.s.Store.App, a.user)
		if err == nil {
			err = a.s.Store.Audit(records.Audit{Act: records.ActSignInLock, Organization: person.Organization, Collection: "users", Record: a.user,
				Detail: map[string]any{"after": a.what}})
		}
		if err != nil {
			a.s.Log().Error("note a lock", "error", err)
		}
	})
}

// known gives the name in the guard of a browser that this person has signed
// in from before, "" for any other.
func (s *Service) known(text, user string) string {
	raw, ok := s.Key.Verify("sign-in known", text)
	if !ok || user == "" {
		return ""
	}
	of, nonce, ok := strings.Cut(string(raw), "\n")
	if !ok || of != user {
		return ""
	}
	return "known:" + user + ":" + nonce
}

// password is what bcrypt hashes: of one length, and nothing without the key.
func (s *Service) password(text string) []byte {
	return []byte(base64.RawStdEncoding.EncodeToString(s.Key.MAC("sign-in password\n" + text)))
}

// place waits for one of the few places in which a password is hashed.
func (s *Service) place(ctx context.Context) (free func(), err error) {
	s.init()
	timeout := time.NewTimer(10 * time.Second)
	defer timeout.Stop()
	select {
	case s.hashing <- struct{}{}:
		return func() { <-s.hashing }, nil
	case <-timeout.C:
	case <-ctx.Done():
	}
	return nil, fault.New(fault.Busy, "The server is busy.")
}

func (s *Service) hash(ctx context.Context, password string) (string, error) {
	free, err := s.place(ctx)
	if err != nil {
		return "", err
	}
	defer free()
	raw, err := bcrypt.GenerateFromPassword(s.password(password), s.Cost)
	return string(raw), err
}

// fits checks a password; for no account it does the same work.
func (s *Service) fits(ctx context.Context, account *records.Account, password string) (bool, error) {
	free, err := s.place(ctx)
	if err != nil {
		return false, err
	}
	defer free()
	stored, there := s.dummy, account != nil && account.Password != ""
	if there {
		stored = []byte(account.Password)
	}
	err = bcrypt.CompareHashAndPassword(stored, s.password(password))
	return err == nil && there, nil
}

// BeginRequest is the first step with a password.
type BeginRequest struct {
	Email    string `json:"email"`
	Password string `json:"password"`
	Known    string `json:"known"`
}

// Begin checks e-mail and password. from is the address that the request came
// from: it is counted in memory, hashed, and kept nowhere. unauthenticated when
// anything does not fit, slow_down when too much did not.
func (s *Service) Begin(ctx context.Context, req BeginRequest, from string) (*Step, error) {
	if req.Email == "" || len(req.Email) > 4*mostEmail || len(req.Password) > 4*mostPassword {
		return nil, fault.New(fault.BadRequest, "E-mail or password is missing or too long.")
	}
	people := s.Store.ReadPeople()
	account, err := people.AccountByEmail(req.Email)
	if err != nil {
		return nil, err
	}
	user, browser := "", ""
	if account != nil {
		user = account.User
		browser = s.known(req.Known, user)
	}
	try, err := s.attempt("password", s.Key.Name("sign-in try", strings.ToLower(strings.TrimSpace(req.Email))), browser, from, user)
	if err != nil {
		return nil, err
	}
	ok, err := s.fits(ctx, account, req.Password)
	if err != nil {
		return nil, err
	}
	if ok {
		if ok, err = s.maySignIn(user); err != nil {
			return nil, err
		}
	}
	if !ok {
		try.wrong()
		return nil, wrong()
	}
	try.right()
	return s.askSecond(account, second{method: "password", browser: browser})
}

// maySignIn tells whether the person is there and of a role that signs in.
func (s *Service) maySignIn(user string) (bool, error) {
	person, err := s.Store.FindPerson(user)
	return person != nil && records.SignsIn(person.Role), err
}

// askSecond asks for what the account has as a second factor.
func (s *Service) askSecond(account *records.Account, next second) (*Step, error) {
	methods, err := s.methods(account)
	if err != nil {
		return nil, err
	}
	if len(methods) == 0 {
		return nil, fault.New(fault.NotAllowed, "This sign-in has no second factor any more.").WithHint("Ask your admin for a new link to set it up.")
	}
	next.user, next.generation = account.User, account.Generation
	ticket, err := s.steps.put(next, s.Now(), stepLife)
	if err != nil {
		return nil, err
	}
	return &Step{Step: "second", Ticket: ticket, Methods: methods}, nil
}

func (s *Service) methods(account *records.Account) ([]string, error) {
	var methods []string
	people := s.Store.ReadPeople()
	if len(account.TOTP) > 0 {
		methods = append(methods, "totp")
	}
	keys, err := people.Passkeys(account.User)
	if err != nil {
		return nil, err
	}
	if len(keys) > 0 {
		methods = append(methods, "passkey")
	}
	if len(methods) == 0 {
		return nil, nil
	}
	left, err := people.RecoveryLeft(account.User)
	if left > 0 {
		methods = append(methods, "recovery")
	}
	return methods, err
}

// SecondRequest is the second step with a code.
type SecondRequest struct {
	Ticket   string `json:"ticket"`
	Code     string `json:"code"`     // of the authenticator app
	Recovery string `json:"recovery"` // or one of the recovery codes
	Browser  string `json:"-"`        // what the browser calls itself, in a word or two
}

// errWrong rolls a transaction back: what was asked did not fit.
var errWrong = errors.New("did not fit")

// Second checks the second factor and begins the session.
func (s *Service) Second(req SecondRequest, from string) (*SignedIn, error) {
	next, ok := onShelf[second](&s.steps, req.Ticket, s.Now(), false)
	if !ok {
		return nil, over()
	}
	if len(req.Code) > 20 || len(req.Recovery) > 60 || (req.Code == "") == (req.Recovery == "") {
		return nil, fault.New(fault.BadRequest, "One of `code` and `recovery` is needed.")
	}
	try, err := s.attempt("second factor", next.user, next.browser, from, next.user)
	if err != nil {
		return nil, err
	}
	signed, err := s.enter(next, req.Browser, func(tx *records.People, a *records.Account) (bool, error) {
		if req.Recovery != "" {
			return tx.UseRecoveryCode(a.User, normaliseRecovery(req.Recovery))
		}
		step, ok := totpStep(a.TOTP, req.Code, s.Now())
		if !ok || len(a.TOTP) == 0 {
			return false, nil
		}
		return tx.TakeStep(a.User, step)
	})
	if errors.Is(err, errWrong) {
		try.wrong()
		return nil, wrong()
	}
	if err != nil {
		return nil, err
	}
	try.right()
	s.steps.drop(req.Ticket)
	return signed, nil
}

// enter begins a session for who has passed the first step, when the second
// passes too. It is one transaction: a code is used up with the session that it
// opened, or not at all.
func (s *Service) enter(next second, browser string, passes func(tx *records.People, a *records.Account) (bool, error)) (*SignedIn, error) {
	var signed *SignedIn
	err := s.Store.TransactPeople(func(tx *records.People) error {
		account, err := tx.AccountOf(next.user)
		if err != nil {
			return err
		}
		if account == nil || account.Generation != next.generation {
			return over()
		}
		ok, err := passes(tx, account)
		if err != nil {
			return err
		}
		if !ok {
			return errWrong
		}
		if next.hash != "" {
			if ok, err = tx.UseLink(next.link); err != nil {
				return err
			} else if !ok {
				return over()
			}
			// As the transaction has it by now: a code has moved its step.
			if account, err = tx.AccountOf(next.user); err != nil {
				return err
			}
			account.Password = next.hash
			if err := tx.SaveAccount(account); err != nil {
				return err
			}
			if _, err := tx.EndSessions(next.user); err != nil {
				return err
			}
		}
		signed, err = s.begin(tx, next.user, next.method, browser)
		return err
	})
	return signed, err
}

// begin makes the session.
func (s *Service) begin(tx *records.People, user, method, browser string) (*SignedIn, error) {
	person, err := tx.Person(user)
	if err != nil {
		return nil, err
	}
	if !records.SignsIn(person.Role) {
		return nil, fault.New(fault.NotAllowed, "This role has no sign-in on the web.")
	}
	token, session, err := tx.BeginSession(user, method, browser)
	if err != nil {
		return nil, err
	}
	left, err := tx.RecoveryLeft(user)
	if err != nil {
		return nil, err
	}
	nonce, err := newCode(8)
	if err != nil {
		return nil, err
	}
	return &SignedIn{Token: token, Session: &session, User: personOf(person), RecoveryLeft: left,
		Known: s.Key.Sign("sign-in known", []byte(user+"\n"+nonce))}, nil
}

func personOf(p *access.Person) wire.Person {
	w := wire.Person{ID: p.ID, Role: string(p.Role), Organization: p.Organization, Sites: p.Sites, Locale: p.Locale}
	if w.Sites == nil {
		w.Sites = []string{}
	}
	return w
}

// External goes on after a provider of OAuth2 has said who somebody is. It
// stands for the password and for no more: what second factor a provider asks
// for, if any, is not known here.
func (s *Service) External(user string) (*Step, error) {
	ok, err := s.maySignIn(user)
	if err != nil {
		return nil, err
	}
	account, err := s.Store.ReadPeople().AccountOf(user)
	if err != nil {
		return nil, err
	}
	if !ok || account == nil {
		return nil, wrong()
	}
	return s.askSecond(account, second{method: "oauth2"})
}

// issuer is how an authenticator app names this server: by its host.
func (s *Service) issuer() string {
	if u, err := url.Parse(s.PublicURL); err == nil && u.Hostname() != "" {
		return u.Hostname()
	}
	return "localhost"
}

// relying gives the WebAuthn side of this server; an error with words when
// there are no passkeys here.
func (s *Service) relying() (*webauthn.WebAuthn, error) { return relyingParty(s.PublicURL) }
