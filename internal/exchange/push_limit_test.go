package exchange_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	rig "github.com/fieldpost/fieldpost/internal/testrig"
	"github.com/fieldpost/fieldpost/internal/wire"
)

func zipped(t testing.TB, raw []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(raw); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// small are limits that a test reaches in a moment.
var small = wire.Limits{Mutations: 60, Bytes: 256 << 10, Inflated: 1 << 20, Changes: 70}

// tooLarge fails unless the answer is 413 with the limits.
func tooLarge(t testing.TB, a answer) {
	t.Helper()
	limits := a.is(t, http.StatusRequestEntityTooLarge, "too_large", "split")["limits"]
	if want := object(t, mustJSON(t, small)); !wire.EqualJSON(limits, want) {
		t.Fatalf("limits %v, want %v", limits, want)
	}
}

// endless is a body that never ends; it counts what was taken of it.
type endless struct {
	chunk []byte
	taken int64
}

func (e *endless) Read(p []byte) (int, error) {
	n := copy(p, e.chunk)
	e.taken += int64(n)
	return n, nil
}

func TestPushLimits(t *testing.T) {
	w := newTown(t)
	rosa := w.worker()
	shipped := w.S.Exchange.Limits
	w.S.Exchange.Limits = small
	batch := func(n int) []any {
		list := []any{}
		for range n {
			list = append(list, rosa.Mutation(rig.Create("observations", rig.ID(), w.Observation(""))))
		}
		return list
	}
	t.Run("[PUSH-13] batches of none, one, the limit less one and the limit are taken whole, one more not at all", func(t *testing.T) {
		w.on(t)
		limit := w.S.Exchange.Limits.Mutations
		for _, n := range []int{0, 1, limit - 1, limit} {
			before := w.count("observations")
			for _, v := range pushLoose(t, rosa, batch(n)...) {
				applied(t, v)
			}
			rig.Want(t, w.count("observations"), before+n)
		}
		before := w.print()
		over := mustJSON(t, envelope(rosa, batch(limit+1)...))
		tooLarge(t, w.postPush(rosa, over, nil))
		tooLarge(t, w.postPush(rosa, zipped(t, over), map[string]string{"Content-Encoding": "gzip"}))
		many := make([]any, 10_000)
		for i := range many {
			many[i] = map[string]any{"n": i + 1}
		}
		tooLarge(t, w.postPush(rosa, mustJSON(t, envelope(rosa, many...)), nil))
		w.unchanged(before)
	})
	t.Run("[PUSH-13] a body over the limit of bytes is refused, at the limit it is read", func(t *testing.T) {
		w.on(t)
		raw := mustJSON(t, envelope(rosa, batch(1)...))
		limit := int(w.S.Exchange.Limits.Bytes)
		fit := append(raw, bytes.Repeat([]byte(" "), limit-len(raw))...)
		if a := w.postPush(rosa, fit, nil); a.status != http.StatusOK {
			t.Fatalf("%d %s", a.status, a.body)
		}
		before := w.print()
		tooLarge(t, w.postPush(rosa, append(fit, ' '), nil))
		// The same without a length that tells beforehand.
		tooLarge(t, post(t, w.URL+"/api/sync/push", rosa.Token, io.MultiReader(bytes.NewReader(fit), strings.NewReader(" ")), nil))
		w.unchanged(before)
	})
	t.Run("[PUSH-13] a gzip body is taken, and its inflated size is limited too", func(t *testing.T) {
		w.on(t)
		raw := mustJSON(t, envelope(rosa, batch(3)...))
		gzipped := map[string]string{"Content-Encoding": "gzip"}
		a := w.postPush(rosa, zipped(t, raw), gzipped)
		if a.status != http.StatusOK || strings.Count(string(a.body), `"verdict":"applied"`) != 3 {
			t.Fatalf("%d %s", a.status, a.body)
		}
		limit := int(w.S.Exchange.Limits.Inflated)
		fit := append(raw, bytes.Repeat([]byte(" "), limit-len(raw))...)
		if a := w.postPush(rosa, zipped(t, fit), gzipped); a.status != http.StatusOK || strings.Count(string(a.body), `"replayed":true`) != 3 {
			t.Fatalf("%d %s", a.status, a.body)
		}
		tooLarge(t, w.postPush(rosa, zipped(t, append(fit, ' ')), gzipped))
		w.postPush(rosa, raw, gzipped).is(t, http.StatusBadRequest, "bad_request", "never")
		w.postPush(rosa, zipped(t, raw)[:40], gzipped).is(t, http.StatusBadRequest, "bad_request", "never")
		w.postPush(rosa, raw, map[string]string{"Content-Encoding": "br"}).is(t, http.StatusBadRequest, "bad_request", "never")
	})
	t.Run("[PUSH-13] a body that inflates without end is refused before it is read to the end", func(t *testing.T) {
		w.on(t)
		// 8 MiB of zeros, gzipped, over and over: gzip members may follow one another.
		bomb := &endless{chunk: zipped(t, make([]byte, 8<<20))}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		tooLarge(t, post(t, w.URL+"/api/sync/push", rosa.Token, bomb, map[string]string{"Content-Encoding": "gzip"}))
		runtime.ReadMemStats(&after)
		if grown := after.TotalAlloc - before.TotalAlloc; grown > 32<<20 {
			t.Fatalf("%d MiB allocated for a body of at most 1", grown>>20)
		}
		if bomb.taken > 16<<20 {
			t.Fatalf("%d bytes read", bomb.taken)
		}
		tooLarge(t, post(t, w.URL+"/api/sync/push", rosa.Token, &endless{chunk: bytes.Repeat([]byte("[{"), 1<<14)}, nil))
	})
	t.Run("[PUSH-13] what is left of a body that was not read is not taken for the next request", func(t *testing.T) {
		w.on(t)
		for path, token := range map[string]string{"push": "nobody", "pull": rosa.Token, "nowhere": rosa.Token} {
			// A pipelined request stands behind a body of 6 MiB, byte for byte.
			hello := "GET /api/sync/hello HTTP/1.1\r\nHost: x\r\n\r\n"
			body := strings.Repeat("GET /api/sync/hello HTTP/1.1\r\nHost: x\r\n\r\n", 6<<20/len(hello))
			conn, err := net.Dial("tcp", strings.TrimPrefix(w.URL, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			go func() {
				// It fails once the server has closed the connection, as it should.
				_, _ = fmt.Fprintf(conn, "POST /api/sync/%s HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\nContent-Length: %d\r\n\r\n%s", path, token, len(body), body)
			}()
			in := bufio.NewReader(conn)
			res, err := http.ReadResponse(in, nil)
			if err != nil {
				t.Fatal(err)
			}
			first, err := io.ReadAll(res.Body)
			if err != nil || res.StatusCode < 400 {
				t.Fatalf("%d %s %v", res.StatusCode, first, err)
			}
			if second, err := http.ReadResponse(in, nil); err == nil {
				t.Fatalf("%s: the body was taken for a request and answered %d", path, second.StatusCode)
			}
			if err := conn.Close(); err != nil {
				t.Fatal(err)
			}
		}
	})
	t.Run("[PUSH-13] a device that is not the token's is refused, whoever it is", func(t *testing.T) {
		w.on(t)
		before := w.print()
		for _, id := range []string{w.NewDevice().ID, "", "x' OR 1=1"} {
			e := envelope(rosa, batch(1)...)
			e["device"] = id
			w.postPush(rosa, mustJSON(t, e), nil).is(t, http.StatusForbidden, "wrong_device", "never")
		}
		w.unchanged(before)
		e := envelope(w.worker(), batch(1)...)
		w.postPush(rosa, mustJSON(t, e), nil).is(t, http.StatusForbidden, "wrong_device", "never")
	})
	t.Run("[PUSH-13] the answer is gzipped where the device takes it", func(t *testing.T) {
		w.on(t)
		a := w.postPush(rosa, mustJSON(t, envelope(rosa, batch(30)...)), map[string]string{"Accept-Encoding": "gzip"})
		rig.Want(t, a.header.Get("Content-Encoding"), "gzip")
		z, err := gzip.NewReader(bytes.NewReader(a.body))
		if err != nil {
			t.Fatal(err)
		}
		raw, err := io.ReadAll(z)
		if err != nil || strings.Count(string(raw), "applied") != 30 {
			t.Fatalf("%v %s", err, raw)
		}
	})
	t.Run("[PUSH-13] hello tells the limits that hold, and those that ship admit 1,000 mutations", func(t *testing.T) {
		w.on(t)
		var hello wire.Hello
		rig.Want(t, w.Send(http.MethodGet, "", "/api/sync/hello", nil, &hello), http.StatusOK)
		rig.Want(t, hello.Limits, small)
		rig.Want(t, shipped, wire.Limits{Mutations: 1000, Bytes: 4 << 20, Inflated: 16 << 20, Changes: 1000})
		w.S.Exchange.Limits = shipped
		defer func() { w.S.Exchange.Limits = small }()
		for _, v := range pushLoose(t, rosa, batch(1000)...) {
			applied(t, v)
		}
	})
}

func TestPushOverload(t *testing.T) {
	w := newTown(t)
	t.Run("[PUSH-13] too many at once are answered busy with Retry-After, and nothing of them is committed", func(t *testing.T) {
		w.on(t)
		rosa := w.worker()
		// The writer stands still inside a transaction while the queue fills up.
		standing, release := make(chan struct{}), make(chan struct{})
		go func() {
			err := w.App.RunInTransaction(func(core.App) error {
				close(standing)
				<-release
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		}()
		<-standing
		const requests = 300
		answers := make([]answer, requests)
		note := make([]string, requests)
		var wg sync.WaitGroup
		for i := range requests {
			note[i] = fmt.Sprintf("request %d", i)
			m := rosa.Mutation(rig.Create("observations", rig.ID(), with(w.Observation(""), "note", note[i])),
				rig.Create("observations", rig.ID(), with(w.Observation(""), "note", note[i])))
			body := mustJSON(t, envelope(rosa, m))
			wg.Go(func() { answers[i] = w.postPush(rosa, body, nil) })
		}
		time.AfterFunc(500*time.Millisecond, func() { close(release) })
		wg.Wait()
		busy := 0
		for i, a := range answers {
			want := 2
			if a.status != http.StatusOK {
				a.is(t, http.StatusServiceUnavailable, "busy", "later")
				if s, err := strconv.Atoi(a.header.Get("Retry-After")); err != nil || s < 1 {
					t.Fatalf("Retry-After %q", a.header.Get("Retry-After"))
				}
				busy++
				want = 0
			}
			rig.Want(t, len(w.rows(`SELECT 1 FROM observations WHERE note={:n}`, dbx.Params{"n": note[i]})), want)
		}
		if busy == 0 || busy == requests {
			t.Fatalf("%d of %d were busy", busy, requests)
		}
	})
}
