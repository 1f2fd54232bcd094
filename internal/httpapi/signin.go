package httpapi

import (
	"encoding/json"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/pocketbase/pocketbase/core"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/fault"
	"github.com/fieldpost/fieldpost/internal/records"
	"github.com/fieldpost/fieldpost/internal/signin"
)

// done is the answer of what has nothing to tell.
type done struct {
	Done bool `json:"done"`
}

// BeginSignIn is POST /api/fieldpost/signin.
func (a *API) BeginSignIn(e *core.RequestEvent) (*signin.Step, error) {
	var req signin.BeginRequest
	if err := a.decode(e, &req); err != nil {
		return nil, err
	}
	return a.SignIn.Begin(e.Request.Context(), req, e.RealIP())
}

// SecondFactor is POST /api/fieldpost/signin/second.
func (a *API) SecondFactor(e *core.RequestEvent) (*signin.SignedIn, error) {
	var req signin.SecondRequest
	if err := a.decode(e, &req); err != nil {
		return nil, err
	}
	req.Browser = browserOf(e.Request)
	return a.replaced(e)(a.SignIn.Second(req, e.RealIP()))
}

// replaced ends the streams of sessions that a sign-in has ended.
func (a *API) replaced(e *core.RequestEvent) func(*signin.SignedIn, error) (*signin.SignedIn, error) {
	return func(s *signin.SignedIn, err error) (*signin.SignedIn, error) {
		if err == nil {
			a.DisconnectEnded(e.App)
		}
		return s, err
	}
}

// AskPasskey is POST /api/fieldpost/signin/passkey.
func (a *API) AskPasskey(*core.RequestEvent) (*signin.Ceremony, error) { return a.SignIn.AskPasskey() }

// WithPasskey is POST /api/fieldpost/signin/passkey/confirm.
func (a *API) WithPasskey(e *core.RequestEvent) (*signin.SignedIn, error) {
	var req signin.PasskeyRequest
	if err := a.decode(e, &req); err != nil {
		return nil, err
	}
	req.Browser = browserOf(e.Request)
	return a.replaced(e)(a.SignIn.WithPasskey(req, e.RealIP()))
}

// SetUp is POST /api/fieldpost/signin/setup.
func (a *API) SetUp(e *core.RequestEvent) (*signin.Step, error) {
	var req signin.SetUpRequest
	if err := a.decode(e, &req); err != nil {
		return nil, err
	}
	return a.SignIn.SetUp(e.Request.Context(), req, e.RealIP())
}

// setupRequest is what every step of a set-up sends.
type setupRequest struct {
	Ticket     string          `json:"ticket"`
	Code       string          `json:"code"`
	Password   string          `json:"password"`
	Passkey    string          `json:"passkey"`
	Credential json.RawMessage `json:"credential"`
	Name       string          `json:"name"`
}

func (a *API) setup(e *core.RequestEvent) (req setupRequest, err error) {
	if err = a.decode(e, &req); err == nil && req.Ticket == "" {
		err = fault.New(fault.BadRequest, "`ticket` is missing.")
	}
	return req, err
}

// SetUpTOTP is POST /api/fieldpost/signin/setup/totp.
func (a *API) SetUpTOTP(e *core.RequestEvent) (*signin.TOTP, error) {
	req, err := a.setup(e)
	if err != nil {
		return nil, err
	}
	return a.SignIn.BeginTOTP(req.Ticket)
}

// ConfirmTOTP is POST /api/fieldpost/signin/setup/totp/confirm.
func (a *API) ConfirmTOTP(e *core.RequestEvent) (*signin.SignedIn, error) {
	req, err := a.setup(e)
	if err != nil {
		return nil, err
	}
	return a.replaced(e)(a.SignIn.ConfirmTOTP(req.Ticket, req.Code, browserOf(e.Request)))
}

// SetUpPasskey is POST /api/fieldpost/signin/setup/passkey.
func (a *API) SetUpPasskey(e *core.RequestEvent) (*protocol.CredentialCreation, error) {
	req, err := a.setup(e)
	if err != nil {
		return nil, err
	}
	return a.SignIn.BeginPasskey(req.Ticket)
}

// ConfirmPasskey is POST /api/fieldpost/signin/setup/passkey/confirm.
func (a *API) ConfirmPasskey(e *core.RequestEvent) (*signin.SignedIn, error) {
	req, err := a.setup(e)
	if err != nil {
		return nil, err
	}
	return a.replaced(e)(a.SignIn.ConfirmPasskey(req.Ticket, req.Credential, req.Name, browserOf(e.Request)))
}

// RemovePasskey is POST /api/fieldpost/signin/setup/passkey/remove.
func (a *API) RemovePasskey(e *core.RequestEvent) (*signin.SignedIn, error) {
	req, err := a.setup(e)
	if err != nil {
		return nil, err
	}
	return a.SignIn.RemovePasskey(req.Ticket, req.Passkey)
}

// NewRecovery is POST /api/fieldpost/signin/setup/recovery.
func (a *API) NewRecovery(e *core.RequestEvent) (*signin.SignedIn, error) {
	req, err := a.setup(e)
	if err != nil {
		return nil, err
	}
	return a.SignIn.NewRecovery(req.Ticket)
}

// SetPassword is POST /api/fieldpost/signin/setup/password.
func (a *API) SetPassword(e *core.RequestEvent) (*signin.SignedIn, error) {
	req, err := a.setup(e)
	if err != nil {
		return nil, err
	}
	return a.replaced(e)(a.SignIn.SetPassword(e.Request.Context(), req.Ticket, req.Password))
}

