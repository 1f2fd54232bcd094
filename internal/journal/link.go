package journal

import (
	"bytes"
	"encoding/hex"
	"fmt"

	"github.com/pocketbase/dbx"
)

// Link is an entry with all that its hash is made of, so that whoever holds it
// can check it without the database. Hashes and salt are lower-case hex.
type Link struct {
	Seq        int64  `json:"seq"`
	Mut        int64  `json:"mut"`
	At         int64  `json:"at"`
	Collection string `json:"collection"`
	Record     string `json:"record"`
	Op         string `json:"op"`
	Actor      string `json:"actor"`
	Device     string `json:"device"`
	Stamp      string `json:"stamp"`
	Salt       string `json:"salt"`
	Previous   string `json:"previous"` // hash of the entry before, of whatever collection
	Hash       string `json:"hash"`
	Body       string `json:"body"` // the content's JSON, byte for byte
}

// Holds tells whether the content fits the row, and the row its hash.
func (l *Link) Holds() bool {
	salt, saltErr := hex.DecodeString(l.Salt)
	previous, err := hex.DecodeString(l.Previous)
	if saltErr != nil || err != nil || len(previous) != 32 {
		return false
	}
	r := row{Seq: l.Seq, Mut: l.Mut, At: l.At, Collection: l.Collection, Record: l.Record, Op: l.Op, Actor: l.Actor,
		Device: l.Device, Stamp: l.Stamp, ContentHash: contentHash(salt, []byte(l.Body))}
	return hex.EncodeToString(r.chain(previous)) == l.Hash
}

// Links gives the entries of a collection from the first up to a seq, in order.
// It fails where the content of one was erased.
func (r *Reader) Links(collection string, upTo int64, each func(*Link) error) error {
	const page = 1000
	for after := int64(0); ; {
		var rows []struct {
			row
			Kept     bool   `db:"kept"`
			Previous []byte `db:"previous"`
			Salt     []byte `db:"salt"`
			Body     []byte `db:"body"`
		}
		err := r.db.NewQuery(`SELECT e.*, p.hash AS previous, c.seq IS NOT NULL AS kept, c.salt AS salt, c.body AS body FROM journal_entry e
			LEFT JOIN journal_entry p ON p.seq=e.seq-1 LEFT JOIN journal_content c ON c.seq=e.seq
			WHERE e.collection={:collection} AND e.seq>{:after} AND e.seq<={:to} ORDER BY e.seq LIMIT {:n}`).
			Bind(dbx.Params{"collection": collection, "after": after, "to": upTo, "n": page}).All(&rows)
		if err != nil {
			return fmt.Errorf("read entries of %s: %w", collection, err)
		}
		for _, e := range rows {
			if !e.Kept {
				return fmt.Errorf("read entries of %s: the content of entry %d was erased", collection, e.Seq)
			}
			if e.Seq == 1 {
				e.Previous = make([]byte, 32)
			}
			err := each(&Link{Seq: e.Seq, Mut: e.Mut, At: e.At, Collection: e.Collection, Record: e.Record, Op: e.Op, Actor: e.Actor,
				Device: e.Device, Stamp: e.Stamp, Salt: hex.EncodeToString(e.Salt), Previous: hex.EncodeToString(e.Previous),
				Hash: hex.EncodeToString(e.Hash), Body: string(bytes.Clone(e.Body))})
			if err != nil {
				return err
			}
			after = e.Seq
		}
		if len(rows) < page {
			return nil
		}
	}
}
