package client

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"

	"github.com/fieldpost/fieldpost/internal/fault"
	"github.com/fieldpost/fieldpost/internal/seal"
	"github.com/fieldpost/fieldpost/internal/wire"
)

type enrollAnswer wire.EnrollAnswer

func (a *enrollAnswer) missing() string {
	switch {
	case a.Token == "":
		return "token"
	case a.User.ID == "":
		return "user"
	case seal.CheckKey(a.SealKey) != nil:
		return "sealKey"
	}
	return ""
}

type challengeAnswer wire.ChallengeAnswer

func (a *challengeAnswer) missing() string {
	if a.Challenge == "" {
		return "challenge"
	}
	return ""
}

type renewAnswer struct {
	Token string `json:"token"`
}

func (a *renewAnswer) missing() string {
	if a.Token == "" {
		return "token"
	}
	return ""
}

func encode(v any) ([]byte, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode request: %w", err)
	}
	return b, nil
}

// hello asks who answers there, before anything is told to it.
func (d *Device) hello(ctx context.Context, base string) (*helloAnswer, error) {
	var a helloAnswer
	if _, err := d.exchange(ctx, request{method: http.MethodGet, base: base, path: "/api/sync/hello"}, &a); err != nil {
		return nil, err
	}
	if !slices.Contains(a.Protocol, wire.Protocol) {
		return nil, &Error{Kind: ErrRefused, Code: string(fault.UnsupportedProtocol), Message: "The server speaks another version of the protocol.",
			Hint: "Update this program. What you saved is kept on this device."}
	}
	return &a, nil
}

// Enroll makes the device known to the server at address, for a person of its
// own, with an invite; name is a label for people. Doing it again with the
// same invite repeats the answer (ENROL-1). Errors: ErrInput (the address, or
// the store belongs to another server), ErrOffline, ErrNotFieldpost, ErrLater,
// ErrRefused (invite_invalid, invite_expired, invite_used, device_exists).
func (d *Device) Enroll(ctx context.Context, address, invite, name string) (Person, error) {
	base, err := cleanURL(address)
	if err != nil {
		return Person{}, err
	}
	if invite == "" {
		return Person{}, badInput("no_invite", "There is no invite.", "Ask your coordinator for an invite.")
	}
	st, err := d.peek()
	if err != nil {
		return Person{}, err
	}
	if st.token != "" && st.url != base {
		return Person{}, badInput("already_enrolled", "This store is enrolled with another server.",
			"Use another store for another server. If the server has moved, give its new address to sync.")
	}
	hello, err := d.hello(ctx, base)
	if err != nil {
		return Person{}, err
	}
	key, err := publicKey(st.key)
	if err != nil {
		return Person{}, err
	}
	body, err := encode(wire.EnrollRequest{Invite: invite,
		Device: wire.EnrollDevice{ID: st.id, Name: name, Platform: d.opt.Platform, Key: key}})
	if err != nil {
		return Person{}, err
	}
	var a enrollAnswer
	t, err := d.exchange(ctx, request{method: http.MethodPost, base: base, path: "/api/sync/enroll", body: body}, &a)
	if hasCode(err, fault.DeviceExists) {
		e := Explain(err)
		e.Hint = "Use the invite that this device was first enrolled with, or enrol with a new store."
	}
	if err != nil {
		return Person{}, err
	}
	if st.token != "" && st.person.ID != a.User.ID {
		return Person{}, badInput("another_person", "The invite is for another person than the one this store belongs to.",
			"Use another store: one store is one person.")
	}
	return a.User, d.noteEnrolled(ctx, base, name, hello, &a, t)
}

func (d *Device) noteEnrolled(ctx context.Context, base, name string, hello *helloAnswer, a *enrollAnswer, t timing) error {
	person, err := encode(a.User)
	if err != nil {
		return err
	}
	limits, err := encode(hello.Limits)
	if err != nil {
		return err
	}
	return d.store.tx(context.WithoutCancel(ctx), "note enrolment", func(tx *sql.Tx) error {
		before, err := loadState(ctx, tx)
		if err != nil {
			return err
		}
		_, err = tx.Exec(`UPDATE device SET url = ?, name = ?, token = ?, person = ?, seal_key = ?, limits = ?, contact = ?, contact_url = ?, problem = ''`,
			base, name, a.Token, string(person), a.SealKey, string(limits), t.got.UnixMilli(), base)
		if err != nil {
			return err
		}
		return sealEnrolled(ctx, tx, d.opt, before)
	})
}

// SetURL gives the server's new address, when it has moved.
func (d *Device) SetURL(address string) error {
	base, err := cleanURL(address)
	if err != nil {
		return err
	}
	return d.store.tx(context.Background(), "set address", func(tx *sql.Tx) error {
		_, err := tx.Exec("UPDATE device SET url = ?", base)
		return err
	})
}

