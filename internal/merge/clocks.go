package merge

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"

	"github.com/fieldpost/fieldpost/internal/hlc"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// Hash is the SHA-256 (hex) of the canonical JSON of a value, by which values
// are compared. It is "" for what is no JSON, which equals nothing.
func Hash(value any) string {
	text, err := wire.Canonical(value)
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// Create gives the clocks of a new record's fields: all have the corrected
// stamp of the create, and sets their elements. The caller sets Seq. Fields of
// other policies than set may as well share one clock.
func Create(stored hlc.Stamp, corrected hlc.Time, fields map[string]any, policies map[string]Policy) map[string]Clock {
	clocks := make(map[string]Clock, len(fields))
	for name, value := range fields {
		c := Clock{Eff: corrected, Stored: stored.String()}
		if policies[name] == Set {
			c.Elements = map[string]Element{}
			for hash := range byHash(value) {
				c.Elements[hash] = Element{Eff: corrected, Stored: c.Stored, Present: true}
			}
		}
		clocks[name] = c
	}
	return clocks
}

// Overwrite gives the clocks after a write that had the current version as its
// base, as one by REST has (JOURNAL-1): now is the server's time, stored its
// stamp with the writer's pseudonym. values holds the new values of the fields
// that changed, a set's as the whole list; fields their state before (History
// is not needed). The caller sets Seq.
func Overwrite(stored hlc.Stamp, now hlc.Time, values map[string]any, fields map[string]Field) map[string]Clock {
	clocks := make(map[string]Clock, len(values))
	for name, value := range values {
		f := fields[name]
		c := f.Clock.forget(stored.Device)
		eff := hlc.Max(now, f.Clock.Eff.Tick())
		if f.Policy == Set {
			c.Elements = settle(f)
			listed := byHash(value)
			for hash := range listed {
				if !c.Elements[hash].Present {
					c.Elements[hash] = c.Elements[hash].become(Element{Eff: eff, Stored: stored.String(), Present: true})
				}
			}
			for hash, e := range c.Elements {
				if _, here := listed[hash]; e.Present && !here {
					c.Elements[hash] = e.become(Element{Eff: eff, Stored: stored.String()})
				}
			}
		}
		c.Eff, c.Stored = eff, stored.String()
		clocks[name] = c
	}
	return clocks
}

// forget is a copy without the lost write of a device that now writes again.
func (c Clock) forget(device string) Clock {
	if _, has := c.Lost[device]; has {
		c.Lost = maps.Clone(c.Lost)
		delete(c.Lost, device)
		if len(c.Lost) == 0 {
			c.Lost = nil
		}
	}
	return c
}

// lose notes a write that made no entry.
func (c *Clock) lose(device string, l Lost) {
	c.Lost = maps.Clone(c.Lost)
	if c.Lost == nil {
		c.Lost = map[string]Lost{}
	}
	c.Lost[device] = l
}
