package wiring

import (
	"io/fs"

	"github.com/fieldpost/fieldpost/internal/checklist"
	"github.com/fieldpost/fieldpost/internal/records"
	"github.com/fieldpost/fieldpost/internal/triage"
)

// What the commands show: rules of triage, what a trial of rules found, and
// candidates for duplicates.
type (
	TriageRules = triage.Rules
	TriageTrial = records.TriageTrial
	LikeView    = records.LikeView
)

// TriageNotice says that nobody has reviewed the thresholds (R25).
func TriageNotice(locale string) string { return triage.Notice(locale) }

// ParseTriageRules reads rules of triage; the error says what is wrong.
func ParseTriageRules(data []byte) (*TriageRules, error) { return triage.Parse(data) }

// LintTriage gives what is wrong with a folder's rules of triage.
func LintTriage(fsys fs.FS) []checklist.Fault {
	var faults []checklist.Fault
	for _, f := range triage.Lint(fsys) {
		faults = append(faults, checklist.Fault{File: f.File, Item: f.Item, Language: f.Language, Message: f.Message})
	}
	return faults
}

// ApplyTriageRules puts rules in force as the server's operator.
func (s *Services) ApplyTriageRules(r *TriageRules) (before triage.Name, err error) {
	return s.Store.ApplyTriageRules(r, records.Audit{Actor: records.ActorOperator})
}
