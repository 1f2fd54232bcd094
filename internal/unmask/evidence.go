// Package unmask is an attack on sealed authorship (R9): somebody has the
// databases, their write-ahead logs, all backups and the logs of an
// installation, without its key, and tries to say who of the site staff wrote
// each report. It is for tests, and for whoever wants to try something new
// against the product: add a method to Methods.
package unmask

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	_ "modernc.org/sqlite" // reads the stolen databases
)

// Row is a row of a table: what its columns print as.
type Row map[string]string

// Snapshot is what was stolen at one time: all rows of all tables, and the
// bytes of all files.
type Snapshot struct {
	At     time.Time
	Tables map[string][]Row
	Files  map[string][]byte
}

// Read reads a stolen folder: every database in it, and every file as bytes.
func Read(folder string, at time.Time) (*Snapshot, error) {
	s := &Snapshot{At: at, Tables: map[string][]Row{}, Files: map[string][]byte{}}
	names, err := filepath.Glob(filepath.Join(folder, "*"))
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if info, err := os.Stat(name); err != nil || !info.Mode().IsRegular() {
			continue
		}
		if s.Files[filepath.Base(name)], err = os.ReadFile(name); err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
	}
	for name := range s.Files {
		if strings.HasSuffix(name, ".db") {
			if err := s.readDatabase(filepath.Join(folder, name)); err != nil {
				return nil, fmt.Errorf("read %s: %w", name, err)
			}
		}
	}
	return s, nil
}

