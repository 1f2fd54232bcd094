package merge

import (
	"crypto/sha256"
	"slices"
	"strings"

	"github.com/fieldpost/fieldpost/internal/hlc"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// Update decides an edit. fields holds the state of every field that the edit
// names; one that is missing, or has no policy, is not a client's to write. The
// arguments are not changed, and the outcome shares no map with them.
//
// An edit is refused as a whole, for the alphabetically first field that calls
// for it: not_allowed (policies once and server), taken (first), invalid (a set
// that is no {add, remove}, a value that is no JSON).
func Update(edit Edit, fields map[string]Field) Outcome {
	names := make([]string, 0, len(edit.Fields))
	for name := range edit.Fields {
		names = append(names, name)
	}
	slices.Sort(names)
	out := Outcome{}
	for _, name := range names {
		d := decide(edit, name, fields[name])
		if d.refused != "" {
			return Outcome{Refused: d.refused, Field: name}
		}
		if d.change != nil {
			if out.Changes == nil {
				out.Changes = map[string]Change{}
			}
			out.Changes[name] = *d.change
		}
		if d.clock != nil {
			if out.Clocks == nil {
				out.Clocks = map[string]Clock{}
			}
			out.Clocks[name] = *d.clock
		}
		if d.conflict != nil {
			d.conflict.Field = name
			out.Conflicts = append(out.Conflicts, *d.conflict)
		}
	}
	return out
}

// decision is what becomes of one field. The zero value is "no change".
type decision struct {
	refused  string
	change   *Change
	clock    *Clock
	conflict *Conflict
}

func refuse(code string) decision { return decision{refused: code} }

func decide(edit Edit, name string, f Field) decision {
	value := edit.Fields[name]
	switch f.Policy {
	case Latest, First:
		hash := Hash(value)
		if hash == "" {
			return refuse(wire.CodeInvalid)
		}
		if f.Policy == First {
			return first(edit, f, value, hash)
		}
		return latest(edit, f, value, hash)
	case Set:
		return set(edit, f, value)
	case Once:
		if same := Hash(value); same != "" && same == Hash(f.Value) {
			return decision{}
		}
	}
	return refuse(wire.CodeNotAllowed)
}

// latest is MERGE-2: a register that the greatest (effective stamp, hash) holds.
func latest(edit Edit, f Field, value any, hash string) decision {
	saw := lastSeen(edit, f)
	if saw.is(value, hash) {
		return decision{}
	}
	self := edit.Stored.Device
	eff := hlc.Max(edit.Corrected, saw.eff.Tick())
	clock := f.Clock.forget(self)
	other := hash != Hash(f.Value)
	order := eff.Compare(clock.Eff)
	heavier := order == 0 && edit.outweighs(clock.Stored)

	if order > 0 || heavier && other {
		d := decision{change: &Change{value, eff}, clock: &clock}
		if other && othersStand(edit, f) {
			d.conflict = &Conflict{Kept: value, Other: f.Value}
		}
		clock.Eff, clock.Stored = eff, edit.Stored.String()
		return d
	}
	// No entry. The write is remembered for what its own device does next, and
	// for the trace of a value that two devices wrote.
	clock.lose(self, Lost{Eff: eff, Value: hash, Seq: clock.Seq})
	if other {
		return decision{clock: &clock, conflict: &Conflict{Kept: f.Value, Other: value, Lost: true}}
	}
	if heavier {
		// The same value with the same stamp: the heavier of the two must meet
		// a third write, whichever of them came first.
		clock.Stored = edit.Stored.String()
	}
	return decision{clock: &clock}
}

// first accepts a change of the value that was seen, and no other (MERGE-4).
func first(edit Edit, f Field, value any, hash string) decision {
	base := asOfBase(edit, f)
	saw := base
	if f.Clock.Seq > edit.Base {
		for _, p := range f.History {
			if p.Seq > edit.Base && edit.own(p.Device) && !f.Later[p.Seq] {
				saw = seen{hash: Hash(p.Value), eff: p.Eff}
			}
		}
	}
	if saw.is(value, hash) {
		return decision{}
	}
	if !saw.is(f.Value, Hash(f.Value)) {
		return refuse(wire.CodeTaken)
	}
	// The stamp decides nothing here. It rests on the base alone: what an own
	// write in between has left behind depends on who else came before it.
	clock := f.Clock.forget(edit.Stored.Device)
	clock.Eff = hlc.Max(clock.Eff, hlc.Max(edit.Corrected, base.eff.Tick()))
	clock.Stored = edit.Stored.String()
	return decision{change: &Change{value, clock.Eff}, clock: &clock}
}

// own tells whether a pseudonym is the device's or one that it descends from.
func (e Edit) own(device string) bool { return device == e.Stored.Device || e.Own[device] }

// outweighs settles a tie of effective stamps against another stored stamp.
func (e Edit) outweighs(stored string) bool {
	mine := sha256.Sum256([]byte(e.Stored.String() + ":" + e.Record))
	theirs := sha256.Sum256([]byte(stored + ":" + e.Record))
	return strings.Compare(string(mine[:]), string(theirs[:])) > 0
}
