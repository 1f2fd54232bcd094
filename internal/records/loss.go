package records

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/security"

	"github.com/fieldpost/fieldpost/internal/access"
)

// Act says who does something that is audited, and why. By is a person's id;
// "" is whoever sits at the server's own command line.
type Act struct{ By, Reason string }

func (a Act) actor() string {
	if a.By == "" {
		return ActorOperator
	}
	return a.By
}

// DeviceRow is a device as those who look after it need it.
type DeviceRow struct {
	ID, User, Organization string
	Staff                  bool
	Revoked                bool
	Wipe                   time.Time // told to wipe itself; zero: it was not
	Wiped                  *Wiped    // nil: it has not confirmed
	Values                 access.Values
}

// Wiped is a device's confirmation that it has handed everything in and wipes
// itself. Done is, of staff, a day; Handed is not told of theirs: how many
// reports there were is nobody's business.
type Wiped struct {
	Done   time.Time
	Handed map[string]int64
}

// Row finds a device for who looks after it, nil when there is none.
func (p *People) Row(id string) (*DeviceRow, error) { return p.store.deviceRow(p.app, id) }

// DeviceRow finds a device for who looks after it, nil when there is none.
func (s *Store) DeviceRow(id string) (*DeviceRow, error) { return s.deviceRow(s.App, id) }

func (s *Store) deviceRow(app core.App, id string) (*DeviceRow, error) {
	r, err := app.FindRecordById("devices", id)
	if absent(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("find device %s: %w", id, err)
	}
	user, err := app.FindRecordById("users", r.GetString("user"))
	if err != nil {
		return nil, fmt.Errorf("find user of device %s: %w", id, err)
	}
	row := &DeviceRow{ID: id, User: user.Id, Organization: r.GetString("organization"), Revoked: r.GetBool("revoked"),
		Staff: PersonOf(user).Role == access.Staff, Wipe: r.GetDateTime("wipe").Time(), Values: Values(r)}
	if !row.Wipe.IsZero() {
		row.Wiped, err = wiped(app, id)
	}
	return row, err
}

func wiped(app core.App, device string) (*Wiped, error) {
	var row struct {
		Done   int64  `db:"done"`
		Handed string `db:"handed"`
	}
	err := app.DB().NewQuery("SELECT done, handed FROM {{device_wipes}} WHERE device={:d}").Bind(dbx.Params{"d": device}).One(&row)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("wipe of device %s: %w", device, err)
	}
	w := &Wiped{Done: time.UnixMilli(row.Done).UTC()}
	if row.Handed != "" {
		if err := json.Unmarshal([]byte(row.Handed), &w.Handed); err != nil {
			return nil, fmt.Errorf("wipe of device %s: %w", device, err)
		}
	}
	return w, nil
}

// SignOut signs a device out, and all that descends from it; false when it was
// signed out before. What it still holds it may hand in (PUSH-10).
func (p *People) SignOut(device string, act Act) (bool, error) {
	r, err := p.app.FindRecordById("devices", device)
	if err != nil {
		return false, fmt.Errorf("revoke device %s: %w", device, err)
	}
	if r.GetBool("revoked") {
		return false, nil
	}
	r.Set("revoked", true)
	if err := p.app.Save(r); err != nil {
		return false, fmt.Errorf("revoke device %s: %w", device, err)
	}
	return true, p.Audit(Audit{Act: ActRevoke, Actor: act.actor(), Organization: r.GetString("organization"), Collection: "devices",
		Record: device, Reason: act.Reason})
}

// OrderWipe tells a device, and all that descends from it, to wipe itself once
// everything is handed in (DEV-3); false when it was told before.
func (p *People) OrderWipe(device string, act Act) (bool, error) {
	line, err := p.descent(device)
	if err != nil {
		return false, err
	}
	told := false
	for _, r := range line {
		if !r.GetDateTime("wipe").IsZero() {
			continue
		}
		if err := p.setWipe(r, p.store.Now()); err != nil {
			return false, err
		}
		told = true
	}
	if !told {
		return false, nil
	}
	return true, p.auditWipe(line[0], act, "ordered")
}

