package wire

import (
	"crypto/sha256"
	"encoding/json"
	"strconv"
	"unicode/utf8"
)

// SealedText is what a sealed part holds: {"ops":[...]}. ops is a JSON list.
func SealedText(ops json.RawMessage) []byte {
	text := make([]byte, 0, len(ops)+len(`{"ops":}`))
	text = append(text, `{"ops":`...)
	return append(append(text, ops...), '}')
}

// SealedAAD is what a sealed part is bound to: it opens for this device, n and
// stamp and for no other.
func SealedAAD(device string, n int64, stamp string) string {
	return device + ":" + strconv.FormatInt(n, 10) + ":" + stamp
}

// Unseal puts what a sealed part held in its place, as if the mutation had come
// open: Ops, Whole and Weight are those of the ops. Content stays that of the
// sealed text; Opened is what it would have been. Members beside the ops go to
// Extra (PUSH-9). A text that is none leaves the mutation sealed.
func (r *Received) Unseal(text []byte) *Problem {
	if !utf8.Valid(text) || !json.Valid(text) || !opens(text, '{') {
		return invalid("The sealed part holds no JSON object.")
	}
	if _, depth := skipValue(text, skipSpace(text, 0)); depth > MaxDepth {
		return invalid("The sealed part is nested deeper than 64 levels.")
	}
	value, inRange := decodeValue(text)
	inner, _ := value.(map[string]any)
	list, ok := inner["ops"].([]any)
	if !ok {
		return invalid("The sealed part holds no ops.")
	}
	for k, v := range inner {
		if k == "ops" {
			continue
		}
		if r.Extra == nil {
			r.Extra = map[string]any{}
		}
		r.Extra[k] = v
	}
	r.Weight += weigh(text)
	whole := make(map[string]any, len(r.Whole)+len(inner))
	for k, v := range inner {
		whole[k] = v
	}
	for k, v := range r.Whole { // after: the envelope's members are not the sealed part's to say
		whole[k] = v
	}
	delete(whole, "sealed")
	sum, err := contentOf(whole)
	if err != nil {
		// Not reachable: decodeValue gives nothing that contentOf cannot take.
		return invalid("The sealed part could not be read.")
	}
	r.Whole, r.Opened = whole, &sum
	if !inRange {
		return invalid("The mutation holds a number that is out of range.")
	}
	return r.ReadOps(list)
}

// contentOf is what PUSH-3 compares of an open mutation. What has no canonical
// form, because a number is out of range, is bound with such numbers as text.
func contentOf(whole map[string]any) ([32]byte, error) {
	bound := map[string]any{}
	for _, k := range []string{"stamp", "ops"} {
		if v, ok := whole[k]; ok {
			bound[k] = v
		}
	}
	text, err := Canonical(bound)
	if err != nil {
		text, err = Canonical(mapNumbers(bound, func(n json.Number) any { return string(n) }))
	}
	if err != nil {
		return [32]byte{}, err
	}
	return sha256.Sum256(text), nil
}
