package exchange_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fieldpost/fieldpost/internal/hlc"
	"github.com/fieldpost/fieldpost/internal/journal"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// stop makes a site and gives its id and version.
func (w *town) stop(d *rig.Device) (string, int64) {
	w.T.Helper()
	id, v := d.Create("sites", map[string]any{"name": "Stop", "venue": "truck_stop", "notes": "dark"})
	return id, applied(w.T, v).Seq
}

// edit makes an update with a stamp that is so much before the server's now.
func (w *town) edit(d *rig.Device, ago time.Duration, counter int, op wire.Op) wire.Mutation {
	m := d.Mutation(op)
	m.Stamp = hlc.Stamp{Time: hlc.Time{Ms: w.Clock.Now().Add(-ago).UnixMilli(), Counter: counter}, Device: d.ID}.String()
	return m
}

// conflictsOf are the conflicts that were kept about a record.
func (w *town) conflictsOf(id string) []map[string]any {
	w.T.Helper()
	var out []map[string]any
	for _, row := range w.rows(`SELECT id FROM conflicts WHERE record={:r} ORDER BY rowid`, map[string]any{"r": id}) {
		out = append(out, w.record("conflicts", row["id"]))
	}
	return out
}

func (w *town) notes(id string) any { w.T.Helper(); return w.record("sites", id)["notes"] }

func notes(text string) map[string]any { return map[string]any{"notes": text} }

