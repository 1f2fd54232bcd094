package cli

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/fieldpost/fieldpost/internal/access"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
)

func TestOperationCommands(t *testing.T) {
	r := rig.New(t)
	r.Organization("Night outreach")
	police := r.Organization("Police unit")
	cop := r.Enroll(access.LawEnforcement, police)
	run := func(want int, args ...string) string {
		t.Helper()
		out, code := besideRig(t, r, operationCommand, args...)
		if code != want {
			t.Fatalf("%v: exit %d, want %d: %s", args, code, want, out)
		}
		return out
	}
	now := r.Clock.Now().UTC()
	at := func(d time.Duration) string { return now.Add(d).Format(time.RFC3339) }
	t.Run("[CLI] [ACCESS] an operation is made, has its roster, and ends, beside a server that goes by it at once", func(t *testing.T) {
		run(ExitUsage, "make", "Weekend")
		run(ExitUsage, "make", "Weekend", "--organization", "Nobody", "--begins", at(-time.Hour), "--ends", at(time.Hour))
		run(ExitUsage, "make", "Weekend", "--organization", "Night outreach", "--begins", at(time.Hour), "--ends", at(-time.Hour))
		var made struct{ ID string }
		if err := json.Unmarshal([]byte(run(ExitOK, "make", "Weekend", "--organization", "Night outreach", "--with", "Police unit", "--begins", at(-time.Hour), "--ends", at(time.Hour), "--json")), &made); err != nil {
			t.Fatal(err)
		}
		sees := func() int {
			return r.Send(http.MethodGet, cop.Token, "/api/collections/operations/records/"+made.ID, nil, nil)
		}
		rig.Want(t, sees(), 404)
		run(ExitUsage, "roster", made.ID)
		run(ExitUsage, "roster", made.ID, "--add", "nobody@example.org")
		run(ExitUsage, "roster", made.ID, "--add", cop.User.ID, "--role", "king")
		run(ExitOK, "roster", made.ID, "--add", cop.User.ID, "--role", "liaison")
		rig.Want(t, sees(), 200)
		if out := run(ExitOK, "list"); !strings.Contains(out, "on now") || !strings.Contains(out, cop.User.ID) {
			t.Error(out)
		}
		run(ExitOK, "roster", made.ID, "--remove", cop.User.ID)
		rig.Want(t, sees(), 404)
		run(ExitOK, "roster", made.ID, "--add", cop.User.ID)
		rig.Want(t, sees(), 200)
		if out := run(ExitOK, "end", made.ID); !strings.Contains(out, "not on") {
			t.Error(out)
		}
		rig.Want(t, sees(), 404)
	})
}
