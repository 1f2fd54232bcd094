package exchange

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/hlc"
	"github.com/fieldpost/fieldpost/internal/records"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// keep remembers what a refused mutation would have created, so that what
// depends on it is refused too (PUSH-7), and keeps the mutation whole in
// quarantine, all but what is `taken` (PUSH-6). It gives the quarantine
// record's id.
func (s *Service) keep(tx *records.Tx, c *pushing, m *wire.Received, r *records.Refusal) (string, error) {
	k, ok := c.kept[m.N]
	if !ok {
		var err error
		if k, err = copyOf(m); err != nil {
			return "", err
		}
	}
	ops := k.ops
	for _, op := range ops {
		if _, ok := access.Table[op.collection]; ok && op.op == wire.OpCreate && hlc.ValidID(op.id) {
			if err := tx.MarkRefused(op.collection, op.id); err != nil {
				return "", err
			}
		}
	}
	if r.Code == wire.CodeTaken {
		return "", nil
	}
	whole := s.veil(c, k.text)
	if m.HasTime && c.lineage[m.Stamp.Device] == "" {
		whole = strings.ReplaceAll(whole, m.Stamp.Device, s.Key.Device(m.Stamp.Device))
	}
	values := map[string]any{"code": r.Code, "message": r.Message, "state": "held", "mutation": json.RawMessage(whole)}
	site := ""
	if len(ops) > 0 {
		values["collection"], values["record"] = clip(ops[0].collection, 200), s.veil(c, clip(ops[0].id, 200))
		site = ops[0].site
	}
	var err error
	if values["organization"], err = tx.OrganizationFor(c.device.Person, site); err != nil {
		return "", err
	}
	if c.device.Person.Role != access.Staff {
		values["author"] = c.device.Person.ID
	}
	id, _, err := tx.SystemSave(c.at, "quarantine", values)
	return id, err
}

// kept is what quarantine keeps of a mutation: its text, the device still in
// clear, and what its ops name.
type kept struct {
	text string
	ops  []opName
}

func copyOf(m *wire.Received) (kept, error) {
	text, err := wire.Canonical(legible(m.Whole))
	if err != nil {
		return kept{}, fmt.Errorf("keep mutation %d: %w", m.N, err)
	}
	return kept{string(text), named(m)}, nil
}

// worthAhead is the size, in bytes, from which a mutation is copied before it
// is known whether it will be refused.
const worthAhead = 16 << 10

// ahead makes the copies that are refused anyway, or large, outside the writer:
// everybody waits for what happens inside it.
func ahead(push *wire.Push) (map[int64]kept, error) {
	var copies map[int64]kept
	for i := range push.Mutations {
		m := &push.Mutations[i]
		if m.Problem == nil && m.Size < worthAhead {
			continue
		}
		k, err := copyOf(m)
		if err != nil {
			return nil, err
		}
		if copies == nil {
			copies = map[int64]kept{}
		}
		copies[m.N] = k
	}
	return copies, nil
}

// veil puts pseudonyms where a text names the pushing device, one that it
// descends from, or a person of staff (JOURNAL-4).
func (s *Service) veil(c *pushing, text string) string {
	for id, p := range c.lineage {
		text = strings.ReplaceAll(text, id, p)
	}
	if p := c.device.Person; p.Role == access.Staff {
		text = strings.ReplaceAll(text, p.ID, s.Key.Person(p.ID))
	}
	return text
}

// legible replaces the numbers that no float64 holds by their text: whoever
// reads the quarantine must be able to read all of it.
func legible(v any) any {
	switch x := v.(type) {
	case json.Number:
		return string(x)
	case []any:
		list := make([]any, len(x))
		for i, e := range x {
			list[i] = legible(e)
		}
		return list
	case map[string]any:
		m := make(map[string]any, len(x))
		for k, e := range x {
			m[k] = legible(e)
		}
		return m
	}
	return v
}

// opName is what an op names.
type opName struct{ op, collection, id, site string }

// named gives what the ops of a mutation name, as far as it can be read: one
// that is refused for its stamp still has ops that others depend on.
func named(m *wire.Received) []opName {
	var out []opName
	for _, h := range m.Heads { // kept as text
		out = append(out, opName{h.Op, h.Collection, h.ID, h.Site})
	}
	list, _ := m.Whole["ops"].([]any)
	for _, v := range list {
		op, _ := v.(map[string]any)
		fields, _ := op["fields"].(map[string]any)
		out = append(out, opName{word(op["op"]), word(op["collection"]), word(op["id"]), word(fields["site"])})
	}
	if list == nil && m.Heads == nil { // sealed
		for _, op := range m.Ops {
			out = append(out, opName{op.Op.Op, op.Collection, op.ID, word(op.Fields["site"])})
		}
	}
	return out
}

func word(v any) string { s, _ := v.(string); return s }

func clip(s string, n int) string {
	if len(s) > n {
		return strings.ToValidUTF8(s[:n], "")
	}
	return s
}
