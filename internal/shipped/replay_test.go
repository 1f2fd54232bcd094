package shipped

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/fieldpost/fieldpost/client"
	"github.com/fieldpost/fieldpost/internal/journal"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
	"github.com/fieldpost/fieldpost/internal/wire"
)

const shipped = "../../docs/protocol/vectors/shipped"

// folders are the golden folders, by schema.
func folders(t *testing.T) map[int]string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(shipped, "schema*"))
	if err != nil {
		t.Fatal(err)
	}
	out := map[int]string{}
	for _, dir := range found {
		out[load(t, dir).Schema] = dir
	}
	return out
}

func load(t *testing.T, dir string) *Golden {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(dir, "pushes.json"))
	if err != nil {
		t.Fatal(err)
	}
	g := &Golden{}
	if err := json.Unmarshal(raw, g); err != nil {
		t.Fatal(err)
	}
	if len(g.Pushes) == 0 || len(g.Devices) == 0 || len(g.Stores) == 0 {
		t.Fatalf("%s: nothing to replay", dir)
	}
	return g
}

func unzip(t *testing.T, path string) []byte {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// unpack lays the golden data folder out.
func unpack(t *testing.T, dir string) string {
	t.Helper()
	to := t.TempDir()
	r := tar.NewReader(bytes.NewReader(unzip(t, filepath.Join(dir, "folder.tar.gz"))))
	for {
		h, err := r.Next()
		if err == io.EOF {
			return to
		}
		if err != nil {
			t.Fatal(err)
		}
		raw, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(to, filepath.FromSlash(h.Name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, raw, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// device is a golden device with a token of now.
func device(t *testing.T, r *rig.Rig, d Device) *rig.Device {
	t.Helper()
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), d.Key)
	if err != nil {
		t.Fatal(err)
	}
	dev := &rig.Device{Rig: r, ID: d.ID, Key: key}
	var c wire.ChallengeAnswer
	if status := r.Post("", "/api/sync/challenge", map[string]any{"device": d.ID}, &c); status != http.StatusOK {
		t.Fatalf("challenge: %d", status)
	}
	var a struct{ Token string }
	status := r.Post("", "/api/sync/renew", wire.RenewRequest{Device: d.ID, Challenge: c.Challenge,
		Signature: dev.Sign(wire.RenewText(d.ID, c.Challenge, "", ""))}, &a)
	if status != http.StatusOK || a.Token == "" {
		t.Fatalf("renew of the %s's device: %d", d.Role, status)
	}
	dev.Token = a.Token
	return dev
}

// replay sends the golden pushes, each twice.
func replay(t *testing.T, r *rig.Rig, g *Golden) {
	t.Helper()
	devices := map[string]*rig.Device{}
	for _, d := range g.Devices {
		devices[d.ID] = device(t, r, d)
	}
	for _, p := range g.Pushes {
		for _, replayed := range []bool{false, true} {
			var raw json.RawMessage
			if status := r.Post(devices[p.Device].Token, "/api/sync/push", unmarked(t, p.Body), &raw); status != http.StatusOK {
				t.Fatalf("%s: %d %s", p.Why, status, raw)
			}
			var a wire.PushAnswer
			if err := json.Unmarshal(raw, &a); err != nil {
				t.Fatal(err)
			}
			var got []Verdict
			for _, v := range a.Verdicts {
				got = append(got, Verdict{v.N, v.Verdict, v.Code})
				if v.Replayed != replayed {
					t.Errorf("%s: n %d: replayed %v", p.Why, v.N, v.Replayed)
				}
				if v.Verdict == wire.Refused && v.Quarantine == "" || len(v.Conflicts) > 0 {
					t.Errorf("%s: %+v", p.Why, v)
				}
			}
			if fmt.Sprint(got) != fmt.Sprint(p.Verdicts) {
				t.Errorf("%s:\ngot  %v\nwant %v\n%s", p.Why, got, p.Verdicts, raw)
			}
		}
	}
}

// unmarked is a body without its mark: that names the history of a server that
// is gone, and ours would take itself for a copy of it (EPOCH-2).
func unmarked(t *testing.T, body json.RawMessage) []byte {
	t.Helper()
	var members map[string]json.RawMessage
	if err := json.Unmarshal(body, &members); err != nil {
		t.Fatal(err)
	}
	members["mark"] = json.RawMessage("null")
	raw, err := json.Marshal(members)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// sent are the mutations of the golden pushes that are not sealed, with what
// became of them.
func sent(t *testing.T, g *Golden) (all []wire.Mutation, verdicts []Verdict) {
	t.Helper()
	for _, p := range g.Pushes {
		var body struct{ Mutations []wire.Mutation }
		if err := json.Unmarshal(p.Body, &body); err != nil {
			t.Fatal(err)
		}
		for i, m := range body.Mutations {
			if m.Sealed == "" {
				all, verdicts = append(all, m), append(verdicts, p.Verdicts[i])
			}
		}
	}
	return all, verdicts
}

// said is every value that the journal holds of a record, its extra included.
func said(t *testing.T, r *rig.Rig, collection, id string) []map[string]any {
	t.Helper()
	past, err := r.S.Store.Journal().History(collection, id)
	if err != nil {
		t.Fatal(err)
	}
	var out []map[string]any
	for _, e := range past {
		out = append(out, e.Fields)
		if extra, ok := e.Extra["fields"].(map[string]any); ok {
			out = append(out, extra)
		}
	}
	return out
}

// nothingLost looks for each value of each applied op in the journal, under its
// name of now: values that a later op replaced are there too.
func nothingLost(t *testing.T, r *rig.Rig, g *Golden) {
	t.Helper()
	looked := 0
	all, verdicts := sent(t, g)
	for i, m := range all {
		if verdicts[i].Verdict != wire.Applied {
			continue
		}
		for _, op := range m.Ops {
			now, kept, problem := wire.Upgrade(op, int64(m.Schema))
			if problem != nil {
				t.Fatal(problem)
			}
			for f, v := range kept {
				now.Fields[f] = v
			}
			entries := said(t, r, op.Collection, op.ID)
			for f, v := range now.Fields {
				looked++
				if !slices.ContainsFunc(entries, func(e map[string]any) bool { return holds(e[f], v) }) {
					t.Errorf("%s of %s %s, n %d: %v is nowhere in %v", f, op.Collection, op.ID, m.N, v, entries)
				}
			}
		}
	}
	if looked < 100 {
		t.Fatalf("only %d values were looked for", looked)
	}
}

// holds tells whether a journalled value is what was sent.
func holds(have, sent any) bool {
	switch v := sent.(type) {
	case map[string]any:
		if _, edit := v["add"]; edit {
			list, _ := have.([]any)
			return slices.ContainsFunc(list, func(e any) bool { return wire.EqualJSON(e, v["add"].([]any)[0]) })
		}
		if _, edit := v["remove"]; edit {
			list, _ := have.([]any)
			return !slices.ContainsFunc(list, func(e any) bool { return wire.EqualJSON(e, v["remove"].([]any)[0]) })
		}
	case string:
		if text, ok := have.(string); ok {
			a, errA := client.ParseTime(v)
			b, errB := client.ParseTime(text)
			if errA == nil && errB == nil {
				return a.Equal(b)
			}
		}
		return v == "" && have == nil || wire.EqualJSON(have, sent)
	case bool:
		if v && have != nil { // `opened: true` stands for a time
			return have != false
		}
		return !v && have == nil || wire.EqualJSON(have, sent)
	case []any:
		return len(v) == 0 && have == nil || wire.EqualJSON(have, sent)
	case nil:
		return have == nil || have == ""
	}
	return wire.EqualJSON(have, sent)
}

func TestShipped(t *testing.T) {
	t.Run("[PUSH-9] every schema up to that of this build has golden files, and no other", func(t *testing.T) {
		found := folders(t)
		for schema := 1; schema <= wire.Schema; schema++ {
			dir, ok := found[schema]
			if !ok {
				t.Errorf("schema %d has no golden files: make them as %s/README.md says", schema, shipped)
			} else if filepath.Base(dir) != fmt.Sprintf("schema%d", schema) {
				t.Errorf("%s holds schema %d", dir, schema)
			}
		}
		if len(found) != wire.Schema {
			t.Errorf("%d golden folders for %d schemas", len(found), wire.Schema)
		}
	})
	for schema, dir := range folders(t) {
		g := load(t, dir)
		t.Run(fmt.Sprintf("[PUSH-9] what phones of schema %d made is taken, once, with the verdicts of its own day, and all of it kept", schema), func(t *testing.T) {
			r := rig.Open(t, unpack(t, dir))
			replay(t, r, g)
			nothingLost(t, r, g)
			if report, err := journal.NewReader(r.App.ConcurrentDB()).Verify(); err != nil || report.Bad != 0 {
				t.Fatal(report, err)
			}
		})
		for _, s := range g.Stores {
			t.Run(fmt.Sprintf("[EPOCH-4] %s of schema %d is opened, sends what waits as it was made, and loses nothing", s.File, schema), func(t *testing.T) {
				r := rig.Open(t, unpack(t, dir))
				wake(t, r, dir, s)
			})
		}
		t.Run(fmt.Sprintf("[INV-23] a phone of schema %d hands in all of it while its pull is answered 426", schema), func(t *testing.T) {
			r := rig.Open(t, unpack(t, dir))
			r.S.Exchange.MinSchema = wire.Schema + 1
			replay(t, r, g)
			d := device(t, r, g.Devices[0])
			status, _, e := d.TryPull(map[string]any{"schema": schema})
			rig.Want(t, []any{status, e.Code}, []any{http.StatusUpgradeRequired, "upgrade_required"})
		})
	}
}

// listener notes the mutations and the pulls that a client sends.
type listener struct {
	mutations []json.RawMessage
	schemas   []int
}

func (l *listener) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body != nil {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return nil, err
		}
		req.Body = io.NopCloser(bytes.NewReader(body))
		if body, err = plain(req.Header, body); err != nil {
			return nil, err
		}
		var sent struct {
			Schema    int
			Mutations []json.RawMessage
		}
		if err := json.Unmarshal(body, &sent); err != nil {
			return nil, err
		}
		switch {
		case strings.HasSuffix(req.URL.Path, "/push"):
			l.mutations = append(l.mutations, sent.Mutations...)
		case strings.HasSuffix(req.URL.Path, "/pull"):
			l.schemas = append(l.schemas, sent.Schema)
		}
	}
	return http.DefaultTransport.RoundTrip(req)
}

// wake opens an old store with the library of this build.
func wake(t *testing.T, r *rig.Rig, dir string, s Store) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "device.db")
	if err := os.WriteFile(path, unzip(t, filepath.Join(dir, s.File)), 0o600); err != nil {
		t.Fatal(err)
	}
	ear := &listener{}
	d, err := client.Open(path, client.Options{HTTP: &http.Client{Transport: ear}, MustExist: true})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	want := map[int64]StoreEntry{}
	var waiting []json.RawMessage
	for _, e := range s.Entries {
		want[e.N] = e
		if e.Phase == string(client.Waiting) {
			waiting = append(waiting, e.Mutation)
		}
	}
	same := func(after bool) {
		t.Helper()
		list, err := d.Outbox()
		if err != nil {
			t.Fatal(err)
		}
		rig.Want(t, len(list), len(s.Entries))
		for _, e := range list {
			phase := want[e.N].Phase
			if after && phase == string(client.Waiting) {
				phase = string(client.Acknowledged)
			}
			rig.Want(t, []any{e.N, e.Stamp, string(e.Phase)}, []any{want[e.N].N, want[e.N].Stamp, phase})
			if !wire.EqualJSON(decoded(t, e.Raw), decoded(t, want[e.N].Mutation)) {
				t.Errorf("n %d was rewritten:\n%s\n%s", e.N, e.Raw, want[e.N].Mutation)
			}
		}
	}
	same(false)
	if err := d.SetURL(r.URL); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Sync(context.Background()); err != nil {
		t.Fatal(err)
	}
	same(true)
	for _, m := range waiting {
		if !slices.ContainsFunc(ear.mutations, func(got json.RawMessage) bool { return wire.EqualJSON(decoded(t, got), decoded(t, m)) }) {
			t.Errorf("not sent as it was made: %s", m)
		}
	}
	for _, schema := range ear.schemas {
		rig.Want(t, schema, wire.Schema)
	}
	if len(ear.schemas) == 0 {
		t.Error("it did not pull")
	}
	if _, err := d.Do(client.Op{Op: "create", Collection: "observations", Fields: map[string]any{"event_time": "2026-01-11T04:55:00Z", "indicators": []any{}}}); err != nil {
		t.Fatal(err)
	}
	list, err := d.Outbox(client.Waiting)
	if err != nil || len(list) != 1 {
		t.Fatal(len(list), err)
	}
	rig.Want(t, decoded(t, list[0].Raw).(map[string]any)["schema"], wire.Schema)
}

func decoded(t *testing.T, raw []byte) any {
	t.Helper()
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
	return v
}

// old reads the organizations of a folder of schema 1, before anything opens it.
func old(t *testing.T, dir string) map[string]map[string]any {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(dir, "data.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.Query("SELECT id, name, kind, allow_plate, allow_staff_note FROM organizations")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	out := map[string]map[string]any{}
	for rows.Next() {
		var id, name, kind string
		var plate, note bool
		if err := rows.Scan(&id, &name, &kind, &plate, &note); err != nil {
			t.Fatal(err)
		}
		out[id] = map[string]any{"name": name, "kind": kind, "plate": plate, "note": note}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}
