package main

import (
	"database/sql"
	"fmt"
	mathrand "math/rand"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/fieldpost/fieldpost/internal/wiring"
)

const (
	scaleSmall  = 10_000
	scaleLarge  = 1_000_000
	scaleNew    = 10 // changes that a pull brings
	scaleRounds = 60
)

// scaleResult is what size costs.
type scaleResult struct {
	What     string  `json:"what"`
	Records  int     `json:"records"`
	Start    float64 `json:"startSeconds,omitempty"` // process to first answer, median
	PullP50  float64 `json:"pullP50ms,omitempty"`    // of ten changes
	PullP95  float64 `json:"pullP95ms,omitempty"`
	IdleMB   float64 `json:"idleMB,omitempty"` // resident, five seconds after the start
	FirstSec float64 `json:"firstPullSeconds,omitempty"`
}

// runScale measures a pull of ten changes out of few and of many records, the
// start with many, and memory at rest beside stock PocketBase.
func runScale(large int) ([]scaleResult, error) {
	base, err := os.MkdirTemp("", "fieldpost-scale-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(base)
	small, big := filepath.Join(base, "small"), filepath.Join(base, "large")
	if err := seedSmall(small); err != nil {
		return nil, fmt.Errorf("scale: seed: %w", err)
	}
	if out, err := exec.Command("cp", "-a", small, big).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("scale: copy: %s", out)
	}
	began := time.Now()
	if err := multiply(big, large/scaleSmall); err != nil {
		return nil, fmt.Errorf("scale: multiply: %w", err)
	}
	fmt.Fprintf(os.Stderr, "bench: %d records made in %.0f s\n", large, time.Since(began).Seconds())
	var out []scaleResult
	for _, s := range []struct {
		dir string
		n   int
	}{{small, scaleSmall}, {big, large}} {
		r, err := atSize(s.dir, s.n)
		if err != nil {
			return nil, fmt.Errorf("scale: %d records: %w", s.n, err)
		}
		out = append(out, *r)
	}
	for _, kind := range []string{"fieldpost", "stock"} {
		mb, err := idle(kind)
		if err != nil {
			return nil, fmt.Errorf("scale: memory: %w", err)
		}
		out = append(out, scaleResult{What: kind + ", empty, at rest", IdleMB: mb})
	}
	return out, nil
}

func printScale(all []scaleResult) {
	if len(all) == 0 {
		return
	}
	fmt.Printf("\n| size | start s | first pull of all s | pull of %d changes p50 ms | p95 ms | MB at rest |\n|---|---|---|---|---|---|\n", scaleNew)
	for _, r := range all {
		cells := []string{r.What}
		for _, c := range []struct {
			form string
			v    float64
		}{{"%.2f", r.Start}, {"%.1f", r.FirstSec}, {"%.2f", r.PullP50}, {"%.2f", r.PullP95}, {"%.0f", r.IdleMB}} {
			text := ""
			if c.v != 0 {
				text = fmt.Sprintf(c.form, c.v)
			}
			cells = append(cells, text)
		}
		fmt.Println("| " + strings.Join(cells, " | ") + " |")
	}
}

// seedSmall pushes the small number of observations into a new folder.
func seedSmall(dir string) error {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	server, stop, err := startOn("fieldpost", dir)
	if err != nil {
		return err
	}
	defer stop()
	c := &http.Client{}
	r := mathrand.New(mathrand.NewSource(1))
	device, token, err := enroll(c, server, r)
	if err != nil {
		return err
	}
	return pushAll(c, server, device, token, observations(scaleSmall, r, device, server.Site))
}

