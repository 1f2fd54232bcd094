package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	mathrand "math/rand"
	"net/http"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/fieldpost/fieldpost/internal/hlc"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// times are durations of one kind, in ms.
type times struct {
	What string  `json:"what"`
	P50  float64 `json:"p50ms"`
	P95  float64 `json:"p95ms"`
	N    int     `json:"n"`
}

func timesOf(what string, all []time.Duration) times {
	sort.Slice(all, func(i, j int) bool { return all[i] < all[j] })
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	return times{what, ms(all[len(all)/2]), ms(all[len(all)*95/100]), len(all)}
}

const (
	watchers   = 1000
	liveWrites = 300 // with and without watchers
	liveRounds = 60  // push to poke to pulled row
	// A person is poked at most once in 250 ms (LIVE-1); a round waits longer,
	// so that it measures the way and not the rest.
	liveRest = 270 * time.Millisecond
)

// runLive measures what watchers cost a write, and how long a report takes from
// its push to a watcher's pulled row; beside it, from create to event in stock
// PocketBase.
func runLive() ([]times, error) {
	server, stop, err := startServer("fieldpost")
	if err != nil {
		return nil, err
	}
	defer stop()
	r := mathrand.New(mathrand.NewSource(1))
	c := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 4}}
	phone := &wirePhone{server: server, c: c, r: r}
	if phone.device, phone.token, err = enroll(c, server, r); err != nil {
		return nil, err
	}
	for range 50 { // warm
		if _, err := phone.push(); err != nil {
			return nil, err
		}
	}
	way, err := pushToRow(phone)
	if err != nil {
		return nil, err
	}
	out := []times{way}
	stockWay, err := stockCreateToEvent()
	if err != nil {
		return nil, err
	}
	out = append(out, stockWay)

	// Alternating, so that a machine that slows down slows both.
	ctx, end := context.WithCancel(context.Background())
	defer end()
	var tokens []string
	board := *server
	board.Invite = server.Board
	for range watchers {
		_, token, err := enroll(c, &board, r)
		if err != nil {
			return nil, err
		}
		tokens = append(tokens, token)
	}
	var none, many []time.Duration
	for range 3 {
		if err := phone.writes(&none); err != nil {
			return nil, err
		}
		watching, endWatching := context.WithCancel(ctx)
		var streams sync.WaitGroup
		for _, token := range tokens {
			s, err := openEvents(watching, server.URL, token, "sync")
			if err != nil {
				endWatching()
				return nil, err
			}
			streams.Go(func() { s.drain() })
		}
		err := phone.writes(&many)
		endWatching()
		streams.Wait()
		if err != nil {
			return nil, err
		}
	}
	return append(out, timesOf("fieldpost: a push with no watcher", none), timesOf(fmt.Sprintf("fieldpost: a push with %d watchers", watchers), many)), nil
}

func printLive(all []times) {
	if len(all) == 0 {
		return
	}
	fmt.Printf("\n| live | p50 ms | p95 ms | n |\n|---|---|---|---|\n")
	for _, t := range all {
		fmt.Printf("| %s | %.2f | %.2f | %d |\n", t.What, t.P50, t.P95, t.N)
	}
}

// wirePhone pushes one observation at a time.
type wirePhone struct {
	server        *ready
	c             *http.Client
	r             *mathrand.Rand
	device, token string
	n             int64
}

func (p *wirePhone) push() (id string, err error) {
	p.n++
	id = recordID(p.r)
	zero := int64(0)
	m := wire.Mutation{N: p.n, Stamp: hlc.Stamp{Time: hlc.Time{Ms: time.Now().UnixMilli(), Counter: int(p.n) & hlc.MaxCounter}, Device: p.device}.String(), Offset: &zero, Schema: 1,
		Ops: []wire.Op{{Op: wire.OpCreate, Collection: "observations", ID: id, Fields: observation(p.r, p.server.Site)}}}
	body, err := json.Marshal(map[string]any{"protocol": 1, "device": p.device, "epoch": nil, "mark": nil,
		"now": time.Now().UTC().Format(wire.TimeFormat), "mutations": []any{m}})
	if err != nil {
		return "", err
	}
	out, err := post(p.c, p.server.URL+"/api/sync/push", p.token, body, false)
	if err != nil {
		return "", err
	}
	var answer wire.PushAnswer
	if err := json.Unmarshal(out, &answer); err != nil {
		return "", err
	}
	if len(answer.Verdicts) != 1 || answer.Verdicts[0].Verdict != wire.Applied {
		return "", fmt.Errorf("push: %s", out)
	}
	return id, nil
}

func (p *wirePhone) writes(into *[]time.Duration) error {
	for range liveWrites / 3 {
		time.Sleep(5 * time.Millisecond)
		start := time.Now()
		if _, err := p.push(); err != nil {
			return err
		}
		*into = append(*into, time.Since(start))
	}
	return nil
}

