// Package testrig is a running installation for tests: the same wiring as the
// binary, over HTTP on loopback, with a clock that the test turns and devices
// that speak the wire format by hand.
package testrig

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/security"

	"github.com/fieldpost/fieldpost/hooks"
	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/hlc"
	"github.com/fieldpost/fieldpost/internal/records"
	"github.com/fieldpost/fieldpost/internal/wire"
	"github.com/fieldpost/fieldpost/internal/wiring"
	_ "github.com/fieldpost/fieldpost/pb_migrations"
)

// Clock is a clock that only a test turns.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// Now reads it.
func (c *Clock) Now() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.now }

// Add turns it on.
func (c *Clock) Add(d time.Duration) { c.mu.Lock(); c.now = c.now.Add(d); c.mu.Unlock() }

// Morning turns it to two of the next morning, UTC: what counts by days then has
// one day for the hours of a test, whatever the time it is run at.
func (c *Clock) Morning() {
	c.Add(c.Now().Truncate(24 * time.Hour).Add(26 * time.Hour).Sub(c.Now()))
}

// Start is when every rig's clock begins: now, cut to the second, because
// PocketBase checks tokens by the system's clock.
func start() time.Time { return time.Now().UTC().Truncate(time.Second) }

// Rig is a running installation.
type Rig struct {
	T     testing.TB
	App   core.App
	S     *wiring.Services
	URL   string // the public listener
	Admin string // the listener for superusers
	Clock *Clock
	Dir   string
	Guest bool // Start is not the folder's owner: a command beside a server
	// Settings are what an operator chooses; a test asks more in a second than
	// people do, so there are no limits unless a test is about them.
	Settings records.SettingsChoice
	// Mail takes alerts of unopened emergencies, looked for every few
	// milliseconds; nil: none are sent.
	Mail   *wiring.Mail
	Routes []string // what is registered, as "METHOD /path"
	// Connect opens the databases at the next Start; nil: as the binary does.
	Connect core.DBConnectFunc
	stop    func()
}

// template is a migrated folder, in memory: migrating costs most of a second,
// and files in a shared folder would outlive the tests.
var template struct {
	once  sync.Once
	files map[string][]byte
	err   error
}

// New starts an installation with its content and nobody in it.
func New(t testing.TB) *Rig {
	t.Helper()
	template.once.Do(func() { template.files, template.err = migrated() })
	if template.err != nil {
		t.Fatal(template.err)
	}
	dir := t.TempDir()
	for name, data := range template.files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return Open(t, dir)
}

// migrated gives the files of a folder that was started once.
func migrated() (map[string][]byte, error) {
	dir, err := os.MkdirTemp("", "fieldpost-rig-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	app := core.NewBaseApp(core.BaseAppConfig{DataDir: dir, DBConnect: wiring.DBConnect})
	hooks.Register(app, wiring.New(app, wiring.Config{Settings: records.SettingsChoice{NoLimits: true}}))
	if err := app.Bootstrap(); err != nil {
		return nil, err
	}
	if err := app.ResetBootstrapState(); err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		files[name], err = os.ReadFile(path)
		return err
	})
	return files, err
}

// Open starts an installation on a data folder.
func Open(t testing.TB, dir string) *Rig {
	t.Helper()
	r := &Rig{T: t, Clock: &Clock{now: start()}, Dir: dir, Settings: records.SettingsChoice{NoLimits: true}}
	r.Start()
	t.Cleanup(r.Stop)
	return r
}

// Start serves the folder again after Stop; the address changes.
func (r *Rig) Start() {
	r.T.Helper()
	connect := r.Connect
	if connect == nil {
		connect = wiring.DBConnect
	}
	app := core.NewBaseApp(core.BaseAppConfig{DataDir: r.Dir, DBConnect: connect})
	s := wiring.New(app, wiring.Config{Now: r.Clock.Now, Owner: !r.Guest, // a test's folder is its own
		Settings: r.Settings, Mail: r.Mail, LookEvery: 5 * time.Millisecond})
	hooks.Register(app, s)
	if err := app.Bootstrap(); err != nil {
		r.T.Fatal(err)
	}
	ready := make(chan struct{})
	l := wiring.Listeners{Public: r.listen(), Admin: r.listen(), Ready: func() { close(ready) }}
	app.OnServe().BindFunc(func(e *core.ServeEvent) error {
		err := e.Next()
		r.Routes = routes(reflect.ValueOf(e.Router.RouterGroup).Elem(), "")
		return err
	})
	ended := make(chan error, 1)
	go func() { ended <- wiring.Serve(app, l) }()
	select {
	case <-ready:
	case err := <-ended:
		r.T.Fatal(err)
	}
	r.App, r.S, r.URL, r.Admin = app, s, "http://"+l.Public.Addr().String(), "http://"+l.Admin.Addr().String()
	r.stop = func() {
		event := &core.TerminateEvent{App: app}
		err := app.OnTerminate().Trigger(event, func(e *core.TerminateEvent) error { return e.App.ResetBootstrapState() })
		if err != nil {
			r.T.Error(err)
		}
	}
}

