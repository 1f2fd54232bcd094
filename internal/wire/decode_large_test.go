package wire

import (
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/fieldpost/fieldpost/internal/fault"
)

// filled is the good mutation with so many empty objects in a field.
func filled(t *testing.T, count int) string {
	t.Helper()
	return swap(t, `"silver van"`, "["+strings.Repeat("{},", count)+"{}]")
}

func TestDecodeLarge(t *testing.T) {
	t.Run("[LIMITS] a mutation over 1 MiB is refused without being built: it costs a few times its text", func(t *testing.T) {
		body := pushOf(filled(t, 5_000_000))
		if int64(len(body)) > DefaultLimits.Inflated {
			t.Fatalf("%d bytes", len(body))
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		p, err := DecodePush(body, DefaultLimits)
		runtime.ReadMemStats(&after)
		if err != nil || p.Mutations[0].Problem == nil || p.Mutations[0].Problem.Code != CodeTooLarge {
			t.Fatalf("%+v %v", p, err)
		}
		if took := (after.TotalAlloc - before.TotalAlloc) / uint64(len(body)); took > 6 {
			t.Errorf("%d times the body", took)
		}
	})

	t.Run("[LIMITS] what is too large is kept whole as text, with n and stamp, and what its ops name", func(t *testing.T) {
		text := filled(t, 400_000)
		m := problemOf(t, strings.Replace(text, `"note":`, `"site":"s1s1s1s1s1s1s1s","note":`, 1))
		if m.N != 1 || !m.HasTime || m.Stamp.String() != someStamp || m.Size < MaxMutationBytes || len(m.Ops) != 0 {
			t.Errorf("%+v %v", m.Stamp, m.HasTime)
		}
		if len(m.Whole) != 3 || m.Whole["n"] != 1.0 || m.Whole["stamp"] != someStamp || len(m.Whole["text"].(string)) != m.Size {
			t.Errorf("%.300v", m.Whole)
		}
		if want := []Head{{OpCreate, "observations", someRecord, "s1s1s1s1s1s1s1s"}}; !reflect.DeepEqual(m.Heads, want) {
			t.Errorf("%+v", m.Heads)
		}
		// Millions of ops are not looked at one by one.
		many := swap(t, `"ops":[`, `"ops":[`+strings.Repeat("{},", 400_000))
		if m := problemOf(t, many); m.Problem.Code != CodeTooLarge || len(m.Heads) != MaxHeads {
			t.Errorf("%+v, %d heads", m.Problem, len(m.Heads))
		}
	})

	t.Run("[PUSH-3] what is too large is told apart by stamp and ops", func(t *testing.T) {
		text := filled(t, 400_000)
		good := problemOf(t, text)
		for _, same := range [][2]string{{`"n":1`, `"n":4`}, {`"offset":null`, `"offset":17`}, {`"ops":[`, ` "ops" : [ `}, {"{},", "{ }, "}} {
			if problemOf(t, strings.Replace(text, same[0], same[1], 1)).Content != good.Content {
				t.Errorf("%v changes the content", same)
			}
		}
		for _, other := range [][2]string{{`{},`, `{},{},`}, {`1768108200000-0000`, `1768108200000-0001`}, {`"note"`, `"nota"`}} {
			if problemOf(t, strings.Replace(text, other[0], other[1], 1)).Content == good.Content {
				t.Errorf("%v does not change the content", other)
			}
		}
		sealed := func(n, s string) [32]byte {
			return problemOf(t, `{"n":`+n+`,"stamp":"`+someStamp+`","schema":1,"sealed":"`+strings.Repeat(s, MaxMutationBytes)+`"}`).Content
		}
		if sealed("1", "a") != sealed("2", "a") || sealed("1", "a") == sealed("1", "b") {
			t.Error("sealed")
		}
	})

	t.Run("[PUSH-4] an n that can't be one is bad_request in a large mutation too, a stamp that can't be one is not", func(t *testing.T) {
		text := filled(t, 400_000)
		for _, n := range []string{`0`, `1.5`, `"1"`, `null`, `[1]`, `{}`, `1e400`, `9007199254740992`, `[` + strings.Repeat("{},", 1000) + `1]`} {
			wantFault(t, pushOf(strings.Replace(text, `"n":1`, `"n":`+n, 1)), fault.BadRequest)
		}
		wantFault(t, pushOf(strings.Replace(text, `"n":1,`, ``, 1)), fault.BadRequest)
		for _, stamp := range []string{`"short"`, `7`, `null`, `[{}]`, `"` + strings.Repeat("1", 5000) + `"`} {
			if m := problemOf(t, strings.Replace(text, `"`+someStamp+`"`, stamp, 1)); m.HasTime || m.Problem.Code != CodeTooLarge || m.Whole["stamp"] != nil {
				t.Errorf("%.50s: %+v", stamp, m.Problem)
			}
		}
	})

	t.Run("[PUSH-13] the weight of a mutation is no less than what it takes in memory", func(t *testing.T) {
		for name, text := range map[string]string{
			"objects": filled(t, 300_000), "numbers": swap(t, `"silver van"`, "["+strings.Repeat("1,", 400_000)+"1]"),
			"text": swap(t, "silver van", strings.Repeat("x", 900_000)), "too large": filled(t, 500_000),
		} {
			body := pushOf(text)
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			p, err := DecodePush(body, DefaultLimits)
			if err != nil {
				t.Fatal(err)
			}
			runtime.GC()
			runtime.ReadMemStats(&after)
			takes := int64(after.HeapAlloc) - int64(before.HeapAlloc)
			if weight := int64(p.Mutations[0].Weight); weight < takes-1<<16 || weight > 4*takes+1<<16 {
				t.Errorf("%s: weighs %d, takes %d", name, weight, takes)
			}
			runtime.KeepAlive(p)
			runtime.KeepAlive(body)
		}
	})
}
