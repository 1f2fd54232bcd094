package records

import (
	"encoding/json"
	"sync"

	"github.com/fieldpost/fieldpost/internal/access"
)

// mostKept bounds the rows that are kept of one collection, twice: a burst of
// reports is a few hundred, and a row a kilobyte or two.
const mostKept = 512

// row is one version of a record: what its list rule asks of it, and the
// record as the list API writes it. It is the same for everybody; who may see
// it is asked of the rule each time.
type row struct {
	version int64
	asked   access.Values
	body    json.RawMessage
}

// keptRows holds the rows that were read lately, so that a hundred boards which a
// burst has woken do not each read and write it. A row is found again by the
// version that the journal gave it, in the snapshot of whoever asks: each
// change of a synced record is journalled, and makes another one (JOURNAL-1).
// It goes with its plan when the collection changes.
type keptRows struct {
	mu         sync.Mutex
	young, old map[string]row // by id; the old ones go when the young are many
}

// of gives a row at just this version. Version 0 is no version.
func (k *keptRows) of(id string, version int64) (row, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	r, ok := k.young[id]
	if !ok {
		r, ok = k.old[id]
	}
	return r, ok && version > 0 && r.version == version
}

func (k *keptRows) put(id string, r row) {
	if r.version == 0 {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.young) >= mostKept || k.young == nil {
		k.old, k.young = k.young, make(map[string]row)
	}
	k.young[id] = r
}
