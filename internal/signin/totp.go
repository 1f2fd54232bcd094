package signin

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // RFC 6238's default, and all that authenticator apps agree on
	"crypto/subtle"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// RFC 6238 as every authenticator app does it: HMAC-SHA-1, 6 digits, 30 s.
const (
	totpPeriod = 30
	totpDigits = 6
	totpDrift  = 1 // steps before and after the server's own
)

var base32Plain = base32.StdEncoding.WithPadding(base32.NoPadding)

func newSecret() ([]byte, error) {
	secret := make([]byte, 20) // RFC 4226: as long as the hash
	_, err := rand.Read(secret)
	return secret, err
}

// totpCode is the code of a step.
func totpCode(secret []byte, step int64) string {
	mac := hmac.New(sha1.New, secret)
	var counter [8]byte
	binary.BigEndian.PutUint64(counter[:], uint64(step))
	mac.Write(counter[:])
	sum := mac.Sum(nil)
	at := sum[len(sum)-1] & 0x0f
	n := binary.BigEndian.Uint32(sum[at:at+4]) & 0x7fffffff
	return fmt.Sprintf("%0*d", totpDigits, n%1_000_000)
}

// totpStep gives the step whose code this is, at a time and within the drift;
// ok is false when it is none's. Every candidate is compared, in constant time.
func totpStep(secret []byte, code string, now time.Time) (step int64, ok bool) {
	code = strings.NewReplacer(" ", "", "-", "").Replace(code)
	at := now.Unix() / totpPeriod
	for s := at - totpDrift; s <= at+totpDrift; s++ {
		if subtle.ConstantTimeCompare([]byte(totpCode(secret, s)), []byte(code)) == 1 {
			step, ok = s, true
		}
	}
	return step, ok
}

// totpURI is what an authenticator app reads, as text or QR code. issuer is
// the server's name and nothing that says what it is for (R11).
func totpURI(secret []byte, issuer, email string) string {
	q := url.Values{"secret": {base32Plain.EncodeToString(secret)}, "issuer": {issuer}, "algorithm": {"SHA1"}, "digits": {"6"}, "period": {"30"}}
	return "otpauth://totp/" + url.PathEscape(issuer+":"+email) + "?" + strings.ReplaceAll(q.Encode(), "+", "%20")
}