// ChangeSignIn is POST /api/fieldpost/signin/change.
func (a *API) ChangeSignIn(e *core.RequestEvent) (*signin.Step, error) {
	session, user, err := a.signedIn(e)
	if err != nil {
		return nil, err
	}
	var req struct {
		Password string `json:"password"`
	}
	if err := a.decode(e, &req); err != nil {
		return nil, err
	}
	return a.SignIn.Change(e.Request.Context(), session, user, req.Password, e.RealIP())
}

// SignInAccount is GET /api/fieldpost/signin/account.
func (a *API) SignInAccount(e *core.RequestEvent) (*signin.Overview, error) {
	session, user, err := a.signedIn(e)
	if err != nil {
		return nil, err
	}
	return a.SignIn.Overview(user, session)
}

// Sessions is GET /api/fieldpost/sessions: one's own; of everybody, or of one
// person, for admins (`user=` an id, or `all`).
func (a *API) Sessions(e *core.RequestEvent) (map[string]any, error) {
	session, user, err := a.signedIn(e)
	if err != nil {
		return nil, err
	}
	if of := e.Request.URL.Query().Get("user"); of != "" && of != user {
		if access.Role(e.Auth.GetString("role")) != access.Admin {
			return nil, fault.New(fault.NotAllowed, "Sessions of others are for admins.")
		}
		if user = of; of == "all" {
			user = ""
		}
	}
	all, err := a.Store.Sessions(user)
	if err != nil {
		return nil, err
	}
	return map[string]any{"sessions": all, "current": session}, nil
}

// EndSession is DELETE /api/fieldpost/sessions/{id}: one's own, and any for
// admins. `current` is the one of the request. Another one's devices, those that
// were enrolled from it, are signed out with it.
func (a *API) EndSession(e *core.RequestEvent) (*done, error) {
	session, user, err := a.signedIn(e)
	if err != nil {
		return nil, err
	}
	if access.Role(e.Auth.GetString("role")) == access.Admin {
		user = ""
	}
	id := e.Request.PathValue("id")
	if id == "current" {
		id = session
	}
	err = a.Store.TransactPeople(func(tx *records.People) error {
		ended, err := a.SignIn.End(tx, id, user, e.Auth.Id, id != session)
		if err == nil && !ended {
			err = fault.New(fault.NotFound, "There is no such session.").WithHint("It may have ended by itself.")
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	a.DisconnectEnded(e.App)
	return &done{true}, nil
}

// SignInLink is POST /api/fieldpost/signin/link: an admin makes a one-time link
// for a person; whoever has a device and no sign-in yet makes one for
// themselves.
func (a *API) SignInLink(e *core.RequestEvent) (map[string]string, error) {
	if e.Auth == nil || e.Auth.IsSuperuser() {
		return nil, a.notSignedIn(e)
	}
	var req struct {
		User string `json:"user"`
	}
	if err := a.decode(e, &req); err != nil {
		return nil, err
	}
	own := req.User == "" || req.User == e.Auth.Id
	if own {
		req.User = e.Auth.Id
	}
	if !own && (a.session(e) == "" || access.Role(e.Auth.GetString("role")) != access.Admin) {
		return nil, fault.New(fault.NotAllowed, "Links for others are for admins who are signed in.")
	}
	link, until, err := a.SignIn.Link(req.User, e.Auth.Id)
	if err != nil {
		return nil, err
	}
	return map[string]string{"link": link, "expires": until}, nil
}

// External is what PocketBase's OAuth2 becomes: a first step for an account
// that was linked beforehand, while its person was signed in here; never a new
// account, never a match by e-mail, and never a token of PocketBase's own.
func (a *API) External(e *core.RecordAuthWithOAuth2RequestEvent) error {
	answer, err := func() (any, error) {
		user, err := a.Store.Linked(e.ProviderName, e.OAuth2User.Id)
		if err != nil {
			return nil, err
		}
		if e.Auth == nil {
			if user == "" {
				return nil, fault.New(fault.NotAllowed, "That account is not linked to anybody here.").
					WithHint("Sign in with e-mail and password, and link it then.")
			}
			return a.SignIn.External(user)
		}
		_, own, err := a.signedIn(e.RequestEvent)
		if err != nil {
			return nil, err
		}
		if user != "" && user != own {
			return nil, fault.New(fault.NotAllowed, "That account is linked to somebody else here.")
		}
		if user == "" {
			err = a.Store.Link(own, e.ProviderName, e.OAuth2User.Id)
		}
		return &done{true}, err
	}()
	if err != nil {
		return Fail(e.RequestEvent, err)
	}
	return send(e.RequestEvent, 200, answer)
}

// NotThisWay answers at a stock way in: people come in by ours alone.
func NotThisWay(e *core.RequestEvent) error {
	return Fail(e, fault.New(fault.NotAllowed, "People do not come in this way.").
		WithHint("Devices enrol with an invite; coordinators and admins sign in at /signin."))
}

// OnlyOurTokens stands where PocketBase gives a token of users out, whatever
// led there: a token that is neither a device's nor a session's is not given.
func (a *API) OnlyOurTokens(e *core.RecordAuthRequestEvent) error {
	if device, _ := records.ReadClaims(e.Token, a.Store.Now()); device == "" && a.Store.SessionOf(e.Token) == "" {
		return NotThisWay(e.RequestEvent)
	}
	return e.Next()
}
