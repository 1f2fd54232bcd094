package httpapi

import (
	"net/http"
	"strings"

	"github.com/pocketbase/pocketbase/core"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/export"
	"github.com/fieldpost/fieldpost/internal/fault"
	"github.com/fieldpost/fieldpost/internal/records"
)

// coordinator is who asks, if they are a coordinator; with the token of a
// device or of a password.
func (a *API) coordinator(e *core.RequestEvent) (*access.Person, error) {
	switch {
	case e.Auth == nil:
		return nil, a.notSignedIn(e)
	case e.Auth.IsSuperuser():
		return nil, fault.New(fault.NotAllowed, "A superuser is nobody's coordinator.").WithHint("Use the server's command line.")
	}
	p := records.PersonOf(e.Auth)
	if p.Role != access.Coordinator {
		return nil, fault.New(fault.NotAllowed, "This is for coordinators.")
	}
	return &p, nil
}

// noReport is the answer for a report that is not there, and for one that the
// person may not see: they cannot tell the two apart.
func noReport() error {
	return fault.New(fault.NotFound, "There is no such report.").WithHint("Look at the list again.")
}

// Duplicates is GET /api/fieldpost/reports/{id}/duplicates: candidates, which
// nothing merges.
func (a *API) Duplicates(e *core.RequestEvent) (*records.LikeView, error) {
	by, err := a.coordinator(e)
	if err != nil {
		return nil, err
	}
	view, err := a.Store.Alike(by, e.Request.PathValue("id"))
	if err == nil && view == nil {
		err = noReport()
	}
	return view, err
}

// TipSheet is GET /api/fieldpost/reports/{id}/tipsheet. A preview is JSON; the
// files are what a person takes away, and each is audited.
func (a *API) TipSheet(e *core.RequestEvent) error {
	format := e.Request.URL.Query().Get("format")
	sheet, err := guarded(e, func(e *core.RequestEvent) (*export.Sheet, error) {
		by, err := a.coordinator(e)
		if err != nil {
			return nil, err
		}
		q := e.Request.URL.Query()
		req := export.Request{Report: e.Request.PathValue("id"), Format: format, Kind: q.Get("kind"), Locale: q.Get("locale"), Zone: q.Get("zone")}
		for _, field := range strings.Split(q.Get("without"), ",") {
			if field != "" {
				req.Without = append(req.Without, field)
			}
		}
		sheet, err := a.Export.Tip(by, req)
		if err == nil && sheet == nil {
			err = noReport()
		}
		return sheet, err
	})
	if err != nil {
		return Fail(e, err)
	}
	if format == "" || format == export.Preview {
		return send(e, http.StatusOK, sheet)
	}
	body, mediaType, name, err := sheet.File(format)
	if err != nil {
		return Fail(e, err)
	}
	h := e.Response.Header()
	h.Set("Content-Type", mediaType)
	h.Set("Content-Disposition", `attachment; filename="`+name+`"`)
	h.Set("Content-Security-Policy", export.PagePolicy)
	h.Set("Cache-Control", "no-store")
	e.Response.WriteHeader(http.StatusOK)
	_, err = e.Response.Write(body)
	return err
}

// tipsAnswer is what is known of the tips about a report.
type tipsAnswer struct {
	records.ReportID
	Tips   []records.TipView `json:"tips"`   // the oldest first
	Second bool              `json:"second"` // another one would say the same again
	Notice map[string]string `json:"notice"` // what happens with a tip, by language
}

func (a *API) tips(by *access.Person, of *records.ReportID) (*tipsAnswer, error) {
	list, err := a.Store.Tips(by, *of)
	return &tipsAnswer{ReportID: *of, Tips: list, Second: len(list) > 0, Notice: map[string]string{"en": export.Shared("en"), "es": export.Shared("es")}}, err
}

// about is the report that a request names, for a coordinator.
func (a *API) about(e *core.RequestEvent) (*access.Person, *records.ReportID, error) {
	by, err := a.coordinator(e)
	if err != nil {
		return nil, nil, err
	}
	of, _, err := a.Store.FindReport(by, e.Request.PathValue("id"))
	if err == nil && of == nil {
		err = noReport()
	}
	return by, of, err
}

// Tips is GET /api/fieldpost/reports/{id}/tips.
func (a *API) Tips(e *core.RequestEvent) (*tipsAnswer, error) {
	by, of, err := a.about(e)
	if err != nil {
		return nil, err
	}
	return a.tips(by, of)
}

// AddTip is POST /api/fieldpost/reports/{id}/tips: a person notes that they
// made a tip. Nothing is sent anywhere.
func (a *API) AddTip(e *core.RequestEvent) (*tipsAnswer, error) {
	by, of, err := a.about(e)
	if err != nil {
		return nil, err
	}
	var req struct {
		Channel   string `json:"channel"`
		Line      string `json:"line"`
		At        string `json:"at"`
		Reference string `json:"reference"`
	}
	if err := a.decode(e, &req); err != nil {
		return nil, err
	}
	at := records.TimeOf(req.At)
	if at.IsZero() {
		return nil, fault.New(fault.BadRequest, "at is missing: when the tip was made.").WithHint("Give the time of the call.")
	}
	if _, err := a.Store.AddTip(*by, *of, records.Tip{Channel: req.Channel, Line: req.Line, At: at, Reference: req.Reference}); err != nil {
		return nil, err
	}
	return a.tips(by, of)
}
