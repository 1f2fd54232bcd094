package shipped

// What differs from schema to schema: the fields of organizations.

// organizationFields are those of the organization number i.
func organizationFields(name string, i int) map[string]any {
	kinds := []string{"outreach", "hotel chain, family owned", "law_enforcement", "provider", "", "NGO"}
	return map[string]any{"name": name, "kind": kinds[i%len(kinds)], "allow_plate": i%2 == 0, "allow_staff_note": i%3 < 2}
}

func (m *maker) adminsStore(w *world, p *phone) {
	p.update("organizations", w.organizations[8], map[string]any{"kind": "labor union"}) // acknowledged
	p.create("organizations", map[string]any{"kind": "outreach"})                        // parked: it has no name
	p.create("organizations", map[string]any{"kind": 7, "name": "Wrong"})                // parked
	p.sync()
	parked, err := p.Outbox("parked")
	if err != nil || len(parked) != 2 {
		m.t.Fatalf("%d parked, %v", len(parked), err)
	}
	good := parked[0].Ops[0]
	good.Fields["name"] = "Named now"
	m.Clock.Add(1e9)
	if _, err := p.CorrectAs(parked[0].N, good); err != nil { // waiting
		m.t.Fatal(err)
	}
	p.update("organizations", w.organizations[9], map[string]any{"kind": "hotel chain", "allow_plate": false}) // waiting, as the rest
	p.update("organizations", w.organizations[10], map[string]any{"allow_staff_note": true, "name": "Renamed offline"})
	p.create("organizations", map[string]any{"name": "Made offline", "kind": "provider", "allow_plate": true, "allow_staff_note": true})
}

func (m *maker) organizations(w *world, p *phone) {
	p.create("organizations", map[string]any{"name": "Only a name"})
	p.create("organizations", organizationFields("All fields", 0))
	p.create("organizations", map[string]any{"name": "Of a kind of its own", "kind": "Interfaith coalition", "allow_plate": false, "allow_staff_note": false})
	o := w.organizations
	p.update("organizations", o[0], map[string]any{"name": "Partner renamed"})
	p.update("organizations", o[1], map[string]any{"kind": "law_enforcement"})
	p.update("organizations", o[2], map[string]any{"kind": "a union, and a clinic"})
	p.update("organizations", o[3], map[string]any{"allow_plate": true})
	p.update("organizations", o[4], map[string]any{"allow_plate": false})
	p.update("organizations", o[5], map[string]any{"allow_staff_note": true})
	p.update("organizations", o[6], map[string]any{"allow_staff_note": false, "allow_plate": true})
	p.update("organizations", o[7], map[string]any{"name": "All at once", "kind": "", "allow_staff_note": true, "allow_plate": true})
	p.update("organizations", o[7], map[string]any{"kind": "provider", "allow_plate": false})
	p.send("an admin creates and changes organizations, field by field")
	p.create("organizations", map[string]any{"name": "Of no type", "kind": 7})
	p.update("organizations", o[11], map[string]any{"allow_plate": "perhaps"})
	p.send("an admin's values of the wrong type")
}
