package records

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/pocketbase/pocketbase/core"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// TokenLife is how long a device token is valid; the device renews it by its
// key.
const TokenLife = 30 * 24 * time.Hour

// DeviceClaim is the claim that makes a users token a device's, PushOnlyClaim
// the one that makes it good for handing in what the device holds and nothing
// else (PUSH-10).
const (
	DeviceClaim   = "device"
	PushOnlyClaim = "pushOnly"
)

// NewPerson makes a user without e-mail and with a password that no text
// fits: a person of devices only.
func (s *Store) NewPerson(app core.App, p access.Person) (*core.Record, error) {
	users, err := app.FindCachedCollectionByNameOrId("users")
	if err != nil {
		return nil, fmt.Errorf("make user: %w", err)
	}
	user := core.NewRecord(users)
	user.Set("role", string(p.Role))
	user.Set("organization", p.Organization)
	user.Set("sites", p.Sites)
	user.Set("locale", p.Locale)
	user.Set("unconfirmed", p.Unconfirmed)
	user.Set("label", madeLabel(p.Role))
	// A hash that no password has: making a real one costs 50 ms each.
	user.SetRaw("password", &core.PasswordFieldValue{Hash: "!"})
	user.RefreshTokenKey()
	if err := app.Save(user); err != nil {
		return nil, fmt.Errorf("make user: %w", err)
	}
	return user, nil
}

// NewDevice makes the record of a device. What goes on where a revoked one
// stops is revoked too.
func (s *Store) NewDevice(app core.App, id string, user *core.Record, d wire.EnrollDevice, parent, invite string) error {
	devices, err := app.FindCachedCollectionByNameOrId("devices")
	if err != nil {
		return fmt.Errorf("make device: %w", err)
	}
	thumbprint, err := d.Key.Thumbprint()
	if err != nil {
		return invalid("%s.", err.Error())
	}
	key, err := json.Marshal(d.Key)
	if err != nil {
		return fmt.Errorf("make device: %w", err)
	}
	r := core.NewRecord(devices)
	r.Id = id
	r.Set("user", user.Id)
	r.Set("organization", deviceOrganization(PersonOf(user)))
	r.Set("name", cut(d.Name, 100))
	r.Set("platform", cut(d.Platform, 60))
	if PersonOf(user).Role == access.Staff {
		// People name phones after themselves (R8).
		r.Set("name", "")
		r.Set("platform", knownPlatform(d.Platform))
	}
	r.Set("key", string(key))
	r.Set("thumbprint", thumbprint)
	r.Set("parent", parent)
	r.Set("invite", invite)
	if parent != "" {
		from, err := app.FindRecordById("devices", parent)
		if err != nil {
			return fmt.Errorf("make device: %w", err)
		}
		r.Set("revoked", from.GetBool("revoked"))
		r.Set("wipe", from.GetDateTime("wipe"))
	}
	// By the day: a finer time would join the person to their first report.
	r.Set("enrolled", s.Now().UTC().Truncate(24*time.Hour))
	if err := app.Save(r); err != nil {
		return fmt.Errorf("make device: %w", err)
	}
	return nil
}

// deviceOrganization is whose coordinators look after a person's devices: of
// staff those who serve their site, never its owner (R8).
func deviceOrganization(p access.Person) string {
	if p.Role != access.Staff {
		return p.Organization
	}
	if len(p.ServedBy) > 0 {
		return p.ServedBy[0]
	}
	return ""
}

// knownPlatform keeps of a platform's name what many share.
func knownPlatform(name string) string {
	for _, p := range []string{"android", "ios", "windows", "macos", "linux", "web", "cli"} {
		if strings.Contains(strings.ToLower(name), p) {
			return p
		}
	}
	return "other"
}

func cut(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n])
	}
	return s
}

// Token makes a device's token: a users token that stock REST and realtime
// take too (ENROL-3).
func (s *Store) Token(app core.App, personID, device string) (string, error) {
	return s.token(app, personID, device, false)
}

