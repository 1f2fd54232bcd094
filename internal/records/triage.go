package records

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/fault"
	"github.com/fieldpost/fieldpost/internal/triage"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// rulesCollection holds every version of the rules of triage that was ever in
// force here; the one of the greatest turn is.
const rulesCollection = "triage_rules"

// judge applies the rules that are in force to a report.
func (s *Store) judge(app core.App, w *Writer, it thing, report access.Values) (triage.Result, error) {
	rules, err := s.rulesFor(app, w)
	if err != nil {
		return triage.Result{}, err
	}
	in, err := s.triageInput(app, it, report)
	if err != nil {
		return triage.Result{}, err
	}
	return rules.Judge(in), nil
}

// triageInput is what of a report the rules ask.
func (s *Store) triageInput(app core.App, it thing, report access.Values) (triage.Input, error) {
	in := triage.Input{MinorPossible: report["minor_possible"] == true}
	if it.collection == "observations" {
		in.Hits = triage.HitsFromIndicators(s.Catalog.Weighed, report["indicators"])
		return in, nil
	}
	list, err := s.checklistOf(app, textOf(report["checklist"]))
	if err != nil {
		return in, err
	}
	answers, _ := report["answers"].(map[string]any)
	in.Hits = triage.HitsFromAnswers(list.Items, answers)
	return in, nil
}

// rulesFor gives the rules in force; within a push they are read once.
func (s *Store) rulesFor(app core.App, w *Writer) (*triage.Rules, error) {
	const key = "@" + rulesCollection // no collection is called so
	if w != nil && w.cache != nil {
		if r, ok := w.cache[key]; ok {
			return s.rulesOf(r), nil
		}
	}
	r := &core.Record{}
	err := app.RecordQuery(rulesCollection).OrderBy("turn DESC").Limit(1).One(r)
	if absent(err) {
		return s.newestRules(), nil
	}
	if err != nil {
		return nil, fmt.Errorf("find the rules of triage: %w", err)
	}
	if w != nil && w.cache != nil {
		w.cache[key] = r
	}
	return s.rulesOf(r), nil
}

// TriageRules gives the rules in force.
func (s *Store) TriageRules() (*triage.Rules, error) { return s.rulesFor(s.App, nil) }

// rulesOf reads a record. Rules that cannot be read keep no report out: the
// shipped ones hold, and the log says so.
func (s *Store) rulesOf(r *core.Record) *triage.Rules {
	raw := r.GetString("rules")
	if kept, ok := s.rules.Load(raw); ok {
		return kept.(*triage.Rules)
	}
	rules, err := triage.Parse([]byte(raw))
	if err != nil {
		s.App.Logger().Error("the rules of triage cannot be read, the shipped ones hold", "record", r.Id, "error", err)
		return s.newestRules()
	}
	s.rules.Store(raw, rules)
	return rules
}

func (s *Store) newestRules() *triage.Rules { return s.Triage[len(s.Triage)-1] }

// LoadTriageRules makes a record for each shipped version that has none, and
// puts the newest in force unless the installation has rules of its own. Those
// are never put aside: waiting tells that a newer shipped version is there.
func (s *Store) LoadTriageRules() (waiting bool, err error) {
	err = s.App.RunInTransaction(func(app core.App) error {
		have, err := app.FindAllRecords(rulesCollection)
		if err != nil {
			return fmt.Errorf("load rules of triage: %w", err)
		}
		local := false
		if newest := greatestTurn(have); newest != nil {
			local = newest.GetString("key") != triage.Shipped
		}
		turn := turnOf(have)
		for _, rules := range s.Triage {
			if findRules(have, rules.Name()) != nil {
				continue
			}
			waiting = waiting || local
			next := 0
			if !local {
				turn++
				next = turn
			}
			if err := s.saveRules(app, nil, rules, next); err != nil {
				return err
			}
		}
		return nil
	})
	return waiting, err
}

func greatestTurn(all []*core.Record) *core.Record {
	var best *core.Record
	for _, r := range all {
		if best == nil || r.GetInt("turn") > best.GetInt("turn") {
			best = r
		}
	}
	return best
}

func turnOf(all []*core.Record) int {
	if r := greatestTurn(all); r != nil {
		return r.GetInt("turn")
	}
	return 0
}

func findRules(all []*core.Record, name triage.Name) *core.Record {
	for _, r := range all {
		if r.GetString("key") == name.Key && r.GetInt("version") == name.Version {
			return r
		}
	}
	return nil
}

