package cli_test

import (
	"bufio"
	"bytes"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
	"unsafe"
)

// What disks do, to the real binary. A full disk is a limit on the size of
// files, which needs no rights and can be lifted while the process runs; a
// read-only folder is one of somebody else's, so that it holds for root too.

// limitFiles sets how many bytes any file of a process may have; -1 for no limit.
func limitFiles(t *testing.T, pid int, bytes int64) {
	t.Helper()
	limit := syscall.Rlimit{Cur: uint64(bytes), Max: ^uint64(0)}
	_, _, errno := syscall.RawSyscall6(syscall.SYS_PRLIMIT64, uintptr(pid), 1, uintptr(unsafe.Pointer(&limit)), 0, 0, 0) // 1 is RLIMIT_FSIZE
	if errno != 0 {
		t.Fatal(errno)
	}
}

// serving is `fieldpost serve` in a process of its own; it is up, or has ended
// with a code and words.
type serving struct {
	cmd  *exec.Cmd
	url  string
	code int
	said string
}

func (s *serving) kill() {
	if s.url != "" {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
		s.url = ""
	}
}

// end has it stop in order.
func (s *serving) end(t *testing.T) {
	t.Helper()
	if err := errors.Join(s.cmd.Process.Signal(os.Interrupt), s.cmd.Wait()); err != nil {
		t.Fatal(err)
	}
	s.url = ""
}

// serve starts the server on a folder; limit is in KiB a file, 0 for none.
func serve(t *testing.T, dir, addr string, limit int) *serving {
	t.Helper()
	args := []string{binary(t), "serve", "--dir", dir, "--http", addr}
	s := &serving{}
	if s.cmd = exec.Command(args[0], args[1:]...); limit > 0 {
		s.cmd = exec.Command("sh", append([]string{"-c", fmt.Sprintf(`ulimit -S -f %d; exec "$@"`, limit*2), "sh"}, args...)...) // sh counts 512 bytes
	}
	var words bytes.Buffer
	s.cmd.Stderr = &words
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err == nil && strings.Contains(line, "is up at ") {
		_, rest, _ := strings.Cut(line, "is up at ")
		s.url, _, _ = strings.Cut(rest, " ")
		t.Cleanup(s.kill)
		return s
	}
	_ = s.cmd.Wait()
	s.code, s.said = s.cmd.ProcessState.ExitCode(), words.String()
	return s
}

// fails fails unless the server did not start, for this reason.
func (s *serving) fails(t *testing.T, code int, words ...string) {
	t.Helper()
	for _, w := range append(words, "fieldpost: ", ".\n") {
		if s.url != "" || s.code != code || !strings.Contains(s.said, w) {
			s.kill()
			t.Errorf("serve: exit %d, want %d with %q:\n%s", s.code, code, w, s.said)
		}
	}
}

// up fails unless the server started, and ends it by kill -9.
func (s *serving) up(t *testing.T) {
	t.Helper()
	if s.url == "" {
		t.Fatalf("serve: exit %d %s", s.code, s.said)
	}
	s.kill()
}

// said runs a command and gives its exit code and all that it printed.
func said(t *testing.T, args ...string) (int, string) {
	t.Helper()
	c := exec.Command(binary(t), args...)
	out, err := c.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return c.ProcessState.ExitCode(), string(out)
}

// copyFolder copies the files of a folder that nobody uses.
func copyFolder(t *testing.T, from string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "copy")
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(to, "keys", "installation.key"), 0o600); err != nil {
		t.Fatal(err)
	}
	return to
}

// phone speaks the wire format with the identity of a store.
type phone struct{ id, token string }

func phoneOf(t *testing.T, store string) phone {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+store+"?mode=ro")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var p phone
	if err := db.QueryRow("SELECT id, token FROM device").Scan(&p.id, &p.token); err != nil {
		t.Fatal(err)
	}
	return p
}

