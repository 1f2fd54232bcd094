package wire

// Named is a record that another one names, with the name that people know.
type Named struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// InviteLook is the body of POST /api/sync/invite.
type InviteLook struct {
	Invite string `json:"invite"`
}

// InviteAnswer is what an invite would give, shown to a person before the
// device is enrolled; asking uses nothing up. Host is the server's name as it
// was asked under. ServedBy are the organizations that receive what staff save:
// never the site's owner. Unconfirmed: whoever comes by this invite is marked
// so until the organization has confirmed them.
type InviteAnswer struct {
	Role         string  `json:"role"`
	Organization Named   `json:"organization"`
	Sites        []Named `json:"sites"`
	ServedBy     []Named `json:"servedBy"`
	Expires      string  `json:"expires"` // RFC 3339, UTC
	Host         string  `json:"host"`
	Unconfirmed  bool    `json:"unconfirmed"`
}

// States of an invite.
const (
	InviteOpen    = "open"
	InviteUsed    = "used"
	InviteExpired = "expired"
	InviteEnded   = "ended"
)

// InviteRecord is an invite in a list: everything but its code, which only the
// one who made it ever saw. MadeBy is a user id, "" for the command line.
type InviteRecord struct {
	ID           string  `json:"id"`
	Role         string  `json:"role"`
	Organization Named   `json:"organization"`
	Sites        []Named `json:"sites"`
	ServedBy     []Named `json:"servedBy"`
	Uses         int     `json:"uses"`
	Used         int     `json:"used"`
	Expires      string  `json:"expires"`
	State        string  `json:"state"`
	Poster       bool    `json:"poster"`
	MadeBy       string  `json:"madeBy"`
}

// InviteRequest asks for an invite, by ids. Organization may be left out where
// it follows from the sites or is the maker's own. Uses 0 is one device, a
// poster's 200; Hours 0 is 72, a poster's a year.
type InviteRequest struct {
	Role         string   `json:"role"`
	Organization string   `json:"organization,omitempty"`
	Sites        []string `json:"sites,omitempty"`
	Uses         int      `json:"uses,omitempty"`
	Hours        int      `json:"hours,omitempty"`
	Poster       bool     `json:"poster,omitempty"`
}

// InviteMade is a new invite. Code, link and the two pictures are told this
// once. Replaced are the earlier posters of the site, which end with this one.
type InviteMade struct {
	Record   InviteRecord `json:"record"`
	Code     string       `json:"invite"`
	Link     string       `json:"link"`
	SVG      string       `json:"svg"`  // QR code of the link
	Card     string       `json:"card"` // a page to print, HTML
	Replaced []string     `json:"replaced"`
}

// InviteList is the answer of GET /api/fieldpost/invites, newest first.
type InviteList struct {
	Invites []InviteRecord `json:"invites"`
}

// Confirmed is the answer of POST /api/fieldpost/staff/{id}/confirm.
type Confirmed struct {
	ID    string `json:"id"`
	Label string `json:"label"`
}
