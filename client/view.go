package client

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"slices"
	"time"

	"github.com/fieldpost/fieldpost/internal/wire"
)

// Record is a record as the person sees it: what was pulled, with own changes
// that the view does not hold yet laid over it (PULL-5).
type Record struct {
	Collection string
	ID         string
	Seq        int64          // the confirmed version; 0 when the record is only here
	Fields     map[string]any // decoded JSON; own ones not yet pulled lack what the server sets
	State      State          // of what this device created; empty for what came from others
	N          int64          // the newest own mutation laid over it; 0: none
}

// Text gives a field as text, "" when it is none.
func (r Record) Text(field string) string {
	s, _ := r.Fields[field].(string)
	return s
}

// Time gives a field as a time, zero when it is none.
func (r Record) Time(field string) time.Time {
	t, _ := ParseTime(r.Text(field))
	return t
}

// ParseTime reads the two forms of time that records and mutations hold: RFC
// 3339, and PocketBase's with a space.
func ParseTime(text string) (time.Time, error) {
	if t, err := time.Parse("2006-01-02 15:04:05.999999999Z07:00", text); err == nil {
		return t, nil
	}
	return time.Parse(time.RFC3339Nano, text)
}

// Records gives a collection's records, by id. Own reports that the server
// refused are among them and need attention; refused changes of other records
// are not laid over them.
func (d *Device) Records(collection string) ([]Record, error) {
	var all []Record
	ctx := context.Background()
	err := d.store.read(ctx, "read view", func(tx *sql.Tx, st *state) error {
		v, err := loadView(ctx, tx, st, scope{collection: collection})
		if err != nil {
			return err
		}
		for _, r := range v {
			all = append(all, *r)
		}
		slices.SortFunc(all, func(a, b Record) int { return cmp.Compare(a.ID, b.ID) })
		return nil
	})
	return all, err
}

// Record gives one record of the view; false when there is none.
func (d *Device) Record(collection, id string) (Record, bool, error) {
	var found *Record
	ctx := context.Background()
	err := d.store.read(ctx, "read view", func(tx *sql.Tx, st *state) error {
		v, err := loadView(ctx, tx, st, scope{collection, id})
		found = v[id]
		return err
	})
	if err != nil || found == nil {
		return Record{}, false, err
	}
	return *found, true, nil
}

// Collections names the collections that the view holds records of.
func (d *Device) Collections() ([]string, error) {
	var all []string
	ctx := context.Background()
	err := d.store.read(ctx, "read view", func(tx *sql.Tx, _ *state) (err error) {
		all, err = column[string](ctx, tx, "SELECT collection FROM records UNION SELECT collection FROM touched ORDER BY 1")
		return err
	})
	return all, err
}

// Confirmed gives a collection as the server last showed it, without own
// changes, as id and version. A record that is there only for a waiting change
// of its own (PULL-4) is among them; a check (PULL-8) leaves it out.
func (d *Device) Confirmed(collection string) (map[string]int64, error) {
	all, err := d.confirmed(" WHERE collection = ?", collection)
	if err == nil && all[collection] == nil {
		return map[string]int64{}, nil
	}
	return all[collection], err
}

// AllConfirmed is Confirmed of every collection that holds such records, all of
// them at one moment.
func (d *Device) AllConfirmed() (map[string]map[string]int64, error) { return d.confirmed("") }

func (d *Device) confirmed(where string, args ...any) (map[string]map[string]int64, error) {
	all := map[string]map[string]int64{}
	ctx := context.Background()
	err := d.store.read(ctx, "read view", func(tx *sql.Tx, _ *state) error {
		rows, err := tx.QueryContext(ctx, "SELECT collection, id, seq FROM records"+where, args...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var collection, id string
			var seq int64
			if err := rows.Scan(&collection, &id, &seq); err != nil {
				return err
			}
			if all[collection] == nil {
				all[collection] = map[string]int64{}
			}
			all[collection][id] = seq
		}
		return rows.Err()
	})
	return all, err
}

// scope is a collection or, with an id, one record of it.
type scope struct{ collection, id string }

// where is the condition on columns collection and id, with its arguments.
func (s scope) where() (string, []any) {
	if s.id == "" {
		return "collection = ?", []any{s.collection}
	}
	return "collection = ? AND id = ?", []any{s.collection, s.id}
}

func loadView(ctx context.Context, tx *sql.Tx, st *state, in scope) (map[string]*Record, error) {
	view, err := loadConfirmed(ctx, tx, in)
	if err != nil {
		return nil, err
	}
	if err := markOwn(ctx, tx, in, view); err != nil {
		return nil, err
	}
	return view, layOver(ctx, tx, st, in, view)
}

