package client_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/fieldpost/fieldpost/client"
	"github.com/fieldpost/fieldpost/internal/access"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
)

// These tests run the library against the real server.

func device(t *testing.T, r *rig.Rig, role access.Role, organization string, sites ...string) *client.Device {
	t.Helper()
	d, err := client.Open(filepath.Join(t.TempDir(), "device.db"), client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	if _, err := d.Enroll(t.Context(), r.URL, r.Invite(role, organization, 1, sites...), "phone"); err != nil {
		t.Fatal(err)
	}
	return d
}

func mustSync(t *testing.T, d *client.Device) client.SyncReport {
	t.Helper()
	r, err := d.Sync(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestAgainstTheServer(t *testing.T) {
	t.Run("[PUSH-1] three observations and a checklist, made with no server, arrive once and are watched", func(t *testing.T) {
		r := rig.New(t)
		ngo := r.Organization("Outreach")
		site := r.Site("Hotel one", r.Organization("Hotel"), ngo)
		worker, keisha := device(t, r, access.Worker, ngo), device(t, r, access.Coordinator, ngo)
		mustSync(t, worker)
		r.Stop()
		for range 3 {
			if _, err := worker.Observe(client.Observation{EventTime: time.Now(), Indicators: []client.Indicator{{ID: "core.01", Basis: "saw"}},
				Details: client.Details{Site: site}}); err != nil {
				t.Fatal(err)
			}
		}
		filled, err := worker.Fill(client.Submission{Checklist: "hotel_front", EventTime: time.Now(), Details: client.Details{Site: site},
			Answers: map[string]string{"hotel_front.01": "yes", "hotel_front.02": "no"}, Basis: map[string]string{"hotel_front.01": "saw"}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := worker.Sync(t.Context()); !errors.Is(err, client.ErrOffline) {
			t.Fatalf("with the server stopped: %v", err)
		}
		r.Start()
		for _, d := range []*client.Device{worker, keisha} {
			if err := d.SetURL(r.URL); err != nil {
				t.Fatal(err)
			}
		}
		arrived := make(chan client.Change, 100)
		live := make(chan client.LiveState, 10)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() {
			ended <- keisha.Watch(ctx, client.Watcher{
				Change: func(c client.Change) {
					if c.Collection == "observations" || c.Collection == "submissions" {
						arrived <- c
					}
				},
				State: func(s client.LiveState, err error) { live <- s },
			})
		}()
		for s := range live {
			if s == client.Behind || s == client.Polling {
				t.Fatalf("watch is %s", s)
			}
			if s == client.Live {
				break
			}
		}
		began := time.Now()
		report := mustSync(t, worker)
		if len(report.Push.Verdicts) != 4 {
			t.Fatalf("%d verdicts", len(report.Push.Verdicts))
		}
		for _, v := range report.Push.Verdicts {
			if v.Verdict != "applied" || v.Code != "" {
				t.Errorf("verdict %+v", v)
			}
		}
		for range 4 {
			select {
			case <-arrived:
			case <-time.After(5 * time.Second):
				t.Fatal("a report did not arrive")
			}
		}
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("took %v", took)
		}
		stop()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("watch: %v", err)
		}
		if again := mustSync(t, worker); again.Push.Sent != 0 {
			t.Errorf("a second sync sent %d", again.Push.Sent)
		}
		rec, ok, err := worker.Record("submissions", filled.IDs[0])
		if err != nil || !ok || rec.State != client.Received || rec.Seq == 0 || rec.Text("organization") != ngo {
			t.Errorf("own report: %+v %v %v", rec, ok, err)
		}
	})

	t.Run("[DEV-3] what the real server refuses is parked with its reason, and the corrected copy is received", func(t *testing.T) {
		r := rig.New(t)
		worker := device(t, r, access.Worker, r.Organization("Outreach"))
		bad, err := worker.Do(client.Op{Op: "create", Collection: "observations",
			Fields: map[string]any{"event_time": "2026-01-11T04:55:00.000Z", "indicators": []any{map[string]any{"indicator": "core.99", "basis": "saw"}}}})
		if err != nil {
			t.Fatal(err)
		}
		mustSync(t, worker)
		e, err := worker.Mutation(bad.N)
		if err != nil || e.Phase != client.Parked || e.Code != "invalid" || e.Verdict.Quarantine == "" {
			t.Fatalf("%+v %v", e, err)
		}
		e.Ops[0].Fields["indicators"] = []any{map[string]any{"indicator": "core.01", "basis": "saw"}}
		if _, err := worker.CorrectAs(bad.N, e.Ops...); err != nil {
			t.Fatal(err)
		}
		if got := mustSync(t, worker).Push.Verdicts[0]; got.Verdict != "applied" {
			t.Errorf("the copy: %+v", got)
		}
	})

	t.Run("[PUSH-6] what a coordinator has released or adopted no longer needs its author's attention; what is held does", func(t *testing.T) {
		r := rig.New(t)
		ngo := r.Organization("Outreach")
		worker, keisha := device(t, r, access.Worker, ngo), r.Enroll(access.Coordinator, ngo)
		held := make([]string, 3)
		for i := range held {
			if _, err := worker.Do(client.Op{Op: "create", Collection: "observations",
				Fields: map[string]any{"event_time": "2026-01-11T04:55:00.000Z", "indicators": []any{map[string]any{"indicator": "core.99", "basis": "saw"}}}}); err != nil {
				t.Fatal(err)
			}
			held[i] = mustSync(t, worker).Push.Verdicts[0].Quarantine
		}
		for i, what := range []string{"release", "adopt"} {
			e, err := worker.Mutation(int64(i + 1))
			if err != nil {
				t.Fatal(err)
			}
			e.Ops[0].Fields["indicators"] = []any{map[string]any{"indicator": "core.01", "basis": "saw"}}
			if status := r.Post(keisha.Token, "/api/sync/quarantine/"+held[i]+"/"+what, map[string]any{"ops": e.Ops}, nil); status != 200 {
				t.Fatal(what, status)
			}
		}
		mustSync(t, worker)
		if s := status(t, worker); s.NeedsAttention != 1 || s.Received != 2 || s.Waiting != 0 {
			t.Errorf("%+v", s)
		}
		if e, err := worker.Mutation(1); err != nil || e.State != client.Received || e.Code != "" {
			t.Errorf("%+v %v", e, err)
		}
		if err := worker.Retry(1); client.Explain(err).Code != "not_parked" {
			t.Errorf("a second report could be made of it: %v", err)
		}
		if again := mustSync(t, worker); again.Push.Sent != 0 {
			t.Errorf("%+v", again.Push)
		}
	})

	t.Run("[PULL-5] an update is based on the version that was pulled", func(t *testing.T) {
		r := rig.New(t)
		keisha := device(t, r, access.Coordinator, r.Organization("Outreach"))
		made, err := keisha.Do(client.Op{Op: "create", Collection: "sites", Fields: map[string]any{"name": "Stop", "venue": "truck_stop"}})
		if err != nil {
			t.Fatal(err)
		}
		mustSync(t, keisha)
		if _, err := keisha.Do(client.Op{Op: "update", Collection: "sites", ID: made.IDs[0], Fields: map[string]any{"notes": "open all night"}}); err != nil {
			t.Fatal(err)
		}
		report := mustSync(t, keisha)
		if v := report.Push.Verdicts[0]; v.Verdict != "applied" {
			t.Errorf("%+v", v)
		}
		rec, ok, err := keisha.Record("sites", made.IDs[0])
		if err != nil || !ok || rec.Text("notes") != "open all night" || rec.N != 0 {
			t.Errorf("%+v %v %v", rec, ok, err)
		}
	})

	t.Run("[ENROL-1] an enrolment again repeats the answer; a wrong and a used invite are refused", func(t *testing.T) {
		r := rig.New(t)
		ngo := r.Organization("Outreach")
		invite := r.Invite(access.Worker, ngo, 1)
		open := func() *client.Device {
			d, err := client.Open(filepath.Join(t.TempDir(), "device.db"), client.Options{})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { d.Close() })
			return d
		}
		d := open()
		first, err := d.Enroll(t.Context(), r.URL, invite, "phone")
		if err != nil {
			t.Fatal(err)
		}
		again, err := d.Enroll(t.Context(), r.URL, invite, "phone")
		if err != nil || again.ID != first.ID {
			t.Errorf("again: %v %v", again, err)
		}
		for code, invite := range map[string]string{"invite_used": invite, "invite_invalid": "no-such-invite"} {
			if _, err := open().Enroll(t.Context(), r.URL, invite, "x"); !errors.Is(err, client.ErrRefused) || client.Explain(err).Code != code {
				t.Errorf("%s: %v", code, err)
			}
		}
		if _, err := d.Enroll(t.Context(), r.URL, r.Invite(access.Worker, ngo, 1), "x"); client.Explain(err).Code != "device_exists" {
			t.Errorf("by another invite: %v", err)
		}
	})

	t.Run("[PUSH-3] a copied store forks on the real server, and nothing is lost or doubled", func(t *testing.T) {
		r := rig.New(t)
		ngo := r.Organization("Outreach")
		keisha := device(t, r, access.Coordinator, ngo)
		one, two := twins(t, r, ngo)
		for _, d := range []*client.Device{one, two} {
			if _, err := d.Observe(client.Observation{EventTime: time.Now()}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(2 * time.Millisecond) // stamps of their own
		}
		mustSync(t, one)
		if report := mustSync(t, two); !report.Push.Forked || report.Push.Verdicts[0].Verdict != "applied" {
			t.Errorf("%+v", report.Push)
		}
		for _, d := range []*client.Device{one, two} {
			if _, err := d.Observe(client.Observation{EventTime: time.Now()}); err != nil {
				t.Fatal(err)
			}
			if report := mustSync(t, d); report.Push.Forked || report.Push.Sent != 1 {
				t.Errorf("afterwards: %+v", report.Push)
			}
		}
		mustSync(t, keisha)
		all, err := keisha.Records("observations")
		if err != nil || len(all) != 4 {
			t.Errorf("%d observations, %v", len(all), err)
		}
	})

	t.Run("[DEV-6] a token that the server no longer takes is renewed by the device's key", func(t *testing.T) {
		r := rig.New(t)
		worker := device(t, r, access.Worker, r.Organization("Outreach"))
		users, err := r.App.FindCollectionByNameOrId("users")
		if err != nil {
			t.Fatal(err)
		}
		users.AuthToken.Secret = "another-secret-of-at-least-thirty-characters"
		if err := r.App.Save(users); err != nil {
			t.Fatal(err)
		}
		if _, err := worker.Observe(client.Observation{EventTime: time.Now()}); err != nil {
			t.Fatal(err)
		}
		if report := mustSync(t, worker); report.Push.Sent != 1 {
			t.Errorf("sent %d", report.Push.Sent)
		}
	})

	t.Run("[EPOCH-1] after the machine went back to a snapshot, what the server lost is back, once", func(t *testing.T) {
		r := rig.New(t)
		ngo := r.Organization("Outreach")
		worker, keisha := device(t, r, access.Worker, ngo), device(t, r, access.Coordinator, ngo)
		save := func(n int) {
			for range n {
				if _, err := worker.Observe(client.Observation{EventTime: time.Now()}); err != nil {
					t.Fatal(err)
				}
			}
		}
		move := func() {
			r.Start()
			for _, d := range []*client.Device{worker, keisha} {
				if err := d.SetURL(r.URL); err != nil {
					t.Fatal(err)
				}
			}
		}
		save(2)
		mustSync(t, worker)
		r.Stop()
		snapshot := t.TempDir()
		if err := os.CopyFS(snapshot, os.DirFS(r.Dir)); err != nil {
			t.Fatal(err)
		}
		move()
		save(3)
		mustSync(t, worker)
		mustSync(t, keisha)
		r.Stop()
		for _, name := range []string{"data.db", "data.db-wal", "data.db-shm"} {
			os.Remove(filepath.Join(r.Dir, name)) // the last two may not be there
			raw, err := os.ReadFile(filepath.Join(snapshot, name))
			if errors.Is(err, os.ErrNotExist) {
				continue
			}
			if err == nil {
				err = os.WriteFile(filepath.Join(r.Dir, name), raw, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		move()
		save(1)
		if report := mustSync(t, worker); !report.Push.Rewound {
			t.Errorf("%+v", report.Push)
		}
		if s, err := worker.Status(); err != nil || s.Waiting != 0 || s.NeedsAttention != 0 || s.Received != 6 {
			t.Errorf("%+v %v", s, err)
		}
		if report := mustSync(t, keisha); !report.Pull.Reset {
			t.Errorf("the coordinator's view was not made anew: %+v", report.Pull)
		}
		all, err := keisha.Records("observations")
		if err != nil || len(all) != 6 {
			t.Errorf("%d observations, %v", len(all), err)
		}
		if again := mustSync(t, worker); again.Push.Sent != 0 || again.Pull.Reset {
			t.Errorf("not at rest: %+v", again)
		}
	})

	t.Run("[PULL-5] staff read their reports back from their own device, for the server shows them to nobody of the house", func(t *testing.T) {
		r := rig.New(t)
		ngo, hotel := r.Organization("Outreach"), r.Organization("Hotel")
		site := r.Site("Hotel one", hotel, ngo)
		marisol, keisha := device(t, r, access.Staff, hotel, site), device(t, r, access.Coordinator, ngo)
		mustSync(t, marisol)
		filled, err := marisol.Fill(client.Submission{Checklist: "hotel_house", EventTime: time.Now(), About: "coworker",
			Details: client.Details{Site: site}, Answers: map[string]string{"hotel_house.01": "yes"}})
		if err != nil {
			t.Fatal(err)
		}
		if report := mustSync(t, marisol); report.Push.Verdicts[0].Verdict != "applied" {
			t.Fatalf("%+v", report.Push)
		}
		mustSync(t, marisol)
		own, ok, err := marisol.Record("submissions", filled.IDs[0])
		if err != nil || !ok || own.State != client.Received || own.Seq != 0 {
			t.Errorf("%+v %v %v", own, ok, err)
		}
		mustSync(t, keisha)
		seen, ok, err := keisha.Record("submissions", filled.IDs[0])
		if err != nil || !ok || seen.Text("author") != "" {
			t.Errorf("%+v %v %v", seen, ok, err)
		}
	})

	t.Run("[LIVE-2] a manager's watch goes on without reports", func(t *testing.T) {
		r := rig.New(t)
		hotel := r.Organization("Hotel")
		site := r.Site("Hotel one", hotel, r.Organization("Outreach"))
		tom := device(t, r, access.Manager, hotel, site)
		ctx, stop := context.WithTimeout(t.Context(), 2*time.Second)
		defer stop()
		var last client.LiveState
		err := tom.Watch(ctx, client.Watcher{State: func(s client.LiveState, err error) { last = s }})
		if !errors.Is(err, context.DeadlineExceeded) || last != client.Polling {
			t.Errorf("%v, %s", err, last)
		}
	})
}

// twins are two copies of one enrolled store.
func twins(t *testing.T, r *rig.Rig, organization string) (one, two *client.Device) {
	t.Helper()
	dir := t.TempDir()
	paths := [2]string{filepath.Join(dir, "one.db"), filepath.Join(dir, "two.db")}
	d, err := client.Open(paths[0], client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Enroll(t.Context(), r.URL, r.Invite(access.Worker, organization, 1), "phone"); err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(paths[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(paths[1], raw, 0o600); err != nil {
		t.Fatal(err)
	}
	var both [2]*client.Device
	for i, path := range paths {
		if both[i], err = client.Open(path, client.Options{}); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { both[i].Close() })
	}
	return both[0], both[1]
}
