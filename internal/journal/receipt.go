package journal

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/pocketbase/dbx"

	"github.com/fieldpost/fieldpost/internal/wire"
)

// Receipt is the stored verdict of a mutation. Content is an HMAC. Stamp is
// the stored stamp, empty where it could not be read.
type Receipt struct {
	Device    string
	N         int64
	Content   []byte
	Stamp     string
	Corrected int64
	At        int64
	Verdict   wire.Verdict
}

// more is what few verdicts have.
type more struct {
	Code       string          `json:"code,omitempty"`
	Message    string          `json:"message,omitempty"`
	Conflicts  []wire.Conflict `json:"conflicts,omitempty"`
	Quarantine string          `json:"quarantine,omitempty"`
}

const receiptColumns = `device, n, content, stamp, corrected, at, verdict, seq, more`

// Receipt reads the receipt of (device, n), nil when there is none.
func (r *Reader) Receipt(device string, n int64) (*Receipt, error) {
	return r.receipt(`SELECT `+receiptColumns+` FROM journal_receipt WHERE device=? AND n=?`, device, n)
}

// ReceiptByStamp reads the receipt of a stored stamp, nil when there is none.
func (r *Reader) ReceiptByStamp(stamp string) (*Receipt, error) {
	return r.receipt(`SELECT `+receiptColumns+` FROM journal_receipt WHERE stamp=?`, stamp)
}

// receipt reads the receipt that a query of receiptColumns gives, nil when
// there is none.
func (r *Reader) receipt(text string, args ...any) (*Receipt, error) {
	var c Receipt
	var stamp, rest *string
	err := r.row(text, args, &c.Device, &c.N, &c.Content, &stamp, &c.Corrected, &c.At, &c.Verdict.Verdict, &c.Verdict.Seq, &rest)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("journal receipt: %w", err)
	}
	c.Verdict.N = c.N
	if stamp != nil {
		c.Stamp = *stamp
	}
	if rest != nil {
		var m more
		if err := json.Unmarshal([]byte(*rest), &m); err != nil {
			return nil, fmt.Errorf("journal receipt: %w", err)
		}
		c.Verdict.Code, c.Verdict.Message, c.Verdict.Conflicts, c.Verdict.Quarantine = m.Code, m.Message, m.Conflicts, m.Quarantine
	}
	return &c, nil
}

// PutReceipt stores a verdict for ever. A second one for (device, n), or for a
// stamp that has one, is an error, and so is deferred, which is no verdict to
// keep (PUSH-7). A mutation that waited is taken off with Undefer.
func (t *Tx) PutReceipt(c Receipt) error {
	switch c.Verdict.Verdict {
	case wire.Applied, wire.Merged, wire.Refused:
	default:
		return fmt.Errorf("journal receipt: %q is no verdict to keep", c.Verdict.Verdict)
	}
	var stamp, rest any
	if c.Stamp != "" {
		stamp = c.Stamp
	}
	m := more{c.Verdict.Code, c.Verdict.Message, c.Verdict.Conflicts, c.Verdict.Quarantine}
	if m.Code != "" || m.Message != "" || len(m.Conflicts) > 0 || m.Quarantine != "" {
		raw, err := json.Marshal(m)
		if err != nil {
			return fmt.Errorf("journal receipt: %w", err)
		}
		rest = string(raw)
	}
	t.unseen.received(c.Device, c.N, c.Stamp)
	err := t.ses.Later(nil, `INSERT INTO journal_receipt (`+receiptColumns+`) VALUES (?,?,?,?,?,?,?,?,?)`,
		c.Device, c.N, c.Content, stamp, c.Corrected, c.At, c.Verdict.Verdict, c.Verdict.Seq, rest)
	if err != nil {
		return fmt.Errorf("journal receipt: %w", err)
	}
	return nil
}

// Receipts gives the receipts of a device for those n that have one.
func (r *Reader) Receipts(device string, ns []int64) (map[int64]*Receipt, error) {
	out := map[int64]*Receipt{}
	if len(ns) == 0 {
		return out, nil
	}
	// One probe tells for most pushes that nothing was sent before.
	var last int64
	err := r.query(`SELECT coalesce(max(n),0) FROM journal_receipt WHERE device={:dev}`, dbx.Params{"dev": device}).Row(&last)
	if err != nil {
		return nil, fmt.Errorf("journal receipts: %w", err)
	}
	for _, n := range ns {
		if n > last {
			continue
		}
		c, err := r.Receipt(device, n)
		if err != nil {
			return nil, err
		}
		if c != nil {
			out[n] = c
		}
	}
	return out, nil
}

