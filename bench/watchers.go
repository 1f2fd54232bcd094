package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fieldpost/fieldpost/client"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// boardStores are the kinds of boards that can be measured. The real ones are
// browsers on machines of their own; what these do with a row they do on the
// server's two cores.
var boardStores = map[string]string{
	"disk":   "boards of the client library, stores on the disk",
	"memory": "boards of the client library, stores in memory",
	"none":   "boards that read the rows and store nothing",
}

func fieldpostBoards(boards, rounds int, store string) (*boardsResult, error) {
	what, ok := boardStores[store]
	if !ok {
		return nil, fmt.Errorf("-boards-store: there is no kind %q", store)
	}
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
	s := &stage{ctx: ctx, running: &running, dir: dir, server: server, seen: &shown{},
		live: make(chan struct{}, boards), broke: make(chan error, boards)}
	for i := range boards {
		if store == "none" {
			err = s.wireBoard(int64(i))
		} else {
			err = s.board(i, store == "memory")
		}
		if err != nil {
			return nil, err
		}
	}
	phones := make([]*client.Device, boardPhones)
	for i := range phones {
		if phones[i], err = s.device("phone"+strconv.Itoa(i), server.Invite, client.Options{HTTP: ownConnection(nil)}); err != nil {
			return nil, err
		}
		if _, err := phones[i].Push(ctx); err != nil {
			return nil, err
		}
	}
	for range boards {
		select {
		case <-s.live:
		case err := <-s.broke:
			return nil, err
		case <-time.After(boardsWithin):
			return nil, errors.New("a board is not live after 30 s")
		}
	}
	r := mathrand.New(mathrand.NewSource(1))
	of := &crowd{server: server, seen: s.seen, pulls: s.pulls.Load, next: func() (ids []string, posts []func() error, err error) {
		for _, p := range phones {
			saved, err := p.Do(client.Op{Op: wire.OpCreate, Collection: "observations", Fields: observation(r, server.Site)})
			if err != nil {
				return nil, nil, err
			}
			ids, posts = append(ids, saved.IDs[0]), append(posts, func() error {
				report, err := p.Push(ctx)
				if err == nil && report.Sent != 1 {
					err = fmt.Errorf("sent %d", report.Sent)
				}
				return err
			})
		}
		return ids, posts, nil
	}}
	result := &boardsResult{What: "fieldpost: push to row, " + what, Phones: boardPhones, Boards: boards, Rounds: rounds}
	return result, of.measure(result)
}

// stage is one run of our boards.
type stage struct {
	ctx     context.Context
	running *sync.WaitGroup
	dir     string
	server  *ready
	seen    *shown
	live    chan struct{} // once for each board
	broke   chan error
	pulls   atomic.Int64
}

// ownConnection is what a device of its own has: no connection is shared.
func ownConnection(tap *tap) *http.Client {
	if tap == nil {
		return &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 2}}
	}
	tap.below = &http.Transport{MaxIdleConnsPerHost: 2}
	return &http.Client{Transport: tap}
}

func (s *stage) device(name, invite string, opt client.Options) (*client.Device, error) {
	d, err := client.Open(filepath.Join(s.dir, name+".db"), opt)
	if err != nil {
		return nil, err
	}
	s.running.Go(func() { <-s.ctx.Done(); _ = d.Close() })
	_, err = d.Enroll(s.ctx, s.server.URL, invite, "bench")
	return d, err
}

// board starts one of the client library.
func (s *stage) board(i int, memory bool) error {
	t := &tap{pulls: &s.pulls}
	opt := client.Options{HTTP: ownConnection(t)}
	if memory {
		opt.Connect = func(source string) (*sql.DB, error) {
			_, pragmas, _ := strings.Cut(source, "?")
			return sql.Open("sqlite", "file::memory:?"+pragmas)
		}
	}
	d, err := s.device("board"+strconv.Itoa(i), s.server.Board, opt)
	if err != nil {
		return err
	}
	s.running.Go(func() {
		var once sync.Once
		err := d.Watch(s.ctx, client.Watcher{
			Change: func(c client.Change) {
				if c.Collection == "observations" && c.Kind != client.Gone {
					s.seen.on(c.ID, t.last())
				}
			},
			State: func(state client.LiveState, _ error) {
				if state == client.Live {
					once.Do(func() { s.live <- struct{}{} })
				}
			},
		})
		if s.ctx.Err() == nil {
			s.broke <- err
		}
	})
	return nil
}

// wireBoard starts one that follows poke and pull without the library.
func (s *stage) wireBoard(i int64) error {
	c := ownConnection(&tap{pulls: &s.pulls})
	to := *s.server
	to.Invite = to.Board
	device, token, err := enroll(c, &to, mathrand.New(mathrand.NewSource(1000+i)))
	if err != nil {
		return err
	}
	p := &wirePuller{c: c, url: to.URL, device: device, token: token}
	if _, err := p.all(); err != nil {
		return err
	}
	stream, err := openEvents(s.ctx, to.URL, token, "sync")
	if err != nil {
		return err
	}
	pokes := make(chan struct{}, 1)
	s.running.Go(func() {
		defer close(pokes)
		for stream.next() == nil {
			select {
			case pokes <- struct{}{}:
			default:
			}
		}
	})
	s.running.Go(func() {
		s.live <- struct{}{}
		for range pokes {
			ids, err := p.all()
			if err != nil {
				if s.ctx.Err() == nil {
					s.broke <- err
				}
				return
			}
			for id := range ids {
				s.seen.on(id, time.Time{})
			}
		}
	})
	return nil
}

// tap counts a board's pulls, and knows when the last answer of one was read.
type tap struct {
	below http.RoundTripper
	pulls *atomic.Int64
	got   atomic.Pointer[time.Time]
}

// RoundTrip passes a request on.
func (t *tap) RoundTrip(req *http.Request) (*http.Response, error) {
	res, err := t.below.RoundTrip(req)
	if err == nil && strings.HasSuffix(req.URL.Path, "/pull") {
		t.pulls.Add(1)
		res.Body = &tapped{res.Body, t}
	}
	return res, err
}

// CloseIdleConnections is asked for by http.Client.
func (t *tap) CloseIdleConnections() {
	if c, ok := t.below.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

func (t *tap) last() time.Time {
	if at := t.got.Load(); at != nil {
		return *at
	}
	return time.Time{}
}

type tapped struct {
	io.ReadCloser
	tap *tap
}

// Read notes the end of an answer.
func (b *tapped) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if errors.Is(err, io.EOF) {
		now := time.Now()
		b.tap.got.Store(&now)
	}
	return n, err
}
