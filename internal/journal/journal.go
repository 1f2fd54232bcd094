// Package journal remembers: an append-only log of every change with a hash
// chain, the feed of each scope, the clocks of each record, the receipts of
// each device, and the epochs of this database. Its tables lie beside
// PocketBase's in data.db, so that all of it commits with the record.
//
// A Reader reads; a Tx writes inside one database transaction that its caller
// opened. Nothing here reads a clock: times are arguments.
package journal

import (
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/pocketbase/dbx"

	"github.com/fieldpost/fieldpost/internal/hlc"
	"github.com/fieldpost/fieldpost/internal/merge"
)

// DB is what the journal needs of a database or a transaction.
type DB interface {
	NewQuery(sql string) *dbx.Query
}

// Entry is one change about to be journalled.
type Entry struct {
	At         int64 // server time, ms
	Collection string
	Record     string
	Op         string
	Actor      string
	Device     string // pseudonym
	Stamp      string // stored stamp
	Fields     map[string]any
	Eff        map[string]hlc.Time    // per changed field; those of a create share the stamp's
	Extra      map[string]any         // what the server did not understand (PUSH-9)
	Clocks     map[string]merge.Clock // new clocks of single fields
	Default    *merge.Clock           // of a create: the clock of every field
	Written    []byte                 // Fields as encoding/json writes them, for a caller that has them so
	Before     []string               // scopes that the record was in
	After      []string               // scopes that it is in now
}

// Content is the body of an entry.
type Content struct {
	Fields map[string]any      `json:"fields,omitempty"`
	Eff    map[string]hlc.Time `json:"eff,omitempty"`
	Extra  map[string]any      `json:"extra,omitempty"`
}

// Reader reads the journal.
type Reader struct {
	db DB
	// prepared statements of a transaction; nil outside of one
	stmts map[string]*dbx.Query
	ses   *Session // those of the hot paths; nil outside of one
}

// NewReader reads through a database or a transaction.
func NewReader(db DB) *Reader { return &Reader{db: db} }

func (r *Reader) query(text string, params dbx.Params) *dbx.Query {
	if r.stmts == nil {
		return r.db.NewQuery(text).Bind(params)
	}
	q, ok := r.stmts[text]
	if !ok {
		q = r.db.NewQuery(text).Prepare()
		r.stmts[text] = q
	}
	return q.Bind(params)
}

// row reads the first row of a query whose values stand in the order of its
// question marks; sql.ErrNoRows when there is none.
func (r *Reader) row(text string, args []any, into ...any) error {
	if r.ses != nil {
		return r.ses.Row(text, args, into...)
	}
	ex := Below(r.db)
	if ex == nil {
		return errors.New("query: no database below")
	}
	rows, err := ex.Query(text, args...)
	if err != nil {
		return err
	}
	return firstRow(rows, into)
}