// WithdrawWipe takes the order back from a device and all that descends from
// it; false when there is none, or it was obeyed.
func (p *People) WithdrawWipe(device string, act Act) (bool, error) {
	line, err := p.descent(device)
	if err != nil {
		return false, err
	}
	any := false
	for _, r := range line {
		if r.GetDateTime("wipe").IsZero() {
			continue
		}
		done, err := wiped(p.app, r.Id)
		if err != nil {
			return false, err
		}
		if done != nil {
			continue
		}
		if err := p.setWipe(r, time.Time{}); err != nil {
			return false, err
		}
		any = true
	}
	if !any {
		return false, nil
	}
	return true, p.auditWipe(line[0], act, "withdrawn")
}

func (p *People) setWipe(r *core.Record, at time.Time) error {
	r.Set("wipe", "")
	if !at.IsZero() {
		r.Set("wipe", at.UTC())
	}
	if err := p.app.Save(r); err != nil {
		return fmt.Errorf("order wipe of device %s: %w", r.Id, err)
	}
	return nil
}

func (p *People) auditWipe(r *core.Record, act Act, what string) error {
	return p.Audit(Audit{Act: ActWipe, Actor: act.actor(), Organization: r.GetString("organization"), Collection: "devices",
		Record: r.Id, Reason: act.Reason, Detail: map[string]any{"order": what}})
}

// descent gives a device and all that descends from it.
func (p *People) descent(device string) ([]*core.Record, error) {
	r, err := p.app.FindRecordById("devices", device)
	if err != nil {
		return nil, fmt.Errorf("find device %s: %w", device, err)
	}
	line := []*core.Record{r}
	for i := 0; i < len(line); i++ {
		heirs, err := p.app.FindRecordsByFilter("devices", "parent = {:id}", "", 0, 0, map[string]any{"id": line[i].Id})
		if err != nil {
			return nil, fmt.Errorf("find what descends from device %s: %w", device, err)
		}
		for _, h := range heirs {
			if !slices.ContainsFunc(line, func(have *core.Record) bool { return have.Id == h.Id }) {
				line = append(line, h)
			}
		}
	}
	return line, nil
}

// Wipe notes that a device has handed everything in and wipes itself. It makes
// no journal entry: one here would stand right behind the device's last
// reports (R9). Doing it again changes nothing but the counts.
func (p *People) Wipe(d *Device, sealed int64) error {
	at, handed := p.store.Now().UnixMilli(), ""
	if d.Person.Role == access.Staff {
		at = day(at)
	} else {
		var n int64
		if err := p.app.DB().NewQuery("SELECT count(*) FROM {{journal_receipt}} WHERE device={:d}").
			Bind(dbx.Params{"d": p.store.Key.Device(d.ID)}).Row(&n); err != nil {
			return fmt.Errorf("note wipe of device %s: %w", d.ID, err)
		}
		raw, err := json.Marshal(map[string]int64{"answered": n, "sealed": sealed})
		if err != nil {
			return err
		}
		handed = string(raw)
	}
	_, err := p.app.DB().NewQuery(`INSERT INTO {{device_wipes}} (device, done, handed) VALUES ({:d}, {:at}, {:h})
		ON CONFLICT (device) DO UPDATE SET handed=excluded.handed`).Bind(dbx.Params{"d": d.ID, "at": at, "h": handed}).Execute()
	if err != nil {
		return fmt.Errorf("note wipe of device %s: %w", d.ID, err)
	}
	return nil
}

// Leftover is what a device that wipes itself could get no verdict for: a
// recovery file, kept as it came. Its mutations are sealed, and the file is
// locked besides, because it names its device.
type Leftover struct {
	ID    string
	Bytes int64
	File  []byte // of one that is asked for by id
}

const lockLeftover = "leftover"

