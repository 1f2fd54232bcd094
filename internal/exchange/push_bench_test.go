package exchange_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fieldpost/fieldpost/internal/access"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// BenchmarkPush is what one report costs that is pushed alone, over HTTP: by one
// phone after the other, and by fifty in one moment. cpu-us is of the whole
// process, the asking side included; commits is transactions a push.
func BenchmarkPush(b *testing.B) {
	const phones = 50
	r := rig.New(b)
	ngo := r.Organization("Outreach")
	site := r.Site("Stop", "", ngo)
	all := make([]*rig.Device, phones)
	for i := range all {
		all[i] = r.Enroll(access.Worker, ngo)
	}
	var commits atomic.Int64
	told := r.S.Store.Notify
	r.S.Store.Notify = func(scopes map[string]bool) { commits.Add(1); told(scopes) }
	c := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 2 * phones}}
	for _, atOnce := range []int{1, phones} {
		b.Run(fmt.Sprintf("%d_at_once", atOnce), func(b *testing.B) {
			ask := make([]asking, b.N*atOnce)
			for i := range ask {
				d := all[i%phones]
				raw, err := json.Marshal(map[string]any{"protocol": 1, "device": d.ID, "epoch": nil, "mark": d.Mark,
					"now": r.Clock.Now().Format(wire.TimeFormat), "mutations": []any{d.Mutation(rig.Create("observations", rig.ID(), r.Observation(site)))}})
				if err != nil {
					b.Fatal(err)
				}
				ask[i] = asking{r.URL, d.Token, "/api/sync/push", raw}
			}
			commits.Store(0)
			b.ReportAllocs()
			b.ResetTimer()
			var worked time.Duration
			for i := range b.N {
				before := processor(b)
				var done sync.WaitGroup
				for _, a := range ask[i*atOnce : (i+1)*atOnce] {
					done.Go(func() {
						if err := a.ask(c); err != nil {
							b.Error(err)
						}
					})
				}
				done.Wait()
				worked += processor(b) - before
			}
			n := float64(b.N * atOnce)
			b.ReportMetric(float64(worked.Microseconds())/n, "cpu-us/push")
			b.ReportMetric(float64(commits.Load())/n, "commits/push")
		})
	}
}
