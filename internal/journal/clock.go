package journal

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/pocketbase/dbx"

	"github.com/fieldpost/fieldpost/internal/merge"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// ErrIDSpent tells that an entry would give an id a second life: a create of an
// id that the journal knows, or a change after its delete (MERGE-5). Nothing
// was written.
var ErrIDSpent = errors.New("the id has lived already")

var errCreateSpent = fmt.Errorf("create: %w", ErrIDSpent)

// RecordClock is version and clocks of one record. Default stands for every
// field that has no clock of its own: what the create gave.
type RecordClock struct {
	Version int64
	Created int64
	Gone    bool
	Default merge.Clock
	Fields  map[string]merge.Clock
}

// Of gives the clock of a field.
func (c *RecordClock) Of(field string) merge.Clock {
	if f, ok := c.Fields[field]; ok {
		return f
	}
	return c.Default
}

// clockBlob is how the clocks of a record are kept: most records are never
// changed after their create, so one clock serves all fields.
type clockBlob struct {
	Default merge.Clock            `json:"d"`
	Fields  map[string]merge.Clock `json:"f,omitempty"`
}

// text is the blob as JSON. That of nearly every create is written by hand: its
// texts are digits and pseudonyms.
func (b *clockBlob) text() (string, error) {
	d := &b.Default
	if len(b.Fields) > 0 || len(d.Lost) > 0 || len(d.Elements) > 0 || d.Stored == "" || !plain(d.Stored) {
		raw, err := json.Marshal(b)
		return string(raw), err
	}
	out := make([]byte, 0, 128)
	out = strconv.AppendInt(append(out, `{"d":{"s":`...), d.Seq, 10)
	out = strconv.AppendInt(append(out, `,"e":{"ms":`...), d.Eff.Ms, 10)
	out = strconv.AppendInt(append(out, `,"c":`...), int64(d.Eff.Counter), 10)
	out = append(append(append(out, `},"w":"`...), d.Stored...), `"}}`...)
	return string(out), nil
}

// plain tells whether a text stands in JSON as it is.
func plain(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c != '-' && (c < '0' || c > '9') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return true
}

// Clock reads a record's clock, nil when the id was never seen.
func (r *Reader) Clock(collection, record string) (*RecordClock, error) {
	c := &RecordClock{}
	var gone int
	var blob string
	err := r.row(`SELECT version, created, gone, clocks FROM journal_clock WHERE collection=? AND record=?`,
		[]any{collection, record}, &c.Version, &c.Created, &gone, &blob)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("journal clock %s %s: %w", collection, record, err)
	}
	var b clockBlob
	if err := json.Unmarshal([]byte(blob), &b); err != nil {
		return nil, fmt.Errorf("journal clock %s %s: %w", collection, record, err)
	}
	c.Gone, c.Default, c.Fields = gone == 1, b.Default, b.Fields
	return c, nil
}

// Versions gives the versions of records of one collection.
func (r *Reader) Versions(collection string, ids []string) (map[string]int64, error) {
	out := make(map[string]int64, len(ids))
	if len(ids) == 0 {
		return out, nil
	}
	list, err := json.Marshal(ids)
	if err != nil {
		return nil, err
	}
	rows, err := r.db.NewQuery(`SELECT record, version FROM journal_clock
		WHERE collection={:col} AND record IN (SELECT value FROM json_each({:ids}))`).
		Bind(dbx.Params{"col": collection, "ids": string(list)}).Rows()
	if err != nil {
		return nil, fmt.Errorf("journal versions %s: %w", collection, err)
	}
	defer rows.Close()
	for rows.Next() {
		var id string
		var v int64
		if err := rows.Scan(&id, &v); err != nil {
			return nil, fmt.Errorf("journal versions %s: %w", collection, err)
		}
		out[id] = v
	}
	return out, rows.Err()
}

func (t *Tx) appendClock(e Entry, seq int64) error {
	switch e.Op {
	case wire.OpCreate:
		return t.createClock(e, seq)
	case wire.OpUpdate, wire.OpDelete:
	default:
		return fmt.Errorf("journal clock %s %s: unknown op %q", e.Collection, e.Record, e.Op)
	}
	c, err := t.Clock(e.Collection, e.Record)
	if err != nil {
		return err
	}
	if c == nil {
		// A record from before the journal: its history begins here.
		c = &RecordClock{Created: seq}
	}
	if c.Gone {
		return fmt.Errorf("journal clock %s %s: %s: %w", e.Collection, e.Record, e.Op, ErrIDSpent)
	}
	b := clockBlob{c.Default, c.Fields}
	if b.Fields == nil {
		b.Fields = map[string]merge.Clock{}
	}
	for f, clock := range e.Clocks {
		if _, changed := e.Fields[f]; changed {
			clock.Seq = seq
		}
		b.Fields[f] = clock
	}
	gone := 0
	if e.Op == wire.OpDelete {
		gone = 1
	}
	return t.putClock(e.Collection, e.Record, seq, c.Created, gone, b)
}

