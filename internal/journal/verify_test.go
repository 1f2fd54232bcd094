package journal

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/pocketbase/dbx"
)

// chainOf makes a journal of n entries: creates of as many records.
func chainOf(t *testing.T, n int) *dbx.DB {
	t.Helper()
	db := open(t)
	var entries []Entry
	for i := range n {
		entries = append(entries, created(fmt.Sprintf("r%014d", i+1), "org:a"))
	}
	add(t, db, entries...)
	return db
}

func verify(t *testing.T, db *dbx.DB) Report {
	t.Helper()
	rep, err := NewReader(db).Verify()
	if err != nil {
		t.Fatal(err)
	}
	return rep
}

func TestVerifyGood(t *testing.T) {
	t.Run("[JOURNAL-2] an empty journal verifies, from 32 zero bytes on", func(t *testing.T) {
		rep := verify(t, open(t))
		if rep.Bad != 0 || rep.Entries != 0 || !bytes.Equal(rep.Head, make([]byte, 32)) {
			t.Errorf("got %+v", rep)
		}
	})
	t.Run("[JOURNAL-2] an untouched journal verifies up to its head", func(t *testing.T) {
		db := chainOf(t, 9)
		rep := verify(t, db)
		seq, hash, err := NewReader(db).Head()
		if err != nil {
			t.Fatal(err)
		}
		if rep.Bad != 0 || rep.Entries != 9 || rep.Erased != 0 || seq != 9 || !bytes.Equal(rep.Head, hash) {
			t.Errorf("got %+v, head %d %x", rep, seq, hash)
		}
	})
	t.Run("[JOURNAL-2] a journal of more than one page of the reader verifies, and its far end is read", func(t *testing.T) {
		db := chainOf(t, 2003)
		if rep := verify(t, db); rep.Bad != 0 || rep.Entries != 2003 {
			t.Errorf("got %+v", rep)
		}
		tamper(t, db, `UPDATE journal_entry SET actor='x' WHERE seq=2002`)
		if rep := verify(t, db); rep.Bad != 2002 {
			t.Errorf("got %+v", rep)
		}
	})
	t.Run("[JOURNAL-2] the same text has another hash in each entry: its salt is random", func(t *testing.T) {
		db := chainOf(t, 2)
		var same int
		err := db.NewQuery(`SELECT count(*) FROM journal_entry a, journal_entry b, journal_content c, journal_content d
			WHERE a.seq=1 AND b.seq=2 AND c.seq=1 AND d.seq=2 AND (a.content_hash=b.content_hash OR c.salt=d.salt)`).Row(&same)
		if err != nil {
			t.Fatal(err)
		}
		if same != 0 {
			t.Error("two entries with one text share salt or hash")
		}
	})
	t.Run("[JOURNAL-2] erased content still verifies, is counted, and its hash tells nothing", func(t *testing.T) {
		db := chainOf(t, 5)
		before := dump(t, db, "journal_entry")
		tamper(t, db, `DELETE FROM journal_content WHERE seq IN (1,4)`)
		rep := verify(t, db)
		if rep.Bad != 0 || rep.Entries != 5 || rep.Erased != 2 {
			t.Errorf("got %+v", rep)
		}
		if dump(t, db, "journal_entry") != before {
			t.Error("erasing changed an entry")
		}
		past, err := NewReader(db).History("observations", "r00000000000001")
		if err != nil {
			t.Fatal(err)
		}
		if len(past) != 1 || !past[0].Erased || past[0].Fields != nil {
			t.Errorf("history after erasing: %+v", past)
		}
	})
	t.Run("[JOURNAL-2] what is written after erasing joins the chain", func(t *testing.T) {
		db := chainOf(t, 3)
		tamper(t, db, `DELETE FROM journal_content WHERE seq=3`)
		add(t, db, created("r90000000000000"))
		if rep := verify(t, db); rep.Bad != 0 || rep.Entries != 4 || rep.Erased != 1 {
			t.Errorf("got %+v", rep)
		}
	})
}

