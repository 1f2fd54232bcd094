package wire

import (
	"encoding/json"

	"github.com/fieldpost/fieldpost/internal/hlc"
)

// RepairRequest is the body of POST /api/sync/quarantine/{id}/release and
// /adopt: ops in place of those that are kept, or none. /dismiss takes a reason
// and no ops.
type RepairRequest struct {
	Ops    []any  `json:"ops,omitempty"`
	Reason string `json:"reason,omitempty"`
}

// Repaired is what became of a held mutation. State is held, released, adopted
// or dismissed; Verdict what the run gave: refused where it stays held. Followed are
// those that depended on a released one and ran after it, in their order.
type Repaired struct {
	ID       string     `json:"id"`
	State    string     `json:"state"`
	Verdict  Verdict    `json:"verdict"`
	Followed []Repaired `json:"followed,omitempty"`
}

// DecodeKept reads a mutation as quarantine keeps it, with ops in place of its
// own unless they are nil. What no person can put right there is put right
// here: a stamp that can't be read becomes made, an offset or epoch of a wrong
// type is left out, a schema that is none becomes this one's. ok is false where
// the mutation is kept as text, or not at all, and there are no ops to take its
// place.
func DecodeKept(kept any, ops []any, made hlc.Stamp) (m *Received, ok bool) {
	had, _ := kept.(map[string]any)
	whole := map[string]any{}
	for k, v := range had {
		whole[k] = v
	}
	if ops != nil {
		whole["ops"] = ops
		delete(whole, "sealed")
		delete(whole, "text")
	}
	_, isText := whole["text"].(string)
	if _, list := whole["ops"].([]any); !list && isText || len(had) == 0 {
		return nil, false
	}
	if text, isText := whole["stamp"].(string); !isText || !parses(text) {
		whole["stamp"] = made.String()
	}
	if _, isNumber := asInteger(whole["offset"]); !isNumber {
		delete(whole, "offset")
	}
	if _, isText := whole["epoch"].(string); !isText {
		delete(whole, "epoch")
	}
	if n, isNumber := asInteger(whole["schema"]); !isNumber || n < 1 {
		whole["schema"] = float64(Schema)
	}
	raw, err := json.Marshal(whole)
	if err != nil {
		return nil, false
	}
	_, depth := skipValue(raw, 0)
	m, err = decodeMutation(raw, depth)
	return m, err == nil
}

func parses(stamp string) bool { _, err := hlc.Parse(stamp); return err == nil }
