package export

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/fault"
	"github.com/fieldpost/fieldpost/internal/records"
)

// The formats of an export of many reports.
const (
	AsCSV     = "csv"
	AsGeoJSON = "geojson"
)

// ManyFormats are both.
var ManyFormats = []string{AsCSV, AsGeoJSON}

// ManyRequest asks for reports as one file. Reason is why they leave: others
// read it in the audit. From and Before are days (2026-01-31, in Zone) or times
// in RFC 3339; the other members of the filter are ids or words of triage.
type ManyRequest struct {
	Format    string `json:"format"` // of ManyFormats
	Reason    string `json:"reason"` // 10 to 1,000 letters
	From      string `json:"from"`
	Before    string `json:"before"`
	Site      string `json:"site"`
	Kind      string `json:"kind"` // observations, submissions
	Status    string `json:"status"`
	Urgency   string `json:"urgency"`
	Checklist string `json:"checklist"` // key: the answers then stand in columns of their own
	Version   int    `json:"version"`   // of the checklist
	Texts     bool   `json:"texts"`     // what people wrote in their own words leaves too
	Locale    string `json:"locale"`    // en, es; "" is en
	Zone      string `json:"zone"`      // of the IANA table; "" is UTC
}

// minReason is how many letters a reason has at least: it is read by others.
const minReason = 10

// Statuses and urgencies of triage, as filters name them.
var (
	ManyStatuses  = []string{"open", "emergency", "review", "context", "closed"}
	ManyUrgencies = []string{"emergency", "review", "context"}
)

// Many writes reports that a coordinator may see to a file, row by row: what is
// held at a time is one row. The audit has the export, its filter and its count
// before the first byte leaves. begin is called once, when nothing stands
// against it any more, with the file's media type and name; it gives where to
// write. An error after that is of the writing, and the file is not whole.
func (s *Service) Many(by access.Person, req ManyRequest, begin func(mediaType, name string, rows int) (io.Writer, error)) error {
	if by.Role != access.Coordinator {
		return fault.New(fault.NotAllowed, "Exports are for coordinators.")
	}
	f, opt, err := s.many(&req)
	if err != nil {
		return err
	}
	return s.Store.Leave(by.ID, opt.Locale, f, func(l *records.Leaving) error {
		if err := s.Store.Audit(records.Audit{Act: records.ActExport, Actor: by.ID, Organization: by.Organization, Reason: req.Reason,
			Detail: map[string]any{"what": "reports", "format": req.Format, "rows": l.Rows, "filter": filterOf(req), "texts": req.Texts}}); err != nil {
			return err
		}
		mediaType, name := "text/csv; charset=utf-8; header=present", "reports.csv"
		if req.Format == AsGeoJSON {
			mediaType, name = "application/geo+json", "reports.geojson"
		}
		to, err := begin(mediaType, name, l.Rows)
		if err != nil {
			return err
		}
		m := &maker{words: wordsOf[opt.Locale], opt: opt}
		cols := slices.Clone(columns)
		if req.Texts {
			cols = append(cols, noteColumn)
		}
		out := bufio.NewWriterSize(to, 32<<10)
		if req.Format == AsGeoJSON {
			err = writeGeo(out, m, cols, l)
		} else {
			for _, list := range l.Lists {
				for _, item := range list.Items {
					heading := clean(item.Text)
					if len(l.Lists) > 1 {
						heading += " [" + strconv.Itoa(list.Version) + "]"
					}
					cols = append(cols, ofVersion(list.Version, itemColumn(item.ID, heading)))
				}
			}
			err = writeCSV(out, m, cols, l)
		}
		if err != nil {
			return err
		}
		return out.Flush()
	})
}

// ofVersion is a column that other versions of the checklist leave empty: the
// same item may have been asked in other words there.
func ofVersion(version int, c column) column {
	say := c.say
	c.say = func(m *maker, r *records.LeavingReport) any {
		if n, _ := r.Values["version"].(float64); int(n) != version {
			return nil
		}
		return say(m, r)
	}
	return c
}

