package checklist

import (
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"
)

// packFiles is where packs lie: content for one place, a folder each.
const packFiles = "packs/*/*.json"

// Concerns are what somebody outside may take. A profile names them so that a
// screen can say who takes what; nothing is ever forwarded by them (R5).
var Concerns = []string{"sex", "labor", "child", "adult_abuse", "wages", "conditions"}

// Classification is what the letters and numbers of industries are from.
const Classification = "ISIC Rev.4"

// Pack is the document of any file of a pack; each file has one of the lists.
type Pack struct {
	Format         int         `json:"format"` // TextFormat
	Pack           string      `json:"pack"`   // the folder's name
	Classification string      `json:"classification,omitempty"`
	Venues         []Venue     `json:"venues,omitempty"`
	Industries     []Industry  `json:"industries,omitempty"`
	Profiles       []Profile   `json:"profiles,omitempty"`
	Statistics     []Statistic `json:"statistics,omitempty"`
}

// Named is a thing with a name in each language.
type Named struct {
	ID       string `json:"id"`
	NameEN   string `json:"name::en"`
	NameES   string `json:"name::es"`
	ReviewEN string `json:"review::en"`
	ReviewES string `json:"review::es"`
}

// Name is the name, and what it still awaits.
func (n Named) Name(language string) (name, review string) {
	return Text{n.NameEN, n.NameES, n.ReviewEN, n.ReviewES}.In(language)
}

// Venue is a kind of place, as in sites.venue.
type Venue struct {
	Named
	Industries []string `json:"industries"` // ids of divisions
	Checklists []string `json:"checklists"` // keys of the forms for it
	Sources    []string `json:"sources"`
}

// Industry is a section of the classification, as in sites.industry.
type Industry struct {
	Named
	Divisions []Named  `json:"divisions"` // those that matter here: the letter and two digits
	Sources   []string `json:"sources"`
}

// Profile is one body outside: what it takes, what it wants to know, and what
// it does with facts about papers. A person who hands something on reads it.
type Profile struct {
	Named
	Places      []string `json:"places"` // of Places
	About       []string `json:"about"`  // of Concerns
	Takes       Text     `json:"takes"`
	Asks        []Text   `json:"asks"`           // in the order in which they are asked
	Channels    []string `json:"channels"`       // ids of hotlines
	Find        *Text    `json:"find,omitempty"` // how to find it, where no line is known
	Immigration Text     `json:"immigration"`    // what a source says, and no more
	Sources     []string `json:"sources"`
}

// Statistic is a number that somebody else published. It is never one of ours
// and never added to one.
type Statistic struct {
	ID        string   `json:"id"`
	Publisher string   `json:"publisher"`
	Place     string   `json:"place"` // of Places
	Year      int      `json:"year"`
	Value     int      `json:"value"`
	Measure   Text     `json:"measure"` // what was counted
	Caution   Text     `json:"caution"` // what it does not say
	Sources   []string `json:"sources"`
	Retrieved string   `json:"retrieved"` // the day on which somebody read it at the source, as 2006-01-02; "" if nobody has
}

// PacksIn reads every file of every pack, by file name.
func PacksIn(fsys fs.FS) (map[string]Pack, error) {
	names, err := fs.Glob(fsys, packFiles)
	if err != nil {
		return nil, fmt.Errorf("packs: %w", err)
	}
	all := map[string]Pack{}
	for _, name := range names {
		var p Pack
		if err := readStrict(fsys, name, &p); err != nil {
			return nil, fmt.Errorf("packs: %w", err)
		}
		if p.Format != TextFormat || p.Pack != path.Base(path.Dir(name)) {
			return nil, fmt.Errorf("packs: %s is of %q in format %d", name, p.Pack, p.Format)
		}
		all[name] = p
	}
	return all, nil
}

var (
	sectionID  = regexp.MustCompile(`^[A-U]$`)
	divisionID = regexp.MustCompile(`^[A-U]\d\d$`)
)

// packs holds the files of every pack to what a screen needs of them, and to
// the hotlines and forms that they name.
func (l *linter) packs(lines map[string]Hotline) {
	names, _ := fs.Glob(l.fsys, packFiles)
	read := map[string]Pack{}
	seen := map[string]string{} // list and id -> file
	divisions := map[string]bool{}
	for _, name := range names {
		l.file = name
		var p Pack
		if err := readStrict(l.fsys, name, &p); err != nil {
			l.say("", "", "%v", err)
			continue
		}
		if p.Format != TextFormat {
			l.say("", "", "format %d is not %d", p.Format, TextFormat)
		}
		if p.Pack != path.Base(path.Dir(name)) {
			l.say("", "", "is of %q and lies in the folder of another pack", p.Pack)
		}
		l.oneList(name, p, seen)
		read[name] = p
		for _, i := range p.Industries {
			for _, d := range i.Divisions {
				divisions[d.ID] = true
			}
		}
	}
	for _, name := range names {
		l.file = name
		p := read[name]
		texts := map[string][]string{}
		for _, v := range p.Venues {
			l.venue(v, divisions)
		}
		for _, i := range p.Industries {
			l.industry(i)
		}
		if len(p.Industries) > 0 && p.Classification != Classification {
			l.say("", "", "classification %q is not %q", p.Classification, Classification)
		}
		for _, profile := range p.Profiles {
			l.profile(profile, lines, texts)
		}
		for _, s := range p.Statistics {
			l.statistic(s, texts)
		}
		l.readable(texts)
		if len(p.Venues) > 0 {
			l.everyVenue(p.Venues)
		}
	}
}

