package exchange_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/pocketbase/dbx"

	"github.com/fieldpost/fieldpost/internal/hlc"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// nested is a list in a list in a list.
func nested(depth int) json.RawMessage {
	return json.RawMessage(strings.Repeat("[", depth) + strings.Repeat("]", depth))
}

// poisons are mutations that each have one thing wrong, with the code that
// says so.
func poisons(t *testing.T, w *town, d *rig.Device) []poison {
	t.Helper()
	good := func() wire.Mutation {
		return wire.Mutation{Stamp: hlc.Stamp{Time: hlc.Time{Ms: w.Clock.Now().UnixMilli() - 1000}, Device: d.ID}.String(), Schema: 1,
			Ops: []wire.Op{rig.Create("observations", rig.ID(), w.Observation(""))}}
	}
	m := func(members map[string]any) map[string]any { return bend(t, good(), members) }
	op := func(members map[string]any) map[string]any { return bendOp(t, good(), members) }
	field := func(name string, value any) map[string]any {
		return op(map[string]any{"fields": with(w.Observation(""), name, value)})
	}
	many := make([]any, wire.MaxOps+1)
	for i := range many {
		many[i] = rig.Create("observations", rig.ID(), w.Observation(""))
	}
	const invalid, large = wire.CodeInvalid, wire.CodeTooLarge
	return []poison{
		{"no stamp", m(map[string]any{"stamp": nil}), invalid},
		{"a stamp that is a number", m(map[string]any{"stamp": 1770439272318}), invalid},
		{"a stamp of the year 9999", m(map[string]any{"stamp": "253402300799999-0000-" + d.ID}), invalid},
		{"a stamp before time began", m(map[string]any{"stamp": "-770439272318-0000-" + d.ID}), invalid},
		{"a stamp with capitals", m(map[string]any{"stamp": "1770439272318-000A-" + d.ID}), invalid},
		{"a stamp without a device", m(map[string]any{"stamp": "1770439272318-0000-"}), invalid},
		{"a stamp that is SQL", m(map[string]any{"stamp": "'; DROP TABLE journal_entry; --"}), invalid},
		{"an offset in words", m(map[string]any{"offset": "12"}), invalid},
		{"an offset with a fraction", m(map[string]any{"offset": 0.5}), invalid},
		{"an offset beyond all numbers", m(map[string]any{"offset": json.RawMessage("1e300")}), invalid},
		{"an epoch that is no text", m(map[string]any{"epoch": 7}), invalid},
		{"schema 0", m(map[string]any{"schema": 0}), invalid},
		{"no schema", m(map[string]any{"schema": nil}), invalid},
		{"no ops", m(map[string]any{"ops": nil}), invalid},
		{"an empty list of ops", m(map[string]any{"ops": []any{}}), invalid},
		{"ops that are an object", m(map[string]any{"ops": map[string]any{}}), invalid},
		{"a sealed part that opens for nobody", m(map[string]any{"ops": nil, "sealed": "AAAA"}), invalid},
		{"ops and a sealed part", m(map[string]any{"sealed": "AAAA"}), invalid},
		{"an op that is a text", m(map[string]any{"ops": []any{"create"}}), invalid},
		{"101 ops", m(map[string]any{"ops": many}), large},
		{"an op that nobody knows", op(map[string]any{"op": "upsert"}), invalid},
		{"no op", op(map[string]any{"op": nil}), invalid},
		{"no collection", op(map[string]any{"collection": nil}), invalid},
		{"a collection that is a list", op(map[string]any{"collection": []any{"observations"}}), invalid},
		{"a collection that is SQL", op(map[string]any{"collection": "observations; DROP TABLE observations"}), wire.CodeUnknownCollection},
		{"a collection of the journal", op(map[string]any{"collection": "journal_entry"}), wire.CodeUnknownCollection},
		{"the superusers", op(map[string]any{"collection": "_superusers"}), wire.CodeUnknownCollection},
		{"no id", op(map[string]any{"id": nil}), invalid},
		{"an id that is a filter", op(map[string]any{"id": `x" || 1=1 || "`}), invalid},
		{"an id that is SQL", op(map[string]any{"id": "' OR ''='' --  "}), invalid},
		{"an id with capitals", op(map[string]any{"id": "ABCDEFGHIJKLMNO"}), invalid},
		{"an id of 16", op(map[string]any{"id": "abcdefghijklmnop"}), invalid},
		{"a base below 0", op(map[string]any{"base": -1}), invalid},
		{"a base in words", op(map[string]any{"base": "0"}), invalid},
		{"a create with a base", op(map[string]any{"base": 3}), invalid},
		{"an update without a base", op(map[string]any{"op": "update", "base": nil}), invalid},
		{"an update without fields", op(map[string]any{"op": "update", "fields": nil}), invalid},
		{"a delete with fields", op(map[string]any{"op": "delete"}), invalid},
		{"fields that are a list", op(map[string]any{"fields": []any{}}), invalid},
		{"no event time", field("event_time", nil), invalid},
		{"an event time in words", field("event_time", "yesterday"), invalid},
		{"an event time that is a number", field("event_time", 1770439272318), invalid},
		{"indicators that are no list", field("indicators", "core.01"), invalid},
		{"an indicator that nobody knows", field("indicators", []any{map[string]any{"indicator": "no.99", "basis": "saw"}}), invalid},
		{"a basis that is neither", field("indicators", []any{map[string]any{"indicator": "core.01", "basis": "guessed"}}), invalid},
		{"a note that is an object", field("note", map[string]any{}), invalid},
		{"a note beyond its length", field("note", strings.Repeat("x", 20_001)), invalid},
		{"people in words", field("people", "two"), invalid},
		{"people beyond all numbers", field("people", json.RawMessage("1e400")), invalid},
		{"a point off the earth", field("point", map[string]any{"lat": 91, "lon": 0}), invalid},
		{"a person with a name", field("persons", []any{map[string]any{"age": "adult", "name": "x"}}), invalid},
		{"minor_possible in words", field("minor_possible", "yes"), invalid},
		{"a site that is no id", field("site", "Hotel one"), invalid},
		{"nested 65 levels", field("point", nested(70)), invalid},
		{"nested 10,000 levels", field("point", nested(9_000)), invalid},
		{"more than 1 MiB", field("note", strings.Repeat("x", 1<<20)), large},
	}
}

