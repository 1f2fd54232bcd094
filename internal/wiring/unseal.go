package wiring

import "github.com/fieldpost/fieldpost/internal/wire"

// Unseal tells who wrote a staff report. as is the id or e-mail of the
// coordinator who asks; known is false where there is no such person.
func (s *Services) Unseal(report, as, reason string) (out *wire.Unsealed, known bool, err error) {
	p, err := s.Store.PersonBy(as)
	if err != nil || p == nil {
		return nil, false, err
	}
	out, err = s.Store.Unseal(report, p.ID, reason)
	return out, true, err
}
