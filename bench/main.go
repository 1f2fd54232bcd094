// Command bench measures Fieldpost beside stock PocketBase: the same machine,
// the same run, the same record. It prints a table and, with -json, the same as
// JSON. Figures are for comparing within one run; see docs/PERFORMANCE.md.
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
	asJSON := flag.Bool("json", false, "print JSON")
	flag.StringVar(&profileTo, "profile", "", "write each server's CPU profile to this name and its kind")
	flag.Parse()
	if err := run(*sizes, *rounds, *asJSON); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(sizes string, rounds int, asJSON bool) error {
	var all []*result
	for _, text := range strings.Split(sizes, ",") {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return fmt.Errorf("-n: %q is no number", text)
		}
		push, batch := &result{What: "fieldpost push", Docs: n}, &result{What: "stock batch of 50", Docs: n}
		raw := &result{What: "raw inserts of the rows of a push", Docs: n}
		pull, list := &result{What: "fieldpost pull", Docs: n}, &result{What: "stock list of 500", Docs: n}
		// The two take turns in each round, so that a machine that slows down
		// slows both.
		for i := 0; i < rounds; i++ {
			if err := roundFieldpost(n, push, pull, raw); err != nil {
				return fmt.Errorf("fieldpost: %w", err)
			}
			if err := roundStock(n, batch, list); err != nil {
				return fmt.Errorf("stock: %w", err)
			}
		}
		for _, r := range []*result{push, batch, pull, list, push, raw} {
			r.settle()
			all = append(all, r)
		}
	}
	if asJSON {
		return json.NewEncoder(os.Stdout).Encode(all)
	}
	fmt.Println("| what | docs | docs/s (median) | bytes a doc up | down |\n|---|---|---|---|---|")
	for _, r := range all {
		fmt.Printf("| %s | %d | %.0f | %.0f | %.0f |\n", r.What, r.Docs, r.PerSec, r.Up, r.Down)
	}
	fmt.Println()
	for i := 0; i+1 < len(all); i += 2 {
		fmt.Printf("%s / %s, %d docs: %.2f (pair by pair: %s)\n", all[i].What, all[i+1].What, all[i].Docs,
			all[i].PerSec/all[i+1].PerSec, pairs(all[i], all[i+1]))
	}
	return nil
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

func pairs(a, b *result) string {
	var out []string
	for i := range a.samples {
		out = append(out, fmt.Sprintf("%.2f", b.samples[i].seconds/a.samples[i].seconds))
	}
	return strings.Join(out, " ")
}
