package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	mathrand "math/rand"
	"net/http"
	"os"
	"runtime/pprof"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	boardPhones = 50
	// Nothing is called missed before this.
	boardsWithin = 30 * time.Second
	// Between two rounds, so that each begins with a server at rest.
	boardsRest = time.Second
)

// boardsResult is how soon reports of phones that post in one moment stand on
// the boards that watch.
type boardsResult struct {
	What   string  `json:"what"`
	Phones int     `json:"phones"`
	Boards int     `json:"boards"`
	Rounds int     `json:"rounds"`
	P50    float64 `json:"p50ms"`
	P95    float64 `json:"p95ms"`
	Worst  float64 `json:"worstms"`
	// Answered: until the board has read the answer that holds the row, before it
	// does anything with it.
	Answered float64 `json:"answeredP95ms,omitempty"`
	Pushed   float64 `json:"pushP95ms,omitempty"`             // of the phones: until their own receipt
	Pulls    float64 `json:"pullsPerBoardAndRound,omitempty"` // requests
	// Seconds of processor that a round takes: of the server, and of all that it
	// is measured with. Where others work on the machine they say more than the clock.
	Server float64 `json:"serverCPUSeconds"`
	Others float64 `json:"clientsCPUSeconds"`
	Missed int     `json:"missed"`
}

// shown collects when which report stood where.
type shown struct {
	mu       sync.Mutex
	from     map[string]time.Time // report -> its push began
	left     int                  // reports times boards that are still to come
	all      []time.Duration
	answered []time.Duration
	whole    chan struct{}
}

// expect begins a round: each of n boards will show each of the reports.
func (s *shown) expect(ids []string, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.from, s.left, s.whole = map[string]time.Time{}, len(ids)*n, make(chan struct{})
	for _, id := range ids {
		s.from[id] = time.Time{}
	}
}

func (s *shown) pushing(id string) {
	s.mu.Lock()
	s.from[id] = time.Now()
	s.mu.Unlock()
}

// on notes that a board shows a report, whose answer it had at a time that may
// be zero: not known.
func (s *shown) on(id string, answered time.Time) {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	began, ok := s.from[id]
	if !ok || began.IsZero() {
		return
	}
	s.all = append(s.all, now.Sub(began))
	if !answered.IsZero() {
		s.answered = append(s.answered, answered.Sub(began))
	}
	if s.left--; s.left == 0 {
		close(s.whole)
	}
}

// wait gives how many are missing after the longest time that a round may take.
func (s *shown) wait() int {
	select {
	case <-s.whole:
	case <-time.After(boardsWithin):
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.left
}

// runBoards measures phones that all post at once while boards watch: devices of
// the client library, each phone with its store on the disk, and the boards once
// for each kind of store that is named. Beside it, stock PocketBase: as many
// creates at once, and as many streams that are told of them.
func runBoards(boards, rounds int, stores string) ([]boardsResult, error) {
	var all []boardsResult
	for store := range strings.SplitSeq(stores, ",") {
		ours, err := fieldpostBoards(boards, rounds, store)
		if err != nil {
			return nil, fmt.Errorf("fieldpost: %w", err)
		}
		all = append(all, *ours)
	}
	stock, err := stockBoards(boards, rounds)
	if err != nil {
		return nil, fmt.Errorf("stock: %w", err)
	}
	return append(all, *stock), nil
}

// crowd is what one measurement repeats: a moment in which all post.
type crowd struct {
	server *ready
	seen   *shown
	// next makes the reports of a round, untimed: their ids, and what posts each.
	next func() (ids []string, posts []func() error, err error)
	// pulls counts the boards' requests so far; may be nil.
	pulls func() int64
}

// measure runs the rounds.
func (c *crowd) measure(result *boardsResult) error {
	var receipts []time.Duration
	var pulls int64
	begun, err := begin(c.server)
	if err != nil {
		return err
	}
	if c.pulls != nil {
		pulls = c.pulls()
	}
	for range result.Rounds {
		time.Sleep(boardsRest)
		ids, posts, err := c.next()
		if err != nil {
			return err
		}
		c.seen.expect(ids, result.Boards)
		took, err := together(posts, func(i int, post func() error) error {
			c.seen.pushing(ids[i])
			return post()
		})
		if err != nil {
			return err
		}
		receipts = append(receipts, took...)
		result.Missed += c.seen.wait()
	}
	if c.pulls != nil {
		result.Pulls = float64(c.pulls()-pulls) / float64(result.Boards*result.Rounds)
	}
	if err := begun.end(result); err != nil {
		return err
	}
	if len(c.seen.all) > 0 {
		t := timesOf("", c.seen.all)
		result.P50, result.P95, result.Worst = t.P50, t.P95, float64(c.seen.all[len(c.seen.all)-1].Microseconds())/1000
	}
	if len(c.seen.answered) > 0 {
		result.Answered = timesOf("", c.seen.answered).P95
	}
	result.Pushed = timesOf("", receipts).P95
	return nil
}

// effort is what the processors had done for us when the rounds began, seconds.
type effort struct {
	server       *ready
	theirs, ours float64
}

// begin starts the count, a server's profile anew, and one of what it is
// measured with.
func begin(server *ready) (*effort, error) {
	if profileTo != "" {
		if err := syscall.Kill(server.PID, syscall.SIGUSR1); err != nil {
			return nil, err
		}
		if err := profile(fmt.Sprintf("clients-of-%d", server.PID)); err != nil {
			return nil, err
		}
	}
	e := &effort{server: server}
	var err error
	if e.theirs, err = processor(server.PID); err == nil {
		e.ours, err = processor(os.Getpid())
	}
	return e, err
}

func (e *effort) end(r *boardsResult) error {
	pprof.StopCPUProfile()
	theirs, err := processor(e.server.PID)
	if err != nil {
		return err
	}
	ours, err := processor(os.Getpid())
	r.Server, r.Others = (theirs-e.theirs)/float64(r.Rounds), (ours-e.ours)/float64(r.Rounds)
	return err
}

// processor gives the seconds of processor that a process has used; 0 where
// the system does not tell.
func processor(pid int) (float64, error) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	_, after, _ := strings.Cut(string(raw), ") ") // the name before it may hold anything
	f := strings.Fields(after)
	if len(f) < 13 {
		return 0, fmt.Errorf("/proc/%d/stat: %d fields", pid, len(f))
	}
	user, err := strconv.ParseFloat(f[11], 64)
	if err != nil {
		return 0, err
	}
	system, err := strconv.ParseFloat(f[12], 64)
	return (user + system) / 100, err // the kernel counts in hundredths, on every machine that Go runs on
}

