package simulate

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// planted is a rule that was broken, and the invariant whose checker sees it.
type planted struct {
	inv    int
	name   string
	seed   uint64
	script func() *Script // nil: the plan of the seed
	tamper func() *Tamper
}

// The faults are rules that were broken from outside: the network tells a lie,
// or a statement is not done. Each is caught, with its seed or its script, by the
// checker of its invariant. docs/SIMULATION.md has the table.
func TestPlantedFaults(t *testing.T) {
	for _, f := range slices.Concat(plantedStored(), plantedAnswered(), plantedPhones()) {
		t.Run(f.name, func(t *testing.T) {
			script := Plan(f.seed)
			if f.script != nil {
				script = f.script()
			}
			tamper := f.tamper()
			tamper.Until = f.inv
			res, err := play(t, script, tamper, *trace)
			for _, line := range res.Log {
				t.Log(line)
			}
			if !caught(res.Failures, f.inv) {
				t.Errorf("not caught; the run found %v, error %v", res.Failures, err)
			}
		})
	}
	t.Run("[INV-28] a build that takes chance from elsewhere is caught", func(t *testing.T) {
		chance := func() *Tamper {
			return &Tamper{After: func(r *run, _ *Step) { r.note("%d", rand.Int()) }}
		}
		one, err := play(t, restored(), chance(), false)
		if err != nil {
			t.Fatal(err)
		}
		two, err := play(t, restored(), chance(), false)
		if err != nil {
			t.Fatal(err)
		}
		if one.Trace == two.Trace {
			t.Error("the traces are the same")
		}
	})
	for name, script := range map[string]func() *Script{"moved": moved, "rivals": rivals, "restored": restored, "wrongClock": wrongClock, "twins": twins,
		"again": again, "once": once, "lettered": lettered, "neighbours": neighbours, "twice": twice, "deleted": deleted, "asleep": asleep, "aged": aged, "batches": batches,
		"quota": quota, "crowded": crowded, "carried": carried, "claims": claims, "newcomer": newcomer} {
		t.Run("[INV-28] the script holds and repeats itself when no rule is broken: "+name, func(t *testing.T) {
			one, err := play(t, script(), nil, *trace)
			report(t, script(), one, err)
			two, err := play(t, script(), nil, false)
			if err != nil || one.Trace != two.Trace {
				t.Errorf("trace %s and then %s: %v", one.Trace, two.Trace, err)
			}
		})
	}
}

func caught(failures []string, inv int) bool {
	for _, f := range failures {
		if strings.HasPrefix(f, fmt.Sprintf("[INV-%d] ", inv)) {
			return true
		}
	}
	return false
}
