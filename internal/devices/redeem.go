package devices

import (
	"github.com/fieldpost/fieldpost/internal/fault"
	"github.com/fieldpost/fieldpost/internal/records"
)

// Redeemable gives the invite of a code when it may be used now, for another
// way in than a device's. The transaction then calls Use. Look, which counts
// wrong codes, comes first. invite_invalid, invite_ended, invite_expired,
// invite_used.
func (s *Service) Redeemable(tx *records.People, code string) (*records.Invite, error) {
	invite, err := tx.Invite(s.Key.Invite(NormaliseCode(code)))
	if err != nil {
		return nil, err
	}
	if invite == nil {
		return nil, fault.New(fault.InviteInvalid, "The invite is not known.")
	}
	if err := s.open(invite); err != nil {
		return nil, err
	}
	if stands, err := tx.MakerStands(invite); err != nil {
		return nil, err
	} else if !stands {
		return nil, fault.New(fault.InviteEnded, "Who made the invite can't give it any more.")
	}
	return invite, nil
}
