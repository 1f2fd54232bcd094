// Package hlc is the hybrid logical clock of the devices: stamps, their order
// and the device's clock. It never reads a clock itself: wall times are
// arguments, in Unix milliseconds UTC.
//
// A stamp is text, `<13-digit unix ms>-<4 hex counter>-<device>`, zero-padded,
// so that it sorts as text. It is made once and never changes: it is the
// identity of a mutation for ever (SPEC, "Words").
package hlc

import (
	"fmt"
	"strconv"
)

// MaxMs is the greatest millisecond that 13 digits hold (in the year 2286).
const MaxMs = 9_999_999_999_999

// MaxCounter is the greatest counter that 4 hex digits hold.
const MaxCounter = 0xffff

// IDLen is the length of a device or record id, in characters a-z0-9.
const IDLen = 15

// Time is the part of a stamp that orders it: milliseconds, then counter,
// without the device (MERGE-2).
type Time struct {
	Ms      int64 `json:"ms"`
	Counter int   `json:"c"`
}

// Stamp is a parsed stamp. Device is a device id on the wire and a pseudonym
// in everything that is stored (JOURNAL-4).
type Stamp struct {
	Time
	Device string
}

// Parse reads a stamp. It fails on anything but the exact form, lower case.
func Parse(s string) (Stamp, error) {
	if len(s) != 13+1+4+1+IDLen || s[13] != '-' || s[18] != '-' {
		return Stamp{}, fmt.Errorf("parse stamp: want <13 digits>-<4 hex>-<15 of a-z0-9>")
	}
	for i := 0; i < 13; i++ {
		if s[i] < '0' || s[i] > '9' {
			return Stamp{}, fmt.Errorf("parse stamp: the time is not 13 digits")
		}
	}
	for i := 14; i < 18; i++ {
		if !(s[i] >= '0' && s[i] <= '9' || s[i] >= 'a' && s[i] <= 'f') {
			return Stamp{}, fmt.Errorf("parse stamp: the counter is not 4 lower-case hex digits")
		}
	}
	if !ValidID(s[19:]) {
		return Stamp{}, fmt.Errorf("parse stamp: the device is not 15 characters a-z0-9")
	}
	ms, _ := strconv.ParseInt(s[:13], 10, 64)
	c, _ := strconv.ParseInt(s[14:18], 16, 32)
	return Stamp{Time{ms, int(c)}, s[19:]}, nil
}

// ValidID tells whether s is 15 characters a-z0-9.
func ValidID(s string) bool {
	if len(s) != IDLen {
		return false
	}
	for i := 0; i < len(s); i++ {
		if !(s[i] >= 'a' && s[i] <= 'z' || s[i] >= '0' && s[i] <= '9') {
			return false
		}
	}
	return true
}

// String gives the stamp's text. By hand where it has its usual length: a push
// asks for several of each mutation.
func (s Stamp) String() string {
	if s.Ms < 0 || s.Ms > 9_999_999_999_999 || s.Counter < 0 || s.Counter > MaxCounter {
		return fmt.Sprintf("%013d-%04x-%s", s.Ms, s.Counter, s.Device)
	}
	const digits = "0123456789abcdef"
	b := make([]byte, 19, 64)
	for i, ms := 12, s.Ms; i >= 0; i, ms = i-1, ms/10 {
		b[i] = digits[ms%10]
	}
	b[13], b[18] = '-', '-'
	for i, c := 17, s.Counter; i > 13; i, c = i-1, c>>4 {
		b[i] = digits[c&15]
	}
	return string(append(b, s.Device...))
}

// WithDevice is the same stamp under another name: a pseudonym for storing.
func (s Stamp) WithDevice(name string) Stamp { s.Device = name; return s }

// Compare orders by milliseconds, then counter: -1, 0 or 1.
func (t Time) Compare(u Time) int {
	switch {
	case t.Ms != u.Ms:
		if t.Ms < u.Ms {
			return -1
		}
		return 1
	case t.Counter != u.Counter:
		if t.Counter < u.Counter {
			return -1
		}
		return 1
	}
	return 0
}

// After tells whether t is greater than u.
func (t Time) After(u Time) bool { return t.Compare(u) > 0 }

// Tick is the least time greater than t: a full counter moves on by one
// millisecond.
func (t Time) Tick() Time {
	if t.Counter >= MaxCounter {
		return Time{t.Ms + 1, 0}
	}
	return Time{t.Ms, t.Counter + 1}
}

// Max is the greater of two times.
func Max(t, u Time) Time {
	if u.After(t) {
		return u
	}
	return t
}

// Correct gives the corrected time of PUSH-12: the stamp's milliseconds plus
// the clock's offset (server minus device, in ms), never later than received
// (server ms at first receipt) and never before 0. The counter stays.
func Correct(t Time, offset, received int64) Time {
	ms := t.Ms + offset
	// An offset is a client's number: on overflow the cap decides.
	if offset > 0 && ms < t.Ms || ms > received {
		ms = received
	}
	if ms < 0 {
		ms = 0
	}
	return Time{ms, t.Counter}
}

// JumpTolerance is how far, in ms, the wall clock may fall behind the last
// stamp before that counts as a jump. A hybrid clock rides over less.
const JumpTolerance = 2_000

// Clock is a device's clock: the last time it gave out. The zero value starts
// anew. It is kept in the device's store, in the transaction that uses it.
type Clock struct {
	Last Time `json:"last"`
}

// Next gives the next time for a wall clock reading (Unix ms). When the wall
// clock has jumped back beyond JumpTolerance, or the caller knows of a jump,
// the logical part starts anew from the wall clock and jumped is true: the
// offset measured before is no longer valid.
func (c Clock) Next(wall int64, knownJump bool) (next Clock, jumped bool) {
	if wall < 0 {
		wall = 0
	}
	if wall > MaxMs {
		wall = MaxMs
	}
	jumped = knownJump || c.Last.Ms-wall > JumpTolerance
	if jumped || wall > c.Last.Ms {
		return Clock{Time{wall, 0}}, jumped
	}
	return Clock{c.Last.Tick()}, false
}
