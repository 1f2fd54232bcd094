package simulate

import (
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

var (
	seeds = flag.Int("seeds", 200, "how many seeds TestSimulation runs")
	from  = flag.Uint64("from", 1, "the first of them")
	tries = flag.Int("tries", 150, "runs to make a failing one smaller; 0: leave it")
	trace = flag.Bool("trace", false, "print what happens in each run")
)

func TestMain(m *testing.M) {
	flag.Parse()
	// PocketBase tells the standard log what a dead disk did not take.
	log.SetOutput(io.Discard)
	debug.SetGCPercent(1000) // runs are short, and there is memory
	debug.SetMemoryLimit(1 << 30)
	os.Exit(m.Run())
}

// play runs a script in a bubble.
func play(t *testing.T, s *Script, tamper *Tamper, keepLog bool) (res Result, err error) {
	if synctest.Test(t, func(t *testing.T) { err = Prepare(s, tamper) }); err != nil {
		return res, err
	}
	synctest.Test(t, func(t *testing.T) { res, err = Run(s, tamper, keepLog) })
	return res, err
}

// shrunk gives the smallest script that fails like one does, as Go source.
func shrunk(t *testing.T, s *Script) string {
	small := Shrink(s, *tries, func(s *Script) []string {
		res, err := play(t, s, nil, false)
		if err != nil {
			return []string{"[run] " + err.Error()}
		}
		return res.Failures
	})
	return "a regression test of it (internal/simulate/regressions_test.go):\n" + small.Go()
}

// report fails a test with what a run has found.
func report(t *testing.T, s *Script, res Result, err error) {
	t.Helper()
	for _, line := range res.Log {
		t.Log(line)
	}
	if err != nil {
		t.Errorf("the run broke off: %v", err)
	}
	for _, f := range res.Failures {
		t.Error(f)
	}
	if t.Failed() && *tries > 0 {
		t.Log(shrunk(t, s))
	}
}

// repeated is how many seeds one of them runs a second time: the trace must be
// the same (INV-28).
const repeated = 20

func TestSimulation(t *testing.T) {
	began := time.Now()
	var next, ran, requests, saved atomic.Int64
	var applied, conflicts, refused atomic.Int64
	var failed atomic.Bool
	next.Store(int64(*from))
	var wait sync.WaitGroup
	for range 2 {
		wait.Go(func() {
			for {
				seed := uint64(next.Add(1) - 1)
				if seed >= *from+uint64(*seeds) || failed.Load() {
					return
				}
				t.Run(fmt.Sprintf("[INV-1] [INV-2] [INV-9] and all other invariants hold with seed %d", seed), func(t *testing.T) {
					res, err := play(t, Plan(seed), nil, *trace)
					ran.Add(1)
					requests.Add(int64(res.Requests))
					saved.Add(int64(res.Saved))
					applied.Add(int64(res.Letters.Applied))
					conflicts.Add(int64(res.Letters.Conflicts))
					refused.Add(int64(res.Letters.Refused))
					report(t, Plan(seed), res, err)
					if t.Failed() {
						failed.Store(true)
						return
					}
					if seed%repeated == 0 {
						again, err := play(t, Plan(seed), nil, false)
						if err != nil || again.Trace != res.Trace {
							failed.Store(true)
							t.Errorf("[INV-28] the same seed gives trace %s and then %s (%v)", res.Trace, again.Trace, err)
						}
					}
				})
			}
		})
	}
	wait.Wait()
	took := time.Since(began).Seconds()
	fmt.Printf("simulation: %d seeds from %d in %.0f s, %.2f a second; %d requests, %d saves\n",
		ran.Load(), *from, took, float64(ran.Load())/took, requests.Load(), saved.Load())
	fmt.Printf("edits of a site's industry: %d applied or merged without one, %d with a conflict, %d refused\n", applied.Load(), conflicts.Load(), refused.Load())
	if ran.Load() >= 60 && (applied.Load() == 0 || conflicts.Load() == 0 || refused.Load() == 0) {
		t.Error("[MERGE-2] edits of a site's industry no longer end in every way")
	}
}
