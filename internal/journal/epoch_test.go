package journal

import (
	"testing"

	"github.com/pocketbase/dbx"
)

// lined opens a database in its first epoch, "a", with n entries.
func lined(t *testing.T, n int) *dbx.DB {
	t.Helper()
	db := open(t)
	commit(t, db, func(tx *Tx) error { return tx.BeginEpoch("a", 1) })
	grow(t, db, n)
	return db
}

// grow adds n entries, written at the times of at, or at 1.
func grow(t *testing.T, db *dbx.DB, n int, at ...int64) {
	t.Helper()
	head, _, err := NewReader(db).Head()
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		e := created("r" + string(rune('a'+(head+int64(i))/26)) + string(rune('a'+(head+int64(i))%26)))
		e.At = 1
		if i < len(at) {
			e.At = at[i]
		}
		add(t, db, e)
	}
}

func leave(t *testing.T, db *dbx.DB, id string, shared int64) {
	t.Helper()
	commit(t, db, func(tx *Tx) error { return tx.LeaveEpoch(id, 2, shared) })
}

func TestLeaveEpoch(t *testing.T) {
	base := func(t *testing.T, db *dbx.DB, epoch string, base int64) int64 {
		t.Helper()
		all, err := NewReader(db).Epochs()
		if err != nil {
			t.Fatal(err)
		}
		return all.Base(epoch, base)
	}
	t.Run("[EPOCH-2] a new epoch begins where the former one was left, and the former one is kept with that point", func(t *testing.T) {
		db := lined(t, 5)
		leave(t, db, "b", 5)
		grow(t, db, 3)
		all, err := NewReader(db).Epochs()
		if err != nil || len(all) != 2 || all[0].ID != "a" || all[0].Left != 5 || all[0].Present || all.Present().ID != "b" || all.Present().Began != 5 {
			t.Fatalf("%+v %v", all, err)
		}
		if id, err := NewReader(db).Epoch(); id != "b" || err != nil {
			t.Errorf("present epoch %q %v", id, err)
		}
		if !all.Knows("a") || all.Knows("c") {
			t.Error("does not know its own")
		}
	})
	t.Run("[EPOCH-2] where less than all is surely shared the former one is left there, and never beyond the newest entry", func(t *testing.T) {
		db := lined(t, 5)
		leave(t, db, "b", 2)
		leave(t, db, "c", 99)
		all, err := NewReader(db).Epochs()
		if err != nil || len(all) != 3 || all[0].Left != 2 || all[1].ID != "b" || all[1].Left != 5 {
			t.Fatalf("%+v %v", all, err)
		}
	})
	t.Run("[EPOCH-2] without an epoch none is left", func(t *testing.T) {
		db := open(t)
		if err := within(db, func(tx *Tx) error { return tx.LeaveEpoch("b", 1, 0) }); err == nil {
			t.Error("no error")
		}
	})
	t.Run("[MERGE-1] bases count up to what is shared, epochs in which nothing was written included", func(t *testing.T) {
		db := lined(t, 5)
		leave(t, db, "b", 5)
		leave(t, db, "c", 5) // nothing was written in b
		grow(t, db, 4)
		leave(t, db, "d", 9)
		grow(t, db, 1)
		for _, c := range []struct {
			epoch      string
			base, want int64
		}{{"a", 8, 5}, {"a", 3, 3}, {"b", 8, 5}, {"c", 8, 8}, {"c", 12, 9}, {"d", 10, 10}, {"x", 4, 0}, {"", 4, 0}} {
			if got := base(t, db, c.epoch, c.base); got != c.want {
				t.Errorf("base %d of %q counts as %d, want %d", c.base, c.epoch, got, c.want)
			}
		}
	})
}

func TestDurable(t *testing.T) {
	durable := func(t *testing.T, db *dbx.DB, epoch string) int64 {
		t.Helper()
		seq, err := NewReader(db).Durable(epoch)
		if err != nil {
			t.Fatal(err)
		}
		return seq
	}
	raise := func(t *testing.T, db *dbx.DB, epoch string, seq int64) {
		t.Helper()
		commit(t, db, func(tx *Tx) error { return tx.RaiseDurable(epoch, seq, 7, "backup") })
	}
	t.Run("[EPOCH-3] it is 0 at first and never falls within an epoch", func(t *testing.T) {
		db := lined(t, 9)
		if got := durable(t, db, "a"); got != 0 {
			t.Errorf("at first %d", got)
		}
		for _, c := range []struct{ said, want int64 }{{4, 4}, {2, 4}, {6, 6}} {
			raise(t, db, "a", c.said)
			if got := durable(t, db, "a"); got != c.want {
				t.Errorf("after %d: %d, want %d", c.said, got, c.want)
			}
		}
	})
	t.Run("[EPOCH-3] a new epoch begins with what of this database was held, and not above its newest entry", func(t *testing.T) {
		db := lined(t, 5)
		raise(t, db, "a", 3)
		leave(t, db, "b", 1)
		if got := durable(t, db, "b"); got != 3 {
			t.Errorf("got %d", got)
		}
		tamper(t, db, `UPDATE journal_durable SET seq=50`)
		leave(t, db, "c", 5)
		if got := durable(t, db, "c"); got != 5 {
			t.Errorf("got %d of 5 entries", got)
		}
	})
	t.Run("[EPOCH-3] old counts up to the first entry that is not, whatever clock the ones behind it had", func(t *testing.T) {
		db := lined(t, 0)
		// A start with the clock at 1970 in between, and one far ahead.
		grow(t, db, 6, 100, 110, 5, 120, 9999, 130)
		for _, c := range []struct{ after, cutoff, want int64 }{{0, 90, 0}, {0, 100, 1}, {0, 115, 3}, {0, 500, 4}, {0, 99999, 6}, {2, 500, 4}, {4, 90, 4}, {6, 500, 6}, {9, 500, 9}} {
			got, err := NewReader(db).Aged(c.after, c.cutoff)
			if err != nil || got != c.want {
				t.Errorf("from %d at %d: %d, want %d (%v)", c.after, c.cutoff, got, c.want, err)
			}
		}
	})
	t.Run("[EPOCH-2] the place that a database is served from is kept", func(t *testing.T) {
		db := lined(t, 0)
		for _, place := range []string{"", "here", "there"} {
			if place != "" {
				commit(t, db, func(tx *Tx) error { return tx.SetHome(place) })
			}
			if got, err := NewReader(db).Home(); got != place || err != nil {
				t.Errorf("got %q %v, want %q", got, err, place)
			}
		}
	})
}
