package records

import (
	"fmt"
	"strings"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/checklist"
)

// ReportFilter says which reports are asked for; a zero member is no limit.
type ReportFilter struct {
	From, Before time.Time // of the event: from From on, before Before
	Site         string    // id
	Collection   string    // observations, submissions
	Status       string    // of triage
	Urgency      string    // of triage
	Checklist    string    // key; submissions alone have one
	Version      int       // of the checklist; 0: every one
}

// LeavingReport is a report as an export of many holds it.
type LeavingReport struct {
	Told
	Organization string        // its name
	Triage       access.Values // status, urgency, closing_reason, opened
	Title        string        // of the checklist version, "" for an observation
	// Items are those of the checklist version, in words, in its order.
	Items []checklist.Item
}

// Leaving is a set of reports that is about to leave: counted, none read yet.
type Leaving struct {
	Rows int
	// Lists are the versions of the filter's checklist that the reports were
	// filled in with, in the asked language where there is one.
	Lists []*checklist.Checklist

	sight *Sight
	f     ReportFilter
	words *wording
}

// Leave opens the reports of a filter as a person may see them. All of do is
// one moment of the database, so the count is what Each gives. The collection's
// list rule decides who sees what (PULL-1), and nothing else.
func (s *Store) Leave(by, locale string, f ReportFilter, do func(*Leaving) error) error {
	return s.Look(by, func(v *Sight) error {
		l := &Leaving{sight: v, f: f}
		var err error
		if l.words, err = v.wording(locale); err != nil {
			return err
		}
		for _, c := range access.Reports {
			n, err := l.count(c)
			if err != nil {
				return err
			}
			l.Rows += n
		}
		if f.Checklist != "" {
			for _, list := range l.words.lists {
				if list.Key == f.Checklist && (f.Version == 0 || f.Version == list.Version) && l.words.best(list) == list {
					l.Lists = append(l.Lists, list)
				}
			}
		}
		return do(l)
	})
}

// matching is the query for the ids that are asked for and seen, "" where none
// can be.
func (l *Leaving) matching(collection string) (*core.Collection, string, dbx.Params, error) {
	f := l.f
	if f.Collection != "" && f.Collection != collection || f.Checklist != "" && collection != "submissions" {
		return nil, "", nil, nil
	}
	c, q, err := l.sight.visible(collection)
	if err != nil || q == nil {
		return nil, "", nil, err
	}
	at := "[[" + c.Name + "."
	for _, cond := range []struct {
		on    bool
		sql   string
		name  string
		value any
	}{
		{!f.From.IsZero(), at + "event_time]] >= {:lf}", "lf", f.From.UTC().Format(types.DefaultDateLayout)},
		{!f.Before.IsZero(), at + "event_time]] < {:lb}", "lb", f.Before.UTC().Format(types.DefaultDateLayout)},
		{f.Site != "", at + "site]] = {:ls}", "ls", f.Site},
		{f.Checklist != "", at + "checklist]] IN (SELECT id FROM {{checklists}} WHERE [[key]] = {:lk})", "lk", f.Checklist},
		{f.Version != 0 && f.Checklist != "", at + "version]] = {:lv}", "lv", f.Version},
	} {
		if cond.on {
			q.AndWhere(dbx.NewExp(cond.sql, dbx.Params{cond.name: cond.value}))
		}
	}
	// Who sees a report sees its triage (the access table has the same rule for
	// both), so that this tells nobody anything.
	for name, value := range map[string]string{"status": f.Status, "urgency": f.Urgency} {
		if value != "" {
			q.AndWhere(dbx.NewExp("EXISTS (SELECT 1 FROM {{triage}} lt WHERE lt.[["+fieldOf(collection)+"]] = "+at+"id]] AND lt.[["+name+"]] = {:l"+name+"})",
				dbx.Params{"l" + name: value}))
		}
	}
	built := q.Select("[[" + c.Name + ".id]]").Build()
	return c, built.SQL(), built.Params(), nil
}

func (l *Leaving) count(collection string) (n int, err error) {
	_, ids, params, err := l.matching(collection)
	if err != nil || ids == "" {
		return 0, err
	}
	if err = l.sight.db.NewQuery("SELECT count(DISTINCT id) FROM (" + ids + ")").Bind(params).Row(&n); err != nil {
		return 0, fmt.Errorf("count %s to leave: %w", collection, err)
	}
	return n, nil
}

// Each gives the reports one after another, in the order in which they came:
// first the observations. What is held of them at a time is one.
func (l *Leaving) Each(give func(*LeavingReport) error) error {
	sites, err := l.named("sites")
	if err != nil {
		return err
	}
	organizations, err := l.named("organizations")
	if err != nil {
		return err
	}
	for _, collection := range access.Reports {
		c, ids, params, err := l.matching(collection)
		if err != nil {
			return err
		}
		if ids == "" {
			continue
		}
		// The plus keeps the planner on the table's own order: a sort would hold
		// every row at once.
		rows, err := l.sight.db.NewQuery("SELECT r.*, t.status AS l_status, t.urgency AS l_urgency, t.closing_reason AS l_reason, t.opened AS l_opened FROM {{" +
			collection + "}} r LEFT JOIN {{triage}} t ON t.[[" + fieldOf(collection) + "]] = r.id WHERE +r.id IN (" + ids + ") ORDER BY r.rowid").Bind(params).Rows()
		if err != nil {
			return fmt.Errorf("read %s to leave: %w", collection, err)
		}
		err = l.each(c, rows, sites, organizations, give)
		if end := rows.Close(); err == nil {
			err = end
		}
		if err != nil {
			return fmt.Errorf("read %s to leave: %w", collection, err)
		}
	}
	return nil
}

