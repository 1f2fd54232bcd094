package exchange_test

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/pocketbase/dbx"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/journal"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// town is an outreach organization that serves the site of a hotel.
type town struct {
	*rig.Rig
	ngo, hotel, site string
}

func newTown(t *testing.T) *town {
	t.Helper()
	r := rig.New(t)
	w := &town{Rig: r, ngo: r.Organization("Outreach"), hotel: r.Organization("Hotel group")}
	w.site = r.Site("Hotel one", w.hotel, w.ngo)
	return w
}

// on makes what fails in the town fail this subtest.
func (w *town) on(t *testing.T) {
	outer := w.T
	w.T = t
	t.Cleanup(func() { w.T = outer })
}

func (w *town) worker() *rig.Device      { w.T.Helper(); return w.Enroll(access.Worker, w.ngo) }
func (w *town) coordinator() *rig.Device { w.T.Helper(); return w.Enroll(access.Coordinator, w.ngo) }
func (w *town) staff() *rig.Device       { w.T.Helper(); return w.Enroll(access.Staff, w.hotel, w.site) }

// query reads rows as texts by column; NULL is absent.
func query(t testing.TB, db dbx.Builder, sql string, params dbx.Params) []map[string]string {
	t.Helper()
	rows, err := db.NewQuery(sql).Bind(params).Rows()
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var out []map[string]string
	for rows.Next() {
		values := make([]any, len(columns))
		for i := range values {
			values[i] = new(any)
		}
		if err := rows.Scan(values...); err != nil {
			t.Fatal(err)
		}
		row := map[string]string{}
		for i, c := range columns {
			switch v := (*values[i].(*any)).(type) {
			case nil:
			case []byte:
				row[c] = string(v)
			default:
				row[c] = fmt.Sprint(v)
			}
		}
		out = append(out, row)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

func (w *town) rows(sql string, params dbx.Params) []map[string]string {
	w.T.Helper()
	return query(w.T, w.App.ConcurrentDB(), sql, params)
}

// exec changes the database behind everybody's back: for faults.
func (w *town) exec(sql string) {
	w.T.Helper()
	if _, err := w.App.NonconcurrentDB().NewQuery(sql).Execute(); err != nil {
		w.T.Fatal(err)
	}
}

func tables(t testing.TB, db dbx.Builder) []string {
	t.Helper()
	var names []string
	for _, r := range query(t, db, `SELECT name FROM sqlite_master WHERE type='table' AND name NOT LIKE 'sqlite_%' ORDER BY name`, nil) {
		names = append(names, r["name"])
	}
	return names
}

// print tells all that the database holds, table by table. Last contact is
// left out: every request changes it.
func (w *town) print() map[string]string {
	w.T.Helper()
	out := map[string]string{}
	for _, table := range tables(w.T, w.App.ConcurrentDB()) {
		if table != "journal_contact" {
			lines := printed(w.T, w.App.ConcurrentDB(), table)
			sort.Strings(lines)
			out[table] = strings.Join(lines, "\n")
		}
	}
	return out
}

// printed gives the rows of a table, each as one line.
func printed(t testing.TB, db dbx.Builder, table string) []string {
	t.Helper()
	rows, err := db.NewQuery("SELECT * FROM {{" + table + "}}").Rows()
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	values, targets := make([]sql.RawBytes, len(columns)), make([]any, len(columns))
	for i := range values {
		targets[i] = &values[i]
	}
	var lines []string
	for rows.Next() {
		if err := rows.Scan(targets...); err != nil {
			t.Fatal(err)
		}
		var line []byte
		for i, c := range columns {
			line = append(append(append(append(line, c...), '='), values[i]...), ' ')
		}
		lines = append(lines, strings.ReplaceAll(string(line), "\n", `\n`))
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return lines
}

// unchanged fails when a table but those named differs from what was printed.
func (w *town) unchanged(before map[string]string, but ...string) {
	w.T.Helper()
	for table, text := range w.print() {
		if text == before[table] || slices.Contains(but, table) {
			continue
		}
		was, is := strings.Split(before[table], "\n"), strings.Split(text, "\n")
		for _, line := range is {
			if !slices.Contains(was, line) {
				w.T.Fatalf("%s has a new row: %.400q", table, line)
			}
		}
		w.T.Fatalf("%s has %d rows, and had %d", table, len(is), len(was))
	}
}

// record reads a record as a superuser sees it; nil when there is none.
func (w *town) record(collection, id string) map[string]any {
	w.T.Helper()
	r, err := w.App.FindRecordById(collection, id)
	if err != nil {
		return nil
	}
	raw, err := json.Marshal(r)
	if err != nil {
		w.T.Fatal(err)
	}
	return object(w.T, raw)
}

func (w *town) count(table string) int {
	w.T.Helper()
	return len(w.rows("SELECT 1 FROM {{"+table+"}}", nil))
}

// past is the journal of one record.
func (w *town) past(collection, id string) []journal.PastEntry {
	w.T.Helper()
	past, err := w.S.Store.Journal().History(collection, id)
	if err != nil {
		w.T.Fatal(err)
	}
	return past
}

func object(t testing.TB, raw []byte) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal(raw, &m); err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
	return m
}

// loose is a mutation that a test can bend.
func loose(t testing.TB, m wire.Mutation) map[string]any {
	t.Helper()
	raw, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return object(t, raw)
}

// bend is a mutation with some members replaced; a nil value takes one out.
func bend(t testing.TB, m wire.Mutation, members map[string]any) map[string]any {
	t.Helper()
	out := loose(t, m)
	for k, v := range members {
		out[k] = v
		if v == nil {
			delete(out, k)
		}
	}
	return out
}

// bendOp is a mutation whose first op has some members replaced; a nil value
// takes one out.
func bendOp(t testing.TB, m wire.Mutation, members map[string]any) map[string]any {
	t.Helper()
	out := loose(t, m)
	op := out["ops"].([]any)[0].(map[string]any)
	for k, v := range members {
		op[k] = v
		if v == nil {
			delete(op, k)
		}
	}
	return out
}

// envelope is a push request that a test can bend.
func envelope(d *rig.Device, mutations ...any) map[string]any {
	if mutations == nil {
		mutations = []any{}
	}
	return map[string]any{"protocol": 1, "device": d.ID, "epoch": nil, "mark": d.Mark,
		"now": d.Rig.Clock.Now().UTC().Format(wire.TimeFormat), "mutations": mutations}
}

// pushLoose pushes whatever it is given; any other answer than 200 fails.
func pushLoose(t testing.TB, d *rig.Device, mutations ...any) []wire.Verdict {
	t.Helper()
	var raw json.RawMessage
	if status := d.Rig.Post(d.Token, "/api/sync/push", envelope(d, mutations...), &raw); status != http.StatusOK {
		t.Fatalf("push: %d %s", status, raw)
	}
	var a wire.PushAnswer
	if err := json.Unmarshal(raw, &a); err != nil {
		t.Fatal(err)
	}
	if len(a.Verdicts) != len(mutations) {
		t.Fatalf("%d verdicts for %d mutations: %s", len(a.Verdicts), len(mutations), raw)
	}
	return a.Verdicts
}

// answer is an HTTP answer as it came.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// post sends a body with headers, as raw as HTTP can be.
func post(t testing.TB, url, token string, body io.Reader, header map[string]string) answer {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, url, body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if token != "" {
		req.Header.Set("Authorization", token)
	}
	for k, v := range header {
		req.Header.Set(k, v)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{res.StatusCode, res.Header, raw}
}

func (w *town) postPush(d *rig.Device, body []byte, header map[string]string) answer {
	w.T.Helper()
	return post(w.T, w.URL+"/api/sync/push", d.Token, bytes.NewReader(body), header)
}

// is fails unless the answer is an error body with this status, code and retry.
func (a answer) is(t testing.TB, status int, code, retry string) map[string]any {
	t.Helper()
	if a.status != status {
		t.Fatalf("got %d %s, want %d %s", a.status, a.body, status, code)
	}
	m := object(t, a.body)
	if m["code"] != code || m["retry"] != retry || m["status"] != float64(status) {
		t.Fatalf("got %s, want %d %s %s", a.body, status, code, retry)
	}
	if m["message"] == "" || m["hint"] == "" || m["data"] == nil {
		t.Fatalf("%s: no message, hint or data", a.body)
	}
	return m
}

// verdict fails unless a verdict has this outcome and code.
func verdict(t testing.TB, v wire.Verdict, outcome, code string) wire.Verdict {
	t.Helper()
	if v.Verdict != outcome || v.Code != code {
		t.Fatalf("got %+v, want %s %s", v, outcome, code)
	}
	if (outcome == wire.Applied || outcome == wire.Merged) != (v.Seq > 0) {
		t.Fatalf("%+v: seq belongs to applied and merged, and to nothing else", v)
	}
	if (outcome == wire.Refused || outcome == wire.Deferred) && (v.Code == "" || v.Message == "") {
		t.Fatalf("%+v: no reason", v)
	}
	if kept := outcome == wire.Refused && code != wire.CodeTaken; kept != (v.Quarantine != "") {
		t.Fatalf("%+v: kept in quarantine is what was refused, but taken", v)
	}
	return v
}

func applied(t testing.TB, v wire.Verdict) wire.Verdict {
	t.Helper()
	return verdict(t, v, wire.Applied, "")
}

// goOn renews a device with a new id and key: what a forked one does (PUSH-3).
func goOn(t testing.TB, d *rig.Device) *rig.Device {
	t.Helper()
	next := d.Rig.NewDevice()
	key := next.JWK()
	thumbprint, err := key.Thumbprint()
	if err != nil {
		t.Fatal(err)
	}
	var c wire.ChallengeAnswer
	if status := d.Rig.Post("", "/api/sync/challenge", map[string]any{"device": d.ID}, &c); status != http.StatusOK {
		t.Fatalf("challenge: %d", status)
	}
	var a struct{ Token string }
	status := d.Rig.Post("", "/api/sync/renew", wire.RenewRequest{Device: d.ID, Challenge: c.Challenge,
		Signature: d.Sign(wire.RenewText(d.ID, c.Challenge, next.ID, thumbprint)),
		NewDevice: &wire.NewDevice{ID: next.ID, Key: key}}, &a)
	if status != http.StatusOK || a.Token == "" {
		t.Fatalf("renew: %d", status)
	}
	next.Token, next.User, next.Clock = a.Token, d.User, d.Clock
	return next
}

// copied opens a copy of the database's files as they are at this moment: what
// a machine finds whose power was cut.
func (w *town) copied() *dbx.DB {
	w.T.Helper()
	dir := w.T.TempDir()
	for _, name := range []string{"data.db", "data.db-wal"} {
		raw, err := os.ReadFile(filepath.Join(w.Dir, name))
		if err != nil {
			w.T.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), raw, 0o600); err != nil {
			w.T.Fatal(err)
		}
	}
	db, err := dbx.Open("sqlite", filepath.Join(dir, "data.db"))
	if err != nil {
		w.T.Fatal(err)
	}
	w.T.Cleanup(func() {
		if err := db.Close(); err != nil {
			w.T.Error(err)
		}
	})
	return db
}

// checklist gives id and version of a shipped checklist.
func (w *town) checklist(key string) (id string, version int) {
	w.T.Helper()
	r, err := w.App.FindFirstRecordByData("checklists", "key", key)
	if err != nil {
		w.T.Fatal(err)
	}
	return r.Id, r.GetInt("version")
}

// submission gives the fields of a small submission of the front desk.
func (w *town) submission(site string) map[string]any {
	w.T.Helper()
	id, version := w.checklist("hotel_front")
	return map[string]any{"checklist": id, "version": version, "site": site,
		"event_time": w.Clock.Now().UTC().Format(wire.TimeFormat),
		"answers":    map[string]any{"hotel_front.01": "yes", "hotel_front.02": "no"},
		"basis":      map[string]any{"hotel_front.01": "saw"}}
}

// with is a copy of fields with one more.
func with(fields map[string]any, name string, value any) map[string]any {
	out := map[string]any{name: value}
	for k, v := range fields {
		if k != name {
			out[k] = v
		}
	}
	return out
}

func mustJSON(t testing.TB, v any) []byte {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}
