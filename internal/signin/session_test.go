package signin_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/records"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
	"github.com/fieldpost/fieldpost/internal/wire"
)

func TestSessions(t *testing.T) {
	d := newDesk(t)
	keisha, other := d.join(access.Coordinator, "keisha@example.org"), d.join(access.Coordinator, "other@example.org")
	t.Run("[SIGNIN] a session that is ended is refused everywhere, and what it enrolled is signed out", func(t *testing.T) {
		laptop := d.signIn(keisha)
		web := d.NewDevice()
		var in wire.EnrollAnswer
		rig.Want(t, d.Post(laptop.Token, "/api/sync/enroll", wire.EnrollRequest{Device: wire.EnrollDevice{ID: web.ID, Key: web.JWK()}}, &in), http.StatusOK)
		web.Token = in.Token
		web.Fresh()
		rig.Want(t, in.User.ID, keisha.id)
		d.ask(http.MethodDelete, 404, other.token, "/sessions/"+laptop.Session.ID, nil) // not hers to end
		if !d.opens(laptop.Token) {
			t.Fatal("another person ended it")
		}
		d.ask(http.MethodDelete, 200, keisha.token, "/sessions/"+laptop.Session.ID, nil)
		if d.opens(laptop.Token) || !d.opens(keisha.token) {
			t.Fatal("it opens still, or the other one does not")
		}
		if status, _, e := web.TryPull(nil); status != http.StatusForbidden || e.Code != "device_revoked" {
			t.Fatal(status, e)
		}
	})
	t.Run("[ENROL-1] a device that was enrolled from a session pushes and pulls, and stays when its person signs out", func(t *testing.T) {
		in := d.signIn(keisha)
		web := d.NewDevice()
		var a wire.EnrollAnswer
		rig.Want(t, d.Post("Bearer "+in.Token, "/api/sync/enroll", wire.EnrollRequest{Device: wire.EnrollDevice{ID: web.ID, Key: web.JWK()}}, &a), http.StatusOK)
		web.Token = a.Token
		d.ask(http.MethodDelete, 200, in.Token, "/sessions/current", nil)
		rig.Want(t, web.Do(rig.Create("sites", rig.ID(), map[string]any{"name": "Stop", "venue": "hotel"})).Verdict, wire.Applied)
		web.Fresh()
	})
	t.Run("[SIGNIN] a session outlasts a night in use, and ends by itself when nobody uses it", func(t *testing.T) {
		in, idle := d.signIn(keisha), d.signIn(keisha)
		for range 6 {
			d.Clock.Add(11 * time.Hour)
			if !d.opens(in.Token) {
				t.Fatal("it ended under its person")
			}
		}
		if d.opens(idle.Token) {
			t.Fatal("nobody used it for days")
		}
		d.Clock.Add(-66 * time.Hour)
	})
	t.Run("[SIGNIN] and after 7 days, whatever is done", func(t *testing.T) {
		in := d.signIn(keisha)
		for range 24 {
			d.Clock.Add(7 * time.Hour)
			d.opens(in.Token)
		}
		if d.opens(in.Token) {
			t.Fatal("it goes on for ever")
		}
		d.Clock.Add(-7 * 24 * time.Hour)
	})
	t.Run("[SIGNIN] a person's sessions end together, and admins see and end those of all", func(t *testing.T) {
		admin := d.join(access.Admin, "admin@example.org")
		a, b := d.signIn(other), d.signIn(other)
		d.ask(http.MethodGet, 403, other.token, "/sessions?user="+keisha.id, nil)
		if n := len(d.ask(http.MethodGet, 200, admin.token, "/sessions?user="+other.id, nil).Sessions); n < 2 {
			t.Fatal(n)
		}
		d.ask(http.MethodDelete, 200, admin.token, "/sessions/"+a.Session.ID, nil)
		err := d.S.Store.TransactPeople(func(tx *records.People) error { _, err := tx.EndSessions(other.id); return err })
		if err != nil {
			t.Fatal(err)
		}
		if d.opens(a.Token) || d.opens(b.Token) || d.opens(other.token) {
			t.Fatal("one opens still")
		}
	})
}

