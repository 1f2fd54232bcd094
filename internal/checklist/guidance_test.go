package checklist

import (
	"slices"
	"strings"
	"testing"

	"github.com/fieldpost/fieldpost/content"
)

func TestGuidance(t *testing.T) {
	all, err := GuidanceIn(content.Files)
	if err != nil {
		t.Fatal(err)
	}
	moment := func(shown string) (found []Guidance) {
		for _, g := range all {
			if g.Shown == shown {
				found = append(found, g)
			}
		}
		return found
	}
	t.Run("[CONTENT] each moment in which guidance is shown has one text, in both languages", func(t *testing.T) {
		for _, shown := range Shown {
			found := moment(shown)
			if len(found) != 1 {
				t.Fatalf("%s: %d texts", shown, len(found))
			}
			for _, language := range Languages {
				title, review := found[0].Title(language)
				if title == "" || review == "" || len(found[0].Paragraphs) < 5 {
					t.Errorf("%s %s: %q %q", shown, language, title, review)
				}
			}
		}
	})
	t.Run("[R18] the note before a checklist sends the eye to what people do", func(t *testing.T) {
		if text, _ := moment(ShownBefore)[0].Paragraphs[0].In("en"); !strings.Contains(text, "not at who they are") {
			t.Error(text)
		}
	})
	t.Run("[R21] after a hard report there is a number for the worker", func(t *testing.T) {
		if got := moment(ShownAfterHard)[0].Lines; !slices.Equal(got, []string{"lifeline_988"}) {
			t.Errorf("%q", got)
		}
	})
	t.Run("[R3] what may be about a child opens a call card with 911 and a line of each state", func(t *testing.T) {
		lines, err := HotlinesIn(content.Files)
		if err != nil {
			t.Fatal(err)
		}
		g := moment(ShownMinor)[0]
		if g.Lines[0] != "emergency_911" {
			t.Errorf("%q", g.Lines)
		}
		for _, state := range []string{"us-mo", "us-ks"} {
			if !slices.ContainsFunc(lines, func(h Hotline) bool {
				return slices.Contains(g.Lines, h.ID) && slices.Contains(h.Places, state) && slices.Contains(h.Needs, NeedChild)
			}) {
				t.Errorf("no line of %s in %q", state, g.Lines)
			}
		}
	})
	t.Run("[CONTENT] only help for oneself stores nothing, and it says so first", func(t *testing.T) {
		for key, g := range all {
			if g.StoresNothing != (key == "myself") {
				t.Errorf("%s: %t", key, g.StoresNothing)
			}
		}
		if text, _ := all["myself"].Paragraphs[0].In("es"); !strings.Contains(text, "no guarda nada") {
			t.Error(text)
		}
	})
	t.Run("[CONTENT] guidance with a member nobody knows, under another name, or none at all is refused", func(t *testing.T) {
		for _, c := range [][2]string{{`"mark"`, `"marks"`}, {`"key": "debrief"`, `"key": "brief"`}, {`"format": 1`, `"format": 2`}} {
			if _, err := GuidanceIn(withTexts(t, "guidance/debrief.json", c[0], c[1])); err == nil {
				t.Errorf("%s passed", c[1])
			}
		}
		if _, err := GuidanceIn(yardContent(t)); err == nil {
			t.Error("none passed")
		}
	})
}
