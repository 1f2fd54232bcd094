package cli

import (
	"encoding/json"
	"strings"
	"testing"

	rig "github.com/fieldpost/fieldpost/internal/testrig"
)

func TestDutyCommands(t *testing.T) {
	r := rig.New(t)
	ngo := r.Organization("Night outreach")
	run := func(want int, args ...string) string {
		t.Helper()
		out, code := besideRig(t, r, dutyCommand, args...)
		if code != want {
			t.Fatalf("%v: exit %d, want %d: %s", args, code, want, out)
		}
		return out
	}
	type view struct {
		Now struct {
			On bool `json:"on"`
		} `json:"now"`
		Hours []struct {
			Zone  string           `json:"zone"`
			Hours []map[string]any `json:"hours"`
			Mail  []string         `json:"mail"`
		} `json:"hours"`
	}
	show := func() (v view) {
		t.Helper()
		if err := json.Unmarshal([]byte(run(ExitOK, "show", ngo, "--json")), &v); err != nil {
			t.Fatal(err)
		}
		return v
	}
	t.Run("[CLI] [R23] hours and lists are set, shown, and stand until they are set again", func(t *testing.T) {
		if v := show(); v.Now.On || len(v.Hours) != 0 {
			t.Fatalf("before anything was set: %+v", v)
		}
		week := []string{"set", ngo, "--zone", "America/Chicago", "--mail", "night@example.org"}
		for _, day := range []string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"} {
			week = append(week, "--hours", day+" 00:00-00:00")
		}
		run(ExitOK, week...)
		v := show()
		if !v.Now.On || len(v.Hours) != 1 || v.Hours[0].Zone != "America/Chicago" || len(v.Hours[0].Hours) != 7 || len(v.Hours[0].Mail) != 1 {
			t.Fatalf("%+v", v)
		}
		run(ExitOK, "set", ngo, "--second", "lead@example.org")
		if v := show(); len(v.Hours[0].Hours) != 7 || len(v.Hours[0].Mail) != 1 {
			t.Errorf("what was not given went: %+v", v)
		}
		if said := run(ExitOK, "show", ngo); !strings.Contains(said, "On duty until") || !strings.Contains(said, "night@example.org") {
			t.Error(said)
		}
	})
	t.Run("[CLI] [R23] what cannot be read is said, and nothing is set", func(t *testing.T) {
		before := run(ExitOK, "show", ngo, "--json")
		for _, args := range [][]string{{"--hours", "fri"}, {"--hours", "someday 18:00-20:00"}, {"--hours", "fri 18:00-30:00"}, {"--zone", "Nowhere/Else"}, {"--mail", "no address"}} {
			run(ExitUsage, append([]string{"set", ngo}, args...)...)
		}
		rig.Want(t, run(ExitOK, "show", ngo, "--json"), before)
	})
	t.Run("[CLI] [R24] a mail of trial needs a mail server, and leaves this machine only when that was said", func(t *testing.T) {
		t.Setenv("FIELDPOST_SMTP", "")
		run(ExitUsage, "test-mail", "night@example.org")
		t.Setenv("FIELDPOST_SMTP", "smtps://user:password@mail.example.org:465?from=alerts@example.org")
		if said := run(ExitRefused, "test-mail", "night@example.org"); !strings.Contains(said, "nothing was sent") {
			t.Error(said)
		}
	})
}