func TestMergeOverPush(t *testing.T) {
	w := newTown(t)
	a, b := w.coordinator(), w.coordinator()

	t.Run("[MERGE-1] a field that nobody else changed takes the new value, whatever its stamp", func(t *testing.T) {
		w.on(t)
		id, base := w.stop(a)
		w.Clock.Add(time.Hour)
		m := w.edit(b, 24*time.Hour, 0, rig.Update("sites", id, base, notes("from yesterday")))
		if v := applied(t, b.Push(m)[0]); v.Conflicts != nil {
			t.Fatalf("%+v", v)
		}
		rig.Want(t, w.notes(id), "from yesterday")
		rig.Want(t, len(w.conflictsOf(id)), 0)
	})
	t.Run("[MERGE-1] edits of different fields made at once both survive", func(t *testing.T) {
		w.on(t)
		id, base := w.stop(a)
		w.Clock.Add(time.Minute)
		applied(t, a.Do(rig.Update("sites", id, base, notes("lit"))))
		if v := applied(t, b.Do(rig.Update("sites", id, base, map[string]any{"address": "I-70", "industry": "H"}))); v.Conflicts != nil {
			t.Fatalf("%+v", v)
		}
		got := w.record("sites", id)
		rig.Want(t, []any{got["notes"], got["address"], got["industry"], got["name"]}, []any{"lit", "I-70", "H", "Stop"})
	})
	t.Run("[MERGE-1] what the same device or its lineage sent earlier is never since", func(t *testing.T) {
		w.on(t)
		id, base := w.stop(a)
		phone := w.coordinator()
		for i, d := range []*rig.Device{phone, phone, goOn(t, phone)} {
			w.Clock.Add(time.Minute)
			v := applied(t, d.Do(rig.Update("sites", id, base, notes(fmt.Sprint(i)))))
			if v.Conflicts != nil {
				t.Fatalf("%d: %+v", i, v)
			}
			rig.Want(t, w.notes(id), fmt.Sprint(i))
		}
		rig.Want(t, len(w.conflictsOf(id)), 0)
		// Another device is somebody else, of the same person too.
		w.Clock.Add(time.Minute)
		v := b.Do(rig.Update("sites", id, base, notes("b")))
		rig.Want(t, len(v.Conflicts), 1)
	})
	t.Run("[MERGE-1] [MERGE-3] [PUSH-3] of one field that both copies of a phone write the later value stands, whichever came first, and every phone has it", func(t *testing.T) {
		for _, c := range []struct {
			originalFirst, originalLater bool
			conflicts                    int
		}{
			{false, false, 1},
			{false, true, 1},
			{true, true, 1},
			// What the one that keeps the id has sent counts as the other's own, and
			// is replaced as its own is: the journal alone has it still.
			{true, false, 0},
		} {
			w.on(t)
			id, base := w.stop(a)
			original := w.coordinator()
			heir := goOn(t, original)
			w.Clock.Add(time.Hour)
			ago := map[bool]time.Duration{true: 10 * time.Minute, false: 20 * time.Minute}
			kept := w.edit(original, ago[c.originalLater], 0, rig.Update("sites", id, base, notes("by the original")))
			copied := w.edit(heir, ago[!c.originalLater], 0, rig.Update("sites", id, base, notes("by the copy")))
			if c.originalFirst {
				original.Push(kept)
				heir.Push(copied)
			} else {
				heir.Push(copied)
				original.Push(kept)
			}
			stands, gave := "by the copy", "by the original"
			if c.originalLater {
				stands, gave = gave, stands
			}
			for _, d := range []*rig.Device{original, heir, b} {
				if body := string(d.Fresh()["sites"][id]); !strings.Contains(body, `"notes":"`+stands+`"`) {
					t.Errorf("%+v: a phone has %s", c, body)
				}
			}
			conflicts := w.conflictsOf(id)
			if len(conflicts) != c.conflicts || len(conflicts) > 0 && conflicts[0]["other"] != gave {
				t.Errorf("%+v: %v", c, conflicts)
			}
			past, err := w.S.Store.Journal().History("sites", id)
			if err != nil {
				t.Fatal(err)
			}
			if c.conflicts == 0 && !slices.ContainsFunc(past, func(e journal.PastEntry) bool { return e.Fields["notes"] == gave }) {
				t.Errorf("%+v: what gave way is nowhere", c)
			}
		}
	})
	t.Run("[MERGE-1] a write by REST is somebody else's", func(t *testing.T) {
		w.on(t)
		id, base := w.stop(a)
		w.Clock.Add(time.Minute)
		if status, got := w.rest(a, http.MethodPatch, "sites/records/"+id, notes("by REST")); status != http.StatusOK {
			t.Fatal(status, got)
		}
		w.Clock.Add(time.Minute)
		v := applied(t, a.Do(rig.Update("sites", id, base, notes("by push"))))
		rig.Want(t, len(v.Conflicts), 1)
		rig.Want(t, w.notes(id), "by push")
	})
	t.Run("[MERGE-2] the greater stamp wins in either order of arrival, and the other value is kept", func(t *testing.T) {
		w.on(t)
		for _, lateFirst := range []bool{true, false} {
			id, base := w.stop(a)
			w.Clock.Add(time.Hour)
			early := w.edit(a, 20*time.Minute, 0, rig.Update("sites", id, base, notes("early")))
			late := w.edit(b, 10*time.Minute, 0, rig.Update("sites", id, base, notes("late")))
			var lost, won wire.Verdict
			if lateFirst {
				applied(t, b.Push(late)[0])
				lost = verdict(t, a.Push(early)[0], wire.Merged, "")
				won = lost
			} else {
				applied(t, a.Push(early)[0])
				won = applied(t, b.Push(late)[0])
			}
			rig.Want(t, w.notes(id), "late")
			kept := w.conflictsOf(id)
			if len(kept) != 1 || len(won.Conflicts) != 1 {
				t.Fatalf("%v %+v", kept, won)
			}
			for field, want := range map[string]any{"collection": "sites", "record": id, "field": "notes", "kept": "late", "other": "early",
				"organization": w.ngo, "resolved": false} {
				rig.Want(t, kept[0][field], want)
			}
			rig.Want(t, won.Conflicts[0], wire.Conflict{Op: 0, Collection: "sites", ID: id, Field: "notes", Conflict: fmt.Sprint(kept[0]["id"])})
			// The verdict names the last entry: that of the conflict.
			past := w.past("conflicts", fmt.Sprint(kept[0]["id"]))
			rig.Want(t, past[0].Seq, won.Seq)
		}
	})
	t.Run("[MERGE-2] a verdict names conflicts by op, and never a value", func(t *testing.T) {
		w.on(t)
		one, oneBase := w.stop(a)
		two, twoBase := w.stop(a)
		w.Clock.Add(time.Minute)
		applied(t, a.Do(rig.Update("sites", one, oneBase, notes("secret of a")), rig.Update("sites", two, twoBase, map[string]any{"address": "secret road"})))
		w.Clock.Add(time.Minute)
		m := b.Mutation(rig.Update("sites", one, oneBase, map[string]any{"industry": "H"}), rig.Update("sites", two, twoBase, map[string]any{"address": "B"}),
			rig.Update("sites", one, oneBase, notes("b")))
		answer := w.postPush(b, mustJSON(t, envelope(b, m)), nil)
		if bytes.Contains(answer.body, []byte("secret")) {
			t.Fatalf("%s", answer.body)
		}
		v := b.Push(m)[0]
		if len(v.Conflicts) != 2 || v.Conflicts[0].Op != 1 || v.Conflicts[0].ID != two || v.Conflicts[1].Op != 2 || v.Conflicts[1].Field != "notes" {
			t.Fatalf("%+v", v)
		}
	})
	t.Run("[MERGE-2] conflicts are for the coordinators of the organization", func(t *testing.T) {
		w.on(t)
		id, base := w.stop(a)
		w.Clock.Add(time.Minute)
		applied(t, a.Do(rig.Update("sites", id, base, notes("a"))))
		conflict := b.Do(rig.Update("sites", id, base, notes("b"))).Conflicts[0].Conflict
		stranger := w.Enroll("coordinator", w.hotel)
		for d, sees := range map[*rig.Device]bool{a: true, b: true, w.worker(): false, stranger: false} {
			if _, there := d.Fresh()["conflicts"][conflict]; there != sees {
				t.Fatalf("%s of %s sees it: %v", d.User.Role, d.User.Organization, there)
			}
		}
	})
	t.Run("[MERGE-2] who has seen a value can replace it, with whatever clock", func(t *testing.T) {
		w.on(t)
		id, base := w.stop(a)
		w.Clock.Add(time.Minute)
		seen := applied(t, a.Do(rig.Update("sites", id, base, notes("seen")))).Seq
		past := w.past("sites", id)
		before := past[len(past)-1].Eff["notes"]
		slow := w.edit(b, 365*24*time.Hour, 0, rig.Update("sites", id, seen, notes("by who has seen it")))
		if v := applied(t, b.Push(slow)[0]); v.Conflicts != nil {
			t.Fatalf("%+v", v)
		}
		rig.Want(t, w.notes(id), "by who has seen it")
		past = w.past("sites", id)
		rig.Want(t, past[len(past)-1].Eff["notes"], before.Tick())
	})
	t.Run("[MERGE-2] stamps compare by ms, then counter, and not by device", func(t *testing.T) {
		w.on(t)
		for _, order := range [][]*rig.Device{{a, b}, {b, a}} {
			id, base := w.stop(a)
			w.Clock.Add(time.Minute)
			// The first has the greater counter and loses to nobody.
			first := w.edit(order[0], time.Second, 7, rig.Update("sites", id, base, notes("seven")))
			second := w.edit(order[1], time.Second, 6, rig.Update("sites", id, base, notes("six")))
			applied(t, order[0].Push(first)[0])
			verdict(t, order[1].Push(second)[0], wire.Merged, "")
			rig.Want(t, w.notes(id), "seven")
		}
	})
	t.Run("[MERGE-2] a tie goes to the greater hash of stored stamp and record, in either order", func(t *testing.T) {
		w.on(t)
		for i := range 8 {
			id, base := w.stop(a)
			w.Clock.Add(time.Minute)
			mine := w.edit(a, time.Second, 0, rig.Update("sites", id, base, notes("a")))
			theirs := w.edit(b, time.Second, 0, rig.Update("sites", id, base, notes("b")))
			weight := func(m wire.Mutation, d *rig.Device) []byte {
				sum := sha256.Sum256([]byte(m.Stamp[:19] + w.S.Key.Device(d.ID) + ":" + id))
				return sum[:]
			}
			want := "a"
			if bytes.Compare(weight(theirs, b), weight(mine, a)) > 0 {
				want = "b"
			}
			if i%2 == 0 {
				a.Push(mine)
				b.Push(theirs)
			} else {
				b.Push(theirs)
				a.Push(mine)
			}
			rig.Want(t, w.notes(id), want)
			rig.Want(t, len(w.conflictsOf(id)), 1)
		}
	})
	t.Run("[MERGE-3] the same mutations give the same result, in any order and however often delivered", func(t *testing.T) {
		w.on(t)
		devices := []*rig.Device{w.coordinator(), w.coordinator(), w.coordinator()}
		dice := rand.New(rand.NewPCG(7, 7))
		var want string
		for round := range 12 {
			id, base := w.stop(a)
			w.Clock.Add(24 * time.Hour)
			queues := make([][]wire.Mutation, len(devices)) // order holds within a device
			for i, d := range devices {
				for j := range 3 {
					ago := time.Duration(60-7*i-15*j) * time.Minute
					op := rig.Update("sites", id, base, map[string]any{"notes": fmt.Sprint("n", i, j), "address": fmt.Sprint("a", (i*2+j)%4)})
					queues[i] = append(queues[i], w.edit(d, ago, 0, op))
				}
			}
			for next := make([]int, len(devices)); next[0]+next[1]+next[2] < 9; {
				i := dice.IntN(len(devices))
				if next[i] == len(queues[i]) {
					continue
				}
				devices[i].Push(queues[i][next[i]])
				next[i]++
				if v := devices[i].Push(queues[i][dice.IntN(next[i])])[0]; !v.Replayed {
					t.Fatalf("%+v", v)
				}
			}
			got := w.record("sites", id)
			text := fmt.Sprint(got["notes"], got["address"])
			if round == 0 {
				want = text
			}
			rig.Want(t, text, want)
		}
	})
	t.Run("[MERGE-4] first: a claim is taken by whoever comes first, and no value is named", func(t *testing.T) {
		w.on(t)
		report, v := w.worker().Create("observations", w.Observation(""))
		id := wire.TriageID("observations", report)
		claim := func(d *rig.Device, base int64, who string) wire.Verdict {
			return d.Do(rig.Update("triage", id, base, map[string]any{"claimed_by": who}))
		}
		base := applied(t, v).Seq
		claimed := applied(t, claim(a, base, a.User.ID))
		before := w.print()
		lost := verdict(t, claim(b, base, b.User.ID), wire.Refused, wire.CodeTaken)
		w.unchanged(before, "journal_receipt")
		if len(lost.Conflicts) != 0 || bytes.Contains([]byte(lost.Message), []byte(a.User.ID)) {
			t.Fatalf("%+v", lost)
		}
		rig.Want(t, w.record("triage", id)["claimed_by"], a.User.ID)
		// Whoever has seen the claim may take it over, or it is given back.
		applied(t, claim(b, claimed.Seq, b.User.ID))
		verdict(t, claim(a, claimed.Seq, ""), wire.Refused, wire.CodeTaken)
		rig.Want(t, w.record("triage", id)["claimed_by"], b.User.ID)
	})
	t.Run("[MERGE-4] first: the stamp decides nothing", func(t *testing.T) {
		w.on(t)
		report, v := w.worker().Create("observations", w.Observation(""))
		id := wire.TriageID("observations", report)
		w.Clock.Add(time.Hour)
		applied(t, a.Push(w.edit(a, time.Minute, 0, rig.Update("triage", id, v.Seq, map[string]any{"assignee": a.User.ID})))[0])
		older := w.edit(b, 30*time.Minute, 0, rig.Update("triage", id, v.Seq, map[string]any{"assignee": b.User.ID}))
		verdict(t, b.Push(older)[0], wire.Refused, wire.CodeTaken)
		newer := w.edit(b, 0, 0, rig.Update("triage", id, v.Seq, map[string]any{"assignee": b.User.ID}))
		verdict(t, b.Push(newer)[0], wire.Refused, wire.CodeTaken)
	})
	t.Run("[MERGE-4] once and server fields are not changed by a client", func(t *testing.T) {
		w.on(t)
		rosa := w.worker()
		report, v := rosa.Create("observations", w.Observation(""))
		applied(t, v)
		addendum, av := rosa.Create("addenda", map[string]any{"observation": report, "text": "more"})
		applied(t, av)
		triage := wire.TriageID("observations", report)
		for field, value := range map[string]any{"observation": rig.ID(), "submission": rig.ID(), "suggested": "context", "fired": map[string]any{}, "organization": w.hotel} {
			verdict(t, a.Do(rig.Update("triage", triage, v.Seq, map[string]any{field: value})), wire.Refused, wire.CodeNotAllowed)
		}
		verdict(t, rosa.Do(rig.Update("addenda", addendum, av.Seq, map[string]any{"text": "less"})), wire.Refused, wire.CodeNotAllowed)
		verdict(t, rosa.Do(rig.Update("observations", report, v.Seq, map[string]any{"people": 3})), wire.Refused, wire.CodeNotAllowed)
		// One field that is not to be had refuses the whole edit.
		verdict(t, a.Do(rig.Update("triage", triage, v.Seq, map[string]any{"note": "x", "suggested": "context"})), wire.Refused, wire.CodeNotAllowed)
		rig.Want(t, w.record("triage", triage)["note"], "")
	})
	t.Run("[MERGE-4] latest: a coordinator's client opens, judges and closes a report", func(t *testing.T) {
		w.on(t)
		report, v := w.worker().Create("observations", w.Observation(""))
		id := wire.TriageID("observations", report)
		opened := applied(t, a.Do(rig.Update("triage", id, v.Seq, map[string]any{"opened": true})))
		rig.Want(t, w.record("triage", id)["opened"], w.Clock.Now().UTC().Format("2006-01-02 15:04:05.000Z"))
		applied(t, a.Do(rig.Update("triage", id, opened.Seq, map[string]any{"status": "closed", "closing_reason": "no_basis", "urgency": "context", "note": "a lorry"})))
		got := w.record("triage", id)
		rig.Want(t, []any{got["status"], got["closing_reason"], got["urgency"], got["note"], got["suggested"]}, []any{"closed", "no_basis", "context", "a lorry", "review"})
		for field, value := range map[string]any{"status": "lost", "urgency": "panic", "closing_reason": "bored", "opened": "today", "claimed_by": w.worker().User.ID} {
			verdict(t, a.Do(rig.Update("triage", id, opened.Seq+1, map[string]any{field: value})), wire.Refused, wire.CodeInvalid)
		}
	})
	t.Run("[MERGE-5] a delete is not undone by an edit that did not know of it", func(t *testing.T) {
		w.on(t)
		id, base := w.stop(a)
		w.Clock.Add(time.Minute)
		edit := b.Mutation(rig.Update("sites", id, base, notes("still here")))
		w.Clock.Add(time.Minute)
		deleted := applied(t, a.Do(rig.Delete("sites", id, base)))
		w.Clock.Add(time.Minute)
		v := verdict(t, b.Push(edit)[0], wire.Refused, wire.CodeGone)
		rig.Want(t, w.record("quarantine", v.Quarantine)["record"], id)
		if w.record("sites", id) != nil {
			t.Fatal("it lives again")
		}
		past := w.past("sites", id)
		rig.Want(t, past[len(past)-1].Seq, deleted.Seq)
	})
	t.Run("[MERGE-5] a deleted id never lives again, neither by push nor by REST nor in Go", func(t *testing.T) {
		w.on(t)
		id, base := w.stop(a)
		applied(t, a.Do(rig.Delete("sites", id, base)))
		before := w.print()
		fields := map[string]any{"name": "Stop", "venue": "truck_stop", "notes": "dark"}
		for _, d := range []*rig.Device{a, b} {
			v := d.Do(rig.Create("sites", id, fields))
			verdict(t, v, wire.Refused, wire.CodeGone)
		}
		for _, d := range []*rig.Device{a, b} {
			if status, got := w.rest(d, http.MethodPost, "sites/records", with(fields, "id", id)); status < 400 || status >= 500 {
				t.Fatal(status, got)
			}
		}
		if w.record("sites", id) != nil {
			t.Fatal("it lives again")
		}
		w.unchanged(before, "journal_receipt", "quarantine", "journal_entry", "journal_content", "journal_clock", "journal_feed", "journal_refused", "journal_held")
		rig.Want(t, len(w.past("sites", id)), 2)
	})
	t.Run("[MERGE-6] the value that stood at base is no change, whatever stands there now", func(t *testing.T) {
		w.on(t)
		id, base := w.stop(a)
		w.Clock.Add(time.Minute)
		now := applied(t, a.Do(rig.Update("sites", id, base, notes("lit")))).Seq
		w.Clock.Add(time.Minute)
		before := w.print()
		v := applied(t, b.Do(rig.Update("sites", id, base, notes("dark"))))
		rig.Want(t, []any{v.Seq, v.Conflicts == nil, w.notes(id)}, []any{now, true, "lit"})
		w.unchanged(before, "journal_receipt")
	})
	t.Run("[MERGE-6] values are compared normalised", func(t *testing.T) {
		w.on(t)
		report, v := w.worker().Create("observations", w.Observation(""))
		id := wire.TriageID("observations", report)
		opened := applied(t, a.Do(rig.Update("triage", id, v.Seq, map[string]any{"opened": "2026-01-11T04:55:00.000Z"})))
		site, base := w.stop(a)
		moved := applied(t, a.Do(rig.Update("sites", site, base, map[string]any{"point": map[string]any{"lat": 39.0, "lon": -94.5}})))
		for _, op := range []wire.Op{
			rig.Update("triage", id, opened.Seq, map[string]any{"opened": "2026-01-11 04:55:00Z"}),
			rig.Update("triage", id, opened.Seq, map[string]any{"opened": "2026-01-10T22:55:00-06:00"}),
			rig.Update("triage", id, opened.Seq, map[string]any{"closing_reason": nil}),
			rig.Update("sites", site, moved.Seq, map[string]any{"point": map[string]any{"lon": -94.50, "lat": 39}}),
		} {
			before := w.Entries()
			applied(t, b.Do(op))
			rig.Want(t, w.Entries(), before)
		}
	})
	t.Run("[MERGE-6] a concurrent change to the value that stands raises its stamp, and is no conflict", func(t *testing.T) {
		w.on(t)
		id, base := w.stop(a)
		w.Clock.Add(time.Minute)
		applied(t, a.Do(rig.Update("sites", id, base, notes("lit"))))
		w.Clock.Add(time.Hour)
		v := applied(t, b.Do(rig.Update("sites", id, base, notes("lit"))))
		past := w.past("sites", id)
		last := past[len(past)-1]
		rig.Want(t, []any{v.Conflicts == nil, len(past), last.Seq, last.Fields, last.Eff["notes"].Ms},
			[]any{true, 3, v.Seq, map[string]any{"notes": "lit"}, w.Clock.Now().UnixMilli()})
		rig.Want(t, len(w.conflictsOf(id)), 0)
	})
}