// renew gets a new token by the device's key (DEV-6). The queue is not touched.
func (d *Device) renew(ctx context.Context, st *state) error {
	token, err := d.askToken(ctx, st.url, st.id, st.key, nil)
	if err != nil {
		return err
	}
	return d.store.tx(context.WithoutCancel(ctx), "note token", func(tx *sql.Tx) error {
		_, err := tx.Exec("UPDATE device SET token = ? WHERE id = ?", token, st.id)
		return err
	})
}

// askToken signs a challenge. One that has expired on the way is asked for
// once more.
func (d *Device) askToken(ctx context.Context, base, id string, key []byte, next *wire.NewDevice) (string, error) {
	for again := false; ; again = true {
		token, err := d.askTokenOnce(ctx, base, id, key, next)
		if again || !hasCode(err, fault.ChallengeExpired) {
			return token, err
		}
	}
}

func (d *Device) askTokenOnce(ctx context.Context, base, id string, key []byte, next *wire.NewDevice) (string, error) {
	body, err := encode(map[string]string{"device": id})
	if err != nil {
		return "", err
	}
	var c challengeAnswer
	if _, err := d.exchange(ctx, request{method: http.MethodPost, base: base, path: "/api/sync/challenge", body: body}, &c); err != nil {
		return "", err
	}
	nextID, thumb := "", ""
	if next != nil {
		nextID = next.ID
		if thumb, err = next.Key.Thumbprint(); err != nil {
			return "", err
		}
	}
	signature, err := sign(key, wire.RenewText(id, c.Challenge, nextID, thumb))
	if err != nil {
		return "", err
	}
	if body, err = encode(wire.RenewRequest{Device: id, Challenge: c.Challenge, Signature: signature, NewDevice: next}); err != nil {
		return "", err
	}
	var r renewAnswer
	_, err = d.exchange(ctx, request{method: http.MethodPost, base: base, path: "/api/sync/renew", body: body}, &r)
	return r.Token, err
}

// fork goes on under a new id and key, because the store is a copy of one that
// has gone on without it (PUSH-3). The new id is stored before it is told, so
// that an answer lost on the way is asked for again and not a third id made.
func (d *Device) fork(ctx context.Context, st *state) error {
	if st.forkID == "" {
		id, key, err := d.newIdentity()
		if err != nil {
			return err
		}
		if err := d.store.tx(ctx, "prepare new device id", func(tx *sql.Tx) error {
			_, err := tx.Exec("UPDATE device SET fork_id = ?, fork_key = ?", id, key)
			return err
		}); err != nil {
			return err
		}
		st.forkID, st.forkKey = id, key
	}
	public, err := publicKey(st.forkKey)
	if err != nil {
		return err
	}
	token, err := d.askToken(ctx, st.url, st.id, st.key, &wire.NewDevice{ID: st.forkID, Key: public})
	if hasCode(err, fault.DeviceExists) {
		// The answer to an earlier try was lost: the new device is known already.
		token, err = d.askToken(ctx, st.url, st.forkID, st.forkKey, nil)
	}
	if err != nil {
		return err
	}
	return d.noteFork(context.WithoutCancel(ctx), st, token)
}

// noteFork takes the new identity, and gives every mutation a new n in the old
// order; what goes out sealed is sealed for these. Stamps stay: the server knows
// by them, by the lineage and by what the sealed parts hold what it has already
// taken.
func (d *Device) noteFork(ctx context.Context, st *state, token string) error {
	return d.store.tx(ctx, "take new device id", func(tx *sql.Tx) error {
		now, _ := d.now()
		if _, err := tx.Exec("INSERT OR REPLACE INTO lineage (id, until) VALUES (?, ?)", st.id, now.UnixMilli()); err != nil {
			return err
		}
		positions, err := column[int64](ctx, tx, "SELECT pos FROM outbox ORDER BY n")
		if err != nil {
			return err
		}
		// Ascending, the new n is never above the old one, so none collides.
		for i, pos := range positions {
			if _, err := tx.Exec("UPDATE outbox SET n = ? WHERE pos = ?", i+1, pos); err != nil {
				return err
			}
		}
		if _, err = tx.Exec("UPDATE device SET id = fork_id, key = fork_key, token = ?, n = ?, fork_id = '', fork_key = NULL", token, len(positions)); err != nil {
			return err
		}
		return sealAgain(ctx, tx)
	})
}

// column reads the one column of a query.
func column[T any](ctx context.Context, tx *sql.Tx, query string, args ...any) ([]T, error) {
	rows, err := tx.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []T
	for rows.Next() {
		var v T
		if err := rows.Scan(&v); err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, rows.Err()
}
