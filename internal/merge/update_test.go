package merge

import (
	"math"
	"reflect"
	"testing"

	"github.com/fieldpost/fieldpost/internal/hlc"
)

// latestField is a field that device 0 created at 100 as `old` (entry 1) and
// that the given writes changed since.
func latestField(writes ...Past) Field {
	f := Field{Policy: Latest, Value: "old", Clock: Clock{Seq: 1, Eff: hlc.Time{Ms: 100}, Stored: stamp(100, 0, device(0)).String()},
		History: []Past{{1, device(0), hlc.Time{Ms: 100}, "old"}}}
	for _, w := range writes {
		f.History = append(f.History, w)
		f.Value, f.Clock.Seq, f.Clock.Eff = w.Value, w.Seq, w.Eff
		f.Clock.Stored = hlc.Stamp{Time: w.Eff, Device: w.Device}.String()
	}
	return f
}

// by1 is an edit of the field f by device 1 on version 1.
func by1(ms int64, value any) Edit {
	return Edit{Record: recordID, Base: 1, Stored: stamp(ms, 0, device(1)), Corrected: hlc.Time{Ms: ms},
		Own: map[string]bool{device(1): true}, Fields: map[string]any{"f": value}}
}

func decideOne(edit Edit, f Field) Outcome { return Update(edit, map[string]Field{"f": f}) }

func wantOutcome(t *testing.T, got, want Outcome) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func wantConflict(t *testing.T, out Outcome, kept, other any, lost bool) {
	t.Helper()
	if want := []Conflict{{"f", kept, other, lost}}; !reflect.DeepEqual(out.Conflicts, want) {
		t.Errorf("got %+v, want %+v", out.Conflicts, want)
	}
	if _, changed := out.Changes["f"]; changed == lost {
		t.Errorf("lost is %v, changes are %+v", lost, out.Changes)
	}
}