// createClock writes the first clock of an id; a clock that is there already
// tells that the id has lived.
func (t *Tx) createClock(e Entry, seq int64) error {
	b := clockBlob{}
	if e.Default != nil {
		b.Default = *e.Default
	}
	b.Default.Seq = seq
	if len(e.Clocks) > 0 {
		b.Fields = make(map[string]merge.Clock, len(e.Clocks))
		for f, clock := range e.Clocks {
			clock.Seq = seq
			b.Fields[f] = clock
		}
	}
	blob, err := b.text()
	if err != nil {
		return fmt.Errorf("journal clock %s %s: %w", e.Collection, e.Record, err)
	}
	t.unseen.met(e.Collection, e.Record)
	err = t.ses.Later(errCreateSpent, `INSERT INTO journal_clock (collection,record,version,created,gone,clocks)
		VALUES (?,?,?,?,0,?) ON CONFLICT (collection,record) DO NOTHING`, e.Collection, e.Record, seq, seq, blob)
	if err != nil {
		return fmt.Errorf("journal clock %s %s: %w", e.Collection, e.Record, err)
	}
	return nil
}

// SetClocks stores clocks that change without an entry: those of writes that
// lost (MERGE-2). The version stays.
func (t *Tx) SetClocks(collection, record string, clocks map[string]merge.Clock) error {
	c, err := t.Clock(collection, record)
	if err != nil {
		return err
	}
	if c == nil {
		return fmt.Errorf("journal clock %s %s: no such record", collection, record)
	}
	b := clockBlob{c.Default, c.Fields}
	if b.Fields == nil {
		b.Fields = map[string]merge.Clock{}
	}
	for f, clock := range clocks {
		b.Fields[f] = clock
	}
	gone := 0
	if c.Gone {
		gone = 1
	}
	return t.putClock(collection, record, c.Version, c.Created, gone, b)
}

func (t *Tx) putClock(collection, record string, version, created int64, gone int, b clockBlob) error {
	blob, err := b.text()
	if err != nil {
		return fmt.Errorf("journal clock %s %s: %w", collection, record, err)
	}
	t.unseen.met(collection, record)
	err = t.ses.Later(nil, `INSERT INTO journal_clock (collection,record,version,created,gone,clocks) VALUES (?,?,?,?,?,?)
		ON CONFLICT (collection,record) DO UPDATE SET version=excluded.version, gone=excluded.gone, clocks=excluded.clocks`,
		collection, record, version, created, gone, blob)
	if err != nil {
		return fmt.Errorf("journal clock %s %s: %w", collection, record, err)
	}
	return nil
}

// PastEntry is a journalled entry of one record with its content; Erased when
// retention took the content.
type PastEntry struct {
	Seq    int64
	Op     string
	Actor  string
	Device string
	Stamp  string
	At     int64
	Erased bool
	Content
}

// History gives every entry of a record, oldest first.
func (r *Reader) History(collection, record string) ([]PastEntry, error) {
	rows, err := r.db.NewQuery(`SELECT e.seq, e.op, e.actor, e.device, e.stamp, e.at, c.body
		FROM journal_entry e LEFT JOIN journal_content c ON c.seq=e.seq
		WHERE e.record={:rec} AND e.collection={:col} ORDER BY e.seq`).
		Bind(dbx.Params{"col": collection, "rec": record}).Rows()
	if err != nil {
		return nil, fmt.Errorf("journal history %s %s: %w", collection, record, err)
	}
	defer rows.Close()
	var out []PastEntry
	for rows.Next() {
		var p PastEntry
		var body []byte
		if err := rows.Scan(&p.Seq, &p.Op, &p.Actor, &p.Device, &p.Stamp, &p.At, &body); err != nil {
			return nil, fmt.Errorf("journal history %s %s: %w", collection, record, err)
		}
		if body == nil {
			p.Erased = true
		} else if err := json.Unmarshal(body, &p.Content); err != nil {
			return nil, fmt.Errorf("journal history %d: %w", p.Seq, err)
		}
		out = append(out, p)
	}
	return out, rows.Err()
}

// Origin gives actor and device of a record's create; empty when unknown.
func (r *Reader) Origin(collection, record string) (actor, device string, err error) {
	err = r.row(`SELECT actor, device FROM journal_entry WHERE record=? AND collection=? AND op='create' ORDER BY seq LIMIT 1`,
		[]any{record, collection}, &actor, &device)
	if errors.Is(err, sql.ErrNoRows) {
		return "", "", nil
	}
	if err != nil {
		return "", "", fmt.Errorf("journal origin %s %s: %w", collection, record, err)
	}
	return actor, device, nil
}
