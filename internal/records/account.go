package records

import (
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/pocketbase/dbx"

	"github.com/fieldpost/fieldpost/internal/access"
)

// Account is a person's sign-in on the web. In the database its e-mail and its
// TOTP secret are locked, and its password is a hash of an HMAC: both under the
// installation key, which no backup holds.
type Account struct {
	User       string
	Email      string // as the person wrote it
	Password   string // bcrypt; "" when there is none
	TOTP       []byte // the secret; nil when there is none
	Step       int64  // of the newest TOTP code that was taken: none is taken twice
	Handle     []byte // what passkeys know the person by
	Generation int64  // counts changes: a step begun before one does not end after it
}

// Passkey is one of a person's passkeys. Credential is what the WebAuthn
// library stores of it, public key and counter, as JSON.
type Passkey struct {
	ID         string
	User       string
	Name       string
	Credential []byte
	Added      time.Time // the day
}

// ReadPeople reads about people outside of a transaction; what writes does so
// statement by statement.
func (s *Store) ReadPeople() *People { return &People{s, s.App} }

const (
	lockedEmail = "sign-in e-mail"
	lockedTOTP  = "sign-in totp"
)

// accountName is what an e-mail is looked for by.
func (s *Store) accountName(email string) string {
	return s.Key.Name("sign-in e-mail", strings.ToLower(strings.TrimSpace(email)))
}

type accountRow struct {
	User       string `db:"user"`
	Email      []byte `db:"email"`
	Password   string `db:"password"`
	TOTP       []byte `db:"totp"`
	Step       int64  `db:"step"`
	Handle     []byte `db:"handle"`
	Generation int64  `db:"generation"`
}

// AccountByEmail finds an account, nil when there is none.
func (p *People) AccountByEmail(email string) (*Account, error) {
	return p.account("[[name]]={:v}", p.store.accountName(email))
}

// AccountOf finds a person's account, nil when there is none.
func (p *People) AccountOf(user string) (*Account, error) { return p.account("[[user]]={:v}", user) }

// AccountByHandle finds the account that a passkey names, nil when there is
// none.
func (p *People) AccountByHandle(handle []byte) (*Account, error) {
	return p.account("[[handle]]={:v}", handle)
}

func (p *People) account(where string, v any) (*Account, error) {
	var r accountRow
	err := p.app.DB().NewQuery("SELECT [[user]], [[email]], [[password]], [[totp]], [[step]], [[handle]], [[generation]] FROM {{signin_accounts}} WHERE " + where).
		Bind(dbx.Params{"v": v}).One(&r)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("find account: %w", err)
	}
	a := &Account{User: r.User, Password: r.Password, Step: r.Step, Handle: r.Handle, Generation: r.Generation}
	email, err := p.store.Key.Unlock(lockedEmail, r.User, r.Email)
	if err != nil {
		return nil, fmt.Errorf("find account: %w", err)
	}
	a.Email = string(email)
	if len(r.TOTP) > 0 {
		if a.TOTP, err = p.store.Key.Unlock(lockedTOTP, r.User, r.TOTP); err != nil {
			return nil, fmt.Errorf("find account: %w", err)
		}
	}
	return a, nil
}

// SaveAccount stores an account, in the place of the person's former one, and
// counts its generation on.
func (p *People) SaveAccount(a *Account) error {
	email, err := p.store.Key.Lock(lockedEmail, a.User, []byte(a.Email))
	if err != nil {
		return fmt.Errorf("save account: %w", err)
	}
	var totp []byte
	if len(a.TOTP) > 0 {
		if totp, err = p.store.Key.Lock(lockedTOTP, a.User, a.TOTP); err != nil {
			return fmt.Errorf("save account: %w", err)
		}
	}
	a.Generation++
	_, err = p.app.DB().NewQuery(`INSERT INTO {{signin_accounts}} ([[user]], [[name]], [[email]], [[password]], [[totp]], [[step]], [[handle]], [[generation]])
		VALUES ({:user}, {:name}, {:email}, {:password}, {:totp}, {:step}, {:handle}, {:generation})
		ON CONFLICT ([[user]]) DO UPDATE SET [[name]]=excluded.[[name]], [[email]]=excluded.[[email]], [[password]]=excluded.[[password]],
		[[totp]]=excluded.[[totp]], [[step]]=excluded.[[step]], [[handle]]=excluded.[[handle]], [[generation]]=excluded.[[generation]]`).
		Bind(dbx.Params{"user": a.User, "name": p.store.accountName(a.Email), "email": email, "password": a.Password, "totp": totp,
			"step": a.Step, "handle": a.Handle, "generation": a.Generation}).Execute()
	if err != nil {
		return fmt.Errorf("save account: %w", err)
	}
	return nil
}

