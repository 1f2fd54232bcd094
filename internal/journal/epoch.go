package journal

import (
	"database/sql"
	"errors"
	"fmt"

	"github.com/pocketbase/dbx"

	"github.com/fieldpost/fieldpost/internal/merge"
)

// Epochs gives the lines of history of this database. Of several that began at one seq, those that were
// left there come first: nothing was written in them.
func (r *Reader) Epochs() (merge.Lines, error) {
	var rows []struct {
		Epoch string        `db:"epoch"`
		Began int64         `db:"began_seq"`
		Left  sql.NullInt64 `db:"left_seq"`
	}
	err := r.db.NewQuery(`SELECT epoch, began_seq, left_seq FROM journal_epoch
		ORDER BY left_seq IS NULL, began_seq, left_seq`).All(&rows)
	if err != nil {
		return nil, fmt.Errorf("journal epochs: %w", err)
	}
	all := make(merge.Lines, len(rows))
	for i, row := range rows {
		all[i] = merge.Line{ID: row.Epoch, Began: row.Began, Left: row.Left.Int64, Present: !row.Left.Valid}
	}
	return all, nil
}

// Epoch is the id of this database's line of history; an error before
// BeginEpoch.
func (r *Reader) Epoch() (string, error) {
	var id string
	err := r.query(`SELECT epoch FROM journal_epoch WHERE left_seq IS NULL ORDER BY began_seq DESC LIMIT 1`, nil).Row(&id)
	if err != nil {
		return "", fmt.Errorf("journal epoch: %w", err)
	}
	return id, nil
}

// BeginEpoch makes the first epoch of a database; id is random, at in ms. Where
// there is an epoch already it changes nothing.
func (t *Tx) BeginEpoch(id string, at int64) error {
	var n int
	if err := t.query(`SELECT count(*) FROM journal_epoch`, nil).Row(&n); err != nil {
		return fmt.Errorf("journal epoch: %w", err)
	}
	if n > 0 {
		return nil
	}
	return t.insertEpoch(id, at)
}

// LeaveEpoch ends the present epoch and begins the next, id, at the newest seq
// (EPOCH-2). shared is the last seq that the line which is left surely shares
// with this one; a greater one than the newest counts as that. What is known to
// be held off the machine stays known: it is of this database (EPOCH-3).
func (t *Tx) LeaveEpoch(id string, at, shared int64) error {
	former, err := t.Epoch()
	if err != nil {
		return err
	}
	head, err := t.LastSeq()
	if err != nil {
		return err
	}
	_, err = t.query(`UPDATE journal_epoch SET left_seq={:seq} WHERE left_seq IS NULL`, dbx.Params{"seq": min(shared, head)}).Execute()
	if err != nil {
		return fmt.Errorf("journal leave epoch: %w", err)
	}
	if err := t.insertEpoch(id, at); err != nil {
		return err
	}
	durable, err := t.Durable(former)
	if err != nil || durable == 0 {
		return err
	}
	return t.RaiseDurable(id, min(durable, head), at, "former epoch")
}

func (t *Tx) insertEpoch(id string, at int64) error {
	seq, err := t.LastSeq()
	if err != nil {
		return err
	}
	_, err = t.query(`INSERT INTO journal_epoch (epoch,began_seq,began_at) VALUES ({:id},{:seq},{:at})`,
		dbx.Params{"id": id, "seq": seq, "at": at}).Execute()
	if err != nil {
		return fmt.Errorf("journal epoch: %w", err)
	}
	return nil
}

// Home is the fingerprint of the place that this database was last served from;
// "" before the first time.
func (r *Reader) Home() (string, error) {
	var home string
	err := r.query(`SELECT fingerprint FROM journal_home`, nil).Row(&home)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("journal home: %w", err)
	}
	return home, nil
}

// SetHome notes the place that this database is served from.
func (t *Tx) SetHome(fingerprint string) error {
	_, err := t.query(`INSERT INTO journal_home (one,fingerprint) VALUES (1,{:f})
		ON CONFLICT (one) DO UPDATE SET fingerprint=excluded.fingerprint`, dbx.Params{"f": fingerprint}).Execute()
	if err != nil {
		return fmt.Errorf("journal home: %w", err)
	}
	return nil
}

// Durable gives the greatest seq that is noted as held off this machine, for an
// epoch; 0 before any is.
func (r *Reader) Durable(epoch string) (int64, error) {
	var seq int64
	err := r.query(`SELECT seq FROM journal_durable WHERE epoch={:e}`, dbx.Params{"e": epoch}).Row(&seq)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("journal durable: %w", err)
	}
	return seq, nil
}

// RaiseDurable notes that the history up to seq is held off this machine, since
// when (ms) and how that is known. It never falls within an epoch (EPOCH-3).
func (t *Tx) RaiseDurable(epoch string, seq, at int64, how string) error {
	_, err := t.query(`INSERT INTO journal_durable (epoch,seq,at,how) VALUES ({:e},{:seq},{:at},{:how})
		ON CONFLICT (epoch) DO UPDATE SET seq=excluded.seq, at=excluded.at, how=excluded.how WHERE excluded.seq>journal_durable.seq`,
		dbx.Params{"e": epoch, "seq": seq, "at": at, "how": how}).Execute()
	if err != nil {
		return fmt.Errorf("journal durable: %w", err)
	}
	return nil
}

// agedStep bounds one look of Aged: a database that is new to it is gone
// through in steps, not in one long read.
const agedStep = 20_000

// Aged gives the greatest seq from `after` on up to which every entry was
// written at or before cutoff (ms); at most agedStep further. It goes entry by
// entry, each once in its life, instead of searching: a machine that starts with
// its clock at 1970 writes entries that look old, and a search by halves would
// land behind them and take all before for old too.
func (r *Reader) Aged(after, cutoff int64) (int64, error) {
	var last sql.NullInt64
	err := r.query(`SELECT coalesce(
		(SELECT seq-1 FROM journal_entry WHERE seq>{:after} AND seq<={:after}+{:step} AND at>{:cutoff} ORDER BY seq LIMIT 1),
		(SELECT max(seq) FROM journal_entry WHERE seq>{:after} AND seq<={:after}+{:step}))`,
		dbx.Params{"after": after, "step": agedStep, "cutoff": cutoff}).Row(&last)
	if err != nil {
		return 0, fmt.Errorf("journal aged: %w", err)
	}
	return max(after, last.Int64), nil
}

// WrittenAt gives when an entry was written (ms); 0 when there is none.
func (r *Reader) WrittenAt(seq int64) (int64, error) {
	var at int64
	err := r.query(`SELECT at FROM journal_entry WHERE seq={:seq}`, dbx.Params{"seq": seq}).Row(&at)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("journal entry %d: %w", seq, err)
	}
	return at, nil
}
