package hlc_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/fieldpost/fieldpost/internal/hlc"
)

func TestText(t *testing.T) {
	t.Run("[STAMP] a stamp's text has 13 digits and 4 of the counter, beyond them what it takes", func(t *testing.T) {
		for _, ms := range []int64{0, 1, 9, 10, 1_785_000_000_000, 1_795_312_345_678, 9_999_999_999_999, 10_000_000_000_000, math.MaxInt64, -1, math.MinInt64} {
			for _, counter := range []int{0, 1, 15, 16, 0xabc, 0xffff, 0x10000, -1} {
				for _, device := range []string{"", "abcdefghijklmno", "ps-0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"} {
					got := hlc.Stamp{Time: hlc.Time{Ms: ms, Counter: counter}, Device: device}.String()
					if want := fmt.Sprintf("%013d-%04x-%s", ms, counter, device); got != want {
						t.Fatalf("got %s, want %s", got, want)
					}
				}
			}
		}
	})
}
