package merge

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/fieldpost/fieldpost/internal/hlc"
)

const recordID = "r00000000000001"

// act is a mutation of the tests: who, on the version after which block (cut),
// when (corrected), what.
type act struct {
	device int
	cut    int
	edit   Edit
}

func (a act) String() string {
	return fmt.Sprintf("device %d on cut %d at %v: %v", a.device, a.cut, a.edit.Corrected, a.edit.Fields)
}

// script is a life of a record: blocks of acts. Within a block any order of
// arrival is possible that keeps each device's own; between two blocks devices
// may pull, so that a later act can have the version there as its base.
type script struct {
	policies map[string]Policy
	create   map[string]any
	blocks   [][]act
}

// run delivers the script in an order that pick chooses: which of n devices
// that have something to send comes next. It gives the states at the cuts, what
// was refused, and the record.
func (s script) run(t testing.TB, pick func(n int) int) (states []string, refused string, r *record) {
	t.Helper()
	r = newRecord(t, recordID, stamp(5, 0, device(0)), hlc.Time{Ms: 5}, s.create, s.policies)
	versions := []int64{r.seq}
	var names []string
	for _, block := range s.blocks {
		queues := map[int][]int{}
		for i, a := range block {
			queues[a.device] = append(queues[a.device], i)
		}
		for len(queues) > 0 {
			var ready []int
			for d := range queues {
				ready = append(ready, d)
			}
			slices.Sort(ready)
			d := ready[pick(len(ready))]
			a := block[queues[d][0]]
			if queues[d] = queues[d][1:]; len(queues[d]) == 0 {
				delete(queues, d)
			}
			edit := a.edit
			edit.Base = versions[a.cut]
			if out := r.deliver(t, edit); out.Refused != "" {
				names = append(names, edit.Stored.String())
			}
		}
		versions = append(versions, r.seq)
		states = append(states, r.state(t))
	}
	slices.Sort(names)
	return states, strings.Join(names, " "), r
}

// randomScript makes few values and few stamps, so that equal values and ties
// are common. The stamps of a device do not ascend: its clock may be set. Some
// day device 1 goes on under another id, as a copied phone does.
func randomScript(rng *rand.Rand, policies map[string]Policy) script {
	s := script{policies: policies, create: map[string]any{}}
	for name, p := range policies {
		s.create[name] = ""
		if p == Set {
			s.create[name] = []any{"a"}
		}
	}
	values := []any{"a", "b", "c", ""}
	if policies["f"] == First {
		values = values[2:] // few enough for claims to be given back and taken again
	}
	seenCut := [3]int{}
	n, heir := 0, 1+rng.IntN(12)
	for b := range 1 + rng.IntN(3) {
		var block []act
		for range 2 + rng.IntN(5) {
			d := rng.IntN(3)
			seenCut[d] += rng.IntN(b - seenCut[d] + 1)
			n++
			fields := map[string]any{}
			for name, p := range policies {
				if p != Set {
					fields[name] = values[rng.IntN(len(values))]
					continue
				}
				edit := map[string]any{}
				for _, v := range values[:2] {
					if key := []string{"add", "remove", ""}[rng.IntN(3)]; key != "" {
						list, _ := edit[key].([]any)
						edit[key] = append(list, v)
					}
				}
				fields[name] = edit
			}
			name, own := device(d), map[string]bool{device(d): true}
			if d == 1 && n > heir {
				name, own = device(9), map[string]bool{device(1): true, device(9): true}
			}
			block = append(block, act{d, seenCut[d], Edit{
				Stored:    stamp(int64(1000+n), 0, name),
				Corrected: hlc.Time{Ms: int64(4 + rng.IntN(6)), Counter: rng.IntN(2)},
				Own:       own,
				Fields:    fields,
			}})
		}
		s.blocks = append(s.blocks, block)
	}
	return s
}

func (s script) String() string {
	var b strings.Builder
	for i, block := range s.blocks {
		fmt.Fprintf(&b, "block %d\n", i)
		for _, a := range block {
			fmt.Fprintf(&b, "  %v\n", a)
		}
	}
	return b.String()
}

