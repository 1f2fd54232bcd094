package simulate

// Short scripts, each of which leads straight to what one rule is about.

// again: the answer to a push is lost, and the push comes again.
func again() *Script {
	return &Script{Phones: 2, Steps: []Step{{Do: Save, What: "report", Seed: 1},
		{Do: Sync, With: []int{0}, Seed: 2, Faults: []Fault{{Kind: CutAfter}}}, {Do: Sync, With: []int{0}, Seed: 3}}}
}

// neighbours: two workers of one organization each save a report.
func neighbours() *Script {
	return &Script{Phones: 4, Steps: []Step{{Do: Save, What: "report", Who: 3, Seed: 1}, {Do: Save, What: "report", Who: 0, Seed: 1},
		{Do: Sync, With: []int{3}, Seed: 2}, {Do: Sync, With: []int{0}, Seed: 3}}}
}

// once: a coordinator changes a site.
func once() *Script {
	return &Script{Phones: 2, Steps: []Step{{Do: Save, What: "site", Who: 1, Seed: 5}, {Do: Sync, With: []int{1}, Seed: 2}, {Do: Pass, N: 60}}}
}

// lettered: of two coordinators one gives a site its letter, and both give
// another site one, neither of them knowing of the other.
func lettered() *Script {
	site := func(who int, seed uint64) Step { return Step{Do: Save, What: "site", Who: who, Seed: seed} }
	return &Script{Phones: 3, Steps: []Step{site(1, 7), site(1, 1), site(2, 1), {Do: Sync, With: []int{1, 2}, Seed: 2}, {Do: Pass, N: 60}}}
}

// twice: a coordinator changes the one site she knows of twice, offline.
func twice() *Script {
	return &Script{Phones: 2, Steps: []Step{{Do: Rest, What: "delsite", Who: -1, Seed: 1}, {Do: Sync, With: []int{1}, Seed: 1},
		{Do: Save, What: "site", Who: 1, Seed: 5}, {Do: Save, What: "site", Who: 1, Seed: 5},
		{Do: Sync, With: []int{1}, Seed: 2}, {Do: Sync, With: []int{1}, Seed: 3}}}
}

// deleted: a site is deleted.
func deleted() *Script {
	return &Script{Phones: 2, Steps: []Step{{Do: Rest, What: "delsite", Who: -1, Seed: 1}, {Do: Sync, With: []int{0}, Seed: 2}}}
}

// asleep: a phone lies in a drawer for 401 days, with a report on it.
func asleep() *Script {
	return &Script{Phones: 3, Steps: []Step{{Do: Pass, N: 60}, {Do: Save, What: "report", Seed: 1}, {Do: Save, What: "site", Who: 1, Seed: 1},
		{Do: Sync, With: []int{1}, Seed: 2}, {Do: Pass, N: 86400 * 401}, {Do: Sync, With: []int{0}, Seed: 3}}}
}

// aged: an app that was never updated sends what it has.
func aged() *Script {
	return &Script{Phones: 2, Steps: []Step{{Do: Save, What: "old", Seed: 1}, {Do: Sync, With: []int{0}, Seed: 2}}}
}

// batches: queues of none, and of one less, as many, and one more than go in a push.
func batches() *Script {
	s := &Script{Phones: 2, Limit: 40}
	for i, n := range []int{39, 40, 41} {
		s.Steps = append(s.Steps, Step{Do: Save, What: "report", N: n, Seed: uint64(i)}, Step{Do: Change, What: "role", Who: 0, N: 0, Seed: 9})
	}
	return s
}

// moved: a coordinator goes to another organization and comes back.
func moved() *Script {
	return &Script{Phones: 7, Steps: []Step{
		{Do: Save, What: "report", Who: 0, Seed: 1}, {Do: Sync, With: []int{0, 1, 6}, Seed: 2},
		{Do: Change, What: "organization", Who: 1, N: 1, Seed: 3}, {Do: Change, What: "organization", Who: 1, N: 0, Seed: 4}}}
}

// rivals: two coordinators write one field, neither of them knowing of the other.
func rivals() *Script {
	s := &Script{Phones: 3}
	for seed := range uint64(12) {
		s.Steps = append(s.Steps, Step{Do: Save, What: "site", Who: 1 + int(seed)%2, Seed: seed})
	}
	s.Steps = append(s.Steps, Step{Do: Sync, With: []int{1, 2}, Seed: 1})
	return s
}

// restored: the server goes back behind what three phones have sent, and grows.
func restored() *Script {
	return &Script{Phones: 4, Steps: []Step{{Do: Backup},
		{Do: Save, What: "report", Who: 0, N: 2, Seed: 1}, {Do: Save, What: "site", Who: 1, Seed: 2}, {Do: Save, What: "submission", Who: 3, Seed: 3},
		{Do: Sync, With: []int{0, 1, 3}, Seed: 4}, {Do: Restore},
		{Do: Rest, What: "newsite", Who: -1, Seed: 5}, {Do: Rest, What: "newsite", Who: -1, Seed: 6}, {Do: Rest, What: "report", Who: 0, Seed: 7},
		{Do: Rest, What: "newsite", Who: -1, Seed: 8}, {Do: Rest, What: "newsite", Who: -1, Seed: 9}, {Do: Rest, What: "newsite", Who: -1, Seed: 10},
		{Do: Rest, What: "newsite", Who: -1, Seed: 11}, {Do: Sync, With: []int{0, 1, 3}, Seed: 12}}}
}

// wrongClock: a phone whose clock is a year slow knows it, and writes.
func wrongClock() *Script {
	return &Script{Phones: 3, Steps: []Step{{Do: Clock, Who: 1, N: -31_536_000}, {Do: Sync, With: []int{1}, Seed: 1},
		{Do: Save, What: "site", Who: 1, N: 2, Seed: 2}, {Do: Save, What: "site", Who: 2, Seed: 2}, {Do: Sync, With: []int{1, 2}, Seed: 3}}}
}

// twins: a phone is copied, and both go on.
func twins() *Script {
	return &Script{Phones: 2, Steps: []Step{{Do: Fork, Who: 0},
		{Do: Save, What: "report", Who: 0, Seed: 1}, {Do: Save, What: "report", Who: 2, Seed: 2},
		{Do: Sync, With: []int{0}, Seed: 3}, {Do: Sync, With: []int{2}, Seed: 4}}}
}
