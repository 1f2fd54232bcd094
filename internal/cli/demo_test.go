package cli_test

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/fieldpost/fieldpost/client"
	"github.com/fieldpost/fieldpost/internal/demo"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// demoProcess is a demo in a process of its own, with all that it says.
type demoProcess struct {
	t    *testing.T
	cmd  *exec.Cmd
	out  *bufio.Reader
	said bytes.Buffer // standard error
	temp string       // its folder for temporary files
}

func runDemo(t *testing.T, args ...string) *demoProcess {
	t.Helper()
	p := &demoProcess{t: t, temp: t.TempDir(), cmd: exec.Command(binary(t), append([]string{"demo"}, args...)...)}
	p.cmd.Env = append(os.Environ(), "TMPDIR="+p.temp)
	p.cmd.Stderr = &p.said
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.out = bufio.NewReader(out)
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.cmd.Process.Kill(); _ = p.cmd.Wait() })
	return p
}

// line reads one line of standard output.
func (p *demoProcess) line() string {
	p.t.Helper()
	l, err := p.out.ReadString('\n')
	if err != nil {
		p.t.Fatalf("%v after %q; %s", err, l, p.said.String())
	}
	return l
}

func (p *demoProcess) ready() (string, demo.Line) {
	p.t.Helper()
	text := p.line()
	var l demo.Line
	in := json.NewDecoder(strings.NewReader(text))
	in.DisallowUnknownFields()
	if err := in.Decode(&l); err != nil {
		p.t.Fatalf("%s: %v", text, err)
	}
	return text, l
}

// end stops it by a signal, if any, and gives the rest of its output and its
// exit code.
func (p *demoProcess) end(by os.Signal) (string, int) {
	p.t.Helper()
	if by != nil {
		if err := p.cmd.Process.Signal(by); err != nil {
			p.t.Fatal(err)
		}
	}
	late := time.AfterFunc(30*time.Second, func() { _ = p.cmd.Process.Kill() })
	defer late.Stop()
	rest, err := io.ReadAll(p.out)
	if err != nil {
		p.t.Fatal(err)
	}
	_ = p.cmd.Wait()
	return string(rest), p.cmd.ProcessState.ExitCode()
}

// left lists what lies in its folder for temporary files.
func (p *demoProcess) left() []string {
	p.t.Helper()
	found, err := filepath.Glob(filepath.Join(p.temp, "*"))
	if err != nil {
		p.t.Fatal(err)
	}
	return found
}

func entriesOf(t *testing.T, dir string) float64 {
	t.Helper()
	report := must(t, "verify", "--json", "--dir", dir)[0]
	if report["ok"] != true {
		t.Fatal(report)
	}
	return report["entries"].(float64)
}