// saveRules writes a version into a record, a new one if it is nil. A turn of
// 0 is one that was never in force.
func (s *Store) saveRules(app core.App, r *core.Record, rules *triage.Rules, turn int) error {
	if r == nil {
		c, err := app.FindCollectionByNameOrId(rulesCollection)
		if err != nil {
			return fmt.Errorf("save rules of triage: %w", err)
		}
		raw, err := json.Marshal(rules)
		if err != nil {
			return fmt.Errorf("save rules of triage: %w", err)
		}
		r = core.NewRecord(c)
		r.Set("key", rules.Key)
		r.Set("version", rules.Version)
		r.Set("rules", string(raw))
	}
	r.Set("turn", turn)
	if turn > 0 {
		r.Set("applied", s.Now().UTC().Format(types.DefaultDateLayout))
	}
	if err := app.Save(r); err != nil {
		return fmt.Errorf("save rules of triage %s version %d: %w", rules.Key, rules.Version, err)
	}
	return nil
}

// checkRules holds a version of the rules to what it was.
func checkRules(d *draft) error {
	for _, f := range []string{"key", "version", "rules"} {
		if !wire.EqualJSON(d.before[f], d.values[f]) {
			return invalid("%s: a version of the rules never changes. Give the rules the next number and apply those.", f)
		}
	}
	return nil
}

// ApplyTriageRules puts rules in force, for reports that are received from now
// on. A version that is here already may come again, unchanged; a new one must
// count on. by says in the audit who does, and why. The error is a *fault.Fault
// where the rules cannot be taken.
func (s *Store) ApplyTriageRules(rules *triage.Rules, by Audit) (before triage.Name, err error) {
	err = s.TransactPeople(func(tx *People) error {
		have, err := tx.app.FindAllRecords(rulesCollection)
		if err != nil {
			return fmt.Errorf("apply rules of triage: %w", err)
		}
		if was := greatestTurn(have); was != nil {
			before = triage.Name{Key: was.GetString("key"), Version: was.GetInt("version")}
		}
		same := findRules(have, rules.Name())
		if err := s.fitsBeside(have, same, rules); err != nil {
			return err
		}
		if err := s.saveRules(tx.app, same, rules, turnOf(have)+1); err != nil {
			return err
		}
		by.Act, by.Collection = ActSettings, rulesCollection
		by.Detail = map[string]any{"setting": "triage_rules", "from": before, "to": rules.Name()}
		return tx.Audit(by)
	})
	return before, err
}

// fitsBeside tells whether rules may stand beside the versions that are here.
func (s *Store) fitsBeside(have []*core.Record, same *core.Record, rules *triage.Rules) error {
	if same != nil {
		var stored, given any
		raw, err := json.Marshal(rules)
		if err == nil {
			err = json.Unmarshal(raw, &given)
		}
		if err == nil {
			err = same.UnmarshalJSONField("rules", &stored)
		}
		if err != nil {
			return fmt.Errorf("read rules of triage %s: %w", same.Id, err)
		}
		if !wire.EqualJSON(stored, given) {
			return fault.Newf(fault.BadRequest, "Version %d of %s is here and says something else: a version never changes.", rules.Version, rules.Key).
				WithHint("Give the rules the next number.")
		}
		return nil
	}
	if rules.Key == triage.Shipped {
		return fault.Newf(fault.BadRequest, "Rules with the key %q come with the program alone.", triage.Shipped).WithHint("Give your rules a key of their own.")
	}
	for _, r := range have {
		if r.GetString("key") == rules.Key && r.GetInt("version") >= rules.Version {
			return fault.Newf(fault.BadRequest, "%s has version %d already.", rules.Key, r.GetInt("version")).WithHint("Give the rules the next number.")
		}
	}
	return nil
}

// ReportID names a report.
type ReportID struct {
	Collection string `json:"collection"`
	ID         string `json:"id"`
}

// LateView is how late a report arrived, in numbers and in words.
type LateView struct {
	triage.Late
	Words map[string]string `json:"words"` // by language; "" when it is not late
}

// LikeView are a report's candidates for a duplicate, and whether it is late.
// Nothing is merged: a coordinator decides.
type LikeView struct {
	ReportID
	Candidates []triage.Candidate `json:"candidates"`
	Late       LateView           `json:"late"`
	Rules      triage.Name        `json:"rules"`
	Notice     map[string]string  `json:"notice"` // nobody has reviewed the thresholds (R25), by language
}

