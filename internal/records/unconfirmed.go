package records

import (
	"crypto/rand"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// Whoever came by a site's poster is unconfirmed until the organization says
// that it knows them. What they write is accepted and marked (R8, R9).

// UnconfirmedReports is how many reports the server takes of an unconfirmed
// person on one day (UTC); more waits on the phone.
const UnconfirmedReports = 20

// hidesAmong is how many unconfirmed people of a site must share the mark
// `yes`. Where they are fewer, all reports of the site's staff are marked
// `maybe`: a mark that few share would say who wrote it.
const hidesAmong = 5

const (
	markYes   = "yes"
	markMaybe = "maybe"
)

// markUnconfirmed marks a staff report, and holds it back where its author has
// none left today. It is the last check, so that what is refused counts for
// nothing.
func (s *Store) markUnconfirmed(app core.App, w *Writer, d *draft) error {
	if d.collection != "submissions" {
		return nil
	}
	d.set("unconfirmed", "")
	if w.Person == nil || w.Person.Role != access.Staff {
		return nil
	}
	if w.Person.Unconfirmed && !s.daily.take(w.Person.ID, w.At, d.id) {
		return refuse(wire.CodeUnconfirmed, "You are not confirmed yet, and %d of your reports were received today. "+
			"This one waits on this device. Ask the organization to confirm you.", UnconfirmedReports)
	}
	n, err := unconfirmedAt(app, d.text("site"), d.text("organization"))
	if err != nil {
		return err
	}
	switch {
	case n == 0:
	case n < hidesAmong:
		d.set("unconfirmed", markMaybe)
	case w.Person.Unconfirmed:
		d.set("unconfirmed", markYes)
	}
	return nil
}

// unconfirmedAt counts the unconfirmed people of a site; of a report that names
// none, of all sites that the organization serves.
func unconfirmedAt(app core.App, site, organization string) (n int, err error) {
	list, id := "sites", site
	if site == "" {
		list, id = "served_by", organization
	}
	err = app.DB().NewQuery("SELECT count(*) FROM {{users}} WHERE unconfirmed = 1 AND role = 'staff' AND EXISTS " +
		"(SELECT 1 FROM json_each({{users}}.[[" + list + "]]) WHERE value = {:id})").Bind(dbx.Params{"id": id}).Row(&n)
	if err != nil {
		return 0, fmt.Errorf("count unconfirmed staff of %s %s: %w", list, id, err)
	}
	return n, nil
}

// daily counts the reports of unconfirmed people by the day, in memory alone: a
// count that is stored beside a person, or by the minute beside reports, would
// join the two (R9). A restart begins the day anew.
type daily struct {
	mu     sync.Mutex
	day    int64
	people map[string]map[string]bool // person -> ids of reports
}

// take tells whether a person may still have a report received. The same one
// again, after a rollback, counts once; one that has no id yet counts each time.
func (c *daily) take(person string, at int64, report string) bool {
	if report == "" {
		report = rand.Text()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if today := at / (24 * time.Hour).Milliseconds(); c.people == nil || today != c.day {
		c.day, c.people = today, map[string]map[string]bool{}
	}
	taken := c.people[person]
	if taken == nil {
		taken = map[string]bool{}
		c.people[person] = taken
	}
	if taken[report] {
		return true
	}
	if len(taken) >= UnconfirmedReports {
		return false
	}
	taken[report] = true
	return true
}

// Confirm notes that the organization knows a staff person; again changes
// nothing. by is a user id, "" for the command line. nil when there is no such
// staff person that the organization serves; organization "" is any.
func (p *People) Confirm(person, organization, by string) (*core.Record, error) {
	user, err := p.app.FindRecordById("users", person)
	if absent(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("confirm user %s: %w", person, err)
	}
	who := PersonOf(user)
	if who.Role != access.Staff || organization != "" && !slices.Contains(who.ServedBy, organization) {
		return nil, nil
	}
	if !who.Unconfirmed {
		return user, nil
	}
	user.Set("unconfirmed", false)
	if err := p.app.Save(user); err != nil {
		return nil, fmt.Errorf("confirm user %s: %w", person, err)
	}
	if by == "" {
		by = ActorOperator
	}
	return user, p.Audit(Audit{Act: ActInvite, Actor: by, Organization: deviceOrganization(who), Collection: "users", Record: person,
		Detail: map[string]any{"done": "confirmed"}})
}
