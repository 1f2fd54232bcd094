package client

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fieldpost/fieldpost/internal/fault"
	"github.com/fieldpost/fieldpost/internal/hlc"
	"github.com/fieldpost/fieldpost/internal/seal"
	"github.com/fieldpost/fieldpost/internal/wire"
	"github.com/klauspost/compress/gzip"
)

// fake is a small server of the protocol in memory. It is here for what a real
// server cannot be told to do: to lose answers, to fail on one mutation, to go
// back in history, to be somebody else. It checks no content.
type fake struct {
	t    *testing.T
	http *httptest.Server

	mu       sync.Mutex
	now      time.Time // server time; zero: the machine's
	epoch    string
	forkedAt map[string]int64 // former epochs and the last seq that they share with this one
	seq      int64
	durable  int64
	limits   wire.Limits
	entries  []entry
	receipts map[string]receipt // by stamp
	byN      map[string]string  // device:n to stamp
	parents  map[string]string
	keys     map[string]wire.Key
	tokens   map[string]string // token to device
	seen     []string
	sealKey  string
	page     int
	pushes   []wire.PushRequest
	bodies   []map[string]any // of the mutations that came, in order
	pulls    []wire.PullRequest

	// answer, if set, may answer in place of the server (true), before it acts.
	answer func(w http.ResponseWriter, r *http.Request, body []byte) bool
	// after, if set, may answer in place of the server after it has acted.
	after func(w http.ResponseWriter, r *http.Request) bool
	// verdict, if set, may refuse or defer a mutation, or fail a request.
	verdict func(m wire.Mutation) (*wire.Verdict, *fault.Fault)
	streams []chan struct{}
	noSSE   bool
	expired bool // the next pull's cursor is too old
}

type entry struct {
	seq            int64
	collection, id string
	record         map[string]any // nil: gone
}

type receipt struct {
	content [32]byte
	verdict wire.Verdict
}

// fakeKey opens what is sealed for a fake.
var fakeKey = seal.FromSeed([]byte("fake"))

func newFake(t *testing.T) *fake {
	f := &fake{t: t, epoch: "epoch1", forkedAt: map[string]int64{}, limits: wire.DefaultLimits, receipts: map[string]receipt{},
		byN: map[string]string{}, parents: map[string]string{}, keys: map[string]wire.Key{}, tokens: map[string]string{}, page: 500, sealKey: fakeKey.SealKey()}
	f.http = httptest.NewServer(f)
	t.Cleanup(func() { f.http.CloseClientConnections(); f.http.Close() })
	return f
}

func (f *fake) clock() time.Time {
	if f.now.IsZero() {
		return time.Now()
	}
	return f.now
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var from io.Reader = r.Body
	if r.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(r.Body)
		if err != nil {
			f.fail(w, fault.New(fault.BadRequest, "gzip"))
			return
		}
		from = z
	}
	body, err := io.ReadAll(from)
	if err != nil {
		return // the client is gone
	}
	f.mu.Lock()
	answer, after := f.answer, f.after
	f.mu.Unlock()
	if answer != nil && answer(w, r, body) {
		return
	}
	rec := httptest.NewRecorder()
	switch r.Method + " " + r.URL.Path {
	case "GET /api/realtime":
		f.realtime(w, r)
		return
	case "GET /api/sync/hello":
		f.json(rec, wire.Hello{Protocol: []int{1}, Schema: 1, MinSchema: 1, Epoch: f.epoch, Now: f.clock().UTC().Format(wire.TimeFormat), Limits: f.limits})
	case "POST /api/sync/enroll":
		f.enroll(rec, body)
	case "POST /api/sync/challenge":
		f.json(rec, wire.ChallengeAnswer{Challenge: "c-" + f.epoch, Expires: f.clock().Format(time.RFC3339)})
	case "POST /api/sync/renew":
		f.renew(rec, body)
	case "POST /api/sync/push":
		f.push(rec, r, body)
	case "POST /api/sync/pull":
		f.pull(rec, r, body)
	case "POST /api/realtime":
		rec.WriteHeader(http.StatusNoContent)
	default:
		f.fail(rec, fault.New(fault.NotFound, "no such path"))
	}
	if after != nil && after(w, r) {
		return
	}
	maps.Copy(w.Header(), rec.Header())
	w.WriteHeader(rec.Code)
	w.Write(rec.Body.Bytes())
}

func (f *fake) json(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(v)
}