type poison struct {
	name     string
	mutation map[string]any
	code     string
}

func TestPushAnswersEveryMutation(t *testing.T) {
	w := newTown(t)

	t.Run("[PUSH-4] one bad mutation among twenty: nineteen are applied, it is refused and kept", func(t *testing.T) {
		w.on(t)
		for i := range poisons(t, w, w.NewDevice()) {
			rosa := w.worker() // their stamps are alike, so each has a device of its own
			p := poisons(t, w, rosa)[i]
			var list []any
			var ids []string
			for range 20 {
				ids = append(ids, rig.ID())
				list = append(list, rosa.Mutation(rig.Create("observations", ids[len(ids)-1], w.Observation(""))))
			}
			bad := 7
			p.mutation["n"] = bad + 1
			list[bad] = p.mutation
			before := w.count("quarantine")
			for i, v := range pushLoose(t, rosa, list...) {
				switch {
				case v.N != int64(i+1):
					t.Fatalf("%s: %+v stands at %d", p.name, v, i)
				case i == bad && (v.Verdict != wire.Refused || v.Code != p.code || v.Message == "" || v.Quarantine == ""):
					t.Fatalf("%s: %+v, want refused %s", p.name, v, p.code)
				case i == bad:
					kept := w.record("quarantine", v.Quarantine)
					if kept["code"] != p.code || kept["state"] != "held" || kept["author"] != rosa.User.ID || kept["organization"] != w.ngo {
						t.Fatalf("%s: kept as %v", p.name, kept)
					}
				case v.Verdict != wire.Applied || w.record("observations", ids[i]) == nil:
					t.Fatalf("%s: %+v", p.name, v)
				}
			}
			rig.Want(t, w.count("quarantine"), before+1)
			// It stays refused, and asking again keeps nothing twice.
			if v := pushLoose(t, rosa, list[bad])[0]; !v.Replayed || v.Code != p.code {
				t.Fatalf("%s: %+v", p.name, v)
			}
			rig.Want(t, w.count("quarantine"), before+1)
		}
	})
	t.Run("[PUSH-4] what was refused can be read by the coordinator's next pull, whatever is in it", func(t *testing.T) {
		w.on(t)
		keisha := w.coordinator()
		rig.Want(t, len(keisha.Fresh()["quarantine"]), w.count("quarantine"))
	})
	t.Run("[PUSH-4] a refused one holds back only what depends on it", func(t *testing.T) {
		w.on(t)
		rosa := w.worker()
		bad, good := rig.ID(), rig.ID()
		addendum := func(report string) wire.Op {
			return rig.Create("addenda", rig.ID(), map[string]any{"observation": report, "text": "more"})
		}
		v := rosa.Push(
			rosa.Mutation(rig.Create("observations", bad, map[string]any{"event_time": "never", "indicators": []any{}})),
			rosa.Mutation(rig.Create("observations", good, w.Observation(""))),
			rosa.Mutation(addendum(bad)),
			rosa.Mutation(addendum(good)),
			rosa.Mutation(addendum(good), addendum(bad)),
			rosa.Mutation(rig.Create("observations", rig.ID(), w.Observation(""))),
		)
		verdict(t, v[0], wire.Refused, wire.CodeInvalid)
		applied(t, v[1])
		verdict(t, v[2], wire.Refused, wire.CodeDependsOnRefused)
		applied(t, v[3])
		verdict(t, v[4], wire.Refused, wire.CodeDependsOnRefused)
		applied(t, v[5])
		rig.Want(t, len(w.rows(`SELECT 1 FROM addenda`, nil)), 1)
	})
	t.Run("[PUSH-4] a request whose envelope is wrong is refused whole, and nothing of it is applied", func(t *testing.T) {
		w.on(t)
		rosa := w.worker()
		good := loose(t, rosa.Mutation(rig.Create("observations", rig.ID(), w.Observation(""))))
		n := func(v any) map[string]any {
			m := map[string]any{}
			for k, x := range good {
				m[k] = x
			}
			m["n"] = v
			if v == nil {
				delete(m, "n")
			}
			return m
		}
		env := func(key string, value any) []byte {
			e := envelope(rosa, good)
			e[key] = value
			return mustJSON(t, e)
		}
		whole := mustJSON(t, envelope(rosa, good))
		bodies := map[string][]byte{
			"no body": nil, "no JSON": []byte("mutations"), "a list": []byte("[]"), "null": []byte("null"), "a text": []byte(`"push"`),
			"half a body": whole[:len(whole)/2], "a body and more": append(append([]byte{}, whole...), '}'),
			"no UTF-8":                  []byte(strings.Replace(string(whole), "silver", "\xff\xfe", 1)),
			"device that is a number":   env("device", 7),
			"epoch that is a number":    env("epoch", 7),
			"mark that is an object":    env("mark", map[string]any{}),
			"now in words":              env("now", "now"),
			"now that is a number":      env("now", 1770439272318),
			"protocol in words":         env("protocol", "1"),
			"no protocol":               env("protocol", nil),
			"mutations that are null":   env("mutations", nil),
			"mutations in an object":    env("mutations", map[string]any{"0": good}),
			"a mutation that is null":   env("mutations", []any{good, nil}),
			"a mutation that is a list": env("mutations", []any{good, []any{}}),
			"a mutation that is a text": env("mutations", []any{"x"}),
			"an n that stands twice":    env("mutations", []any{n(4), n(4)}),
			"an n that goes back":       env("mutations", []any{n(4), n(3)}),
		}
		for name, v := range map[string]any{"no n": nil, "n 0": 0, "n -1": -1, "n 1.5": 1.5, "n in words": "1", "n true": true,
			"n of 2^53": json.RawMessage("9007199254740992"), "n of 1e400": json.RawMessage("1e400"), "n null": json.RawMessage("null")} {
			bodies[name] = env("mutations", []any{n(v)})
		}
		before := w.print()
		for name, body := range bodies {
			a := w.postPush(rosa, body, nil)
			if a.status != http.StatusBadRequest {
				t.Fatalf("%s: %d %s", name, a.status, a.body)
			}
			a.is(t, http.StatusBadRequest, "bad_request", "never")
		}
		w.postPush(rosa, env("protocol", 2), nil).is(t, http.StatusBadRequest, "unsupported_protocol", "never")
		w.unchanged(before)
		applied(t, pushLoose(t, rosa, good)[0])
	})
	t.Run("[PUSH-4] a push of nothing is answered with no verdicts, as a list", func(t *testing.T) {
		w.on(t)
		rosa := w.worker()
		before := w.print()
		a := w.postPush(rosa, mustJSON(t, envelope(rosa)), nil)
		if a.status != http.StatusOK || !strings.Contains(string(a.body), `"verdicts":[]`) {
			t.Fatalf("%d %s", a.status, a.body)
		}
		w.unchanged(before)
		got := object(t, a.body)
		for _, key := range []string{"epoch", "now", "mark", "durableSeq"} {
			if _, there := got[key]; !there || got[key] == "" {
				t.Fatalf("no %s in %s", key, a.body)
			}
		}
		if _, there := got["rewound"]; there {
			t.Fatalf("%s", a.body)
		}
	})
	t.Run("[PUSH-4] keys of the envelope that nobody knows are for later versions", func(t *testing.T) {
		w.on(t)
		rosa := w.worker()
		e := envelope(rosa, rosa.Mutation(rig.Create("observations", rig.ID(), w.Observation(""))))
		e["battery"], e["Device"] = 30, "not the device"
		a := w.postPush(rosa, mustJSON(t, e), nil)
		if a.status != http.StatusOK || !strings.Contains(string(a.body), `"verdict":"applied"`) {
			t.Fatalf("%d %s", a.status, a.body)
		}
	})
}

