package exchange

import (
	"maps"
	"slices"
	"sort"

	"github.com/fieldpost/fieldpost/internal/records"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// digests sums up all that the list API would show a person in this snapshot,
// and gives it: by collection, the versions of those records (PULL-8). It does
// not ask the feed, which is what a device checks.
//
// It reads ids and versions, no bodies, and so costs with the person's view.
// A row that the journal does not know counts with the version 0, which no
// pull ever gives: a device is then told that something is wrong, and there is.
func digests(sight *records.Sight) (map[string]wire.Digest, map[string]map[string]int64, error) {
	out, shown := map[string]wire.Digest{}, map[string]map[string]int64{}
	filled, err := sight.Filled()
	if err != nil {
		return nil, nil, err
	}
	for _, name := range filled {
		versions, err := sight.Versions(name)
		if err != nil {
			return nil, nil, err
		}
		if len(versions) == 0 {
			continue
		}
		var sum wire.Summer
		for id, version := range versions {
			sum.Add(id, version)
		}
		out[name], shown[name] = sum.Digest(), versions
	}
	return out, shown, nil
}

// unfed gives what is shown to a person and named by none of their feeds, in
// order of seq, at most so many: rows of the feed that were lost. A full view
// for a failed check ends with them; made from the feed alone it would fail
// its check for ever.
func unfed(sight *records.Sight, scopes []string, shown map[string]map[string]int64, most int) ([]wire.Change, error) {
	var out []wire.Change
	for name, versions := range shown {
		ids, err := sight.Journal().Unfed(scopes, name, slices.Collect(maps.Keys(versions)))
		if err != nil {
			return nil, err
		}
		lost := make(map[string]int64, len(ids))
		for _, id := range ids {
			lost[id] = versions[id]
		}
		bodies, err := sight.Bodies(name, lost)
		if err != nil {
			return nil, err
		}
		for _, id := range ids {
			if versions[id] > 0 && bodies[id] != nil {
				out = append(out, wire.Change{Collection: name, ID: id, Seq: versions[id], Record: bodies[id]})
			}
		}
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Seq < out[j].Seq })
	return out[:min(len(out), most)], nil
}

// judge gives the last page of a pull its digests, and a full view what the
// feed has lost.
func (s *Service) judge(sight *records.Sight, scopes []string, full bool, answer *wire.PullAnswer) error {
	sums, shown, err := digests(sight)
	if err != nil {
		return err
	}
	answer.Digests = sums
	if !full {
		return nil
	}
	lost, err := unfed(sight, scopes, shown, s.Limits.Changes)
	if err != nil {
		return err
	}
	if len(lost) > 0 {
		s.Log().Error("the feed has lost records that a person may see", "records", len(lost), "first", lost[0].Collection+" "+lost[0].ID)
		answer.Changes = append(answer.Changes, lost...)
	}
	return nil
}
