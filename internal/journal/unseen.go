package journal

import (
	"encoding/json"
	"fmt"
)

// Coming is what a push is about to ask for: the pseudonym and numbers of its
// mutations, their stored stamps, and the ids that they create, by collection.
type Coming struct {
	Device string
	N      []int64 // ascending
	Stamps []string
	IDs    map[string][]string
}

// unseen is what this transaction knows not to be there. Nobody else writes
// while it lasts, so it stays so until the transaction itself writes it.
type unseen struct {
	receipts map[receiptKey]bool
	stamps   map[string]bool // with neither receipt nor deferral
	records  map[recordKey]bool
}

type receiptKey struct {
	device string
	n      int64
}

type recordKey struct{ collection, record string }

func (u *unseen) met(collection, record string) { delete(u.records, recordKey{collection, record}) }

func (u *unseen) received(device string, n int64, stamp string) {
	delete(u.receipts, receiptKey{device, n})
	delete(u.stamps, stamp)
}

func (u *unseen) deferred(stamp string) { delete(u.stamps, stamp) }

// Expect looks for all that a push is about to ask for at once, and remembers
// what is not there: for most of it one question stands for hundreds.
func (t *Tx) Expect(c Coming) error {
	if t.unseen.receipts == nil {
		t.unseen = unseen{map[receiptKey]bool{}, map[string]bool{}, map[recordKey]bool{}}
	}
	if len(c.N) > 0 {
		for _, n := range c.N {
			t.unseen.receipts[receiptKey{c.Device, n}] = true
		}
		err := t.found(`SELECT n FROM journal_receipt WHERE device=? AND n BETWEEN ? AND ?`, []any{c.Device, c.N[0], c.N[len(c.N)-1]},
			func(n int64) { delete(t.unseen.receipts, receiptKey{c.Device, n}) })
		if err != nil {
			return err
		}
	}
	if len(c.Stamps) > 0 {
		for _, s := range c.Stamps {
			t.unseen.stamps[s] = true
		}
		err := t.among(`SELECT stamp FROM journal_receipt WHERE stamp IN (SELECT value FROM json_each(?1))
			UNION ALL SELECT stamp FROM journal_deferred WHERE stamp IN (SELECT value FROM json_each(?1))`, nil, c.Stamps,
			func(s string) { delete(t.unseen.stamps, s) })
		if err != nil {
			return err
		}
	}
	for collection, ids := range c.IDs {
		for _, id := range ids {
			t.unseen.records[recordKey{collection, id}] = true
		}
		err := t.among(`SELECT record FROM journal_clock WHERE collection=?2 AND record IN (SELECT value FROM json_each(?1))`,
			[]any{collection}, ids, func(id string) { t.unseen.met(collection, id) })
		if err != nil {
			return err
		}
	}
	return nil
}

// among runs a query whose first value is a list.
func (t *Tx) among(text string, more []any, list []string, each func(string)) error {
	raw, err := json.Marshal(list)
	if err != nil {
		return fmt.Errorf("journal expect: %w", err)
	}
	return foundIn(t, text, append([]any{string(raw)}, more...), each)
}

func (t *Tx) found(text string, args []any, each func(int64)) error {
	return foundIn(t, text, args, each)
}

func foundIn[T any](t *Tx, text string, args []any, each func(T)) error {
	rows, err := t.ses.Query(text, args...)
	if err != nil {
		return fmt.Errorf("journal expect: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var v T
		if err := rows.Scan(&v); err != nil {
			return fmt.Errorf("journal expect: %w", err)
		}
		each(v)
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("journal expect: %w", err)
	}
	return nil
}

// Receipt is Reader.Receipt; what was expected and is not there costs nothing.
func (t *Tx) Receipt(device string, n int64) (*Receipt, error) {
	if t.unseen.receipts[receiptKey{device, n}] {
		return nil, nil
	}
	return t.Reader.Receipt(device, n)
}

// ReceiptByStamp is Reader.ReceiptByStamp, likewise.
func (t *Tx) ReceiptByStamp(stamp string) (*Receipt, error) {
	if t.unseen.stamps[stamp] {
		return nil, nil
	}
	return t.Reader.ReceiptByStamp(stamp)
}

// FirstDeferred is Reader.FirstDeferred, likewise.
func (t *Tx) FirstDeferred(stamp string) (corrected, at int64, err error) {
	if t.unseen.stamps[stamp] {
		return 0, 0, nil
	}
	return t.Reader.FirstDeferred(stamp)
}

// Clock is Reader.Clock, likewise.
func (t *Tx) Clock(collection, record string) (*RecordClock, error) {
	if t.unseen.records[recordKey{collection, record}] {
		return nil, nil
	}
	return t.Reader.Clock(collection, record)
}
