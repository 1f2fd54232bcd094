package counts_test

import (
	"fmt"
	"math/rand"
	"slices"
	"testing"

	"github.com/fieldpost/fieldpost/internal/counts"
)

// world is reports as they are, and which categories of the first table a mark
// belongs to.
type world struct {
	tables []counts.Table
	marks  []int
	in     [][]int
}

// answer is what is told of a world.
type answer struct {
	tables []counts.Table
	marks  []int
	total  int // -1: none is told
}

func told(w world) answer {
	tables := counts.Lower(w.tables)
	return answer{tables: tables, marks: counts.LowerMarks(w.marks, w.in, tables[0]), total: -1}
}

// rounded is the protection half off: what was rounded is told as it is.
func rounded(w world) answer {
	a := answer{total: -1}
	for _, t := range w.tables {
		low := slices.Clone(t)
		for i, n := range low {
			low[i] = n - n%counts.Step
		}
		a.tables = append(a.tables, low)
	}
	for _, n := range w.marks {
		a.marks = append(a.marks, n-n%counts.Step)
	}
	return a
}

// span is the values that a number may have.
type span struct{ low, high int }

const open = 1 << 30

// attack works out from an answer, by all that binds its numbers to one
// another, what each of them may be; nothing of how the answer was made is in
// it. It gives the numbers of fewer than 5 of which it learned anything.
func attack(a answer, in [][]int, empty map[[2]int]bool) (found []string) {
	all := span{0, open}
	if a.total >= 0 {
		all = span{a.total, a.total}
	}
	guess := func(n int) span { return span{n, n + counts.Step - 1} }
	tables := make([][]span, len(a.tables))
	for t, table := range a.tables {
		for c, n := range table {
			s := guess(n)
			if empty[[2]int{t, c}] {
				s = span{0, 0}
			}
			tables[t] = append(tables[t], s)
		}
	}
	var marks []span
	for _, n := range a.marks {
		marks = append(marks, guess(n))
	}
	for changed, clash := true, false; changed && !clash; {
		changed = false
		narrow := func(s *span, low, high int) {
			if low > s.low {
				s.low, changed = low, true
			}
			if high < s.high {
				s.high, changed = high, true
			}
			clash = clash || s.low > s.high // the answer cannot be: that, too, is something learned
		}
		for t := range tables {
			low, high := 0, 0
			for _, s := range tables[t] {
				low, high = low+s.low, high+s.high
			}
			narrow(&all, low, high)
			for c := range tables[t] {
				s := &tables[t][c]
				narrow(s, all.low-(high-s.high), all.high-(low-s.low))
			}
		}
		for m := range marks {
			high := 0
			for _, c := range in[m] {
				high += tables[0][c].high
			}
			narrow(&marks[m], 0, min(high, all.high))
			for _, c := range in[m] {
				s := &tables[0][c]
				narrow(s, marks[m].low-(high-s.high), s.high)
			}
		}
	}
	small := func(what string, n int, s span) {
		if n < counts.Step && (s.low > 0 || s.high < counts.Step-1) {
			found = append(found, fmt.Sprintf("%s is %d to %d", what, s.low, s.high))
		}
	}
	for t := range tables {
		for c, s := range tables[t] {
			if !empty[[2]int{t, c}] {
				small(fmt.Sprintf("table %d category %d", t, c), a.tables[t][c], s)
			}
		}
	}
	for m, s := range marks {
		if !slices.ContainsFunc(in[m], func(c int) bool { return !empty[[2]int{0, c}] }) {
			continue // known without any answer
		}
		small(fmt.Sprintf("mark %d", m), a.marks[m], s)
	}
	return found
}

