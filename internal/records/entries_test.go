package records_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/pocketbase/pocketbase/core"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/checklist"
	"github.com/fieldpost/fieldpost/internal/records"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
)

func entryRecord(t *testing.T, r *rig.Rig, collection, key string) *core.Record {
	t.Helper()
	found, err := r.App.FindFirstRecordByData(collection, "key", key)
	if err != nil {
		t.Fatalf("%s/%s: %v", collection, key, err)
	}
	return found
}

func bodyOf(t *testing.T, record *core.Record) map[string]any {
	t.Helper()
	var body map[string]any
	if err := record.UnmarshalJSONField("body", &body); err != nil {
		t.Fatal(err)
	}
	return body
}

// told is a difference in one line.
func told(diff []records.EntryDiff) string {
	var lines []string
	for _, d := range diff {
		lines = append(lines, strings.TrimSpace(d.State+" "+d.String()+" "+strings.Join(d.Fields, ",")))
	}
	return strings.Join(lines, "; ")
}

// edit changes the body of an entry as somebody does in the dashboard.
func edit(t *testing.T, r *rig.Rig, collection, key string, change func(body map[string]any)) {
	t.Helper()
	record := entryRecord(t, r, collection, key)
	body := bodyOf(t, record)
	change(body)
	record.Set("body", body)
	if err := r.App.Save(record); err != nil {
		t.Fatal(err)
	}
}

// newer is what a later binary ships: one body says something else.
func newer(t *testing.T, r *rig.Rig, collection, key, member string, value any) []checklist.Entry {
	t.Helper()
	all := slices.Clone(r.S.Entries)
	for i, e := range all {
		if e.Collection == collection && e.Key == key {
			all[i].Body = maps.Clone(e.Body)
			all[i].Body[member] = value
			var err error
			if all[i].Mark, err = checklist.MarkOf(all[i].Body); err != nil {
				t.Fatal(err)
			}
			return all
		}
	}
	t.Fatalf("nobody ships %s/%s", collection, key)
	return nil
}

func TestLoadEntries(t *testing.T) {
	t.Run("[CONTENT] a first start loads hotlines, guidance and the pack, as they are shipped", func(t *testing.T) {
		r := rig.New(t)
		d, err := r.S.Store.DiffEntries(r.S.Entries)
		if err != nil || len(d) != 0 {
			t.Fatalf("%v %v", d, err)
		}
		for collection, least := range map[string]int64{"hotlines": 9, "guidance": 6, "venues": 21, "industries": 21, "routing_profiles": 8, "published_statistics": 2} {
			if n, err := r.App.CountRecords(collection); err != nil || n < least {
				t.Errorf("%s: %d %v", collection, n, err)
			}
		}
	})
	t.Run("[CONTENT] an edit made here survives an upgrade, and what nobody edited is brought up to date", func(t *testing.T) {
		r := rig.New(t)
		edit(t, r, "hotlines", "ncmec", func(body map[string]any) { body["name::en"] = "Our name for it" })
		if d, err := r.S.Store.DiffEntries(r.S.Entries); err != nil || told(d) != "edited hotlines/ncmec body" {
			t.Fatalf("%v %v", d, err)
		}
		next := newer(t, r, "hotlines", "ncmec", "name::en", "A newer name")
		for i, e := range newer(t, r, "guidance", "bias", "title::en", "A newer title") {
			if e.Key == "bias" {
				next[i] = e
			}
		}
		held, err := r.S.Store.LoadEntries(next)
		if err != nil || fmt.Sprint(held) != "[hotlines/ncmec]" {
			t.Fatalf("%v %v", held, err)
		}
		if got := bodyOf(t, entryRecord(t, r, "hotlines", "ncmec"))["name::en"]; got != "Our name for it" {
			t.Errorf("the edit became %q", got)
		}
		// The control: the same upgrade does reach what nobody edited.
		if got := bodyOf(t, entryRecord(t, r, "guidance", "bias"))["title::en"]; got != "A newer title" {
			t.Errorf("%q: nothing was upgraded", got)
		}
		if d, err := r.S.Store.DiffEntries(next); err != nil || told(d) != "held hotlines/ncmec body" {
			t.Fatalf("%v %v", d, err)
		}

		taken, err := r.S.Store.ApplyEntries(next, nil)
		if err != nil || len(taken) != 0 {
			t.Fatalf("%v %v", taken, err)
		}
		taken, err = r.S.Store.ApplyEntries(next, []records.EntryName{{Collection: "hotlines", Key: "ncmec"}})
		if err != nil || told(taken) != "held hotlines/ncmec body" {
			t.Fatalf("%v %v", taken, err)
		}
		if got := bodyOf(t, entryRecord(t, r, "hotlines", "ncmec"))["name::en"]; got != "A newer name" {
			t.Errorf("%q", got)
		}
		if d, err := r.S.Store.DiffEntries(next); err != nil || len(d) != 0 {
			t.Errorf("%v %v", d, err)
		}
	})
	t.Run("[CONTENT] what was taken off the screens here stays off, and what is theirs or not shipped any more is told apart", func(t *testing.T) {
		r := rig.New(t)
		hidden := entryRecord(t, r, "venues", "hotel")
		hidden.Set("published", false)
		own := core.NewRecord(entryRecord(t, r, "venues", "farm").Collection())
		own.Load(map[string]any{"key": "casino", "published": true, "body": map[string]any{"id": "casino", "name::en": "Casino", "name::es": "Casino"}})
		for _, record := range []*core.Record{hidden, own} {
			if err := r.App.Save(record); err != nil {
				t.Fatal(err)
			}
		}
		next := newer(t, r, "venues", "hotel", "name::en", "Hotel")
		next = slices.DeleteFunc(next, func(e checklist.Entry) bool { return e.Collection == "venues" && e.Key == "fair" })
		if held, err := r.S.Store.LoadEntries(next); err != nil || len(held) != 0 {
			t.Fatalf("%v %v", held, err)
		}
		after := entryRecord(t, r, "venues", "hotel")
		if after.GetBool("published") || bodyOf(t, after)["name::en"] != "Hotel" {
			t.Errorf("%v %v", after.GetBool("published"), bodyOf(t, after))
		}
		d, err := r.S.Store.DiffEntries(next)
		if err != nil || told(d) != "local venues/casino; retired venues/fair; edited venues/hotel published" {
			t.Errorf("%v %v", d, err)
		}
	})
	t.Run("[CONTENT] an edit that no card could be made of is refused", func(t *testing.T) {
		r := rig.New(t)
		for name, change := range map[string]func(*core.Record){
			"a number that is none": func(c *core.Record) {
				body := bodyOf(t, c)
				body["channels"].([]any)[0].(map[string]any)["value"] = "55"
				body["channels"].([]any)[0].(map[string]any)["kind"] = "call"
				c.Set("body", body)
			},
			"no channel":            func(c *core.Record) { body := bodyOf(t, c); body["channels"] = []any{}; c.Set("body", body) },
			"another line":          func(c *core.Record) { c.Set("key", "hsi") },
			"a member nobody knows": func(c *core.Record) { body := bodyOf(t, c); body["color"] = "red"; c.Set("body", body) },
			"no object":             func(c *core.Record) { c.Set("body", "[]") },
			"a day that is none":    func(c *core.Record) { c.Set("verified_on", "yesterday") },
		} {
			record := entryRecord(t, r, "hotlines", "ncmec")
			change(record)
			if err := r.App.Save(record); err == nil {
				t.Errorf("%s passed", name)
			}
		}
	})
}

