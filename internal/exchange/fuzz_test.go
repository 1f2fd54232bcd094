package exchange

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/fieldpost/fieldpost/internal/seal"
	"github.com/fieldpost/fieldpost/internal/wire"
)

func FuzzCursor(f *testing.F) {
	const rule = "[EPOCH-1] any text is read as a place that this installation wrote for this purpose, or as none"
	s := &Service{Key: seal.FromSeed([]byte("fuzz"))}
	at := place{Epoch: "x7", Seq: 1043, Hash: "00112233445566778899aabbccddeeff", Scope: "s", Sch: 1, At: 1768108200000}
	signed, err := s.sign("cursor", at)
	if err != nil {
		f.Fatal(err)
	}
	for _, payload := range []string{"", "{}", "null", "[]", `{"s":-1}`, `{"s":1e99}`, `{"s":9223372036854775807,"z":true}`, `{"e":1}`, `{"S":7,"s":8}`, `{"h":"\ud800"}`} {
		f.Add(signed, []byte(payload))
	}
	for _, text := range []string{"", signed[:len(signed)-1], signed + "\n", "=" + signed, signed[1:], "AAAAAAAAAAAAAAAAAAAAAAAAAAAA"} {
		f.Add(text, []byte(`{"e":"x7","s":1}`))
	}
	f.Fuzz(func(t *testing.T, text string, payload []byte) {
		t.Log(rule)
		if p, ok := s.read("cursor", text); ok && p != at {
			t.Fatalf("%q was taken as %+v", text, p)
		}
		if _, ok := s.read("mark", text); ok {
			t.Fatalf("%q was taken for a mark", text)
		}
		// What we signed ourselves, of whatever version, reads the same again
		// or not at all.
		p, ok := s.read("cursor", s.Key.Sign("cursor", payload))
		if !ok {
			return
		}
		again, err := s.sign("cursor", p)
		if err != nil {
			t.Fatal(err)
		}
		if q, ok := s.read("cursor", again); !ok || p != q {
			t.Fatalf("%+v came back as %+v", p, q)
		}
	})
}

func FuzzUnseal(f *testing.F) {
	const rule = "[SEALED] whatever was sealed gives ops as the open form would, or one refusal"
	s := &Service{Key: seal.FromSeed([]byte("fuzz"))}
	const device, stamp = "k3v9x0c2m4q8w1z", "1768108200000-0000-k3v9x0c2m4q8w1z"
	for _, text := range []string{
		`{"ops":[{"op":"create","collection":"sites","id":"a1b2c3d4e5f6g7h","base":0,"fields":{"name":"x"}}]}`,
		`{"ops":[{"op":"delete","collection":"sites","id":"a1b2c3d4e5f6g7h","base":1}]}`, `{"ops":[]}`, `{"ops":null}`, `{}`, `[]`, `null`, ``, `{"ops":[[]]}`,
		`{"ops":[{"op":"update","collection":"sites","id":"a1b2c3d4e5f6g7h","base":1e400,"fields":{"a":1e999}}]}`, `{"ops":[{}],"n":2}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		t.Log(rule)
		sealed, err := seal.SealFor(s.Key.SealKey(), fmt.Sprintf("%s:1:%s", device, stamp), text)
		if err != nil {
			t.Fatal(err)
		}
		m := wire.Mutation{N: 1, Stamp: stamp, Schema: 1, Sealed: sealed}
		raw, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		body, err := json.Marshal(map[string]any{"protocol": 1, "device": device, "mutations": []any{json.RawMessage(raw)}})
		if err != nil {
			t.Fatal(err)
		}
		push, err := wire.DecodePush(body, wire.DefaultLimits)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.unseal(push); err != nil {
			t.Fatal(err)
		}
		got := push.Mutations[0]
		if (got.Problem == nil) == (len(got.Ops) == 0) {
			t.Fatalf("%q: neither refused nor anything to do, or both: %+v", text, got)
		}
		if got.Problem != nil && got.Problem.Code != wire.CodeInvalid && got.Problem.Code != wire.CodeTooLarge {
			t.Fatalf("%+v", got.Problem)
		}
		if _, err := copyOf(&got); err != nil {
			t.Fatalf("can't be kept: %v", err)
		}
	})
}
