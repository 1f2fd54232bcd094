package exchange

import (
	"context"

	"github.com/fieldpost/fieldpost/internal/fault"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// What a person who carries a file can do when it is not taken.
const (
	forkedFile  = "The phone that wrote this file was copied, and the other copy has used its numbers. Sync that phone itself, or write the file anew there after its next sync. Keep this file until then."
	foreignFile = "Check that the file is from this installation and whole. Write it anew on the phone that made it, and keep this one until then."
)

// Recover takes in a recovery file as if its device had pushed it (RECOVERY).
// Whoever hands it in needs no right but to be signed in, which the caller has
// checked, and learns what became of each mutation and nothing of what is in
// it: not where in the history it stands either, by which a report that is
// sealed from its reader could be told. genuine, if not nil, is called when the
// file is known to be its device's, before anything of it takes effect.
// bad_signature (also when the device is not known here), device_forked, busy,
// quarantine_full.
func (s *Service) Recover(ctx context.Context, file *wire.Recovery, genuine func() error) (*wire.RecoveryAnswer, error) {
	device, err := s.Store.FindDevice(file.Device)
	if err != nil {
		return nil, err
	}
	if device == nil || !device.Key.Verify(file.Signed, file.Signature) {
		return nil, fault.New(fault.BadSignature, "The file is not signed by the device that it names.").WithHint(foreignFile)
	}
	if genuine != nil {
		if err := genuine(); err != nil {
			return nil, err
		}
	}
	verdicts, err := s.submit(ctx, &wire.Push{Device: file.Device, Mutations: file.Mutations}, true)
	if fault.Is(err, fault.DeviceForked) {
		return nil, fault.Of(err).WithHint(forkedFile)
	}
	if err != nil {
		return nil, err
	}
	epoch, err := s.Store.Journal().Epoch()
	if err != nil {
		return nil, err
	}
	answer := &wire.RecoveryAnswer{Epoch: epoch, Now: s.stampNow(), Verdicts: make([]wire.RecoveryVerdict, len(verdicts))}
	for i, v := range verdicts {
		answer.Verdicts[i] = wire.RecoveryVerdict{N: v.N, Verdict: v.Verdict, Code: v.Code, Replayed: v.Replayed}
	}
	return answer, nil
}
