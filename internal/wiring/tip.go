package wiring

import (
	"time"

	"github.com/fieldpost/fieldpost/internal/export"
	"github.com/fieldpost/fieldpost/internal/records"
)

// What the tip commands show and ask.
type (
	TipRequest = export.Request
	TipSheet   = export.Sheet
	TipView    = records.TipView
)

// TipFormats are the formats of a tip sheet, TipFields what one may hold, and
// TipChannels how a tip is made.
var (
	TipFormats  = export.Formats
	TipFields   = export.Fields
	TipChannels = records.TipChannels
)

// TipShared says what happens with what is told to the HSI tip line.
func TipShared(locale string) string { return export.Shared(locale) }

// TipSheet makes a tip sheet as the server's operator; nil when there is no
// such report.
func (s *Services) TipSheet(req TipRequest) (*TipSheet, error) { return s.API.Export.Tip(nil, req) }

// Tips lists the tips about a report; found tells whether there is one.
func (s *Services) Tips(report string) (tips []TipView, found bool, err error) {
	of, _, err := s.Store.FindReport(nil, report)
	if err != nil || of == nil {
		return nil, false, err
	}
	tips, err = s.Store.Tips(nil, *of)
	return tips, true, err
}

// AddTip notes a tip as a coordinator, by id or e-mail. found tells whether
// there are such a coordinator and, for them, such a report.
func (s *Services) AddTip(as, report, channel, line, reference string, at time.Time) (tip *TipView, found bool, err error) {
	by, err := s.Store.PersonBy(as)
	if err != nil || by == nil {
		return nil, false, err
	}
	of, _, err := s.Store.FindReport(by, report)
	if err != nil || of == nil {
		return nil, false, err
	}
	tip, err = s.Store.AddTip(*by, *of, records.Tip{Channel: channel, Line: line, At: at, Reference: reference})
	return tip, true, err
}
