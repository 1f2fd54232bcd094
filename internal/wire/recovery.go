package wire

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"

	"github.com/fieldpost/fieldpost/internal/fault"
)

// Recovery is a decoded recovery file. Signed is the text that Signature is
// about: the canonical JSON of the file without the signature.
type Recovery struct {
	Device    string
	Mutations []Received
	Signature string
	Signed    []byte
}

// RecoveryAnswer is the answer of POST /api/sync/recovery. It tells whoever
// carried the file what became of each mutation, and nothing about it.
type RecoveryAnswer struct {
	Epoch    string            `json:"epoch"`
	Now      string            `json:"now"`
	Verdicts []RecoveryVerdict `json:"verdicts"`
}

// RecoveryVerdict is a verdict without what it says of records: the carrier may
// be anybody.
type RecoveryVerdict struct {
	N        int64  `json:"n"`
	Verdict  string `json:"verdict"`
	Code     string `json:"code,omitempty"`
	Replayed bool   `json:"replayed,omitempty"`
}

// RecoveryText is what a device signs of a recovery file: the canonical JSON of
// {device, mutations}. Each of mutations is a sealed mutation as JSON.
func RecoveryText(device string, mutations []json.RawMessage) ([]byte, error) {
	b, err := recoveryHead(device)
	if err != nil {
		return nil, err
	}
	for i, raw := range mutations {
		v, inRange := decodeValue(raw)
		if !inRange {
			return nil, fmt.Errorf("recovery file: mutation %d is no JSON of ours", i)
		}
		if b, err = appendMember(b, i, v); err != nil {
			return nil, err
		}
	}
	return append(b, `]}`...), nil
}

func recoveryHead(device string) ([]byte, error) {
	name, err := Canonical(device)
	if err != nil {
		return nil, err
	}
	return append(append([]byte(`{"device":`), name...), `,"mutations":[`...), nil
}

func appendMember(b []byte, i int, v any) ([]byte, error) {
	if i > 0 {
		b = append(b, ',')
	}
	return appendCanonical(b, v)
}

// RecoveryFile is a whole recovery file: a text that RecoveryText made, and the
// signature over it.
func RecoveryFile(signed []byte, signature string) ([]byte, error) {
	s, err := Canonical(signature)
	if err != nil {
		return nil, err
	}
	file := append(bytes.TrimSuffix(bytes.Clone(signed), []byte("}")), `,"signature":`...)
	return append(append(file, s...), '}'), nil
}

// DecodeRecovery reads a recovery file: bad_request, too_large. It is stricter
// than DecodePush, and fails as a whole: nobody who carries a file could mend a
// part of it, and a refusal would stand for ever in place of what the device
// still holds. The signature is not looked at.
func DecodeRecovery(body []byte, limits Limits) (*Recovery, error) {
	env, err := envelope(body, "device", "mutations", "signature")
	if err != nil {
		return nil, err
	}
	for key := range members(body) {
		if _, known := env[string(key)]; !known {
			return nil, damagedFile("The file holds more than a recovery file does.")
		}
	}
	r := &Recovery{}
	if r.Device, err = textMember(env, "device", false); err != nil {
		return nil, err
	}
	if r.Signature, err = textMember(env, "signature", false); err != nil {
		return nil, err
	}
	if !opens(env["mutations"], '[') {
		return nil, damagedFile("`mutations` is not a list.")
	}
	count := 0
	for range elements(env["mutations"]) {
		if count++; count > limits.Mutations {
			return nil, TooMany(limits)
		}
	}
	if r.Signed, err = recoveryHead(r.Device); err != nil {
		return nil, err
	}
	r.Mutations = make([]Received, 0, count)
	last := int64(0)
	for raw, depth := range elements(env["mutations"]) {
		if !opens(raw, '{') || len(raw) > MaxMutationBytes || depth > MaxDepth {
			return nil, damagedFile("The file holds something that is no sealed mutation.")
		}
		m, err := decodeMutation(raw, depth)
		if err != nil {
			return nil, err
		}
		_, open := m.Whole["ops"]
		if sealed, ok := m.Whole["sealed"].(string); !ok || sealed == "" || open {
			return nil, damagedFile("The file holds a mutation that is not sealed.")
		}
		if m.N <= last {
			return nil, damagedFile("The n of the mutations do not ascend.")
		}
		last = m.N
		if r.Signed, err = appendMember(r.Signed, len(r.Mutations), m.Whole); err != nil {
			return nil, damagedFile("The file holds a number that is out of range.")
		}
		r.Mutations = append(r.Mutations, *m)
	}
	r.Signed = append(r.Signed, `]}`...)
	return r, nil
}

func damagedFile(message string) *fault.Fault {
	return fault.New(fault.BadRequest, message).WithHint("The file is damaged or not a recovery file. Take another copy of it, or write it anew on the phone that made it.")
}

// Public is the key itself. It fails when the key is no point of P-256.
func (k Key) Public() (*ecdsa.PublicKey, error) {
	x, err := base64.RawURLEncoding.DecodeString(k.X)
	if err != nil {
		return nil, fmt.Errorf("device key: %w", err)
	}
	y, err := base64.RawURLEncoding.DecodeString(k.Y)
	if err != nil {
		return nil, fmt.Errorf("device key: %w", err)
	}
	return ecdsa.ParseUncompressedPublicKey(elliptic.P256(), append(append([]byte{4}, x...), y...))
}

// Verify checks a device's signature: base64url of the 64 bytes r and s of
// ECDSA P-256 with SHA-256 over the text.
func (k Key) Verify(text []byte, signature string) bool {
	key, err := k.Public()
	if err != nil {
		return false
	}
	raw, err := base64.RawURLEncoding.DecodeString(signature)
	if err != nil || len(raw) != 64 {
		return false
	}
	sum := sha256.Sum256(text)
	return ecdsa.Verify(key, sum[:], new(big.Int).SetBytes(raw[:32]), new(big.Int).SetBytes(raw[32:]))
}
