package records

import (
	"fmt"
	"slices"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/checklist"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// PrepareCreate completes and checks a record before it is validated and
// saved: what the server sets, and what no field type can check. Push does the
// same without a record (complete): it is the one place for push, REST, batch
// and dashboard.
func (s *Store) PrepareCreate(app core.App, record *core.Record) error {
	w := s.writerOf(record)
	switch record.Collection().Name {
	case "users":
		return s.setServedBy(app, record)
	case AuditCollection:
		if !w.auditing {
			return appendOnly()
		}
		return nil
	case "invites":
		return s.setKeeper(app, record)
	case checklist.HotlineCollection, checklist.GuidanceCollection, checklist.VenueCollection, checklist.IndustryCollection,
		checklist.ProfileCollection, checklist.StatisticCollection:
		return checkEntry(record)
	}
	sortSets(record)
	d := draftOf(record)
	err := s.complete(app, w, d)
	d.into(record)
	return err
}

// complete completes and checks a new record.
func (s *Store) complete(app core.App, w *Writer, d *draft) error {
	switch d.collection {
	case "observations", "submissions":
		return s.prepareReport(app, w, d)
	case "addenda":
		return s.prepareAddendum(app, w, d)
	case "tips":
		return s.prepareTip(app, w, d)
	case attachments:
		return s.prepareAttachment(app, w, d)
	case dutyCollection:
		return prepareDuty(w, d)
	case readinessCollection:
		return s.prepareReadiness(app, w, d)
	case operationsCollection:
		return prepareOperation(app, w, d)
	case rostersCollection:
		return s.prepareRoster(app, w, d)
	case "sites":
		if w.Person != nil && w.Person.Role == access.Coordinator {
			d.set("served_by", w.Person.Organization)
		}
		return checkSite(d)
	case "organizations":
		return checkOrganization(d)
	}
	return nil
}

func checkOrganization(d *draft) error {
	if d.text("name") == "" {
		return invalid("name is missing.")
	}
	return nil
}

// sortSets puts the lists that are sets in order: the same set is the same list,
// whoever wrote it.
func sortSets(record *core.Record) {
	if record.Collection().Name == "organizations" {
		record.Set("allows", slices.Sorted(slices.Values(record.GetStringSlice("allows"))))
	}
}

// allows tells whether an organization allows its people to write something.
func allows(organization *core.Record, what string) bool {
	return slices.Contains(organization.GetStringSlice("allows"), what)
}

// PrepareUpdate is PrepareCreate for changes of a record.
func (s *Store) PrepareUpdate(app core.App, record *core.Record) error {
	switch record.Collection().Name {
	case "users":
		return s.setServedBy(app, record)
	case AuditCollection:
		return appendOnly()
	case "invites":
		return s.setKeeper(app, record)
	case checklist.HotlineCollection, checklist.GuidanceCollection, checklist.VenueCollection, checklist.IndustryCollection,
		checklist.ProfileCollection, checklist.StatisticCollection:
		return checkEntry(record)
	case "checklists":
		return checkChecklist(app, record)
	case "organizations", "sites", "triage", "tips", rulesCollection, dutyCollection, readinessCollection, operationsCollection:
		sortSets(record)
		d := draftOf(record)
		d.before = Values(record.Original())
		return s.check(app, s.writerOf(record), d)
	}
	return nil
}

// check is complete for changes of a record; it sets nothing.
func (s *Store) check(app core.App, w *Writer, d *draft) error {
	switch d.collection {
	case "organizations":
		return checkOrganization(d)
	case "sites":
		return checkSite(d)
	case "triage":
		return s.checkTriage(app, d)
	case rulesCollection:
		return checkRules(d)
	case "tips":
		return checkTip(d)
	case dutyCollection:
		return checkDuty(d)
	case readinessCollection:
		return checkReadiness(d)
	case operationsCollection:
		return checkOperation(app, w, d)
	}
	return nil
}

// PrepareDelete refuses what would take something from a report.
func (s *Store) PrepareDelete(app core.App, record *core.Record) error {
	switch record.Collection().Name {
	case AuditCollection:
		return appendOnly()
	case "sites":
	default:
		return nil
	}
	for _, c := range access.Reports {
		var n int
		err := app.DB().NewQuery("SELECT count(*) FROM {{" + c + "}} WHERE site={:id} LIMIT 1").
			Bind(map[string]any{"id": record.Id}).Row(&n)
		if err != nil {
			return fmt.Errorf("count %s of site %s: %w", c, record.Id, err)
		}
		if n > 0 {
			return invalid("The site has reports. Keep it, and say in its notes that it is closed.")
		}
	}
	return nil
}

func checkSite(record *draft) error {
	for _, f := range []string{"name", "venue"} {
		if record.text(f) == "" {
			return invalid("%s is missing.", f)
		}
	}
	if o := record.text("owner"); o != "" && o == record.text("served_by") {
		return invalid("served_by is the site's owner: reports of its staff would go to whom they may be about.")
	}
	return problem(checklist.CheckPoint(record.values["point"]))
}

// problem turns what a check of the domain found into a refusal.
func problem(err error) error {
	if err == nil {
		return nil
	}
	return invalid("%s.", err.Error())
}

func (s *Store) prepareReport(app core.App, w *Writer, record *draft) error {
	if w.Person != nil || record.text("organization") == "" {
		organization, err := s.organizationFor(app, w, record.text("site"))
		if err != nil {
			return err
		}
		record.set("organization", organization)
	}
	record.set("received", time.UnixMilli(w.At).UTC().Format(types.DefaultDateLayout))
	record.set("clock_off", w.ClockOff)
	record.set("author", "")
	if w.Person != nil && !w.Adopted && AboutSelf(record.collection, record.values) {
		w.Unnamed = true
	}
	if w.Person != nil && (w.Person.Role == access.Worker || s.Sealing == SealingOff) && !w.Unnamed {
		record.set("author", w.Person.ID)
	}
	if record.text("event_time") == "" {
		return invalid("event_time is missing.")
	}
	if err := s.checkCommon(app, w, record); err != nil {
		return err
	}
	if record.collection == "observations" {
		return problem(checklist.CheckIndicators(s.Catalog.Known, record.values["indicators"]))
	}
	if err := s.checkSubmission(app, record); err != nil {
		return err
	}
	return s.markUnconfirmed(app, w, record)
}

// organizationFor is the organization that serves the site, never the site's
// owner; without a site the person's own, for staff the one that serves their
// first site.
func (s *Store) organizationFor(app core.App, w *Writer, siteID string) (string, error) {
	if siteID == "" {
		switch {
		case w.Person == nil:
			return "", invalid("site is missing: without it no organization is known.")
		case w.Person.Role == access.Staff || w.Person.Role == access.Manager:
			if len(w.Person.Sites) == 0 {
				return "", refuse(wire.CodeNotAllowed, "You are not at a site.")
			}
			siteID = w.Person.Sites[0]
		default:
			return w.Person.Organization, nil
		}
	}
	site, err := s.find(app, w, "sites", siteID)
	if absent(err) {
		return "", invalid("site is not known.")
	}
	if err != nil {
		return "", err
	}
	if w.Person != nil && !access.Table["sites"].List.Holds(*w.Person, Values(site)) {
		return "", refuse(wire.CodeNotAllowed, "The site is not one of yours.")
	}
	served := site.GetString("served_by")
	if served == "" {
		return "", refuse(wire.CodeNotAllowed, "No organization serves the site.")
	}
	return served, nil
}

// find reads a record that many reports name; within a push it is read once.
func (s *Store) find(app core.App, w *Writer, collection, id string) (*core.Record, error) {
	if w.cache != nil {
		if r, ok := w.cache[collection+"/"+id]; ok {
			return r, nil
		}
	}
	r, err := app.FindRecordById(collection, id)
	if err != nil {
		return nil, fmt.Errorf("find %s %s: %w", collection, id, err)
	}
	if w.cache != nil {
		w.cache[collection+"/"+id] = r
	}
	return r, nil
}

func (s *Store) checkCommon(app core.App, w *Writer, record *draft) error {
	organization, err := s.find(app, w, "organizations", record.text("organization"))
	if err != nil {
		return err
	}
	staff := w.Person != nil && w.Person.Role == access.Staff
	if staff && record.text("note") != "" && !allows(organization, wire.AllowStaffNotes) {
		return refuse(wire.CodeNotAllowed, "note: the organization takes no free text from site staff.")
	}
	if err := s.checkReportOperation(app, w, record.text("operation")); err != nil {
		return err
	}
	if persons := record.values["persons"]; persons != nil {
		if err := checklist.CheckPersons(persons); err != nil {
			return problem(err)
		}
	}
	if vehicles := record.values["vehicles"]; vehicles != nil {
		if err := checklist.CheckVehicles(vehicles, allows(organization, wire.AllowPlates)); err != nil {
			return problem(err)
		}
	}
	if outreach := record.values["outreach"]; outreach != nil {
		if err := checklist.CheckOutreach(outreach); err != nil {
			return problem(err)
		}
	}
	if err := checklist.CheckPeople(record.values["people"]); err != nil {
		return problem(err)
	}
	return problem(checklist.CheckPoint(record.values["point"]))
}

func (s *Store) checkSubmission(app core.App, record *draft) error {
	list, err := s.checklistOf(app, record.text("checklist"))
	if err != nil {
		return err
	}
	if record.whole("version") != list.Version {
		return invalid("version is not that of the checklist.")
	}
	answers, _ := record.values["answers"].(map[string]any)
	if answers == nil {
		return invalid("answers are missing or no object.")
	}
	given := record.values["basis"]
	basis, ok := given.(map[string]any)
	if given != nil && !ok {
		return invalid("basis is no object.")
	}
	return problem(checklist.CheckAnswers(list.Items, answers, basis))
}

// checklistOf reads a published checklist version; they never change, so they
// are kept.
func (s *Store) checklistOf(app core.App, id string) (*checklist.Checklist, error) {
	if kept, ok := s.checklists.Load(id); ok {
		return kept.(*checklist.Checklist), nil
	}
	record, err := app.FindRecordById("checklists", id)
	if err != nil && !absent(err) {
		return nil, fmt.Errorf("find checklist %s: %w", id, err)
	}
	if err != nil || !record.GetBool("published") {
		return nil, invalid("checklist is not known.")
	}
	list := &checklist.Checklist{Key: record.GetString("key"), Version: record.GetInt("version"), Locale: record.GetString("locale")}
	if err := record.UnmarshalJSONField("items", &list.Items); err != nil {
		return nil, fmt.Errorf("read checklist %s: %w", id, err)
	}
	s.checklists.Store(id, list)
	return list, nil
}

// reportOf gives the report that an addendum or triage record is about.
func reportOf(record access.Values) (collection, id string) {
	if id := textOf(record["observation"]); id != "" {
		return "observations", id
	}
	return "submissions", textOf(record["submission"])
}

func (s *Store) prepareAddendum(app core.App, w *Writer, record *draft) error {
	if record.text("text") == "" {
		return invalid("text is missing.")
	}
	return s.besideReport(app, w, record, "An addendum")
}

// besideReport completes what somebody adds to a report, and checks that they
// may: its author, and the coordinators of its organization.
func (s *Store) besideReport(app core.App, w *Writer, record *draft, what string) error {
	if (record.text("observation") == "") == (record.text("submission") == "") {
		return invalid("%s names one observation or one submission.", what)
	}
	collection, id := reportOf(record.values)
	report, err := app.FindRecordById(collection, id)
	if absent(err) {
		return invalid("The report is not known.")
	}
	if err != nil {
		return fmt.Errorf("find %s %s: %w", collection, id, err)
	}
	record.set("organization", report.GetString("organization"))
	if record.collection == "addenda" {
		record.set("operation", report.GetString("operation"))
	}
	record.set("author", "")
	p := w.Person
	if p == nil {
		return nil
	}
	switch p.Role {
	case access.Coordinator:
		if p.Organization != report.GetString("organization") {
			return refuse(wire.CodeNotAllowed, "The report is not your organization's.")
		}
	default:
		// Nothing in clear joins staff to a report, so "own" is told by the
		// actor of the create entry.
		own := report.GetString("author") == p.ID && p.Role == access.Worker
		if p.Role == access.Staff {
			actor, _, err := s.reader(app, w).Origin(collection, id)
			if err != nil {
				return err
			}
			own = actor != "" && actor == s.Key.PersonOn(p.ID, id)
		}
		if !own {
			return refuse(wire.CodeNotAllowed, "The report is not yours.")
		}
	}
	if p.Role != access.Staff && !w.Adopted && !w.Unnamed {
		record.set("author", p.ID)
	}
	return nil
}

func (s *Store) checkTriage(app core.App, record *draft) error {
	for _, f := range []string{"claimed_by", "assignee"} {
		id := record.text(f)
		if id == "" || id == textOf(record.before[f]) {
			continue
		}
		user, err := app.FindRecordById("users", id)
		if err != nil && !absent(err) {
			return fmt.Errorf("find user of %s: %w", f, err)
		}
		// A coordinator of another organization who is on its operation now is
		// one, too.
		of := record.text("operation")
		if err != nil || user.GetString("role") != string(access.Coordinator) ||
			user.GetString("organization") != record.text("organization") && !(of != "" && slices.Contains(PersonOf(user).Operations, of)) {
			return invalid("%s is no coordinator of the organization.", f)
		}
	}
	for _, f := range []string{"urgency", "status"} {
		if record.text(f) == "" {
			return invalid("%s is missing.", f)
		}
	}
	return nil
}

// setServedBy keeps the organizations that serve a person's sites on the
// person, because rules read only the record and the reader.
func (s *Store) setServedBy(app core.App, user *core.Record) error {
	if err := s.keepUnnamed(user); err != nil {
		return err
	}
	served := []string{}
	role := access.Role(user.GetString("role"))
	if role == access.Staff {
		seen := map[string]bool{}
		for _, id := range user.GetStringSlice("sites") {
			site, err := app.FindRecordById("sites", id)
			if absent(err) {
				return invalid("sites: %s is not known.", id)
			}
			if err != nil {
				return fmt.Errorf("find site %s: %w", id, err)
			}
			if o := site.GetString("served_by"); o != "" && !seen[o] {
				seen[o] = true
				served = append(served, o)
			}
		}
	}
	user.Set("served_by", served)
	return nil
}
