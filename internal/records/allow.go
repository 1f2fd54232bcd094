package records

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pocketbase/dbx"

	"github.com/fieldpost/fieldpost/internal/fault"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// Allow lets an organization's people write something, or no more: one of
// wire.Allowances. organization is an id or a name. It gives what is allowed
// from now on; the change is audited. The error is a *fault.Fault where it
// cannot be done.
func (s *Store) Allow(organization, what string, on bool) (now []string, err error) {
	if !slices.Contains(wire.Allowances, what) {
		return nil, fault.Newf(fault.BadRequest, "What can be allowed is %s.", strings.Join(wire.Allowances, ", "))
	}
	err = s.TransactPeople(func(p *People) error {
		found, err := p.app.FindRecordsByFilter("organizations", "id = {:o} || name = {:o}", "id", 2, 0, dbx.Params{"o": organization})
		if err != nil {
			return fmt.Errorf("find organization %s: %w", organization, err)
		}
		if len(found) != 1 {
			return fault.Newf(fault.NotFound, "%d organizations have this id or name.", len(found))
		}
		r := found[0]
		now = slices.DeleteFunc(r.GetStringSlice("allows"), func(a string) bool { return a == what })
		if on {
			now = append(now, what)
		}
		slices.Sort(now)
		r.Set("allows", now)
		if err := p.app.Save(r); err != nil {
			return fmt.Errorf("change organization %s: %w", r.Id, err)
		}
		return p.Audit(Audit{Act: ActSettings, Actor: ActorOperator, Organization: r.Id, Collection: "organizations", Record: r.Id,
			Detail: map[string]any{"allows": now}})
	})
	return now, err
}
