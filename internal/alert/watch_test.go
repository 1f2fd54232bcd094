package alert_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/alert"
	"github.com/fieldpost/fieldpost/internal/records"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// sink is a mail server on loopback that keeps what it is given.
type sink struct {
	mu    sync.Mutex
	mails []string // "to to\n" and the text
	deaf  bool     // it takes no address
	mail  *alert.Mail
}

func newSink(t *testing.T) *sink {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	s := &sink{}
	s.mail, err = alert.ParseMail("smtp://" + l.Addr().String() + "?from=alerts@example.org")
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go s.serve(c)
		}
	}()
	return s
}

func (s *sink) serve(c net.Conn) {
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	in := bufio.NewScanner(c)
	say := func(text string) { fmt.Fprintf(c, "%s\r\n", text) }
	say("220 sink")
	var to []string
	for in.Scan() {
		switch verb, rest, _ := strings.Cut(in.Text(), ":"); {
		case strings.HasPrefix(verb, "RCPT"):
			s.mu.Lock()
			deaf := s.deaf
			s.mu.Unlock()
			if deaf {
				say("550 no")
				continue
			}
			to = append(to, rest)
			say("250 ok")
		case verb == "DATA":
			say("354 go on")
			var b strings.Builder
			for in.Scan() && in.Text() != "." {
				b.WriteString(in.Text() + "\n")
			}
			s.mu.Lock()
			s.mails = append(s.mails, strings.Join(to, " ")+"\n"+b.String())
			s.mu.Unlock()
			say("250 taken")
		case verb == "QUIT":
			say("221 bye")
			return
		default:
			say("250 ok")
		}
	}
}

func (s *sink) all() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string{}, s.mails...)
}

func (s *sink) setDeaf(deaf bool) { s.mu.Lock(); s.deaf = deaf; s.mu.Unlock() }

// watched is an installation with two on-call lists and a mail server.
type watched struct {
	*rig.Rig
	sink             *sink
	ngo              string
	maria, keisha    *rig.Device
	report, triageID string
}

const canary = "canary-silver-van-K7"

func newWatched(t *testing.T) *watched {
	t.Helper()
	w := &watched{Rig: rig.New(t), sink: newSink(t)}
	w.ngo = w.Organization("Night outreach " + canary)
	w.maria, w.keisha = w.Enroll(access.Worker, w.ngo), w.Enroll(access.Coordinator, w.ngo)
	_, v := w.keisha.Create("duty_hours", map[string]any{"zone": "America/Chicago", "mail": []any{"a@example.org", "b@example.org"}, "second": []any{"lead@example.org"}})
	rig.Want(t, v.Verdict, wire.Applied)
	w.restart(w.sink.mail)
	return w
}

func (w *watched) restart(m *alert.Mail) { w.Stop(); w.Mail = m; w.Start() }

// emergency has a worker report one.
func (w *watched) emergency() {
	w.T.Helper()
	fields := w.Observation("")
	fields["note"] = canary
	var v wire.Verdict
	w.report, v = w.maria.Create("observations", fields)
	rig.Want(w.T, v.Verdict, wire.Applied)
	w.triageID = wire.TriageID("observations", w.report)
	rig.Want(w.T, w.keisha.Do(rig.Update("triage", w.triageID, w.Entries(), map[string]any{"urgency": "emergency"})).Verdict, wire.Applied)
}

// after turns the clock and has the watcher look.
func (w *watched) after(d time.Duration) []string {
	w.Clock.Add(d)
	w.S.Alerts.Look(context.Background())
	return w.sink.all()
}

func count(mails []string, address string) (n int) {
	for _, m := range mails {
		head, _, _ := strings.Cut(m, "\n")
		n += strings.Count(head, address)
	}
	return n
}

