package shipped

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fieldpost/fieldpost/client"
	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/seal"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// TestMake makes the golden files of the schema that this tree has. With the
// variable GOLDEN they are kept in the folder that it names: once per schema,
// before its release, and never again, because a schema that has shipped does
// not change. Ids and keys come from a seed; the salts of sealing and of the
// journal do not.
func TestMake(t *testing.T) {
	t.Run("[PUSH-9] what clients of this schema make is written down, every kind of it", func(t *testing.T) {
		out := os.Getenv("GOLDEN")
		if out == "" {
			out = t.TempDir()
		}
		if err := os.MkdirAll(out, 0o755); err != nil {
			t.Fatal(err)
		}
		made := makeGolden(t, out)
		kinds := map[string]bool{}
		for _, p := range made.Pushes {
			for _, v := range p.Verdicts {
				kinds[v.Verdict] = true
			}
		}
		rig.Want(t, kinds, map[string]bool{wire.Applied: true, wire.Refused: true})
		rig.Want(t, len(made.Stores), 2)
	})
}

type maker struct {
	*rig.Rig
	t   *testing.T
	dir string
	out Golden
}

// phone is a device of the client library, and the pushes that it sends.
type phone struct {
	*client.Device
	m      *maker
	role   access.Role
	path   string
	record bool
	why    string
}

func (p *phone) RoundTrip(req *http.Request) (*http.Response, error) {
	var body []byte
	if req.Body != nil {
		raw, err := io.ReadAll(req.Body)
		if err != nil {
			return nil, err
		}
		req.Body, body = io.NopCloser(bytes.NewReader(raw)), raw
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil || !p.record || req.URL.Path != "/api/sync/push" {
		return res, err
	}
	if body, err = plain(req.Header, body); err != nil {
		return nil, err
	}
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	res.Body = io.NopCloser(bytes.NewReader(answer))
	if answer, err = plain(res.Header, answer); err != nil || res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("push of %s: %d, %v", p.why, res.StatusCode, err)
	}
	p.m.keep(p.why, body, answer)
	return res, nil
}

func plain(h http.Header, body []byte) ([]byte, error) {
	if h.Get("Content-Encoding") != "gzip" {
		return body, nil
	}
	z, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(z)
}

func (m *maker) keep(why string, body, answer []byte) {
	var head struct{ Device string }
	if err := json.Unmarshal(body, &head); err != nil {
		m.t.Fatal(err)
	}
	var a wire.PushAnswer
	if err := json.Unmarshal(answer, &a); err != nil {
		m.t.Fatal(err)
	}
	p := Push{Device: head.Device, Why: why, Body: body}
	for _, v := range a.Verdicts {
		p.Verdicts = append(p.Verdicts, Verdict{v.N, v.Verdict, v.Code})
	}
	m.out.Pushes = append(m.out.Pushes, p)
}

func (m *maker) phone(name string, role access.Role, organization string, sites ...string) *phone {
	m.t.Helper()
	p := &phone{m: m, role: role, path: filepath.Join(m.dir, name+".db"), why: name}
	seed := sha256.Sum256([]byte("fieldpost golden " + name + fmt.Sprint(wire.Schema)))
	d, err := client.Open(p.path, client.Options{Now: m.Clock.Now, HTTP: &http.Client{Transport: p}, Platform: "golden",
		Rand: chance{rand.NewChaCha8(seed)}})
	if err != nil {
		m.t.Fatal(err)
	}
	p.Device = d
	if _, err := d.Enroll(context.Background(), m.URL, m.Invite(role, organization, 1, sites...), name); err != nil {
		m.t.Fatal(err)
	}
	p.sync()
	return p
}

type chance struct{ *rand.ChaCha8 }

func (c chance) Read(b []byte) (int, error) {
	var word [8]byte
	for i := range b {
		if i%8 == 0 {
			binary.BigEndian.PutUint64(word[:], c.Uint64())
		}
		b[i] = word[i%8]
	}
	return len(b), nil
}

func (p *phone) sync() {
	p.m.t.Helper()
	if _, err := p.Sync(context.Background()); err != nil {
		p.m.t.Fatalf("%s: %v", p.why, err)
	}
}

