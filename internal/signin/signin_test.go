package signin_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/records"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
	"github.com/fieldpost/fieldpost/internal/wire"
)

func TestPasswordAndCode(t *testing.T) {
	d := newDesk(t)
	keisha := d.join(access.Coordinator, "Keisha@example.org")

	t.Run("[SIGNIN] an invite gives e-mail, password and second factor, and uses itself up", func(t *testing.T) {
		if !d.opens(keisha.token) || len(keisha.recovery) != 10 {
			t.Fatalf("%+v", keisha)
		}
		me := d.ask(http.MethodGet, 200, keisha.token, "/signin/account", nil)
		rig.Want(t, []any{me.Email, me.TOTP, me.RecoveryLeft}, []any{"Keisha@example.org", true, 10})
		invite := d.Invite(access.Coordinator, d.ngo, 1)
		step := d.post(200, "", "/signin/setup", map[string]any{"invite": invite, "email": "a@example.org", "password": password})
		twin := d.post(200, "", "/signin/setup", map[string]any{"invite": invite, "email": "b@example.org", "password": password})
		d.app(step.Ticket, "a@example.org")
		totp := d.post(200, "", "/signin/setup/totp", map[string]any{"ticket": twin.Ticket})
		rig.Want(t, d.post(403, "", "/signin/setup/totp/confirm", map[string]any{"ticket": twin.Ticket, "code": d.code(totp.Secret, 0)}).Code, "invite_used")
	})
	t.Run("[SIGNIN] nobody is made before the second factor works", func(t *testing.T) {
		before := d.count("users")
		step := d.post(200, "", "/signin/setup", map[string]any{"invite": d.Invite(access.Admin, d.ngo, 1), "email": "c@example.org", "password": password})
		d.post(200, "", "/signin/setup/totp", map[string]any{"ticket": step.Ticket})
		d.post(401, "", "/signin/setup/totp/confirm", map[string]any{"ticket": step.Ticket, "code": "000000"})
		rig.Want(t, d.count("users"), before)
		d.post(401, "", "/signin", map[string]any{"email": "c@example.org", "password": password})
	})
	t.Run("[SIGNIN] a password alone opens nothing", func(t *testing.T) {
		step := d.first(keisha)
		rig.Want(t, []any{step.Step, step.Token, step.Methods}, []any{"second", "", []string{"totp", "recovery"}})
		for _, body := range []map[string]any{
			{"ticket": step.Ticket, "code": "000000"}, {"ticket": step.Ticket, "recovery": "aaaa-bbbb-cccc"},
		} {
			rig.Want(t, d.post(401, "", "/signin/second", body).Token, "")
		}
		d.post(400, "", "/signin/second", map[string]any{"ticket": step.Ticket})
		d.post(403, "", "/signin/second", map[string]any{"ticket": "x" + step.Ticket, "code": d.code(keisha.secret, 0)})
		if !d.opens(d.signIn(keisha).Token) {
			t.Fatal("the right code does not open")
		}
	})
	t.Run("[SIGNIN] a code is taken once, one step early or late, and never again", func(t *testing.T) {
		late, now, early := d.code(keisha.secret, -1), d.code(keisha.secret, 0), d.code(keisha.secret, 1)
		for _, c := range []string{d.code(keisha.secret, -2), d.code(keisha.secret, 2)} {
			d.post(401, "", "/signin/second", map[string]any{"ticket": d.first(keisha).Ticket, "code": c})
		}
		for _, c := range []string{late, now, early} {
			d.post(200, "", "/signin/second", map[string]any{"ticket": d.first(keisha).Ticket, "code": c})
			d.post(401, "", "/signin/second", map[string]any{"ticket": d.first(keisha).Ticket, "code": c})
			d.signInByCode(keisha) // and forgets the wrong ones
		}
	})
	t.Run("[SIGNIN] a code that was taken takes those before it along", func(t *testing.T) {
		d.Clock.Add(5 * time.Minute)
		before := d.code(keisha.secret, -1)
		d.post(200, "", "/signin/second", map[string]any{"ticket": d.first(keisha).Ticket, "code": d.code(keisha.secret, 0)})
		d.post(401, "", "/signin/second", map[string]any{"ticket": d.first(keisha).Ticket, "code": before})
		d.Clock.Add(time.Minute)
		d.signIn(keisha)
	})
	t.Run("[SIGNIN] a recovery code opens once", func(t *testing.T) {
		c := strings.ToUpper(strings.ReplaceAll(keisha.recovery[9], "-", " "))
		in := d.post(200, "", "/signin/second", map[string]any{"ticket": d.first(keisha).Ticket, "recovery": c})
		if !d.opens(in.Token) {
			t.Fatal("it does not open")
		}
		d.post(401, "", "/signin/second", map[string]any{"ticket": d.first(keisha).Ticket, "recovery": c})
		d.signIn(keisha)
	})
	t.Run("[SIGNIN] a ticket opens once", func(t *testing.T) {
		step := d.first(keisha)
		d.post(200, "", "/signin/second", map[string]any{"ticket": step.Ticket, "code": d.code(keisha.secret, 0)})
		d.Clock.Add(time.Minute)
		d.post(403, "", "/signin/second", map[string]any{"ticket": step.Ticket, "code": d.code(keisha.secret, 0)})
		old := d.first(keisha)
		d.Clock.Add(6 * time.Minute)
		rig.Want(t, d.post(403, "", "/signin/second", map[string]any{"ticket": old.Ticket, "code": d.code(keisha.secret, 0)}).Code, "challenge_expired")
	})
	t.Run("[SIGNIN] workers, staff and a wrong role get no sign-in", func(t *testing.T) {
		site := d.Site("Hotel", d.Organization("Owner"), d.ngo)
		for _, c := range []string{d.Invite(access.Worker, d.ngo, 1), d.Invite(access.Staff, d.ngo, 1, site)} {
			rig.Want(t, d.post(403, "", "/signin/setup", map[string]any{"invite": c, "email": "w@example.org", "password": password}).Code, "not_allowed")
		}
		worker := d.Enroll(access.Worker, d.ngo)
		rig.Want(t, d.post(403, worker.Token, "/signin/link", map[string]any{}).Code, "not_allowed")
		tom := d.join(access.Manager, "tom@example.org")
		r, err := d.App.FindRecordById("users", tom.id)
		if err != nil {
			t.Fatal(err)
		}
		r.Set("role", "worker")
		if err := d.App.Save(r); err != nil {
			t.Fatal(err)
		}
		if d.opens(tom.token) {
			t.Fatal("a worker has a session")
		}
		d.post(401, "", "/signin", map[string]any{"email": tom.email, "password": password})
	})
	t.Run("[SIGNIN] passwords that are guessed at once, and what is no e-mail, are refused", func(t *testing.T) {
		invite := d.Invite(access.Coordinator, d.ngo, 1)
		for _, bad := range []string{"", "short", "aaaaaaaaaaaaaaaa", "long.enough@example.org", strings.Repeat("ab cd ef", 40)} {
			d.post(400, "", "/signin/setup", map[string]any{"invite": invite, "email": "long.enough@example.org", "password": bad})
		}
		for _, bad := range []string{"", "x", "Name <x@example.org>", "keisha@EXAMPLE.org"} {
			d.post(400, "", "/signin/setup", map[string]any{"invite": invite, "email": bad, "password": password})
		}
	})
}

