package records

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/mail"
	"strings"
	"time"
	_ "time/tzdata" // a server without the system's zones knows them too

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/duty"
	"github.com/fieldpost/fieldpost/internal/fault"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// Collections of R23.
const (
	dutyCollection  = "duty_hours"
	alertCollection = "duty_alerts"
)

// dutyAddresses is how many addresses one list may hold.
const dutyAddresses = 20

// prepareDuty completes new on-call hours: a coordinator's are of their own
// organization. There may be several of one: two coordinators without coverage
// who both write the first ones lose nothing, and all of them hold.
func prepareDuty(w *Writer, record *draft) error {
	if w.Person != nil && w.Person.Role == access.Coordinator {
		record.set("organization", w.Person.Organization)
	}
	if record.text("organization") == "" {
		return invalid("organization is missing.")
	}
	return checkDuty(record)
}

func checkDuty(record *draft) error {
	zone, err := dutyZone(record.text("zone"))
	if err != nil {
		return err
	}
	if _, err := duty.Parse(zone, record.values["hours"], record.values["exceptions"]); err != nil {
		return problem(err)
	}
	for _, f := range []string{"mail", "second"} {
		if _, err := addresses(record.values[f]); err != nil {
			return invalid("%s: %s.", f, err)
		}
	}
	return nil
}

func dutyZone(name string) (*time.Location, error) {
	zone, err := time.LoadLocation(name)
	if err != nil || name == "" || name == "Local" {
		return nil, invalid("zone is no time zone such as America/Chicago.")
	}
	return zone, nil
}

// addresses reads a list of mail addresses: bare ones, as they go to the mail
// server.
func addresses(v any) ([]string, error) {
	if v == nil || v == "" {
		return nil, nil
	}
	list, ok := v.([]any)
	if !ok || len(list) > dutyAddresses {
		return nil, fmt.Errorf("no list of at most %d addresses", dutyAddresses)
	}
	var out []string
	for _, e := range list {
		s, _ := e.(string)
		a, err := mail.ParseAddress(s)
		if err != nil || a.Address != s || len(s) > 254 || strings.ContainsAny(s, " \r\n<>\"") {
			return nil, fmt.Errorf("not every entry is an address such as night@example.org")
		}
		out = append(out, s)
	}
	return out, nil
}

// DutyHours are one record of on-call hours.
type DutyHours struct {
	ID         string           `json:"id"`
	Zone       string           `json:"zone"`
	Hours      []duty.Hours     `json:"hours"`
	Exceptions []duty.Exception `json:"exceptions"`
	Mail       []string         `json:"mail"`
	Second     []string         `json:"second"`
	plan       duty.Plan
}

// DutyOf gives the on-call hours of an organization.
func (s *Store) DutyOf(organization string) ([]DutyHours, error) {
	found, err := s.App.FindRecordsByFilter(dutyCollection, "organization = {:o}", "id", 0, 0, dbx.Params{"o": organization})
	if err != nil {
		return nil, fmt.Errorf("find on-call hours of %s: %w", organization, err)
	}
	out := []DutyHours{}
	for _, r := range found {
		v := Values(r)
		h := DutyHours{ID: r.Id, Zone: textOf(v["zone"])}
		// What was checked when it was written is read again with care: a superuser's
		// dashboard is another way in, and nobody is told of a duty that cannot be read.
		zone, err := dutyZone(h.Zone)
		if err == nil {
			h.plan, err = duty.Parse(zone, v["hours"], v["exceptions"])
		}
		if err != nil {
			s.App.Logger().Error("on-call hours cannot be read", "record", r.Id, "error", err)
			h.plan = duty.Plan{Zone: time.UTC}
		}
		h.Hours, h.Exceptions = h.plan.Hours, h.plan.Exceptions
		if h.Mail, err = addresses(v["mail"]); err != nil {
			s.App.Logger().Error("the on-call list cannot be read", "record", r.Id)
		}
		if h.Second, err = addresses(v["second"]); err != nil {
			s.App.Logger().Error("the second on-call list cannot be read", "record", r.Id)
		}
		out = append(out, h)
	}
	return out, nil
}

// DutyAt tells how it stands for an organization now.
func (s *Store) DutyAt(organization string) (*wire.Duty, error) {
	hours, err := s.DutyOf(organization)
	if err != nil {
		return nil, err
	}
	var plans []duty.Plan
	for _, h := range hours {
		plans = append(plans, h.plan)
	}
	a := duty.At(plans, s.Now())
	return &wire.Duty{On: a.On, Until: instant(a.Until), Next: instant(a.Next)}, nil
}