func (f *fake) fail(w http.ResponseWriter, e *fault.Fault) {
	w.Header().Set("Content-Type", "application/json")
	if e.RetryAfter > 0 {
		w.Header().Set("Retry-After", fmt.Sprint(int(e.RetryAfter.Seconds())))
	}
	w.WriteHeader(e.Status)
	json.NewEncoder(w).Encode(e.Body())
}

func (f *fake) enroll(w http.ResponseWriter, body []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var r wire.EnrollRequest
	json.Unmarshal(body, &r)
	role, ok := strings.CutPrefix(r.Invite, "invite-")
	if !ok {
		f.fail(w, fault.New(fault.InviteInvalid, "There is no such invite."))
		return
	}
	if k, known := f.keys[r.Device.ID]; known && k != r.Device.Key {
		f.fail(w, fault.New(fault.DeviceExists, "The device id is taken."))
		return
	}
	f.keys[r.Device.ID] = r.Device.Key
	f.json(w, wire.EnrollAnswer{Token: f.token(r.Device.ID), SealKey: f.sealKey,
		User: wire.Person{ID: "u" + r.Device.ID[1:], Role: role, Organization: "org000000000001", Sites: []string{}, Locale: "en"}})
}

func (f *fake) token(device string) string {
	t := fmt.Sprintf("token-%s-%d", device, len(f.tokens))
	f.tokens[t] = device
	return t
}

func (f *fake) renew(w http.ResponseWriter, body []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var r wire.RenewRequest
	json.Unmarshal(body, &r)
	id, thumb := "", ""
	if r.NewDevice != nil {
		id = r.NewDevice.ID
		thumb, _ = r.NewDevice.Key.Thumbprint()
	}
	if !verify(f.keys[r.Device], wire.RenewText(r.Device, r.Challenge, id, thumb), r.Signature) {
		f.fail(w, fault.New(fault.BadSignature, "The signature does not fit."))
		return
	}
	device := r.Device
	if r.NewDevice != nil {
		if _, known := f.keys[id]; known {
			f.fail(w, fault.New(fault.DeviceExists, "The device id is taken."))
			return
		}
		f.keys[id], f.parents[id], device = r.NewDevice.Key, r.Device, id
	}
	f.json(w, map[string]string{"token": f.token(device)})
}

func verify(k wire.Key, text, signature string) bool {
	enc := base64.RawURLEncoding
	x, _ := enc.DecodeString(k.X)
	y, _ := enc.DecodeString(k.Y)
	rs, err := enc.DecodeString(signature)
	key, keyErr := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), append(append([]byte{4}, x...), y...))
	if err != nil || keyErr != nil || len(rs) != 64 {
		return false
	}
	sum := sha256.Sum256([]byte(text))
	return ecdsa.Verify(key, sum[:], new(big.Int).SetBytes(rs[:32]), new(big.Int).SetBytes(rs[32:]))
}

func (f *fake) admit(w http.ResponseWriter, r *http.Request, device string) bool {
	switch known, ok := f.tokens[r.Header.Get("Authorization")]; {
	case !ok:
		f.fail(w, fault.New(fault.TokenExpired, "The token has expired."))
	case known != device:
		f.fail(w, fault.New(fault.WrongDevice, "Another device's token."))
	default:
		return true
	}
	return false
}

// lost tells whether this history has not got the point that was named.
func (f *fake) lost(point *string) bool {
	if point == nil {
		return false
	}
	var epoch string
	var seq int64
	fmt.Sscanf(strings.ReplaceAll(*point, ":", " "), "%s %d", &epoch, &seq)
	shared, former := f.forkedAt[epoch]
	return epoch != f.epoch && (!former || seq > shared)
}

func (f *fake) point() string { return fmt.Sprintf("%s:%d", f.epoch, f.seq) }

func (f *fake) lineage(device string) []string {
	all := []string{device}
	for f.parents[device] != "" {
		device = f.parents[device]
		all = append(all, device)
	}
	return all
}

