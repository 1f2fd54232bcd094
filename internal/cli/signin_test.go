package cli_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

func TestSignInCommands(t *testing.T) {
	s := startDemo(t)
	people := must(t, "people", "list", "--json", "--dir", s.dir)
	who, worker := "", ""
	for _, p := range people {
		switch p["role"] {
		case "coordinator":
			who = fmt.Sprint(p["id"])
		case "worker":
			worker = fmt.Sprint(p["id"])
		}
	}
	if who == "" || worker == "" {
		t.Fatal(people)
	}
	t.Run("[CLI] [SIGNIN] a link to set up a sign-in is printed once, for those who sign in, and its page is there", func(t *testing.T) {
		made := must(t, "people", "password", who, "--json", "--dir", s.dir)[0]
		link := fmt.Sprint(made["link"])
		page, code, _ := strings.Cut(link, "#set=")
		if made["user"] != who || made["expires"] == "" || len(code) < 10 || !strings.HasSuffix(page, "/signin") {
			t.Fatal(made)
		}
		answer, err := http.Get(s.Line.URL + "/signin")
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			t.Error(answer.Status)
		}
		for _, c := range [][]string{{"people", "password", worker}, {"people", "password", "nobody@example.org"}} {
			if out, code := fieldpost(t, append(c, "--json", "--dir", s.dir)...); code == 0 {
				t.Errorf("%v: %v", c, out)
			}
		}
	})
	t.Run("[CLI] [SIGNIN] a second factor is reset with a reason alone, and for those who have one", func(t *testing.T) {
		if out, code := fieldpost(t, "people", "reset-second-factor", who, "--json", "--dir", s.dir); code != 2 {
			t.Errorf("without a reason: exit %d %v", code, out)
		}
		if out, code := fieldpost(t, "people", "reset-second-factor", who, "--reason", "lost the phone", "--json", "--dir", s.dir); code == 0 {
			t.Errorf("without a sign-in: %v", out)
		}
	})
	t.Run("[CLI] [SIGNIN] sessions are listed and ended; one that is not there is said in words", func(t *testing.T) {
		if all := must(t, "sessions", "list", "--json", "--dir", s.dir); len(all) != 0 {
			t.Errorf("nobody is signed in, and the list says %v", all)
		}
		if ended := must(t, "sessions", "end", who, "--json", "--dir", s.dir)[0]["ended"]; fmt.Sprint(ended) != "0" {
			t.Error(ended)
		}
		if out, code := fieldpost(t, "sessions", "end", "nosuchsession", "--json", "--dir", s.dir); code == 0 {
			t.Error(out)
		}
	})
}
