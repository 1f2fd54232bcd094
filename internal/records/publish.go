package records

import (
	"fmt"
	"slices"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/checklist"
	"github.com/fieldpost/fieldpost/internal/fault"
)

// PublishChecklist puts a checklist of this installation into force, in all
// its languages, as the server's operator. The key must be none of the
// shipped ones, whose next versions come with the program; the version counts
// on from what is here, because it never changes and a screen shows the newest.
// The same once more changes nothing, and published is false. The error is a
// *fault.Fault where it cannot be taken.
func (s *Store) PublishChecklist(form *checklist.Form) (published bool, err error) {
	err = s.TransactPeople(func(tx *People) error {
		if published, err = tx.publish(form); err != nil || !published {
			return err
		}
		if _, err := tx.keepDraft(nil, nil, form, DraftPublished); err != nil {
			return err
		}
		return tx.Audit(publication(form, Audit{Actor: ActorOperator}))
	})
	return published, err
}

func publication(form *checklist.Form, a Audit) Audit {
	a.Act, a.Collection = ActSettings, "checklists"
	a.Detail = map[string]any{"setting": "checklist", "key": form.Key, "version": form.Version}
	return a
}

// isShipped tells whether a key comes with the program.
func (s *Store) isShipped(key string) bool {
	return slices.ContainsFunc(s.Shipped, func(l checklist.Checklist) bool { return l.Key == key })
}

// publish makes the records of a version; see PublishChecklist.
func (p *People) publish(form *checklist.Form) (published bool, err error) {
	if p.store.isShipped(form.Key) {
		return false, fault.Newf(fault.BadRequest, "The checklist %s comes with the program.", form.Key).WithHint("Give yours a key of its own.")
	}
	have, err := checklistRecords(p.app)
	if err != nil {
		return false, err
	}
	newest, same, lists := 0, 0, form.Checklists()
	for name := range have {
		if name.Key == form.Key {
			newest = max(newest, name.Version)
		}
	}
	for _, l := range lists {
		r := have[nameOf(l)]
		if r == nil {
			continue
		}
		fields, err := editedFields(r, l)
		if err != nil {
			return false, err
		}
		if len(fields) == 0 {
			same++
		}
	}
	switch {
	case same == len(lists):
		return false, nil
	case form.Version <= newest:
		return false, fault.Newf(fault.BadRequest, "Version %d of %s is here: a version never changes.", newest, form.Key).WithHint(fmt.Sprintf("Give it version %d.", newest+1))
	case form.Version != newest+1:
		return false, fault.Newf(fault.BadRequest, "Version %d of %s does not count on from %d.", form.Version, form.Key, newest).WithHint(fmt.Sprintf("Give it version %d.", newest+1))
	}
	for _, l := range lists {
		if err := saveChecklist(p.app, nil, l); err != nil {
			return false, err
		}
	}
	return true, nil
}

// auditBy is an Audit of a person: of a coordinator, for their organization.
func auditBy(by *access.Person) Audit {
	a := Audit{Actor: by.ID}
	if by.Role == access.Coordinator {
		a.Organization = by.Organization
	}
	return a
}
