package devices

import (
	"encoding/json"
	"errors"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/fault"
	"github.com/fieldpost/fieldpost/internal/records"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// maxReason is how long a reason may be, in characters.
const maxReason = 500

// leftoverRoom is how many bytes of files the server keeps for one device that
// wipes itself. What comes while nothing is kept has room whatever its size.
const leftoverRoom = 64 << 20

// An order to wipe is a text that the installation key signs: no table of
// orders that were told is needed, and none that was withdrawn is obeyed.
type order struct {
	Device string `json:"d"`
	At     int64  `json:"o"` // ms, when it was given
}

// Order gives the order that stands for a device, "" for none.
func (s *Service) Order(d *records.Device) (string, error) {
	if d == nil || d.Wipe == 0 {
		return "", nil
	}
	raw, err := json.Marshal(order{d.ID, d.Wipe})
	if err != nil {
		return "", err
	}
	return s.Key.Sign("wipe", raw), nil
}

// Wipe takes a device's word that it has handed everything in, and keeps what
// it could get no verdict for (DEV-3). file is Leftovers decoded, nil without.
// The same again gives the same answer: the device that did not hear it asks
// once more. bad_signature, wipe_withdrawn, quarantine_full.
func (s *Service) Wipe(req wire.WipeRequest, file *wire.Recovery) (*wire.WipeAnswer, error) {
	badSignature := fault.New(fault.BadSignature, "The signature does not fit the device's key.")
	var o order
	raw, ok := s.Key.Verify("wipe", req.Order)
	if !ok || json.Unmarshal(raw, &o) != nil || o.Device != req.Device {
		return nil, fault.New(fault.BadSignature, "The order is not one for this device.")
	}
	err := s.Store.TransactPeople(func(tx *records.People) error {
		d, err := tx.Device(req.Device)
		if err != nil {
			return err
		}
		inner := ""
		if file != nil {
			inner = file.Signature
		}
		if d == nil || !d.Key.Verify([]byte(wire.WipeText(req.Device, req.Order, inner, req.More)), req.Signature) {
			return badSignature
		}
		if d.Wipe != o.At {
			return fault.New(fault.WipeWithdrawn, "The order to wipe was withdrawn.")
		}
		sealed := int64(0)
		if file != nil {
			if file.Device != req.Device || !d.Key.Verify(file.Signed, file.Signature) {
				return badSignature
			}
			sealed = int64(len(file.Mutations))
			full, err := tx.KeepLeftover(d.ID, req.Leftovers, leftoverRoom)
			if err != nil {
				return err
			}
			if full {
				return fault.New(fault.QuarantineFull, "There is no room to keep what this device could not hand in.")
			}
		}
		if req.More {
			return nil
		}
		return tx.Wipe(d, sealed)
	})
	if err != nil {
		return nil, refused(err)
	}
	return &wire.WipeAnswer{Now: s.Now().UTC().Format(wire.TimeFormat), Granted: !req.More}, nil
}

// Loss is an act on somebody else's device, by a person or, with By "", by the
// operator at the server.
type Loss struct {
	Device string
	Act    records.Act
}

// Revoke signs a device out. not_found, not_allowed, bad_request.
func (s *Service) Revoke(l Loss) (*wire.DeviceState, error) {
	return s.onDevice(l, func(tx *records.People) error {
		_, err := tx.SignOut(l.Device, l.Act)
		return err
	})
}

// OrderWipe tells a device to wipe itself at its next contact. It is not signed
// out by that: what it holds is taken as ever. not_found, not_allowed,
// bad_request.
func (s *Service) OrderWipe(l Loss) (*wire.DeviceState, error) {
	return s.onDevice(l, func(tx *records.People) error {
		_, err := tx.OrderWipe(l.Device, l.Act)
		return err
	})
}

// WithdrawWipe takes the order back, if it was not obeyed. not_found,
// not_allowed, bad_request.
func (s *Service) WithdrawWipe(l Loss) (*wire.DeviceState, error) {
	return s.onDevice(l, func(tx *records.People) error {
		_, err := tx.WithdrawWipe(l.Device, l.Act)
		return err
	})
}

func (s *Service) onDevice(l Loss, do func(tx *records.People) error) (*wire.DeviceState, error) {
	if err := checkReason(&l.Act); err != nil {
		return nil, err
	}
	err := s.Store.TransactPeople(func(tx *records.People) error {
		row, err := tx.Row(l.Device)
		if err != nil {
			return err
		}
		if err := s.manages(tx, l.Act.By, "devices", row != nil, func() access.Values { return row.Values }); err != nil {
			return err
		}
		return do(tx)
	})
	if err != nil {
		return nil, refused(err)
	}
	return s.State(l.Device)
}

// State is what who looks after a device is told of it; the caller has checked
// who asks. not_found.
func (s *Service) State(device string) (*wire.DeviceState, error) {
	row, err := s.Store.DeviceRow(device)
	if err != nil {
		return nil, err
	}
	if row == nil {
		return nil, notFound("device")
	}
	state := &wire.DeviceState{Device: device, Revoked: row.Revoked}
	if !row.Wipe.IsZero() {
		state.Ordered = row.Wipe.UTC().Format(wire.TimeFormat)
	}
	if row.Wiped != nil {
		state.Wiped, state.Handed = row.Wiped.Done.Format(wire.TimeFormat), row.Wiped.Handed
		if row.Staff {
			state.Wiped = row.Wiped.Done.Format(time.DateOnly)
		}
	}
	return state, nil
}

// Asks gives the state of a device to a person who may know it: who manages it.
// not_found, not_allowed.
func (s *Service) Asks(device, by string) (*wire.DeviceState, error) {
	err := s.Store.TransactPeople(func(tx *records.People) error {
		row, err := tx.Row(device)
		if err != nil {
			return err
		}
		return s.manages(tx, by, "devices", row != nil, func() access.Values { return row.Values })
	})
	if err != nil {
		return nil, refused(err)
	}
	return s.State(device)
}

// manages tells whether somebody may act on a device or person. What is not
// there is told to those alone who would manage it if it were: to others both
// look alike.
func (s *Service) manages(tx *records.People, by, collection string, there bool, values func() access.Values) error {
	if by == "" {
		if !there {
			return notFound(strings.TrimSuffix(collection, "s"))
		}
		return nil
	}
	who, err := tx.Person(by)
	if err != nil {
		return err
	}
	if who.Role != access.Admin && who.Role != access.Coordinator {
		return fault.New(fault.NotAllowed, "This is for coordinators and admins.")
	}
	if !there || !access.Table[collection].Manage.Holds(*who, values()) {
		return fault.New(fault.NotFound, "There is none of this id among yours.").WithHint("Check the id.")
	}
	return nil
}

func notFound(what string) error {
	return fault.New(fault.NotFound, "There is no such "+what+".").WithHint("Check the id.")
}

// checkReason asks for a reason: it is all that tells, years later, why.
func checkReason(a *records.Act) error {
	a.Reason = strings.TrimSpace(a.Reason)
	switch {
	case a.Reason == "":
		return fault.New(fault.BadRequest, "A reason is missing.").WithHint("Say why, in a few words and without names.")
	case utf8.RuneCountInString(a.Reason) > maxReason:
		return fault.New(fault.BadRequest, "The reason is longer than 500 characters.").WithHint("Say it in fewer words.")
	}
	return nil
}

// kinds of lost devices.
var lostKinds = map[string]bool{"phone": true, "tablet": true, "computer": true, "other": true}

// Lost takes a manager's word that a device of their site is lost. They see no
// devices, so they say what it was, and whoever serves the site finds and
// revokes it. bad_request, not_allowed.
func (s *Service) Lost(by string, req wire.LostRequest) (*wire.LostAnswer, error) {
	if !lostKinds[req.What] {
		return nil, fault.New(fault.BadRequest, "`what` is phone, tablet, computer or other.").WithHint("Say what was lost.")
	}
	if utf8.RuneCountInString(req.Note) > 300 {
		return nil, fault.New(fault.BadRequest, "The note is longer than 300 characters.").WithHint("Say it in fewer words.")
	}
	out := &wire.LostAnswer{}
	err := s.Store.TransactPeople(func(tx *records.People) error {
		who, err := tx.Person(by)
		if err != nil {
			return err
		}
		if who.Role != access.Manager {
			return fault.New(fault.NotAllowed, "This is for managers of a site.").WithHint("Tell your coordinator.")
		}
		mine := false
		for _, site := range who.Sites {
			mine = mine || site == req.Site
		}
		if !mine {
			return fault.New(fault.NotAllowed, "The site is not one of yours.").WithHint("Name one of your sites.")
		}
		served, err := tx.ServedBy(req.Site)
		if err != nil {
			return err
		}
		if served == "" {
			return fault.New(fault.NotAllowed, "No organization serves the site.").WithHint("Ask an admin.")
		}
		out.ID, err = tx.ReportLost(*who, served, records.Lost{Site: req.Site, What: req.What, Note: strings.TrimSpace(req.Note)})
		return err
	})
	if err != nil {
		return nil, refused(err)
	}
	return out, nil
}

// Leaving asks for the offboarding of a person.
type Leaving struct {
	Person string
	Act    records.Act
	Wipe   bool // their devices are told to wipe themselves as well
	DryRun bool
}

var errDryRun = errors.New("dry run")

// Offboard ends all that a person has here, in one step, and tells what it
// touched. A dry run does the same and takes it back, so that its report is
// exact. not_found, not_allowed, bad_request.
func (s *Service) Offboard(l Leaving) (out *wire.Offboarded, err error) {
	if err := checkReason(&l.Act); err != nil {
		return nil, err
	}
	err = s.Store.TransactPeople(func(tx *records.People) error {
		who, values, err := tx.UserRow(l.Person)
		if err != nil {
			return err
		}
		if err := s.manages(tx, l.Act.By, "users", who != nil, func() access.Values { return values }); err != nil {
			return err
		}
		if l.Act.By == l.Person {
			return fault.New(fault.NotAllowed, "Nobody offboards themselves.").WithHint("Ask another coordinator, or an admin.")
		}
		if out, err = tx.Offboard(l.Person, l.Act, l.Wipe); err != nil {
			return err
		}
		if out.DryRun = l.DryRun; l.DryRun {
			return errDryRun
		}
		return nil
	})
	if err != nil && !(l.DryRun && errors.Is(err, errDryRun)) {
		return nil, refused(err)
	}
	return out, nil
}
