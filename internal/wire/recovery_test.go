package wire

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/fieldpost/fieldpost/internal/fault"
)

const goodRecovery = `{"device":"k3v9x0c2m4q8w1z","mutations":[{"n":1,"stamp":"1768108200000-0000-k3v9x0c2m4q8w1z","offset":null,"epoch":null,"schema":1,"sealed":"AAAA"},{"n":3,"stamp":"1768108200001-0000-k3v9x0c2m4q8w1z","schema":1,"sealed":"BBBB"}],"signature":"CCCC"}`

func TestDecodeRecovery(t *testing.T) {
	t.Run("[RECOVERY] what is signed is written back as it was read, and the limits of a push hold", func(t *testing.T) {
		r, err := DecodeRecovery([]byte(goodRecovery), DefaultLimits)
		if err != nil || len(r.Mutations) != 2 || r.Mutations[1].Sealed != "BBBB" {
			t.Fatalf("%+v %v", r, err)
		}
		var in struct{ Mutations []json.RawMessage }
		if err := json.Unmarshal([]byte(goodRecovery), &in); err != nil {
			t.Fatal(err)
		}
		signed, err := RecoveryText("k3v9x0c2m4q8w1z", in.Mutations)
		if err != nil || !bytes.Equal(signed, r.Signed) {
			t.Fatalf("%s\n%s %v", signed, r.Signed, err)
		}
		if _, err := DecodeRecovery([]byte(goodRecovery), Limits{Mutations: 1}); !fault.Is(err, fault.TooLarge) {
			t.Fatal(err)
		}
		large := strings.Replace(goodRecovery, "BBBB", strings.Repeat("B", MaxMutationBytes), 1)
		if _, err := DecodeRecovery([]byte(large), DefaultLimits); !fault.Is(err, fault.BadRequest) {
			t.Fatal(err)
		}
		deep := strings.Replace(goodRecovery, `"schema":1`, `"schema":1,"x":`+strings.Repeat("[", MaxDepth)+strings.Repeat("]", MaxDepth), 1)
		if _, err := DecodeRecovery([]byte(deep), DefaultLimits); !fault.Is(err, fault.BadRequest) {
			t.Fatal(err)
		}
	})
	t.Run("[SEALED] what is opened counts as if it had come open, and the envelope's members are not the sealed part's to say", func(t *testing.T) {
		body := func(m string) Received {
			p, err := DecodePush([]byte(`{"protocol":1,"device":"k3v9x0c2m4q8w1z","mutations":[`+m+`]}`), DefaultLimits)
			if err != nil {
				t.Fatal(err)
			}
			return p.Mutations[0]
		}
		const envelope = `"n":1,"stamp":"1768108200000-0000-k3v9x0c2m4q8w1z","schema":1`
		const ops = `"ops":[{"op":"delete","collection":"sites","id":"a1b2c3d4e5f6g7h","base":1}]`
		open, sealed := body(`{`+envelope+`,`+ops+`}`), body(`{`+envelope+`,"sealed":"AAAA"}`)
		if p := sealed.Unseal([]byte(`{` + ops + `,"n":7,"stamp":"other","later":1}`)); p != nil {
			t.Fatal(p)
		}
		if *sealed.Opened != open.Content || sealed.Content == open.Content || !reflect.DeepEqual(sealed.Ops, open.Ops) {
			t.Fatalf("%+v\n%+v", sealed, open)
		}
		if sealed.N != 1 || sealed.Whole["n"] != 1.0 || sealed.Whole["stamp"] != open.Whole["stamp"] || sealed.Whole["sealed"] != nil || sealed.Extra["later"] != 1.0 {
			t.Fatalf("%+v", sealed)
		}
	})
}

func FuzzDecodeRecovery(f *testing.F) {
	const rule = "[RECOVERY] any file gets a permanent code, or sealed mutations and the text that was signed"
	for _, body := range []string{
		goodRecovery, `{"device":"x","mutations":[],"signature":"y"}`, `{}`, `[]`, ``, `{"device":"x","mutations":[{"n":1,"sealed":""}],"signature":"y"}`,
		strings.Replace(goodRecovery, `"n":3`, `"n":1e0`, 1), strings.Replace(goodRecovery, `"n":3`, `"n":3,"big":1e999`, 1),
		strings.Replace(goodRecovery, "BBBB", `\ud800`, 1), strings.Replace(goodRecovery, `"device"`, `"\u0064evice"`, 1), goodRecovery[:80],
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		t.Log(rule)
		r, err := DecodeRecovery(body, Limits{Mutations: 20})
		if err != nil {
			if c := fault.Of(err).Code; c != fault.BadRequest && c != fault.TooLarge {
				t.Fatal(err)
			}
			return
		}
		last := int64(0)
		for _, m := range r.Mutations {
			if m.N <= last || m.Problem == nil && m.Sealed == "" || len(m.Ops) != 0 || m.Whole["ops"] != nil {
				t.Fatalf("%+v", m)
			}
			last = m.N
		}
		// What is signed, with a signature, is the same file again.
		file, err := RecoveryFile(r.Signed, r.Signature)
		if err != nil {
			t.Fatal(err)
		}
		again, err := DecodeRecovery(file, Limits{Mutations: 20})
		if err != nil || !bytes.Equal(again.Signed, r.Signed) || again.Signature != r.Signature || again.Device != r.Device {
			t.Fatalf("%s\n%s\n%v", r.Signed, file, err)
		}
	})
}
