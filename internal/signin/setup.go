package signin

import (
	"context"
	"crypto/rand"
	"errors"
	"net/mail"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/card"
	"github.com/fieldpost/fieldpost/internal/fault"
	"github.com/fieldpost/fieldpost/internal/records"
)

// setup is what somebody may set up: for a person to be made by an invite, for
// one with a link, or for one who is signed in and has said the password again.
// Nothing is stored before the second factor has proved that it works, so there
// is no account with a password alone.
type setup struct {
	mu         sync.Mutex
	user       string // "" for one to be made
	generation int64
	invite     string
	link       string
	email      string
	hash       string
	handle     []byte
	session    string // of who is signed in, "" of others
	secret     []byte
	ceremony   *webauthn.SessionData
}

// SetUpRequest begins a sign-in by an invite or by a link.
type SetUpRequest struct {
	Invite   string `json:"invite"`
	Link     string `json:"link"`
	Email    string `json:"email"`
	Password string `json:"password"`
}

// recoveryCodes is how many a person gets, and the alphabet of all codes here:
// no characters that look alike.
const (
	recoveryCodes = 10
	codeAlphabet  = "23456789abcdefghjkmnpqrstuvwxyz"
)

// newCode makes a random text of n characters, 4.95 bits each. Bytes that would
// make some characters likelier are thrown away.
func newCode(n int) (string, error) {
	out := make([]byte, 0, n)
	for raw := make([]byte, 2*n); ; {
		if _, err := rand.Read(raw); err != nil {
			return "", err
		}
		for _, b := range raw {
			if int(b) < 256-256%len(codeAlphabet) {
				out = append(out, codeAlphabet[int(b)%len(codeAlphabet)])
			}
			if len(out) == n {
				return string(out), nil
			}
		}
	}
}

func newRecoveryCodes() ([]string, error) {
	codes := make([]string, recoveryCodes)
	for i := range codes {
		c, err := newCode(12)
		if err != nil {
			return nil, err
		}
		codes[i] = c[:4] + "-" + c[4:8] + "-" + c[8:]
	}
	return codes, nil
}

func normaliseRecovery(code string) string {
	c := strings.ToLower(strings.NewReplacer("-", "", " ", "").Replace(code))
	if len(c) != 12 {
		return c
	}
	return c[:4] + "-" + c[4:8] + "-" + c[8:]
}

// checkPassword says what is wrong with a new password; nil when nothing is.
func checkPassword(password, email string) error {
	n := utf8.RuneCountInString(password)
	distinct := map[rune]bool{}
	for _, r := range password {
		distinct[r] = true
	}
	switch {
	case n < leastPassword:
		return fault.Newf(fault.BadRequest, "The password has fewer than %d characters.", leastPassword).WithHint("Take a sentence that only you know: four words or more.")
	case n > mostPassword:
		return fault.Newf(fault.BadRequest, "The password has more than %d characters.", mostPassword).WithHint("Take a shorter one.")
	case len(distinct) < 5 || strings.EqualFold(password, email):
		return fault.New(fault.BadRequest, "The password is too easy to guess.").WithHint("Take a sentence that only you know: four words or more.")
	}
	return nil
}

func checkEmail(email string) (string, error) {
	email = strings.TrimSpace(email)
	a, err := mail.ParseAddress(email)
	if err != nil || a.Address != email || utf8.RuneCountInString(email) > mostEmail {
		return "", fault.New(fault.BadRequest, "The e-mail is not an address.").WithHint("Write it as name@example.org.")
	}
	return email, nil
}

