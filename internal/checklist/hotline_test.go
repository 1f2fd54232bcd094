package checklist

import (
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/fieldpost/fieldpost/content"
)

// withTexts is the yard's content with the shipped hotlines, guidance and
// sources, one text of a file changed for another.
func withTexts(t testing.TB, file, old, new string) fstest.MapFS {
	t.Helper()
	all := yardContent(t)
	for _, pattern := range []string{hotlineFiles, guidanceFiles, "sources.json"} {
		names, err := fs.Glob(content.Files, pattern)
		if err != nil || len(names) == 0 {
			t.Fatalf("%s: %v", pattern, err)
		}
		for _, name := range names {
			data, err := fs.ReadFile(content.Files, name)
			if err != nil {
				t.Fatal(err)
			}
			if name == "sources.json" { // the yard's items cite a source of their own
				data = []byte(strings.Replace(string(data), "{", `{"X": {"title": "x"},`, 1))
			}
			if name == file {
				if !strings.Contains(string(data), old) {
					t.Fatalf("%s does not hold %s", file, old)
				}
				data = []byte(strings.Replace(string(data), old, new, 1))
			}
			all[name] = &fstest.MapFile{Data: data}
		}
	}
	return all
}

func ids(lines []Hotline) (list []string) {
	for _, h := range lines {
		list = append(list, h.ID)
	}
	return list
}

func values(lines []Hotline) (list []string) {
	for _, h := range lines {
		for _, c := range h.Channels {
			list = append(list, c.Kind+" "+c.Value)
		}
	}
	return list
}

