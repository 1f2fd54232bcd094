package wire

// UnsealRequest is the body of POST /api/fieldpost/reports/{id}/unseal.
type UnsealRequest struct {
	Reason string `json:"reason"`
}

// Unsealed is its answer: who wrote a staff report, and who was told so before.
type Unsealed struct {
	Report string     `json:"report"`
	Person Author     `json:"person"`
	Before []Unsealer `json:"before"`
}

// Author is a person of staff as coordinators know them.
type Author struct {
	ID    string `json:"id"`
	Label string `json:"label"`
}

// Unsealer is somebody who had the author made known, when and why.
type Unsealer struct {
	By     string `json:"by"`
	At     string `json:"at"`
	Reason string `json:"reason"`
}

// SiteNumbers is what a site's manager is told (R8): the last completed weeks,
// the newest first, each with a count of 5 or more, or none.
type SiteNumbers struct {
	Site  string       `json:"site"`
	Weeks []WeekNumber `json:"weeks"`
}

// WeekNumber is one week from its Monday, 00:00 UTC. Reports is null where the
// number is below 5 or the site has fewer than 5 staff.
type WeekNumber struct {
	Week    string `json:"week"`
	Reports *int   `json:"reports"`
}
