// Package counts makes numbers that may be told across organizations: in steps
// of five, never more exact than that, and never so that several tables of the
// same reports together give a small number away. Pure. Why it is done so, and
// where the method comes from: docs/decisions/0029.
package counts

import "slices"

// Step is the smallest number that is told, and what all are rounded down to.
const Step = 5

// Table is how many reports came under each of a list of categories; each
// report under one of them. Which categories there are must not depend on the
// reports.
type Table []int

// Lower gives for tables over the same reports what may be told of each
// category: a multiple of Step that it has at least; 0 is "fewer than 5, or
// withheld".
//
// Rounding down alone is not enough: all tables have the same sum. Where one
// says that there were 95 reports, and the other has 24 categories of fewer
// than 5, each of these must have 3 or 4. So numbers are lowered, the greatest
// first, until every told number may stand for each of its five values whatever
// the other tables say, and that even for somebody who knows of half of the
// other categories that nothing came under them. What is told depends on rounded
// numbers alone, and lowering it once more changes nothing: so for whoever knows
// the method all five values stay possible, too.
func Lower(tables []Table) []Table {
	out := make([]Table, len(tables))
	for i, t := range tables {
		out[i] = make(Table, len(t))
		for j, n := range t {
			if room(len(t)) > 0 { // a table of one or two categories tells nothing, whatever is in it
				out[i][j] = n - n%Step
			}
		}
	}
	for {
		high, bound := 0, -1
		for i, t := range out {
			if sum(t) > sum(out[high]) {
				high = i
			}
			if r := room(len(t)); r > 0 && (bound < 0 || sum(t)+r < bound) {
				bound = sum(t) + r
			}
		}
		if bound < 0 || sum(out[high])+Step-1 <= bound {
			return out
		}
		out[high][slices.Index(out[high], slices.Max(out[high]))] -= Step
	}
}

// room is how many reports may hide behind rounding in a table of so many
// categories, beside the one that is looked at, when half of the others are
// known to be empty.
func room(categories int) int { return (Step - 1) * ((categories - 1) / 2) }

func sum(t Table) int {
	n := 0
	for _, v := range t {
		n += v
	}
	return n
}

// LowerMarks does the same for marks: a report may have any number of them, and
// has only such as belong to its category of one table. told is what Lower says
// of that table, in[i] the categories that mark i belongs to. A mark is told no
// higher than one of its categories alone: else that there were 5 of a mark
// would say that there were reports in categories of fewer than 5.
func LowerMarks(marks []int, in [][]int, told Table) []int {
	out := make([]int, len(marks))
	for i, n := range marks {
		most := 0
		for _, c := range in[i] {
			most = max(most, told[c])
		}
		out[i] = min(n-n%Step, most)
	}
	return out
}

// AtLeast is how many reports there were at least, by what was told of each
// table. It says nothing that the tables do not say.
func AtLeast(told []Table) int {
	n := 0
	for _, t := range told {
		n = max(n, sum(t))
	}
	return n
}
