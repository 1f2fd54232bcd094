package wire

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"testing"
)

// summed is the digest of a view, by id and version.
func summed(view map[string]int64) Digest {
	var s Summer
	for id, seq := range view { // in whatever order
		s.Add(id, seq)
	}
	return s.Digest()
}

// TestDigests compares digests of random views with the views themselves: a
// view, and another that a few random changes have made of it, some of which
// take each other back.
func TestDigests(t *testing.T) {
	const rounds = 3000
	t.Run("[INV-10] digests are equal exactly when the same records are there in the same versions", func(t *testing.T) {
		random := rand.New(rand.NewPCG(8, 16))
		id := func() string { return fmt.Sprintf("r%014d", random.IntN(60)) }
		equal, other := 0, 0
		for round := range rounds {
			view := map[string]int64{}
			for range random.IntN(40) {
				view[id()] = 1 + random.Int64N(50)
			}
			changed := maps.Clone(view)
			for range random.IntN(4) {
				switch at := id(); random.IntN(4) {
				case 0:
					delete(changed, at)
				case 1:
					changed[at] = 1 + random.Int64N(50)
				case 2: // two records change versions: the same numbers, elsewhere
					with := id()
					a, hasA := changed[at]
					b, hasB := changed[with]
					if hasA && hasB {
						changed[at], changed[with] = b, a
					}
				case 3: // one goes and another comes: the count stays
					if seq, has := changed[at]; has {
						delete(changed, at)
						changed[id()] = seq
					}
				}
			}
			same := maps.Equal(view, changed)
			if got := summed(view) == summed(changed); got != same {
				t.Fatalf("round %d: digests equal %v, views equal %v\n%v\n%v", round, got, same, view, changed)
			}
			if same {
				equal++
			} else {
				other++
			}
		}
		if equal < rounds/20 || other < rounds/20 {
			t.Errorf("%d rounds compared equal views and %d others: too few of one", equal, other)
		}
	})

	t.Run("[PULL-8] sums are 16 times 16 lower-case hexadecimal digits", func(t *testing.T) {
		for _, d := range []Digest{{Sums: summed(nil).Sums}, summed(map[string]int64{"a1b2c3d4e5f6g7h": 1})} {
			for _, s := range d.Sums {
				if len(s) != 16 || strings.Trim(s, "0123456789abcdef") != "" {
					t.Errorf("%q", s)
				}
			}
		}
	})

	t.Run("[PULL-8] a page without digests has no such member; one of a person who sees nothing has an empty one", func(t *testing.T) {
		for want, a := range map[bool]PullAnswer{false: {}, true: {Digests: map[string]Digest{}}} {
			raw, err := a.AppendJSON(nil)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(raw), `"digests":{}`) != want || strings.Contains(string(raw), "digests") != want {
				t.Errorf("%s", raw)
			}
		}
	})
}