func loadConfirmed(ctx context.Context, tx *sql.Tx, in scope) (map[string]*Record, error) {
	where, args := in.where()
	rows, err := tx.QueryContext(ctx, "SELECT id, seq, record FROM records WHERE "+where, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	view := map[string]*Record{}
	for rows.Next() {
		r := &Record{Collection: in.collection}
		var raw []byte
		if err := rows.Scan(&r.ID, &r.Seq, &raw); err != nil {
			return nil, err
		}
		if err := json.Unmarshal(raw, &r.Fields); err != nil {
			return nil, damaged(err)
		}
		view[r.ID] = r
	}
	return view, rows.Err()
}

// markOwn gives records that this device made the word for where they stand.
func markOwn(ctx context.Context, tx *sql.Tx, in scope, view map[string]*Record) error {
	where, args := in.where()
	rows, err := tx.QueryContext(ctx, `SELECT t.id, o.state, s.id IS NOT NULL
		FROM (SELECT pos, id FROM touched WHERE kind = 'create' AND `+where+`) t JOIN outbox o ON o.pos = t.pos
		LEFT JOIN seen s ON s.id = t.id`, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var id string
		var phase Phase
		var seen bool
		if err := rows.Scan(&id, &phase, &seen); err != nil {
			return err
		}
		if r := view[id]; r != nil {
			r.State = phase.state(seen)
		}
	}
	return rows.Err()
}

// layOver applies own changes in their order: those that wait, and those that
// are acknowledged but came after the last pull. Reports of staff are never
// pulled; their device shows them from here (access table: own vault).
func layOver(ctx context.Context, tx *sql.Tx, st *state, in scope, view map[string]*Record) error {
	where, args := in.where()
	vault := st.person.Role == "staff"
	rows, err := tx.QueryContext(ctx, `SELECT n, body, state, ack,
		EXISTS (SELECT 1 FROM touched t JOIN seen s ON s.id = t.id WHERE t.pos = outbox.pos AND t.kind = 'create')
		FROM outbox WHERE body IS NOT NULL AND state <> 'corrected'
		AND pos IN (SELECT pos FROM touched WHERE `+where+`) ORDER BY pos`, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var n, ack int64
		var stored []byte
		var phase Phase
		var seen bool
		if err := rows.Scan(&n, &stored, &phase, &ack, &seen); err != nil {
			return err
		}
		ahead := phase == Waiting || phase == Acknowledged && ack > st.pulledAcks
		if !ahead && phase != Parked && !vault {
			continue
		}
		var b body
		if err := json.Unmarshal(stored, &b); err != nil {
			return damaged(err)
		}
		for _, op := range b.Ops {
			// Sent as it was made, shown as this schema has it.
			if now, _, problem := wire.Upgrade(op, int64(b.Schema)); problem == nil {
				op = now
			}
			if op.Collection == in.collection && (in.id == "" || in.id == op.ID) && (ahead || op.Op == wire.OpCreate) {
				layOp(view, op, n, phase.state(seen))
			}
		}
	}
	return rows.Err()
}

func layOp(view map[string]*Record, op Op, n int64, word State) {
	r := view[op.ID]
	switch op.Op {
	case wire.OpCreate:
		if r != nil { // the server's copy knows more
			return
		}
		fields := map[string]any{"id": op.ID}
		for k, v := range op.Fields {
			fields[k] = v
		}
		view[op.ID] = &Record{Collection: op.Collection, ID: op.ID, Fields: fields, State: word, N: n}
	case wire.OpUpdate:
		if r == nil { // it is not in the view any more; the change stays in the outbox
			return
		}
		for k, v := range op.Fields {
			r.Fields[k] = updated(r.Fields[k], v)
		}
		r.N = n
	case wire.OpDelete:
		delete(view, op.ID)
	}
}

// updated is a field's value after an update: of a set, the list with elements
// added and removed.
func updated(old, change any) any {
	list, isList := old.([]any)
	set, isSet := change.(map[string]any)
	if !isList || !isSet {
		return change
	}
	for k := range set {
		if k != "add" && k != "remove" {
			return change
		}
	}
	add, _ := set["add"].([]any)
	remove, _ := set["remove"].([]any)
	has := func(list []any, v any) bool {
		return slices.ContainsFunc(list, func(e any) bool { return wire.EqualJSON(e, v) })
	}
	var out []any
	for _, v := range list {
		if !has(remove, v) {
			out = append(out, v)
		}
	}
	for _, v := range add {
		if !has(out, v) {
			out = append(out, v)
		}
	}
	return out
}
