package checklist

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
)

// What awaits review, in the order in which it is most needed.
const (
	ReviewUrgent      = "urgent"      // hotlines, guidance, and items of weight emergency
	ReviewOurs        = "ours"        // wordings of ours (source D)
	ReviewPacks       = "packs"       // of what is for one place alone
	ReviewTranslation = "translation" // the rest, by setting
)

// Awaiting is one text that somebody outside has still to confirm (R25).
type Awaiting struct {
	Kind     string `json:"kind"` // ReviewUrgent, ReviewOurs, ReviewPacks, ReviewTranslation
	File     string `json:"file"`
	Item     string `json:"item,omitempty"`
	Language string `json:"language,omitempty"`
	Text     string `json:"text"`
	Original string `json:"original,omitempty"` // of a translation
	State    string `json:"state"`
}

// AwaitingIn lists what of a folder of content awaits review, urgent first
// (hotlines, then emergency items, then guidance), each kind by file. What an older version of a form says is not in it.
func AwaitingIn(fsys fs.FS) ([]Awaiting, error) {
	list, err := awaitingTexts(fsys, hotlineFiles)
	if err != nil {
		return nil, err
	}
	forms, err := newestForms(fsys)
	if err != nil {
		return nil, err
	}
	for _, f := range forms {
		list = append(list, f.awaiting()...)
	}
	// After the emergency items, among what is urgent.
	guidance, err := awaitingTexts(fsys, guidanceFiles)
	if err != nil {
		return nil, err
	}
	list = append(list, guidance...)
	packs, err := awaitingTexts(fsys, packFiles)
	if err != nil {
		return nil, err
	}
	for i := range packs {
		packs[i].Kind = ReviewPacks
	}
	list = append(list, packs...)
	order := []string{ReviewUrgent, ReviewOurs, ReviewPacks, ReviewTranslation}
	slices.SortStableFunc(list, func(a, b Awaiting) int {
		return cmp.Compare(slices.Index(order, a.Kind), slices.Index(order, b.Kind))
	})
	return list, nil
}

// awaitingTexts is what awaits review in documents of any shape.
func awaitingTexts(fsys fs.FS, pattern string) ([]Awaiting, error) {
	names, err := fs.Glob(fsys, pattern)
	if err != nil {
		return nil, fmt.Errorf("review: %w", err)
	}
	var list []Awaiting
	for _, name := range names {
		var doc any
		data, err := fs.ReadFile(fsys, name)
		if err == nil {
			err = json.Unmarshal(data, &doc)
		}
		if err != nil {
			return nil, fmt.Errorf("review %s: %w", name, err)
		}
		list = append(list, awaitingBelow(name, "", doc)...)
	}
	return list, nil
}

// newestForms reads the newest version of each key, by key.
func newestForms(fsys fs.FS) ([]*Form, error) {
	names, err := fs.Glob(fsys, formFiles)
	if err != nil {
		return nil, err
	}
	newest := map[string]*Form{}
	for _, name := range names {
		form, err := readForm(fsys, name)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if have := newest[form.Key]; have == nil || have.Version < form.Version {
			newest[form.Key] = form
		}
	}
	var forms []*Form
	for _, key := range slices.Sorted(maps.Keys(newest)) {
		forms = append(forms, newest[key])
	}
	return forms, nil
}

func (f *Form) awaiting() []Awaiting {
	var list []Awaiting
	file := "forms/" + f.fileName()
	for _, language := range Languages {
		original, _, _ := f.Title(Languages[0])
		if title, _, review := f.Title(language); review != "" {
			list = append(list, Awaiting{ReviewTranslation, file, "", language, title, original, review})
		}
	}
	for _, r := range f.Items() {
		for _, language := range Languages {
			w := r.Words(language)
			if w.Review == "" {
				continue
			}
			a := Awaiting{ReviewTranslation, file, r.Name, language, w.Label, "", w.Review}
			switch {
			case r.Weight == Emergency:
				a.Kind = ReviewUrgent
			case language == Languages[0]:
				a.Kind = ReviewOurs
			}
			if language != Languages[0] {
				a.Original = r.Words(Languages[0]).Label
			}
			list = append(list, a)
		}
	}
	return list
}

// awaitingBelow finds the members "review" and "review::xx" of any document
// and gives the text beside each.
func awaitingBelow(file, item string, doc any) []Awaiting {
	var list []Awaiting
	switch doc := doc.(type) {
	case []any:
		for _, one := range doc {
			list = append(list, awaitingBelow(file, item, one)...)
		}
	case map[string]any:
		for _, name := range []string{"id", "key", "name"} {
			if text, ok := doc[name].(string); ok {
				item = text
				break
			}
		}
		for _, member := range sorted(doc) {
			state, isText := doc[member].(string)
			kind, language, _ := strings.Cut(member, "::")
			if kind == "review" && isText && state != "" {
				original := ""
				if language != "" && language != Languages[0] {
					original = shownText(doc, Languages[0])
				}
				list = append(list, Awaiting{ReviewUrgent, file, item, language, shownText(doc, language), original, state})
			}
			list = append(list, awaitingBelow(file, item, doc[member])...)
		}
	}
	return list
}

// shownText is the first text that an object has in a language.
func shownText(doc map[string]any, language string) string {
	for _, name := range []string{"label", "title", "name", "text", "body"} {
		if language != "" {
			name += "::" + language
		}
		if text, ok := doc[name].(string); ok && text != "" {
			return text
		}
	}
	return ""
}
