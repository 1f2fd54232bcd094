package signin

import (
	"errors"
	"time"

	"github.com/fieldpost/fieldpost/internal/fault"
	"github.com/fieldpost/fieldpost/internal/records"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// Overview is what a person sees of the own sign-in.
type Overview struct {
	Email        string            `json:"email"`
	TOTP         bool              `json:"totp"`
	Passkeys     []Passkey         `json:"passkeys"`
	PasskeysHere bool              `json:"passkeysHere"` // whether this address can have any
	RecoveryLeft int               `json:"recoveryLeft"`
	Current      string            `json:"current"` // session
	Sessions     []records.Session `json:"sessions"`
	User         wire.Person       `json:"user"`
}

// Passkey is one of a person's passkeys, to be told from others.
type Passkey struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Added string `json:"added"` // day, as 2026-02-07
}

// Overview gives a person's own.
func (s *Service) Overview(user, session string) (*Overview, error) {
	people := s.Store.ReadPeople()
	account, err := people.AccountOf(user)
	if err != nil {
		return nil, err
	}
	if account == nil {
		return nil, fault.New(fault.NotFound, "This person has no sign-in on the web.")
	}
	keys, err := people.Passkeys(user)
	if err != nil {
		return nil, err
	}
	left, err := people.RecoveryLeft(user)
	if err != nil {
		return nil, err
	}
	all, err := s.Store.Sessions(user)
	if err != nil {
		return nil, err
	}
	person, err := people.Person(user)
	if err != nil {
		return nil, err
	}
	_, none := s.relying()
	o := &Overview{Email: account.Email, TOTP: len(account.TOTP) > 0, Passkeys: []Passkey{}, PasskeysHere: none == nil,
		RecoveryLeft: left, Current: session, Sessions: all, User: personOf(person)}
	for _, k := range keys {
		o.Passkeys = append(o.Passkeys, Passkey{k.ID, k.Name, k.Added.Format(time.DateOnly)})
	}
	return o, nil
}

// Address is the page's address with a link's code: behind the #, which no
// server and no log sees.
func (s *Service) Address(code string) string { return s.PublicURL + "/signin#set=" + code }

// Link makes a link for a person; actor is who makes it. Who makes one for
// themselves, from a device, does so for the first time only, so that a device
// that somebody found opens no sign-in that is there already.
func (s *Service) Link(user, actor string) (link, expires string, err error) {
	var code string
	own := user == actor
	err = s.Store.TransactPeople(func(tx *records.People) error {
		account, err := tx.AccountOf(user)
		if err != nil {
			return err
		}
		if own && account != nil {
			return fault.New(fault.NotAllowed, "You have a sign-in already.").WithHint("Sign in with it, or ask your admin for a new link.")
		}
		person, err := tx.FindPerson(user)
		if err == nil && person == "" {
			err = fault.New(fault.NotFound, "There is no such person.")
		}
		if err != nil {
			return err
		}
		if code, err = s.MakeLink(tx, user); err != nil {
			return err
		}
		return note(tx, user, actor, "", map[string]any{"link": "made"})
	})
	if err != nil {
		return "", "", err
	}
	return s.Address(code), s.Now().Add(LinkLife).UTC().Format(wire.TimeFormat), nil
}

// Made is what a command prints: whose link, and the link.
type Made struct{ User, Link, Expires string }

// ForPerson makes a link for somebody by id or e-mail; the operator's act.
func (s *Service) ForPerson(who string) (*Made, error) {
	user, err := s.find(who)
	if err != nil {
		return nil, err
	}
	link, expires, err := s.Link(user, records.ActorOperator)
	return &Made{user, link, expires}, err
}

// Reset resets the second factor of somebody by id or e-mail; actor is who does
// it.
func (s *Service) Reset(who, actor, reason string) (*Made, error) {
	user, err := s.find(who)
	if err != nil {
		return nil, err
	}
	code, err := s.ResetSecondFactor(user, actor, reason)
	return &Made{user, s.Address(code), s.Now().Add(LinkLife).UTC().Format(wire.TimeFormat)}, err
}

func (s *Service) find(who string) (string, error) {
	user, err := s.Store.ReadPeople().FindPerson(who)
	if err == nil && user == "" {
		err = fault.New(fault.NotFound, "There is nobody of that id or e-mail.")
	}
	return user, err
}

// EndByOperator ends a session by its id, or all of a person by id or e-mail;
// it gives how many ended.
func (s *Service) EndByOperator(what string) (n int, err error) {
	err = s.Store.TransactPeople(func(tx *records.People) error {
		ended, err := s.End(tx, what, "", records.ActorOperator, true)
		if err != nil || ended {
			n = 1
			return err
		}
		user, err := tx.FindPerson(what)
		if err != nil {
			return err
		}
		if user == "" {
			return errors.Join(fault.New(fault.NotFound, "There is no such session and nobody of that id or e-mail."))
		}
		if n, err = tx.EndSessions(user); err != nil || n == 0 {
			return err
		}
		return note(tx, user, records.ActorOperator, "", map[string]any{"ended_sessions": n})
	})
	return n, err
}
