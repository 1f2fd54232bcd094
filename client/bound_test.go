package client_test

import (
	"database/sql"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/fieldpost/fieldpost/internal/access"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
	"github.com/fieldpost/fieldpost/internal/wire"
)

func TestTokenOfBefore(t *testing.T) {
	t.Run("[DEV-6] [ENROL-3] a phone whose token is of before tokens were bound renews it once, and nothing it holds is lost", func(t *testing.T) {
		r := rig.New(t)
		ngo := r.Organization("Outreach")
		link, path := &line{}, filepath.Join(t.TempDir(), "device.db")
		rosa := openAt(t, r, path, link)
		if _, err := rosa.Enroll(t.Context(), r.URL, r.Invite(access.Worker, ngo, 1), "phone"); err != nil {
			t.Fatal(err)
		}
		saw(t, rosa, "before")
		mustSync(t, rosa)
		saw(t, rosa, "waited")
		s := status(t, rosa)
		if err := rosa.Close(); err != nil {
			t.Fatal(err)
		}

		user, err := r.App.FindRecordById("users", s.Person.ID)
		if err != nil {
			t.Fatal(err)
		}
		old, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{"type": "auth", "id": user.Id, "collectionId": user.Collection().Id,
			"refreshable": false, "device": s.Device, "turn": 1, "exp": time.Now().Add(time.Hour).Unix()}).
			SignedString([]byte(user.TokenKey() + user.Collection().AuthToken.Secret))
		if err != nil {
			t.Fatal(err)
		}
		db, err := sql.Open("sqlite", path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := db.Exec("UPDATE device SET token = ?", old); err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		pull := map[string]any{"protocol": 1, "schema": 1, "device": s.Device, "cursor": nil, "mark": nil}
		var e wire.ErrorBody
		if r.Post(old, "/api/sync/pull", pull, &e); e.Code != "token_expired" || e.Retry != "renew" {
			t.Fatalf("the old token: %+v", e)
		}
		r.S.Store.Unbound = true // the control: it is the bond alone that it lacks
		if status := r.Post(old, "/api/sync/pull", pull, nil); status != http.StatusOK {
			t.Fatalf("the old token without the protection: %d", status)
		}
		r.S.Store.Unbound = false

		rosa, link.sent = openAt(t, r, path, link), nil
		report := mustSync(t, rosa)
		want(t, "renewals", link.count("/api/sync/renew"), 1)
		want(t, "sent", report.Push.Sent, 1)
		want(t, "on the server", notesOn(t, r), "before waited")
		after := status(t, rosa)
		if after.Waiting != 0 || after.Device != s.Device || after.Saved != 2 {
			t.Errorf("%+v", after)
		}
		link.sent = nil
		mustSync(t, rosa)
		want(t, "renewals afterwards", link.count("/api/sync/renew"), 0)
	})
}