// pushToRow measures from the start of a push to the row in a watcher's hands:
// push, commit, poke, pull, decoded.
func pushToRow(phone *wirePhone) (times, error) {
	board := *phone.server
	board.Invite = phone.server.Board
	c := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 4}}
	device, token, err := enroll(c, &board, phone.r)
	if err != nil {
		return times{}, err
	}
	ctx, end := context.WithCancel(context.Background())
	defer end()
	events, err := openEvents(ctx, board.URL, token, "sync")
	if err != nil {
		return times{}, err
	}
	puller := &wirePuller{c: c, url: board.URL, device: device, token: token}
	if _, err := puller.all(); err != nil {
		return times{}, err
	}
	pokes := make(chan struct{}, 1)
	go func() {
		for events.next() == nil {
			select {
			case pokes <- struct{}{}:
			default:
			}
		}
	}()
	var all []time.Duration
	for range liveRounds {
		time.Sleep(liveRest)
		select { // a poke of the round before
		case <-pokes:
		default:
		}
		start := time.Now()
		pushed := make(chan error, 1)
		var id string
		go func() {
			var err error
			id, err = phone.push()
			pushed <- err
		}()
		select {
		case <-pokes:
		case <-time.After(5 * time.Second):
			return times{}, errors.New("no poke in 5 s")
		}
		ids, err := puller.all()
		took := time.Since(start)
		if err = errors.Join(err, <-pushed); err != nil {
			return times{}, err
		}
		if !ids[id] {
			return times{}, fmt.Errorf("the poke came, the pull had no %s", id)
		}
		all = append(all, took)
	}
	return timesOf("fieldpost: push to poke to pulled row", all), nil
}

// wirePuller pulls what is new.
type wirePuller struct {
	c      *http.Client
	url    string
	device string
	token  string
	cursor any
}

// all pulls until there is no more and gives the ids of the observations.
func (p *wirePuller) all() (map[string]bool, error) {
	ids := map[string]bool{}
	for more := true; more; {
		body, err := json.Marshal(map[string]any{"protocol": 1, "schema": 1, "device": p.device, "mark": nil, "cursor": p.cursor, "limit": 1000})
		if err != nil {
			return nil, err
		}
		out, err := post(p.c, p.url+"/api/sync/pull", p.token, body, false)
		if err != nil {
			return nil, err
		}
		var answer struct {
			Cursor  string `json:"cursor"`
			More    bool   `json:"more"`
			Changes []struct {
				Collection string          `json:"collection"`
				ID         string          `json:"id"`
				Record     json.RawMessage `json:"record"` // as of stock's events: the id is what is asked
			} `json:"changes"`
		}
		if err := json.Unmarshal(out, &answer); err != nil {
			return nil, err
		}
		for _, c := range answer.Changes {
			if c.Collection == "observations" {
				ids[c.ID] = true
			}
		}
		p.cursor, more = answer.Cursor, answer.More
	}
	return ids, nil
}

// events is an open realtime stream with one subscription.
type events struct {
	body interface{ Close() error }
	in   *bufio.Reader
}

func openEvents(ctx context.Context, url, token, topic string) (*events, error) {
	c := &http.Client{Transport: &http.Transport{}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/api/realtime", nil)
	if err != nil {
		return nil, err
	}
	res, err := c.Do(req)
	if err != nil {
		return nil, err
	}
	e := &events{res.Body, bufio.NewReader(res.Body)}
	var hello struct {
		ClientID string `json:"clientId"`
	}
	for {
		line, err := e.in.ReadString('\n')
		if err != nil {
			return nil, fmt.Errorf("realtime: %w", err)
		}
		if data, ok := strings.CutPrefix(line, "data:"); ok {
			if err := json.Unmarshal([]byte(data), &hello); err != nil {
				return nil, err
			}
			break
		}
	}
	body, err := json.Marshal(map[string]any{"clientId": hello.ClientID, "subscriptions": []string{topic}})
	if err != nil {
		return nil, err
	}
	sub, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/api/realtime", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	sub.Header.Set("Content-Type", "application/json")
	sub.Header.Set("Authorization", token)
	answer, err := http.DefaultClient.Do(sub)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusNoContent {
		return nil, fmt.Errorf("realtime: subscribe: %d", answer.StatusCode)
	}
	return e, nil
}

// next waits for an event.
func (e *events) next() error {
	for {
		line, err := e.in.ReadString('\n')
		if err != nil {
			return err
		}
		if strings.HasPrefix(line, "data:") {
			return nil
		}
	}
}

func (e *events) drain() {
	for e.next() == nil {
	}
	_ = e.body.Close()
}

// stockCreateToEvent measures stock PocketBase from the start of a create to
// the record's event.
func stockCreateToEvent() (times, error) {
	server, stop, err := startServer("stock")
	if err != nil {
		return times{}, err
	}
	defer stop()
	ctx, end := context.WithCancel(context.Background())
	defer end()
	stream, err := openEvents(ctx, server.URL, server.Token, "observations/*")
	if err != nil {
		return times{}, err
	}
	came := make(chan struct{}, 1)
	go func() {
		for stream.next() == nil {
			came <- struct{}{}
		}
	}()
	c := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 4}}
	r := mathrand.New(mathrand.NewSource(1))
	var all []time.Duration
	for range liveRounds {
		time.Sleep(20 * time.Millisecond)
		body, err := json.Marshal(observation(r, server.Site))
		if err != nil {
			return times{}, err
		}
		start := time.Now()
		if _, err := post(c, server.URL+"/api/collections/observations/records", server.Token, body, false); err != nil {
			return times{}, err
		}
		select {
		case <-came:
		case <-time.After(5 * time.Second):
			return times{}, errors.New("stock: no event in 5 s")
		}
		all = append(all, time.Since(start))
	}
	return timesOf("stock: create to event", all), nil
}