func (f *fake) push(w http.ResponseWriter, r *http.Request, body []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var req wire.PushRequest
	if json.Unmarshal(body, &req) != nil {
		f.fail(w, fault.New(fault.BadRequest, "not JSON"))
		return
	}
	if !f.admit(w, r, req.Device) {
		return
	}
	if len(req.Mutations) > f.limits.Mutations || int64(len(body)) > f.limits.Inflated {
		f.fail(w, wire.TooMany(f.limits))
		return
	}
	p, err := wire.DecodePush(body, f.limits)
	if err != nil {
		f.fail(w, fault.Of(err))
		return
	}
	f.pushes = append(f.pushes, req)
	for _, m := range p.Mutations {
		if stamp, ok := f.byN[fmt.Sprint(req.Device, ":", m.N)]; ok && f.receipts[stamp].content != m.Content {
			f.fail(w, fault.New(fault.DeviceForked, "Another mutation has this n."))
			return
		}
	}
	verdicts := []wire.Verdict{}
	var undo []func()
	for i, m := range p.Mutations {
		var one wire.Mutation
		json.Unmarshal(req.Mutations[i], &one)
		if one.Sealed != "" {
			text, err := fakeKey.OpenSealed(one.Sealed, wire.SealedAAD(req.Device, one.N, one.Stamp))
			if err != nil {
				f.t.Errorf("a sealed part does not open: %v", err)
			}
			json.Unmarshal(text, &one)
		}
		v, failed := f.take(req.Device, one, m.Content, &undo)
		if failed != nil {
			for _, u := range slices.Backward(undo) {
				u()
			}
			f.fail(w, failed)
			return
		}
		f.bodies = append(f.bodies, m.Whole)
		verdicts = append(verdicts, *v)
	}
	answer := wire.PushAnswer{Epoch: f.epoch, Now: f.clock().UTC().Format(wire.TimeFormat), Mark: f.point(), DurableSeq: f.durable,
		Rewound: f.lost(req.Mark), Verdicts: verdicts}
	f.json(w, answer)
	f.poke()
}

func (f *fake) take(device string, m wire.Mutation, content [32]byte, undo *[]func()) (*wire.Verdict, *fault.Fault) {
	if r, ok := f.receipts[m.Stamp]; ok && r.content == content {
		v := r.verdict
		v.N, v.Replayed = m.N, true
		return &v, nil
	}
	v := &wire.Verdict{Verdict: wire.Applied}
	if f.verdict != nil {
		special, failed := f.verdict(m)
		if failed != nil {
			return nil, failed
		}
		if special != nil {
			v = special
		}
	}
	v.N = m.N
	stamp, err := hlc.Parse(m.Stamp)
	if err != nil || !slices.Contains(f.lineage(device), stamp.Device) {
		v = &wire.Verdict{N: m.N, Verdict: wire.Refused, Code: wire.CodeInvalid, Message: "The stamp names another device."}
	}
	if v.Verdict == wire.Deferred {
		return v, nil
	}
	key := fmt.Sprint(device, ":", m.N)
	length, seq := len(f.entries), f.seq
	*undo = append(*undo, func() {
		f.entries, f.seq = f.entries[:length], seq
		delete(f.receipts, m.Stamp)
		delete(f.byN, key)
	})
	if v.Verdict != wire.Refused {
		for _, op := range m.Ops {
			f.write(op)
		}
		v.Seq = f.seq
	}
	f.receipts[m.Stamp], f.byN[key] = receipt{content, *v}, m.Stamp
	return v, nil
}

func (f *fake) write(op wire.Op) {
	f.seq++
	record := map[string]any{}
	for _, e := range f.entries {
		if e.collection == op.Collection && e.id == op.ID {
			maps.Copy(record, e.record)
		}
	}
	maps.Copy(record, op.Fields)
	record["id"] = op.ID
	if op.Op == wire.OpDelete {
		record = nil
	}
	f.entries = append(f.entries, entry{f.seq, op.Collection, op.ID, record})
}

// put writes a record as somebody else.
func (f *fake) put(collection, id string, fields map[string]any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.write(wire.Op{Op: wire.OpUpdate, Collection: collection, ID: id, Fields: fields})
	f.poke()
}

// drop takes a record out of everybody's view, leaving its trace.
func (f *fake) drop(collection, id string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.write(wire.Op{Op: wire.OpDelete, Collection: collection, ID: id})
}

// forget takes a record out of everybody's view without a trace: only a reset
// tells devices.
func (f *fake) forget(id string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.entries = slices.DeleteFunc(f.entries, func(e entry) bool { return e.id == id })
}

// rewind goes back to a backup taken at seq: what came later is gone, receipts too.
func (f *fake) rewind(seq int64, epoch string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.forkedAt[f.epoch] = seq
	f.epoch, f.seq = epoch, seq
	f.entries = slices.DeleteFunc(f.entries, func(e entry) bool { return e.seq > seq })
	maps.DeleteFunc(f.receipts, func(stamp string, r receipt) bool {
		gone := r.verdict.Seq > seq
		if gone {
			maps.DeleteFunc(f.byN, func(_, s string) bool { return s == stamp })
		}
		return gone
	})
}

