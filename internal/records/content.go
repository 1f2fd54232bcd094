package records

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/pocketbase/pocketbase/core"

	"github.com/fieldpost/fieldpost/internal/checklist"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// ChecklistDiff is what sets the checklists of a database apart from those
// that the binary carries. Each list is sorted as checklist.Load sorts.
type ChecklistDiff struct {
	// New are shipped and not in the database.
	New []ChecklistName
	// Edited are in both, and say different things: somebody changed the record.
	Edited []EditedChecklist
	// Local are in the database alone.
	Local []ChecklistName
}

// ChecklistName names one version of a checklist in one language.
type ChecklistName struct {
	Key     string `json:"key"`
	Version int    `json:"version"`
	Locale  string `json:"locale"`
}

// EditedChecklist is a checklist that was changed here. Fields are those that
// differ, of title, items and published.
type EditedChecklist struct {
	ChecklistName
	Fields []string `json:"fields"`
}

func nameOf(l checklist.Checklist) ChecklistName { return ChecklistName{l.Key, l.Version, l.Locale} }

// LoadChecklists makes a record for each shipped checklist version that has
// none. A version that is there is never changed: a submission shows for ever
// the words that the person saw. Where somebody edited a checklist, the newer
// versions of its key wait for ApplyChecklists: a screen shows the newest, so
// loading it would put the edit aside without a word. held names them.
func (s *Store) LoadChecklists(lists []checklist.Checklist) (held []ChecklistName, err error) {
	missing, err := s.missing(lists)
	if err != nil || len(missing) == 0 {
		return nil, err
	}
	diff, err := s.DiffChecklists(lists)
	if err != nil {
		return nil, err
	}
	edited := map[string]bool{}
	for _, e := range diff.Edited {
		edited[e.Key] = true
	}
	take := lists[:0:0]
	for _, l := range missing {
		if edited[l.Key] {
			held = append(held, nameOf(l))
		} else {
			take = append(take, l)
		}
	}
	return held, s.App.RunInTransaction(func(app core.App) error {
		for _, l := range take {
			if err := saveChecklist(app, nil, l); err != nil {
				return err
			}
		}
		return nil
	})
}

// missing gives those that no record is of, without reading what the records
// say: it runs at every start of every command.
func (s *Store) missing(lists []checklist.Checklist) ([]checklist.Checklist, error) {
	var rows []struct {
		Key     string `db:"key"`
		Version int    `db:"version"`
		Locale  string `db:"locale"`
	}
	if err := s.App.DB().Select("key", "version", "locale").From("checklists").All(&rows); err != nil {
		return nil, fmt.Errorf("load checklists: %w", err)
	}
	there := map[ChecklistName]bool{}
	for _, r := range rows {
		there[ChecklistName(r)] = true
	}
	var missing []checklist.Checklist
	for _, l := range lists {
		if !there[nameOf(l)] {
			missing = append(missing, l)
		}
	}
	return missing, nil
}

// DiffChecklists compares what is shipped with what the database holds.
func (s *Store) DiffChecklists(lists []checklist.Checklist) (ChecklistDiff, error) {
	return diffChecklists(s.App, lists)
}

func diffChecklists(app core.App, lists []checklist.Checklist) (ChecklistDiff, error) {
	var d ChecklistDiff
	records, err := checklistRecords(app)
	if err != nil {
		return d, err
	}
	shipped := map[ChecklistName]bool{}
	for _, l := range lists {
		name := nameOf(l)
		shipped[name] = true
		r := records[name]
		if r == nil {
			d.New = append(d.New, name)
			continue
		}
		fields, err := editedFields(r, l)
		if err != nil {
			return d, err
		}
		if len(fields) > 0 {
			d.Edited = append(d.Edited, EditedChecklist{name, fields})
		}
	}
	for name := range records {
		if !shipped[name] {
			d.Local = append(d.Local, name)
		}
	}
	slices.SortFunc(d.Local, func(a, b ChecklistName) int {
		return cmp.Or(cmp.Compare(a.Key, b.Key), cmp.Compare(a.Version, b.Version), cmp.Compare(a.Locale, b.Locale))
	})
	return d, nil
}

