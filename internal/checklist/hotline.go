package checklist

import (
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"time"
)

// hotlineFiles is where hotlines lie: a file for each pack of lines.
const hotlineFiles = "hotlines/*.json"

// TextFormat is the format of the files of hotlines and guidance.
const TextFormat = 1

// Kinds of channel.
const (
	ChannelCall = "call"
	ChannelText = "text"
	ChannelTTY  = "tty"
	ChannelChat = "chat"
)

// Needs that a line answers.
const (
	NeedEmergency  = "emergency"
	NeedTip        = "tip"
	NeedMyself     = "help_for_myself"
	NeedChild      = "child"
	NeedAdultAbuse = "adult_abuse"
	NeedWages      = "wages"
	NeedSupport    = "support" // for the worker, after a hard report (R21)
)

var (
	// Needs are all that a line may answer.
	Needs = []string{NeedEmergency, NeedTip, NeedMyself, NeedChild, NeedAdultAbuse, NeedWages, NeedSupport}
	// Places are where a line can be reached from: a country, one of its
	// states, or anywhere else.
	Places = []string{"us", "us-mo", "us-ks", Abroad}
)

// Abroad is the place of whoever is in no other of Places.
const Abroad = "abroad"

// Interpreter, among the languages of a channel, stands for others that a
// third person translates.
const Interpreter = "interpreter"

// Text is one text in each of Languages, each with its state of review.
type Text struct {
	EN       string `json:"text::en"`
	ES       string `json:"text::es"`
	ReviewEN string `json:"review::en"`
	ReviewES string `json:"review::es"`
}

// In gives the text in one of Languages, and what its wording still awaits.
func (t Text) In(language string) (text, review string) {
	switch language {
	case "en":
		return t.EN, t.ReviewEN
	case "es":
		return t.ES, t.ReviewES
	}
	return "", ""
}

// Hotline is a line that somebody calls themselves. Nothing here dials: a
// value is text until a person presses (R24).
type Hotline struct {
	ID          string    `json:"id"`
	NameEN      string    `json:"name::en"`
	NameES      string    `json:"name::es"`
	ReviewEN    string    `json:"review::en"`
	ReviewES    string    `json:"review::es"`
	Places      []string  `json:"places"` // of Places
	Needs       []string  `json:"needs"`  // of Needs
	Channels    []Channel `json:"channels"`
	WhatHappens Text      `json:"what_happens"` // with what one tells there, and who sees it
	Immigration Text      `json:"immigration"`  // what is known, and no more
	Fresh       *Text     `json:"fresh,omitempty"`
	Sources     []string  `json:"sources"`     // codes of sources.json
	VerifiedOn  string    `json:"verified_on"` // the day on which a person called, as 2006-01-02; "" if nobody has
}

// Channel is one way to reach a line.
type Channel struct {
	Kind      string   `json:"kind"`
	Value     string   `json:"value"`     // a number as one reads it, or the address of a chat
	Languages []string `json:"languages"` // codes, and Interpreter
	Hours     string   `json:"hours"`     // "24/7", "07:00-20:00", "mon-fri 08:00-16:30" local time; "" if not known
	Places    []string `json:"places,omitempty"`
	Note      *Text    `json:"note,omitempty"`
}

// Hotlines is the document of a file of hotlines.
type Hotlines struct {
	Format int       `json:"format"` // TextFormat
	Lines  []Hotline `json:"lines"`
}

// Name is the line's name, and what it still awaits.
func (h Hotline) Name(language string) (name, review string) {
	return Text{h.NameEN, h.NameES, h.ReviewEN, h.ReviewES}.In(language)
}

