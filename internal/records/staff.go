package records

import (
	"regexp"
	"slices"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/security"

	"github.com/fieldpost/fieldpost/internal/access"
)

// madeLabel is what a person is called here: enough to tell two apart, and
// nothing that anybody is called elsewhere.
func madeLabel(role access.Role) string {
	return string(role) + "-" + security.RandomStringWithAlphabet(5, "ABCDEFGHJKMNPQRSTUVWXYZ23456789")
}

var staffLabel = regexp.MustCompile(`^staff-[A-HJKMNP-Z2-9]{5}$`)

// keepUnnamed refuses what would name a person of staff in their own record,
// whoever writes it: an e-mail, a label that somebody typed, a field that
// somebody added (R8). What stood before the rule stays until it is cleared, so
// that nobody is kept from being offboarded.
func (s *Store) keepUnnamed(user *core.Record) error {
	if access.Role(user.GetString("role")) != access.Staff {
		return nil
	}
	before := user.Original()
	became := access.Role(before.GetString("role")) != access.Staff
	typed := func(field string) bool {
		return user.GetString(field) != "" && (became || user.GetString(field) != before.GetString(field))
	}
	if typed("email") {
		return invalid("email: people of a site's staff have none here. Leave it empty: their device is all that they need (R8).")
	}
	row := access.Table["users"]
	for _, f := range user.Collection().Fields {
		name := f.GetName()
		_, ours := row.Fields[name]
		if ours || f.Type() == core.FieldTypeAutodate || slices.Contains([]string{core.FieldNameId, core.FieldNamePassword, core.FieldNameTokenKey}, name) {
			continue
		}
		if !IsZero(Plain(user.Get(name))) {
			return invalid("%s: nothing more than their label is kept of people of a site's staff. Leave it empty (R8).", name)
		}
	}
	switch label := user.GetString("label"); {
	case !became && label == before.GetString("label"):
	case label == "" || became && !user.IsNew() && label == before.GetString("label"):
		user.Set("label", madeLabel(access.Staff))
	case s.writerOf(user).Actor != ActorSystem || !staffLabel.MatchString(label):
		return invalid("label: that of people of a site's staff is made, not typed. Leave it empty, or as it was (R8).")
	}
	return nil
}
