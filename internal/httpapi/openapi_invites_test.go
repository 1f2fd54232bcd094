package httpapi_test

import (
	"bytes"
	"fmt"
	"net/http"
	"time"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/devices"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
)

// invites asks for every answer about invites. It ends with a lock.
func (c *contract) invites(e *edge) {
	t := e.T
	ask := func(method, path, shown, token string, body []byte, status int, code string) answer {
		t.Helper()
		a := e.send(method, path, token, bytes.NewReader(body), nil)
		c.answer(method, shown, a)
		if got, _ := a.body["code"].(string); a.status != status || got != code {
			t.Errorf("%s %s: %d %s, want %d %s: %.300s", method, shown, a.status, got, status, code, a.raw)
		}
		return a
	}
	const all, end, confirm = "/api/fieldpost/invites", "/api/fieldpost/invites/{id}/end", "/api/fieldpost/staff/{id}/confirm"
	keisha, worker := e.keisha.Token, e.worker.Token

	ask(http.MethodPost, all, all, "", text(t, map[string]any{"role": "worker"}), 401, "unauthenticated")
	ask(http.MethodPost, all, all, worker, text(t, map[string]any{"role": "worker"}), 403, "not_allowed")
	ask(http.MethodPost, all, all, keisha, []byte("x"), 400, "bad_request")
	e.without("invites", func() {
		ask(http.MethodPost, all, all, keisha, text(t, map[string]any{"role": "worker"}), 500, "internal")
	})
	for range 2 {
		ask(http.MethodPost, all, all, keisha, text(t, map[string]any{"role": "staff", "sites": []string{e.site}, "poster": true}), 200, "")
	}
	made := ask(http.MethodPost, all, all, keisha, text(t, map[string]any{"role": "worker", "hours": 100}), 200, "")
	id, code := member(made.body, "record", "id").(string), made.body["invite"].(string)

	ask(http.MethodGet, all, all, "", nil, 401, "unauthenticated")
	ask(http.MethodGet, all, all, worker, nil, 403, "not_allowed")
	e.without("invites", func() { ask(http.MethodGet, all, all, keisha, nil, 500, "internal") })
	ask(http.MethodGet, all, all, keisha, nil, 200, "")

	staff := e.Enroll(access.Staff, e.Organization("Hotel"), e.site)
	person := "/api/fieldpost/staff/" + staff.User.ID + "/confirm"
	ask(http.MethodPost, person, confirm, "", nil, 401, "unauthenticated")
	ask(http.MethodPost, person, confirm, worker, nil, 403, "not_allowed")
	ask(http.MethodPost, "/api/fieldpost/staff/nobodyknowsthis/confirm", confirm, keisha, nil, 404, "not_found")
	ask(http.MethodPost, person, confirm, keisha, nil, 200, "")

	look := func(token, code string, status int, want string) {
		c.try(e, "invite", token, map[string]any{"invite": code}, status, want)
	}
	look("", code, 200, "")
	look("", "", 400, "bad_request")
	look("", "NONE-SUCH-HERE", 403, "invite_invalid")
	used, late := e.Invite(access.Worker, e.ngo, 1), e.Invite(access.Worker, e.ngo, 1)
	e.NewDevice().Enroll(used)
	look("", used, 403, "invite_used")
	ask(http.MethodPost, all+"/"+id+"/end", end, "", nil, 401, "unauthenticated")
	ask(http.MethodPost, all+"/"+id+"/end", end, worker, nil, 403, "not_allowed")
	ask(http.MethodPost, all+"/"+rig.ID()+"/end", end, keisha, nil, 404, "not_found")
	e.without("invites", func() { ask(http.MethodPost, all+"/"+id+"/end", end, keisha, nil, 500, "internal") })
	ask(http.MethodPost, all+"/"+id+"/end", end, keisha, nil, 200, "")
	look("", code, 403, "invite_ended")
	d := e.NewDevice()
	enroll := func(code string) map[string]any {
		return map[string]any{"invite": code, "device": map[string]any{"id": d.ID, "name": "x", "platform": "cli", "key": d.JWK()}}
	}
	c.try(e, "enroll", "", enroll(code), 403, "invite_ended")
	e.without("users", func() { ask(http.MethodPost, person, confirm, "", nil, 401, "unauthenticated") })
	e.without("journal_entry", func() {
		e.unconfirm(staff.User.ID)
		ask(http.MethodPost, person, confirm, keisha, nil, 500, "internal")
	})
	e.Clock.Add(73 * time.Hour)
	look("", late, 403, "invite_expired")
	e.without("invites", func() { look("", "NONE-SUCH-EITHER", 500, "internal") })
	for i := range devices.WrongPerAddress - 1 {
		look("", fmt.Sprintf("NONE-SUCH-%04d", i), 403, "invite_invalid")
	}
	look("", "NONE-SUCH-LAST", 429, "slow_down")
	c.try(e, "enroll", "", enroll(late), 429, "slow_down")
	e.Clock.Add(devices.LockFor)
}

// unconfirm marks a person as the server would, past the journal.
func (e *edge) unconfirm(user string) {
	e.T.Helper()
	if _, err := e.App.NonconcurrentDB().NewQuery("UPDATE users SET unconfirmed = 1 WHERE id = {:id}").Bind(map[string]any{"id": user}).Execute(); err != nil {
		e.T.Fatal(err)
	}
}
