package records

import (
	"encoding/binary"
	"fmt"
	"slices"
	"sort"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/hlc"
	"github.com/fieldpost/fieldpost/internal/journal"
)

// Sealed authorship (R9, decision 0023): what of a staff person is stored with
// a report is a keyed text for this report alone, and of who reports about
// themselves nothing is stored at all.

// Sealing is how staff stand in what is stored.
type Sealing int

// SealingOn is the product. SealingPseudonyms and SealingOff are there to show
// that the attack (internal/unmask) finds what there is to be found: with one
// pseudonym for each device, and with staff in clear as workers are.
const (
	SealingOn Sealing = iota
	SealingPseudonyms
	SealingOff
)

// Seals tells whether a person is sealed in what is stored.
func (s *Store) Seals(p access.Person) bool { return p.Role == access.Staff && s.Sealing == SealingOn }

// nobody is the actor of entries that nobody is named with.
const nobody = "nobody"

// signature is actor and device of an entry about a record, as they are stored:
// pseudonyms bound to the record for staff, nobody at all for what is unnamed.
func (s *Store) signature(w *Writer, record string) (actor, device string) {
	switch {
	case w.Unnamed:
		return nobody, s.Key.Nobody()
	case w.Sealed != "" && w.Person != nil:
		return s.Key.PersonOn(w.Person.ID, record), s.Key.DeviceOn(w.Sealed, record)
	}
	return w.Actor, w.Device
}

// SignedBy is the actor that an entry of this writer about a record names.
func (s *Store) SignedBy(w *Writer, record string) string {
	actor, _ := s.signature(w, record)
	return actor
}

// sealEntry takes out of an entry what would join it to another of the same
// device: pseudonyms, and the time of the device's own clock, whose error is as
// good as a name. The entry has the time of receipt.
func (s *Store) sealEntry(w *Writer, e *journal.Entry) {
	e.Actor, e.Device = s.signature(w, e.Record)
	e.Stamp = hlc.Stamp{Time: hlc.Time{Ms: w.At}, Device: e.Device}.String()
}

// AboutSelf tells whether what is created is a report about the person who
// writes it.
func AboutSelf(collection string, values map[string]any) bool {
	about, _ := values["about"].(string)
	return collection == "submissions" && about == "self"
}

// NamesUnnamed tells whether an addendum or a photo is to a report that nobody
// is named with: whoever adds to it is then not named either.
func (t *Tx) NamesUnnamed(collection string, values map[string]any) (bool, error) {
	id, _ := values["submission"].(string)
	if collection != "addenda" && collection != attachments || id == "" {
		return false, nil
	}
	row, err := t.Find("submissions", id)
	if err != nil || row == nil {
		return false, err
	}
	return AboutSelf("submissions", row.Values), nil
}

// contact is one device in the box: 15 characters and a day since 1970.
const contactSize = 15 + 4

const msOfDay = 24 * 60 * 60 * 1000

// contactSealed notes the day (ms) on which a device of staff was here. Once a
// day and device the box is written, whole, so that its bytes tell nothing but
// that somebody came.
func (s *Store) contactSealed(db journal.DB, device string, at int64) error {
	list, err := s.contacts(db)
	if err != nil {
		return err
	}
	key := fmt.Sprintf("%-15.15s", device)
	n := len(list) / contactSize
	i := sort.Search(n, func(i int) bool { return string(list[i*contactSize:i*contactSize+15]) >= key })
	today := uint32(at / msOfDay)
	if i == n || string(list[i*contactSize:i*contactSize+15]) != key {
		list = slices.Insert(list, i*contactSize, append([]byte(key), 0, 0, 0, 0)...)
	} else if binary.BigEndian.Uint32(list[i*contactSize+15:]) >= today {
		return nil
	}
	binary.BigEndian.PutUint32(list[i*contactSize+15:], today)
	box, err := s.Key.Lock("contact", "", list)
	if err != nil {
		return fmt.Errorf("note contact: %w", err)
	}
	return journal.PutContactBox(db, device, box)
}

func (s *Store) contacts(db journal.DB) ([]byte, error) {
	box, err := journal.ContactBox(db)
	if err != nil || box == nil {
		return nil, err
	}
	list, err := s.Key.Unlock("contact", "", box)
	if err != nil || len(list)%contactSize != 0 {
		return nil, fmt.Errorf("read contacts: %w", err)
	}
	return list, nil
}

// LastContact tells when a device last handed something in, in ms, of staff by
// the day; 0: never. It takes the installation key for staff.
func (s *Store) LastContact(device string) (int64, error) {
	list, err := s.contacts(s.App.ConcurrentDB())
	if err != nil {
		return 0, err
	}
	for ; len(list) >= contactSize; list = list[contactSize:] {
		if string(list[:15]) == device {
			return int64(binary.BigEndian.Uint32(list[15:])) * msOfDay, nil
		}
	}
	return journal.LastContact(s.App.ConcurrentDB(), device)
}
