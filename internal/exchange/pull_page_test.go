package exchange_test

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/pocketbase/dbx"

	"github.com/fieldpost/fieldpost/internal/prepared"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
	"github.com/fieldpost/fieldpost/internal/wire"
	"github.com/fieldpost/fieldpost/internal/wiring"
)

// pages pulls to the end with a limit and gives the pages.
func pages(t testing.TB, d *rig.Device, limit any) []*wire.PullAnswer {
	t.Helper()
	var out []*wire.PullAnswer
	for range 2000 {
		p := d.Page(map[string]any{"limit": limit})
		out = append(out, p)
		if !p.More {
			return out
		}
	}
	t.Fatal("the pull does not end")
	return nil
}

// fresh pulls everything from nothing.
func fresh(t testing.TB, d *rig.Device, limit any) []*wire.PullAnswer {
	t.Helper()
	d.Cursor, d.Mark = nil, nil
	return pages(t, d, limit)
}

// changed finds what pages say of a record, in order.
func changed(list []*wire.PullAnswer, collection, id string) []wire.Change {
	var out []wire.Change
	for _, p := range list {
		for _, c := range p.Changes {
			if c.Collection == collection && c.ID == id {
				out = append(out, c)
			}
		}
	}
	return out
}

func isGone(c wire.Change) bool { return string(c.Record) == "null" }

// mutationOf gives, for each seq of the journal, the mutation it belongs to.
func (w *town) mutationOf() map[int64]string {
	w.T.Helper()
	out := map[int64]string{}
	for _, row := range w.rows(`SELECT seq, mut FROM journal_entry`, nil) {
		var seq int64
		if err := json.Unmarshal([]byte(row["seq"]), &seq); err != nil {
			w.T.Fatal(err)
		}
		out[seq] = row["mut"]
	}
	return out
}

func TestPages(t *testing.T) {
	w := newTown(t)
	worker, keisha := w.worker(), w.coordinator()
	for n := range 12 {
		ops := []wire.Op{}
		for range n%4 + 1 {
			ops = append(ops, rig.Create("observations", rig.ID(), w.Observation("")))
		}
		applied(t, worker.Do(ops...))
	}
	whole := fresh(t, keisha, 1000)
	rig.Want(t, len(whole), 1)
	mutation := w.mutationOf()

	for _, limit := range []int64{1, 2, 3, 7, 1000, 1_000_000, 1<<53 - 1} {
		t.Run(fmt.Sprintf("[PULL-2] pages of about %d bring each record once, in order of seq, and end between mutations", limit), func(t *testing.T) {
			seen := map[string]bool{}
			last, lastMutation := int64(0), ""
			for i, p := range fresh(t, keisha, limit) {
				own := map[string]bool{}
				for _, c := range p.Changes {
					if seen[c.Collection+c.ID] {
						t.Errorf("%s %s comes twice", c.Collection, c.ID)
					}
					seen[c.Collection+c.ID] = true
					if c.Seq <= last {
						t.Errorf("%d comes after %d", c.Seq, last)
					}
					last = c.Seq
					own[mutation[c.Seq]] = true
					if mutation[c.Seq] == lastMutation && len(own) == 1 && i > 0 && c.Seq == p.Changes[0].Seq {
						t.Errorf("page %d begins inside mutation %s", i, lastMutation)
					}
				}
				if len(own) > 1 && int64(len(p.Changes)) > max(limit, 16) { // twice the largest mutation
					t.Errorf("page %d has %d changes of %d mutations", i, len(p.Changes), len(own))
				}
				if len(p.Changes) > 0 {
					lastMutation = mutation[last]
				}
			}
			rig.Want(t, len(seen), len(whole[0].Changes))
		})
	}
	t.Run("[PULL-2] a page without a limit has 500 at most, one above the server's maximum that many", func(t *testing.T) {
		var ops []wire.Op
		var ms []wire.Mutation
		for range 40 {
			ops = ops[:0]
			for range 30 {
				ops = append(ops, rig.Create("observations", rig.ID(), w.Observation("")))
			}
			ms = append(ms, worker.Mutation(append([]wire.Op{}, ops...)...))
		}
		worker.Push(ms...)
		for limit, most := range map[any]int{nil: 500, 0: 500, 1 << 40: 1000} {
			first := fresh(t, keisha, limit)[0]
			if !first.More || len(first.Changes) > most || len(first.Changes) < most-60 {
				t.Errorf("limit %v: %d changes, more %v", limit, len(first.Changes), first.More)
			}
		}
	})
	t.Run("[PULL-2] a page may be empty and not the last", func(t *testing.T) {
		for _, c := range w.rows(`SELECT id FROM checklists`, nil) {
			change(t, w.Rig, "checklists", c["id"], map[string]any{"published": false})
		}
		empty := 0
		for _, p := range fresh(t, keisha, 1) {
			if len(p.Changes) == 0 && p.More {
				empty++
			}
		}
		if empty == 0 {
			t.Fatal("this test no longer makes an empty page")
		}
	})
}

