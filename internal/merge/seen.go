package merge

import "github.com/fieldpost/fieldpost/internal/hlc"

// seen is a field as a device saw it: the hash of the value and its effective
// stamp. An empty hash means that nothing was there.
type seen struct {
	hash string
	eff  hlc.Time
}

// is tells whether a value is the one that was seen. Where nothing was there,
// the values that a record stores for "nothing" are equal to it.
func (s seen) is(value any, hash string) bool {
	if s.hash != "" {
		return s.hash == hash
	}
	switch x := value.(type) {
	case nil:
		return true
	case string:
		return x == ""
	case bool:
		return !x
	case float64:
		return x == 0
	case []any:
		return len(x) == 0
	case map[string]any:
		return len(x) == 0
	}
	return false
}

// asOfBase is the field as of the edit's base.
func asOfBase(edit Edit, f Field) seen {
	if f.Clock.Seq <= edit.Base {
		return seen{hash: Hash(f.Value), eff: f.Clock.Eff}
	}
	at := seen{}
	for _, p := range f.History {
		if p.Seq > edit.Base {
			break
		}
		at = seen{hash: Hash(p.Value), eff: p.Eff}
	}
	return at
}

// lastSeen is the field as the device saw it when it made the edit: the
// greatest of the field as of base and of what the device and its lineage wrote
// itself, entries or not. The greatest, because of an own write and a base the
// greater one stood when both were known. In a tie base is taken: whether an
// own write that made no entry came before or after base cannot be told.
func lastSeen(edit Edit, f Field) seen {
	at := asOfBase(edit, f)
	if f.Clock.Seq > edit.Base {
		for _, p := range f.History {
			// What the device made later, it had not seen: an edit that was put off,
			// or is sent again after a restore, comes behind it and must not win by that.
			if p.Seq > edit.Base && edit.own(p.Device) && !f.Later[p.Seq] && p.Eff.After(at.eff) {
				at = seen{hash: Hash(p.Value), eff: p.Eff}
			}
		}
	}
	lost := seen{}
	for device, l := range f.Clock.Lost {
		if !edit.own(device) {
			continue
		}
		// Of two of one stamp the greater hash: a map has no order.
		if c := l.Eff.Compare(lost.eff); c > 0 || c == 0 && l.Value > lost.hash {
			lost = seen{hash: l.Value, eff: l.Eff}
		}
	}
	if lost.eff.After(at.eff) {
		return lost
	}
	return at
}

// othersStand tells whether the value that stands is, since base, somebody
// else's too: then it may not be replaced without a trace (MERGE-2). A value
// that only the device itself wrote since may: the values that it replaced were
// kept when it did.
func othersStand(edit Edit, f Field) bool {
	if f.Clock.Seq <= edit.Base {
		return false
	}
	last := len(f.History) - 1
	if last < 0 || f.History[last].Seq < f.Clock.Seq {
		return true // untold: take it for somebody else's
	}
	// The last writes of one value: the one that set it, and raised stamps.
	standing := Hash(f.History[last].Value)
	for i := last; i >= 0 && f.History[i].Seq > edit.Base && Hash(f.History[i].Value) == standing; i-- {
		if !edit.own(f.History[i].Device) {
			return true
		}
	}
	// Writes of the same value that had the smaller stamp, and so no entry.
	for device, l := range f.Clock.Lost {
		if !edit.own(device) && l.Seq > edit.Base && l.Value == standing {
			return true
		}
	}
	return false
}
