package simulate

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// Script is a run, written out: what a seed decides, before anything happens.
// A step's own chance comes from its Seed alone, so that steps can be left out
// one by one when a failing run is made smaller.
type Script struct {
	Seed   uint64
	Phones int // of the roster, from the first on
	Limit  int // mutations a push and changes a page; 0: the server's own
	Steps  []Step
}

// Step is one thing that happens. Which fields count depends on Do.
type Step struct {
	Do       string
	What     string
	Who      int   // a phone
	With     []int // more phones
	N        int
	Seed     uint64
	Together bool // pushes of the phones share a group commit
	Faults   []Fault
}

// What a step does.
const (
	Save     = "save"     // a person saves N times, What says what
	Sync     = "sync"     // phones sync
	Pass     = "pass"     // N seconds pass
	Clock    = "clock"    // the phone's clock is N seconds off from now on
	Full     = "full"     // the phone's disk is full; Who -1: the server's
	Free     = "free"     // and has room again
	Reboot   = "reboot"   // the server's process dies between two requests
	Restart  = "restart"  // the phone's process does
	Rest     = "rest"     // a write over REST, by Who's person, or -1: in the dashboard
	Change   = "change"   // an administrator changes What of the phone's person or of a site
	Fork     = "fork"     // the phone's store is copied to another phone
	Lose     = "lose"     // the phone is gone for good
	Backup   = "backup"   // a backup is made, and a snapshot of the machine
	Restore  = "restore"  // the N-th last backup is restored
	Rollback = "rollback" // the N-th last snapshot is put back, behind the server's back
	Copy     = "copy"     // a copy of the folder is served from now on
	Release  = "release"  // the N-th of what is held in quarantine is released, by Who's person or at the server
	Adopt    = "adopt"    // or adopted
	Revoke   = "revoke"   // the phone's device is signed out
	Strain   = "strain"   // the server has too much to do until Calm, What says what of
	Calm     = "calm"     // and has not any more
	Enrol    = "enrol"    // somebody new enrols
	Carry    = "carry"    // what the phone holds is handed in through With's, sealed; with an odd N also what was refused
)

// Fault is something that goes wrong with one request of a step.
type Fault struct {
	At   int // the request's place in the step, from 0; for Die, none
	Kind string
	Arg  int
}

// What goes wrong.
const (
	CutBefore = "cut-before" // the request does not arrive
	CutAfter  = "cut-after"  // it does, and the answer is lost
	CutMiddle = "cut-middle" // the answer is cut at Arg percent
	Captive   = "captive"    // somebody else answers; Arg says what
	Delay     = "delay"      // it takes Arg seconds
	Double    = "double"     // it arrives twice; with an odd Arg the phone hears the second answer
	Ghost     = "ghost"      // it arrives once more, Arg steps later
	Kill      = "kill"       // the server dies at its Arg-th statement
	KillLate  = "kill-late"  // the server dies after the commit that follows it
	Die       = "die"        // the phone dies at its Arg-th statement
	DieLate   = "die-late"   // the phone dies after the commit that follows it
	Stall     = "stall"      // the server takes longer than the phone waits; Busy and Rates: it is turned away
)

// Plan makes the script of a seed.
func Plan(seed uint64) *Script {
	g := rand.New(rand.NewPCG(seed, 0x66696c64))
	s := &Script{Seed: seed, Phones: 8 + g.IntN(len(roster)-7)}
	if g.IntN(3) == 0 {
		s.Limit = 3 + g.IntN(4)
	}
	for range 16 + g.IntN(20) {
		s.Steps = append(s.Steps, planStep(g, s))
	}
	// Half of the runs see their server go back in time, some of them twice.
	for range g.IntN(4) - 1 {
		at := len(s.Steps)/4 + g.IntN(len(s.Steps)/4)
		s.insert(at, Step{Do: Backup, Seed: g.Uint64()})
		back := at + 2 + g.IntN(len(s.Steps)-at-2)
		s.insert(back, Step{Do: []string{Restore, Restore, Rollback, Copy}[g.IntN(4)], N: g.IntN(2), Seed: g.Uint64()})
	}
	planRepairs(g, s)
	planCarry(g, s)
	planRivals(g, s)
	planStrain(g, s)
	planNewcomer(s)
	planDesks(s)
	return s
}

func (s *Script) insert(at int, p Step) { s.Steps = slices.Insert(s.Steps, at, p) }

// acts are what the people of each phone of the roster do, the likely more often.
var acts = map[int][]string{
	0:  {"report", "report", "submission", "addendum", "addendum", "family", "poison", "repair", "strange"},
	1:  {"site", "site", "front", "triage", "triage", "claim", "open", "newsite", "delsite", "resolve", "poison", "addendum", "desk"},
	2:  {"site", "site", "front", "triage", "triage", "claim", "open", "newsite", "delsite", "resolve", "repair", "desk"},
	3:  {"report", "submission", "addendum", "family", "old", "repair"},
	4:  {"submission", "submission", "addendum", "family", "poison"},
	5:  {"report", "submission", "addendum", "family"},
	6:  {"site", "triage", "claim", "open", "newsite", "delsite"},
	7:  {"site", "newsite", "organization", "served"},
	8:  {"submission", "addendum", "family"},
	9:  {"poison"},
	10: {"poison"},
	11: {"poison"},
}

// busy are the phones that most happens to.
var busy = []int{0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 4, 4, 5, 6, 7, 8, 9, 10, 11}

