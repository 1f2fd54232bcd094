package access

// Pair is a field and a value that it has.
type Pair struct{ Field, Value string }

// Narrow gives pairs of which every record that a rule shows the person has at
// least one, so that a database finds a person's records by an index instead
// of asking the rule about all that exist. None, with ok: the rule shows the
// person nothing. Not ok: it goes by something else, and each record has to be
// looked at. It never decides: what has a pair may still be hidden.
func Narrow(r Rule, p Person) (pairs []Pair, ok bool) {
	switch x := r.(type) {
	case nil:
		return nil, true
	case roleIs:
		return nil, !x.Holds(p, nil)
	case personField:
		want := p.ID
		if x.member == "organization" {
			want = p.Organization
		}
		if want == "" {
			return nil, true
		}
		return []Pair{{x.field, want}}, true
	case ownSite:
		for _, s := range p.Sites {
			if s != "" {
				pairs = append(pairs, Pair{"id", s})
			}
		}
		return pairs, true
	case onOperation:
		for _, o := range p.Operations {
			pairs = append(pairs, Pair{x.field, o})
		}
		return pairs, true
	case operationSite:
		for _, s := range p.OperationSites {
			pairs = append(pairs, Pair{"id", s})
		}
		return pairs, true
	case siteOf:
		for _, s := range p.Sites {
			if s != "" {
				pairs = append(pairs, Pair{x.field, s})
			}
		}
		return pairs, true
	case allOf:
		for _, each := range x {
			if found, bounded := Narrow(each, p); bounded && (!ok || len(found) < len(pairs)) {
				pairs, ok = found, true
			}
		}
		return pairs, ok
	case anyOf:
		for _, each := range x {
			found, bounded := Narrow(each, p)
			if !bounded {
				return nil, false
			}
			pairs = append(pairs, found...)
		}
		return pairs, true
	}
	return nil, false
}
