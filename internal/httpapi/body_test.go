package httpapi_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"testing"
	"time"

	rig "github.com/fieldpost/fieldpost/internal/testrig"
)

// paths are the endpoints that take a body, each with whether it needs a token.
var paths = map[string]bool{"/api/sync/push": true, "/api/sync/pull": true, "/api/sync/enroll": false, "/api/sync/challenge": false, "/api/sync/renew": false}

func (e *edge) tokenFor(path string) string {
	if paths[path] {
		return e.worker.Token
	}
	return ""
}

// endless gives a text for ever and counts what was taken of it.
type endless struct {
	chunk []byte
	at    int
	taken int
}

func (s *endless) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		c := copy(p[n:], s.chunk[s.at:])
		n += c
		s.at = (s.at + c) % len(s.chunk)
	}
	s.taken += n
	return n, nil
}

func TestBodies(t *testing.T) {
	e := newEdge(t)
	t.Run("[WIRE] a body that is no JSON object is a bad request, and nothing is lost", func(t *testing.T) {
		before := e.stored()
		good := text(t, e.envelope(e.worker, e.worker.Mutation(rig.Create("observations", rig.ID(), e.Observation("")))))
		e.worker.N--
		utf16 := []byte{0xff, 0xfe}
		for _, c := range good {
			utf16 = append(utf16, c, 0)
		}
		for name, body := range map[string][]byte{
			"nothing": nil, "blanks": []byte(" \n"), "null": []byte("null"), "a list": []byte("[]"), "a text": []byte(`"x"`), "a number": []byte("7"),
			"half": good[:len(good)/2], "all but the last": good[:len(good)-1], "more after it": append(append([]byte{}, good...), '}'), "two": append(append([]byte{}, good...), good...),
			"invalid UTF-8": bytes.Replace(good, []byte("silver"), []byte("sil\xffer"), 1), "UTF-16": utf16, "a byte order mark": append([]byte("\xef\xbb\xbf"), good...),
			"zeros": make([]byte, 1000), "deep": bytes.Repeat([]byte("["), 60<<10), "deep objects": bytes.Repeat([]byte(`{"a":`), 12<<10), "a form": []byte("device=x&protocol=1"),
			"single quotes": []byte(`{'protocol':1}`), "NaN": []byte(`{"protocol":NaN}`), "HTML": []byte("<html><body>Sign in to the wifi</body></html>"),
		} {
			for path := range paths {
				if path != "/api/sync/push" && path != "/api/sync/pull" && (name == "invalid UTF-8" || name == "null") {
					continue // there a text is a text; see the tests of devices
				}
				e.post(path, e.tokenFor(path), body).is(t, path+" with "+name, http.StatusBadRequest, "bad_request", "never")
			}
		}
		rig.Want(t, e.stored(), before)
		e.answers()
	})
	t.Run("[WIRE] an encoding that is not gzip, or no gzip, is a bad request", func(t *testing.T) {
		before := e.stored()
		for path, body := range e.synced(e.worker) {
			whole := zip(t, body)
			flipped := append([]byte{}, whole...)
			flipped[len(flipped)-6] ^= 1 // the checksum
			for name, c := range map[string]struct {
				encoding string
				body     []byte
			}{
				"plain as gzip": {"gzip", body}, "half of gzip": {"gzip", whole[:len(whole)/2]}, "a wrong checksum": {"gzip", flipped}, "nothing as gzip": {"gzip", nil},
				"brotli": {"br", body}, "deflate": {"deflate", body}, "zstd": {"zstd", body}, "twice": {"gzip, gzip", zip(t, whole)}, "gzip in gzip": {"gzip", zip(t, whole)},
			} {
				a := e.send(http.MethodPost, path, e.worker.Token, bytes.NewReader(c.body), map[string]string{"Content-Encoding": c.encoding})
				a.is(t, path+" with "+name, http.StatusBadRequest, "bad_request", "never")
			}
			for _, encoding := range []string{"gzip", "GZIP"} {
				a := e.send(http.MethodPost, path, e.worker.Token, bytes.NewReader(whole), map[string]string{"Content-Encoding": encoding})
				rig.Want(t, a.status, http.StatusOK)
			}
		}
		rig.Want(t, e.stored(), before)
	})
	t.Run("[PUSH-13] what is too large, in whichever way, is 413 with the limits and to be split", func(t *testing.T) {
		before := e.stored()
		limits := e.S.Exchange.Limits
		for path := range paths {
			for name, body := range map[string]io.Reader{
				"a byte over the limit": bytes.NewReader(bytes.Repeat([]byte(" "), int(limits.Bytes)+1)),
				"40 MiB":                bytes.NewReader(make([]byte, 40<<20)),
				"no length told":        io.MultiReader(bytes.NewReader(bytes.Repeat([]byte(" "), int(limits.Bytes))), strings.NewReader(" ")),
			} {
				a := e.send(http.MethodPost, path, e.tokenFor(path), body, nil)
				if !paths[path] { // nothing to split there
					a.is(t, path+" with "+name, http.StatusBadRequest, "bad_request", "never")
					continue
				}
				a.is(t, path+" with "+name, http.StatusRequestEntityTooLarge, "too_large", "split")
				told, _ := a.body["limits"].(map[string]any)
				if told["bytes"] != float64(limits.Bytes) || told["inflated"] != float64(limits.Inflated) || told["mutations"] != float64(limits.Mutations) || told["changes"] != float64(limits.Changes) {
					t.Errorf("%s with %s: limits %v", path, name, told)
				}
			}
		}
		rig.Want(t, e.stored(), before)
		e.answers()
	})
	t.Run("[PUSH-13] a bomb is not inflated beyond the cap", func(t *testing.T) {
		before := e.stored()
		for path := range paths {
			// 1 GiB of blanks in a megabyte.
			bomb := &endless{chunk: zip(t, bytes.Repeat([]byte(" "), 1<<20))}
			var was, is runtime.MemStats
			runtime.ReadMemStats(&was)
			a := e.send(http.MethodPost, path, e.tokenFor(path), io.LimitReader(bomb, 1<<20), map[string]string{"Content-Encoding": "gzip"})
			runtime.ReadMemStats(&is)
			if paths[path] {
				a.is(t, path, http.StatusRequestEntityTooLarge, "too_large", "split")
			} else {
				a.is(t, path, http.StatusBadRequest, "bad_request", "never")
			}
			if grown := is.TotalAlloc - was.TotalAlloc; grown > 100<<20 {
				t.Errorf("%s: %d MiB allocated", path, grown>>20)
			}
		}
		rig.Want(t, e.stored(), before)
		e.answers()
	})
	t.Run("[WIRE] a request that breaks off leaves nothing and stops nobody", func(t *testing.T) {
		before := e.stored()
		u, err := url.Parse(e.URL)
		if err != nil {
			t.Fatal(err)
		}
		body := text(t, e.envelope(e.worker, e.worker.Mutation(rig.Create("observations", rig.ID(), e.Observation("")))))
		e.worker.N--
		for _, cut := range []int{0, 1, len(body) / 2, len(body) - 1} {
			c, err := net.Dial("tcp", u.Host)
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(c, "POST /api/sync/push HTTP/1.1\r\nHost: %s\r\nAuthorization: %s\r\nContent-Length: %d\r\n\r\n%s", u.Host, e.worker.Token, len(body), body[:cut])
			if err := c.(*net.TCPConn).CloseWrite(); err != nil {
				t.Fatal(err)
			}
			if err := c.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
				t.Fatal(err)
			}
			status, err := bufio.NewReader(c).ReadString('\n')
			if err == nil && !strings.Contains(status, "400") {
				t.Errorf("cut at %d: %s", cut, status)
			}
			c.Close()
		}
		rig.Want(t, e.stored(), before)
		e.answers()
	})
}

