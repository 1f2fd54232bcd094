package records

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/security"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/hlc"
	"github.com/fieldpost/fieldpost/internal/journal"
	"github.com/fieldpost/fieldpost/internal/merge"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// Tx is one transaction of the exchange: records and journal together.
type Tx struct {
	*journal.Tx
	store *Store
	app   core.App
	cache map[string]*core.Record

	session *journal.Session // the journal's
	tables  map[string]*table
	row     []any // of the insert in hand
}

// Transact runs fn in one transaction, fsynced at its end. When fn fails
// nothing of it stands. After the commit whoever it mattered to is poked.
//
// What others hung on the commit (PocketBase's after-success hooks) may fail or
// panic: that is logged. The transaction stands then, and to report it as
// failed would have it done again.
func (s *Store) Transact(fn func(tx *Tx) error) (err error) {
	var touched map[string]bool
	committed := false
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
		if err != nil && committed {
			s.App.Logger().Error("after a commit", "error", err)
			err = nil
		}
	}()
	pool, ok := s.App.NonconcurrentDB().(*dbx.DB)
	if !ok {
		return errors.New("transact: inside a transaction")
	}
	s.statements.Ready(pool.DB())
	return s.App.RunInTransaction(func(app core.App) error {
		// The first to hear of the end, before anything that may break.
		app.TxInfo().OnComplete(func(txErr error) error {
			committed = txErr == nil
			if committed && s.Notify != nil && len(touched) > 0 {
				s.Notify(touched)
			}
			return nil
		})
		db := app.NonconcurrentDB()
		session := journal.NewSession(db, &s.statements).Beside()
		tx := &Tx{Tx: journal.BeginIn(db, session), store: s, app: app, cache: map[string]*core.Record{}, session: session, tables: map[string]*table{}}
		s.mutations.Store(app.TxInfo(), tx.Tx)
		defer s.mutations.Delete(app.TxInfo())
		err := fn(tx)
		touched = tx.Touched()
		return errors.Join(err, tx.Close())
	})
}

// Row is a record as the exchange holds it.
type Row struct {
	table  *table       // nil: the record has none
	stored []any        // of the table, as the columns hold it
	record *core.Record // without a table
	access.Values
}

// Find reads a record, nil when there is none.
func (t *Tx) Find(collection, id string) (*Row, error) {
	tb, err := t.table(collection)
	if err != nil {
		return nil, err
	}
	if tb != nil {
		return t.read(tb, id)
	}
	record, err := t.app.FindRecordById(collection, id)
	if absent(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("find %s %s: %w", collection, id, err)
	}
	return &Row{record: record, Values: Values(record)}, nil
}

// absent tells that a record is not there. Any other error says that the
// database can't tell just now: to take that for "not there" would refuse for
// ever what is only to be tried later.
func absent(err error) bool { return errors.Is(err, sql.ErrNoRows) }

// Normalise checks and normalises an op's fields by the collection's types;
// what the schema does not know comes back as extra.
func (t *Tx) Normalise(collection string, fields map[string]any, at hlc.Time) (values, extra map[string]any, r *Refusal) {
	c, err := t.app.FindCachedCollectionByNameOrId(collection)
	if err != nil {
		return nil, nil, refuse(wire.CodeUnknownCollection, "There is no collection of that name.")
	}
	row := access.Table[collection]
	known := func(f string) bool { _, ok := row.Fields[f]; return ok }
	return t.store.NormaliseFields(c, known, fields, at)
}

// Reference is another record that a record names.
type Reference struct{ Field, Collection, ID string }

// References lists the records that values name.
func (t *Tx) References(collection string, values map[string]any) ([]Reference, error) {
	tb, err := t.table(collection)
	if err != nil {
		return nil, err
	}
	if tb != nil {
		var out []Reference
		for _, r := range tb.references {
			if id, _ := values[r.Field].(string); id != "" {
				out = append(out, Reference{r.Field, r.Collection, id})
			}
		}
		return out, nil
	}
	c, err := t.app.FindCachedCollectionByNameOrId(collection)
	if err != nil {
		return nil, fmt.Errorf("find collection %s: %w", collection, err)
	}
	var out []Reference
	for _, f := range c.Fields {
		rel, ok := f.(*core.RelationField)
		if !ok {
			continue
		}
		id, _ := values[rel.Name].(string)
		if id == "" {
			continue
		}
		target, err := t.app.FindCachedCollectionByNameOrId(rel.CollectionId)
		if err != nil {
			return nil, fmt.Errorf("find collection of %s: %w", rel.Name, err)
		}
		out = append(out, Reference{rel.Name, target.Name, id})
	}
	return out, nil
}

