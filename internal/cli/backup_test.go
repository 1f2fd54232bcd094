package cli_test

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// call posts JSON (or gets, without a body) and gives the decoded answer.
func call(t *testing.T, url, token string, body any) map[string]any {
	t.Helper()
	method, in := http.MethodGet, io.Reader(nil)
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		method, in = http.MethodPost, bytes.NewReader(raw)
	}
	req, err := http.NewRequest(method, url, in)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", token)
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	raw, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	if answer.StatusCode >= 300 {
		t.Fatalf("%s: %d %s", url, answer.StatusCode, raw)
	}
	if len(raw) == 0 {
		return nil
	}
	var m map[string]any
	if err := json.Unmarshal(raw, &m); err != nil {
		t.Fatalf("%s: %s", url, raw)
	}
	return m
}

func TestBackupOfARunningServer(t *testing.T) {
	s := startDemo(t)
	const email, password = "backup-test@example.org", "only-for-this-test-1"
	if out, err := exec.Command(binary(t), "superuser", email, password, "--dir", s.dir).CombinedOutput(); err != nil {
		t.Fatalf("superuser: %v %s", err, out)
	}
	token := call(t, s.Line.Admin+"/api/collections/_superusers/auth-with-password", "", map[string]string{"identity": email, "password": password})["token"].(string)
	entries := func(dir string) float64 {
		t.Helper()
		out, code := fieldpost(t, "verify", "--dir", dir, "--json")
		if code != 0 || len(out) != 1 || out[0]["ok"] != true {
			t.Fatalf("verify: exit %d %v", code, out)
		}
		return out[0]["entries"].(float64)
	}

	call(t, s.Line.Admin+"/api/backups", token, map[string]string{"name": "one.zip"})
	before := entries(s.dir) // a second process looks at the database, after a backup

	t.Run("[PUSH-1] what is acknowledged after a backup outlives a kill, though another process looked at the database", func(t *testing.T) {
		const made = 10
		const each = 2 // what a superuser writes, and its entry in the audit
		for i := range made {
			call(t, s.Line.Admin+"/api/collections/organizations/records", token, map[string]any{"name": fmt.Sprintf("after the backup %d", i)})
		}
		if now := entries(s.dir); now != before+each*made {
			t.Errorf("another process sees %v entries of %v", now, before+each*made)
		}
		s.kill()
		s.start()
		there := call(t, s.Line.Admin+"/api/collections/organizations/records?filter=(name~'after%20the%20backup')", token, nil)["totalItems"]
		if there != float64(made) {
			t.Errorf("%v of %d acknowledged records are there after the kill", there, made)
		}
		if now := entries(s.dir); now != before+each*made {
			t.Errorf("the journal has %v entries of %v after the kill", now, before+each*made)
		}
	})

	archive, err := zip.OpenReader(filepath.Join(s.dir, "backups", "one.zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	copied := t.TempDir()
	t.Run("[CLI] a folder that is not there is a mistake in the command line, and is not made", func(t *testing.T) {
		gone := filepath.Join(t.TempDir(), "gone")
		for _, args := range [][]string{{"verify"}, {"mend"}, {"backup", filepath.Join(t.TempDir(), "x.zip")}, {"quarantine", "list"}, {"devices", "list"}} {
			if out := exits(t, 2, append(args, "--dir", gone)...); !strings.Contains(out, gone) {
				t.Errorf("%v: %s", args, out)
			}
		}
		if _, err := os.Stat(gone); err == nil {
			t.Error("a folder was made")
		}
	})
	t.Run("[JOURNAL-4] the installation key is in no backup", func(t *testing.T) {
		key, err := os.ReadFile(filepath.Join(s.dir, "keys", "installation.key"))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range archive.File {
			in, err := f.Open()
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(in)
			if err != nil {
				t.Fatal(err)
			}
			if bytes.Contains(body, bytes.TrimSpace(key)) {
				t.Errorf("%s holds the installation key", f.Name)
			}
			if err := os.WriteFile(filepath.Join(copied, filepath.Base(f.Name)), body, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.MkdirAll(filepath.Join(copied, "keys"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(copied, "keys", "installation.key"), key, 0o600); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("[JOURNAL-2] the journal in a backup is whole", func(t *testing.T) {
		if got := entries(copied); got != before {
			t.Errorf("%v entries in the backup, %v in the database that it was made of", got, before)
		}
	})
}