func (r *Rig) listen() net.Listener {
	r.T.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		r.T.Fatal(err)
	}
	return l
}

// Stop ends the server; Start begins it again on the same folder.
func (r *Rig) Stop() {
	if r.stop != nil {
		r.stop()
		r.stop = nil
	}
}

// Organization makes an organization and gives its id.
func (r *Rig) Organization(name string) string {
	r.T.Helper()
	return r.Make("organizations", map[string]any{"name": name})
}

// Site makes a site: owner and servedBy are organization ids, "" for none.
func (r *Rig) Site(name, owner, servedBy string) string {
	r.T.Helper()
	return r.Make("sites", map[string]any{"name": name, "venue": "hotel", "owner": owner, "served_by": servedBy})
}

// Make saves a record as the system and gives its id.
func (r *Rig) Make(collection string, values map[string]any) string {
	r.T.Helper()
	c, err := r.App.FindCollectionByNameOrId(collection)
	if err != nil {
		r.T.Fatal(err)
	}
	record := core.NewRecord(c)
	for k, v := range values {
		record.Set(k, v)
	}
	if err := r.App.Save(record); err != nil {
		r.T.Fatal(err)
	}
	return record.Id
}

// Invite makes an invite and gives its code.
func (r *Rig) Invite(role access.Role, organization string, uses int, sites ...string) string {
	r.T.Helper()
	code, err := r.S.Devices.MakeInvite("", records.Invite{Role: role, Organization: organization, Sites: sites, Uses: uses})
	if err != nil {
		r.T.Fatal(err)
	}
	return code
}

// ID makes a random record or device id.
func ID() string {
	return security.RandomStringWithAlphabet(15, "abcdefghijklmnopqrstuvwxyz0123456789")
}

// Device is a device that speaks the wire format by hand.
type Device struct {
	Rig    *Rig
	ID     string
	Key    *ecdsa.PrivateKey
	Token  string
	User   wire.Person
	N      int64
	Cursor *string
	Mark   *string
	Clock  hlc.Clock
}

// Enroll enrols a new device of a new person.
func (r *Rig) Enroll(role access.Role, organization string, sites ...string) *Device {
	r.T.Helper()
	d := r.NewDevice()
	d.Enroll(r.Invite(role, organization, 1, sites...))
	return d
}

// NewDevice makes a device that is not enrolled yet.
func (r *Rig) NewDevice() *Device {
	r.T.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		r.T.Fatal(err)
	}
	return &Device{Rig: r, ID: ID(), Key: key}
}

// JWK is the device's public key.
func (d *Device) JWK() wire.Key {
	raw, err := d.Key.PublicKey.Bytes()
	if err != nil {
		d.Rig.T.Fatal(err)
	}
	return wire.Key{Kty: "EC", Crv: "P-256", X: base64.RawURLEncoding.EncodeToString(raw[1:33]), Y: base64.RawURLEncoding.EncodeToString(raw[33:])}
}

// Sign signs a text as renewals do.
func (d *Device) Sign(text string) string {
	sum := sha256.Sum256([]byte(text))
	rr, ss, err := ecdsa.Sign(rand.Reader, d.Key, sum[:])
	if err != nil {
		d.Rig.T.Fatal(err)
	}
	raw := make([]byte, 64)
	rr.FillBytes(raw[:32])
	ss.FillBytes(raw[32:])
	return base64.RawURLEncoding.EncodeToString(raw)
}

// Enroll enrols with an invite and fails the test on any other answer.
func (d *Device) Enroll(invite string) {
	d.Rig.T.Helper()
	var answer wire.EnrollAnswer
	status := d.Rig.Post("", "/api/sync/enroll", wire.EnrollRequest{Invite: invite, Device: wire.EnrollDevice{ID: d.ID, Name: "test", Platform: "test", Key: d.JWK()}}, &answer)
	if status != http.StatusOK {
		d.Rig.T.Fatalf("enroll: %d", status)
	}
	d.Token, d.User = answer.Token, answer.User
}

// Mutation makes the next mutation of the device with the rig's time.
func (d *Device) Mutation(ops ...wire.Op) wire.Mutation {
	d.N++
	d.Clock, _ = d.Clock.Next(d.Rig.Clock.Now().UnixMilli(), false)
	zero := int64(0)
	return wire.Mutation{N: d.N, Stamp: hlc.Stamp{Time: d.Clock.Last, Device: d.ID}.String(), Offset: &zero, Schema: wire.Schema, Ops: ops}
}

// TryPush sends mutations and gives the status and the error body, or the
// answer.
func (d *Device) TryPush(mutations ...wire.Mutation) (int, *wire.PushAnswer, *wire.ErrorBody) {
	d.Rig.T.Helper()
	body := map[string]any{"protocol": 1, "device": d.ID, "epoch": nil, "mark": d.Mark,
		"now": d.Rig.Clock.Now().UTC().Format(wire.TimeFormat), "mutations": mutations}
	if mutations == nil {
		body["mutations"] = []any{}
	}
	var raw json.RawMessage
	status := d.Rig.Post(d.Token, "/api/sync/push", body, &raw)
	if status != http.StatusOK {
		e := &wire.ErrorBody{}
		d.decode(raw, e)
		return status, nil, e
	}
	a := &wire.PushAnswer{}
	d.decode(raw, a)
	d.Mark = &a.Mark
	return status, a, nil
}

