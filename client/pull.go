package client

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/fieldpost/fieldpost/internal/hlc"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// maxWait is how long the server may hold a pull (PULL-6).
const maxWait = wire.MaxWait * time.Second

// Kind says what became of a record in the view.
type Kind string

// The kinds of a Change.
const (
	New     Kind = "new"     // not in the view before
	Changed Kind = "changed" // another version than before
	Gone    Kind = "gone"    // deleted, or no longer for this person
)

// Change is what a pull did to one record of the confirmed view. A reset that
// sends a record again in the same version is no change.
type Change struct {
	Kind       Kind
	Collection string
	ID         string
	Seq        int64           // the record's version; of Gone, the last one known, or 0
	Record     json.RawMessage // nil when gone
	Reset      bool            // it came with a full view (PULL-4)
}

// PullReport tells what a pull did.
type PullReport struct {
	Changes []Change
	Seen    []string // own reports that a coordinator has opened, as far as the server told now
	// Unsealed are own reports whose author a coordinator was told, as far as
	// the server said so now; after a reset all. Show them to the person.
	Unsealed []string
	Reset    bool         // the view was made anew
	Rewound  bool         // the server's history went back; what it lost waits again
	Check    *CheckReport // what a check found; nil: none was due, or it has not come to an end
}

// pullAnswer is the answer of pull.
type pullAnswer struct {
	place
	Reset    *bool                  `json:"reset"`
	More     *bool                  `json:"more"`
	Cursor   string                 `json:"cursor"`
	Changes  []wire.Change          `json:"changes"`
	Seen     []string               `json:"seen"`
	Unsealed []string               `json:"unsealed"`
	Digests  map[string]wire.Digest `json:"digests"` // nil: not asked for, or not the last page
}

func (a *pullAnswer) missing() string {
	switch {
	case a.Reset == nil:
		return "reset"
	case a.More == nil:
		return "more"
	case a.Cursor == "":
		return "cursor"
	}
	for i := range a.Changes {
		c := &a.Changes[i]
		if c.Collection == "" || !hlc.ValidID(c.ID) {
			return "a record's name"
		}
		if string(c.Record) == "null" {
			c.Record = nil
		}
		if c.Record != nil && c.Record[0] != '{' {
			return "a record"
		}
	}
	return a.place.missing()
}

// Pull brings the confirmed view up to date. With wait (at most 25 s) the
// server may hold the request until there is something. What waits in the
// outbox plays no part (PULL-5). Errors as for Push; pages that came before an
// error are stored, and the next pull goes on behind them.
func (d *Device) Pull(ctx context.Context, wait time.Duration) (PullReport, error) {
	d.pulling.Lock()
	defer d.pulling.Unlock()
	report, err := d.pull(ctx, min(max(wait, 0), maxWait), 0)
	return report, d.noteProblem(ctx, err, false)
}

// pull pulls page by page; within bounds each request, without the wait.
func (d *Device) pull(ctx context.Context, wait, within time.Duration) (report PullReport, err error) {
	st, check, err := d.beforePull()
	if err != nil {
		return report, err
	}
	acks := st.acks // what is acknowledged by now will be in the view when the pull is through
	if check {
		wait = 0 // it asks for an answer, and the server does not hold it
	}
	for slow := 0; ; {
		limit := min(wire.DefaultPage*2, max(st.limits.Changes, 1))
		if d.page > 0 {
			limit = min(limit, d.page)
		}
		var a pullAnswer
		t, _, err := d.authorized(ctx, st, request{path: "/api/sync/pull", wait: wait, within: within}, false, &a, func(st *state, _ time.Time) ([]byte, error) {
			return encode(wire.PullRequest{Protocol: wire.Protocol, Schema: wire.Schema, Device: st.id, Mark: st.mark,
				Cursor: st.cursor, Limit: limit, Wait: int(wait / time.Second), Digests: check})
		})
		// Only if an answer had begun: what does not answer at all is not slow.
		if tooSlow(ctx, err) && Explain(err).begun && slow < maxSlow && limit > smallBatch {
			slow++
			d.page = max(smallBatch, limit/4)
			continue
		}
		if err != nil {
			return report, err
		}
		if *a.More && len(a.Changes) == 0 && st.cursor != nil && *st.cursor == a.Cursor && !*a.Reset {
			return report, notOurs("The pull does not get on.", http.StatusOK, nil)
		}
		after, again, err := d.applyPage(context.WithoutCancel(ctx), &a, t, acks, check, &report)
		if err != nil {
			return report, err
		}
		if len(a.Changes) >= limit && d.page > 0 { // the link carries it: more next time
			d.page *= 2
		}
		if !*a.More && !again {
			return report, nil
		}
		st, wait = after, 0
	}
}