// invent makes a world: tables of several sizes over the same reports, often
// such that what is told of one table says most about another.
func invent(r *rand.Rand) world {
	sizes := []int{8 + r.Intn(30), 8 + r.Intn(20), 24}
	w := world{}
	n := r.Intn(160)
	if r.Intn(2) == 0 {
		// Every hour, or every hour of half a day, lies just below the next step;
		// what other tables have is all told.
		hours := make(counts.Table, sizes[2])
		of := []int{12, 24}[r.Intn(2)]
		n = 0
		for c := range of {
			hours[c] = counts.Step - 1 + counts.Step*(r.Intn(4)/3)
			n += hours[c]
		}
		w.tables = []counts.Table{round(r, n, sizes[0]), round(r, n, sizes[1]), hours}
	} else {
		w.tables = []counts.Table{spread(r, n, sizes[0]), spread(r, n, sizes[1]), spread(r, n, sizes[2])}
	}
	for range 40 {
		in := []int{0} // the first category takes every mark
		if c := r.Intn(sizes[0]); c > 0 {
			in = append(in, c)
		}
		most := 0
		for _, c := range in {
			most += w.tables[0][c]
		}
		w.in, w.marks = append(w.in, in), append(w.marks, most-r.Intn(most/2+1))
	}
	return w
}

// round puts n reports into some of k categories, in steps as far as it goes.
func round(r *rand.Rand, n, k int) counts.Table {
	t := make(counts.Table, k)
	few := 1 + r.Intn(3)
	for ; n >= counts.Step; n -= counts.Step {
		t[r.Intn(few)] += counts.Step
	}
	t[r.Intn(few)] += n
	return t
}

// spread puts n reports into k categories, a few of which have most.
func spread(r *rand.Rand, n, k int) counts.Table {
	t := make(counts.Table, k)
	few := 1 + r.Intn(k)
	for range n {
		t[r.Intn(few)]++
	}
	r.Shuffle(k, func(i, j int) { t[i], t[j] = t[j], t[i] })
	return t
}

func TestSmallNumbersStaySmall(t *testing.T) {
	const worlds = 1500
	try := func(tell func(world) answer, known bool) (learned int, example string) {
		r := rand.New(rand.NewSource(7))
		for range worlds {
			w := invent(r)
			empty := map[[2]int]bool{}
			if known {
				for i, table := range w.tables {
					for n, c := range r.Perm(len(table)) {
						if n < (len(table)-1)/2 && table[c] == 0 {
							empty[[2]int{i, c}] = true
						}
					}
				}
			}
			if found := attack(tell(w), w.in, empty); len(found) > 0 {
				learned, example = learned+1, found[0]
			}
		}
		return learned, example
	}
	t.Run("[ACCESS] from all tables of a week together nobody learns more of a number under 5 than that", func(t *testing.T) {
		if n, example := try(told, false); n > 0 {
			t.Fatalf("learned something in %d of %d worlds, such as: %s", n, worlds, example)
		}
	})
	t.Run("[ACCESS] nor does one who knows of half of the categories that nothing came under them", func(t *testing.T) {
		if n, example := try(told, true); n > 0 {
			t.Fatalf("learned something in %d of %d worlds, such as: %s", n, worlds, example)
		}
	})
	t.Run("[ACCESS] the control: of numbers that are rounded and no more the same attack learns, from tables alone and from marks alone", func(t *testing.T) {
		tables := func(w world) answer { a := rounded(w); a.marks = make([]int, len(w.marks)); return a }
		marks := func(w world) answer { a := told(w); a.marks = rounded(w).marks; return a }
		for what, tell := range map[string]func(world) answer{"tables": tables, "marks": marks} {
			for _, known := range []bool{false, true} {
				if n, _ := try(tell, known); n < worlds/20 {
					t.Errorf("learned something from %s in %d of %d worlds only: the test proves nothing", what, n, worlds)
				}
			}
		}
	})
	t.Run("[ACCESS] the control: of exact numbers, a total and \"<5\" for the rest it learns more", func(t *testing.T) {
		learned := 0
		r := rand.New(rand.NewSource(7))
		for range worlds {
			w := invent(r)
			all, shown, hidden := 0, 0, 0
			for _, n := range w.tables[1] {
				all += n
				if n >= counts.Step {
					shown += n
				} else {
					hidden++
				}
			}
			if left := all - shown; hidden > 0 && (left < counts.Step-1 || left > (hidden-1)*(counts.Step-1)) {
				learned++ // the hidden ones share what is left
			}
		}
		if learned < worlds/5 {
			t.Fatalf("learned something in %d of %d worlds only: the test proves nothing", learned, worlds)
		}
	})
}

