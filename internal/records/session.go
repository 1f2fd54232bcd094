package records

import (
	"cmp"
	"crypto/rand"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// SessionClaim is the claim that makes a users token a web session's.
const SessionClaim = "session"

// How long a session lasts. Used at least once in SessionIdle it goes on by
// itself, so that it does not end under somebody who works through a night; it
// ends after SessionLife whatever happens, a weekend's operation and more.
const (
	SessionIdle = 12 * time.Hour
	SessionLife = 7 * 24 * time.Hour
)

// Session is somebody signed in on the web. Used is the hour of its last use,
// Began its day: finer times are nobody's business. No address is kept (R22).
type Session struct {
	ID      string    `json:"id"`
	User    string    `json:"user"`
	Method  string    `json:"method"` // password, passkey, oauth2
	Browser string    `json:"browser"`
	Began   time.Time `json:"began"`
	Used    time.Time `json:"used"`
	Ends    time.Time `json:"ends"`
}

// SignsIn tells whether people of a role have a sign-in on the web. Workers and
// staff have devices only.
func SignsIn(r access.Role) bool {
	return slices.Contains([]access.Role{access.Coordinator, access.Admin, access.Manager, access.LawEnforcement, access.Provider}, r)
}

// sessionID is under what a session is stored. Its claim stands in the token
// and nowhere else: who reads the database or a backup can't make the token.
func (s *Store) sessionID(claim string) string {
	return wire.Base32(s.Key.MAC("session\n" + claim))
}

// SessionOf gives the session that a verified token belongs to, "" for a token
// without one.
func (s *Store) SessionOf(token string) string {
	claim, _ := ReadToken(token)[SessionClaim].(string)
	if claim == "" {
		return ""
	}
	return s.sessionID(claim)
}

type sessionRow struct {
	ID      string `db:"id"`
	User    string `db:"user"`
	Method  string `db:"method"`
	Browser string `db:"browser"`
	Began   int64  `db:"began"`
	Used    int64  `db:"used"`
	Ends    int64  `db:"ends"`
}

func (r sessionRow) session() Session {
	return Session{ID: r.ID, User: r.User, Method: r.Method, Browser: r.Browser,
		Began: time.UnixMilli(r.Began).UTC(), Used: time.UnixMilli(r.Used).UTC(), Ends: time.UnixMilli(r.Ends).UTC()}
}

// over tells whether a session's time is over. Used is cut to the hour, so the
// person gets what is left of that hour as well.
func (r sessionRow) over(now time.Time) bool {
	return !now.Before(time.UnixMilli(r.Ends)) || !now.Before(time.UnixMilli(r.Used).Add(time.Hour+SessionIdle))
}

const sessionColumns = "SELECT [[id]], [[user]], [[method]], [[browser]], [[began]], [[used]], [[ends]] FROM {{signin_sessions}} "

// UseSession finds the session of a person and notes the hour of its use. ok is
// false when it was ended, is over, or is another person's.
func (s *Store) UseSession(id, user string) (ok bool, err error) {
	var r sessionRow
	err = s.App.DB().NewQuery(sessionColumns + "WHERE [[id]]={:id}").Bind(dbx.Params{"id": id}).One(&r)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("find session: %w", err)
	}
	now := s.Now()
	if r.User != user || r.over(now) {
		return false, nil
	}
	hour := now.UTC().Truncate(time.Hour).UnixMilli()
	if hour <= r.Used {
		return true, nil
	}
	_, err = s.App.DB().NewQuery("UPDATE {{signin_sessions}} SET [[used]]={:hour} WHERE [[id]]={:id}").Bind(dbx.Params{"hour": hour, "id": id}).Execute()
	if err != nil {
		return false, fmt.Errorf("use session: %w", err)
	}
	return true, nil
}

// Sessions lists the sessions that are not over: of one person, or of everybody
// for "".
func (s *Store) Sessions(user string) ([]Session, error) { return sessions(s.App, s.Now(), user) }

func sessions(app core.App, now time.Time, user string) ([]Session, error) {
	var rows []sessionRow
	err := app.DB().NewQuery(sessionColumns + "WHERE {:user}='' OR [[user]]={:user} ORDER BY [[used]] DESC, [[id]]").
		Bind(dbx.Params{"user": user}).All(&rows)
	if err != nil {
		return nil, fmt.Errorf("list sessions: %w", err)
	}
	out := []Session{}
	for _, r := range rows {
		if !r.over(now) {
			out = append(out, r.session())
		}
	}
	return out, nil
}

// BeginSession makes a session and its token. Sessions that are over go.
func (p *People) BeginSession(person, method, browser string) (token string, session Session, err error) {
	fail := func(err error) (string, Session, error) { return "", Session{}, fmt.Errorf("begin session: %w", err) }
	user, err := p.app.FindRecordById("users", person)
	if err != nil {
		return fail(err)
	}
	now := p.store.Now().UTC()
	_, err = p.app.DB().NewQuery("DELETE FROM {{signin_sessions}} WHERE [[ends]]<={:now} OR [[used]]<={:idle}").
		Bind(dbx.Params{"now": now.UnixMilli(), "idle": now.Add(-time.Hour - SessionIdle).UnixMilli()}).Execute()
	if err != nil {
		return fail(err)
	}
	raw := make([]byte, 20)
	if _, err := rand.Read(raw); err != nil {
		return fail(err)
	}
	claim := base64.RawURLEncoding.EncodeToString(raw)
	r := sessionRow{ID: p.store.sessionID(claim), User: person, Method: method, Browser: cut(browser, 40),
		Began: now.Truncate(24 * time.Hour).UnixMilli(), Used: now.Truncate(time.Hour).UnixMilli(),
		Ends: now.Truncate(time.Hour).Add(SessionLife).UnixMilli()}
	_, err = p.app.DB().NewQuery("INSERT INTO {{signin_sessions}} ([[id]], [[user]], [[method]], [[browser]], [[began]], [[used]], [[ends]]) VALUES ({:id}, {:user}, {:method}, {:browser}, {:began}, {:used}, {:ends})").
		Bind(dbx.Params{"id": r.ID, "user": r.User, "method": r.Method, "browser": r.Browser, "began": r.Began, "used": r.Used, "ends": r.Ends}).Execute()
	if err != nil {
		return fail(err)
	}
	token, err = jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
		core.TokenClaimType: core.TokenTypeAuth, core.TokenClaimId: user.Id,
		core.TokenClaimCollectionId: user.Collection().Id, core.TokenClaimRefreshable: false,
		SessionClaim: claim, "exp": r.Ends / 1000,
	}).SignedString([]byte(user.TokenKey() + user.Collection().AuthToken.Secret))
	if err != nil {
		return fail(err)
	}
	return token, r.session(), nil
}

