package wire

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/fieldpost/fieldpost/internal/hlc"
)

func TestThumbprint(t *testing.T) {
	// The key of RFC 7515, appendix A.3.
	key := Key{"EC", "P-256", "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}

	t.Run("[ENROL-1] one key has one thumbprint, and another key another", func(t *testing.T) {
		print, err := key.Thumbprint()
		if err != nil || len(print) != 43 {
			t.Fatalf("%q %v", print, err)
		}
		other := key
		other.X, other.Y = key.Y, key.X
		if p, err := other.Thumbprint(); err != nil || p == print {
			t.Errorf("%q %v", p, err)
		}
	})

	t.Run("[ENROL-1] a key spelled in a second way is refused, not given a second thumbprint", func(t *testing.T) {
		last := len(key.X) - 1
		for name, x := range map[string]string{
			"padding": key.X + "=", "line break": key.X[:20] + "\n" + key.X[20:], "carriage return": key.X + "\r",
			"loose last bits": key.X[:last] + "V", "standard alphabet": strings.NewReplacer("_", "/", "-", "+").Replace(key.Y),
			"31 bytes": base64.RawURLEncoding.EncodeToString(make([]byte, 31)), "33 bytes": base64.RawURLEncoding.EncodeToString(make([]byte, 33)),
			"nothing": "",
		} {
			for _, k := range []Key{{key.Kty, key.Crv, x, key.Y}, {key.Kty, key.Crv, key.X, x}} {
				if p, err := k.Thumbprint(); err == nil {
					t.Errorf("%s: %q", name, p)
				}
			}
		}
		for _, k := range []Key{{"RSA", "P-256", key.X, key.Y}, {"EC", "P-384", key.X, key.Y}, {"ec", "P-256", key.X, key.Y}, {}} {
			if p, err := k.Thumbprint(); err == nil {
				t.Errorf("%+v: %q", k, p)
			}
		}
	})

	t.Run("[ENROL-1] an error about a key does not show the key", func(t *testing.T) {
		_, err := Key{"EC", "P-256", "secret", "secret"}.Thumbprint()
		if err == nil || strings.Contains(err.Error(), "secret") {
			t.Error(err)
		}
	})
}

func TestIDs(t *testing.T) {
	t.Run("[WIRE] made ids have the form of ids", func(t *testing.T) {
		for _, id := range []string{TriageID("observations", someRecord), TriageID("", ""), Base32(make([]byte, 10)), Base32([]byte("any 32 bytes of a SHA-256 or HMAC"))} {
			if !hlc.ValidID(id) {
				t.Error(id)
			}
		}
	})

	t.Run("[WIRE] reports of two collections never share a triage record", func(t *testing.T) {
		if TriageID("observations", someRecord) == TriageID("submissions", someRecord) {
			t.Error("they do")
		}
	})

	t.Run("[PUSH-3] a renewal signs the new device's id and key only when there is one", func(t *testing.T) {
		plain := RenewText("d", "c", "", "")
		if plain != "fieldpost-renew-v1\nd\nc" || RenewText("d", "c", "e", "t") != plain+"\ne\nt" {
			t.Errorf("%q", plain)
		}
	})
}