// signInByCode signs in by the next new code.
func (d *desk) signInByCode(p *person) {
	d.T.Helper()
	d.Clock.Add(2 * time.Minute)
	d.signIn(p)
	d.Clock.Add(-3 * time.Minute)
	// What was taken since is not to count for what the test does next.
	err := d.S.Store.TransactPeople(func(tx *records.People) error {
		a, err := tx.AccountOf(p.id)
		if err != nil {
			return err
		}
		a.Step = d.Clock.Now().Unix()/30 - 2
		return tx.SaveAccount(a)
	})
	if err != nil {
		d.T.Fatal(err)
	}
}

func (d *desk) count(table string) (n int) {
	d.T.Helper()
	if err := d.App.DB().NewQuery("SELECT count(*) FROM {{" + table + "}}").Row(&n); err != nil {
		d.T.Fatal(err)
	}
	return n
}

func TestNoOracle(t *testing.T) {
	d := newDesk(t)
	keisha := d.join(access.Coordinator, "keisha@example.org")
	t.Run("[SIGNIN] whether there is an account is not to be learned: the same words, the same lock", func(t *testing.T) {
		for i := range 7 {
			var got [2]string
			for j, email := range []string{keisha.email, "nobody@example.org"} {
				raw := map[string]any{}
				status := d.Post("", "/api/fieldpost/signin", map[string]any{"email": email, "password": other}, &raw)
				got[j] = strings.Join([]string{http.StatusText(status), raw["code"].(string), raw["message"].(string), raw["hint"].(string)}, "|")
			}
			rig.Want(t, got[0], got[1])
			if want := i >= 5; strings.Contains(got[0], "slow_down") != want {
				t.Fatalf("try %d: %s", i+1, got[0])
			}
		}
	})
	t.Run("[R16] the lock of an account is in the audit, once, with nothing that was tried", func(t *testing.T) {
		d.S.SignIn().Wait()
		found, err := d.App.FindAllRecords(records.AuditCollection)
		if err != nil {
			t.Fatal(err)
		}
		locks := 0
		for _, e := range found {
			if e.GetString("act") != records.ActSignInLock {
				continue
			}
			locks++
			rig.Want(t, []any{e.GetString("actor"), e.GetString("collection"), e.GetString("record")}, []any{records.ActorSystem, "users", keisha.id})
			if text := e.GetString("detail") + e.GetString("reason"); strings.Contains(text, other) || strings.Contains(text, "@") {
				t.Error(text)
			}
		}
		rig.Want(t, locks, 1)
	})
	t.Run("[SIGNIN] and the same work: a password is hashed for nobody too", func(t *testing.T) {
		d := newDesk(t)
		d.S.SignIn().Cost = 10
		p := d.join(access.Coordinator, "p@example.org")
		took := func(email string) time.Duration {
			best := time.Hour
			for range 3 {
				began := time.Now()
				d.post(401, "", "/signin", map[string]any{"email": email, "password": other})
				best = min(best, time.Since(began))
			}
			return best
		}
		known, unknown := took(p.email), took("nobody@example.org")
		if unknown < known/2 || known < unknown/2 {
			t.Errorf("with an account %v, without %v", known, unknown)
		}
	})
}

