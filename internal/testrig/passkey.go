package testrig

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/url"
	"testing"
	"time"
)

// Passkey is an authenticator that speaks WebAuthn by hand: one ES256 key,
// attestation none. Origin is where its browser says it is.
type Passkey struct {
	T        testing.TB
	Origin   string
	Verified bool // its person showed a fingerprint, or the like
	Count    uint32
	key      *ecdsa.PrivateKey
	id       []byte
	handle   []byte
}

// NewPasskey makes one that has no key yet.
func NewPasskey(t testing.TB, origin string) *Passkey {
	return &Passkey{T: t, Origin: origin, Verified: true, id: []byte(ID())}
}

func (p *Passkey) data(kind, challenge string) []byte {
	raw, err := json.Marshal(map[string]any{"type": kind, "challenge": challenge, "origin": p.Origin, "crossOrigin": false})
	if err != nil {
		p.T.Fatal(err)
	}
	return raw
}

func (p *Passkey) authData(rp string, more []byte) []byte {
	sum := sha256.Sum256([]byte(rp))
	flags := byte(1) // its person is there
	if p.Verified {
		flags |= 4
	}
	if more != nil {
		flags |= 64
	}
	out := append(sum[:], flags)
	out = binary.BigEndian.AppendUint32(out, p.Count)
	return append(out, more...)
}

var b64 = base64.RawURLEncoding.EncodeToString

// Create answers the options of a set-up.
func (p *Passkey) Create(options json.RawMessage) json.RawMessage {
	p.T.Helper()
	var o struct {
		PublicKey struct {
			Challenge string
			RP        struct{ ID string }
			User      struct{ ID string }
		}
	}
	p.decode(options, &o)
	var err error
	if p.handle, err = base64.RawURLEncoding.DecodeString(o.PublicKey.User.ID); err != nil {
		p.T.Fatal(err)
	}
	if p.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		p.T.Fatal(err)
	}
	point, err := p.key.PublicKey.Bytes()
	if err != nil {
		p.T.Fatal(err)
	}
	// CBOR by hand: {1: 2, 3: -7, -1: 1, -2: x, -3: y}.
	cose := append([]byte{0xa5, 1, 2, 3, 0x26, 0x20, 1, 0x21, 0x58, 32}, point[1:33]...)
	cose = append(append(cose, 0x22, 0x58, 32), point[33:]...)
	attested := append(make([]byte, 16), 0, byte(len(p.id)))
	attested = append(append(attested, p.id...), cose...)
	auth := p.authData(o.PublicKey.RP.ID, attested)
	object := append([]byte{0xa3, 0x63}, "fmt"...)
	object = append(append(object, 0x64), "none"...)
	object = append(append(object, 0x67), "attStmt"...)
	object = append(append(object, 0xa0, 0x68), "authData"...)
	object = append(append(object, 0x58, byte(len(auth))), auth...)
	return p.encode(map[string]any{"clientDataJSON": b64(p.data("webauthn.create", o.PublicKey.Challenge)), "attestationObject": b64(object)})
}

// Get answers the options of a sign-in.
func (p *Passkey) Get(options json.RawMessage) json.RawMessage {
	p.T.Helper()
	var o struct {
		PublicKey struct{ Challenge, RPID string }
	}
	p.decode(options, &o)
	p.Count++
	if o.PublicKey.RPID == "" {
		u, err := url.Parse(p.Origin)
		if err != nil {
			p.T.Fatal(err)
		}
		o.PublicKey.RPID = u.Hostname()
	}
	data := p.data("webauthn.get", o.PublicKey.Challenge)
	auth := p.authData(o.PublicKey.RPID, nil)
	hashed := sha256.Sum256(data)
	sum := sha256.Sum256(append(append([]byte{}, auth...), hashed[:]...))
	signature, err := ecdsa.SignASN1(rand.Reader, p.key, sum[:])
	if err != nil {
		p.T.Fatal(err)
	}
	return p.encode(map[string]any{"clientDataJSON": b64(data), "authenticatorData": b64(auth), "signature": b64(signature), "userHandle": b64(p.handle)})
}

func (p *Passkey) encode(response map[string]any) json.RawMessage {
	raw, err := json.Marshal(map[string]any{"id": b64(p.id), "rawId": b64(p.id), "type": "public-key", "clientExtensionResults": map[string]any{}, "response": response})
	if err != nil {
		p.T.Fatal(err)
	}
	return raw
}

func (p *Passkey) decode(raw []byte, into any) {
	if err := json.Unmarshal(raw, into); err != nil {
		p.T.Fatalf("%s: %v", raw, err)
	}
}

// TOTP is the code of a secret at a time, as an authenticator app makes it:
// written a second time, from RFC 6238.
func TOTP(t testing.TB, secret string, at time.Time) string {
	t.Helper()
	key, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(secret)
	if err != nil {
		t.Fatal(err)
	}
	h := hmac.New(sha1.New, key)
	h.Write(binary.BigEndian.AppendUint64(nil, uint64(at.Unix()/30)))
	sum := h.Sum(nil)
	off := sum[19] & 15
	return fmt.Sprintf("%06d", binary.BigEndian.Uint32(sum[off:off+4])&0x7fffffff%1000000)
}
