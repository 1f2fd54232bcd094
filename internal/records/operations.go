package records

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/wire"
)

const (
	operationsCollection = "operations"
	rostersCollection    = "rosters"
)

// rereadOperations is how long what was read of the operations' times counts:
// a command beside the server may have made one.
const rereadOperations = time.Second

// operationClock knows when the next operation begins or ends.
type operationClock struct {
	mu   sync.Mutex
	next atomic.Int64 // ms; before it nobody's operations change by the clock
	read atomic.Int64 // ms; when that was read
}

// TurnOperations sees to it that what people are on is as the clock says now.
// Every request calls it before anybody is known, so that access begins and
// ends at the second that an operation does. Most calls compare two numbers.
func (s *Store) TurnOperations() error {
	now := s.Now().UnixMilli()
	c := &s.operations
	fresh := func() bool {
		read := c.read.Load()
		return now < c.next.Load() && now >= read && now-read < rereadOperations.Milliseconds()
	}
	if fresh() {
		return nil
	}
	// Past the time everybody waits until it is done; else one looks for all.
	if now >= c.next.Load() {
		c.mu.Lock()
	} else if !c.mu.TryLock() {
		return nil
	}
	defer c.mu.Unlock()
	if fresh() {
		return nil
	}
	due, err := s.onNow(s.App, now)
	if err != nil {
		return err
	}
	if len(due) > 0 {
		if err := s.patiently(func(tx *Tx) error { return s.settleOperations(tx.app, s.System()) }); err != nil {
			return err
		}
	}
	next, err := s.nextTurn(now)
	if err != nil {
		return err
	}
	c.next.Store(next)
	c.read.Store(now)
	return nil
}

// nextTurn is when the next operation begins or ends, ms.
func (s *Store) nextTurn(now int64) (int64, error) {
	var first string
	err := s.App.DB().NewQuery(`SELECT coalesce(min(at),'') FROM (SELECT min(begins) AS at FROM {{operations}} WHERE begins>{:now}
		UNION ALL SELECT min(ends) FROM {{operations}} WHERE ends>{:now})`).Bind(dbx.Params{"now": stored(now)}).Row(&first)
	if err != nil {
		return 0, fmt.Errorf("find the next turn of the operations: %w", err)
	}
	if at := TimeOf(first); !at.IsZero() {
		return at.UnixMilli(), nil
	}
	return 1 << 62, nil
}

func stored(ms int64) string { return time.UnixMilli(ms).UTC().Format(types.DefaultDateLayout) }

// on is what somebody is on: ids with a blank between.
type on struct{ operations, sites string }

// onNow gives the people whose record says something else than the operations
// and rosters do at a time, with what they do. Workers are on theirs from when
// they are put on the roster: who stands without signal when it begins has to
// know of it by then. It shows them no report of anybody else. Who is on a
// roster is on the operation only as long as their organization takes part.
func (s *Store) onNow(app core.App, now int64) (map[string]on, error) {
	var rows []struct {
		Person    string                  `db:"person"`
		Role      string                  `db:"role"`
		Operation string                  `db:"operation"`
		Sites     types.JSONArray[string] `db:"sites"`
	}
	err := app.NonconcurrentDB().NewQuery(`SELECT r.person AS person, u.role AS role, o.id AS operation, o.sites AS sites FROM {{rosters}} r JOIN {{operations}} o ON o.id=r.operation
		JOIN {{users}} u ON u.id=r.person WHERE (o.begins<={:now} OR u.role='worker') AND o.ends>{:now} AND u.[[left]]=''
		AND (u.organization=o.organization OR EXISTS (SELECT 1 FROM json_each(o.organizations) t WHERE t.value=u.organization)) ORDER BY o.id`).Bind(dbx.Params{"now": stored(now)}).All(&rows)
	if err != nil {
		return nil, fmt.Errorf("read rosters: %w", err)
	}
	operations, sites := map[string][]string{}, map[string][]string{}
	for _, r := range rows {
		if !slices.Contains(operations[r.Person], r.Operation) {
			operations[r.Person] = append(operations[r.Person], r.Operation)
		}
		if r.Role == string(access.LawEnforcement) || r.Role == string(access.Coordinator) {
			sites[r.Person] = append(sites[r.Person], r.Sites...)
		}
	}
	var have []struct {
		ID         string                  `db:"id"`
		Operations types.JSONArray[string] `db:"operations"`
		Sites      string                  `db:"operation_sites"`
	}
	if err := app.NonconcurrentDB().NewQuery("SELECT id, operations, operation_sites FROM {{users}} WHERE operations!='[]'").All(&have); err != nil {
		return nil, fmt.Errorf("read who is on an operation: %w", err)
	}
	was := map[string]on{}
	for _, h := range have {
		was[h.ID] = on{strings.Join(h.Operations, " "), h.Sites}
	}
	changed := map[string]on{}
	for person, list := range operations {
		slices.Sort(sites[person])
		want := on{strings.Join(list, " "), strings.Join(slices.Compact(sites[person]), " ")}
		if was[person] != want {
			changed[person] = want
		}
		delete(was, person)
	}
	for person := range was {
		changed[person] = on{}
	}
	return changed, nil
}