func TestLockOut(t *testing.T) {
	d := newDesk(t)
	keisha := d.join(access.Coordinator, "keisha@example.org")
	guess := func(n int) {
		for range n {
			d.post(401, "", "/signin", map[string]any{"email": keisha.email, "password": other})
		}
	}
	right := map[string]any{"email": keisha.email, "password": password}
	t.Run("[SIGNIN] five wrong passwords lock, the right one too, for a minute and then for longer, never for more than a quarter of an hour", func(t *testing.T) {
		guess(5)
		for i, wait := range []time.Duration{1, 2, 4, 8, 15, 15, 15} {
			rig.Want(t, d.post(429, "", "/signin", right).Code, "slow_down")
			d.Clock.Add(wait*time.Minute - time.Second)
			d.post(429, "", "/signin", right)
			d.Clock.Add(2 * time.Second)
			if i < 6 {
				guess(1)
			}
		}
		d.post(200, "", "/signin", right)
		guess(4)
		d.post(200, "", "/signin", right) // a right one forgets
	})
	t.Run("[SIGNIN] who guesses elsewhere locks nobody out of a browser that is known", func(t *testing.T) {
		guess(5)
		d.post(429, "", "/signin", right)
		d.post(200, "", "/signin", map[string]any{"email": keisha.email, "password": password, "known": keisha.known})
		d.post(429, "", "/signin", map[string]any{"email": keisha.email, "password": password, "known": keisha.known + "x"})
	})
	t.Run("[SIGNIN] a lock is in the audit, and names no address", func(t *testing.T) {
		d.S.SignIn().Wait()
		rows, err := d.App.FindRecordsByFilter("audit", "act='sign_in_lock'", "", 0, 0)
		if err != nil || len(rows) < 2 {
			t.Fatal(len(rows), err)
		}
		rig.Want(t, []any{rows[0].GetString("record"), rows[0].GetString("organization"), rows[0].GetString("actor")}, []any{keisha.id, d.ngo, "system"})
		raw, err := json.Marshal(rows[0])
		if err != nil || bytes.Contains(raw, []byte("127.0.0.1")) {
			t.Fatal(string(raw), err)
		}
	})
	t.Run("[SIGNIN] wrong codes lock the second step", func(t *testing.T) {
		d.Clock.Add(time.Hour)
		step := d.first(keisha)
		for range 5 {
			d.post(401, "", "/signin/second", map[string]any{"ticket": step.Ticket, "code": "000000"})
		}
		d.post(429, "", "/signin/second", map[string]any{"ticket": step.Ticket, "code": d.code(keisha.secret, 0)})
	})
	t.Run("[SIGNIN] one address that tries many accounts is locked", func(t *testing.T) {
		d := newDesk(t)
		for i := range 30 {
			d.post(401, "", "/signin", map[string]any{"email": rig.ID() + "@example.org", "password": other})
			_ = i
		}
		d.post(429, "", "/signin", map[string]any{"email": "new@example.org", "password": other})
	})
}

func TestPasskeys(t *testing.T) {
	d := newDesk(t)
	keisha := d.join(access.Coordinator, "keisha@example.org")
	add := func(k *rig.Passkey, status int) {
		t.Helper()
		ticket := d.post(200, keisha.token, "/signin/change", map[string]any{"password": password}).Ticket
		var options json.RawMessage
		d.Post("", "/api/fieldpost/signin/setup/passkey", map[string]any{"ticket": ticket}, &options)
		d.post(status, "", "/signin/setup/passkey/confirm", map[string]any{"ticket": ticket, "credential": k.Create(options)})
	}
	enter := func(k *rig.Passkey, status int) {
		t.Helper()
		var asked struct {
			Ticket  string
			Options json.RawMessage
		}
		d.Post("", "/api/fieldpost/signin/passkey", map[string]any{}, &asked)
		got := k.Get(asked.Options)
		in := d.post(status, "", "/signin/passkey/confirm", map[string]any{"ticket": asked.Ticket, "credential": got})
		if status == 200 && !d.opens(in.Token) {
			t.Fatal("it does not open")
		}
		d.post(403, "", "/signin/passkey/confirm", map[string]any{"ticket": asked.Ticket, "credential": got})
	}
	k := rig.NewPasskey(t, "http://localhost:8090")
	t.Run("[SIGNIN] a passkey opens by itself, and no answer opens twice", func(t *testing.T) {
		add(k, 200)
		enter(k, 200)
		enter(k, 200)
	})
	t.Run("[SIGNIN] not from another origin, not without its person checked, not when there are two of it", func(t *testing.T) {
		k.Origin = "http://localhost:8091"
		enter(k, 401)
		add(rig.NewPasskey(t, "https://evil.example"), 401)
		k.Origin, k.Verified = "http://localhost:8090", false
		enter(k, 401)
		k.Verified = true
		enter(k, 200)
		k.Count -= 2
		enter(k, 401)
	})
	t.Run("[SIGNIN] it is added only after the password was said again", func(t *testing.T) {
		d.post(401, keisha.token, "/signin/change", map[string]any{"password": other})
		d.post(401, "", "/signin/change", map[string]any{"password": password})
	})
	t.Run("[SIGNIN] who has lost all gets a link, and what was before opens nothing", func(t *testing.T) {
		before := d.first(keisha)
		made, err := d.S.SignIn().Reset(keisha.email, records.ActorOperator, "lost the phone")
		if err != nil {
			t.Fatal(err)
		}
		if d.opens(keisha.token) {
			t.Fatal("the session stands")
		}
		d.post(403, "", "/signin/second", map[string]any{"ticket": before.Ticket, "code": d.code(keisha.secret, 0)})
		d.post(401, "", "/signin", map[string]any{"email": keisha.email, "password": password})
		code := made.Link[bytes.IndexByte([]byte(made.Link), '=')+1:]
		step := d.post(200, "", "/signin/setup", map[string]any{"link": code, "password": other})
		d.app(step.Ticket, keisha.email)
		d.post(403, "", "/signin/setup", map[string]any{"link": code, "password": other})
	})
}

