package records

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/search"

	"github.com/fieldpost/fieldpost/internal/journal"
)

// Journal reads the journal outside a transaction.
func (s *Store) Journal() *journal.Reader { return journal.NewReader(s.App.ConcurrentDB()) }

// View gives, of these ids of one collection, the records that the list API
// would show the person, as it would show them (PULL-1). The collection's
// list rule is the one truth; nothing else decides.
func (s *Store) View(personID, collection string, ids []string) (map[string]json.RawMessage, error) {
	c, err := s.App.FindCachedCollectionByNameOrId(collection)
	if err != nil {
		return nil, fmt.Errorf("view %s: %w", collection, err)
	}
	out := make(map[string]json.RawMessage, len(ids))
	if c.ListRule == nil || len(ids) == 0 {
		return out, nil
	}
	user, err := s.App.FindRecordById("users", personID)
	if err != nil {
		return nil, fmt.Errorf("view %s: %w", collection, err)
	}
	info := &core.RequestInfo{Context: core.RequestInfoContextDefault, Method: http.MethodGet, Auth: user,
		Query: map[string]string{}, Headers: map[string]string{}, Body: map[string]any{}}
	list, err := json.Marshal(ids)
	if err != nil {
		return nil, fmt.Errorf("view %s: %w", collection, err)
	}
	q := s.App.RecordQuery(c).AndWhere(dbx.NewExp("[["+c.Name+".id]] IN (SELECT value FROM json_each({:ids}))", dbx.Params{"ids": string(list)}))
	if *c.ListRule != "" {
		resolver := core.NewRecordFieldResolver(s.App, c, info, true)
		expr, err := search.FilterData(*c.ListRule).BuildExpr(resolver)
		if err != nil {
			return nil, fmt.Errorf("view %s: %w", collection, err)
		}
		q.AndWhere(expr)
		if err := resolver.UpdateQuery(q); err != nil {
			return nil, fmt.Errorf("view %s: %w", collection, err)
		}
	}
	if plan := s.planOf(c); plan != nil {
		return out, plan.read(q, out)
	}
	return out, s.viewSlow(c, user, q, out)
}

// viewSlow is the list API's own way: for auth collections, whose e-mails it
// hides, and wherever somebody's enrich hook has a say.
func (s *Store) viewSlow(c *core.Collection, user *core.Record, q *dbx.SelectQuery, out map[string]json.RawMessage) error {
	var found []*core.Record
	if err := q.All(&found); err != nil {
		return fmt.Errorf("view %s: %w", c.Name, err)
	}
	event := &core.RequestEvent{App: s.App, Auth: user}
	var err error
	if event.Request, err = http.NewRequest(http.MethodGet, "/api/collections/"+c.Name+"/records", nil); err != nil {
		return fmt.Errorf("view %s: %w", c.Name, err)
	}
	if err := apis.EnrichRecords(event, found); err != nil {
		return fmt.Errorf("view %s: %w", c.Name, err)
	}
	for _, r := range found {
		raw, err := json.Marshal(r)
		if err != nil {
			return fmt.Errorf("view %s %s: %w", c.Name, r.Id, err)
		}
		out[r.Id] = raw
	}
	return nil
}
