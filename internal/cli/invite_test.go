package cli_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestInviteCommands(t *testing.T) {
	s := startDemo(t)
	plain := func(args ...string) (string, int) {
		t.Helper()
		c := exec.Command(binary(t), args...)
		var out bytes.Buffer
		c.Stdout, c.Stderr = &out, &out
		err := c.Run()
		if err != nil && c.ProcessState == nil {
			t.Fatal(err)
		}
		return out.String(), c.ProcessState.ExitCode()
	}
	t.Run("[CLI] [ENROL-2] an invite is made, listed without its code, enrolled with by its link after organization and server are shown, and ended", func(t *testing.T) {
		made := must(t, "invite", "make", "--role", "worker", "--organization", "Paper Lantern Outreach (invented)", "--uses", "2", "--url", s.Line.URL, "--json", "--dir", s.dir)[0]
		link := fmt.Sprint(made["link"])
		if link != s.Line.URL+"/#invite="+fmt.Sprint(made["invite"]) {
			t.Fatal(link)
		}
		out, code := plain("device", "enroll", "--store", filepath.Join(t.TempDir(), "w.db"), "--invite", link)
		shown, done := strings.Index(out, "Organization:  Paper Lantern Outreach (invented)"), strings.Index(out, "Enrolled as worker.")
		if code != 0 || shown < 0 || done < shown || !strings.Contains(out, "Server:        "+strings.TrimPrefix(s.Line.URL, "http://")) {
			t.Fatalf("exit %d\n%s", code, out)
		}
		list, _ := plain("invite", "list", "--dir", s.dir)
		if !strings.Contains(list, fmt.Sprint(made["id"], "  open")) || !strings.Contains(list, "1 of 2 used") || strings.Contains(list, fmt.Sprint(made["invite"])) {
			t.Fatal(list)
		}
		must(t, "invite", "revoke", fmt.Sprint(made["id"]), "--json", "--dir", s.dir)
		_, code = plain("device", "enroll", "--json", "--store", filepath.Join(t.TempDir(), "x.db"), "--invite", link)
		if code != 4 {
			t.Errorf("an ended invite: exit %d", code)
		}
		if _, code := plain("device", "enroll", "--json", "--store", filepath.Join(t.TempDir(), "y.db"), "--invite", link, "--url", "http://127.0.0.1:1"); code != 2 {
			t.Errorf("a link for another server: exit %d", code)
		}
		if _, code := plain("invite", "revoke", "nosuchinvite000", "--dir", s.dir); code != 2 {
			t.Errorf("no such invite: exit %d", code)
		}
	})
	t.Run("[CLI] [ENROL-2] a poster is a page in two languages; who comes by it is confirmed by the label that their device shows", func(t *testing.T) {
		page := filepath.Join(t.TempDir(), "poster.html")
		said, code := plain("invite", "poster", "--site", "Hotel Marmalade (invented)", "--url", s.Line.URL, "--out", page, "--dir", s.dir)
		raw, err := os.ReadFile(page)
		if code != 0 || err != nil || !strings.Contains(string(raw), "<svg ") || !strings.Contains(string(raw), "Organización") || !strings.Contains(said, "awaits native and practitioner review") {
			t.Fatalf("exit %d %v %s", code, err, said)
		}
		_, after, _ := strings.Cut(said, "code ")
		poster, _, _ := strings.Cut(after, ",")
		for _, format := range []string{"svg", "text", "screen"} {
			if out, code := plain("invite", "card", poster, "--url", s.Line.URL, "--format", format, "--dir", s.dir); code != 0 || format != "svg" && !strings.Contains(out, poster) {
				t.Errorf("%s: exit %d %s", format, code, out)
			}
		}
		if _, code := plain("invite", "poster", "--site", "Hotel Marmalade (invented)", "--url", s.Line.URL, "--out", page, "--dir", s.dir); code != 2 {
			t.Errorf("a card that is there was overwritten: exit %d", code)
		}
		store := filepath.Join(t.TempDir(), "staff.db")
		enrolled := results(must(t, "device", "enroll", "--json", "--store", store, "--url", s.Line.URL, "--invite", poster), "enrolled")[0]
		label := fmt.Sprint(enrolled["label"])
		if enrolled["unconfirmed"] != true || !strings.HasPrefix(label, "staff-") {
			t.Fatal(enrolled)
		}
		if list, _ := plain("staff", "list", "--unconfirmed", "--dir", s.dir); !strings.Contains(list, label) {
			t.Fatal(list)
		}
		must(t, "staff", "confirm", strings.ToLower(label), "--json", "--dir", s.dir)
		if list, _ := plain("staff", "list", "--unconfirmed", "--dir", s.dir); list != "" {
			t.Fatal(list)
		}
	})
}
