package httpapi_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/export"
	"github.com/fieldpost/fieldpost/internal/records"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
	"github.com/fieldpost/fieldpost/internal/wire"
)

const why = "the yearly report to the county"

// file asks for an export and gives the answer.
func (e *edge) file(d *rig.Device, req map[string]any) answer {
	e.T.Helper()
	body := map[string]any{"format": "csv", "reason": why}
	for k, v := range req {
		body[k] = v
	}
	a := e.post("/api/fieldpost/exports/reports", d.Token, text(e.T, body))
	if a.status != http.StatusOK {
		e.T.Fatalf("%d %s", a.status, a.raw)
	}
	return a
}

// table reads a CSV export: its headings, and its rows by report.
func table(t *testing.T, raw []byte) ([]string, map[string]map[string]string) {
	t.Helper()
	raw, bom := bytes.CutPrefix(raw, []byte("\ufeff"))
	all, err := csv.NewReader(bytes.NewReader(raw)).ReadAll()
	if err != nil || !bom || len(all) == 0 {
		t.Fatalf("no CSV in UTF-8 with its mark: %v %.200s", err, raw)
	}
	rows := map[string]map[string]string{}
	for _, line := range all[1:] {
		row := map[string]string{}
		for i, cell := range line {
			row[all[0][i]] = cell
		}
		rows[line[0]] = row
	}
	return all[0], rows
}

func (e *edge) lastAudit() map[string]any {
	e.T.Helper()
	found, err := e.App.FindRecordsByFilter("audit", "id!=''", "-number", 1, 0)
	if err != nil || len(found) != 1 {
		e.T.Fatal(len(found), err)
	}
	var detail map[string]any
	if err := found[0].UnmarshalJSONField("detail", &detail); err != nil {
		e.T.Fatal(err)
	}
	return map[string]any{"act": found[0].GetString("act"), "actor": found[0].GetString("actor"), "reason": found[0].GetString("reason"),
		"organization": found[0].GetString("organization"), "detail": detail}
}

