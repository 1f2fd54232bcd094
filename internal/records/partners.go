package records

import (
	"fmt"

	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/fault"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// Partners is the partner directory for a person, by name: see
// access.InDirectory. The error is a *fault.Fault where it is not for them.
func (s *Store) Partners(by string) (*wire.Partners, error) {
	person, err := s.Person(s.App, by)
	if err != nil {
		return nil, err
	}
	if !access.ReadsDirectory(*person) {
		return nil, fault.New(fault.NotAllowed, "Which organizations there are is not for people of a site.")
	}
	var rows []struct {
		wire.Partner
		OwnsSite bool                         `db:"owns_site"`
		Roles    types.JSONArray[access.Role] `db:"roles"`
	}
	err = s.App.DB().NewQuery(`SELECT o.id, o.name, o.type, EXISTS (SELECT 1 FROM {{sites}} s WHERE s.owner=o.id) AS owns_site,
		(SELECT json_group_array(DISTINCT u.role) FROM {{users}} u WHERE u.organization=o.id AND u.[[left]]='') AS roles
		FROM {{organizations}} o ORDER BY o.name COLLATE NOCASE, o.id`).All(&rows)
	if err != nil {
		return nil, fmt.Errorf("read the partner directory: %w", err)
	}
	out := &wire.Partners{Partners: []wire.Partner{}}
	for _, r := range rows {
		if access.InDirectory(r.Type, r.OwnsSite, r.Roles) {
			out.Partners = append(out.Partners, r.Partner)
		}
	}
	return out, nil
}