// settleOperations writes on each person what they are on at the writer's time,
// in the transaction of what changed it.
func (s *Store) settleOperations(app core.App, w *Writer) error {
	changed, err := s.onNow(app, w.At)
	if err != nil {
		return err
	}
	for person, now := range changed {
		user, err := app.FindRecordById("users", person)
		if err != nil {
			return fmt.Errorf("find user %s: %w", person, err)
		}
		user.Set("operations", strings.Fields(now.operations))
		user.Set("operation_sites", now.sites)
		if err := s.saveBeside(app, w, user); err != nil {
			return err
		}
	}
	s.operations.next.Store(0) // the times may be others now
	return nil
}

// prepareOperation completes an operation: it is run by the organization of the
// coordinator who makes it.
func prepareOperation(app core.App, w *Writer, d *draft) error {
	if w.Person != nil {
		d.set("organization", w.Person.Organization)
	}
	return checkOperation(app, w, d)
}

func checkOperation(app core.App, w *Writer, d *draft) error {
	begins, ends := TimeOf(d.text("begins")), TimeOf(d.text("ends"))
	switch {
	case d.text("name") == "":
		return invalid("name is missing.")
	case begins.IsZero() || ends.IsZero():
		return invalid("begins or ends is missing: access ends with the operation.")
	case ends.Before(begins):
		return invalid("ends lies before begins.")
	case ends.Sub(begins) > 366*24*time.Hour:
		return invalid("An operation lasts a year at most.")
	}
	if w.Person == nil {
		return nil // the operator knows all organizations
	}
	if err := checkPartners(app, d); err != nil {
		return err
	}
	return checkServed(app, d)
}

// prepareRoster completes a place on a roster. Who runs the operation puts
// anybody on it whose organization takes part; each other one its own people.
func (s *Store) prepareRoster(app core.App, w *Writer, d *draft) error {
	operation, err := s.find(app, w, operationsCollection, d.text("operation"))
	if absent(err) {
		return invalid("operation is not known.")
	}
	if err != nil {
		return err
	}
	user, err := app.FindRecordById("users", d.text("person"))
	if absent(err) {
		return invalid("person is not known.")
	}
	if err != nil {
		return fmt.Errorf("find who is to be on a roster: %w", err)
	}
	person := PersonOf(user)
	runs, takesPart := operation.GetString("organization"), operation.GetStringSlice("organizations")
	in := func(o string) bool { return o != "" && (o == runs || slices.Contains(takesPart, o)) }
	switch {
	case w.Person != nil && w.Person.Organization != runs && !(in(w.Person.Organization) && w.Person.Organization == person.Organization):
		return refuse(wire.CodeNotAllowed, "The operation is not your organization's, or the person is not.")
	case !slices.Contains(access.OnRosters, person.Role):
		return refuse(wire.CodeNotAllowed, "People of that role are on no roster.")
	case !in(person.Organization):
		return invalid("The person's organization does not take part in the operation.")
	case !user.GetDateTime("left").IsZero():
		return invalid("The person has left.")
	}
	d.set("home", person.Organization)
	d.set("organization", runs)
	return nil
}