// filterOf is the filter as the audit has it: what was asked, nothing else.
func filterOf(req ManyRequest) map[string]any {
	out := map[string]any{}
	for name, v := range map[string]string{"from": req.From, "before": req.Before, "site": req.Site, "kind": req.Kind, "status": req.Status,
		"urgency": req.Urgency, "checklist": req.Checklist, "zone": req.Zone} {
		if v != "" {
			out[name] = v
		}
	}
	if req.Version != 0 {
		out["version"] = req.Version
	}
	return out
}

// many checks what was asked.
func (s *Service) many(req *ManyRequest) (f records.ReportFilter, opt Options, err error) {
	bad := func(format string, args ...any) error {
		return fault.Newf(fault.BadRequest, format, args...).WithHint("Ask for what there is.")
	}
	req.Reason = strings.TrimSpace(req.Reason)
	switch n := utf8.RuneCountInString(req.Reason); {
	case !slices.Contains(ManyFormats, req.Format):
		return f, opt, bad("format is none of %s.", strings.Join(ManyFormats, ", "))
	case n < minReason:
		return f, opt, bad("A reason of at least %d letters is needed.", minReason).(*fault.Fault).WithHint("Say why they leave, and for whom. Others read it.")
	case n > 1000:
		return f, opt, bad("The reason is longer than 1,000 letters.").(*fault.Fault).WithHint("Say it shorter.")
	case req.Locale != "" && wordsOf[req.Locale] == nil:
		return f, opt, bad("locale is neither en nor es.")
	case req.Kind != "" && !slices.Contains(access.Reports, req.Kind):
		return f, opt, bad("kind is neither of %s.", strings.Join(access.Reports, ", "))
	case req.Status != "" && !slices.Contains(ManyStatuses, req.Status):
		return f, opt, bad("status is none of %s.", strings.Join(ManyStatuses, ", "))
	case req.Urgency != "" && !slices.Contains(ManyUrgencies, req.Urgency):
		return f, opt, bad("urgency is none of %s.", strings.Join(ManyUrgencies, ", "))
	case len(req.Site) > 15 || len(req.Checklist) > 40:
		return f, opt, bad("site is an id, and checklist a key.")
	case req.Version < 0 || req.Version > 0 && req.Checklist == "":
		return f, opt, bad("version is that of a checklist.")
	}
	opt = Options{Locale: req.Locale, Now: s.Now()}
	if opt.Locale == "" {
		opt.Locale = "en"
	}
	if opt.Zone, err = time.LoadLocation(req.Zone); err != nil || req.Zone == "Local" {
		return f, opt, bad("zone is no name of a time zone, such as America/Chicago.")
	}
	f = records.ReportFilter{Site: req.Site, Collection: req.Kind, Status: req.Status, Urgency: req.Urgency, Checklist: req.Checklist, Version: req.Version}
	for _, x := range []struct {
		text, name string
		into       *time.Time
	}{{req.From, "from", &f.From}, {req.Before, "before", &f.Before}} {
		if x.text == "" {
			continue
		}
		if *x.into, err = time.ParseInLocation(time.DateOnly, x.text, opt.Zone); err != nil {
			if *x.into, err = time.Parse(time.RFC3339, x.text); err != nil {
				return f, opt, bad("%s is no day and no time.", x.name).(*fault.Fault).WithHint("Write 2026-01-31, or 2026-01-31T18:00:00Z.")
			}
		}
	}
	return f, opt, nil
}

// byteOrderMark has spreadsheets read the file as UTF-8: without it they take
// "camión" for something else.
const byteOrderMark = "\ufeff"

