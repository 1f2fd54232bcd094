package records

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"

	validation "github.com/pocketbase/ozzo-validation/v4"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/fault"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// TipChannels are the ways in which a person makes a tip.
var TipChannels = []string{"call", "web_form", "text", "chat", "in_person"}

var lineForm = regexp.MustCompile(`^[a-z][a-z0-9_]{0,39}$`)

// prepareTip checks a tip that somebody notes, as an addendum: who may add to a
// report may say that they called about it. It counts the tips before it, so
// that a second one is seen.
func (s *Store) prepareTip(app core.App, w *Writer, record *draft) error {
	if err := checkTip(record); err != nil {
		return err
	}
	if err := s.besideReport(app, w, record, "A tip"); err != nil {
		return err
	}
	collection, id := reportOf(record.values)
	earlier, err := countTips(app, collection, id)
	if err != nil {
		return err
	}
	record.set("earlier", float64(earlier))
	return nil
}

// checkTip checks what a person says of a tip, new or changed.
func checkTip(record *draft) error {
	if !slices.Contains(TipChannels, record.text("channel")) {
		return invalid("channel is missing, or none that is known.")
	}
	if record.text("at") == "" {
		return invalid("at is missing: when the tip was made.")
	}
	if line := record.text("line"); line != "" && !lineForm.MatchString(line) {
		return invalid("line is no id of a line.")
	}
	return nil
}

// fieldOf is the field in which a record names a report of a collection.
func fieldOf(collection string) string {
	if collection == "submissions" {
		return "submission"
	}
	return "observation"
}

func countTips(app core.App, collection, report string) (n int, err error) {
	err = app.DB().NewQuery("SELECT count(*) FROM {{tips}} WHERE [[" + fieldOf(collection) + "]]={:id}").Bind(map[string]any{"id": report}).Row(&n)
	if err != nil {
		return 0, fmt.Errorf("count tips of %s %s: %w", collection, report, err)
	}
	return n, nil
}

// TipView is a tip as the board and the commands show it.
type TipView struct {
	ID        string `json:"id"`
	Channel   string `json:"channel"`
	Line      string `json:"line"`
	At        string `json:"at"`
	Reference string `json:"reference"`
	Earlier   int    `json:"earlier"` // tips about the same report before it
	Author    string `json:"author"`  // "" for staff, and for the server's operator
}

// Tips lists the tips about a report that the person may see, the oldest
// first. by nil is the server's operator.
func (s *Store) Tips(by *access.Person, report ReportID) ([]TipView, error) {
	found, err := s.App.FindRecordsByFilter("tips", fieldOf(report.Collection)+" = {:id}", "at,earlier,id", 0, 0, map[string]any{"id": report.ID})
	if err != nil {
		return nil, fmt.Errorf("list tips of %s %s: %w", report.Collection, report.ID, err)
	}
	views := []TipView{}
	for _, r := range found {
		if by == nil || access.Table["tips"].List.Holds(*by, Values(r)) {
			views = append(views, tipView(r))
		}
	}
	return views, nil
}

func tipView(r *core.Record) TipView {
	return TipView{ID: r.Id, Channel: r.GetString("channel"), Line: r.GetString("line"), At: r.GetDateTime("at").Time().UTC().Format(wire.TimeFormat),
		Reference: r.GetString("reference"), Earlier: r.GetInt("earlier"), Author: r.GetString("author")}
}

// Tip is a tip that a person says they made.
type Tip struct {
	Channel   string
	Line      string
	At        time.Time
	Reference string
}

// AddTip notes a tip as the person. The error is a *fault.Fault where it cannot
// be taken.
func (s *Store) AddTip(by access.Person, report ReportID, tip Tip) (*TipView, error) {
	if !access.Table["tips"].Create.Holds(by, nil) {
		return nil, fault.New(fault.NotAllowed, "Your role notes no tips.")
	}
	if tip.At.After(s.Now().Add(time.Hour)) {
		return nil, fault.New(fault.BadRequest, "at lies ahead: a tip is noted when it was made.").WithHint("Give the time of the call.")
	}
	c, err := s.App.FindCachedCollectionByNameOrId("tips")
	if err != nil {
		return nil, fmt.Errorf("note tip: %w", err)
	}
	r := core.NewRecord(c)
	r.Set(fieldOf(report.Collection), report.ID)
	r.Set("channel", tip.Channel)
	r.Set("line", tip.Line)
	if !tip.At.IsZero() {
		r.Set("at", tip.At.UTC().Format(types.DefaultDateLayout))
	}
	r.Set("reference", tip.Reference)
	Attach(r, s.restWriter(by.ID, s.Actor(by), &by))
	err = s.App.Save(r)
	var refused *Refusal
	switch {
	case errors.As(err, &refused) && refused.Code == wire.CodeNotAllowed:
		return nil, fault.New(fault.NotAllowed, refused.Message)
	case errors.As(err, &refused):
		return nil, fault.New(fault.BadRequest, refused.Message).WithHint("Correct it and note the tip again.")
	case errors.As(err, &validation.Errors{}):
		return nil, fault.New(fault.BadRequest, "Something of the tip is too long.").WithHint("The reference has room for 100 characters.").Because(err)
	case err != nil:
		return nil, fmt.Errorf("note tip: %w", err)
	}
	view := tipView(r)
	return &view, nil
}
