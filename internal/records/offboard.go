package records

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pocketbase/pocketbase/core"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// touched tells whether an offboarding changed anything.
func touched(o *wire.Offboarded) bool {
	return !o.Already || len(o.Devices)+len(o.Wipes)+o.Sessions+o.Invites+o.Rosters+len(o.Claims) > 0
}

// namesPeople says of every field that names a user what offboarding does
// about it. A test fails on one that is not here: whoever adds a roster or a
// task decides what becomes of it when its person leaves.
var namesPeople = map[string]string{
	"devices.user":          "signed out",
	"invites.made_by":       "ended",
	"triage.claimed_by":     "back to the queue, unless closed",
	"triage.assignee":       "back to the queue, unless closed",
	"observations.author":   "stays: who saw it does not change",
	"submissions.author":    "stays: who saw it does not change",
	"addenda.author":        "stays: who wrote it does not change",
	"attachments.author":    "stays: who took it does not change",
	"quarantine.author":     "stays: a coordinator adopts what is held",
	"lost_devices.asked_by": "stays: what was lost is still lost",
	"tips.author":           "stays: who made the call does not change",
	"rosters.person":        "taken off",
	"seals.by":              "stays: who unsealed does not change",
}

// Offboard ends all that a person has here, in one transaction: from its
// commit on nothing of theirs opens anything, but what their devices still
// hold can be handed in (PUSH-10). Again is no fault, and does what is left to
// do. wipe tells their devices to wipe themselves as well.
func (p *People) Offboard(person string, act Act, wipe bool) (*wire.Offboarded, error) {
	user, err := p.app.FindRecordById("users", person)
	if err != nil {
		return nil, fmt.Errorf("offboard %s: %w", person, err)
	}
	out := &wire.Offboarded{Person: person, Label: user.GetString("label"), Role: user.GetString("role"),
		Already: !user.GetDateTime("left").IsZero(), Devices: []string{}, Wipes: []string{}, Claims: []string{}}
	devices, err := p.app.FindRecordsByFilter("devices", "user = {:u}", "id", 0, 0, map[string]any{"u": person})
	if err != nil {
		return nil, fmt.Errorf("offboard %s: %w", person, err)
	}
	for _, d := range devices {
		if !d.GetBool("revoked") {
			out.Devices = append(out.Devices, d.Id)
		}
		if wipe && d.GetDateTime("wipe").IsZero() {
			out.Wipes = append(out.Wipes, d.Id)
		}
	}
	for _, id := range out.Devices { // a device that went with its ancestor is signed out already
		if _, err := p.SignOut(id, act); err != nil {
			return nil, err
		}
	}
	for _, id := range out.Wipes {
		if _, err := p.OrderWipe(id, act); err != nil {
			return nil, err
		}
	}
	if out.Sessions, err = p.EndSessions(person); err != nil {
		return nil, err
	}
	if err := p.DropSignIn(person); err != nil {
		return nil, err
	}
	if out.Invites, err = p.EndInvitesBy(person); err != nil {
		return nil, err
	}
	if out.Claims, err = p.releaseClaims(person, act); err != nil {
		return nil, err
	}
	if out.Rosters, err = p.takeOff(person); err != nil {
		return nil, err
	}
	if out.Rosters > 0 { // it wrote what they are on to their record
		if user, err = p.app.FindRecordById("users", person); err != nil {
			return nil, fmt.Errorf("offboard %s: %w", person, err)
		}
	}
	if !out.Already {
		if err := p.leave(user); err != nil {
			return nil, err
		}
	}
	if !touched(out) {
		return out, nil
	}
	return out, p.Audit(Audit{Act: ActOffboard, Actor: act.actor(), Organization: deviceOrganization(PersonOf(user)), Collection: "users",
		Record: person, Reason: act.Reason, Detail: map[string]any{"devices": len(out.Devices), "wipes": len(out.Wipes),
			"sessions": out.Sessions, "invites": out.Invites, "claims": len(out.Claims), "rosters": out.Rosters}})
}

// leave marks a person as gone, and makes every token and password of theirs
// worthless. Device tokens come anew from here on, for push only.
func (p *People) leave(user *core.Record) error {
	user.Set("left", p.store.Now().UTC())
	user.SetRaw("password", &core.PasswordFieldValue{Hash: "!"})
	user.RefreshTokenKey()
	if err := p.app.Save(user); err != nil {
		return fmt.Errorf("offboard %s: %w", user.Id, err)
	}
	return nil
}

