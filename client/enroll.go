package client

import (
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

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

type renewAnswer wire.RenewAnswer

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
// same invite repeats the answer (ENROL-1). A server that was restored to before
// it knew this device makes a new person of it: with an invite for the same role
// the store goes on, and all that it keeps is sent again (EPOCH-3). Errors:
// ErrInput (the address, or the store belongs to another server or person),
// ErrOffline, ErrNotFieldpost, ErrLater, ErrRefused (invite_invalid,
// invite_expired, invite_used, device_exists).
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
	line, err := d.line(ctx, st)
	if err != nil {
		return Person{}, err
	}
	first := line[len(line)-1] // the id that was enrolled; the others go on for it
	key, err := publicKey(first.key)
	if err != nil {
		return Person{}, err
	}
	body, err := encode(wire.EnrollRequest{Invite: invite,
		Device: wire.EnrollDevice{ID: first.id, Name: name, Platform: d.opt.Platform, Key: key}})
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
	// A server that knew this device would have told of the same person or
	// refused. What one role wrote must not go out as another's (R9), nor to
	// another installation.
	forgotten := st.token != "" && st.person.ID != a.User.ID
	if forgotten && (st.person.Role != a.User.Role || st.sealKey != a.SealKey) {
		return Person{}, badInput("another_person", "The invite is for another person than the one this store belongs to.",
			"Use another store: one store is one person. Everything is kept on this one, and nothing was handed in.")
	}
	if first.id != st.id {
		if a.Token, _, err = d.tokenAgain(ctx, base, line); err != nil {
			return Person{}, err
		}
	}
	return a.User, d.noteEnrolled(ctx, base, name, hello, &a, t, forgotten)
}

func (d *Device) noteEnrolled(ctx context.Context, base, name string, hello *helloAnswer, a *enrollAnswer, t timing, forgotten bool) error {
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
		if forgotten { // nor has it anything of what this device handed in
			if err := before.sendAgain(ctx, tx); err != nil {
				return err
			}
			if err := before.save(ctx, tx); err != nil {
				return err
			}
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

// renew gets a new token by the device's key (DEV-6). The queue is touched only
// where lost tells that the server knew no more than an ancestor: then it has
// nothing of what this device handed in (EPOCH-3).
func (d *Device) renew(ctx context.Context, st *state) (lost bool, err error) {
	line, err := d.line(ctx, st)
	if err != nil {
		return false, err
	}
	token, known, err := d.tokenAgain(ctx, st.url, line)
	if err != nil {
		return false, err
	}
	if person := personOf(token); person != "" && person != st.person.ID {
		return false, &Error{Kind: ErrRefused, Code: "another_person", Message: "The server takes this device for another person's.",
			Hint: "Enrol this store again, with the invite that it or its copy was last enrolled with. Everything is kept on this device."}
	}
	lost = known > 0
	return lost, d.store.tx(context.WithoutCancel(ctx), "note token", func(tx *sql.Tx) error {
		st, err := loadState(ctx, tx)
		if err != nil {
			return err
		}
		if lost {
			if err := st.sendAgain(ctx, tx); err != nil {
				return err
			}
		}
		if _, err := tx.Exec("UPDATE device SET token = ? WHERE id = ?", token, line[0].id); err != nil {
			return err
		}
		return st.save(ctx, tx)
	})
}

// identity is an id that this device goes by, or has gone by, with its key.
type identity struct {
	id  string
	key []byte
}

// line gives what this device goes by and what it descends from, the first that
// was enrolled last.
func (d *Device) line(ctx context.Context, st *state) ([]identity, error) {
	line := []identity{{st.id, st.key}}
	err := d.store.tx(ctx, "read lineage", func(tx *sql.Tx) error {
		rows, err := tx.QueryContext(ctx, "SELECT id, key FROM lineage ORDER BY rowid DESC")
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var i identity
			if err := rows.Scan(&i.id, &i.key); err != nil {
				return err
			}
			if i.key == nil { // it cannot speak any more, and what is before it neither
				break
			}
			line = append(line, i)
		}
		return rows.Err()
	})
	return line, err
}

// tokenAgain gets a token for the first of line. Where the server was restored
// to before it knew that one, the nearest ancestor that it knows tells who goes
// on for it, down to the first (PUSH-3). known is that one's place in line.
func (d *Device) tokenAgain(ctx context.Context, base string, line []identity) (token string, known int, err error) {
	for ; known < len(line); known++ {
		token, err = d.askToken(ctx, base, line[known].id, line[known].key, nil)
		if !hasCode(err, fault.BadSignature) {
			break
		}
	}
	if hasCode(err, fault.BadSignature) {
		return "", known, &Error{Kind: ErrRefused, Code: string(fault.BadSignature), Message: "The server does not know this device.",
			Hint: "It may have been restored from a backup that is older than this device. Ask your coordinator for a new invite and enrol " +
				"this same store with it: what was saved here is kept, and what the server lost is handed in again."}
	}
	for i := known - 1; err == nil && i >= 0; i-- {
		var key wire.Key
		if key, err = publicKey(line[i].key); err != nil {
			break
		}
		token, err = d.askToken(ctx, base, line[i+1].id, line[i+1].key, &wire.NewDevice{ID: line[i].id, Key: key})
	}
	return token, known, err
}

// personOf is whom a device token is for: it is one of PocketBase's (ENROL-3).
// "" for a token that does not say it.
func personOf(token string) string {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return ""
	}
	var claims struct{ ID string }
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil || json.Unmarshal(raw, &claims) != nil {
		return ""
	}
	return claims.ID
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
	if _, err = d.exchange(ctx, request{method: http.MethodPost, base: base, path: "/api/sync/renew", body: body}, &r); err != nil {
		return "", err
	}
	d.noteOrder(r.Wipe)
	return r.Token, nil
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
		if _, err := tx.Exec("INSERT OR REPLACE INTO lineage (id, until, key) VALUES (?, ?, ?)", st.id, now.UnixMilli(), st.key); err != nil {
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
