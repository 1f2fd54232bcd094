package checklist

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/fieldpost/fieldpost/content"
)

// yardContent is a small whole folder of content, with the words that are
// shipped.
func yardContent(t testing.TB) fstest.MapFS {
	t.Helper()
	all := fstest.MapFS{}
	add := func(fsys fs.FS) {
		err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			data, err := fs.ReadFile(fsys, name)
			all[name] = &fstest.MapFile{Data: data}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	add(os.DirFS("testdata/content"))
	words, err := os.ReadFile("../../content/words.json")
	if err != nil {
		t.Fatal(err)
	}
	all["words.json"] = &fstest.MapFile{Data: words}
	return all
}

const yardFile = "forms/yard.v1.json"

// planted is content with one text of a file changed for another.
func planted(t testing.TB, file, old, new string) fstest.MapFS {
	t.Helper()
	all := yardContent(t)
	if n := bytes.Count(all[file].Data, []byte(old)); n == 0 {
		t.Fatalf("%s does not hold %s", file, old)
	}
	all[file] = &fstest.MapFile{Data: bytes.Replace(all[file].Data, []byte(old), []byte(new), 1)}
	return all
}

func TestForm(t *testing.T) {
	t.Run("[CONTENT] a form is one checklist in each language, with the words of that language", func(t *testing.T) {
		lists, err := Load(yardContent(t))
		if err != nil {
			t.Fatal(err)
		}
		var which []string
		for _, l := range lists {
			which = append(which, fmt.Sprint(l.Key, l.Version, l.Locale))
		}
		if want := []string{"core1en", "core1es", "yard1en", "yard1es"}; !slices.Equal(which, want) {
			t.Fatalf("%q", which)
		}
		yard := lists[3]
		if yard.Title != "El patio" || yard.SeenBy != "cualquiera" || yard.Venue != "yard" || len(yard.Items) != 5 {
			t.Fatalf("%+v", yard)
		}
		want := Item{ID: "yard.01", Text: "Una camioneta espera en la entrada por horas", Weight: Context, Form: Both, NoticedBy: "anyone", Sources: []string{"X"},
			Review: AwaitingNative, Hint: "Cualquier camioneta que no es de aquí", ReadAloud: "¿Una camioneta espera en la entrada por horas?", Icon: "van",
			Group: "gate", GroupLabel: "En la entrada", GroupIcon: "door"}
		if got, _ := json.Marshal(yard.Items[0]); string(got) != string(must(json.Marshal(want))) {
			t.Errorf("%s", got)
		}
		if i := yard.Items[1]; i.Relevant != "${yard.01} = 'yes'" || i.Group != "gate" {
			t.Errorf("%+v", i)
		}
		if i := yard.Items[2]; i.Constraint == "" || !i.Required || i.Group != "work" {
			t.Errorf("%+v", i)
		}
		for _, l := range lists {
			if err := l.Validate(); err != nil {
				t.Errorf("%s: %v", l.Key, err)
			}
		}
	})
	t.Run("[CONTENT] a form and a checklist of the first format may not hold the same version in one language", func(t *testing.T) {
		all := yardContent(t)
		all["checklists/yard.json"] = &fstest.MapFile{Data: []byte(good)}
		_, err := Load(all)
		if err == nil || !strings.Contains(err.Error(), "checklists/yard.json") || !strings.Contains(err.Error(), yardFile) {
			t.Fatalf("%v", err)
		}
	})
	t.Run("[CONTENT] an older version beside it is loaded too, and indicators know what both name", func(t *testing.T) {
		all := yardContent(t)
		all["checklists/yard.json"] = &fstest.MapFile{Data: []byte(strings.Replace(good, `"yard.02"`, `"yard.77"`, 1))}
		all["forms/yard.v2.json"] = &fstest.MapFile{Data: bytes.Replace(all[yardFile].Data, []byte(`"version": 1`), []byte(`"version": 2`), 1)}
		delete(all, yardFile)
		lists, err := Load(all)
		if err != nil {
			t.Fatal(err)
		}
		c := NewCatalog(lists)
		if !c.Known("yard.77") || !c.Known("yard.03") || c["yard.01"].Text != "A van waits at the gate for hours" {
			t.Errorf("%+v", c["yard.01"])
		}
	})
	t.Run("[CONTENT] a file has the name of what it holds", func(t *testing.T) {
		all := yardContent(t)
		all["forms/yard.v3.json"] = all[yardFile]
		delete(all, yardFile)
		if _, err := Load(all); err == nil || !strings.Contains(err.Error(), "yard.v1.json") {
			t.Fatalf("%v", err)
		}
	})
}

func must(data []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return data
}

// malformed are forms that nobody may ship: what is changed, what the code
// says, and whether the schema sees it too.
var malformed = []struct {
	name, old, new, says string
	schema               bool
}{
	{"another format", `"format": 2`, `"format": 3`, "format 3", true},
	{"a member that nobody knows", `"venue"`, `"place"`, "place", true},
	{"a member of another case", `"venue"`, `"Venue"`, "Venue", true},
	{"a member twice", `"venue": "yard"`, `"venue": "yard", "venue": "yard"`, "twice", false},
	{"version 0", `"version": 1`, `"version": 0`, "version 0", true},
	{"no Spanish title", `"El patio"`, `""`, "(es): title is missing", true},
	{"a label in no Spanish", `"label::es": "El chofer no les deja bajar"`, `"label::es": " "`, "yard.02 (es): label is missing", true},
	{"a group without a Spanish label", `"label::es": "El trabajo"`, `"label::es": ""`, "work (es): label is missing", true},
	{"a type that no report can answer", `{"type": "select_one yes_no_unsure", "name": "yard.02"`, `{"type": "integer", "name": "yard.02"`, `yard.02: type "integer"`, true},
	{"a name twice", `"name": "yard.02"`, `"name": "yard.01"`, "yard.01: the name stands twice", false},
	{"a group of the name of another", `"name": "work"`, `"name": "gate"`, "gate: the name stands twice", false},
	{"a name of another form", `"name": "yard.02"`, `"name": "second"`, "second: the name is not of the form", true},
	{"an unknown weight", `"weight": "strong"`, `"weight": "grave"`, `weight "grave"`, true},
	{"an unknown form", `"form": "labor"`, `"form": "work"`, `form "work"`, true},
	{"an unknown state of review", `"review::es": "awaiting native and practitioner review", "relevant"`, `"review::es": "fine", "relevant"`, `review "fine"`, true},
	{"a group that does not end", "    {\"type\": \"end_group\"},\n", "", "begins inside of", false},
	{"an end without a beginning", `{"type": "end_group"}`, `{"type": "end_group"}, {"type": "end_group"}`, "did not begin", false},
	{"an end that says more", `{"type": "end_group"}`, `{"type": "end_group", "icon": "eye"}`, "end of a group", true},
	{"an answer that the protocol does not know", `"name": "unsure"`, `"name": "maybe"`, "yes, no and unsure", true},
	{"an answer without a Spanish label", `"No sé"`, `""`, "unsure (es): label", true},
	{"choices of another list", `"list_name": "yes_no_unsure"`, `"list_name": "colors"`, `list "colors"`, true},
	{"a broken relevant", `= 'yes'"`, `= 'yes"`, "yard.02: relevant: at character 14", false},
	{"a relevant about an item that is not there", `"${yard.01} = 'yes'"`, `"${yard.09} = 'yes'"`, "yard.02: relevant: at character 1: there is no item yard.09 before", false},
	{"a relevant about an item after it", `"${yard.01} = 'yes'"`, `"${yard.03} = 'yes'"`, "no item yard.03 before", false},
	{"a relevant about itself", `"${yard.01} = 'yes'"`, `". = 'yes'"`, "own answer", false},
	{"a broken constraint", `"constraint": ". != `, `"constraint": ". !! `, "yard.03: constraint: at character 3", false},
	{"a condition on a group", `"icon": "tool"`, `"icon": "tool", "relevant": "true()"`, "work: relevant: only an item", true},
}

func TestFormFaults(t *testing.T) {
	data := yardContent(t)[yardFile].Data
	schema := formSchema(t)
	if err := matches(schema, data); err != nil {
		t.Fatalf("the schema refuses what is right: %v", err)
	}
	for _, c := range malformed {
		t.Run("[CONTENT] a form is refused: "+c.name, func(t *testing.T) {
			bad := planted(t, yardFile, c.old, c.new)[yardFile].Data
			_, err := ParseForm(bad)
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v", err)
			}
			if err := matches(schema, bad); (err != nil) != c.schema {
				t.Errorf("the schema says %v", err)
			}
		})
	}
}

func formSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	data, err := os.ReadFile("../../content/forms/schema.json")
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

func matches(schema *jsonschema.Schema, data []byte) error {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		return nil // not JSON: nothing for a schema to say
	}
	return schema.Validate(doc)
}

// settings are the settings that ship, and how many items each has of its own.
var settings = map[string]int{
	"agri": 16, "care_dis": 12, "care_work": 12, "carnival": 12, "childcare": 12, "construct": 12, "core": 20, "crime": 8, "domestic": 16,
	"factory": 14, "faith": 13, "health": 16, "hotel_fb": 12, "hotel_front": 20, "hotel_house": 18, "hotel_sec": 12, "hotel_staff": 14,
	"janitor": 12, "landscape": 12, "massage": 12, "nails": 13, "online": 14, "peddle": 12, "restaurant": 15, "retail": 8, "sales": 13,
	"school": 16, "transit": 16, "truck_cash": 15, "truck_driver": 15, "truck_lot": 12,
}

func TestShippedForms(t *testing.T) {
	schema := formSchema(t)
	files, err := fs.Glob(content.Files, formFiles)
	if err != nil || len(files) == 0 {
		t.Fatalf("%d forms, %v", len(files), err)
	}
	t.Run("[CONTENT] every form fits the schema", func(t *testing.T) {
		for _, name := range files {
			data, err := fs.ReadFile(content.Files, name)
			if err != nil {
				t.Fatal(err)
			}
			if err := matches(schema, data); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
	t.Run("[CONTENT] lint has nothing to say about what ships", func(t *testing.T) {
		faults, err := Lint(content.Files)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range faults {
			t.Error(f)
		}
	})
	t.Run("[CONTENT] all 31 settings are there, with all of their 424 items", func(t *testing.T) {
		forms, err := newestForms(content.Files)
		if err != nil {
			t.Fatal(err)
		}
		got, items := map[string]int{}, 0
		for _, f := range forms {
			own, _ := f.split()
			got[f.Key] = len(own)
			items += len(own)
		}
		if !maps.Equal(got, settings) || len(got) != 31 || items != 424 {
			t.Errorf("%d settings, %d items: %v", len(got), items, got)
		}
	})
	t.Run("[CONTENT] what of the core a form leaves out is listed, with the reason", func(t *testing.T) {
		forms, err := newestForms(content.Files)
		if err != nil {
			t.Fatal(err)
		}
		listed := 0
		for _, f := range forms {
			if f.Key == CoreKey {
				continue
			}
			var out LeftOut
			if err := readStrict(content.Files, "left_out/"+f.Key+".json", &out); err != nil {
				t.Error(err)
				continue
			}
			for _, s := range out.Said {
				t.Logf("%s leaves out %s: said by %s: %s", f.Key, s.ID, strings.Join(s.By, ", "), s.Reason)
			}
			t.Logf("%s leaves out %s: %d of the core stand before them", f.Key, strings.Join(out.Limit, ", "), MaxCore)
			listed++
		}
		if listed != len(forms)-1 || listed < 8 {
			t.Errorf("%d of %d forms", listed, len(forms))
		}
	})
	t.Run("[CONTENT] a form counts on from the first format: both keep their items, and their weights", func(t *testing.T) {
		lists, err := Load(content.Files)
		if err != nil {
			t.Fatal(err)
		}
		first := map[string]Checklist{}
		for _, l := range lists {
			if l.Locale == "en" && l.Version == 1 {
				first[l.Key] = l
			}
		}
		compared := 0
		for _, l := range lists {
			if l.Version != 2 {
				continue
			}
			compared++
			weights := map[string]string{}
			for _, i := range l.Items {
				weights[i.ID] = i.Weight + i.Form
			}
			for _, i := range first[l.Key].Items {
				if weights[i.ID] != i.Weight+i.Form {
					t.Errorf("%s version 2 (%s): %s is %q, and was %s%s", l.Key, l.Locale, i.ID, weights[i.ID], i.Weight, i.Form)
				}
			}
			if len(weights) != len(first[l.Key].Items) {
				t.Errorf("%s: %d items, and had %d", l.Key, len(weights), len(first[l.Key].Items))
			}
		}
		if compared != 16 {
			t.Errorf("%d lists of version 2", compared)
		}
	})
}