// releaseClaims puts the reports that a person had taken, or was given, back
// into the queue. The journal keeps who had them, and why they came back.
func (p *People) releaseClaims(person string, act Act) ([]string, error) {
	found, err := p.app.FindRecordsByFilter("triage", "(claimed_by = {:u} || assignee = {:u}) && status != 'closed'", "id", 0, 0,
		map[string]any{"u": person})
	if err != nil {
		return nil, fmt.Errorf("release claims of %s: %w", person, err)
	}
	ids := []string{}
	for _, r := range found {
		for _, f := range []string{"claimed_by", "assignee"} {
			if r.GetString(f) == person {
				r.Set(f, "")
			}
		}
		w := p.store.System()
		if act.By != "" {
			by, err := p.app.FindRecordById("users", act.By)
			if err != nil {
				return nil, fmt.Errorf("release claims of %s: %w", person, err)
			}
			w = p.store.RestWriter(by)
		}
		w.Extra = map[string]any{"offboarded": act.Reason}
		Attach(r, w)
		if err := p.app.Save(r); err != nil {
			return nil, fmt.Errorf("release claim of %s: %w", r.Id, err)
		}
		ids = append(ids, r.Id)
	}
	return ids, nil
}

// PersonView is a person as somebody at the server's command line sees them.
type PersonView struct {
	ID           string `json:"id"`
	Label        string `json:"label"`
	Role         string `json:"role"`
	Organization string `json:"organization"` // its name
	Devices      int    `json:"devices"`      // not signed out
	Left         string `json:"left,omitempty"`
}

// AllPeople lists the people, oldest first; those who left only with left.
func (s *Store) AllPeople(left bool) ([]PersonView, error) {
	found, err := s.App.FindRecordsByFilter("users", "id != ''", "@rowid", 0, 0)
	if err != nil {
		return nil, fmt.Errorf("list people: %w", err)
	}
	var counts []struct {
		User string `db:"user"`
		N    int    `db:"n"`
	}
	if err := s.App.DB().NewQuery("SELECT [[user]], count(*) AS n FROM {{devices}} WHERE revoked=false GROUP BY [[user]]").All(&counts); err != nil {
		return nil, fmt.Errorf("list people: %w", err)
	}
	devices := map[string]int{}
	for _, c := range counts {
		devices[c.User] = c.N
	}
	out := []PersonView{}
	for _, r := range found {
		gone := r.GetDateTime("left")
		if !gone.IsZero() && !left {
			continue
		}
		v := PersonView{ID: r.Id, Label: r.GetString("label"), Role: r.GetString("role"), Organization: s.nameOf(r.GetString("organization")), Devices: devices[r.Id]}
		if !gone.IsZero() {
			v.Left = cut(gone.String(), 10)
		}
		out = append(out, v)
	}
	return out, nil
}

// PeopleNamed finds people by id, label or e-mail. A label that two people have
// gives both.
func (s *Store) PeopleNamed(name string) ([]access.Person, error) {
	if p, err := s.PersonBy(name); err != nil || p != nil {
		if p == nil {
			return nil, err
		}
		return []access.Person{*p}, nil
	}
	found, err := s.App.FindRecordsByFilter("users", "label = {:l}", "id", 0, 0, map[string]any{"l": strings.TrimSpace(name)})
	if err != nil {
		return nil, fmt.Errorf("find user: %w", err)
	}
	var out []access.Person
	for _, r := range found {
		out = append(out, PersonOf(r))
	}
	return out, nil
}

// UserRow gives a person with the values that rules read, nil when there is
// none.
func (p *People) UserRow(id string) (*access.Person, access.Values, error) {
	r, err := p.app.FindRecordById("users", id)
	if absent(err) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("find user %s: %w", id, err)
	}
	who := PersonOf(r)
	return &who, Values(r), nil
}

// UndecidedOffboarding names the fields of synced collections that name users
// and of which nobody has said what offboarding does about them; for a test.
func UndecidedOffboarding(app core.App) ([]string, error) {
	users, err := app.FindCollectionByNameOrId("users")
	if err != nil {
		return nil, err
	}
	var open []string
	for name := range access.Table {
		c, err := app.FindCollectionByNameOrId(name)
		if err != nil {
			return nil, err
		}
		for _, f := range c.Fields {
			if r, ok := f.(*core.RelationField); ok && r.CollectionId == users.Id && namesPeople[name+"."+r.Name] == "" {
				open = append(open, name+"."+r.Name)
			}
		}
	}
	slices.Sort(open)
	return open, nil
}