// push sends one observation under n and gives status, Retry-After and verdict.
func (p phone) push(url string, n int, id string) (status int, after, verdict string, err error) {
	now := time.Now().UTC()
	body, err := json.Marshal(map[string]any{"protocol": 1, "device": p.id, "epoch": nil, "mark": nil, "now": now.Format("2006-01-02T15:04:05.000Z"),
		"mutations": []any{map[string]any{"n": n, "stamp": fmt.Sprintf("%013d-0000-%s", 1768108200000+n, p.id), "offset": 0, "epoch": nil, "schema": 1,
			"ops": []any{map[string]any{"op": "create", "collection": "observations", "id": id, "base": 0,
				"fields": map[string]any{"event_time": "2026-01-11T04:55:00.000Z", "indicators": []any{}}}}}}})
	if err != nil {
		return 0, "", "", err
	}
	req, err := http.NewRequest(http.MethodPost, url+"/api/sync/push", bytes.NewReader(body))
	if err != nil {
		return 0, "", "", err
	}
	req.Header.Set("Authorization", p.token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, "", "", err
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, "", "", err
	}
	var answer struct {
		Code     string
		Verdicts []struct{ Verdict string }
	}
	if err := json.Unmarshal(raw, &answer); err != nil {
		return 0, "", "", err
	}
	verdict = answer.Code
	if len(answer.Verdicts) > 0 {
		verdict = answer.Verdicts[0].Verdict
	}
	return res.StatusCode, res.Header.Get("Retry-After"), verdict, nil
}

func TestDiskOfAServer(t *testing.T) {
	t.Run("[PUSH-13] [PUSH-1] a disk that fills up while serving: busy, nothing by halves, reads go on; with space again the phone's next try goes through", func(t *testing.T) {
		s := startDemo(t)
		worker, coordinator := s.enrol("worker"), s.enrol("coordinator")
		must(t, "device", "pull", "--json", "--store", coordinator)
		before := s.entries()
		must(t, "device", "observe", "--json", "--store", worker, "--note", "while the disk was full")
		p := phoneOf(t, worker)
		limitFiles(t, s.cmd.Process.Pid, 4096)
		for range 3 {
			status, after, code, err := p.push(s.Line.URL, 90, "fulldisk0000001")
			if err != nil || status != http.StatusServiceUnavailable || after == "" || code != "busy" {
				t.Fatal(status, after, code, err)
			}
		}
		if out, code := fieldpost(t, "device", "sync", "--json", "--store", worker); code != 3 || out[len(out)-1]["code"] != "busy" {
			t.Fatal(code, out)
		}
		if got := s.entries(); got != before {
			t.Fatalf("%v entries, %v before", got, before)
		}
		must(t, "device", "pull", "--json", "--store", coordinator)
		limitFiles(t, s.cmd.Process.Pid, -1)
		if sent := results(must(t, "device", "sync", "--json", "--store", worker), "verdict"); len(sent) != 1 || sent[0]["verdict"] != "applied" {
			t.Fatal(sent)
		}
		if got := s.entries(); got != before+2 {
			t.Fatalf("%v entries came, not the report and its triage", got-before)
		}
		s.kill()
		s.start()
		if got := s.entries(); got != before+2 {
			t.Fatalf("%v entries after a restart", got-before)
		}
	})
	t.Run("[CLI] [HOUSE] a first start on a full disk says so, and goes through when there is space", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "data")
		for _, limit := range []int{1, 40, 200} {
			serve(t, dir, "127.0.0.1:0", limit).fails(t, 8, dir, "full")
		}
		serve(t, dir, "127.0.0.1:0", 0).up(t)
		if code, out := said(t, "verify", "--dir", dir); code != 0 {
			t.Fatal(code, out)
		}
	})
	t.Run("[CLI] a folder that may be read and not written", func(t *testing.T) {
		dir, err := os.MkdirTemp("", "fieldpost-readonly-")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.RemoveAll(dir) })
		serve(t, dir, "127.0.0.1:0", 0).up(t)
		other := func(args ...string) (int, string) {
			t.Helper()
			c := exec.Command(binary(t), args...)
			if os.Geteuid() == 0 { // no mode holds root back: somebody else, then
				c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534, NoSetGroups: true}}
			}
			out, err := c.CombinedOutput()
			var exit *exec.ExitError
			if err != nil && !errors.As(err, &exit) {
				t.Fatal(err)
			}
			return c.ProcessState.ExitCode(), string(out)
		}
		modes := func(folder os.FileMode) {
			t.Helper()
			for path, mode := range map[string]os.FileMode{filepath.Dir(binary(t)): 0o755, binary(t): 0o755, dir: folder} {
				if err := os.Chmod(path, mode); err != nil {
					t.Fatal(err)
				}
			}
		}
		modes(0o555)
		for _, args := range [][]string{{"serve", "--http", "127.0.0.1:0", "--dir", dir}, {"serve", "--http", "127.0.0.1:0", "--dir", filepath.Join(dir, "new")},
			{"invite", "make", "--role", "worker", "--organization", "X", "--dir", dir}, {"verify", "--dir", dir}} {
			if code, out := other(args...); code != 8 || !strings.Contains(out, "fieldpost: ") || !strings.Contains(out, "this user") {
				t.Errorf("%v: exit %d %s", args, code, out)
			}
		}
		modes(0o755)
		serve(t, dir, "127.0.0.1:0", 0).up(t)
	})
}

