package checklist

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

const guidanceFiles = "guidance/*.json"

// When guidance is shown.
const (
	ShownAlways    = "always"            // beside the hotlines
	ShownBefore    = "before_checklist"  // R18
	ShownAfterHard = "after_hard_report" // R21
	ShownOnRequest = "on_request"
	ShownMinor     = "maybe_minor" // somebody may be under 18: opens the call card
	ShownMyself    = "myself"      // "I need help for myself"
	ShownManager   = "manager"     // to the manager of a site: what to do tonight
)

// Shown are all moments in which guidance is shown.
var Shown = []string{ShownAlways, ShownBefore, ShownAfterHard, ShownOnRequest, ShownMinor, ShownMyself, ShownManager}

// Marks of a paragraph.
const (
	MarkDo    = "do"
	MarkDoNot = "do_not"
)

// Guidance is a short text for the worker.
type Guidance struct {
	Format   int    `json:"format"` // TextFormat
	Key      string `json:"key"`
	Shown    string `json:"shown"` // one of Shown
	TitleEN  string `json:"title::en"`
	TitleES  string `json:"title::es"`
	ReviewEN string `json:"review::en"`
	ReviewES string `json:"review::es"`
	// StoresNothing: a screen that shows it writes nothing anywhere, on the
	// phone or off it. Always so for ShownMyself.
	StoresNothing bool        `json:"stores_nothing,omitempty"`
	Paragraphs    []Paragraph `json:"paragraphs"`
	Lines         []string    `json:"lines"`   // ids of the hotlines shown with it
	Sources       []string    `json:"sources"` // codes of sources.json
}

// Paragraph is one thought.
type Paragraph struct {
	ID   string `json:"id"` // "bias.01"
	Mark string `json:"mark,omitempty"`
	Text
}

// Title is the title, and what it still awaits.
func (g Guidance) Title(language string) (title, review string) {
	return Text{g.TitleEN, g.TitleES, g.ReviewEN, g.ReviewES}.In(language)
}

// GuidanceIn reads the guidance of a folder of content, by key.
func GuidanceIn(fsys fs.FS) (map[string]Guidance, error) {
	names, err := fs.Glob(fsys, guidanceFiles)
	if err != nil {
		return nil, fmt.Errorf("guidance: %w", err)
	}
	all := map[string]Guidance{}
	for _, name := range names {
		var g Guidance
		if err := readStrict(fsys, name, &g); err != nil {
			return nil, fmt.Errorf("guidance: %w", err)
		}
		if g.Format != TextFormat || path.Base(name) != g.Key+".json" {
			return nil, fmt.Errorf("guidance: %s holds %q in format %d", name, g.Key, g.Format)
		}
		all[g.Key] = g
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("guidance: no file matches %s", guidanceFiles)
	}
	return all, nil
}

// guidance holds every text of guidance/ to what a screen needs of it.
func (l *linter) guidance(lines map[string]Hotline) {
	names, _ := fs.Glob(l.fsys, guidanceFiles)
	for _, name := range names {
		l.file = name
		var g Guidance
		if err := readStrict(l.fsys, name, &g); err != nil {
			l.say("", "", "%v", err)
			continue
		}
		if g.Format != TextFormat {
			l.say("", "", "format %d is not %d", g.Format, TextFormat)
		}
		if path.Base(name) != g.Key+".json" {
			l.say("", "", "%s belongs in a file of the name %s.json", g.Key, g.Key)
		}
		l.guide(g, lines)
	}
}

func (l *linter) guide(g Guidance, lines map[string]Hotline) {
	read := map[string][]string{}
	for _, language := range Languages {
		title, review := g.Title(language)
		if strings.TrimSpace(title) == "" {
			l.say("", language, "title is missing")
		}
		l.text("", language, title)
		l.review("", language, review, true)
	}
	if len(g.Paragraphs) == 0 {
		l.say("", "", "has no paragraph")
	}
	for n, p := range g.Paragraphs {
		if want := fmt.Sprintf("%s.%02d", g.Key, n+1); p.ID != want {
			l.say(p.ID, "", "stands where %s belongs", want)
		}
		if !slices.Contains([]string{"", MarkDo, MarkDoNot}, p.Mark) {
			l.say(p.ID, "", "mark %q is neither %s nor %s", p.Mark, MarkDo, MarkDoNot)
		}
		l.prose(p.ID, "text", p.Text, read)
	}
	l.readable(read)
	l.oneOf("", "shown", []string{g.Shown}, Shown)
	l.known("", g.Sources)
	needs := map[string]bool{}
	for _, id := range g.Lines {
		line, there := lines[id]
		if !there {
			l.say("", "", "names the line %s, which is not in hotlines", id)
		}
		for _, need := range line.Needs {
			needs[need] = true
		}
	}
	for shown, need := range map[string]string{ShownMinor: NeedChild, ShownMyself: NeedMyself, ShownAfterHard: NeedSupport} {
		if g.Shown == shown && !needs[need] {
			l.say("", "", "is shown %s and names no line for %s", shown, need)
		}
	}
	if (g.Shown == ShownMyself) != g.StoresNothing {
		l.say("", "", "stores_nothing is %t, and it is shown %s", g.StoresNothing, g.Shown)
	}
}
