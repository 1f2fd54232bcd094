package records

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/search"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/journal"
)

// Journal reads the journal outside a transaction.
func (s *Store) Journal() *journal.Reader { return journal.NewReader(s.App.ConcurrentDB()) }

// Sight is what one person may see at one moment: all that is read through it
// comes from one snapshot of the database, whatever is written meanwhile.
type Sight struct {
	store  *Store
	db     *dbx.Tx
	info   *core.RequestInfo
	person access.Person
	device *Device
}

// looks bounds how many look at one time. A hundred boards that a poke has woken
// gain nothing by reading side by side on two processors; each would open a
// connection of its own, which costs as much as what it reads.
var looks = make(chan struct{}, max(4, 2*runtime.GOMAXPROCS(0)))

// Look runs do over a read transaction as the person sees it. Writers do not
// wait for it, nor it for them. do reads through the Sight alone: a second
// connection, taken while one is held, could be waited for without end.
func (s *Store) Look(personID string, do func(*Sight) error) error {
	return s.look(func(v *Sight, users *core.Collection) error {
		found, err := v.records(users, v.rows(users).AndWhere(dbx.HashExp{"id": personID}))
		if err == nil && len(found) == 0 {
			err = sql.ErrNoRows
		}
		if err != nil {
			return fmt.Errorf("look: user %s: %w", personID, err)
		}
		v.by(found[0])
		return do(v)
	})
}

// LookFrom is Look for the person of a device. Of a device that is not there
// the Sight has neither.
func (s *Store) LookFrom(device string, do func(*Sight) error) error {
	return s.look(func(v *Sight, users *core.Collection) error {
		d, user, err := findDevice(v.db, users, device)
		if err != nil {
			return fmt.Errorf("look: %w", err)
		}
		if d != nil {
			v.device = d
			v.by(user)
		}
		return do(v)
	})
}

func (s *Store) look(do func(*Sight, *core.Collection) error) (err error) {
	pool, ok := s.App.ConcurrentDB().(*dbx.DB)
	if !ok {
		return errors.New("look: inside a transaction")
	}
	if err := s.TurnOperations(); err != nil {
		return err
	}
	looks <- struct{}{}
	defer func() { <-looks }()
	users, err := s.App.FindCachedCollectionByNameOrId("users")
	if err != nil {
		return fmt.Errorf("look: %w", err)
	}
	tx, err := pool.BeginTx(context.Background(), &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return fmt.Errorf("look: %w", err)
	}
	defer func() {
		if end := tx.Rollback(); end != nil && err == nil { // nothing was written
			err = fmt.Errorf("look: %w", end)
		}
	}()
	return do(&Sight{store: s, db: tx}, users)
}

// by sets who looks.
func (v *Sight) by(user *core.Record) {
	v.person = PersonOf(user)
	v.info = &core.RequestInfo{Context: core.RequestInfoContextDefault, Method: http.MethodGet, Auth: user,
		Query: map[string]string{}, Headers: map[string]string{}, Body: map[string]any{}}
}

// Device is the device that looks, as it is in this snapshot; nil: there is
// none, or the look is not from one.
func (v *Sight) Device() *Device { return v.device }

// Person is who looks, as they are in this snapshot.
func (v *Sight) Person() access.Person { return v.person }

// Journal reads the journal of this snapshot.
func (v *Sight) Journal() *journal.Reader { return journal.NewReader(v.db) }

// Bodies gives, of these ids of one collection, the records that the list API
// would show the person, as it would show them (PULL-1). The collection's
// list rule is the one truth; nothing else decides. Where it is the access
// table's, as it always should be, it is asked in Go, which it says the same in
// (internal/access): PocketBase would build and resolve its text each time.
//
// versions has the version of each id in this snapshot. What was read lately at
// the same version is not read again, whoever it was for; 0 is always read.
func (v *Sight) Bodies(collection string, versions map[string]int64) (map[string]json.RawMessage, error) {
	out := make(map[string]json.RawMessage, len(versions))
	if len(versions) == 0 {
		return out, nil
	}
	c, err := v.store.App.FindCachedCollectionByNameOrId(collection)
	if err != nil {
		return nil, fmt.Errorf("view %s: %w", collection, err)
	}
	p := v.store.planOf(c)
	if p != nil && p.rule != nil {
		return out, v.byRule(p, versions, out)
	}
	c, q, err := v.visible(collection)
	if err != nil || q == nil {
		return out, err
	}
	list, err := json.Marshal(slices.Collect(maps.Keys(versions)))
	if err != nil {
		return nil, fmt.Errorf("view %s: %w", collection, err)
	}
	q.AndWhere(dbx.NewExp("[["+c.Name+".id]] IN (SELECT value FROM json_each({:ids}))", dbx.Params{"ids": string(list)}))
	if p == nil {
		return out, v.slow(c, q, out)
	}
	rows, err := q.Rows()
	if err != nil {
		return nil, fmt.Errorf("view %s: %w", collection, err)
	}
	return out, p.read(rows.Rows, func(id string, _ []any, body json.RawMessage) { out[id] = body })
}

