package wiring_test

import (
	"io"
	"net"
	"strings"
	"testing"
	"time"

	rig "github.com/fieldpost/fieldpost/internal/testrig"
)

func TestSlowHead(t *testing.T) {
	t.Run("[DOOR] who never ends the head of a request is cut off within half a minute, at both listeners", func(t *testing.T) {
		r := rig.New(t)
		ended := make(chan error, 2)
		for _, at := range []string{r.URL, r.Admin} {
			conn, err := net.Dial("tcp", strings.TrimPrefix(at, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if _, err := io.WriteString(conn, "GET /api/health HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: "); err != nil {
				t.Fatal(err)
			}
			go func() { // a byte a second, as such a client does
				for {
					if _, err := io.WriteString(conn, "a"); err != nil {
						return
					}
					time.Sleep(time.Second)
				}
			}()
			go func() {
				if err := conn.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
					ended <- err
					return
				}
				_, err := io.Copy(io.Discard, conn)
				if timeout, ok := err.(net.Error); !ok || !timeout.Timeout() {
					err = nil // it was closed, by a word or by a reset
				}
				ended <- err
			}()
		}
		for range 2 {
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
	})
}
