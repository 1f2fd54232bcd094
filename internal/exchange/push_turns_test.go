package exchange_test

import (
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pocketbase/dbx"

	rig "github.com/fieldpost/fieldpost/internal/testrig"
	"github.com/fieldpost/fieldpost/internal/wire"
)

func TestPushTurns(t *testing.T) {
	w := newTown(t)
	rosa, dee := w.worker(), w.worker()
	const many = 200
	noted := func(note string) wire.Op {
		return rig.Create("observations", rig.ID(), with(w.Observation(""), "note", note))
	}
	count := func(note string) int {
		return len(w.rows(`SELECT 1 FROM observations WHERE note={:n}`, dbx.Params{"n": note}))
	}
	body := func(d *rig.Device, n int, note string, ops int) []byte {
		list := make([]any, n)
		for i := range list {
			var all []wire.Op
			for range ops {
				all = append(all, noted(note))
			}
			list[i] = d.Mutation(all...)
		}
		return mustJSON(t, envelope(d, list...))
	}

	t.Run("[PUSH-1] pushes that wait for the writer share a commit, and none is answered before it", func(t *testing.T) {
		w.on(t)
		const phones = 20
		var commits, committed, answered atomic.Int64
		told := w.S.Store.Notify
		w.S.Store.Notify = func(scopes map[string]bool) { // right after a commit
			commits.Add(1)
			time.Sleep(100 * time.Millisecond) // an answer that does not wait is out by now
			if n := answered.Load(); n > committed.Load() {
				t.Errorf("%d were answered, %d committed before", n, committed.Load())
			}
			committed.Store(int64(count("shared")))
			told(scopes)
		}
		defer func() { w.S.Store.Notify = told }()
		var bodies [][]byte
		var all []*rig.Device
		for range phones {
			d := w.worker()
			all, bodies = append(all, d), append(bodies, body(d, 1, "shared", 1))
		}
		commits.Store(0) // those of the enrolments
		goOn := w.standStill(t)
		var done sync.WaitGroup
		for i, d := range all {
			done.Go(func() {
				rig.Want(t, w.postPush(d, bodies[i], nil).status, http.StatusOK)
				answered.Add(1)
			})
		}
		time.Sleep(time.Second) // they are all read and wait by now
		goOn()
		done.Wait()
		rig.Want(t, count("shared"), phones)
		if n := commits.Load(); n > phones/4 { // one, or a few where some came late
			t.Errorf("%d commits for %d pushes", n, phones)
		}
	})

	t.Run("[PUSH-13] a push of many mutations of several ops holds up nobody: who came after it is answered before it ends", func(t *testing.T) {
		w.on(t)
		for name, ops := range map[string]int{"one op": 1, "two ops": 2} {
			long, short := body(rosa, many, "long "+name, 2), body(dee, 1, "short "+name, ops)
			// Both wait in one group while the writer stands still.
			goOn := w.standStill(t)
			done, quick := make(chan answer, 1), make(chan int, 1)
			go func() { done <- w.postPush(rosa, long, nil) }()
			time.Sleep(500 * time.Millisecond)
			go func() {
				rig.Want(t, w.postPush(dee, short, nil).status, http.StatusOK)
				quick <- count("long " + name)
			}()
			time.Sleep(300 * time.Millisecond)
			goOn()
			if n := <-quick; n >= 2*many {
				t.Errorf("%s: answered when all %d of the long push were done", name, n)
			}
			if a := <-done; a.status != http.StatusOK {
				t.Errorf("%d %s", a.status, a.body)
			}
			rig.Want(t, count("long "+name), 2*many)
			rig.Want(t, count("short "+name), ops)
		}
	})

	t.Run("[PUSH-5] two pushes of one device never overlap, however long the first takes", func(t *testing.T) {
		w.on(t)
		first, second := body(rosa, many, "first", 2), body(rosa, 1, "second", 1)
		done := make(chan int, 1)
		go func() { done <- w.postPush(rosa, first, nil).status }()
		for count("first") == 0 {
			time.Sleep(5 * time.Millisecond)
		}
		rig.Want(t, w.postPush(rosa, second, nil).status, http.StatusOK)
		rig.Want(t, count("first"), 2*many)
		rig.Want(t, <-done, http.StatusOK)
		seq := w.rows(`SELECT (SELECT max(e.seq) FROM journal_entry e JOIN observations o ON o.id=e.record WHERE o.note='first') AS a,
			(SELECT min(e.seq) FROM journal_entry e JOIN observations o ON o.id=e.record WHERE o.note='second') AS b`, nil)
		if len(seq) != 1 || len(seq[0]["a"]) > len(seq[0]["b"]) || len(seq[0]["a"]) == len(seq[0]["b"]) && seq[0]["a"] > seq[0]["b"] {
			t.Errorf("%v", seq)
		}
	})
}
