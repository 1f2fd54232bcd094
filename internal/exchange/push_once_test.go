package exchange_test

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/fieldpost/fieldpost/internal/hlc"
	"github.com/fieldpost/fieldpost/internal/journal"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
	"github.com/fieldpost/fieldpost/internal/wire"
)

func TestPushCommitsBeforeItAnswers(t *testing.T) {
	w := newTown(t)
	rosa := w.worker()

	t.Run("[PUSH-1] a copy of the files, taken when the answer is there, holds all of the mutation", func(t *testing.T) {
		w.on(t)
		for range 3 {
			// Many at once: a commit that takes its time would be overtaken by an
			// answer that does not wait for it.
			var list []wire.Mutation
			for range 200 {
				list = append(list, rosa.Mutation(rig.Create("observations", rig.ID(), w.Observation(w.site))))
			}
			verdicts := rosa.Push(list...)
			db := w.copied()
			v, id := applied(t, verdicts[len(verdicts)-1]), list[len(list)-1].Ops[0].ID
			triage := wire.TriageID("observations", id)
			for sql, want := range map[string]int{
				`SELECT 1 FROM observations WHERE id={:id}`:                                   1,
				`SELECT 1 FROM triage WHERE id={:triage}`:                                     1,
				`SELECT 1 FROM journal_entry WHERE record IN ({:id},{:triage})`:               2,
				`SELECT 1 FROM journal_content WHERE seq>{:seq}-2 AND seq<={:seq}`:            2,
				`SELECT 1 FROM journal_clock WHERE record IN ({:id},{:triage})`:               2,
				`SELECT 1 FROM journal_feed WHERE record={:id}`:                               2, // author and organization
				`SELECT 1 FROM journal_receipt WHERE device={:dev} AND n={:n} AND seq={:seq}`: 1,
			} {
				params := dbx.Params{"id": id, "triage": triage, "seq": v.Seq, "dev": w.S.Key.Device(rosa.ID), "n": v.N}
				bound := dbx.Params{}
				for k, x := range params {
					if strings.Contains(sql, "{:"+k+"}") {
						bound[k] = x
					}
				}
				if got := len(query(t, db, sql, bound)); got != want {
					t.Fatalf("%s: %d rows, want %d", sql, got, want)
				}
			}
			report, err := journal.NewReader(db).Verify()
			if err != nil || report.Bad != 0 || report.Entries != v.Seq {
				t.Fatalf("%+v %v, want a chain that ends at %d", report, err, v.Seq)
			}
		}
	})
	t.Run("[PUSH-1] row, entries, feed, clocks and verdict commit together or not at all", func(t *testing.T) {
		w.on(t)
		for _, table := range []string{"observations", "triage", "journal_entry", "journal_content", "journal_clock", "journal_feed", "journal_receipt"} {
			before := w.print()
			m := rosa.Mutation(rig.Create("observations", rig.ID(), w.Observation(w.site)))
			w.exec("CREATE TRIGGER fault BEFORE INSERT ON " + table + " BEGIN SELECT RAISE(ABORT, 'disk I/O error'); END")
			body := mustJSON(t, envelope(rosa, m))
			a := w.postPush(rosa, body, nil)
			a.is(t, http.StatusServiceUnavailable, "busy", "later")
			if a.header.Get("Retry-After") == "" {
				t.Fatal("busy without Retry-After")
			}
			w.exec("DROP TRIGGER fault")
			w.unchanged(before)
			if v := applied(t, rosa.Push(m)[0]); v.Replayed {
				t.Fatalf("%s: %+v was given a verdict that nobody heard", table, v)
			}
		}
	})
	t.Run("[PUSH-1] the connection that writes waits for the disk at every commit", func(t *testing.T) {
		w.on(t)
		var synchronous int
		var mode string
		if err := w.App.NonconcurrentDB().NewQuery("PRAGMA synchronous").Row(&synchronous); err != nil {
			t.Fatal(err)
		}
		if err := w.App.NonconcurrentDB().NewQuery("PRAGMA journal_mode").Row(&mode); err != nil {
			t.Fatal(err)
		}
		if synchronous != 2 || mode != "wal" { // 2 is FULL
			t.Fatalf("synchronous=%d journal_mode=%s", synchronous, mode)
		}
	})
	t.Run("[PUSH-1] a server that stops with the answer and starts again still has it", func(t *testing.T) {
		w.on(t)
		id := rig.ID()
		m := rosa.Mutation(rig.Create("observations", id, w.Observation("")))
		v := applied(t, rosa.Push(m)[0])
		w.Stop()
		w.Start()
		again := rosa.Push(m)[0]
		v.Replayed = true
		rig.Want(t, again, v)
		if w.record("observations", id) == nil {
			t.Fatal("the observation is not there")
		}
	})
}