// FirstDeferred gives corrected milliseconds and time of first receipt of a
// mutation that waits, by its stored stamp; 0 and 0 when it does not.
func (r *Reader) FirstDeferred(stamp string) (corrected, at int64, err error) {
	err = r.row(`SELECT corrected, first_at FROM journal_deferred WHERE stamp=?`, []any{stamp}, &corrected, &at)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, 0, nil
	}
	if err != nil {
		return 0, 0, fmt.Errorf("journal deferred: %w", err)
	}
	return corrected, at, nil
}

// Defer remembers that a mutation waits since at, and its corrected
// milliseconds, which are fixed at first receipt (PUSH-12). Of a stored stamp
// that waits already it changes nothing.
func (t *Tx) Defer(device string, n int64, stamp string, corrected, at int64) error {
	t.unseen.deferred(stamp)
	_, err := t.query(`INSERT INTO journal_deferred (device,n,stamp,corrected,first_at) VALUES ({:dev},{:n},{:stamp},{:corrected},{:at})
		ON CONFLICT (stamp) DO NOTHING`, dbx.Params{"dev": device, "n": n, "stamp": stamp, "corrected": corrected, "at": at}).Execute()
	if err != nil {
		return fmt.Errorf("journal deferred: %w", err)
	}
	return nil
}

// Undefer forgets it once it has a verdict.
func (t *Tx) Undefer(stamp string) error {
	_, err := t.query(`DELETE FROM journal_deferred WHERE stamp={:stamp}`, dbx.Params{"stamp": stamp}).Execute()
	if err != nil {
		return fmt.Errorf("journal deferred: %w", err)
	}
	return nil
}

// MarkRefused remembers that the create of a record was refused.
func (t *Tx) MarkRefused(collection, record string) error {
	_, err := t.query(`INSERT INTO journal_refused (collection,record) VALUES ({:col},{:rec}) ON CONFLICT DO NOTHING`,
		dbx.Params{"col": collection, "rec": record}).Execute()
	if err != nil {
		return fmt.Errorf("journal refused: %w", err)
	}
	return nil
}

// WasRefused tells whether the create of a record was refused.
func (r *Reader) WasRefused(collection, record string) (bool, error) {
	var n int
	err := r.query(`SELECT count(*) FROM journal_refused WHERE collection={:col} AND record={:rec}`,
		dbx.Params{"col": collection, "rec": record}).Row(&n)
	if err != nil {
		return false, fmt.Errorf("journal refused: %w", err)
	}
	return n > 0, nil
}

// SeenScope is the scope that is touched when a report of a device (pseudonym)
// is opened. It has no feed: it only wakes who waits.
func SeenScope(device string) string { return "d:" + device }

// MarkSeen tells the device that wrote a report that a coordinator opened it.
func (t *Tx) MarkSeen(device string, seq int64, report string) error {
	_, err := t.query(`INSERT INTO journal_seen (device,seq,report) VALUES ({:dev},{:seq},{:rep}) ON CONFLICT DO NOTHING`,
		dbx.Params{"dev": device, "seq": seq, "rep": report}).Execute()
	if err != nil {
		return fmt.Errorf("journal seen: %w", err)
	}
	t.touched[SeenScope(device)] = true
	return nil
}

