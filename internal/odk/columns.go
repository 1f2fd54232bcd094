package odk

import (
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/fieldpost/fieldpost/internal/checklist"
)

// taken are the columns that are read, by sheet; those with "::" once for each
// language. The last five of survey and the last two of settings are ours, and
// not XLSForm's.
var taken = map[string][]string{
	"survey": {"type", "name", "label::", "hint::", "guidance_hint::", "relevant", "constraint", "required",
		"disabled", "weight", "form", "noticed_by", "sources", "icon"},
	"choices":  {"list_name", "name", "label::"},
	"settings": {"form_id", "form_title::", "default_language", "seen_by::", "venue"},
}

// refusedColumns change what is asked or answered, so the draft would mean
// something else without them.
var refusedColumns = []string{"calculation", "choice_filter", "repeat_count", "trigger"}

var aliases = map[string]string{"relevance": "relevant", "list name": "list_name", "read_aloud": "guidance_hint", "title": "form_title", "id_string": "form_id"}

var inBrackets = regexp.MustCompile(`\(\s*([A-Za-z]{2,3})(?:[-_][A-Za-z0-9]+)*\s*\)\s*$`)

// languageOf reads what stands behind "::" in a header: "es", "Español (es)",
// "es-MX", "Spanish". "" is a language that no checklist is in.
func languageOf(text string) string {
	text = strings.ToLower(strings.TrimSpace(text))
	if m := inBrackets.FindStringSubmatch(text); m != nil {
		text = m[1]
	}
	switch text {
	case "english", "inglés", "ingles":
		return "en"
	case "spanish", "español", "espanol":
		return "es"
	}
	text, _, _ = strings.Cut(strings.ReplaceAll(text, "_", "-"), "-")
	if slices.Contains(checklist.Languages, text) {
		return text
	}
	return ""
}

// head reads the first row of a sheet, and names each column that is not read.
func (r *reader) head(which string, t *table) {
	t.heads = map[string]int{}
	if len(t.cells) == 0 {
		return
	}
	for column, text := range t.cells[0] {
		if text == "" {
			continue
		}
		base, language, many := strings.Cut(strings.ToLower(text), "::")
		base = strings.TrimSpace(base)
		if a := aliases[base]; a != "" {
			base = a
		}
		name := base
		known := slices.Contains(taken[which], base)
		if slices.Contains(taken[which], base+"::") {
			known = true
			code := r.language
			if many {
				code = languageOf(language)
			}
			name += "::" + code
			if code == "" {
				t.heads[text] = column
				r.problem(OtherLanguage, LeftOut, t, 0, text, "the language %s is not one of a checklist's", short(strings.TrimSpace(language)))
				continue
			}
		}
		if _, twice := t.heads[name]; twice {
			was := letters(t.heads[name])
			t.heads[text] = column
			r.problem(ColumnTwice, Refused, t, 0, text, "says the same as column %s", was)
			continue
		}
		t.heads[name] = column
		if !known {
			r.unused(which, t, name)
		}
	}
}

// unused names a column that is not read, if anything stands in it.
func (r *reader) unused(which string, t *table, name string) {
	for row := 1; row < len(t.cells); row++ {
		if t.at(row, name) == "" {
			continue
		}
		if which == "survey" && slices.Contains(refusedColumns, name) {
			continue // survey names it at each row that is taken
		}
		r.problem(ColumnUnused, LeftOut, t, 0, name, "the column is not taken")
		return
	}
}

func (r *reader) readSettings() {
	t := r.settings
	if t == nil {
		t = &table{name: "settings"}
	}
	if len(t.cells) > 0 {
		// The language of columns that name none is said in a column.
		for column, text := range t.cells[0] {
			if strings.ToLower(text) != "default_language" {
				continue
			}
			if code := languageOf(t.cell(1, column)); code != "" {
				r.language = code
			}
		}
	}
	r.head("settings", t)
	set := func(into *string, head string) {
		if text := r.text(t, 1, head); text != "" {
			*into = text
		}
	}
	set(&r.form.TitleEN, "form_title::en")
	set(&r.form.TitleES, "form_title::es")
	set(&r.form.SeenByEN, "seen_by::en")
	set(&r.form.SeenByES, "seen_by::es")
	set(&r.form.Venue, "venue")
	if r.Key == "" {
		r.form.Key = t.at(1, "form_id")
	}
	if !shortWord.MatchString(r.form.Key) {
		r.problem(BadKey, Refused, t, 1, "form_id", "%s is no key of a checklist", short(r.form.Key))
		r.form.Key = "draft" // so that what else is wrong can be found
	}
}

var shortWord = regexp.MustCompile(`^[a-z][a-z0-9_]{0,39}$`)

// text is a cell that somebody reads on a screen.
func (r *reader) text(t *table, row int, head string) string {
	text := t.at(row, head)
	if utf8.RuneCountInString(text) > maxText {
		r.problem(BadText, Refused, t, row, head, "the text is longer than %d characters", maxText)
	}
	if strings.Contains(text, "${") {
		r.problem(BadText, Refused, t, row, head, "the text takes in an answer")
	}
	return text
}
