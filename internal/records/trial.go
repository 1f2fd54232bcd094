package records

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/pocketbase/dbx"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/fault"
	"github.com/fieldpost/fieldpost/internal/triage"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// TrialOn is on how many of the last reports a person tries rules.
const TrialOn = 500

// TryRulesAs tries rules on the last reports of a coordinator's organization.
func (s *Store) TryRulesAs(by *access.Person, rules *triage.Rules) (*TriageTrial, error) {
	if by.Role != access.Coordinator {
		// An admin sees no report, and which items were ticked is one's content.
		return nil, fault.New(fault.NotAllowed, "This is for coordinators.")
	}
	return s.TryTriageRules(by, rules, TrialOn)
}

// ApplyRulesAs puts rules in force as a coordinator or an admin, who says why.
func (s *Store) ApplyRulesAs(by *access.Person, rules *triage.Rules, reason string) (before triage.Name, err error) {
	if err := mayWrite(by); err != nil {
		return before, err
	}
	a := auditBy(by)
	a.Reason = reason
	return s.ApplyTriageRules(rules, a)
}

// TriageChange is what other rules would say of one report. It holds ids and
// words of the rules, and nothing that a person wrote.
type TriageChange struct {
	Collection string   `json:"collection"`
	Report     string   `json:"report"`
	From       string   `json:"from"` // the urgency that was suggested
	FromRule   string   `json:"from_rule"`
	To         string   `json:"to"`
	Rule       string   `json:"rule"`
	Items      []string `json:"items"`
	Flags      []string `json:"flags,omitempty"`
	Ungrouped  bool     `json:"ungrouped,omitempty"`
}

// TriageTrial is what a trial of rules found.
type TriageTrial struct {
	Looked  int            `json:"looked"`  // reports
	Skipped int            `json:"skipped"` // whose checklist is not published here any more
	Changes []TriageChange `json:"changes"` // the newest first
}

// TryTriageRules tells what rules would change of the suggestions on the last
// reports that were received, of those that by may see; nil is the server's
// operator. It changes nothing.
func (s *Store) TryTriageRules(by *access.Person, rules *triage.Rules, last int) (*TriageTrial, error) {
	reports, err := s.lastReports(by, last)
	if err != nil {
		return nil, err
	}
	trial := &TriageTrial{Changes: []TriageChange{}}
	for _, it := range reports {
		report, err := s.App.FindRecordById(it.collection, it.id)
		if absent(err) {
			continue // erased meanwhile
		}
		if err != nil {
			return nil, fmt.Errorf("try rules on %s %s: %w", it.collection, it.id, err)
		}
		was, err := s.App.FindRecordById("triage", wire.TriageID(it.collection, it.id))
		if absent(err) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("try rules on %s %s: %w", it.collection, it.id, err)
		}
		values := Values(report)
		if by != nil && !access.Table[it.collection].List.Holds(*by, values) {
			continue
		}
		trial.Looked++
		in, err := s.triageInput(s.App, it, values)
		var refused *Refusal
		if errors.As(err, &refused) {
			trial.Skipped++
			continue
		}
		if err != nil {
			return nil, err
		}
		now := rules.Judge(in)
		if now.Urgency == was.GetString("suggested") {
			continue
		}
		var fired struct {
			Rule string `json:"rule"`
		}
		if err := was.UnmarshalJSONField("fired", &fired); err != nil {
			return nil, fmt.Errorf("read triage %s: %w", was.Id, err)
		}
		trial.Changes = append(trial.Changes, TriageChange{it.collection, it.id, was.GetString("suggested"), fired.Rule,
			now.Urgency, now.Rule, now.Items, now.Flags, now.Ungrouped})
	}
	return trial, nil
}

// lastReports names the reports that were received last, the newest first; by is
// a coordinator, who has those of their organization, or nil.
func (s *Store) lastReports(by *access.Person, n int) ([]thing, error) {
	type row struct {
		ID       string `db:"id"`
		Received string `db:"received"`
		of       string
	}
	var all []row
	for _, c := range access.Reports {
		var rows []row
		q := s.App.DB().Select("id", "received").From(c).OrderBy("received DESC", "id").Limit(int64(n))
		if by != nil {
			q = q.Where(dbx.HashExp{"organization": by.Organization})
		}
		if err := q.All(&rows); err != nil {
			return nil, fmt.Errorf("list %s: %w", c, err)
		}
		for _, r := range rows {
			r.of = c
			all = append(all, r)
		}
	}
	slices.SortFunc(all, func(a, b row) int { return cmp.Or(cmp.Compare(b.Received, a.Received), cmp.Compare(a.ID, b.ID)) })
	all = all[:min(n, len(all))]
	out := make([]thing, len(all))
	for i, r := range all {
		out[i] = thing{r.of, r.ID}
	}
	return out, nil
}
