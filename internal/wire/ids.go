package wire

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/fieldpost/fieldpost/internal/hlc"
)

var lower32 = base32.StdEncoding.WithPadding(base32.NoPadding)

// Base32 is lower-case base32 (RFC 4648) without padding, cut to 15
// characters: the shape of ids and pseudonyms.
func Base32(sum []byte) string {
	return strings.ToLower(lower32.EncodeToString(sum))[:hlc.IDLen]
}

// TriageID is the id of the triage record of a report: clients may compute it.
func TriageID(collection, id string) string {
	sum := sha256.Sum256([]byte("triage:" + collection + ":" + id))
	return Base32(sum[:])
}

// Thumbprint is the RFC 7638 thumbprint of a P-256 key, base64url. It fails
// when the key is not P-256 or a coordinate is not 32 bytes in their one
// encoding: of two spellings of one key, the thumbprints would differ.
func (k Key) Thumbprint() (string, error) {
	if k.Kty != "EC" || k.Crv != "P-256" {
		return "", fmt.Errorf("device key: want kty EC and crv P-256")
	}
	for _, c := range []string{k.X, k.Y} {
		raw, err := base64.RawURLEncoding.Strict().DecodeString(c)
		// The length too: line breaks are skipped by the decoder.
		if err != nil || len(raw) != 32 || len(c) != 43 {
			return "", fmt.Errorf("device key: x and y are base64url of 32 bytes")
		}
	}
	sum := sha256.Sum256([]byte(`{"crv":"P-256","kty":"EC","x":"` + k.X + `","y":"` + k.Y + `"}`))
	return base64.RawURLEncoding.EncodeToString(sum[:]), nil
}
