package wire

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/fieldpost/fieldpost/internal/fault"
)

const (
	someDevice = "k3v9x0c2m4q8w1z"
	someRecord = "a1b2c3d4e5f6g7h"
	someStamp  = "1768108200000-0000-" + someDevice
)

// goodMutation is the JSON of a mutation that nothing is wrong with.
func goodMutation(n int) string {
	return fmt.Sprintf(`{"n":%d,"stamp":"%s","offset":null,"epoch":null,"schema":1,"ops":[`+
		`{"op":"create","collection":"observations","id":"%s","base":0,"fields":{"note":"silver van"}}]}`, n, someStamp, someRecord)
}

func pushOf(mutations ...string) []byte {
	return []byte(`{"protocol":1,"device":"` + someDevice + `","epoch":null,"now":"2026-01-11T05:10:00.000Z","mark":null,"mutations":[` +
		strings.Join(mutations, ",") + `]}`)
}

// swap replaces a part of a good mutation, and fails when there is none such.
func swap(t *testing.T, old, new string) string {
	t.Helper()
	m := goodMutation(1)
	if strings.Count(m, old) != 1 {
		t.Fatalf("%q is not once in %s", old, m)
	}
	return strings.Replace(m, old, new, 1)
}

func wantFault(t *testing.T, body []byte, code fault.Code) *fault.Fault {
	t.Helper()
	_, err := DecodePush(body, DefaultLimits)
	if !fault.Is(err, code) {
		t.Errorf("%.200s: %v, want %s", body, err, code)
		return fault.New(fault.Internal, "")
	}
	f := fault.Of(err)
	if f.Message == "" || f.Hint == "" {
		t.Errorf("%s says nothing to a person: %+v", code, f)
	}
	return f
}

// problemOf decodes a push of the one mutation and gives it.
func problemOf(t *testing.T, mutation string) Received {
	t.Helper()
	p, err := DecodePush(pushOf(mutation), DefaultLimits)
	if err != nil {
		t.Fatalf("%.200s: %v", mutation, err)
	}
	return p.Mutations[0]
}

