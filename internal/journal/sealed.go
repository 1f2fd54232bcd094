package journal

import (
	"database/sql"
	"errors"
	"fmt"

	"github.com/pocketbase/dbx"
)

// What of site staff is stored so that it joins nobody to a report (R9).

// ContactBox gives the encrypted last contacts of the devices of staff, nil
// before there is one.
func ContactBox(db DB) ([]byte, error) {
	var box []byte
	err := db.NewQuery(`SELECT box FROM journal_contact_sealed WHERE one=1`).Row(&box)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("journal contact: %w", err)
	}
	return box, nil
}

// PutContactBox stores them, and takes out what stands of a device in clear: of
// one whose person was no staff, or from before contacts were sealed.
func PutContactBox(db DB, device string, box []byte) error {
	_, err := db.NewQuery(`INSERT INTO journal_contact_sealed (one,box) VALUES (1,{:box}) ON CONFLICT (one) DO UPDATE SET box=excluded.box`).
		Bind(dbx.Params{"box": box}).Execute()
	if err == nil {
		_, err = db.NewQuery(`DELETE FROM journal_contact WHERE device={:dev}`).Bind(dbx.Params{"dev": device}).Execute()
	}
	if err != nil {
		return fmt.Errorf("journal contact: %w", err)
	}
	return nil
}

// LastContact gives when a device was here (ms) by the rows in clear; 0: there
// is none.
func LastContact(db DB, device string) (int64, error) {
	var at int64
	err := db.NewQuery(`SELECT at FROM journal_contact WHERE device={:dev}`).Bind(dbx.Params{"dev": device}).Row(&at)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("journal contact: %w", err)
	}
	return at, nil
}

// HeldSealed lists what the devices of staff have in quarantine, in the order
// in which it came.
func (r *Reader) HeldSealed() ([]Held, error) {
	var out []Held
	err := r.db.NewQuery(`SELECT h.quarantine, h.device, h.n, h.bytes, h.owner FROM journal_held h
		LEFT JOIN journal_clock k ON k.collection='quarantine' AND k.record=h.quarantine WHERE h.owner<>'' ORDER BY k.created`).All(&out)
	if err != nil {
		return nil, fmt.Errorf("journal held: %w", err)
	}
	return out, nil
}

// SeenRow is a report that was opened, with the pseudonym that its device has
// on it.
type SeenRow struct {
	Device string `db:"device"`
	Report string `db:"report"`
}

// SeenBetween gives all that was opened in (after, upto].
func (r *Reader) SeenBetween(after, upto int64) ([]SeenRow, error) {
	var out []SeenRow
	err := r.db.NewQuery(`SELECT device, report FROM journal_seen WHERE seq>{:a} AND seq<={:b} ORDER BY seq`).
		Bind(dbx.Params{"a": after, "b": upto}).All(&out)
	if err != nil {
		return nil, fmt.Errorf("journal seen: %w", err)
	}
	return out, nil
}

// StaffScope is touched when something happened to a report of staff that an
// organization has: which device it matters to is not to be stored. It has no
// feed.
func StaffScope(organization string) string { return "d:staff:" + organization }

// Touch adds a scope to those that this transaction matters to.
func (t *Tx) Touch(scope string) { t.touched[scope] = true }

// MarkUnsealed notes that a report's author was made known, by the entry at
// seq.
func (t *Tx) MarkUnsealed(seq int64, report string) error {
	_, err := t.query(`INSERT INTO journal_unsealed (seq,report) VALUES ({:seq},{:rep})`, dbx.Params{"seq": seq, "rep": report}).Execute()
	if err != nil {
		return fmt.Errorf("journal unsealed: %w", err)
	}
	return nil
}

// Unsealed gives the reports whose author was made known in (after, upto].
func (r *Reader) Unsealed(after, upto int64) ([]string, error) {
	var out []string
	err := r.db.NewQuery(`SELECT DISTINCT report FROM journal_unsealed WHERE seq>{:a} AND seq<={:b}`).
		Bind(dbx.Params{"a": after, "b": upto}).Column(&out)
	if err != nil {
		return nil, fmt.Errorf("journal unsealed: %w", err)
	}
	return out, nil
}