func (d *Device) decode(raw []byte, into any) {
	d.Rig.T.Helper()
	if err := json.Unmarshal(raw, into); err != nil {
		d.Rig.T.Fatalf("%s: %v", raw, err)
	}
}

// Push sends mutations and gives the verdicts; any other answer fails the test.
func (d *Device) Push(mutations ...wire.Mutation) []wire.Verdict {
	d.Rig.T.Helper()
	status, answer, e := d.TryPush(mutations...)
	if status != http.StatusOK {
		d.Rig.T.Fatalf("push: %d %+v", status, e)
	}
	return answer.Verdicts
}

// Do pushes one mutation of these ops and gives its verdict.
func (d *Device) Do(ops ...wire.Op) wire.Verdict {
	d.Rig.T.Helper()
	return d.Push(d.Mutation(ops...))[0]
}

// Create pushes one create under a new id and gives id and verdict.
func (d *Device) Create(collection string, fields map[string]any) (string, wire.Verdict) {
	d.Rig.T.Helper()
	id := ID()
	return id, d.Do(Create(collection, id, fields))
}

// Create is a create op.
func Create(collection, id string, fields map[string]any) wire.Op {
	return wire.Op{Op: wire.OpCreate, Collection: collection, ID: id, Fields: fields}
}

// Update is an update op.
func Update(collection, id string, base int64, fields map[string]any) wire.Op {
	return wire.Op{Op: wire.OpUpdate, Collection: collection, ID: id, Base: base, Fields: fields}
}

// Delete is a delete op.
func Delete(collection, id string, base int64) wire.Op {
	return wire.Op{Op: wire.OpDelete, Collection: collection, ID: id, Base: base}
}

// Observation gives the fields of a small observation.
func (r *Rig) Observation(site string) map[string]any {
	f := map[string]any{"event_time": r.Clock.Now().UTC().Format(wire.TimeFormat),
		"indicators": []any{map[string]any{"indicator": "core.01", "basis": "saw"}}, "note": "silver van, cab to cab"}
	if site != "" {
		f["site"] = site
	}
	return f
}

// View is what a device holds after a pull: by collection and id.
type View map[string]map[string]json.RawMessage

// TryPull asks for one page.
func (d *Device) TryPull(req map[string]any) (int, *wire.PullAnswer, *wire.ErrorBody) {
	d.Rig.T.Helper()
	body := map[string]any{"protocol": 1, "schema": wire.Schema, "device": d.ID, "mark": d.Mark, "cursor": d.Cursor}
	for k, v := range req {
		body[k] = v
	}
	var raw json.RawMessage
	status := d.Rig.Post(d.Token, "/api/sync/pull", body, &raw)
	if status != http.StatusOK {
		e := &wire.ErrorBody{}
		d.decode(raw, e)
		return status, nil, e
	}
	a := &wire.PullAnswer{}
	d.decode(raw, a)
	d.Cursor, d.Mark = &a.Cursor, &a.Mark
	return status, a, nil
}

// Page pulls one page; any other answer fails the test.
func (d *Device) Page(req map[string]any) *wire.PullAnswer {
	d.Rig.T.Helper()
	status, answer, e := d.TryPull(req)
	if status != http.StatusOK {
		d.Rig.T.Fatalf("pull: %d %+v", status, e)
	}
	return answer
}

// Pull pulls until there is no more and gives the changes in order.
func (d *Device) Pull() []wire.Change {
	d.Rig.T.Helper()
	var out []wire.Change
	for i := 0; i < 1000; i++ {
		page := d.Page(nil)
		out = append(out, page.Changes...)
		if !page.More {
			return out
		}
	}
	d.Rig.T.Fatal("pull does not end")
	return nil
}

// Fresh pulls a full view from nothing.
func (d *Device) Fresh() View {
	d.Rig.T.Helper()
	d.Cursor, d.Mark = nil, nil
	v := View{}
	for _, c := range d.Pull() {
		if v[c.Collection] == nil {
			v[c.Collection] = map[string]json.RawMessage{}
		}
		if string(c.Record) == "null" {
			delete(v[c.Collection], c.ID)
		} else {
			v[c.Collection][c.ID] = c.Record
		}
	}
	return v
}

// Entries counts the journal.
func (r *Rig) Entries() int64 {
	r.T.Helper()
	seq, _, err := r.S.Store.Journal().Head()
	if err != nil {
		r.T.Fatal(err)
	}
	return seq
}

// Want fails the test when two values print differently.
func Want(t testing.TB, got, want any) {
	t.Helper()
	if g, w := fmt.Sprintf("%+v", got), fmt.Sprintf("%+v", want); g != w {
		t.Fatalf("got  %s\nwant %s", g, w)
	}
}
