package checklist

import (
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

func TestLint(t *testing.T) {
	t.Run("[CONTENT] lint has nothing to say about content that is right", func(t *testing.T) {
		faults, err := Lint(yardContent(t))
		if err != nil || len(faults) != 0 {
			t.Fatalf("%v %v", faults, err)
		}
	})
	// Each is one fault, and lint names the file, the item and the language.
	for _, c := range []struct{ name, file, old, new, item, language, says string }{
		{"a missing translation", yardFile, `"label::es": "El chofer no les deja bajar", `, ``, "yard.02", "es", "label is missing"},
		{"a missing translation of what is said", yardFile, `"read_aloud::es": "¿El chofer no les deja bajar?", `, ``, "yard.02", "es", "read_aloud is missing"},
		{"a hint in one language only", yardFile, `, "hint::es": "Cualquier camioneta que no es de aquí"`, ``, "yard.01", "es", "hint is missing"},
		{"a title in one language only", yardFile, `"title::es": "El patio"`, `"title::es": ""`, "", "es", "title is missing"},
		{"a broken relevant", yardFile, `${yard.01} = 'yes'"`, `${yard.01} = yes"`, "yard.02", "", "relevant: at character 14"},
		{"a relevant about nothing", yardFile, `${yard.01} = 'yes'"`, `${yard.10} = 'yes'"`, "yard.02", "", "there is no item yard.10"},
		{"a duplicated name", yardFile, `"name": "work"`, `"name": "gate"`, "gate", "", "stands twice"},
		{"an unlisted source", yardFile, `"sources": ["X", "D"]`, `"sources": ["XY", "D"]`, "yard.02", "", "source XY is not in sources.json"},
		{"no source", yardFile, `"sources": ["X"], "review::en": "", "review::es": "awaiting native and practitioner review", "constraint"`,
			`"sources": [], "review::en": "", "review::es": "awaiting native and practitioner review", "constraint"`, "yard.03", "", "names no source"},
		{"an unreadable sentence", yardFile, `"label::en": "The driver will not let them get out"`,
			`"label::en": "The transportation operator systematically prohibits individuals from disembarking"`, "yard.02", "en", "label is hard to read"},
		{"an unreadable sentence in Spanish", yardFile, `"read_aloud::es": "¿El chofer no les deja bajar?"`,
			`"read_aloud::es": "¿El conductor imposibilita sistemáticamente la salida voluntaria de las personas transportadas?"`, "yard.02", "es", "read_aloud is hard to read"},
		{"a refused word", yardFile, `"label::en": "The driver will not let them get out"`, `"label::en": "The pimp will not let them get out"`, "yard.02", "en", `says "pimp"`},
		{"a refused word in Spanish", yardFile, `"hint::es": "Cualquier camioneta que no es de aquí"`, `"hint::es": "Camioneta de personas ilegales"`, "yard.01", "es", `says "ilegales"`},
		{"a refused word in a title", yardFile, `"title::en": "The yard"`, `"title::en": "Rescue at the yard"`, "", "en", `says "Rescue"`},
		{"a nationality", yardFile, `"label::en": "The driver will not let them get out"`, `"label::en": "The Mexican driver will not let them get out"`, "yard.02", "en", `"Mexican" names where`},
		{"a nationality in Spanish", yardFile, `"read_aloud::es": "¿El chofer no les deja bajar?"`, `"read_aloud::es": "¿El chofer hondureño no les deja bajar?"`, "yard.02", "es", `"hondureño" names where`},
		{"an icon that is not there", yardFile, `"icon": "lock"`, `"icon": "key"`, "yard.03", "", "there is no icons/key.svg"},
		{"a group's icon that is not there", yardFile, `"icon": "tool"`, `"icon": "key"`, "work", "", "there is no icons/key.svg"},
		{"Spanish that says it was reviewed", yardFile, `"review::es": "awaiting native and practitioner review", "relevant"`, `"review::es": "", "relevant"`, "yard.02", "es", "review is"},
		{"a wording of ours that says it was reviewed", yardFile, `"review::en": "awaiting practitioner review"`, `"review::en": ""`, "yard.02", "en", "review is"},
		{"a gap in the numbers", yardFile, `"name": "yard.03"`, `"name": "yard.04"`, "yard.03", "", "is missing"},
		{"an item of the core in other words", yardFile, `"Alguien pide ayuda"`, `"Alguien pidió ayuda"`, "core.01", "es", "is not worded as in the core"},
		{"an item of the core of another weight", yardFile, `"weight": "emergency"`, `"weight": "strong"`, "core.01", "", "not as in the core"},
		{"a left-out file that forgets an item", "left_out/yard.json", `"core.02"`, `"core.01"`, "core.02", "", "is accounted for 0 times"},
		{"what is said by less", "left_out/yard.json", `"yard.03"`, `"yard.01"`, "core.02", "", "weighs less"},
		{"what is said by nobody", "left_out/yard.json", `"yard.03"`, `"yard.30"`, "core.02", "", "not of the setting"},
		{"what is said without a reason", "left_out/yard.json", `"papers in a locked box are kept by someone else"`, `""`, "core.02", "", "without a reason"},
		{"a file that is no form", yardFile, `"format"`, `"form"`, "", "", "read json"},
	} {
		t.Run("[CONTENT] lint names file, item and language: "+c.name, func(t *testing.T) {
			faults, err := Lint(planted(t, c.file, c.old, c.new))
			if err != nil {
				t.Fatal(err)
			}
			at := slices.IndexFunc(faults, func(f Fault) bool {
				return f.File == c.file && f.Item == c.item && f.Language == c.language && strings.Contains(f.Message, c.says)
			})
			if at < 0 {
				t.Fatalf("%q", faults)
			}
			if said := faults[at].String(); !strings.HasPrefix(said, c.file) || !strings.Contains(said, c.item) || !strings.Contains(said, c.language) {
				t.Error(said)
			}
		})
	}
	t.Run("[CONTENT] lint misses a left-out file, and a core", func(t *testing.T) {
		all := yardContent(t)
		delete(all, "left_out/yard.json")
		faults, err := Lint(all)
		if err != nil || len(faults) != 1 || faults[0].File != "left_out/yard.json" {
			t.Errorf("%v %v", faults, err)
		}
		all = yardContent(t)
		delete(all, "forms/core.v1.json")
		faults, err = Lint(all)
		if err != nil || len(faults) == 0 || !strings.Contains(faults[0].Message, "no form core") {
			t.Errorf("%v %v", faults, err)
		}
	})
	t.Run("[CONTENT] lint looks at the words of the newest version only: what was published stays", func(t *testing.T) {
		all := planted(t, yardFile, `"label::en": "The driver will not let them get out"`, `"label::en": "The pimp will not let them get out"`)
		newer := yardContent(t)[yardFile].Data
		all["forms/yard.v2.json"] = &fstest.MapFile{Data: []byte(strings.Replace(string(newer), `"version": 1`, `"version": 2`, 1))}
		if faults, err := Lint(all); err != nil || len(faults) != 0 {
			t.Errorf("%v %v", faults, err)
		}
	})
	t.Run("[CONTENT] lint does not pass a folder in which there is nothing", func(t *testing.T) {
		for _, gone := range []string{"forms/", "words.json", "sources.json"} {
			all := yardContent(t)
			for name := range all {
				if strings.HasPrefix(name, gone) {
					delete(all, name)
				}
			}
			if faults, err := Lint(all); err == nil {
				t.Errorf("without %s: %v", gone, faults)
			}
		}
		if _, err := Lint(fstest.MapFS{}); err == nil {
			t.Error("an empty folder passed")
		}
	})
}

func TestWords(t *testing.T) {
	words, err := readWords(yardContent(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, language, text string
		wrong                bool
	}{
		{"drugs may be illegal", "en", "Illegal drugs in the room", false},
		{"a person may not", "en", "They are here illegally", true},
		{"one allowed phrase does not cover another place", "en", "Illegal drugs and illegal people", true},
		{"a potential victim", "en", "A potential victim", false},
		{"a victim", "en", "The victim", true},
		{"in Spanish too", "es", "Drogas ilegales en el cuarto", false},
		{"polish is for nails", "en", "Nail polish", false},
		{"but Polish is where somebody comes from", "en", "Polish workers", true},
		{"a black van is a van", "en", "A black van", false},
		{"two words of an origin", "en", "A black woman waits", true},
		{"and with a dash", "en", "A dark-skinned man", true},
		{"a word within a word is none", "es", "Las disputas", false},
		{"an ending of a stem", "es", "Una persona mexicana", true},
	} {
		t.Run("[CONTENT] words that are refused: "+c.name, func(t *testing.T) {
			if got := words.Wrong(c.language, c.text); (len(got) > 0) != c.wrong {
				t.Errorf("%q: %q", c.text, got)
			}
		})
	}
	t.Run("[CONTENT] a list of words without a language is refused", func(t *testing.T) {
		all := yardContent(t)
		all["words.json"] = &fstest.MapFile{Data: []byte(`{"about": "", "refused": {"en": [{"words": ["x"], "say": "y", "allowed": []}]}, "origins": {"en": ["z"]}}`)}
		if _, err := readWords(fs.FS(all)); err == nil {
			t.Error("passed")
		}
	})
}
