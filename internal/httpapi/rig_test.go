package httpapi_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sort"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"

	"github.com/fieldpost/fieldpost/internal/access"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// edge is an installation with a worker and a coordinator, and a look at all
// that it stores.
type edge struct {
	*rig.Rig
	ngo, site       string
	worker, keisha  *rig.Device
	observation     string // one that the worker sent
	observationSeen int64
}

func newEdge(t *testing.T) *edge {
	t.Helper()
	e := &edge{Rig: rig.New(t)}
	e.ngo = e.Organization("Outreach")
	e.site = e.Site("Stop", e.Organization("Owner"), e.ngo)
	e.worker, e.keisha = e.Enroll(access.Worker, e.ngo), e.Enroll(access.Coordinator, e.ngo)
	id, v := e.worker.Create("observations", e.Observation(e.site))
	rig.Want(t, v.Verdict, wire.Applied)
	e.observation, e.observationSeen = id, v.Seq
	return e
}

// stored counts the rows of every table but the log of requests and the time
// of last contact.
func (e *edge) stored() string {
	e.T.Helper()
	var names []string
	if err := e.App.DB().NewQuery(`SELECT name FROM sqlite_master WHERE type='table' AND name NOT LIKE 'sqlite_%' AND name<>'journal_contact'`).Column(&names); err != nil {
		e.T.Fatal(err)
	}
	sort.Strings(names)
	var out []string
	for _, n := range names {
		var rows int
		if err := e.App.DB().NewQuery(`SELECT count(*) FROM {{` + n + `}}`).Row(&rows); err != nil {
			e.T.Fatal(err)
		}
		out = append(out, fmt.Sprintf("%s %d", n, rows))
	}
	return strings.Join(out, ", ")
}

// answers fails unless the server still takes what is good: nothing that came
// before broke it.
func (e *edge) answers() {
	e.T.Helper()
	_, v := e.worker.Create("observations", e.Observation(""))
	rig.Want(e.T, v.Verdict, wire.Applied)
	if e.worker.Fresh()["observations"][e.observation] == nil {
		e.T.Fatal("what was received before is not there any more")
	}
}

// answer is an answer as it came.
type answer struct {
	status int
	header http.Header
	body   map[string]any
	raw    []byte
}

func (e *edge) send(method, path, token string, body io.Reader, header map[string]string) answer {
	e.T.Helper()
	req, err := http.NewRequest(method, e.For(token, path)+path, body)
	if err != nil {
		e.T.Fatal(err)
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
		e.T.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		e.T.Fatal(err)
	}
	a := answer{status: res.StatusCode, header: res.Header, raw: raw}
	if len(raw) > 0 && json.Unmarshal(raw, &a.body) != nil {
		a.body = nil
	}
	return a
}

func (e *edge) post(path, token string, body []byte) answer {
	e.T.Helper()
	return e.send(http.MethodPost, path, token, bytes.NewReader(body), nil)
}

// is fails unless the answer is an error body of the protocol, whole.
func (a answer) is(t testing.TB, what string, status int, code, retry string) {
	t.Helper()
	if a.status != status || a.body["code"] != code || a.body["retry"] != retry || a.body["status"] != float64(status) {
		t.Errorf("%s: %d %s, want %d %s %s", what, a.status, a.raw, status, code, retry)
		return
	}
	for _, key := range []string{"message", "hint"} {
		if s, _ := a.body[key].(string); len(s) < 8 || !strings.HasSuffix(s, ".") {
			t.Errorf("%s: %s is no sentence: %q", what, key, s)
		}
	}
	if _, ok := a.body["data"].(map[string]any); !ok {
		t.Errorf("%s: no data: %s", what, a.raw)
	}
	if ct := a.header.Get("Content-Type"); ct != "application/json" {
		t.Errorf("%s: content type %s", what, ct)
	}
	if (retry == "later") != (a.header.Get("Retry-After") != "") {
		t.Errorf("%s: retry %s with Retry-After %q", what, retry, a.header.Get("Retry-After"))
	}
}

// envelope is a good push of a device that a test can bend.
func (e *edge) envelope(d *rig.Device, mutations ...any) map[string]any {
	if mutations == nil {
		mutations = []any{}
	}
	return map[string]any{"protocol": 1, "device": d.ID, "epoch": nil, "mark": nil,
		"now": e.Clock.Now().Format(wire.TimeFormat), "mutations": mutations}
}

func text(t testing.TB, v any) []byte {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func zip(t testing.TB, raw []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(raw); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