// beforePull reads where the device stands, and whether a check is due.
func (d *Device) beforePull() (st *state, check bool, err error) {
	now, _ := d.now()
	ctx := context.Background()
	err = d.store.read(ctx, "read device", func(tx *sql.Tx, s *state) error {
		c, err := loadChecking(ctx, tx)
		st, check = s, c.due(now)
		return err
	})
	if err == nil {
		err = st.mayAsk()
	}
	return st, check, err
}

// applyPage stores a page with its cursor and mark in one transaction, and gives
// where the device stands after it. again tells that the view failed its check
// and is to be pulled from nothing.
func (d *Device) applyPage(ctx context.Context, a *pullAnswer, t timing, acks int64, check bool, report *PullReport) (after *state, again bool, err error) {
	var changes []Change
	now, _ := d.now()
	err = d.store.tx(ctx, "store page", func(tx *sql.Tx) error {
		st, err := loadState(ctx, tx)
		if err != nil {
			return err
		}
		after = st
		if err := st.arrived(ctx, tx, d, &a.place, t); err != nil {
			return err
		}
		if *a.Reset {
			st.generation++
			st.resetting = true
		}
		if changes, err = st.applyChanges(ctx, tx, a.Changes); err != nil {
			return err
		}
		for _, id := range a.Seen {
			if _, err := tx.ExecContext(ctx, "INSERT OR REPLACE INTO seen (id, generation) VALUES (?, ?)", id, st.generation); err != nil {
				return err
			}
		}
		if !*a.More {
			gone, err := st.finishPull(ctx, tx, acks, &a.place)
			if err != nil {
				return err
			}
			changes = append(changes, gone...)
			if err := dealtWith(ctx, tx); err != nil {
				return err
			}
		}
		st.cursor = &a.Cursor
		if check && !*a.More {
			if again, err = st.check(ctx, tx, a.Digests, now, a.Now.Time, report); err != nil {
				return err
			}
		}
		if err := settle(ctx, tx, st); err != nil {
			return err
		}
		return st.save(ctx, tx)
	})
	if err != nil {
		return nil, false, err
	}
	d.jumpNoted()
	report.Changes = append(report.Changes, changes...)
	report.Seen = append(report.Seen, a.Seen...)
	report.Unsealed = append(report.Unsealed, a.Unsealed...)
	report.Reset = report.Reset || *a.Reset
	report.Rewound = report.Rewound || a.Rewound
	return after, again, nil
}

// applyChanges writes a page into the view. What the view holds of it is asked
// once, not once a record: most of what a board pulls is new to it.
func (s *state) applyChanges(ctx context.Context, tx *sql.Tx, page []wire.Change) ([]Change, error) {
	if len(page) == 0 {
		return nil, nil
	}
	known, err := versions(ctx, tx, page)
	if err != nil {
		return nil, err
	}
	put, err := tx.PrepareContext(ctx, `INSERT INTO records (collection, id, seq, generation, record) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (collection, id) DO UPDATE SET seq = excluded.seq, generation = excluded.generation, record = excluded.record`)
	if err != nil {
		return nil, err
	}
	defer put.Close()
	changes := make([]Change, 0, len(page))
	for _, c := range page {
		name := Ref{Collection: c.Collection, ID: c.ID}
		before, here := known[name]
		change := Change{Kind: Changed, Collection: c.Collection, ID: c.ID, Seq: c.Seq, Record: c.Record, Reset: s.resetting}
		switch {
		case c.Record == nil:
			if !here {
				continue
			}
			change.Kind, change.Seq = Gone, before
			delete(known, name)
			_, err = tx.ExecContext(ctx, "DELETE FROM records WHERE collection = ? AND id = ?", c.Collection, c.ID)
		default:
			if !here {
				change.Kind = New
			}
			known[name] = c.Seq
			_, err = put.ExecContext(ctx, c.Collection, c.ID, c.Seq, s.generation, string(c.Record))
		}
		if err != nil {
			return nil, err
		}
		if change.Kind == Changed && before == c.Seq {
			continue
		}
		changes = append(changes, change)
	}
	return changes, nil
}