// rows runs a query whose values stand in the order of its question marks, and
// gives each row to be scanned.
func (r *Reader) rows(text string, args []any, each func(*sql.Rows) error) error {
	var rows *sql.Rows
	var err error
	if r.ses != nil {
		rows, err = r.ses.Query(text, args...)
	} else if below := Below(r.db); below != nil {
		rows, err = below.Query(text, args...)
	} else {
		err = errors.New("query: no database below")
	}
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := each(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// Tx writes the journal inside one transaction. It is not safe for several
// goroutines.
type Tx struct {
	Reader
	headSeq  int64
	headHash []byte
	loaded   bool
	mut      int64
	touched  map[string]bool
	unseen   unseen
	salts    []byte // random, not used yet
}

// Begin starts writing in a transaction that the caller opened. One Tx at a
// time writes in it: each holds the chain's head from its first Append on.
func Begin(db DB) *Tx { return BeginIn(db, NewSession(db, nil)) }

// BeginIn is Begin with a session of the caller's in the same transaction,
// which Close closes.
func BeginIn(db DB, s *Session) *Tx {
	return &Tx{Reader: Reader{db: db, stmts: map[string]*dbx.Query{}, ses: s}, touched: map[string]bool{}}
}

// Close frees the statements; call it before the transaction ends.
func (t *Tx) Close() error {
	var errs []error
	for _, q := range t.stmts {
		errs = append(errs, q.Close())
	}
	t.stmts = map[string]*dbx.Query{}
	errs = append(errs, t.ses.Close())
	return errors.Join(errs...)
}

// Touched are the scopes that the entries so far matter to: whom to poke.
func (t *Tx) Touched() map[string]bool { return t.touched }

// NewMutation tells that the next entry begins another mutation.
func (t *Tx) NewMutation() { t.mut = 0 }

// LastSeq is the seq of the newest entry that this transaction sees.
func (t *Tx) LastSeq() (int64, error) {
	if err := t.load(); err != nil {
		return 0, err
	}
	return t.headSeq, nil
}

func (t *Tx) load() error {
	if t.loaded {
		return nil
	}
	var err error
	t.headSeq, t.headHash, err = t.Head()
	t.loaded = err == nil
	return err
}

// Append writes an entry with its content, feed rows and clock and gives its
// seq. ErrIDSpent leaves the transaction as it was; after any other error the
// caller rolls back. In a session whose writes run beside (Session.Beside) any
// of them, ErrIDSpent too, may come from the commit instead.
func (t *Tx) Append(e Entry) (int64, error) {
	if err := t.load(); err != nil {
		return 0, err
	}
	seq := t.headSeq + 1
	mut := t.mut
	if mut == 0 {
		mut = seq
	}
	body, err := e.body()
	if err != nil {
		return 0, fmt.Errorf("journal %s %s: %w", e.Collection, e.Record, err)
	}
	salt, err := t.salt()
	if err != nil {
		return 0, fmt.Errorf("journal salt: %w", err)
	}
	content := contentHash(salt, body)
	row := row{Seq: seq, Mut: mut, At: e.At, Collection: e.Collection, Record: e.Record, Op: e.Op,
		Actor: e.Actor, Device: e.Device, Stamp: e.Stamp, ContentHash: content}
	hash := row.chain(t.headHash)
	// The clock goes first: it refuses an id that has lived before anything is
	// written.
	if err := t.appendClock(e, seq); err != nil {
		return 0, err
	}
	err = t.ses.Later(nil, `INSERT INTO journal_entry (seq,mut,at,collection,record,op,actor,device,stamp,content_hash,hash)
		VALUES (?,?,?,?,?,?,?,?,?,?,?)`, seq, mut, e.At, e.Collection, e.Record, e.Op, e.Actor, e.Device, e.Stamp, content, hash)
	if err != nil {
		return 0, fmt.Errorf("journal entry %d: %w", seq, err)
	}
	if err = t.ses.Later(nil, `INSERT INTO journal_content (seq,salt,body) VALUES (?,?,?)`, seq, salt, body); err != nil {
		return 0, fmt.Errorf("journal content %d: %w", seq, err)
	}
	if err := t.appendFeed(e, seq, mut); err != nil {
		return 0, err
	}
	t.headSeq, t.headHash, t.mut = seq, hash, mut
	return seq, nil
}

// body is the content as JSON.
func (e *Entry) body() ([]byte, error) {
	if e.Written == nil || len(e.Eff) > 0 || len(e.Extra) > 0 {
		fields := any(nil)
		switch {
		case e.Written != nil:
			fields = json.RawMessage(e.Written)
		case len(e.Fields) > 0:
			fields = e.Fields
		}
		return json.Marshal(struct {
			Fields any                 `json:"fields,omitempty"`
			Eff    map[string]hlc.Time `json:"eff,omitempty"`
			Extra  map[string]any      `json:"extra,omitempty"`
		}{fields, e.Eff, e.Extra})
	}
	b := append(make([]byte, 0, len(e.Written)+16), `{"fields":`...)
	return append(append(b, e.Written...), '}'), nil
}

// salt gives 16 random bytes; they are drawn many at a time.
func (t *Tx) salt() ([]byte, error) {
	if len(t.salts) == 0 {
		t.salts = make([]byte, 16*64)
		if _, err := rand.Read(t.salts); err != nil {
			return nil, err
		}
	}
	salt := t.salts[:16:16]
	t.salts = t.salts[16:]
	return salt, nil
}

func (t *Tx) appendFeed(e Entry, seq, mut int64) error {
	for i, scope := range e.After {
		if slices.Contains(e.After[:i], scope) {
			continue
		}
		if err := t.putFeed(e, scope, seq, mut, 0); err != nil {
			return err
		}
	}
	for i, scope := range e.Before {
		if slices.Contains(e.After, scope) || slices.Contains(e.Before[:i], scope) {
			continue
		}
		if err := t.putFeed(e, scope, seq, mut, 1); err != nil {
			return err
		}
	}
	return nil
}

func (t *Tx) putFeed(e Entry, scope string, seq, mut, gone int64) error {
	err := t.ses.Later(nil, `INSERT INTO journal_feed (record,collection,scope,seq,mut,gone) VALUES (?,?,?,?,?,?)
		ON CONFLICT (record,collection,scope) DO UPDATE SET seq=excluded.seq, mut=excluded.mut, gone=excluded.gone`,
		e.Record, e.Collection, scope, seq, mut, gone)
	if err != nil {
		return fmt.Errorf("journal feed %d: %w", seq, err)
	}
	t.touched[scope] = true
	return nil
}

type row struct {
	Seq         int64  `db:"seq"`
	Mut         int64  `db:"mut"`
	At          int64  `db:"at"`
	Collection  string `db:"collection"`
	Record      string `db:"record"`
	Op          string `db:"op"`
	Actor       string `db:"actor"`
	Device      string `db:"device"`
	Stamp       string `db:"stamp"`
	ContentHash []byte `db:"content_hash"`
	Hash        []byte `db:"hash"`
}

// chain is the hash of a row after the one before. Texts are length-prefixed,
// so that no two rows have one encoding.
func (r row) chain(before []byte) []byte {
	b := make([]byte, 0, 256)
	b = append(b, before...)
	for _, n := range []int64{r.Seq, r.Mut, r.At} {
		b = binary.BigEndian.AppendUint64(b, uint64(n))
	}
	for _, s := range []string{r.Collection, r.Record, r.Op, r.Actor, r.Device, r.Stamp} {
		b = binary.BigEndian.AppendUint32(b, uint32(len(s)))
		b = append(b, s...)
	}
	b = append(b, r.ContentHash...)
	sum := sha256.Sum256(b)
	return sum[:]
}

func contentHash(salt, body []byte) []byte {
	h := sha256.New()
	h.Write(salt)
	h.Write(body)
	return h.Sum(nil)
}

// Head gives the newest seq and its hash; 0 and 32 zero bytes before the
// first entry.
func (r *Reader) Head() (int64, []byte, error) {
	var seq int64
	var hash []byte
	err := r.row(`SELECT seq, hash FROM journal_entry ORDER BY seq DESC LIMIT 1`, nil, &seq, &hash)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, make([]byte, 32), nil
	}
	if err != nil {
		return 0, nil, fmt.Errorf("journal head: %w", err)
	}
	return seq, hash, nil
}

// HashAt gives the hash of an entry, nil when there is none.
func (r *Reader) HashAt(seq int64) ([]byte, error) {
	if seq == 0 {
		return make([]byte, 32), nil
	}
	var hash []byte
	err := r.row(`SELECT hash FROM journal_entry WHERE seq=?`, []any{seq}, &hash)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("journal hash %d: %w", seq, err)
	}
	return hash, nil
}

// HashOf gives the hash of a record's first entry; sql.ErrNoRows when it has
// none.
func (r *Reader) HashOf(collection, record string) ([]byte, error) {
	var hash []byte
	err := r.db.NewQuery(`SELECT hash FROM journal_entry WHERE record={:record} AND collection={:collection} ORDER BY seq LIMIT 1`).
		Bind(dbx.Params{"record": record, "collection": collection}).Row(&hash)
	if err != nil {
		return nil, fmt.Errorf("journal hash of %s %s: %w", collection, record, err)
	}
	return hash, nil
}

// FirstDevice is the pseudonym in the first entry, "" before there is one: it
// tells whether an installation key is the one that this history was made with.
func (r *Reader) FirstDevice() (string, error) {
	var device string
	err := r.query(`SELECT device FROM journal_entry WHERE seq=1`, nil).Row(&device)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("journal first entry: %w", err)
	}
	return device, nil
}
