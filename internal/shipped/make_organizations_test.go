package shipped

import "github.com/fieldpost/fieldpost/client"

// What differs from schema to schema: the fields of organizations.

// organizationFields are those of the organization number i.
func organizationFields(name string, i int) map[string]any {
	types := []string{"outreach", "other", "law_enforcement", "service_provider", "", "faith"}
	allows := [][]any{{"plates", "staff_notes"}, {"staff_notes"}, {"plates"}}
	f := map[string]any{"name": name, "type": types[i%len(types)], "allows": allows[i%len(allows)]}
	if f["type"] == "other" {
		f["type_text"] = "hotel chain, family owned"
	}
	return f
}

func add(elements ...any) map[string]any    { return map[string]any{"add": elements} }
func remove(elements ...any) map[string]any { return map[string]any{"remove": elements} }

func (m *maker) adminsStore(w *world, p *phone) {
	p.update("organizations", w.organizations[8], map[string]any{"type": "labor"}) // acknowledged
	p.create("organizations", map[string]any{"type": "outreach"})                  // parked: it has no name
	p.create("organizations", map[string]any{"type": 7, "name": "Wrong"})          // parked
	p.sync()
	parked, err := p.Outbox(client.Parked)
	if err != nil || len(parked) != 2 {
		m.t.Fatalf("%d parked, %v", len(parked), err)
	}
	good := parked[0].Ops[0]
	good.Fields["name"] = "Named now"
	m.Clock.Add(1e9)
	if _, err := p.CorrectAs(parked[0].N, good); err != nil { // waiting
		m.t.Fatal(err)
	}
	p.update("organizations", w.organizations[9], map[string]any{"type": "business", "type_text": "hotel chain", "allows": remove("plates")}) // waiting, as the rest
	p.update("organizations", w.organizations[10], map[string]any{"allows": add("plates"), "name": "Renamed offline"})
	p.create("organizations", map[string]any{"name": "Made offline", "type": "health", "allows": []any{"staff_notes", "plates"}})
}

func (m *maker) organizations(w *world, p *phone) {
	p.create("organizations", map[string]any{"name": "Only a name"})
	p.create("organizations", organizationFields("All fields", 1))
	p.create("organizations", map[string]any{"name": "Allows nothing", "type": "international", "allows": []any{}})
	o := w.organizations
	p.update("organizations", o[0], map[string]any{"name": "Partner renamed"})
	p.update("organizations", o[1], map[string]any{"type": "law_enforcement"})
	p.update("organizations", o[2], map[string]any{"type_text": "a union, and a clinic"})
	p.update("organizations", o[4], map[string]any{"allows": add("plates")})
	p.update("organizations", o[5], map[string]any{"allows": remove("plates")})
	p.update("organizations", o[7], map[string]any{"name": "All at once", "type": "", "allows": map[string]any{"add": []any{"plates"}, "remove": []any{"staff_notes"}}})
	p.update("organizations", o[7], map[string]any{"type": "government", "allows": add("staff_notes")})
	p.send("an admin creates and changes organizations, field by field")
	p.create("organizations", map[string]any{"name": "Of no type", "type": "guild"})
	p.update("organizations", o[11], map[string]any{"allows": add("everything")})
	p.update("organizations", o[11], map[string]any{"allows": []any{"plates"}})
	p.send("an admin's values of the wrong type")
}
