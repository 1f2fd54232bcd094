package simulate

import (
	"strings"
	"testing"
)

// These are the faults that other systems had, by their names in SPEC.md. Each
// script leads straight to where they went wrong; happened must be in its log,
// so that a script which has stopped leading there is noticed, and all
// invariants must hold. Faults of one process alone have their tests with it:
// tabs-out-of-order and idle-queue in client, realtime-gap in client and
// exchange, lent-rights in exchange.
func TestMistakesOthersMade(t *testing.T) {
	save := func(who int, what string, n int) Step {
		return Step{Do: Save, Who: who, What: what, N: n, Seed: uint64(who)*10 + 5}
	}
	sync := func(faults []Fault, with ...int) Step { return Step{Do: Sync, With: with, Seed: 3, Faults: faults} }
	poison := func(who int, seed uint64) Step { return Step{Do: Save, Who: who, What: "poison", Seed: seed} }
	for _, m := range []struct {
		name     string
		phones   int
		limit    int
		steps    []Step
		happened string
	}{
		{"[EPOCH-1] [EPOCH-3] [INV-19] restored-server: what the server lost comes again", 2, 0, []Step{{Do: Backup}, save(0, "report", 3), sync(nil, 0), {Do: Restore}, sync(nil, 0)}, "rewound=true"},
		{"[EPOCH-1] [INV-20] books-restored-too: the record of what was sent goes back with the data, unseen by the server", 2, 0,
			[]Step{{Do: Backup}, save(0, "report", 3), sync(nil, 0), {Do: Rollback}, {Do: Rest, What: "newsite", Who: -1, Seed: 1}, sync(nil, 0)}, "rewound=true"},
		{"[PUSH-6] [INV-5] refusal-dropped: a refused write stays", 2, 0, []Step{poison(0, 2), poison(0, 3), poison(0, 4), sync(nil, 0), sync(nil, 0)}, ":refused:"},
		{"[PUSH-7] [INV-4] refusal-skipped: a child that came before its parent is asked for again", 2, 0,
			[]Step{poison(0, 1), poison(0, 5), poison(0, 6), poison(0, 7), poison(0, 8), poison(0, 9), sync(nil, 0), save(0, "report", 1), sync(nil, 0)}, ":deferred:missing_dependency"},
		{"[PUSH-4] [INV-4] poison-blocks: one bad write holds up neither what stands behind it nor the pull", 2, 0,
			[]Step{save(0, "report", 2), poison(0, 2), save(0, "report", 2), sync(nil, 0)}, ":applied:"},
		{"[MERGE-2] [INV-16] conflict-aborts: a conflict stops nothing else of its push", 3, 0, append(rivals().Steps, save(1, "newsite", 2), sync(nil, 1, 2)), ":1:false"},
		{"[DEV-1] [INV-1] marked-not-sent: what was never sent is never taken for sent", 2, 0,
			[]Step{save(0, "report", 2), sync([]Fault{{Kind: CutBefore}}, 0), sync([]Fault{{Kind: Captive, Arg: 2}}, 0), {Do: Restart}, sync(nil, 0)}, "captive portal"},
		{"[DEV-5] [INV-2] applied-and-buried: what was applied, and answered in vain again and again, is not given up", 2, 0,
			[]Step{save(0, "report", 1), sync([]Fault{{Kind: CutAfter}}, 0), sync([]Fault{{Kind: CutMiddle, Arg: 50}}, 0), sync([]Fault{{Kind: Captive, Arg: 5}, {At: 1, Kind: CutAfter}}, 0), sync(nil, 0)}, ":true"},
		{"[PULL-5] [INV-9] cursor-ahead: a phone that dies while it stores a page has the page or not", 2, 0,
			[]Step{{Do: Rest, What: "newsite", Who: -1, Seed: 1}, sync([]Fault{{Kind: Die, Arg: 9}}, 1), {Do: Rest, What: "newsite", Who: -1, Seed: 2}, sync([]Fault{{Kind: DieLate, Arg: 10}}, 1), sync(nil, 1)}, "p01 dead"},
		{"[PUSH-5] [INV-4] reconnect-deadlock: two that come back at once both get through", 4, 0,
			[]Step{save(0, "report", 2), save(3, "report", 2), {Do: Sync, With: []int{0, 3}, Together: true, Seed: 1}}, "pushes together"},
		{"[PUSH-9] [INV-23] stranded-by-schema: what an older app made arrives", 2, 0, aged().Steps, ":applied:"},
		{"[PULL-3] [INV-12] lingering-rows: who has lost access drops what it gave", 7, 0, moved().Steps, "change organization"},
		{"[PULL-3] [INV-13] old-rows-missing: who gains access gets what is old", 7, 0,
			[]Step{save(0, "report", 2), sync(nil, 0), {Do: Change, What: "role", Who: 3, N: 1, Seed: 1}}, "change role"},
		{"[PULL-3] [INV-12] two-reasons-one-lost: own reports stay when a coordinator is a worker again", 2, 0,
			[]Step{save(0, "report", 2), sync(nil, 0), {Do: Change, What: "role", Who: 0, N: 1}, {Do: Change, What: "role", Who: 0, N: 0}}, "change role"},
		{"[PULL-4] [INV-24] reset-storm: a full view that is cut again and again ends", 2, 3,
			[]Step{{Do: Change, What: "role", Who: 0, N: 1}, sync([]Fault{{At: 1, Kind: CutAfter}}, 0), sync([]Fault{{At: 2, Kind: CutMiddle, Arg: 40}}, 0), sync(nil, 0)}, "reset=true"},
		{"[MERGE-1] [INV-24] own-echo: own pushes do not come back as new", 2, 0, once().Steps, ":applied:"},
		{"[MERGE-5] [INV-17] purge-undone: an edit by who slept through the delete does not undo it", 2, 0,
			[]Step{{Do: Rest, What: "delsite", Who: -1, Seed: 1}, {Do: Rest, What: "delsite", Who: -1, Seed: 2}, {Do: Rest, What: "delsite", Who: -1, Seed: 3},
				save(1, "site", 5), {Do: Pass, N: 86400 * 401}, sync(nil, 1)}, ":refused:gone"},
		{"[DEV-1] [INV-1] queue-as-blob: a phone that dies while it saves keeps what it had", 2, 0,
			[]Step{save(0, "report", 3), {Do: Save, What: "report", Seed: 2, Faults: []Fault{{Kind: Die, Arg: 3}}}, {Do: Save, What: "report", Seed: 4, Faults: []Fault{{Kind: DieLate, Arg: 2}}}, sync(nil, 0)}, "p00 dead"},
		{"[DEV-1] [INV-1] full-disk: what does not fit is not said to be saved, and the rest is whole", 2, 0,
			[]Step{save(0, "report", 2), {Do: Full}, save(0, "report", 40), {Do: Restart}, {Do: Free}, sync(nil, 0)}, "store_unwritable"},
		{"[PUSH-13] [INV-27] full-disk: a server without room takes nothing in part", 2, 0,
			[]Step{save(0, "report", 60), {Do: Full, Who: -1}, sync(nil, 0), sync(nil, 0), {Do: Free, Who: -1}, sync(nil, 0)}, "disk of -1 full"},
		{"[PUSH-4] [INV-25] endless-push: queues as long as a batch end", 2, 40, batches().Steps, ":applied:"},
		{"[PULL-1] [INV-11] leaky-conflict: a conflict's answer names no value", 3, 0, rivals().Steps, ":1:false"},
	} {
		t.Run(m.name, func(t *testing.T) {
			script := &Script{Phones: m.phones, Limit: m.limit, Steps: m.steps}
			res, err := play(t, script, nil, true)
			if err != nil {
				t.Errorf("the run broke off: %v", err)
			}
			for _, f := range res.Failures {
				t.Error(f)
			}
			if !strings.Contains(strings.Join(res.Log, "\n"), m.happened) {
				t.Errorf("%q did not happen", m.happened)
			}
			if t.Failed() {
				t.Log(strings.Join(res.Log, "\n"))
			}
		})
	}
}
