package records

import (
	"fmt"
	"strings"

	"github.com/pocketbase/pocketbase/core"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/checklist"
	"github.com/fieldpost/fieldpost/internal/triage"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// Told is what a tip sheet is made of: a report with its place, its signs in
// words, and what was told before.
type Told struct {
	ReportID
	Values  access.Values
	Site    access.Values // nil without one
	Signs   []ToldSign
	Tips    []TipView
	Addenda []string // what was added later, the oldest first
	Rule    string   // the rule of triage that decided, in words; "" where none but the last did
}

// ToldSign is an item that was said to be so, in the words of the report's own
// version of its checklist.
type ToldSign struct {
	checklist.Item
	Basis  string // saw, told or ""
	Locale string // of the words: another where the version has none in the asked one
}

// ToldOf reads it for a person, nil when there is no such report for them. by
// nil is the server's operator.
func (s *Store) ToldOf(by *access.Person, id, locale string) (*Told, error) {
	of, values, err := s.FindReport(by, id)
	if err != nil || of == nil {
		return nil, err
	}
	t := &Told{ReportID: *of, Values: values}
	if site := textOf(values["site"]); site != "" {
		r, err := s.App.FindRecordById("sites", site)
		if err != nil && !absent(err) {
			return nil, fmt.Errorf("find site of %s %s: %w", of.Collection, of.ID, err)
		}
		if err == nil {
			t.Site = Values(r)
		}
	}
	if of.Collection == "submissions" {
		t.Signs, err = s.signsOfAnswers(values, locale)
	} else {
		t.Signs, err = s.signsOfIndicators(values, locale)
	}
	if err != nil {
		return nil, err
	}
	if t.Tips, err = s.Tips(by, *of); err != nil {
		return nil, err
	}
	err = s.App.DB().NewQuery("SELECT text FROM {{addenda}} WHERE [[" + fieldOf(of.Collection) + "]]={:id} ORDER BY event_time, id").Bind(map[string]any{"id": of.ID}).Column(&t.Addenda)
	if err != nil {
		return nil, fmt.Errorf("read addenda of %s %s: %w", of.Collection, of.ID, err)
	}
	t.Rule, err = s.ruleInWords(*of, locale)
	return t, err
}

// ruleInWords says which rule made the suggestion for a report, by the rules
// that are named in its triage record.
func (s *Store) ruleInWords(of ReportID, locale string) (string, error) {
	r, err := s.App.FindRecordById("triage", wire.TriageID(of.Collection, of.ID))
	if absent(err) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("find triage of %s %s: %w", of.Collection, of.ID, err)
	}
	var fired struct {
		Rule  string      `json:"rule"`
		Rules triage.Name `json:"rules"`
	}
	if err := r.UnmarshalJSONField("fired", &fired); err != nil {
		return "", fmt.Errorf("read triage %s: %w", r.Id, err)
	}
	rules := s.newestRules() // a record of before rules had versions
	all, err := s.App.FindAllRecords(rulesCollection)
	if err != nil {
		return "", fmt.Errorf("find the rules of triage: %w", err)
	}
	if named := findRules(all, fired.Rules); named != nil {
		rules = s.rulesOf(named)
	}
	for _, rule := range rules.Rules {
		if rule.Name == fired.Rule && rule.Otherwise {
			return "", nil
		}
	}
	return rules.Label(fired.Rule, locale), nil
}

// versions gives the published records of a checklist, the newest first; of a
// version the asked language first.
func (s *Store) versions(key string, version int, locale string) ([]*checklist.Checklist, error) {
	filter, params := "key = {:key}", map[string]any{"key": key, "version": version}
	if version > 0 {
		filter += " && version = {:version}"
	}
	found, err := s.App.FindRecordsByFilter("checklists", filter+" && published = true", "-version,locale", 0, 0, params)
	if err != nil {
		return nil, fmt.Errorf("find checklist %s: %w", key, err)
	}
	var first, rest []*checklist.Checklist
	for _, r := range found {
		list, err := s.checklistOf(s.App, r.Id)
		if err != nil {
			return nil, err
		}
		if list.Locale == locale {
			first = append(first, list)
		} else {
			rest = append(rest, list)
		}
	}
	return append(first, rest...), nil
}

func (s *Store) signsOfAnswers(report access.Values, locale string) ([]ToldSign, error) {
	record, err := s.App.FindRecordById("checklists", textOf(report["checklist"]))
	if err != nil {
		return nil, fmt.Errorf("find checklist of a submission: %w", err)
	}
	lists, err := s.versions(record.GetString("key"), record.GetInt("version"), locale)
	if err != nil {
		return nil, err
	}
	own, err := listOf(record)
	if err != nil {
		return nil, err
	}
	list := own // as the person saw it, if there are no others
	if len(lists) > 0 {
		list = lists[0]
		if list.Locale != locale {
			list = own
		}
	}
	answers, _ := report["answers"].(map[string]any)
	basis, _ := report["basis"].(map[string]any)
	var signs []ToldSign
	for _, item := range list.Items {
		if answers[item.ID] == "yes" {
			signs = append(signs, ToldSign{item, textOf(basis[item.ID]), list.Locale})
		}
	}
	return signs, nil
}

func listOf(r *core.Record) (*checklist.Checklist, error) {
	list := &checklist.Checklist{Key: r.GetString("key"), Version: r.GetInt("version"), Locale: r.GetString("locale")}
	if err := r.UnmarshalJSONField("items", &list.Items); err != nil {
		return nil, fmt.Errorf("read checklist %s: %w", r.Id, err)
	}
	return list, nil
}

// signsOfIndicators words the items of an observation: an indicator names no
// version, so the newest that has it speaks, in the asked language if one does.
func (s *Store) signsOfIndicators(report access.Values, locale string) ([]ToldSign, error) {
	rows, _ := report["indicators"].([]any)
	byKey := map[string][]*checklist.Checklist{}
	var signs []ToldSign
	for _, row := range rows {
		m, _ := row.(map[string]any)
		id := textOf(m["indicator"])
		key, _, _ := strings.Cut(id, ".")
		lists, read := byKey[key]
		if !read {
			var err error
			if lists, err = s.versions(key, 0, locale); err != nil {
				return nil, err
			}
			byKey[key] = lists
		}
		sign := ToldSign{checklist.Item{ID: id, Text: id, Weight: checklist.Strong}, textOf(m["basis"]), locale}
		if item, ok := s.Catalog[id]; ok {
			sign.Item, sign.Locale = item, checklist.Languages[0]
		}
	search:
		for _, list := range lists {
			for _, item := range list.Items {
				if item.ID == id {
					sign.Item, sign.Locale = item, list.Locale
					break search
				}
			}
		}
		signs = append(signs, sign)
	}
	return signs, nil
}
