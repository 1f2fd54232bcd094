package access

// contentRow is the row of content beside checklists: about nobody, loaded by
// the server. Who may read it is who needs it; who manages it verifies a line.
func contentRow(name string, readers roleIs, more ...string) Collection {
	return Collection{
		Name:     name,
		List:     allOf{readers, flag{"published"}},
		Manage:   roleIs{Coordinator, Admin},
		Fields:   fields(server, append([]string{"key", "body", "published", "shipped"}, more...)...),
		Audience: func(Values) []string { return []string{"all"} },
	}
}
