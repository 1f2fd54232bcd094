package exchange_test

import (
	"testing"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/fault"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
	"github.com/fieldpost/fieldpost/internal/wire"
)

func FuzzPull(f *testing.F) {
	const rule = "[EPOCH-1] [PULL-4] any cursor and mark get the changes since a place that is known, or the whole view as a reset"
	r := rig.New(f)
	worker := r.Enroll(access.Worker, r.Organization("Outreach"))
	worker.Create("observations", r.Observation(""))
	whole := len(worker.Fresh()["observations"]) + len(worker.Fresh()["organizations"])
	if whole != 2 {
		f.Fatal(whole)
	}
	early, earlyMark := *worker.Cursor, *worker.Mark
	worker.Create("observations", r.Observation(""))
	worker.Pull()
	late, lateMark := *worker.Cursor, *worker.Mark
	want := 0
	for _, list := range worker.Fresh() {
		want += len(list)
	}
	given := map[string]bool{early: true, late: true}
	marks := map[string]bool{"": true, earlyMark: true, lateMark: true}
	for _, c := range []string{early, late, "", "x", earlyMark, early[:len(early)-2], early + "A", late[1:], "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "null"} {
		for _, m := range []string{"", earlyMark, lateMark, late, "x"} {
			f.Add(c, m, 500)
		}
	}
	f.Add(early, lateMark, 1)
	by, err := r.S.Store.FindDevice(worker.ID)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, cursor, mark string, limit int) {
		t.Log(rule)
		if limit < 1 || limit > wire.DefaultLimits.Changes {
			return // the edge clamps it
		}
		req := &wire.PullRequest{Protocol: 1, Schema: wire.Schema, Device: worker.ID, Mark: &mark, Cursor: &cursor, Limit: limit}
		a, err := r.S.Exchange.Pull(t.Context(), by, req)
		if err != nil {
			t.Fatalf("%v %v", fault.Of(err).Code, err)
		}
		known, sound := given[cursor], marks[mark]
		if known && sound && (a.Reset || a.Rewound) {
			t.Fatalf("a place that was given out is answered %+v", a)
		}
		// base64 has more than one spelling of the same bytes.
		if !known && !a.Reset && len(cursor) < len(early) {
			t.Fatalf("cursor %q was taken", cursor)
		}
		if a.Reset {
			if !a.Rewound {
				t.Fatalf("cursor %q, mark %q: a reset without a word of rewind", cursor, mark)
			}
			seen := map[string]bool{}
			for _, c := range a.Changes {
				seen[c.Collection+c.ID] = true
			}
			for pages := 0; a.More; pages++ {
				if pages > 200 {
					t.Fatal("it does not end")
				}
				next := *req
				next.Cursor, next.Mark = &a.Cursor, &a.Mark
				if a, err = r.S.Exchange.Pull(t.Context(), by, &next); err != nil || a.Reset {
					t.Fatalf("%v %+v", err, a)
				}
				for _, c := range a.Changes {
					seen[c.Collection+c.ID] = true
				}
			}
			if len(seen) != want {
				t.Fatalf("a reset of %d records, the view has %d", len(seen), want)
			}
		}
	})
}