// EndSession ends one session; false when there is none. person "" is anybody's.
// The devices that were enrolled from it are signed out when revoke says so: a
// lost laptop is closed in one step.
func (p *People) EndSession(id, person string, revoke bool) (bool, error) {
	if revoke {
		var devices []string
		err := p.app.DB().NewQuery("SELECT d.[[device]] FROM {{signin_devices}} d JOIN {{signin_sessions}} s ON s.[[id]]=d.[[session]] WHERE s.[[id]]={:id} AND ({:user}='' OR s.[[user]]={:user})").
			Bind(dbx.Params{"id": id, "user": person}).Column(&devices)
		if err != nil {
			return false, fmt.Errorf("end session: %w", err)
		}
		for _, d := range devices {
			if _, err := p.Revoke(d, cmp.Or(person, ActorOperator)); err != nil {
				return false, fmt.Errorf("end session: %w", err)
			}
		}
	}
	n, err := p.endWhere("[[id]]={:id} AND ({:user}='' OR [[user]]={:user})", dbx.Params{"id": id, "user": person})
	return n > 0, err
}

// EndSessions ends all sessions of a person and gives how many there were. It
// does not keep them from signing in again: DropSignIn does.
func (p *People) EndSessions(user string) (int, error) {
	return p.endWhere("[[user]]={:user}", dbx.Params{"user": user})
}

// EndEverySession ends the sessions of everybody: a database that goes back in
// time must not bring back what was ended since.
func (p *People) EndEverySession() (int, error) { return p.endWhere("1=1", nil) }

func (p *People) endWhere(where string, params dbx.Params) (int, error) {
	res, err := p.app.DB().NewQuery("DELETE FROM {{signin_sessions}} WHERE " + where).Bind(params).Execute()
	if err != nil {
		return 0, fmt.Errorf("end sessions: %w", err)
	}
	n, err := res.RowsAffected()
	if err != nil {
		return 0, fmt.Errorf("end sessions: %w", err)
	}
	return int(n), nil
}

// EnrolledFrom notes that a device was enrolled from a session.
func (p *People) EnrolledFrom(session, device string) error {
	_, err := p.app.DB().NewQuery("INSERT INTO {{signin_devices}} ([[device]], [[session]]) VALUES ({:device}, {:session}) ON CONFLICT DO NOTHING").
		Bind(dbx.Params{"device": device, "session": session}).Execute()
	if err != nil {
		return fmt.Errorf("enrol from session: %w", err)
	}
	return nil
}

// DropSignIn takes a person's sign-in on the web away, whole: sessions,
// password, second factors, passkeys, links.
func (p *People) DropSignIn(user string) error {
	for _, table := range []string{"signin_sessions", "signin_links", "signin_passkeys", "signin_codes", "signin_accounts"} {
		if _, err := p.app.DB().NewQuery("DELETE FROM {{" + table + "}} WHERE [[user]]={:user}").Bind(dbx.Params{"user": user}).Execute(); err != nil {
			return fmt.Errorf("drop sign-in: %w", err)
		}
	}
	return nil
}

// Sessions lists a person's sessions that are not over.
func (p *People) Sessions(user string) ([]Session, error) {
	return sessions(p.app, p.store.Now(), user)
}

// SessionStands tells whether a session is there and not over; it is no use of
// it.
func (s *Store) SessionStands(id, user string) (bool, error) {
	all, err := s.Sessions(user)
	return slices.ContainsFunc(all, func(o Session) bool { return o.ID == id }), err
}

// Linked gives the person that an account of an OAuth2 provider is linked to,
// "" when there is none.
func (s *Store) Linked(provider, id string) (string, error) {
	users, err := s.App.FindCachedCollectionByNameOrId("users")
	if err != nil {
		return "", fmt.Errorf("find link: %w", err)
	}
	r, err := s.App.FindFirstExternalAuthByExpr(dbx.HashExp{"collectionRef": users.Id, "provider": provider, "providerId": id})
	if absent(err) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("find link: %w", err)
	}
	return r.RecordRef(), nil
}

// Link links an account of an OAuth2 provider to a person.
func (s *Store) Link(person, provider, id string) error {
	users, err := s.App.FindCachedCollectionByNameOrId("users")
	if err != nil {
		return fmt.Errorf("link account: %w", err)
	}
	r := core.NewExternalAuth(s.App)
	r.SetCollectionRef(users.Id)
	r.SetRecordRef(person)
	r.SetProvider(provider)
	r.SetProviderId(id)
	if err := s.App.Save(r); err != nil {
		return fmt.Errorf("link account: %w", err)
	}
	return nil
}