// TakeStep notes that the TOTP code of a step was taken; false when that one
// or a later one was taken before.
func (p *People) TakeStep(user string, step int64) (bool, error) {
	res, err := p.app.DB().NewQuery("UPDATE {{signin_accounts}} SET [[step]]={:step} WHERE [[user]]={:user} AND [[step]]<{:step}").
		Bind(dbx.Params{"user": user, "step": step}).Execute()
	if err != nil {
		return false, fmt.Errorf("take code: %w", err)
	}
	n, err := res.RowsAffected()
	return n == 1, err
}

// recoveryName is what is stored of a recovery code.
func (s *Store) recoveryName(user, code string) string {
	return s.Key.Name("recovery code", user+"\n"+code)
}

// SetRecoveryCodes stores recovery codes in the place of a person's former
// ones; none takes all away.
func (p *People) SetRecoveryCodes(user string, codes []string) error {
	if _, err := p.app.DB().NewQuery("DELETE FROM {{signin_codes}} WHERE [[user]]={:user}").Bind(dbx.Params{"user": user}).Execute(); err != nil {
		return fmt.Errorf("set recovery codes: %w", err)
	}
	for _, c := range codes {
		_, err := p.app.DB().NewQuery("INSERT INTO {{signin_codes}} ([[user]], [[code]]) VALUES ({:user}, {:code})").
			Bind(dbx.Params{"user": user, "code": p.store.recoveryName(user, c)}).Execute()
		if err != nil {
			return fmt.Errorf("set recovery codes: %w", err)
		}
	}
	return nil
}

// UseRecoveryCode uses a recovery code up; false when it is none of the
// person's, or was used.
func (p *People) UseRecoveryCode(user, code string) (bool, error) {
	res, err := p.app.DB().NewQuery("DELETE FROM {{signin_codes}} WHERE [[user]]={:user} AND [[code]]={:code}").
		Bind(dbx.Params{"user": user, "code": p.store.recoveryName(user, code)}).Execute()
	if err != nil {
		return false, fmt.Errorf("use recovery code: %w", err)
	}
	n, err := res.RowsAffected()
	return n == 1, err
}

// RecoveryLeft counts the recovery codes that a person has left.
func (p *People) RecoveryLeft(user string) (n int, err error) {
	err = p.app.DB().NewQuery("SELECT count(*) FROM {{signin_codes}} WHERE [[user]]={:user}").Bind(dbx.Params{"user": user}).Row(&n)
	if err != nil {
		return 0, fmt.Errorf("count recovery codes: %w", err)
	}
	return n, nil
}

// PasskeyID is under what a passkey of a credential id is stored.
func PasskeyID(credential []byte) string { return base64.RawURLEncoding.EncodeToString(credential) }

// Passkeys lists a person's passkeys.
func (p *People) Passkeys(user string) ([]Passkey, error) {
	var rows []struct {
		ID         string `db:"id"`
		Name       string `db:"name"`
		Credential []byte `db:"credential"`
		Added      int64  `db:"added"`
	}
	err := p.app.DB().NewQuery("SELECT [[id]], [[name]], [[credential]], [[added]] FROM {{signin_passkeys}} WHERE [[user]]={:user} ORDER BY [[added]], [[id]]").
		Bind(dbx.Params{"user": user}).All(&rows)
	if err != nil {
		return nil, fmt.Errorf("list passkeys: %w", err)
	}
	out := make([]Passkey, len(rows))
	for i, r := range rows {
		out[i] = Passkey{ID: r.ID, User: user, Name: r.Name, Credential: r.Credential, Added: time.UnixMilli(r.Added).UTC()}
	}
	return out, nil
}

// AddPasskey stores a new passkey; false when one of its id is there, of
// whomever.
func (p *People) AddPasskey(k Passkey) (bool, error) {
	res, err := p.app.DB().NewQuery("INSERT INTO {{signin_passkeys}} ([[id]], [[user]], [[name]], [[credential]], [[added]]) VALUES ({:id}, {:user}, {:name}, {:credential}, {:added}) ON CONFLICT DO NOTHING").
		Bind(dbx.Params{"id": k.ID, "user": k.User, "name": cut(k.Name, 60), "credential": k.Credential,
			"added": p.store.Now().UTC().Truncate(24 * time.Hour).UnixMilli()}).Execute()
	if err != nil {
		return false, fmt.Errorf("add passkey: %w", err)
	}
	n, err := res.RowsAffected()
	return n == 1, err
}