func TestLatest(t *testing.T) {
	ms := func(n int64) hlc.Time { return hlc.Time{Ms: n} }

	t.Run("[MERGE-1] a field that nobody else changed takes the new value, with a stamp above what was seen", func(t *testing.T) {
		for corrected, eff := range map[int64]hlc.Time{200: ms(200), 50: {Ms: 100, Counter: 1}} {
			edit := by1(corrected, "new")
			wantOutcome(t, decideOne(edit, latestField()), Outcome{
				Changes: map[string]Change{"f": {"new", eff}},
				Clocks:  map[string]Clock{"f": {Seq: 1, Eff: eff, Stored: edit.Stored.String()}},
			})
		}
	})

	t.Run("[MERGE-1] what the device or its lineage sent earlier is never since", func(t *testing.T) {
		f := latestField(Past{2, device(7), ms(300), "mine"})
		edit := by1(200, "new")
		edit.Own[device(7)] = true
		out := decideOne(edit, f)
		if out.Conflicts != nil || out.Changes["f"] != (Change{"new", hlc.Time{Ms: 300, Counter: 1}}) {
			t.Fatalf("%+v", out)
		}
		if out := decideOne(by1(200, "new"), f); len(out.Conflicts) != 1 {
			t.Fatalf("the same of a stranger is: %+v", out)
		}
	})

	t.Run("[MERGE-2] the greater effective stamp wins and the other value is kept", func(t *testing.T) {
		wantConflict(t, decideOne(by1(400, "new"), latestField(Past{2, device(2), ms(300), "theirs"})), "new", "theirs", false)
		wantConflict(t, decideOne(by1(200, "new"), latestField(Past{2, device(2), ms(300), "theirs"})), "theirs", "new", true)
	})

	t.Run("[MERGE-2] a write that lost is remembered in the clock, once a device", func(t *testing.T) {
		f := latestField(Past{2, device(2), ms(300), "theirs"})
		f.Clock.Lost = map[string]Lost{device(1): {ms(150), Hash("first"), 2}, device(3): {ms(160), Hash("third"), 2}}
		out := decideOne(by1(200, "new"), f)
		want := map[string]Lost{device(1): {ms(200), Hash("new"), 2}, device(3): {ms(160), Hash("third"), 2}}
		if got := out.Clocks["f"]; !reflect.DeepEqual(got.Lost, want) || got.Seq != 2 || got.Eff != ms(300) || got.Stored != f.Clock.Stored {
			t.Fatalf("%+v", got)
		}
		won := decideOne(by1(400, "new"), f)
		if got := won.Clocks["f"].Lost; len(got) != 1 || got[device(3)] != want[device(3)] {
			t.Fatalf("after a newer write that stands: %+v", got)
		}
	})

	t.Run("[MERGE-2] a device can replace what its own lost write had seen, even with a slow clock", func(t *testing.T) {
		f := latestField(Past{2, device(2), ms(300), "theirs"})
		f.Clock.Lost = map[string]Lost{device(1): {hlc.Time{Ms: 299, Counter: hlc.MaxCounter}, Hash("lost"), 2}}
		// One tick above the lost write is {300, 0}: a tie with theirs.
		edit := by1(150, "again")
		out := decideOne(edit, f)
		if len(out.Conflicts) != 1 || out.Conflicts[0].Lost == edit.outweighs(f.Clock.Stored) {
			t.Fatalf("%+v", out)
		}
	})

	t.Run("[MERGE-2] a tie falls to the heavier hash of stored stamp and record", func(t *testing.T) {
		edit := by1(300, "new")
		wins := 0
		for i := range 20 {
			f := latestField(Past{2, device(100 + i), ms(300), "theirs"})
			out := decideOne(edit, f)
			mirror := decideOne(Edit{Record: recordID, Base: 1, Stored: stamp(300, 0, device(100+i)), Corrected: ms(300),
				Fields: map[string]any{"f": "theirs"}}, latestField(Past{2, device(1), ms(300), "new"}))
			if out.Conflicts[0].Lost == mirror.Conflicts[0].Lost {
				t.Fatalf("device %d: both win or both lose", i)
			}
			if !out.Conflicts[0].Lost {
				wins++
			}
		}
		if wins == 0 || wins == 20 {
			t.Fatalf("the hash decides nothing: %d of 20", wins)
		}
	})

	t.Run("[MERGE-2] a value that only the device itself put there is replaced without a conflict", func(t *testing.T) {
		f := latestField(Past{2, device(2), ms(200), "theirs"}, Past{3, device(1), ms(250), "mine"})
		if out := decideOne(by1(300, "mine again"), f); out.Conflicts != nil || out.Changes["f"].Value != "mine again" {
			t.Fatalf("%+v", out)
		}
	})

	t.Run("[MERGE-2] a value that another device wrote too is not replaced without a trace", func(t *testing.T) {
		raised := latestField(Past{2, device(2), ms(200), "same"}, Past{3, device(1), ms(250), "same"})
		wantConflict(t, decideOne(by1(300, "new"), raised), "new", "same", false)
		below := latestField(Past{2, device(1), ms(250), "same"})
		below.Clock.Lost = map[string]Lost{device(2): {ms(200), Hash("same"), 2}}
		wantConflict(t, decideOne(by1(300, "new"), below), "new", "same", false)
	})

	t.Run("[MERGE-2] a history that is not there counts as somebody else's", func(t *testing.T) {
		f := latestField(Past{2, device(2), ms(300), "theirs"})
		f.History = nil
		wantConflict(t, decideOne(by1(400, "new"), f), "new", "theirs", false)
		wantConflict(t, decideOne(by1(200, "new"), f), "theirs", "new", true)
	})

	t.Run("[MERGE-6] the value that was seen is no change, whatever stands there now", func(t *testing.T) {
		for name, f := range map[string]Field{
			"alone": latestField(), "changed since": latestField(Past{2, device(2), ms(300), "theirs"}),
		} {
			if out := decideOne(by1(400, "old"), f); !reflect.DeepEqual(out, Outcome{}) {
				t.Errorf("%s: %+v", name, out)
			}
		}
		// Seen is what the device wrote itself, not what stood before that.
		f := latestField(Past{2, device(1), ms(200), "mine"}, Past{3, device(2), ms(300), "theirs"})
		if out := decideOne(by1(400, "mine"), f); !reflect.DeepEqual(out, Outcome{}) {
			t.Errorf("own value again: %+v", out)
		}
		if out := decideOne(by1(400, "old"), f); out.Changes["f"].Value != "old" {
			t.Errorf("back to the value before: %+v", out)
		}
	})

	t.Run("[MERGE-6] equal is what has one canonical form", func(t *testing.T) {
		f := latestField()
		f.Value = map[string]any{"lat": 39.0, "lon": -94.5}
		if out := decideOne(by1(200, map[string]any{"lon": -94.5, "lat": 39.0}), f); !reflect.DeepEqual(out, Outcome{}) {
			t.Fatalf("%+v", out)
		}
	})

	t.Run("[MERGE-6] the value that stands already only raises the stamp, and makes no conflict", func(t *testing.T) {
		f := latestField(Past{2, device(2), ms(300), "same"})
		edit := by1(400, "same")
		wantOutcome(t, decideOne(edit, f), Outcome{
			Changes: map[string]Change{"f": {"same", ms(400)}},
			Clocks:  map[string]Clock{"f": {Seq: 2, Eff: ms(400), Stored: edit.Stored.String()}},
		})
		wantOutcome(t, decideOne(by1(200, "same"), f), Outcome{
			Clocks: map[string]Clock{"f": {Seq: 2, Eff: ms(300), Stored: f.Clock.Stored,
				Lost: map[string]Lost{device(1): {ms(200), Hash("same"), 2}}}},
		})
	})

	t.Run("[MERGE-6] where nothing was there, what a record stores for nothing is no change", func(t *testing.T) {
		f := latestField(Past{2, device(2), ms(300), "theirs"})
		for _, nothing := range []any{nil, "", false, 0.0, []any{}, map[string]any{}} {
			edit := by1(400, nothing)
			edit.Base = 0
			if out := decideOne(edit, f); !reflect.DeepEqual(out, Outcome{}) {
				t.Errorf("%v: %+v", nothing, out)
			}
		}
		edit := by1(400, "something")
		edit.Base = 0
		wantConflict(t, decideOne(edit, f), "something", "theirs", false)
	})
}