func (s *Snapshot) readDatabase(path string) error {
	db, err := sql.Open("sqlite", path)
	if err != nil {
		return err
	}
	defer db.Close()
	names, err := column(db, `SELECT name FROM sqlite_master WHERE type='table' AND name NOT LIKE 'sqlite_%'`)
	if err != nil {
		return err
	}
	for _, name := range names {
		switch name {
		case "_collections": // nobody's
			continue
		case "checklists":
			rows, err := read(db, "SELECT id, locale FROM checklists")
			if err != nil {
				return err
			}
			s.Tables[name] = rows
			continue
		}
		rows, err := read(db, "SELECT rowid AS rowid_, * FROM `"+name+"`")
		if err != nil { // a table without row numbers
			if rows, err = read(db, "SELECT * FROM `"+name+"`"); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
		s.Tables[name] = rows
	}
	return nil
}

func column(db *sql.DB, text string) (out []string, err error) {
	rows, err := read(db, text)
	for _, r := range rows {
		for _, v := range r {
			out = append(out, v)
		}
	}
	return out, err
}

func read(db *sql.DB, text string) ([]Row, error) {
	rows, err := db.Query(text)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	var out []Row
	for rows.Next() {
		values, into := make([]any, len(names)), make([]any, len(names))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		r := Row{}
		for i, n := range names {
			switch v := values[i].(type) {
			case nil:
			case []byte:
				r[n] = string(v)
			default:
				r[n] = fmt.Sprint(v)
			}
		}
		out = append(out, r)
	}
	return out, rows.Err()
}

// Person is a suspect.
type Person struct {
	ID      string
	Sites   []string
	Locale  string
	Devices []string
	seq     int64 // of the enrolment
	rank    int   // in the order of enrolment
}

// Report is what somebody of the staff wrote.
type Report struct {
	ID, Site, Locale string
	At               int64 // ms, received
	seq              int64
	names            []string // ids that stand for it: its own, its triage's
	marks            map[string]string
}

// Case is the evidence, put in order.
type Case struct {
	Snapshots []*Snapshot // the oldest first
	People    []*Person
	Reports   []*Report
	owner     map[string]*Person // of a person's id and of each device's
	about     []trace
}

// trace is a row that names a person or device, in a snapshot, with the times
// that stand in it.
type trace struct {
	who   *Person
	times []int64 // ms
	table string
	text  string
	snap  int
}

// Open puts the evidence in order. site tells the sites that matter by name;
// reports with an author of another role are left out.
func Open(snapshots []*Snapshot) *Case {
	c := &Case{Snapshots: snapshots, owner: map[string]*Person{}}
	last := snapshots[len(snapshots)-1]
	created := map[string]int64{}
	entries := last.Tables["journal_entry"]
	for _, e := range entries {
		if e["op"] == "create" {
			created[e["collection"]+"/"+e["record"]] = number(e["seq"])
		}
	}
	for _, u := range last.Tables["users"] {
		if u["role"] == "staff" {
			p := &Person{ID: u["id"], Locale: u["locale"], seq: created["users/"+u["id"]]}
			_ = json.Unmarshal([]byte(u["sites"]), &p.Sites) // what cannot be read is no suspect of any site
			c.People, c.owner[p.ID] = append(c.People, p), p
		}
	}
	slices.SortFunc(c.People, func(a, b *Person) int { return int(a.seq - b.seq) })
	for i, p := range c.People {
		p.rank = i
	}
	for _, d := range last.Tables["devices"] {
		if p := c.owner[d["user"]]; p != nil {
			p.Devices = append(p.Devices, d["id"])
			c.owner[d["id"]] = p
		}
	}
	c.collectReports(last, created)
	c.collectTraces()
	return c
}

func (c *Case) collectReports(last *Snapshot, created map[string]int64) {
	triage := map[string]string{}
	for _, t := range last.Tables["triage"] {
		triage[t["submission"]] = t["id"]
	}
	receipts := map[string]Row{}
	for _, r := range last.Tables["journal_receipt"] {
		receipts[r["seq"]] = r
	}
	clocks := map[string]string{}
	for _, k := range last.Tables["journal_clock"] {
		clocks[k["record"]] = k["clocks"]
	}
	ends := map[string]string{} // of a mutation: the seq that its receipt names
	for _, e := range last.Tables["journal_entry"] {
		if old, ok := ends[e["mut"]]; !ok || number(e["seq"]) > number(old) {
			ends[e["mut"]] = e["seq"]
		}
	}
	locale := map[string]string{}
	for _, l := range last.Tables["checklists"] {
		locale[l["id"]] = l["locale"]
	}
	entry := map[string]Row{}
	for _, e := range last.Tables["journal_entry"] {
		if e["collection"] == "submissions" && e["op"] == "create" {
			entry[e["record"]] = e
		}
	}
	for _, r := range last.Tables["submissions"] {
		if author := r["author"]; author != "" && c.owner[author] == nil {
			continue // somebody else's
		}
		at, err := time.Parse("2006-01-02 15:04:05.000Z", r["received"])
		if err != nil {
			continue
		}
		one := &Report{ID: r["id"], Site: r["site"], Locale: locale[r["checklist"]], At: at.UnixMilli(), seq: created["submissions/"+r["id"]], names: []string{r["id"], triage[r["id"]]}}
		e := entry[one.ID]
		receipt := receipts[ends[e["mut"]]]
		one.marks = map[string]string{"entry.actor": e["actor"], "entry.device": e["device"], "stamp.device": tail(e["stamp"]), "receipt.device": receipt["device"],
			"receipt.stamp": tail(receipt["stamp"]), "clock.device": tail(clocks[one.ID]), "author": r["author"], "clock_off": r["clock_off"]}
		if ms, err := strconv.ParseInt(head(e["stamp"]), 10, 64); err == nil {
			if m := effective.FindStringSubmatch(clocks[one.ID]); m != nil { // how far the device's clock is off
				one.marks["clock.error"] = strconv.FormatInt((number(m[1])-ms)/20, 10)
			}
		}
		if n := receipt["n"]; n != "" && n != "0" {
			one.marks["receipt.n"] = n
		}
		c.Reports = append(c.Reports, one)
	}
	slices.SortFunc(c.Reports, func(a, b *Report) int { return int(a.seq - b.seq) })
}

var effective = regexp.MustCompile(`"ms":(\d+)`)

func head(stamp string) string { h, _, _ := strings.Cut(stamp, "-"); return h }

func tail(text string) string {
	text = strings.TrimRight(text, `"}`)
	return text[strings.LastIndexAny(text, `-"`)+1:]
}

func number(s string) int64 { n, _ := strconv.ParseInt(s, 10, 64); return n }

// When it was: a time as text, or milliseconds of these decades.
var moment = regexp.MustCompile(`20\d\d-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d+)?Z?|\b1[6-9]\d{11}\b|\b2[0-4]\d{11}\b`)

func momentsOf(text string) (out []int64) {
	for _, m := range moment.FindAllString(text, -1) {
		if n, err := strconv.ParseInt(m, 10, 64); err == nil {
			out = append(out, n)
			continue
		}
		m = strings.TrimSuffix(strings.Replace(m, "T", " ", 1), "Z")
		if t, err := time.Parse("2006-01-02 15:04:05", m); err == nil {
			out = append(out, t.UnixMilli())
		}
	}
	return out
}

func (r Row) text() string {
	names := make([]string, 0, len(r))
	for n := range r {
		names = append(names, n)
	}
	slices.Sort(names)
	var b strings.Builder
	for _, n := range names {
		b.WriteString(n + "=" + r[n] + "\x00")
	}
	return b.String()
}

func (c *Case) collectTraces() {
	ids := make([]string, 0, len(c.owner))
	for id := range c.owner {
		ids = append(ids, id)
	}
	any := regexp.MustCompile(strings.Join(ids, "|"))
	type found struct {
		ids   []string
		times []int64
	}
	known := map[string]found{} // most rows stand in many backups
	for i, s := range c.Snapshots {
		for table, rows := range s.Tables {
			for _, r := range rows {
				text := r.text()
				f, ok := known[text]
				if !ok {
					if f.ids = any.FindAllString(text, -1); len(f.ids) > 0 {
						f.times = momentsOf(text)
					}
					known[text] = f
				}
				for _, id := range f.ids {
					c.about = append(c.about, trace{c.owner[id], f.times, table, text, i})
				}
			}
		}
	}
}

// Suspects are those who can have written a report: of its site, and enrolled
// by then.
func (c *Case) Suspects(r *Report) (out []*Person) {
	for _, p := range c.People {
		if slices.Contains(p.Sites, r.Site) && p.seq < r.seq {
			out = append(out, p)
		}
	}
	return out
}

func contains(b []byte, s string) bool { return bytes.Contains(b, []byte(s)) }