func TestDecodePush(t *testing.T) {
	t.Run("[WIRE] a push is read whole", func(t *testing.T) {
		p, err := DecodePush(pushOf(goodMutation(1), goodMutation(7)), DefaultLimits)
		if err != nil {
			t.Fatal(err)
		}
		if p.Device != someDevice || p.Epoch != "" || p.Mark != "" || p.Now.UnixMilli() != 1768108200000 || len(p.Mutations) != 2 {
			t.Fatalf("%+v", p)
		}
		m := p.Mutations[1]
		want := Op{OpCreate, "observations", someRecord, 0, map[string]any{"note": "silver van"}}
		if m.Problem != nil || m.N != 7 || m.Stamp.String() != someStamp || !m.HasTime || m.Offset != nil || m.Schema != 1 ||
			len(m.Ops) != 1 || !reflect.DeepEqual(m.Ops[0].Op, want) || m.Extra != nil || m.Ops[0].Extra != nil {
			t.Fatalf("%+v", m)
		}
	})

	t.Run("[PUSH-4] a body that is no JSON object is bad_request", func(t *testing.T) {
		good := pushOf(goodMutation(1))
		for _, body := range [][]byte{
			nil, []byte(""), []byte("null"), []byte("[]"), []byte("7"), []byte(`"text"`), []byte("{"), []byte("not json"),
			good[:len(good)-1], append(bytes.Clone(good), '}'), append(bytes.Clone(good), good...),
		} {
			wantFault(t, body, fault.BadRequest)
		}
	})

	t.Run("[PUSH-4] text that is not UTF-8 is bad_request", func(t *testing.T) {
		wantFault(t, []byte(strings.Replace(string(pushOf(goodMutation(1))), "silver", "silv\xffer", 1)), fault.BadRequest)
	})

	t.Run("[PUSH-4] a key of the envelope with a wrong type is bad_request", func(t *testing.T) {
		for key, wrong := range map[string][]string{
			"protocol":  {`"1"`, `null`, `true`, `1.5`, `{}`},
			"device":    {`1`, `null`, `[]`, `{}`},
			"epoch":     {`1`, `true`, `["x"]`},
			"now":       {`1768108200000`, `"yesterday"`, `"2026-13-01T00:00:00.000Z"`},
			"mark":      {`1`, `{}`},
			"mutations": {`null`, `{}`, `"x"`, `1`},
		} {
			for _, w := range wrong {
				var env map[string]json.RawMessage
				if err := json.Unmarshal(pushOf(goodMutation(1)), &env); err != nil {
					t.Fatal(err)
				}
				env[key] = json.RawMessage(w)
				body, err := json.Marshal(env)
				if err != nil {
					t.Fatal(err)
				}
				wantFault(t, body, fault.BadRequest)
			}
		}
		for _, missing := range []string{"protocol", "device", "mutations"} {
			wantFault(t, []byte(strings.Replace(string(pushOf()), `"`+missing+`"`, `"other"`, 1)), fault.BadRequest)
		}
	})

	t.Run("[WIRE] another protocol is unsupported_protocol", func(t *testing.T) {
		for _, n := range []string{"0", "2", "-1", "9007199254740991"} {
			wantFault(t, []byte(`{"protocol":`+n+`,"device":"x","mutations":[]}`), fault.UnsupportedProtocol)
		}
	})

	t.Run("[PUSH-4] something in mutations that is no object is bad_request", func(t *testing.T) {
		for _, m := range []string{`null`, `1`, `"x"`, `[]`, `[{"n":1}]`, `true`} {
			wantFault(t, pushOf(m), fault.BadRequest)
			wantFault(t, pushOf(goodMutation(1), m), fault.BadRequest)
		}
	})

	t.Run("[PUSH-4] an n that is no integer from 1 to 2^53-1 is bad_request", func(t *testing.T) {
		for _, n := range []string{`0`, `-1`, `9007199254740992`, `9007199254740993`, `1e400`, `1.5`, `"1"`, `null`, `true`, `[1]`} {
			wantFault(t, pushOf(swap(t, `"n":1`, `"n":`+n)), fault.BadRequest)
		}
		wantFault(t, pushOf(swap(t, `"n":1,`, ``)), fault.BadRequest)
		if m := problemOf(t, swap(t, `"n":1`, `"n":9007199254740991`)); m.N != MaxN || m.Problem != nil {
			t.Errorf("the greatest n: %+v", m)
		}
	})

	t.Run("[PUSH-4] an n twice, or one that falls, is bad_request", func(t *testing.T) {
		wantFault(t, pushOf(goodMutation(3), goodMutation(3)), fault.BadRequest)
		wantFault(t, pushOf(goodMutation(3), goodMutation(2)), fault.BadRequest)
	})

	t.Run("[PUSH-5] n may have gaps", func(t *testing.T) {
		if p, err := DecodePush(pushOf(goodMutation(3), goodMutation(900)), DefaultLimits); err != nil || len(p.Mutations) != 2 {
			t.Fatalf("%v %v", p, err)
		}
	})

	t.Run("[PUSH-13] more mutations than the limit are too_large, with the limits", func(t *testing.T) {
		for _, count := range []int{DefaultLimits.Mutations + 1, 10_000} {
			many := make([]string, count)
			for i := range many {
				many[i] = goodMutation(i + 1)
			}
			f := wantFault(t, pushOf(many...), fault.TooLarge)
			if f.Extra["limits"] != DefaultLimits || f.Retry != fault.Split {
				t.Errorf("%+v", f)
			}
			if p, err := DecodePush(pushOf(many[:DefaultLimits.Mutations]...), DefaultLimits); err != nil || len(p.Mutations) != DefaultLimits.Mutations {
				t.Errorf("exactly the limit: %v", err)
			}
		}
		if p, err := DecodePush(pushOf(), DefaultLimits); err != nil || len(p.Mutations) != 0 {
			t.Errorf("none at all: %v", err)
		}
	})

	t.Run("[PUSH-13] a body of nothing but elements or keys costs no more than its limits", func(t *testing.T) {
		many := []byte(`{"protocol":1,"device":"x","mutations":[` + strings.Repeat("0,", 1<<20) + `0]}`)
		keys := []byte(`{"protocol":1,"device":"x",` + strings.Repeat(`"k":0,`, 1<<20) + `"mutations":[]}`)
		allocated := testing.AllocsPerRun(1, func() {
			wantFault(t, many, fault.TooLarge)
			if _, err := DecodePush(keys, DefaultLimits); err != nil {
				t.Error(err)
			}
		})
		if allocated > 1000 {
			t.Errorf("%v allocations", allocated)
		}
	})
}

