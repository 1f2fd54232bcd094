package httpapi

import (
	"net/http"
	"strings"

	"github.com/pocketbase/pocketbase/core"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/fault"
	"github.com/fieldpost/fieldpost/internal/records"
)

// sessionKey is the session whose token a realtime client has.
const sessionKey = "@fieldpost.session"

// refuseEnded says why the token of somebody who came without a device does not
// open anything; nil when it does. A users token belongs to a device or to a
// session that stands: whatever made another one (a stock endpoint, a
// superuser), it would be an entry that nobody sees in a list and nobody can end.
func (a *API) refuseEnded(e *core.RequestEvent) error {
	id := a.session(e)
	if id == "" || !records.SignsIn(access.Role(e.Auth.GetString("role"))) {
		return fault.New(fault.Unauthenticated, "This access is neither a device's nor a session's.").WithHint(signInAgain)
	}
	ok, err := a.Store.UseSession(id, e.Auth.Id)
	if err != nil {
		return err
	}
	if !ok {
		return fault.New(fault.Unauthenticated, "The session has ended.").WithHint(signInAgain)
	}
	return nil
}

const signInAgain = "Sign in again."

// session is the session of a request's token, "" without one.
func (a *API) session(e *core.RequestEvent) string {
	return a.Store.SessionOf(e.Request.Header.Get("Authorization"))
}

// signedIn gives session and person of a request that has to have a session.
func (a *API) signedIn(e *core.RequestEvent) (session, user string, err error) {
	if e.Auth == nil {
		return "", "", fault.New(fault.Unauthenticated, "Nobody is signed in.").WithHint(signInAgain)
	}
	if session = a.session(e); session == "" || e.Auth.IsSuperuser() {
		return "", "", fault.New(fault.NotAllowed, "This takes a session of the web's sign-in.").WithHint(signInAgain)
	}
	return session, e.Auth.Id, nil
}

// enrolledFrom notes that a device was enrolled from a session, when it was:
// who ends that session elsewhere signs the device out too.
func (a *API) enrolledFrom(e *core.RequestEvent, device string) error {
	if e.Auth == nil {
		return nil
	}
	session := a.session(e)
	if session == "" {
		return nil
	}
	return a.Store.TransactPeople(func(tx *records.People) error { return tx.EnrolledFrom(session, device) })
}

// DisconnectEnded ends the open streams of sessions that have ended.
func (a *API) DisconnectEnded(app core.App) {
	for id, c := range app.SubscriptionsBroker().Clients() {
		session, _ := c.Get(sessionKey).(string)
		if session == "" {
			continue
		}
		auth, _ := c.Get("auth").(*core.Record)
		if auth == nil {
			continue
		}
		if ok, err := a.Store.SessionStands(session, auth.Id); err == nil && !ok {
			app.SubscriptionsBroker().Unregister(id)
		}
	}
}

// browserOf is what a browser calls itself, in two words: enough to tell one's
// own sessions apart, and too little to know anybody by.
func browserOf(r *http.Request) string {
	agent := r.UserAgent()
	first := func(words ...string) string {
		for _, w := range words {
			key, name, found := strings.Cut(w, "=")
			if !found {
				name = key
			}
			if strings.Contains(agent, key) {
				return name
			}
		}
		return ""
	}
	browser := first("Edg=Edge", "OPR=Opera", "Firefox", "Chrome", "Safari")
	system := first("Android", "iPhone", "iPad", "Windows", "Mac OS=Mac", "CrOS=ChromeOS", "Linux")
	switch {
	case browser == "" && system == "":
		return "Browser"
	case browser == "":
		return system
	case system == "":
		return browser
	}
	return browser + ", " + system
}
