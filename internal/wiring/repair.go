package wiring

import (
	"context"

	"github.com/fieldpost/fieldpost/internal/exchange"
	"github.com/fieldpost/fieldpost/internal/records"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// HeldView and DeviceView are what the commands show.
type (
	HeldView   = records.HeldView
	DeviceView = records.DeviceView
	// ChecklistName names a checklist in the list of differences.
	ChecklistName = records.ChecklistName
)

// Repair releases a held mutation or, with adopt, makes it a coordinator's own.
// as is an id or e-mail, "" for the command line itself; known is false where
// there is no such person.
func (s *Services) Repair(id, as string, adopt bool, ops []any) (out *wire.Repaired, known bool, err error) {
	r := exchange.Repair{ID: id, Ops: ops}
	if r.By, known, err = s.repairer(as); err != nil || !known {
		return nil, known, err
	}
	if adopt {
		out, err = s.Exchange.Adopt(context.Background(), r)
	} else {
		out, err = s.Exchange.Release(context.Background(), r)
	}
	return out, true, err
}

// Dismiss puts a held mutation aside. as and known are as in Repair.
func (s *Services) Dismiss(id, as, reason string) (out *wire.Repaired, known bool, err error) {
	r := exchange.Repair{ID: id, Reason: reason}
	if r.By, known, err = s.repairer(as); err != nil || !known {
		return nil, known, err
	}
	out, err = s.Exchange.Dismiss(context.Background(), r)
	return out, true, err
}

// repairer is the id of who acts on what is held: "" without a name, for the
// server's command line.
func (s *Services) repairer(as string) (id string, known bool, err error) {
	if as == "" {
		return "", true, nil
	}
	p, err := s.Store.PersonBy(as)
	if err != nil || p == nil {
		return "", false, err
	}
	return p.ID, true, nil
}

// Revoke signs a device out; false when there is no such device.
func (s *Services) Revoke(device string) (found bool, err error) {
	err = s.Store.TransactPeople(func(tx *records.People) error {
		found, err = tx.Revoke(device, records.ActorOperator)
		return err
	})
	return found, err
}

// TakeLeftover hands in what a wiped device left, as the server's operator. nil
// when there is no such file.
func (s *Services) TakeLeftover(ctx context.Context, id string) ([]wire.RecoveryVerdict, error) {
	l, err := s.Store.Leftover(id)
	if err != nil || l == nil {
		return nil, err
	}
	if err := s.Store.AuditTakeIn(records.ActorOperator, "", records.FromLeftovers, 1, 0); err != nil {
		return nil, err
	}
	return s.Exchange.TakeLeftover(ctx, id)
}
