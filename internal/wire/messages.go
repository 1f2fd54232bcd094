// Package wire is what goes over the wire: the messages of the sync protocol,
// their limits, and the decoding that tells a bad envelope (the whole request
// fails) from a bad mutation (that one is refused and kept). No I/O. The
// contract in words is docs/protocol/SPEC.md.
package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
)

// Protocol is the version of the envelope that this build speaks.
const Protocol = 1

// Limits of this server, as `hello` tells them. Bytes is the body as it
// arrives, Inflated after gzip.
type Limits struct {
	Mutations int   `json:"mutations"`
	Bytes     int64 `json:"bytes"`
	Inflated  int64 `json:"inflated"`
	Changes   int   `json:"changes"`
}

// DefaultLimits are the limits that ship.
var DefaultLimits = Limits{Mutations: 1000, Bytes: 4 << 20, Inflated: 16 << 20, Changes: 1000}

// Limits of single things.
const (
	DefaultPage      = 500     // changes a page when `limit` is absent
	MaxWait          = 25      // seconds that `wait` may hold a pull
	MaxOps           = 100     // ops in a mutation
	MaxMutationBytes = 1 << 20 // of one mutation, as it stands in the inflated body
	MaxDepth         = 64      // levels of objects and lists in one mutation
	MaxExtraBytes    = 4 << 10 // not understood, kept, per op (PUSH-9)
)

// Hello is the answer of GET /api/sync/hello.
type Hello struct {
	Protocol   []int  `json:"protocol"`
	Schema     int    `json:"schema"`
	MinSchema  int    `json:"minSchema"`
	Epoch      string `json:"epoch"`
	Now        string `json:"now"`
	Durability string `json:"durability"`
	Limits     Limits `json:"limits"`
}

// Key is a public P-256 key as a JWK; other members are ignored.
type Key struct {
	Kty string `json:"kty"`
	Crv string `json:"crv"`
	X   string `json:"x"`
	Y   string `json:"y"`
}

// EnrollDevice describes the device that enrols. ID is made by the device.
type EnrollDevice struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Platform string `json:"platform"`
	Key      Key    `json:"key"`
}

// EnrollRequest is the body of POST /api/sync/enroll.
type EnrollRequest struct {
	Invite string       `json:"invite"`
	Device EnrollDevice `json:"device"`
}

// Person is what a device learns of the person it was enrolled for.
type Person struct {
	ID           string   `json:"id"`
	Role         string   `json:"role"`
	Organization string   `json:"organization"`
	Sites        []string `json:"sites"`
	Locale       string   `json:"locale"`
}

// EnrollAnswer is the answer of enroll. SealKey is the installation's public
// HPKE key: base64url of the uncompressed P-256 point.
type EnrollAnswer struct {
	Token   string `json:"token"`
	User    Person `json:"user"`
	SealKey string `json:"sealKey"`
	// What an app shows before first use. Organization is the person's, ServedBy
	// receive what staff save, Host is the server's name as it was asked under.
	Organization Named   `json:"organization"`
	Sites        []Named `json:"sites"`
	ServedBy     []Named `json:"servedBy"`
	Host         string  `json:"host"`
	// Label is what the person is known by, who has no name here; Unconfirmed:
	// the organization has not said yet that it knows them.
	Label       string `json:"label"`
	Unconfirmed bool   `json:"unconfirmed"`
}

// ChallengeAnswer is the answer of POST /api/sync/challenge; Expires is RFC 3339.
type ChallengeAnswer struct {
	Challenge string `json:"challenge"`
	Expires   string `json:"expires"`
}

// NewDevice in a renewal names the device that goes on where a forked one
// stops (PUSH-3).
type NewDevice struct {
	ID  string `json:"id"`
	Key Key    `json:"key"`
}

// RenewRequest is the body of POST /api/sync/renew.
type RenewRequest struct {
	Device    string     `json:"device"`
	Challenge string     `json:"challenge"`
	Signature string     `json:"signature"`
	NewDevice *NewDevice `json:"newDevice,omitempty"`
}

// RenewText is the text that a renewal signs (ECDSA P-256, SHA-256, r and s as
// 64 bytes). thumbprint and newID are empty when there is no newDevice.
func RenewText(device, challenge, newID, thumbprint string) string {
	s := "fieldpost-renew-v1\n" + device + "\n" + challenge
	if newID != "" {
		s += "\n" + newID + "\n" + thumbprint
	}
	return s
}

// The op kinds.
const (
	OpCreate = "create"
	OpUpdate = "update"
	OpDelete = "delete"
)

// Op is one change of one record as a client writes it. Base is the version
// that the person was looking at, 0 for a create. A delete has no Fields.
type Op struct {
	Op         string         `json:"op"`
	Collection string         `json:"collection"`
	ID         string         `json:"id"`
	Base       int64          `json:"base"`
	Fields     map[string]any `json:"fields,omitempty"`
}

// Mutation is what one act of a person changed, as a client writes it. Offset
// is server minus device time in ms, nil when unknown. Epoch is nil before the
// first answer.
type Mutation struct {
	N      int64   `json:"n"`
	Stamp  string  `json:"stamp"`
	Offset *int64  `json:"offset"`
	Epoch  *string `json:"epoch"`
	Schema int     `json:"schema"`
	Ops    []Op    `json:"ops,omitempty"`
	Sealed string  `json:"sealed,omitempty"`
}

// PushRequest is the body of POST /api/sync/push as a client writes it. The
// mutations are kept as the bytes that the device stored.
type PushRequest struct {
	Protocol  int               `json:"protocol"`
	Device    string            `json:"device"`
	Epoch     *string           `json:"epoch"`
	Now       string            `json:"now"`
	Mark      *string           `json:"mark"`
	Mutations []json.RawMessage `json:"mutations"`
}

