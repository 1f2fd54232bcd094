package records

import (
	"fmt"

	"github.com/fieldpost/fieldpost/internal/access"
)

// LeftoversOf lists, without the files, what the devices that somebody looks
// after left when they wiped themselves. Not of which device: a file that stood
// beside a device of staff, and became reports, would say who wrote them (R9).
// For the same reason one of staff shows from the day after on: what coordinators
// know of such a device is of no finer time either.
func (s *Store) LeftoversOf(by access.Person) ([]Leftover, error) {
	var rows []struct {
		ID     string `db:"id"`
		Device string `db:"device"`
		Bytes  int64  `db:"bytes"`
	}
	if err := s.App.ConcurrentDB().NewQuery("SELECT id, device, bytes FROM {{device_leftovers}} ORDER BY id").All(&rows); err != nil {
		return nil, fmt.Errorf("list leftovers: %w", err)
	}
	out := []Leftover{}
	if len(rows) == 0 {
		return out, nil
	}
	devices, err := s.App.FindRecordsByFilter("devices", "wipe != ''", "@rowid", 0, 0)
	if err != nil {
		return nil, fmt.Errorf("list leftovers: %w", err)
	}
	theirs := map[string]bool{}
	for _, r := range devices {
		if !access.Table["devices"].Manage.Holds(by, Values(r)) {
			continue
		}
		row, err := s.DeviceRow(r.Id)
		if err != nil {
			return nil, err
		}
		if row.Staff && (row.Wiped == nil || row.Wiped.Done.UnixMilli() >= day(s.Now().UnixMilli())) {
			continue
		}
		theirs[s.Key.Name(lockLeftover, r.Id)] = true
	}
	for _, r := range rows {
		if theirs[r.Device] {
			out = append(out, Leftover{ID: r.ID, Bytes: r.Bytes})
		}
	}
	return out, nil
}

// What was handed in, in an entry of take_in.
const (
	FromFile      = "file"      // a recovery file that somebody carried
	FromLeftovers = "leftovers" // what wiped devices had left here
)

// AuditTakeIn writes down that somebody hands in what others saved, before it is
// done. Whose it is stays out: between the reports that come by it and a device
// or person of staff nothing may be joined (R9). items is 0 where it is not
// known.
func (s *Store) AuditTakeIn(actor, organization, from string, files, items int) error {
	detail := map[string]any{"from": from, "files": files}
	if items > 0 {
		detail["items"] = items
	}
	return s.Audit(Audit{Act: ActTakeIn, Actor: actor, Organization: organization, Detail: detail})
}
