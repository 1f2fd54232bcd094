package unmask

import (
	"bytes"
	"math"
	"slices"
	"sort"
)

// Scores are how much speaks for each suspect of each report.
type Scores map[*Report]map[*Person]float64

func (s Scores) add(r *Report, p *Person, v float64) {
	if s[r] == nil {
		s[r] = map[*Person]float64{}
	}
	s[r][p] += v
}

// Method is one way to look at the evidence.
type Method struct {
	Name string
	Try  func(c *Case) Scores
}

// Methods are all that we have thought of, and at the end all together.
func Methods() []Method {
	list := []Method{
		{"a row names report and person", byRow},
		{"a name that is near the report's in a file's bytes", byBytes},
		{"something about the person within 5 s", byTime},
		{"an entry about the person next to the report's", byNeighbour},
		{"who enrolled last before", byEnrolment},
		{"who changed between two backups", byChange},
		{"the language of the checklist and of the person", byLocale},
	}
	for _, mark := range []string{"author", "entry.actor", "entry.device", "stamp.device", "receipt.device", "receipt.stamp", "clock.device", "clock.error"} {
		list = append(list,
			Method{mark + ": order of first appearance and of enrolment", func(c *Case) Scores { return byGroups(c, mark, orderOf) }},
			Method{mark + ": last day and day of last contact", func(c *Case) Scores { return byGroups(c, mark, lastDayOf) }},
			Method{mark + ": how often, and days of contact", func(c *Case) Scores { return byGroups(c, mark, oftenOf) }})
	}
	alone := slices.Clone(list)
	return append(list, Method{"all together", func(c *Case) Scores {
		sum := Scores{}
		for _, m := range alone {
			for r, of := range m.Try(c) {
				var top float64
				for _, v := range of {
					top = math.Max(top, v)
				}
				for p, v := range of {
					if top > 0 {
						sum.add(r, p, v/top)
					}
				}
			}
		}
		return sum
	}})
}

// byRow joins by ids: any row, of any table and time, that holds both.
func byRow(c *Case) Scores {
	s := Scores{}
	for _, t := range c.about {
		for _, r := range c.Reports {
			for _, name := range r.names {
				if name != "" && contains([]byte(t.text), name) {
					s.add(r, t.who, 1)
				}
			}
		}
	}
	return s
}

// byBytes looks into the files themselves: freed pages, write-ahead logs, logs.
func byBytes(c *Case) Scores {
	s := Scores{}
	for i, snap := range c.Snapshots {
		if i%7 != 0 && i != len(c.Snapshots)-1 {
			continue // the rest repeats
		}
		for _, file := range snap.Files {
			type place struct {
				at  int
				who *Person
			}
			var places []place
			for id, p := range c.owner {
				for at := 0; ; {
					n := bytes.Index(file[at:], []byte(id))
					if n < 0 {
						break
					}
					places = append(places, place{at + n, p})
					at += n + len(id)
				}
			}
			sort.Slice(places, func(i, j int) bool { return places[i].at < places[j].at })
			for _, r := range c.Reports {
				for at := 0; ; {
					n := bytes.Index(file[at:], []byte(r.ID))
					if n < 0 {
						break
					}
					at += n
					k := sort.Search(len(places), func(i int) bool { return places[i].at >= at })
					for _, near := range []int{k - 1, k} {
						if near >= 0 && near < len(places) {
							d := places[near].at - at
							s.add(r, places[near].who, 1/float64(1+max(d, -d)))
						}
					}
					at += len(r.ID)
				}
			}
		}
	}
	return s
}

// byTime joins by times: whatever is dated within 5 s of the receipt.
func byTime(c *Case) Scores {
	s := Scores{}
	for _, t := range c.about {
		for _, at := range t.times {
			i := sort.Search(len(c.Reports), func(i int) bool { return c.Reports[i].At >= at-5000 })
			for ; i < len(c.Reports) && c.Reports[i].At <= at+5000; i++ {
				d := float64(at - c.Reports[i].At)
				s.add(c.Reports[i], t.who, 1/(1+math.Abs(d)/1000))
			}
		}
	}
	return s
}

