package export

import (
	"math"
	"strings"
)

// The letters of a geohash, in order.
const geoLetters = "0123456789bcdefghjkmnpqrstuvwxyz"

// coarsest and finest are how many letters of a geohash a cell has: with five
// it is about 5 km wide, and no finer one leaves (R14).
const (
	coarsest = 2
	finest   = 5
)

// box is a cell in degrees.
type box struct{ west, south, east, north float64 }

// cellOf reads a geohash. A finer one than a coarse cell is cut to one; ok is
// false for what is none.
func cellOf(hash string) (name string, b box, ok bool) {
	hash = strings.ToLower(strings.TrimSpace(hash))
	if len(hash) < coarsest {
		return "", box{}, false
	}
	b = box{-180, -90, 180, 90}
	even := true
	for i, letter := range hash {
		n := strings.IndexRune(geoLetters, letter)
		if n < 0 {
			return "", box{}, false
		}
		if i >= finest {
			continue // read on: what is no geohash to its end is none
		}
		for bit := 16; bit > 0; bit >>= 1 {
			low, high := &b.west, &b.east
			if !even {
				low, high = &b.south, &b.north
			}
			if n&bit != 0 {
				*low = (*low + *high) / 2
			} else {
				*high = (*low + *high) / 2
			}
			even = !even
		}
	}
	return hash[:min(len(hash), finest)], b, true
}

// cellAround is the coarse cell that a place lies in.
func cellAround(p Point) (string, bool) {
	if !(math.Abs(p.Lat) <= 90 && math.Abs(p.Lon) <= 180) {
		return "", false
	}
	var name strings.Builder
	b := box{-180, -90, 180, 90}
	even := true
	for range finest {
		n := 0
		for bit := 16; bit > 0; bit >>= 1 {
			low, high, at := &b.west, &b.east, p.Lon
			if !even {
				low, high, at = &b.south, &b.north, p.Lat
			}
			if middle := (*low + *high) / 2; at >= middle {
				n |= bit
				*low = middle
			} else {
				*high = middle
			}
			even = !even
		}
		name.WriteByte(geoLetters[n])
	}
	return name.String(), true
}
