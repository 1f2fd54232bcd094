package hlc

import (
	"strings"
	"testing"
)

func FuzzParse(f *testing.F) {
	const rule = "[STAMP] any text is a stamp in its one spelling, or an error"
	for _, text := range []string{
		"1768108200000-0000-k3v9x0c2m4q8w1z", "0000000000000-0000-aaaaaaaaaaaaaaa", "9999999999999-ffff-000000000000000", "", "-",
		"1768108200000-FFFF-k3v9x0c2m4q8w1z", "176810820000\u0660-0000-k3v9x0c2m4q8w1z", "+768108200000-0000-k3v9x0c2m4q8w1z", "1768108200000-0000-k3v9x0c2m4q8w1z\n",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		t.Log(rule)
		s, err := Parse(text)
		if err != nil {
			if text != "" && strings.Contains(err.Error(), text) && len(text) > 12 {
				t.Fatalf("the error repeats what was sent: %v", err)
			}
			return
		}
		if s.String() != text || s.Ms < 0 || s.Ms > MaxMs || s.Counter < 0 || s.Counter > MaxCounter || !ValidID(s.Device) {
			t.Fatalf("%q was read as %+v, which is %q", text, s, s)
		}
		if next := s.Tick(); !next.After(s.Time) {
			t.Fatalf("%v is not after %v", next, s.Time)
		}
	})
}

func FuzzClock(f *testing.F) {
	const rule = "[STAMP] [PUSH-12] whatever clock and offset say, times are in range, ascend between jumps, and no correction passes the receipt"
	f.Add(int64(0), int64(0), int64(0), int64(0), 0, false)
	f.Add(int64(1768108200000), int64(1768108199000), int64(405), int64(1768108200500), 0xffff, false)
	f.Add(int64(MaxMs), int64(1)<<62, int64(1)<<62, int64(MaxMs), 0xffff, true)
	f.Add(int64(1), int64(-1)<<63, int64(-1)<<63, int64(1), 1, false)
	f.Fuzz(func(t *testing.T, last, wall, offset, received int64, counter int, jump bool) {
		t.Log(rule)
		if last < 0 || last > MaxMs || counter < 0 || counter > MaxCounter || received < 0 || received > MaxMs {
			return // no clock of ours and no server's time is there
		}
		was := Time{last, counter}
		next, jumped := Clock{was}.Next(wall, jump)
		if next.Last.Ms < 0 || next.Last.Ms > MaxMs+1 || next.Last.Counter < 0 || next.Last.Counter > MaxCounter {
			t.Fatalf("%v at %d gives %v", was, wall, next)
		}
		if !jumped && !next.Last.After(was) || jump && !jumped {
			t.Fatalf("%v at %d gives %v, jumped %v", was, wall, next, jumped)
		}
		c := Correct(was, offset, received)
		if c.Ms < 0 || c.Ms > received || c.Counter != counter {
			t.Fatalf("%v corrected by %d at %d is %v", was, offset, received, c)
		}
	})
}