func TestVerifyHotline(t *testing.T) {
	r := rig.New(t)
	ngo := r.Organization("Outreach")
	coordinator, worker := r.Enroll(access.Coordinator, ngo), r.Enroll(access.Worker, ngo)
	today := r.Clock.Now().UTC().Format("2006-01-02")
	person := func(d *rig.Device) *access.Person {
		u, err := r.App.FindRecordById("users", d.User.ID)
		if err != nil {
			t.Fatal(err)
		}
		p := records.PersonOf(u)
		return &p
	}
	t.Run("[CONTENT] [R16] who called a line says so, its card carries the day, and the audit has who and what", func(t *testing.T) {
		out, err := r.S.Store.VerifyHotline(person(coordinator), "", "ncmec")
		if err != nil || out.VerifiedOn != today {
			t.Fatalf("%v %v", out, err)
		}
		if got := entryRecord(t, r, "hotlines", "ncmec").GetString("verified_on"); got != today {
			t.Error(got)
		}
		entry, err := r.App.FindFirstRecordByFilter("audit", "act = 'settings' && collection = 'hotlines'")
		if err != nil || entry.GetString("actor") != coordinator.User.ID || entry.GetString("organization") != ngo || !strings.Contains(entry.GetString("detail"), `"line":"ncmec"`) {
			t.Fatalf("%v %v", entry, err)
		}
		// It is no edit: an upgrade still reaches the line.
		next := newer(t, r, "hotlines", "ncmec", "name::en", "A newer name")
		if held, err := r.S.Store.LoadEntries(next); err != nil || len(held) != 0 {
			t.Fatalf("%v %v", held, err)
		}
		after := entryRecord(t, r, "hotlines", "ncmec")
		if after.GetString("verified_on") != today || bodyOf(t, after)["name::en"] != "A newer name" {
			t.Errorf("%s %v", after.GetString("verified_on"), bodyOf(t, after)["name::en"])
		}
	})
	t.Run("[CONTENT] a line whose number changes is not verified any more, whether an upgrade or a person changed it", func(t *testing.T) {
		channels := func(number string) []any {
			return []any{map[string]any{"kind": "call", "value": number, "languages": []any{"en"}, "hours": ""}}
		}
		if _, err := r.S.Store.LoadEntries(newer(t, r, "hotlines", "ncmec", "channels", channels("1-800-843-5679"))); err != nil {
			t.Fatal(err)
		}
		if got := entryRecord(t, r, "hotlines", "ncmec").GetString("verified_on"); got != "" {
			t.Errorf("still verified on %s", got)
		}
		if _, err := r.S.Store.VerifyHotline(nil, "coordinator-ABCDE", "ncmec"); err != nil {
			t.Fatal(err)
		}
		edit(t, r, "hotlines", "ncmec", func(body map[string]any) { body["name::en"] = "Same number" })
		if got := entryRecord(t, r, "hotlines", "ncmec").GetString("verified_on"); got != today {
			t.Errorf("another name, and verified on %q", got)
		}
		edit(t, r, "hotlines", "ncmec", func(body map[string]any) { body["channels"] = channels("1-800-843-5670") })
		if got := entryRecord(t, r, "hotlines", "ncmec").GetString("verified_on"); got != "" {
			t.Errorf("still verified on %s", got)
		}
	})
	t.Run("[ACCESS] a worker verifies nothing, and nobody a line that is not there", func(t *testing.T) {
		if _, err := r.S.Store.VerifyHotline(person(worker), "", "ncmec"); err == nil {
			t.Error("a worker did")
		}
		if _, err := r.S.Store.VerifyHotline(person(coordinator), "", "nobody"); err == nil {
			t.Error("a line that is not there")
		}
		if got := entryRecord(t, r, "hotlines", "ncmec").GetString("verified_on"); got != "" {
			t.Error(got)
		}
	})
}
