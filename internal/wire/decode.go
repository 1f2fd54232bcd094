package wire

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"math"
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
// is refused and kept.
type Received struct {
	N       int64
	Stamp   hlc.Stamp
	HasTime bool // Stamp could be read
	Offset  *int64
	Epoch   string
	Schema  int64
	Ops     []ReceivedOp
	Sealed  string
	Whole   map[string]any // the mutation as it was sent
	Content [32]byte       // PUSH-3: SHA-256 of the canonical {stamp, ops}, or of the sealed text
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
	var env map[string]json.RawMessage
	if err := decodeObject(body, &env); err != nil {
		return nil, err
	}
	if err := checkProtocol(env); err != nil {
		return nil, err
	}
	p := &Push{}
	var err error
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
	raw, ok := env["mutations"]
	var list []json.RawMessage
	if !ok || isNull(raw) || json.Unmarshal(raw, &list) != nil {
		return nil, fault.New(fault.BadRequest, "`mutations` is not a list.")
	}
	if len(list) > limits.Mutations {
		return nil, TooMany(limits)
	}
	last := int64(0)
	for _, m := range list {
		r, err := decodeMutation(m)
		if err != nil {
			return nil, err
		}
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

func decodeObject(body []byte, into *map[string]json.RawMessage) error {
	if !utf8.Valid(body) {
		return fault.New(fault.BadRequest, "The request is not UTF-8.")
	}
	if err := json.Unmarshal(body, into); err != nil || *into == nil {
		return fault.New(fault.BadRequest, "The request is not a JSON object.")
	}
	return nil
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

func decodeMutation(raw json.RawMessage) (*Received, error) {
	var whole map[string]any
	if err := json.Unmarshal(raw, &whole); err != nil || whole == nil {
		return nil, fault.New(fault.BadRequest, "`mutations` holds something that is no object.")
	}
	n, ok := asInteger(whole["n"])
	if !ok || n < 1 {
		return nil, fault.New(fault.BadRequest, "An n is not an integer from 1 to 2^53-1.")
	}
	r := &Received{N: n, Whole: whole}
	if err := r.hash(); err != nil {
		return nil, fault.New(fault.BadRequest, "A mutation holds a number that is out of range.")
	}
	r.Problem = r.read()
	if r.Problem == nil && len(raw) > MaxMutationBytes {
		r.Problem = &Problem{CodeTooLarge, "The mutation is larger than 1 MiB."}
	}
	return r, nil
}

// hash binds what PUSH-3 compares.
func (r *Received) hash() error {
	if sealed, ok := r.Whole["sealed"].(string); ok {
		r.Content = sha256.Sum256([]byte(sealed))
		return nil
	}
	bound := map[string]any{}
	for _, k := range []string{"stamp", "ops"} {
		if v, ok := r.Whole[k]; ok {
			bound[k] = v
		}
	}
	text, err := Canonical(bound)
	if err != nil {
		return err
	}
	r.Content = sha256.Sum256(text)
	return nil
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

// DecodePull reads the body of a pull: bad_request, unsupported_protocol or
// upgrade_required. Limit and wait above their maximum are clamped.
func DecodePull(body []byte, limits Limits) (*PullRequest, error) {
	var env map[string]json.RawMessage
	if err := decodeObject(body, &env); err != nil {
		return nil, err
	}
	if err := checkProtocol(env); err != nil {
		return nil, err
	}
	p := &PullRequest{Protocol: Protocol}
	var err error
	if p.Device, err = textMember(env, "device", false); err != nil {
		return nil, err
	}
	for key, into := range map[string]**string{"mark": &p.Mark, "cursor": &p.Cursor} {
		s, err := textMember(env, key, true)
		if err != nil {
			return nil, err
		}
		if s != "" {
			*into = &s
		}
	}
	schema, ok := integerMember(env, "schema")
	if !ok || schema < 1 {
		return nil, fault.New(fault.BadRequest, "`schema` is not a number from 1.")
	}
	if schema < MinSchema {
		return nil, fault.New(fault.UpgradeRequired, "This app is too old to read from this server.")
	}
	p.Schema = int(schema)
	for key, max := range map[string]int64{"limit": int64(limits.Changes), "wait": MaxWait} {
		raw, present := env[key]
		if !present || isNull(raw) {
			continue
		}
		v, ok := integerMember(env, key)
		if !ok || v < 0 {
			return nil, fault.Newf(fault.BadRequest, "`%s` is not a number from 0.", key)
		}
		if v > max {
			v = max
		}
		if key == "limit" {
			p.Limit = int(v)
		} else {
			p.Wait = int(v)
		}
	}
	if p.Limit == 0 {
		p.Limit = DefaultPage
	}
	if raw, present := env["digests"]; present && !isNull(raw) {
		if json.Unmarshal(raw, &p.Digests) != nil {
			return nil, fault.New(fault.BadRequest, "`digests` is not true or false.")
		}
	}
	return p, nil
}
