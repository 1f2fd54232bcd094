package access

// reach is how far a maker's invites go.
type reach int

const (
	nowhere  reach = iota
	own            // into the maker's own organization, at no site in particular
	served         // to sites that the maker's organization serves
	anywhere       // any organization, any site
)

// invites is who may invite whom (ENROL-2): role of the maker, role of the
// invited. A pair that is not here is refused. Nobody gives more than they
// have: a coordinator stays in the own organization, and staff and managers of
// the sites that it serves are below them; agencies of others are let in by an
// admin, who alone makes admins.
var invites = map[Role]map[Role]reach{
	Coordinator: {Worker: own, Coordinator: own, Staff: served, Manager: served},
	Admin: {Worker: anywhere, Staff: anywhere, Manager: anywhere, Coordinator: anywhere,
		LawEnforcement: anywhere, Provider: anywhere, Admin: anywhere},
}

// Place is a site as an invite needs it: ids, "" for none.
type Place struct{ ID, Owner, ServedBy string }

// Offer is what an invite gives to whoever uses it.
type Offer struct {
	Role         Role
	Organization string
	Sites        []Place
}

// Invites tells whether people of a role may make invites at all.
func Invites(maker Role) bool { return len(invites[maker]) > 0 }

// MayInvite tells whether a person may make an invite, and whether what they
// have made still holds: it is asked again when the invite is used.
func MayInvite(p Person, o Offer) bool {
	switch invites[p.Role][o.Role] {
	case anywhere:
		return o.Organization != ""
	case own:
		return p.Organization != "" && o.Organization == p.Organization && len(o.Sites) == 0
	case served:
		for _, site := range o.Sites {
			if p.Organization == "" || site.ServedBy != p.Organization || o.Organization != Employer(site) {
				return false
			}
		}
		return len(o.Sites) > 0
	}
	return false
}

// Employer is the organization that people of a site are of: its owner, and of
// a site that has none, who serves it.
func Employer(site Place) string {
	if site.Owner != "" {
		return site.Owner
	}
	return site.ServedBy
}