func checklistRecords(app core.App) (map[ChecklistName]*core.Record, error) {
	found, err := app.FindAllRecords("checklists")
	if err != nil {
		return nil, fmt.Errorf("find checklists: %w", err)
	}
	records := map[ChecklistName]*core.Record{}
	for _, r := range found {
		records[ChecklistName{r.GetString("key"), r.GetInt("version"), r.GetString("locale")}] = r
	}
	return records, nil
}

func editedFields(r *core.Record, l checklist.Checklist) ([]string, error) {
	var fields []string
	if r.GetString("title") != l.Title {
		fields = append(fields, "title")
	}
	data, err := json.Marshal(l.Items)
	if err != nil {
		return nil, fmt.Errorf("checklist %s: %w", l.Key, err)
	}
	var shipped, stored any
	if err := json.Unmarshal(data, &shipped); err != nil {
		return nil, fmt.Errorf("checklist %s: %w", l.Key, err)
	}
	if err := r.UnmarshalJSONField("items", &stored); err != nil {
		return nil, fmt.Errorf("read checklist %s: %w", r.Id, err)
	}
	if !wire.EqualJSON(shipped, stored) {
		fields = append(fields, "items")
	}
	if !r.GetBool("published") {
		fields = append(fields, "published")
	}
	return fields, nil
}

// ApplyChecklists takes what is new, also of keys that were edited, and puts
// the shipped words back over the edits of the keys in replace, in one
// transaction. It tells what it made and what it replaced.
func (s *Store) ApplyChecklists(lists []checklist.Checklist, replace []string) (made, replaced []ChecklistName, err error) {
	err = s.App.RunInTransaction(func(app core.App) error {
		d, err := diffChecklists(app, lists)
		if err != nil {
			return err
		}
		records, err := checklistRecords(app)
		if err != nil {
			return err
		}
		for _, l := range lists {
			name := nameOf(l)
			switch {
			case slices.Contains(d.New, name):
				made = append(made, name)
			case slices.Contains(replace, l.Key) && slices.ContainsFunc(d.Edited, func(e EditedChecklist) bool { return e.ChecklistName == name }):
				replaced = append(replaced, name)
			default:
				continue
			}
			if err := saveChecklist(app, records[name], l); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	return made, replaced, nil
}

// saveChecklist writes a checklist into a record, a new one if it is nil.
func saveChecklist(app core.App, r *core.Record, l checklist.Checklist) error {
	if r == nil {
		collection, err := app.FindCollectionByNameOrId("checklists")
		if err != nil {
			return fmt.Errorf("load checklist %s: %w", l.Key, err)
		}
		r = core.NewRecord(collection)
	}
	items, err := json.Marshal(l.Items)
	if err != nil {
		return fmt.Errorf("load checklist %s: %w", l.Key, err)
	}
	r.Set("key", l.Key)
	r.Set("version", l.Version)
	r.Set("locale", l.Locale)
	r.Set("title", l.Title)
	r.Set("items", string(items))
	r.Set("published", true)
	if err := app.Save(r); err != nil {
		return fmt.Errorf("load checklist %s version %d (%s): %w", l.Key, l.Version, l.Locale, err)
	}
	return nil
}

// checkChecklist holds a version that a report names to the words that its
// author saw, whoever would change them. It may be taken off the screens.
func checkChecklist(app core.App, r *core.Record) error {
	before, now := Values(r.Original()), Values(r)
	var changed []string
	for _, f := range []string{"key", "version", "locale", "title", "items"} {
		if !wire.EqualJSON(before[f], now[f]) {
			changed = append(changed, f)
		}
	}
	if len(changed) == 0 {
		return nil
	}
	var filled bool
	err := app.DB().NewQuery("SELECT EXISTS (SELECT 1 FROM {{submissions}} WHERE [[checklist]]={:id})").Bind(map[string]any{"id": r.Id}).Row(&filled)
	if err != nil {
		return fmt.Errorf("look for reports under checklist %s: %w", r.Id, err)
	}
	if filled {
		return invalid("%s: a report was filled under this version, so it never changes. Publish the next one.", changed[0])
	}
	return nil
}
