package signin

import (
	"errors"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/fault"
	"github.com/fieldpost/fieldpost/internal/records"
)

// finish stores what was set up, in one transaction with what let the person in:
// the invite's use, the link, the session.
func (s *Service) finish(next *setup, ticket, browser, method string, codes bool, apply func(tx *records.People, a *records.Account) error) (*SignedIn, error) {
	var signed *SignedIn
	generation := next.generation
	err := s.Store.TransactPeople(func(tx *records.People) error {
		account, err := s.settle(tx, next)
		if err != nil {
			return err
		}
		if err := apply(tx, account); err != nil {
			return err
		}
		if err := tx.SaveAccount(account); err != nil {
			return err
		}
		generation = account.Generation
		var fresh []string
		if left, err := tx.RecoveryLeft(account.User); err != nil {
			return err
		} else if codes || left == 0 {
			if fresh, err = newRecoveryCodes(); err != nil {
				return err
			}
			if err := tx.SetRecoveryCodes(account.User, fresh); err != nil {
				return err
			}
		}
		if next.session == "" {
			if _, err := tx.EndSessions(account.User); err != nil {
				return err
			}
			if signed, err = s.begin(tx, account.User, method, browser); err != nil {
				return err
			}
			signed.Recovery = fresh
			return nil
		}
		person, err := tx.Person(account.User)
		if err != nil {
			return err
		}
		signed = &SignedIn{User: personOf(person), Recovery: fresh}
		signed.RecoveryLeft, err = tx.RecoveryLeft(account.User)
		return err
	})
	if err != nil {
		return nil, err
	}
	next.generation = generation
	if next.session == "" {
		s.steps.drop(ticket)
	}
	return signed, nil
}

// settle gives the account that is set up: the person of an invite is made
// here, with its use.
func (s *Service) settle(tx *records.People, next *setup) (*records.Account, error) {
	user := next.user
	switch {
	case next.invite != "":
		invite, err := s.Devices.Redeemable(tx, next.invite)
		if err == nil {
			err = forWeb(invite.Role)
		}
		if err != nil {
			return nil, err
		}
		person, err := tx.AddPerson(access.Person{Role: invite.Role, Organization: invite.Organization, Sites: invite.Sites, Locale: "en", Unconfirmed: invite.Poster})
		if err != nil {
			return nil, err
		}
		if err := tx.Use(invite); err != nil {
			return nil, err
		}
		user = person.ID
	case next.link != "":
		if ok, err := tx.UseLink(next.link); err != nil {
			return nil, err
		} else if !ok {
			return nil, over()
		}
	case next.session != "":
		// Ended while it was under way: what it began is over too.
		all, err := tx.Sessions(user)
		if err != nil {
			return nil, err
		}
		there := false
		for _, one := range all {
			there = there || one.ID == next.session
		}
		if !there {
			return nil, over()
		}
	}
	account, err := tx.AccountOf(user)
	if err != nil {
		return nil, err
	}
	if account == nil {
		if other, err := tx.AccountByEmail(next.email); err != nil || other != nil {
			return nil, errors.Join(err, over())
		}
		account = &records.Account{User: user, Email: next.email, Handle: next.handle}
	} else if account.Generation != next.generation {
		return nil, over()
	}
	if next.hash != "" {
		account.Password = next.hash
	}
	return account, nil
}

// MakeLink makes a one-time link for a person to set up, or set anew, the
// password: what stands after the # of the sign-in page's address. Who has a
// second factor is asked for it then.
func (s *Service) MakeLink(tx *records.People, user string) (code string, err error) {
	person, err := tx.Person(user)
	if err != nil {
		return "", err
	}
	if !records.SignsIn(person.Role) {
		return "", fault.New(fault.NotAllowed, "Workers and staff have no sign-in on the web.").WithHint("Make an invite for their phone.")
	}
	if code, err = newCode(20); err != nil {
		return "", err
	}
	return code, tx.MakeLink(user, code, s.Now().Add(LinkLife))
}

// ResetSecondFactor takes all second factors, the password and all sessions of a
// person away, and gives a link to set them up anew. actor is who does it.
func (s *Service) ResetSecondFactor(user, actor, reason string) (code string, err error) {
	err = s.Store.TransactPeople(func(tx *records.People) error {
		account, err := tx.AccountOf(user)
		if err != nil {
			return err
		}
		if account == nil {
			return fault.New(fault.NotFound, "This person has no sign-in on the web.").WithHint("Make a link to set one up.")
		}
		if _, err := tx.RemovePasskeys(user, ""); err != nil {
			return err
		}
		if err := tx.SetRecoveryCodes(user, nil); err != nil {
			return err
		}
		account.TOTP, account.Step, account.Password = nil, 0, ""
		if err := tx.SaveAccount(account); err != nil {
			return err
		}
		if _, err := tx.EndSessions(user); err != nil {
			return err
		}
		if code, err = s.MakeLink(tx, user); err != nil {
			return err
		}
		return note(tx, user, actor, reason, map[string]any{"reset": "second factor"})
	})
	return code, err
}
