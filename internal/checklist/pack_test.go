package checklist

import (
	"bytes"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/fieldpost/fieldpost/content"
)

const kansasCity = "packs/kansas_city/"

// shippedWith is the shipped content with one text of a file changed.
func shippedWith(t testing.TB, file, old, new string) fstest.MapFS {
	t.Helper()
	all := fstest.MapFS{}
	err := fs.WalkDir(content.Files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(content.Files, name)
		all[name] = &fstest.MapFile{Data: data}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if file != "" {
		data := string(all[file].Data)
		if !strings.Contains(data, old) {
			t.Fatalf("%s does not hold %s", file, old)
		}
		all[file] = &fstest.MapFile{Data: []byte(strings.Replace(data, old, new, 1))}
	}
	return all
}

func packSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	data, err := os.ReadFile("../../content/packs/schema.json")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	if err := c.AddResource("schema.json", doc); err != nil {
		t.Fatal(err)
	}
	return c.MustCompile("schema.json")
}

// packLinter gives what the lint says of the packs of a folder; all else it
// takes from the shipped content, once: a whole lint takes a second.
func packLinter(t *testing.T) func(fs.FS) []Fault {
	t.Helper()
	words, err := readWords(content.Files)
	if err != nil {
		t.Fatal(err)
	}
	base := linter{words: words, forms: map[string]*Form{}}
	if err := readStrict(content.Files, "sources.json", &base.sources); err != nil {
		t.Fatal(err)
	}
	forms, err := newestForms(content.Files)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range forms {
		base.forms[f.Key] = f
	}
	lines, err := HotlinesIn(content.Files)
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]Hotline{}
	for _, h := range lines {
		known[h.ID] = h
	}
	return func(fsys fs.FS) []Fault {
		l := base
		l.fsys = fsys
		l.packs(known)
		return l.faults
	}
}

