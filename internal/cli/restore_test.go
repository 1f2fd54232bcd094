package cli_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// exits runs a command that must end with a code, and gives all that it said.
// One that goes on, a server that should have refused to start, is ended after
// a minute.
func exits(t *testing.T, code int, args ...string) string {
	t.Helper()
	ctx, done := context.WithTimeout(t.Context(), time.Minute)
	defer done()
	c := exec.CommandContext(ctx, binary(t), args...)
	out, err := c.CombinedOutput()
	if c.ProcessState == nil || c.ProcessState.ExitCode() != code {
		t.Fatalf("%v: exit code %d is not %d (%v): %s", args, c.ProcessState.ExitCode(), code, err, out)
	}
	return string(out)
}

func observed(t *testing.T, store, note string) {
	t.Helper()
	must(t, "device", "observe", "--json", "--store", store, "--indicator", "core.01=saw", "--note", note)
}

// epoch is the server's present line of history.
func (s *server) epoch() string {
	s.t.Helper()
	return call(s.t, s.Line.URL+"/api/sync/hello", "", nil)["epoch"].(string)
}

func TestBackupAndRestore(t *testing.T) {
	s := startDemo(t)
	rosa, dee := s.enrol("worker"), s.enrol("worker")
	for _, store := range []string{rosa, dee} {
		observed(t, store, "before")
		must(t, "device", "sync", "--json", "--store", store)
	}
	file := filepath.Join(t.TempDir(), "yesterday.zip")
	var made map[string]any
	t.Run("[CLI] a running server is backed up, without its key, and the copy verifies", func(t *testing.T) {
		s.t = t
		out := exits(t, 0, "backup", filepath.Join(t.TempDir(), "said.zip"), "--dir", s.dir)
		if !strings.Contains(out, "key is not in it") {
			t.Errorf("it does not say that the key stays out: %s", out)
		}
		made = must(t, "backup", file, "--dir", s.dir, "--json")[0]
		checked := must(t, "backup", "verify", file, "--json")[0]
		if checked["seq"] != made["seq"] || checked["hash"] != made["hash"] || checked["epoch"] != s.epoch() || checked["entries"] != s.entries() {
			t.Errorf("made %v, checked %v, the journal has %v", made, checked, s.entries())
		}
	})
	for _, store := range []string{rosa, dee} {
		observed(t, store, "after")
		must(t, "device", "sync", "--json", "--store", store)
	}
	lost := s.entries() - made["seq"].(float64)
	t.Run("[CLI] what can't be done ends with a documented code and changes nothing", func(t *testing.T) {
		s.t = t
		before := s.entries()
		exits(t, 2, "backup", file, "--dir", s.dir)
		exits(t, 2, "backup", "--dir", t.TempDir())
		exits(t, 2, "backup", filepath.Join(s.dir, "x.zip"), "--dir", s.dir)
		exits(t, 2, "backup", "verify", filepath.Join(t.TempDir(), "none.zip"))
		exits(t, 2, "backup", "verify", file, "--held-elsewhere")
		exits(t, 2, "restore", filepath.Join(t.TempDir(), "none.zip"), "--dir", filepath.Join(t.TempDir(), "new"))
		exits(t, 2, "restore", file, "--dir", filepath.Join(t.TempDir(), "new")) // no key
		exits(t, 5, "restore", file, "--dir", s.dir)
		bad := filepath.Join(t.TempDir(), "bad.zip")
		if err := os.WriteFile(bad, []byte("no zip"), 0o600); err != nil {
			t.Fatal(err)
		}
		exits(t, 7, "backup", "verify", bad)
		if now := s.entries(); now != before {
			t.Errorf("%v entries, %v before", now, before)
		}
	})
	t.Run("[EPOCH-3] a verified backup that is held elsewhere is noted, beside the running server", func(t *testing.T) {
		must(t, "backup", "verify", file, "--dir", s.dir, "--held-elsewhere", "--json")
	})
	t.Run("[EPOCH-2] [EPOCH-3] restored by hand, two phones bring back what it lacked, once", func(t *testing.T) {
		s.t = t
		before := s.epoch()
		s.kill()
		done := must(t, "restore", file, "--dir", s.dir, "--json")[0]
		if kept, _ := done["replaced"].(string); kept == "" {
			t.Errorf("nothing is kept: %v", done)
		} else if _, err := os.Stat(filepath.Join(kept, "data.db")); err != nil {
			t.Error(err)
		}
		s.start()
		if now := s.epoch(); now == before || now != done["line"] {
			t.Errorf("epoch %s, before %s, %v", now, before, done)
		}
		base := s.entries()
		for _, store := range []string{rosa, dee} {
			must(t, "device", "sync", "--json", "--store", store)
		}
		if back := s.entries() - base; back != lost {
			t.Errorf("%v entries came back of %v", back, lost)
		}
		for _, store := range []string{rosa, dee} {
			if out := exits(t, 0, "device", "sync", "--store", store); !strings.Contains(out, "0 received") {
				t.Errorf("sent again: %s", out)
			}
		}
	})
	t.Run("[CLI] a backup that holds what the folder lacks is not noted as held", func(t *testing.T) {
		s.t = t
		beyond := filepath.Join(t.TempDir(), "beyond.zip")
		must(t, "backup", beyond, "--dir", s.dir, "--json")
		s.kill()
		must(t, "restore", file, "--dir", s.dir, "--json")
		s.start()
		exits(t, 7, "backup", "verify", beyond, "--dir", s.dir, "--held-elsewhere")
	})
	t.Run("[EPOCH-2] a folder is moved to another machine by backup and key", func(t *testing.T) {
		moved := filepath.Join(t.TempDir(), "moved")
		must(t, "restore", file, "--dir", moved, "--key", filepath.Join(s.dir, "keys", "installation.key"), "--json")
		if out := must(t, "verify", "--dir", moved, "--json"); out[0]["entries"] != made["seq"] {
			t.Errorf("%v of %v", out, made)
		}
	})
}

