package checklist

import (
	"strings"
	"testing"
	"testing/fstest"
)

const good = `{"key":"yard","version":1,"locale":"en","title":"The yard","seen_by":"anyone","items":[
 {"id":"yard.01","text":"Somebody waits for hours","weight":"context","form":"both","noticed_by":"anyone","sources":["X"]},
 {"id":"yard.02","text":"Somebody asks for help","weight":"emergency","form":"labor","review":"awaiting practitioner review"}]}`

func TestLoad(t *testing.T) {
	t.Run("[CONTENT] a checklist is read whole, and lists come sorted by key and version", func(t *testing.T) {
		lists, err := Load(fstest.MapFS{
			"checklists/yard.2.json":    {Data: []byte(strings.Replace(good, `"version":1`, `"version":2`, 1))},
			"checklists/yard.json":      {Data: []byte(good)},
			"checklists/alley.json":     {Data: []byte(strings.Replace(good, `"key":"yard"`, `"key":"alley"`, 1))},
			"checklists/notes.txt":      {Data: []byte("not read")},
			"elsewhere/checklists.json": {Data: []byte("not read")},
		})
		if err != nil {
			t.Fatal(err)
		}
		if len(lists) != 3 || lists[0].Key != "alley" || lists[1].Version != 1 || lists[2].Version != 2 {
			t.Fatalf("%+v", lists)
		}
		yard := lists[1]
		if yard.Title != "The yard" || yard.SeenBy != "anyone" || yard.Locale != "en" || len(yard.Items) != 2 {
			t.Fatalf("%+v", yard)
		}
		first, second := yard.Items[0], yard.Items[1]
		if first.ID != "yard.01" || first.Text != "Somebody waits for hours" || first.Weight != Context || first.Form != Both ||
			first.NoticedBy != "anyone" || len(first.Sources) != 1 || second.Review != AwaitingReview {
			t.Fatalf("%+v", yard.Items)
		}
	})
	t.Run("[CONTENT] the same version of a checklist twice is refused, naming both files", func(t *testing.T) {
		_, err := Load(fstest.MapFS{"checklists/a.json": {Data: []byte(good)}, "checklists/b.json": {Data: []byte(good)}})
		if err == nil || !strings.Contains(err.Error(), "checklists/a.json") || !strings.Contains(err.Error(), "checklists/b.json") {
			t.Fatalf("%v", err)
		}
	})
	t.Run("[CONTENT] a folder without checklists is refused", func(t *testing.T) {
		if lists, err := Load(fstest.MapFS{}); err == nil {
			t.Fatalf("%v", lists)
		}
	})
	for _, c := range []struct{ name, old, new, says string }{
		{"two items of one id", `"yard.02"`, `"yard.01"`, "item yard.01 stands twice"},
		{"an unknown weight", `"emergency"`, `"urgent"`, `item yard.02: weight "urgent"`},
		{"no weight", `"weight":"context",`, ``, "item yard.01: weight"},
		{"an unknown form", `"labor"`, `"work"`, `item yard.02: form "work"`},
		{"an empty text", `Somebody asks for help`, ` `, "item yard.02: text is empty"},
		{"an id of another form", `"yard.01"`, `"first one"`, "item id"},
		{"an unknown review state", `awaiting practitioner review`, `fine`, "item yard.02: review"},
		{"version 0", `"version":1`, `"version":0`, "version 0 is below 1"},
		{"a version that is text", `"version":1`, `"version":"1"`, "version"},
		{"no key", `"key":"yard"`, `"key":""`, "key"},
		{"no language", `"locale":"en"`, `"locale":""`, "locale"},
		{"no title", `"The yard"`, `""`, "title is empty"},
		{"a member that is not known", `"seen_by"`, `"seenby"`, "seenby"},
		{"no items", good[strings.Index(good, "\n"):], `]}`, "no items"},
		{"something after the end", `review"}]}`, `review"}]}{}`, "after the checklist"},
		{"half a file", `"}]}`, ``, "unexpected EOF"},
	} {
		t.Run("[CONTENT] a checklist with "+c.name+" is refused, naming the file", func(t *testing.T) {
			bad := strings.Replace(good, c.old, c.new, 1)
			if bad == good {
				t.Fatal("the case changes nothing")
			}
			_, err := Load(fstest.MapFS{"checklists/yard.json": {Data: []byte(bad)}})
			if err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "checklists/yard.json") {
				t.Fatalf("%v", err)
			}
		})
	}
}

func TestCatalog(t *testing.T) {
	t.Run("[CONTENT] an item is found by its id, the newest version first", func(t *testing.T) {
		old := Checklist{Key: "a", Version: 1, Items: []Item{{ID: "a.01", Weight: Context}, {ID: "a.02", Weight: Context}}}
		young := Checklist{Key: "a", Version: 2, Items: []Item{{ID: "a.01", Weight: Strong}}}
		for _, lists := range [][]Checklist{{old, young}, {young, old}} {
			catalog := NewCatalog(lists)
			if w, ok := catalog.Weight("a.01"); !ok || w != Strong {
				t.Fatalf("%q %v", w, ok)
			}
			if !catalog.Known("a.02") || catalog.Known("a.03") {
				t.Fatal("retired items stay known, others are not")
			}
			if w, ok := catalog.Weight("a.03"); ok || w != "" {
				t.Fatalf("%q %v", w, ok)
			}
		}
	})
}
