package wire

// Counts is how many reports came to other organizations than the asker's, by
// completed weeks, so rounded that nothing small can be worked out of them.
type Counts struct {
	// Organizations is how many took part besides the asker's own; with fewer
	// than two there are no weeks.
	Organizations int `json:"organizations"`
	// Weeks are the last completed ones, the newest first.
	Weeks []CountsWeek `json:"weeks"`
}

// CountsWeek is one week from its Monday, 00:00 UTC; a report counts in the week
// in which it came. Each number is a multiple of 5: there were so many at least.
// What is not named had fewer than 5, or is withheld so that a smaller number
// cannot be worked out.
type CountsWeek struct {
	Week string `json:"week"`
	// Zone is that of the hours, as in the tz database.
	Zone      string         `json:"zone"`
	Reports   int            `json:"reports"`
	Setting   map[string]int `json:"setting"`   // by a checklist's key; "observation": written without one
	Venue     map[string]int `json:"venue"`     // by the kind of the place; "other": none, or none that ships
	Hour      map[string]int `json:"hour"`      // by the hour of the event, "0" to "23"
	Indicator map[string]int `json:"indicator"` // by an item's id: answered yes, or ticked
}
