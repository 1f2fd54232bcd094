package wire

// Duty is the answer of GET /api/fieldpost/duty (R23): whether a coordinator is
// on duty where the person's reports go, until when at least, or from when
// next; in RFC 3339, null if not known. It names nobody.
type Duty struct {
	On    bool    `json:"on"`
	Until *string `json:"until"`
	Next  *string `json:"next"`
	// Alerts tells coordinators and admins alone whether this server sends mail
	// about emergencies that nobody opens.
	Alerts *bool `json:"alerts,omitempty"`
}
