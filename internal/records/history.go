package records

import (
	"fmt"
	"reflect"
	"slices"
	"sort"
	"time"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/journal"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// HistoryView is what happened to a report and to what stands beside it, the
// oldest first, as its coordinators may know it.
type HistoryView struct {
	ReportID
	History []Moment `json:"history"`
}

// Moment is one thing that happened. No device is named in it, and of staff no
// person (R8, R9): not even that two moments are of one person.
type Moment struct {
	At     string `json:"at"`
	What   string `json:"what"` // observations, submissions, triage, addenda, tips, seals, duty_alerts, quarantine, export
	Record string `json:"record"`
	// Act is create, update or delete; of quarantine refused, kept, released,
	// adopted or dismissed; of an export its format.
	Act     string        `json:"act"`
	By      By            `json:"by"`
	Changes []FieldChange `json:"changes"`
	// Code and Message say why the server could not take it, Reason what the
	// person gave as one.
	Code    string `json:"code,omitempty"`
	Message string `json:"message,omitempty"`
	Reason  string `json:"reason,omitempty"`
	seq     int64
}

// By is who did something. Kind is person, staff, system (the server),
// operator (at the server's own command line) or unknown. ID and Label are of
// people whom the reader may list; of others only the role is told.
type By struct {
	Kind  string `json:"kind"`
	ID    string `json:"id,omitempty"`
	Label string `json:"label,omitempty"`
	Role  string `json:"role,omitempty"`
}

// FieldChange is one field with its value before and after; null is none.
type FieldChange struct {
	Field  string `json:"field"`
	Before any    `json:"before"`
	After  any    `json:"after"`
}

// notTold are fields that say nothing to a reader: whose it is, and what the
// moment itself says.
var notTold = map[string]bool{"organization": true, "author": true, "received": true, "clock_off": true, "observation": true, "submission": true,
	"by": true, "at": true, "reason": true, "earlier": true, "mutation": true, "repair": true, "code": true, "message": true}

// historian gathers it for one reader.
type historian struct {
	s       *Store
	reader  *journal.Reader
	by      *access.Person
	staff   bool // the report is of staff: whoever is not known is one of them
	people  map[string]By
	moments []Moment
}

// History gives the history of a report for a person, nil when there is no such
// report for them. by nil is the server's operator.
func (s *Store) History(by *access.Person, id string) (*HistoryView, error) {
	of, report, err := s.FindReport(by, id)
	if err != nil || of == nil {
		return nil, err
	}
	h := &historian{s: s, reader: s.Journal(), by: by, people: map[string]By{},
		staff: of.Collection == "submissions" && textOf(report["author"]) == ""}
	own := textOf(report["organization"])
	if err := h.record(of.Collection, of.ID, own); err != nil {
		return nil, err
	}
	triage := wire.TriageID(of.Collection, of.ID)
	if err := h.record("triage", triage, own); err != nil {
		return nil, err
	}
	for _, beside := range []struct{ collection, field, id string }{
		{"addenda", fieldOf(of.Collection), of.ID}, {"tips", fieldOf(of.Collection), of.ID},
		{"seals", "submission", of.ID}, {"duty_alerts", "triage", triage},
	} {
		if err := h.beside(beside.collection, beside.field, beside.id, own); err != nil {
			return nil, err
		}
	}
	if err := h.exports(of.ID, own); err != nil {
		return nil, err
	}
	sort.SliceStable(h.moments, func(i, j int) bool {
		a, b := h.moments[i], h.moments[j]
		return a.At < b.At || a.At == b.At && a.seq < b.seq
	})
	return &HistoryView{ReportID: *of, History: h.moments}, nil
}

// beside adds what stands beside the report and the reader may list.
func (h *historian) beside(collection, field, id, own string) error {
	found, err := h.s.App.FindRecordsByFilter(collection, field+" = {:id}", "", 0, 0, map[string]any{"id": id})
	if err != nil {
		return fmt.Errorf("history of %s: %w", collection, err)
	}
	for _, r := range found {
		if h.by != nil && !access.Table[collection].List.Holds(*h.by, Values(r)) {
			continue
		}
		if err := h.record(collection, r.Id, own); err != nil {
			return err
		}
	}
	return nil
}

// record adds the moments of one record. What happened while another
// organization had it is not told: its coordinators wrote for each other.
func (h *historian) record(collection, id, own string) error {
	past, err := h.reader.History(collection, id)
	if err != nil {
		return err
	}
	from := 0
	for i, e := range past {
		if to, moved := e.Fields["organization"]; moved && i > 0 && textOf(to) == own {
			from = i
		}
	}
	state := map[string]any{}
	for i, e := range past {
		m := Moment{At: wireTime(e.At), What: collection, Record: id, Act: e.Op, Changes: []FieldChange{}, seq: e.Seq}
		if m.By, err = h.who(e.Actor); err != nil {
			return err
		}
		names := make([]string, 0, len(e.Fields))
		for name := range e.Fields {
			names = append(names, name)
		}
		slices.Sort(names)
		for _, name := range names {
			before, after := state[name], e.Fields[name]
			state[name] = after
			// What a report said at first is the report.
			if notTold[name] || i == 0 && access.IsReport(collection) || same(before, after) {
				continue
			}
			m.Changes = append(m.Changes, FieldChange{name, before, after})
		}
		if collection == "seals" {
			m.Reason = textOf(e.Fields["reason"])
			m.By, err = h.who(textOf(e.Fields["by"]))
			if err != nil {
				return err
			}
		}
		if i == 0 {
			if err := h.origin(e, m.At, own); err != nil {
				return err
			}
		}
		if i < from && i > 0 {
			continue
		}
		if i < from {
			m.Changes = []FieldChange{}
		}
		h.moments = append(h.moments, m)
	}
	return nil
}

// origin adds, of a record that came out of quarantine, what became of it
// there: with the fields that were repaired.
func (h *historian) origin(e journal.PastEntry, made, own string) error {
	id := textOf(e.Extra["released"])
	if id == "" {
		id = textOf(e.Extra["adopted"])
	}
	if id == "" {
		return nil
	}
	r, err := h.s.App.FindRecordById("quarantine", id)
	if absent(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("history of quarantine %s: %w", id, err)
	}
	if values := Values(r); h.by != nil && !access.Table["quarantine"].List.Holds(*h.by, values) || textOf(values["organization"]) != own {
		return nil
	}
	past, err := h.reader.History("quarantine", id)
	if err != nil {
		return err
	}
	var came []any
	for i, p := range past {
		m := Moment{At: wireTime(p.At), What: "quarantine", Record: id, Act: "kept", Changes: []FieldChange{}, seq: p.Seq,
			Code: textOf(p.Fields["code"]), Message: textOf(p.Fields["message"])}
		repair, _ := p.Fields["repair"].(map[string]any)
		if i == 0 {
			kept, _ := p.Fields["mutation"].(map[string]any)
			came, _ = kept["ops"].([]any)
			m.Act = "refused"
			if m.By, err = h.who(ActorSystem); err != nil {
				return err
			}
		} else {
			if state := textOf(p.Fields["state"]); state != "" {
				m.Act = state
			}
			if m.By, err = h.who(p.Actor); err != nil {
				return err
			}
			ops, _ := repair["ops"].([]any)
			m.Changes = repaired(came, ops)
			m.Reason = textOf(repair["reason"])
		}
		if m.At == made && m.Act != "refused" {
			m.seq = 0 // of one act: the repair is what made the record
		}
		h.moments = append(h.moments, m)
	}
	return nil
}

// repaired tells in which fields ops differ from those that came.
func repaired(came, ops []any) []FieldChange {
	out := []FieldChange{}
	for i, v := range ops {
		op, _ := v.(map[string]any)
		fields, _ := op["fields"].(map[string]any)
		var before map[string]any
		if i < len(came) {
			was, _ := came[i].(map[string]any)
			before, _ = was["fields"].(map[string]any)
		}
		names := map[string]bool{}
		for name := range fields {
			names[name] = true
		}
		for name := range before {
			names[name] = true
		}
		for name := range names {
			if !same(before[name], fields[name]) {
				out = append(out, FieldChange{name, before[name], fields[name]})
			}
		}
	}
	slices.SortFunc(out, func(a, b FieldChange) int {
		if a.Field < b.Field {
			return -1
		}
		return 1
	})
	return out
}

// exports adds each time that something of the report was taken away.
func (h *historian) exports(report, own string) error {
	found, err := h.s.App.FindRecordsByFilter(AuditCollection, "act = {:act} && record = {:id} && organization = {:o}", "number", 0, 0,
		map[string]any{"act": ActExport, "id": report, "o": own})
	if err != nil {
		return fmt.Errorf("history of exports of %s: %w", report, err)
	}
	for _, r := range found {
		var detail struct {
			Format string `json:"format"`
		}
		if err := r.UnmarshalJSONField("detail", &detail); err != nil {
			return fmt.Errorf("read audit %s: %w", r.Id, err)
		}
		m := Moment{At: r.GetDateTime("at").Time().UTC().Format(wire.TimeFormat), What: "export", Record: report, Act: detail.Format, Changes: []FieldChange{}}
		if m.By, err = h.who(r.GetString("actor")); err != nil {
			return err
		}
		h.moments = append(h.moments, m)
	}
	return nil
}

// who is who an entry names, as the reader may know it.
func (h *historian) who(actor string) (By, error) {
	if by, known := h.people[actor]; known {
		return by, nil
	}
	by := By{Kind: "unknown"}
	switch {
	case actor == ActorSystem || actor == "":
		by.Kind = "system"
	case actor == ActorOperator || len(actor) > len(superuser) && actor[:len(superuser)] == superuser:
		by.Kind = "operator"
	default:
		user, err := h.s.App.FindRecordById("users", actor)
		if err != nil && !absent(err) {
			return by, fmt.Errorf("find user: %w", err)
		}
		switch {
		case err != nil && h.staff, err == nil && access.Role(user.GetString("role")) == access.Staff:
			by = By{Kind: "staff", Role: string(access.Staff)}
		case err == nil:
			by = By{Kind: "person", Role: user.GetString("role")}
			if h.by == nil || access.Table["users"].List.Holds(*h.by, Values(user)) {
				by.ID, by.Label = user.Id, user.GetString("label")
			}
		}
	}
	h.people[actor] = by
	return by, nil
}

func same(a, b any) bool { return reflect.DeepEqual(a, b) || IsZero(a) && IsZero(b) }

func wireTime(ms int64) string { return time.UnixMilli(ms).UTC().Format(wire.TimeFormat) }