func TestDecodeMutation(t *testing.T) {
	wantProblem := func(t *testing.T, mutation, code string) Received {
		t.Helper()
		p, err := DecodePush(pushOf(mutation, goodMutation(2)), DefaultLimits)
		if err != nil {
			t.Errorf("%.200s: %v", mutation, err)
			return Received{}
		}
		m := p.Mutations[0]
		if m.Problem == nil || m.Problem.Code != code || m.Problem.Message == "" {
			t.Errorf("%.200s: %+v, want %s", mutation, m.Problem, code)
		}
		if m.N != 1 || m.Whole == nil || m.Content == ([32]byte{}) {
			t.Errorf("%.200s: what is refused must be kept whole: %+v", mutation, m)
		}
		if p.Mutations[1].Problem != nil {
			t.Errorf("%.200s: the next mutation suffers: %+v", mutation, p.Mutations[1].Problem)
		}
		return m
	}

	t.Run("[PUSH-4] a stamp that cannot be one is that mutation's invalid", func(t *testing.T) {
		for _, stamp := range []string{
			`"253402300799999-0000-` + someDevice + `"`, // the end of the year 9999
			`"1768108200000-0000-short"`, `"1768108200000-00g0-` + someDevice + `"`, `""`, `null`, `1768108200000`, `{}`,
		} {
			if m := wantProblem(t, swap(t, `"`+someStamp+`"`, stamp), CodeInvalid); m.HasTime {
				t.Errorf("%s has a time", stamp)
			}
		}
		wantProblem(t, swap(t, `"stamp":"`+someStamp+`",`, ``), CodeInvalid)
	})

	t.Run("[PUSH-4] anything else wrong inside a mutation is that mutation's invalid", func(t *testing.T) {
		for _, change := range [][2]string{
			{`"offset":null`, `"offset":"5"`}, {`"offset":null`, `"offset":1.5`}, {`"offset":null`, `"offset":9007199254740992`},
			{`"epoch":null`, `"epoch":7`},
			{`"schema":1`, `"schema":0`}, {`"schema":1`, `"schema":"1"`}, {`"schema":1`, `"schema":null`}, {`"schema":1`, `"other":1`},
			{`"ops":[`, `"ops":{}, "x":[`}, {`"ops":[`, `"ops":null, "x":[`}, {`"ops":[`, `"x":[`}, {`"ops":[`, `"ops":[], "x":[`},
			{`"ops":[`, `"ops":[7,`}, {`"ops":[`, `"ops":[null,`},
			{`"op":"create"`, `"op":"upsert"`}, {`"op":"create"`, `"op":1`}, {`"op":"create",`, ``},
			{`"collection":"observations"`, `"collection":""`}, {`"collection":"observations"`, `"collection":["observations"]`},
			{`"id":"` + someRecord + `"`, `"id":"x' OR 1=1 --"`}, {`"id":"` + someRecord + `"`, `"id":"A1B2C3D4E5F6G7H"`}, {`"id":"` + someRecord + `",`, ``},
			{`"base":0`, `"base":-1`}, {`"base":0`, `"base":"0"`}, {`"base":0`, `"base":1`}, {`"base":0`, `"base":null`}, {`"base":0`, `"base":0.5`},
			{`"fields":{"note":"silver van"}`, `"fields":[]`}, {`"fields":{"note":"silver van"}`, `"fields":"x"`}, {`"fields":{"note":"silver van"}`, `"fields":null`},
			{`"op":"create"`, `"op":"delete"`},
			{`"base":0,`, `"op":"update",`},
			{`"base":0,"fields":{"note":"silver van"}`, `"op":"update","base":3`},
			{`"ops":[`, `"sealed":7,"x":[`}, {`"ops":[`, `"sealed":"","x":[`}, {`"ops":[`, `"sealed":null,"x":[`},
			{`"ops":[`, `"sealed":"abc","ops":[`},
		} {
			wantProblem(t, swap(t, change[0], change[1]), CodeInvalid)
		}
	})

	t.Run("[PUSH-4] a number that nobody can hold is that mutation's invalid, and its content still tells it apart", func(t *testing.T) {
		a := wantProblem(t, swap(t, `"silver van"`, `1e400`), CodeInvalid)
		b := wantProblem(t, swap(t, `"silver van"`, `[-1e999,1]`), CodeInvalid)
		if again := problemOf(t, swap(t, `"silver van"`, ` 1e400 `)); a.Content == b.Content || again.Content != a.Content {
			t.Error("content")
		}
		if kept, err := json.Marshal(a.Whole); err != nil || !strings.Contains(string(kept), "1e400") {
			t.Errorf("%s %v", kept, err)
		}
	})

	t.Run("[LIMITS] a mutation over 1 MiB, or of more than 100 ops, is refused too_large, and the rest goes on", func(t *testing.T) {
		fill := func(size int) string {
			return swap(t, "silver van", strings.Repeat("x", size-len(goodMutation(1))+len("silver van")))
		}
		wantProblem(t, fill(MaxMutationBytes+1), CodeTooLarge)
		if m := problemOf(t, fill(MaxMutationBytes)); m.Problem != nil {
			t.Errorf("exactly the limit: %+v", m.Problem)
		}
		op := `{"op":"delete","collection":"observations","id":"` + someRecord + `","base":1}`
		ops := func(n int) string {
			return `{"n":1,"stamp":"` + someStamp + `","schema":1,"ops":[` + strings.Repeat(op+",", n-1) + op + `]}`
		}
		wantProblem(t, ops(MaxOps+1), CodeTooLarge)
		if m := problemOf(t, ops(MaxOps)); m.Problem != nil || len(m.Ops) != MaxOps {
			t.Errorf("exactly the limit: %+v", m.Problem)
		}
	})

	t.Run("[PUSH-4] a depth bomb is that mutation's invalid, and is kept as text that nests nothing", func(t *testing.T) {
		bomb := func(levels int) string {
			return swap(t, `"silver van"`, strings.Repeat("[", levels)+strings.Repeat("]", levels))
		}
		own := strings.Count(`{ops [op { fields {`, "{") + 1
		if m := problemOf(t, bomb(MaxDepth-own)); m.Problem != nil {
			t.Errorf("at the limit: %+v", m.Problem)
		}
		for _, levels := range []int{MaxDepth - own + 1, 9_000} {
			m := wantProblem(t, bomb(levels), CodeInvalid)
			if m.Whole["text"] != bomb(levels) || len(m.Whole) != 3 || m.Whole["stamp"] != someStamp {
				t.Errorf("%.200v", m.Whole)
			}
		}
		if problemOf(t, bomb(80)).Content == problemOf(t, bomb(81)).Content {
			t.Error("two bombs are one content")
		}
		// Beyond what any reader of JSON takes.
		wantFault(t, pushOf(bomb(200_000)), fault.BadRequest)
	})

	t.Run("[PUSH-9] members that are not understood are kept in Extra, of the mutation and of the op", func(t *testing.T) {
		m := problemOf(t, swap(t, `"schema":1`, `"schema":9,"mood":"calm","tags":[1]`))
		if m.Problem != nil || m.Schema != 9 || !reflect.DeepEqual(m.Extra, map[string]any{"mood": "calm", "tags": []any{1.0}}) {
			t.Errorf("%+v", m)
		}
		m = problemOf(t, swap(t, `"base":0`, `"base":0,"why":{"a":null}`))
		if m.Problem != nil || !reflect.DeepEqual(m.Ops[0].Extra, map[string]any{"why": map[string]any{"a": nil}}) {
			t.Errorf("%+v", m)
		}
	})

	t.Run("[PUSH-3] the content is stamp and ops, in whatever spelling", func(t *testing.T) {
		good := problemOf(t, goodMutation(1)).Content
		for _, same := range [][2]string{
			{`"n":1`, `"n":4`}, {`"offset":null`, `"offset":17`}, {`"epoch":null`, `"epoch":"x"`}, {`"schema":1`, `"schema":2`},
			{`"base":0`, ` "base" : 0.0 `}, {`silver`, `\u0073ilver`}, {`"schema":1`, `"schema":1,"mood":1`},
		} {
			if got := problemOf(t, swap(t, same[0], same[1])).Content; got != good {
				t.Errorf("%v changes the content", same)
			}
		}
		for _, other := range [][2]string{
			{`silver`, `Silver`}, {`1768108200000-0000`, `1768108200000-0001`}, {`"base":0`, `"base":0,"x":1`}, {`"note"`, `"nota"`},
		} {
			if got := problemOf(t, swap(t, other[0], other[1])).Content; got == good {
				t.Errorf("%v does not change the content", other)
			}
		}
		sealed := problemOf(t, swap(t, `"ops":[`, `"sealed":"abc","x":[`))
		if sealed.Problem != nil || sealed.Sealed != "abc" || fmt.Sprintf("%x", sealed.Content) != "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" {
			t.Errorf("%+v", sealed)
		}
	})
}