func TestStockWaysAreClosed(t *testing.T) {
	d := newDesk(t)
	keisha := d.join(access.Coordinator, "keisha@example.org")
	// As if a superuser had given her a stock password in the dashboard.
	r, err := d.App.FindRecordById("users", keisha.id)
	if err != nil {
		t.Fatal(err)
	}
	users := r.Collection()
	users.OTP.Enabled = true
	if err := d.App.Save(users); err != nil {
		t.Fatal(err)
	}
	r.SetEmail(keisha.email)
	r.SetPassword(password)
	r.SetVerified(true)
	if err := d.App.Save(r); err != nil {
		t.Fatal(err)
	}
	reset, err := r.NewPasswordResetToken()
	if err != nil {
		t.Fatal(err)
	}
	change, err := r.NewEmailChangeToken("new@example.org")
	if err != nil {
		t.Fatal(err)
	}
	otp := core.NewOTP(d.App)
	otp.SetCollectionRef(users.Id)
	otp.SetRecordRef(r.Id)
	otp.SetPassword("12345678")
	if err := d.App.Save(otp); err != nil {
		t.Fatal(err)
	}
	for _, collection := range []string{"users", users.Id} {
		for path, body := range map[string]map[string]any{
			"auth-with-password":     {"identity": keisha.email, "password": password},
			"request-otp":            {"email": keisha.email},
			"auth-with-otp":          {"otpId": otp.Id, "password": "12345678"},
			"confirm-password-reset": {"token": reset, "password": other, "passwordConfirm": other},
			"confirm-email-change":   {"token": change, "password": password},
			"request-password-reset": {"email": keisha.email},
		} {
			t.Run("[SIGNIN] "+path+" of "+map[bool]string{true: "users", false: "the collection's id"}[collection == "users"]+" is closed", func(t *testing.T) {
				var body2 map[string]any
				status := d.Post("", "/api/collections/"+collection+"/"+path, body, &body2)
				if status != http.StatusForbidden || body2["token"] != nil {
					t.Errorf("%d %v", status, body2)
				}
			})
		}
	}
	t.Run("[SIGNIN] a stock token of a person opens nothing, by whomever it was made", func(t *testing.T) {
		if r, err = d.App.FindRecordById("users", keisha.id); err != nil {
			t.Fatal(err)
		}
		plain, err := r.NewAuthToken()
		if err != nil {
			t.Fatal(err)
		}
		static, err := r.NewStaticAuthToken(time.Hour) // as impersonate makes
		if err != nil {
			t.Fatal(err)
		}
		for _, token := range []string{plain, static, "Bearer " + plain} {
			if d.opens(token) {
				t.Error("it opens")
			}
			for _, path := range []string{"/api/sync/pull", "/api/sync/enroll", "/api/collections/users/auth-refresh", "/api/batch", "/api/files/token", "/api/fieldpost/signin/change"} {
				rig.Want(t, d.Post(token, path, map[string]any{"device": map[string]any{}}, nil), http.StatusUnauthorized)
			}
		}
	})
	t.Run("[SIGNIN] the stock refresh makes nothing new of a session", func(t *testing.T) {
		in := d.signIn(keisha)
		var a struct{ Token string }
		rig.Want(t, d.Post(in.Token, "/api/collections/users/auth-refresh", nil, &a), http.StatusOK)
		rig.Want(t, a.Token, in.Token)
	})
	t.Run("[SIGNIN] who has a device only is as before", func(t *testing.T) {
		worker := d.Enroll(access.Worker, d.ngo)
		_, v := worker.Create("observations", d.Observation(""))
		rig.Want(t, v.Verdict, wire.Applied)
		rig.Want(t, d.Post(worker.Token, "/api/collections/users/auth-refresh", nil, nil), http.StatusOK)
	})
}