// enrolled is a new device of a new person.
func enrolled(t *testing.T, url, invite string) (*client.Device, client.Person) {
	t.Helper()
	d, err := client.Open(filepath.Join(t.TempDir(), "device.db"), client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	p, err := d.Enroll(t.Context(), url, invite, "test")
	if err != nil {
		t.Fatal(err)
	}
	return d, p
}

func synced(t *testing.T, d *client.Device) client.SyncReport {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	r, err := d.Sync(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestDemo(t *testing.T) {
	p := runDemo(t, "--http", "127.0.0.1:0", "--dir", t.TempDir(), "--traffic=off", "--json")
	_, line := p.ready()
	t.Run("[DEMO] every invite admits two devices, each a new person of its role", func(t *testing.T) {
		for role, invite := range map[string]string{"worker": line.Invites.Worker, "staff": line.Invites.Staff,
			"manager": line.Invites.Manager, "coordinator": line.Invites.Coordinator, "law_enforcement": line.Invites.LawEnforcement,
			"provider": line.Invites.Provider, "admin": line.Invites.Admin} {
			_, one := enrolled(t, line.URL, invite)
			_, two := enrolled(t, line.URL, invite)
			if one.Role != role || two.Role != role || one.ID == two.ID || one.Organization != two.Organization {
				t.Errorf("%s: %+v, %+v", role, one, two)
			}
			if atSite := role == "staff" || role == "manager"; atSite != (len(one.Sites) == 1) {
				t.Errorf("%s is at %v", role, one.Sites)
			}
		}
	})
	t.Run("[DEMO] what a worker pushes, the coordinator pulls among the days of reports", func(t *testing.T) {
		worker, _ := enrolled(t, line.URL, line.Invites.Worker)
		coordinator, _ := enrolled(t, line.URL, line.Invites.Coordinator)
		synced(t, worker)
		synced(t, coordinator)
		old, err := coordinator.Records("observations")
		if err != nil || len(old) < 20 {
			t.Fatalf("%d observations, %v", len(old), err)
		}
		sites, err := worker.Records("sites")
		if err != nil || len(sites) != 4 {
			t.Fatalf("%d sites, %v", len(sites), err)
		}
		saved, err := worker.Observe(client.Observation{EventTime: time.Now(), Details: client.Details{Site: sites[0].ID}})
		if err != nil {
			t.Fatal(err)
		}
		if r := synced(t, worker); len(r.Push.Verdicts) != 1 || r.Push.Verdicts[0].Verdict != wire.Applied {
			t.Fatalf("%+v", r.Push)
		}
		synced(t, coordinator)
		for _, what := range []struct{ collection, id string }{
			{"observations", saved.IDs[0]}, {"triage", wire.TriageID("observations", saved.IDs[0])}} {
			if _, there, err := coordinator.Record(what.collection, what.id); !there || err != nil {
				t.Errorf("%s %s: %v %v", what.collection, what.id, there, err)
			}
		}
	})
	t.Run("[DEMO] a staff device and a coordinator's belong to one chain: the report reaches the outreach organization", func(t *testing.T) {
		staff, person := enrolled(t, line.URL, line.Invites.Staff)
		coordinator, boss := enrolled(t, line.URL, line.Invites.Coordinator)
		synced(t, staff)
		saved, err := staff.Fill(client.Submission{Checklist: "hotel_front", EventTime: time.Now(),
			Answers: map[string]string{"hotel_front.01": "yes"}, About: "guest", Details: client.Details{Site: person.Sites[0]}})
		if err != nil {
			t.Fatal(err)
		}
		synced(t, staff)
		synced(t, coordinator)
		r, there, err := coordinator.Record("submissions", saved.IDs[0])
		if err != nil || !there || r.Text("organization") != boss.Organization || boss.Organization == person.Organization {
			t.Fatalf("%v %v %+v", there, err, r)
		}
	})
	t.Run("[DEMO] the superuser signs in where the dashboard is", func(t *testing.T) {
		body, err := json.Marshal(map[string]string{"identity": line.Superuser.Email, "password": line.Superuser.Password})
		if err != nil {
			t.Fatal(err)
		}
		res, err := http.Post(line.AdminURL+"/api/collections/_superusers/auth-with-password", "application/json", bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		var answer struct {
			Token string `json:"token"`
		}
		if err := json.NewDecoder(res.Body).Decode(&answer); err != nil || answer.Token == "" {
			t.Fatal(res.StatusCode, err)
		}
		page, err := http.Get(line.AdminURL + "/_/")
		if err != nil {
			t.Fatal(err)
		}
		page.Body.Close()
		if page.StatusCode != http.StatusOK {
			t.Fatal(page.StatusCode)
		}
	})
}

func TestDemoAgain(t *testing.T) {
	t.Run("[DEMO] each start on one folder prints the same line, nothing else, and seeds nothing twice", func(t *testing.T) {
		dir := t.TempDir()
		first := ""
		entries := 0.0
		for i := range 3 {
			p := runDemo(t, "--http", "127.0.0.1:0", "--dir", dir, "--traffic=off", "--json")
			text, _ := p.ready()
			if rest, code := p.end(os.Interrupt); rest != "" || code != 0 {
				t.Fatalf("start %d: exit %d, and it said %q", i, code, rest)
			}
			if !strings.Contains(p.said.String(), demo.Notice) {
				t.Errorf("start %d says %q", i, p.said.String())
			}
			now := entriesOf(t, dir)
			if i == 0 {
				first, entries = text, now
			}
			if text != first || now != entries {
				t.Fatalf("start %d: %v entries, then %v;\n%s%s", i, entries, now, first, text)
			}
		}
	})
	t.Run("[DEMO] a start that was killed while it made the journal's tables is mended by the next", func(t *testing.T) {
		dir := t.TempDir()
		args := []string{"--http", "127.0.0.1:0", "--dir", dir, "--traffic=off", "--json"}
		p := runDemo(t, args...)
		text, _ := p.ready()
		p.end(os.Interrupt)
		db, err := sql.Open("sqlite", filepath.Join(dir, "data.db"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := db.Exec(`UPDATE journal_schema SET dirty=1`); err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		p = runDemo(t, args...)
		if again, _ := p.ready(); again != text {
			t.Fatal(text, again)
		}
	})
	t.Run("[DEMO] kill -9 while it fills, then again: it comes up whole", func(t *testing.T) {
		dir := t.TempDir()
		for _, after := range []time.Duration{30, 60, 90} {
			p := runDemo(t, "--http", "127.0.0.1:0", "--dir", dir, "--traffic=off", "--json")
			for {
				if _, err := os.Stat(filepath.Join(dir, "data.db")); err == nil {
					break
				}
				time.Sleep(time.Millisecond)
			}
			time.Sleep(after * time.Millisecond)
			p.end(syscall.SIGKILL)
		}
		p := runDemo(t, "--http", "127.0.0.1:0", "--dir", dir, "--traffic=off", "--json")
		text, line := p.ready()
		coordinator, _ := enrolled(t, line.URL, line.Invites.Coordinator)
		synced(t, coordinator)
		reports := 0
		for _, c := range []string{"observations", "submissions"} {
			records, err := coordinator.Records(c)
			if err != nil {
				t.Fatal(err)
			}
			reports += len(records)
		}
		triage, err := coordinator.Records("triage")
		if err != nil || len(triage) != reports || reports < 50 {
			t.Fatal(len(triage), reports, err)
		}
		p.end(syscall.SIGTERM)
		entriesOf(t, dir)
		p = runDemo(t, "--http", "127.0.0.1:0", "--dir", dir, "--traffic=off", "--json")
		if again, _ := p.ready(); again != text {
			t.Fatal(text, again)
		}
	})
}

func TestDemoFolder(t *testing.T) {
	t.Run("[DEMO] without --dir a temporary folder is removed at the end, whichever signal ends it", func(t *testing.T) {
		for _, by := range []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP} {
			p := runDemo(t, "--http", "127.0.0.1:0", "--json")
			p.ready()
			if n := len(p.left()); n != 1 {
				t.Fatalf("%d folders while it runs", n)
			}
			rest, code := p.end(by)
			if code != 0 || rest != "" || len(p.left()) != 0 {
				t.Errorf("%v: exit %d, %q, left %v, %s", by, code, rest, p.left(), p.said.String())
			}
		}
	})
	t.Run("[DEMO] it is removed too when a signal comes before the demo is ready", func(t *testing.T) {
		p := runDemo(t, "--http", "127.0.0.1:0", "--json")
		for len(p.left()) == 0 {
			time.Sleep(time.Millisecond)
		}
		if _, code := p.end(syscall.SIGTERM); code != 0 || len(p.left()) != 0 {
			t.Fatal(code, p.left(), p.said.String())
		}
	})
	t.Run("[DEMO] for people it says that all is invented, how to sign in, and what the phones do", func(t *testing.T) {
		p := runDemo(t, "--http", "127.0.0.1:0")
		text := ""
		for !strings.Contains(text, "saved on this phone, 1 waiting") {
			text += p.line()
		}
		for _, part := range []string{demo.Notice, "http://127.0.0.1:", "law_enforcement", demo.SuperuserEmail, "out of coverage"} {
			if !strings.Contains(text, part) {
				t.Errorf("no %q in %s", part, text)
			}
		}
		if _, code := p.end(os.Interrupt); code != 0 || len(p.left()) != 0 {
			t.Error(code, p.left(), p.said.String())
		}
	})
}

func TestDemoSaysWhatIsWrong(t *testing.T) {
	// refused runs a demo that can't start and gives its JSON error.
	refused := func(t *testing.T, want int, args ...string) map[string]any {
		t.Helper()
		p := runDemo(t, append([]string{"--json"}, args...)...)
		out, code := p.end(nil)
		said := lines(t, []byte(out))
		if code != want || len(said) != 1 || len(said[0]) != 3 {
			t.Fatalf("exit %d, %q, %s", code, out, p.said.String())
		}
		for _, k := range []string{"code", "message", "hint"} {
			if s, _ := said[0][k].(string); s == "" {
				t.Errorf("%s is empty in %s", k, out)
			}
		}
		if len(p.left()) != 0 {
			t.Errorf("left %v", p.left())
		}
		return said[0]
	}
	t.Run("[CLI] a taken address", func(t *testing.T) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		if e := refused(t, 3, "--http", l.Addr().String()); e["code"] != "address_unavailable" {
			t.Fatal(e)
		}
	})
	t.Run("[CLI] an address that is none", func(t *testing.T) { refused(t, 3, "--http", "nowhere") })
	t.Run("[CLI] a folder in use", func(t *testing.T) {
		s := startDemo(t)
		if e := refused(t, 5, "--http", "127.0.0.1:0", "--dir", s.dir); e["code"] != "folder_in_use" {
			t.Fatal(e)
		}
	})
	t.Run("[CLI] a folder that can't be written", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if e := refused(t, 8, "--http", "127.0.0.1:0", "--dir", filepath.Join(file, "data")); e["code"] != "folder_not_writable" {
			t.Fatal(e)
		}
	})
	t.Run("[CLI] flags that are wrong", func(t *testing.T) {
		for _, args := range [][]string{{"--traffic=maybe"}, {"--port", "1"}, {"now"}} {
			if e := refused(t, 2, args...); e["code"] != "usage" {
				t.Fatal(args, e)
			}
		}
	})
	t.Run("[DEMO] a folder with an installation that is no demo is left alone", func(t *testing.T) {
		dir := t.TempDir()
		must(t, "invite", "make", "--json", "--role", "admin", "--organization", "Somebody real", "--dir", dir)
		before := entriesOf(t, dir)
		if e := refused(t, 2, "--http", "127.0.0.1:0", "--dir", dir); e["code"] != "not_a_demo" {
			t.Fatal(e)
		}
		if now := entriesOf(t, dir); now != before {
			t.Fatal(before, now)
		}
	})
	t.Run("[CLI] without --json it is a sentence and the next step on standard error", func(t *testing.T) {
		p := runDemo(t, "--traffic=maybe")
		out, code := p.end(nil)
		if code != 2 || out != "" || !strings.Contains(p.said.String(), "--traffic is on or off") {
			t.Fatal(code, out, p.said.String())
		}
	})
}
