package merge

import (
	"bytes"
	"maps"
	"slices"
	"strings"

	"github.com/fieldpost/fieldpost/internal/hlc"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// set decides an edit {"add": [...], "remove": [...]}: each element is a
// register of its own that the greater stamp holds, and adding in a tie. There
// are no conflicts to show. The list that results is sorted by canonical JSON.
func set(edit Edit, f Field, value any) decision {
	ops, ok := setOps(value)
	if !ok {
		return refuse(wire.CodeInvalid)
	}
	clock := f.Clock
	clock.Elements = settle(f)
	values := byHash(f.Value)
	self := edit.Stored.Device
	changed, noted := false, false
	for hash, op := range ops {
		e := clock.Elements[hash]
		saw := e.lastSeen(edit)
		if op.add == saw.Present {
			continue
		}
		next := Element{Eff: hlc.Max(edit.Corrected, saw.Eff.Tick()), Stored: edit.Stored.String(), Present: op.add}
		if !next.beats(e) {
			clock.Elements[hash] = e.lose(self, next)
			noted = true
			continue
		}
		clock.Elements[hash] = e.become(next)
		clock.Eff = hlc.Max(clock.Eff, next.Eff)
		changed = true
		if op.add {
			values[hash] = op.value
		}
	}
	if !changed {
		if noted {
			return decision{clock: &clock}
		}
		return decision{}
	}
	clock.Stored = edit.Stored.String()
	return decision{change: &Change{present(values, clock.Elements), clock.Eff}, clock: &clock}
}

type setOp struct {
	value any
	add   bool
}

// setOps reads an edit of a set, by the elements' hashes. It fails on any other
// member than lists add and remove, and on an element in both.
func setOps(value any) (map[string]setOp, bool) {
	edit, ok := value.(map[string]any)
	if !ok {
		return nil, false
	}
	ops := map[string]setOp{}
	for key, member := range edit {
		list, ok := member.([]any)
		if !ok || key != "add" && key != "remove" {
			return nil, false
		}
		for _, v := range list {
			hash := Hash(v)
			before, twice := ops[hash]
			if hash == "" || twice && before.add != (key == "add") {
				return nil, false
			}
			ops[hash] = setOp{v, key == "add"}
		}
	}
	return ops, true
}

// byHash gives the elements of a list; what is no list has none.
func byHash(value any) map[string]any {
	list, _ := value.([]any)
	elements := make(map[string]any, len(list))
	for _, v := range list {
		if hash := Hash(v); hash != "" {
			elements[hash] = v
		}
	}
	return elements
}

// settle copies a set's elements with the Seq of each state filled in. An
// element that stands in the list without a state of its own has the clock's.
func settle(f Field) map[string]Element {
	elements := make(map[string]Element, len(f.Clock.Elements))
	for hash, e := range f.Clock.Elements {
		if e.Seq == 0 {
			e.Seq = f.Clock.Seq
		}
		elements[hash] = e
	}
	for hash := range byHash(f.Value) {
		if _, has := elements[hash]; !has {
			elements[hash] = Element{Eff: f.Clock.Eff, Stored: f.Clock.Stored, Present: true, Seq: f.Clock.Seq}
		}
	}
	return elements
}

// present lists what is in the set.
func present(values map[string]any, elements map[string]Element) []any {
	type item struct {
		text  []byte
		value any
	}
	var items []item
	for hash, v := range values {
		if elements[hash].Present {
			// byHash and setOps let in nothing that has no canonical form.
			text, _ := wire.Canonical(v)
			items = append(items, item{text, v})
		}
	}
	slices.SortFunc(items, func(a, b item) int { return bytes.Compare(a.text, b.text) })
	list := make([]any, len(items))
	for i, it := range items {
		list[i] = it.value
	}
	return list
}

// beats tells which of two states holds: the greater stamp, in a tie the one
// that is present. A state does not beat its like.
func (e Element) beats(other Element) bool {
	c := e.Eff.Compare(other.Eff)
	return c > 0 || c == 0 && e.Present && !other.Present
}

// lastSeen is the element as the device saw it: the one that holds of its state
// as of base and of the device's own writes.
func (e Element) lastSeen(edit Edit) Element {
	at := Element{}
	states := append(slices.Clip(e.Before), e)
	for _, s := range states {
		if s.Seq <= edit.Base {
			at = s
		}
	}
	for _, s := range states {
		if device := s.Stored[strings.LastIndexByte(s.Stored, '-')+1:]; edit.own(device) && s.beats(at) {
			at = s
		}
	}
	for device, s := range e.Lost {
		if edit.own(device) && s.beats(at) {
			at = s
		}
	}
	return at
}

// become is the element in its next state. Seq stays 0: that of the entry to be.
func (e Element) become(next Element) Element {
	next.Lost = e.Lost
	if e.Stored != "" {
		was := e
		was.Before, was.Lost = nil, nil
		next.Before = append(slices.Clip(e.Before), was)
	}
	device := next.Stored[strings.LastIndexByte(next.Stored, '-')+1:]
	if _, has := next.Lost[device]; has {
		next.Lost = maps.Clone(next.Lost)
		delete(next.Lost, device)
		if len(next.Lost) == 0 {
			next.Lost = nil
		}
	}
	return next
}

// lose notes a write that made no state.
func (e Element) lose(device string, op Element) Element {
	e.Lost = maps.Clone(e.Lost)
	if e.Lost == nil {
		e.Lost = map[string]Element{}
	}
	e.Lost[device] = op
	return e
}
