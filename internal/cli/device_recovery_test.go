package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fieldpost/fieldpost/internal/access"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
)

func TestDeviceRecovery(t *testing.T) {
	t.Run("[RECOVERY] a phone with no way out writes a file, another one hands it in, and the words claim no more than is so", func(t *testing.T) {
		r := rig.New(t)
		ngo := r.Organization("Outreach")
		rosa, keisha := enrolled(t, r, access.Worker, ngo), enrolled(t, r, access.Coordinator, ngo)
		file := filepath.Join(t.TempDir(), "rosa.recovery")
		rosa.wants("nothing waits", rosa.ok("recovery", "export", file)["mutations"], 0)
		if _, err := os.Stat(file); err == nil {
			t.Fatal("a file of nothing was written")
		}
		for range 2 {
			rosa.ok("observe", "--time", "2026-01-11T04:55:00Z", "--indicator", "core.01=saw", "--note", "kanarienvogel")
		}
		rosa.wants("written", rosa.ok("recovery", "export", file)["mutations"], 2)
		rosa.fails(ExitUsage, "file_exists", "recovery", "export", file)
		rosa.wants("still waiting", rosa.ok("status")["waiting"], 2)
		raw, err := os.ReadFile(file)
		if err != nil || strings.Contains(string(raw), "kanarienvogel") {
			t.Fatalf("%s %v", raw, err)
		}
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
			t.Fatalf("%v %v", info.Mode(), err)
		}
		line := keisha.ok("recovery", "deliver", file)
		keisha.wants("received", line["received"], 2)
		keisha.wants("replayed", line["replayed"], 0)
		keisha.wants("device", line["device"], rosa.ok("status")["device"])
		keisha.wants("replayed again", keisha.ok("recovery", "deliver", file)["replayed"], 2)
		rosa.wants("waiting until its own sync", rosa.ok("status")["waiting"], 2)
		rosa.wants("replayed", rosa.ok("sync")["replayed"], 2)
		rosa.wants("received", rosa.ok("status")["received"], 2)

		keisha.fails(ExitUsage, "no_file", "recovery", "deliver", file+".none")
		if err := os.WriteFile(file, raw[:len(raw)-40], 0o600); err != nil {
			t.Fatal(err)
		}
		keisha.fails(ExitUsage, "not_recovery_file", "recovery", "deliver", file)
		if err := os.WriteFile(file, []byte(strings.Replace(string(raw), `"n":2`, `"n":4`, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		keisha.fails(ExitRefused, "bad_signature", "recovery", "deliver", file)
		keisha.fails(ExitUsage, "bad_usage", "recovery", "nonsense")
		newPhone(t).fails(ExitUsage, "not_enrolled", "recovery", "export", file+".new")
	})
}
