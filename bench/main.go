// Command bench measures Fieldpost beside stock PocketBase: the same machine,
// the same run, the same record. It prints tables and, with -json FILE,
// writes the same as JSON. Figures are for comparing within one run; see docs/PERFORMANCE.md.
//
//	go run ./bench            1,000 and 10,000 observations, three rounds
//	go run ./bench -n 1000    one size
package main

import (
	"encoding/json"
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
	if len(os.Args) > 1 && os.Args[1] == "server" {
		serveChild(os.Args[2], os.Args[3])
		return
	}
	if len(os.Args) > 1 && os.Args[1] == "isolated" {
		if err := isolatedChild(os.Args[2], os.Args[3], os.Args[4]); err != nil {
			fmt.Fprintln(os.Stderr, "bench, in a network of its own:", err)
			os.Exit(1)
		}
		return
	}
	if len(os.Args) > 1 && os.Args[1] == "link" {
		results, err := runLink(11)
		if err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
		printLink(results)
		return
	}
	if len(os.Args) > 1 && os.Args[1] == "live" {
		results, err := runLive()
		if err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
		printLive(results)
		return
	}
	if len(os.Args) > 1 && os.Args[1] == "scale" {
		large := scaleLarge
		if len(os.Args) > 2 {
			large, _ = strconv.Atoi(os.Args[2])
		}
		results, err := runScale(large)
		if err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
		printScale(results)
		return
	}
	sizes := flag.String("n", "1000,10000", "numbers of observations")
	rounds := flag.Int("rounds", 3, "rounds of each size")
	asJSON := flag.String("json", "", "write the report to this file as JSON too")
	flag.StringVar(&profileTo, "profile", "", "write each server's CPU profile to this name and its kind")
	flag.Parse()
	if err := run(*sizes, *rounds, *asJSON); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
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
	Results []*result `json:"results"`
	Ratios  []ratio   `json:"ratios"`
}

func run(sizes string, rounds int, jsonFile string) error {
	var all report
	for _, text := range strings.Split(sizes, ",") {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return fmt.Errorf("-n: %q is no number", text)
		}
		push, batch := &result{What: "fieldpost push", Docs: n}, &result{What: "stock batch of 50", Docs: n}
		raw := &result{What: "raw inserts of the rows of a push", Docs: n}
		pull, list := &result{What: "fieldpost pull", Docs: n}, &result{What: "stock list of 500", Docs: n}
		// All take turns in each round, so that a machine that slows down slows
		// them all.
		for i := 0; i < rounds; i++ {
			if err := roundFieldpost(n, push, pull, raw); err != nil {
				return fmt.Errorf("fieldpost: %w", err)
			}
			if err := roundStock(n, batch, list); err != nil {
				return fmt.Errorf("stock: %w", err)
			}
		}
		for _, r := range []*result{push, raw, batch, pull, list} {
			r.settle()
			all.Results = append(all.Results, r)
		}
		all.Ratios = append(all.Ratios, over(push, raw), over(push, batch), over(pull, list))
	}
	all.print()
	if jsonFile == "" {
		return nil
	}
	text, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(jsonFile, append(text, '\n'), 0o644)
}

// print writes the report as Markdown.
func (r *report) print() {
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