func TestPushTakesEffectOnce(t *testing.T) {
	w := newTown(t)
	rosa, keisha := w.worker(), w.coordinator()

	t.Run("[PUSH-2] the same mutation again gets the stored verdict and changes nothing", func(t *testing.T) {
		w.on(t)
		site := rig.ID()
		created := keisha.Mutation(rig.Create("sites", site, map[string]any{"name": "Stop", "venue": "truck_stop"}))
		base := applied(t, keisha.Push(created)[0]).Seq
		other := w.coordinator()
		w.Clock.Add(time.Second)
		applied(t, other.Do(rig.Update("sites", site, base, map[string]any{"notes": "lit", "address": "I-70"})))
		late := keisha.Mutation(rig.Update("sites", site, base, map[string]any{"notes": "dark"}))
		late.Stamp = hlc.Stamp{Time: hlc.Time{Ms: w.Clock.Now().Add(-time.Hour).UnixMilli()}, Device: keisha.ID}.String()
		observed := rosa.Mutation(rig.Create("observations", rig.ID(), w.Observation("")))
		extra := rosa.Mutation(rig.Create("observations", rig.ID(), with(w.Observation(""), "weather", "fog")))
		refused := rosa.Mutation(rig.Create("sites", rig.ID(), map[string]any{"name": "Mine", "venue": "hotel"}))
		for _, c := range []struct {
			device        *rig.Device
			m             wire.Mutation
			outcome, code string
		}{
			{rosa, observed, wire.Applied, ""},
			{rosa, extra, wire.Applied, wire.CodeKeptExtra},
			{rosa, refused, wire.Refused, wire.CodeNotAllowed},
			{keisha, late, wire.Merged, ""},
		} {
			first := verdict(t, c.device.Push(c.m)[0], c.outcome, c.code)
			if first.Replayed {
				t.Fatalf("%+v is said to have been here", first)
			}
			first.Replayed = true
			before := w.print()
			for range 3 {
				rig.Want(t, c.device.Push(c.m)[0], first)
			}
			w.unchanged(before)
		}
	})
	t.Run("[PUSH-2] under another n it is known by stamp, lineage and content", func(t *testing.T) {
		w.on(t)
		m := rosa.Mutation(rig.Create("observations", rig.ID(), w.Observation("")))
		first := applied(t, rosa.Push(m)[0])
		before := w.print()
		rosa.N++
		m.N = rosa.N
		again := rosa.Push(m)[0]
		first.N, first.Replayed = m.N, true
		rig.Want(t, again, first)
		w.unchanged(before, "journal_receipt")
	})
	t.Run("[PUSH-2] twice in one request it takes effect once", func(t *testing.T) {
		w.on(t)
		id := rig.ID()
		m := rosa.Mutation(rig.Create("observations", id, w.Observation("")))
		twin := m
		rosa.N++
		twin.N = rosa.N
		v := rosa.Push(m, twin)
		if applied(t, v[0]).Replayed || !applied(t, v[1]).Replayed || v[0].Seq != v[1].Seq {
			t.Fatalf("%+v", v)
		}
		rig.Want(t, len(w.past("observations", id)), 1)
	})
	t.Run("[PUSH-2] a device that goes on under a new id is known by its old stamps", func(t *testing.T) {
		w.on(t)
		old := w.worker()
		known := old.Mutation(rig.Create("observations", rig.ID(), w.Observation("")))
		first := applied(t, old.Push(known)[0])
		waiting := old.Mutation(rig.Create("observations", rig.ID(), w.Observation("")))
		heir := goOn(t, old)
		heirOfHeir := goOn(t, heir)
		for _, d := range []*rig.Device{heir, heirOfHeir} {
			replay, fresh := known, waiting
			replay.N, fresh.N = d.N+1, d.N+2
			d.N += 2
			v := d.Push(replay, fresh)
			first.N, first.Replayed = replay.N, true
			rig.Want(t, v[0], first)
			if applied(t, v[1]).Replayed != (d == heirOfHeir) {
				t.Fatalf("%+v", v[1])
			}
		}
	})
	t.Run("[PUSH-2] a stamp of a device that is not an ancestor is refused", func(t *testing.T) {
		w.on(t)
		dee := w.worker()
		heir := goOn(t, dee)
		for name, device := range map[string]string{"another person's": rosa.ID, "nobody's": rig.ID(), "the heir's": heir.ID} {
			m := dee.Mutation(rig.Create("observations", rig.ID(), w.Observation("")))
			m.Stamp = hlc.Stamp{Time: hlc.Time{Ms: w.Clock.Now().UnixMilli()}, Device: device}.String()
			v := dee.Push(m)[0]
			if v.Verdict != wire.Refused || v.Code != wire.CodeInvalid || v.Quarantine == "" {
				t.Fatalf("%s: %+v", name, v)
			}
			if w.record("observations", m.Ops[0].ID) != nil {
				t.Fatal(name, "was applied")
			}
		}
	})
	t.Run("[PUSH-2] the same stamp with other content under another n is refused and kept", func(t *testing.T) {
		w.on(t)
		m := rosa.Mutation(rig.Create("observations", rig.ID(), w.Observation("")))
		applied(t, rosa.Push(m)[0])
		other := rosa.Mutation(rig.Create("observations", rig.ID(), with(w.Observation(""), "note", "something else")))
		other.Stamp = m.Stamp
		v := verdict(t, rosa.Push(other)[0], wire.Refused, wire.CodeInvalid)
		if kept := w.record("quarantine", v.Quarantine); kept == nil || !strings.Contains(fmt.Sprint(kept["mutation"]), "something else") {
			t.Fatalf("%v", kept)
		}
		if w.record("observations", other.Ops[0].ID) != nil || len(w.past("observations", m.Ops[0].ID)) != 1 {
			t.Fatal("it took effect")
		}
		v.Replayed = true
		rig.Want(t, rosa.Push(other)[0], v)
	})
	t.Run("[PUSH-2] a receipt is there after years", func(t *testing.T) {
		w.on(t)
		m := rosa.Mutation(rig.Create("observations", rig.ID(), w.Observation("")))
		v := applied(t, rosa.Push(m)[0])
		w.Clock.Add(3 * 365 * 24 * time.Hour)
		w.Stop()
		w.Start()
		rosa.Pull() // notes how much is held elsewhere by now
		before := w.print()
		v.Replayed = true
		rig.Want(t, rosa.Push(m)[0], v)
		w.unchanged(before)
	})
}