func TestExportOfReports(t *testing.T) {
	e := newEdge(t)
	far := e.Organization("Far away")
	theirs, them := e.Enroll(access.Coordinator, far), e.Enroll(access.Worker, far)
	staff := e.Enroll(access.Staff, e.Organization("Hotel"), e.site)
	elsewhere, v := them.Create("observations", e.Observation(""))
	rig.Want(t, v.Verdict, wire.Applied)
	evil := e.Observation(e.site)
	evil["note"], evil["point"], evil["event_time"] = "=HYPERLINK(\"http://x\")", map[string]any{"lat": -39.09971, "lon": -94.57861}, "2026-01-20T04:55:00Z"
	evil["vehicles"] = []any{map[string]any{"kind": "van", "color": "silver", "plate_state": "MO", "plate_end": "7X"}}
	exact, v := e.worker.Create("observations", evil)
	rig.Want(t, v.Verdict, wire.Applied)
	coarse := e.Observation("")
	coarse["grid"] = "9yumr5zkpb1" // far finer than a coarse cell
	cell, v := e.worker.Create("observations", coarse)
	rig.Want(t, v.Verdict, wire.Applied)
	list, err := e.App.FindFirstRecordByFilter("checklists", "key='hotel_front' && version=2 && locale='es'")
	if err != nil {
		t.Fatal(err)
	}
	sealed, v := staff.Create("submissions", map[string]any{"checklist": list.Id, "version": 2, "event_time": "2026-01-11T04:55:00Z", "site": e.site,
		"answers": map[string]any{"hotel_front.01": "yes", "hotel_front.02": "unsure"}, "basis": map[string]any{"hotel_front.01": "told"}})
	rig.Want(t, v.Verdict, wire.Applied)
	ids := func(a answer) []string {
		_, rows := table(t, a.raw)
		var out []string
		for id := range rows {
			out = append(out, id)
		}
		slices.Sort(out)
		return out
	}
	sorted := func(list ...string) []string { slices.Sort(list); return list }

	t.Run("[PULL-1] [ACCESS] an export has the reports that the coordinator's list shows, and no other", func(t *testing.T) {
		rig.Want(t, ids(e.file(e.keisha, nil)), sorted(e.observation, exact, cell, sealed))
		rig.Want(t, ids(e.file(theirs, nil)), []string{elsewhere})
		if a := e.post("/api/fieldpost/exports/reports", e.worker.Token, text(t, map[string]any{"format": "csv", "reason": why})); a.status != 403 {
			t.Errorf("a worker: %d", a.status)
		}
	})
	t.Run("[R9] [R8] nothing in it says who wrote a report, in either format; the control: the database does of a worker's", func(t *testing.T) {
		r, err := e.App.FindRecordById("observations", exact)
		if err != nil || r.GetString("author") != e.worker.User.ID {
			t.Fatal(err)
		}
		for _, format := range export.ManyFormats {
			raw := e.file(e.keisha, map[string]any{"format": format, "texts": true}).raw
			for _, d := range []*rig.Device{e.worker, staff} {
				for _, secret := range []string{d.User.ID, d.ID, e.S.Key.Person(d.User.ID), e.S.Key.Device(d.ID)} {
					if bytes.Contains(raw, []byte(secret)) {
						t.Errorf("%s holds %s", format, secret)
					}
				}
			}
		}
	})
	t.Run("[EXPORT] a cell that begins like a formula does not run in a spreadsheet", func(t *testing.T) {
		_, rows := table(t, e.file(e.keisha, map[string]any{"texts": true}).raw)
		rig.Want(t, rows[exact]["In the words of who saw it"], `'=HYPERLINK("http://x")`)
		rig.Want(t, rows[exact]["Latitude"], "-39.09971") // a number is none
	})
	t.Run("[EXPORT] what people wrote themselves leaves only where it was asked for", func(t *testing.T) {
		if bytes.Contains(e.file(e.keisha, nil).raw, []byte("HYPERLINK")) {
			t.Error("a note left unasked")
		}
	})
	t.Run("[R20] [CONTENT] with a checklist each item is a column in the words of its version; answers and headings in the asked language", func(t *testing.T) {
		head, rows := table(t, e.file(e.keisha, map[string]any{"checklist": "hotel_front", "version": 2, "locale": "es"}).raw)
		var items []map[string]any
		if err := list.UnmarshalJSONField("items", &items); err != nil {
			t.Fatal(err)
		}
		first, second := fmt.Sprint(items[0]["text"]), fmt.Sprint(items[1]["text"])
		if len(rows) != 1 || !slices.Contains(head, "Pasó") || !slices.Contains(head, first) {
			t.Fatalf("%d rows, %v", len(rows), head)
		}
		rig.Want(t, []string{rows[sealed][first], rows[sealed][second]}, []string{"sí (se lo contaron)", "no sé"})
		english, rows := table(t, e.file(e.keisha, map[string]any{"checklist": "hotel_front"}).raw)
		if slices.Contains(english, first) || !strings.Contains(rows[sealed]["Signs"], "told") {
			t.Error("the English export speaks Spanish")
		}
	})
	t.Run("[R14] a place is a coarse cell unless a point was given; a site's own place stays", func(t *testing.T) {
		site, err := e.App.FindRecordById("sites", e.site)
		if err != nil {
			t.Fatal(err)
		}
		site.Set("point", map[string]any{"lat": 39.123456, "lon": -94.654321})
		if err := e.App.Save(site); err != nil {
			t.Fatal(err)
		}
		a := e.file(e.keisha, map[string]any{"format": "geojson"})
		rig.Want(t, a.header.Get("Content-Type"), "application/geo+json")
		var geo struct {
			Type     string
			Features []struct {
				ID       string
				Geometry struct {
					Type        string
					Coordinates json.RawMessage
				}
				Properties map[string]any
			}
		}
		if err := json.Unmarshal(a.raw, &geo); err != nil {
			t.Fatal(err)
		}
		rig.Want(t, geo.Type, "FeatureCollection")
		kinds := map[string]string{}
		for _, f := range geo.Features {
			kinds[f.ID] = f.Geometry.Type
			if f.Geometry.Type != "Polygon" {
				continue
			}
			var rings [][][2]float64
			if err := json.Unmarshal(f.Geometry.Coordinates, &rings); err != nil || len(rings) != 1 || len(rings[0]) != 5 || rings[0][0] != rings[0][4] {
				t.Fatalf("%v %s", err, f.Geometry.Coordinates)
			}
			if wide := math.Abs(rings[0][1][0] - rings[0][0][0]); wide < 0.04 {
				t.Errorf("%s: a cell of %v degrees is a point", f.ID, wide)
			}
			if f.ID == e.observation && !(rings[0][0][0] <= -94.654321 && rings[0][1][0] >= -94.654321 && rings[0][0][1] <= 39.123456 && rings[0][2][1] >= 39.123456) {
				t.Errorf("the site does not lie in its cell: %v", rings)
			}
			if f.ID == cell {
				rig.Want(t, f.Properties["cell"], "9yumr")
			}
		}
		rig.Want(t, kinds, map[string]string{e.observation: "Polygon", exact: "Point", cell: "Polygon", sealed: "Polygon"})
		for _, secret := range []string{"39.123456", "zkpb1"} {
			if bytes.Contains(a.raw, []byte(secret)) {
				t.Errorf("it holds %s", secret)
			}
		}
	})
	t.Run("[R16] the audit has each export with its filter, its count and its reason, before it leaves", func(t *testing.T) {
		n := len(ids(e.file(e.keisha, map[string]any{"kind": "observations", "from": "2026-01-19", "before": "2026-01-21", "site": e.site, "zone": "America/Chicago"})))
		rig.Want(t, n, 1)
		rig.Want(t, e.lastAudit(), map[string]any{"act": "export", "actor": e.keisha.User.ID, "reason": why, "organization": e.ngo, "detail": map[string]any{
			"what": "reports", "format": "csv", "rows": 1.0, "texts": false, "filter": map[string]any{"kind": "observations", "from": "2026-01-19", "before": "2026-01-21", "site": e.site, "zone": "America/Chicago"}}})
		rig.Want(t, e.file(e.keisha, nil).header.Get("Fieldpost-Rows"), "4")
		rig.Want(t, e.lastAudit()["detail"].(map[string]any)["rows"], 4.0)
		before, err := e.App.CountRecords("audit")
		if err != nil {
			t.Fatal(err)
		}
		e.without("audit", func() {
			if a := e.post("/api/fieldpost/exports/reports", e.keisha.Token, text(t, map[string]any{"format": "csv", "reason": why})); a.status != 500 || bytes.Contains(a.raw, []byte(exact)) {
				t.Errorf("what cannot be audited left: %d", a.status)
			}
		})
		after, err := e.App.CountRecords("audit")
		rig.Want(t, after, before)
		if err != nil {
			t.Fatal(err)
		}
	})
	t.Run("[EXPORT] filters by triage keep to it", func(t *testing.T) {
		triage := wire.TriageID("observations", exact)
		e.keisha.Do(rig.Update("triage", triage, e.Entries(), map[string]any{"status": "closed", "closing_reason": "explained"}))
		rig.Want(t, ids(e.file(e.keisha, map[string]any{"status": "closed"})), []string{exact})
		_, rows := table(t, e.file(e.keisha, map[string]any{"status": "closed"}).raw)
		rig.Want(t, []string{rows[exact]["State"], rows[exact]["Closed as"]}, []string{"closed", "explained"})
	})
}