func instant(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	text := t.UTC().Format(wire.TimeFormat)
	return &text
}

// Duty tells a person how it stands where their reports go: of staff the
// organization that serves their site, of others their own. Staff whose sites
// are served by several are told what holds for all: somebody waits on the
// emptiest chair. by is a user id.
func (s *Store) Duty(by string) (*wire.Duty, error) {
	person, err := s.Person(s.App, by)
	if err != nil {
		return nil, err
	}
	organizations, err := s.receivers(person)
	if err != nil {
		return nil, err
	}
	var out *wire.Duty
	for _, o := range organizations {
		d, err := s.DutyAt(o)
		if err != nil {
			return nil, err
		}
		if out == nil || lessDuty(d, out) {
			out = d
		}
	}
	if out == nil {
		out = &wire.Duty{}
	}
	return out, nil
}

// lessDuty tells that a promises less than b.
func lessDuty(a, b *wire.Duty) bool {
	switch {
	case a.On != b.On:
		return !a.On
	case a.On:
		return *a.Until < *b.Until
	case a.Next == nil || b.Next == nil:
		return a.Next == nil && b.Next != nil
	}
	return *a.Next > *b.Next
}

func (s *Store) receivers(p *access.Person) ([]string, error) {
	switch p.Role {
	case access.Staff:
		return p.ServedBy, nil
	case access.Manager:
		var out []string
		for _, id := range p.Sites {
			site, err := s.App.FindRecordById("sites", id)
			if absent(err) {
				continue
			}
			if err != nil {
				return nil, fmt.Errorf("find site %s: %w", id, err)
			}
			if o := site.GetString("served_by"); o != "" {
				out = append(out, o)
			}
		}
		return out, nil
	}
	return []string{p.Organization}, nil
}

// The lists of an organization, in the order in which they are alerted.
const (
	FirstList  = "first"
	SecondList = "second"
)

// Waiting is an emergency that nobody has opened.
type Waiting struct {
	Triage, Organization string
	Received             time.Time
	// First and Second tell how the alerts of it stand.
	First, Second Alerted
}

// Alerted is how a list stands with an emergency: when it was first tried, and
// whether a mail went out. Zero: not tried.
type Alerted struct {
	Began time.Time
	Sent  bool
}

// WaitingUnopened lists the emergencies that were received by a time, are open
// and nobody has opened, and that the second list was not alerted of.
func (s *Store) WaitingUnopened(by time.Time) ([]Waiting, error) {
	var rows []struct {
		Triage       string `db:"triage"`
		Organization string `db:"organization"`
		Received     string `db:"received"`
		First        string `db:"first"`
		FirstSent    int    `db:"first_sent"`
		Second       string `db:"second"`
		SecondSent   int    `db:"second_sent"`
	}
	of := func(list string) string {
		return "coalesce((SELECT min(at) FROM {{duty_alerts}} a WHERE a.triage=t.id AND a.list='" + list + "'), '') AS " + list +
			", EXISTS (SELECT 1 FROM {{duty_alerts}} a WHERE a.triage=t.id AND a.list='" + list + "' AND a.state='sent') AS " + list + "_sent"
	}
	err := s.App.DB().NewQuery("SELECT * FROM (SELECT t.id AS triage, t.organization AS organization, coalesce(o.received, u.received, '') AS received, " +
		of(FirstList) + ", " + of(SecondList) + " FROM {{triage}} t LEFT JOIN {{observations}} o ON o.id=t.observation" +
		" LEFT JOIN {{submissions}} u ON u.id=t.submission WHERE t.urgency = 'emergency' AND t.opened = '' AND t.status != 'closed')" +
		" WHERE received <= {:by} AND second_sent=0 ORDER BY received, triage").
		Bind(dbx.Params{"by": by.UTC().Format(dateLayout)}).All(&rows)
	if err != nil {
		return nil, fmt.Errorf("find unopened emergencies: %w", err)
	}
	out := make([]Waiting, 0, len(rows))
	for _, r := range rows {
		w := Waiting{Triage: r.Triage, Organization: r.Organization, Received: storedTime(r.Received),
			First: Alerted{storedTime(r.First), r.FirstSent == 1}, Second: Alerted{storedTime(r.Second), r.SecondSent == 1}}
		out = append(out, w)
	}
	return out, nil
}

// dateLayout is how PocketBase stores a time.
const dateLayout = "2006-01-02 15:04:05.000Z"