// versions gives the versions of those records of a page that the view holds.
func versions(ctx context.Context, tx *sql.Tx, page []wire.Change) (map[Ref]int64, error) {
	ids := map[string][]string{}
	for _, c := range page {
		ids[c.Collection] = append(ids[c.Collection], c.ID)
	}
	known := make(map[Ref]int64, len(page))
	for collection, of := range ids {
		list, err := json.Marshal(of)
		if err != nil {
			return nil, err
		}
		rows, err := tx.QueryContext(ctx, "SELECT id, seq FROM records WHERE collection = ? AND id IN (SELECT value FROM json_each(?))", collection, string(list))
		if err != nil {
			return nil, err
		}
		for rows.Next() {
			name := Ref{Collection: collection}
			var seq int64
			if err := rows.Scan(&name.ID, &seq); err != nil {
				return nil, errors.Join(err, rows.Close())
			}
			known[name] = seq
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			return nil, err
		}
	}
	return known, nil
}

// finishPull ends a view: a reset drops what was not sent since it began.
func (s *state) finishPull(ctx context.Context, tx *sql.Tx, acks int64, at *place) ([]Change, error) {
	var gone []Change
	if s.resetting {
		s.resetting = false
		var err error
		if gone, err = stale(ctx, tx, s); err != nil {
			return nil, err
		}
		if err := sweep(ctx, tx, s); err != nil {
			return nil, err
		}
		if _, err := tx.ExecContext(ctx, "DELETE FROM seen WHERE generation < ?", s.generation); err != nil {
			return nil, err
		}
	}
	s.viewEpoch = &at.Epoch
	s.pulledAcks = max(s.pulledAcks, acks)
	return gone, nil
}

// dealtWith follows a complete view: what a coordinator has released or adopted
// out of quarantine is received, and no longer for its person to correct
// (PUSH-6): a corrected copy of it would be a second report. After a rewind it
// is sent again like all that was acknowledged.
func dealtWith(ctx context.Context, tx *sql.Tx) error {
	_, err := tx.ExecContext(ctx, `UPDATE outbox SET state = 'acknowledged', seq = q.seq, code = '', message = '', ack = 0
		FROM (SELECT id, seq FROM records WHERE collection = 'quarantine' AND json_extract(record, '$.state') IN ('released', 'adopted')) AS q
		WHERE outbox.state = 'parked' AND q.id = CASE WHEN outbox.verdict <> '' THEN json_extract(outbox.verdict, '$.quarantine') END`)
	return err
}

// staleRecords are those of an older view, without those that have changes of
// their own which are not acknowledged (PULL-4). They stay until these have a
// verdict; the next pull knows whether they are in the view.
const staleRecords = ` FROM records WHERE generation < ? AND NOT EXISTS (
	SELECT 1 FROM touched t JOIN outbox o ON o.pos = t.pos
	WHERE t.collection = records.collection AND t.id = records.id AND o.state = 'waiting')`

func stale(ctx context.Context, tx *sql.Tx, s *state) ([]Change, error) {
	rows, err := tx.QueryContext(ctx, "SELECT collection, id, seq"+staleRecords+" ORDER BY collection, id", s.generation)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []Change
	for rows.Next() {
		c := Change{Kind: Gone, Reset: true}
		if err := rows.Scan(&c.Collection, &c.ID, &c.Seq); err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	return all, rows.Err()
}

// sweep drops stale records, unless a reset is still bringing the new view.
func sweep(ctx context.Context, tx *sql.Tx, s *state) error {
	if s.resetting {
		return nil
	}
	_, err := tx.ExecContext(ctx, "DELETE"+staleRecords, s.generation)
	return err
}