// byRule is Bodies by a plan's rule.
func (v *Sight) byRule(p *plan, versions map[string]int64, out map[string]json.RawMessage) error {
	var missing []string
	for id, version := range versions {
		switch r, ok := p.kept.of(id, version); {
		case !ok:
			missing = append(missing, id)
		case p.rule.Holds(v.person, r.asked):
			out[id] = r.body
		}
	}
	if len(missing) == 0 {
		return nil
	}
	list, err := json.Marshal(missing)
	if err != nil {
		return fmt.Errorf("view %s: %w", p.of.Name, err)
	}
	rows, err := journal.Below(v.db).Query(p.byIDs, string(list))
	if err != nil {
		return fmt.Errorf("view %s: %w", p.of.Name, err)
	}
	return p.read(rows, func(id string, values []any, body json.RawMessage) {
		r := row{version: versions[id], asked: p.asked(values), body: body}
		p.kept.put(id, r)
		if p.rule.Holds(v.person, r.asked) {
			out[id] = body
		}
	})
}

// Versions gives id and version of all records of a collection that the list
// API would show the person, at a price that goes with how many these are. A
// row that the journal does not know has the version 0.
func (v *Sight) Versions(collection string) (map[string]int64, error) {
	c, q, err := v.visible(collection)
	if err != nil || q == nil {
		return nil, err
	}
	near, bounded := access.Narrow(access.Table[collection].List, v.Person())
	if bounded {
		if len(near) == 0 {
			return nil, nil
		}
		var any []dbx.Expression
		for _, pair := range near {
			any = append(any, dbx.HashExp{c.Name + "." + pair.Field: pair.Value})
		}
		q.AndWhere(dbx.Or(any...))
	}
	rows, err := q.Select("[["+c.Name+".id]]", "COALESCE([[k.version]], 0)").
		LeftJoin("journal_clock k", dbx.NewExp("[[k.collection]] = {:of} AND [[k.record]] = [["+c.Name+".id]]", dbx.Params{"of": c.Name})).Rows()
	if err != nil {
		return nil, fmt.Errorf("view %s: %w", collection, err)
	}
	defer rows.Close()
	out := map[string]int64{}
	for rows.Next() {
		var id string
		var version int64
		if err := rows.Scan(&id, &version); err != nil {
			return nil, fmt.Errorf("view %s: %w", collection, err)
		}
		out[id] = version
	}
	return out, rows.Err()
}

// Filled names the collections that have any rows, whoever may see them. Asking
// the rules of an empty one costs as much as asking those of a small one.
func (v *Sight) Filled() ([]string, error) {
	var names []string
	if err := v.db.NewQuery(anyRows()).Column(&names); err != nil {
		return nil, fmt.Errorf("view: %w", err)
	}
	return names, nil
}

var anyRows = sync.OnceValue(func() string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(access.Table)) {
		all = append(all, "SELECT '"+name+"' WHERE EXISTS (SELECT 1 FROM {{"+name+"}})")
	}
	return strings.Join(all, " UNION ALL ")
})

// visible is a query for what the list rule shows; nil: nothing to anybody.
func (v *Sight) visible(collection string) (*core.Collection, *dbx.SelectQuery, error) {
	c, err := v.store.App.FindCachedCollectionByNameOrId(collection)
	if err != nil {
		return nil, nil, fmt.Errorf("view %s: %w", collection, err)
	}
	if c.ListRule == nil {
		return c, nil, nil
	}
	q := v.rows(c)
	if *c.ListRule != "" {
		resolver := core.NewRecordFieldResolver(v.store.App, c, v.info, true)
		expr, err := search.FilterData(*c.ListRule).BuildExpr(resolver)
		if err != nil {
			return nil, nil, fmt.Errorf("view %s: %w", collection, err)
		}
		q.AndWhere(expr)
		if err := resolver.UpdateQuery(q); err != nil {
			return nil, nil, fmt.Errorf("view %s: %w", collection, err)
		}
	}
	return c, q, nil
}

func (v *Sight) rows(c *core.Collection) *dbx.SelectQuery {
	return v.db.Select(v.db.QuoteSimpleColumnName(c.Name) + ".*").From(c.Name)
}

// records reads whole records. PocketBase's own queries would go to another
// connection, and so to another moment.
func (v *Sight) records(c *core.Collection, q *dbx.SelectQuery) ([]*core.Record, error) {
	var rows []dbx.NullStringMap
	if err := q.All(&rows); err != nil {
		return nil, err
	}
	out := make([]*core.Record, 0, len(rows))
	for _, row := range rows {
		r, err := recordFrom(c, row)
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, nil
}

// recordFrom makes a record of a row of its table.
func recordFrom(c *core.Collection, row dbx.NullStringMap) (*core.Record, error) {
	r := core.NewRecord(c)
	for _, f := range c.Fields {
		var raw any
		if text := row[f.GetName()]; text.Valid {
			raw = text.String
		}
		value, err := f.PrepareValue(r, raw)
		if err != nil {
			return nil, err
		}
		r.SetRaw(f.GetName(), value)
	}
	r.MarkAsNotNew()
	return r, nil
}

// slow is the list API's own way: for auth collections, whose e-mails it
// hides, and wherever somebody's enrich hook has a say.
func (v *Sight) slow(c *core.Collection, q *dbx.SelectQuery, out map[string]json.RawMessage) error {
	found, err := v.records(c, q)
	if err != nil {
		return fmt.Errorf("view %s: %w", c.Name, err)
	}
	event := &core.RequestEvent{App: v.store.App, Auth: v.info.Auth}
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
