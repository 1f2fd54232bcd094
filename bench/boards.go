package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	mathrand "math/rand"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/fieldpost/fieldpost/client"
	"github.com/fieldpost/fieldpost/internal/wire"
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
	Pushed float64 `json:"pushP95ms,omitempty"` // of the phones: until their own receipt
	// Seconds of processor that a round takes: of the server, and of all that it
	// is measured with. Where others work on the machine they say more than the clock.
	Server float64 `json:"serverCPUSeconds"`
	Others float64 `json:"clientsCPUSeconds"`
	Missed int     `json:"missed"`
}

// shown collects when which report stood where.
type shown struct {
	mu    sync.Mutex
	from  map[string]time.Time // report -> its push began
	left  int                  // reports times boards that are still to come
	all   []time.Duration
	whole chan struct{}
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

func (s *shown) on(id string) {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	began, ok := s.from[id]
	if !ok || began.IsZero() {
		return
	}
	s.all = append(s.all, now.Sub(began))
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
// the client library, each with its store on the disk, and as many boards in a
// browser as asked for. Beside it, stock PocketBase: as many creates at once,
// and as many streams that are told of them.
func runBoards(boards, rounds int) ([]boardsResult, error) {
	ours, err := fieldpostBoards(boards, rounds)
	if err != nil {
		return nil, fmt.Errorf("fieldpost: %w", err)
	}
	stock, err := stockBoards(boards, rounds)
	if err != nil {
		return nil, fmt.Errorf("stock: %w", err)
	}
	return append(ours, *stock), nil
}

func fieldpostBoards(boards, rounds int) ([]boardsResult, error) {
	server, stop, err := startServer("fieldpost")
	if err != nil {
		return nil, err
	}
	defer stop()
	dir, err := os.MkdirTemp("", "fieldpost-boards-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	ctx, end := context.WithCancel(context.Background())
	var running sync.WaitGroup
	defer func() { end(); running.Wait() }()
	device := func(name, invite string) (*client.Device, error) {
		d, err := client.Open(filepath.Join(dir, name+".db"), client.Options{HTTP: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 2}}})
		if err != nil {
			return nil, err
		}
		running.Go(func() { <-ctx.Done(); _ = d.Close() })
		_, err = d.Enroll(ctx, server.URL, invite, "bench")
		return d, err
	}

	seen := &shown{}
	live := make(chan struct{}, boards)
	broke := make(chan error, boards)
	for i := range boards {
		d, err := device("board"+strconv.Itoa(i), server.Board)
		if err != nil {
			return nil, err
		}
		running.Go(func() {
			var once sync.Once
			err := d.Watch(ctx, client.Watcher{
				Change: func(c client.Change) {
					if c.Collection == "observations" && c.Kind != client.Gone {
						seen.on(c.ID)
					}
				},
				State: func(s client.LiveState, _ error) {
					if s == client.Live {
						once.Do(func() { live <- struct{}{} })
					}
				},
			})
			if ctx.Err() == nil {
				broke <- err
			}
		})
	}
	phones := make([]*client.Device, boardPhones)
	r := mathrand.New(mathrand.NewSource(1))
	for i := range phones {
		if phones[i], err = device("phone"+strconv.Itoa(i), server.Invite); err != nil {
			return nil, err
		}
		if _, err := phones[i].Push(ctx); err != nil {
			return nil, err
		}
	}
	for range boards {
		select {
		case <-live:
		case err := <-broke:
			return nil, err
		case <-time.After(boardsWithin):
			return nil, errors.New("a board is not live after 30 s")
		}
	}

	result := boardsResult{What: "fieldpost: push to row, boards of the client library", Phones: boardPhones, Boards: boards, Rounds: rounds}
	var receipts []time.Duration
	begun, err := begin(server)
	if err != nil {
		return nil, err
	}
	for range rounds {
		time.Sleep(boardsRest)
		var ids []string
		for _, p := range phones {
			saved, err := p.Do(client.Op{Op: wire.OpCreate, Collection: "observations", Fields: observation(r, server.Site)})
			if err != nil {
				return nil, err
			}
			ids = append(ids, saved.IDs[0])
		}
		seen.expect(ids, boards)
		took, err := together(phones, func(i int, p *client.Device) error {
			seen.pushing(ids[i])
			report, err := p.Push(ctx)
			if err == nil && report.Sent != 1 {
				err = fmt.Errorf("sent %d", report.Sent)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
		receipts = append(receipts, took...)
		result.Missed += seen.wait()
	}
	result.settle(seen.all)
	result.Pushed = timesOf("", receipts).P95
	return []boardsResult{result}, begun.end(&result)
}

// effort is what the processors had done for us when the rounds began, seconds.
type effort struct {
	server       *ready
	theirs, ours float64
}

// begin starts the count, and a server's profile anew.
func begin(server *ready) (*effort, error) {
	if profileTo != "" {
		if err := syscall.Kill(server.PID, syscall.SIGUSR1); err != nil {
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

func (r *boardsResult) settle(all []time.Duration) {
	if len(all) == 0 {
		return
	}
	t := timesOf("", all)
	r.P50, r.P95, r.Worst = t.P50, t.P95, float64(all[len(all)-1].Microseconds())/1000
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
				seen.on(id)
			}
		}()
	}
	c := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: boardPhones}}
	r := mathrand.New(mathrand.NewSource(1))
	result := boardsResult{What: "stock: create to event", Phones: boardPhones, Boards: boards, Rounds: rounds}
	var receipts []time.Duration
	begun, err := begin(server)
	if err != nil {
		return nil, err
	}
	for range rounds {
		time.Sleep(boardsRest)
		var ids []string
		var bodies [][]byte
		for range boardPhones {
			doc := observation(r, server.Site)
			id := recordID(r)
			doc["id"] = id
			body, err := json.Marshal(doc)
			if err != nil {
				return nil, err
			}
			ids, bodies = append(ids, id), append(bodies, body)
		}
		seen.expect(ids, boards)
		took, err := together(bodies, func(i int, body []byte) error {
			seen.pushing(ids[i])
			_, err := post(c, server.URL+"/api/collections/observations/records", server.Token, body, false)
			return err
		})
		if err != nil {
			return nil, err
		}
		receipts = append(receipts, took...)
		result.Missed += seen.wait()
	}
	result.settle(seen.all)
	result.Pushed = timesOf("", receipts).P95
	return &result, begun.end(&result)
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
	fmt.Printf("\n| phones that post at once, boards that watch | phones | boards | p50 ms | p95 ms | worst ms | receipt p95 ms | server CPU s a round | clients CPU s | missed |\n|---|---|---|---|---|---|---|---|---|---|\n")
	for _, r := range all {
		fmt.Printf("| %s | %d | %d | %.0f | %.0f | %.0f | %.0f | %.2f | %.2f | %d |\n", r.What, r.Phones, r.Boards, r.P50, r.P95, r.Worst, r.Pushed, r.Server, r.Others, r.Missed)
	}
}
