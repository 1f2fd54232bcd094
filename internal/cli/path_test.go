package cli_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// The whole path with the real binary, as a person walks it: processes,
// signals, files. Only loopback is spoken to.

var built struct {
	once sync.Once
	path string
	err  error
}

// binary builds fieldpost once for all tests of this package.
func binary(t *testing.T) string {
	t.Helper()
	built.once.Do(func() {
		dir, err := os.MkdirTemp("", "fieldpost-bin-")
		if err != nil {
			built.err = err
			return
		}
		built.path = filepath.Join(dir, "fieldpost")
		out, err := exec.Command("go", "build", "-o", built.path, "../..").CombinedOutput()
		if err != nil {
			built.err = fmt.Errorf("%w: %s", err, out)
		}
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	return built.path
}

func TestMain(m *testing.M) { // [HOUSE] removes what the tests built
	code := m.Run()
	if built.path != "" {
		os.RemoveAll(filepath.Dir(built.path))
	}
	os.Exit(code)
}

// server is a demo in a process of its own.
type server struct {
	t    *testing.T
	dir  string
	addr string
	cmd  *exec.Cmd
	Line struct {
		URL     string            `json:"url"`
		Admin   string            `json:"adminUrl"`
		Invites map[string]string `json:"invites"`
	}
}

func startDemo(t *testing.T) *server {
	s := &server{t: t, dir: t.TempDir(), addr: "127.0.0.1:0"}
	s.start()
	s.addr = strings.TrimPrefix(s.Line.URL, "http://")
	t.Cleanup(s.kill)
	return s
}

func (s *server) start() {
	s.t.Helper()
	s.cmd = exec.Command(binary(s.t), "demo", "--traffic=off", "--json", "--http", s.addr, "--dir", s.dir)
	s.cmd.Stderr = io.Discard
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err != nil {
		s.t.Fatal(err)
	}
	if err := json.Unmarshal(line, &s.Line); err != nil {
		s.t.Fatalf("%s: %v", line, err)
	}
}

// kill is kill -9.
func (s *server) kill() {
	if s.cmd != nil {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
		s.cmd = nil
	}
}

// fieldpost runs a command and gives its standard output lines and exit code.
func fieldpost(t *testing.T, args ...string) ([]map[string]any, int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, binary(t), args...)
	var out bytes.Buffer
	c.Stdout = &out
	err := c.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return lines(t, out.Bytes()), c.ProcessState.ExitCode()
}

func lines(t *testing.T, out []byte) []map[string]any {
	t.Helper()
	var all []map[string]any
	for _, l := range bytes.Split(bytes.TrimSpace(out), []byte("\n")) {
		if len(l) == 0 {
			continue
		}
		var m map[string]any
		if err := json.Unmarshal(l, &m); err != nil {
			t.Fatalf("not one JSON line: %s", l)
		}
		all = append(all, m)
	}
	return all
}

func must(t *testing.T, args ...string) []map[string]any {
	t.Helper()
	out, code := fieldpost(t, args...)
	if code != 0 {
		t.Fatalf("%v: exit %d %v", args, code, out)
	}
	return out
}

func results(out []map[string]any, kind string) []map[string]any {
	var some []map[string]any
	for _, l := range out {
		if l["result"] == kind {
			some = append(some, l)
		}
	}
	return some
}

func (s *server) enrol(role string) string {
	s.t.Helper()
	store := filepath.Join(s.t.TempDir(), role+".db")
	must(s.t, "device", "enroll", "--json", "--store", store, "--url", s.Line.URL, "--invite", s.Line.Invites[role])
	return store
}

// entries counts the journal with the server stopped or running.
func (s *server) entries() float64 {
	s.t.Helper()
	return must(s.t, "verify", "--json", "--dir", s.dir)[0]["entries"].(float64)
}

func TestTheWholePath(t *testing.T) {
	t.Run("[DEV-1] [PUSH-1] what was saved with no server reaches a watching coordinator, once", func(t *testing.T) {
		s := startDemo(t)
		worker, coordinator := s.enrol("worker"), s.enrol("coordinator")
		s.kill()
		for _, note := range []string{"one", "two", "three"} {
			must(t, "device", "observe", "--json", "--store", worker, "--indicator", "core.01=saw", "--note", note)
		}
		must(t, "device", "fill", "--json", "--store", worker, "--checklist", "hotel_front",
			"--answer", "hotel_front.01=yes", "--basis", "hotel_front.01=saw")
		if _, code := fieldpost(t, "device", "sync", "--json", "--store", worker); code != 3 {
			t.Fatalf("sync with no server: exit %d", code)
		}
		s.start()
		before := s.entries()

		watch := exec.Command(binary(t), "device", "watch", "--json", "--store", coordinator, "--seconds", "30")
		out, err := watch.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := watch.Start(); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = watch.Process.Kill(); _ = watch.Wait() }()
		arrived := make(chan string, 100)
		live := make(chan bool, 1)
		go func() {
			for in := bufio.NewScanner(out); in.Scan(); {
				var l map[string]any
				if json.Unmarshal(in.Bytes(), &l) != nil {
					continue
				}
				if l["state"] == "live" {
					live <- true
				}
				if c, _ := l["collection"].(string); c == "observations" || c == "submissions" {
					arrived <- c
				}
			}
		}()
		select {
		case <-live:
		case <-time.After(10 * time.Second):
			t.Fatal("the watch is not live")
		}
		verdicts := results(must(t, "device", "sync", "--json", "--store", worker), "verdict")
		if len(verdicts) != 4 {
			t.Fatalf("verdicts: %v", verdicts)
		}
		limit := time.After(2 * time.Second)
		for i := 0; i < 4; i++ {
			select {
			case <-arrived:
			case <-limit:
				t.Fatalf("%d of 4 came within two seconds", i)
			}
		}
		grown := s.entries()
		if grown != before+8 { // each report with its triage
			t.Fatalf("entries: %v after %v", grown, before)
		}
		if again := results(must(t, "device", "sync", "--json", "--store", worker), "verdict"); len(again) != 0 {
			t.Fatalf("a second sync sent %v", again)
		}
		if s.entries() != grown {
			t.Fatal("the journal grew")
		}
	})
}