func TestPacks(t *testing.T) {
	packs, err := PacksIn(content.Files)
	if err != nil {
		t.Fatal(err)
	}
	schema := packSchema(t)
	lint := packLinter(t)
	t.Run("[CONTENT] every file of a pack is as the schema says", func(t *testing.T) {
		for name := range packs {
			data, err := fs.ReadFile(content.Files, name)
			if err != nil {
				t.Fatal(err)
			}
			if err := matches(schema, data); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
	t.Run("[CONTENT] the Kansas City pack says who takes what, and what each wants to know", func(t *testing.T) {
		var got []string
		for _, p := range packs[kansasCity+"routing_profiles.json"].Profiles {
			got = append(got, p.ID)
		}
		want := []string{"hsi", "national_hotline", "mo_childrens_division", "ks_protection_report_center", "dol_whd", "ncmec", "code_inspectors", "labor_officials"}
		if !slices.Equal(got, want) {
			t.Errorf("%q", got)
		}
	})
	t.Run("[CONTENT] the letters of ISIC are all there, for the industry of a site", func(t *testing.T) {
		letters := ""
		for _, i := range packs[kansasCity+"industries.json"].Industries {
			letters += i.ID
		}
		if letters != "ABCDEFGHIJKLMNOPQRSTU" {
			t.Error(letters)
		}
	})
	t.Run("[CONTENT] a published number has place, year, source, and the day on which somebody read it: nobody has", func(t *testing.T) {
		for _, s := range packs[kansasCity+"published_statistics.json"].Statistics {
			if s.Year != 2019 || s.Retrieved != "" || len(s.Sources) == 0 || map[string]int{"us-mo": 233, "us-ks": 92}[s.Place] != s.Value {
				t.Errorf("%+v", s)
			}
		}
	})
	t.Run("[R25] every text of a pack says that it awaits review, and the list of what does has them", func(t *testing.T) {
		list, err := AwaitingIn(content.Files)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, a := range list {
			if a.Kind == ReviewPacks {
				n++
			}
		}
		if n < 200 {
			t.Errorf("%d", n)
		}
	})
	const venues, industries, profiles, statistics = kansasCity + "venues.json", kansasCity + "industries.json", kansasCity + "routing_profiles.json", kansasCity + "published_statistics.json"
	for _, c := range []struct {
		name, file, old, new, item, language, says string
		schema                                     bool // sees it too
	}{
		{"a venue without a name in Spanish", venues, `"name::es": "Hotel o motel"`, `"name::es": ""`, "hotel", "es", "name is missing", true},
		{"a venue of an industry that is none", venues, `"I55"`, `"I57"`, "hotel", "", "names the industry I57", false},
		{"a venue that forgets a form", venues, `"hotel_fb", `, ``, "hotel", "", "checklists are", false},
		{"a venue that a form needs and that is missing", venues, `"id": "hotel"`, `"id": "hostel"`, "hotel", "", "is missing: the form", false},
		{"a refused word", venues, `"Massage business"`, `"Suspicious massage business"`, "massage_business", "en", `says "Suspicious"`, false},
		{"a nationality", venues, `"Restaurante, bar`, `"Restaurante mexicano, bar`, "restaurant", "es", `names where`, false},
		{"a letter that ISIC does not have", industries, `"id": "U"`, `"id": "V"`, "V", "", "the id is not of the form", true},
		{"a division of another letter", industries, `"id": "I55"`, `"id": "H55"`, "H55", "", "is no division of I", false},
		{"another classification", industries, `ISIC Rev.4`, `NAICS`, "", "", "classification", true},
		{"a source that is not listed", industries, `"ISIC", "D"`, `"ISICX", "D"`, "A", "", "source ISICX is not in", false},
		{"a line that is not there", profiles, `"hsi_tip_line"`, `"hsi_line"`, "hsi", "", "names the line hsi_line", false},
		{"nothing to reach a body by", profiles, `"hsi_tip_line"`, ``, "hsi", "", "does not say how to find one", false},
		{"an unknown concern", profiles, `"conditions"`, `"buildings"`, "code_inspectors", "", "about: \"buildings\"", true},
		{"what is asked in one language only", profiles, `"text::es": "¿Qué vio u oyó?"`, `"text::es": ""`, "hsi", "es", "asks is missing", true},
		{"immigration that somebody claims to have reviewed", profiles, `"text::es": "Esta línea no es la policía ni una oficina de inmigración. Con algunos avisos van a la policía. No hable de papeles.",
        "review::en": "awaiting practitioner review"`, `"text::es": "Esta línea no es la policía ni una oficina de inmigración. Con algunos avisos van a la policía. No hable de papeles.",
        "review::en": ""`, "national_hotline", "en", "review is", false},
		{"a sentence that is hard to read", profiles, `What did you see or hear?`, `Characterize comprehensively the circumstances observed immediately beforehand.`, "hsi", "en", "is hard to read", false},
		{"a number without a source", statistics, `"NHS"`, ``, "mo_hotline_cases_2019", "", "names no source", true},
		{"a number of our own", statistics, `"NHS"`, `"D"`, "mo_hotline_cases_2019", "", "never D", false},
		{"a day that is none", statistics, `"retrieved": ""`, `"retrieved": "2026-02-30"`, "mo_hotline_cases_2019", "", "is no day", false},
		{"a place that is none", statistics, `"us-ks"`, `"us-xx"`, "ks_hotline_cases_2019", "", "place", true},
		{"an id that stands twice", statistics, `"ks_hotline_cases_2019"`, `"mo_hotline_cases_2019"`, "mo_hotline_cases_2019", "", "stands twice", false},
		{"a file without its list", statistics, `"statistics": [`, `"numbers": [`, "", "", "unknown field", true},
		{"a file of another pack", statistics, `"pack": "kansas_city"`, `"pack": "st_louis"`, "", "", "folder of another pack", false},
	} {
		t.Run("[CONTENT] lint names file, item and language: "+c.name, func(t *testing.T) {
			all := shippedWith(t, c.file, c.old, c.new)
			faults := lint(all)
			if !slices.ContainsFunc(faults, func(f Fault) bool {
				return f.File == c.file && f.Item == c.item && f.Language == c.language && strings.Contains(f.Message, c.says)
			}) {
				t.Errorf("%q", faults)
			}
			if err := matches(schema, all[c.file].Data); (err != nil) != c.schema {
				t.Errorf("the schema says %v", err)
			}
		})
	}
	t.Run("[CONTENT] the lint of all content looks at packs, and has nothing to say about what ships", func(t *testing.T) {
		if faults := lint(content.Files); len(faults) != 0 {
			t.Errorf("%q", faults)
		}
		faults, err := Lint(shippedWith(t, statistics, `"NHS"`, ``))
		if err != nil || len(faults) != 1 || faults[0].File != statistics {
			t.Errorf("%q %v", faults, err)
		}
	})
	t.Run("[CONTENT] a file of a pack with a member nobody knows, or in the folder of another, is refused", func(t *testing.T) {
		for _, c := range [][2]string{{`"venues": [`, `"places": [`}, {`"kansas_city"`, `"st_louis"`}, {`"format": 1`, `"format": 2`}} {
			if _, err := PacksIn(shippedWith(t, venues, c[0], c[1])); err == nil {
				t.Errorf("%s passed", c[1])
			}
		}
		if path.Dir(venues) != "packs/kansas_city" {
			t.Fatal("the pack moved")
		}
	})
}