func TestRefusals(t *testing.T) {
	t.Run("[MERGE-4] a field of the server's is not a client's to write, not even with the same value", func(t *testing.T) {
		for _, policy := range []Policy{Server, "", "unheard of"} {
			f := latestField()
			f.Policy = policy
			wantOutcome(t, decideOne(by1(200, "old"), f), Outcome{Refused: "not_allowed", Field: "f"})
		}
		wantOutcome(t, Update(by1(200, "old"), nil), Outcome{Refused: "not_allowed", Field: "f"})
	})

	t.Run("[MERGE-4] once: the value that stands may be repeated, and no other written", func(t *testing.T) {
		f := latestField()
		f.Policy = Once
		wantOutcome(t, decideOne(by1(200, "old"), f), Outcome{})
		wantOutcome(t, decideOne(by1(200, "new"), f), Outcome{Refused: "not_allowed", Field: "f"})
	})

	t.Run("[MERGE-4] first: accepted on the value that was seen, else taken", func(t *testing.T) {
		free := latestField()
		free.Policy = First
		if out := decideOne(by1(50, "me"), free); out.Changes["f"] != (Change{"me", hlc.Time{Ms: 100, Counter: 1}}) {
			t.Errorf("free: %+v", out)
		}
		gone := latestField(Past{2, device(2), hlc.Time{Ms: 150}, "them"})
		gone.Policy = First
		wantOutcome(t, decideOne(by1(900, "me"), gone), Outcome{Refused: "taken", Field: "f"})
		wantOutcome(t, decideOne(by1(900, "them"), gone), Outcome{Refused: "taken", Field: "f"})
		wantOutcome(t, decideOne(by1(900, "old"), gone), Outcome{})
		back := latestField(Past{2, device(2), hlc.Time{Ms: 150}, "them"}, Past{3, device(2), hlc.Time{Ms: 160}, "old"})
		back.Policy = First
		if out := decideOne(by1(120, "me"), back); out.Changes["f"] != (Change{"me", hlc.Time{Ms: 160}}) {
			t.Errorf("given back: %+v", out)
		}
		mine := latestField(Past{2, device(1), hlc.Time{Ms: 150}, "me"})
		mine.Policy = First
		if out := decideOne(by1(200, "old"), mine); out.Changes["f"].Value != "old" {
			t.Errorf("own claim given back: %+v", out)
		}
	})

	t.Run("[MERGE-4] the alphabetically first offence is named, and nothing else comes of the edit", func(t *testing.T) {
		edit := by1(200, "new")
		edit.Fields = map[string]any{"a": "new", "c": "new", "b": "new", "d": "new"}
		server, taken, ok := latestField(), latestField(Past{2, device(2), hlc.Time{Ms: 150}, "them"}), latestField()
		server.Policy, taken.Policy = Server, First
		for range 20 {
			wantOutcome(t, Update(edit, map[string]Field{"a": ok, "c": server, "b": taken, "d": ok}), Outcome{Refused: "taken", Field: "b"})
		}
	})

	t.Run("[MERGE-4] what is no JSON is invalid, and no panic", func(t *testing.T) {
		for _, policy := range []Policy{Latest, First} {
			f := latestField()
			f.Policy = policy
			for _, odd := range []any{math.NaN(), struct{}{}, []any{math.Inf(1)}} {
				wantOutcome(t, decideOne(by1(200, odd), f), Outcome{Refused: "invalid", Field: "f"})
			}
		}
	})
}

