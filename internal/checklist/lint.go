package checklist

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// MaxCore is how many items of the core a setting's form may carry.
const MaxCore = 5

// CoreKey is the key of the form whose items any other may carry.
const CoreKey = "core"

// linter holds what the forms of one folder are measured against.
type linter struct {
	fsys    fs.FS
	words   WordList
	sources map[string]json.RawMessage
	icons   map[string]bool
	forms   map[string]*Form // the newest of each key
	core    map[string]Row
	faults  []Fault
	file    string
}

// Lint gives everything that is wrong with a folder of content (forms/,
// left_out/, icons/, hotlines/, guidance/, packs/, words.json, sources.json), sorted
// by file and place in it. The error is for a folder that can't be read at all, or that holds no
// form.
func Lint(fsys fs.FS) ([]Fault, error) {
	l, names, err := newLinter(fsys)
	if err != nil {
		return nil, fmt.Errorf("lint: %w", err)
	}
	read := map[string]*Form{}
	for _, name := range names {
		l.file = name
		if form := l.read(); form != nil {
			read[name] = form
			if newest := l.forms[form.Key]; newest == nil || newest.Version < form.Version {
				l.forms[form.Key] = form
			}
		}
	}
	l.readCore()
	for _, name := range names {
		// What an older version says was published, and stays.
		if form := read[name]; form != nil && l.forms[form.Key] == form {
			l.file = name
			l.form(form)
		}
	}
	l.leftOut()
	lines := l.hotlines()
	l.guidance(lines)
	l.packs(lines)
	slices.SortStableFunc(l.faults, func(a, b Fault) int { return cmp.Compare(a.File, b.File) })
	return l.faults, nil
}

// LintForm gives everything that is wrong with one form that is not of the
// folder, measured by the folder's words, sources, icons and core; file is how
// faults name it. It asks neither for the file's name nor for what the form
// leaves out of the core.
func LintForm(fsys fs.FS, file string, data []byte) (*Form, []Fault, error) {
	l, names, err := newLinter(fsys)
	if err != nil {
		return nil, nil, fmt.Errorf("lint: %w", err)
	}
	for _, name := range names {
		if !strings.HasPrefix(path.Base(name), CoreKey+".v") {
			continue
		}
		core, err := readForm(fsys, name)
		if err != nil {
			return nil, nil, fmt.Errorf("lint %s: %w", name, err)
		}
		if newest := l.forms[CoreKey]; newest == nil || newest.Version < core.Version {
			l.forms[CoreKey] = core
		}
	}
	l.readCore()
	l.file = file
	form, err := decodeForm(data)
	if err != nil {
		l.find("unreadable", "", "", "%v", err)
		return nil, l.faults, nil
	}
	for _, f := range form.Faults() {
		f.File = file
		l.faults = append(l.faults, f)
	}
	l.form(form)
	if form.Venue == "" {
		l.find("venue_missing", "", "", "venue is missing: the kind of place")
	}
	return form, l.faults, nil
}

// newLinter reads what forms are measured by, and gives the names of the
// folder's forms.
func newLinter(fsys fs.FS) (*linter, []string, error) {
	l := &linter{fsys: fsys, icons: map[string]bool{}, forms: map[string]*Form{}, core: map[string]Row{}}
	var err error
	if l.words, err = readWords(fsys); err != nil {
		return nil, nil, err
	}
	if err := readStrict(fsys, "sources.json", &l.sources); err != nil {
		return nil, nil, err
	}
	icons, err := fs.Glob(fsys, "icons/*.svg")
	if err != nil {
		return nil, nil, err
	}
	for _, name := range icons {
		l.icons[strings.TrimSuffix(path.Base(name), ".svg")] = true
	}
	names, err := fs.Glob(fsys, formFiles)
	if err != nil {
		return nil, nil, err
	}
	if len(names) == 0 {
		return nil, nil, errors.New("no file matches " + formFiles)
	}
	return l, names, nil
}

func (l *linter) readCore() {
	if core := l.forms[CoreKey]; core != nil {
		for _, r := range core.Items() {
			l.core[r.Name] = r
		}
	}
}

func (l *linter) say(item, language, format string, args ...any) {
	l.faults = append(l.faults, Fault{File: l.file, Item: item, Language: language, Message: fmt.Sprintf(format, args...)})
}

// find says what may be wrong with a single form, and so stands on a screen.
func (l *linter) find(code, item, language, format string, args ...any) {
	f := found(code, item, language, format, args...)
	f.File = l.file
	l.faults = append(l.faults, f)
}

// read gives the file's form, with what is wrong with its shape said already;
// nil when it is no form at all.
func (l *linter) read() *Form {
	data, err := fs.ReadFile(l.fsys, l.file)
	if err != nil {
		l.say("", "", "%v", err)
		return nil
	}
	form, err := decodeForm(data)
	if err != nil {
		l.say("", "", "%v", err)
		return nil
	}
	for _, f := range form.Faults() {
		f.File = l.file
		l.faults = append(l.faults, f)
	}
	if want := form.fileName(); path.Base(l.file) != want {
		l.say("", "", "%s version %d belongs in a file of the name %s", form.Key, form.Version, want)
	}
	return form
}

