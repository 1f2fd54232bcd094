package merge

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/fieldpost/fieldpost/internal/hlc"
)

type vectorLost struct {
	Eff   vectorTime `json:"eff"`
	Value string     `json:"value"`
	Seq   int64      `json:"seq"`
}

type vectorClock struct {
	Seq    int64                 `json:"seq"`
	Eff    vectorTime            `json:"eff"`
	Stored string                `json:"stored"`
	Lost   map[string]vectorLost `json:"lost,omitempty"`
}

func (v vectorClock) clock() Clock {
	c := Clock{Seq: v.Seq, Eff: v.Eff.time(), Stored: v.Stored}
	for device, l := range v.Lost {
		c.lose(device, Lost{l.Eff.time(), l.Value, l.Seq})
	}
	return c
}

func ofClock(c Clock) vectorClock {
	v := vectorClock{Seq: c.Seq, Eff: ofTime(c.Eff), Stored: c.Stored}
	for device, l := range c.Lost {
		if v.Lost == nil {
			v.Lost = map[string]vectorLost{}
		}
		v.Lost[device] = vectorLost{ofTime(l.Eff), l.Value, l.Seq}
	}
	return v
}

func stampOf(t *testing.T, text string) hlc.Stamp {
	t.Helper()
	s, err := hlc.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func setOf(names []string) map[string]bool {
	m := map[string]bool{}
	for _, n := range names {
		m[n] = true
	}
	return m
}

func runStep(t *testing.T, given, expect json.RawMessage) {
	in := strict[struct {
		Record string
		Fields map[string]struct {
			Policy  Policy
			Value   any
			Clock   vectorClock
			History []struct {
				Seq    int64
				Device string
				Eff    vectorTime
				Value  any
			}
			Later []int64
		}
		Edit struct {
			Base      int64
			Stored    string
			Corrected vectorTime
			Own       []string
			Fields    map[string]any
		}
	}](t, given)
	fields := map[string]Field{}
	for name, f := range in.Fields {
		field := Field{Policy: f.Policy, Value: f.Value, Clock: f.Clock.clock(), Later: map[int64]bool{}}
		for _, seq := range f.Later {
			field.Later[seq] = true
		}
		for _, p := range f.History {
			field.History = append(field.History, Past{p.Seq, p.Device, p.Eff.time(), p.Value})
		}
		fields[name] = field
	}
	out := Update(Edit{Record: in.Record, Base: in.Edit.Base, Stored: stampOf(t, in.Edit.Stored), Corrected: in.Edit.Corrected.time(),
		Own: setOf(in.Edit.Own), Fields: in.Edit.Fields}, fields)

	type change struct {
		Value any        `json:"value"`
		Eff   vectorTime `json:"eff"`
	}
	type conflict struct {
		Field string `json:"field"`
		Kept  any    `json:"kept"`
		Other any    `json:"other"`
		Lost  bool   `json:"lost"`
	}
	got := struct {
		Refused   string                 `json:"refused,omitempty"`
		Field     string                 `json:"field,omitempty"`
		Changes   map[string]change      `json:"changes,omitempty"`
		Clocks    map[string]vectorClock `json:"clocks,omitempty"`
		Conflicts []conflict             `json:"conflicts,omitempty"`
	}{Refused: out.Refused, Field: out.Field, Changes: map[string]change{}, Clocks: map[string]vectorClock{}}
	for name, c := range out.Changes {
		got.Changes[name] = change{c.Value, ofTime(c.Eff)}
	}
	for name, c := range out.Clocks {
		got.Clocks[name] = ofClock(c)
	}
	for _, c := range out.Conflicts {
		got.Conflicts = append(got.Conflicts, conflict(c))
	}
	wantJSON(t, got, expect)
}

type vectorPush struct {
	Name, Device, Stamp    string
	Offset, Received, Base int64
	Own                    []string
	Fields                 map[string]any
}

func runTrace(t *testing.T, given, expect json.RawMessage) {
	in := strict[struct {
		Record   string
		Policies map[string]Policy
		Create   struct {
			Stored    string
			Corrected vectorTime
			Fields    map[string]any
		}
		Pushes []vectorPush
		Orders json.RawMessage
	}](t, given)
	want := strict[struct {
		Fields map[string]struct {
			Value any
			Eff   vectorTime
		}
		Traced    []any
		Refused   *map[string]string
		Conflicts *int
	}](t, expect)
	for _, order := range ordersOf(t, in.Orders, in.Pushes) {
		t.Run("[MERGE-3] "+strings.Join(order, " "), func(t *testing.T) {
			r := newRecord(t, in.Record, stampOf(t, in.Create.Stored), in.Create.Corrected.time(), in.Create.Fields, in.Policies)
			refused := map[string]string{}
			for _, name := range order {
				p := in.Pushes[slices.IndexFunc(in.Pushes, func(p vectorPush) bool { return p.Name == name })]
				s := stampOf(t, p.Stamp)
				out := r.deliver(t, Edit{Base: p.Base, Stored: s, Corrected: hlc.Correct(s.Time, p.Offset, p.Received),
					Own: setOf(append(p.Own, p.Device)), Fields: p.Fields})
				if out.Refused != "" {
					refused[name] = out.Refused
				}
			}
			for name, f := range want.Fields {
				got := r.fields[name]
				if text(t, got.Value) != text(t, f.Value) || got.Clock.Eff != f.Eff.time() {
					t.Errorf("%s is %v at %v, want %v at %v", name, got.Value, got.Clock.Eff, f.Value, f.Eff)
				}
			}
			for _, value := range want.Traced {
				if !slices.ContainsFunc(r.conflicts, func(c Conflict) bool { return text(t, c.Other) == text(t, value) }) {
					t.Errorf("%v is in no conflict of %v", value, r.conflicts)
				}
			}
			if want.Refused != nil && text(t, refused) != text(t, *want.Refused) || want.Refused == nil && len(refused) > 0 {
				t.Errorf("refused: %v", refused)
			}
			if want.Conflicts != nil && len(r.conflicts) != *want.Conflicts {
				t.Errorf("conflicts: %v", r.conflicts)
			}
		})
	}
}

// ordersOf gives the orders of arrival of a trace: a list of lists of names, or
// "every" that keeps each device's own.
func ordersOf(t *testing.T, raw json.RawMessage, pushes []vectorPush) [][]string {
	t.Helper()
	var listed [][]string
	if json.Unmarshal(raw, &listed) == nil {
		for _, order := range listed {
			if len(order) != len(pushes) {
				t.Fatalf("%v does not name each push once", order)
			}
		}
		return listed
	}
	if string(raw) != `"every"` {
		t.Fatalf("orders are %s", raw)
	}
	var all [][]string
	var extend func(order []string)
	extend = func(order []string) {
		if len(order) == len(pushes) {
			all = append(all, slices.Clone(order))
			return
		}
		waiting := map[string]bool{}
		for _, p := range pushes {
			if slices.Contains(order, p.Name) || waiting[p.Device] {
				continue
			}
			waiting[p.Device] = true // its next; the ones after wait
			extend(append(order, p.Name))
		}
	}
	extend(nil)
	if len(all) == 0 || len(all) > 1000 {
		t.Fatal(fmt.Sprint(len(all), " orders"))
	}
	return all
}
