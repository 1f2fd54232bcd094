package journal

import (
	"database/sql"
	"errors"
	"fmt"

	"github.com/pocketbase/dbx"
)

// Held is a mutation that lies in quarantine, by the record that keeps it.
// Bytes is the length of what is kept.
type Held struct {
	Quarantine string `db:"quarantine"`
	Device     string `db:"device"` // pseudonym
	N          int64  `db:"n"`
	Bytes      int64  `db:"bytes"`
	Owner      string `db:"owner"` // of staff: marks the device (seal.HeldBy); Device is then the receipt's key
}

// Hold counts a mutation into its device's share of the quarantine (PUSH-10).
func (t *Tx) Hold(h Held) error {
	_, err := t.query(`INSERT INTO journal_held (quarantine,device,n,bytes,owner) VALUES ({:q},{:dev},{:n},{:bytes},{:owner})`,
		dbx.Params{"q": h.Quarantine, "dev": h.Device, "n": h.N, "bytes": h.Bytes, "owner": h.Owner}).Execute()
	if err != nil {
		return fmt.Errorf("journal held: %w", err)
	}
	return nil
}

// Unhold counts it out, once somebody has dealt with it, whichever way.
func (t *Tx) Unhold(quarantine string) error {
	_, err := t.query(`DELETE FROM journal_held WHERE quarantine={:q}`, dbx.Params{"q": quarantine}).Execute()
	if err != nil {
		return fmt.Errorf("journal held: %w", err)
	}
	return nil
}

// HeldShare gives how many mutations a device (pseudonym) has in quarantine,
// and their bytes together.
func (r *Reader) HeldShare(device string) (items, bytes int64, err error) {
	err = r.query(`SELECT count(*), coalesce(sum(bytes),0) FROM journal_held WHERE device={:dev}`,
		dbx.Params{"dev": device}).Row(&items, &bytes)
	if err != nil {
		return 0, 0, fmt.Errorf("journal held: %w", err)
	}
	return items, bytes, nil
}

// HeldBy lists what a device (pseudonym) has in quarantine, in order of n.
func (r *Reader) HeldBy(device string) ([]Held, error) {
	var out []Held
	err := r.db.NewQuery(`SELECT quarantine, device, n, bytes FROM journal_held WHERE device={:dev} ORDER BY n`).
		Bind(dbx.Params{"dev": device}).All(&out)
	if err != nil {
		return nil, fmt.Errorf("journal held: %w", err)
	}
	return out, nil
}

// ReceiptOfHeld gives the receipt whose refusal a quarantine record keeps, nil
// when there is none. Of a mutation that came again under another number it is
// the first.
func (r *Reader) ReceiptOfHeld(quarantine string) (*Receipt, error) {
	var device string
	var n int64
	err := r.query(`SELECT device, n FROM journal_held WHERE quarantine={:q}`, dbx.Params{"q": quarantine}).Row(&device, &n)
	if errors.Is(err, sql.ErrNoRows) {
		// Kept before the shares were counted: looked for row by row, which a
		// person's act may cost.
		err = r.query(`SELECT device, n FROM journal_receipt WHERE more IS NOT NULL
			AND json_extract(more,'$.quarantine')={:q} ORDER BY stamp IS NULL, at LIMIT 1`, dbx.Params{"q": quarantine}).Row(&device, &n)
		if errors.Is(err, sql.ErrNoRows) {
			return nil, nil
		}
	}
	if err != nil {
		return nil, fmt.Errorf("journal held: %w", err)
	}
	return r.Receipt(device, n)
}

// ClearRefused forgets that the create of a record was refused: it stands now,
// and what depends on it may come (PUSH-7).
func (t *Tx) ClearRefused(collection, record string) error {
	_, err := t.query(`DELETE FROM journal_refused WHERE collection={:col} AND record={:rec}`,
		dbx.Params{"col": collection, "rec": record}).Execute()
	if err != nil {
		return fmt.Errorf("journal refused: %w", err)
	}
	return nil
}
