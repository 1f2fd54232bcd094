package merge

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"testing"

	"github.com/fieldpost/fieldpost/internal/fault"
	"github.com/fieldpost/fieldpost/internal/seal"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// runOpen opens a recorded sealed part: a sender takes a key of its own each
// time, so what it makes cannot be told beforehand.
func runOpen(t *testing.T, given, expect json.RawMessage) {
	in := strict[struct {
		Key, SealKey, Device, Stamp, AAD, Sealed string
		N                                        int64
	}](t, given)
	scalar, err := base64.RawURLEncoding.DecodeString(in.Key)
	if err != nil {
		t.Fatal(err)
	}
	installation, err := seal.FromScalar(scalar)
	if err != nil {
		t.Fatal(err)
	}
	if installation.SealKey() != in.SealKey {
		t.Errorf("the point of the key is %s", installation.SealKey())
	}
	aad := wire.SealedAAD(in.Device, in.N, in.Stamp)
	if aad != in.AAD {
		t.Errorf("the aad is %s", aad)
	}
	text, err := installation.OpenSealed(in.Sealed, aad)
	if err != nil {
		wantJSON(t, failed, expect)
		return
	}
	wantJSON(t, map[string]any{"text": string(text)}, expect)
	again, err := seal.SealFor(in.SealKey, aad, text)
	if err != nil {
		t.Fatal(err)
	}
	if back, err := installation.OpenSealed(again, aad); err != nil || string(back) != string(text) {
		t.Errorf("sealed anew it opens as %s: %v", back, err)
	}
}

// runSealedContent gives both hashes of a sealed mutation: of its text, which
// (device, n) is held against, and of what it holds.
func runSealedContent(t *testing.T, given, expect json.RawMessage) {
	in := strict[struct {
		Mutation json.RawMessage
		Text     string
	}](t, given)
	body, err := json.Marshal(map[string]any{"protocol": 1, "device": "k3v9x0c2m4q8w1z", "mutations": []any{in.Mutation}})
	if err != nil {
		t.Fatal(err)
	}
	push, err := wire.DecodePush(body, wire.DefaultLimits)
	if err != nil {
		t.Fatal(err)
	}
	m := push.Mutations[0]
	problem := m.Unseal([]byte(in.Text))
	got := map[string]any{"sealed": hex.EncodeToString(m.Content[:])}
	if m.Opened != nil {
		got["opened"] = hex.EncodeToString(m.Opened[:])
	}
	if problem != nil {
		got["problem"] = problem.Code
	}
	wantJSON(t, got, expect)
}

func runRecovery(t *testing.T, given, expect json.RawMessage) {
	in := strict[struct {
		File string
		Key  wire.Key
	}](t, given)
	file, err := wire.DecodeRecovery([]byte(in.File), wire.DefaultLimits)
	if err != nil {
		wantJSON(t, map[string]any{"error": fault.Of(err).Code}, expect)
		return
	}
	wantJSON(t, map[string]any{"signed": string(file.Signed), "mutations": len(file.Mutations),
		"verifies": in.Key.Verify(file.Signed, file.Signature)}, expect)
}
