package client

import (
	"context"
	"database/sql"
	"time"
)

// Status is where the device stands. The counts are of what the person did
// here, and each act counts in one of Waiting, Received, Seen, NeedsAttention
// and Corrected; Saved is their sum.
type Status struct {
	Device   string
	Name     string
	Enrolled bool
	Person   Person
	URL      string   // where the server is
	Lineage  []string // ids that this device went by before

	Saved          int // on this phone, whatever became of it
	Waiting        int
	Received       int // and not yet seen
	Seen           int
	NeedsAttention int
	Corrected      int       // set aside for a corrected copy
	OldestWaiting  time.Time // when the oldest waiting act was saved; zero: none

	Pulled         bool      // there is a view
	Records        int       // in the confirmed view
	Resetting      bool      // a full view is on its way and not yet whole
	LastContact    time.Time // last answer of the server; zero: never
	LastContactURL string
	Offset         *time.Duration // server minus device clock; nil: unknown
	Problem        *Problem       // why the last exchange failed; what a push failed with stays until one gets through
	Checked        time.Time      // when the view was last compared with the server's (PULL-8); zero: that is due
	Doubtful       []string       // collections whose check fails (PULL-4)
}

// Problem is a failure that a person may want to see later.
type Problem struct {
	Code, Message, Hint string
	At                  time.Time
}

// Status reads the status. It asks nobody.
func (d *Device) Status() (Status, error) {
	var s Status
	ctx := context.Background()
	err := d.store.read(ctx, "read status", func(tx *sql.Tx, st *state) error {
		s = Status{Device: st.id, Name: st.name, Enrolled: st.token != "", Person: st.person, URL: st.url,
			Pulled: st.viewEpoch != nil, Resetting: st.resetting, LastContactURL: st.contactURL}
		if st.contact > 0 {
			s.LastContact = time.UnixMilli(st.contact).UTC()
		}
		if st.offset != nil {
			offset := time.Duration(*st.offset) * time.Millisecond
			s.Offset = &offset
		}
		p, err := st.readProblem()
		if err != nil {
			return err
		}
		if p != nil {
			s.Problem = &Problem{p.Code, p.Message, p.Hint, time.UnixMilli(p.At).UTC()}
		}
		if err := s.count(ctx, tx); err != nil {
			return err
		}
		if s.Lineage, err = column[string](ctx, tx, "SELECT id FROM lineage ORDER BY until, rowid"); err != nil {
			return err
		}
		c, err := loadChecking(ctx, tx)
		if err != nil {
			return err
		}
		if c.checked > 0 {
			s.Checked = time.UnixMilli(c.checked).UTC()
		}
		s.Doubtful, err = column[string](ctx, tx, "SELECT collection FROM doubtful ORDER BY collection")
		return err
	})
	return s, err
}

// count reads the counts by index, not row by row: the screen asks often.
func (s *Status) count(ctx context.Context, tx *sql.Tx) error {
	rows, err := tx.QueryContext(ctx, "SELECT state, count(*) FROM outbox GROUP BY state")
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var phase Phase
		var n int
		if err := rows.Scan(&phase, &n); err != nil {
			return err
		}
		s.Saved += n
		switch phase {
		case Waiting:
			s.Waiting = n
		case Acknowledged, Settled:
			s.Received += n
		case Parked:
			s.NeedsAttention = n
		case Corrected:
			s.Corrected = n
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	var oldest sql.NullInt64
	err = tx.QueryRowContext(ctx, `SELECT (SELECT count(*) FROM records), (SELECT min(made) FROM outbox WHERE state = 'waiting'),
		(SELECT count(*) FROM outbox WHERE state IN ('acknowledged', 'settled') AND pos IN (SELECT t.pos FROM seen JOIN touched t ON t.id = seen.id
			WHERE t.collection IN ('observations', 'submissions') AND t.kind = 'create'))`).Scan(&s.Records, &oldest, &s.Seen)
	if oldest.Valid {
		s.OldestWaiting = time.UnixMilli(oldest.Int64).UTC()
	}
	s.Received -= s.Seen
	return err
}
