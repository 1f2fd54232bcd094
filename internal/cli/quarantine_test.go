package cli_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

func TestQuarantineCommands(t *testing.T) {
	t.Run("[CLI] [PUSH-6] a refused report is listed, shown, repaired, released and adopted beside a running server", func(t *testing.T) {
		s := startDemo(t)
		worker, coordinator := s.enrol("worker"), s.enrol("coordinator")
		held := func(operation string) string {
			t.Helper()
			must(t, "device", "observe", "--json", "--store", worker, "--indicator", "core.01=saw", "--operation", operation)
			out, code := fieldpost(t, "device", "sync", "--json", "--store", worker)
			v := results(out, "verdict")
			if code != 7 && code != 4 || len(v) != 1 || v[0]["verdict"] != "refused" {
				t.Fatalf("exit %d %v", code, out)
			}
			return v[0]["quarantine"].(string)
		}
		id := held("north lot")
		listed := 0
		for _, h := range must(t, "quarantine", "list", "--json", "--dir", s.dir) {
			if h["id"] == id && h["state"] == "held" && h["code"] == "invalid" {
				listed++
			}
		}
		if listed != 1 {
			t.Fatalf("listed %d times", listed)
		}
		shown := must(t, "quarantine", "show", id, "--json", "--dir", s.dir)[0]
		ops := shown["mutation"].(map[string]any)["ops"].([]any)
		if len(ops) != 1 || shown["author"] == nil {
			t.Fatalf("%v", shown)
		}
		record := ops[0].(map[string]any)["id"]

		out, code := fieldpost(t, "quarantine", "release", id, "--json", "--dir", s.dir)
		if code != 7 || out[0]["state"] != "held" {
			t.Fatalf("release of what is wrong: exit %d %v", code, out)
		}
		for _, bad := range [][]string{{"--set", "9.x=1"}, {"--as", "nobody@example.org"}} {
			if _, code := fieldpost(t, append([]string{"quarantine", "release", id, "--dir", s.dir}, bad...)...); code != 2 {
				t.Errorf("%v: exit %d", bad, code)
			}
		}
		out = must(t, "quarantine", "release", id, "--drop", "0.operation", "--set", "0.people=2", "--json", "--dir", s.dir)
		if out[0]["state"] != "released" {
			t.Fatalf("%v", out)
		}
		if _, code := fieldpost(t, "quarantine", "release", id, "--dir", s.dir); code != 4 {
			t.Errorf("released twice: exit %d", code)
		}
		must(t, "device", "sync", "--json", "--store", coordinator)
		found := false
		for _, r := range results(must(t, "device", "records", "observations", "--json", "--store", coordinator), "record") {
			found = found || r["id"] == record && r["record"].(map[string]any)["people"] == 2.0
		}
		if !found {
			t.Fatal("the coordinator does not see what was released")
		}

		id = held("south lot")
		status := must(t, "device", "status", "--json", "--store", coordinator)[0]
		mine := must(t, "device", "status", "--json", "--store", worker)[0]
		must(t, "devices", "revoke", mine["device"].(string), "--json", "--dir", s.dir)
		if _, code := fieldpost(t, "devices", "revoke", "nosuchdevice000", "--dir", s.dir); code != 2 {
			t.Errorf("revoked nobody: exit %d", code)
		}
		revoked := false
		for _, d := range must(t, "devices", "list", "--json", "--dir", s.dir) {
			revoked = revoked || d["id"] == mine["device"] && d["revoked"] == true
		}
		if !revoked {
			t.Error("the list does not tell that it is revoked")
		}
		repaired := ops
		kept := must(t, "quarantine", "show", id, "--json", "--dir", s.dir)[0]["mutation"].(map[string]any)["ops"].([]any)[0].(map[string]any)
		delete(kept["fields"].(map[string]any), "operation")
		repaired[0] = kept
		raw, err := json.Marshal(repaired)
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), "ops.json")
		if err := os.WriteFile(file, raw, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, code := fieldpost(t, "quarantine", "release", id, "--ops", file, "--json", "--dir", s.dir); code != 7 {
			t.Errorf("released for a revoked device: exit %d", code)
		}
		if _, code := fieldpost(t, "quarantine", "adopt", id, "--ops", file, "--dir", s.dir); code != 2 {
			t.Errorf("adopted by nobody: exit %d", code)
		}
		if _, code := fieldpost(t, "quarantine", "adopt", id, "--ops", file, "--as", mine["user"].(string), "--dir", s.dir); code != 4 {
			t.Errorf("adopted by a worker: exit %d", code)
		}
		out = must(t, "quarantine", "adopt", id, "--ops", file, "--as", status["user"].(string), "--json", "--dir", s.dir)
		if out[0]["state"] != "adopted" {
			t.Fatalf("%v", out)
		}
		if report := must(t, "verify", "--json", "--dir", s.dir)[0]; report["ok"] != true {
			t.Fatalf("%v", report)
		}
	})
}
