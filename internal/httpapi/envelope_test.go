package httpapi_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/fieldpost/fieldpost/internal/access"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// raw is JSON as it is, for what Go cannot write.
type raw = json.RawMessage

func TestEnvelopes(t *testing.T) {
	e := newEdge(t)
	// bend sends good envelopes with one key changed, or left out for nil.
	bend := func(path string, key string, value any) answer {
		body := map[string]any{}
		if err := json.Unmarshal(e.synced(e.worker)[path], &body); err != nil {
			t.Fatal(err)
		}
		if body[key] = value; value == nil {
			delete(body, key)
		}
		return e.post(path, e.worker.Token, text(t, body))
	}
	t.Run("[PUSH-4] a key of the envelope that is missing or has a wrong type is a bad request", func(t *testing.T) {
		before := e.stored()
		for _, c := range []struct {
			path, key string
			values    []any
		}{
			{"/api/sync/push", "protocol", []any{nil, "1", 1.5, true, raw("null"), []int{1}}},
			{"/api/sync/push", "device", []any{nil, 7, raw("null"), map[string]any{}, []string{e.worker.ID}}},
			{"/api/sync/push", "epoch", []any{7, true, []any{}}},
			{"/api/sync/push", "now", []any{7, "yesterday", "2026-13-01T00:00:00.000Z", "x", []any{}}},
			{"/api/sync/push", "mark", []any{7, map[string]any{}}},
			{"/api/sync/push", "mutations", []any{nil, raw("null"), "x", 7, map[string]any{}, []any{1}, []any{"x"}, []any{nil}, []any{[]any{}}}},
			{"/api/sync/pull", "protocol", []any{nil, "1", raw("null")}},
			{"/api/sync/pull", "device", []any{nil, 7}},
			{"/api/sync/pull", "schema", []any{nil, 0, -1, 1.5, "1", raw("1e400"), raw("null")}},
			{"/api/sync/pull", "mark", []any{7, []any{}}},
			{"/api/sync/pull", "cursor", []any{7, map[string]any{}, true}},
			{"/api/sync/pull", "limit", []any{-1, 1.5, "5", true, []any{}}},
			{"/api/sync/pull", "wait", []any{-1, 0.5, "5", map[string]any{}}},
			{"/api/sync/pull", "digests", []any{"yes", 1, []any{}}},
		} {
			for _, v := range c.values {
				bend(c.path, c.key, v).is(t, fmt.Sprintf("%s with %s %s", c.path, c.key, text(t, v)), http.StatusBadRequest, "bad_request", "never")
			}
		}
		for _, v := range []any{0, 2, -1, 1 << 40} {
			for path := range e.synced(e.worker) {
				bend(path, "protocol", v).is(t, path, http.StatusBadRequest, "unsupported_protocol", "never")
			}
		}
		rig.Want(t, e.stored(), before)
	})
	t.Run("[WIRE] keys of the envelope that nobody knows yet are ignored", func(t *testing.T) {
		for path := range e.synced(e.worker) {
			rig.Want(t, bend(path, "later", map[string]any{"a": 1}).status, http.StatusOK)
		}
	})
	t.Run("[PUSH-4] an n that is no integer from 1 to 2^53-1, or does not ascend, refuses the request whole", func(t *testing.T) {
		before := e.stored()
		good := func(n any) map[string]any {
			m := map[string]any{}
			if err := json.Unmarshal(text(t, e.worker.Mutation(rig.Create("observations", rig.ID(), e.Observation("")))), &m); err != nil {
				t.Fatal(err)
			}
			if m["n"] = n; n == nil {
				delete(m, "n")
			}
			return m
		}
		for _, n := range []any{nil, 0, -1, -9007199254740991, 1.5, "5", true, raw("null"), raw("9007199254740992"), raw("1e400"), raw("1e20"), []int{5}} {
			for _, list := range [][]any{{good(n)}, {good(100), good(n)}} {
				a := e.post("/api/sync/push", e.worker.Token, text(t, e.envelope(e.worker, list...)))
				a.is(t, fmt.Sprintf("n %s", text(t, n)), http.StatusBadRequest, "bad_request", "never")
			}
		}
		for _, ns := range [][2]int{{101, 101}, {102, 101}} {
			a := e.post("/api/sync/push", e.worker.Token, text(t, e.envelope(e.worker, good(ns[0]), good(ns[1]))))
			a.is(t, fmt.Sprint("n ", ns), http.StatusBadRequest, "bad_request", "never")
		}
		rig.Want(t, e.stored(), before)
		e.worker.N = 200
		e.answers()
	})
	t.Run("[PUSH-13] ten thousand mutations are to be split, in little time and with nothing taken", func(t *testing.T) {
		before := e.stored()
		many := bytes.Repeat([]byte(`{"n":1},`), 10_000)
		body := fmt.Sprintf(`{"protocol":1,"device":%q,"epoch":null,"now":null,"mark":null,"mutations":[%s{}]}`, e.worker.ID, many)
		e.post("/api/sync/push", e.worker.Token, []byte(body)).is(t, "10,000", http.StatusRequestEntityTooLarge, "too_large", "split")
		list := make([]any, 10_000)
		for i := range list {
			list[i] = map[string]any{"n": 1000 + i, "stamp": "x", "ops": []any{}}
		}
		a := e.send(http.MethodPost, "/api/sync/push", e.worker.Token, bytes.NewReader(zip(t, text(t, e.envelope(e.worker, list...)))), map[string]string{"Content-Encoding": "gzip"})
		a.is(t, "10,000 in gzip", http.StatusRequestEntityTooLarge, "too_large", "split")
		rig.Want(t, e.stored(), before)
		e.answers()
	})
}

