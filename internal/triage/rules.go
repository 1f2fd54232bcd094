package triage

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Format is the format of a file of rules.
const Format = 1

// Shipped is the key of the rules that come with the binary. An installation's
// own have another.
const Shipped = "shipped"

// AwaitingReview and AwaitingNative are what rules say of themselves until
// somebody of the field has confirmed their thresholds, and the Spanish (R25).
const (
	AwaitingReview = "awaiting practitioner review"
	AwaitingNative = "awaiting native and practitioner review"
)

// Notice is the sentence that stands wherever a threshold is shown (R25), in
// "en" or "es". No practitioner has reviewed any; whoever changes that names
// here who, and when.
func Notice(locale string) string {
	if locale == "es" {
		return "Ninguna persona del campo ha revisado todavía estos pesos y límites."
	}
	return "No practitioner has reviewed these weights and thresholds yet."
}

// Rules is one version of the rules. A version never changes: a triage record
// names the one that made it. docs/CONTENT.md tells how to write them.
type Rules struct {
	Format   int    `json:"format"` // Format
	Key      string `json:"key"`    // Shipped, or the installation's own
	Version  int    `json:"version"`
	TitleEN  string `json:"title::en"`
	TitleES  string `json:"title::es"`
	ReviewEN string `json:"review::en"`
	ReviewES string `json:"review::es"`
	Rules    []Rule `json:"rules"` // the first that holds decides
	// Duplicates and Late are the other thresholds.
	Duplicates struct {
		WithinMinutes int `json:"within_minutes"`
	} `json:"duplicates"`
	Late struct {
		AfterMinutes int `json:"after_minutes"`
	} `json:"late"`
}

// Rule is one rule: so many items of a weight, a flag, or whatever is left.
type Rule struct {
	Name      string `json:"name"`
	Urgency   string `json:"urgency"`
	Weight    string `json:"weight,omitempty"`
	AtLeast   int    `json:"at_least,omitempty"`
	Groups    bool   `json:"groups,omitempty"` // of so many different groups
	Flag      string `json:"flag,omitempty"`
	Otherwise bool   `json:"otherwise,omitempty"`
	LabelEN   string `json:"label::en"`
	LabelES   string `json:"label::es"`
}

// Name names the version.
func (r *Rules) Name() Name { return Name{r.Key, r.Version} }

// Label says in words what a rule is, "" when the rules have none of that name.
func (r *Rules) Label(rule, locale string) string {
	for _, x := range r.Rules {
		if x.Name == rule {
			if locale == "es" {
				return x.LabelES
			}
			return x.LabelEN
		}
	}
	return ""
}

// Within is how far apart two reports of one place may be and still be about
// one thing.
func (r *Rules) Within() time.Duration {
	return time.Duration(r.Duplicates.WithinMinutes) * time.Minute
}

// LateAfter is how long after what it tells a report is a late one.
func (r *Rules) LateAfter() time.Duration { return time.Duration(r.Late.AfterMinutes) * time.Minute }

