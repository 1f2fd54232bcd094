package exchange

import (
	"encoding/json"
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
	ops := named(m)
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
	text, err := wire.Canonical(legible(m.Whole))
	if err != nil {
		return "", err
	}
	whole := s.veil(c, string(text))
	if m.HasTime && c.lineage[m.Stamp.Device] == "" {
		whole = strings.ReplaceAll(whole, m.Stamp.Device, s.Key.Device(m.Stamp.Device))
	}
	values := map[string]any{"code": r.Code, "message": r.Message, "state": "held", "mutation": rawJSON(whole)}
	site := ""
	if len(ops) > 0 {
		values["collection"], values["record"] = clip(ops[0].collection, 200), s.veil(c, clip(ops[0].id, 200))
		site = ops[0].site
	}
	values["organization"] = tx.OrganizationFor(c.device.Person, site)
	if c.device.Person.Role != access.Staff {
		values["author"] = c.device.Person.ID
	}
	id, _, err := tx.SystemSave(c.at, "quarantine", values)
	return id, err
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
	list, ok := m.Whole["ops"].([]any)
	if text, kept := m.Whole["text"].(string); kept && !ok {
		// Too deep to be kept as JSON.
		var deep struct {
			Ops []json.RawMessage `json:"ops"`
		}
		if json.Unmarshal([]byte(text), &deep) == nil {
			for _, raw := range deep.Ops {
				var op struct{ Op, Collection, ID any }
				if json.Unmarshal(raw, &op) == nil {
					list = append(list, map[string]any{"op": op.Op, "collection": op.Collection, "id": op.ID})
				}
			}
		}
	}
	for _, v := range list {
		op, _ := v.(map[string]any)
		fields, _ := op["fields"].(map[string]any)
		out = append(out, opName{word(op["op"]), word(op["collection"]), word(op["id"]), word(fields["site"])})
	}
	if list == nil { // sealed
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