// KeepLeftover stores a file; the same one again changes nothing. full is true,
// and nothing is stored, when the device has no room for it within limit bytes.
func (p *People) KeepLeftover(device string, file []byte, limit int64) (full bool, err error) {
	fail := func(err error) (bool, error) {
		return false, fmt.Errorf("keep what device %s could not hand in: %w", device, err)
	}
	key := p.store.Key
	owner, part := key.Name(lockLeftover, device), key.Name(lockLeftover+" part", string(file))
	var known int
	var held int64
	if err := p.app.DB().NewQuery("SELECT count(*) FROM {{device_leftovers}} WHERE device={:d} AND part={:p}").
		Bind(dbx.Params{"d": owner, "p": part}).Row(&known); err != nil {
		return fail(err)
	}
	if known > 0 {
		return false, nil
	}
	if err := p.app.DB().NewQuery("SELECT coalesce(sum(bytes), 0) FROM {{device_leftovers}} WHERE device={:d}").
		Bind(dbx.Params{"d": owner}).Row(&held); err != nil {
		return fail(err)
	}
	if held > 0 && held+int64(len(file)) > limit {
		return true, nil
	}
	id := security.RandomStringWithAlphabet(15, "abcdefghijklmnopqrstuvwxyz0123456789")
	locked, err := key.Lock(lockLeftover, id, file)
	if err != nil {
		return fail(err)
	}
	_, err = p.app.DB().NewQuery("INSERT INTO {{device_leftovers}} (id, device, part, bytes, file) VALUES ({:id}, {:d}, {:p}, {:n}, {:f})").
		Bind(dbx.Params{"id": id, "d": owner, "p": part, "n": len(file), "f": locked}).Execute()
	if err != nil {
		return fail(err)
	}
	return false, nil
}

// Leftovers lists what is kept, without the files.
func (s *Store) Leftovers() ([]Leftover, error) {
	var rows []struct {
		ID    string `db:"id"`
		Bytes int64  `db:"bytes"`
	}
	if err := s.App.DB().NewQuery("SELECT id, bytes FROM {{device_leftovers}} ORDER BY id").All(&rows); err != nil {
		return nil, fmt.Errorf("list leftovers: %w", err)
	}
	out := []Leftover{}
	for _, r := range rows {
		out = append(out, Leftover{ID: r.ID, Bytes: r.Bytes})
	}
	return out, nil
}

// Leftover gives one with its file, nil when there is none.
func (s *Store) Leftover(id string) (*Leftover, error) {
	var locked []byte
	err := s.App.DB().NewQuery("SELECT file FROM {{device_leftovers}} WHERE id={:id}").Bind(dbx.Params{"id": id}).Row(&locked)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("find leftover %s: %w", id, err)
	}
	file, err := s.Key.Unlock(lockLeftover, id, locked)
	if err != nil {
		return nil, fmt.Errorf("find leftover %s: %w", id, err)
	}
	return &Leftover{ID: id, Bytes: int64(len(file)), File: file}, nil
}

// DropLeftover lets one go whose every mutation has a verdict.
func (s *Store) DropLeftover(id string) error {
	if _, err := s.App.NonconcurrentDB().NewQuery("DELETE FROM {{device_leftovers}} WHERE id={:id}").Bind(dbx.Params{"id": id}).Execute(); err != nil {
		return fmt.Errorf("drop leftover %s: %w", id, err)
	}
	return nil
}

// Lost is what somebody says is lost.
type Lost struct{ Site, What, Note string }

// ReportLost makes the record that coordinators see, and gives its id. The
// person's site must be served by somebody; checked by the caller.
func (p *People) ReportLost(by access.Person, organization string, l Lost) (string, error) {
	c, err := p.app.FindCachedCollectionByNameOrId("lost_devices")
	if err != nil {
		return "", fmt.Errorf("report lost device: %w", err)
	}
	user, err := p.app.FindRecordById("users", by.ID)
	if err != nil {
		return "", fmt.Errorf("report lost device: %w", err)
	}
	r := core.NewRecord(c)
	r.Set("organization", organization)
	r.Set("site", l.Site)
	r.Set("what", l.What)
	r.Set("note", l.Note)
	r.Set("asked_by", by.ID)
	r.Set("asked", p.store.Now().UTC())
	Attach(r, p.store.RestWriter(user))
	if err := p.app.Save(r); err != nil {
		return "", fmt.Errorf("report lost device: %w", err)
	}
	return r.Id, nil
}

// ServedBy gives who serves a site, "" for nobody or no such site.
func (p *People) ServedBy(site string) (string, error) {
	r, err := p.app.FindRecordById("sites", site)
	if absent(err) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("find site %s: %w", site, err)
	}
	return r.GetString("served_by"), nil
}
