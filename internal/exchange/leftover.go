package exchange

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"

	"github.com/fieldpost/fieldpost/internal/wire"
)

// TakeLeftover hands in what a device that wiped itself could get no verdict
// for, as if it had pushed it now, and lets the file go once every mutation of
// it has one. nil when there is no such file. Faults as Recover.
func (s *Service) TakeLeftover(ctx context.Context, id string) ([]wire.RecoveryVerdict, error) {
	l, err := s.Store.Leftover(id)
	if err != nil || l == nil {
		return nil, err
	}
	all := []wire.RecoveryVerdict{}
	open := false
	parts := json.NewDecoder(bytes.NewReader(l.File))
	for {
		var part json.RawMessage
		if err := parts.Decode(&part); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, err
		}
		file, err := wire.DecodeRecovery(part, s.Limits)
		if err != nil {
			return nil, err
		}
		answer, err := s.Recover(ctx, file, nil)
		if err != nil {
			return all, err
		}
		all = append(all, answer.Verdicts...)
		for _, v := range answer.Verdicts {
			open = open || v.Verdict == wire.Deferred
		}
	}
	if open {
		return all, nil
	}
	return all, s.Store.DropLeftover(id)
}