func storedTime(text string) time.Time {
	t, err := time.Parse(dateLayout, text)
	if err != nil {
		return time.Time{}
	}
	return t
}

// LastAlert is when a list of an organization was last sent a mail; zero: never.
func (s *Store) LastAlert(organization, list string) (time.Time, error) {
	var at string
	err := s.App.DB().NewQuery("SELECT coalesce(max(at), '') FROM {{duty_alerts}} WHERE organization={:o} AND list={:l} AND state='sent'").
		Bind(dbx.Params{"o": organization, "l": list}).Row(&at)
	if err != nil {
		return time.Time{}, fmt.Errorf("find the last alert of %s: %w", organization, err)
	}
	return storedTime(at), nil
}

// Alert is one mail to a list about emergencies of an organization.
type Alert struct {
	Organization, List string
	Triages            []string
	Sent               bool
	People             int // addresses that took it
}

// NoteAlert keeps what became of an alert, with its entry in the audit; nothing
// in either says what was reported, or to which address it went.
func (s *Store) NoteAlert(a Alert) error {
	state := "failed"
	if a.Sent {
		state = "sent"
	}
	at := s.Now()
	return s.patiently(func(tx *Tx) error {
		for _, id := range a.Triages {
			_, _, err := tx.SystemSave(at.UnixMilli(), alertCollection, map[string]any{"organization": a.Organization, "triage": id, "list": a.List,
				"state": state, "people": float64(a.People), "at": at.UTC().Format(dateLayout)})
			if err != nil {
				return err
			}
		}
		return tx.Audit(Audit{Act: ActAlert, Organization: a.Organization, Collection: "triage", Record: a.Triages[0],
			Detail: map[string]any{"list": a.List, "state": state, "people": a.People, "items": len(a.Triages)}})
	})
}

// AlertRow is an entry of the log of alerts.
type AlertRow struct {
	At     string `json:"at"`
	Triage string `json:"triage"`
	List   string `json:"list"`
	State  string `json:"state"`
	People int    `json:"people"`
}

// Alerts lists the newest alerts of an organization.
func (s *Store) Alerts(organization string, most int) ([]AlertRow, error) {
	found, err := s.App.FindRecordsByFilter(alertCollection, "organization = {:o}", "-at,id", most, 0, dbx.Params{"o": organization})
	if err != nil {
		return nil, fmt.Errorf("list alerts of %s: %w", organization, err)
	}
	out := []AlertRow{}
	for _, r := range found {
		out = append(out, AlertRow{At: r.GetDateTime("at").Time().UTC().Format(wire.TimeFormat), Triage: r.GetString("triage"), List: r.GetString("list"),
			State: r.GetString("state"), People: r.GetInt("people")})
	}
	return out, nil
}

// SetDuty writes an organization's on-call hours as the server's operator: the
// one record that it has, or its first. A nil field stays as it is. The error
// is a *fault.Fault where they cannot be taken.
func (s *Store) SetDuty(organization string, change DutyChange) error {
	found, err := s.DutyOf(organization)
	if err != nil {
		return err
	}
	var r *core.Record
	if len(found) == 0 {
		c, err := s.App.FindCachedCollectionByNameOrId(dutyCollection)
		if err != nil {
			return fmt.Errorf("set on-call hours: %w", err)
		}
		r = core.NewRecord(c)
		r.Set("organization", organization)
	} else if r, err = s.App.FindRecordById(dutyCollection, found[0].ID); err != nil {
		return fmt.Errorf("set on-call hours: %w", err)
	}
	if change.Zone != nil {
		r.Set("zone", *change.Zone)
	}
	for f, v := range map[string]any{"hours": change.Hours, "exceptions": change.Exceptions, "mail": change.Mail, "second": change.Second} {
		raw, err := json.Marshal(v)
		if err != nil {
			return fmt.Errorf("set on-call hours: %w", err)
		}
		if string(raw) != "null" {
			setPlain(r, f, decode(raw))
		}
	}
	Attach(r, s.restWriter("operator", ActorOperator, nil))
	err = s.App.Save(r)
	if refused, ok := errors.AsType[*Refusal](err); ok {
		return fault.New(fault.BadRequest, refused.Message).WithHint("Nothing was changed.")
	}
	if err != nil {
		return fmt.Errorf("set on-call hours of %s: %w", organization, err)
	}
	return nil
}

// DutyChange is what SetDuty changes.
type DutyChange struct {
	Zone         *string
	Hours        []duty.Hours
	Exceptions   []duty.Exception
	Mail, Second []string
}