// checkReportOperation keeps reports out of operations that their author was
// never on: they would show on the board of strangers.
func (s *Store) checkReportOperation(app core.App, w *Writer, operation string) error {
	if operation == "" {
		return nil
	}
	if len(operation) != 15 || strings.Trim(operation, "abcdefghijklmnopqrstuvwxyz0123456789") != "" {
		return invalid("operation is not an id.")
	}
	if w.Person == nil {
		return nil
	}
	var there, onIt int
	err := app.DB().NewQuery("SELECT (SELECT count(*) FROM {{operations}} WHERE id={:o}), (SELECT count(*) FROM {{rosters}} WHERE operation={:o} AND person={:p})").
		Bind(dbx.Params{"o": operation, "p": w.Person.ID}).Row(&there, &onIt)
	if err != nil {
		return fmt.Errorf("find the operation of a report: %w", err)
	}
	if there > 0 && onIt == 0 {
		return refuse(wire.CodeNotAllowed, "operation: you are not on its roster.")
	}
	return nil
}

// takeOff takes a person off every roster: they have left.
func (p *People) takeOff(person string) (int, error) {
	found, err := p.app.FindRecordsByFilter(rostersCollection, "person = {:u}", "id", 0, 0, dbx.Params{"u": person})
	if err != nil {
		return 0, fmt.Errorf("take %s off rosters: %w", person, err)
	}
	for _, r := range found {
		if err := p.app.Delete(r); err != nil {
			return 0, fmt.Errorf("take %s off roster %s: %w", person, r.Id, err)
		}
	}
	return len(found), nil
}

// byOperator makes the write of a record the act of who sits at the server's
// command line.
func (s *Store) byOperator(r *core.Record) {
	w := s.System()
	w.Actor = ActorOperator
	Attach(r, w)
}

// auditOperation writes down what changes who sees a joint effort's reports:
// an operation's times, sites and organizations, and its roster.
func (s *Store) auditOperation(tx core.App, w *Writer, op string, it thing, before, now access.Values) error {
	a := Audit{Act: ActRoster, Actor: w.Actor, Collection: it.collection, Record: it.id}
	is := now
	if op == wire.OpDelete {
		is = before
	}
	a.Organization = textOf(is["organization"])
	if it.collection == rostersCollection {
		a.Detail = map[string]any{"op": op, "operation": is["operation"], "person": is["person"], "role": is["role"]}
		return s.auditFor(tx, w, a)
	}
	fields := slices.DeleteFunc(changedFields(before, now), func(f string) bool { return f == "name" || f == "organization" })
	if op != wire.OpDelete && len(fields) == 0 {
		return nil
	}
	a.Detail = map[string]any{"op": op, "fields": fields, "begins": is["begins"], "ends": is["ends"]}
	return s.auditFor(tx, w, a)
}

// PutOn puts a person on the roster of an operation, once.
func (p *People) PutOn(operation, person, role string) error {
	_, err := p.app.FindFirstRecordByFilter(rostersCollection, "operation={:o} && person={:p}", dbx.Params{"o": operation, "p": person})
	if err == nil || !absent(err) {
		return err
	}
	place, err := placeOn(p.app, operation, person, role)
	if err == nil {
		err = p.app.Save(place)
	}
	if err != nil {
		return fmt.Errorf("put %s on the roster of %s: %w", person, operation, err)
	}
	return nil
}

// placeOn is a place on a roster that is not saved yet.
func placeOn(app core.App, operation, person, role string) (*core.Record, error) {
	c, err := app.FindCachedCollectionByNameOrId(rostersCollection)
	if err != nil {
		return nil, err
	}
	place := core.NewRecord(c)
	place.Set("operation", operation)
	place.Set("person", person)
	place.Set("role", role)
	return place, nil
}

// OperationView is an operation as the commands show it.
type OperationView struct {
	ID            string      `json:"id"`
	Name          string      `json:"name"`
	Begins        string      `json:"begins"`
	Ends          string      `json:"ends"`
	On            bool        `json:"on"` // it lasts now
	Organization  string      `json:"organization"`
	Organizations []string    `json:"organizations"` // beside it
	Sites         []string    `json:"sites"`
	Roster        []RosterRow `json:"roster"`
}

// RosterRow is a person on a roster.
type RosterRow struct {
	ID     string `json:"id"`
	Person string `json:"person"`
	Label  string `json:"label"`
	Role   string `json:"role"`
}

