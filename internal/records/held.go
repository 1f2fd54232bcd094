package records

import (
	"encoding/json"
	"fmt"

	"github.com/pocketbase/pocketbase/core"

	"github.com/fieldpost/fieldpost/internal/access"
)

// HeldView is a quarantine record as a person at the server's command line
// sees it. Author is empty for staff.
type HeldView struct {
	ID           string          `json:"id"`
	State        string          `json:"state"`
	Code         string          `json:"code"`
	Message      string          `json:"message"`
	Collection   string          `json:"collection"`
	Record       string          `json:"record"`
	Organization string          `json:"organization"` // its name
	Author       string          `json:"author,omitempty"`
	Mutation     json.RawMessage `json:"mutation,omitempty"`
	Repair       json.RawMessage `json:"repair,omitempty"`
}

// Quarantine lists what is held, or with all also what was dealt with, oldest
// first, without the mutations.
func (s *Store) Quarantine(all bool) ([]HeldView, error) {
	filter := "state = 'held'"
	if all {
		filter = "id != ''"
	}
	found, err := s.App.FindRecordsByFilter("quarantine", filter, "@rowid", 0, 0)
	if err != nil {
		return nil, fmt.Errorf("list quarantine: %w", err)
	}
	out := make([]HeldView, 0, len(found))
	for _, r := range found {
		out = append(out, s.heldView(r))
	}
	return out, nil
}

// QuarantineOne gives one, whole; nil when there is none.
func (s *Store) QuarantineOne(id string) (*HeldView, error) {
	r, err := s.App.FindRecordById("quarantine", id)
	if absent(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("find quarantine %s: %w", id, err)
	}
	v := s.heldView(r)
	if v.Mutation, err = json.Marshal(Plain(r.Get("mutation"))); err != nil {
		return nil, fmt.Errorf("read quarantine %s: %w", id, err)
	}
	if repair := Plain(r.Get("repair")); repair != nil {
		if v.Repair, err = json.Marshal(repair); err != nil {
			return nil, fmt.Errorf("read quarantine %s: %w", id, err)
		}
	}
	return &v, nil
}

func (s *Store) heldView(r *core.Record) HeldView {
	return HeldView{ID: r.Id, State: r.GetString("state"), Code: r.GetString("code"), Message: r.GetString("message"),
		Collection: r.GetString("collection"), Record: r.GetString("record"), Author: r.GetString("author"),
		Organization: s.nameOf(r.GetString("organization"))}
}

// nameOf is an organization's name, or its id where it has none any more.
func (s *Store) nameOf(organization string) string {
	if o, err := s.App.FindRecordById("organizations", organization); err == nil {
		return o.GetString("name")
	}
	return organization
}

// PersonBy finds a person by id or e-mail, nil when there is none.
func (s *Store) PersonBy(idOrEmail string) (*access.Person, error) {
	user, err := s.App.FindRecordById("users", idOrEmail)
	if absent(err) {
		user, err = s.App.FindAuthRecordByEmail("users", idOrEmail)
	}
	if absent(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("find user: %w", err)
	}
	p := PersonOf(user)
	return &p, nil
}

// DeviceView is a device as a person at the server's command line sees it.
// Enrolled is a day; of staff no name is kept.
type DeviceView struct {
	ID           string `json:"id"`
	Role         string `json:"role"`
	Person       string `json:"person"` // the label made for them
	Organization string `json:"organization"`
	Name         string `json:"name,omitempty"`
	Platform     string `json:"platform"`
	Enrolled     string `json:"enrolled"`
	Revoked      bool   `json:"revoked"`
}

// Devices lists the devices, newest last.
func (s *Store) Devices() ([]DeviceView, error) {
	found, err := s.App.FindRecordsByFilter("devices", "id != ''", "@rowid", 0, 0)
	if err != nil {
		return nil, fmt.Errorf("list devices: %w", err)
	}
	out := make([]DeviceView, 0, len(found))
	for _, r := range found {
		v := DeviceView{ID: r.Id, Organization: s.nameOf(r.GetString("organization")), Name: r.GetString("name"),
			Platform: r.GetString("platform"), Enrolled: cut(r.GetString("enrolled"), 10), Revoked: r.GetBool("revoked")}
		if user, err := s.App.FindRecordById("users", r.GetString("user")); err == nil {
			v.Role, v.Person = user.GetString("role"), user.GetString("label")
		}
		out = append(out, v)
	}
	return out, nil
}

// Revoke signs a device out; false when there is no such device. It is
// journalled as the system's act, as everything about devices (JOURNAL-4), and
// audited as that of actor, as in Audit.
func (p *People) Revoke(device, actor string) (bool, error) {
	r, err := p.app.FindRecordById("devices", device)
	if absent(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("revoke device %s: %w", device, err)
	}
	if r.GetBool("revoked") {
		return true, nil
	}
	r.Set("revoked", true)
	if err := p.app.Save(r); err != nil {
		return false, fmt.Errorf("revoke device %s: %w", device, err)
	}
	return true, p.Audit(Audit{Act: ActRevoke, Actor: actor, Organization: r.GetString("organization"), Collection: "devices", Record: device})
}
