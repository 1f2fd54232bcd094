package exchange_test

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	rig "github.com/fieldpost/fieldpost/internal/testrig"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// event is one server-sent event.
type event struct{ name, data string }

// stream is an open realtime connection, spoken by hand.
type stream struct {
	t      testing.TB
	rig    *rig.Rig
	id     string
	events chan event // closed when the server ends the stream
}

// listen connects and reads the first event, which names the client.
func listen(t testing.TB, r *rig.Rig) *stream {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.URL+"/api/realtime", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	s := &stream{t: t, rig: r, events: make(chan event, 1000)}
	go func() {
		defer res.Body.Close()
		defer close(s.events)
		lines := bufio.NewScanner(res.Body)
		var e event
		for lines.Scan() {
			key, value, _ := strings.Cut(lines.Text(), ":")
			switch key {
			case "event":
				e.name = value
			case "data":
				e.data = value
			case "":
				if e.name != "" {
					s.events <- e
				}
				e = event{}
			}
		}
	}()
	first := s.next(5 * time.Second)
	rig.Want(t, first.name, "PB_CONNECT")
	var hello struct {
		ClientID string `json:"clientId"`
	}
	if err := json.Unmarshal([]byte(first.data), &hello); err != nil {
		t.Fatal(err)
	}
	s.id = hello.ClientID
	return s
}

// subscribe sets the topics and gives the status and, for a refusal, its body.
func (s *stream) subscribe(token string, topics ...string) (int, wire.ErrorBody) {
	s.t.Helper()
	var e wire.ErrorBody
	status := s.rig.Post(token, "/api/realtime", map[string]any{"clientId": s.id, "subscriptions": topics}, &e)
	return status, e
}

// watch connects and subscribes to the sync topic.
func watch(t testing.TB, r *rig.Rig, token string) *stream {
	t.Helper()
	s := listen(t, r)
	if status, e := s.subscribe(token, "sync"); status != http.StatusNoContent {
		t.Fatalf("subscribe: %d %+v", status, e)
	}
	return s
}

// next waits for an event; none, or the end of the stream, fails the test.
func (s *stream) next(within time.Duration) event {
	s.t.Helper()
	select {
	case e, ok := <-s.events:
		if !ok {
			s.t.Fatal("the server ended the stream")
		}
		return e
	case <-time.After(within):
		s.t.Fatalf("no event in %v", within)
	}
	return event{}
}

// poked waits for one poke, which says nothing.
func (s *stream) poked() {
	s.t.Helper()
	e := s.next(3 * time.Second)
	rig.Want(s.t, e, event{"sync", "{}"})
}

// quiet fails when an event comes. It waits longer than a poke that was held
// back would take.
func (s *stream) quiet() {
	s.t.Helper()
	select {
	case e, ok := <-s.events:
		if ok {
			s.t.Fatalf("an event came: %+v", e)
		}
		s.t.Fatal("the server ended the stream")
	case <-time.After(600 * time.Millisecond):
	}
}

// ended waits for the server to end the stream.
func (s *stream) ended() {
	s.t.Helper()
	deadline := time.After(3 * time.Second)
	for {
		select {
		case e, ok := <-s.events:
			if !ok {
				return
			}
			s.t.Logf("before the end: %+v", e)
		case <-deadline:
			s.t.Fatal("the stream is still open")
		}
	}
}
