package records

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/counts"
	"github.com/fieldpost/fieldpost/internal/fault"
	"github.com/fieldpost/fieldpost/internal/wire"
)

const (
	countsWeeks  = 12 // always as many, so that their number tells nothing
	countsOthers = 2  // with fewer, what is told of "the others" is told of one
	everybody    = "*"
	// Categories for what has none of its own.
	noChecklist = "observation"
	otherVenue  = "other"
)

// Counts tells coordinators and admins how many reports came to organizations
// beside their own in each of the last completed weeks, as internal/counts makes
// it safe. What was said of a week is stored and never said otherwise. Nothing
// can be chosen: two questions that differ by a little would tell what lies
// between. by is a user id. not_allowed for every other role.
func (s *Store) Counts(by string) (*wire.Counts, error) {
	person, err := s.Person(s.App, by)
	if err != nil {
		return nil, err
	}
	audience := person.Organization
	switch person.Role {
	case access.Coordinator:
	case access.Admin:
		audience = everybody
	default:
		return nil, fault.New(fault.NotAllowed, "Counts across organizations are for coordinators and admins.")
	}
	out := &wire.Counts{Weeks: []wire.CountsWeek{}}
	err = s.App.DB().NewQuery(`SELECT count(DISTINCT organization) FROM users WHERE role IN ('worker','coordinator') AND organization<>'' AND organization<>{:o}`).
		Bind(dbx.Params{"o": audience}).Row(&out.Organizations)
	if err != nil {
		return nil, fmt.Errorf("count organizations: %w", err)
	}
	if out.Organizations < countsOthers {
		return out, nil
	}
	monday := mondayOf(s.Now())
	weeks := make([]string, countsWeeks)
	for i := range weeks {
		weeks[i] = monday.AddDate(0, 0, -7*(i+1)).Format(time.DateOnly)
	}
	said, err := s.countsSaid(audience)
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(weeks, func(w string) bool { _, ok := said[w]; return !ok }) {
		if said, err = s.sayCounts(audience, weeks, said); err != nil {
			return nil, err
		}
	}
	for _, w := range weeks {
		out.Weeks = append(out.Weeks, said[w])
	}
	return out, nil
}

// countsSaid is what was said to an audience, by week.
func (s *Store) countsSaid(audience string) (map[string]wire.CountsWeek, error) {
	var rows []struct {
		Week string `db:"week"`
		Said string `db:"said"`
	}
	err := s.App.DB().NewQuery("SELECT week, said FROM counts_said WHERE audience={:a}").Bind(dbx.Params{"a": audience}).All(&rows)
	if err != nil {
		return nil, fmt.Errorf("read counts for %s: %w", audience, err)
	}
	out := map[string]wire.CountsWeek{}
	for _, r := range rows {
		var w wire.CountsWeek
		if err := json.Unmarshal([]byte(r.Said), &w); err != nil {
			return nil, fmt.Errorf("read counts for %s, week %s: %w", audience, r.Week, err)
		}
		out[r.Week] = w
	}
	return out, nil
}

// sayCounts settles what is said of those weeks of which nothing was.
func (s *Store) sayCounts(audience string, weeks []string, said map[string]wire.CountsWeek) (map[string]wire.CountsWeek, error) {
	c, err := s.countsCategories(audience)
	if err != nil {
		return nil, err
	}
	for _, week := range weeks {
		if _, ok := said[week]; ok {
			continue
		}
		reports, err := s.countsReports(audience, week)
		if err != nil {
			return nil, err
		}
		told, err := c.tell(week, reports)
		if err != nil {
			return nil, err
		}
		raw, err := json.Marshal(told)
		if err != nil {
			return nil, fmt.Errorf("write counts of week %s: %w", week, err)
		}
		_, err = s.App.NonconcurrentDB().NewQuery("INSERT INTO counts_said (audience,week,said) VALUES ({:a},{:w},{:s}) ON CONFLICT DO NOTHING").
			Bind(dbx.Params{"a": audience, "w": week, "s": string(raw)}).Execute()
		if err != nil {
			return nil, fmt.Errorf("note counts of week %s: %w", week, err)
		}
	}
	return s.countsSaid(audience)
}

// countedReport is what of a report is counted.
type countedReport struct {
	Setting string `db:"setting"` // "" for none
	Venue   string `db:"venue"`   // "" for none
	At      string `db:"event_time"`
	Marks   string `db:"marks"` // JSON list of item ids
}

