package wire

// Partners is the answer of GET /api/fieldpost/partners: the organizations that
// may take part in something together.
type Partners struct {
	Partners []Partner `json:"partners"`
}

// Partner is one of them, with what is needed to pick it and no more.
type Partner struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Type string `json:"type"` // one of OrganizationTypes; "": nobody has said
}