// byNeighbour joins by seq: entries beside the report's that are about somebody.
func byNeighbour(c *Case) Scores {
	s := Scores{}
	at := map[int64]*Person{}
	for _, e := range c.Snapshots[len(c.Snapshots)-1].Tables["journal_entry"] {
		if p := c.owner[e["record"]]; p != nil {
			at[number(e["seq"])] = p
		}
	}
	for _, r := range c.Reports {
		for d := int64(-8); d <= 8; d++ {
			if p := at[r.seq+d]; p != nil {
				s.add(r, p, 1/float64(max(d, -d)))
			}
		}
	}
	return s
}

// byEnrolment takes it that who has just come reports first.
func byEnrolment(c *Case) Scores {
	s := Scores{}
	for _, r := range c.Reports {
		for i, p := range c.Suspects(r) {
			s.add(r, p, float64(i))
		}
	}
	return s
}

// byChange compares backups: rows about somebody that are new or changed since
// the one before, and the reports that came between the two.
func byChange(c *Case) Scores {
	s := Scores{}
	had := map[int]map[string]bool{}
	for _, t := range c.about {
		if had[t.snap] == nil {
			had[t.snap] = map[string]bool{}
		}
		had[t.snap][t.text] = true
	}
	for _, t := range c.about {
		if t.snap == 0 || had[t.snap-1][t.text] {
			continue
		}
		from, to := c.Snapshots[t.snap-1].At.UnixMilli(), c.Snapshots[t.snap].At.UnixMilli()
		for _, r := range c.Reports {
			if r.At > from && r.At <= to {
				s.add(r, t.who, 1)
			}
		}
	}
	return s
}

func byLocale(c *Case) Scores {
	s := Scores{}
	for _, r := range c.Reports {
		for _, p := range c.Suspects(r) {
			if r.Locale != "" && p.Locale == r.Locale {
				s.add(r, p, 1)
			}
		}
	}
	return s
}

// group are the reports that a mark says are one device's.
type group struct{ reports []*Report }

// byGroups takes a mark for a name: reports that share it are one person's.
// Then it matches these unknown ones of a site with its people, by whatever
// feature compares.
func byGroups(c *Case, mark string, fits func(c *Case, groups []group, people []*Person) [][]float64) Scores {
	s := Scores{}
	sites := map[string]map[string]*group{}
	for _, r := range c.Reports {
		v := r.marks[mark]
		if v == "" {
			continue
		}
		if sites[r.Site] == nil {
			sites[r.Site] = map[string]*group{}
		}
		if sites[r.Site][v] == nil {
			sites[r.Site][v] = &group{}
		}
		sites[r.Site][v].reports = append(sites[r.Site][v].reports, r)
	}
	for site, of := range sites {
		var people []*Person
		for _, p := range c.People {
			if slices.Contains(p.Sites, site) {
				people = append(people, p)
			}
		}
		var groups []group
		for _, g := range of {
			groups = append(groups, *g)
		}
		if len(people) == 0 {
			continue
		}
		sort.Slice(groups, func(i, j int) bool { return groups[i].reports[0].seq < groups[j].reports[0].seq })
		fit := fits(c, groups, people)
		used := map[int]bool{}
		for i, g := range groups {
			best := -1
			for j, p := range people {
				if p.seq < g.reports[0].seq && (!used[j] || len(groups) > len(people)) && (best < 0 || fit[i][j] > fit[i][best]) {
					best = j
				}
			}
			if best < 0 {
				continue
			}
			used[best] = true
			for _, r := range g.reports {
				s.add(r, people[best], 1)
			}
		}
	}
	return s
}

// orderOf: the first to appear is the first to have come.
func orderOf(_ *Case, groups []group, people []*Person) [][]float64 {
	return table(groups, people, func(i, j int) float64 { return -math.Abs(float64(i - j)) })
}

const day = 24 * 60 * 60 * 1000