// countsReports are the reports of a week that count: not those about oneself,
// nor those whose author nobody vouches for. With such ones somebody could
// fill a category by a poster's code and see where the others stand.
func (s *Store) countsReports(audience, week string) ([]countedReport, error) {
	from, err := time.Parse(time.DateOnly, week)
	if err != nil {
		return nil, fmt.Errorf("count reports: %w", err)
	}
	var rows []countedReport
	err = s.App.DB().NewQuery(`
		SELECT '' AS setting, coalesce(s.venue,'') AS venue, r.event_time,
			(SELECT json_group_array(json_extract(value,'$.indicator')) FROM json_each(r.indicators)) AS marks
		FROM observations r LEFT JOIN sites s ON s.id=r.site
		WHERE r.received>={:a} AND r.received<{:b} AND r.organization<>'' AND r.organization<>{:o}
		UNION ALL
		SELECT coalesce(c.key,'') AS setting, coalesce(s.venue,'') AS venue, r.event_time,
			(SELECT json_group_array(key) FROM json_each(r.answers) WHERE value='yes') AS marks
		FROM submissions r LEFT JOIN sites s ON s.id=r.site LEFT JOIN checklists c ON c.id=r.checklist
		WHERE r.received>={:a} AND r.received<{:b} AND r.organization<>'' AND r.organization<>{:o} AND r.about<>'self' AND r.unconfirmed=''`).
		Bind(dbx.Params{"a": week, "b": from.AddDate(0, 0, 7).Format(time.DateOnly), "o": audience}).All(&rows)
	if err != nil {
		return nil, fmt.Errorf("count reports of week %s: %w", week, err)
	}
	return rows, nil
}

// countsCategories is what reports are counted under. It depends on content and
// settings alone, and on no report.
type countsCategories struct {
	zone     *time.Location
	settings []string
	venues   []string
	items    []string
	in       [][]int // which settings an item belongs to
}

func (s *Store) countsCategories(audience string) (*countsCategories, error) {
	c := &countsCategories{zone: time.UTC, settings: []string{noChecklist}, venues: []string{otherVenue}}
	var rows []struct {
		Key  string `db:"key"`
		Item string `db:"item"`
	}
	err := s.App.DB().NewQuery("SELECT DISTINCT c.key, json_extract(value,'$.id') AS item FROM checklists c, json_each(c.items) ORDER BY 1, 2").All(&rows)
	if err != nil {
		return nil, fmt.Errorf("list settings: %w", err)
	}
	at := map[string]int{}
	for _, r := range rows {
		if c.settings[len(c.settings)-1] != r.Key {
			c.settings = append(c.settings, r.Key)
		}
		i, ok := at[r.Item]
		if !ok {
			i = len(c.items)
			at[r.Item] = i
			c.items, c.in = append(c.items, r.Item), append(c.in, []int{0}) // what is written without a checklist may name any
		}
		c.in[i] = append(c.in[i], len(c.settings)-1)
	}
	var venues, zones []string
	if err := s.App.DB().NewQuery("SELECT key FROM venues ORDER BY key").Column(&venues); err != nil {
		return nil, fmt.Errorf("list kinds of place: %w", err)
	}
	c.venues = append(c.venues, venues...)
	// The hours of the asker's organization; an admin's are those that most have.
	err = s.App.DB().NewQuery(`SELECT zone FROM duty_hours WHERE {:o}={:all} OR organization={:o} GROUP BY zone ORDER BY count(*) DESC, zone LIMIT 1`).
		Bind(dbx.Params{"o": audience, "all": everybody}).Column(&zones)
	if err != nil {
		return nil, fmt.Errorf("find time zone: %w", err)
	}
	if len(zones) > 0 {
		if c.zone, err = dutyZone(zones[0]); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func (c *countsCategories) tell(week string, reports []countedReport) (*wire.CountsWeek, error) {
	setting, venue, hour := make(counts.Table, len(c.settings)), make(counts.Table, len(c.venues)), make(counts.Table, 24)
	marks := map[string]int{}
	for _, r := range reports {
		at, err := time.Parse(types.DefaultDateLayout, r.At)
		if err != nil {
			return nil, fmt.Errorf("count reports of week %s: %w", week, err)
		}
		setting[max(0, slices.Index(c.settings, r.Setting))]++
		venue[max(0, slices.Index(c.venues, r.Venue))]++
		hour[at.In(c.zone).Hour()]++
		var ticked []string
		if err := json.Unmarshal([]byte(r.Marks), &ticked); err != nil {
			return nil, fmt.Errorf("count reports of week %s: %w", week, err)
		}
		slices.Sort(ticked)
		for _, item := range slices.Compact(ticked) {
			marks[item]++
		}
	}
	told := counts.Lower([]counts.Table{setting, venue, hour})
	n := make([]int, len(c.items))
	for i, item := range c.items {
		n[i] = marks[item]
	}
	out := &wire.CountsWeek{Week: week, Zone: c.zone.String(), Reports: counts.AtLeast(told), Setting: named(c.settings, told[0]),
		Venue: named(c.venues, told[1]), Indicator: named(c.items, counts.LowerMarks(n, c.in, told[0]))}
	hours := make([]string, 24)
	for i := range hours {
		hours[i] = strconv.Itoa(i)
	}
	out.Hour = named(hours, told[2])
	return out, nil
}

// named leaves out what is fewer than 5 or withheld.
func named(names []string, told []int) map[string]int {
	out := map[string]int{}
	for i, n := range told {
		if n > 0 {
			out[names[i]] = n
		}
	}
	return out
}