// TestMutations sends what is wrong inside one mutation between two good ones.
func TestMutations(t *testing.T) {
	e := newEdge(t)
	colleague := e.Enroll(access.Worker, e.ngo)
	theirs, v := colleague.Create("observations", e.Observation(""))
	rig.Want(t, v.Verdict, wire.Applied)
	foreign := e.Site("Elsewhere", e.Organization("Other"), e.Organization("Third"))
	observe := func(key string, value any) wire.Op {
		f := e.Observation("")
		f[key] = value
		return rig.Create("observations", rig.ID(), f)
	}
	at := func(collection, id string) wire.Op { return rig.Create(collection, id, e.Observation("")) }
	type bent struct {
		what string
		op   wire.Op
		code string
	}
	var list []bent
	for _, name := range []string{"observation", "users; DROP TABLE users", "observations' OR 1=1 --", "observations/../users", "_superusers", "sqlite_master", "journal_entry", "@collection.users", "Observations", "observations ", "\x00", strings.Repeat("a", 5000)} {
		list = append(list, bent{"collection " + name, at(name, rig.ID()), wire.CodeUnknownCollection})
	}
	for _, id := range []string{"", "short", "' OR 1=1 --    ", "UPPERCASEUPPERC", "\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9", strings.Repeat("a", 16), "../../etc/passw", "id=\"x\" || 1=1 "} {
		list = append(list, bent{"id " + id, at("observations", id), wire.CodeInvalid})
	}
	for field, values := range map[string][]any{
		"event_time": {7, "yesterday", "", nil, true, map[string]any{}, "2026-02-30T00:00:00Z", "99999-01-01T00:00:00Z"},
		"indicators": {nil, "x", 7, map[string]any{}, []any{1}, []any{map[string]any{"indicator": "core.01"}}, []any{map[string]any{"indicator": "core.01' --", "basis": "saw"}}},
		"site":       {7, "x", "' OR 1=1 --    ", []any{}, true},
		"grid":       {7, strings.Repeat("x", 21), []any{}, map[string]any{}},
		"point":      {"x", 7, []any{1, 2}, map[string]any{"lat": "1", "lon": 2}, map[string]any{"lat": 91, "lon": 0}, map[string]any{"lat": 1}},
		"event_end":  {7, "x", []any{}},
		"people":     {"3", -1, 1.5, true, 1e9},
		"persons":    {"x", 7, map[string]any{}, []any{"x"}, []any{map[string]any{"age": 7, "description": []any{}}}},
		"vehicles":   {"x", []any{7}, []any{map[string]any{"kind": 7}}},
		"outreach":   {"x", 7, map[string]any{}},
		"note":       {7, true, []any{}, map[string]any{}, strings.Repeat("x", 20_001)},
		"operation":  {7, "short", []any{}}, "minor_possible": {"yes", 1, []any{}}, "manager_involved": {"true", 0},
	} {
		for _, v := range values {
			list = append(list, bent{fmt.Sprintf("%s %.40s", field, text(t, v)), observe(field, v), wire.CodeInvalid})
		}
	}
	list = append(list,
		bent{"somebody else's observation", rig.Update("observations", theirs, 1, map[string]any{"note": "x"}), wire.CodeNotAllowed},
		bent{"somebody else's observation deleted", rig.Delete("observations", theirs, 1), wire.CodeNotAllowed},
		bent{"a site of another organization", observe("site", foreign), wire.CodeNotAllowed},
		bent{"a user's own record", rig.Update("users", e.worker.User.ID, 1, map[string]any{"role": "admin"}), wire.CodeNotAllowed},
		bent{"another person's device", rig.Update("devices", e.keisha.ID, 1, map[string]any{"revoked": true}), wire.CodeNotAllowed},
		bent{"an author", observe("author", e.keisha.User.ID), wire.CodeNotAllowed},
		bent{"an organization", observe("organization", e.ngo), wire.CodeNotAllowed},
		bent{"an id that is taken", at("observations", theirs), wire.CodeInvalid},
	)
	t.Run("[PUSH-4] [PUSH-6] what is wrong in one mutation refuses that one, keeps it and lets the others through", func(t *testing.T) {
		observations, kept := e.count("observations"), e.count("quarantine")
		for i, b := range list {
			before, after := e.worker.Mutation(at("observations", rig.ID())), e.worker.Mutation(b.op)
			last := e.worker.Mutation(at("observations", rig.ID()))
			got := e.worker.Push(before, after, last)
			if got[0].Verdict != wire.Applied || got[2].Verdict != wire.Applied {
				t.Errorf("%s: its neighbours: %+v %+v", b.what, got[0], got[2])
			}
			if got[1].Verdict != wire.Refused || got[1].Code != b.code || got[1].Quarantine == "" || got[1].Message == "" {
				t.Errorf("%s: %+v, want refused %s", b.what, got[1], b.code)
			}
			rig.Want(t, e.count("quarantine"), kept+i+1)
		}
		rig.Want(t, e.count("observations"), observations+2*len(list))
		e.answers()
	})
	t.Run("[PUSH-9] a field or member that nobody knows is kept and told, and shown to nobody as a field", func(t *testing.T) {
		for _, name := range []string{"later", "a b", "' OR 1=1", "note'; --", "", "@request.auth.id", "note+", "note:autogenerate"} {
			id := rig.ID()
			f := e.Observation("")
			f[name] = map[string]any{"deep": []any{1, "x"}}
			v := e.worker.Do(rig.Create("observations", id, f))
			if v.Verdict != wire.Applied || v.Code != wire.CodeKeptExtra {
				t.Errorf("%q: %+v", name, v)
			}
			var shown map[string]any
			if err := json.Unmarshal(e.keisha.Fresh()["observations"][id], &shown); err != nil {
				t.Fatal(err)
			}
			if _, ok := shown[name]; ok {
				t.Errorf("%q is shown", name)
			}
			rig.Want(t, shown["note"], "silver van, cab to cab")
		}
	})
	t.Run("[PUSH-12] a stamp as far ahead as stamps go is taken, and wins nothing for ever", func(t *testing.T) {
		e.keisha.Pull()
		id, v := e.keisha.Create("sites", map[string]any{"name": "Stop", "venue": "hotel"})
		rig.Want(t, v.Verdict, wire.Applied)
		for _, ms := range []string{"9999999999999-ffff", "0000000000000-0000"} {
			m := e.keisha.Mutation(rig.Update("sites", id, e.Entries(), map[string]any{"notes": ms}))
			m.Stamp = ms + "-" + e.keisha.ID
			rig.Want(t, e.keisha.Push(m)[0].Verdict, wire.Applied)
			colleague := e.Enroll(access.Coordinator, e.ngo)
			v := colleague.Do(rig.Update("sites", id, e.Entries(), map[string]any{"notes": "seen and replaced"}))
			rig.Want(t, v.Verdict, wire.Applied)
			var site map[string]any
			if err := json.Unmarshal(colleague.Fresh()["sites"][id], &site); err != nil {
				t.Fatal(err)
			}
			rig.Want(t, site["notes"], "seen and replaced")
		}
	})
	t.Run("[PUSH-2] a stamp of the year 9999, of another device or of no form is refused and kept", func(t *testing.T) {
		for _, stamp := range []string{"253402300799999-0000-" + e.worker.ID, "9999-12-31T23:59:59Z", "1768108200000-0000-" + e.keisha.ID, "1768108200000-0000-", "-768108200000-0000-" + e.worker.ID,
			"1768108200000-00000-" + e.worker.ID, "1768108200000-FFFF-" + e.worker.ID, "1768108200000-0000-' OR 1=1 --    ", "", strings.Repeat("1", 10_000)} {
			m := e.worker.Mutation(at("observations", rig.ID()))
			m.Stamp = stamp
			v := e.worker.Push(m)[0]
			if v.Verdict != wire.Refused || v.Code != wire.CodeInvalid || v.Quarantine == "" {
				t.Errorf("%.40s: %+v", stamp, v)
			}
		}
		e.answers()
	})
}

func (e *edge) count(collection string) int {
	e.T.Helper()
	n, err := e.App.CountRecords(collection)
	if err != nil {
		e.T.Fatal(err)
	}
	return int(n)
}
