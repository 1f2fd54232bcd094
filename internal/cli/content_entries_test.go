package cli

import (
	"strings"
	"testing"

	"github.com/fieldpost/fieldpost/internal/access"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
)

func TestContentEntries(t *testing.T) {
	r := rig.New(t)
	dir := []string{"--dir", r.Dir}
	run := func(args ...string) (string, int) { return contentRun(t, append(dir, args...)...) }
	t.Run("[CLI] content diff and apply have hotlines too: what is edited stays until it is named", func(t *testing.T) {
		line, err := r.App.FindFirstRecordByData("hotlines", "key", "ncmec")
		if err != nil {
			t.Fatal(err)
		}
		var body map[string]any
		if err := line.UnmarshalJSONField("body", &body); err != nil {
			t.Fatal(err)
		}
		body["name::en"] = "Our name"
		line.Set("body", body)
		if err := r.App.Save(line); err != nil {
			t.Fatal(err)
		}
		if out, exit := run("diff"); exit != ExitOK || !strings.HasPrefix(out, "edited  hotlines/ncmec: body\n") {
			t.Errorf("exit %d, %s", exit, out)
		}
		if out, exit := run("apply"); exit != ExitOK || !strings.Contains(out, "nothing to take") {
			t.Errorf("exit %d, %s", exit, out)
		}
		if _, exit := run("apply", "--replace", "hotlines/nobody"); exit != ExitUsage {
			t.Errorf("exit %d", exit)
		}
		if out, exit := run("apply", "--replace", "hotlines/ncmec"); exit != ExitOK || out != "replaced: hotlines/ncmec\n" {
			t.Errorf("exit %d, %s", exit, out)
		}
		if out, exit := run("diff", "--json"); exit != ExitOK || out != "" {
			t.Errorf("exit %d, %s", exit, out)
		}
	})
	t.Run("[CLI] [R16] verify-hotline wants a label and a line that is there", func(t *testing.T) {
		for _, wrong := range [][]string{{"verify-hotline", "ncmec"}, {"verify-hotline", "ncmec", "--by", "keisha@example.org"}, {"verify-hotline", "nobody", "--by", "coordinator-K7M2P"}} {
			if out, exit := run(wrong...); exit != ExitUsage {
				t.Errorf("%q: exit %d, %s", wrong, exit, out)
			}
		}
		if n, err := r.App.CountRecords("audit"); err != nil || n != 0 {
			t.Errorf("%d entries, %v", n, err)
		}
		if out, exit := run("verify-hotline", "ncmec", "--by", "coordinator-K7M2P"); exit != ExitOK || !strings.Contains(out, "ncmec is verified on 20") {
			t.Errorf("exit %d, %s", exit, out)
		}
	})
	t.Run("[R3] [R24] a device prints its cards with no server, 911 first, and says which line was verified", func(t *testing.T) {
		p := enrolled(t, r, access.Staff, r.Organization("Hotel"), r.Site("Hotel", r.Organization("Owner"), r.Organization("Outreach")))
		lines := p.lines("hotlines")
		p.wants("first", lines[0]["id"], "emergency_911")
		p.wants("pulled", lines[0]["pulled"], true)
		p.wants("verification", lines[0]["verification"], "not_verified")
		if len(lines) < 9 {
			t.Errorf("%d cards", len(lines))
		}
		for _, l := range lines {
			if l["id"] == "ncmec" {
				p.wants("verification", l["verification"], "verified")
			}
		}
		p.fails(ExitUsage, "bad_usage", "hotlines", "--place", "moon")

		// Somebody unpublished 911 at the server: the card is there all the same.
		line, err := r.App.FindFirstRecordByData("hotlines", "key", "emergency_911")
		if err != nil {
			t.Fatal(err)
		}
		line.Set("published", false)
		if err := r.App.Save(line); err != nil {
			t.Fatal(err)
		}
		p.ok("sync")
		p.wants("first", p.lines("hotlines", "--need", "child")[0]["id"], "emergency_911")
	})
	t.Run("[ACCESS] over HTTP a coordinator verifies a line, a worker does not", func(t *testing.T) {
		ngo := r.Organization("Other outreach")
		coordinator, worker := r.Enroll(access.Coordinator, ngo), r.Enroll(access.Worker, ngo)
		var out map[string]any
		if status := r.Post(worker.Token, "/api/fieldpost/hotlines/dol_whd/verified", nil, nil); status != 403 {
			t.Errorf("%d", status)
		}
		if status := r.Post("", "/api/fieldpost/hotlines/dol_whd/verified", nil, nil); status != 401 {
			t.Errorf("%d", status)
		}
		if status := r.Post(coordinator.Token, "/api/fieldpost/hotlines/nobody/verified", nil, nil); status != 404 {
			t.Errorf("%d", status)
		}
		status := r.Post(coordinator.Token, "/api/fieldpost/hotlines/dol_whd/verified", nil, &out)
		if status != 200 || out["id"] != "dol_whd" || out["verified_on"] != r.Clock.Now().UTC().Format("2006-01-02") {
			t.Errorf("%d %v", status, out)
		}
	})
}
