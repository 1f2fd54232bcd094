package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fieldpost/fieldpost/client"
	"github.com/fieldpost/fieldpost/internal/access"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
)

// phone runs device commands on one store.
type phone struct {
	t       *testing.T
	store   string
	members map[string][]string // of results, as the help has them
}

func newPhone(t *testing.T) phone {
	return phone{t, filepath.Join(t.TempDir(), "device.db"), documented(t)}
}

// buffer is written by a watch while a test reads it.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) { b.mu.Lock(); defer b.mu.Unlock(); return b.b.Write(p) }
func (b *buffer) String() string              { b.mu.Lock(); defer b.mu.Unlock(); return b.b.String() }

// run runs a command line with --json and gives its lines and exit code.
func (p phone) run(args ...string) (lines []map[string]any, exit int) {
	p.t.Helper()
	out := &buffer{}
	exit = p.raw(out, append([]string{"--json", "--store", p.store}, args...)...)
	return p.parse(out.String()), exit
}

func (p phone) parse(text string) (lines []map[string]any) {
	p.t.Helper()
	for _, text := range strings.Split(strings.TrimSpace(text), "\n") {
		if text == "" {
			continue
		}
		var line map[string]any
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			p.t.Fatalf("not a line of JSON: %s", text)
		}
		lines = append(lines, line)
		result, isResult := line["result"].(string)
		for member := range line {
			if isResult && member != "result" && !slices.Contains(p.members[result], member) {
				p.t.Errorf("the help of device does not tell of member %q of result %q", member, result)
			}
		}
	}
	return lines
}

func (p phone) raw(out *buffer, args ...string) int {
	p.t.Helper()
	c := DeviceCommand()
	c.SetArgs(args)
	c.SetOut(out)
	c.SetErr(out)
	err := c.ExecuteContext(p.t.Context())
	if err == nil {
		return 0
	}
	var exit *Exit
	if !errors.As(err, &exit) || !exit.Printed {
		p.t.Fatalf("%v: %v is not an explained exit", args, err)
	}
	return exit.Code
}

// ok runs a command that must work and gives its last line.
func (p phone) ok(args ...string) map[string]any {
	p.t.Helper()
	lines, exit := p.run(args...)
	if exit != 0 || len(lines) == 0 {
		p.t.Fatalf("%v: exit %d, %v", args, exit, lines)
	}
	return lines[len(lines)-1]
}

// fails runs a command that must fail so, and checks the error's form.
func (p phone) fails(exit int, code string, args ...string) map[string]any {
	p.t.Helper()
	lines, got := p.run(args...)
	if len(lines) == 0 {
		p.t.Fatalf("%v: no error line", args)
	}
	last := lines[len(lines)-1]
	if got != exit || last["code"] != code || last["message"] == "" || last["hint"] == "" || last["hint"] == nil || len(last) != 3 {
		p.t.Errorf("%v: exit %d, %v; want %d, %s", args, got, last, exit, code)
	}
	return last
}

// documented reads the help: which members a result may have.
func documented(t *testing.T) map[string][]string {
	t.Helper()
	members := map[string][]string{}
	_, table, ok := strings.Cut(deviceHelp, "say\n")
	table, _, end := strings.Cut(table, "\n\n")
	if !ok || !end {
		t.Fatal("the help has no table of results")
	}
	result := ""
	for _, line := range strings.Split(table, "\n") {
		words := strings.Fields(strings.NewReplacer("[", " ", "]", " ", ",", " ").Replace(line))
		if !strings.HasPrefix(line, "    ") {
			result, words = words[0], words[1:]
		}
		members[result] = append(members[result], words...)
	}
	members["sync"] = append(members["sync"], members["pull"]...)
	return members
}