// TestExportIsAStream lets many large reports leave, and looks at what is held
// of them meanwhile.
func TestExportIsAStream(t *testing.T) {
	e := newEdge(t)
	const many = 1500
	_, err := e.App.NonconcurrentDB().NewQuery(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<` + fmt.Sprint(many) + `)
		INSERT INTO observations (id,event_time,indicators,organization,received,clock_off,author,note)
		SELECT 'x'||printf('%014d',i), event_time, indicators, organization, received, clock_off, author, printf('%.*c', 20000, 'x') FROM observations, n WHERE id={:id}`).
		Bind(map[string]any{"id": e.observation}).Execute()
	if err != nil {
		t.Fatal(err)
	}
	by, err := e.S.Store.Person(e.App, e.keisha.User.ID)
	if err != nil {
		t.Fatal(err)
	}
	t.Run("[EXPORT] reports leave row by row: 30 MB of them are never held at once", func(t *testing.T) {
		s := &export.Service{Store: e.S.Store, Now: e.Clock.Now}
		var peak, total uint64
		start := heap()
		sink := writerFunc(func(b []byte) (int, error) {
			if total += uint64(len(b)); total>>22 != (total-uint64(len(b)))>>22 { // every 4 MB
				peak = max(peak, heap())
			}
			return len(b), nil
		})
		rows := 0
		err := s.Many(*by, export.ManyRequest{Format: "csv", Reason: why, Texts: true}, func(_, _ string, n int) (io.Writer, error) { rows = n; return sink, nil })
		if err != nil || rows != many+1 || total < many*20000 {
			t.Fatal(err, rows, total)
		}
		if peak == 0 || peak > start+12<<20 {
			t.Errorf("%d MB were held beside %d MB", (peak-start)>>20, start>>20)
		}
	})
	t.Run("[EXPORT] who stops reading ends the export, and the next one finds a place", func(t *testing.T) {
		s := &export.Service{Store: e.S.Store, Now: e.Clock.Now}
		gone := fmt.Errorf("gone")
		err := s.Many(*by, export.ManyRequest{Format: "geojson", Reason: why, Texts: true}, func(_, _ string, _ int) (io.Writer, error) {
			return writerFunc(func([]byte) (int, error) { return 0, gone }), nil
		})
		if err == nil || !strings.Contains(err.Error(), "gone") {
			t.Fatal(err)
		}
		e.file(e.keisha, map[string]any{"status": "closed"})
	})
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

func TestAuditOverHTTP(t *testing.T) {
	e := newEdge(t)
	boss := e.Enroll(access.Admin, e.ngo)
	t.Run("[R16] an admin takes the audit away, which has that, and anybody can check the file", func(t *testing.T) {
		a := e.post("/api/fieldpost/exports/audit", boss.Token, []byte("{}"))
		rig.Want(t, a.status, 200)
		report, err := records.VerifyAudit(bytes.NewReader(a.raw))
		if err != nil || report.Bad != "" || report.Entries == 0 {
			t.Fatal(err, report)
		}
		last := e.lastAudit()
		rig.Want(t, []any{last["act"], last["actor"]}, []any{"export", boss.User.ID})
		changed := bytes.Replace(a.raw, []byte(boss.User.ID), []byte(e.worker.User.ID), 1)
		if report, err := records.VerifyAudit(bytes.NewReader(changed)); err != nil || report.Bad == "" {
			t.Error("the control: a changed file passes", err)
		}
	})
	t.Run("[R16] an admin has the chain checked; a changed record is named", func(t *testing.T) {
		check := func() any { return e.post("/api/fieldpost/audit/verify", boss.Token, []byte("{}")).body["bad"] }
		rig.Want(t, check(), nil)
		if _, err := e.App.NonconcurrentDB().NewQuery("UPDATE audit SET reason='another' WHERE number=1").Execute(); err != nil {
			t.Fatal(err)
		}
		if bad, _ := check().(string); !strings.Contains(bad, "reason is not what the journal has") {
			t.Error(bad)
		}
	})
	t.Run("[R16] [ACCESS] a coordinator and a manager take no audit away", func(t *testing.T) {
		manager := e.Enroll(access.Manager, e.Organization("Hotel"), e.site)
		for _, d := range []*rig.Device{e.keisha, manager, e.worker} {
			for _, path := range []string{"/api/fieldpost/exports/audit", "/api/fieldpost/audit/verify"} {
				rig.Want(t, e.post(path, d.Token, []byte("{}")).status, 403)
			}
		}
	})
}