func TestPushKeepsOrder(t *testing.T) {
	w := newTown(t)
	t.Run("[PUSH-5] n may have gaps, within a request and between two", func(t *testing.T) {
		w.on(t)
		rosa := w.worker()
		send := func(ns ...int64) {
			t.Helper()
			var list []any
			for _, n := range ns {
				m := rosa.Mutation(rig.Create("observations", rig.ID(), w.Observation("")))
				m.N = n
				list = append(list, m)
			}
			for i, v := range pushLoose(t, rosa, list...) {
				if applied(t, v).N != ns[i] {
					t.Fatalf("%+v", v)
				}
			}
		}
		send(3, 10, 500)
		send(501, 40_000)
		send(4) // one that was left behind
		send(wire.MaxN)
	})
	t.Run("[PUSH-5] within a request the order of n holds, through ops of one and of several", func(t *testing.T) {
		w.on(t)
		keisha := w.coordinator()
		id := rig.ID()
		list := []wire.Mutation{keisha.Mutation(rig.Create("sites", id, map[string]any{"name": "0", "venue": "hotel"}))}
		for i := 1; i <= 12; i++ {
			ops := []wire.Op{rig.Update("sites", id, 0, map[string]any{"name": fmt.Sprint(i)})}
			if i%3 == 0 {
				ops = append(ops, rig.Update("sites", id, 0, map[string]any{"notes": fmt.Sprint(i)}))
			}
			list = append(list, keisha.Mutation(ops...))
		}
		last := int64(0)
		for _, v := range keisha.Push(list...) {
			if applied(t, v).Seq <= last {
				t.Fatalf("%+v comes after %d", v, last)
			}
			last = v.Seq
		}
		got := w.record("sites", id)
		rig.Want(t, []any{got["name"], got["notes"]}, []any{"12", "12"})
		var names []any
		for _, e := range w.past("sites", id) {
			if n, ok := e.Fields["name"]; ok {
				names = append(names, n)
			}
		}
		rig.Want(t, names, []any{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12"})
	})
	t.Run("[PUSH-5] two requests of one device at once end well, each mutation once", func(t *testing.T) {
		w.on(t)
		rosa := w.worker()
		note := rig.ID()
		var list []wire.Mutation
		for i := range 6 {
			ops := []wire.Op{rig.Create("observations", rig.ID(), with(w.Observation(""), "note", note))}
			if i%2 == 1 {
				ops = append(ops, rig.Create("observations", rig.ID(), with(w.Observation(""), "note", note)))
			}
			list = append(list, rosa.Mutation(ops...))
		}
		fresh := make([]int, 4)
		var wg sync.WaitGroup
		for i := range fresh {
			d := *rosa
			wg.Go(func() {
				status, a, e := d.TryPush(list...)
				if status != http.StatusOK {
					t.Errorf("%d %+v", status, e)
					return
				}
				for _, v := range a.Verdicts {
					if v.Verdict != wire.Applied {
						t.Errorf("%+v", v)
					}
					if !v.Replayed {
						fresh[i]++
					}
				}
			})
		}
		wg.Wait()
		rig.Want(t, fresh[0]+fresh[1]+fresh[2]+fresh[3], len(list))
		rig.Want(t, len(w.rows(`SELECT 1 FROM observations WHERE note={:n}`, dbx.Params{"n": note})), 9)
	})
	t.Run("[PUSH-5] devices that push at once share commits, and each gets its own verdicts", func(t *testing.T) {
		w.on(t)
		var wg sync.WaitGroup
		for range 12 {
			d := w.worker()
			wg.Go(func() {
				for range 3 {
					site := with(w.Observation(w.site), "note", d.ID[:4])
					v := d.Push(d.Mutation(rig.Create("observations", rig.ID(), site)),
						d.Mutation(rig.Create("observations", rig.ID(), map[string]any{})),
						d.Mutation(rig.Create("observations", rig.ID(), site), rig.Create("observations", rig.ID(), site)))
					if v[0].Verdict != wire.Applied || v[1].Verdict != wire.Refused || v[2].Verdict != wire.Applied || v[2].Seq <= v[0].Seq {
						t.Errorf("%+v", v)
					}
				}
			})
		}
		wg.Wait()
		report, err := w.S.Store.Journal().Verify()
		if err != nil || report.Bad != 0 {
			t.Fatalf("%+v %v", report, err)
		}
	})
}