func TestBackupHoldsNoWayIn(t *testing.T) {
	d := newDesk(t)
	keisha := d.join(access.Coordinator, "keisha.secret@example.org")
	key := base32Bytes(t, keisha.secret)
	canaries := map[string][]byte{"e-mail": []byte(keisha.email), "secret": key, "secret as text": []byte(keisha.secret), "password": []byte(password), "recovery code": []byte(keisha.recovery[0])}
	d.Stop()
	t.Run("[SIGNIN] the data folder holds neither e-mail, secret, password nor code in clear", func(t *testing.T) {
		find := func(what []byte) (found bool) {
			err := filepath.WalkDir(d.Dir, func(path string, e os.DirEntry, err error) error {
				if err != nil || !e.Type().IsRegular() {
					return err
				}
				raw, err := os.ReadFile(path)
				found = found || bytes.Contains(raw, what)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			return found
		}
		for name, c := range canaries {
			if find(c) {
				t.Errorf("%s is there", name)
			}
		}
		if !find([]byte(keisha.id)) {
			t.Error("the search finds nothing at all")
		}
	})
	d.Start()
}

func TestOAuth2(t *testing.T) {
	d := newDesk(t)
	keisha := d.join(access.Coordinator, "keisha@example.org")
	who := "ext-1"
	provider := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.URL.Path == "/token" {
			_, _ = w.Write([]byte(`{"access_token":"x","token_type":"bearer"}`))
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"sub": who, "email": "keisha@example.org", "email_verified": true})
	}))
	defer provider.Close()
	users, err := d.App.FindCollectionByNameOrId("users")
	if err != nil {
		t.Fatal(err)
	}
	users.OAuth2.Enabled = true
	users.OAuth2.Providers = []core.OAuth2ProviderConfig{{Name: "oidc", ClientId: "x", ClientSecret: "y", AuthURL: provider.URL + "/auth", TokenURL: provider.URL + "/token", UserInfoURL: provider.URL + "/me"}}
	if err := d.App.Save(users); err != nil {
		t.Fatal(err)
	}
	come := func(token string) (int, answer) {
		var a answer
		status := d.Post(token, "/api/collections/users/auth-with-oauth2", map[string]any{"provider": "oidc", "code": "c", "redirectURL": "http://localhost:8090/signin"}, &a)
		return status, a
	}
	t.Run("[SIGNIN] a provider makes nobody, and matches nobody by e-mail", func(t *testing.T) {
		before := d.count("users")
		status, a := come("")
		rig.Want(t, []any{status, a.Token, a.Code, d.count("users")}, []any{403, "", "not_allowed", before})
	})
	t.Run("[SIGNIN] once linked by who is signed in it stands for the password, and no more", func(t *testing.T) {
		if status, a := come(keisha.token); status != 200 || a.Token != "" {
			t.Fatal(status, a)
		}
		status, a := come("")
		rig.Want(t, []any{status, a.Token, a.Step}, []any{200, "", "second"})
		in := d.post(200, "", "/signin/second", map[string]any{"ticket": a.Ticket, "code": d.code(keisha.secret, 0)})
		rig.Want(t, in.Session.Method, "oauth2")
		if !d.opens(in.Token) {
			t.Fatal("it does not open")
		}
		other := d.join(access.Coordinator, "other@example.org")
		if status, _ := come(other.token); status != 403 {
			t.Fatal("it was linked to a second person", status)
		}
		who = "ext-2"
		if status, _ := come(""); status != 403 {
			t.Fatal(status)
		}
	})
}