func TestHotlines(t *testing.T) {
	lines, err := HotlinesIn(content.Files)
	if err != nil {
		t.Fatal(err)
	}
	t.Run("[R3] the numbers of the Kansas City pack ship with the binary, 911 first", func(t *testing.T) {
		got := values(lines)
		for _, want := range []string{"call 911", "call 1-866-347-2423", "call 1-877-447-4847", "call +1-802-872-6199", "call 1-888-373-7888", "text 233733", "tty 711",
			"chat https://humantraffickinghotline.org/chat", "call 1-800-392-3738", "call 1-800-922-5330", "call 1-800-392-0210", "call 1-800-843-5678", "call 1-866-487-9243"} {
			if !slices.Contains(got, want) {
				t.Errorf("%s is missing", want)
			}
		}
		if got[0] != "call 911" {
			t.Errorf("%s stands first", got[0])
		}
	})
	t.Run("[R3] whatever a worker needs, 911 stands before it", func(t *testing.T) {
		for _, need := range append([]string{""}, Needs...) {
			for _, place := range []string{"", "us", "us-mo", "us-ks"} {
				if got := ids(CallCards(lines, place, need)); len(got) == 0 || got[0] != "emergency_911" {
					t.Errorf("%s %s: %q", place, need, got)
				}
			}
		}
		last := append(slices.Clone(lines[1:]), lines[0])
		if got := ids(CallCards(last, "us-ks", NeedChild)); got[0] != "emergency_911" {
			t.Errorf("%q", got)
		}
	})
	t.Run("[CONTENT] a place has its own lines and those of its country, and from abroad only what answers there", func(t *testing.T) {
		if got := ids(CallCards(lines, "us-mo", NeedChild)); !slices.Equal(got, []string{"emergency_911", "ncmec", "mo_child_abuse"}) {
			t.Errorf("%q", got)
		}
		if got := ids(CallCards(lines, "us-ks", NeedAdultAbuse)); !slices.Equal(got, []string{"emergency_911", "ks_protection"}) {
			t.Errorf("%q", got)
		}
		if got := values(CallCards(lines, Abroad, "")); !slices.Equal(got, []string{"call +1-802-872-6199"}) {
			t.Errorf("%q", got)
		}
		if got := values(CallCards(lines, "us-mo", NeedTip)); slices.Contains(got, "call +1-802-872-6199") || !slices.Contains(got, "call 1-866-347-2423") {
			t.Errorf("%q", got)
		}
		if again, err := HotlinesIn(content.Files); err != nil || !slices.Equal(values(again), values(lines)) {
			t.Error("choosing cards changed the lines", err)
		}
	})
	t.Run("[R24] nothing in hotlines or guidance is a link that dials or sends", func(t *testing.T) {
		dials := regexp.MustCompile(`(?i)\b(tel|sms|smsto|mailto):`)
		for _, pattern := range []string{hotlineFiles, guidanceFiles} {
			names, _ := fs.Glob(content.Files, pattern)
			for _, name := range names {
				data, err := fs.ReadFile(content.Files, name)
				if err != nil || dials.Match(data) {
					t.Errorf("%s: %v", name, err)
				}
			}
		}
	})
	t.Run("[R25] no line says that somebody verified it, and all texts say what they await", func(t *testing.T) {
		for _, h := range lines {
			if state, _ := h.Verification(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)); h.VerifiedOn != "" || state != NotVerified {
				t.Errorf("%s: %s %s", h.ID, h.VerifiedOn, state)
			}
			for _, text := range []Text{{h.NameEN, h.NameES, h.ReviewEN, h.ReviewES}, h.WhatHappens, h.Immigration} {
				if text.ReviewEN != AwaitingReview || text.ReviewES != AwaitingNative {
					t.Errorf("%s: %+v", h.ID, text)
				}
			}
		}
	})
	t.Run("[CONTENT] a verified number turns amber after 90 days; a day to come verifies nothing", func(t *testing.T) {
		for _, c := range []struct {
			on, today, state string
			days             int
		}{
			{"", "2026-05-01", NotVerified, 0},
			{"2026-05-01", "2026-05-01", Verified, 0},
			{"2026-01-01", "2026-03-31", Verified, 89},
			{"2026-01-01", "2026-04-01", VerifiedLong, 90},
			{"2026-05-02", "2026-05-01", NotVerified, 0},
			{"yesterday", "2026-05-01", NotVerified, 0},
		} {
			today, err := time.Parse(time.DateOnly, c.today)
			if err != nil {
				t.Fatal(err)
			}
			if state, days := (Hotline{VerifiedOn: c.on}).Verification(today.Add(23 * time.Hour)); state != c.state || days != c.days {
				t.Errorf("%+v: %s %d", c, state, days)
			}
		}
	})
	t.Run("[CONTENT] a file of hotlines with a member nobody knows, a line twice, another format or no line is refused", func(t *testing.T) {
		for _, c := range [][2]string{{`"hours"`, `"ours"`}, {`"format": 1`, `"format": 2`}, {`"id": "national_hotline"`, `"id": "emergency_911"`}} {
			if _, err := HotlinesIn(withTexts(t, "hotlines/us.json", c[0], c[1])); err == nil {
				t.Errorf("%s passed", c[1])
			}
		}
		if _, err := HotlinesIn(yardContent(t)); err == nil {
			t.Error("no line passed")
		}
	})
	t.Run("[R25] hotlines stand first in the review list, 911 before all, then emergency items, then guidance", func(t *testing.T) {
		list, err := AwaitingIn(content.Files)
		if err != nil {
			t.Fatal(err)
		}
		var order []string
		for _, a := range list {
			folder, _, _ := strings.Cut(a.File, "/")
			if place := a.Kind + " " + folder; len(order) == 0 || order[len(order)-1] != place {
				order = append(order, place)
			}
			if a.Kind == ReviewUrgent && a.Text == "" {
				t.Errorf("%+v has no text", a)
			}
		}
		if want := []string{"urgent hotlines", "urgent forms", "urgent guidance", "ours forms", "packs packs", "translation forms"}; !slices.Equal(order, want) {
			t.Errorf("%q", order)
		}
		if list[0].Item != "emergency_911" {
			t.Errorf("%+v", list[0])
		}
	})
}

