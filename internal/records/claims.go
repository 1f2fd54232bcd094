package records

import (
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Claims are what a token says of itself. Only a token that was verified is
// proof.
type Claims jwt.MapClaims

// ReadToken reads a token without checking it; nil when it is none.
func ReadToken(token string) Claims {
	claims := jwt.MapClaims{}
	if _, _, err := jwt.NewParser().ParseUnverified(bare(token), claims); err != nil {
		return nil
	}
	return Claims(claims)
}

// bare takes the word before a token away. In any spelling, as PocketBase reads
// it: a token that it takes and that has no device here would pass for a
// password's.
func bare(token string) string {
	if len(token) > 7 && strings.EqualFold(token[:7], "Bearer ") {
		return token[7:]
	}
	return token
}

// Device is the device that a token is of, "" when it is not one's.
func (c Claims) Device() string {
	device, _ := c[DeviceClaim].(string)
	return device
}

// Turn is the turn that a device's token names, 0 for one without.
func (c Claims) Turn() int64 {
	turn, _ := c[TurnClaim].(float64)
	return int64(turn)
}

// PushOnly tells whether a token says of itself that it is for push only.
func (c Claims) PushOnly() bool {
	only, _ := c[PushOnlyClaim].(bool)
	return only
}

// Expired tells whether a token's time is over.
func (c Claims) Expired(now time.Time) bool {
	exp, err := jwt.MapClaims(c).GetExpirationTime()
	return c != nil && err == nil && exp != nil && exp.Before(now)
}

// ReadClaims reads a token without checking it: whose it says it is and
// whether it has expired.
func ReadClaims(token string, now time.Time) (device string, expired bool) {
	c := ReadToken(token)
	return c.Device(), c.Expired(now)
}

// PushOnly tells whether a token says of itself that it is for push only.
func PushOnly(token string) bool { return ReadToken(token).PushOnly() }
