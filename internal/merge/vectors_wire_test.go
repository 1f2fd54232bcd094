package merge

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"testing"

	"github.com/fieldpost/fieldpost/internal/fault"
	"github.com/fieldpost/fieldpost/internal/hlc"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// vectorTime is a time in a vector. Counter has its long name there.
type vectorTime struct {
	Ms      int64 `json:"ms"`
	Counter int   `json:"counter"`
}

func (v vectorTime) time() hlc.Time { return hlc.Time{Ms: v.Ms, Counter: v.Counter} }

func ofTime(t hlc.Time) vectorTime { return vectorTime{t.Ms, t.Counter} }

type vectorStamp struct {
	vectorTime
	Device string `json:"device"`
}

func runParse(t *testing.T, given, expect json.RawMessage) {
	in := strict[struct{ Text string }](t, given)
	s, err := hlc.Parse(in.Text)
	if err != nil {
		wantJSON(t, failed, expect)
		return
	}
	wantJSON(t, vectorStamp{ofTime(s.Time), s.Device}, expect)
	if s.String() != in.Text {
		t.Errorf("%q comes back as %q", in.Text, s)
	}
}

func runFormat(t *testing.T, given, expect json.RawMessage) {
	in := strict[vectorStamp](t, given)
	wantJSON(t, map[string]any{"text": hlc.Stamp{Time: in.time(), Device: in.Device}.String()}, expect)
}

func runOrder(t *testing.T, given, expect json.RawMessage) {
	in := strict[struct{ A, B string }](t, given)
	a, errA := hlc.Parse(in.A)
	b, errB := hlc.Parse(in.B)
	if err := errors.Join(errA, errB); err != nil {
		t.Fatal(err)
	}
	wantJSON(t, map[string]any{"order": a.Compare(b.Time)}, expect)
	if a.Compare(b.Time) != -b.Compare(a.Time) {
		t.Error("the order is not the same both ways")
	}
}

func runTick(t *testing.T, given, expect json.RawMessage) {
	wantJSON(t, ofTime(strict[vectorTime](t, given).time().Tick()), expect)
}

func runClock(t *testing.T, given, expect json.RawMessage) {
	in := strict[struct {
		Start    vectorTime
		Readings []struct {
			Wall int64
			Jump bool
		}
	}](t, given)
	type out struct {
		vectorTime
		Jumped bool `json:"jumped"`
	}
	clock := hlc.Clock{Last: in.Start.time()}
	var stamps []out
	for _, r := range in.Readings {
		next, jumped := clock.Next(r.Wall, r.Jump)
		stamps = append(stamps, out{ofTime(next.Last), jumped})
		clock = next
	}
	wantJSON(t, map[string]any{"stamps": stamps}, expect)
}

func runCorrect(t *testing.T, given, expect json.RawMessage) {
	in := strict[struct {
		vectorTime
		Offset            *int64
		Request, Received int64
	}](t, given)
	offset := in.Request
	if in.Offset != nil {
		offset = *in.Offset
	}
	wantJSON(t, ofTime(hlc.Correct(in.time(), offset, in.Received)), expect)
}

func runValid(t *testing.T, given, expect json.RawMessage) {
	wantJSON(t, map[string]any{"valid": hlc.ValidID(strict[struct{ ID string }](t, given).ID)}, expect)
}

func runTriage(t *testing.T, given, expect json.RawMessage) {
	in := strict[struct{ Collection, ID string }](t, given)
	wantJSON(t, map[string]any{"id": wire.TriageID(in.Collection, in.ID)}, expect)
}

func runThumbprint(t *testing.T, given, expect json.RawMessage) {
	var in struct{ Key wire.Key } // not strict: other members are ignored
	if err := json.Unmarshal(given, &in); err != nil {
		t.Fatal(err)
	}
	print, err := in.Key.Thumbprint()
	if err != nil {
		wantJSON(t, failed, expect)
		return
	}
	wantJSON(t, map[string]any{"thumbprint": print}, expect)
}

func runRenew(t *testing.T, given, expect json.RawMessage) {
	in := strict[struct {
		Device, Challenge string
		NewDevice         *wire.NewDevice
	}](t, given)
	id, print := "", ""
	if in.NewDevice != nil {
		var err error
		if print, err = in.NewDevice.Key.Thumbprint(); err != nil {
			t.Fatal(err)
		}
		id = in.NewDevice.ID
	}
	wantJSON(t, map[string]any{"text": wire.RenewText(in.Device, in.Challenge, id, print)}, expect)
}

