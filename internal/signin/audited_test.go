package signin_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/records"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
)

func TestSignInIsAudited(t *testing.T) {
	d := newDesk(t)
	admin, keisha := d.join(access.Admin, "admin@example.org"), d.join(access.Coordinator, "keisha@example.org")
	said := func() (all []string) {
		t.Helper()
		rows, err := d.App.FindRecordsByFilter("audit", "act='sign_in_lock' || act='settings'", "number", 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range rows {
			all = append(all, fmt.Sprint(e.GetString("act"), " ", e.GetString("actor"), " ", e.GetString("organization"), " ", e.GetString("record"), " ", e.GetString("reason"), e.GetString("detail")))
		}
		return all
	}
	// news is what came into the audit while do ran.
	news := func(do func()) []string {
		t.Helper()
		before := len(said())
		do()
		return said()[before:]
	}
	by := func(actor, reason, detail string) []string {
		return []string{fmt.Sprint("sign_in_lock ", actor, " ", d.ngo, " ", keisha.id, " ", reason, detail)}
	}
	t.Run("[R16] a link that somebody makes for another is audited, and its code is not", func(t *testing.T) {
		link := ""
		rig.Want(t, news(func() {
			made, err := d.S.SignIn().ForPerson(keisha.email)
			if err != nil {
				t.Fatal(err)
			}
			link = made.Link
		}), by(records.ActorOperator, "", `{"link":"made"}`))
		_, code, _ := strings.Cut(link, "#set=")
		if code == "" || strings.Contains(strings.Join(said(), "\n"), code) {
			t.Error(link)
		}
		rig.Want(t, news(func() { d.post(200, admin.token, "/signin/link", map[string]any{"user": keisha.id}) }), by(admin.id, "", `{"link":"made"}`))
		rig.Want(t, news(func() { d.post(403, keisha.token, "/signin/link", map[string]any{"user": admin.id}) }), []string{})
	})
	t.Run("[R16] sessions that another ends are audited, one's own are not", func(t *testing.T) {
		own, others, left := d.signIn(keisha), d.signIn(keisha), d.signIn(keisha)
		rig.Want(t, news(func() { d.ask(http.MethodDelete, 200, keisha.token, "/sessions/"+own.Session.ID, nil) }), []string{})
		rig.Want(t, news(func() { d.ask(http.MethodDelete, 200, admin.token, "/sessions/"+others.Session.ID, nil) }), by(admin.id, "", `{"ended_sessions":1}`))
		rig.Want(t, news(func() { d.ask(http.MethodDelete, 404, keisha.token, "/sessions/"+admin.session, nil) }), []string{})
		end := func(what string) func() {
			return func() {
				if _, err := d.S.SignIn().EndByOperator(what); err != nil {
					t.Fatal(err)
				}
			}
		}
		rig.Want(t, news(end(left.Session.ID)), by(records.ActorOperator, "", `{"ended_sessions":1}`))
		rig.Want(t, news(end(keisha.id)), by(records.ActorOperator, "", `{"ended_sessions":1}`))
		rig.Want(t, news(end(keisha.id)), []string{}) // there were none left
	})
	t.Run("[R16] a second factor that is reset is audited with its reason", func(t *testing.T) {
		rig.Want(t, news(func() {
			if _, err := d.S.SignIn().Reset(keisha.id, records.ActorOperator, "lost the phone"); err != nil {
				t.Fatal(err)
			}
		}), by(records.ActorOperator, "lost the phone", `{"reset":"second factor"}`))
	})
	t.Run("[R16] the public address is audited when it changes, and only then", func(t *testing.T) {
		public := func() {
			if err := d.S.Public("https://example.org", "http://127.0.0.1:1"); err != nil {
				t.Fatal(err)
			}
		}
		rig.Want(t, news(public), []string{`settings operator   {"setting":"public_url"}`})
		rig.Want(t, news(public), []string{})
	})
}
