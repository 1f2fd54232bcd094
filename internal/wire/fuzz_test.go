package wire

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"

	"github.com/fieldpost/fieldpost/internal/fault"
)

func FuzzDecodePush(f *testing.F) {
	const rule = "[PUSH-4] any body gets a permanent code or a decision for each mutation"
	for _, body := range []string{
		string(pushOf(goodMutation(1), goodMutation(2))), string(pushOf()), `{}`, `null`, `{"protocol":1,"device":"x","mutations":[{"n":1}]}`,
		`{"protocol":1,"device":"x","mutations":[{"n":1e0,"stamp":"1768108200000-0000-k3v9x0c2m4q8w1z","schema":1,"ops":[{"op":"delete","collection":"sites","id":"a1b2c3d4e5f6g7h","base":1e400}]}]}`,
		`{"protocol":1,"device":"x","mutations":[{"n":1,"sealed":"\ud800"},{"n":2,"a":[[[[]]]]}]}`, `{"\u0070rotocol":1,"protocol":1,"a":"}]\\\""}`,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		t.Log(rule)
		wantSameParts(t, body)
		p, err := DecodePush(body, Limits{Mutations: 20})
		if err != nil {
			if c := fault.Of(err).Code; c != fault.BadRequest && c != fault.UnsupportedProtocol && c != fault.TooLarge {
				t.Fatalf("%v", err)
			}
			return
		}
		last := int64(0)
		for _, m := range p.Mutations {
			if m.N <= last || m.N > MaxN || m.Whole == nil || m.Content == ([32]byte{}) {
				t.Fatalf("%+v", m)
			}
			last = m.N
			if m.Problem != nil && m.Problem.Code != CodeInvalid && m.Problem.Code != CodeTooLarge {
				t.Fatalf("%+v", m.Problem)
			}
			if m.Problem == nil && len(m.Ops) == 0 && m.Sealed == "" {
				t.Fatalf("neither refused nor anything to do: %+v", m)
			}
			// What is kept comes back as the same content.
			kept, err := json.Marshal(m.Whole)
			if err != nil {
				t.Fatal(err)
			}
			if m.Whole["text"] != nil {
				continue // an over-deep one is kept as text
			}
			again, err := decodeMutation(kept, 1)
			if err != nil || again.Content != m.Content {
				t.Fatalf("%v\n%+v\n%+v", err, m, again)
			}
		}
	})
}

// wantSameParts holds our own taking apart against the library's.
func wantSameParts(t *testing.T, body []byte) {
	var object map[string]json.RawMessage
	if json.Unmarshal(body, &object) == nil && object != nil {
		got := map[string]json.RawMessage{}
		for key, raw := range members(body) {
			var k string
			if quoted, err := json.Marshal(string(key)); err != nil || json.Unmarshal(quoted, &k) != nil {
				t.Fatalf("key %q", key)
			}
			got[k] = raw
		}
		if !reflect.DeepEqual(got, object) {
			t.Fatalf("members\n%q\n%q", got, object)
		}
	}
	var list []json.RawMessage
	if json.Unmarshal(body, &list) == nil && list != nil {
		got := []json.RawMessage{}
		for raw, depth := range elements(body) {
			got = append(got, raw)
			if depth > bytes.Count(raw, []byte("["))+bytes.Count(raw, []byte("{")) {
				t.Fatalf("depth %d of %q", depth, raw)
			}
		}
		if !reflect.DeepEqual(got, list) {
			t.Fatalf("elements\n%q\n%q", got, list)
		}
	}
}

func FuzzDecodePull(f *testing.F) {
	const rule = "[WIRE] any body of a pull gets a permanent code or bounded numbers"
	for _, body := range []string{
		`{"protocol":1,"schema":1,"device":"k3v9x0c2m4q8w1z","mark":null,"cursor":null,"limit":500,"wait":0,"digests":true}`,
		`{"protocol":1,"schema":1,"device":"x","limit":1e300}`, `{"protocol":2}`, `[]`, ``,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		t.Log(rule)
		p, err := DecodePull(body, DefaultLimits)
		if err != nil {
			if c := fault.Of(err).Code; c != fault.BadRequest && c != fault.UnsupportedProtocol && c != fault.UpgradeRequired {
				t.Fatalf("%v", err)
			}
			return
		}
		if p.Limit < 1 || p.Limit > DefaultLimits.Changes || p.Wait < 0 || p.Wait > MaxWait || p.Schema < MinSchema {
			t.Fatalf("%+v", p)
		}
	})
}

func FuzzCanonical(f *testing.F) {
	const rule = "[WIRE] the canonical form is JSON, says the same, and is its own canonical form"
	for _, text := range []string{
		`{"b":1,"a":[true,null,-0,1e21,1e-7,0.1]}`, `"\u0000\u001f\u007f\u2028\ud83d\ude00\ud800"`, `{"\ufb33":1,"\ud83d\ude00":2,"é":3}`, `1e400`, `[[]]`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		t.Log(rule)
		var v any
		if json.Unmarshal(text, &v) != nil {
			return
		}
		first, err := Canonical(v)
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		var again any
		if err := json.Unmarshal(first, &again); err != nil {
			t.Fatalf("%q gives %q: %v", text, first, err)
		}
		second, err := Canonical(again)
		if err != nil || !bytes.Equal(first, second) {
			t.Fatalf("%q gives %q, then %q %v", text, first, second, err)
		}
		if !reflect.DeepEqual(v, again) {
			t.Fatalf("%q: %v became %v", text, v, again)
		}
	})
}
