package records

import (
	"fmt"

	"github.com/fieldpost/fieldpost/internal/access"
)

// Amend changes a record of the server's own as the act of a person, or of
// nobody in particular: what became of a refused mutation (PUSH-6). The entry
// is a mutation of its own and names the person.
func (t *Tx) Amend(p *access.Person, row *Row, values map[string]any) error {
	w := t.store.System()
	if p != nil {
		w = t.store.restWriter(p.ID, t.store.Actor(*p), p)
	}
	t.NewMutation()
	if err := t.change(w, row, values); err != nil {
		return fmt.Errorf("amend %s: %w", row.collection(), err)
	}
	return nil
}

// Person finds a person, nil when there is none.
func (t *Tx) Person(id string) (*access.Person, error) {
	user, err := t.app.FindRecordById("users", id)
	if absent(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("find user %s: %w", id, err)
	}
	p := PersonOf(user)
	return &p, nil
}

// DeviceByPseudonym finds the known device of a pseudonym, nil when there is
// none. Nothing stored joins the two: each device's is computed (PUSH-6).
func (t *Tx) DeviceByPseudonym(pseudonym string) (*Device, error) {
	ids, err := t.deviceIDs("1=1", nil)
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		if t.store.Key.Device(id) == pseudonym {
			return t.Device(id)
		}
	}
	return nil, nil
}

// DevicesOf finds the devices of a person.
func (t *Tx) DevicesOf(person string) ([]*Device, error) {
	ids, err := t.deviceIDs("user={:user}", map[string]any{"user": person})
	if err != nil {
		return nil, err
	}
	var out []*Device
	for _, id := range ids {
		d, err := t.Device(id)
		if err != nil {
			return nil, err
		}
		if d != nil {
			out = append(out, d)
		}
	}
	return out, nil
}

func (t *Tx) deviceIDs(where string, params map[string]any) ([]string, error) {
	var ids []string
	err := t.app.DB().NewQuery("SELECT id FROM {{devices}} WHERE " + where + " ORDER BY id").Bind(params).Column(&ids)
	if err != nil {
		return nil, fmt.Errorf("list devices: %w", err)
	}
	return ids, nil
}
