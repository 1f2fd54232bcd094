package access

// Reads lists the fields of a record that a rule asks for: whoever evaluates the
// rule for many records reads these alone. Not ok: the rule has a part that this
// does not know.
func Reads(r Rule) (fields []string, ok bool) {
	switch x := r.(type) {
	case roleIs, notSent:
		return nil, true
	case personField:
		return []string{x.field}, true
	case isNot:
		return []string{x.field}, true
	case ownSite, operationSite:
		return []string{"id"}, true
	case siteOf:
		return []string{x.field}, true
	case onOperation:
		return []string{x.field}, true
	case inList:
		return []string{x.field}, true
	case flag:
		return []string{x.field}, true
	case allOf:
		return readsOf(x)
	case anyOf:
		return readsOf(x)
	}
	return nil, false
}

func readsOf(rules []Rule) (fields []string, ok bool) {
	for _, each := range rules {
		more, known := Reads(each)
		if !known {
			return nil, false
		}
		fields = append(fields, more...)
	}
	return fields, true
}
