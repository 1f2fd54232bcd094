package hlc

import (
	"sort"
	"testing"
)

const dev = "k3v9x0c2m4q8w1z"

func TestStamp(t *testing.T) {
	t.Run("[PUSH-4] a stamp in any other form is refused", func(t *testing.T) {
		good := "1768108200000-0000-" + dev
		if s, err := Parse(good); err != nil || s.String() != good {
			t.Fatalf("%v %v", s, err)
		}
		for _, bad := range []string{"", "x", good + "x", "253402300799000-0000-" + dev, "1768108200000-000G-" + dev,
			"1768108200000-000A-" + dev, "-768108200000-0000-" + dev, "1768108200000-0000-K3v9x0c2m4q8w1z", "1768108200000_0000-" + dev} {
			if _, err := Parse(bad); err == nil {
				t.Errorf("%q was taken", bad)
			}
		}
	})
	t.Run("[MERGE-2] text order is time order, and the device does not count", func(t *testing.T) {
		a, _ := Parse("1768108200000-000a-zzzzzzzzzzzzzzz")
		b, _ := Parse("1768108200000-000b-aaaaaaaaaaaaaaa")
		if !b.After(a.Time) || a.After(b.Time) || a.Compare(a.Time) != 0 {
			t.Fatal("order")
		}
		texts := []string{b.String(), a.String()}
		sort.Strings(texts)
		if texts[0] != a.String() {
			t.Fatal("text order")
		}
	})
}

func TestClock(t *testing.T) {
	t.Run("[DEV-1] stamps grow while the wall clock stands or steps back a little", func(t *testing.T) {
		var c Clock
		last := Time{}
		for _, wall := range []int64{1000, 1000, 999, 1001, 1000} {
			next, jumped := c.Next(wall, false)
			if jumped || !next.Last.After(last) {
				t.Fatalf("wall %d: %v after %v", wall, next, last)
			}
			c, last = next, next.Last
		}
	})
	t.Run("[DEV-1] a full counter adds one millisecond", func(t *testing.T) {
		c := Clock{Time{1000, MaxCounter}}
		next, _ := c.Next(1000, false)
		if next.Last != (Time{1001, 0}) {
			t.Fatal(next)
		}
	})
	t.Run("[PUSH-12] after a jump the logical part starts anew", func(t *testing.T) {
		c := Clock{Time{4_000_000_000_000, 7}}
		next, jumped := c.Next(1_768_108_200_000, false)
		if !jumped || next.Last != (Time{1_768_108_200_000, 0}) {
			t.Fatal(next, jumped)
		}
	})
}

func TestCorrect(t *testing.T) {
	t.Run("[PUSH-12] correction and capping change the milliseconds only", func(t *testing.T) {
		for _, c := range []struct{ ms, offset, received, want int64 }{
			{1000, 500, 9000, 1500}, {1000, -500, 9000, 500}, {10_000, 0, 9000, 9000},
			{1000, 1 << 62, 9000, 9000}, {MaxMs, 1<<63 - 1, 9000, 9000}, {1000, -5000, 9000, 0}, {1000, -1 << 63, 9000, 0},
		} {
			got := Correct(Time{c.ms, 7}, c.offset, c.received)
			if got != (Time{c.want, 7}) {
				t.Errorf("%+v: %v", c, got)
			}
		}
	})
}