func TestHash(t *testing.T) {
	t.Run("[MERGE-6] a hash is that of the canonical form", func(t *testing.T) {
		// SHA-256 of {"a":1}
		if got := Hash(map[string]any{"a": 1.0}); got != "015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862" {
			t.Error(got)
		}
		if Hash(math.NaN()) != "" || Hash(nil) == "" {
			t.Error("only what is no JSON has no hash")
		}
	})
}

func TestOverwrite(t *testing.T) {
	rest := stamp(500, 0, device(8))

	t.Run("[JOURNAL-1] a write on the current version is above it, whatever the server's time", func(t *testing.T) {
		f := latestField(Past{2, device(2), hlc.Time{Ms: 300}, "theirs"})
		f.Clock.Lost = map[string]Lost{device(3): {hlc.Time{Ms: 160}, Hash("third"), 2}}
		for now, eff := range map[int64]hlc.Time{500: {Ms: 500}, 200: {Ms: 300, Counter: 1}} {
			got := Overwrite(rest, hlc.Time{Ms: now}, map[string]any{"f": "new"}, map[string]Field{"f": f})
			want := map[string]Clock{"f": {Seq: 2, Eff: eff, Stored: rest.String(), Lost: f.Clock.Lost}}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%+v, want %+v", got, want)
			}
		}
	})

	t.Run("[JOURNAL-1] of a set it changes the elements that came and went, and no other", func(t *testing.T) {
		policies := map[string]Policy{"f": Set}
		clock := Create(stamp(100, 0, device(0)), hlc.Time{Ms: 100}, map[string]any{"f": []any{"a", "b"}}, policies)["f"]
		clock.Seq = 1
		f := Field{Policy: Set, Value: []any{"a", "b"}, Clock: clock}
		got := Overwrite(rest, hlc.Time{Ms: 500}, map[string]any{"f": []any{"b", "c"}}, map[string]Field{"f": f})["f"]
		for v, want := range map[string]Element{
			"a": {Eff: hlc.Time{Ms: 500}, Present: false}, "b": {Eff: hlc.Time{Ms: 100}, Present: true}, "c": {Eff: hlc.Time{Ms: 500}, Present: true},
		} {
			if e := got.Elements[Hash(v)]; e.Eff != want.Eff || e.Present != want.Present {
				t.Errorf("%s: %+v", v, e)
			}
		}
		if e := f.Clock.Elements[Hash("a")]; !e.Present {
			t.Error("the state before was changed")
		}
	})
}
