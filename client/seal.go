package client

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"github.com/fieldpost/fieldpost/internal/seal"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// Sealing. What a device of staff saves is sealed for the installation in the
// transaction that saves it, kept, and sent letter by letter as it was sealed:
// (device, n) with another sealed text reads as a copied store (PUSH-3). Where n
// or the device changes, the text is sealed anew, because it is bound to both;
// the server knows it by its stamp and by what it holds. The clear form stays in
// the store for its person to read: this store is no vault. Why it is so is in
// docs/decisions/0014.

// sealedEnvelope is more than what surrounds the sealed part of a mutation.
const sealedEnvelope = 512

// seals tells whether what is saved now goes out sealed.
func (s *state) seals(o Options) bool {
	return s.sealKey != "" && (o.SealAll || s.person.Role == "staff")
}

// seal seals the ops of a stored body for this device and an n.
func (s *state) seal(n int64, stamp string, stored []byte) (string, error) {
	var b struct {
		Ops json.RawMessage `json:"ops"`
	}
	if err := json.Unmarshal(stored, &b); err != nil {
		return "", damaged(err)
	}
	return seal.SealFor(s.sealKey, wire.SealedAAD(s.id, n, stamp), wire.SealedText(b.Ops))
}

// sent is a mutation as it goes out.
func (i item) sent() ([]byte, error) {
	if i.sealed == "" {
		return withN(i.n, i.body), nil
	}
	var b struct {
		Stamp  string  `json:"stamp"`
		Offset *int64  `json:"offset"`
		Epoch  *string `json:"epoch"`
		Schema int     `json:"schema"`
	}
	if err := json.Unmarshal(i.body, &b); err != nil {
		return nil, damaged(err)
	}
	return encode(wire.Mutation{N: i.n, Stamp: b.Stamp, Offset: b.Offset, Epoch: b.Epoch, Schema: b.Schema, Sealed: i.sealed})
}

// size is about how many bytes sent takes, never less.
func (i item) size() int64 {
	if i.sealed == "" {
		return int64(len(i.body)) + 24
	}
	return int64(len(i.sealed)) + sealedEnvelope
}

// sealEnrolled follows an enrolment. What was saved before the first one could
// not be sealed, for nobody knew the key, and cannot have been sent either.
func sealEnrolled(ctx context.Context, tx *sql.Tx, o Options, before *state) error {
	st, err := loadState(ctx, tx)
	switch {
	case err != nil:
		return err
	case before.token == "" && st.seals(o):
		return st.sealWhere(ctx, tx, "true")
	case before.sealKey != st.sealKey:
		return st.sealWhere(ctx, tx, "sealed <> ''")
	}
	return nil
}

// sealAgain follows a new id: what is sealed is sealed for it.
func sealAgain(ctx context.Context, tx *sql.Tx) error {
	st, err := loadState(ctx, tx)
	if err != nil {
		return err
	}
	return st.sealWhere(ctx, tx, "sealed <> ''")
}

func (s *state) sealWhere(ctx context.Context, tx *sql.Tx, where string) error {
	positions, err := column[int64](ctx, tx, "SELECT pos FROM outbox WHERE body IS NOT NULL AND "+where)
	if err != nil {
		return err
	}
	for _, pos := range positions {
		var i item
		var stamp string
		if err := tx.QueryRowContext(ctx, "SELECT n, stamp, body FROM outbox WHERE pos = ?", pos).Scan(&i.n, &stamp, &i.body); err != nil {
			return err
		}
		sealed, err := s.seal(i.n, stamp, i.body)
		if err != nil {
			return err
		}
		if len(sealed) > wire.MaxMutationBytes-sealedEnvelope {
			sealed = "" // saved before the key was known: in clear it still goes through
		}
		if _, err := tx.ExecContext(ctx, "UPDATE outbox SET sealed = ? WHERE pos = ?", sealed, pos); err != nil {
			return fmt.Errorf("keep sealed mutation: %w", err)
		}
	}
	return nil
}
