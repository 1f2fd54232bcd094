package journal

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/pocketbase/dbx"

	"github.com/fieldpost/fieldpost/internal/merge"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// columns are the columns of a table, in order.
func columns(t *testing.T, db *dbx.DB, table string) []string {
	t.Helper()
	var names []string
	err := db.NewQuery(`SELECT name FROM pragma_table_info({:t}) ORDER BY cid`).Bind(dbx.Params{"t": table}).Column(&names)
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// order is seq and mut of every entry.
func order(t *testing.T, db *dbx.DB) [][2]int64 {
	t.Helper()
	var rows []struct {
		Seq int64 `db:"seq"`
		Mut int64 `db:"mut"`
	}
	if err := db.NewQuery(`SELECT seq, mut FROM journal_entry ORDER BY seq`).All(&rows); err != nil {
		t.Fatal(err)
	}
	var out [][2]int64
	for _, r := range rows {
		out = append(out, [2]int64{r.Seq, r.Mut})
	}
	return out
}

func TestOrder(t *testing.T) {
	t.Run("[JOURNAL-3] seq counts from 1 without gaps, over transactions and other Txs", func(t *testing.T) {
		db := open(t)
		got := add(t, db, created("r1"), created("r2"))
		got = append(got, add(t, db, created("r3"))...)
		if !slices.Equal(got, []int64{1, 2, 3}) {
			t.Errorf("got %v", got)
		}
	})
	t.Run("[JOURNAL-3] the entries of one mutation share the seq of its first", func(t *testing.T) {
		db := open(t)
		commit(t, db, func(tx *Tx) error {
			for i, group := range [][]string{{"r1"}, {"r2", "r3", "r4"}, {"r5", "r6"}} {
				tx.NewMutation()
				for _, id := range group {
					if _, err := tx.Append(created(id)); err != nil {
						return err
					}
				}
				seq, err := tx.LastSeq()
				if err != nil {
					return err
				}
				if want := []int64{1, 4, 6}[i]; seq != want {
					t.Errorf("mutation %d ends at %d, want %d", i, seq, want)
				}
			}
			return nil
		})
		add(t, db, created("r7"))
		want := [][2]int64{{1, 1}, {2, 2}, {3, 2}, {4, 2}, {5, 5}, {6, 5}, {7, 7}}
		if got := order(t, db); !reflect.DeepEqual(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	})
	t.Run("[JOURNAL-3] a transaction that is rolled back leaves no gap", func(t *testing.T) {
		db := open(t)
		add(t, db, created("r1"))
		broken := errors.New("broken")
		err := within(db, func(tx *Tx) error {
			if _, err := tx.Append(created("r2")); err != nil {
				return err
			}
			return broken
		})
		if !errors.Is(err, broken) {
			t.Fatal(err)
		}
		if got := add(t, db, created("r3")); !slices.Equal(got, []int64{2}) {
			t.Errorf("got %v", got)
		}
		if rep := verify(t, db); rep.Bad != 0 || rep.Entries != 2 {
			t.Errorf("got %+v", rep)
		}
	})
	t.Run("[JOURNAL-3] many writers at once get one order without gaps, each transaction in one piece", func(t *testing.T) {
		db := open(t)
		const writers, each, inOne = 6, 5, 3
		var wg sync.WaitGroup
		errs := make([]error, writers)
		for w := range writers {
			wg.Go(func() {
				for i := range each {
					errs[w] = errors.Join(errs[w], within(db, func(tx *Tx) error {
						tx.NewMutation()
						for k := range inOne {
							if _, err := tx.Append(created(fmt.Sprintf("r%d.%d.%d", w, i, k))); err != nil {
								return err
							}
						}
						return nil
					}))
				}
			})
		}
		wg.Wait()
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
		got := order(t, db)
		if len(got) != writers*each*inOne {
			t.Fatalf("%d entries", len(got))
		}
		for i, o := range got {
			seq := int64(i + 1)
			if o[0] != seq || o[1] != seq-int64(i%inOne) {
				t.Fatalf("entry %d has seq %d, mut %d", i, o[0], o[1])
			}
		}
		if rep := verify(t, db); rep.Bad != 0 {
			t.Errorf("got %+v", rep)
		}
	})
	t.Run("[JOURNAL-3] a second Tx that wrote in between fails instead of forking the chain", func(t *testing.T) {
		db := open(t)
		err := within(db, func(a *Tx) error {
			if _, err := a.Append(created("r1")); err != nil {
				return err
			}
			b := Begin(a.db)
			if _, err := b.Append(created("r2")); err != nil {
				t.Errorf("the second: %v", err)
			}
			if err := b.Close(); err != nil {
				t.Error(err)
			}
			_, err := a.Append(created("r3"))
			return err
		})
		if err == nil {
			t.Error("two entries took one seq")
		}
	})
}

func TestAllOrNothing(t *testing.T) {
	everything := func(tx *Tx) error {
		if err := tx.BeginEpoch("e1", 1); err != nil {
			return err
		}
		if _, err := tx.Append(created("r1", "org:a")); err != nil {
			return err
		}
		if _, err := tx.Append(updated("r1", 950, []string{"org:a"}, []string{"org:b"})); err != nil {
			return err
		}
		return errors.Join(tx.PutReceipt(receipt(1, wire.Applied, 2)), tx.Defer(rosa, 2, stamp(901, rosa), 5, 5), tx.MarkSeen(rosa, 2, "r1"))
	}
	t.Run("[PUSH-1] what is committed stands in every table; what is rolled back in none", func(t *testing.T) {
		db := open(t)
		broken := errors.New("broken")
		err := within(db, func(tx *Tx) error { return errors.Join(everything(tx), broken) })
		if err == nil || err.Error() != broken.Error() {
			t.Fatal(err)
		}
		for name, rows := range dumpAll(t, db) {
			if rows != "" {
				t.Errorf("%s after the rollback: %s", name, rows)
			}
		}
		commit(t, db, everything)
		for _, name := range []string{"journal_epoch", "journal_entry", "journal_content", "journal_clock", "journal_feed", "journal_receipt", "journal_deferred", "journal_seen"} {
			if dump(t, db, name) == "" {
				t.Errorf("%s is empty after the commit", name)
			}
		}
	})
	for name, bad := range map[string]func(*Entry){
		"a value that JSON cannot hold": func(e *Entry) { e.Fields["people"] = math.NaN() },
		"an op that there is not":       func(e *Entry) { e.Op = "upsert" },
		"no op":                         func(e *Entry) { e.Op = "" },
	} {
		t.Run("[JOURNAL-1] an entry that cannot be written is an error and leaves nothing: "+name, func(t *testing.T) {
			db := open(t)
			e := created("r1", "org:a")
			bad(&e)
			commit(t, db, func(tx *Tx) error {
				if _, err := tx.Append(e); err == nil {
					t.Error("it was written")
				}
				return nil
			})
			for table, rows := range dumpAll(t, db) {
				if rows != "" {
					t.Errorf("%s: %s", table, rows)
				}
			}
		})
	}
}

// wantClock compares a stored clock, nil for none.
func wantClock(t *testing.T, db *dbx.DB, record string, want *RecordClock) {
	t.Helper()
	got, err := NewReader(db).Clock("observations", record)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("clock of %s\ngot  %+v\nwant %+v", record, got, want)
	}
}

func TestClocks(t *testing.T) {
	base := merge.Clock{Seq: 1, Eff: at(900), Stored: stamp(900, rosa)}
	note := func(seq, ms int64) merge.Clock { return merge.Clock{Seq: seq, Eff: at(ms), Stored: stamp(ms, dee)} }

	t.Run("[MERGE-1] a create gives every field one clock, at its own seq", func(t *testing.T) {
		db := open(t)
		add(t, db, created("r1"))
		wantClock(t, db, "r1", &RecordClock{Version: 1, Created: 1, Default: base})
		wantClock(t, db, "r2", nil)
	})
	t.Run("[MERGE-1] fields that a create gives a clock of their own get its seq too", func(t *testing.T) {
		db := open(t)
		add(t, db, created("r0"))
		e := created("r1")
		elements := map[string]merge.Element{"ab": {Eff: at(900), Present: true}}
		e.Clocks = map[string]merge.Clock{"outreach": {Eff: at(900), Elements: elements}}
		add(t, db, e)
		def := base
		def.Seq = 2
		wantClock(t, db, "r1", &RecordClock{Version: 2, Created: 2, Default: def,
			Fields: map[string]merge.Clock{"outreach": {Seq: 2, Eff: at(900), Elements: elements}}})
		if e.Clocks["outreach"].Seq != 0 || e.Default.Seq != 0 {
			t.Error("the caller's clocks were changed")
		}
	})
	t.Run("[MERGE-1] a change moves the version and its own field, the others keep theirs", func(t *testing.T) {
		db := open(t)
		add(t, db, created("r1"), created("r2"), updated("r1", 950, nil, nil))
		wantClock(t, db, "r1", &RecordClock{Version: 3, Created: 1, Default: base, Fields: map[string]merge.Clock{"note": note(3, 950)}})
		c, err := NewReader(db).Clock("observations", "r1")
		if err != nil {
			t.Fatal(err)
		}
		if c.Of("note").Seq != 3 || !reflect.DeepEqual(c.Of("people"), base) {
			t.Errorf("note %+v, people %+v", c.Of("note"), c.Of("people"))
		}
	})
	t.Run("[MERGE-2] a clock of a field that the entry does not change keeps its seq", func(t *testing.T) {
		db := open(t)
		e := updated("r1", 950, nil, nil)
		lost := merge.Clock{Seq: 1, Eff: at(900), Lost: map[string]merge.Lost{dee: {Eff: at(890), Value: "ff", Seq: 1}}}
		e.Clocks["people"] = lost
		add(t, db, created("r1"), e)
		wantClock(t, db, "r1", &RecordClock{Version: 2, Created: 1, Default: base,
			Fields: map[string]merge.Clock{"note": note(2, 950), "people": lost}})
	})
	t.Run("[MERGE-2] clocks of writes that lost are kept without an entry, and the version stays", func(t *testing.T) {
		db := open(t)
		add(t, db, created("r1"), updated("r1", 950, nil, nil))
		lost := base
		lost.Lost = map[string]merge.Lost{dee: {Eff: at(890), Value: "ff", Seq: 2}}
		commit(t, db, func(tx *Tx) error { return tx.SetClocks("observations", "r1", map[string]merge.Clock{"people": lost}) })
		wantClock(t, db, "r1", &RecordClock{Version: 2, Created: 1, Default: base,
			Fields: map[string]merge.Clock{"note": note(2, 950), "people": lost}})
		if got := order(t, db); len(got) != 2 {
			t.Errorf("entries %v", got)
		}
		err := within(db, func(tx *Tx) error { return tx.SetClocks("observations", "r9", map[string]merge.Clock{"people": lost}) })
		if err == nil {
			t.Error("clocks of a record that never was were stored")
		}
	})
	t.Run("[MERGE-5] a deleted id stays, marked gone, also when a loser's clock is kept afterwards", func(t *testing.T) {
		db := open(t)
		add(t, db, created("r1"), deleted("r1", 950))
		want := &RecordClock{Version: 2, Created: 1, Gone: true, Default: base, Fields: map[string]merge.Clock{}}
		got, err := NewReader(db).Clock("observations", "r1")
		if err != nil {
			t.Fatal(err)
		}
		if got == nil || !got.Gone || got.Version != 2 || got.Created != 1 {
			t.Errorf("got %+v, want %+v", got, want)
		}
		commit(t, db, func(tx *Tx) error { return tx.SetClocks("observations", "r1", map[string]merge.Clock{"note": base}) })
		got, err = NewReader(db).Clock("observations", "r1")
		if err != nil {
			t.Fatal(err)
		}
		if got == nil || !got.Gone || got.Version != 2 {
			t.Errorf("got %+v", got)
		}
	})
	for name, c := range map[string]struct{ before, then Entry }{
		"a create after its delete":  {deleted("r1", 950), created("r1", "org:b")},
		"a change after its delete":  {deleted("r1", 950), updated("r1", 960, nil, []string{"org:b"})},
		"a delete after its delete":  {deleted("r1", 950), deleted("r1", 960, "org:b")},
		"a create while it lives":    {updated("r1", 950, nil, nil), created("r1", "org:b")},
		"a create in the same group": {created("r2"), created("r2", "org:b")},
	} {
		t.Run("[MERGE-5] an id never lives twice, and the refusal writes nothing: "+name, func(t *testing.T) {
			db := open(t)
			add(t, db, created("r1"))
			commit(t, db, func(tx *Tx) error {
				_, err := tx.Append(c.before)
				return err
			})
			before := dumpAll(t, db)
			commit(t, db, func(tx *Tx) error {
				if _, err := tx.Append(c.then); !errors.Is(err, ErrIDSpent) {
					t.Errorf("got %v, want ErrIDSpent", err)
				}
				if len(tx.Touched()) != 0 {
					t.Errorf("touched %v", tx.Touched())
				}
				return nil
			})
			if after := dumpAll(t, db); !maps.Equal(before, after) {
				t.Errorf("before %v\nafter %v", before, after)
			}
			if got := add(t, db, created("r3")); !slices.Equal(got, []int64{3}) {
				t.Errorf("the next entry is %v", got)
			}
		})
	}
	t.Run("[MERGE-5] the same id in another collection is another record", func(t *testing.T) {
		db := open(t)
		e := created("r1")
		e.Collection = "submissions"
		add(t, db, created("r1"), deleted("r1", 950), e)
		got, err := NewReader(db).Clock("submissions", "r1")
		if err != nil || got == nil || got.Gone || got.Version != 3 {
			t.Errorf("got %+v, %v", got, err)
		}
	})
	t.Run("[JOURNAL-1] a record from before the journal begins its history with its first change", func(t *testing.T) {
		db := open(t)
		add(t, db, created("r0"), updated("r1", 950, nil, nil))
		wantClock(t, db, "r1", &RecordClock{Version: 2, Created: 2, Fields: map[string]merge.Clock{"note": note(2, 950)}})
	})
	t.Run("[MERGE-1] versions of many records are read at once, gone ones included", func(t *testing.T) {
		db := open(t)
		add(t, db, created("r1"), created("r2"), deleted("r1", 950))
		r := NewReader(db)
		got, err := r.Versions("observations", []string{"r1", "r2", "r3", `r"4`})
		if err != nil {
			t.Fatal(err)
		}
		if !maps.Equal(got, map[string]int64{"r1": 3, "r2": 2}) {
			t.Errorf("got %v", got)
		}
		for _, none := range []struct {
			collection string
			ids        []string
		}{{"observations", nil}, {"submissions", []string{"r1"}}} {
			if got, err := r.Versions(none.collection, none.ids); len(got) != 0 || err != nil {
				t.Errorf("%v: got %v, %v", none, got, err)
			}
		}
	})
}

func TestHistory(t *testing.T) {
	db := open(t)
	e := created("r1")
	e.Extra = map[string]any{"mood": "calm"}
	add(t, db, e, created("r2"), updated("r1", 950, nil, nil), deleted("r1", 960))
	r := NewReader(db)
	t.Run("[JOURNAL-1] the history of a record gives each value with its effective stamp, device and what was not understood", func(t *testing.T) {
		got, err := r.History("observations", "r1")
		if err != nil {
			t.Fatal(err)
		}
		var want []PastEntry
		for i, e := range []Entry{e, updated("r1", 950, nil, nil), deleted("r1", 960)} {
			want = append(want, PastEntry{Seq: []int64{1, 3, 4}[i], Op: e.Op, Actor: e.Actor, Device: e.Device, Stamp: e.Stamp, At: e.At,
				Content: Content{Fields: e.Fields, Eff: e.Eff, Extra: e.Extra}})
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("got  %+v\nwant %+v", got, want)
		}
	})
	t.Run("[JOURNAL-1] a record that never was has no history and no origin", func(t *testing.T) {
		got, err := r.History("submissions", "r1")
		if len(got) != 0 || err != nil {
			t.Errorf("got %+v, %v", got, err)
		}
		if actor, device, err := r.Origin("submissions", "r1"); actor != "" || device != "" || err != nil {
			t.Errorf("got %q %q %v", actor, device, err)
		}
	})
	t.Run("[JOURNAL-1] a record from before the journal has no origin, not the first one who changed it", func(t *testing.T) {
		add(t, db, updated("r0", 970, nil, nil))
		if actor, device, err := r.Origin("observations", "r0"); actor != "" || device != "" || err != nil {
			t.Errorf("got %q %q %v", actor, device, err)
		}
	})
	t.Run("[JOURNAL-1] the origin of a record is who created it, whoever changed it later", func(t *testing.T) {
		if actor, device, err := r.Origin("observations", "r1"); actor != "rosa" || device != rosa || err != nil {
			t.Errorf("got %q %q %v", actor, device, err)
		}
	})
}

func TestEpochs(t *testing.T) {
	t.Run("[EPOCH-1] a database has no epoch until one begins, and keeps its first", func(t *testing.T) {
		db := open(t)
		r := NewReader(db)
		if id, err := r.Epoch(); err == nil {
			t.Errorf("epoch %q of an empty database", id)
		}
		for _, id := range []string{"first", "second"} {
			commit(t, db, func(tx *Tx) error { return tx.BeginEpoch(id, 5) })
			add(t, db, created(id))
			if got, err := r.Epoch(); got != "first" || err != nil {
				t.Errorf("after %s: %q, %v", id, got, err)
			}
		}
		if rows := dump(t, db, "journal_epoch"); strings.Contains(rows, "second") {
			t.Errorf("rows %s", rows)
		}
	})
	t.Run("[EPOCH-1] the epoch that was not left is the one that counts", func(t *testing.T) {
		db := open(t)
		commit(t, db, func(tx *Tx) error { return tx.BeginEpoch("first", 5) })
		tamper(t, db, `UPDATE journal_epoch SET left_seq=9`, `INSERT INTO journal_epoch VALUES ('second',4,6,NULL)`)
		if got, err := NewReader(db).Epoch(); got != "second" || err != nil {
			t.Errorf("got %q, %v", got, err)
		}
	})
	t.Run("[EPOCH-1] the hash at a point tells one history from another, and a point not reached has none", func(t *testing.T) {
		a, b := open(t), open(t)
		for _, db := range []*dbx.DB{a, b} {
			add(t, db, created("r1"), created("r2"))
		}
		at := func(db *dbx.DB, seq int64) []byte {
			t.Helper()
			h, err := NewReader(db).HashAt(seq)
			if err != nil {
				t.Fatal(err)
			}
			return h
		}
		if bytes.Equal(at(a, 2), at(b, 2)) || len(at(a, 2)) != 32 {
			t.Error("two histories have one hash")
		}
		if at(a, 3) != nil || at(a, -1) != nil {
			t.Error("a point not reached has a hash")
		}
		if !bytes.Equal(at(a, 0), make([]byte, 32)) {
			t.Error("the beginning has another hash than 32 zero bytes")
		}
		_, head, err := NewReader(a).Head()
		if err != nil || !bytes.Equal(head, at(a, 2)) {
			t.Errorf("head %x, %v", head, err)
		}
	})
}

func TestPseudonyms(t *testing.T) {
	db := open(t)
	add(t, db, created("r1", "org:a"), updated("r1", 950, []string{"org:a"}, []string{"org:b"}))
	commit(t, db, func(tx *Tx) error {
		return errors.Join(tx.PutReceipt(receipt(1, wire.Applied, 1)), tx.Defer(rosa, 2, stamp(901, rosa), 5, 5), tx.MarkSeen(rosa, 2, "r1"))
	})
	const phone = "phone0000000001"
	if err := Contact(db, phone, 86_400_000); err != nil {
		t.Fatal(err)
	}
	t.Run("[JOURNAL-4] a device's id in clear is in the table of contacts only, which holds nothing else than a time", func(t *testing.T) {
		if got := columns(t, db, "journal_contact"); !slices.Equal(got, []string{"device", "at"}) {
			t.Errorf("columns %v", got)
		}
		for table, rows := range dumpAll(t, db) {
			if in := strings.Contains(rows, phone); in != (table == "journal_contact") {
				t.Errorf("%s holds the id: %v", table, in)
			}
			if table == "journal_contact" && strings.Contains(rows, rosa) {
				t.Errorf("%s holds a pseudonym: %s", table, rows)
			}
		}
	})
	t.Run("[JOURNAL-4] the feed names no device and no person", func(t *testing.T) {
		got := columns(t, db, "journal_feed")
		if !slices.Equal(got, []string{"record", "collection", "scope", "seq", "mut", "gone"}) {
			t.Errorf("columns %v", got)
		}
		if rows := dump(t, db, "journal_feed"); strings.Contains(rows, rosa) || strings.Contains(rows, "dee") {
			t.Errorf("rows %s", rows)
		}
	})
	t.Run("[JOURNAL-4] an error about a record tells ids, never content, actor or device", func(t *testing.T) {
		err := within(db, func(tx *Tx) error {
			_, err := tx.Append(created("r1"))
			return err
		})
		if err == nil || !strings.Contains(err.Error(), "observations r1") {
			t.Fatalf("got %v", err)
		}
		for _, secret := range []string{"van", "rosa", rosa} {
			if strings.Contains(err.Error(), secret) {
				t.Errorf("%q tells %q", err, secret)
			}
		}
	})
}