func TestDamagedFolder(t *testing.T) {
	s := startDemo(t)
	worker := s.enrol("worker")
	must(t, "device", "observe", "--json", "--store", worker)
	must(t, "device", "sync", "--json", "--store", worker)
	entries := s.entries()
	s.kill()
	flat := serve(t, s.dir, "127.0.0.1:0", 0)
	if err := flat.cmd.Process.Signal(syscall.SIGTERM); err != nil { // an end in order leaves no WAL
		t.Fatal(err)
	}
	_ = flat.cmd.Wait()
	flat.url = ""
	garbage := bytes.Repeat([]byte("not a page of SQLite "), 1000)
	overwrite := func(t *testing.T, path string, at int64) {
		t.Helper()
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if _, err := f.WriteAt(garbage, at); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name   string
		harm   func(t *testing.T, dir string)
		code   int
		words  []string
		verify int // its exit code
	}{
		{"the first page of data.db is overwritten", func(t *testing.T, dir string) { overwrite(t, filepath.Join(dir, "data.db"), 0) }, 8, []string{"data.db is damaged", "restore a backup"}, 8},
		{"data.db ends in the middle", func(t *testing.T, dir string) {
			if err := os.Truncate(filepath.Join(dir, "data.db"), 300_000); err != nil {
				t.Fatal(err)
			}
		}, 8, []string{"damaged", "restore a backup"}, 8},
		{"the log database is overwritten", func(t *testing.T, dir string) { overwrite(t, filepath.Join(dir, "auxiliary.db"), 0) }, 8, []string{"auxiliary.db is damaged", "move it away"}, 0},
		{"data.db is gone", func(t *testing.T, dir string) {
			if err := os.Remove(filepath.Join(dir, "data.db")); err != nil {
				t.Fatal(err)
			}
		}, 7, []string{"the database is gone", "restore a backup"}, 2},
		{"data.db is empty", func(t *testing.T, dir string) {
			if err := os.Truncate(filepath.Join(dir, "data.db"), 0); err != nil {
				t.Fatal(err)
			}
		}, 7, []string{"the database is gone", "restore a backup"}, 1},
		{"data.db is a folder", func(t *testing.T, dir string) {
			path := filepath.Join(dir, "data.db")
			if err := errors.Join(os.Remove(path), os.Mkdir(path, 0o700)); err != nil {
				t.Fatal(err)
			}
		}, 8, []string{"can't be written"}, 8},
		{"the key is gone", func(t *testing.T, dir string) {
			if err := os.Remove(filepath.Join(dir, "keys", "installation.key")); err != nil {
				t.Fatal(err)
			}
		}, 1, []string{"installation.key is missing", "put back your copy"}, 0},
	} {
		t.Run("[CLI] "+c.name+": said, not served, not made worse, and well again when it is put right", func(t *testing.T) {
			dir := copyFolder(t, s.dir)
			c.harm(t, dir)
			for range 2 {
				serve(t, dir, "127.0.0.1:0", 0).fails(t, c.code, c.words...)
			}
			if code, out := said(t, "verify", "--dir", dir); code != c.verify {
				t.Errorf("verify: exit %d %s", code, out)
			}
			for _, name := range []string{"data.db", "auxiliary.db", filepath.Join("keys", "installation.key")} {
				good, err := os.ReadFile(filepath.Join(s.dir, name))
				if err != nil {
					t.Fatal(err)
				}
				if err := errors.Join(os.RemoveAll(filepath.Join(dir, name)), os.WriteFile(filepath.Join(dir, name), good, 0o600)); err != nil {
					t.Fatal(err)
				}
			}
			serve(t, dir, "127.0.0.1:0", 0).up(t)
			if got := must(t, "verify", "--json", "--dir", dir)[0]["entries"]; got != entries {
				t.Errorf("%v entries, %v before", got, entries)
			}
		})
	}
	t.Run("[JOURNAL-2] verify finds a broken page of any table", func(t *testing.T) {
		dir := copyFolder(t, s.dir)
		info, err := os.Stat(filepath.Join(dir, "data.db"))
		if err != nil {
			t.Fatal(err)
		}
		found := 0
		for at := int64(4096 * 20); at+int64(len(garbage)) < info.Size(); at += 4096 * 25 {
			overwrite(t, filepath.Join(dir, "data.db"), at)
			if code, out := said(t, "verify", "--dir", dir); code != 8 || !strings.Contains(out, "is damaged") {
				t.Errorf("at %d: exit %d %s", at, code, out)
			}
			found++
			good, err := os.ReadFile(filepath.Join(s.dir, "data.db"))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, "data.db"), good, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if found < 3 {
			t.Fatal("too small to look at")
		}
	})
}