// SetUp begins with an invite or a link. A link to an account that has a second
// factor changes its password only, and that factor is asked for.
func (s *Service) SetUp(ctx context.Context, req SetUpRequest, from string) (*Step, error) {
	if (req.Invite == "") == (req.Link == "") || len(req.Invite)+len(req.Link) > 100 {
		return nil, fault.New(fault.BadRequest, "One of `invite` and `link` is needed.")
	}
	people := s.Store.ReadPeople()
	next := &setup{invite: req.Invite, link: req.Link}
	var account *records.Account
	var err error
	if req.Link != "" {
		if next.user, err = s.linked(people, req.Link, from); err != nil {
			return nil, err
		}
		if account, err = people.AccountOf(next.user); err != nil {
			return nil, err
		}
	} else {
		look, err := s.Devices.Look(req.Invite, from, "")
		if err == nil {
			err = forWeb(access.Role(look.Role))
		}
		if err != nil {
			return nil, err
		}
	}
	if account != nil {
		next.email, next.handle, next.generation = account.Email, account.Handle, account.Generation
	} else if err := s.newAccount(people, next, req.Email); err != nil {
		return nil, err
	}
	if err := checkPassword(req.Password, next.email); err != nil {
		return nil, err
	}
	if next.hash, err = s.hash(ctx, req.Password); err != nil {
		return nil, err
	}
	if account != nil {
		if methods, err := s.methods(account); err != nil {
			return nil, err
		} else if len(methods) > 0 {
			return s.askSecond(account, second{method: "password", link: req.Link, hash: next.hash})
		}
	}
	return s.shelve(next)
}

// linked gives whom a link is for. Wrong ones count, under their address.
func (s *Service) linked(people *records.People, link, from string) (user string, err error) {
	try, err := s.attempt("link", s.Key.Name("address", from), "", from, "")
	if err != nil {
		return "", err
	}
	if user, err = people.Link(link); err != nil {
		return "", err
	}
	if user == "" {
		return "", fault.New(fault.InviteInvalid, "The link is not known, or its time is over.").WithHint("Ask for a new link.")
	}
	try.right()
	return user, nil
}

func (s *Service) newAccount(people *records.People, next *setup, email string) error {
	var err error
	if next.email, err = checkEmail(email); err != nil {
		return err
	}
	other, err := people.AccountByEmail(next.email)
	if err != nil {
		return err
	}
	if other != nil {
		return fault.New(fault.BadRequest, "That e-mail can't be used here.").WithHint("Take another e-mail, or sign in with this one.")
	}
	next.handle = make([]byte, 32)
	_, err = rand.Read(next.handle)
	return err
}

// forWeb tells whether a role that an invite gives signs in on the web.
func forWeb(role access.Role) error {
	if !records.SignsIn(role) {
		return fault.New(fault.NotAllowed, "This invite is for a phone.").WithHint("Open it in the app, on the phone.")
	}
	return nil
}

func (s *Service) shelve(next *setup) (*Step, error) {
	ticket, err := s.steps.put(next, s.Now(), setupLife)
	if err != nil {
		return nil, err
	}
	methods := []string{"totp"}
	if _, err := s.relying(); err == nil {
		methods = append(methods, "passkey")
	}
	return &Step{Step: "setup", Ticket: ticket, Methods: methods, Email: next.email}, nil
}

// Change lets one who is signed in change the second factors and the password,
// once the password was said again: a session that somebody else got hold of is
// not enough to stay.
func (s *Service) Change(ctx context.Context, session, user, password, from string) (*Step, error) {
	account, err := s.Store.ReadPeople().AccountOf(user)
	if err != nil {
		return nil, err
	}
	if account == nil || len(password) > 4*mostPassword {
		return nil, wrong()
	}
	try, err := s.attempt("change", user, "session:"+session, from, user)
	if err != nil {
		return nil, err
	}
	ok, err := s.fits(ctx, account, password)
	if err != nil {
		return nil, err
	}
	if !ok {
		try.wrong()
		return nil, wrong()
	}
	try.right()
	return s.shelve(&setup{user: user, generation: account.Generation, email: account.Email, handle: account.Handle, session: session})
}

// TOTP is what an authenticator app takes over: by eye, or from a picture of
// the URI. QR is that picture as rows of 0 and 1, 1 for dark, without a margin.
type TOTP struct {
	Secret string   `json:"secret"`
	URI    string   `json:"uri"`
	QR     []string `json:"qr"`
}

func (s *Service) shelved(ticket string) (*setup, error) {
	next, ok := onShelf[*setup](&s.steps, ticket, s.Now(), false)
	if !ok {
		return nil, over()
	}
	return next, nil
}