func (p phone) wants(what string, got, want any) {
	p.t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		p.t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func enrolled(t *testing.T, r *rig.Rig, role access.Role, organization string, sites ...string) phone {
	t.Helper()
	p := newPhone(t)
	p.ok("enroll", "--url", r.URL, "--invite", r.Invite(role, organization, 1, sites...), "--name", "Pixel 4a")
	return p
}

func TestDevice(t *testing.T) {
	t.Run("[CLI] the main job: no coverage, three observations and a checklist, then four verdicts and a watch that prints them", func(t *testing.T) {
		r := rig.New(t)
		ngo := r.Organization("Outreach")
		site := r.Site("Hotel one", r.Organization("Hotel"), ngo)
		rosa, keisha := enrolled(t, r, access.Worker, ngo), enrolled(t, r, access.Coordinator, ngo)
		r.Stop()
		rosa.fails(ExitNetwork, "no_server", "sync")
		for i := range 3 {
			line := rosa.ok("observe", "--site", site, "--time", "2026-01-11T04:55:00Z", "--indicator", "core.01=saw", "--people", "2", "--note", "cab to cab")
			rosa.wants("n", line["n"], i+1)
			rosa.wants("state", line["state"], client.SavedHere)
		}
		rosa.ok("fill", "--checklist", "hotel_front", "--site", site, "--answer", "hotel_front.01=yes", "--answer", "hotel_front.02=no", "--basis", "hotel_front.01=told", "--about", "guest")
		rosa.wants("waiting", rosa.ok("status")["waiting"], 4)
		r.Start()

		out := &buffer{}
		done := make(chan int, 1)
		go func() {
			done <- keisha.raw(out, "--json", "--store", keisha.store, "watch", "--seconds", "8", "--url", r.URL)
		}()
		for end := time.Now().Add(5 * time.Second); !strings.Contains(out.String(), `"state":"live"`); time.Sleep(10 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("not live: %s", out)
			}
		}
		lines, exit := rosa.run("sync", "--url", r.URL)
		rosa.wants("exit", exit, 0)
		rosa.wants("lines", len(lines), 5)
		for _, v := range lines[:4] {
			rosa.wants("result", v["result"], "verdict")
			rosa.wants("verdict", v["verdict"], "applied")
			rosa.wants("state", v["state"], client.Received)
		}
		rosa.wants("sent", lines[4]["sent"], 4)
		rosa.wants("sent again", rosa.ok("sync")["sent"], 0)
		rosa.wants("received", rosa.ok("status")["received"], 4)

		time.Sleep(2 * time.Second)
		reports := 0
		for _, l := range keisha.parse(out.String()) {
			if l["result"] == "change" && (l["collection"] == "observations" || l["collection"] == "submissions") && l["reset"] == false {
				reports++
				keisha.wants("urgency of "+fmt.Sprint(l["collection"]), l["urgency"], "review")
				if l["event_time"] == nil || l["own"] != false || l["kind"] != "new" {
					t.Errorf("line %v", l)
				}
			}
		}
		keisha.wants("reports printed within two seconds", reports, 4)
		keisha.wants("exit of watch", <-done, 0)
	})

	t.Run("[CLI] bad input is told before anything is saved", func(t *testing.T) {
		r := rig.New(t)
		p := enrolled(t, r, access.Worker, r.Organization("Outreach"))
		for _, c := range []struct {
			code string
			args string
		}{
			{"unknown_checklist", "fill --checklist motel --answer motel.01=yes"},
			{"no_checklist", "fill --answer hotel_front.01=yes"},
			{"unknown_version", "fill --checklist hotel_front --version 99 --answer hotel_front.01=yes"},
			{"unknown_version", "fill --checklist hotel_front --version -1 --answer hotel_front.01=yes"},
			{"unknown_item", "fill --checklist hotel_front --answer hotel_front.99=yes"},
			{"unknown_item", "fill --checklist hotel_front --answer truck_cash.01=yes"},
			{"bad_answer", "fill --checklist hotel_front --answer hotel_front.01=perhaps"},
			{"bad_answer", "fill --checklist hotel_front --answer hotel_front.01"},
			{"bad_answer", "fill --checklist hotel_front --answer hotel_front.01=yes --answer hotel_front.01=no"},
			{"no_answers", "fill --checklist hotel_front"},
			{"bad_field", "fill --checklist hotel_front --answer hotel_front.01=yes --about boss"},
			{"bad_time", "fill --checklist hotel_front --answer hotel_front.01=yes --time yesterday"},
			{"bad_time", "observe --time 2026-13-45T99:00:00Z"},
			{"unknown_site", "observe --site a1b2c3d4e5f6g7h"},
			{"unknown_site", "observe --site ';DROP"},
			{"unknown_item", "observe --indicator core.99"},
			{"bad_answer", "observe --indicator core.01=guessed"},
			{"bad_field", "observe --people -3"},
			{"bad_field", "observe --point here"},
			{"bad_field", "observe --person baby"},
			{"bad_field", "observe --vehicle van,wheels=4"},
			{"bad_usage", "observe --people many"},
			{"bad_usage", "observe --colour red"},
			{"bad_usage", "observe twice"},
			{"bad_usage", "report"},
			{"bad_usage", "outbox burn"},
			{"bad_usage", "outbox show"},
			{"unknown_n", "outbox show 7"},
			{"unknown_n", "outbox show 0"},
			{"unknown_n", "outbox retry 7"},
			{"unknown_n", "outbox correct 7 --set note=x"},
			{"bad_field", "outbox list --phase lost"},
			{"bad_url", "sync --url not-an-address"},
		} {
			p.fails(ExitUsage, c.code, strings.Fields(c.args)...)
		}
		p.wants("saved", p.ok("status")["saved"], 0)
	})

	t.Run("[CLI] what an observation says arrives as it was said", func(t *testing.T) {
		r := rig.New(t)
		p := enrolled(t, r, access.Worker, r.Organization("Outreach"))
		p.ok("observe", "--time", "2026-01-11T04:55:00Z", "--until", "2026-01-11T05:10:00Z", "--indicator", "core.01", "--indicator", "core.02=told",
			"--people", "0", "--point", "39.1,-94.58", "--grid", "39.1,-94.6", "--person", "teen:red_jacket,short_hair", "--vehicle", "van,color=silver,plate_state=MO,plate_end=4K",
			"--outreach", "hygiene_kit", "--minor-possible", "--manager-involved")
		if sync := p.ok("sync"); sync["applied"] != 1.0 {
			t.Fatalf("%v", sync)
		}
		rec := p.ok("records", "observations")
		p.wants("state", rec["state"], client.Received)
		fields := rec["record"].(map[string]any)
		p.wants("people", fields["people"], 0)
		p.wants("point", fields["point"], map[string]any{"lat": 39.1, "lon": -94.58})
		p.wants("indicators", fields["indicators"], []any{map[string]any{"basis": "saw", "indicator": "core.01"}, map[string]any{"basis": "told", "indicator": "core.02"}})
		p.wants("persons", fields["persons"], []any{map[string]any{"age": "teen", "description": []any{"red_jacket", "short_hair"}}})
		p.wants("event end", fields["event_end"], "2026-01-11 05:10:00.000Z")
	})

	t.Run("[CLI] enrolling: wrong and used invites, no server, a wifi's sign-in page", func(t *testing.T) {
		r := rig.New(t)
		ngo := r.Organization("Outreach")
		invite := r.Invite(access.Worker, ngo, 1)
		first := newPhone(t)
		line := first.ok("enroll", "--url", r.URL, "--invite", invite)
		first.wants("role", line["role"], "worker")
		first.wants("pulled", line["pulled"], true)
		first.wants("again", first.ok("enroll", "--url", r.URL, "--invite", invite)["user"], line["user"])

		p := newPhone(t)
		p.fails(ExitRefused, "invite_used", "enroll", "--url", r.URL, "--invite", invite)
		p.fails(ExitRefused, "invite_invalid", "enroll", "--url", r.URL, "--invite", "nonsense")
		p.fails(ExitUsage, "no_invite", "enroll", "--url", r.URL)
		p.fails(ExitUsage, "bad_url", "enroll", "--invite", "x")
		p.fails(ExitUsage, "bad_url", "enroll", "--url", "localhost", "--invite", "x")
		p.fails(ExitUsage, "not_enrolled", "sync")
		p.fails(ExitUsage, "not_enrolled", "observe")
		p.wants("status works", p.ok("status")["enrolled"], false)

		portal := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>Accept our terms</html>") }))
		defer portal.Close()
		p.fails(ExitForeign, "not_fieldpost", "enroll", "--url", portal.URL, "--invite", "x")
		closed := httptest.NewServer(nil)
		closed.Close()
		p.fails(ExitNetwork, "no_server", "enroll", "--url", closed.URL, "--invite", "x")

		first.ok("observe")
		first.fails(ExitForeign, "not_fieldpost", "sync", "--url", portal.URL)
		first.fails(ExitForeign, "not_fieldpost", "pull")
		first.fails(ExitForeign, "not_fieldpost", "watch", "--seconds", "1")
		first.fails(ExitNetwork, "no_server", "watch", "--seconds", "1", "--url", closed.URL)
		s := first.ok("status")
		first.wants("waiting", s["waiting"], 1)
		first.wants("the problem is seen later", s["problem"].(map[string]any)["code"], "no_server")
		first.wants("and goes", first.ok("sync", "--url", r.URL)["sent"], 1)
		first.wants("no problem", first.ok("status")["problem"], nil)
	})

	t.Run("[CLI] a store that is locked, missing, foreign or not writable", func(t *testing.T) {
		r := rig.New(t)
		p := enrolled(t, r, access.Worker, r.Organization("Outreach"))
		p.ok("observe")
		held, err := client.Open(p.store, client.Options{})
		if err != nil {
			t.Fatal(err)
		}
		for _, args := range []string{"observe", "sync", "status", "outbox list", "watch"} {
			p.fails(ExitLocked, "store_locked", strings.Fields(args)...)
		}
		held.Close()
		p.wants("outbox untouched", p.ok("status")["waiting"], 1)

		nowhere := newPhone(t)
		nowhere.fails(ExitUsage, "not_enrolled", "observe")
		if _, err := os.Stat(nowhere.store); err == nil {
			t.Error("a mistyped store was made")
		}
		foreign := newPhone(t)
		if err := os.WriteFile(foreign.store, bytes.Repeat([]byte("notes\n"), 200), 0o600); err != nil {
			t.Fatal(err)
		}
		foreign.fails(ExitUnwritable, "store_foreign", "status")
		below := newPhone(t)
		below.store = filepath.Join(foreign.store, "device.db")
		below.fails(ExitUnwritable, "store_unwritable", "enroll", "--url", r.URL, "--invite", "x")
	})

	t.Run("[CLI] what is refused needs attention: listed, shown, exported, sent again, corrected", func(t *testing.T) {
		r := rig.New(t)
		p := enrolled(t, r, access.Worker, r.Organization("Outreach"))
		dev, err := client.Open(p.store, client.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := dev.Do(client.Op{Op: "create", Collection: "observations", Fields: map[string]any{
			"event_time": "2026-01-11T04:55:00.000Z", "indicators": []any{map[string]any{"indicator": "core.99", "basis": "saw"}}, "note": "keep me"}}); err != nil {
			t.Fatal(err)
		}
		dev.Close()
		lines, exit := p.run("sync")
		p.wants("exit", exit, ExitAttention)
		p.wants("verdict", lines[0]["verdict"], "refused")
		p.wants("error", lines[len(lines)-1]["code"], "needs_attention")
		p.wants("listed", p.ok("outbox", "list", "--phase", "parked")["state"], client.NeedsAttention)
		shown := p.ok("outbox", "show", "1")
		if !strings.Contains(fmt.Sprint(shown["mutation"]), "keep me") || shown["code"] != "invalid" {
			t.Errorf("%v", shown)
		}
		file := filepath.Join(t.TempDir(), "export.jsonl")
		p.wants("exported", p.ok("outbox", "export", "--out", file)["mutations"], 1)
		raw, err := os.ReadFile(file)
		if err != nil || !bytes.Contains(raw, []byte("keep me")) {
			t.Errorf("%s %v", raw, err)
		}
		p.fails(ExitUsage, "file_exists", "outbox", "export", "--out", file)
		p.wants("to standard output", fmt.Sprint(p.ok("outbox", "export")["mutation"]), fmt.Sprint(p.parse(string(raw))[0]["mutation"]))
		p.ok("outbox", "retry", "1")
		p.fails(ExitUsage, "not_parked", "outbox", "retry", "1")
		p.fails(ExitAttention, "needs_attention", "sync")
		p.fails(ExitUsage, "no_change", "outbox", "correct", "1")
		p.fails(ExitUsage, "unknown_item", "outbox", "correct", "1", "--set", "note=x")
		p.fails(ExitUsage, "bad_field", "outbox", "correct", "1", "--unset", "nothing")
		line := p.ok("outbox", "correct", "1", "--set", `indicators=[{"indicator":"core.01","basis":"told"}]`, "--set", "people=3", "--set", "note=12")
		p.wants("correction of", line["correction_of"], 1)
		p.wants("sent", p.ok("sync")["applied"], 1)
		s := p.ok("status")
		p.wants("needs attention", s["needs_attention"], 0)
		p.wants("kept", s["corrected"], 1)
		copied := p.ok("records", "observations")["record"].(map[string]any)
		p.wants("note is text", copied["note"], "12")
	})

	t.Run("[CLI] without --json people read sentences, errors on standard error", func(t *testing.T) {
		r := rig.New(t)
		p := enrolled(t, r, access.Worker, r.Organization("Outreach"))
		out := &buffer{}
		c := DeviceCommand()
		errs := &buffer{}
		c.SetOut(out)
		c.SetErr(errs)
		c.SetArgs([]string{"--store", p.store, "fill", "--checklist", "motel", "--answer", "a.b=yes"})
		if c.Execute() == nil || out.String() != "" || !strings.Contains(errs.String(), "hotel_front") {
			t.Errorf("out %q, err %q", out, errs)
		}
		for _, args := range []string{"observe", "sync", "status", "outbox list", "outbox show 1", "records", "records checklists", "pull", "watch --seconds 1"} {
			out := &buffer{}
			if exit := p.raw(out, append([]string{"--store", p.store}, strings.Fields(args)...)...); exit != 0 || out.String() == "" || strings.HasPrefix(out.String(), "{") {
				t.Errorf("%s: exit %d, %s", args, exit, out)
			}
			for _, word := range []string{"Sent", "reported"} {
				if strings.Contains(out.String(), word) {
					t.Errorf("[R4] %s says %q", args, word)
				}
			}
		}
	})

	t.Run("[CLI] the help tells every exit code", func(t *testing.T) {
		out := &buffer{}
		newPhone(t).raw(out, "--help")
		for code := range 9 {
			if !strings.Contains(out.String(), fmt.Sprintf("\n  %d  ", code)) {
				t.Errorf("exit code %d is not in the help", code)
			}
		}
	})
}
