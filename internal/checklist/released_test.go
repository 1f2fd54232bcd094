package checklist_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"path"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/fieldpost/fieldpost/content"
)

// unlike names the forms that are not what they were when they were released,
// and those that nobody released.
func unlike(t *testing.T, fsys fs.FS) []string {
	t.Helper()
	var released map[string]string
	data, err := fs.ReadFile(fsys, "forms/released.json")
	if err == nil {
		err = json.Unmarshal(data, &released)
	}
	if err != nil {
		t.Fatal(err)
	}
	names, err := fs.Glob(fsys, "forms/*.v*.json")
	if err != nil {
		t.Fatal(err)
	}
	var wrong []string
	for _, name := range names {
		data, err := fs.ReadFile(fsys, name)
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(data)
		if released[path.Base(name)] != hex.EncodeToString(sum[:]) {
			wrong = append(wrong, path.Base(name))
		}
		delete(released, path.Base(name))
	}
	for name := range released {
		wrong = append(wrong, name)
	}
	slices.Sort(wrong)
	return wrong
}

func TestReleased(t *testing.T) {
	t.Run("[CONTENT] no released form has changed: another wording is the next version, with its line in forms/released.json", func(t *testing.T) {
		if wrong := unlike(t, content.Files); len(wrong) > 0 {
			t.Errorf("changed, gone or not released: %v", wrong)
		}
	})
	t.Run("[CONTENT] one letter, a form that is gone and one that nobody released are seen", func(t *testing.T) {
		planted := fstest.MapFS{}
		names, err := fs.Glob(content.Files, "forms/*.json")
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			data, err := fs.ReadFile(content.Files, name)
			if err != nil {
				t.Fatal(err)
			}
			planted[name] = &fstest.MapFile{Data: data}
		}
		lot := planted["forms/truck_lot.v2.json"]
		planted["forms/truck_lot.v2.json"] = &fstest.MapFile{Data: []byte(strings.Replace(string(lot.Data), "a", "e", 1))}
		planted["forms/truck_lot.v3.json"] = lot
		delete(planted, "forms/agri.v1.json")
		if got, want := unlike(t, planted), []string{"agri.v1.json", "truck_lot.v2.json", "truck_lot.v3.json"}; !slices.Equal(got, want) {
			t.Errorf("%v, want %v", got, want)
		}
	})
}