// TestMethodIsNoKey tells all worlds of two small tables and looks which of them
// get the same answer: what one can learn who knows the program.
func TestMethodIsNoKey(t *testing.T) {
	const most = 23
	var by [most + 1][]counts.Table
	for a := 0; a <= most; a++ {
		for b := 0; a+b <= most; b++ {
			for c := 0; a+b+c <= most; c++ {
				by[a+b+c] = append(by[a+b+c], counts.Table{a, b, c})
			}
		}
	}
	// values are, by answer and number, how far above what is told it may be.
	type place struct {
		answer string
		table  int
		cell   int
	}
	learn := func(tell func(world) answer) (narrow, answers int) {
		values := map[place][5]bool{}
		for _, tables := range by {
			for _, x := range tables {
				for _, y := range tables {
					a := tell(world{tables: []counts.Table{x, y}})
					if max(counts.AtLeast(a.tables[:1]), counts.AtLeast(a.tables[1:])) > most-3*(counts.Step-1) {
						continue // some of its worlds have more reports than were tried
					}
					key := fmt.Sprint(a.tables)
					for i, table := range []counts.Table{x, y} {
						for c, n := range table {
							if over := n - a.tables[i][c]; over < counts.Step {
								p := place{key, i, c}
								v := values[p]
								v[over] = true
								values[p] = v
							}
						}
					}
				}
			}
		}
		for _, v := range values {
			if v != [5]bool{true, true, true, true, true} {
				narrow++
			}
		}
		return narrow, len(values)
	}
	t.Run("[ACCESS] for whoever knows the method, too, every told number may be each of five", func(t *testing.T) {
		if narrow, all := learn(told); narrow > 0 || all < 50 {
			t.Fatalf("%d of %d numbers can be told more exactly", narrow, all)
		}
	})
	t.Run("[ACCESS] the control: rounding alone does not do that", func(t *testing.T) {
		if narrow, _ := learn(rounded); narrow == 0 {
			t.Fatal("no number can be told more exactly: the test proves nothing")
		}
	})
}

func TestTold(t *testing.T) {
	t.Run("[ACCESS] what is told is true: no more than there was, in steps of 5, and a total that the tables have anyway", func(t *testing.T) {
		r := rand.New(rand.NewSource(3))
		for range 500 {
			w := invent(r)
			a := told(w)
			n := 0
			for i, table := range a.tables {
				all := 0
				for c, v := range table {
					if v > w.tables[i][c] || v%counts.Step != 0 || v < 0 {
						t.Fatalf("of %d is told %d", w.tables[i][c], v)
					}
					all += w.tables[i][c]
				}
				n = all
			}
			for i, v := range a.marks {
				if v > w.marks[i] || v%counts.Step != 0 {
					t.Fatalf("of mark %d is told %d", w.marks[i], v)
				}
			}
			if least := counts.AtLeast(a.tables); least > n {
				t.Fatalf("of %d reports are told %d", n, least)
			}
			if again := counts.Lower(a.tables); fmt.Sprint(again) != fmt.Sprint(a.tables) {
				t.Fatalf("told once more it is another: %v, %v", a.tables, again)
			}
		}
	})
	t.Run("[ACCESS] an ordinary week is told as it was rounded", func(t *testing.T) {
		hours := make(counts.Table, 24)
		copy(hours, counts.Table{11, 9, 3, 2, 1})
		hours[20], hours[21], hours[22], hours[23] = 2, 4, 6, 9
		settings := make(counts.Table, 31)
		copy(settings, counts.Table{14, 9, 7, 6, 4, 4, 3})
		got := counts.Lower([]counts.Table{settings, hours})
		if fmt.Sprint(got[0][:5], got[1][:2], got[1][22:]) != "[10 5 5 5 0] [10 5] [5 5]" {
			t.Fatal(got)
		}
	})
}