// Parse reads rules. It fails on members that it does not know, on anything
// after the document, and on the first of Faults.
func Parse(data []byte) (*Rules, error) {
	r := &Rules{}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(r); err != nil {
		return nil, fmt.Errorf("read rules: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("read rules: something stands after them")
	}
	if faults := r.Faults(); len(faults) > 0 {
		return nil, errors.New("read rules: " + faults[0].String())
	}
	return r, nil
}

// Fault is one thing that is wrong with rules. Item and Language are "" when
// it concerns them all.
type Fault struct {
	File     string `json:"file,omitempty"`
	Item     string `json:"item,omitempty"` // the rule's name
	Language string `json:"language,omitempty"`
	Message  string `json:"message"`
}

// String names file, rule and language before what is wrong.
func (f Fault) String() string {
	parts := make([]string, 0, 3)
	if f.File != "" {
		parts = append(parts, f.File)
	}
	if f.Item != "" {
		item := f.Item
		if f.Language != "" {
			item += " (" + f.Language + ")"
		}
		parts = append(parts, item)
	} else if f.Language != "" {
		parts = append(parts, "("+f.Language+")")
	}
	return strings.Join(append(parts, f.Message), ": ")
}

var wordForm = regexp.MustCompile(`^[a-z][a-z0-9_]{0,39}$`)

var urgencies = []string{Emergency, Review, Context}

// Faults gives all that is wrong with the rules.
func (r *Rules) Faults() []Fault {
	var faults []Fault
	say := func(item, language, format string, args ...any) {
		faults = append(faults, Fault{Item: item, Language: language, Message: fmt.Sprintf(format, args...)})
	}
	if r.Format != Format {
		say("", "", "format is %d, and should be %d", r.Format, Format)
	}
	if !wordForm.MatchString(r.Key) {
		say("", "", "key is not a short lower-case word")
	}
	if r.Version < 1 || r.Version > 1_000_000 {
		say("", "", "version is not a number from 1")
	}
	words := func(item, what, en, es string) {
		for language, text := range map[string]string{"en": en, "es": es} {
			if strings.TrimSpace(text) == "" || len(text) > 200 {
				say(item, language, "%s is missing, or longer than 200 bytes", what)
			}
		}
	}
	words("", "title", r.TitleEN, r.TitleES)
	if r.ReviewEN != AwaitingReview {
		say("", "en", "review is %q, and should be %q", r.ReviewEN, AwaitingReview)
	}
	if r.ReviewES != AwaitingNative {
		say("", "es", "review is %q, and should be %q", r.ReviewES, AwaitingNative)
	}
	if n := r.Duplicates.WithinMinutes; n < 1 || n > 2880 {
		say("", "", "duplicates.within_minutes is not from 1 to 2880")
	}
	if n := r.Late.AfterMinutes; n < 1 || n > 43200 {
		say("", "", "late.after_minutes is not from 1 to 43200")
	}
	if len(r.Rules) < 2 || len(r.Rules) > 20 {
		say("", "", "has %d rules; it has to be 2 to 20", len(r.Rules))
	}
	seen, before, emergency := map[string]bool{}, 0, false
	for n, rule := range r.Rules {
		rule.faults(func(format string, args ...any) { say(rule.Name, "", format, args...) })
		words(rule.Name, "label", rule.LabelEN, rule.LabelES)
		if seen[rule.Name] {
			say(rule.Name, "", "stands twice")
		}
		seen[rule.Name] = true
		// The first that holds decides: a milder one before it would hide it.
		if at := slices.Index(urgencies, rule.Urgency); at >= 0 {
			if at < before {
				say(rule.Name, "", "is more urgent than a rule before it")
			}
			before = max(before, at)
		}
		if rule.Otherwise != (n == len(r.Rules)-1) {
			say(rule.Name, "", "the last rule, and no other, is the one for whatever is left (otherwise)")
		}
		emergency = emergency || rule.Urgency == Emergency && rule.Weight == WeightEmergency && rule.AtLeast == 1 && !rule.Groups
	}
	if !emergency {
		say("", "", "no rule makes an emergency of one emergency item")
	}
	slices.SortStableFunc(faults, func(a, b Fault) int { return cmp.Compare(a.Item+a.Language, b.Item+b.Language) })
	return faults
}

func (r Rule) faults(say func(format string, args ...any)) {
	if !wordForm.MatchString(r.Name) {
		say("name is not a short lower-case word")
	}
	if !slices.Contains(urgencies, r.Urgency) {
		say("urgency is not emergency, review or context")
	}
	kinds := 0
	for _, is := range []bool{r.Weight != "", r.Flag != "", r.Otherwise} {
		if is {
			kinds++
		}
	}
	if kinds != 1 {
		say("asks for %d of weight, flag and otherwise; it has to be one", kinds)
	}
	switch {
	case r.Weight != "":
		if !slices.Contains([]string{WeightEmergency, WeightStrong, WeightContext}, r.Weight) {
			say("weight is not emergency, strong or context")
		}
		if r.AtLeast < 1 || r.AtLeast > 20 {
			say("at_least is not from 1 to 20")
		}
	case r.AtLeast != 0 || r.Groups:
		say("at_least and groups belong to a weight")
	}
	if r.Flag != "" && r.Flag != FlagMinor {
		say("flag is not %s", FlagMinor)
	}
}

// files is where shipped rules lie, and releasedFile what they were when they
// were released.
const (
	files        = "triage/rules.v*.json"
	releasedFile = "triage/released.json"
)

// Load reads the shipped rules, by version. It fails, naming the file, on the
// first that Parse refuses, and when there are none.
func Load(fsys fs.FS) ([]*Rules, error) {
	names, err := fs.Glob(fsys, files)
	if err != nil {
		return nil, fmt.Errorf("triage: %w", err)
	}
	if len(names) == 0 {
		return nil, errors.New("triage: no file matches " + files)
	}
	var all []*Rules
	for _, name := range names {
		data, err := fs.ReadFile(fsys, name)
		if err != nil {
			return nil, fmt.Errorf("triage: %w", err)
		}
		r, err := Parse(data)
		if err != nil {
			return nil, fmt.Errorf("triage: %s: %w", name, err)
		}
		all = append(all, r)
	}
	slices.SortFunc(all, func(a, b *Rules) int { return cmp.Compare(a.Version, b.Version) })
	return all, nil
}

// Lint gives all that is wrong with a folder of content's rules, by file: what
// Parse refuses, a file that is not what it was when it was released, and one
// that nobody released. A folder without any has nothing to say.
func Lint(fsys fs.FS) []Fault {
	names, err := fs.Glob(fsys, files)
	if err != nil {
		return []Fault{{File: files, Message: err.Error()}}
	}
	var faults []Fault
	say := func(name, format string, args ...any) {
		faults = append(faults, Fault{File: name, Message: fmt.Sprintf(format, args...)})
	}
	released := map[string]string{}
	data, err := fs.ReadFile(fsys, releasedFile)
	if err == nil {
		err = json.Unmarshal(data, &released)
	}
	if err != nil && (len(names) > 0 || !errors.Is(err, fs.ErrNotExist)) {
		say(releasedFile, "%v", err)
	}
	for _, name := range names {
		data, err := fs.ReadFile(fsys, name)
		if err != nil {
			say(name, "%v", err)
			continue
		}
		sum := sha256.Sum256(data)
		base := path.Base(name)
		switch want := released[base]; {
		case want == "":
			say(name, "is not in %s: write its SHA-256 there when it is released", releasedFile)
		case want != hex.EncodeToString(sum[:]):
			say(name, "was released and has changed: a version never changes, give it the next number")
		}
		delete(released, base)
		r := &Rules{}
		dec := json.NewDecoder(bytes.NewReader(data))
		dec.DisallowUnknownFields()
		if err := dec.Decode(r); err != nil {
			say(name, "read json: %v", err)
			continue
		}
		for _, f := range r.Faults() {
			f.File = name
			faults = append(faults, f)
		}
		if want := fmt.Sprintf("rules.v%d.json", r.Version); base != want || r.Key != Shipped {
			say(name, "holds %s version %d; a shipped file holds the key %s and is called by its version", r.Key, r.Version, Shipped)
		}
	}
	for name := range released {
		say("triage/"+name, "was released and is not there")
	}
	slices.SortStableFunc(faults, func(a, b Fault) int { return cmp.Compare(a.File, b.File) })
	return faults
}