func runTerm(t *testing.T, given, expect json.RawMessage) {
	in := strict[struct {
		ID  string
		Seq int64
	}](t, given)
	slice, term := wire.DigestTerm(in.ID, in.Seq)
	wantJSON(t, map[string]any{"slice": slice, "term": fmt.Sprintf("%016x", term)}, expect)
}

func runDigest(t *testing.T, given, expect json.RawMessage) {
	in := strict[struct {
		Records []struct {
			ID  string
			Seq int64
		}
	}](t, given)
	var s wire.Summer
	for _, r := range in.Records {
		s.Add(r.ID, r.Seq)
	}
	wantJSON(t, s.Digest(), expect)
}

func canonicalOf(t *testing.T, v any) string {
	t.Helper()
	b, err := wire.Canonical(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func runCanonical(t *testing.T, given, expect json.RawMessage) {
	in := strict[struct{ Text string }](t, given)
	var v any
	if err := json.Unmarshal([]byte(in.Text), &v); err != nil {
		t.Fatal(err)
	}
	wantJSON(t, map[string]any{"canonical": canonicalOf(t, v)}, expect)
}

func runNumber(t *testing.T, given, expect json.RawMessage) {
	in := strict[struct{ Bits string }](t, given)
	bits, err := strconv.ParseUint(in.Bits, 16, 64)
	if err != nil {
		t.Fatal(err)
	}
	f := math.Float64frombits(bits)
	text := canonicalOf(t, f)
	wantJSON(t, map[string]any{"canonical": text}, expect)
	if again, err := strconv.ParseFloat(text, 64); err != nil || again != f {
		t.Errorf("%s reads back as %v: %v", text, again, err)
	}
}

func runContent(t *testing.T, given, expect json.RawMessage) {
	in := strict[struct{ Mutation string }](t, given)
	want := strict[struct{ Bound, SHA256 string }](t, expect)
	p, err := wire.DecodePush([]byte(`{"protocol":1,"device":"x","mutations":[`+in.Mutation+`]}`), wire.DefaultLimits)
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprintf("%x", p.Mutations[0].Content); got != want.SHA256 {
		t.Errorf("%s, want %s, of %s", got, want.SHA256, want.Bound)
	}
}

// bodyOf is the body that a case sends.
func bodyOf(text *string, body json.RawMessage) []byte {
	if text != nil {
		return []byte(*text)
	}
	return body
}

// faultOf is an error as a case expects it.
func faultOf(err error) map[string]any {
	f := fault.Of(err)
	out := map[string]any{"error": f.Code}
	if f.Extra["limits"] != nil {
		out["limits"] = true
	}
	return out
}

func runPush(t *testing.T, given, expect json.RawMessage) {
	in := strict[struct {
		Text  *string
		Body  json.RawMessage
		Limit int
	}](t, given)
	limits := wire.DefaultLimits
	if in.Limit > 0 {
		limits.Mutations = in.Limit
	}
	p, err := wire.DecodePush(bodyOf(in.Text, in.Body), limits)
	if err != nil {
		wantJSON(t, faultOf(err), expect)
		return
	}
	mutations := []any{}
	for _, m := range p.Mutations {
		out := map[string]any{"n": m.N}
		if m.Problem != nil {
			out["problem"] = m.Problem.Code
		} else {
			if m.Extra != nil {
				out["extra"] = m.Extra
			}
			if m.Sealed != "" {
				out["sealed"] = m.Sealed
			}
			var extras []any
			some := false
			for _, op := range m.Ops {
				some = some || op.Extra != nil
				extras = append(extras, op.Extra)
			}
			if some {
				out["opsExtra"] = extras
			}
		}
		mutations = append(mutations, out)
	}
	wantJSON(t, map[string]any{"mutations": mutations}, expect)
}

func runPull(t *testing.T, given, expect json.RawMessage) {
	in := strict[struct{ Body json.RawMessage }](t, given)
	p, err := wire.DecodePull(in.Body, wire.DefaultLimits)
	if err != nil {
		wantJSON(t, faultOf(err), expect)
		return
	}
	out := map[string]any{"limit": p.Limit, "wait": p.Wait, "digests": p.Digests}
	if p.Mark != nil {
		out["mark"] = *p.Mark
	}
	if p.Cursor != nil {
		out["cursor"] = *p.Cursor
	}
	wantJSON(t, out, expect)
}
