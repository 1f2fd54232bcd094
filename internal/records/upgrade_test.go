package records

import (
	"testing"

	"github.com/fieldpost/fieldpost/internal/hlc"
	"github.com/fieldpost/fieldpost/internal/journal"
	"github.com/fieldpost/fieldpost/internal/merge"
	"github.com/fieldpost/fieldpost/internal/wire"
)

func TestHeirs(t *testing.T) {
	const x, y = "xxxxxxxxxxxxxxx", "yyyyyyyyyyyyyyy"
	at := func(ms int64) hlc.Time { return hlc.Time{Ms: ms} }
	stored := func(ms int64, device string) hlc.Stamp { return hlc.Stamp{Time: at(ms), Device: device} }
	// Made with plates allowed; x forbade them and allowed notes, later.
	past := []journal.PastEntry{
		{Seq: 1, Op: wire.OpCreate, Device: x, Stamp: stored(10, x).String(), Content: journal.Content{Fields: map[string]any{"allow_plate": true}}},
		{Seq: 5, Op: wire.OpUpdate, Device: x, Stamp: stored(50, x).String(), Content: journal.Content{
			Fields: map[string]any{"allow_plate": false}, Eff: map[string]hlc.Time{"allow_plate": at(50)}}},
	}
	clock := &journal.RecordClock{Version: 5, Created: 1, Default: merge.Clock{Seq: 1, Eff: at(10), Stored: stored(10, x).String()},
		Fields: map[string]merge.Clock{"allow_plate": {Seq: 5, Eff: at(50), Stored: stored(50, x).String(),
			Lost: map[string]merge.Lost{y: {Eff: at(40), Value: merge.Hash(true), Seq: 5}}}}}
	field := func(value ...any) merge.Field {
		clocks := heirs(clock, past, "organizations", 1)
		return merge.Field{Policy: merge.Set, Value: value, Clock: clocks["allows"]}
	}
	edit := func(base, ms int64, device string, change map[string]any) merge.Outcome {
		return merge.Update(merge.Edit{Record: "r", Base: base, Stored: stored(ms, device), Corrected: at(ms), Own: map[string]bool{device: true},
			Fields: map[string]any{"allows": change}}, map[string]merge.Field{"allows": field()})
	}
	add, remove := map[string]any{"add": []any{"plates"}}, map[string]any{"remove": []any{"plates"}}
	const z = "zzzzzzzzzzzzzzz"
	t.Run("[MERGE-6] who saw plates allowed, and allows them, changes nothing", func(t *testing.T) {
		if out := edit(1, 90, z, add); len(out.Changes) > 0 {
			t.Fatalf("%+v", out)
		}
	})
	t.Run("[MERGE-2] who saw them forbidden allows them again, though by an older clock", func(t *testing.T) {
		if out := edit(5, 20, z, add); len(out.Changes) != 1 {
			t.Fatalf("%+v", out)
		}
	})
	t.Run("[MERGE-2] who did not see it, and was earlier, gives way", func(t *testing.T) {
		if out := edit(0, 30, z, add); len(out.Changes) > 0 {
			t.Fatalf("%+v", out)
		}
	})
	t.Run("[MERGE-1] a write that lost before the move is still what its device saw last", func(t *testing.T) {
		if out := edit(1, 41, y, remove); out.Clocks["allows"].Elements == nil && len(out.Changes) == 0 {
			t.Fatalf("it counts as no change: %+v", out)
		}
	})
	t.Run("[MERGE-4] an element that nobody changed has the state of the create", func(t *testing.T) {
		e := heirs(clock, past, "organizations", 1)["allows"].Elements[merge.Hash("staff_notes")]
		if e.Present || e.Seq != 1 || e.Eff != at(10) {
			t.Fatalf("%+v", e)
		}
	})
}
