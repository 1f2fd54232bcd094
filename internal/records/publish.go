package records

import (
	"fmt"
	"slices"

	"github.com/fieldpost/fieldpost/internal/checklist"
	"github.com/fieldpost/fieldpost/internal/fault"
)

// PublishChecklist puts a checklist of this installation into force, in all
// its languages: lists are one version of it. The key must be none of the
// shipped ones, whose next versions come with the program; the version counts
// on from what is here, because it never changes and a screen shows the newest.
// The same once more changes nothing, and published is false. actor is as in
// an Audit. The error is a *fault.Fault where it cannot be taken.
func (s *Store) PublishChecklist(lists, shipped []checklist.Checklist, actor string) (published bool, err error) {
	if len(lists) == 0 {
		return false, fmt.Errorf("publish checklist: there is none")
	}
	key, version := lists[0].Key, lists[0].Version
	if slices.ContainsFunc(shipped, func(l checklist.Checklist) bool { return l.Key == key }) {
		return false, fault.Newf(fault.BadRequest, "The checklist %s comes with the program.", key).WithHint("Give yours a key of its own.")
	}
	err = s.TransactPeople(func(tx *People) error {
		have, err := checklistRecords(tx.app)
		if err != nil {
			return err
		}
		newest, same := 0, 0
		for name := range have {
			if name.Key == key {
				newest = max(newest, name.Version)
			}
		}
		for _, l := range lists {
			if l.Key != key || l.Version != version {
				return fmt.Errorf("publish checklist %s: %s version %d is another", key, l.Key, l.Version)
			}
			r := have[nameOf(l)]
			if r == nil {
				continue
			}
			fields, err := editedFields(r, l)
			if err != nil {
				return err
			}
			if len(fields) == 0 {
				same++
			}
		}
		switch {
		case same == len(lists):
			return nil
		case version <= newest:
			return fault.Newf(fault.BadRequest, "Version %d of %s is here: a version never changes.", newest, key).WithHint(fmt.Sprintf("Give it version %d.", newest+1))
		case version != newest+1:
			return fault.Newf(fault.BadRequest, "Version %d of %s does not count on from %d.", version, key, newest).WithHint(fmt.Sprintf("Give it version %d.", newest+1))
		}
		for _, l := range lists {
			if err := saveChecklist(tx.app, nil, l); err != nil {
				return err
			}
		}
		published = true
		return tx.Audit(Audit{Act: ActSettings, Actor: actor, Collection: "checklists",
			Detail: map[string]any{"setting": "checklist", "key": key, "version": version}})
	})
	return published, err
}
