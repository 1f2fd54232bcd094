package wire

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"math"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/fieldpost/fieldpost/internal/fault"
	"github.com/fieldpost/fieldpost/internal/hlc"
)

// MaxN is the greatest n: 2^53-1, what every JSON reader holds exactly.
const MaxN = 1<<53 - 1

// Problem says why a mutation can't be taken: a refusal code and a sentence.
type Problem struct {
	Code    string
	Message string
}

// Received is a mutation as the server decoded it. When Problem is set the
// rest may be incomplete, but Whole, N and Content always stand: the mutation
// is refused and kept. Whole is then what is kept: a number that no float64
// holds is a json.Number in it, and of a mutation too large or nested too deep
// it has n, stamp and the JSON itself as text, and Heads what its ops name.
type Received struct {
	N       int64
	Stamp   hlc.Stamp
	HasTime bool // Stamp could be read
	Offset  *int64
	Epoch   string
	Schema  int64
	Ops     []ReceivedOp
	Sealed  string
	Whole   map[string]any // the mutation as it was sent; opened, once Unseal was called
	Size    int            // bytes, as it stands in the inflated body
	Weight  int            // bytes that it takes in memory, about, decoded
	Heads   []Head         // of what is kept as text, the first MaxHeads ops
	Content [32]byte       // PUSH-3: SHA-256 of the canonical {stamp, ops}, or of the sealed text
	Opened  *[32]byte      // of a sealed one that was opened: Content as if it had come open
	Extra   map[string]any // members of the mutation that are not understood
	Problem *Problem
}

// ReceivedOp is an op as the server decoded it; Extra holds the members that
// are not understood.
type ReceivedOp struct {
	Op
	Extra map[string]any
}

// Push is a decoded push request.
type Push struct {
	Device    string
	Epoch     string
	Now       time.Time // zero when absent
	Mark      string
	Mutations []Received
}

// DecodePush reads the body of a push. It fails, as a whole, as PUSH-4 and
// PUSH-13 say: bad_request, unsupported_protocol, too_large. What is wrong
// inside one mutation is that mutation's Problem.
func DecodePush(body []byte, limits Limits) (*Push, error) {
	env, err := envelope(body, "protocol", "device", "epoch", "now", "mark", "mutations")
	if err != nil {
		return nil, err
	}
	if err := checkProtocol(env); err != nil {
		return nil, err
	}
	p := &Push{}
	if p.Device, err = textMember(env, "device", false); err != nil {
		return nil, err
	}
	if p.Epoch, err = textMember(env, "epoch", true); err != nil {
		return nil, err
	}
	if p.Mark, err = textMember(env, "mark", true); err != nil {
		return nil, err
	}
	now, err := textMember(env, "now", true)
	if err != nil {
		return nil, err
	}
	if now != "" {
		if p.Now, err = time.Parse(time.RFC3339Nano, now); err != nil {
			return nil, fault.New(fault.BadRequest, "`now` is not an RFC 3339 time.")
		}
	}
	if !opens(env["mutations"], '[') {
		return nil, fault.New(fault.BadRequest, "`mutations` is not a list.")
	}
	// Count before decoding: what is too much is not to cost anything.
	count := 0
	for range elements(env["mutations"]) {
		if count++; count > limits.Mutations {
			return nil, TooMany(limits)
		}
	}
	p.Mutations = make([]Received, 0, count)
	last := int64(0)
	decoded, err := decodeMany(env["mutations"], count)
	if err != nil {
		return nil, err
	}
	for _, r := range decoded {
		if r.N <= last {
			return nil, fault.New(fault.BadRequest, "The n of the mutations do not ascend.")
		}
		last = r.N
		p.Mutations = append(p.Mutations, *r)
	}
	return p, nil
}

// TooMany is the answer to a request beyond the limits (PUSH-13).
func TooMany(limits Limits) *fault.Fault {
	return fault.New(fault.TooLarge, "Too much at once.").With("limits", limits)
}

