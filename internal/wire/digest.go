package wire

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strconv"
)

// Slices is how many parts a digest has.
const Slices = 16

// Summer sums up which records are there, and in which versions (PULL-8). The
// order in which they are added plays no part. The zero value is that of
// nothing.
type Summer struct {
	count int64
	sums  [Slices]uint64
}

// Add adds a record, once each: id, and seq, its version.
func (s *Summer) Add(id string, seq int64) {
	slice, term := DigestTerm(id, seq)
	s.count++
	s.sums[slice] += term // modulo 2^64
}

// Digest gives the sums so far.
func (s *Summer) Digest() Digest {
	d := Digest{Count: s.count}
	for i, sum := range s.sums {
		d.Sums[i] = fmt.Sprintf("%016x", sum)
	}
	return d
}

// DigestTerm is what one record adds, and to which slice. The slice depends on
// the id alone, so that a record stays in it from version to version.
func DigestTerm(id string, seq int64) (slice int, term uint64) {
	of := sha256.Sum256([]byte(id))
	text := make([]byte, 0, len(id)+20)
	text = strconv.AppendInt(append(append(text, id...), ':'), seq, 10)
	sum := sha256.Sum256(text)
	return int(of[0] >> 4), binary.BigEndian.Uint64(sum[:8])
}
