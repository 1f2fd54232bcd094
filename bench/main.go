// Command bench measures Fieldpost beside stock PocketBase: the same machine,
// the same run, the same record. It prints tables and, with -json FILE,
// writes the same as JSON. Figures are for comparing within one run; see docs/PERFORMANCE.md.
//
//	go run ./bench                          everything; about fifteen minutes
//	go run ./bench -only push -n 1000       one part, one size
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"sort"
	"strconv"
	"strings"
)

// result is one measured way of moving documents.
type result struct {
	What    string  `json:"what"`
	Docs    int     `json:"docs"`
	PerSec  float64 `json:"docsPerSecond"` // median of the rounds
	Up      float64 `json:"bytesUpPerDoc"`
	Down    float64 `json:"bytesDownPerDoc"`
	Rounds  int     `json:"rounds"`
	Rows    float64 `json:"rowsPerDoc,omitempty"` // of the floor
	samples []sample
}

type sample struct{ seconds, up, down float64 }

func main() {
	child := func(err error) {
		if err != nil {
			fmt.Fprintln(os.Stderr, "bench, child:", err)
			os.Exit(1)
		}
	}
	switch {
	case len(os.Args) == 4 && os.Args[1] == "server":
		serveChild(os.Args[2], os.Args[3])
		return
	case len(os.Args) == 5 && os.Args[1] == "isolated":
		child(isolatedChild(os.Args[2], os.Args[3], os.Args[4]))
		return
	}
	var o options
	flag.StringVar(&o.sizes, "n", "1000,10000", "numbers of observations of push and pull")
	flag.IntVar(&o.rounds, "rounds", 3, "rounds of each size of push and pull")
	flag.StringVar(&o.only, "only", "push,link,live,boards,apps,scale", "the parts to measure")
	flag.IntVar(&o.boards, "boards", 100, "boards that watch, of the part boards")
	flag.StringVar(&o.stores, "boards-store", "disk,none", "where those boards keep the rows: disk, memory, none; several with commas")
	flag.IntVar(&o.large, "large", scaleLarge, "records of the large database, in steps of ten thousand")
	flag.StringVar(&o.json, "json", "", "write the report to this file as JSON too")
	flag.StringVar(&profileTo, "profile", "", "write the CPU profiles of servers and of their clients into this folder")
	flag.Parse()
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

type options struct {
	sizes, only, json string
	rounds, large     int
	boards            int
	stores            string
}

// ratio compares two ways of one run: how many times as many documents a
// second the first moves.
type ratio struct {
	What   string    `json:"what"`
	To     string    `json:"to"`
	Docs   int       `json:"docs"`
	Median float64   `json:"medianToMedian"`
	Pairs  []float64 `json:"pairByPair"`
}

// report is all of a run.
type report struct {
	Results []*result      `json:"results,omitempty"`
	Ratios  []ratio        `json:"ratios,omitempty"`
	Link    []linkResult   `json:"link,omitempty"`
	Live    []times        `json:"live,omitempty"`
	Boards  []boardsResult `json:"boards,omitempty"`
	Apps    []appFigure    `json:"apps,omitempty"`
	Scale   []scaleResult  `json:"scale,omitempty"`
	LeftOut []string       `json:"leftOut,omitempty"` // parts that this machine does not allow, and why
	Bars    []bar          `json:"bars"`
}

// bar is a figure that we set ourselves to reach.
type bar struct {
	What   string  `json:"what"`
	Figure float64 `json:"figure"`
	Bound  float64 `json:"bound"`
	Least  bool    `json:"atLeast"` // else at most
	Holds  bool    `json:"holds"`
}

func (r *report) least(what string, figure, bound float64) {
	r.Bars = append(r.Bars, bar{what, figure, bound, true, figure >= bound})
}

func (r *report) most(what string, figure, bound float64) {
	r.Bars = append(r.Bars, bar{what, figure, bound, false, figure <= bound})
}

func run(o options) error {
	var all report
	parts := map[string]func() error{
		"push": func() error { return all.push(o) },
		"link": all.link, "live": all.live,
		"boards": func() error { return all.boards(o) },
		"apps":   func() error { return all.apps() },
		"scale":  func() error { return all.scale(o.large) },
	}
	for _, name := range strings.Split(o.only, ",") {
		part, ok := parts[name]
		if !ok {
			return fmt.Errorf("-only: there is no part %q", name)
		}
		if err := part(); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	all.print()
	if o.json == "" {
		return nil
	}
	text, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(o.json, append(text, '\n'), 0o644)
}

func (r *report) push(o options) error {
	for _, text := range strings.Split(o.sizes, ",") {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return fmt.Errorf("-n: %q is no number", text)
		}
		push, batch := &result{What: "fieldpost push", Docs: n}, &result{What: "stock batch of 50", Docs: n}
		raw := &result{What: "raw inserts of the rows of a push", Docs: n}
		pull, list := &result{What: "fieldpost pull", Docs: n}, &result{What: "stock list of 500", Docs: n}
		// All take turns in each round, so that a machine that slows down slows
		// them all.
		for i := 0; i < o.rounds; i++ {
			if err := roundFieldpost(n, push, pull, raw); err != nil {
				return fmt.Errorf("fieldpost: %w", err)
			}
			if err := roundStock(n, batch, list); err != nil {
				return fmt.Errorf("stock: %w", err)
			}
		}
		for _, x := range []*result{push, raw, batch, pull, list} {
			x.settle()
			r.Results = append(r.Results, x)
		}
		toRaw, toBatch, toList := over(push, raw), over(push, batch), over(pull, list)
		r.Ratios = append(r.Ratios, toRaw, toBatch, toList)
		of := fmt.Sprintf(", %d", n)
		r.least("push / raw inserts of its rows"+of, toRaw.Median, 0.5)
		r.least("push / stock's batch"+of+" (stretch)", toBatch.Median, 3)
		r.least("pull / stock's list"+of, toList.Median, 1)
		r.most("bytes a doc up by push"+of, push.Up, 340)
		r.most("bytes a doc down by push"+of, push.Down, 30)
		r.most("bytes a doc down by pull"+of, pull.Down, 380)
	}
	return nil
}

func (r *report) link() (err error) {
	missing := browserMissing()
	if missing == "" {
		var end func()
		if end, err = buildFill(); err != nil {
			return err
		}
		defer end()
	} else {
		r.LeftOut = append(r.LeftOut, "link, from a browser: "+missing)
	}
	r.Link, err = runLink(11, missing == "")
	if errors.Is(err, errNoNamespaces) {
		r.LeftOut = append(r.LeftOut, "link: "+err.Error())
		return nil
	}
	if err == nil {
		r.most("seconds for 50 observations over the slow link", r.Link[0].Seconds, 2.2)
		if missing == "" {
			r.most("the same, by the apps' library in Chromium", r.Link[2].Seconds, 2.5)
		}
	}
	return err
}

func (r *report) live() (err error) {
	if r.Live, err = runLive(); err == nil {
		r.most("push to poke to pulled row, p50 ms", r.Live[0].P50, 15)
		r.most(fmt.Sprintf("a write with %d watchers / with none", watchers), r.Live[3].P50/r.Live[2].P50, 1.2)
	}
	return err
}

func (r *report) boards(o options) (err error) {
	// A round of the boards is one moment; many are needed for a tail.
	if r.Boards, err = runBoards(o.boards, 3*o.rounds, o.stores); err != nil {
		return err
	}
	missed := 0
	for _, b := range r.Boards[:len(r.Boards)-1] {
		r.most(fmt.Sprintf("%d phones at once, %d boards: %s, p95 ms", b.Phones, b.Boards, b.What), b.P95, 500)
		missed += b.Missed
	}
	r.most("reports that a board missed", float64(missed), 0)
	return nil
}

func (r *report) scale(large int) (err error) {
	if r.Scale, err = runScale(large); err == nil {
		r.most(fmt.Sprintf("pull of %d changes, %d records / %d", scaleNew, r.Scale[1].Records, r.Scale[0].Records), r.Scale[1].PullP50/r.Scale[0].PullP50, 1.2)
		r.most(fmt.Sprintf("seconds to start with %d records", r.Scale[1].Records), r.Scale[1].Start, 2)
		r.most("memory at rest / stock's", r.Scale[2].IdleMB/r.Scale[3].IdleMB, 1.5)
	}
	return err
}

// print writes the report as Markdown.
func (r *report) print() {
	if len(r.Results) > 0 {
		fmt.Println("| what | docs | docs/s (median) | bytes a doc up | down |\n|---|---|---|---|---|")
		for _, x := range r.Results {
			what := x.What
			if x.Rows > 0 {
				what = fmt.Sprintf("%s, %.1f rows a doc", what, x.Rows)
			}
			fmt.Printf("| %s | %d | %.0f | %.0f | %.0f |\n", what, x.Docs, x.PerSec, x.Up, x.Down)
		}
		fmt.Println("\n| ratio | docs | median | pair by pair |\n|---|---|---|---|")
		for _, x := range r.Ratios {
			fmt.Printf("| %s / %s | %d | %.2f | %s |\n", x.What, x.To, x.Docs, x.Median, strings.Trim(fmt.Sprintf("%.2f", x.Pairs), "[]"))
		}
	}
	printLink(r.Link)
	printLive(r.Live)
	printBoards(r.Boards)
	printApps(r.Apps)
	printScale(r.Scale)
	fmt.Println("\n| bar | figure | bound | holds |\n|---|---|---|---|")
	for _, b := range r.Bars {
		sign, holds := "at most", "no"
		if b.Least {
			sign = "at least"
		}
		if b.Holds {
			holds = "yes"
		}
		fmt.Printf("| %s | %.2f | %s %g | %s |\n", b.What, b.Figure, sign, b.Bound, holds)
	}
	for _, x := range r.LeftOut {
		fmt.Printf("\nLeft out: %s\n", x)
	}
}

func over(a, b *result) ratio {
	r := ratio{What: a.What, To: b.What, Docs: a.Docs, Median: a.PerSec / b.PerSec}
	for i := range a.samples {
		r.Pairs = append(r.Pairs, b.samples[i].seconds/a.samples[i].seconds)
	}
	return r
}

func (r *result) add(seconds float64, up, down int64) {
	r.samples = append(r.samples, sample{seconds, float64(up) / float64(r.Docs), float64(down) / float64(r.Docs)})
}

func (r *result) settle() {
	s := append([]sample{}, r.samples...)
	sort.Slice(s, func(i, j int) bool { return s[i].seconds < s[j].seconds })
	mid := s[len(s)/2]
	r.PerSec, r.Up, r.Down, r.Rounds = float64(r.Docs)/mid.seconds, mid.up, mid.down, len(s)
}