// Operations lists them, the newest first.
func (s *Store) Operations() ([]OperationView, error) {
	found, err := s.App.FindRecordsByFilter(operationsCollection, "id!=''", "-begins,id", 0, 0)
	if err != nil {
		return nil, fmt.Errorf("list operations: %w", err)
	}
	views := []OperationView{}
	for _, r := range found {
		v, err := s.operationView(r)
		if err != nil {
			return nil, err
		}
		views = append(views, *v)
	}
	return views, nil
}

func (s *Store) operationView(r *core.Record) (*OperationView, error) {
	begins, ends, now := r.GetDateTime("begins").Time(), r.GetDateTime("ends").Time(), s.Now()
	v := &OperationView{ID: r.Id, Name: r.GetString("name"), Begins: begins.UTC().Format(wire.TimeFormat), Ends: ends.UTC().Format(wire.TimeFormat),
		On: !now.Before(begins) && now.Before(ends), Organization: s.nameOf(r.GetString("organization")), Organizations: []string{}, Sites: r.GetStringSlice("sites"), Roster: []RosterRow{}}
	for _, o := range r.GetStringSlice("organizations") {
		v.Organizations = append(v.Organizations, s.nameOf(o))
	}
	places, err := s.App.FindRecordsByFilter(rostersCollection, "operation={:o}", "id", 0, 0, dbx.Params{"o": r.Id})
	if err != nil {
		return nil, fmt.Errorf("list the roster of %s: %w", r.Id, err)
	}
	for _, p := range places {
		user, err := s.App.FindRecordById("users", p.GetString("person"))
		if err != nil {
			return nil, fmt.Errorf("find user on the roster of %s: %w", r.Id, err)
		}
		v.Roster = append(v.Roster, RosterRow{p.Id, user.Id, user.GetString("label"), p.GetString("role")})
	}
	return v, nil
}

// MakeOperation makes one, as the server's operator. The error is a *Refusal
// where it cannot be made.
func (s *Store) MakeOperation(name, organization string, with, sites []string, begins, ends time.Time) (*OperationView, error) {
	c, err := s.App.FindCachedCollectionByNameOrId(operationsCollection)
	if err != nil {
		return nil, fmt.Errorf("make operation: %w", err)
	}
	r := core.NewRecord(c)
	r.Set("name", name)
	r.Set("organization", organization)
	r.Set("organizations", with)
	r.Set("sites", sites)
	r.Set("begins", begins.UTC().Format(types.DefaultDateLayout))
	r.Set("ends", ends.UTC().Format(types.DefaultDateLayout))
	s.byOperator(r)
	if err := s.App.Save(r); err != nil {
		return nil, fmt.Errorf("make operation: %w", err)
	}
	return s.operationView(r)
}

// ChangeOperation ends an operation now, puts a person on its roster, or takes
// one off it; as the server's operator. nil: there is no such operation, or
// nobody of that id on its roster.
func (s *Store) ChangeOperation(id string, end bool, add, role, remove string) (*OperationView, error) {
	r, err := s.App.FindRecordById(operationsCollection, id)
	if absent(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("find operation %s: %w", id, err)
	}
	switch {
	case end:
		now := s.Now().UTC()
		if now.Before(r.GetDateTime("begins").Time()) {
			r.Set("begins", now.Format(types.DefaultDateLayout))
		}
		if now.Before(r.GetDateTime("ends").Time()) {
			r.Set("ends", now.Format(types.DefaultDateLayout))
			s.byOperator(r)
			err = s.App.Save(r)
		}
	case add != "":
		var place *core.Record
		if place, err = placeOn(s.App, id, add, role); err == nil {
			s.byOperator(place)
			err = s.App.Save(place)
		}
	case remove != "":
		var places []*core.Record
		places, err = s.App.FindRecordsByFilter(rostersCollection, "operation={:o} && person={:p}", "id", 0, 0, dbx.Params{"o": id, "p": remove})
		if err == nil && len(places) == 0 {
			return nil, nil
		}
		for _, place := range places {
			if err == nil {
				s.byOperator(place)
				err = s.App.Delete(place)
			}
		}
	}
	if err != nil {
		return nil, fmt.Errorf("change operation %s: %w", id, err)
	}
	return s.operationView(r)
}