// Seen gives the reports of these devices (pseudonyms) that were opened in
// (after, upto], each once.
func (r *Reader) Seen(devices []string, after, upto int64) ([]string, error) {
	out := []string{}
	named := map[string]bool{}
	for _, d := range devices {
		err := r.rows(`SELECT DISTINCT report FROM journal_seen WHERE device=? AND seq>? AND seq<=?`, []any{d, after, upto}, func(rows *sql.Rows) error {
			var id string
			if err := rows.Scan(&id); err != nil {
				return err
			}
			if !named[id] {
				named[id] = true
				out = append(out, id)
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("journal seen: %w", err)
		}
	}
	return out, nil
}

// Contact notes a device's last contact; at is cut to the day for staff by the
// caller. Outside the journal's chain (JOURNAL-4).
func Contact(db DB, device string, at int64) error {
	_, err := db.NewQuery(`INSERT INTO journal_contact (device,at) VALUES ({:dev},{:at})
		ON CONFLICT (device) DO UPDATE SET at=excluded.at WHERE excluded.at>journal_contact.at`).
		Bind(dbx.Params{"dev": device, "at": at}).Execute()
	if err != nil {
		return fmt.Errorf("journal contact: %w", err)
	}
	return nil
}

// Candidate is a feed row: something about the record happened at Seq that
// matters to a scope. Version is the record's in this moment; 0: it has none.
type Candidate struct {
	Scope      int // place among those that were asked for
	Seq        int64
	Mut        int64
	Collection string
	Record     string
	Gone       bool
	Version    int64
}

// feedsAtOnce is how many scopes one statement asks for: most people have fewer.
const feedsAtOnce = 8

// feedOf is the feed of one scope, by its place and the number of its question
// mark. With a bare question mark as its limit SQLite would prepare it anew each
// time: it plans by the value.
const feedOf = `SELECT * FROM (SELECT %d, f.seq, f.mut, f.collection, f.record, f.gone, coalesce(k.version,0) FROM journal_feed f
	LEFT JOIN journal_clock k ON k.collection=f.collection AND k.record=f.record
	WHERE f.scope=?%d AND f.seq>?1 AND f.seq<=?2 ORDER BY f.seq LIMIT ?3+0)`

// feeds are the statements for one scope, for two, and so on.
var feeds = func() (texts [feedsAtOnce]string) {
	for n := range texts {
		parts := make([]string, n+1)
		for i := range parts {
			parts[i] = fmt.Sprintf(feedOf, i, i+4)
		}
		texts[n] = strings.Join(parts, " UNION ALL ")
	}
	return texts
}()

// Feeds gives at most limit candidates of each scope in (after, upto], those of
// one scope by seq.
func (r *Reader) Feeds(scopes []string, after, upto int64, limit int) ([]Candidate, error) {
	var out []Candidate
	for first := 0; first < len(scopes); first += feedsAtOnce {
		some := scopes[first:min(first+feedsAtOnce, len(scopes))]
		args := []any{after, upto, limit}
		for _, s := range some {
			args = append(args, s)
		}
		err := r.rows(feeds[len(some)-1], args, func(rows *sql.Rows) error {
			var c Candidate
			err := rows.Scan(&c.Scope, &c.Seq, &c.Mut, &c.Collection, &c.Record, &c.Gone, &c.Version)
			c.Scope += first
			out = append(out, c)
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("journal feed: %w", err)
		}
	}
	return out, nil
}

// NewestIn gives the newest feed seq of a record in any of the scopes.
func (r *Reader) NewestIn(scopes map[string]bool, collection, record string) (int64, error) {
	var rows []struct {
		Scope string `db:"scope"`
		Seq   int64  `db:"seq"`
	}
	err := r.db.NewQuery(`SELECT scope, seq FROM journal_feed WHERE record={:rec} AND collection={:col}`).
		Bind(dbx.Params{"rec": record, "col": collection}).All(&rows)
	if err != nil {
		return 0, fmt.Errorf("journal feed %s %s: %w", collection, record, err)
	}
	var newest int64
	for _, row := range rows {
		if scopes[row.Scope] && row.Seq > newest {
			newest = row.Seq
		}
	}
	return newest, nil
}

// Unfed gives those of these records that the feeds of the scopes do not name,
// neither as there nor as gone: rows that were lost.
func (r *Reader) Unfed(scopes []string, collection string, ids []string) ([]string, error) {
	list, err := json.Marshal(ids)
	if err != nil {
		return nil, err
	}
	in, err := json.Marshal(scopes)
	if err != nil {
		return nil, err
	}
	var out []string
	err = r.db.NewQuery(`SELECT j.value FROM json_each({:ids}) j WHERE NOT EXISTS (SELECT 1 FROM journal_feed f
		WHERE f.record=j.value AND f.collection={:col} AND f.scope IN (SELECT value FROM json_each({:in})))`).
		Bind(dbx.Params{"ids": string(list), "col": collection, "in": string(in)}).Column(&out)
	if err != nil {
		return nil, fmt.Errorf("journal feed of %s: %w", collection, err)
	}
	return out, nil
}
