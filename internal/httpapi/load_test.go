package httpapi_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/fieldpost/fieldpost/internal/httpapi"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
)

func TestLoad(t *testing.T) {
	e := newEdge(t)
	gzipped := map[string]string{"Content-Encoding": "gzip"}

	t.Run("[LIMITS] enroll, challenge and renew take no body over 64 KB, inflated or not, and nobody is told to split it", func(t *testing.T) {
		for _, path := range []string{"enroll", "challenge", "renew"} {
			good := text(t, map[string]any{"device": "nobodyknowsthis", "challenge": "x"})
			pad := func(size int) []byte { return append(good, bytes.Repeat([]byte(" "), size-len(good))...) }
			path = "/api/sync/" + path
			if a := e.post(path, "", pad(64<<10)); strings.Contains(string(a.raw), "64 KB") {
				t.Errorf("%s: 64 KB: %s", path, a.raw)
			}
			over := e.post(path, "", pad(64<<10+1))
			over.is(t, path, http.StatusBadRequest, "bad_request", "never")
			rig.Want(t, over.body["message"], "The request is larger than 64 KB.")
			zipped := zip(t, pad(3<<20))
			if len(zipped) > 16<<10 {
				t.Fatal("not small")
			}
			e.send(http.MethodPost, path, "", bytes.NewReader(zipped), gzipped).is(t, path+" inflated", http.StatusBadRequest, "bad_request", "never")
		}
		e.answers()
	})

	t.Run("[PUSH-13] a push that finds no place to be decoded is busy in the end, and goes through when there is one", func(t *testing.T) {
		httpapi.SetDecodeWait(200 * time.Millisecond)
		defer httpapi.SetDecodeWait(10 * time.Second)
		for range cap(httpapi.Decoding) {
			httpapi.Decoding <- struct{}{}
		}
		body := text(t, e.envelope(e.worker))
		e.post("/api/sync/push", e.worker.Token, body).is(t, "no place", http.StatusServiceUnavailable, "busy", "later")
		// What needs no place is answered meanwhile.
		rig.Want(t, e.post("/api/sync/pull", e.worker.Token, []byte(`{"protocol":1,"schema":1,"device":"`+e.worker.ID+`"}`)).status, http.StatusOK)
		for range cap(httpapi.Decoding) {
			<-httpapi.Decoding
		}
		e.answers()
		rig.Want(t, len(httpapi.Decoding), 0)
	})

	t.Run("[PUSH-13] a body that comes slowly takes no place", func(t *testing.T) {
		body := text(t, e.envelope(e.worker))
		began, more := make(chan struct{}), make(chan struct{})
		done := make(chan int)
		go func() {
			done <- e.send(http.MethodPost, "/api/sync/push", e.worker.Token, &slow{parts: [][]byte{body[:10], body[10:]}, began: began, more: more}, nil).status
		}()
		<-began
		time.Sleep(50 * time.Millisecond)
		rig.Want(t, len(httpapi.Decoding), 0)
		close(more)
		rig.Want(t, <-done, http.StatusOK)
	})
}

// slow gives its second part when it is told to.
type slow struct {
	parts       [][]byte
	began, more chan struct{}
}

func (s *slow) Read(p []byte) (int, error) {
	switch len(s.parts) {
	case 0:
		return 0, io.EOF
	case 1:
		close(s.began)
		<-s.more
	}
	n := copy(p, s.parts[0])
	s.parts = s.parts[1:]
	return n, nil
}
