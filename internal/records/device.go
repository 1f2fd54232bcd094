package records

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/security"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/journal"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// Device is a device with its person and those it descends from.
type Device struct {
	ID      string
	Person  access.Person
	Revoked bool
	Lineage []string // its own id first
	Key     wire.Key
	Invite  string
	Wipe    int64 // ms, when it was told to wipe itself; 0: it was not
}

// Device finds a device, nil when there is none.
func (t *Tx) Device(id string) (*Device, error) { return t.store.device(t.app, id) }

// Device finds a device, nil when there is none.
func (p *People) Device(id string) (*Device, error) { return p.store.device(p.app, id) }

// FindDevice finds a device outside a transaction, nil when there is none.
func (s *Store) FindDevice(id string) (*Device, error) {
	looks <- struct{}{}
	defer func() { <-looks }()
	return s.device(s.App, id)
}

func (s *Store) device(app core.App, id string) (*Device, error) {
	users, err := app.FindCachedCollectionByNameOrId("users")
	if err != nil {
		return nil, fmt.Errorf("find device %s: %w", id, err)
	}
	d, _, err := findDevice(app.ConcurrentDB(), users, id)
	return d, err
}

// deviceRow is all of a device and its person at once: every request of a
// device begins with it.
const deviceRow = `SELECT d."user", d.revoked, d.invite, d."key", d.wipe, d.parent, w.device IS NOT NULL, u.*
	FROM devices d LEFT JOIN users u ON u.id=d."user" LEFT JOIN device_wipes w ON w.device=d.id WHERE d.id=?`

// findDevice reads a device and the record of its person from a database or a
// transaction, nil when there is none.
func findDevice(db journal.DB, users *core.Collection, id string) (*Device, *core.Record, error) {
	fail := func(err error) (*Device, *core.Record, error) {
		return nil, nil, fmt.Errorf("find device %s: %w", id, err)
	}
	below := journal.Below(db)
	if below == nil {
		return fail(errors.New("no database below"))
	}
	rows, err := below.Query(deviceRow, id)
	if err != nil {
		return fail(err)
	}
	defer rows.Close()
	if !rows.Next() {
		if err := rows.Err(); err != nil {
			return fail(err)
		}
		return nil, nil, nil
	}
	var person, invite, key, wipe, parent sql.NullString
	var revoked sql.NullBool
	var wiped bool
	into := []any{&person, &revoked, &invite, &key, &wipe, &parent, &wiped}
	names, err := rows.Columns()
	if err != nil {
		return fail(err)
	}
	names = names[len(into):]
	values := make([]sql.NullString, len(names))
	for i := range values {
		into = append(into, &values[i])
	}
	if err := rows.Scan(into...); err != nil {
		return fail(err)
	}
	if err := rows.Close(); err != nil {
		return fail(err)
	}
	row := make(dbx.NullStringMap, len(names))
	for i, n := range names {
		row[n] = values[i]
	}
	if !row["id"].Valid {
		return nil, nil, fmt.Errorf("find user of device %s: %w", id, sql.ErrNoRows)
	}
	user, err := recordFrom(users, row)
	if err != nil {
		return fail(err)
	}
	d := &Device{ID: id, Person: PersonOf(user), Revoked: revoked.Bool, Invite: invite.String, Lineage: []string{id}}
	if key.String != "" {
		if err := json.Unmarshal([]byte(key.String), &d.Key); err != nil {
			return nil, nil, fmt.Errorf("read key of device %s: %w", id, err)
		}
	}
	if wipe.String != "" {
		at, err := types.ParseDateTime(wipe.String)
		if err != nil {
			return fail(err)
		}
		d.Wipe = at.Time().UnixMilli()
		d.Revoked = d.Revoked || wiped // nobody has its key any more
	}
	return d, user, descent(below, d, parent.String)
}

// descent notes those that a device descends from.
func descent(below dbx.Executor, d *Device, parent string) error {
	for parent != "" && len(d.Lineage) < 100 {
		d.Lineage = append(d.Lineage, parent)
		rows, err := below.Query("SELECT parent FROM devices WHERE id=?", parent)
		var next sql.NullString
		if err == nil {
			if rows.Next() {
				err = rows.Scan(&next)
			} else {
				err = rows.Err()
			}
			err = errors.Join(err, rows.Close())
		}
		if err != nil {
			return fmt.Errorf("find device %s: %w", parent, err)
		}
		parent = next.String
	}
	return nil
}

// Admission is a device's token that holds, with whose it is.
type Admission struct {
	Device *Device
	User   *core.Record
	Claims Claims
}

// Admit finds device and person of a device's token in one look, and checks the
// token as PocketBase does. nil: it is not a device's, or something is wrong
// with it; PocketBase's own way says what. Whether the device was signed out,
// or the token is over, is for the caller to ask.
func (s *Store) Admit(token string) (*Admission, error) {
	claims := ReadToken(token)
	id := claims.Device()
	users, err := s.App.FindCachedCollectionByNameOrId("users")
	if err != nil {
		return nil, fmt.Errorf("admit: %w", err)
	}
	if id == "" || claims[core.TokenClaimType] != core.TokenTypeAuth || claims[core.TokenClaimCollectionId] != users.Id {
		return nil, nil
	}
	looks <- struct{}{}
	defer func() { <-looks }()
	d, user, err := findDevice(s.App.ConcurrentDB(), users, id)
	if err != nil || d == nil || claims[core.TokenClaimId] != user.Id {
		return nil, err
	}
	if _, err := security.ParseJWT(bare(token), user.TokenKey()+users.AuthToken.Secret); err != nil {
		return nil, nil // PocketBase, asked next, says what is wrong
	}
	return &Admission{d, user, claims}, nil
}