func (p *phone) do(ops ...client.Op) client.Saved {
	p.m.t.Helper()
	p.m.Clock.Add(time.Second)
	saved, err := p.Do(ops...)
	if err != nil {
		p.m.t.Fatalf("%s: %v", p.why, err)
	}
	return saved
}

func (p *phone) create(collection string, fields map[string]any) string {
	p.m.t.Helper()
	return p.do(client.Op{Op: "create", Collection: collection, Fields: fields}).IDs[0]
}

func (p *phone) update(collection, id string, fields map[string]any) {
	p.m.t.Helper()
	p.do(client.Op{Op: "update", Collection: collection, ID: id, Fields: fields})
}

func (p *phone) remove(collection, id string) {
	p.m.t.Helper()
	p.do(client.Op{Op: "delete", Collection: collection, ID: id})
}

// send pushes what waits and keeps the request.
func (p *phone) send(why string) {
	p.m.t.Helper()
	p.why, p.record = why, true
	if _, err := p.Push(context.Background()); err != nil {
		p.m.t.Fatalf("%s: %v", why, err)
	}
	p.record = false
}

// identity tells id and private key of a device.
func (p *phone) identity() Device {
	p.m.t.Helper()
	if err := p.Close(); err != nil {
		p.m.t.Fatal(err)
	}
	db, err := sql.Open("sqlite", p.path)
	if err != nil {
		p.m.t.Fatal(err)
	}
	defer db.Close()
	d := Device{Role: string(p.role)}
	if err := db.QueryRow("SELECT id, key FROM device").Scan(&d.ID, &d.Key); err != nil {
		p.m.t.Fatal(err)
	}
	return d
}

func makeGolden(t *testing.T, out string) *Golden {
	r := rig.New(t)
	m := &maker{Rig: r, t: t, dir: t.TempDir()}
	m.out.Schema = wire.Schema
	w := m.world()
	m.stores(w, out)
	m.folder(out)
	m.bodies(w)
	raw, err := json.MarshalIndent(m.out, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(out, "pushes.json"), append(raw, '\n'))
	return &m.out
}

func write(t *testing.T, path string, raw []byte) {
	t.Helper()
	if err := os.WriteFile(path, raw, 0o644); err != nil {
		t.Fatal(err)
	}
}

