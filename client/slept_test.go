package client_test

import (
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/fieldpost/fieldpost/client"
	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/records"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// sleep lets a phone lie for some days. PocketBase reads the machine's clock,
// not the test's, so the token that the phone wakes up with is put there: its
// own, as it would be by then.
func sleep(t *testing.T, r *rig.Rig, d *client.Device, path string, days int) {
	t.Helper()
	s := status(t, d)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	long := time.Duration(days) * 24 * time.Hour
	r.Clock.Add(long)
	user, err := r.App.FindRecordById("users", s.Person.ID)
	if err != nil {
		t.Fatal(err)
	}
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{"type": "auth", "id": user.Id, "collectionId": user.Collection().Id,
		"refreshable": false, "device": s.Device, "turn": 1, "exp": time.Now().Add(records.TokenLife - long).Unix()}).
		SignedString([]byte(user.TokenKey() + user.Collection().AuthToken.Secret))
	if err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("UPDATE device SET token = ?", token); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	var e wire.ErrorBody
	if r.Post(token, "/api/sync/push", map[string]any{}, &e); e.Code != "token_expired" {
		t.Fatalf("the token has not run out: %+v", e)
	}
}

func openAt(t *testing.T, r *rig.Rig, path string, link *line) *client.Device {
	t.Helper()
	d, err := client.Open(path, client.Options{Now: r.Clock.Now, HTTP: &http.Client{Transport: link}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

func (l *line) count(path string) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.sent {
		if strings.HasPrefix(s, path+" ") {
			n++
		}
	}
	return n
}

func TestSlept(t *testing.T) {
	// 397 days are the longest thirteen months; 430 are more than tombstones live.
	for _, c := range []struct {
		what  string
		days  int
		reset bool
	}{
		{"thirteen months renews its token, hands in what waited, once, and reads on from its cursor", 397, false},
		{"fourteen months does so too, and is given a full view because its cursor is too old", 430, true},
	} {
		t.Run("[DEV-6] [PULL-7] [EPOCH-4] a phone that slept for "+c.what, func(t *testing.T) {
			r := rig.New(t)
			ngo := r.Organization("Outreach")
			link, path := &line{}, filepath.Join(t.TempDir(), "device.db")
			rosa, keisha := openAt(t, r, path, link), r.Enroll(access.Coordinator, ngo)
			if _, err := rosa.Enroll(t.Context(), r.URL, r.Invite(access.Worker, ngo, 1), "phone"); err != nil {
				t.Fatal(err)
			}
			site, v := keisha.Create("sites", map[string]any{"name": "Stop", "venue": "truck_stop"})
			r.Clock.Add(time.Minute)
			saw(t, rosa, "before")
			mustSync(t, rosa)
			if _, there, err := rosa.Record("sites", site); err != nil || !there {
				t.Fatalf("%v %v", there, err)
			}
			// The answer to one push is lost; another report is never sent.
			saw(t, rosa, "acknowledged")
			link.lose = "/api/sync/push"
			if _, err := rosa.Sync(t.Context()); !errors.Is(err, client.ErrOffline) {
				t.Fatal(err)
			}
			saw(t, rosa, "waited")
			if v := keisha.Do(rig.Delete("sites", site, v.Seq)); v.Verdict != wire.Applied {
				t.Fatalf("%+v", v)
			}
			before := status(t, rosa)

			sleep(t, r, rosa, path, c.days)
			rosa, link.sent = openAt(t, r, path, link), nil
			report := mustSync(t, rosa)
			want(t, "renewals", link.count("/api/sync/renew"), 1)
			want(t, "verdicts", len(report.Push.Verdicts), 2)
			if v := report.Push.Verdicts; !v[0].Replayed || v[1].Replayed || v[0].Verdict != wire.Applied || v[1].Verdict != wire.Applied {
				t.Errorf("%+v", v)
			}
			want(t, "on the server", notesOn(t, r), "acknowledged before waited")
			want(t, "a full view", report.Pull.Reset, c.reset)
			if _, there, err := rosa.Record("sites", site); err != nil || there {
				t.Errorf("what is gone is still shown (%v)", err)
			}
			after := status(t, rosa)
			if before.Waiting != 2 || after.Waiting != 0 || after.Saved != 3 || after.Device != before.Device || len(after.Lineage) != 0 {
				t.Errorf("before %+v, after %+v", before, after)
			}
			want(t, "sent by a second sync", mustSync(t, rosa).Push.Sent, 0)
		})
	}

	t.Run("[ENROL-3] a challenge leaves nothing on the server", func(t *testing.T) {
		r := rig.New(t)
		before := dump(t, r)
		for range 3 {
			if status := r.Post("", "/api/sync/challenge", map[string]any{"device": rig.ID()}, nil); status != http.StatusOK {
				t.Fatal(status)
			}
		}
		if dump(t, r) != before {
			t.Error("something was stored")
		}
		// The control: what does store something is seen.
		r.Organization("Outreach")
		if dump(t, r) == before {
			t.Error("the comparison sees nothing")
		}
	})
}

// dump gives every row of every table.
func dump(t *testing.T, r *rig.Rig) string {
	t.Helper()
	var tables []string
	if err := r.App.DB().NewQuery("SELECT name FROM sqlite_master WHERE type='table' AND name NOT LIKE 'sqlite_%' ORDER BY name").Column(&tables); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for _, table := range tables {
		rows, err := r.App.DB().NewQuery("SELECT * FROM {{" + table + "}}").Rows()
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			columns, err := rows.Columns()
			if err != nil {
				t.Fatal(err)
			}
			values, into := make([]any, len(columns)), make([]any, len(columns))
			for i := range values {
				into[i] = &values[i]
			}
			if err := rows.Rows.Scan(into...); err != nil {
				t.Fatal(err)
			}
			for _, v := range values {
				if raw, ok := v.([]byte); ok {
					v = string(raw)
				}
				out.WriteString(table + " " + fmt.Sprint(v) + "\n")
			}
		}
		if err := rows.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return out.String()
}

func TestTokens(t *testing.T) {
	t.Run("[ENROL-3] each renewal gives a new token, and the one before ends when the new one is used, not when it is given", func(t *testing.T) {
		r := rig.New(t)
		d := r.Enroll(access.Worker, r.Organization("Outreach"))
		first := d.Token
		pull := func(token string) string {
			t.Helper()
			var e wire.ErrorBody
			r.Post(token, "/api/sync/pull", map[string]any{"protocol": 1, "schema": 1, "device": d.ID, "cursor": nil, "mark": nil}, &e)
			return e.Code
		}
		renew := func() string {
			t.Helper()
			var c wire.ChallengeAnswer
			r.Post("", "/api/sync/challenge", map[string]any{"device": d.ID}, &c)
			var a wire.RenewAnswer
			if status := r.Post("", "/api/sync/renew", wire.RenewRequest{Device: d.ID, Challenge: c.Challenge,
				Signature: d.Sign(wire.RenewText(d.ID, c.Challenge, "", ""))}, &a); status != http.StatusOK {
				t.Fatal(status)
			}
			return a.Token
		}
		lost, second := renew(), renew() // the answer to one got lost
		if second == first || pull(first) != "" {
			t.Fatal("the token ended though nobody has used a newer one")
		}
		want(t, "the new one", pull(second), "")
		want(t, "the old one", pull(first), "token_expired")
		want(t, "one of the same turn", pull(lost), "")
		third := renew()
		want(t, "before it is used", pull(second), "")
		want(t, "the third", pull(third), "")
		want(t, "the second", pull(second), "token_expired")
		if status := r.Send(http.MethodGet, second, "/api/collections/observations/records", nil, nil); status != http.StatusUnauthorized {
			t.Errorf("stock REST: %d", status)
		}
		// It holds over a restart: what was used is on disk.
		r.Stop()
		r.Start()
		want(t, "the second, after a restart", pull(second), "token_expired")
		want(t, "the third, after a restart", pull(third), "")
	})
	t.Run("[DEV-6] a client whose token was ended by another copy's renewal goes on by itself", func(t *testing.T) {
		d := newDistrict(t)
		one := d.phone(access.Worker)
		two := one.copy()
		for range 3 {
			for _, c := range []*copied{one, two} {
				c.save()
				c.sync()
			}
		}
		d.endsWell(one, two)
	})
}