func (f *fake) pull(w http.ResponseWriter, r *http.Request, body []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var req wire.PullRequest
	json.Unmarshal(body, &req)
	if !f.admit(w, r, req.Device) {
		return
	}
	f.pulls = append(f.pulls, req)
	a := wire.PullAnswer{Epoch: f.epoch, Now: f.clock().UTC().Format(wire.TimeFormat), Mark: f.point(), DurableSeq: f.durable,
		Rewound: f.lost(req.Mark) || f.lost(req.Cursor), Changes: []wire.Change{}, Seen: f.seen}
	if a.Seen == nil {
		a.Seen = []string{}
	}
	from := int64(0)
	if req.Cursor != nil && !a.Rewound && !f.expired {
		var epoch string
		fmt.Sscanf(strings.ReplaceAll(*req.Cursor, ":", " "), "%s %d", &epoch, &from)
	} else {
		a.Reset, f.expired = true, false
	}
	newest := map[string]entry{}
	for _, e := range f.entries {
		newest[e.collection+"/"+e.id] = e
	}
	at := from
	for _, e := range f.entries {
		if e.seq <= from || newest[e.collection+"/"+e.id].seq != e.seq {
			continue
		}
		if len(a.Changes) == min(f.page, req.Limit) {
			a.More = true
			break
		}
		raw, _ := json.Marshal(e.record)
		a.Changes = append(a.Changes, wire.Change{Collection: e.collection, ID: e.id, Seq: e.seq, Record: raw})
		at = e.seq
	}
	if !a.More {
		at = f.seq
	}
	a.Cursor = fmt.Sprintf("%s:%d", f.epoch, at)
	f.json(w, a)
}

func (f *fake) realtime(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	if f.noSSE {
		f.mu.Unlock()
		f.fail(w, fault.New(fault.NotAllowed, "no stream for you"))
		return
	}
	pokes := make(chan struct{}, 8)
	f.streams = append(f.streams, pokes)
	f.mu.Unlock()
	w.Header().Set("Content-Type", "text/event-stream")
	fmt.Fprint(w, "id:x\nevent:PB_CONNECT\ndata:{\"clientId\":\"x\"}\n\n")
	w.(http.Flusher).Flush()
	for {
		select {
		case <-r.Context().Done():
			return
		case _, ok := <-pokes:
			if !ok {
				return
			}
			fmt.Fprint(w, "id:x\nevent:sync\ndata:{}\n\n")
			w.(http.Flusher).Flush()
		}
	}
}

func (f *fake) poke() {
	for _, s := range f.streams {
		select {
		case s <- struct{}{}:
		default:
		}
	}
}

// live counts what the server holds of a collection.
func (f *fake) live(collection string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	ids := map[string]bool{}
	for _, e := range f.entries {
		if e.collection == collection {
			ids[e.id] = e.record != nil
		}
	}
	n := 0
	for _, there := range ids {
		if there {
			n++
		}
	}
	return n
}

func (f *fake) with(do func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	do()
}

// cut answers nothing and drops the connection.
func cut(w http.ResponseWriter) {
	c, _, err := w.(http.Hijacker).Hijack()
	if err == nil {
		c.Close()
	}
}

// Helpers of the tests.

func open(t *testing.T, opt Options) (*Device, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "device.db")
	return reopen(t, path, opt), path
}

func reopen(t *testing.T, path string, opt Options) *Device {
	t.Helper()
	d, err := Open(path, opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

func enrolled(t *testing.T, f *fake) (*Device, string) {
	t.Helper()
	d, path := open(t, Options{})
	if _, err := d.Enroll(t.Context(), f.http.URL, "invite-worker", "phone"); err != nil {
		t.Fatal(err)
	}
	return d, path
}

func observe(t *testing.T, d *Device, note string) Saved {
	t.Helper()
	s, err := d.Observe(Observation{EventTime: time.Date(2026, 1, 11, 4, 55, 0, 0, time.UTC),
		Indicators: []Indicator{{"core.01", "saw"}}, Details: Details{Note: note}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func mustSync(t *testing.T, d *Device) SyncReport {
	t.Helper()
	r, err := d.Sync(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func status(t *testing.T, d *Device) Status {
	t.Helper()
	s, err := d.Status()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func phases(t *testing.T, d *Device) string {
	t.Helper()
	all, err := d.Outbox()
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range all {
		out = append(out, fmt.Sprint(e.N, " ", e.Phase))
	}
	return strings.Join(out, ", ")
}

func want[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func contains(b []byte, s string) bool { return bytes.Contains(b, []byte(s)) }