// sameInEveryOrder fails unless many orders of one script with the same
// refusals end alike at every cut.
func sameInEveryOrder(t testing.TB, s script, rng *rand.Rand, orders int) {
	t.Helper()
	ends := map[string][]string{}
	for range orders {
		states, refused, _ := s.run(t, rng.IntN)
		if first, ok := ends[refused]; !ok {
			ends[refused] = states
		} else if !slices.Equal(first, states) {
			t.Fatalf("two orders, two results\n%s\n%s\n%v", strings.Join(first, "\n"), strings.Join(states, "\n"), s)
		}
	}
}

func TestOrderOfArrival(t *testing.T) {
	for policy, scripts := range map[Policy]int{Latest: 400, Set: 300, First: 400} {
		t.Run(fmt.Sprintf("[MERGE-3] %s: the result does not depend on the order of arrival", policy), func(t *testing.T) {
			for seed := range scripts {
				rng := rand.New(rand.NewPCG(uint64(seed), 3))
				sameInEveryOrder(t, randomScript(rng, map[string]Policy{"f": policy}), rng, 8)
			}
		})
	}

	t.Run("[MERGE-3] fields of one edit do not influence one another", func(t *testing.T) {
		for seed := range 40 {
			rng := rand.New(rand.NewPCG(uint64(seed), 4))
			sameInEveryOrder(t, randomScript(rng, map[string]Policy{"f": Latest, "g": Latest, "s": Set}), rng, 6)
		}
	})

	t.Run("[MERGE-3] a mutation that arrives again right after itself changes nothing", func(t *testing.T) {
		for seed := range 200 {
			rng := rand.New(rand.NewPCG(uint64(seed), 5))
			s := randomScript(rng, map[string]Policy{"f": Latest, "s": Set})
			r := newRecord(t, recordID, stamp(5, 0, device(0)), hlc.Time{Ms: 5}, s.create, s.policies)
			for _, a := range s.blocks[0] {
				a.edit.Base = 1
				r.deliver(t, a.edit)
				state, seq := r.state(t), r.seq
				r.deliver(t, a.edit)
				if r.state(t) != state || r.seq != seq {
					t.Fatalf("seed %d: %v changed\n%s\n%s", seed, a, state, r.state(t))
				}
			}
		}
	})

	t.Run("[MERGE-2] in every order, what a device wrote last stands or is kept in a conflict", func(t *testing.T) {
		for seed := range 300 {
			rng := rand.New(rand.NewPCG(uint64(seed), 6))
			s := randomScript(rng, map[string]Policy{"f": Latest})
			s.blocks = s.blocks[:1]
			for range 4 {
				_, _, r := s.run(t, rng.IntN)
				kept := map[any]bool{r.fields["f"].Value: true}
				for _, c := range r.conflicts {
					kept[c.Other] = true
				}
				for d, v := range lastWords(s.blocks[0]) {
					if !kept[v] {
						t.Fatalf("seed %d: %q of device %d is nowhere; value %q, conflicts %v\n%v", seed, v, d, r.fields["f"].Value, r.conflicts, s)
					}
				}
			}
		}
	})

	t.Run("[MERGE-1] a device alone never meets a conflict, and its last word stands", func(t *testing.T) {
		for seed := range 300 {
			rng := rand.New(rand.NewPCG(uint64(seed), 7))
			s := randomScript(rng, map[string]Policy{"f": Latest})
			last := any("")
			for _, block := range s.blocks {
				for i := range block {
					block[i].device, block[i].edit.Stored.Device, block[i].edit.Own = 0, device(0), nil
					last = block[i].edit.Fields["f"]
				}
			}
			_, _, r := s.run(t, rng.IntN)
			if len(r.conflicts) > 0 || r.fields["f"].Value != last {
				t.Fatalf("seed %d: %v, want %v; conflicts %v\n%v", seed, r.fields["f"].Value, last, r.conflicts, s)
			}
		}
	})
}

// lastWords gives the value that each device left the field f with; devices
// that only repeated what they saw left nothing.
func lastWords(block []act) map[int]any {
	words := map[int]any{}
	for _, a := range block {
		v := a.edit.Fields["f"]
		if _, wrote := words[a.device]; wrote || v != "" {
			words[a.device] = v
		}
	}
	return words
}
