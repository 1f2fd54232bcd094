package signin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/fieldpost/fieldpost/internal/fault"
	"github.com/fieldpost/fieldpost/internal/records"
)

// errNoPasskeys: browsers bind passkeys to a name of a secure origin.
var errNoPasskeys = fault.New(fault.NotAllowed, "There are no passkeys at this address.").
	WithHint("Serve this under a name with https, and start the server with --public-url https://NAME. An authenticator app works everywhere.")

// relyingParty reads the public address. Passkeys need a name, not a number, and
// https unless that name is localhost.
func relyingParty(public string) (*webauthn.WebAuthn, error) {
	u, err := url.Parse(public)
	if err != nil || u.Hostname() == "" || net.ParseIP(u.Hostname()) != nil || u.Scheme != "https" && !(u.Scheme == "http" && u.Hostname() == "localhost") {
		return nil, errNoPasskeys
	}
	w, err := webauthn.New(&webauthn.Config{
		RPID: u.Hostname(), RPDisplayName: u.Hostname(), RPOrigins: []string{u.Scheme + "://" + u.Host},
		AttestationPreference: protocol.PreferNoAttestation,
		AuthenticatorSelection: protocol.AuthenticatorSelection{ResidentKey: protocol.ResidentKeyRequirementRequired,
			RequireResidentKey: protocol.ResidentKeyRequired(), UserVerification: protocol.VerificationRequired},
	})
	if err != nil {
		return nil, fmt.Errorf("passkeys at %s: %w", public, err)
	}
	return w, nil
}

// holder is a person as the WebAuthn library sees one.
type holder struct {
	user, email string
	handle      []byte
	keys        []webauthn.Credential
}

func (h *holder) WebAuthnID() []byte                         { return h.handle }
func (h *holder) WebAuthnName() string                       { return h.email }
func (h *holder) WebAuthnDisplayName() string                { return h.email }
func (h *holder) WebAuthnCredentials() []webauthn.Credential { return h.keys }

func (s *Service) holder(tx *records.People, user, email string, handle []byte) (*holder, error) {
	h := &holder{user: user, email: email, handle: handle}
	if user == "" {
		return h, nil
	}
	keys, err := tx.Passkeys(user)
	if err != nil {
		return nil, err
	}
	for _, k := range keys {
		var c webauthn.Credential
		if err := json.Unmarshal(k.Credential, &c); err != nil {
			return nil, fmt.Errorf("read passkey: %w", err)
		}
		h.keys = append(h.keys, c)
	}
	return h, nil
}

// BeginPasskey begins the set-up of a passkey: what the browser's
// navigator.credentials.create takes.
func (s *Service) BeginPasskey(ticket string) (*protocol.CredentialCreation, error) {
	next, err := s.shelved(ticket)
	if err != nil {
		return nil, err
	}
	party, err := s.relying()
	if err != nil {
		return nil, err
	}
	next.mu.Lock()
	defer next.mu.Unlock()
	who, err := s.holder(s.Store.ReadPeople(), next.user, next.email, next.handle)
	if err != nil {
		return nil, err
	}
	var have []protocol.CredentialDescriptor
	for _, k := range who.keys {
		have = append(have, k.Descriptor())
	}
	options, ceremony, err := party.BeginRegistration(who, webauthn.WithExclusions(have), webauthn.WithCredentialParameters(webauthn.CredentialParametersRecommendedL3()))
	if err != nil {
		return nil, fmt.Errorf("begin passkey: %w", err)
	}
	next.ceremony = ceremony
	return options, nil
}

