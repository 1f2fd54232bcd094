package records

import (
	"fmt"
	"slices"
	"time"

	"github.com/pocketbase/dbx"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/fault"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// What a site's manager is told (R8, docs/PRIVACY.md).
const (
	numbersWeeks = 12 // always as many rows, so that their number tells nothing
	numbersMin   = 5  // the smallest count, and the smallest staff
)

// Numbers tells a site's manager how many reports came from the site in each of
// the last completed weeks. What was said of a week is stored and never said
// otherwise, whatever comes later. by is a user id. not_allowed for everybody
// but managers, not_found for a site that is not theirs.
func (s *Store) Numbers(site, by string) (*wire.SiteNumbers, error) {
	person, err := s.Person(s.App, by)
	if err != nil {
		return nil, err
	}
	if person.Role != access.Manager {
		return nil, fault.New(fault.NotAllowed, "The numbers of a site are for its managers.")
	}
	if site == "" || !slices.Contains(person.Sites, site) {
		return nil, fault.New(fault.NotFound, "You have no such site.").WithHint("Check the id.")
	}
	monday := mondayOf(s.Now())
	out := &wire.SiteNumbers{Site: site, Weeks: make([]wire.WeekNumber, numbersWeeks)}
	weeks := make([]string, numbersWeeks)
	for i := range weeks {
		weeks[i] = monday.AddDate(0, 0, -7*(i+1)).Format(time.DateOnly)
	}
	said, err := s.saidOf(site)
	if err != nil {
		return nil, err
	}
	for i, week := range weeks {
		n, ok := said[week]
		if !ok {
			if said, err = s.sayNumbers(site, weeks); err != nil {
				return nil, err
			}
			n = said[week]
		}
		out.Weeks[i] = wire.WeekNumber{Week: week, Reports: n}
	}
	return out, nil
}

// mondayOf is 00:00 UTC of the week's first day.
func mondayOf(t time.Time) time.Time {
	t = t.UTC().Truncate(24 * time.Hour)
	return t.AddDate(0, 0, -(int(t.Weekday())+6)%7)
}

// saidOf is what was said of a site, by week; nil: withheld.
func (s *Store) saidOf(site string) (map[string]*int, error) {
	var rows []struct {
		Week string `db:"week"`
		Said *int   `db:"said"`
	}
	err := s.App.DB().NewQuery("SELECT week, said FROM site_numbers WHERE site={:s}").Bind(dbx.Params{"s": site}).All(&rows)
	if err != nil {
		return nil, fmt.Errorf("read numbers of site %s: %w", site, err)
	}
	out := map[string]*int{}
	for _, r := range rows {
		out[r.Week] = r.Said
	}
	return out, nil
}

// sayNumbers settles what is said of those weeks of which nothing was. A report
// counts in the week in which it came: later ones then change nothing that was
// said. It does not count where its author thinks that the manager may be part
// of it, nor where it is about its author, nor where nobody vouches for who
// wrote it: a manager could send such ones by the poster, and subtract them.
func (s *Store) sayNumbers(site string, weeks []string) (map[string]*int, error) {
	enough, err := s.enoughStaff(site)
	if err != nil {
		return nil, err
	}
	for _, week := range weeks {
		from, err := time.Parse(time.DateOnly, week)
		if err != nil {
			return nil, fmt.Errorf("count reports: %w", err)
		}
		var n int
		err = s.App.DB().NewQuery(`SELECT (SELECT count(*) FROM observations WHERE site={:s} AND received>={:a} AND received<{:b} AND manager_involved=0)
			+ (SELECT count(*) FROM submissions WHERE site={:s} AND received>={:a} AND received<{:b} AND manager_involved=0 AND about<>'self' AND unconfirmed='')`).
			Bind(dbx.Params{"s": site, "a": week, "b": from.AddDate(0, 0, 7).Format(time.DateOnly)}).Row(&n)
		if err != nil {
			return nil, fmt.Errorf("count reports of site %s: %w", site, err)
		}
		var said any
		if enough && n >= numbersMin {
			said = n
		}
		_, err = s.App.NonconcurrentDB().NewQuery("INSERT INTO site_numbers (site,week,said) VALUES ({:s},{:w},{:n}) ON CONFLICT DO NOTHING").
			Bind(dbx.Params{"s": site, "w": week, "n": said}).Execute()
		if err != nil {
			return nil, fmt.Errorf("note numbers of site %s: %w", site, err)
		}
	}
	return s.saidOf(site)
}

// enoughStaff tells whether a site has as many staff as hide one another: whom
// the organization knows, with a device that is not signed out.
func (s *Store) enoughStaff(site string) (bool, error) {
	var n int
	err := s.App.DB().NewQuery(`SELECT count(*) FROM {{users}} u WHERE u.role='staff' AND u.unconfirmed=0
		AND EXISTS (SELECT 1 FROM json_each(u.sites) WHERE value={:s})
		AND EXISTS (SELECT 1 FROM {{devices}} d WHERE d.user=u.id AND d.revoked=0)`).Bind(dbx.Params{"s": site}).Row(&n)
	if err != nil {
		return false, fmt.Errorf("count staff of site %s: %w", site, err)
	}
	return n >= numbersMin, nil
}
