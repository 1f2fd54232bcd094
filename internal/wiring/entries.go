package wiring

import (
	"github.com/fieldpost/fieldpost/internal/records"
)

// What the content commands show of entries beside checklists.
type (
	EntryName = records.EntryName
	EntryDiff = records.EntryDiff
	Verified  = records.Verified
)

// States of an entry that differs from what is shipped.
const (
	EntryNew   = records.EntryNew
	EntryNewer = records.EntryNewer
)

// VerifyHotline says, at the server's own command line, that somebody called a
// line today; label names them.
func (s *Services) VerifyHotline(id, label string) (*Verified, error) {
	return s.Store.VerifyHotline(nil, label, id)
}