// Exists tells whether a record stands; what one push names often is read once.
func (t *Tx) Exists(collection, id string) (bool, error) {
	key := collection + "/" + id
	if _, ok := t.cache[key]; ok {
		return true, nil
	}
	record, err := t.app.FindRecordById(collection, id)
	if absent(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("find %s %s: %w", collection, id, err)
	}
	t.cache[key] = record
	return true, nil
}

// Create saves a new record for a writer and gives the seq of the mutation's
// last entry so far. A *Refusal among the errors means that nothing was
// written.
func (t *Tx) Create(w *Writer, collection, id string, values map[string]any) (int64, error) {
	w.Journal, w.cache, w.tx = t.Tx, t.cache, t
	d := &draft{collection: collection, id: id, values: values}
	if err := t.store.complete(t.app, w, d); err != nil {
		return 0, err
	}
	if err := t.insert(w, thing{collection, id}, values); err != nil {
		return 0, err
	}
	t.forget(collection)
	return w.seq, nil
}

// forget drops what was read once, when something that many name changes.
func (t *Tx) forget(collection string) {
	if collection == "sites" || collection == "organizations" {
		clear(t.cache)
	}
}

// Update saves what push has merged, without PocketBase's own validation:
// Normalise has checked every type and the exchange every reference.
func (t *Tx) Update(w *Writer, row *Row, outcome *merge.Outcome) (int64, error) {
	fields := make(map[string]any, len(outcome.Changes))
	for f, c := range outcome.Changes {
		fields[f] = c.Value
	}
	w.Merged = outcome
	if err := t.change(w, row, fields); err != nil {
		return 0, err
	}
	t.forget(row.collection())
	return w.seq, nil
}

func (r *Row) collection() string {
	if r.table != nil {
		return r.table.collection.Name
	}
	return r.record.Collection().Name
}

// Delete deletes a record through PocketBase: what else names the record is its
// business, and there are few deletes.
func (t *Tx) Delete(w *Writer, row *Row) (int64, error) {
	collection, id := row.collection(), textOf(row.Values["id"])
	record, err := t.app.FindRecordById(collection, id)
	if err != nil {
		return 0, fmt.Errorf("find %s %s: %w", collection, id, err)
	}
	w.Journal, w.cache = t.Tx, t.cache
	Attach(record, w)
	if err := t.app.Delete(record); err != nil {
		return 0, fmt.Errorf("delete %s %s: %w", collection, id, err)
	}
	delete(t.cache, collection+"/"+id)
	return w.seq, nil
}

// setPlain sets a normalised value. A JSON field takes its text: PocketBase
// would parse a string value instead of keeping it.
func setPlain(record *core.Record, field string, value any) {
	if _, ok := record.Collection().Fields.GetByName(field).(*core.JSONField); ok {
		raw, err := json.Marshal(value)
		if err == nil {
			record.SetRaw(field, types.JSONRaw(raw))
		}
		return
	}
	record.Set(field, value)
}

// SystemSave makes a record of the server's own: conflicts and quarantine.
func (t *Tx) SystemSave(at int64, collection string, values map[string]any) (id string, seq int64, err error) {
	w := t.store.server(&Writer{At: at})
	id = strings.ToLower(security.RandomStringWithAlphabet(15, "abcdefghijklmnopqrstuvwxyz0123456789"))
	seq, err = t.Create(w, collection, id, values)
	return id, seq, err
}

// NewEpoch makes the id of a line of history.
func NewEpoch() string {
	return security.RandomStringWithAlphabet(20, "abcdefghijklmnopqrstuvwxyz0123456789")
}

// OrganizationFor tells whose a refused report would have been (PUSH-6).
func (t *Tx) OrganizationFor(p access.Person, site string) (string, error) {
	w := &Writer{Person: &p, cache: t.cache}
	if site != "" {
		o, err := t.store.organizationFor(t.app, w, site)
		var refused *Refusal
		if err == nil || !errors.As(err, &refused) {
			return o, err
		}
	}
	if p.Role == access.Staff || p.Role == access.Manager {
		for _, s := range p.Sites {
			r, err := t.store.find(t.app, w, "sites", s)
			if absent(err) {
				continue
			}
			if err != nil {
				return "", err
			}
			if served := r.GetString("served_by"); served != "" {
				return served, nil
			}
		}
	}
	return p.Organization, nil
}

// Contact notes a device's last contact (ms), outside the journal's chain: by
// the day for staff (JOURNAL-4).
func (t *Tx) Contact(d *Device, at int64) error {
	if d.Person.Role == access.Staff && t.store.Sealing == SealingPseudonyms {
		at = day(at)
	}
	if t.store.Seals(d.Person) {
		return t.store.contactSealed(t.app.NonconcurrentDB(), d.ID, day(at))
	}
	return journal.Contact(t.app.NonconcurrentDB(), d.ID, at)
}

// ContactOfDay notes no more than the day, of anybody.
func (t *Tx) ContactOfDay(d *Device, at int64) error { return t.Contact(d, day(at)) }
