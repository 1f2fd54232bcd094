package client

import (
	"errors"
	"testing"

	"github.com/fieldpost/fieldpost/internal/fault"
	"github.com/fieldpost/fieldpost/internal/wire"
)

func TestRefused(t *testing.T) {
	t.Run("[DEV-3] a refused mutation is parked and can be seen, exported, sent again and corrected", func(t *testing.T) {
		f := newFake(t)
		d, path := enrolled(t, f)
		f.verdict = func(m wire.Mutation) (*wire.Verdict, *fault.Fault) {
			if m.Ops[0].Fields["note"] == "bad" {
				return &wire.Verdict{Verdict: wire.Refused, Code: wire.CodeInvalid, Message: "The note is bad.", Quarantine: "q00000000000001"}, nil
			}
			return nil, nil
		}
		bad := observe(t, d, "bad")
		observe(t, d, "good")
		mustSync(t, d)
		want(t, "phases", phases(t, d), "1 parked, 2 acknowledged")
		d.Close()
		d = reopen(t, path, Options{})
		e, err := d.Mutation(1)
		if err != nil {
			t.Fatal(err)
		}
		want(t, "code", e.Code, wire.CodeInvalid)
		want(t, "message", e.Message, "The note is bad.")
		want(t, "state", e.State, NeedsAttention)
		want(t, "quarantine", e.Verdict.Quarantine, "q00000000000001")
		if !contains(e.Raw, `"note":"bad"`) {
			t.Errorf("not whole: %s", e.Raw)
		}
		r, ok, _ := d.Record("observations", bad.IDs[0])
		if !ok || r.State != NeedsAttention {
			t.Errorf("the refused report shows as %v %q", ok, r.State)
		}

		want(t, "nothing to send", mustSync(t, d).Push.Sent, 0)
		if err := d.Retry(1); err != nil {
			t.Fatal(err)
		}
		sent := mustSync(t, d).Push
		want(t, "sent again", sent.Sent, 1)
		want(t, "the same verdict", sent.Verdicts[0].Replayed, true)
		want(t, "phases", phases(t, d), "1 parked, 2 acknowledged")

		ops := e.Ops
		ops[0].Fields["note"] = "mended"
		fixed, err := d.CorrectAs(1, ops...)
		if err != nil {
			t.Fatal(err)
		}
		if fixed.IDs[0] == bad.IDs[0] {
			t.Error("the copy has the id of the refused record")
		}
		mustSync(t, d)
		want(t, "phases", phases(t, d), "1 corrected, 2 acknowledged, 3 acknowledged")
		e, _ = d.Mutation(1)
		want(t, "corrected by", e.CorrectedBy, int64(3))
		want(t, "still whole", contains(e.Raw, `"note":"bad"`), true)
		s := status(t, d)
		want(t, "needs attention", s.NeedsAttention, 0)
		want(t, "received", s.Received, 2)
		if err := d.Retry(2); !errors.Is(err, ErrInput) {
			t.Errorf("retry of what is not parked: %v", err)
		}
		if _, err := d.CorrectAs(99, ops...); Explain(err).Code != "unknown_n" {
			t.Errorf("correct of nothing: %v", err)
		}
	})

	t.Run("[DEV-3] a correction of several ops keeps them together under new ids", func(t *testing.T) {
		f := newFake(t)
		d, _ := enrolled(t, f)
		f.verdict = func(m wire.Mutation) (*wire.Verdict, *fault.Fault) {
			if m.N == 1 {
				return &wire.Verdict{Verdict: wire.Refused, Code: wire.CodeNotAllowed}, nil
			}
			return nil, nil
		}
		id, _ := d.NewID()
		if _, err := d.Do(Op{Op: "create", Collection: "observations", ID: id, Fields: map[string]any{"event_time": "x"}},
			Op{Op: "create", Collection: "addenda", Fields: map[string]any{"observation": id, "text": "more"}}); err != nil {
			t.Fatal(err)
		}
		mustSync(t, d)
		e, _ := d.Mutation(1)
		if _, err := d.CorrectAs(1, e.Ops...); err != nil {
			t.Fatal(err)
		}
		e, _ = d.Mutation(2)
		if e.Ops[0].ID == id || e.Ops[1].Fields["observation"] != e.Ops[0].ID {
			t.Errorf("the reference does not follow: %+v", e.Ops)
		}
	})

	t.Run("[PUSH-7] a deferred mutation stays waiting and is sent again, also within one push once more is known", func(t *testing.T) {
		f := newFake(t)
		d, _ := enrolled(t, f)
		d.Do(Op{Op: "update", Collection: "sites", ID: "s00000000000001", Base: 1, Fields: map[string]any{"name": "x"}})
		ready := false
		f.verdict = func(m wire.Mutation) (*wire.Verdict, *fault.Fault) {
			if m.N == 1 && !ready {
				return &wire.Verdict{Verdict: wire.Deferred, Code: wire.CodeMissingDependency}, nil
			}
			return nil, nil
		}
		r := mustSync(t, d)
		want(t, "verdict", r.Push.Verdicts[0].Verdict, wire.Deferred)
		want(t, "phases", phases(t, d), "1 waiting")
		want(t, "one request for what can only wait", len(f.pushes), 1)
		e, _ := d.Mutation(1)
		want(t, "code", e.Code, wire.CodeMissingDependency)
		observe(t, d, "")
		f.with(func() { f.pushes = nil })
		mustSync(t, d)
		if len(f.pushes) < 2 || len(f.pushes) > maxPasses {
			t.Errorf("%d requests", len(f.pushes))
		}
		f.with(func() { ready = true })
		mustSync(t, d)
		want(t, "phases", phases(t, d), "1 acknowledged, 2 acknowledged")
	})
}
