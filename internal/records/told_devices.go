package records

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/pocketbase/dbx"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// DeviceTold is what a device last said of itself, and when it was here.
type DeviceTold struct {
	Device string `json:"device"`
	// Contact is when it last handed something in or asked; of staff, and where
	// nothing finer is stored, a day. "": not since this is noted.
	Contact string `json:"contact"`
	App     string `json:"app"`
	// Waiting is how many mutations had no verdict; nil: not told, and always so
	// of staff.
	Waiting *int64 `json:"waiting"`
}

// lockTold names what the box of staff is locked for.
const lockTold = "told"

// staffTold is what is kept of one device of staff.
type staffTold struct {
	Day int64  `json:"d"` // ms
	App string `json:"a"`
}

// Told notes what a device says of itself. It is no part of the history, and of
// no finer time than the day: a minute here would stand beside that of a report
// which names nobody (R9). Of staff how much waits is not kept.
func (s *Store) Told(d *Device, at int64, app string, waiting *int) error {
	db := s.App.NonconcurrentDB()
	if s.Seals(d.Person) {
		return s.toldOfStaff(db, d.ID, day(at), app)
	}
	n := -1
	if waiting != nil && d.Person.Role != access.Staff {
		n = *waiting
	}
	_, err := db.NewQuery(`INSERT INTO {{device_told}} (device, at, app, waiting) VALUES ({:d}, {:at}, {:app}, {:n})
		ON CONFLICT (device) DO UPDATE SET at=excluded.at, app=excluded.app, waiting=excluded.waiting`).
		Bind(dbx.Params{"d": d.ID, "at": day(at), "app": app, "n": n}).Execute()
	if err != nil {
		return fmt.Errorf("note what device %s says of itself: %w", d.ID, err)
	}
	return nil
}

func (s *Store) toldOfStaff(db dbx.Builder, device string, today int64, app string) error {
	all, err := s.staffTold(db)
	if err != nil {
		return err
	}
	now := staffTold{today, app}
	if all[device] == now {
		return nil
	}
	all[device] = now
	raw, err := json.Marshal(all)
	if err != nil {
		return err
	}
	box, err := s.Key.Lock(lockTold, "", raw)
	if err == nil {
		_, err = db.NewQuery(`INSERT INTO {{device_told}} (device, at, app, waiting, box) VALUES ('', 0, '', -1, {:box})
			ON CONFLICT (device) DO UPDATE SET box=excluded.box`).Bind(dbx.Params{"box": box}).Execute()
	}
	if err == nil { // of before its person was staff
		_, err = db.NewQuery("DELETE FROM {{device_told}} WHERE device={:d}").Bind(dbx.Params{"d": device}).Execute()
	}
	if err != nil {
		return fmt.Errorf("note what a device says of itself: %w", err)
	}
	return nil
}

func (s *Store) staffTold(db dbx.Builder) (map[string]staffTold, error) {
	all := map[string]staffTold{}
	var box []byte
	err := db.NewQuery("SELECT box FROM {{device_told}} WHERE device=''").Row(&box)
	if errors.Is(err, sql.ErrNoRows) {
		return all, nil
	}
	if err == nil {
		if box, err = s.Key.Unlock(lockTold, "", box); err == nil {
			err = json.Unmarshal(box, &all)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("read what devices say of themselves: %w", err)
	}
	return all, nil
}

// DevicesTold lists, for a person, the devices that they look after: when each
// was here, which app it runs, and how much waits there.
func (s *Store) DevicesTold(by access.Person) ([]DeviceTold, error) {
	found, err := s.App.FindRecordsByFilter("devices", "revoked = false", "@rowid", 0, 0)
	if err != nil {
		return nil, fmt.Errorf("list devices: %w", err)
	}
	db := s.App.ConcurrentDB()
	var rows []struct {
		Device  string `db:"device"`
		At      int64  `db:"at"`
		App     string `db:"app"`
		Waiting int64  `db:"waiting"`
	}
	if err := db.NewQuery("SELECT device, at, app, waiting FROM {{device_told}} WHERE device<>''").All(&rows); err != nil {
		return nil, fmt.Errorf("read what devices say of themselves: %w", err)
	}
	told := map[string]int{}
	for i, r := range rows {
		told[r.Device] = i
	}
	staff, err := s.staffTold(db)
	if err != nil {
		return nil, err
	}
	out := []DeviceTold{}
	for _, r := range found {
		if !access.Table["devices"].Manage.Holds(by, Values(r)) {
			continue
		}
		user, err := s.App.FindRecordById("users", r.GetString("user"))
		if err != nil {
			return nil, fmt.Errorf("find user of device %s: %w", r.Id, err)
		}
		at, err := s.LastContact(r.Id)
		if err != nil {
			return nil, err
		}
		one := DeviceTold{Device: r.Id}
		if PersonOf(user).Role == access.Staff {
			one.App = staff[r.Id].App
			one.Contact = dayOf(max(day(at), staff[r.Id].Day))
			out = append(out, one)
			continue
		}
		if i, ok := told[r.Id]; ok {
			one.App = rows[i].App
			if rows[i].Waiting >= 0 {
				one.Waiting = &rows[i].Waiting
			}
			if rows[i].At > at {
				one.Contact = dayOf(rows[i].At)
			}
		}
		if one.Contact == "" && at > 0 {
			one.Contact = time.UnixMilli(at).UTC().Format(wire.TimeFormat)
		}
		out = append(out, one)
	}
	return out, nil
}

// dayOf writes a day of ms, "" for none.
func dayOf(ms int64) string {
	if ms == 0 {
		return ""
	}
	return time.UnixMilli(ms).UTC().Format(time.DateOnly)
}
