package exchange_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/fieldpost/fieldpost/internal/access"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// BenchmarkPull is what one pull of a board costs, over HTTP and through all
// that stands before it; cpu-us is of the whole process, the asking side
// included. "at once" is many boards that a poke has woken.
func BenchmarkPull(b *testing.B) {
	const boards = 100
	r := rig.New(b)
	ngo := r.Organization("Outreach")
	site := r.Site("Stop", "", ngo)
	worker := r.Enroll(access.Worker, ngo)
	at := map[int][]asking{} // how many changes lie ahead -> what each board asks
	all := make([]*rig.Device, boards)
	for i := range all {
		all[i] = r.Enroll(access.Coordinator, ngo)
	}
	look := func() []asking {
		out := make([]asking, boards)
		for i, d := range all {
			out[i] = board(b, d)
		}
		return out
	}
	at[50] = look()
	push := func(n int) {
		var all []wire.Mutation
		for range n {
			all = append(all, worker.Mutation(rig.Create("observations", rig.ID(), r.Observation(site))))
		}
		worker.Push(all...)
	}
	push(49)
	at[1] = look()
	push(1)
	at[0] = look()
	c := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 2 * boards}}
	for _, changes := range []int{0, 1, 50} {
		for _, atOnce := range []int{1, boards} {
			b.Run(fmt.Sprintf("%d_changes_%d_at_once", changes, atOnce), func(b *testing.B) {
				for _, a := range at[changes][:atOnce] { // connections are there
					if err := a.ask(c); err != nil {
						b.Fatal(err)
					}
				}
				var next atomic.Int64
				b.SetParallelism(max(1, atOnce/2)) // times the processors
				b.ReportAllocs()
				b.ResetTimer()
				before := processor(b)
				one := func() bool {
					err := at[changes][int(next.Add(1))%atOnce].ask(c)
					if err != nil {
						b.Error(err)
					}
					return err == nil
				}
				if atOnce == 1 {
					for range b.N {
						if !one() {
							return
						}
					}
				} else {
					b.RunParallel(func(pb *testing.PB) {
						for pb.Next() && one() {
						}
					})
				}
				b.ReportMetric(float64((processor(b)-before).Microseconds())/float64(b.N), "cpu-us/op")
			})
		}
	}
}

// asking is a request as a device sends it.
type asking struct {
	url, token string
	path       string
	body       []byte
}

func (a asking) ask(c *http.Client) error {
	raw, err := a.send(c)
	if err == nil && len(raw) == 0 {
		err = fmt.Errorf("%s: no answer", a.path)
	}
	return err
}

func (a asking) send(c *http.Client) ([]byte, error) {
	req, err := http.NewRequest(http.MethodPost, a.url+a.path, bytes.NewReader(a.body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", a.token)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept-Encoding", "gzip")
	res, err := c.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %d %s", a.path, res.StatusCode, raw)
	}
	return raw, err
}

// board gives what a board asks once it has all that there is.
func board(b *testing.B, d *rig.Device) asking {
	for {
		raw, err := json.Marshal(map[string]any{"protocol": 1, "schema": wire.Schema, "device": d.ID, "mark": d.Mark, "cursor": d.Cursor, "app": "bench", "waiting": 0})
		if err != nil {
			b.Fatal(err)
		}
		a := asking{d.Rig.URL, d.Token, "/api/sync/pull", raw}
		var page struct {
			Cursor, Mark string
			More         bool
		}
		if status := d.Rig.Post(d.Token, "/api/sync/pull", raw, &page); status != http.StatusOK {
			b.Fatal(status)
		}
		if d.Cursor != nil && *d.Cursor == page.Cursor {
			return a
		}
		d.Cursor, d.Mark = &page.Cursor, &page.Mark
		if !page.More {
			if raw, err = json.Marshal(map[string]any{"protocol": 1, "schema": wire.Schema, "device": d.ID, "mark": d.Mark, "cursor": d.Cursor, "app": "bench", "waiting": 0}); err != nil {
				b.Fatal(err)
			}
			return asking{d.Rig.URL, d.Token, "/api/sync/pull", raw}
		}
	}
}

// processor is the time of processor that this process has used.
func processor(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
