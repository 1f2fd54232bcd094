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
	trace = flag.Bool("trace", false, "print what happens in each run")
)

func TestMain(m *testing.M) {
	flag.Parse()
	// PocketBase tells the standard log what a dead disk did not take.
	log.SetOutput(io.Discard)
	debug.SetGCPercent(400) // runs are short, and there is memory
	os.Exit(m.Run())
}

// play runs a script in a bubble.
func play(t *testing.T, s *Script, tamper *Tamper, keepLog bool) (res Result, err error) {
	synctest.Test(t, func(t *testing.T) { res, err = Run(s, tamper, keepLog) })
	return res, err
}

func TestSimulation(t *testing.T) {
	began := time.Now()
	var next, requests, saved atomic.Int64
	next.Store(int64(*from))
	var wait sync.WaitGroup
	for range 2 {
		wait.Add(1)
		go func() {
			defer wait.Done()
			for {
				seed := uint64(next.Add(1) - 1)
				if seed >= *from+uint64(*seeds) || t.Failed() {
					return
				}
				t.Run(fmt.Sprintf("[INV-1] [INV-2] [INV-9] seed %d", seed), func(t *testing.T) {
					res, err := play(t, Plan(seed), nil, *trace)
					requests.Add(int64(res.Requests))
					saved.Add(int64(res.Saved))
					for _, line := range res.Log {
						t.Log(line)
					}
					if err != nil {
						t.Fatal(err)
					}
					for _, f := range res.Failures {
						t.Error(f)
					}
				})
			}
		}()
	}
	wait.Wait()
	took := time.Since(began).Seconds()
	t.Logf("%d seeds in %.1f s: %.1f a second, %d requests, %d saves", *seeds, took, float64(*seeds)/took, requests.Load(), saved.Load())
}
