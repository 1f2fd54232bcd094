package records

import (
	"crypto/hmac"
	"encoding/base64"
	"fmt"

	"github.com/golang-jwt/jwt/v5"
)

// BoundClaim is the claim that binds a device's token to the installation key.
// What PocketBase signs a token with lies in the database: with a backup alone
// anybody could sign one for any device. This claim they cannot make.
const BoundClaim = "bound"

// bound is the claim of a token with these other claims: changed in one of
// them, it is another token, and not one of ours. exp is in seconds.
func (s *Store) bound(person, device string, turn, exp int64, pushOnly bool) string {
	return base64.RawURLEncoding.EncodeToString(s.Key.MAC(fmt.Sprintf("device token\n%s\n%s\n%d\n%d\n%t", person, device, turn, exp, pushOnly)))
}

// Bound tells whether a device's token was made with the installation key;
// person is whose PocketBase took it for. One from before the claim is not: the
// device renews by its own key, and loses nothing.
func (s *Store) Bound(c Claims, person string) bool {
	if s.Unbound {
		return true
	}
	is, _ := c[BoundClaim].(string)
	exp, err := jwt.MapClaims(c).GetExpirationTime()
	if err != nil || exp == nil || is == "" {
		return false
	}
	want := s.bound(person, c.Device(), c.Turn(), exp.Unix(), c.PushOnly())
	return hmac.Equal([]byte(is), []byte(want))
}
