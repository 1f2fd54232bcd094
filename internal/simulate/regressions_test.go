package simulate

import (
	"strings"
	"testing"
)

// What seeds have found, made small. happened must be in the log, so that a
// script which has stopped leading there is noticed.
func TestRegressions(t *testing.T) {
	for _, c := range []struct {
		name     string
		script   *Script
		happened string
	}{
		{"[INV-6] seed 41: a change does not overtake one of the same record that waits for another", &Script{Phones: 2, Steps: []Step{
			{Do: Backup}, {Do: Save, What: "report", Seed: 1}, {Do: Sync, With: []int{0}, Seed: 2}, {Do: Sync, With: []int{1}, Seed: 3}, {Do: Restore},
			{Do: Save, What: "desk", Who: 1, Seed: 5}, {Do: Save, What: "site", Who: 1, N: 20, Seed: 11},
			{Do: Sync, With: []int{1}, Seed: 6}, {Do: Sync, With: []int{0}, Seed: 7}, {Do: Sync, With: []int{1}, Seed: 8}}}, ":deferred:missing_dependency"},
		{"[INV-6] seed 52: what is sent again after a restore does not win against what was made later", &Script{Phones: 2, Steps: []Step{
			{Do: Backup}, {Do: Save, What: "site", Who: 1, Seed: 5}, {Do: Sync, With: []int{1}, Seed: 2}, {Do: Restore},
			{Do: Save, What: "site", Who: 1, Seed: 5}, {Do: Sync, With: []int{1}, Seed: 3}}}, "rewound=true"},
		{"[INV-19] seed 1777: what changed nothing is in the backup already, though its receipt is not", &Script{Seed: 1777, Phones: 8, Steps: []Step{
			{Do: Backup, Seed: 15034235290828192966}, {Do: Save, What: "served", Who: 7, N: 1, Seed: 2011597777846138380},
			{Do: Sync, Who: 2, With: []int{7}, Seed: 14300368494785962746, Together: true}, {Do: Restore, N: 1, Seed: 4679581601756889472}}}, "p07 pushes: rewound=false 1:applied::"},
		{"[INV-16] [MERGE-6] seed 1004: who claims again what they have is told nothing false, also where somebody took it over meanwhile", &Script{Seed: 1004, Phones: 3, Limit: 4, Steps: []Step{
			{Do: "save", What: "report", N: 1, Seed: 12335291274575304379},
			{Do: "sync", With: []int{0, 2}, Seed: 6918906543076118305},
			{Do: "save", What: "first", Who: 2, N: 1, Seed: 10831849816363393774},
			{Do: "sync", Who: 2, With: []int{1, 2}, Seed: 13208099999023668594, Together: true},
			{Do: "save", What: "desk", Who: 1, N: 1, Seed: 4931882382112584447},
			{Do: "save", What: "claim", Who: 2, N: 1, Seed: 18421017302705682155},
		}}, "saves claim"},
		{"[INV-4] seed 1586: a snapshot of a full quarantine that is put back is full no longer than the strain lasts", &Script{Seed: 1586, Phones: 2, Limit: 4, Steps: []Step{
			{Do: Strain, What: Quota, Seed: 12208963496606415562}, {Do: Backup, Seed: 1906650058445219418}, {Do: Calm, Seed: 12856106796063944186},
			{Do: Rollback, Seed: 13216016754885706259}, {Do: Save, What: "broken", N: 1, Seed: 2904058077004358330}, {Do: Sync, With: []int{0}, Seed: 10379316063197036233}}}, "saves broken"},
		{"[INV-5] seed 1091: what was released needs nobody's attention, also where the phone hears of it later", &Script{Seed: 1091, Phones: 7, Limit: 3, Steps: []Step{
			{Do: Save, What: "broken", Who: 5, N: 1, Seed: 3605077114691608816}, {Do: Sync, Who: 5, With: []int{5}, Seed: 6645110617129522609},
			{Do: Release, Who: 6, N: 1, Seed: 574796358536805750},
			{Do: Sync, Who: 5, With: []int{5}, Seed: 16781313820247171025, Faults: []Fault{{Kind: CutBefore}}}}}, "200 released"},
		{"[INV-21] seed 2888: an offset measured after the clock was set back while the phone was off is not forgotten at the next save", &Script{Seed: 2888, Phones: 2, Steps: []Step{
			{Do: Save, What: "poison", Who: 1, N: 1, Seed: 7321846030334153715}, {Do: Clock, Who: 1, N: -3600}, {Do: Restart, Who: 1},
			{Do: Sync, With: []int{1}, Seed: 11678646425895739452}, {Do: Save, What: "site", Who: 1, N: 1, Seed: 11429248481654303705}}}, ":applied:"},
	} {
		t.Run(c.name, func(t *testing.T) {
			playWhole(t, c.script, c.happened)
		})
	}
}

// playWhole plays a script in which no invariant may break and each of these
// lines is in the log.
func playWhole(t *testing.T, script *Script, happened ...string) {
	t.Helper()
	res, err := play(t, script, nil, true)
	if err != nil {
		t.Errorf("the run broke off: %v", err)
	}
	for _, f := range res.Failures {
		t.Error(f)
	}
	log := strings.Join(res.Log, "\n")
	for _, line := range happened {
		if !strings.Contains(log, line) {
			t.Errorf("%q did not happen", line)
		}
	}
	if t.Failed() {
		t.Log(log)
	}
}