func TestCutWAL(t *testing.T) {
	// Not the demo: what it makes is more than a WAL holds.
	source := t.TempDir()
	up := serve(t, source, "127.0.0.1:0", 0)
	addr := strings.TrimPrefix(up.url, "http://")
	enrol := func(role string) string {
		t.Helper()
		invite := must(t, "invite", "make", "--json", "--role", role, "--organization", "Outreach", "--dir", source)[0]["invite"].(string)
		store := filepath.Join(t.TempDir(), role+".db")
		must(t, "device", "enroll", "--json", "--store", store, "--url", up.url, "--invite", invite)
		return store
	}
	worker, coordinator := enrol("worker"), enrol("coordinator")
	wal := func(dir string) int64 {
		t.Helper()
		info, err := os.Stat(filepath.Join(dir, "data.db-wal"))
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	// An ended server has laid its WAL down: the new one is far from being laid
	// down by itself in the middle, which would leave old frames behind its end.
	up.end(t)
	if up = serve(t, source, addr, 0); up.url == "" {
		t.Fatalf("exit %d %s", up.code, up.said)
	}
	const many = 12
	must(t, "device", "observe", "--json", "--store", worker, "--note", "first")
	must(t, "device", "sync", "--json", "--store", worker)
	begins := wal(source)
	for i := range many {
		must(t, "device", "observe", "--json", "--store", worker, "--note", fmt.Sprint(i))
		must(t, "device", "sync", "--json", "--store", worker)
	}
	entries := must(t, "verify", "--json", "--dir", source)[0]["entries"].(float64)
	up.kill()
	ends := wal(source)
	if ends-begins < 10*4096 {
		t.Fatalf("the WAL grew from %d to %d", begins, ends)
	}
	rng := rand.New(rand.NewPCG(3, 8))
	for range 6 {
		size := begins + rng.Int64N(ends-begins)
		t.Run(fmt.Sprintf("[EPOCH-1] [JOURNAL-2] the WAL is cut at %d of %d: the chain is whole, and the phone brings back what it lacks, once", size, ends), func(t *testing.T) {
			dir := copyFolder(t, source)
			if err := os.Truncate(filepath.Join(dir, "data.db-wal"), size); err != nil {
				t.Fatal(err)
			}
			w := filepath.Join(t.TempDir(), "w.db")
			for from, to := range map[string]string{worker: w, coordinator: w + ".c"} {
				raw, err := os.ReadFile(from)
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(to, raw, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			before := must(t, "verify", "--json", "--dir", dir)[0]["entries"].(float64)
			if before >= entries {
				t.Fatalf("nothing was lost: %v of %v", before, entries)
			}
			up := serve(t, dir, addr, 0)
			if up.url == "" {
				t.Fatalf("exit %d %s", up.code, up.said)
			}
			for range 2 {
				must(t, "device", "sync", "--json", "--store", w)
			}
			if got := must(t, "verify", "--json", "--dir", dir)[0]["entries"]; got != entries {
				t.Errorf("%v entries in the end, %v before the cut, %v after it", got, entries, before)
			}
			must(t, "device", "pull", "--json", "--store", w+".c")
			notes := map[string]int{}
			for _, r := range results(must(t, "device", "records", "--json", "--store", w+".c", "observations"), "record") {
				notes[fmt.Sprint(r["record"].(map[string]any)["note"])]++
			}
			for n := range many {
				if notes[fmt.Sprint(n)] != 1 {
					t.Errorf("report %d is there %d times", n, notes[fmt.Sprint(n)])
				}
			}
			up.kill()
		})
	}
}

func TestKilledUnderLoad(t *testing.T) {
	t.Run("[PUSH-1] [PUSH-2] the server is killed 20 times under load: every acknowledged report is there, once, and the chain is whole", func(t *testing.T) {
		s := startDemo(t)
		var phones []phone
		for range 4 {
			phones = append(phones, phoneOf(t, s.enrol("worker")))
		}
		coordinator := s.enrol("coordinator")
		before := s.entries()
		s.kill()
		var up *serving
		var stop atomic.Bool
		var wg sync.WaitGroup
		acked := make([][]string, len(phones))
		for i, p := range phones {
			wg.Go(func() {
				for n := 1; !stop.Load() || n == 1; n++ {
					id := fmt.Sprintf("load%02d%09d", i, n)
					for { // the same until it has its verdict
						status, _, verdict, err := p.push(s.Line.URL, n, id)
						if err == nil && status == http.StatusOK && verdict == "applied" {
							break
						}
						if err == nil && status != http.StatusServiceUnavailable {
							t.Errorf("%s: %d %s", id, status, verdict)
							return
						}
						time.Sleep(5 * time.Millisecond)
					}
					acked[i] = append(acked[i], id)
				}
			})
		}
		rng := rand.New(rand.NewPCG(9, 20))
		for range 20 {
			if up = serve(t, s.dir, s.addr, 0); up.url == "" {
				stop.Store(true)
				t.Fatalf("exit %d %s", up.code, up.said)
			}
			time.Sleep(time.Duration(20+rng.IntN(200)) * time.Millisecond)
			up.kill()
		}
		serve(t, s.dir, s.addr, 0)
		stop.Store(true)
		wg.Wait()
		total := 0
		for _, ids := range acked {
			total += len(ids)
		}
		if total < 40 {
			t.Fatalf("%d reports are no load", total)
		}
		if got := must(t, "verify", "--json", "--dir", s.dir)[0]["entries"]; got != before+float64(2*total) {
			t.Errorf("%v entries after %v, for %d reports", got, before, total)
		}
		must(t, "device", "pull", "--json", "--store", coordinator)
		there := map[string]bool{}
		for _, r := range results(must(t, "device", "records", "--json", "--store", coordinator, "observations"), "record") {
			there[fmt.Sprint(r["id"])] = true
		}
		for _, ids := range acked {
			for _, id := range ids {
				if !there[id] {
					t.Errorf("%s was acknowledged and is not there", id)
				}
			}
		}
	})
}

func TestDiskOfADevice(t *testing.T) {
	t.Run("[DEV-1] [CLI] saving on a full disk: the person is told, with exit code 8, and what was there before is whole", func(t *testing.T) {
		s := startDemo(t)
		store := s.enrol("worker")
		must(t, "device", "observe", "--json", "--store", store, "--note", "before")
		was := must(t, "device", "status", "--json", "--store", store)[0]
		observe := []string{binary(t), "device", "observe", "--json", "--store", store, "--note", "on the full disk"}
		for _, kib := range []int{1, 20} {
			c := exec.Command("sh", append([]string{"-c", fmt.Sprintf(`ulimit -S -f %d; exec "$@"`, kib*2), "sh"}, observe...)...)
			out, _ := c.Output()
			line := lines(t, out)
			if c.ProcessState.ExitCode() != 8 || len(line) != 1 || line[0]["code"] != "store_unwritable" || line[0]["hint"] == "" {
				t.Fatal(c.ProcessState.ExitCode(), string(out))
			}
			is := must(t, "device", "status", "--json", "--store", store)[0]
			if fmt.Sprint(is) != fmt.Sprint(was) {
				t.Fatalf("%v\n%v", is, was)
			}
		}
		must(t, observe[1:]...)
		if sent := results(must(t, "device", "sync", "--json", "--store", store), "verdict"); len(sent) != 2 {
			t.Fatal(sent)
		}
	})
}
