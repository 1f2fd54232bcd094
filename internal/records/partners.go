package records

import (
	"fmt"
	"slices"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
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

// checkPartners keeps whom nobody is told of out of an operation: its people who
// may be on rosters would be shown it, and who owns one of its sites would read
// that the site is watched. Of an organization that is there, and of one that is
// not, the answer is the same. What stood before stays: who has left the
// directory meanwhile stops no other change.
func checkPartners(app core.App, d *draft) error {
	was := namedIn(d.before, "organizations")
	for _, id := range namedIn(d.values, "organizations") {
		if id == d.text("organization") || slices.Contains(was, id) {
			continue
		}
		found, err := directory(app.DB(), id)
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return refuse(wire.CodeNotAllowed, "organizations names one that is not in the partner directory.")
		}
	}
	return nil
}

// checkServed keeps sites that another organization serves out of an operation: it
// would show them to whom its maker puts on the roster, with each operation that
// follows for another year.
func checkServed(app core.App, d *draft) error {
	was := namedIn(d.before, "sites")
	for _, id := range namedIn(d.values, "sites") {
		if slices.Contains(was, id) {
			continue
		}
		var others int
		err := app.DB().NewQuery("SELECT count(*) FROM {{sites}} WHERE id={:id} AND served_by!={:o}").Bind(dbx.Params{"id": id, "o": d.text("organization")}).Row(&others)
		if err != nil {
			return fmt.Errorf("find who serves site %s: %w", id, err)
		}
		if others > 0 {
			return refuse(wire.CodeNotAllowed, "sites names one that your organization does not serve.")
		}
	}
	return nil
}

// namedIn gives the ids of a field that lists some.
func namedIn(values access.Values, field string) []string {
	list, _ := values[field].([]any)
	out := make([]string, 0, len(list))
	for _, id := range list {
		out = append(out, textOf(id))
	}
	return out
}
