package access

import "slices"

// OnRosters are the roles that a roster takes: site staff and managers are
// never on one (R8).
var OnRosters = []Role{Worker, Coordinator, LawEnforcement, Provider}

// ReadsDirectory tells whether a person is told which partner organizations
// there are: those who may be on a roster with them, and admins. People of a
// site know their own organization alone. It is no rule of PocketBase's: a
// record is all of an organization, and the directory is its name and type.
func ReadsDirectory(p Person) bool {
	return p.Role == Admin || slices.Contains(OnRosters, p.Role)
}

// InDirectory tells whether an organization stands there: kind is its type,
// roles are those of its people who have not left. A business and who owns a
// site never do, or the directory would say which places are watched. An
// organization without a type does by its people.
func InDirectory(kind string, ownsSite bool, roles []Role) bool {
	if ownsSite || kind == "business" {
		return false
	}
	return kind != "" || slices.ContainsFunc(roles, func(r Role) bool { return slices.Contains(OnRosters, r) })
}
