package client

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/base64"
	"fmt"
	"io"
	"math/big"

	"github.com/fieldpost/fieldpost/internal/hlc"
	"github.com/fieldpost/fieldpost/internal/wire"
)

const idAlphabet = "abcdefghijklmnopqrstuvwxyz0123456789"

// newID makes a device or record id from random: 15 characters a-z0-9, each
// equally likely.
func newID(random io.Reader) (string, error) {
	id := make([]byte, 0, hlc.IDLen)
	var b [1]byte
	for len(id) < hlc.IDLen {
		if _, err := io.ReadFull(random, b[:]); err != nil {
			return "", fmt.Errorf("make id: %w", err)
		}
		// 252 is the greatest multiple of 36 in a byte.
		if b[0] < 252 {
			id = append(id, idAlphabet[b[0]%36])
		}
	}
	return string(id), nil
}

// newKey makes a private P-256 scalar from random. ecdsa.GenerateKey would not
// take the random source of a simulation.
func newKey(random io.Reader) ([]byte, error) {
	raw := make([]byte, 32)
	for range 64 {
		if _, err := io.ReadFull(random, raw); err != nil {
			return nil, fmt.Errorf("make key: %w", err)
		}
		// Zero and what is beyond the group's order are refused.
		if _, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), raw); err == nil {
			return raw, nil
		}
	}
	return nil, fmt.Errorf("make key: the random source gives no key")
}

// publicKey is the JWK of a private scalar.
func publicKey(scalar []byte) (wire.Key, error) {
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), scalar)
	if err != nil {
		return wire.Key{}, damaged(err)
	}
	point, err := key.PublicKey.Bytes() // 4, x, y
	if err != nil {
		return wire.Key{}, damaged(err)
	}
	enc := base64.RawURLEncoding
	return wire.Key{Kty: "EC", Crv: "P-256", X: enc.EncodeToString(point[1:33]), Y: enc.EncodeToString(point[33:])}, nil
}

// sign gives base64url of r and s over text. The signature is deterministic
// (RFC 6979), so a simulation repeats it.
func sign(scalar []byte, text string) (string, error) {
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), scalar)
	if err != nil {
		return "", damaged(err)
	}
	sum := sha256.Sum256([]byte(text))
	der, err := key.Sign(nil, sum[:], crypto.SHA256)
	if err != nil {
		return "", fmt.Errorf("sign renewal: %w", err)
	}
	var rs struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(der, &rs); err != nil {
		return "", fmt.Errorf("sign renewal: %w", err)
	}
	out := make([]byte, 64)
	rs.R.FillBytes(out[:32])
	rs.S.FillBytes(out[32:])
	return base64.RawURLEncoding.EncodeToString(out), nil
}
