package exchange_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	rig "github.com/fieldpost/fieldpost/internal/testrig"
)

// standStill keeps the writer inside a transaction while a queue fills up
// behind it, until goOn is called.
func (w *town) standStill(t *testing.T) (goOn func()) {
	t.Helper()
	standing, release, ended := make(chan struct{}), make(chan struct{}), make(chan error)
	go func() {
		ended <- w.App.RunInTransaction(func(core.App) error {
			close(standing)
			<-release
			return nil
		})
	}()
	<-standing
	return func() {
		t.Helper()
		close(release)
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
	}
}

func TestPushQueue(t *testing.T) {
	w := newTown(t)
	const each, admitted = 1000, 20
	count := func(i int) int {
		return len(w.rows(`SELECT 1 FROM observations WHERE note={:n}`, dbx.Params{"n": fmt.Sprint("heavy ", i)}))
	}
	phones, bodies := make([]*rig.Device, admitted+2), make([][]byte, admitted+2)
	for i := range phones {
		phones[i] = w.worker()
		list := make([]any, each)
		for k := range list {
			list[k] = phones[i].Mutation(rig.Create("observations", rig.ID(), with(w.Observation(""), "note", fmt.Sprint("heavy ", i))))
		}
		bodies[i] = mustJSON(t, envelope(phones[i], list...))
	}

	goOn := w.standStill(t)
	ctx, hangUp := context.WithCancel(context.Background())
	defer hangUp()
	request := func(i int) *http.Request {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.URL+"/api/sync/push", bytes.NewReader(bodies[i]))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", phones[i].Token)
		return req
	}
	var wg sync.WaitGroup
	for i := range admitted {
		req := request(i)
		wg.Go(func() {
			if answer, err := http.DefaultTransport.RoundTrip(req); err == nil {
				answer.Body.Close()
				t.Errorf("request %d was answered %d while nothing could be written", i, answer.StatusCode)
			}
		})
	}
	time.Sleep(3 * time.Second) // they are all read and wait by now

	t.Run("[PUSH-13] a few large requests too many are answered busy at once, as many small ones are", func(t *testing.T) {
		w.on(t)
		late := time.AfterFunc(5*time.Second, hangUp)
		defer late.Stop()
		answer, err := http.DefaultTransport.RoundTrip(request(admitted))
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		if answer.StatusCode != http.StatusServiceUnavailable || answer.Header.Get("Retry-After") == "" {
			t.Errorf("status %d, Retry-After %q", answer.StatusCode, answer.Header.Get("Retry-After"))
		}
	})

	t.Run("[PUSH-13] what a device hung up on before it was begun is not done behind its back, and makes room", func(t *testing.T) {
		w.on(t)
		hangUp()
		wg.Wait()
		time.Sleep(200 * time.Millisecond) // the server hears of it
		goOn()
		// Busy until the writer is done with what it had in its hands.
		var answer int
		for range 100 {
			if answer = w.postPush(phones[admitted+1], bodies[admitted+1], nil).status; answer != http.StatusServiceUnavailable {
				break
			}
			time.Sleep(100 * time.Millisecond)
		}
		if answer != http.StatusOK {
			t.Fatalf("status %d after the queue was left", answer)
		}
		done := 0
		for i := range admitted {
			switch n := count(i); n {
			case 0:
			case each:
				done++
			default:
				t.Errorf("%d of %d mutations of a request are there", n, each)
			}
		}
		// The writer had the first in its hands, and with it what came before
		// it asked for more.
		if done == 0 || done > 4 {
			t.Errorf("%d of %d requests that nobody waited for were done", done, admitted)
		}
		rig.Want(t, count(admitted), 0)
		rig.Want(t, count(admitted+1), each)
	})
}