func TestDecodePull(t *testing.T) {
	read := func(members string) (*PullRequest, error) {
		return DecodePull([]byte(`{"protocol":1,"schema":1,"device":"`+someDevice+`"`+members+`}`), DefaultLimits)
	}

	t.Run("[WIRE] limit and wait above their maximum are clamped", func(t *testing.T) {
		for members, want := range map[string][2]int{
			``:                                {DefaultPage, 0},
			`,"limit":null,"wait":null`:       {DefaultPage, 0},
			`,"limit":0,"wait":0`:             {DefaultPage, 0},
			`,"limit":1,"wait":25`:            {1, 25},
			`,"limit":1000,"wait":26`:         {1000, 25},
			`,"limit":1001,"wait":1e9`:        {1000, 25},
			`,"limit":1e300,"wait":1e19`:      {1000, 25},
			`,"cursor":"c","mark":"m","x":[]`: {DefaultPage, 0},
		} {
			p, err := read(members)
			if err != nil || p.Limit != want[0] || p.Wait != want[1] {
				t.Errorf("%s: %+v %v", members, p, err)
			}
		}
		p, err := DecodePull([]byte(`{"protocol":1,"schema":1,"device":"x"}`), Limits{Changes: 10})
		if err != nil || p.Limit != 10 {
			t.Errorf("a page by default is beyond the server's limit: %+v %v", p, err)
		}
	})

	t.Run("[WIRE] a first pull has no cursor, a later one has", func(t *testing.T) {
		p, err := read(`,"cursor":null,"mark":null`)
		if err != nil || p.Cursor != nil || p.Mark != nil || p.Digests {
			t.Errorf("%+v %v", p, err)
		}
		p, err = read(`,"cursor":"c","mark":"m","digests":true`)
		if err != nil || p.Cursor == nil || *p.Cursor != "c" || p.Mark == nil || *p.Mark != "m" || !p.Digests {
			t.Errorf("%+v %v", p, err)
		}
	})

	t.Run("[WIRE] a pull that cannot be read is bad_request", func(t *testing.T) {
		for _, members := range []string{
			`,"limit":-1`, `,"limit":1.5`, `,"limit":"10"`, `,"limit":1e400`, `,"wait":-1`, `,"wait":true`,
			`,"cursor":5`, `,"mark":{}`, `,"digests":"yes"`, `,"schema":0`, `,"schema":null`, `,"schema":"1"`, `,"device":null`, `,"device":7`, `,"protocol":"1"`,
		} {
			if p, err := read(members); !fault.Is(err, fault.BadRequest) {
				t.Errorf("%s: %+v %v", members, p, err)
			}
		}
		for _, body := range []string{``, `null`, `[]`, `{}`, `{"protocol":1,"device":"x"}`, "{\"protocol\":1,\"device\":\"\xff\"}"} {
			if p, err := DecodePull([]byte(body), DefaultLimits); !fault.Is(err, fault.BadRequest) {
				t.Errorf("%q: %+v %v", body, p, err)
			}
		}
		if _, err := read(`,"protocol":2`); !fault.Is(err, fault.UnsupportedProtocol) {
			t.Errorf("protocol 2: %v", err)
		}
	})
}