// UpdatePasskey stores what a sign-in changed of a passkey: its counter.
func (p *People) UpdatePasskey(k Passkey) error {
	_, err := p.app.DB().NewQuery("UPDATE {{signin_passkeys}} SET [[credential]]={:credential} WHERE [[id]]={:id} AND [[user]]={:user}").
		Bind(dbx.Params{"credential": k.Credential, "id": k.ID, "user": k.User}).Execute()
	if err != nil {
		return fmt.Errorf("update passkey: %w", err)
	}
	return nil
}

// RemovePasskeys takes a passkey of a person away, for id "" all of them, and
// gives how many went.
func (p *People) RemovePasskeys(user, id string) (int, error) {
	res, err := p.app.DB().NewQuery("DELETE FROM {{signin_passkeys}} WHERE [[user]]={:user} AND ({:id}='' OR [[id]]={:id})").
		Bind(dbx.Params{"user": user, "id": id}).Execute()
	if err != nil {
		return 0, fmt.Errorf("remove passkey: %w", err)
	}
	n, err := res.RowsAffected()
	return int(n), err
}

// MakeLink stores a one-time link to set a person's sign-in up, in the place of
// a former one.
func (p *People) MakeLink(user, code string, until time.Time) error {
	_, err := p.app.DB().NewQuery("DELETE FROM {{signin_links}} WHERE [[user]]={:user} OR [[until]]<={:now}").
		Bind(dbx.Params{"user": user, "now": p.store.Now().UnixMilli()}).Execute()
	if err == nil {
		_, err = p.app.DB().NewQuery("INSERT INTO {{signin_links}} ([[code]], [[user]], [[until]]) VALUES ({:code}, {:user}, {:until})").
			Bind(dbx.Params{"code": p.store.Key.Name("sign-in link", code), "user": user, "until": until.UnixMilli()}).Execute()
	}
	if err != nil {
		return fmt.Errorf("make link: %w", err)
	}
	return nil
}

// Link gives the person whom a link is for, "" when there is none or it is
// over.
func (p *People) Link(code string) (user string, err error) {
	err = p.app.DB().NewQuery("SELECT [[user]] FROM {{signin_links}} WHERE [[code]]={:code} AND [[until]]>{:now}").
		Bind(dbx.Params{"code": p.store.Key.Name("sign-in link", code), "now": p.store.Now().UnixMilli()}).Row(&user)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return "", fmt.Errorf("find link: %w", err)
	}
	return user, nil
}

// UseLink uses a link up; false when somebody else did.
func (p *People) UseLink(code string) (bool, error) {
	res, err := p.app.DB().NewQuery("DELETE FROM {{signin_links}} WHERE [[code]]={:code} AND [[until]]>{:now}").
		Bind(dbx.Params{"code": p.store.Key.Name("sign-in link", code), "now": p.store.Now().UnixMilli()}).Execute()
	if err != nil {
		return false, fmt.Errorf("use link: %w", err)
	}
	n, err := res.RowsAffected()
	return n == 1, err
}

// FindPerson finds somebody by id, by the e-mail of their sign-in, or by the
// e-mail of their record; "" when there is nobody, or more than one.
func (p *People) FindPerson(who string) (string, error) {
	if !strings.Contains(who, "@") {
		r, err := p.app.FindRecordById("users", who)
		if absent(err) {
			return "", nil
		}
		if err != nil {
			return "", fmt.Errorf("find person: %w", err)
		}
		return r.Id, nil
	}
	a, err := p.AccountByEmail(who)
	if err != nil {
		return "", err
	}
	if a != nil {
		return a.User, nil
	}
	r, err := p.app.FindAuthRecordByEmail("users", who)
	if absent(err) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("find person: %w", err)
	}
	return r.Id, nil
}

// FindPerson finds a person by id, nil when there is none.
func (s *Store) FindPerson(id string) (*access.Person, error) {
	if id == "" {
		return nil, nil
	}
	p, err := s.Person(s.App, id)
	if absent(err) {
		return nil, nil
	}
	return p, err
}