// HotlinesIn reads the lines of a folder of content, those for emergencies
// first. A line that stands twice, or none at all, is an error.
func HotlinesIn(fsys fs.FS) ([]Hotline, error) {
	names, err := fs.Glob(fsys, hotlineFiles)
	if err != nil {
		return nil, fmt.Errorf("hotlines: %w", err)
	}
	var all []Hotline
	seen := map[string]bool{}
	for _, name := range names {
		var doc Hotlines
		if err := readStrict(fsys, name, &doc); err != nil {
			return nil, fmt.Errorf("hotlines: %w", err)
		}
		if doc.Format != TextFormat {
			return nil, fmt.Errorf("hotlines: %s: format %d is not %d", name, doc.Format, TextFormat)
		}
		for _, h := range doc.Lines {
			if seen[h.ID] {
				return nil, fmt.Errorf("hotlines: %s: the line %s stands twice", name, h.ID)
			}
			seen[h.ID] = true
			all = append(all, h)
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("hotlines: no line in %s", hotlineFiles)
	}
	emergencyFirst(all)
	return all, nil
}

func emergencyFirst(lines []Hotline) {
	slices.SortStableFunc(lines, func(a, b Hotline) int { return a.rank() - b.rank() })
}

func (h Hotline) rank() int {
	if slices.Contains(h.Needs, NeedEmergency) {
		return 0
	}
	return 1
}

// CallCards gives the lines for a place and a need, with the channels that can
// be reached from there; "" stands for any. The lines for an emergency come
// first whatever the need is (R3).
func CallCards(lines []Hotline, place, need string) []Hotline {
	var cards []Hotline
	for _, h := range lines {
		if need != "" && h.rank() > 0 && !slices.Contains(h.Needs, need) || !reaches(h.Places, place) {
			continue
		}
		var channels []Channel
		for _, c := range h.Channels {
			if len(c.Places) == 0 || reaches(c.Places, place) {
				channels = append(channels, c)
			}
		}
		h.Channels = channels
		cards = append(cards, h)
	}
	emergencyFirst(cards)
	return cards
}

// reaches tells whether something of these places serves one: a country's
// lines serve its states.
func reaches(places []string, place string) bool {
	country, _, _ := strings.Cut(place, "-")
	return place == "" || slices.Contains(places, place) || slices.Contains(places, country)
}

// How sure a line's numbers are.
const (
	NotVerified  = "not_verified" // nobody has called
	Verified     = "verified"
	VerifiedLong = "amber" // AmberAfter days ago or more
)

// AmberAfter is how many days after its verification a line turns amber.
const AmberAfter = 90

// Verification tells how sure a line is on a day, and how many days ago it was
// verified. A date that is not one, or that is still to come, verifies nothing.
func (h Hotline) Verification(today time.Time) (state string, days int) {
	on, err := time.Parse(time.DateOnly, h.VerifiedOn)
	if err != nil {
		return NotVerified, 0
	}
	year, month, day := today.Date()
	days = int(time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Sub(on).Hours() / 24)
	switch {
	case days < 0:
		return NotVerified, 0
	case days >= AmberAfter:
		return VerifiedLong, days
	}
	return Verified, days
}

// Source is what stands behind a code.
type Source struct {
	Title   string `json:"title"`
	Address string `json:"address,omitempty"`
	Review  string `json:"review,omitempty"`
}

// SourcesIn reads sources.json, by code.
func SourcesIn(fsys fs.FS) (map[string]Source, error) {
	var all map[string]Source
	if err := readStrict(fsys, "sources.json", &all); err != nil {
		return nil, fmt.Errorf("sources: %w", err)
	}
	return all, nil
}

const dialled = `[2-9]\d\d-[2-9]\d\d-\d{4}`

var (
	lineID = regexp.MustCompile(`^[a-z][a-z0-9_]{0,39}$`)
	// A number is written as one reads it: three digits, or ten after a 1.
	channelValue = map[string]*regexp.Regexp{
		ChannelCall: regexp.MustCompile(`^([2-9]\d\d|\+?1-` + dialled + `)$`),
		ChannelText: regexp.MustCompile(`^(\d{3}|\d{5,6}|1-` + dialled + `)$`),
		ChannelTTY:  regexp.MustCompile(`^(711|1-` + dialled + `)$`),
		ChannelChat: regexp.MustCompile(`^https://[a-z0-9.-]+/\S*$`),
	}
	openHours = regexp.MustCompile(`^(24/7|(mon-fri )?([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d)?$`)
	lineLang  = regexp.MustCompile(`^([a-z]{2}|` + Interpreter + `)$`)
)

// hotlines holds the lines of every file to what a card needs; it gives their
// ids, for the guidance that names them.
func (l *linter) hotlines() map[string]Hotline {
	known := map[string]Hotline{}
	names, _ := fs.Glob(l.fsys, hotlineFiles)
	for _, name := range names {
		l.file = name
		var doc Hotlines
		if err := readStrict(l.fsys, name, &doc); err != nil {
			l.say("", "", "%v", err)
			continue
		}
		if doc.Format != TextFormat {
			l.say("", "", "format %d is not %d", doc.Format, TextFormat)
		}
		read := map[string][]string{}
		for _, h := range doc.Lines {
			if _, twice := known[h.ID]; twice {
				l.say(h.ID, "", "stands twice")
			}
			known[h.ID] = h
			l.hotline(h, read)
		}
		l.readable(read)
	}
	return known
}

func (l *linter) hotline(h Hotline, read map[string][]string) {
	if !lineID.MatchString(h.ID) {
		l.say(h.ID, "", "the id is not lower-case words joined by _")
	}
	for _, language := range Languages {
		name, review := h.Name(language)
		if strings.TrimSpace(name) == "" {
			l.say(h.ID, language, "name is missing")
		}
		l.text(h.ID, language, name)
		l.review(h.ID, language, review, true)
	}
	l.prose(h.ID, "what_happens", h.WhatHappens, read)
	l.prose(h.ID, "immigration", h.Immigration, read)
	if h.Fresh != nil {
		l.prose(h.ID, "fresh", *h.Fresh, read)
	}
	l.oneOf(h.ID, "needs", h.Needs, Needs)
	l.oneOf(h.ID, "places", h.Places, Places)
	if len(h.Channels) == 0 {
		l.say(h.ID, "", "has no channel")
	}
	for _, c := range h.Channels {
		if shape := channelValue[c.Kind]; shape == nil {
			l.say(h.ID, "", "%q is no kind of channel", c.Kind)
		} else if !shape.MatchString(c.Value) {
			l.say(h.ID, "", "%q is not well formed for %s", c.Value, c.Kind)
		}
		if !openHours.MatchString(c.Hours) {
			l.say(h.ID, "", "hours %q are not as 24/7, 07:00-20:00 or mon-fri 08:00-16:30", c.Hours)
		}
		for _, code := range c.Languages {
			if !lineLang.MatchString(code) {
				l.say(h.ID, "", "%q is no language", code)
			}
		}
		if len(c.Places) > 0 {
			l.oneOf(h.ID, "places", c.Places, h.Places)
		}
		if c.Note != nil {
			l.prose(h.ID, "note", *c.Note, read)
		}
	}
	l.known(h.ID, h.Sources)
	if _, err := time.Parse(time.DateOnly, h.VerifiedOn); h.VerifiedOn != "" && err != nil {
		l.say(h.ID, "", "verified_on %q is no day as 2006-01-02", h.VerifiedOn)
	}
}

// prose holds a text of a hotline or of guidance to what any text is held to;
// all such texts are worded by us, and so await review (R25).
func (l *linter) prose(item, member string, t Text, read map[string][]string) {
	for _, language := range Languages {
		text, review := t.In(language)
		if strings.TrimSpace(text) == "" {
			l.say(item, language, "%s is missing", member)
			continue
		}
		l.text(item, language, text)
		l.review(item, language, review, true)
		l.sentences(item, language, Words{Label: text})
		read[language] = append(read[language], text)
	}
}

// readable measures all the prose of a file together.
func (l *linter) readable(read map[string][]string) {
	for _, language := range Languages {
		y := Yardsticks[language]
		if value, ok := y.Measure(read[language]...); ok && !y.Within(value, y.Form) {
			l.say("", language, "the file is hard to read as a whole (%s %.1f, the bound is %g)", y.Formula, value, y.Form)
		}
	}
}

// oneOf holds a list to known words, at least one.
func (l *linter) oneOf(item, member string, list, words []string) {
	if len(list) == 0 {
		l.say(item, "", "%s is empty", member)
	}
	for _, word := range list {
		if !slices.Contains(words, word) {
			l.say(item, "", "%s: %q is none of %s", member, word, strings.Join(words, ", "))
		}
	}
}

// known holds sources to sources.json.
func (l *linter) known(item string, sources []string) {
	if len(sources) == 0 {
		l.say(item, "", "names no source")
	}
	for _, code := range sources {
		if _, there := l.sources[code]; !there {
			l.say(item, "", "source %s is not in sources.json", code)
		}
	}
}