func TestUnopened(t *testing.T) {
	t.Run("[R23] an emergency that nobody opens wakes the first list after 10 minutes, once, and the second 10 minutes later, once", func(t *testing.T) {
		w := newWatched(t)
		w.emergency()
		rig.Want(t, len(w.after(9*time.Minute+59*time.Second)), 0)
		got := w.after(2 * time.Second)
		rig.Want(t, []int{len(got), count(got, "a@example.org"), count(got, "b@example.org"), count(got, "lead@")}, []int{1, 1, 1, 0})
		w.restart(w.sink.mail) // a restart in between sends nothing twice
		rig.Want(t, len(w.after(9*time.Minute)), 1)
		got = w.after(2 * time.Minute)
		rig.Want(t, []int{len(got), count(got, "lead@example.org")}, []int{2, 1})
		w.restart(w.sink.mail)
		rig.Want(t, len(w.after(time.Hour)), 2)

		log, err := w.S.Store.Alerts(w.ngo, 9)
		if err != nil {
			t.Fatal(err)
		}
		rig.Want(t, []any{len(log), log[0].List, log[0].State, log[1].List, log[1].People}, []any{2, "second", "sent", "first", 2})
		audited, err := w.App.FindAllRecords("audit")
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, r := range audited {
			if r.GetString("act") == records.ActAlert {
				n++
			}
		}
		rig.Want(t, n, 2)
	})
	t.Run("[R23] the mail holds nothing of the report, and the report is not what the test forgot to write", func(t *testing.T) {
		w := newWatched(t)
		w.emergency()
		got := w.after(11 * time.Minute)
		rig.Want(t, len(got), 1)
		stored, err := w.App.FindRecordById("observations", w.report)
		if err != nil || stored.GetString("note") != canary {
			t.Fatal("there is no canary in the report", err)
		}
		_, text, _ := strings.Cut(got[0], "\n")
		for _, secret := range []string{canary, "emergency", w.report, w.triageID, w.ngo, w.maria.User.ID, w.keisha.User.ID, "Night outreach", "a@example.org"} {
			if strings.Contains(text, secret) {
				t.Errorf("%s is in the mail:\n%s", secret, text)
			}
		}
		if !strings.Contains(text, "An item waits on the board.") || !strings.Contains(text, "/board\n") || !strings.Contains(text, "Subject: Fieldpost\n") {
			t.Fatal(text)
		}
	})
	t.Run("[R23] what was opened, closed or is no emergency wakes nobody, also between the lists", func(t *testing.T) {
		w := newWatched(t)
		w.emergency()
		rig.Want(t, w.keisha.Do(rig.Update("triage", w.triageID, w.Entries(), map[string]any{"status": "closed", "closing_reason": "duplicate"})).Verdict, wire.Applied)
		w.maria.Create("observations", w.Observation(""))
		rig.Want(t, len(w.after(time.Hour)), 0)
		w.emergency()
		rig.Want(t, len(w.after(11*time.Minute)), 1)
		rig.Want(t, w.keisha.Do(rig.Update("triage", w.triageID, w.Entries(), map[string]any{"opened": true})).Verdict, wire.Applied)
		rig.Want(t, len(w.after(time.Hour)), 1)
	})
	t.Run("[R23] without the watcher no mail is sent, and what waited meanwhile is not missed once there is one", func(t *testing.T) {
		w := newWatched(t)
		w.restart(nil)
		w.emergency()
		w.Clock.Add(time.Hour)
		time.Sleep(50 * time.Millisecond)
		rig.Want(t, []any{len(w.sink.all()), w.S.Alerts.On()}, []any{0, false})
		w.restart(w.sink.mail)
		rig.Want(t, len(w.after(0)), 1)
	})
	t.Run("[R23] a mail server that takes nothing is tried again, and does not put off the second list for ever", func(t *testing.T) {
		w := newWatched(t)
		w.sink.setDeaf(true)
		w.emergency()
		rig.Want(t, len(w.after(11*time.Minute)), 0)
		w.sink.setDeaf(false)
		got := w.after(11 * time.Minute)
		rig.Want(t, []int{count(got, "a@example.org"), count(got, "lead@example.org")}, []int{1, 1})
	})
}

func TestDuty(t *testing.T) {
	r := rig.New(t)
	ngo, other, hotel := r.Organization("Outreach"), r.Organization("Other"), r.Organization("Hotel")
	site := r.Site("Hotel", hotel, ngo)
	keisha := r.Enroll(access.Coordinator, ngo)
	hours := []any{}
	for _, d := range []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"} {
		hours = append(hours, map[string]any{"day": d, "from": "00:00", "to": "00:00"})
	}
	ask := func(d *rig.Device) map[string]any {
		var raw map[string]any
		rig.Want(t, r.Send("GET", d.Token, "/api/fieldpost/duty", nil, &raw), 200)
		return raw
	}
	worker, staff, stranger := r.Enroll(access.Worker, ngo), r.Enroll(access.Staff, hotel, site), r.Enroll(access.Worker, other)
	t.Run("[R23] without hours nobody is on duty, and nobody promises when", func(t *testing.T) {
		rig.Want(t, ask(worker), map[string]any{"on": false, "until": nil, "next": nil})
	})
	t.Run("[R23] a worker is told of their organization, staff of the one that serves their site, and no more than that", func(t *testing.T) {
		_, v := keisha.Create("duty_hours", map[string]any{"zone": "America/Chicago", "hours": hours, "mail": []any{"night@example.org"}})
		rig.Want(t, v.Verdict, wire.Applied)
		for _, d := range []*rig.Device{worker, staff} {
			got := ask(d)
			rig.Want(t, []any{len(got), got["on"], got["until"] != nil, got["next"]}, []any{3, true, true, nil})
		}
		rig.Want(t, ask(stranger)["on"], false)
		rig.Want(t, ask(keisha)["alerts"], false)
	})
	t.Run("[R23] hours that nobody can read are refused", func(t *testing.T) {
		for _, bad := range []map[string]any{{"zone": "Nowhere/Land"}, {"zone": "America/Chicago", "hours": "always"}, {"zone": "America/Chicago", "mail": []any{"x@example.org\r\nBcc: y@example.org"}}} {
			_, v := keisha.Create("duty_hours", bad)
			rig.Want(t, v.Code, wire.CodeInvalid)
		}
	})
}
