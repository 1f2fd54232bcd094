package cli_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"os"
	"testing"
)

// call sends JSON to the server with a token, and gives status and answer.
func (s *server) call(token, path string, body any) (int, map[string]any) {
	s.t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		s.t.Fatal(err)
	}
	req, err := http.NewRequest(http.MethodPost, s.Line.URL+path, bytes.NewReader(raw))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	var answer map[string]any
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
		s.t.Fatal(err)
	}
	return res.StatusCode, answer
}

// secondPhone enrols a further phone of the person whose store it is given, and
// gives its id and token.
func (s *server) secondPhone(store string) (id, token string) {
	s.t.Helper()
	db, err := sql.Open("sqlite", store)
	if err != nil {
		s.t.Fatal(err)
	}
	if err := db.QueryRow("SELECT token FROM device").Scan(&token); err != nil {
		s.t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		s.t.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		s.t.Fatal(err)
	}
	point, err := key.PublicKey.Bytes()
	if err != nil {
		s.t.Fatal(err)
	}
	id = "secondphone0001"
	status, answer := s.call(token, "/api/sync/enroll", map[string]any{"device": map[string]any{"id": id, "name": "second", "platform": "test",
		"key": map[string]any{"kty": "EC", "crv": "P-256", "x": base64.RawURLEncoding.EncodeToString(point[1:33]), "y": base64.RawURLEncoding.EncodeToString(point[33:])}}})
	token, _ = answer["token"].(string)
	if status != http.StatusOK || token == "" {
		s.t.Fatalf("%d %v", status, answer)
	}
	return id, token
}

func TestLossCommands(t *testing.T) {
	t.Run("[CLI] [ENROL-3] [PUSH-10] of two phones of one person the lost one is revoked: its queue lies in quarantine and its pull is refused; the other works on", func(t *testing.T) {
		s := startDemo(t)
		store := s.enrol("worker")
		must(t, "device", "observe", "--json", "--store", store, "--indicator", "core.01=saw", "--note", "on the lost phone")
		lost := must(t, "device", "status", "--json", "--store", store)[0]["device"].(string)
		other, token := s.secondPhone(store)
		must(t, "devices", "revoke", lost, "--reason", "left on a bus", "--json", "--dir", s.dir)

		out, code := fieldpost(t, "device", "sync", "--json", "--store", store)
		v := results(out, "verdict")
		if code != 4 || len(v) != 1 || v[0]["verdict"] != "refused" || v[0]["quarantine"] == nil || out[len(out)-1]["code"] != "device_revoked" {
			t.Fatalf("exit %d %v", code, out)
		}
		held := must(t, "quarantine", "show", v[0]["quarantine"].(string), "--json", "--dir", s.dir)[0]
		if raw, err := json.Marshal(held["mutation"]); err != nil || !bytes.Contains(raw, []byte("on the lost phone")) {
			t.Errorf("%s %v", raw, err)
		}
		if out, code := fieldpost(t, "device", "pull", "--json", "--store", store); code != 4 || out[len(out)-1]["code"] != "device_revoked" {
			t.Errorf("exit %d %v", code, out)
		}
		status, answer := s.call(token, "/api/sync/pull", map[string]any{"protocol": 1, "schema": 2, "device": other, "cursor": nil, "mark": nil})
		if status != http.StatusOK || answer["reset"] != true {
			t.Errorf("the other phone: %d %v", status, answer)
		}
		if state := must(t, "devices", "show", other, "--json", "--dir", s.dir)[0]; state["revoked"] != false {
			t.Errorf("%v", state)
		}
	})

	t.Run("[CLI] [DEV-3] a device is told to wipe itself, does so at its next sync, and the server knows", func(t *testing.T) {
		s := startDemo(t)
		store := s.enrol("worker")
		must(t, "device", "observe", "--json", "--store", store, "--indicator", "core.01=saw")
		id := must(t, "device", "status", "--json", "--store", store)[0]["device"].(string)
		for _, bad := range [][]string{{"wipe", id}, {"wipe", "nosuchdevice000", "--reason", "x"}, {"wipe", id, "--reason", "x", "--as", "nobody@example.org"}, {"show", "nosuchdevice000"}} {
			if _, code := fieldpost(t, append(append([]string{"devices"}, bad...), "--dir", s.dir)...); code != 2 {
				t.Errorf("%v: exit %d", bad, code)
			}
		}
		if state := must(t, "devices", "wipe", id, "--reason", "changes hands", "--json", "--dir", s.dir)[0]; state["ordered"] == nil || state["wiped"] != nil {
			t.Fatalf("%v", state)
		}
		out, code := fieldpost(t, "device", "sync", "--json", "--store", store)
		if v := results(out, "verdict"); code != 0 || len(v) != 0 || out[len(out)-1]["result"] != "wiped" {
			t.Fatalf("exit %d %v", code, out)
		}
		if _, err := os.Stat(store); err == nil {
			t.Error("the store is still there")
		}
		if _, code := fieldpost(t, "device", "status", "--json", "--store", store); code != 2 {
			t.Errorf("status after the wipe: exit %d", code)
		}
		state := must(t, "devices", "show", id, "--json", "--dir", s.dir)[0]
		if handed, _ := state["handed"].(map[string]any); state["wiped"] == nil || handed["answered"] != 1.0 {
			t.Errorf("%v", state)
		}
		if out, code := fieldpost(t, "devices", "leftovers", "--json", "--dir", s.dir); code != 0 || len(out) != 0 {
			t.Errorf("exit %d %v", code, out)
		}
	})

	t.Run("[CLI] somebody leaves in one step: first dry, then really, then again", func(t *testing.T) {
		s := startDemo(t)
		store := s.enrol("worker")
		me := must(t, "device", "status", "--json", "--store", store)[0]
		user := me["user"].(string)
		label := ""
		for _, p := range must(t, "people", "list", "--json", "--dir", s.dir) {
			if p["id"] == user {
				label, _ = p["label"].(string)
			}
		}
		if label == "" {
			t.Fatal("the list does not have them")
		}
		offboard := func(args ...string) map[string]any {
			t.Helper()
			return must(t, append([]string{"people", "offboard", label, "--reason", "moved away", "--json", "--dir", s.dir}, args...)...)[0]
		}
		for i, c := range []struct {
			args            []string
			devices         int
			dryRun, already bool
		}{{[]string{"--dry-run"}, 1, true, false}, {nil, 1, false, false}, {nil, 0, false, true}} {
			out := offboard(c.args...)
			if devices, _ := out["devices"].([]any); len(devices) != c.devices || out["dryRun"] != c.dryRun || out["already"] != c.already {
				t.Errorf("%d: %v", i, out)
			}
		}
		if _, code := fieldpost(t, "device", "pull", "--json", "--store", store); code != 4 {
			t.Errorf("pull of who has left: exit %d", code)
		}
		for _, bad := range [][]string{{label}, {"nobody", "--reason", "x"}} {
			if _, code := fieldpost(t, append(append([]string{"people", "offboard"}, bad...), "--dir", s.dir)...); code != 2 {
				t.Errorf("%v: exit %d", bad, code)
			}
		}
		if report := must(t, "verify", "--json", "--dir", s.dir)[0]; report["ok"] != true {
			t.Errorf("%v", report)
		}
	})
}