// FindReport finds a report that a person may see by the list rule of its
// collection, nil when there is none for them. by nil is the server's operator.
func (s *Store) FindReport(by *access.Person, id string) (*ReportID, access.Values, error) {
	for _, c := range access.Reports {
		r, err := s.App.FindRecordById(c, id)
		if absent(err) {
			continue
		}
		if err != nil {
			return nil, nil, fmt.Errorf("find %s %s: %w", c, id, err)
		}
		v := Values(r)
		if by == nil || access.Table[c].List.Holds(*by, v) {
			return &ReportID{c, id}, v, nil
		}
	}
	return nil, nil, nil
}

// Alike finds candidates for a duplicate of a report among the reports of its
// organization that the person may see; nil when there is no such report.
func (s *Store) Alike(by *access.Person, id string) (*LikeView, error) {
	of, report, err := s.FindReport(by, id)
	if err != nil || of == nil {
		return nil, err
	}
	rules, err := s.TriageRules()
	if err != nil {
		return nil, err
	}
	me := sightingOf(of.Collection, report)
	var others []triage.Sighting
	if me.Site != "" || me.Grid != "" {
		if others, err = s.near(by, report, me, rules.MaxApart()); err != nil {
			return nil, err
		}
	}
	view := &LikeView{ReportID: *of, Candidates: rules.Candidates(me, others), Rules: rules.Name(),
		Notice: map[string]string{"en": triage.Notice("en"), "es": triage.Notice("es")}}
	received := msOf(report["received"])
	view.Late.Late = rules.Lateness(me.At, received, me.ClockOff)
	view.Late.Words = map[string]string{}
	for _, locale := range []string{"en", "es"} {
		view.Late.Words[locale] = view.Late.Late.Words(me.At, received, s.Now().UnixMilli(), locale)
	}
	return view, nil
}

// mostNear bounds how many reports of one place are compared with one. Beyond
// it the nearest in time are.
const mostNear = 2000

// near reads the reports of the same place and organization, of a span of time.
func (s *Store) near(by *access.Person, report access.Values, me triage.Sighting, apart time.Duration) ([]triage.Sighting, error) {
	place := dbx.HashExp{"organization": report["organization"], "site": me.Site}
	if me.Site == "" {
		place["grid"] = me.Grid
	}
	at := time.UnixMilli(me.At).UTC()
	var out []triage.Sighting
	for _, c := range access.Reports {
		var found []*core.Record
		err := s.App.RecordQuery(c).AndWhere(place).
			AndWhere(dbx.Between("event_time", at.Add(-apart).Format(types.DefaultDateLayout), at.Add(apart).Format(types.DefaultDateLayout))).
			OrderBy("abs(julianday(event_time)-julianday('" + at.Format("2006-01-02 15:04:05") + "'))").
			Limit(mostNear).All(&found)
		if err != nil {
			return nil, fmt.Errorf("find %s near another: %w", c, err)
		}
		for _, r := range found {
			if v := Values(r); by == nil || access.Table[c].List.Holds(*by, v) {
				out = append(out, sightingOf(c, v))
			}
		}
	}
	return out, nil
}

// TimeOf reads a time as records show it; the zero time for none.
func TimeOf(text string) time.Time {
	t, err := types.ParseDateTime(text)
	if err != nil {
		return time.Time{}
	}
	return t.Time()
}

func msOf(v any) int64 { return TimeOf(textOf(v)).UnixMilli() }

func sightingOf(collection string, v access.Values) triage.Sighting {
	s := triage.Sighting{Collection: collection, ID: textOf(v["id"]), Site: textOf(v["site"]), Grid: textOf(v["grid"]),
		At: msOf(v["event_time"]), ClockOff: textOf(v["clock_off"])}
	list, _ := v["vehicles"].([]any)
	for _, e := range list {
		m, _ := e.(map[string]any)
		end := textOf(m["plate_end"])
		if whole := textOf(m["plate"]); whole != "" {
			end = whole
		}
		s.Vehicles = append(s.Vehicles, triage.Vehicle{Kind: textOf(m["kind"]), Color: textOf(m["color"]), State: textOf(m["plate_state"]), End: end})
	}
	return s
}

// AlikeAmong gives the views of those of the last reports that have a candidate.
func (s *Store) AlikeAmong(last int) ([]*LikeView, error) {
	reports, err := s.lastReports(nil, last)
	if err != nil {
		return nil, err
	}
	out := []*LikeView{}
	for _, it := range reports {
		view, err := s.Alike(nil, it.id)
		if err != nil {
			return nil, err
		}
		if view != nil && len(view.Candidates) > 0 {
			out = append(out, view)
		}
	}
	return out, nil
}
