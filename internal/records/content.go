package records

import (
	"encoding/json"
	"fmt"

	"github.com/pocketbase/pocketbase/core"

	"github.com/fieldpost/fieldpost/internal/checklist"
)

// LoadChecklists makes a record for each shipped checklist version that has
// none. A version that is there is never changed: a submission shows for ever
// the words that the person saw.
func (s *Store) LoadChecklists(lists []checklist.Checklist) error {
	return s.App.RunInTransaction(func(app core.App) error {
		collection, err := app.FindCollectionByNameOrId("checklists")
		if err != nil {
			return fmt.Errorf("load checklists: %w", err)
		}
		for _, l := range lists {
			_, err := app.FindFirstRecordByFilter(collection, "key = {:key} && version = {:version} && locale = {:locale}",
				map[string]any{"key": l.Key, "version": l.Version, "locale": l.Locale})
			if err == nil {
				continue
			}
			items, err := json.Marshal(l.Items)
			if err != nil {
				return fmt.Errorf("load checklist %s: %w", l.Key, err)
			}
			r := core.NewRecord(collection)
			r.Set("key", l.Key)
			r.Set("version", l.Version)
			r.Set("locale", l.Locale)
			r.Set("title", l.Title)
			r.Set("items", string(items))
			r.Set("published", true)
			if err := app.Save(r); err != nil {
				return fmt.Errorf("load checklist %s: %w", l.Key, err)
			}
		}
		return nil
	})
}
