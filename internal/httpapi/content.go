package httpapi

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"unicode/utf8"

	"github.com/pocketbase/pocketbase/core"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/checklist"
	"github.com/fieldpost/fieldpost/internal/fault"
	"github.com/fieldpost/fieldpost/internal/odk"
	"github.com/fieldpost/fieldpost/internal/records"
	"github.com/fieldpost/fieldpost/internal/triage"
)

// author is who asks, if they may write content: with the token of a device or
// of a password.
func (a *API) author(e *core.RequestEvent) (*access.Person, error) {
	switch {
	case e.Auth == nil:
		return nil, a.notSignedIn(e)
	case e.Auth.IsSuperuser():
		return nil, fault.New(fault.NotAllowed, "A superuser writes no content.").WithHint("Use the server's command line.")
	}
	p := records.PersonOf(e.Auth)
	if p.Role != access.Coordinator && p.Role != access.Admin {
		return nil, fault.New(fault.NotAllowed, "This is for coordinators and admins.")
	}
	return &p, nil
}

// authored reads who asks, and what.
func authored[T any](a *API, e *core.RequestEvent) (*access.Person, *T, error) {
	by, err := a.author(e)
	if err != nil {
		return nil, nil, err
	}
	raw, err := body(e, a.Exchange.Limits)
	if err != nil {
		return nil, nil, err
	}
	req := new(T)
	return by, req, decodeInto(raw, req)
}

// reasonOf holds a reason to what the audit takes.
func reasonOf(text string) (string, error) {
	text = strings.TrimSpace(text)
	if text == "" || utf8.RuneCountInString(text) > 500 {
		return "", fault.New(fault.BadRequest, "A reason of 1 to 500 characters is needed.").WithHint("Say in a few words why.")
	}
	return text, nil
}

// draftRequest begins a draft: of what is published under From, or of a workbook
// in XLSForm (base64).
type draftRequest struct {
	From     string `json:"from"`
	Key      string `json:"key"`
	XLSX     string `json:"xlsx"`
	LeaveOut bool   `json:"leave_out"`
}

// draftAnswer is a draft, and what of a workbook was not taken as it is; without
// a draft, something of it was refused.
type draftAnswer struct {
	Draft    *records.DraftView `json:"draft"`
	Problems []odk.Problem      `json:"problems"`
}

// BeginDraft is POST /api/fieldpost/drafts.
func (a *API) BeginDraft(e *core.RequestEvent) (*draftAnswer, error) {
	by, req, err := authored[draftRequest](a, e)
	if err != nil {
		return nil, err
	}
	answer := &draftAnswer{Problems: []odk.Problem{}}
	if req.XLSX == "" {
		if req.From == "" {
			return nil, fault.New(fault.BadRequest, "`from` or `xlsx` is missing.").WithHint("Name a checklist, or send a workbook.")
		}
		answer.Draft, err = a.Store.BeginDraft(by, req.From, req.Key)
		return answer, err
	}
	file, err := base64.StdEncoding.DecodeString(req.XLSX)
	if err != nil || len(file) > odk.MaxFile {
		return nil, fault.New(fault.BadRequest, "`xlsx` is not base64, or too large.").WithHint("Send the workbook as it was saved.")
	}
	form, problems := odk.ReadXLSForm(file, odk.Options{Key: req.Key, Version: 1, LeaveOut: req.LeaveOut})
	answer.Problems = append(answer.Problems, problems...)
	if form == nil {
		return answer, nil
	}
	answer.Draft, err = a.Store.BeginDraftWith(by, form)
	return answer, err
}

// Draft is GET /api/fieldpost/drafts/{id}.
func (a *API) Draft(e *core.RequestEvent) (*records.DraftView, error) {
	by, err := a.author(e)
	if err != nil {
		return nil, err
	}
	return a.Store.Draft(by, e.Request.PathValue("id"))
}

// savedDraft names the revision that somebody worked on.
type savedDraft struct {
	Revision int             `json:"revision"`
	Form     json.RawMessage `json:"form"`
	Reason   string          `json:"reason"`
}

