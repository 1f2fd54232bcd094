package checklist

import (
	"regexp"
	"strings"
	"unicode"
)

// Yardstick measures how hard a text is to read, by a published formula of its
// language. docs/decisions/0015 names the sources and says why the bounds are
// what they are.
type Yardstick struct {
	Formula string
	// Form is the bound for all sentences of a form together: sixth grade.
	// Sentence is the bound for one sentence; it is wider, because over a dozen
	// words one long word moves a formula by grades that nobody reads.
	Form, Sentence float64
	// Easier tells whether a high value means an easy text.
	Easier bool

	measure  func(words, sentences, syllables float64) float64
	syllable func(word string) int
}

// MeasuredFrom is the fewest words of a sentence that is measured by itself.
// Below it a formula says nothing: "Emergency." would be of grade 32.
const MeasuredFrom = 6

// Yardsticks by language.
var Yardsticks = map[string]Yardstick{
	"en": {Formula: "Flesch-Kincaid grade", Form: 6, Sentence: 11, syllable: englishSyllables,
		measure: func(words, sentences, syllables float64) float64 {
			return 0.39*words/sentences + 11.8*syllables/words - 15.59
		}},
	"es": {Formula: "Fernández Huerta score", Form: 70, Sentence: 50, Easier: true, syllable: spanishSyllables,
		measure: func(words, sentences, syllables float64) float64 {
			return 206.84 - 60*syllables/words - 1.02*words/sentences
		}},
}

// Measure gives the value of texts, read one after the other; false when they
// hold no word.
func (y Yardstick) Measure(texts ...string) (value float64, ok bool) {
	var words, sentences, syllables float64
	for _, text := range texts {
		for _, sentence := range Sentences(text) {
			sentences++
			for _, word := range wordsOf(sentence) {
				words++
				syllables += float64(y.count(word))
			}
		}
	}
	if words == 0 {
		return 0, false
	}
	return y.measure(words, sentences, syllables), true
}

// Within tells whether a value is no harder than a bound.
func (y Yardstick) Within(value, bound float64) bool {
	if y.Easier {
		return value >= bound
	}
	return value <= bound
}

func (y Yardstick) count(word string) int {
	if first := []rune(word)[0]; unicode.IsDigit(first) {
		return len([]rune(word)) // about what its digits are as words
	}
	if len(word) > 1 && len(word) < 5 && word == strings.ToUpper(word) {
		return len([]rune(word)) // spelled out: ID, TV
	}
	return max(1, y.syllable(strings.ToLower(word)))
}

var sentenceEnd = regexp.MustCompile(`[.!?…;:]+(\s|$|["'”»)])`)

// Sentences splits a text where a thought ends: after . ! ? and, as Flesch
// counts, after ; and :. What holds no word is no sentence.
func Sentences(text string) []string {
	var list []string
	for text != "" {
		at := sentenceEnd.FindStringIndex(text)
		one := text
		if at != nil {
			one, text = text[:at[1]], text[at[1]:]
		} else {
			text = ""
		}
		if len(wordsOf(one)) > 0 {
			list = append(list, strings.TrimSpace(one))
		}
	}
	return list
}

var wordForm = regexp.MustCompile(`\p{L}+(['’]\p{L}+)*|\p{N}+`)

func wordsOf(text string) []string { return wordForm.FindAllString(text, -1) }

var (
	englishVowels = regexp.MustCompile(`[aeiouy]+`)
	englishHeard  = regexp.MustCompile(`([^aeiouy]l|[csxz]|ch|sh|[dnart]g)es$|[^aeiouy]le$`) // an e at the end that is heard: ta-ble, a-ges
	englishSilent = regexp.MustCompile(`[^aeiouy]es?$|[^aeiouytd]ed$`)
	// Two vowels that meet and are said apart: vi-o-lent, sex-u-al, go-ing.
	englishApart = regexp.MustCompile(`[^ct]ia[^g]|[^cstglx]io|[^gq]ua[lt]|[aeiouy]ing|[^h]iers?$|[^ct]ient|uiet|iety|crea[^mk]|area|idea|deo|[ao]yer`)
)

// englishSyllables estimates by spelling: groups of vowels, less a silent e,
// and one more where two vowels that meet are said apart.
func englishSyllables(word string) int {
	word, _, _ = strings.Cut(strings.ReplaceAll(word, "’", "'"), "'")
	n := len(englishVowels.FindAllString(word, -1)) + len(englishApart.FindAllString(word, -1))
	if englishSilent.MatchString(word) && !englishHeard.MatchString(word) {
		n--
	}
	return n
}

var spanishMute = strings.NewReplacer("que", "ke", "qui", "ki", "qué", "ké", "quí", "kí", "gue", "ge", "gui", "gi", "gué", "gé", "guí", "gí")

// spanishSyllables counts nuclei, as the spelling gives them: each a, e and o,
// each i or u with an accent, and each plain i or u that no other vowel stands
// beside.
func spanishSyllables(word string) int {
	const none, weak, strong = 0, 1, 2
	n, before := 0, none
	letters := []rune(spanishMute.Replace(word))
	for i, r := range letters {
		switch {
		case strings.ContainsRune("aeoáéó", r):
			if before != weak { // i and u before it are said with it
				n++
			}
			before = strong
		case r == 'í' || r == 'ú':
			n++
			before = none
		case strings.ContainsRune("iuü", r) || r == 'y' && i == len(letters)-1:
			if before == none {
				n++
				before = weak
			} else {
				before = strong // it ends what it joined: the next vowel is new
			}
		default:
			before = none
		}
	}
	return n
}