func TestPushSeesAFork(t *testing.T) {
	w := newTown(t)
	forked := func(t *testing.T, d *rig.Device, mutations ...wire.Mutation) {
		t.Helper()
		var list []any
		for _, m := range mutations {
			list = append(list, m)
		}
		before := w.print()
		w.postPush(d, mustJSON(t, envelope(d, list...)), nil).is(t, http.StatusConflict, "device_forked", "renew")
		w.unchanged(before)
	}
	t.Run("[PUSH-3] an n with other content is a fork, and nothing of the request is applied", func(t *testing.T) {
		w.on(t)
		rosa := w.worker()
		known := rosa.Mutation(rig.Create("observations", rig.ID(), w.Observation("")))
		applied(t, rosa.Push(known)[0])
		for _, other := range []wire.Mutation{
			{Stamp: known.Stamp, Ops: []wire.Op{rig.Create("observations", known.Ops[0].ID, with(w.Observation(""), "note", "other"))}},
			{Stamp: hlc.Stamp{Time: hlc.Time{Ms: 1}, Device: rosa.ID}.String(), Ops: known.Ops},
			{Stamp: known.Stamp, Ops: []wire.Op{}},
		} {
			other.N, other.Schema = known.N, 1
			next := rosa.Mutation(rig.Create("observations", rig.ID(), w.Observation("")))
			later := rosa.Mutation(rig.Create("sites", rig.ID(), nil)) // would be refused and kept
			forked(t, rosa, other, next, later)
			forked(t, rosa, other)
		}
	})
	t.Run("[PUSH-3] a fork at the end of a request takes back what stands before it", func(t *testing.T) {
		w.on(t)
		rosa := w.worker()
		early := rosa.Mutation(rig.Create("observations", rig.ID(), w.Observation("")))
		several := rosa.Mutation(rig.Create("observations", rig.ID(), w.Observation("")), rig.Create("observations", rig.ID(), w.Observation("")))
		known := rosa.Mutation(rig.Create("observations", rig.ID(), w.Observation("")))
		applied(t, rosa.Push(known)[0])
		known.Ops = []wire.Op{rig.Create("observations", rig.ID(), w.Observation(""))}
		forked(t, rosa, early, several, known)
	})
	t.Run("[PUSH-3] content is stamp and ops: neither offset, epoch, schema nor spelling", func(t *testing.T) {
		w.on(t)
		rosa := w.worker()
		m := rosa.Mutation(rig.Create("observations", rig.ID(), with(w.Observation(""), "people", 2)))
		v := applied(t, rosa.Push(m)[0])
		offset := int64(77)
		epoch := "another"
		m.Offset, m.Epoch, m.Schema = &offset, &epoch, 1
		text := string(mustJSON(t, envelope(rosa, m)))
		text = strings.Replace(text, `"people":2`, `"people" : 2.0e0`, 1)
		text = strings.Replace(text, `silver`, "\\u0073ilver", 1)
		a := w.postPush(rosa, []byte(text), nil)
		if a.status != http.StatusOK {
			t.Fatalf("%d %s", a.status, a.body)
		}
		if !strings.Contains(string(a.body), `"replayed":true`) || !strings.Contains(string(a.body), fmt.Sprintf(`"seq":%d`, v.Seq)) {
			t.Fatalf("%s", a.body)
		}
	})
	t.Run("[PUSH-3] a receipt holds the content's hash only under the installation key", func(t *testing.T) {
		w.on(t)
		rosa := w.worker()
		m := rosa.Mutation(rig.Create("observations", rig.ID(), w.Observation("")))
		applied(t, rosa.Push(m)[0])
		sent := loose(t, m)
		text, err := wire.Canonical(map[string]any{"stamp": sent["stamp"], "ops": sent["ops"]})
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(text)
		row := w.rows(`SELECT content FROM journal_receipt WHERE device={:d}`, dbx.Params{"d": w.S.Key.Device(rosa.ID)})
		if len(row) != 1 || row[0]["content"] != string(w.S.Key.Content(sum)) {
			t.Fatal("the receipt does not hold the HMAC of the content's hash")
		}
		for table, all := range w.print() {
			if strings.Contains(all, string(sum[:])) {
				t.Fatal(table, "holds the hash itself")
			}
		}
	})
	t.Run("[PUSH-3] the device goes on under a new id and sends what is not acknowledged, stamps unchanged", func(t *testing.T) {
		w.on(t)
		phone := w.worker()
		acknowledged := phone.Mutation(rig.Create("observations", rig.ID(), w.Observation("")))
		applied(t, phone.Push(acknowledged)[0])
		clone := *phone
		mine := phone.Mutation(rig.Create("observations", rig.ID(), with(w.Observation(""), "note", "phone")))
		w.Clock.Add(time.Second)
		theirs := clone.Mutation(rig.Create("observations", rig.ID(), with(w.Observation(""), "note", "clone")))
		applied(t, phone.Push(mine)[0])
		forked(t, &clone, theirs)
		heir := goOn(t, &clone)
		heir.N = 1
		theirs.N = 1
		if applied(t, heir.Push(theirs)[0]).Replayed {
			t.Fatal("it was not here before")
		}
		for note, id := range map[string]string{"phone": mine.Ops[0].ID, "clone": theirs.Ops[0].ID} {
			rig.Want(t, w.record("observations", id)["note"], note)
		}
	})
	t.Run("[PUSH-3] a number under which something old was sent again is taken too", func(t *testing.T) {
		w.on(t)
		rosa := w.worker()
		m := rosa.Mutation(rig.Create("observations", rig.ID(), w.Observation("")))
		applied(t, rosa.Push(m)[0])
		heir := goOn(t, rosa)
		again := m
		heir.N, again.N = 1, 1
		if !applied(t, heir.Push(again)[0]).Replayed {
			t.Fatal("it was here before")
		}
		again.Ops = []wire.Op{rig.Create("observations", rig.ID(), w.Observation(""))}
		again.Stamp = hlc.Stamp{Time: hlc.Time{Ms: 5}, Device: heir.ID}.String()
		forked(t, heir, again)
	})
	t.Run("[PUSH-3] two copies that push at once are told apart, and one of them gives way whole", func(t *testing.T) {
		w.on(t)
		phone, somebody := w.worker(), w.worker()
		a, b := *phone, *phone
		several := func(d *rig.Device, note string) wire.Mutation {
			f := with(w.Observation(""), "note", note)
			return d.Mutation(rig.Create("observations", rig.ID(), f), rig.Create("observations", rig.ID(), f))
		}
		requests := [][]wire.Mutation{
			{a.Mutation(rig.Create("observations", rig.ID(), with(w.Observation(""), "note", "a"))), several(&a, "a")},
			nil,
		}
		b.N++ // the copies differ from the second number on
		requests[1] = []wire.Mutation{several(&b, "b")}
		// The writer is kept busy until both wait for it.
		standing, release := make(chan struct{}), make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() {
			err := w.App.RunInTransaction(func(core.App) error {
				close(standing)
				<-release
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
		<-standing
		m := somebody.Mutation(rig.Create("observations", rig.ID(), w.Observation("")))
		wg.Go(func() { somebody.TryPush(m) })
		time.Sleep(100 * time.Millisecond)
		status := make([]int, 2)
		for i, d := range []*rig.Device{&a, &b} {
			wg.Go(func() { status[i], _, _ = d.TryPush(requests[i]...) })
		}
		time.Sleep(100 * time.Millisecond)
		close(release)
		wg.Wait()
		if status[0]+status[1] != http.StatusOK+http.StatusConflict {
			t.Fatal(status)
		}
		for i, note := range []string{"a", "b"} {
			ops := 0
			for _, m := range requests[i] {
				ops += len(m.Ops)
			}
			if status[i] == http.StatusConflict {
				ops = 0
			}
			rig.Want(t, len(w.rows(`SELECT 1 FROM observations WHERE note={:n}`, dbx.Params{"n": note})), ops)
		}
	})
	t.Run("[PUSH-3] a fork stops nobody who pushes at the same time", func(t *testing.T) {
		w.on(t)
		phone := w.worker()
		m := phone.Mutation(rig.Create("observations", rig.ID(), w.Observation("")))
		applied(t, phone.Push(m)[0])
		m.Ops = []wire.Op{rig.Create("observations", rig.ID(), w.Observation(""))}
		others := []*rig.Device{w.worker(), w.worker(), w.worker()}
		verdicts := make([]string, len(others))
		var wg sync.WaitGroup
		wg.Go(func() {
			if status, _, _ := phone.TryPush(m); status != http.StatusConflict {
				t.Errorf("fork: %d", status)
			}
		})
		for i, d := range others {
			wg.Go(func() {
				if _, v := d.Create("observations", w.Observation("")); v.Verdict == wire.Applied {
					verdicts[i] = v.Verdict
				}
			})
		}
		wg.Wait()
		rig.Want(t, verdicts, []string{"applied", "applied", "applied"})
	})
}
