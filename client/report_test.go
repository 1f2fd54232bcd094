package client

import (
	"errors"
	"testing"
	"time"

	"github.com/fieldpost/fieldpost/internal/wire"
)

// stocked is a device that has pulled two versions of a checklist, the core
// and a site, and has no server any more.
func stocked(t *testing.T) *Device {
	t.Helper()
	f := newFake(t)
	d, _ := enrolled(t, f)
	items := func(ids ...string) []any {
		var all []any
		for _, id := range ids {
			all = append(all, map[string]any{"id": id, "text": "Something", "weight": "context", "form": "both"})
		}
		return all
	}
	f.put("checklists", "hotelfront00001", map[string]any{"key": "hotel_front", "version": 1, "locale": "en", "items": items("hotel_front.01")})
	f.put("checklists", "hotelfront00002", map[string]any{"key": "hotel_front", "version": 2, "locale": "en", "items": items("hotel_front.01", "hotel_front.02", "core.01")})
	f.put("checklists", "core00000000001", map[string]any{"key": "core", "version": 1, "locale": "en", "items": items("core.01", "core.02")})
	f.put("sites", "site00000000001", map[string]any{"name": "The Pines"})
	mustSync(t, d)
	f.http.CloseClientConnections()
	f.http.Listener.Close()
	return d
}

