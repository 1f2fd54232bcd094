package exchange_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/dbx"

	"github.com/fieldpost/fieldpost/internal/hlc"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// offClock makes a mutation on a device whose clock is off by so much (it is
// ahead where off is above 0). The device knows of it or not.
func offClock(d *rig.Device, off time.Duration, knows bool, ops ...wire.Op) wire.Mutation {
	m := d.Mutation(ops...)
	at := d.Rig.Clock.Now().Add(off).UnixMilli()
	m.Stamp = hlc.Stamp{Time: hlc.Time{Ms: at, Counter: int(d.N)}, Device: d.ID}.String()
	m.Offset = nil
	if knows {
		o := -off.Milliseconds()
		m.Offset = &o
	}
	return m
}

// pushAt pushes with the envelope's now as a clock that is off shows it.
func pushAt(t testing.TB, d *rig.Device, off time.Duration, m wire.Mutation) wire.Verdict {
	t.Helper()
	e := envelope(d, m)
	e["now"] = d.Rig.Clock.Now().Add(off).UTC().Format(wire.TimeFormat)
	var a wire.PushAnswer
	if status := d.Rig.Post(d.Token, "/api/sync/push", e, &a); status != 200 || len(a.Verdicts) != 1 {
		t.Fatalf("push: %d %+v", status, a)
	}
	return a.Verdicts[0]
}

// corrected is the stored corrected stamp of a mutation, in ms.
func (w *town) corrected(d *rig.Device, n int64) int64 {
	w.T.Helper()
	r, err := w.S.Store.Journal().Receipt(w.S.Key.Device(d.ID), n)
	if err != nil || r == nil {
		w.T.Fatal(r, err)
	}
	return r.Corrected
}

