package simulate

import (
	"testing"
)

// quota: the disk has room, the quarantine has none for one person, and then it has again.
func quota() *Script {
	broken := func(seed uint64) Step { return Step{Do: Save, What: "broken", Seed: seed} }
	sync := Step{Do: Sync, With: []int{0}, Seed: 3}
	return &Script{Phones: 2, Steps: []Step{broken(1), sync, {Do: Strain, What: Quota}, broken(2), sync,
		{Do: Save, What: "report", N: 2, Seed: 4}, broken(5), sync, {Do: Calm}, sync}}
}

// crowded: the server turns most of what comes away, for a while.
func crowded() *Script {
	save, sync := Step{Do: Save, What: "report", N: 2, Seed: 1}, Step{Do: Sync, With: []int{0}, Seed: 3}
	return &Script{Phones: 2, Steps: []Step{{Do: Strain, What: Busy}, save, sync, save, sync, sync, {Do: Calm}, sync}}
}

// carried: what a member of staff has saved goes out with a worker.
func carried() *Script {
	return &Script{Phones: 5, Steps: []Step{{Do: Save, What: "submission", Who: 4, Seed: 1}, {Do: Carry, Who: 4, With: []int{0}, Seed: 2},
		{Do: Sync, With: []int{4}, Seed: 3}}}
}

// claims: two coordinators claim one report in one moment.
func claims() *Script {
	return &Script{Phones: 3, Steps: []Step{{Do: Save, What: "report", Seed: 1}, {Do: Sync, With: []int{0, 1, 2}, Seed: 2}, {Do: Sync, With: []int{1, 2}, Seed: 2},
		{Do: Save, What: "first", Who: 1, Seed: 3}, {Do: Save, What: "first", Who: 2, Seed: 4}, {Do: Sync, With: []int{1, 2}, Together: true, Seed: 5}}}
}

// newcomer: somebody enrols while the server turns most requests away, and again
// when the answer was lost.
func newcomer() *Script {
	sync := func(faults ...Fault) Step { return Step{Do: Sync, Who: 2, With: []int{2}, Seed: 3, Faults: faults} }
	return &Script{Phones: 2, Steps: []Step{{Do: Strain, What: Busy}, {Do: Enrol, Seed: 1}, sync(), sync(), sync(), {Do: Calm},
		sync(Fault{At: 1, Kind: CutAfter}), sync(), {Do: Save, What: "site", Who: 2, Seed: 5}, sync()}}
}

// What a server that has too much to do answers, and what becomes of what people
// saved meanwhile: nothing is lost or done twice, and when it is over everything
// is there. happened must be in the log.
func TestOverload(t *testing.T) {
	sync := func(faults ...Fault) Step { return Step{Do: Sync, With: []int{0}, Seed: 3, Faults: faults} }
	reports := func(n int) Step { return Step{Do: Save, What: "report", N: n, Seed: 1} }
	for _, c := range []struct {
		name     string
		script   *Script
		happened []string
	}{
		{"[PUSH-13] [INV-1] [INV-4] busy: what is turned away is kept, and comes later", crowded(), []string{"push turned away: busy", ":applied:"}},
		{"[PUSH-13] [INV-1] [INV-4] slow_down: who asks too often from one place waits", &Script{Phones: 2, Steps: []Step{{Do: Strain, What: Rates}, reports(1), sync(), reports(2), sync(), reports(1), sync()}},
			[]string{"429 slow_down", ":applied:"}},
		{"[PUSH-13] [INV-25] too_large: a queue is split down to what the server takes", &Script{Phones: 2, Steps: []Step{{Do: Strain, What: Small}, reports(9), sync(), {Do: Calm}, reports(9), sync()}},
			[]string{"413 too_large", ":applied:"}},
		{"[PUSH-10] [INV-5] quota: what would be refused and has no room waits, and the rest goes on", quota(), []string{"503 quarantine_full", ":deferred:busy", ":applied:"}},
		{"[PUSH-2] [INV-2] deadline: what was done for a phone that had given up is not done again", &Script{Phones: 2, Steps: []Step{reports(4), sync(Fault{Kind: Stall}), sync()}}, []string{"waits for too long", "is over", ":applied:"}},
		{"[PUSH-2] [INV-2] deadline: a pull that nobody waited for changes nothing", &Script{Phones: 2, Steps: []Step{reports(1), sync(Fault{At: 1, Kind: Stall}), sync()}}, []string{"waits for too long", ":applied:"}},
		{"[PUSH-2] [INV-11] carried: what goes out through somebody else's session is there once, and the carrier sees nothing of it", carried(), []string{"p00 carries 1 of p04: ok, 1 received", ":true"}},
		{"[ENROL-1] [INV-27] newcomer: who is turned away, and whose answer is lost, ends as one person with one device", newcomer(),
			[]string{"enroll turned away: busy", "p02 synced: busy", "enroll answer lost", "p02 synced: ok", "p02 pushes: rewound=false 1:applied"}},
		{"[ENROL-2] [INV-4] newcomer: whose time is over while the server is busy is told so", &Script{Phones: 2, Steps: []Step{{Do: Strain, What: Busy}, {Do: Enrol, Seed: 1},
			{Do: Pass, N: 86400 * 4}}}, []string{"p02 synced: busy", "p02 synced: invite_expired"}},
		{"[MERGE-4] [INV-16] claims: of two in one moment one is told that it is taken", claims(), []string{"2 pushes together", ":refused:taken:"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			playWhole(t, c.script, c.happened...)
		})
	}
}
