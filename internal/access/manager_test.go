package access_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/fieldpost/fieldpost/internal/access"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// shape is all of an answer that a person could learn from: status, headers and
// body, without what is the request's own.
func (w *world) shape(t *testing.T, token, method, path string, body any, hide ...string) string {
	t.Helper()
	var reader io.Reader = http.NoBody
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		reader = strings.NewReader(string(raw))
	}
	req, err := http.NewRequest(method, w.URL+path, reader)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	res.Header.Del("Date")
	out := fmt.Sprintf("%d %v %s", res.StatusCode, res.Header, raw)
	for _, h := range hide {
		out = strings.ReplaceAll(out, h, "<id>")
	}
	return out
}

// TestManagerLearnsNothing asks, as the manager of a site, for a report of the
// site's staff in every way in which an answer could differ from that about a
// report which is not there.
func TestManagerLearnsNothing(t *testing.T) {
	w := newWorld(t)
	tom, keisha := w.person("manager X"), w.person("coordinator A")
	report := w.subs["staff X1"]
	var nothing []string // ids of the same form that nothing has
	for range 40 {
		nothing = append(nothing, rig.ID())
	}
	staff := w.person("staff X1")
	ways := []struct {
		name, method string
		path         func(id string) string
		body         func(id string) any
	}{
		{"view", "GET", func(id string) string { return "/api/collections/submissions/records/" + id }, nil},
		{"view with expand", "GET", func(id string) string {
			return "/api/collections/submissions/records/" + id + "?expand=site,checklist,author&fields=*"
		}, nil},
		{"list and filter", "GET", func(id string) string {
			return "/api/collections/submissions/records?filter=" + url.QueryEscape(`id="`+id+`"`)
		}, nil},
		{"its triage", "GET", func(id string) string {
			return "/api/collections/triage/records/" + wire.TriageID("submissions", id)
		}, nil},
		{"its files", "GET", func(id string) string { return "/api/files/submissions/" + id + "/photo.jpg" }, nil},
		{"change", "PATCH", func(id string) string { return "/api/collections/submissions/records/" + id }, func(string) any { return map[string]any{"note": "x"} }},
		{"delete", "DELETE", func(id string) string { return "/api/collections/submissions/records/" + id }, nil},
		{"create with its id", "POST", func(string) string { return "/api/collections/submissions/records" }, func(id string) any {
			f := w.submission()
			f["id"], f["site"] = id, w.x1
			return f
		}},
		{"an addendum", "POST", func(string) string { return "/api/collections/addenda/records" }, func(id string) any { return map[string]any{"submission": id, "text": "x"} }},
		{"batch", "POST", func(string) string { return "/api/batch" }, func(id string) any {
			return map[string]any{"requests": []any{map[string]any{"method": "PATCH", "url": "/api/collections/submissions/records/" + id, "body": map[string]any{"note": "x"}}}}
		}},
		{"realtime", "POST", func(string) string { return "/api/realtime" }, func(id string) any {
			return map[string]any{"clientId": "x", "subscriptions": []any{"submissions/" + id}}
		}},
		{"back-relation", "GET", func(id string) string {
			return "/api/collections/sites/records?filter=" + url.QueryEscape(`submissions_via_site.id?="`+id+`"`) + "&expand=submissions_via_site"
		}, nil},
		{"sort over a relation", "GET", func(id string) string {
			return "/api/collections/sites/records?sort=submissions_via_site.received&perPage=1&page=1#" + id
		}, nil},
		{"unseal", "POST", func(id string) string { return "/api/fieldpost/reports/" + id + "/unseal" }, func(string) any { return map[string]any{"reason": "I want to know"} }},
		{"tip sheet", "GET", func(id string) string { return "/api/fieldpost/reports/" + id + "/tipsheet" }, nil},
		{"duplicates", "GET", func(id string) string { return "/api/fieldpost/reports/" + id + "/duplicates" }, nil},
	}
	shapeOf := func(token string, i int, id string) string {
		var body any
		if ways[i].body != nil {
			body = ways[i].body(id)
		}
		return w.shape(t, token, ways[i].method, ways[i].path(id), body, id, wire.TriageID("submissions", id))
	}
	for i, way := range ways {
		t.Run("[R8] to the manager a report of the staff answers like none: "+way.name, func(t *testing.T) {
			if a, b := shapeOf(tom.Token, i, report), shapeOf(tom.Token, i, nothing[0]); a != b {
				t.Fatalf("there:     %.400s\nnot there: %.400s", a, b)
			}
		})
	}
	t.Run("[R8] the control: to a coordinator of the organization that has it, those answers differ", func(t *testing.T) {
		differ := 0
		for i, way := range ways {
			if way.method == "GET" && shapeOf(keisha.Token, i, report) != shapeOf(keisha.Token, i, nothing[1]) {
				differ++
			}
		}
		if differ < 5 {
			t.Fatalf("only %d ways tell anything apart: the test proves nothing", differ)
		}
	})
	t.Run("[R8] counts do not move for the manager when a report comes", func(t *testing.T) {
		counts := func() (out []string) {
			for name := range access.Table {
				_, n := w.ask(tom, name, "perPage", "1")
				out = append(out, fmt.Sprint(name, n))
			}
			slices.Sort(out)
			var page map[string]any
			w.Send(http.MethodGet, tom.Token, "/api/fieldpost/sites/"+w.x1+"/numbers", nil, &page)
			return append(out, fmt.Sprint(page))
		}
		control := func() int { _, n := w.ask(keisha, "submissions", "perPage", "1"); return n }
		before, seen := counts(), control()
		for range 3 {
			f := w.submission()
			f["site"] = w.x1
			w.applied(staff.create("submissions", f))
		}
		rig.Want(t, counts(), before)
		rig.Want(t, control(), seen+3)
	})
	t.Run("[R8] nor does the answer to the manager's pull, sync topic or long poll", func(t *testing.T) {
		tom.Fresh()
		f := w.submission()
		f["site"] = w.x1
		w.applied(staff.create("submissions", f))
		began := time.Now()
		page := tom.Page(map[string]any{"wait": 20})
		rig.Want(t, len(page.Changes)+len(page.Seen), 0)
		if took := time.Since(began); took > 5*time.Second {
			t.Fatalf("the long poll was held for %v", took)
		}
	})
	t.Run("[R8] times do not tell either: what is there takes as long as what is not, within a class", func(t *testing.T) {
		// Medians of pairs, turn by turn: a class is three times the other or 3 ms.
		// What the server tells by its time it tells each time; what a busy machine
		// adds is gone when it is asked again.
		for _, i := range []int{0, 2, 12} {
			var a, b time.Duration
			differ := func() bool {
				var there, not []time.Duration
				for k := range 15 {
					for _, of := range []*[]time.Duration{&there, &not} {
						id := report
						if of == &not {
							id = nothing[k]
						}
						began := time.Now()
						shapeOf(tom.Token, i, id)
						*of = append(*of, time.Since(began))
					}
				}
				a, b = median(there), median(not)
				return max(a-b, b-a) > 3*time.Millisecond && max(a, b) > 3*min(a, b)
			}
			times := 0
			for times < 3 && differ() {
				times++
			}
			if times == 3 {
				t.Errorf("%s: %v where it is there, %v where not", ways[i].name, a, b)
			}
		}
		// The control: what takes longer is seen.
		var slow, fast []time.Duration
		for range 5 {
			began := time.Now()
			w.list(keisha.Token, "checklists")
			slow = append(slow, time.Since(began))
			began = time.Now()
			shapeOf(tom.Token, 0, nothing[2])
			fast = append(fast, time.Since(began))
		}
		if a, b := median(slow), median(fast); a < 2*b {
			t.Fatalf("%v and %v: the measure is too coarse", a, b)
		}
	})
}

func median(list []time.Duration) time.Duration {
	sort.Slice(list, func(i, j int) bool { return list[i] < list[j] })
	return list[len(list)/2]
}