func (l *linter) form(f *Form) {
	for _, language := range Languages {
		title, seenBy, review := f.Title(language)
		if seenBy == "" {
			l.find("seen_by_missing", "", language, "seen_by is missing")
		}
		l.text("", language, title, seenBy)
		l.review("", language, review, false)
	}
	for _, r := range f.Survey {
		switch {
		case r.Type == BeginGroup:
			for _, language := range Languages {
				l.text(r.Name, language, r.Words(language).Label)
			}
			l.icon(r)
		case r.IsItem():
			l.item(r)
		}
	}
	for _, language := range Languages {
		l.hard(f, language)
	}
	l.order(f)
}

func (l *linter) item(r Row) {
	ours := slices.Contains(r.Sources, "D")
	hints := 0
	for _, language := range Languages {
		w := r.Words(language)
		if strings.TrimSpace(w.ReadAloud) == "" {
			l.find("read_aloud_missing", r.Name, language, "read_aloud is missing")
		}
		if w.Hint != "" {
			hints++
		}
		l.text(r.Name, language, w.Label, w.Hint, w.ReadAloud)
		l.review(r.Name, language, w.Review, ours)
		l.sentences(r.Name, language, w)
	}
	if hints != 0 && hints != len(Languages) {
		for _, language := range Languages {
			if r.Words(language).Hint == "" {
				l.find("hint_missing", r.Name, language, "hint is missing, and another language has one")
			}
		}
	}
	l.icon(r)
	if r.NoticedBy == "" {
		l.find("noticed_by_missing", r.Name, "", "noticed_by is missing: who sees it")
	}
	if len(r.Sources) == 0 {
		l.find("source_missing", r.Name, "", "names no source")
	}
	for _, code := range r.Sources {
		if _, there := l.sources[code]; !there {
			l.find("source_unknown", r.Name, "", "source %s is not in sources.json", code)
		}
	}
}

func (l *linter) icon(r Row) {
	switch {
	case r.Icon == "":
		l.find("icon_missing", r.Name, "", "icon is missing")
	case !l.icons[r.Icon]:
		l.find("icon_unknown", r.Name, "", "there is no icons/%s.svg", r.Icon)
	}
}

// text holds what is shown or said to words.json.
func (l *linter) text(item, language string, texts ...string) {
	for _, text := range texts {
		for _, wrong := range l.words.wrong(language, text) {
			wrong.File, wrong.Item, wrong.Language = l.file, item, language
			l.faults = append(l.faults, wrong)
		}
	}
}

// review holds the state to R25: a wording that is ours says so, and a
// translation too.
func (l *linter) review(item, language, review string, ours bool) {
	want := ""
	switch {
	case language != Languages[0]:
		want = AwaitingNative
	case ours:
		want = AwaitingReview
	}
	// A review that was done takes the mark away: see docs/CONTENT.md.
	if review != want {
		l.find("review_state", item, language, "review is %q, and should be %q", review, want)
	}
}

func (l *linter) sentences(item, language string, w Words) {
	y := Yardsticks[language]
	for _, part := range []struct{ member, text string }{{"label", w.Label}, {"hint", w.Hint}, {"read_aloud", w.ReadAloud}} {
		for _, sentence := range Sentences(part.text) {
			if len(wordsOf(sentence)) < MeasuredFrom {
				continue
			}
			if value, ok := y.Measure(sentence); ok && !y.Within(value, y.Sentence) {
				l.find("sentence_hard", item, language, "%s is hard to read (%s %.1f, the bound is %g): %q", part.member, y.Formula, value, y.Sentence, sentence)
			}
		}
	}
}

// hard measures all that a person reads or hears in one language together.
func (l *linter) hard(f *Form, language string) {
	y := Yardsticks[language]
	if value, ok := f.Reading(language); ok && !y.Within(value, y.Form) {
		l.find("form_hard", "", language, "the form is hard to read as a whole (%s %.1f, the bound is %g)", y.Formula, value, y.Form)
	}
}

// Reading measures the items of the form in one language, by the Yardstick of
// that language.
func (f *Form) Reading(language string) (value float64, ok bool) {
	var texts []string
	for _, r := range f.Items() {
		w := r.Words(language)
		texts = append(texts, w.Label, w.Hint, w.ReadAloud)
	}
	return Yardsticks[language].Measure(texts...)
}