func isNull(raw json.RawMessage) bool { return bytes.Equal(bytes.TrimSpace(raw), []byte("null")) }

// envelope reads the members of a request that this protocol knows; others are
// for later versions and ignored.
func envelope(body []byte, known ...string) (map[string]json.RawMessage, error) {
	if !utf8.Valid(body) {
		return nil, fault.New(fault.BadRequest, "The request is not UTF-8.")
	}
	if !json.Valid(body) || !opens(body, '{') {
		return nil, fault.New(fault.BadRequest, "The request is not a JSON object.")
	}
	env := make(map[string]json.RawMessage, len(known))
	for key, raw := range members(body) {
		// Compared like this, a key costs no copy.
		if i := slices.IndexFunc(known, func(k string) bool { return k == string(key) }); i >= 0 {
			env[known[i]] = raw
		}
	}
	return env, nil
}

func checkProtocol(env map[string]json.RawMessage) error {
	n, ok := integerMember(env, "protocol")
	if !ok {
		return fault.New(fault.BadRequest, "`protocol` is missing or not a number.")
	}
	if n != Protocol {
		return fault.New(fault.UnsupportedProtocol, "This server speaks protocol 1.")
	}
	return nil
}

func textMember(env map[string]json.RawMessage, key string, optional bool) (string, error) {
	raw, ok := env[key]
	if !ok || isNull(raw) {
		if optional {
			return "", nil
		}
		return "", fault.Newf(fault.BadRequest, "`%s` is missing.", key)
	}
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return "", fault.Newf(fault.BadRequest, "`%s` is not a text.", key)
	}
	return s, nil
}

func integerMember(env map[string]json.RawMessage, key string) (int64, bool) {
	raw, ok := env[key]
	if !ok {
		return 0, false
	}
	var f any
	if json.Unmarshal(raw, &f) != nil {
		return 0, false
	}
	return asInteger(f)
}

// asInteger takes a JSON number that is an integer of at most 2^53-1.
func asInteger(v any) (int64, bool) {
	f, ok := v.(float64)
	if !ok || f != math.Trunc(f) || math.Abs(f) > MaxN {
		return 0, false
	}
	return int64(f), true
}

func decodeMutation(raw json.RawMessage, depth int) (*Received, error) {
	if !opens(raw, '{') {
		return nil, fault.New(fault.BadRequest, "`mutations` holds something that is no object.")
	}
	if len(raw) > MaxMutationBytes {
		return decodeLarge(raw)
	}
	whole, inRange := decodeValid(raw)
	if !inRange {
		whole, inRange = decodeValue(raw)
	}
	r := &Received{Size: len(raw), Weight: weigh(raw)}
	r.Whole, _ = whole.(map[string]any)
	n, ok := asInteger(r.Whole["n"])
	if !ok || n < 1 {
		return nil, fault.New(fault.BadRequest, "An n is not an integer from 1 to 2^53-1.")
	}
	r.N = n
	if err := r.hash(); err != nil {
		// Not reachable: decodeValue gives nothing that hash cannot take.
		return nil, fault.New(fault.BadRequest, "A mutation could not be read.").Because(err)
	}
	r.Problem = r.read()
	switch {
	case r.Problem != nil:
	case !inRange:
		r.Problem = invalid("The mutation holds a number that is out of range.")
	}
	if depth > MaxDepth {
		// As JSON it would be nested deeper in whatever shows it later, and
		// what reads that may give up on all of it. As text it harms nobody,
		// but whoever stores it must know that the text names the device.
		r.keepAsText(raw)
		r.Ops, r.Extra = nil, nil
		r.Problem = invalid("The mutation is nested deeper than 64 levels.")
	}
	return r, nil
}

