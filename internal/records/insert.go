package records

import (
	"fmt"
	"strings"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/fieldpost/fieldpost/internal/wire"
)

// insert creates a record within a push: the same completion, checks and
// journal as PocketBase's save runs through our hooks, and one statement that
// is prepared once for the transaction. PocketBase's save builds the SQL anew
// and walks its hooks for every record, which costs several times the row
// (decision 0009). A *Refusal means that nothing was written.
func (t *Tx) insert(w *Writer, record *core.Record) error {
	if err := t.store.PrepareCreate(t.app, record); err != nil {
		return err
	}
	c := record.Collection()
	st := t.inserts[c.Name]
	if st == nil {
		st = newInsert(t.app.NonconcurrentDB(), c)
		t.inserts[c.Name] = st
	}
	params := make(dbx.Params, len(st.fields))
	for i, f := range st.fields {
		if d, ok := f.(core.DriverValuer); ok {
			v, err := d.DriverValue(record)
			if err != nil {
				return fmt.Errorf("insert %s %s: %s: %w", c.Name, record.Id, f.GetName(), err)
			}
			params[st.params[i]] = v
		} else {
			params[st.params[i]] = record.GetRaw(f.GetName())
		}
	}
	if _, err := st.query.Bind(params).Execute(); err != nil {
		return fmt.Errorf("insert %s %s: %w", c.Name, record.Id, err)
	}
	record.MarkAsNotNew()
	return t.store.journalWith(t.app, w, wire.OpCreate, record, nil)
}

// insertion is the prepared statement of one collection.
type insertion struct {
	fields []core.Field
	params []string
	query  *dbx.Query
}

func newInsert(db dbx.Builder, c *core.Collection) *insertion {
	st := &insertion{}
	var columns, places []string
	for i, f := range c.Fields {
		st.fields = append(st.fields, f)
		p := fmt.Sprintf("p%d", i)
		st.params = append(st.params, p)
		columns = append(columns, "[["+f.GetName()+"]]")
		places = append(places, "{:"+p+"}")
	}
	st.query = db.NewQuery("INSERT INTO {{" + c.Name + "}} (" + strings.Join(columns, ",") + ") VALUES (" + strings.Join(places, ",") + ")").Prepare()
	return st
}

// Close frees the statements; before the transaction ends.
func (t *Tx) Close() error {
	for _, st := range t.inserts {
		if err := st.query.Close(); err != nil {
			return fmt.Errorf("close statement: %w", err)
		}
	}
	t.inserts = map[string]*insertion{}
	return t.Tx.Close()
}
