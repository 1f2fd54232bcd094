package exchange_test

import (
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"

	rig "github.com/fieldpost/fieldpost/internal/testrig"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// entry is a row of the journal without its hashes.
type entry struct {
	seq, mut               int64
	collection, record, op string
}

// since gives the entries after a seq.
func (w *town) since(seq int64) []entry {
	w.T.Helper()
	var out []entry
	for _, row := range w.rows(`SELECT seq, mut, collection, record, op FROM journal_entry WHERE seq>{:s} ORDER BY seq`, map[string]any{"s": seq}) {
		n, err := strconv.ParseInt(row["seq"], 10, 64)
		if err != nil {
			w.T.Fatal(err)
		}
		m, err := strconv.ParseInt(row["mut"], 10, 64)
		if err != nil {
			w.T.Fatal(err)
		}
		out = append(out, entry{n, m, row["collection"], row["record"], row["op"]})
	}
	return out
}

// oneMutation fails unless the entries after seq are one mutation without a
// gap, that ends at last.
func (w *town) oneMutation(seq, last int64, want ...string) {
	w.T.Helper()
	var got []string
	entries := w.since(seq)
	for i, e := range entries {
		got = append(got, e.op+" "+e.collection)
		if e.seq != seq+int64(i)+1 || e.mut != seq+1 {
			w.T.Fatalf("%+v is not one mutation without a gap", entries)
		}
	}
	rig.Want(w.T, got, want)
	rig.Want(w.T, seq+int64(len(entries)), last)
}

func TestJournalOrder(t *testing.T) {
	w := newTown(t)
	rosa, keisha := w.worker(), w.coordinator()

	t.Run("[JOURNAL-3] a mutation's entries and those of what the server makes for it stand together, and its verdict names the last", func(t *testing.T) {
		w.on(t)
		one, two := rig.ID(), rig.ID()
		seq := w.Entries()
		v := applied(t, rosa.Do(rig.Create("observations", one, w.Observation("")), rig.Create("observations", two, w.Observation("")),
			rig.Create("addenda", rig.ID(), map[string]any{"observation": one, "text": "more"})))
		w.oneMutation(seq, v.Seq, "create observations", "create triage", "create observations", "create triage", "create addenda")

		site, base := w.stop(keisha)
		w.Clock.Add(time.Minute)
		applied(t, w.coordinator().Do(rig.Update("sites", site, base, map[string]any{"notes": "lit", "address": "I-70"})))
		w.Clock.Add(time.Minute)
		other := w.coordinator()
		seq = w.Entries()
		v = applied(t, other.Do(rig.Update("sites", site, base, map[string]any{"notes": "dim", "address": "I-35"})))
		w.oneMutation(seq, v.Seq, "update sites", "create conflicts", "create conflicts")

		seq = w.Entries()
		late := w.edit(keisha, time.Hour, 0, rig.Update("sites", site, base, map[string]any{"notes": "old", "industry": "H"}))
		v = verdict(t, keisha.Push(late)[0], wire.Merged, "")
		w.oneMutation(seq, v.Seq, "update sites", "create conflicts")

		// A refused one has no seq; what is kept of it is journalled too.
		seq = w.Entries()
		verdict(t, rosa.Do(rig.Create("observations", rig.ID(), w.Observation("")), rig.Create("sites", rig.ID(), nil)), wire.Refused, wire.CodeNotAllowed)
		w.oneMutation(seq, seq+1, "create quarantine")
	})
	t.Run("[JOURNAL-3] the same holds for REST and for what an organization's change moves", func(t *testing.T) {
		w.on(t)
		seq := w.Entries()
		status, _ := w.rest(rosa, http.MethodPost, "observations/records", w.Observation(w.site))
		rig.Want(t, status, http.StatusOK)
		w.oneMutation(seq, seq+2, "create observations", "create triage")

		dee := w.staff()
		_, token := w.superuser()
		second := w.Organization("Second outreach")
		seq = w.Entries()
		status, got := w.rest(&rig.Device{Rig: w.Rig, Token: token}, http.MethodPatch, "sites/records/"+w.site, map[string]any{"served_by": second})
		if status != http.StatusOK {
			t.Fatal(status, got)
		}
		moved := false
		for i, e := range w.since(seq) {
			if e.mut != seq+1 || e.seq != seq+1+int64(i) {
				t.Fatalf("%+v is not of the mutation %d", e, seq+1)
			}
			moved = moved || e.collection == "users" && e.record == dee.User.ID
		}
		rig.Want(t, moved, true)
	})
	t.Run("[JOURNAL-3] seq has no gap and no two mutations mix, whoever writes at once", func(t *testing.T) {
		w.on(t)
		var mu sync.Mutex
		var verdicts []wire.Verdict
		var wg sync.WaitGroup
		devices := []*rig.Device{w.worker(), w.worker(), w.worker(), w.worker()}
		from := w.Entries()
		for i, d := range devices {
			wg.Go(func() {
				for range 8 {
					if i == 3 {
						if status, _ := w.rest(d, http.MethodPost, "observations/records", w.Observation("")); status != http.StatusOK {
							t.Errorf("REST: %d", status)
						}
						continue
					}
					v := d.Push(d.Mutation(rig.Create("observations", rig.ID(), w.Observation(""))),
						d.Mutation(rig.Create("observations", rig.ID(), w.Observation("")), rig.Create("observations", rig.ID(), w.Observation(""))),
						d.Mutation(rig.Create("observations", rig.ID(), w.Observation(""))))
					mu.Lock()
					verdicts = append(verdicts, v...)
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		size := map[int64]int64{} // of a mutation, by the seq of its first entry
		for i, e := range w.since(from) {
			if e.seq != from+1+int64(i) {
				t.Fatalf("%+v stands at %d", e, from+1+int64(i))
			}
			if e.mut+size[e.mut] != e.seq {
				t.Fatalf("%+v: another stands in its mutation", e)
			}
			size[e.mut]++
		}
		ends := map[int64]bool{}
		for mut, n := range size {
			ends[mut+n-1] = true
		}
		for _, v := range verdicts {
			if !ends[v.Seq] {
				t.Fatalf("%+v does not name a mutation's last entry", v)
			}
		}
		rig.Want(t, len(size), 3*8*3+8)
	})
	t.Run("[JOURNAL-3] order of seq is order of commit", func(t *testing.T) {
		w.on(t)
		// Whoever reads meanwhile never sees an entry appear below one seen before.
		stop := make(chan struct{})
		var wg sync.WaitGroup
		for range 2 {
			d := w.worker()
			wg.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
						d.Push(d.Mutation(rig.Create("observations", rig.ID(), w.Observation(""))))
					}
				}
			})
		}
		first := w.Entries()
		seen := first
		for range 60 {
			rows := w.rows(`SELECT max(seq) AS head, count(*) AS n FROM journal_entry`, nil)
			if rows[0]["head"] != rows[0]["n"] {
				t.Errorf("%v: an entry is missing below the head", rows[0])
			}
			head, err := strconv.ParseInt(rows[0]["head"], 10, 64)
			if err != nil || head < seen {
				t.Errorf("head %s after %d: %v", rows[0]["head"], seen, err)
			}
			seen = head
			time.Sleep(2 * time.Millisecond)
		}
		close(stop)
		wg.Wait()
		if seen == first {
			t.Fatal(fmt.Sprint("nothing was written beyond ", first))
		}
	})
}