// multiply makes of each observation, with all the rows that its push wrote,
// so many. Ids are random, seqs go on; hashes are the originals', so that the
// chain of this database does not verify, which neither a start nor a pull
// looks at.
func multiply(dir string, times int) error {
	open, err := wiring.DBConnect(filepath.Join(dir, "data.db"))
	if err != nil {
		return err
	}
	defer open.Close()
	db := open.DB()
	db.SetMaxOpenConns(1)
	if _, err := db.Exec(`PRAGMA synchronous=OFF; PRAGMA cache_size=-800000; PRAGMA temp_store=MEMORY`); err != nil {
		return err
	}
	var first, last int64
	if err := db.QueryRow(`SELECT min(seq), max(seq) FROM journal_entry WHERE collection IN ('observations','triage')`).Scan(&first, &last); err != nil {
		return err
	}
	if _, err := db.Exec(`CREATE TEMP TABLE ids (old TEXT PRIMARY KEY, new TEXT)`); err != nil {
		return err
	}
	columns := func(tx *sql.Tx, table string) (string, error) {
		var list string
		err := tx.QueryRow(`SELECT group_concat('"'||name||'"') FROM pragma_table_info(?)`, table).Scan(&list)
		return list, err
	}
	for k := 1; k < times; k++ {
		tx, err := db.Begin()
		if err != nil {
			return err
		}
		shift := (last - first + 1) * int64(k)
		steps := []string{`DELETE FROM temp.ids`,
			fmt.Sprintf(`INSERT INTO temp.ids SELECT DISTINCT record, substr(lower(hex(randomblob(8))),1,15) FROM journal_entry
				WHERE seq BETWEEN %d AND %d`, first, last)}
		for table, change := range map[string]map[string]string{
			"observations":    {"id": "i.new"},
			"triage":          {"id": "i.new", "observation": "(SELECT new FROM temp.ids WHERE old=t.observation)"},
			"journal_entry":   {"record": "i.new", "seq": "seq+%d", "mut": "mut+%d"},
			"journal_clock":   {"record": "i.new", "version": "version+%d", "created": "created+%d"},
			"journal_feed":    {"record": "i.new", "seq": "seq+%d", "mut": "mut+%d"},
			"journal_content": {"seq": "seq+%d"},
		} {
			list, err := columns(tx, table)
			if err != nil {
				return err
			}
			values := list
			for c, v := range change {
				if strings.Contains(v, "%d") {
					v = fmt.Sprintf(v, shift)
				}
				values = strings.Replace(values, `"`+c+`"`, v, 1)
			}
			key, within := "record", fmt.Sprintf("seq BETWEEN %d AND %d", first, last)
			switch table {
			case "observations", "triage":
				key, within = "id", "true"
			case "journal_clock":
				within = fmt.Sprintf("version BETWEEN %d AND %d", first, last)
			}
			if table == "journal_content" {
				steps = append(steps, fmt.Sprintf(`INSERT INTO %s (%s) SELECT %s FROM %s t WHERE %s`, table, list, values, table, within))
				continue
			}
			steps = append(steps, fmt.Sprintf(`INSERT INTO %s (%s) SELECT %s FROM temp.ids i JOIN %s t ON t.%s=i.old WHERE %s`, table, list, values, table, key, within))
		}
		for _, q := range steps {
			if _, err := tx.Exec(q); err != nil {
				return fmt.Errorf("%s: %w", q, err)
			}
		}
		if err := tx.Commit(); err != nil {
			return err
		}
	}
	_, err = db.Exec(`PRAGMA wal_checkpoint(TRUNCATE)`)
	return err
}

// atSize measures one folder.
func atSize(dir string, n int) (*scaleResult, error) {
	res := &scaleResult{What: strconv.Itoa(n) + " records", Records: n}
	var starts []float64
	for range 5 {
		began := time.Now()
		_, stop, err := startOn("fieldpost", dir)
		if err != nil {
			return nil, err
		}
		starts = append(starts, time.Since(began).Seconds())
		stop()
	}
	sort.Float64s(starts)
	res.Start = starts[len(starts)/2]
	server, stop, err := startOn("fieldpost", dir)
	if err != nil {
		return nil, err
	}
	defer stop()
	c := &http.Client{}
	r := mathrand.New(mathrand.NewSource(time.Now().UnixNano()))
	phone := &wirePhone{server: server, c: c, r: r}
	if phone.device, phone.token, err = enroll(c, server, r); err != nil {
		return nil, err
	}
	board := *server
	board.Invite = server.Board
	device, token, err := enroll(c, &board, r)
	if err != nil {
		return nil, err
	}
	puller := &wirePuller{c: c, url: server.URL, device: device, token: token}
	began := time.Now()
	ids, err := puller.all()
	if err != nil {
		return nil, err
	}
	res.FirstSec = time.Since(began).Seconds()
	if len(ids) != n {
		return nil, fmt.Errorf("first pull: %d observations", len(ids))
	}
	var all []time.Duration
	for range scaleRounds {
		for range scaleNew / 2 { // each brings an observation and its triage record
			if _, err := phone.push(); err != nil {
				return nil, err
			}
			time.Sleep(2 * time.Millisecond)
		}
		began := time.Now()
		ids, err := puller.all()
		if err != nil {
			return nil, err
		}
		all = append(all, time.Since(began))
		if len(ids) != scaleNew/2 {
			return nil, fmt.Errorf("pull: %d new observations", len(ids))
		}
	}
	t := timesOf("", all)
	res.PullP50, res.PullP95 = t.P50, t.P95
	return res, nil
}

// idle is the resident memory of a server that nobody asks anything, in MB.
func idle(kind string) (float64, error) {
	server, stop, err := startServer(kind)
	if err != nil {
		return 0, err
	}
	defer stop()
	time.Sleep(5 * time.Second)
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", server.PID))
	if err != nil {
		return 0, err
	}
	for _, line := range strings.Split(string(raw), "\n") {
		if kb, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			n, err := strconv.ParseFloat(strings.Fields(kb)[0], 64)
			return n / 1000, err
		}
	}
	return 0, fmt.Errorf("no VmRSS of process %d", server.PID)
}
