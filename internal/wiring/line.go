package wiring

import (
	"github.com/fieldpost/fieldpost/internal/records"
)

// settleLine begins another line of history where this database is not what was
// served from this folder last: a copy put into service, one put back by hand,
// or one that lost its tail (EPOCH-2). All that is in it is shared with the line
// that is left. A false alarm (a folder that was moved) costs nothing: devices'
// marks are known by their hash, whatever epoch they name.
func (s *Services) settleLine(tx *records.Tx, dir string) error {
	here, err := records.Fingerprint(dir)
	if err != nil {
		return err
	}
	home, err := tx.Home()
	if err != nil {
		return err
	}
	lost, err := s.Exchange.TailLost(&tx.Reader)
	if err != nil {
		return err
	}
	switch {
	case lost:
		s.NewLine = "The newest changes that this folder had are not in its database: an older copy was put back, or its end was lost."
	case home != "" && home != here:
		s.NewLine = "This database was last served from another place: the folder was copied, moved or restored."
	}
	if s.NewLine != "" {
		head, err := tx.LastSeq()
		if err != nil {
			return err
		}
		if err := tx.LeaveEpoch(records.NewEpoch(), s.Store.Now().UnixMilli(), head); err != nil {
			return err
		}
		s.Store.App.Logger().Warn("another line of history begins", "why", s.NewLine)
	}
	if home == here {
		return nil
	}
	return tx.SetHome(here)
}