func TestReports(t *testing.T) {
	at := time.Date(2026, 1, 11, 4, 55, 0, 0, time.UTC)

	t.Run("[DEV-1] a checklist is filled with no server once it was pulled, and names record and version", func(t *testing.T) {
		d := stocked(t)
		s, err := d.Fill(Submission{Checklist: "hotel_front", EventTime: at, Answers: map[string]string{"hotel_front.02": "yes", "core.01": "unsure"},
			Basis: map[string]string{"hotel_front.02": "told"}, About: "guest", Details: Details{Site: "site00000000001"}})
		if err != nil {
			t.Fatal(err)
		}
		e, _ := d.Mutation(s.N)
		f := e.Ops[0].Fields
		want(t, "checklist", f["checklist"], any("hotelfront00002"))
		want(t, "version", f["version"], any(2.0))
		want(t, "answers", wire.EqualJSON(f["answers"], map[string]any{"hotel_front.02": "yes", "core.01": "unsure"}), true)
		want(t, "basis", wire.EqualJSON(f["basis"], map[string]any{"hotel_front.02": "told"}), true)
		want(t, "about", f["about"], any("guest"))
		want(t, "event time", f["event_time"], any("2026-01-11T04:55:00.000Z"))
		if _, err := d.Fill(Submission{Checklist: "hotelfront00001", Version: 1, EventTime: at, Answers: map[string]string{"hotel_front.01": "no"}}); err != nil {
			t.Errorf("by record id: %v", err)
		}
	})

	t.Run("[CLI] what is wrong is told before anything is saved", func(t *testing.T) {
		d := stocked(t)
		ok := map[string]string{"hotel_front.01": "yes"}
		minus := -1
		for name, c := range map[string]struct {
			code string
			do   func() (Saved, error)
		}{
			"checklist": {"unknown_checklist", func() (Saved, error) { return d.Fill(Submission{Checklist: "motel", EventTime: at, Answers: ok}) }},
			"version": {"unknown_version", func() (Saved, error) {
				return d.Fill(Submission{Checklist: "hotel_front", Version: 9, EventTime: at, Answers: ok})
			}},
			"item": {"unknown_item", func() (Saved, error) {
				return d.Fill(Submission{Checklist: "hotel_front", EventTime: at, Answers: map[string]string{"hotel_front.99": "yes"}})
			}},
			"old item": {"unknown_item", func() (Saved, error) {
				return d.Fill(Submission{Checklist: "hotel_front", Version: 1, EventTime: at, Answers: map[string]string{"hotel_front.02": "yes"}})
			}},
			"answer": {"bad_answer", func() (Saved, error) {
				return d.Fill(Submission{Checklist: "hotel_front", EventTime: at, Answers: map[string]string{"hotel_front.01": "maybe"}})
			}},
			"basis": {"bad_answer", func() (Saved, error) {
				return d.Fill(Submission{Checklist: "hotel_front", EventTime: at, Answers: ok, Basis: map[string]string{"hotel_front.01": "guessed"}})
			}},
			"basis item": {"unknown_item", func() (Saved, error) {
				return d.Fill(Submission{Checklist: "hotel_front", EventTime: at, Answers: ok, Basis: map[string]string{"x.1": "saw"}})
			}},
			"about": {"bad_field", func() (Saved, error) {
				return d.Fill(Submission{Checklist: "hotel_front", EventTime: at, Answers: ok, About: "manager"})
			}},
			"no time": {"bad_time", func() (Saved, error) { return d.Fill(Submission{Checklist: "hotel_front", Answers: ok}) }},
			"site": {"unknown_site", func() (Saved, error) {
				return d.Observe(Observation{EventTime: at, Details: Details{Site: "site00000000009"}})
			}},
			"site's form": {"unknown_site", func() (Saved, error) {
				return d.Observe(Observation{EventTime: at, Details: Details{Site: "The Pines"}})
			}},
			"indicator": {"unknown_item", func() (Saved, error) {
				return d.Observe(Observation{EventTime: at, Indicators: []Indicator{{"core.77", "saw"}}})
			}},
			"twice": {"bad_answer", func() (Saved, error) {
				return d.Observe(Observation{EventTime: at, Indicators: []Indicator{{"core.01", "saw"}, {"core.01", "told"}}})
			}},
			"its basis": {"bad_answer", func() (Saved, error) {
				return d.Observe(Observation{EventTime: at, Indicators: []Indicator{{"core.01", ""}}})
			}},
			"event time": {"bad_time", func() (Saved, error) {
				return d.Observe(Observation{EventTime: time.Date(10400, 1, 1, 0, 0, 0, 0, time.UTC)})
			}},
			"people":   {"bad_field", func() (Saved, error) { return d.Observe(Observation{EventTime: at, Details: Details{People: &minus}}) }},
			"addendum": {"unknown_report", func() (Saved, error) { return d.Add(Addendum{Observation: "a1b2c3d4e5f6g7h", Text: "x"}) }},
		} {
			_, err := c.do()
			if !errors.Is(err, ErrInput) || Explain(err).Code != c.code || Explain(err).Hint == "" {
				t.Errorf("%s: %v, want %s", name, err, c.code)
			}
		}
		want(t, "saved", status(t, d).Saved, 0)
	})

	t.Run("[R1] an error never repeats what a person may have written", func(t *testing.T) {
		d := stocked(t)
		_, err := d.Fill(Submission{Checklist: "hotel_front", EventTime: at, Answers: map[string]string{"Maria Lopez": "yes"}})
		if err == nil || Explain(err).Message != "Item (unreadable) is not in this checklist." {
			t.Errorf("got %v", err)
		}
	})

	t.Run("[DEV-1] a full observation holds every field in the form of the wire", func(t *testing.T) {
		d := stocked(t)
		three := 3
		s, err := d.Observe(Observation{EventTime: at, Indicators: []Indicator{{"core.01", "told"}}, Details: Details{
			Site: "site00000000001", Grid: "39.1,-94.6", Point: &Point{39.1, -94.5}, EventEnd: at.Add(time.Hour), People: &three,
			Persons: []Described{{"teen", []string{"red jacket"}}, {}}, Vehicles: []Vehicle{{Kind: "van", Color: "silver", PlateState: "MO", PlateEnd: "4K"}},
			Outreach: []string{"kit"}, Note: "cab to cab", Operation: "o00000000000001", MinorPossible: true, ManagerInvolved: true}})
		if err != nil {
			t.Fatal(err)
		}
		e, _ := d.Mutation(s.N)
		want(t, "fields", wire.EqualJSON(any(e.Ops[0].Fields), map[string]any{
			"event_time": "2026-01-11T04:55:00.000Z", "event_end": "2026-01-11T05:55:00.000Z", "site": "site00000000001", "grid": "39.1,-94.6",
			"indicators": []any{map[string]any{"indicator": "core.01", "basis": "told"}}, "point": map[string]any{"lat": 39.1, "lon": -94.5}, "people": 3.0,
			"persons":  []any{map[string]any{"age": "teen", "description": []any{"red jacket"}}, map[string]any{}},
			"vehicles": []any{map[string]any{"kind": "van", "color": "silver", "plate_state": "MO", "plate_end": "4K"}},
			"outreach": []any{"kit"}, "note": "cab to cab", "operation": "o00000000000001", "minor_possible": true, "manager_involved": true}), true)
		a, err := d.Add(Addendum{Observation: s.IDs[0], Text: "it came back", EventTime: at})
		if err != nil {
			t.Fatal(err)
		}
		rec, ok, _ := d.Record("addenda", a.IDs[0])
		if !ok || rec.Text("observation") != s.IDs[0] || !rec.Time("event_time").Equal(at) {
			t.Errorf("addendum: %v", rec)
		}
	})

	t.Run("[R4] the words are the five, and no others", func(t *testing.T) {
		for phase, seen := range map[Phase]State{Waiting: IsWaiting, Acknowledged: Received, Settled: Received, Parked: NeedsAttention, Corrected: SavedHere} {
			want(t, string(phase), phase.state(false), seen)
		}
		want(t, "seen", Acknowledged.state(true), Seen)
		want(t, "never seen while parked", Parked.state(true), NeedsAttention)
	})

	t.Run("[DEV-1] both forms of time are read", func(t *testing.T) {
		for _, text := range []string{"2026-01-11T04:55:00.000Z", "2026-01-11 04:55:00.000Z", "2026-01-10T22:55:00-06:00"} {
			got, err := ParseTime(text)
			if err != nil || !got.Equal(at) {
				t.Errorf("%s: %v %v", text, got, err)
			}
		}
		if _, err := ParseTime("yesterday"); err == nil {
			t.Error("yesterday is a time")
		}
	})
}