// lastDayOf: who was last in touch on the day of the last report.
func lastDayOf(c *Case, groups []group, people []*Person) [][]float64 {
	last := map[*Person]int64{}
	for _, t := range c.about {
		if t.snap == len(c.Snapshots)-1 && t.table == "journal_contact" {
			for _, at := range t.times {
				last[t.who] = max(last[t.who], at)
			}
		}
	}
	return table(groups, people, func(i, j int) float64 {
		g := groups[i].reports
		return -math.Abs(float64(last[people[j]]/day - g[len(g)-1].At/day))
	})
}

// oftenOf: who was in touch on as many days as there are days with reports.
func oftenOf(c *Case, groups []group, people []*Person) [][]float64 {
	days := map[*Person]map[int64]bool{}
	for _, t := range c.about {
		if t.table == "journal_contact" {
			for _, at := range t.times {
				if days[t.who] == nil {
					days[t.who] = map[int64]bool{}
				}
				days[t.who][at/day] = true
			}
		}
	}
	return table(groups, people, func(i, j int) float64 {
		var same, all float64
		seen := map[int64]bool{}
		for _, r := range groups[i].reports {
			if d := r.At / day; !seen[d] {
				seen[d] = true
				all++
				if days[people[j]][d] {
					same++
				}
			}
		}
		return same/all - 0.01*math.Abs(all-float64(len(days[people[j]])))
	})
}

func table(groups []group, people []*Person, fit func(i, j int) float64) [][]float64 {
	out := make([][]float64, len(groups))
	for i := range groups {
		out[i] = make([]float64, len(people))
		for j := range people {
			out[i][j] = fit(i, j)
		}
	}
	return out
}

// Verdict is how one method did.
type Verdict struct {
	Method    string
	Right     int
	Of        int
	Chance    float64 // how many guessing among the suspects would have got right
	Bound     int     // what guessing stays within, all methods together, in 999 of 1,000 times
	Undecided int     // reports on which the method was silent, and guessed
}

// Judge tries every method. truth gives the person of each report. Where a
// method does not decide, the first suspect after a fixed shuffle by the
// report's id is guessed. Chance is guessing among the suspects: the people of
// the site who had enrolled when the report came, which nobody can hide. The
// number right is then a sum of independent throws; Bound is its quantile of
// 1 - 0.001/number of methods.
func Judge(c *Case, truth map[string]string) []Verdict {
	methods := Methods()
	var chances []float64
	for _, r := range c.Reports {
		chances = append(chances, 1/float64(max(1, len(c.Suspects(r)))))
	}
	bound := quantile(chances, 1-0.001/float64(len(methods)))
	var out []Verdict
	for _, m := range methods {
		v := Verdict{Method: m.Name, Of: len(c.Reports), Bound: bound}
		scores := m.Try(c)
		for i, r := range c.Reports {
			v.Chance += chances[i]
			suspects := c.Suspects(r)
			if len(suspects) == 0 {
				continue
			}
			var top float64
			var best []*Person
			for _, p := range suspects {
				switch got := scores[r][p]; {
				case got > top+1e-12:
					top, best = got, []*Person{p}
				case got > top-1e-12 && got > 0:
					best = append(best, p)
				}
			}
			if len(best) == 0 {
				best = suspects
				v.Undecided++
			}
			if best[int(r.ID[0]+r.ID[1]*3+r.ID[2]*7)%len(best)].ID == truth[r.ID] {
				v.Right++
			}
		}
		out = append(out, v)
	}
	return out
}

// quantile of a sum of independent throws, each of which is 1 with its chance:
// the smallest number that is not passed with probability q.
func quantile(chances []float64, q float64) int {
	p := []float64{1}
	for _, c := range chances {
		next := make([]float64, len(p)+1)
		for k, v := range p {
			next[k] += v * (1 - c)
			next[k+1] += v * c
		}
		p = next
	}
	sum := 0.0
	for k, v := range p {
		if sum += v; sum >= q {
			return k
		}
	}
	return len(chances)
}