func zip(t *testing.T, raw []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := z.Write(raw); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// world is what the server has before the golden pushes come.
type world struct {
	ngo, hotel, site, spare string
	organizations           []string // one for each kind of change
	list                    string
	version                 int
	admin, keisha, omar     *phone
	rosa, dee, tom          *phone
	sealer                  *rig.Device
	report, triage          string
	conflicts               []string
}

func (m *maker) world() *world {
	w := &world{}
	w.ngo = m.Make("organizations", organizationFields("Outreach", 0))
	w.hotel = m.Make("organizations", organizationFields("Hotel group", 1))
	for i := range 12 {
		w.organizations = append(w.organizations, m.Make("organizations", organizationFields(fmt.Sprintf("Partner %d", i), i)))
	}
	w.site, w.spare = m.Site("Hotel one", w.hotel, w.ngo), m.Site("Stop two", "", w.ngo)
	list, err := m.App.FindFirstRecordByData("checklists", "key", "hotel_front")
	if err != nil {
		m.t.Fatal(err)
	}
	w.list, w.version = list.Id, list.GetInt("version")
	w.admin = m.phone("admin", access.Admin, w.ngo)
	w.keisha = m.phone("keisha", access.Coordinator, w.ngo)
	w.omar = m.phone("omar", access.Coordinator, w.ngo)
	w.rosa = m.phone("rosa", access.Worker, w.ngo)
	w.dee = m.phone("dee", access.Staff, w.hotel, w.site)
	w.tom = m.phone("tom", access.Manager, w.hotel, w.site)
	w.sealer = m.Enroll(access.Worker, w.ngo)

	w.report = w.rosa.create("observations", m.observation(w))
	w.triage = wire.TriageID("observations", w.report)
	w.rosa.sync()
	// Two who did not know of each other: a conflict to be resolved later.
	w.keisha.update("sites", w.spare, map[string]any{"notes": "closed on Mondays"})
	w.omar.update("sites", w.spare, map[string]any{"notes": "open all night"})
	for _, p := range []*phone{w.keisha, w.omar, w.keisha, w.admin, w.dee, w.tom, w.rosa} {
		p.sync()
	}
	list2, err := w.keisha.Records("conflicts")
	if err != nil || len(list2) != 1 {
		m.t.Fatalf("%d conflicts, %v", len(list2), err)
	}
	w.conflicts = []string{list2[0].ID}
	return w
}

func (m *maker) time(back time.Duration) string {
	return m.Clock.Now().Add(-back).UTC().Format(wire.TimeFormat)
}

// observation gives every field that a worker's client may send.
func (m *maker) observation(w *world) map[string]any {
	return map[string]any{
		"event_time": m.time(2 * time.Hour), "event_end": m.time(time.Hour),
		"indicators": []any{map[string]any{"indicator": "core.01", "basis": "saw"}, map[string]any{"indicator": "core.02", "basis": "told"}},
		"site":       w.site, "grid": "9yzh2", "point": map[string]any{"lat": 39.1, "lon": -94.6}, "people": 3,
		"persons":  []any{map[string]any{"age": "teen", "description": []any{"dark_hair", "red jacket"}}},
		"vehicles": []any{map[string]any{"kind": "van", "color": "silver", "plate_state": "KS", "plate_end": "42", "plate": "ABC 1242"}},
		"outreach": []any{"hygiene_kit"}, "note": "silver van, cab to cab", "operation": "op0123456789abc",
		"minor_possible": true, "manager_involved": true,
	}
}

func (m *maker) submission(w *world) map[string]any {
	f := m.observation(w)
	delete(f, "indicators")
	f["checklist"], f["version"], f["about"] = w.list, w.version, "guest"
	f["answers"] = map[string]any{"hotel_front.01": "yes", "hotel_front.02": "no", "hotel_front.03": "unsure"}
	f["basis"] = map[string]any{"hotel_front.01": "told"}
	return f
}

// stores keeps two device stores with something in every state.
func (m *maker) stores(w *world, out string) {
	for _, role := range []access.Role{access.Worker, access.Admin} {
		name := "store-" + string(role)
		p := m.phone(name, role, w.ngo)
		if role == access.Worker {
			m.workersStore(w, p)
		} else {
			m.adminsStore(w, p)
		}
		entries, err := p.Outbox()
		if err != nil {
			m.t.Fatal(err)
		}
		kept := Store{File: name + ".db.gz"}
		for _, e := range entries {
			var raw map[string]any
			if err := json.Unmarshal(e.Raw, &raw); err != nil {
				m.t.Fatal(err)
			}
			kept.Entries = append(kept.Entries, StoreEntry{N: e.N, Stamp: e.Stamp, Phase: string(e.Phase), Mutation: e.Raw})
		}
		kept.Device = p.identity()
		raw, err := os.ReadFile(p.path)
		if err != nil {
			m.t.Fatal(err)
		}
		write(m.t, filepath.Join(out, kept.File), zip(m.t, raw))
		m.out.Stores = append(m.out.Stores, kept)
	}
}

func (m *maker) workersStore(w *world, p *phone) {
	p.create("observations", m.observation(w)) // acknowledged
	bad := m.observation(w)
	bad["people"] = -3
	p.create("observations", bad) // parked, then corrected
	bad = m.submission(w)
	bad["version"] = 99
	p.create("submissions", bad) // parked
	p.sync()
	parked, err := p.Outbox(client.Parked)
	if err != nil || len(parked) != 2 {
		m.t.Fatalf("%d parked, %v", len(parked), err)
	}
	good := parked[0].Ops[0]
	good.Fields["people"] = 3
	m.Clock.Add(time.Second)
	if _, err := p.CorrectAs(parked[0].N, good); err != nil { // waiting
		m.t.Fatal(err)
	}
	id := p.create("submissions", m.submission(w))                                                                   // waiting
	p.create("addenda", map[string]any{"submission": id, "text": "one more thing", "event_time": m.time(time.Hour)}) // waiting on it
}

func (m *maker) bodies(w *world) {
	// Workers.
	p := w.rosa
	p.create("observations", map[string]any{"event_time": m.time(0), "indicators": []any{}})
	full := p.create("observations", m.observation(w))
	p.create("observations", map[string]any{"event_time": strings.Replace(strings.TrimSuffix(m.time(0), "Z"), "T", " ", 1) + "Z",
		"indicators": []any{}, "point": nil, "people": nil, "persons": []any{}, "vehicles": []any{}, "outreach": []any{}, "note": ""})
	p.send("a worker creates observations: the least, all fields, empty fields")
	sub := p.create("submissions", m.submission(w))
	p.create("submissions", map[string]any{"checklist": w.list, "version": w.version, "event_time": m.time(0), "answers": map[string]any{}, "about": "self"})
	p.create("addenda", map[string]any{"observation": full, "text": "he came back", "event_time": m.time(0)})
	p.create("addenda", map[string]any{"submission": sub, "text": "she was asked"})
	p.create("addenda", map[string]any{"observation": w.report, "text": "to one that was received before"})
	p.send("a worker creates submissions and addenda")
	both, err := p.NewID()
	if err != nil {
		m.t.Fatal(err)
	}
	p.do(client.Op{Op: "create", Collection: "observations", ID: both, Fields: m.observation(w)},
		client.Op{Op: "create", Collection: "addenda", Fields: map[string]any{"observation": both, "text": "in one act"}},
		client.Op{Op: "create", Collection: "observations", Fields: map[string]any{"event_time": m.time(0), "indicators": []any{}}})
	p.send("a worker's mutation of several ops")
	odd := m.observation(w)
	odd["weather"] = "rain"
	p.create("observations", odd)
	p.send("a field that the server does not know")
	wrong := m.observation(w)
	wrong["persons"] = "two"
	id := p.create("observations", wrong)
	p.create("addenda", map[string]any{"observation": id, "text": "on what was refused"})
	p.send("what is refused, and what depends on it")
	m.sealed(w)

	// Site staff.
	p = w.dee
	sub = p.create("submissions", m.submission(w))
	p.create("submissions", map[string]any{"checklist": w.list, "version": w.version, "event_time": m.time(0), "answers": map[string]any{"hotel_front.01": "yes"}, "about": "coworker"})
	p.create("addenda", map[string]any{"submission": sub, "text": "it went on"})
	both, err = p.NewID()
	if err != nil {
		m.t.Fatal(err)
	}
	p.do(client.Op{Op: "create", Collection: "submissions", ID: both, Fields: m.submission(w)},
		client.Op{Op: "create", Collection: "addenda", Fields: map[string]any{"submission": both, "text": "both at once"}})
	p.send("site staff: submissions and addenda, alone and together")
	w.tom.create("submissions", m.submission(w))
	w.tom.send("a manager's report, which is not allowed")

	m.coordinators(w)
	m.admins(w)
	for _, p := range []*phone{w.rosa, w.dee, w.tom, w.keisha, w.admin} {
		m.out.Devices = append(m.out.Devices, p.identity())
	}
	key, err := w.sealer.Key.Bytes()
	if err != nil {
		m.t.Fatal(err)
	}
	m.out.Devices = append(m.out.Devices, Device{ID: w.sealer.ID, Role: string(access.Worker), Key: key})
}

// sealed keeps a mutation whose ops only push can read; no client seals yet.
func (m *maker) sealed(w *world) {
	d := w.sealer
	m.Clock.Add(time.Second)
	one := d.Mutation(rig.Create("observations", rig.ID(), m.observation(w)))
	text, err := json.Marshal(map[string]any{"ops": one.Ops})
	if err != nil {
		m.t.Fatal(err)
	}
	if one.Sealed, err = seal.SealFor(m.S.Key.SealKey(), fmt.Sprintf("%s:%d:%s", d.ID, one.N, one.Stamp), text); err != nil {
		m.t.Fatal(err)
	}
	one.Ops = nil
	body, err := json.Marshal(map[string]any{"protocol": 1, "device": d.ID, "epoch": nil, "mark": nil, "now": m.time(0), "mutations": []any{one}})
	if err != nil {
		m.t.Fatal(err)
	}
	var answer json.RawMessage
	if status := m.Post(d.Token, "/api/sync/push", body, &answer); status != http.StatusOK {
		m.t.Fatalf("sealed: %d %s", status, answer)
	}
	m.keep("a sealed mutation", body, answer)
}

func (m *maker) coordinators(w *world) {
	p := w.keisha
	p.create("sites", map[string]any{"name": "Stop five", "venue": "truck_stop"})
	site := p.create("sites", map[string]any{"name": "Stop six", "venue": "truck_stop", "industry": "H", "address": "1 Road", "point": map[string]any{"lat": 39, "lon": -94}, "notes": "diesel"})
	for field, v := range siteChanges {
		p.update("sites", w.site, map[string]any{field: v})
		p.update("sites", site, map[string]any{field: v})
	}
	p.update("sites", site, siteChanges)
	gone := p.create("sites", map[string]any{"name": "A mistake", "venue": "hotel"})
	p.remove("sites", gone)
	p.remove("sites", w.spare)
	p.send("a coordinator creates, changes and deletes sites")
	people, err := p.Records("users")
	if err != nil {
		m.t.Fatal(err)
	}
	me := ""
	for _, u := range people {
		if u.Text("role") == string(access.Coordinator) {
			me = u.ID
		}
	}
	for _, f := range []map[string]any{{"opened": true}, {"urgency": "emergency"}, {"status": "review"}, {"note": "called back"},
		{"claimed_by": me}, {"assignee": me}, {"closing_reason": "explained", "status": "closed"}, {"opened": m.time(0)}, {"claimed_by": "", "assignee": nil}} {
		p.update("triage", w.triage, f)
	}
	p.update("conflicts", w.conflicts[0], map[string]any{"resolved": true})
	p.create("addenda", map[string]any{"observation": w.report, "text": "from the desk"})
	p.do(client.Op{Op: "update", Collection: "triage", ID: w.triage, Fields: map[string]any{"note": "with its addendum"}},
		client.Op{Op: "create", Collection: "addenda", Fields: map[string]any{"observation": w.report, "text": "with its note"}})
	p.send("a coordinator works on triage, conflicts and addenda")
}

// siteChanges has one value for every field of a site that its coordinator
// changes.
var siteChanges = map[string]any{"name": "Renamed", "venue": "motel", "industry": "I", "address": "2 Road", "point": nil, "notes": "new notes"}

// admins keeps what only admins write: organizations, and who owns and serves a
// site.
func (m *maker) admins(w *world) {
	p := w.admin
	m.organizations(w, p)
	site := p.create("sites", map[string]any{"name": "Hotel nine", "venue": "hotel", "owner": w.hotel, "served_by": w.ngo})
	p.update("sites", site, map[string]any{"owner": "", "served_by": w.hotel})
	p.update("sites", w.site, map[string]any{"owner": w.organizations[0]})
	p.remove("sites", site)
	ngo, err := p.NewID()
	if err != nil {
		m.t.Fatal(err)
	}
	p.do(client.Op{Op: "create", Collection: "organizations", ID: ngo, Fields: organizationFields("With a site", 2)},
		client.Op{Op: "create", Collection: "sites", Fields: map[string]any{"name": "Hotel ten", "venue": "hotel", "served_by": ngo}})
	p.send("an admin's sites, and an organization with its site in one act")
}

// folder keeps the server as it stands: one file, and the key of the
// installation.
func (m *maker) folder(out string) {
	path := filepath.Join(m.dir, "server.db")
	if _, err := m.App.NonconcurrentDB().NewQuery("VACUUM INTO {:path}").Bind(map[string]any{"path": path}).Execute(); err != nil {
		m.t.Fatal(err)
	}
	var b bytes.Buffer
	z := tar.NewWriter(&b)
	for name, from := range map[string]string{"data.db": path, "keys/installation.key": seal.KeyPath(m.Dir)} {
		raw, err := os.ReadFile(from)
		if err != nil {
			m.t.Fatal(err)
		}
		if err := z.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: int64(len(raw)), ModTime: m.Clock.Now()}); err != nil {
			m.t.Fatal(err)
		}
		if _, err := z.Write(raw); err != nil {
			m.t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		m.t.Fatal(err)
	}
	write(m.t, filepath.Join(out, "folder.tar.gz"), zip(m.t, b.Bytes()))
}