func (l *Leaving) each(c *core.Collection, rows *dbx.Rows, sites, organizations map[string]access.Values, give func(*LeavingReport) error) error {
	for rows.Next() {
		row := dbx.NullStringMap{}
		if err := rows.ScanMap(row); err != nil {
			return err
		}
		record, err := recordFrom(c, row)
		if err != nil {
			return err
		}
		v := Values(record)
		r := &LeavingReport{Told: Told{ReportID: ReportID{Collection: c.Name, ID: record.Id}, Values: v, Site: sites[textOf(v["site"])]},
			Triage: access.Values{"status": row["l_status"].String, "urgency": row["l_urgency"].String, "closing_reason": row["l_reason"].String, "opened": row["l_opened"].String}}
		r.Organization = textOf(organizations[textOf(v["organization"])]["name"])
		l.words.say(r)
		if err := give(r); err != nil {
			return err
		}
	}
	return rows.Err()
}

// named are the sites, or the organizations, by id. Names and places of these
// are told with a report, as the queue does.
func (l *Leaving) named(collection string) (map[string]access.Values, error) {
	c, err := l.sight.store.App.FindCachedCollectionByNameOrId(collection)
	if err != nil {
		return nil, fmt.Errorf("find collection %s: %w", collection, err)
	}
	found, err := l.sight.records(c, l.sight.rows(c))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", collection, err)
	}
	out := make(map[string]access.Values, len(found))
	for _, r := range found {
		out[r.Id] = Values(r)
	}
	return out, nil
}

// wording is the words of every published checklist, by what asks for them.
type wording struct {
	locale string
	lists  []*checklist.Checklist
	byID   map[string]*checklist.Checklist
	named  map[string]*checklist.Checklist // "key version" in the asked language
	items  map[string]ToldSign             // the newest words of an item; in the asked language, if there are such
	known  checklist.Catalog
}

func (v *Sight) wording(locale string) (*wording, error) {
	c, err := v.store.App.FindCachedCollectionByNameOrId("checklists")
	if err != nil {
		return nil, fmt.Errorf("find collection checklists: %w", err)
	}
	found, err := v.records(c, v.rows(c).AndWhere(dbx.HashExp{"published": true}).OrderBy("version"))
	if err != nil {
		return nil, fmt.Errorf("read checklists: %w", err)
	}
	w := &wording{locale: locale, byID: map[string]*checklist.Checklist{}, named: map[string]*checklist.Checklist{}, items: map[string]ToldSign{}, known: v.store.Catalog}
	for _, r := range found {
		list, err := listOf(r)
		if err != nil {
			return nil, err
		}
		list.Title = r.GetString("title")
		w.lists = append(w.lists, list)
		w.byID[r.Id] = list
		if list.Locale == locale {
			w.named[versionName(list)] = list
		}
		for _, item := range list.Items {
			if have, ok := w.items[item.ID]; !ok || list.Locale == locale || have.Locale != locale {
				w.items[item.ID] = ToldSign{Item: item, Locale: list.Locale}
			}
		}
	}
	return w, nil
}

func versionName(l *checklist.Checklist) string { return fmt.Sprint(l.Key, " ", l.Version) }

// best is a version in the asked language, else as it is.
func (w *wording) best(list *checklist.Checklist) *checklist.Checklist {
	if best := w.named[versionName(list)]; best != nil {
		return best
	}
	return list
}

// say puts a report's answers into the words of its own version.
func (w *wording) say(r *LeavingReport) {
	if r.Collection == "observations" {
		rows, _ := r.Values["indicators"].([]any)
		for _, row := range rows {
			m, _ := row.(map[string]any)
			id := textOf(m["indicator"])
			sign, ok := w.items[id]
			if !ok {
				// Of a checklist that is not published any more.
				sign = ToldSign{Item: checklist.Item{ID: id, Text: id, Weight: checklist.Strong}, Locale: w.locale}
				if item, shipped := w.known[id]; shipped {
					sign = ToldSign{Item: item, Locale: checklist.Languages[0]}
				}
			}
			sign.Basis = textOf(m["basis"])
			r.Signs = append(r.Signs, sign)
		}
		return
	}
	list := w.byID[textOf(r.Values["checklist"])]
	if list == nil {
		return
	}
	list = w.best(list)
	r.Title, r.Items = strings.TrimSpace(list.Title), list.Items
	answers, _ := r.Values["answers"].(map[string]any)
	basis, _ := r.Values["basis"].(map[string]any)
	for _, item := range list.Items {
		if answers[item.ID] == "yes" {
			r.Signs = append(r.Signs, ToldSign{item, textOf(basis[item.ID]), list.Locale})
		}
	}
}