func TestRestoreFromTheDashboard(t *testing.T) {
	s := startDemo(t)
	const email, password = "restore-test@example.org", "only-for-this-test-1"
	exits(t, 0, "superuser", email, password, "--dir", s.dir)
	token := call(t, s.Line.Admin+"/api/collections/_superusers/auth-with-password", "", map[string]string{"identity": email, "password": password})["token"].(string)
	rosa := s.enrol("worker")
	call(t, s.Line.Admin+"/api/backups", token, map[string]string{"name": "one.zip"})
	before, had := s.epoch(), s.entries()
	t.Run("[EPOCH-2] a command beside the running server begins no epoch", func(t *testing.T) {
		exits(t, 0, "invite", "make", "--role", "worker", "--organization", "Another", "--dir", s.dir)
		if now := s.epoch(); now != before {
			t.Errorf("epoch %s, before %s", now, before)
		}
	})
	t.Run("[EPOCH-2] the dashboard's restore begins a new epoch too, and the phone brings back what it lacks", func(t *testing.T) {
		s.t = t
		observed(t, rosa, "lost")
		must(t, "device", "sync", "--json", "--store", rosa)
		call(t, s.Line.Admin+"/api/backups/one.zip/restore", token, map[string]string{})
		deadline := time.Now().Add(20 * time.Second)
		for {
			if out, code := fieldpost(t, "verify", "--dir", s.dir, "--json"); code == 0 && out[0]["entries"] == had {
				if _, code := fieldpost(t, "device", "pull", "--json", "--store", rosa); code == 0 && s.epoch() != before {
					break
				}
			}
			if time.Now().After(deadline) {
				t.Fatal("no new epoch, or no restore")
			}
			time.Sleep(200 * time.Millisecond)
		}
		must(t, "device", "sync", "--json", "--store", rosa)
		if now := s.entries(); now <= had {
			t.Errorf("%v entries, the backup had %v", now, had)
		}
	})
	t.Run("[EPOCH-2] what the dashboard made is restored by the command too", func(t *testing.T) {
		s.t = t
		file := filepath.Join(s.dir, "backups", "one.zip")
		s.kill()
		must(t, "restore", file, "--dir", s.dir, "--json")
		s.start()
		if now := s.entries(); now != had {
			t.Errorf("%v entries, the backup had %v", now, had)
		}
	})
}