// decodeValue decodes valid JSON. A number that no float64 holds stays a
// json.Number, and inRange is false.
func decodeValue(raw []byte) (v any, inRange bool) {
	if json.Unmarshal(raw, &v) == nil {
		return v, true
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if d.Decode(&v) != nil {
		return nil, false
	}
	return mapNumbers(v, func(n json.Number) any {
		if f, err := n.Float64(); err == nil {
			return f
		}
		return n
	}), false
}

// mapNumbers replaces every json.Number in a decoded value.
func mapNumbers(v any, f func(json.Number) any) any {
	switch x := v.(type) {
	case json.Number:
		return f(x)
	case []any:
		list := make([]any, len(x))
		for i, e := range x {
			list[i] = mapNumbers(e, f)
		}
		return list
	case map[string]any:
		m := make(map[string]any, len(x))
		for k, e := range x {
			m[k] = mapNumbers(e, f)
		}
		return m
	}
	return v
}

// hash binds what PUSH-3 compares.
func (r *Received) hash() (err error) {
	if sealed, ok := r.Whole["sealed"].(string); ok {
		r.Content = sha256.Sum256([]byte(sealed))
		return nil
	}
	r.Content, err = contentOf(r.Whole)
	return err
}

func invalid(message string) *Problem { return &Problem{CodeInvalid, message} }

func (r *Received) read() *Problem {
	text, _ := r.Whole["stamp"].(string)
	stamp, err := hlc.Parse(text)
	if err != nil {
		return invalid("The stamp is not of the form <13 digits>-<4 hex>-<device>.")
	}
	r.Stamp, r.HasTime = stamp, true
	if v, ok := r.Whole["offset"]; ok && v != nil {
		offset, ok := asInteger(v)
		if !ok {
			return invalid("The offset is not an integer of milliseconds.")
		}
		r.Offset = &offset
	}
	if v, ok := r.Whole["epoch"]; ok && v != nil {
		if r.Epoch, ok = v.(string); !ok {
			return invalid("The epoch is not a text.")
		}
	}
	schema, ok := asInteger(r.Whole["schema"])
	if !ok || schema < 1 {
		return invalid("The schema is not a number from 1.")
	}
	r.Schema = schema
	for k, v := range r.Whole {
		switch k {
		case "n", "stamp", "offset", "epoch", "schema", "ops", "sealed":
		default:
			if r.Extra == nil {
				r.Extra = map[string]any{}
			}
			r.Extra[k] = v
		}
	}
	if v, ok := r.Whole["sealed"]; ok {
		if r.Sealed, ok = v.(string); !ok || r.Sealed == "" {
			return invalid("The sealed part is not a text.")
		}
		if _, both := r.Whole["ops"]; both {
			return invalid("A mutation has ops or a sealed part, not both.")
		}
		return nil
	}
	list, ok := r.Whole["ops"].([]any)
	if !ok {
		return invalid("The ops are not a list.")
	}
	return r.ReadOps(list)
}

// ReadOps reads the decoded ops of a mutation, those of a sealed one once it
// is opened.
func (r *Received) ReadOps(list []any) *Problem {
	if len(list) == 0 {
		return invalid("The mutation has no ops.")
	}
	if len(list) > MaxOps {
		return &Problem{CodeTooLarge, "The mutation has more than 100 ops."}
	}
	for _, v := range list {
		op, p := decodeOp(v)
		if p != nil {
			return p
		}
		r.Ops = append(r.Ops, *op)
	}
	return nil
}

func decodeOp(v any) (*ReceivedOp, *Problem) {
	m, ok := v.(map[string]any)
	if !ok {
		return nil, invalid("An op is no object.")
	}
	op := &ReceivedOp{}
	if op.Op.Op, ok = m["op"].(string); !ok || op.Op.Op != OpCreate && op.Op.Op != OpUpdate && op.Op.Op != OpDelete {
		return nil, invalid("An op is not create, update or delete.")
	}
	if op.Collection, ok = m["collection"].(string); !ok || op.Collection == "" {
		return nil, invalid("An op names no collection.")
	}
	if op.ID, ok = m["id"].(string); !ok || !hlc.ValidID(op.ID) {
		return nil, invalid("A record id is not 15 characters a-z0-9.")
	}
	base, present := m["base"]
	if op.Base, ok = asInteger(base); present && (!ok || op.Base < 0) {
		return nil, invalid("A base is not a number from 0.")
	}
	if op.Op.Op != OpCreate && !present {
		return nil, invalid("An update or delete has no base.")
	}
	if op.Op.Op == OpCreate && op.Base != 0 {
		return nil, invalid("A create has a base other than 0.")
	}
	fields, present := m["fields"]
	if op.Fields, ok = fields.(map[string]any); present && !ok {
		return nil, invalid("The fields of an op are no object.")
	}
	if op.Op.Op == OpDelete && len(op.Fields) > 0 {
		return nil, invalid("A delete has fields.")
	}
	if op.Op.Op == OpUpdate && !present {
		return nil, invalid("An update has no fields.")
	}
	if op.Fields == nil {
		op.Fields = map[string]any{}
	}
	for k, v := range m {
		switch k {
		case "op", "collection", "id", "base", "fields":
		default:
			if op.Extra == nil {
				op.Extra = map[string]any{}
			}
			op.Extra[k] = v
		}
	}
	return op, nil
}

// DecodePull reads the body of a pull: bad_request or unsupported_protocol.
// Whether the schema is too old is the service's to say. Limit and wait above their maximum are clamped.
func DecodePull(body []byte, limits Limits) (*PullRequest, error) {
	env, err := envelope(body, "protocol", "schema", "device", "mark", "cursor", "limit", "wait", "digests", "app", "waiting")
	if err != nil {
		return nil, err
	}
	if err := checkProtocol(env); err != nil {
		return nil, err
	}
	p := &PullRequest{Protocol: Protocol}
	if p.Device, err = textMember(env, "device", false); err != nil {
		return nil, err
	}
	for _, place := range []struct {
		key  string
		into **string
	}{{"mark", &p.Mark}, {"cursor", &p.Cursor}} {
		s, err := textMember(env, place.key, true)
		if err != nil {
			return nil, err
		}
		if s != "" {
			*place.into = &s
		}
	}
	schema, ok := integerMember(env, "schema")
	if !ok || schema < 1 {
		return nil, fault.New(fault.BadRequest, "`schema` is not a number from 1.")
	}
	p.Schema = int(schema)
	if p.Limit, err = clampedMember(env, "limit", limits.Changes); err != nil {
		return nil, err
	}
	if p.Limit == 0 {
		p.Limit = min(DefaultPage, limits.Changes)
	}
	if p.Wait, err = clampedMember(env, "wait", MaxWait); err != nil {
		return nil, err
	}
	if raw, present := env["digests"]; present && !isNull(raw) {
		if json.Unmarshal(raw, &p.Digests) != nil {
			return nil, fault.New(fault.BadRequest, "`digests` is not true or false.")
		}
	}
	if p.App, err = textMember(env, "app", true); err != nil {
		return nil, err
	}
	if len(p.App) > MaxApp {
		return nil, fault.Newf(fault.BadRequest, "`app` is longer than %d bytes.", MaxApp)
	}
	if raw, present := env["waiting"]; present && !isNull(raw) {
		n, err := clampedMember(env, "waiting", 1_000_000)
		if err != nil {
			return nil, err
		}
		p.Waiting = &n
	}
	return p, nil
}

// clampedMember reads an optional number from 0; above the maximum it counts
// as that.
func clampedMember(env map[string]json.RawMessage, key string, maximum int) (int, error) {
	raw, present := env[key]
	if !present || isNull(raw) {
		return 0, nil
	}
	var f float64
	if json.Unmarshal(raw, &f) != nil || f != math.Trunc(f) || f < 0 {
		return 0, fault.Newf(fault.BadRequest, "`%s` is not a number from 0.", key)
	}
	return int(min(f, float64(maximum))), nil
}
