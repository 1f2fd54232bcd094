package journal

import (
	"fmt"
	"reflect"
	"slices"
	"testing"

	"github.com/fieldpost/fieldpost/internal/wire"
)

// receipt is a bare receipt of Rosa's device.
func receipt(n int64, verdict string, seq int64) Receipt {
	return Receipt{Device: rosa, N: n, Content: []byte{1, 2, byte(n)}, Stamp: stamp(900+n, rosa),
		Corrected: 900 + n, At: 1000 + n, Verdict: wire.Verdict{N: n, Verdict: verdict, Seq: seq}}
}

func TestReceipts(t *testing.T) {
	applied := receipt(1, wire.Applied, 7)
	extra := receipt(2, wire.Applied, 8)
	extra.Verdict.Code = wire.CodeKeptExtra
	merged := receipt(4, wire.Merged, 12)
	merged.Verdict.Conflicts = []wire.Conflict{
		{Op: 0, Collection: "sites", ID: "s00000000000001", Field: "name", Conflict: "c00000000000001"},
		{Op: 2, Collection: "sites", ID: "s00000000000002", Field: "notes", Conflict: "c00000000000002"}}
	refused := receipt(5, wire.Refused, 0)
	refused.Verdict.Code, refused.Verdict.Message, refused.Verdict.Quarantine = wire.CodeGone, "It was deleted. Kept.", "q00000000000001"
	taken := receipt(1<<53-1, wire.Refused, 0)
	taken.Verdict.Code = wire.CodeTaken
	unreadable := receipt(9, wire.Refused, 0)
	unreadable.Stamp, unreadable.Verdict.Code = "", wire.CodeInvalid
	unreadableToo := receipt(10, wire.Refused, 0)
	unreadableToo.Stamp, unreadableToo.Verdict.Code = "", wire.CodeInvalid
	placed := receipt(11, wire.Refused, 0)
	placed.Verdict.Quarantine = "q00000000000002"
	worded := receipt(12, wire.Refused, 0)
	worded.Verdict.Message = "Kept."
	other := receipt(1, wire.Applied, 9)
	other.Device, other.Stamp = dee, stamp(901, dee)
	kinds := []struct {
		name string
		r    Receipt
	}{
		{"applied", applied}, {"applied, with something kept that was not understood", extra},
		{"merged, with its conflicts", merged}, {"refused, with code, words and place in quarantine", refused},
		{"refused as taken, under the greatest n", taken}, {"refused for a stamp that could not be read", unreadable},
		{"refused, with no more than a place in quarantine", placed}, {"refused, with no more than words", worded},
		{"a second one without a stamp", unreadableToo}, {"another device under the same n", other},
	}
	db := open(t)
	for _, k := range kinds {
		commit(t, db, func(tx *Tx) error { return tx.PutReceipt(k.r) })
	}
	r := NewReader(db)
	for _, k := range kinds {
		t.Run("[PUSH-2] a stored verdict comes back as it was given: "+k.name, func(t *testing.T) {
			got, err := r.Receipt(k.r.Device, k.r.N)
			if err != nil {
				t.Fatal(err)
			}
			if got == nil || !reflect.DeepEqual(*got, k.r) {
				t.Errorf("got %+v\nwant %+v", got, k.r)
			}
		})
		if k.r.Stamp == "" {
			continue
		}
		t.Run("[PUSH-2] a stored verdict is found by its stamp: "+k.name, func(t *testing.T) {
			got, err := r.ReceiptByStamp(k.r.Stamp)
			if err != nil {
				t.Fatal(err)
			}
			if got == nil || !reflect.DeepEqual(*got, k.r) {
				t.Errorf("got %+v\nwant %+v", got, k.r)
			}
		})
	}
	t.Run("[PUSH-2] what has no verdict is nil: another n, another device, another stamp, no stamp", func(t *testing.T) {
		for _, read := range []func() (*Receipt, error){
			func() (*Receipt, error) { return r.Receipt(rosa, 3) },
			func() (*Receipt, error) { return r.Receipt("ccccccccccccccc", 1) },
			func() (*Receipt, error) { return r.ReceiptByStamp(stamp(1, rosa)) },
			func() (*Receipt, error) { return r.ReceiptByStamp("") },
		} {
			if got, err := read(); got != nil || err != nil {
				t.Errorf("got %+v, %v", got, err)
			}
		}
	})
	t.Run("[PUSH-2] many receipts are read at once, only those of the device and only those there are", func(t *testing.T) {
		got, err := r.Receipts(rosa, []int64{1, 2, 3, 5, 13, 1<<53 - 1})
		if err != nil {
			t.Fatal(err)
		}
		want := map[int64]*Receipt{1: &applied, 2: &extra, 5: &refused, 1<<53 - 1: &taken}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v\nwant %+v", got, want)
		}
		for _, none := range [][]int64{nil, {8, 9}} {
			if got, err := r.Receipts(dee, none); len(got) != 0 || err != nil {
				t.Errorf("got %+v, %v", got, err)
			}
		}
	})
	for name, twice := range map[string]Receipt{
		"the same (device, n)":             {Device: rosa, N: 1, Content: []byte{9}, Stamp: stamp(5, rosa), Verdict: wire.Verdict{N: 1, Verdict: wire.Applied}},
		"the same stamp under another n":   {Device: rosa, N: 77, Content: []byte{9}, Stamp: applied.Stamp, Verdict: wire.Verdict{N: 77, Verdict: wire.Applied}},
		"the same stamp on another device": {Device: dee, N: 77, Content: []byte{9}, Stamp: applied.Stamp, Verdict: wire.Verdict{N: 77, Verdict: wire.Applied}},
	} {
		t.Run("[PUSH-2] a second verdict fails and the first stands: "+name, func(t *testing.T) {
			before := dump(t, db, "journal_receipt")
			if err := within(db, func(tx *Tx) error { return tx.PutReceipt(twice) }); err == nil {
				t.Error("the second one was stored")
			}
			if after := dump(t, db, "journal_receipt"); after != before {
				t.Errorf("the receipts changed\n%s\n%s", before, after)
			}
		})
	}
	for _, v := range []string{wire.Deferred, "", "seen"} {
		t.Run(fmt.Sprintf("[PUSH-7] %q is no verdict to keep for ever", v), func(t *testing.T) {
			if err := within(db, func(tx *Tx) error { return tx.PutReceipt(receipt(50, v, 0)) }); err == nil {
				t.Error("it was stored")
			}
			if got, err := r.Receipt(rosa, 50); got != nil || err != nil {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
	t.Run("[PUSH-2] a verdict is seen by the mutations after it in the same transaction", func(t *testing.T) {
		commit(t, db, func(tx *Tx) error {
			if err := tx.PutReceipt(receipt(60, wire.Applied, 3)); err != nil {
				return err
			}
			got, err := tx.ReceiptByStamp(stamp(960, rosa))
			if err == nil && (got == nil || got.N != 60) {
				t.Errorf("got %+v", got)
			}
			return err
		})
	})
}

func TestDeferred(t *testing.T) {
	db := open(t)
	r := NewReader(db)
	first := func(stamp string) int64 {
		t.Helper()
		_, at, err := r.FirstDeferred(stamp)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	t.Run("[PUSH-7] a mutation that waits keeps the time of its first receipt, under whatever device and n it comes again", func(t *testing.T) {
		if at := first(stamp(900, rosa)); at != 0 {
			t.Errorf("waits since %d before it came", at)
		}
		for i, at := range []int64{5000, 9000, 2000} {
			commit(t, db, func(tx *Tx) error {
				return tx.Defer([]string{rosa, rosa, dee}[i], int64(3+i), stamp(900, rosa), 700+at, at)
			})
		}
		if at := first(stamp(900, rosa)); at != 5000 {
			t.Errorf("waits since %d, want 5000", at)
		}
	})
	t.Run("[PUSH-12] a mutation that waits keeps the corrected time of its first receipt", func(t *testing.T) {
		if kept, _, err := r.FirstDeferred(stamp(900, rosa)); err != nil || kept != 5700 {
			t.Errorf("kept %d, %v", kept, err)
		}
	})
	t.Run("[PUSH-7] each stamp waits for itself", func(t *testing.T) {
		commit(t, db, func(tx *Tx) error { return tx.Defer(dee, 3, stamp(900, dee), 6000, 6000) })
		if a, b, c := first(stamp(900, rosa)), first(stamp(900, dee)), first(stamp(901, rosa)); a != 5000 || b != 6000 || c != 0 {
			t.Errorf("got %d %d %d", a, b, c)
		}
	})
	t.Run("[PUSH-7] once taken off it waits no more, others do", func(t *testing.T) {
		commit(t, db, func(tx *Tx) error { return tx.Undefer(stamp(900, rosa)) })
		commit(t, db, func(tx *Tx) error { return tx.Undefer(stamp(999, rosa)) })
		if a, b := first(stamp(900, rosa)), first(stamp(900, dee)); a != 0 || b != 6000 {
			t.Errorf("got %d %d", a, b)
		}
	})
	t.Run("[PUSH-7] only pseudonym, n, stored stamp and first receipt with the time corrected then are kept", func(t *testing.T) {
		if got := columns(t, db, "journal_deferred"); !slices.Equal(got, []string{"device", "n", "stamp", "corrected", "first_at"}) {
			t.Errorf("columns %v", got)
		}
	})
}

func TestRefused(t *testing.T) {
	t.Run("[PUSH-7] a record whose create was refused is remembered, by collection and id, once", func(t *testing.T) {
		db := open(t)
		for range 2 {
			commit(t, db, func(tx *Tx) error { return tx.MarkRefused("observations", "r1") })
		}
		for _, c := range []struct {
			collection, record string
			want               bool
		}{{"observations", "r1", true}, {"observations", "r2", false}, {"submissions", "r1", false}} {
			if got, err := NewReader(db).WasRefused(c.collection, c.record); got != c.want || err != nil {
				t.Errorf("%s %s: %v, %v", c.collection, c.record, got, err)
			}
		}
	})
}

func TestSeen(t *testing.T) {
	db := open(t)
	r := NewReader(db)
	mark := func(device string, seq int64, report string) {
		t.Helper()
		commit(t, db, func(tx *Tx) error { return tx.MarkSeen(device, seq, report) })
	}
	seen := func(after, upto int64, devices ...string) []string {
		t.Helper()
		ids, err := r.Seen(devices, after, upto)
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(ids)
		return ids
	}
	mark(rosa, 5, "r1")
	mark(rosa, 5, "r2")
	mark(rosa, 8, "r3")
	mark(dee, 6, "r4")
	mark(rosa, 5, "r1")
	for _, c := range []struct {
		name        string
		after, upto int64
		devices     []string
		want        []string
	}{
		{"all of a device", 0, 100, []string{rosa}, []string{"r1", "r2", "r3"}},
		{"since a cursor, the cursor's own seq left out", 5, 100, []string{rosa}, []string{"r3"}},
		{"up to a page's end, the end included", 0, 5, []string{rosa}, []string{"r1", "r2"}},
		{"a whole lineage", 0, 100, []string{rosa, dee}, []string{"r1", "r2", "r3", "r4"}},
		{"nobody else's", 0, 100, []string{dee}, []string{"r4"}},
		{"no device, an empty list", 0, 100, nil, []string{}},
	} {
		t.Run("[WIRE] reports that a coordinator opened: "+c.name, func(t *testing.T) {
			if got := seen(c.after, c.upto, c.devices...); got == nil || !slices.Equal(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
	t.Run("[WIRE] a report that was opened again is named once", func(t *testing.T) {
		mark(rosa, 9, "r1")
		if got := seen(0, 100, rosa); !slices.Equal(got, []string{"r1", "r2", "r3"}) {
			t.Errorf("got %v", got)
		}
	})
	t.Run("[WIRE] a report marked under two devices of a lineage is named once", func(t *testing.T) {
		mark(dee, 9, "r1")
		if got := seen(0, 100, rosa, dee); !slices.Equal(got, []string{"r1", "r2", "r3", "r4"}) {
			t.Errorf("got %v", got)
		}
	})
}

func TestContact(t *testing.T) {
	db := open(t)
	last := func() int64 {
		t.Helper()
		var at int64
		if err := db.NewQuery(`SELECT at FROM journal_contact WHERE device='phone0000000001'`).Row(&at); err != nil {
			t.Fatal(err)
		}
		return at
	}
	t.Run("[JOURNAL-4] last contact moves forward only and makes no entry", func(t *testing.T) {
		for _, c := range []struct{ at, want int64 }{{5000, 5000}, {7000, 7000}, {6000, 7000}} {
			if err := Contact(db, "phone0000000001", c.at); err != nil {
				t.Fatal(err)
			}
			if got := last(); got != c.want {
				t.Errorf("after %d: %d, want %d", c.at, got, c.want)
			}
		}
		if seq, _, err := NewReader(db).Head(); seq != 0 || err != nil {
			t.Errorf("head %d, %v", seq, err)
		}
	})
}