func TestPagesWhileWriting(t *testing.T) {
	w := newTown(t)
	keisha, other := w.coordinator(), w.coordinator()
	var sites []string
	var seqs []int64
	for range 6 {
		id, v := keisha.Create("sites", map[string]any{"name": "Stop", "venue": "truck_stop"})
		sites, seqs = append(sites, id), append(seqs, v.Seq)
	}
	t.Run("[PULL-2] what changes before its page comes once, as it is now", func(t *testing.T) {
		other.Cursor = nil
		var list []*wire.PullAnswer
		for len(changed(list, "sites", sites[0])) == 0 {
			list = append(list, other.Page(map[string]any{"limit": 1}))
		}
		keisha.Do(rig.Update("sites", sites[3], seqs[3], map[string]any{"notes": "new"}))
		list = append(list, pages(t, other, 1)...)
		found := changed(list, "sites", sites[3])
		if len(found) != 1 || !strings.Contains(string(found[0].Record), `"new"`) {
			t.Fatalf("%+v", found)
		}
	})
	t.Run("[PULL-2] what changes after its page comes again with its new state", func(t *testing.T) {
		other.Cursor = nil
		var list []*wire.PullAnswer
		for len(changed(list, "sites", sites[1])) == 0 {
			list = append(list, other.Page(map[string]any{"limit": 1}))
		}
		keisha.Do(rig.Update("sites", sites[1], seqs[1], map[string]any{"notes": "later"}))
		list = append(list, pages(t, other, 1)...)
		found := changed(list, "sites", sites[1])
		if len(found) != 2 || !strings.Contains(string(found[1].Record), `"later"`) || found[1].Seq <= found[0].Seq {
			t.Fatalf("%+v", found)
		}
	})
	t.Run("[PULL-2] a view that is pulled while others write ends as what is there", func(t *testing.T) {
		stop := make(chan struct{})
		var writing sync.WaitGroup
		writing.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				keisha.Do(rig.Update("sites", sites[i%6], w.Entries(), map[string]any{"notes": fmt.Sprint(i)}))
			}
		})
		view := map[string]string{}
		other.Cursor = nil
		pull := func() {
			for _, p := range pages(t, other, 2) {
				for _, c := range p.Changes {
					view[c.Collection+c.ID] = string(c.Record)
				}
			}
		}
		for range 20 {
			pull()
		}
		close(stop)
		writing.Wait()
		pull()
		for _, id := range sites {
			want := w.record("sites", id)["notes"]
			if !strings.Contains(view["sites"+id], fmt.Sprintf(`"notes":%q`, want)) {
				t.Errorf("%s: %s, want %v", id, view["sites"+id], want)
			}
		}
	})
}

// asks is what stands for a value in a statement.
var asks = regexp.MustCompile(`\?\d*`)

// TestCost looks at the questions that a pull asks the database, not at time.
func TestCost(t *testing.T) {
	w := newTown(t)
	worker, keisha := w.worker(), w.coordinator()
	var mu sync.Mutex
	var asked []string
	w.Stop()
	w.Connect = func(path string) (*dbx.DB, error) {
		plain, err := sql.Open("sqlite", "")
		if err != nil {
			return nil, err
		}
		return dbx.NewFromDB(sql.OpenDB(prepared.Connector{Below: plain.Driver(), Source: wiring.DataSource(path), Most: prepared.Most, Asked: func(text string) {
			mu.Lock()
			asked = append(asked, text)
			mu.Unlock()
		}}), "sqlite"), plain.Close()
	}
	w.Start()
	db, ok := w.App.ConcurrentDB().(*dbx.DB)
	if !ok {
		t.Fatal("no database")
	}
	// cost counts the questions of a pull that brings one change.
	cost := func() []string {
		keisha.Pull()
		worker.Create("observations", w.Observation(""))
		mu.Lock()
		asked = nil
		mu.Unlock()
		rig.Want(t, len(keisha.Page(nil).Changes), 2) // the observation and its triage
		mu.Lock()
		defer mu.Unlock()
		var all []string
		for _, text := range asked {
			if !strings.HasSuffix(text, "ORDER BY seq DESC LIMIT 1") { // asked beside it too, for the head file
				all = append(all, text)
			}
		}
		return all
	}
	small := cost()
	for range 3 {
		var ms []wire.Mutation
		for range 300 {
			ms = append(ms, worker.Mutation(rig.Create("observations", rig.ID(), w.Observation(""))))
		}
		worker.Push(ms...)
	}
	large := cost()
	t.Run("[PULL-2] a pull asks as much of a large history as of a small one", func(t *testing.T) {
		if len(small) == 0 {
			t.Fatal("nothing was asked where this test listens")
		}
		rig.Want(t, len(large), len(small))
	})
	t.Run("[PULL-2] no question of it reads a whole table", func(t *testing.T) {
		for _, text := range large {
			if !strings.HasPrefix(text, "SELECT") || strings.Contains(text, "FROM journal_epoch") {
				continue // a table of a few rows
			}
			for _, step := range query(t, db, "EXPLAIN QUERY PLAN "+asks.ReplaceAllString(text, "''"), nil) {
				if d := step["detail"]; strings.HasPrefix(d, "SCAN ") && !strings.HasPrefix(d, "SCAN (subquery") && !strings.Contains(d, "VIRTUAL TABLE") && !strings.Contains(d, "CONSTANT ROW") {
					t.Errorf("%s: %s", d, text)
				}
			}
		}
	})
}
