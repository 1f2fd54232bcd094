package records

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/fault"
	"github.com/fieldpost/fieldpost/internal/journal"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// minReason is how many letters a reason has at least: it is read by others.
const minReason = 10

// Unseal tells who wrote a staff report, to a coordinator of the organization
// that has it, for a reason (R9). by is a user id. In one transaction with the
// answer stand an entry in the audit, a record in seals, which all coordinators
// of the organization get, and a mark by which the author's devices learn of
// it. None of them says who it is. not_allowed, not_found, bad_request.
//
// The site's owner is not told, though its people are the staff: that somebody
// there has written is what it must not know (R8). The author is: who looks
// behind the seal must not be able to do so unseen by the one it is about.
func (s *Store) Unseal(report, by, reason string) (out *wire.Unsealed, err error) {
	reason = strings.TrimSpace(reason)
	switch n := utf8.RuneCountInString(reason); {
	case n < minReason:
		return nil, fault.New(fault.BadRequest, fmt.Sprintf("A reason of at least %d letters is needed.", minReason)).
			WithHint("Say why it must be known who wrote this. Others will read it.")
	case n > 1000:
		return nil, fault.New(fault.BadRequest, "The reason is longer than 1,000 letters.").WithHint("Say it shorter.")
	}
	var refused *fault.Fault
	err = s.Transact(func(tx *Tx) (err error) {
		out, refused, err = tx.unseal(report, by, reason)
		return err
	})
	if err == nil && refused != nil {
		return nil, refused
	}
	return out, err
}

func (t *Tx) unseal(report, by, reason string) (*wire.Unsealed, *fault.Fault, error) {
	person, err := t.Person(by)
	if err != nil {
		return nil, nil, err
	}
	if person == nil || person.Role != access.Coordinator {
		return nil, fault.New(fault.NotAllowed, "Only a coordinator can ask who wrote a report."), nil
	}
	row, err := t.Find("submissions", report)
	if err != nil {
		return nil, nil, err
	}
	if row == nil || row.Values["organization"] != person.Organization || person.Organization == "" {
		// The same for what is not there and for what is another's.
		return nil, fault.New(fault.NotFound, "Your organization has no such report.").WithHint("Check the id."), nil
	}
	if textOf(row.Values["author"]) != "" {
		return nil, fault.New(fault.NotAllowed, "The report is not sealed: it names its author.").WithHint("Look at its author."), nil
	}
	author, label, err := t.authorOf("submissions", report)
	if err != nil {
		return nil, nil, err
	}
	if author == "" {
		return nil, fault.New(fault.NotAllowed, "Nobody is known to have written this: no name was stored with it.").
			WithHint("A report about oneself has no author. There is nothing to be unsealed."), nil
	}
	out := &wire.Unsealed{Report: report, Person: wire.Author{ID: author, Label: label}}
	if out.Before, err = t.unsealedBefore(report); err != nil {
		return nil, nil, err
	}
	at := t.store.Now().UnixMilli()
	t.NewMutation()
	_, seq, err := t.SystemSave(at, "seals", map[string]any{"submission": report, "organization": person.Organization, "by": by,
		"reason": reason, "at": time.UnixMilli(at).UTC().Format(types.DefaultDateLayout)})
	if err != nil {
		return nil, nil, err
	}
	if err := t.MarkUnsealed(seq, report); err != nil {
		return nil, nil, err
	}
	t.Touch(journal.StaffScope(person.Organization))
	return out, nil, t.Audit(Audit{Act: ActUnseal, Actor: by, Organization: person.Organization, Collection: "submissions",
		Record: report, Reason: reason})
}

// authorOf computes who of all known people wrote a record of staff; "" where
// it is nobody known, or nobody at all.
func (t *Tx) authorOf(collection, record string) (id, label string, err error) {
	actor, _, err := t.Origin(collection, record)
	if err != nil || actor == "" || actor == nobody {
		return "", "", err
	}
	var people []struct {
		ID    string `db:"id"`
		Label string `db:"label"`
	}
	if err := t.app.DB().NewQuery("SELECT id, label FROM {{users}}").All(&people); err != nil {
		return "", "", fmt.Errorf("find author: %w", err)
	}
	for _, p := range people {
		if actor == t.store.Key.PersonOn(p.ID, record) {
			return p.ID, p.Label, nil
		}
	}
	return "", "", nil
}

// unsealedBefore lists who was told before, the first one first.
func (t *Tx) unsealedBefore(report string) ([]wire.Unsealer, error) {
	found, err := t.app.FindRecordsByFilter("seals", "submission = {:r}", "at,id", 0, 0, dbx.Params{"r": report})
	if err != nil {
		return nil, fmt.Errorf("list unsealings: %w", err)
	}
	out := []wire.Unsealer{}
	for _, r := range found {
		out = append(out, wire.Unsealer{By: r.GetString("by"), At: r.GetDateTime("at").Time().UTC().Format(wire.TimeFormat), Reason: r.GetString("reason")})
	}
	return out, nil
}

// Wrote tells whether a person wrote a record of staff.
func (s *Store) Wrote(r *journal.Reader, person, collection, record string) (bool, error) {
	actor, _, err := r.Origin(collection, record)
	return actor != "" && actor == s.Key.PersonOn(person, record), err
}
