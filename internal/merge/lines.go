package merge

// Line is one unbroken line of history of a database, an epoch (EPOCH-2).
type Line struct {
	ID    string
	Began int64 // newest seq when it began
	// Left is the last seq that it surely shares, wherever it went on, with what
	// came after it here. Of the present line it means nothing.
	Left    int64
	Present bool
}

// Lines are the lines of history of a database, oldest first; the last one is
// the present one.
type Lines []Line

// Present gives the present line; the zero value when there is none yet.
func (l Lines) Present() Line {
	if len(l) == 0 || !l[len(l)-1].Present {
		return Line{}
	}
	return l[len(l)-1]
}

// Knows tells whether an id is that of one of them.
func (l Lines) Knows(id string) bool {
	for _, x := range l {
		if x.ID == id {
			return true
		}
	}
	return false
}

// Base is what a base of an epoch counts as on the present line (MERGE-1). Of
// the present epoch it stands. Of a former one it counts up to the last seq that
// both lines share, over all that was left since. Of an unknown epoch it counts
// nothing. A mutation that names no epoch ("") may come from any line: its base
// stands while the database has had only one.
func (l Lines) Base(id string, base int64) int64 {
	if id == "" && len(l) == 1 {
		return base
	}
	for i, x := range l {
		if x.ID != id {
			continue
		}
		for _, since := range l[i:] {
			if !since.Present {
				base = min(base, since.Left)
			}
		}
		return base
	}
	return 0
}
