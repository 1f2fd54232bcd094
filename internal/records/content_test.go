package records_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/pocketbase/pocketbase/core"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/checklist"
	"github.com/fieldpost/fieldpost/internal/records"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
	"github.com/fieldpost/fieldpost/internal/wire"
)

func checklistRecord(t *testing.T, r *rig.Rig, key string, version int, locale string) *core.Record {
	t.Helper()
	found, err := r.App.FindFirstRecordByFilter("checklists", "key = {:key} && version = {:version} && locale = {:locale}",
		map[string]any{"key": key, "version": version, "locale": locale})
	if err != nil {
		t.Fatalf("%s version %d (%s): %v", key, version, locale, err)
	}
	return found
}

func TestLoadChecklists(t *testing.T) {
	t.Run("[CONTENT] a first start loads every version in every language, as it is shipped", func(t *testing.T) {
		r := rig.New(t)
		d, err := r.S.Store.DiffChecklists(r.S.Shipped)
		if err != nil || len(d.New)+len(d.Edited)+len(d.Local) != 0 {
			t.Fatalf("%+v %v", d, err)
		}
		n, err := r.App.CountRecords("checklists")
		if err != nil || int(n) != len(r.S.Shipped) || n < 20 {
			t.Fatalf("%d records of %d, %v", n, len(r.S.Shipped), err)
		}
		es := checklistRecord(t, r, "hotel_front", 2, "es")
		var items []checklist.Item
		if err := es.UnmarshalJSONField("items", &items); err != nil || len(items) < 20 || items[0].GroupLabel == "" || items[0].Icon == "" ||
			items[0].ReadAloud == "" || items[0].Review != checklist.AwaitingNative {
			t.Errorf("%+v %v", items, err)
		}
	})
	t.Run("[CONTENT] a submission filled under version 1 shows version 1's words after version 2", func(t *testing.T) {
		r := rig.New(t)
		var before []checklist.Checklist
		for _, l := range r.S.Shipped {
			if l.Key == "truck_driver" && l.Version > 1 {
				before = append(before, l)
				if err := r.App.Delete(checklistRecord(t, r, l.Key, l.Version, l.Locale)); err != nil {
					t.Fatal(err)
				}
			}
		}
		ngo := r.Organization("Outreach")
		worker, coordinator := r.Enroll(access.Worker, ngo), r.Enroll(access.Coordinator, ngo)
		one := checklistRecord(t, r, "truck_driver", 1, "en")
		id, verdict := worker.Create("submissions", map[string]any{"checklist": one.Id, "version": 1, "event_time": r.Clock.Now().UTC().Format(wire.TimeFormat),
			"answers": map[string]any{"truck_driver.03": "yes"}})
		if verdict.Verdict != wire.Applied {
			t.Fatalf("%+v", verdict)
		}

		// The next binary brings version 2.
		held, err := r.S.Store.LoadChecklists(r.S.Shipped)
		if err != nil || len(held) != 0 || len(before) != 2 {
			t.Fatalf("%v %v %v", held, err, before)
		}
		two := checklistRecord(t, r, "truck_driver", 2, "en")
		view := coordinator.Fresh()
		var report struct{ Checklist string }
		var shown struct {
			Version int
			Items   []checklist.Item
		}
		for _, v := range []struct {
			raw  json.RawMessage
			into any
		}{{view["submissions"][id], &report}, {view["checklists"][one.Id], &shown}} {
			if err := json.Unmarshal(v.raw, v.into); err != nil {
				t.Fatalf("%s: %v", v.raw, err)
			}
		}
		var newer []checklist.Item
		if err := two.UnmarshalJSONField("items", &newer); err != nil {
			t.Fatal(err)
		}
		text := func(items []checklist.Item) string {
			return checklist.NewCatalog([]checklist.Checklist{{Version: 1, Items: items}})["truck_driver.03"].Text
		}
		if report.Checklist != one.Id || shown.Version != 1 || !strings.Contains(text(shown.Items), "quota to meet") {
			t.Errorf("%s, version %d: %q", report.Checklist, shown.Version, text(shown.Items))
		}
		if text(newer) == text(shown.Items) || text(newer) == "" {
			t.Errorf("version 2 says %q too: this would not see a change", text(newer))
		}
	})
	t.Run("[CONTENT] an edit is never put aside without a word: newer versions of that key wait, others do not", func(t *testing.T) {
		r := rig.New(t)
		remove := func(key string, version int) {
			for _, locale := range checklist.Languages {
				if err := r.App.Delete(checklistRecord(t, r, key, version, locale)); err != nil {
					t.Fatal(err)
				}
			}
		}
		remove("hotel_front", 2)
		remove("hotel_house", 2)
		edited := checklistRecord(t, r, "hotel_front", 1, "en")
		edited.Set("title", "Our own front desk")
		if err := r.App.Save(edited); err != nil {
			t.Fatal(err)
		}

		held, err := r.S.Store.LoadChecklists(r.S.Shipped)
		want := []records.ChecklistName{{Key: "hotel_front", Version: 2, Locale: "en"}, {Key: "hotel_front", Version: 2, Locale: "es"}}
		if err != nil || !slices.Equal(held, want) {
			t.Fatalf("%v %v", held, err)
		}
		checklistRecord(t, r, "hotel_house", 2, "es")
		d, err := r.S.Store.DiffChecklists(r.S.Shipped)
		if err != nil || !slices.Equal(d.New, want) || fmt.Sprint(d.Edited) != "[{{hotel_front 1 en} [title]}]" {
			t.Fatalf("%+v %v", d, err)
		}

		made, replaced, err := r.S.Store.ApplyChecklists(r.S.Shipped, nil)
		if err != nil || !slices.Equal(made, want) || len(replaced) != 0 {
			t.Fatalf("%v %v %v", made, replaced, err)
		}
		if got := checklistRecord(t, r, "hotel_front", 1, "en").GetString("title"); got != "Our own front desk" {
			t.Errorf("the edit became %q", got)
		}
		made, replaced, err = r.S.Store.ApplyChecklists(r.S.Shipped, []string{"hotel_front"})
		if err != nil || len(made) != 0 || fmt.Sprint(replaced) != "[{hotel_front 1 en}]" {
			t.Fatalf("%v %v %v", made, replaced, err)
		}
		if d, err = r.S.Store.DiffChecklists(r.S.Shipped); err != nil || len(d.Edited)+len(d.New) != 0 {
			t.Errorf("%+v %v", d, err)
		}
	})
	t.Run("[CONTENT] words, a checklist that was hidden, and one of their own are told apart from what is shipped", func(t *testing.T) {
		r := rig.New(t)
		words, hidden := checklistRecord(t, r, "core", 2, "es"), checklistRecord(t, r, "core", 2, "en")
		var items []map[string]any
		if err := words.UnmarshalJSONField("items", &items); err != nil {
			t.Fatal(err)
		}
		items[0]["text"] = "Otras palabras"
		words.Set("items", items)
		hidden.Set("published", false)
		own := core.NewRecord(words.Collection())
		own.Load(map[string]any{"key": "our_yard", "version": 1, "locale": "en", "title": "Ours", "items": "[]", "published": true})
		for _, record := range []*core.Record{words, hidden, own} {
			if err := r.App.Save(record); err != nil {
				t.Fatal(err)
			}
		}
		d, err := r.S.Store.DiffChecklists(r.S.Shipped)
		if err != nil || fmt.Sprint(d) != "{[] [{{core 2 en} [published]} {{core 2 es} [items]}] [{our_yard 1 en}]}" {
			t.Errorf("%v %v", d, err)
		}
	})
}
