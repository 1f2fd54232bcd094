package main

import (
	"encoding/json"
	"fmt"
	"math/rand"
	"os"
	"sort"
	"sync"
	"sync/atomic"
	"time"
)

// line is one direction of a bad mobile link. Figures are those under which the
// peers of docs/PERFORMANCE.md were measured.
type line struct {
	bits  float64       // per second
	delay time.Duration // one way
	loss  float64       // of packets
	queue int           // bytes that wait at the modem; what does not fit is dropped

	sent, lost atomic.Int64 // bytes carried, packets dropped
}

func badLine() *line {
	return &line{bits: 250_000, delay: 300 * time.Millisecond, loss: 0.02, queue: 64 << 10}
}

type packet struct {
	at   time.Time
	data []byte
}

// carry moves packets from one network device to another, as slowly and as
// badly as the line is, until from is closed.
func (l *line) carry(from, to *os.File, chance *rand.Rand) error {
	due := make(chan packet, 4096)
	failed := make(chan error, 1)
	go func() {
		var err error
		for p := range due {
			time.Sleep(time.Until(p.at))
			if err == nil {
				_, err = to.Write(p.data)
			}
		}
		failed <- err
	}()
	var free time.Time // when the line has sent what waits
	buf := make([]byte, 65536)
	for {
		n, err := from.Read(buf)
		if err != nil {
			close(due)
			<-failed
			return err
		}
		now := time.Now()
		if free.Before(now) {
			free = now
		}
		waiting := int(free.Sub(now).Seconds() * l.bits / 8)
		if waiting+n > l.queue || chance.Float64() < l.loss {
			l.lost.Add(1)
			continue
		}
		l.sent.Add(int64(n))
		free = free.Add(time.Duration(float64(n*8) / l.bits * float64(time.Second)))
		due <- packet{free.Add(l.delay), append([]byte(nil), buf[:n]...)}
	}
}

// linkResult is what one way needs to bring the observations over the line.
type linkResult struct {
	What    string    `json:"what"`
	Docs    int       `json:"docs"`
	Seconds float64   `json:"seconds"` // median
	Best    float64   `json:"best"`
	Worst   float64   `json:"worst"`
	UpKB    float64   `json:"kilobytesUp"` // packets, headers included, a round
	DownKB  float64   `json:"kilobytesDown"`
	Lost    int64     `json:"packetsLost"`
	All     []float64 `json:"all"`
}

const linkDocs = 50

const kindFieldpost = "fieldpost"

// linkKinds are the ways over the line: who serves, and whether a browser sends.
var linkKinds = map[string]struct {
	what, server string
	browser      bool
}{
	kindFieldpost: {"fieldpost, client library", "fieldpost", false},
	"stock":       {"stock batch of 50", "stock", false},
	"web":         {"fieldpost, the apps' library in Chromium", "fieldpost", true},
	"web-stock":   {"stock batch of 50, fetch in Chromium", "stock", true},
}

// runLink measures 50 observations over the bad line: Fieldpost's own client
// library, and one batch request of stock PocketBase; with browsers, the same
// two from a page. Each round opens a new connection, as a phone does that
// finds one bar of coverage.
func runLink(rounds int, browsers bool) ([]linkResult, error) {
	var out []linkResult
	for _, kind := range []string{kindFieldpost, "stock", "web", "web-stock"} {
		if linkKinds[kind].browser && !browsers {
			continue
		}
		r, err := overLink(kind, rounds)
		if err != nil {
			return nil, fmt.Errorf("link, %s: %w", kind, err)
		}
		out = append(out, *r)
	}
	return out, nil
}

func overLink(kind string, rounds int) (*linkResult, error) {
	server, err := startIsolated("server", kind)
	if err != nil {
		return nil, err
	}
	defer server.stop()
	var at ready
	if err := server.next(&at); err != nil {
		return nil, fmt.Errorf("server: %w", err)
	}
	phone, err := startIsolated("phone", kind)
	if err != nil {
		return nil, err
	}
	defer phone.stop()
	up, down := badLine(), badLine()
	var carrying sync.WaitGroup
	for i, d := range []struct {
		line     *line
		from, to *os.File
	}{{up, phone.tun, server.tun}, {down, server.tun, phone.tun}} {
		carrying.Go(func() {
			// It ends when the devices are closed below.
			_ = d.line.carry(d.from, d.to, rand.New(rand.NewSource(int64(7+i))))
		})
	}
	defer carrying.Wait()
	defer phone.tun.Close()
	defer server.tun.Close()
	if err := phone.tell(at); err != nil {
		return nil, err
	}
	var prepared bool // enrolled, over the same line
	if err := phone.next(&prepared); err != nil {
		return nil, fmt.Errorf("phone: %w", err)
	}
	r := &linkResult{What: linkKinds[kind].what, Docs: linkDocs}
	u, d := up.sent.Load(), down.sent.Load()
	for range rounds {
		if err := phone.tell(true); err != nil {
			return nil, err
		}
		var seconds float64
		if err := phone.next(&seconds); err != nil {
			return nil, fmt.Errorf("phone: %w", err)
		}
		r.All = append(r.All, seconds)
	}
	r.UpKB, r.DownKB = float64(up.sent.Load()-u)/1000/float64(rounds), float64(down.sent.Load()-d)/1000/float64(rounds)
	r.Lost = up.lost.Load() + down.lost.Load()
	sorted := append([]float64(nil), r.All...)
	sort.Float64s(sorted)
	r.Seconds, r.Best, r.Worst = sorted[len(sorted)/2], sorted[0], sorted[len(sorted)-1]
	return r, nil
}

func printLink(results []linkResult) {
	if len(results) == 0 {
		return
	}
	fmt.Printf("\n%d observations over 250 kbit/s, 300 ms one way, 2 %% loss each way:\n\n| what | seconds (median) | best | worst | kB up | kB down |\n|---|---|---|---|---|---|\n", linkDocs)
	for _, r := range results {
		fmt.Printf("| %s | %.2f | %.2f | %.2f | %.1f | %.1f |\n", r.What, r.Seconds, r.Best, r.Worst, r.UpKB, r.DownKB)
	}
}

// isolated is a child in a network of its own, whose one way out is tun.
type isolated struct {
	tun  *os.File
	in   *json.Encoder
	out  *json.Decoder
	stop func()
}

func (c *isolated) tell(v any) error { return c.in.Encode(v) }
func (c *isolated) next(v any) error { return c.out.Decode(v) }
