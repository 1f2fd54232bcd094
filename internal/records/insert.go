package records

import (
	"errors"
	"fmt"
	"maps"

	"github.com/pocketbase/pocketbase/core"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// The compiled write path (decision 0009): completion and checks as through
// our hooks, one prepared statement for the row, the journal. PocketBase's save
// builds its SQL anew and walks its hooks for every record, which costs several
// times the row.

// table gives the compiled table of a collection, nil where there is none.
func (t *Tx) table(name string) (*table, error) {
	if kept, ok := t.tables[name]; ok {
		return kept, nil
	}
	c, err := t.app.FindCachedCollectionByNameOrId(name)
	if err != nil {
		return nil, fmt.Errorf("find collection %s: %w", name, err)
	}
	tb, err := t.store.tables.of(t.app, c)
	if err == nil {
		t.tables[name] = tb
	}
	return tb, err
}

// insert makes a new record whose values are complete and checked.
func (t *Tx) insert(w *Writer, it thing, values access.Values) error {
	tb, err := t.table(it.collection)
	if err != nil {
		return err
	}
	if tb == nil {
		c, err := t.app.FindCachedCollectionByNameOrId(it.collection)
		if err != nil {
			return fmt.Errorf("find collection %s: %w", it.collection, err)
		}
		record := recordOf(c, it.id, values)
		return t.slow(w, record)
	}
	if cap(t.row) < len(tb.columns) {
		t.row = make([]any, len(tb.columns)+32)
	}
	row := t.row[:len(tb.columns)]
	written, err := tb.row(it.id, values, row)
	if err != nil {
		return fmt.Errorf("insert %s %s: %w", it.collection, it.id, err)
	}
	if err := t.session.Later(nil, tb.insert, row...); err != nil {
		return fmt.Errorf("insert %s %s: %w", it.collection, it.id, err)
	}
	values["id"] = it.id
	return t.store.journalWith(t.app, w, wire.OpCreate, it, nil, values, written)
}

// slow saves a record through PocketBase and all its hooks, but for its
// validation.
func (t *Tx) slow(w *Writer, record *core.Record) error {
	Attach(record, w)
	if err := t.app.SaveNoValidate(record); err != nil {
		return fmt.Errorf("save %s %s: %w", record.Collection().Name, record.Id, err)
	}
	return nil
}

// read finds a record by the compiled table, nil when there is none.
func (t *Tx) read(tb *table, id string) (*Row, error) {
	r := &Row{table: tb, stored: make([]any, len(tb.columns)), Values: make(access.Values, len(tb.columns))}
	into := make([]any, len(r.stored))
	for i := range into {
		into[i] = &r.stored[i]
	}
	err := t.session.Row(tb.read, []any{id}, into...)
	if absent(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("find %s %s: %w", tb.collection.Name, id, err)
	}
	for i := range tb.columns {
		r.Values[tb.columns[i].name] = tb.columns[i].plain(r.stored[i])
	}
	return r, nil
}

// change writes new values of some fields of a record, after the checks that a
// change through our hooks meets.
func (t *Tx) change(w *Writer, row *Row, fields map[string]any) error {
	w.Journal, w.cache, w.standing = t.Tx, t.cache, row.Values
	if row.table == nil {
		for f, v := range fields {
			setPlain(row.record, f, v)
		}
		return t.slow(w, row.record)
	}
	name, id := row.table.collection.Name, textOf(row.Values["id"])
	now := maps.Clone(row.Values)
	maps.Copy(now, fields)
	if err := t.store.check(t.app, w, &draft{collection: name, values: now, before: row.Values}); err != nil {
		return err
	}
	if err := t.rewrite(row, id, fields); err != nil {
		return fmt.Errorf("update %s %s: %w", name, id, err)
	}
	return t.store.journalWith(t.app, w, wire.OpUpdate, thing{name, id}, row.Values, now, nil)
}

// rewrite writes the row: one column alone, or all of them, so that the texts
// of statements stay few.
func (t *Tx) rewrite(row *Row, id string, fields map[string]any) error {
	if len(fields) == 0 {
		return nil
	}
	tb := row.table
	stored := append([]any{}, row.stored...)
	one := -1
	for f, v := range fields {
		i, ok := tb.at[f]
		if !ok || f == "id" {
			return fmt.Errorf("%s is not a field", f)
		}
		var err error
		if stored[i], err = tb.columns[i].stored(v, true); err != nil {
			return err
		}
		one = i
	}
	text, args := tb.update, make([]any, 0, len(stored))
	if len(fields) == 1 {
		text, args = tb.columns[one].update, append(args, stored[one])
	} else {
		for i := range tb.columns {
			if tb.columns[i].name != "id" {
				args = append(args, stored[i])
			}
		}
	}
	res, err := t.session.Exec(text, append(args, id)...)
	if err != nil {
		return err
	}
	n, err := res.RowsAffected()
	if err == nil && n != 1 {
		err = errors.New("the row is not there")
	}
	return err
}
