package checklist

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"unicode"
)

// WordList is words.json: what no text of ours says, by language.
type WordList struct {
	About   string                   `json:"about"`
	Refused map[string][]RefusedWord `json:"refused"`
	// Origins name nationality, ethnicity or descent: no item may, because
	// what is watched is what happens and not who somebody is.
	Origins map[string][]string `json:"origins"`
}

// RefusedWord is a word in its forms, what to say instead, and the phrases in
// which it is no fault.
type RefusedWord struct {
	Words   []string `json:"words"`
	Say     string   `json:"say"`
	Allowed []string `json:"allowed"`
}

// Wrong tells what a text says that it should not, in plain sentences.
func (l WordList) Wrong(language, text string) []string {
	var said []string
	for _, f := range l.wrong(language, text) {
		said = append(said, f.Message)
	}
	return said
}

func (l WordList) wrong(language, text string) []Fault {
	var wrong []Fault
	said := tokens(text)
	for _, refused := range l.Refused[language] {
		rest := said
		for _, phrase := range refused.Allowed {
			rest = without(rest, phrase)
		}
		for _, word := range refused.Words {
			if at := find(rest, word); at >= 0 {
				wrong = append(wrong, found("word_refused", "", "", "says %q; say: %s", rest[at], refused.Say))
				break
			}
		}
	}
	for _, origin := range l.Origins[language] {
		if at := find(said, origin); at >= 0 {
			wrong = append(wrong, found("word_origin", "", "", "%q names where somebody comes from; say what is seen", said[at]))
			break
		}
	}
	return wrong
}

func (l WordList) validate() error {
	for _, language := range Languages {
		if len(l.Refused[language]) == 0 || len(l.Origins[language]) == 0 {
			return fmt.Errorf("words of the language %s are missing", language)
		}
		for _, r := range l.Refused[language] {
			if len(r.Words) == 0 || r.Say == "" || slices.Contains(r.Words, "") {
				return fmt.Errorf("an entry of %s names no word, or nothing to say instead", language)
			}
		}
	}
	return nil
}

func tokens(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
}

// find gives where in a text a pattern of one or more words begins, or -1.
func find(said []string, pattern string) int {
	want := strings.FieldsFunc(pattern, func(r rune) bool { return r == ' ' || r == '-' })
	for at := 0; at+len(want) <= len(said); at++ {
		if each(said[at:], want) {
			return at
		}
	}
	return -1
}

func each(said, want []string) bool {
	for n, w := range want {
		if !isWord(said[n], w) {
			return false
		}
	}
	return true
}

func isWord(said, want string) bool {
	if want == strings.ToLower(want) {
		said = strings.ToLower(said)
	}
	if stem, open := strings.CutSuffix(want, "*"); open {
		return strings.HasPrefix(said, stem)
	}
	return said == want
}

// without takes a phrase out of a text, and leaves a gap that joins nothing.
func without(said []string, phrase string) []string {
	rest := slices.Clone(said)
	for at := find(rest, phrase); at >= 0; at = find(rest, phrase) {
		rest = slices.Replace(rest, at, at+len(strings.Fields(phrase)), "\x00")
	}
	return rest
}

// readWords reads words.json.
func readWords(fsys fs.FS) (WordList, error) {
	var l WordList
	if err := readStrict(fsys, "words.json", &l); err != nil {
		return l, err
	}
	return l, l.validate()
}