// oneList holds a file to one list with something in it, and each id of a kind
// to one place among all packs: its record has it as its key.
func (l *linter) oneList(name string, p Pack, seen map[string]string) {
	lists := 0
	for kind, ids := range p.ids() {
		if len(ids) > 0 {
			lists++
		}
		for _, id := range ids {
			if at := seen[kind+" "+id]; at != "" {
				l.say(id, "", "stands twice, here and in %s", at)
			}
			seen[kind+" "+id] = name
		}
	}
	if lists != 1 {
		l.say("", "", "has %d lists; a file of a pack has one of venues, industries, profiles, statistics", lists)
	}
}

func (p Pack) ids() map[string][]string {
	ids := map[string][]string{}
	for _, v := range p.Venues {
		ids["venue"] = append(ids["venue"], v.ID)
	}
	for _, i := range p.Industries {
		ids["industry"] = append(ids["industry"], i.ID)
	}
	for _, profile := range p.Profiles {
		ids["profile"] = append(ids["profile"], profile.ID)
	}
	for _, s := range p.Statistics {
		ids["statistic"] = append(ids["statistic"], s.ID)
	}
	return ids
}

func (l *linter) named(n Named, id *regexp.Regexp) {
	if !id.MatchString(n.ID) {
		l.say(n.ID, "", "the id is not of the form %s", id)
	}
	for _, language := range Languages {
		name, review := n.Name(language)
		if strings.TrimSpace(name) == "" {
			l.say(n.ID, language, "name is missing")
		}
		l.text(n.ID, language, name)
		l.review(n.ID, language, review, true)
	}
}

func (l *linter) venue(v Venue, divisions map[string]bool) {
	l.named(v.Named, lineID)
	l.known(v.ID, v.Sources)
	for _, d := range v.Industries {
		if !divisions[d] {
			l.say(v.ID, "", "names the industry %s, which no pack has", d)
		}
	}
	var want []string
	for key, form := range l.forms {
		if form.Venue == v.ID {
			want = append(want, key)
		}
	}
	slices.Sort(want)
	if !slices.Equal(v.Checklists, want) {
		l.say(v.ID, "", "checklists are %s; the forms for it are %s", strings.Join(v.Checklists, ", "), strings.Join(want, ", "))
	}
}

// everyVenue looks for a form whose kind of place is none.
func (l *linter) everyVenue(venues []Venue) {
	for _, form := range l.forms {
		if form.Venue != AnyVenue && !slices.ContainsFunc(venues, func(v Venue) bool { return v.ID == form.Venue }) {
			l.say(form.Venue, "", "is missing: the form %s is for it", form.Key)
		}
	}
}

// AnyVenue is the venue of a form for any place.
const AnyVenue = "any"

func (l *linter) industry(i Industry) {
	l.named(i.Named, sectionID)
	l.known(i.ID, i.Sources)
	for _, d := range i.Divisions {
		l.named(d, divisionID)
		if !strings.HasPrefix(d.ID, i.ID) {
			l.say(d.ID, "", "is no division of %s", i.ID)
		}
	}
}

func (l *linter) profile(p Profile, lines map[string]Hotline, read map[string][]string) {
	l.named(p.Named, lineID)
	l.known(p.ID, p.Sources)
	l.oneOf(p.ID, "places", p.Places, Places)
	l.oneOf(p.ID, "about", p.About, Concerns)
	l.prose(p.ID, "takes", p.Takes, read)
	if len(p.Asks) == 0 {
		l.say(p.ID, "", "asks nothing")
	}
	for _, ask := range p.Asks {
		l.prose(p.ID, "asks", ask, read)
	}
	for _, id := range p.Channels {
		if _, there := lines[id]; !there {
			l.say(p.ID, "", "names the line %s, which is not in hotlines", id)
		}
	}
	switch {
	case p.Find != nil:
		l.prose(p.ID, "find", *p.Find, read)
	case len(p.Channels) == 0:
		l.say(p.ID, "", "names no line, and does not say how to find one")
	}
	l.prose(p.ID, "immigration", p.Immigration, read)
}

func (l *linter) statistic(s Statistic, read map[string][]string) {
	if !lineID.MatchString(s.ID) {
		l.say(s.ID, "", "the id is not lower-case words joined by _")
	}
	l.known(s.ID, s.Sources)
	if slices.Contains(s.Sources, "D") {
		l.say(s.ID, "", "a number has a source outside, and never D")
	}
	if strings.TrimSpace(s.Publisher) == "" {
		l.say(s.ID, "", "publisher is missing")
	}
	l.oneOf(s.ID, "place", []string{s.Place}, Places)
	if s.Year < 1990 || s.Year > 2100 {
		l.say(s.ID, "", "year %d is none", s.Year)
	}
	if s.Value < 0 {
		l.say(s.ID, "", "value %d is no count", s.Value)
	}
	if _, err := time.Parse(time.DateOnly, s.Retrieved); s.Retrieved != "" && err != nil {
		l.say(s.ID, "", "retrieved %q is no day as 2006-01-02", s.Retrieved)
	}
	l.prose(s.ID, "measure", s.Measure, read)
	l.prose(s.ID, "caution", s.Caution, read)
}