func TestKill(t *testing.T) {
	const many = 120
	observed := func(t *testing.T, s *server, store string) {
		t.Helper()
		for i := 0; i < many; i++ {
			must(t, "device", "observe", "--json", "--store", store, "--note", fmt.Sprint("n", i))
		}
	}
	whole := func(t *testing.T, s *server, worker string, before float64) {
		t.Helper()
		for try := 0; ; try++ {
			if _, code := fieldpost(t, "device", "sync", "--json", "--store", worker); code == 0 {
				break
			}
			if try == 5 {
				t.Fatal("sync does not end")
			}
		}
		if got := s.entries(); got != before+2*many {
			t.Fatalf("%v entries came of %d reports", got-before, many)
		}
		status := must(t, "device", "status", "--json", "--store", worker)[0]
		if status["waiting"] != 0.0 || status["received"] != float64(many) {
			t.Fatal(status)
		}
	}
	t.Run("[PUSH-2] kill -9 of the server in the middle of a push: all arrives, once", func(t *testing.T) {
		s := startDemo(t)
		worker := s.enrol("worker")
		observed(t, s, worker)
		before := s.entries()
		for _, after := range []time.Duration{5, 25, 45} {
			c := exec.Command(binary(t), "device", "sync", "--json", "--store", worker)
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(after * time.Millisecond)
			s.kill()
			_ = c.Wait()
			s.start()
		}
		whole(t, s, worker, before)
	})
	t.Run("[DEV-5] kill -9 of the device in the middle of a sync: all arrives, once", func(t *testing.T) {
		s := startDemo(t)
		worker := s.enrol("worker")
		observed(t, s, worker)
		before := s.entries()
		for _, after := range []time.Duration{10, 30, 50, 80} {
			c := exec.Command(binary(t), "device", "sync", "--json", "--store", worker)
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(after * time.Millisecond)
			_ = c.Process.Signal(syscall.SIGKILL)
			_ = c.Wait()
		}
		whole(t, s, worker, before)
	})
}

func TestServeSaysWhatIsWrong(t *testing.T) {
	run := func(t *testing.T, args ...string) (string, int) {
		t.Helper()
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		c := exec.CommandContext(ctx, binary(t), args...)
		out, _ := c.CombinedOutput()
		return string(out), c.ProcessState.ExitCode()
	}
	t.Run("[CLI] a taken address, a folder in use, a folder that can't be written", func(t *testing.T) {
		s := startDemo(t)
		out, code := run(t, "serve", "--http", s.addr, "--dir", t.TempDir())
		if code != 3 || !strings.Contains(out, "taken") {
			t.Fatal(code, out)
		}
		out, code = run(t, "serve", "--http", "127.0.0.1:0", "--dir", s.dir)
		if code != 5 || !strings.Contains(out, "in use") {
			t.Fatal(code, out)
		}
		file := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		out, code = run(t, "serve", "--http", "127.0.0.1:0", "--dir", filepath.Join(file, "data"))
		if code != 8 || !strings.Contains(out, "can't be made") {
			t.Fatal(code, out)
		}
	})
	t.Run("[CLI] a server that is killed frees its folder", func(t *testing.T) {
		s := startDemo(t)
		s.kill()
		s.start()
		res, err := http.Get(s.Line.URL + "/api/sync/hello")
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
	})
}
