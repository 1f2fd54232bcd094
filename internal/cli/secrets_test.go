package cli_test

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fieldpost/fieldpost/internal/testrig"
)

// leaks names the secrets that stand in a text or in a file below a folder.
func leaks(t *testing.T, dir, said string, secrets map[string]string) []string {
	t.Helper()
	var found []string
	look := func(where string, text []byte) {
		for name, s := range secrets {
			if bytes.Contains(text, []byte(s)) {
				found = append(found, name+" in "+where)
			}
		}
	}
	look("what it says", []byte(said))
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		raw, err := os.ReadFile(path)
		look(path, raw)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestSecretsStayOut(t *testing.T) {
	const email, password = "canary@example.org", "canary-password-7f3k9q"
	dir := filepath.Join(t.TempDir(), "data")
	routes := testrig.New(t).Routes
	p := serveOn(t, "--http", "127.0.0.1:0", "--dir", dir)
	exits(t, 0, "superuser", email, password, "--dir", dir)
	token := call(t, p.admin+"/api/collections/_superusers/auth-with-password", "", map[string]string{"identity": email, "password": password})["token"].(string)
	code := must(t, "invite", "make", "--role", "worker", "--organization", "Outreach", "--uses", "2", "--json", "--dir", dir)[0]["invite"].(string)
	store := filepath.Join(t.TempDir(), "w.db")
	must(t, "device", "enroll", "--json", "--store", store, "--url", p.url, "--invite", code)
	secrets := map[string]string{"the superuser's password": password, "the superuser's token": token, "the invite": code, "the device's token": deviceToken(t, store),
		"a wrong password": "canary-wrong-8d2m4x", "a made-up token": "canary-token-1z6v0c", "a wrong invite": "CANARYWRNG", "a new password": "canary-new-5h8j2w"}
	bodies := []string{`{"identity":"` + email + `","password":"` + secrets["a wrong password"] + `"}`,
		`{"invite":"` + secrets["a wrong invite"] + `","device":{"id":"x","key":{}},"token":"` + secrets["a made-up token"] + `"}`,
		`{"email":"other@example.org","password":"` + secrets["a new password"] + `","passwordConfirm":"` + secrets["a new password"] + `","oldPassword":"` + password + `"}`,
		`{"invite":"` + code + `","password":"` + password + `","broken":`}
	ask := http.Client{Timeout: 10 * time.Second}
	requests := 0
	for _, route := range routes {
		method, path, ok := strings.Cut(route, " ")
		if !ok {
			method, path = http.MethodPost, method
		}
		if strings.Contains(path, "/backups") || strings.Contains(path, "/crons") { // they go on by themselves
			continue
		}
		path = strings.NewReplacer("{collection}", "users", "{id}", "x", "{key}", "x", "{recordId}", "x", "{filename}", "x", "{path...}", "x").Replace(path)
		for i, body := range bodies {
			at, auth := p.url, secrets["the device's token"]
			switch i {
			case 1:
				auth = secrets["a made-up token"]
			case 2:
				at, auth = p.admin, token
			case 3:
				auth = token
			}
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			req, err := http.NewRequestWithContext(ctx, method, at+path+"?token="+secrets["a made-up token"], strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Authorization", auth)
			req.Header.Set("Content-Type", "application/json")
			res, err := ask.Do(req)
			if err != nil {
				t.Fatalf("%s: %v", route, err)
			}
			if !strings.HasPrefix(res.Header.Get("Content-Type"), "text/event-stream") {
				if raw, err := io.ReadAll(res.Body); err == nil && res.StatusCode >= 400 {
					for name, s := range secrets {
						if bytes.Contains(raw, []byte(s)) {
							t.Errorf("%s answers %d with %s: %s", route, res.StatusCode, name, raw)
						}
					}
				}
			}
			res.Body.Close()
			cancel()
			requests++
		}
	}
	said := p.stop(t) + p.said.String()
	t.Run("[DOOR] passwords, tokens and invites that every route was sent are in no output, log or file of the server", func(t *testing.T) {
		if requests < 200 {
			t.Fatalf("only %d requests were made", requests)
		}
		for _, l := range leaks(t, dir, said, secrets) {
			t.Error(l)
		}
	})
	t.Run("[DOOR] one that is logged is found by the same look", func(t *testing.T) {
		db, err := sql.Open("sqlite", filepath.Join(dir, "auxiliary.db"))
		if err != nil {
			t.Fatal(err)
		}
		data, err := json.Marshal(map[string]string{"url": "/api/files?token=" + token})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := db.Exec(`INSERT INTO _logs (id, level, message, data, created) VALUES ('canary', 0, 'x', ?, '2026-01-01 00:00:00.000Z')`, string(data)); err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		if found := leaks(t, dir, "signed in with "+password, secrets); len(found) != 2 {
			t.Fatal(found)
		}
	})
}

// deviceToken is the token that a device's store holds.
func deviceToken(t *testing.T, store string) string {
	t.Helper()
	db, err := sql.Open("sqlite", store)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var token string
	if err := db.QueryRow(`SELECT token FROM device`).Scan(&token); err != nil || len(token) < 20 {
		t.Fatal(len(token), err)
	}
	return token
}