func TestPaths(t *testing.T) {
	e := newEdge(t)
	t.Run("[WIRE] a path that is none, and another method, is not found, in the protocol's words", func(t *testing.T) {
		for _, q := range [][2]string{{"GET", "/api/sync/"}, {"GET", "/api/sync/x"}, {"POST", "/api/sync/push/x"}, {"POST", "/api/sync/Push"}, {"GET", "/api/sync/push"}, {"PUT", "/api/sync/push"},
			{"DELETE", "/api/sync/pull"}, {"POST", "/api/sync/hello"}, {"GET", "/api/sync/enroll"}, {"POST", "/api/sync/..%2f..%2fetc"}, {"GET", "/api/sync/hello'--"}} {
			e.send(q[0], q[1], e.worker.Token, nil, nil).is(t, q[0]+" "+q[1], http.StatusNotFound, "not_found", "never")
		}
	})
	t.Run("[WIRE] hello needs nothing and says all of it", func(t *testing.T) {
		a := e.send(http.MethodGet, "/api/sync/hello", "", nil, nil)
		rig.Want(t, a.status, http.StatusOK)
		rig.Want(t, len(a.body), 7)
		rig.Want(t, []any{a.body["protocol"], a.body["schema"], a.body["minSchema"], a.body["durability"]}, "[[1] 2 1 fsync]")
		limits, _ := a.body["limits"].(map[string]any)
		rig.Want(t, fmt.Sprint(limits["mutations"], limits["bytes"], limits["inflated"], limits["changes"]), "1000 4.194304e+06 1.6777216e+07 1000")
		if _, err := time.Parse("2006-01-02T15:04:05.000Z", fmt.Sprint(a.body["now"])); err != nil || a.body["epoch"] == "" {
			t.Fatal(string(a.raw))
		}
		// An old token in the header is no hindrance.
		rig.Want(t, e.send(http.MethodGet, "/api/sync/hello", "garbage", nil, nil).status, http.StatusOK)
	})
	t.Run("[WIRE] a fault of the server's own is an answer too, and tells nothing of its inside", func(t *testing.T) {
		now := e.S.Exchange.Now
		e.S.Exchange.Now = func() time.Time { panic("a secret of the inside") }
		a := e.send(http.MethodGet, "/api/sync/hello", "", nil, nil)
		e.S.Exchange.Now = now
		a.is(t, "hello", http.StatusInternalServerError, "internal", "later")
		if strings.Contains(string(a.raw), "secret") {
			t.Error(string(a.raw))
		}
		e.answers()
	})
	t.Run("[WIRE] SQL and filter syntax in stock addresses finds nothing and breaks nothing", func(t *testing.T) {
		before := e.stored()
		for _, path := range []string{
			"/api/collections/" + url.PathEscape("observations' OR 1=1 --") + "/records",
			"/api/collections/journal_entry/records", "/api/collections/sqlite_master/records", "/api/collections/_superusers/records",
			"/api/collections/observations/records/" + url.PathEscape("x' OR '1'='1"),
			"/api/collections/observations/records?filter=" + url.QueryEscape(`' OR 1=1 --`),
			"/api/collections/observations/records?filter=" + url.QueryEscape(`id="x" || 1=1); DROP TABLE users; --`),
			"/api/collections/observations/records?filter=" + url.QueryEscape(strings.Repeat("(", 5000)),
			"/api/collections/observations/records?sort=" + url.QueryEscape(`(SELECT 1)`),
			"/api/collections/journal_entry/records?filter=" + url.QueryEscape(`actor!=""`),
		} {
			if a := e.send(http.MethodGet, path, e.worker.Token, nil, nil); a.status != http.StatusBadRequest && a.status != http.StatusForbidden && a.status != http.StatusNotFound {
				t.Errorf("%s: %d %.200s", path, a.status, a.raw)
			}
		}
		rig.Want(t, e.stored(), before)
		e.answers()
	})
}