// order holds the items to their places: all of the setting's own, numbered
// from 01 without a gap, in whatever order the groups have them; then at most
// MaxCore of the core's, as the core has them.
func (l *linter) order(f *Form) {
	own, shown := f.split()
	there := map[string]bool{}
	for _, r := range own {
		there[r.Name] = true
	}
	for n := range own {
		if want := fmt.Sprintf("%s.%02d", f.Key, n+1); !there[want] {
			l.find("numbering", want, "", "is missing: the setting's %d items are numbered from 01", len(own))
		}
	}
	for n, r := range f.Items()[:len(own)] {
		if r.Name != own[n].Name {
			l.find("core_order", r.Name, "", "an item of the core stands before the setting's own are done")
			break
		}
	}
	if len(shown) > MaxCore {
		l.find("core_many", "", "", "shows %d items of the core; %d is the most", len(shown), MaxCore)
	}
	for _, r := range shown {
		want, there := l.core[r.Name]
		if !there {
			if len(l.core) > 0 {
				l.find("core_unknown", r.Name, "", "there is no such item in the core")
			}
			continue
		}
		for _, language := range Languages {
			if r.Words(language) != want.Words(language) {
				l.find("core_words", r.Name, language, "is not worded as in the core")
			}
		}
		if r.Weight != want.Weight || r.Form != want.Form || r.Icon != want.Icon || r.Required != want.Required {
			l.find("core_fields", r.Name, "", "weight, form, icon or required is not as in the core")
		}
	}
}

// split parts the items in the setting's own and those of the core.
func (f *Form) split() (own, core []Row) {
	for _, r := range f.Items() {
		if f.Key != CoreKey && strings.HasPrefix(r.Name, CoreKey+".") {
			core = append(core, r)
		} else {
			own = append(own, r)
		}
	}
	return own, core
}

// LeftOut is left_out/<key>.json: what becomes of each item of the core that a
// setting's form does not show.
type LeftOut struct {
	// Said: items of the setting say it already, at least one with no less
	// weight, and why that is so.
	Said []Said `json:"said"`
	// Limit: other items of the core stand before it, and MaxCore are shown.
	Limit []string `json:"limit"`
}

// Said is an item of the core that items of a setting say already.
type Said struct {
	ID     string   `json:"id"`
	By     []string `json:"by"`
	Reason string   `json:"reason"`
}

// heavier orders weights.
var heavier = map[string]int{Emergency: 2, Strong: 1, Context: 0}

// leftOut accounts for every item of the core in every setting's form.
func (l *linter) leftOut() {
	if len(l.core) == 0 {
		l.file = "forms"
		l.say("", "", "there is no form %s", CoreKey)
		return
	}
	keys := make([]string, 0, len(l.forms))
	for key := range l.forms {
		if key != CoreKey {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	for _, key := range keys {
		l.file = "left_out/" + key + ".json"
		var out LeftOut
		if err := readStrict(l.fsys, l.file, &out); err != nil {
			l.say("", "", "%v", err)
			continue
		}
		l.account(l.forms[key], out)
	}
}

func (l *linter) account(f *Form, out LeftOut) {
	own, shown := f.split()
	weights := map[string]string{}
	for _, r := range own {
		weights[r.Name] = r.Weight
	}
	times, said := map[string]int{}, map[string]bool{}
	for _, r := range shown {
		times[r.Name]++
	}
	for _, id := range out.Limit {
		times[id]++
	}
	for _, s := range out.Said {
		times[s.ID]++
		said[s.ID] = true
		most := -1
		for _, by := range s.By {
			weight, there := weights[by]
			if !there {
				l.say(s.ID, "", "is said by %s, which is not of the setting", by)
				continue
			}
			most = max(most, heavier[weight])
		}
		if core, there := l.core[s.ID]; there && most < heavier[core.Weight] {
			l.say(s.ID, "", "is %s, and what says it weighs less", core.Weight)
		}
		if s.Reason == "" {
			l.say(s.ID, "", "is said, without a reason")
		}
	}
	core := l.forms[CoreKey].Items()
	var want []Row
	for _, r := range core {
		if times[r.Name] != 1 {
			l.say(r.Name, "", "is accounted for %d times: shown, said or limit", times[r.Name])
		}
		delete(times, r.Name)
		if !said[r.Name] {
			want = append(want, r)
		}
	}
	for id := range times {
		l.say(id, "", "is not of the core")
	}
	slices.SortStableFunc(want, func(a, b Row) int { return heavier[b.Weight] - heavier[a.Weight] })
	want = want[:min(len(want), MaxCore)]
	if got, should := names(shown), names(want); !slices.Equal(got, should) {
		l.say("", "", "the form shows %s of the core; the first that are not said are %s", strings.Join(got, ", "), strings.Join(should, ", "))
	}
}

func names(rows []Row) []string {
	var list []string
	for _, r := range rows {
		list = append(list, r.Name)
	}
	return list
}

// readStrict reads a JSON file into a value, and refuses what that does not
// know and what stands twice.
func readStrict(fsys fs.FS, name string, into any) error {
	data, err := fs.ReadFile(fsys, name)
	if err != nil {
		return err
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return fmt.Errorf("%s: read json: %w", name, err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%s: something stands after the document", name)
	}
	return nil
}