// The verdicts.
const (
	Applied  = "applied"
	Merged   = "merged"
	Refused  = "refused"
	Deferred = "deferred"
)

// The codes of refused, deferred and applied verdicts (PUSH-6, PUSH-7, PUSH-9).
const (
	CodeNotAllowed        = "not_allowed"
	CodeInvalid           = "invalid"
	CodeTooLarge          = "too_large"
	CodeGone              = "gone"
	CodeTaken             = "taken"
	CodeDependsOnRefused  = "depends_on_refused"
	CodeUnknownCollection = "unknown_collection"
	CodeMissingDependency = "missing_dependency"
	CodeBusy              = "busy"
	CodeKeptExtra         = "kept_extra"
	CodeUnconfirmed       = "unconfirmed" // deferred: the day's share of an unconfirmed person is used up
)

// Conflict names a conflicts record in a verdict; never a value. Op is the
// index in the mutation's ops.
type Conflict struct {
	Op         int    `json:"op"`
	Collection string `json:"collection"`
	ID         string `json:"id"`
	Field      string `json:"field"`
	Conflict   string `json:"conflict"`
}

// Verdict is the server's stored answer to a mutation. Seq is absent for
// refused and deferred.
type Verdict struct {
	N          int64      `json:"n"`
	Verdict    string     `json:"verdict"`
	Seq        int64      `json:"seq,omitempty"`
	Code       string     `json:"code,omitempty"`
	Message    string     `json:"message,omitempty"`
	Conflicts  []Conflict `json:"conflicts,omitempty"`
	Quarantine string     `json:"quarantine,omitempty"`
	Replayed   bool       `json:"replayed,omitempty"`
}

// PushAnswer is the answer of push.
type PushAnswer struct {
	Epoch      string    `json:"epoch"`
	Now        string    `json:"now"`
	Mark       string    `json:"mark"`
	DurableSeq int64     `json:"durableSeq"`
	Rewound    bool      `json:"rewound,omitempty"`
	Wipe       string    `json:"wipe,omitempty"` // see RenewAnswer
	Verdicts   []Verdict `json:"verdicts"`
}

// PullRequest is the body of POST /api/sync/pull. Limit 0 means DefaultPage,
// Wait is in seconds.
type PullRequest struct {
	Protocol int     `json:"protocol"`
	Schema   int     `json:"schema"`
	Device   string  `json:"device"`
	Mark     *string `json:"mark"`
	Cursor   *string `json:"cursor"`
	Limit    int     `json:"limit,omitempty"`
	Wait     int     `json:"wait,omitempty"`
	Digests  bool    `json:"digests,omitempty"`
	App      string  `json:"app,omitempty"`     // name and version of the app
	Waiting  *int    `json:"waiting,omitempty"` // mutations without a verdict; of staff never told
}

// MaxApp is the longest name and version of an app, in bytes.
const MaxApp = 40

// Change is one record in its newest state; Record is null when it is gone for
// this person. Seq is the record's version.
type Change struct {
	Collection string          `json:"collection"`
	ID         string          `json:"id"`
	Seq        int64           `json:"seq"`
	Record     json.RawMessage `json:"record"`
}

// Digest is one collection's count and 16 slice sums (PULL-8).
type Digest struct {
	Count int64      `json:"count"`
	Sums  [16]string `json:"sums"`
}

// PullAnswer is the answer of pull.
type PullAnswer struct {
	Epoch      string            `json:"epoch"`
	Now        string            `json:"now"`
	Mark       string            `json:"mark"`
	DurableSeq int64             `json:"durableSeq"`
	Rewound    bool              `json:"rewound,omitempty"`
	Wipe       string            `json:"wipe,omitempty"` // see RenewAnswer
	Reset      bool              `json:"reset"`
	More       bool              `json:"more"`
	Cursor     string            `json:"cursor"`
	Changes    []Change          `json:"changes"`
	Seen       []string          `json:"seen"`
	Unsealed   []string          `json:"unsealed,omitempty"` // reports of this person whose author was made known (R9)
	Digests    map[string]Digest `json:"digests,omitzero"`   // nil: not asked for; empty: the view is
}

// ErrorBody is the error body of the protocol.
type ErrorBody struct {
	Status  int     `json:"status"`
	Message string  `json:"message"`
	Code    string  `json:"code"`
	Hint    string  `json:"hint"`
	Retry   string  `json:"retry"`
	Limits  *Limits `json:"limits,omitempty"`
}

// TimeFormat writes an envelope time: RFC 3339 UTC with milliseconds.
const TimeFormat = "2006-01-02T15:04:05.000Z"

// AppendJSON writes the answer as encoding/json would, but copies the records
// instead of parsing each of them once more.
func (a *PullAnswer) AppendJSON(b []byte) ([]byte, error) {
	changes := a.Changes
	head := *a
	head.Changes = nil
	raw, err := json.Marshal(head)
	if err != nil {
		return nil, err
	}
	const mark = `"changes":null`
	i := bytes.Index(raw, []byte(mark))
	if i < 0 {
		return nil, errors.New("encode pull answer: no place for its changes")
	}
	b = append(b, raw[:i]...)
	b = append(b, `"changes":[`...)
	for n, c := range changes {
		if n > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"collection":"`...) // collection and id are plain words
		b = append(b, c.Collection...)
		b = append(b, `","id":"`...)
		b = append(b, c.ID...)
		b = append(b, `","seq":`...)
		b = strconv.AppendInt(b, c.Seq, 10)
		b = append(b, `,"record":`...)
		b = append(b, c.Record...)
		b = append(b, '}')
	}
	b = append(b, ']')
	return append(b, raw[i+len(mark):]...), nil
}