func TestPushCorrectsClocks(t *testing.T) {
	w := newTown(t)
	const year = 365 * 24 * time.Hour

	t.Run("[PUSH-12] clock_off says how far the clock was off", func(t *testing.T) {
		w.on(t)
		rosa := w.worker()
		for off, want := range map[time.Duration]string{
			0: "ok", time.Millisecond: "ok", 2*time.Minute - time.Millisecond: "ok",
			2 * time.Minute: "minutes", time.Hour - time.Millisecond: "minutes",
			time.Hour: "hours", 24*time.Hour - time.Millisecond: "hours",
			24 * time.Hour: "days", 10 * year: "days",
		} {
			for _, off := range []time.Duration{off, -off} {
				for _, knows := range []bool{true, false} {
					id := rig.ID()
					m := offClock(rosa, off, knows, rig.Create("observations", id, w.Observation("")))
					envelopeOff := off
					if knows {
						envelopeOff = 5 * time.Hour // what the mutation says counts
					}
					applied(t, pushAt(t, rosa, envelopeOff, m))
					if got := w.record("observations", id)["clock_off"]; got != want {
						t.Fatalf("off by %s, known %v: %v, want %s", off, knows, got, want)
					}
				}
			}
		}
	})
	t.Run("[PUSH-12] a stamp is corrected by the mutation's offset, or by the request's where that is null", func(t *testing.T) {
		w.on(t)
		rosa := w.worker()
		made := w.Clock.Now()
		for _, off := range []time.Duration{-year, -time.Hour, -time.Second, 0, time.Second, time.Hour, year} {
			for _, knows := range []bool{true, false} {
				m := offClock(rosa, off, knows, rig.Create("observations", rig.ID(), w.Observation("")))
				w.Clock.Add(time.Minute) // it lay on the phone for a while
				applied(t, pushAt(t, rosa, off, m))
				rig.Want(t, w.corrected(rosa, m.N), made.UnixMilli())
				made = w.Clock.Now()
			}
		}
	})
	t.Run("[PUSH-12] it is never later than the server's time at first receipt", func(t *testing.T) {
		w.on(t)
		rosa := w.worker()
		m := offClock(rosa, year, false, rig.Create("observations", rig.ID(), w.Observation("")))
		zero := int64(0)
		m.Offset = &zero // the device believes in its clock
		applied(t, rosa.Push(m)[0])
		rig.Want(t, w.corrected(rosa, m.N), w.Clock.Now().UnixMilli())
		for _, offset := range []int64{wire.MaxN, -wire.MaxN} {
			m := offClock(rosa, 0, false, rig.Create("observations", rig.ID(), w.Observation("")))
			m.Offset = &offset
			applied(t, rosa.Push(m)[0])
			rig.Want(t, w.corrected(rosa, m.N), max(0, min(offset, w.Clock.Now().UnixMilli())))
		}
	})
	t.Run("[PUSH-12] correction and capping change the milliseconds and not the counter", func(t *testing.T) {
		w.on(t)
		keisha := w.coordinator()
		id, v := keisha.Create("sites", map[string]any{"name": "Stop", "venue": "truck_stop"})
		applied(t, v)
		w.Clock.Add(time.Hour)
		for _, off := range []time.Duration{year, -time.Minute} {
			m := offClock(keisha, off, off < 0, rig.Update("sites", id, v.Seq, map[string]any{"notes": fmt.Sprint(off)}))
			stamp, err := hlc.Parse(m.Stamp)
			if err != nil {
				t.Fatal(err)
			}
			stamp.Counter = 0xabc + len(w.past("sites", id))
			m.Stamp = stamp.String()
			applied(t, keisha.Push(m)[0])
			past := w.past("sites", id)
			rig.Want(t, past[len(past)-1].Eff["notes"], hlc.Time{Ms: w.Clock.Now().UnixMilli(), Counter: stamp.Counter})
			w.Clock.Add(time.Second)
		}
	})
	t.Run("[PUSH-12] what waits keeps the stamp that was fixed when it first came", func(t *testing.T) {
		w.on(t)
		rosa := w.worker()
		parent := rosa.Mutation(rig.Create("observations", rig.ID(), w.Observation("")))
		child := offClock(rosa, -year, false, rig.Create("addenda", rig.ID(), map[string]any{"observation": parent.Ops[0].ID, "text": "more"}))
		made := w.Clock.Now().UnixMilli()
		verdict(t, pushAt(t, rosa, -year, child), wire.Deferred, wire.CodeMissingDependency)
		w.Clock.Add(time.Hour)
		applied(t, pushAt(t, rosa, 0, parent)) // the clock has been put right
		applied(t, pushAt(t, rosa, 0, child))
		rig.Want(t, w.corrected(rosa, child.N), made)

		late := rosa.Mutation(rig.Create("observations", rig.ID(), w.Observation("")))
		ahead := offClock(rosa, year, false, rig.Create("addenda", rig.ID(), map[string]any{"observation": late.Ops[0].ID, "text": "more"}))
		zero := int64(0)
		ahead.Offset = &zero
		first := w.Clock.Now().UnixMilli()
		verdict(t, rosa.Push(ahead)[0], wire.Deferred, wire.CodeMissingDependency)
		w.Clock.Add(time.Hour)
		applied(t, rosa.Push(late)[0])
		applied(t, rosa.Push(ahead)[0])
		rig.Want(t, w.corrected(rosa, ahead.N), first)
	})
	t.Run("[PUSH-12] a clock that is a year wrong stops no write and reorders nothing", func(t *testing.T) {
		w.on(t)
		for _, off := range []time.Duration{-year, year} {
			keisha, right := w.coordinator(), w.coordinator()
			id, v := right.Create("sites", map[string]any{"name": "Stop", "venue": "truck_stop"})
			applied(t, v)
			seq := v.Seq
			for i, d := range []*rig.Device{keisha, right, keisha, right} {
				w.Clock.Add(time.Minute)
				own := time.Duration(0)
				if d == keisha {
					own = off
				}
				v := applied(t, pushAt(t, d, own, offClock(d, own, i > 1, rig.Update("sites", id, seq, map[string]any{"notes": fmt.Sprint(i)}))))
				if v.Conflicts != nil {
					t.Fatalf("%+v", v)
				}
				seq = v.Seq
				rig.Want(t, w.record("sites", id)["notes"], fmt.Sprint(i))
			}
		}
	})
	t.Run("[PUSH-12] a wrong clock that nobody knows of does not win for ever", func(t *testing.T) {
		w.on(t)
		ahead, right := w.coordinator(), w.coordinator()
		id, v := right.Create("sites", map[string]any{"name": "Stop", "venue": "truck_stop"})
		applied(t, v)
		m := offClock(ahead, year, false, rig.Update("sites", id, v.Seq, map[string]any{"notes": "ahead"}))
		zero := int64(0)
		m.Offset = &zero
		applied(t, ahead.Push(m)[0])
		w.Clock.Add(time.Minute)
		// Somebody who has not even seen it: a minute later is later.
		after := right.Do(rig.Update("sites", id, v.Seq, map[string]any{"notes": "right"}))
		applied(t, after)
		rig.Want(t, w.record("sites", id)["notes"], "right")
	})
	t.Run("[PUSH-12] no event time is refused for lying in the future", func(t *testing.T) {
		w.on(t)
		rosa := w.worker()
		for _, at := range []string{"2031-05-05T05:05:05.000Z", "9999-12-31T23:59:59.999Z", "1970-01-01T00:00:00Z", "2026-01-11 04:55:00.000Z"} {
			id, v := rosa.Create("observations", with(w.Observation(""), "event_time", at))
			applied(t, v)
			if got := fmt.Sprint(w.record("observations", id)["event_time"]); !strings.HasPrefix(got, at[:10]) {
				t.Fatalf("%s became %s", at, got)
			}
		}
	})
	t.Run("[PUSH-12] a report keeps the device's time, the server's and how they differ", func(t *testing.T) {
		w.on(t)
		rosa := w.worker()
		id := rig.ID()
		m := offClock(rosa, -3*time.Hour, true, rig.Create("observations", id, w.Observation("")))
		applied(t, rosa.Push(m)[0])
		got := w.record("observations", id)
		rig.Want(t, got["received"], w.Clock.Now().UTC().Format("2006-01-02 15:04:05.000Z"))
		rig.Want(t, got["clock_off"], "hours")
		row := w.rows(`SELECT stamp, corrected FROM journal_receipt WHERE device={:d} AND n={:n}`, dbx.Params{"d": w.S.Key.Device(rosa.ID), "n": m.N})
		rig.Want(t, row, []map[string]string{{"stamp": strings.Replace(m.Stamp, rosa.ID, w.S.Key.Device(rosa.ID), 1), "corrected": fmt.Sprint(w.Clock.Now().UnixMilli())}})
	})
}