func TestLintTexts(t *testing.T) {
	const us, bias = "hotlines/us.json", "guidance/bias.json"
	t.Run("[CONTENT] lint has nothing to say about the shipped hotlines and guidance", func(t *testing.T) {
		faults, err := Lint(withTexts(t, "", "", ""))
		for _, f := range faults {
			t.Error(f)
		}
		if err != nil {
			t.Fatal(err)
		}
	})
	for _, c := range []struct{ rule, name, file, old, new, item, language, says string }{
		{"CONTENT", "a name in one language only", us, `"name::es": "Emergencia: 911"`, `"name::es": ""`, "emergency_911", "es", "name is missing"},
		{"CONTENT", "a text in one language only", us, `"text::es": "Una persona le pregunta`, `"text::es": "", "text::fr": "`, "", "", "read json"},
		{"CONTENT", "an empty text", us, `"text::en": "For calls from other countries."`, `"text::en": " "`, "hsi_tip_line", "en", "note is missing"},
		{"CONTENT", "a refused word", us, "For calls from other countries.", "To rescue people.", "hsi_tip_line", "en", `says "rescue"`},
		{"CONTENT", "an unreadable sentence", us, "For calls from other countries.", "International telecommunication facilities necessitate alternative numerical sequences.", "hsi_tip_line", "en", "hard to read"},
		{"CONTENT", "a number with a digit too few", us, `"1-866-347-2423"`, `"1-866-347-242"`, "hsi_tip_line", "", "is not well formed for call"},
		{"R24", "a link that dials", us, `"1-866-347-2423"`, `"tel:1-866-347-2423"`, "hsi_tip_line", "", "is not well formed for call"},
		{"CONTENT", "a short code that is none", us, `"233733"`, `"23"`, "national_hotline", "", "is not well formed for text"},
		{"CONTENT", "a chat without encryption", us, `"https://`, `"http://`, "national_hotline", "", "is not well formed for chat"},
		{"CONTENT", "a channel that nobody knows", us, `"kind": "chat"`, `"kind": "fax"`, "national_hotline", "", "is no kind of channel"},
		{"CONTENT", "hours that are none", us, `"mon-fri 08:00-16:30"`, `"mornings"`, "dol_whd", "", "hours"},
		{"CONTENT", "a language that is none", us, `"interpreter"`, `"inglés"`, "emergency_911", "", "is no language"},
		{"CONTENT", "a need that nobody knows", us, `"help_for_myself"`, `"help"`, "national_hotline", "", "needs: "},
		{"CONTENT", "a place that nobody knows", us, `"abroad"`, `"moon"`, "hsi_tip_line", "", "places: "},
		{"CONTENT", "a line without a source", us, `"L911"`, ``, "emergency_911", "", "names no source"},
		{"CONTENT", "a source that is not known", us, `"L911"`, `"L912"`, "emergency_911", "", "source L912 is not in sources.json"},
		{"CONTENT", "a verification that is no day", us, `"verified_on": ""`, `"verified_on": "May 2026"`, "emergency_911", "", "verified_on"},
		{"CONTENT", "a line twice", us, `"id": "ncmec"`, `"id": "emergency_911"`, "emergency_911", "", "stands twice"},
		{"R25", "a line that says it was reviewed", us, `"review::en": "awaiting practitioner review"`, `"review::en": ""`, "emergency_911", "en", "review is"},
		{"R25", "guidance that says it was reviewed", bias, `"review::es": "awaiting native and practitioner review"`, `"review::es": ""`, "", "es", "review is"},
		{"R25", "a paragraph that says it was reviewed", bias, "no quién es.\",\n      \"review::en\": \"awaiting practitioner review\"", "no quién es.\",\n      \"review::en\": \"\"", "bias.01", "en", "review is"},
		{"CONTENT", "guidance in one language only", bias, `"title::es"`, `"title::fr"`, "", "", "read json"},
		{"CONTENT", "an empty paragraph", bias, `"text::es": "Mire lo que la gente hace, no quién es."`, `"text::es": ""`, "bias.01", "es", "text is missing"},
		{"CONTENT", "a gap in the paragraphs", bias, `"bias.02"`, `"bias.03"`, "bias.03", "", "stands where bias.02 belongs"},
		{"CONTENT", "a mark that is none", "guidance/debrief.json", `"mark": "do"`, `"mark": "must"`, "debrief.02", "", "mark"},
		{"CONTENT", "a moment that is none", bias, `"before_checklist"`, `"sometimes"`, "", "", "shown: "},
		{"CONTENT", "guidance with a source that is not known", bias, `"D"`, `"DD"`, "", "", "source DD is not in sources.json"},
		{"CONTENT", "guidance with a line that is not there", "guidance/debrief.json", `"lifeline_988"`, `"lifeline_989"`, "", "", "names the line lifeline_989"},
		{"R21", "a debrief without a line for support", "guidance/debrief.json", `"lifeline_988"`, `"ncmec"`, "", "", "no line for support"},
		{"CONTENT", "help for oneself that may store something", "guidance/myself.json", `"stores_nothing": true`, `"stores_nothing": false`, "", "", "stores_nothing is false"},
		{"CONTENT", "help for oneself without a line for it", "guidance/myself.json", `"national_hotline"`, `"ncmec"`, "", "", "no line for help_for_myself"},
		{"CONTENT", "guidance under another name", bias, `"key": "bias"`, `"key": "blame"`, "", "", "belongs in a file of the name blame.json"},
	} {
		t.Run("["+c.rule+"] lint names what is wrong with hotlines and guidance: "+c.name, func(t *testing.T) {
			faults, err := Lint(withTexts(t, c.file, c.old, c.new))
			if err != nil {
				t.Fatal(err)
			}
			if !slices.ContainsFunc(faults, func(f Fault) bool {
				return f.File == c.file && f.Item == c.item && f.Language == c.language && strings.Contains(f.Message, c.says)
			}) {
				t.Errorf("%q", faults)
			}
		})
	}
}
