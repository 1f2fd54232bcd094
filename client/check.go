package client

import (
	"context"
	"database/sql"
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"github.com/fieldpost/fieldpost/internal/wire"
)

// A check, in one picture (PULL-8, PULL-4):
//
//	pull --last page, with digests--> the same as of the confirmed view --> done
//	  ^                                 |
//	  |                               differ
//	  |                                 |
//	  '---- cursor:null, a full view <--+--> after 3 of them in a day: doubtful,
//	                                         and a person is told
//
// Every step is stored in the transaction of the page that brought it about,
// so that what is cut goes on with the next pull. The outbox plays no part.
const (
	checkEvery     = 24 * time.Hour
	maxCheckResets = 3 // in checkEvery
)

// CheckReport is what came of comparing the confirmed view with the server's.
type CheckReport struct {
	Agrees   bool     // at the end all that is confirmed here is what the server shows the person
	Differed []string // collections that did not agree at first
	Doubtful []string // collections that do not agree after all; they are marked
	Cleared  []string // collections that were doubtful and are no more
	Resets   int      // full views that were pulled to mend it
}

// CheckView compares the view with what the server shows the person, and mends
// what differs, as a pull does by itself once a day. The report's Check tells
// what came of it. Errors as for Pull; ErrNotFieldpost also for a server that
// gives no digests.
func (d *Device) CheckView(ctx context.Context) (PullReport, error) {
	d.pulling.Lock()
	defer d.pulling.Unlock()
	if _, err := d.enrolled(); err != nil {
		return PullReport{}, err
	}
	// Noted before it is tried: if there is no network, the next pull checks.
	if err := d.store.tx(ctx, "ask for a check", func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "UPDATE device SET checked = 0")
		return err
	}); err != nil {
		return PullReport{}, err
	}
	report, err := d.pull(ctx, 0, 0)
	if err == nil && report.Check == nil {
		err = notOurs("The server gave nothing to compare with.", http.StatusOK, nil)
	}
	return report, d.noteProblem(ctx, err, false)
}

// checking is where the device stands with its checks.
type checking struct {
	checked int64   // when one was last done with, by the device's clock; 0: one is due
	resets  []int64 // when full views were begun for it, by the server's clock: nobody sets that one back and forth here
}

func loadChecking(ctx context.Context, tx *sql.Tx) (c checking, err error) {
	var resets string
	if err := tx.QueryRowContext(ctx, "SELECT checked, check_resets FROM device").Scan(&c.checked, &resets); err != nil {
		return c, err
	}
	if resets != "" {
		if err := json.Unmarshal([]byte(resets), &c.resets); err != nil {
			return c, damaged(err)
		}
	}
	return c, nil
}

func (c checking) save(ctx context.Context, tx *sql.Tx) error {
	resets, err := json.Marshal(c.resets)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, "UPDATE device SET checked = ?, check_resets = ?", c.checked, string(resets))
	return err
}

// due tells whether a day has passed, or the clock was set back behind the
// last check.
func (c checking) due(now time.Time) bool {
	passed := now.UnixMilli() - c.checked
	return passed < 0 || passed >= checkEvery.Milliseconds()
}

// check compares the view that a pull has just made whole with the server's.
// again tells that a full view must come first: the state's cursor is null. A
// server that gave no digests (nil) is asked again in a day.
func (s *state) check(ctx context.Context, tx *sql.Tx, theirs map[string]wire.Digest, now, server time.Time, report *PullReport) (again bool, err error) {
	c, err := loadChecking(ctx, tx)
	if err != nil {
		return false, err
	}
	if theirs == nil {
		c.checked, report.Check = now.UnixMilli(), nil
		return false, c.save(ctx, tx)
	}
	mine, err := s.digests(ctx, tx)
	if err != nil {
		return false, err
	}
	if report.Check == nil {
		report.Check = &CheckReport{}
	}
	r, bad := report.Check, differing(mine, theirs)
	if r.Resets == 0 {
		r.Differed = bad
	}
	c.resets = slices.DeleteFunc(c.resets, func(at int64) bool {
		return server.Sub(time.UnixMilli(at)).Abs() >= checkEvery
	})
	if len(bad) > 0 && len(c.resets) < maxCheckResets && r.Resets < maxCheckResets {
		r.Resets++
		c.resets, c.checked = append(c.resets, server.UnixMilli()), 0
		s.cursor = nil
		return true, c.save(ctx, tx)
	}
	c.checked = now.UnixMilli()
	if err := c.save(ctx, tx); err != nil {
		return false, err
	}
	r.Agrees, r.Doubtful = len(bad) == 0, bad
	r.Cleared, err = markDoubtful(ctx, tx, bad, now)
	return false, err
}

// digests are those of the confirmed view. What a reset has left because of a
// waiting change (PULL-4) is not in it: the server did not send it.
func (s *state) digests(ctx context.Context, tx *sql.Tx) (map[string]wire.Digest, error) {
	rows, err := tx.QueryContext(ctx, "SELECT collection, id, seq FROM records WHERE generation = ?", s.generation)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	sums := map[string]*wire.Summer{}
	for rows.Next() {
		var collection, id string
		var seq int64
		if err := rows.Scan(&collection, &id, &seq); err != nil {
			return nil, err
		}
		if sums[collection] == nil {
			sums[collection] = &wire.Summer{}
		}
		sums[collection].Add(id, seq)
	}
	out := map[string]wire.Digest{}
	for collection, sum := range sums {
		out[collection] = sum.Digest()
	}
	return out, rows.Err()
}

// differing names the collections whose digests are not the same, sorted. One
// that is missing is empty.
func differing(mine, theirs map[string]wire.Digest) []string {
	nothing := (&wire.Summer{}).Digest()
	of := func(all map[string]wire.Digest, collection string) wire.Digest {
		if d, ok := all[collection]; ok {
			return d
		}
		return nothing
	}
	var names []string
	for _, all := range []map[string]wire.Digest{mine, theirs} {
		for name := range all {
			if of(mine, name) != of(theirs, name) {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// markDoubtful marks these collections and no others, and names those whose
// doubt has ended.
func markDoubtful(ctx context.Context, tx *sql.Tx, bad []string, now time.Time) (cleared []string, err error) {
	before, err := column[string](ctx, tx, "SELECT collection FROM doubtful ORDER BY collection")
	if err != nil {
		return nil, err
	}
	for _, name := range before {
		if slices.Contains(bad, name) {
			continue
		}
		cleared = append(cleared, name)
		if _, err := tx.ExecContext(ctx, "DELETE FROM doubtful WHERE collection = ?", name); err != nil {
			return nil, err
		}
	}
	for _, name := range bad {
		if _, err := tx.ExecContext(ctx, "INSERT OR IGNORE INTO doubtful (collection, since) VALUES (?, ?)", name, now.UnixMilli()); err != nil {
			return nil, err
		}
	}
	return cleared, nil
}
