package wire

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"

	"github.com/fieldpost/fieldpost/internal/fault"
	"github.com/fieldpost/fieldpost/internal/hlc"
)

// Head is what an op names, as far as it can be read; empty where it can't.
type Head struct{ Op, Collection, ID, Site string }

// MaxHeads is how many ops of a mutation kept as text are looked at.
const MaxHeads = 10 * MaxOps

// decodeLarge reads a mutation over MaxMutationBytes without building it: as
// Go values it would be many times its text, for something that is refused
// whatever it says. It is kept as text, as what is nested too deep.
//
// Its Content is bound by the text of stamp and ops without blanks, not by
// their canonical form, which would need them built: the same mutation comes
// again as it was made (PUSH-9).
func decodeLarge(raw json.RawMessage) (*Received, error) {
	var n, stamp, ops, sealed json.RawMessage
	for key, value := range members(raw) {
		switch string(key) {
		case "n":
			n = value
		case "stamp":
			stamp = value
		case "ops":
			ops = value
		case "sealed":
			sealed = value
		}
	}
	r := &Received{Size: len(raw), Weight: len(raw)}
	var number float64
	if len(n) == 0 || len(n) > 400 || json.Unmarshal(n, &number) != nil {
		number = 0
	}
	var ok bool
	if r.N, ok = asInteger(number); !ok || r.N < 1 {
		return nil, fault.New(fault.BadRequest, "An n is not an integer from 1 to 2^53-1.")
	}
	if s, err := hlc.Parse(shortText(stamp)); err == nil {
		r.Stamp, r.HasTime = s, true
	}
	var text string
	if opens(sealed, '"') && json.Unmarshal(sealed, &text) == nil {
		r.Content = sha256.Sum256([]byte(text))
	} else {
		var bound bytes.Buffer
		for _, part := range []struct {
			name  string
			value json.RawMessage
		}{{"ops", ops}, {"stamp", stamp}} {
			bound.WriteString(part.name)
			if part.value == nil {
				continue
			}
			if err := json.Compact(&bound, part.value); err != nil {
				// Not reachable: the body was valid.
				return nil, fault.New(fault.BadRequest, "A mutation could not be read.").Because(err)
			}
		}
		r.Content = sha256.Sum256(bound.Bytes())
	}
	r.keepAsText(raw)
	r.Problem = &Problem{CodeTooLarge, "The mutation is larger than 1 MiB."}
	return r, nil
}

// keepAsText makes Whole of n, stamp and the text, and reads the heads. Whoever
// stores the text must know that it names the device.
func (r *Received) keepAsText(raw json.RawMessage) {
	r.Whole = map[string]any{"n": float64(r.N), "text": string(raw)}
	if r.HasTime {
		r.Whole["stamp"] = r.Stamp.String()
	}
	r.Heads = nil
	for key, value := range members(raw) {
		if string(key) != "ops" || !opens(value, '[') {
			continue
		}
		r.Heads = nil
		for op := range elements(value) {
			if len(r.Heads) == MaxHeads {
				break
			}
			r.Heads = append(r.Heads, headOf(op))
		}
	}
}

func headOf(op json.RawMessage) Head {
	var h Head
	if !opens(op, '{') {
		return h
	}
	for key, value := range members(op) {
		switch string(key) {
		case "op":
			h.Op = shortText(value)
		case "collection":
			h.Collection = shortText(value)
		case "id":
			h.ID = shortText(value)
		case "fields":
			if !opens(value, '{') {
				continue
			}
			for name, v := range members(value) {
				if string(name) == "site" {
					h.Site = shortText(v)
				}
			}
		}
	}
	return h
}

// shortText reads a JSON text of at most a few hundred bytes; anything else is
// empty.
func shortText(value json.RawMessage) string {
	var s string
	if len(value) > 400 || !opens(value, '"') || json.Unmarshal(value, &s) != nil {
		return ""
	}
	return s
}

// valueBytes is about what one value costs once it is decoded, beside its text.
const valueBytes = 48

// weigh tells about how many bytes a value takes once it is decoded, never much
// less: {} is two bytes of text and a map.
func weigh(raw []byte) int {
	n := len(raw)
	for _, b := range raw {
		if b == ',' || b == '{' || b == '[' {
			n += valueBytes
		}
	}
	return n
}
