package exchange

import (
	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/records"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// digests sums up all that the list API would show a person in this snapshot:
// count and sums of each collection that is not empty (PULL-8). It does not
// ask the feed, which is what a device checks.
//
// It reads ids and versions, no bodies, and so costs with the person's view.
// A row that the journal does not know counts with the version 0, which no
// pull ever gives: a device is then told that something is wrong, and there is.
func digests(sight *records.Sight) (map[string]wire.Digest, error) {
	out := map[string]wire.Digest{}
	for name := range access.Table {
		ids, err := sight.IDs(name)
		if err != nil {
			return nil, err
		}
		if len(ids) == 0 {
			continue
		}
		versions, err := sight.Journal().Versions(name, ids)
		if err != nil {
			return nil, err
		}
		var sum wire.Summer
		for _, id := range ids {
			sum.Add(id, versions[id])
		}
		out[name] = sum.Digest()
	}
	return out, nil
}