// flip changes one bit in the middle of a blob of entry 4.
func flip(table, column string) func(*testing.T, *dbx.DB) {
	return func(t *testing.T, db *dbx.DB) {
		t.Helper()
		var blob []byte
		if err := db.NewQuery("SELECT " + column + " FROM " + table + " WHERE seq=4").Row(&blob); err != nil {
			t.Fatal(err)
		}
		blob[len(blob)/2] ^= 1
		_, err := db.NewQuery("UPDATE " + table + " SET " + column + "={:b} WHERE seq=4").Bind(dbx.Params{"b": blob}).Execute()
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestVerifyBad(t *testing.T) {
	do := func(statements ...string) func(*testing.T, *dbx.DB) {
		return func(t *testing.T, db *dbx.DB) { tamper(t, db, statements...) }
	}
	swap := func(column string) string {
		return fmt.Sprintf(`UPDATE journal_entry SET %[1]s=(SELECT o.%[1]s FROM journal_entry o
			WHERE o.seq=CASE journal_entry.seq WHEN 4 THEN 5 ELSE 4 END) WHERE seq IN (4,5)`, column)
	}
	for _, c := range []struct {
		name   string
		tamper func(*testing.T, *dbx.DB)
		bad    int64
		why    string
	}{
		{"another actor", do(`UPDATE journal_entry SET actor='rosb' WHERE seq=4`), 4, "changed"},
		{"another device", do(`UPDATE journal_entry SET device='` + dee + `' WHERE seq=4`), 4, "changed"},
		{"another time", do(`UPDATE journal_entry SET at=at+1 WHERE seq=4`), 4, "changed"},
		{"another op", do(`UPDATE journal_entry SET op='delete' WHERE seq=4`), 4, "changed"},
		{"another record", do(`UPDATE journal_entry SET record='r00000000000009' WHERE seq=4`), 4, "changed"},
		{"another collection", do(`UPDATE journal_entry SET collection='submissions' WHERE seq=4`), 4, "changed"},
		{"another stamp", do(`UPDATE journal_entry SET stamp='` + stamp(901, rosa) + `' WHERE seq=4`), 4, "changed"},
		{"another mutation", do(`UPDATE journal_entry SET mut=3 WHERE seq=4`), 4, "changed"},
		{"a letter moved from one text to its neighbour", do(`UPDATE journal_entry SET collection='observation', record='s'||record WHERE seq=4`), 4, "changed"},
		{"one byte of the hash", flip("journal_entry", "hash"), 4, "changed"},
		{"one byte of the content's hash", flip("journal_entry", "content_hash"), 4, "changed"},
		{"one byte of the content", flip("journal_content", "body"), 4, "content"},
		{"one byte of the salt", flip("journal_content", "salt"), 4, "content"},
		{"content emptied, not erased", do(`UPDATE journal_content SET body=x'' WHERE seq=4`), 4, "content"},
		{"content and salt emptied", do(`UPDATE journal_content SET body=x'', salt=x'' WHERE seq=4`), 4, "content"},
		{"content of two entries swapped", do(`UPDATE journal_content SET seq=-seq WHERE seq IN (4,5)`,
			`UPDATE journal_content SET seq=9+seq WHERE seq<0`), 4, "content"},
		{"an entry deleted", do(`DELETE FROM journal_entry WHERE seq=4`), 4, "missing"},
		{"the first entry deleted", do(`DELETE FROM journal_entry WHERE seq=1`), 1, "missing"},
		{"the last entry deleted", do(`DELETE FROM journal_entry WHERE seq=7`), 7, "missing"},
		{"the last two deleted, with their content", do(`DELETE FROM journal_entry WHERE seq>5`, `DELETE FROM journal_content WHERE seq>5`), 6, "missing"},
		{"all entries deleted", do(`DELETE FROM journal_entry`), 1, "missing"},
		{"an entry deleted and the gap closed", do(`DELETE FROM journal_entry WHERE seq=4`, `UPDATE journal_entry SET seq=seq-1 WHERE seq>4`), 4, "changed"},
		{"two entries swapped", do(swap("record"), swap("content_hash"), swap("hash"), swap("mut")), 4, "changed"},
		{"an entry put before the first", do(`INSERT INTO journal_entry SELECT 0,0,at,collection,record,op,actor,device,stamp,content_hash,hash FROM journal_entry WHERE seq=1`), 1, "outside"},
	} {
		t.Run("[JOURNAL-2] the first bad entry is named: "+c.name, func(t *testing.T) {
			db := chainOf(t, 7)
			if rep := verify(t, db); rep.Bad != 0 {
				t.Fatalf("bad before anything was changed: %+v", rep)
			}
			c.tamper(t, db)
			rep := verify(t, db)
			if rep.Bad != c.bad || !strings.Contains(rep.Why, c.why) {
				t.Errorf("got entry %d (%s), want %d (...%s...)", rep.Bad, rep.Why, c.bad, c.why)
			}
			if rep.Entries != c.bad-1 {
				t.Errorf("%d good entries before it, want %d", rep.Entries, c.bad-1)
			}
		})
	}
	t.Run("[JOURNAL-2] of two bad entries the first is named", func(t *testing.T) {
		db := chainOf(t, 7)
		tamper(t, db, `UPDATE journal_entry SET actor='x' WHERE seq=6`)
		flip("journal_content", "body")(t, db)
		if rep := verify(t, db); rep.Bad != 4 {
			t.Errorf("got %+v", rep)
		}
	})
	t.Run("[JOURNAL-2] a chain hashed anew from a changed entry on has another head", func(t *testing.T) {
		db := chainOf(t, 3)
		_, head, err := NewReader(db).Head()
		if err != nil {
			t.Fatal(err)
		}
		var rows []row
		if err := db.NewQuery(`SELECT * FROM journal_entry ORDER BY seq`).All(&rows); err != nil {
			t.Fatal(err)
		}
		before := make([]byte, 32)
		for _, r := range rows {
			if r.Seq == 2 {
				r.Actor = "nobody"
			}
			r.Hash = r.chain(before)
			before = r.Hash
			_, err := db.NewQuery(`UPDATE journal_entry SET actor={:a}, hash={:h} WHERE seq={:s}`).
				Bind(dbx.Params{"a": r.Actor, "h": r.Hash, "s": r.Seq}).Execute()
			if err != nil {
				t.Fatal(err)
			}
		}
		// Only a head noted elsewhere (a mark, a backup) can tell.
		if rep := verify(t, db); rep.Bad != 0 || bytes.Equal(rep.Head, head) {
			t.Errorf("got %+v, head before %x", rep, head)
		}
	})
	t.Run("[JOURNAL-2] a verdict that names an entry beyond the end gives the lost tail away", func(t *testing.T) {
		db := chainOf(t, 2)
		commit(t, db, func(tx *Tx) error { return tx.PutReceipt(receipt(1, "applied", 2)) })
		tamper(t, db, `DELETE FROM journal_entry WHERE seq=2`, `DELETE FROM journal_content WHERE seq=2`,
			`DELETE FROM journal_clock WHERE version=2`, `DELETE FROM journal_feed WHERE seq=2`)
		if rep := verify(t, db); rep.Bad != 2 {
			t.Errorf("got %+v", rep)
		}
	})
}