// ConfirmPasskey stores a passkey. name is the person's own for it.
func (s *Service) ConfirmPasskey(ticket string, credential []byte, name, browser string) (*SignedIn, error) {
	next, err := s.shelved(ticket)
	if err != nil {
		return nil, err
	}
	party, err := s.relying()
	if err != nil {
		return nil, err
	}
	next.mu.Lock()
	defer next.mu.Unlock()
	if next.ceremony == nil {
		return nil, over()
	}
	ceremony := *next.ceremony
	next.ceremony = nil // a challenge is answered once
	parsed, err := protocol.ParseCredentialCreationResponseBytes(credential)
	if err != nil {
		return nil, notAPasskey(err)
	}
	made, err := party.CreateCredential(&holder{user: next.user, email: next.email, handle: next.handle}, ceremony, parsed)
	if err != nil {
		return nil, notAPasskey(err)
	}
	made.Attestation = webauthn.CredentialAttestation{} // nothing of it is used, and it names the device's make
	raw, err := json.Marshal(made)
	if err != nil {
		return nil, fmt.Errorf("store passkey: %w", err)
	}
	if strings.TrimSpace(name) == "" {
		name = browser
	}
	return s.finish(next, ticket, browser, "passkey", false, func(tx *records.People, a *records.Account) error {
		added, err := tx.AddPasskey(records.Passkey{ID: records.PasskeyID(made.ID), User: a.User, Name: name, Credential: raw})
		if err == nil && !added {
			return fault.New(fault.BadRequest, "That passkey is known already.")
		}
		return err
	})
}

func notAPasskey(err error) error {
	return fault.New(fault.Unauthenticated, "The passkey did not fit.").WithHint("Try again, or use another way in.").Because(err)
}

// Ceremony is the begin of a sign-in by passkey: what the browser's
// navigator.credentials.get takes. It names nobody.
type Ceremony struct {
	Ticket  string                        `json:"ticket"`
	Options *protocol.CredentialAssertion `json:"options"`
}

// AskPasskey begins a sign-in by passkey.
func (s *Service) AskPasskey() (*Ceremony, error) {
	party, err := s.relying()
	if err != nil {
		return nil, err
	}
	options, ceremony, err := party.BeginDiscoverableLogin(webauthn.WithUserVerification(protocol.VerificationRequired))
	if err != nil {
		return nil, fmt.Errorf("begin sign-in by passkey: %w", err)
	}
	ticket, err := s.ceremonies.put(*ceremony, s.Now(), ceremonyLife)
	if err != nil {
		return nil, err
	}
	return &Ceremony{ticket, options}, nil
}

// PasskeyRequest answers AskPasskey. After is the ticket of a password step,
// when the passkey is the second factor of that.
type PasskeyRequest struct {
	Ticket     string          `json:"ticket"`
	Credential json.RawMessage `json:"credential"`
	After      string          `json:"after"`
	Browser    string          `json:"-"`
}

// WithPasskey signs in by a passkey. No number of wrong passwords locks it: a
// passkey can't be guessed.
func (s *Service) WithPasskey(req PasskeyRequest, from string) (*SignedIn, error) {
	ceremony, ok := onShelf[webauthn.SessionData](&s.ceremonies, req.Ticket, s.Now(), true)
	if !ok {
		return nil, over()
	}
	party, err := s.relying()
	if err != nil {
		return nil, err
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes(req.Credential)
	if err != nil {
		return nil, notAPasskey(err)
	}
	people := s.Store.ReadPeople()
	var account *records.Account
	var failed error
	found, made, err := party.ValidatePasskeyLogin(func(_, handle []byte) (webauthn.User, error) {
		if account, failed = people.AccountByHandle(handle); failed != nil || account == nil {
			return nil, errors.Join(failed, errWrong)
		}
		var h *holder
		h, failed = s.holder(people, account.User, account.Email, account.Handle)
		return h, failed
	}, ceremony, parsed)
	if failed != nil {
		return nil, failed
	}
	if err != nil || account == nil || !bytes.Equal(found.WebAuthnID(), account.Handle) {
		return nil, notAPasskey(err)
	}
	if made.Authenticator.CloneWarning {
		return nil, notAPasskey(errors.New("its counter went back: there may be two of it"))
	}
	raw, err := json.Marshal(made)
	if err != nil {
		return nil, fmt.Errorf("store passkey: %w", err)
	}
	next := second{user: account.User, generation: account.Generation, method: "passkey"}
	if req.After != "" {
		if next, ok = onShelf[second](&s.steps, req.After, s.Now(), false); !ok || next.user != account.User {
			return nil, over()
		}
	}
	signed, err := s.enter(next, req.Browser, func(tx *records.People, a *records.Account) (bool, error) {
		return true, tx.UpdatePasskey(records.Passkey{ID: records.PasskeyID(made.ID), User: a.User, Credential: raw})
	})
	if err == nil && req.After != "" {
		s.steps.drop(req.After)
	}
	return signed, err
}