// together does the work of all in one moment, and tells how long each took.
func together[T any](all []T, work func(i int, one T) error) ([]time.Duration, error) {
	var done sync.WaitGroup
	took, errs := make([]time.Duration, len(all)), make([]error, len(all))
	begin := make(chan struct{})
	for i, one := range all {
		done.Go(func() {
			<-begin
			start := time.Now()
			errs[i] = work(i, one)
			took[i] = time.Since(start)
		})
	}
	close(begin)
	done.Wait()
	return took, errors.Join(errs...)
}

// stockBoards is stock PocketBase's own way: subscriptions to the collection,
// whose events carry the record.
func stockBoards(boards, rounds int) (*boardsResult, error) {
	server, stop, err := startServer("stock")
	if err != nil {
		return nil, err
	}
	defer stop()
	ctx, end := context.WithCancel(context.Background())
	defer end()
	seen := &shown{}
	for range boards {
		stream, err := openEvents(ctx, server.URL, server.Token, "observations/*")
		if err != nil {
			return nil, err
		}
		go func() {
			for {
				id, err := stream.record()
				if err != nil {
					return
				}
				seen.on(id, time.Time{})
			}
		}()
	}
	c := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: boardPhones}}
	r := mathrand.New(mathrand.NewSource(1))
	of := &crowd{server: server, seen: seen, next: func() (ids []string, posts []func() error, err error) {
		for range boardPhones {
			doc := observation(r, server.Site)
			id := recordID(r)
			doc["id"] = id
			body, err := json.Marshal(doc)
			if err != nil {
				return nil, nil, err
			}
			ids, posts = append(ids, id), append(posts, func() error {
				_, err := post(c, server.URL+"/api/collections/observations/records", server.Token, body, false)
				return err
			})
		}
		return ids, posts, nil
	}}
	result := &boardsResult{What: "stock: create to event", Phones: boardPhones, Boards: boards, Rounds: rounds}
	return result, of.measure(result)
}

// record waits for an event, and gives the id of its record.
func (e *events) record() (string, error) {
	for {
		line, err := e.in.ReadString('\n')
		if err != nil {
			return "", err
		}
		data, ok := strings.CutPrefix(line, "data:")
		if !ok {
			continue
		}
		var told struct {
			Record struct {
				ID string `json:"id"`
			} `json:"record"`
		}
		if err := json.Unmarshal([]byte(data), &told); err != nil {
			return "", err
		}
		return told.Record.ID, nil
	}
}

func printBoards(all []boardsResult) {
	if len(all) == 0 {
		return
	}
	fmt.Printf("\n| phones that post at once, boards that watch | phones | boards | p50 ms | p95 ms | worst ms | answer read p95 ms | receipt p95 ms | pulls a board | server CPU s a round | clients CPU s | missed |\n|---|---|---|---|---|---|---|---|---|---|---|---|\n")
	for _, r := range all {
		fmt.Printf("| %s | %d | %d | %.0f | %.0f | %.0f | %.0f | %.0f | %.1f | %.2f | %.2f | %d |\n", r.What, r.Phones, r.Boards, r.P50, r.P95, r.Worst, r.Answered, r.Pushed, r.Pulls, r.Server, r.Others, r.Missed)
	}
}