func (s *Store) token(app core.App, personID, device string, pushOnly bool) (string, error) {
	user, err := app.FindRecordById("users", personID)
	if err != nil {
		return "", fmt.Errorf("make token: %w", err)
	}
	turn, err := nextTurn(app, device)
	if err != nil {
		return "", fmt.Errorf("make token: %w", err)
	}
	exp := s.Now().Add(TokenLife).Unix()
	claims := jwt.MapClaims{
		core.TokenClaimType: core.TokenTypeAuth, core.TokenClaimId: user.Id,
		core.TokenClaimCollectionId: user.Collection().Id, core.TokenClaimRefreshable: false,
		DeviceClaim: device, TurnClaim: turn, "exp": exp, BoundClaim: s.bound(user.Id, device, turn, exp, pushOnly),
	}
	if pushOnly {
		claims[PushOnlyClaim] = true
	}
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).
		SignedString([]byte(user.TokenKey() + user.Collection().AuthToken.Secret))
	if err != nil {
		return "", fmt.Errorf("make token: %w", err)
	}
	return token, nil
}

// People is a transaction about people, devices and invites.
type People struct {
	store *Store
	app   core.App
}

// TransactPeople runs fn in one transaction. Where another process writes at the
// same moment fn may run again, after what it did was taken back.
func (s *Store) TransactPeople(fn func(tx *People) error) error {
	for try := 0; ; try++ {
		err := s.App.RunInTransaction(func(app core.App) error { return fn(&People{s, app}) })
		if err == nil || try == maxTries || !strings.Contains(err.Error(), "database is locked") {
			return err
		}
		time.Sleep(20 * time.Millisecond << try)
	}
}

// maxTries bounds how often a transaction begins anew, over 1.2 s, because
// another process has written between its first read and its first write: no
// waiting helps it (SQLITE_BUSY_SNAPSHOT).
const maxTries = 6

// Served tells whether each of the sites is there and served by an
// organization: one without can't enrol staff.
func (p *People) Served(sites []string) (bool, error) {
	for _, id := range sites {
		r, err := p.app.FindRecordById("sites", id)
		switch {
		case absent(err):
			return false, nil
		case err != nil:
			return false, fmt.Errorf("find site %s: %w", id, err)
		case r.GetString("served_by") == "":
			return false, nil
		}
	}
	return len(sites) > 0, nil
}

// FindOrMake gives the id of the record of an organization or site with a
// name, made with these values when there is none.
func (p *People) FindOrMake(collection, name string, values map[string]any) (string, error) {
	have, err := p.app.FindFirstRecordByData(collection, "name", name)
	if err == nil {
		return have.Id, nil
	}
	if !absent(err) { // a second one of the name would take the first one's place
		return "", fmt.Errorf("find %s: %w", collection, err)
	}
	c, err := p.app.FindCachedCollectionByNameOrId(collection)
	if err != nil {
		return "", fmt.Errorf("make %s: %w", collection, err)
	}
	r := core.NewRecord(c)
	r.Set("name", name)
	for k, v := range values {
		r.Set(k, v)
	}
	if err := p.app.Save(r); err != nil {
		return "", fmt.Errorf("make %s: %w", collection, err)
	}
	return r.Id, nil
}

// AddPerson makes a person.
func (p *People) AddPerson(person access.Person) (access.Person, error) {
	user, err := p.store.NewPerson(p.app, person)
	if err != nil {
		return access.Person{}, err
	}
	return PersonOf(user), nil
}

// AddDevice makes a device of a person.
func (p *People) AddDevice(d wire.EnrollDevice, person, parent, invite string) error {
	user, err := p.app.FindRecordById("users", person)
	if err != nil {
		return fmt.Errorf("make device: %w", err)
	}
	return p.store.NewDevice(p.app, d.ID, user, d, parent, invite)
}

// Token makes a device's token.
func (p *People) Token(person, device string) (string, error) {
	return p.store.Token(p.app, person, device)
}

// PushToken makes one that push takes and nothing else (PUSH-10).
func (p *People) PushToken(person, device string) (string, error) {
	return p.store.token(p.app, person, device, true)
}

// Person finds a person.
func (p *People) Person(id string) (*access.Person, error) { return p.store.Person(p.app, id) }