func planStep(g *rand.Rand, s *Script) Step {
	p := Step{Seed: g.Uint64(), Who: busy[g.IntN(len(busy))]}
	pick := func(list []string) string { return list[g.IntN(len(list))] }
	switch d := g.IntN(100); {
	case d < 36:
		p.Do, p.What, p.N = Save, pick(acts[p.Who]), 1
		if g.IntN(8) == 0 {
			p.N = 2 + g.IntN(4)
		}
		if s.Limit > 0 && g.IntN(4) == 0 { // batches at the limit
			p.N = s.Limit - 1 + g.IntN(3)
		}
		if g.IntN(14) == 0 {
			p.Faults = []Fault{{Kind: []string{Die, DieLate}[g.IntN(2)], Arg: 1 + g.IntN(8)}}
		}
	case d < 72:
		p.Do, p.With = Sync, []int{p.Who}
		if g.IntN(4) == 0 {
			p.With = g.Perm(s.Phones)[:2+g.IntN(s.Phones-2)]
			p.Together = g.IntN(2) == 0
		}
		p.Faults = planFaults(g, len(p.With))
	case d < 77:
		p.Do, p.N = Pass, []int{30, 600, 7200, 86400, 86400 * 3}[g.IntN(5)]
		if g.IntN(40) == 0 {
			p.N = 86400 * 401
		}
	case d < 81:
		p.Do, p.N = Clock, []int{0, 0, 31_536_000, -31_536_000, 3600, -3600, 90, 63_072_000}[g.IntN(8)]
	case d < 83:
		p.Do = Full
		if g.IntN(3) == 0 {
			p.Who = -1
		}
	case d < 86:
		p.Do = Free
		if g.IntN(2) == 0 {
			p.Who = -1
		}
	case d < 88:
		p.Do = Reboot
	case d < 90:
		p.Do = Restart
	case d < 95:
		p.Do, p.What = Rest, pick([]string{"site", "site", "triage", "newsite", "report", "delsite", "organization"})
		p.Who = []int{1, 2, 6, 7, -1, -1, 0}[g.IntN(7)]
		if g.IntN(6) == 0 {
			p.Faults = []Fault{{Kind: []string{Kill, KillLate}[g.IntN(2)], Arg: 1 + g.IntN(12)}}
		}
	case d < 98:
		p.Do, p.What = Change, pick([]string{"role", "roster", "organization", "served", "served"})
		p.N = g.IntN(8)
	case d < 99:
		p.Do = Fork
	default:
		p.Do = Lose
		p.Who = 3 + g.IntN(s.Phones-3)
	}
	return p
}

// planFaults makes the faults of a sync; most of them have none.
func planFaults(g *rand.Rand, phones int) []Fault {
	if g.IntN(100) < 45 {
		return nil
	}
	var all []Fault
	for range 1 + g.IntN(2) {
		f := Fault{At: g.IntN(3 * phones)}
		switch d := g.IntN(100); {
		case d < 16:
			f.Kind = CutBefore
		case d < 32:
			f.Kind = CutAfter
		case d < 35:
			f.Kind = Stall
		case d < 38:
			f.Kind, f.Arg = []string{Busy, Rates}[g.IntN(2)], g.IntN(4)
		case d < 48:
			f.Kind, f.Arg = CutMiddle, g.IntN(100)
		case d < 58:
			f.Kind, f.Arg = Captive, g.IntN(8)
		case d < 64:
			f.Kind, f.Arg = Delay, 1+g.IntN(200)
		case d < 72:
			f.Kind, f.Arg = Double, g.IntN(2)
		case d < 80:
			f.Kind, f.Arg = Ghost, 1+g.IntN(12)
		case d < 86:
			f.Kind, f.Arg = Kill, 1+g.IntN(40)
		case d < 91:
			f.Kind, f.Arg = KillLate, 1+g.IntN(40)
		case d < 96:
			f.Kind, f.Arg = Die, 1+g.IntN(12)
		default:
			f.Kind, f.Arg = DieLate, 1+g.IntN(12)
		}
		all = append(all, f)
	}
	return all
}

// Go writes a script as Go source, for a regression test.
func (s *Script) Go() string {
	var b strings.Builder
	fmt.Fprintf(&b, "&Script{Seed: %d, Phones: %d, Limit: %d, Steps: []Step{\n", s.Seed, s.Phones, s.Limit)
	for _, p := range s.Steps {
		fmt.Fprintf(&b, "\t{Do: %q", p.Do)
		if p.What != "" {
			fmt.Fprintf(&b, ", What: %q", p.What)
		}
		if p.Who != 0 {
			fmt.Fprintf(&b, ", Who: %d", p.Who)
		}
		if len(p.With) > 0 {
			fmt.Fprintf(&b, ", With: %#v", p.With)
		}
		if p.N != 0 {
			fmt.Fprintf(&b, ", N: %d", p.N)
		}
		fmt.Fprintf(&b, ", Seed: %d", p.Seed)
		if p.Together {
			b.WriteString(", Together: true")
		}
		if len(p.Faults) > 0 {
			b.WriteString(", Faults: []Fault{")
			for i, f := range p.Faults {
				if i > 0 {
					b.WriteString(", ")
				}
				fmt.Fprintf(&b, "{At: %d, Kind: %q, Arg: %d}", f.At, f.Kind, f.Arg)
			}
			b.WriteString("}")
		}
		b.WriteString("},\n")
	}
	b.WriteString("}}")
	return b.String()
}