func writeCSV(out io.Writer, m *maker, cols []column, l *records.Leaving) error {
	if _, err := io.WriteString(out, byteOrderMark); err != nil {
		return err
	}
	w := csv.NewWriter(out)
	w.UseCRLF = true // RFC 4180
	row := make([]string, len(cols))
	for i, c := range cols {
		row[i] = inert(m.heading(c))
	}
	if err := w.Write(row); err != nil {
		return err
	}
	err := l.Each(func(r *records.LeavingReport) error {
		for i, c := range cols {
			row[i] = m.cell(c.say(m, r))
		}
		return w.Write(row)
	})
	w.Flush()
	if err == nil {
		err = w.Error()
	}
	return err
}

// heading is a column's own word, or the question that it is.
func (m *maker) heading(c column) string {
	if word, ok := m.words["column."+c.key]; ok {
		return word
	}
	return c.key
}

// cell writes a value for a spreadsheet.
func (m *maker) cell(v any) string {
	switch x := v.(type) {
	case string:
		return inert(x)
	case int:
		return strconv.Itoa(x)
	case float64:
		return strconv.FormatFloat(x, 'f', -1, 64)
	case bool:
		if x {
			return m.words["answer.yes"]
		}
		return m.words["answer.no"]
	}
	return ""
}

// inert keeps a spreadsheet from running a text: one that begins like a formula
// has an apostrophe before it. Blanks before the sign, and its wide forms, are
// no way around.
func inert(text string) string {
	first, _ := utf8.DecodeRuneInString(strings.TrimLeftFunc(text, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) || unicode.Is(unicode.Cf, r) }))
	if strings.ContainsRune("=+-@＝＋－＠|%", first) && first != utf8.RuneError || text != "" && (text[0] == '\t' || text[0] == '\r' || text[0] == '\n') {
		return "'" + text
	}
	return text
}

// writeGeo writes an RFC 7946 FeatureCollection.
func writeGeo(out *bufio.Writer, m *maker, cols []column, l *records.Leaving) error {
	if _, err := out.WriteString(`{"type":"FeatureCollection","features":[`); err != nil {
		return err
	}
	first := true
	err := l.Each(func(r *records.LeavingReport) error {
		feature, err := m.feature(cols, r)
		if err != nil {
			return err
		}
		if !first {
			if err := out.WriteByte(','); err != nil {
				return err
			}
		}
		first = false
		if err := out.WriteByte('\n'); err != nil {
			return err
		}
		_, err = out.Write(feature)
		return err
	})
	if err != nil {
		return err
	}
	_, err = out.WriteString("\n]}\n")
	return err
}

func (m *maker) feature(cols []column, r *records.LeavingReport) ([]byte, error) {
	b := []byte(`{"type":"Feature","id":` + strconv.Quote(r.ID) + `,"geometry":`)
	b = append(b, geometry(r)...)
	b = append(b, `,"properties":{`...)
	for i, c := range cols {
		if i > 0 {
			b = append(b, ',')
		}
		v, err := json.Marshal(c.say(m, r))
		if err != nil {
			return nil, fmt.Errorf("write %s: %w", c.key, err)
		}
		b = append(strconv.AppendQuote(b, c.key), ':')
		b = append(b, v...)
	}
	return append(b, "}}"...), nil
}

// geometry is the point where its author chose to give one, else the coarse
// cell, else null.
func geometry(r *records.LeavingReport) string {
	n := func(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }
	if p := pointOf(r.Values["point"]); p != nil {
		return `{"type":"Point","coordinates":[` + n(p.Lon) + "," + n(p.Lat) + "]}"
	}
	_, b, ok := placeOf(r)
	if !ok {
		return "null"
	}
	corner := func(lon, lat float64) string { return "[" + n(lon) + "," + n(lat) + "]" }
	// Counter-clockwise, and closed.
	return `{"type":"Polygon","coordinates":[[` + strings.Join([]string{corner(b.west, b.south), corner(b.east, b.south), corner(b.east, b.north),
		corner(b.west, b.north), corner(b.west, b.south)}, ",") + "]]}"
}
