package client_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/fieldpost/fieldpost/client"
	"github.com/fieldpost/fieldpost/internal/access"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
)

// A device that was signed out, with the real client and the real server.
func TestRevokedDevice(t *testing.T) {
	t.Run("[PUSH-10] [DEV-3] a device that was signed out hands in what it holds, says so, reads nothing more and keeps everything", func(t *testing.T) {
		r := rig.New(t)
		ngo := r.Organization("Outreach")
		rosa := device(t, r, access.Worker, ngo)
		mustSync(t, rosa)
		if _, err := rosa.Observe(client.Observation{EventTime: time.Now(), Indicators: []client.Indicator{{ID: "core.01", Basis: "saw"}}}); err != nil {
			t.Fatal(err)
		}
		s, err := rosa.Status()
		if err != nil {
			t.Fatal(err)
		}
		if found, err := r.S.Revoke(s.Device); err != nil || !found {
			t.Fatal(found, err)
		}
		report, err := rosa.Sync(t.Context())
		if !errors.Is(err, client.ErrRefused) || client.Explain(err).Code != "device_revoked" {
			t.Fatalf("it does not say that it was signed out: %v", err)
		}
		if len(report.Push.Verdicts) != 1 || report.Push.Verdicts[0].Verdict != "refused" || report.Push.Verdicts[0].Quarantine == "" ||
			!strings.Contains(report.Push.Verdicts[0].Message, "signed out") {
			t.Fatalf("%+v", report.Push.Verdicts)
		}
		if s, err = rosa.Status(); err != nil || s.NeedsAttention != 1 || s.Waiting != 0 || s.Received != 0 || s.Problem == nil || s.Problem.Code != "device_revoked" {
			t.Fatalf("%+v %v", s, err)
		}
		held, err := r.S.Store.Quarantine(false)
		if err != nil || len(held) != 1 || held[0].ID != report.Push.Verdicts[0].Quarantine {
			t.Fatalf("%+v %v", held, err)
		}
	})
	t.Run("[PUSH-10] [DEV-4] with its share of the quarantine used up, what would be refused waits, the rest is sent, and a person learns why", func(t *testing.T) {
		r := rig.New(t)
		ngo := r.Organization("Outreach")
		rosa := device(t, r, access.Worker, ngo)
		mustSync(t, rosa)
		s, err := rosa.Status()
		if err != nil {
			t.Fatal(err)
		}
		_, err = r.App.NonconcurrentDB().NewQuery(`INSERT INTO journal_held (quarantine,device,n,bytes) VALUES ('q00000000000001',{:d},1000,9999990)`).
			Bind(map[string]any{"d": r.S.Key.Device(s.Device)}).Execute()
		if err != nil {
			t.Fatal(err)
		}
		observe := func(operation string) {
			t.Helper()
			if _, err := rosa.Observe(client.Observation{EventTime: time.Now(), Indicators: []client.Indicator{{ID: "core.01", Basis: "saw"}},
				Details: client.Details{Operation: operation}}); err != nil {
				t.Fatal(err)
			}
		}
		observe("no id at all")
		observe("")
		if _, err := rosa.Sync(t.Context()); err != nil && client.Explain(err).Code != "quarantine_full" {
			t.Fatal(err)
		}
		if s, err = rosa.Status(); err != nil || s.Waiting != 1 || s.Received != 1 || s.NeedsAttention != 0 {
			t.Fatalf("%+v %v", s, err)
		}
		_, err = rosa.Sync(t.Context())
		if !errors.Is(err, client.ErrLater) || client.Explain(err).Code != "quarantine_full" {
			t.Fatalf("%v", err)
		}
		looked := func(problem string) {
			t.Helper()
			s := status(t, rosa)
			if s.Waiting != 1 || s.NeedsAttention != 0 || s.Problem == nil || s.Problem.Code != problem {
				t.Fatalf("%+v %+v", s, s.Problem)
			}
		}
		looked("quarantine_full") // though the pull after it went well
		if _, err := rosa.Pull(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		looked("quarantine_full")
		r.Stop()
		if _, err := rosa.Sync(t.Context()); !errors.Is(err, client.ErrOffline) {
			t.Fatal(err)
		}
		looked("quarantine_full")
		r.Start()
		follow(t, r.URL, rosa)
		if _, err := r.App.NonconcurrentDB().NewQuery("DELETE FROM journal_held").Execute(); err != nil { // somebody dealt with it
			t.Fatal(err)
		}
		mustSync(t, rosa)
		if s := status(t, rosa); s.Problem != nil || s.Waiting != 0 {
			t.Fatalf("%+v %+v", s, s.Problem)
		}
	})
}