// BeginTOTP makes a new secret. It counts once ConfirmTOTP has seen a code.
func (s *Service) BeginTOTP(ticket string) (*TOTP, error) {
	next, err := s.shelved(ticket)
	if err != nil {
		return nil, err
	}
	next.mu.Lock()
	defer next.mu.Unlock()
	if next.secret, err = newSecret(); err != nil {
		return nil, err
	}
	out := &TOTP{Secret: base32Plain.EncodeToString(next.secret), URI: totpURI(next.secret, s.issuer(), next.email)}
	code, err := card.Encode(out.URI)
	if err != nil {
		return nil, err
	}
	for _, row := range code {
		line := make([]byte, len(row))
		for i, dark := range row {
			line[i] = '0'
			if dark {
				line[i] = '1'
			}
		}
		out.QR = append(out.QR, string(line))
	}
	return out, nil
}

// ConfirmTOTP stores the secret when a code of it fits. Without a session it
// begins one; with one, Token of the answer is "".
func (s *Service) ConfirmTOTP(ticket, code, browser string) (*SignedIn, error) {
	next, err := s.shelved(ticket)
	if err != nil {
		return nil, err
	}
	next.mu.Lock()
	defer next.mu.Unlock()
	step, ok := totpStep(next.secret, code, s.Now())
	if len(next.secret) == 0 || !ok {
		return nil, fault.New(fault.Unauthenticated, "The code does not fit.").WithHint("Check that the phone's time is right, and write the code that the app shows now.")
	}
	return s.finish(next, ticket, browser, "password", true, func(_ *records.People, a *records.Account) error {
		a.TOTP, a.Step = next.secret, step
		return nil
	})
}

// SetPassword gives one who is signed in another password. All other sessions
// end.
func (s *Service) SetPassword(ctx context.Context, ticket, password string) (*SignedIn, error) {
	next, err := s.shelved(ticket)
	if err != nil {
		return nil, err
	}
	next.mu.Lock()
	defer next.mu.Unlock()
	if next.session == "" {
		return nil, over()
	}
	if err := checkPassword(password, next.email); err != nil {
		return nil, err
	}
	hash, err := s.hash(ctx, password)
	if err != nil {
		return nil, err
	}
	return s.finish(next, ticket, "", "", false, func(tx *records.People, a *records.Account) error {
		a.Password = hash
		return s.endOthers(tx, a.User, next.session)
	})
}

func (s *Service) endOthers(tx *records.People, user, session string) error {
	all, err := tx.Sessions(user)
	if err != nil {
		return err
	}
	for _, other := range all {
		if other.ID == session {
			continue
		}
		if _, err := tx.EndSession(other.ID, user, false); err != nil {
			return err
		}
	}
	return nil
}

// NewRecovery gives one who is signed in new recovery codes; the former ones
// go.
func (s *Service) NewRecovery(ticket string) (*SignedIn, error) {
	next, err := s.shelved(ticket)
	if err != nil {
		return nil, err
	}
	next.mu.Lock()
	defer next.mu.Unlock()
	if next.session == "" {
		return nil, over()
	}
	return s.finish(next, ticket, "", "", true, func(*records.People, *records.Account) error { return nil })
}

var errLastFactor = errors.New("last factor")

// RemovePasskey takes a passkey of one who is signed in away, but not the last
// second factor.
func (s *Service) RemovePasskey(ticket, id string) (*SignedIn, error) {
	next, err := s.shelved(ticket)
	if err != nil {
		return nil, err
	}
	next.mu.Lock()
	defer next.mu.Unlock()
	if next.session == "" || id == "" {
		return nil, over()
	}
	signed, err := s.finish(next, ticket, "", "", false, func(tx *records.People, a *records.Account) error {
		if _, err := tx.RemovePasskeys(a.User, id); err != nil {
			return err
		}
		left, err := tx.Passkeys(a.User)
		if err == nil && len(left) == 0 && len(a.TOTP) == 0 {
			return errLastFactor
		}
		return err
	})
	if errors.Is(err, errLastFactor) {
		return nil, fault.New(fault.NotAllowed, "That is the last second factor.").WithHint("Set up an authenticator app or another passkey first.")
	}
	return signed, err
}
