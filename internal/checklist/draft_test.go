package checklist_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/fieldpost/fieldpost/content"
	"github.com/fieldpost/fieldpost/internal/checklist"
)

func newest(t *testing.T, key string) *checklist.Form {
	t.Helper()
	form, err := checklist.Newest(content.Files, key)
	if err != nil || form == nil {
		t.Fatal(key, form, err)
	}
	return form
}

func TestDraft(t *testing.T) {
	t.Run("[CONTENT] a form under another key has items and conditions of that key, keeps those of the core, and passes the lint", func(t *testing.T) {
		for _, key := range []string{"truck_lot", "hotel_house", "hotel_front"} {
			form := newest(t, key)
			at := slices.IndexFunc(form.Survey, func(r checklist.Row) bool { return r.Name == key+".02" })
			form.Survey[at].Relevant = "${" + key + ".01} = 'yes'"
			own := form.Under("ours", 1)
			own.MarkReviews()
			raw, err := json.Marshal(own)
			if err != nil {
				t.Fatal(err)
			}
			_, faults, err := checklist.LintForm(content.Files, "ours", raw)
			if err != nil {
				t.Fatal(err)
			}
			// The condition was planted, and stands before its item or does not; nothing else is wrong.
			for _, f := range faults {
				if f.Item != "ours.02" {
					t.Errorf("%s: %s", key, f)
				}
			}
			if own.Survey[at].Relevant != "${ours.01} = 'yes'" || own.Survey[at].Name != "ours.02" || form.Survey[at].Name != key+".02" {
				t.Errorf("%s: %+v", key, own.Survey[at])
			}
		}
	})
	t.Run("[CONTENT] what sets a form apart is told by item and member; what only makes room is not moved", func(t *testing.T) {
		before := newest(t, "truck_lot")
		after := before.Under(before.Key, before.Version+1)
		if got := after.Changes(before); len(got) != 0 {
			t.Errorf("the same: %v", got)
		}
		items := []int{}
		for i, r := range after.Survey {
			if r.IsItem() {
				items = append(items, i)
			}
		}
		after.TitleES = "Otro"
		after.Survey[items[0]].LabelEN = "Other words"
		gone := after.Survey[items[1]].Name
		after.Survey = slices.Delete(after.Survey, items[1], items[1]+1)
		added := after.Survey[items[0]]
		added.Name = "truck_lot.99"
		after.Survey = slices.Insert(after.Survey, items[0]+1, added)
		want := fmt.Sprintf("[{ edited [title::es]} {%s edited [label::en]} {truck_lot.99 added []} {%s removed []}]", after.Survey[items[0]].Name, gone)
		if got := fmt.Sprint(after.Changes(before)); got != want {
			t.Errorf("%s\nwant %s", got, want)
		}
		moved := before.Under(before.Key, before.Version+1)
		row := moved.Survey[items[0]]
		moved.Survey = slices.Insert(slices.Delete(moved.Survey, items[0], items[0]+1), items[1], row)
		if got := fmt.Sprint(moved.Changes(before)); got != fmt.Sprintf("[{%s moved []}]", row.Name) && got != fmt.Sprintf("[{%s moved []}]", before.Survey[items[1]].Name) {
			t.Errorf("moved: %s", got)
		}
	})
	t.Run("[CONTENT] a form made of its checklists says what they say", func(t *testing.T) {
		form := newest(t, "hotel_house")
		made, err := checklist.FormOf(form.Checklists())
		if err != nil {
			t.Fatal(err)
		}
		a, b := fmt.Sprintf("%+v", form.Checklists()), fmt.Sprintf("%+v", made.Checklists())
		if a != b {
			t.Errorf("%.500s\n%.500s", a, b)
		}
		if _, err := checklist.FormOf(form.Checklists()[:1]); err == nil {
			t.Error("one language alone was taken")
		}
	})
}
