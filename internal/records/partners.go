package records

import (
	"fmt"

	"github.com/pocketbase/dbx"
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
	partners, err := directory(s.App.DB(), "")
	if err != nil {
		return nil, err
	}
	return &wire.Partners{Partners: partners}, nil
}

// directory gives the organizations of the directory by name; with an id it is
// that one alone, if it is in it.
func directory(db dbx.Builder, id string) ([]wire.Partner, error) {
	var rows []struct {
		wire.Partner
		OwnsSite bool                         `db:"owns_site"`
		Roles    types.JSONArray[access.Role] `db:"roles"`
	}
	err := db.NewQuery(`SELECT o.id, o.name, o.type, EXISTS (SELECT 1 FROM {{sites}} s WHERE s.owner=o.id) AS owns_site,
		(SELECT json_group_array(DISTINCT u.role) FROM {{users}} u WHERE u.organization=o.id AND u.[[left]]='') AS roles
		FROM {{organizations}} o WHERE {:id}='' OR o.id={:id} ORDER BY o.name COLLATE NOCASE, o.id`).Bind(dbx.Params{"id": id}).All(&rows)
	if err != nil {
		return nil, fmt.Errorf("read the partner directory: %w", err)
	}
	partners := []wire.Partner{}
	for _, r := range rows {
		if access.InDirectory(r.Type, r.OwnsSite, r.Roles) {
			partners = append(partners, r.Partner)
		}
	}
	return partners, nil
}
