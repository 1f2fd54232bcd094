package journal

import (
	"bytes"
	"fmt"
	"math"
	"strings"

	"github.com/pocketbase/dbx"
)

// Report is what Verify found.
type Report struct {
	Entries int64  // entries read
	Erased  int64  // entries whose content retention took
	Bad     int64  // seq of the first bad entry, 0 when all is well
	Why     string // what is wrong with it
	Head    []byte // hash of the last good entry
}

// Sound fails, with the word malformed, when SQLite finds a page of the
// database broken: of any table, not of the journal alone. It reads all of it.
func (r *Reader) Sound() error {
	var found string
	if err := r.db.NewQuery("PRAGMA quick_check(1)").Row(&found); err != nil {
		return fmt.Errorf("check database: %w", err)
	}
	if found != "ok" {
		return fmt.Errorf("check database: malformed: %s", strings.ReplaceAll(found, "\n", "; "))
	}
	return nil
}

// Verify reads the whole chain and names the first entry that is missing,
// changed, or whose content does not fit its hash (JOURNAL-2). A tail that was
// cut off leaves a chain that fits: what still refers to it gives it away.
func (r *Reader) Verify() (Report, error) {
	rep := Report{Head: make([]byte, 32)}
	const page = 2000
	// Read before the chain: entries that are committed meanwhile must not look
	// like a lost tail.
	last, err := r.lastNamed()
	if err != nil {
		return rep, err
	}
	after := int64(math.MinInt64)
	for {
		var rows []struct {
			row
			Kept bool   `db:"kept"` // an emptied body reads like none
			Salt []byte `db:"salt"`
			Body []byte `db:"body"`
		}
		err := r.db.NewQuery(`SELECT e.*, c.seq IS NOT NULL AS kept, c.salt AS salt, c.body AS body FROM journal_entry e
			LEFT JOIN journal_content c ON c.seq=e.seq WHERE e.seq>{:after} ORDER BY e.seq LIMIT {:n}`).
			Bind(dbx.Params{"after": after, "n": page}).All(&rows)
		if err != nil {
			return rep, fmt.Errorf("verify journal: %w", err)
		}
		for _, e := range rows {
			switch {
			case e.Seq < 1:
				rep.Bad, rep.Why = 1, fmt.Sprintf("entry %d stands outside of the chain, before it", e.Seq)
			case e.Seq != rep.Entries+1:
				rep.Bad, rep.Why = rep.Entries+1, "the entry is missing"
			case !bytes.Equal(e.chain(rep.Head), e.Hash):
				rep.Bad, rep.Why = e.Seq, "the entry or the hash before it was changed"
			case e.Kept && !bytes.Equal(contentHash(e.Salt, e.Body), e.ContentHash):
				rep.Bad, rep.Why = e.Seq, "the content does not fit its hash"
			}
			if rep.Bad != 0 {
				return rep, nil
			}
			if !e.Kept {
				rep.Erased++
			}
			rep.Entries, rep.Head, after = e.Seq, e.Hash, e.Seq
		}
		if len(rows) < page {
			break
		}
	}
	if last > rep.Entries {
		rep.Bad, rep.Why = rep.Entries+1, "the entry is missing, other tables still refer to it or to a later one"
	}
	return rep, nil
}

// lastNamed gives the greatest seq that any other table refers to.
func (r *Reader) lastNamed() (int64, error) {
	var last int64
	err := r.db.NewQuery(`SELECT coalesce(max(seq),0) FROM (
		SELECT max(seq) AS seq FROM journal_content
		UNION ALL SELECT max(version) FROM journal_clock
		UNION ALL SELECT max(seq) FROM journal_feed
		UNION ALL SELECT max(seq) FROM journal_receipt
		UNION ALL SELECT max(seq) FROM journal_seen)`).Row(&last)
	if err != nil {
		return 0, fmt.Errorf("verify journal: %w", err)
	}
	return last, nil
}