// SaveDraft is POST /api/fieldpost/drafts/{id}.
func (a *API) SaveDraft(e *core.RequestEvent) (*records.DraftView, error) {
	by, req, err := authored[savedDraft](a, e)
	if err != nil {
		return nil, err
	}
	form, err := checklist.DecodeDraft(req.Form)
	if err != nil {
		return nil, fault.New(fault.BadRequest, "`form` is no form.").WithHint("How a form has to be: docs/CONTENT.md").Because(err)
	}
	return a.Store.SaveDraft(by, e.Request.PathValue("id"), req.Revision, form)
}

// PublishDraft is POST /api/fieldpost/drafts/{id}/publish.
func (a *API) PublishDraft(e *core.RequestEvent) (*records.DraftView, error) {
	by, req, err := authored[savedDraft](a, e)
	if err != nil {
		return nil, err
	}
	reason, err := reasonOf(req.Reason)
	if err != nil {
		return nil, err
	}
	return a.Store.PublishDraft(by, e.Request.PathValue("id"), req.Revision, reason)
}

// dropped is a draft that is there no more.
type dropped struct {
	ID string `json:"id"`
}

// DropDraft is POST /api/fieldpost/drafts/{id}/drop.
func (a *API) DropDraft(e *core.RequestEvent) (*dropped, error) {
	by, req, err := authored[savedDraft](a, e)
	if err != nil {
		return nil, err
	}
	id := e.Request.PathValue("id")
	return &dropped{id}, a.Store.DropDraft(by, id, req.Revision)
}

// rulesAnswer are the rules of triage in force.
type rulesAnswer struct {
	Rules  *triage.Rules     `json:"rules"`
	Notice map[string]string `json:"notice"` // nobody has reviewed the thresholds (R25)
}

func noticeOfRules() map[string]string {
	return map[string]string{"en": triage.Notice("en"), "es": triage.Notice("es")}
}

// TriageRules is GET /api/fieldpost/triage/rules.
func (a *API) TriageRules(e *core.RequestEvent) (*rulesAnswer, error) {
	if _, err := a.author(e); err != nil {
		return nil, err
	}
	rules, err := a.Store.TriageRules()
	return &rulesAnswer{rules, noticeOfRules()}, err
}

// rulesRequest are rules to try or to apply.
type rulesRequest struct {
	Rules  json.RawMessage `json:"rules"`
	Reason string          `json:"reason"`
}

func (a *API) rules(e *core.RequestEvent) (*access.Person, *triage.Rules, *rulesRequest, error) {
	by, req, err := authored[rulesRequest](a, e)
	if err != nil {
		return nil, nil, nil, err
	}
	rules, err := triage.Parse(req.Rules)
	if err != nil {
		return nil, nil, nil, fault.Newf(fault.BadRequest, "%s.", strings.ToUpper(err.Error()[:1])+strings.TrimSuffix(err.Error()[1:], ".")).WithHint("How to write rules: docs/CONTENT.md")
	}
	return by, rules, req, nil
}

// trialAnswer is what rules would change.
type trialAnswer struct {
	Rules  triage.Name       `json:"rules"`
	Notice map[string]string `json:"notice"`
	*records.TriageTrial
}

// TryTriageRules is POST /api/fieldpost/triage/rules/try: it changes nothing.
func (a *API) TryTriageRules(e *core.RequestEvent) (*trialAnswer, error) {
	by, rules, _, err := a.rules(e)
	if err != nil {
		return nil, err
	}
	trial, err := a.Store.TryRulesAs(by, rules)
	return &trialAnswer{rules.Name(), noticeOfRules(), trial}, err
}

// appliedAnswer names the rules that are in force, and those before them.
type appliedAnswer struct {
	Rules  triage.Name       `json:"rules"`
	Before triage.Name       `json:"before"`
	Notice map[string]string `json:"notice"`
}

// ApplyTriageRules is POST /api/fieldpost/triage/rules/apply.
func (a *API) ApplyTriageRules(e *core.RequestEvent) (*appliedAnswer, error) {
	by, rules, req, err := a.rules(e)
	if err != nil {
		return nil, err
	}
	reason, err := reasonOf(req.Reason)
	if err != nil {
		return nil, err
	}
	before, err := a.Store.ApplyRulesAs(by, rules, reason)
	return &appliedAnswer{rules.Name(), before, noticeOfRules()}, err
}
