// Package shipped holds what phones of every released schema have made: push
// bodies, the folder of the server they were made against, and device stores,
// in docs/protocol/vectors/shipped. Its tests replay them against this build
// for ever (PUSH-9, EPOCH-4). Tests only.
package shipped

import "encoding/json"

// Golden is pushes.json of one schema.
type Golden struct {
	Schema  int      `json:"schema"`
	Devices []Device `json:"devices"`
	Stores  []Store  `json:"stores"`
	Pushes  []Push   `json:"pushes"` // in the order in which they came
}

// Device is a device that the folder's server knows. Key is its private P-256
// scalar: it belongs to nobody.
type Device struct {
	ID   string `json:"id"`
	Role string `json:"role"`
	Key  []byte `json:"key"`
}

// Push is one request, as it was sent, and what a server of its own schema
// said.
type Push struct {
	Device   string          `json:"device"`
	Why      string          `json:"why"`
	Body     json.RawMessage `json:"body"`
	Verdicts []Verdict       `json:"verdicts"`
}

// Verdict is what every server must say: the seq depends on what came before.
type Verdict struct {
	N       int64  `json:"n"`
	Verdict string `json:"verdict"`
	Code    string `json:"code,omitempty"`
}

// Store is a device store, and what its outbox holds.
type Store struct {
	File    string       `json:"file"`
	Device  Device       `json:"device"`
	Entries []StoreEntry `json:"entries"`
}

// StoreEntry is one mutation of an outbox, as it is sent.
type StoreEntry struct {
	N        int64           `json:"n"`
	Stamp    string          `json:"stamp"`
	Phase    string          `json:"phase"`
	Mutation json.RawMessage `json:"mutation"`
}
