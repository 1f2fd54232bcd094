package wiring

import (
	"github.com/fieldpost/fieldpost/internal/devices"
	"github.com/fieldpost/fieldpost/internal/records"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// PersonView and Leftover are what the commands show.
type (
	PersonView = records.PersonView
	Leftover   = records.Leftover
)

// By is somebody who acts at the server's command line: a person's id or
// e-mail, or "" for the operator.
func (s *Services) By(name string) (id string, known bool, err error) {
	if name == "" {
		return "", true, nil
	}
	p, err := s.Store.PersonBy(name)
	if err != nil || p == nil {
		return "", false, err
	}
	return p.ID, true, nil
}

// SignOut signs a device out, with a reason. Faults as devices.Revoke.
func (s *Services) SignOut(device, by, reason string) (*wire.DeviceState, error) {
	return s.Devices.Revoke(devices.Loss{Device: device, Act: records.Act{By: by, Reason: reason}})
}

// Wipe tells a device to wipe itself; with withdraw it takes that back.
func (s *Services) Wipe(device, by, reason string, withdraw bool) (*wire.DeviceState, error) {
	l := devices.Loss{Device: device, Act: records.Act{By: by, Reason: reason}}
	if withdraw {
		return s.Devices.WithdrawWipe(l)
	}
	return s.Devices.OrderWipe(l)
}

// Offboard ends all that a person has here. person is an id, label or e-mail;
// found is how many it names, and nothing is done but for one.
func (s *Services) Offboard(person, by, reason string, wipe, dryRun bool) (out *wire.Offboarded, found int, err error) {
	people, err := s.Store.PeopleNamed(person)
	if err != nil || len(people) != 1 {
		return nil, len(people), err
	}
	out, err = s.Devices.Offboard(devices.Leaving{Person: people[0].ID, Wipe: wipe, DryRun: dryRun, Act: records.Act{By: by, Reason: reason}})
	return out, 1, err
}
