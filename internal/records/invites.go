package records

import (
	"fmt"
	"slices"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// Invite is an invite without its code.
type Invite struct {
	ID           string
	Role         access.Role
	Organization string
	Sites        []string
	Uses, Used   int
	Expires      time.Time
	MadeBy       string    // a user id; "" for the command line
	Keeper       string    // the organization whose coordinators look after it
	Ended        time.Time // zero: it was not ended
	Poster       bool      // whoever it admits is unconfirmed
	record       *core.Record
}

// State is how an invite stands at a time: one of the wire.Invite words.
func (i *Invite) State(now time.Time) string {
	switch {
	case !i.Ended.IsZero():
		return wire.InviteEnded
	case !now.Before(i.Expires):
		return wire.InviteExpired
	case i.Used >= i.Uses:
		return wire.InviteUsed
	}
	return wire.InviteOpen
}

func inviteOf(r *core.Record) *Invite {
	return &Invite{ID: r.Id, Role: access.Role(r.GetString("role")), Organization: r.GetString("organization"),
		Sites: r.GetStringSlice("sites"), Uses: r.GetInt("uses"), Used: r.GetInt("used"),
		Expires: r.GetDateTime("expires").Time(), MadeBy: r.GetString("made_by"), Keeper: r.GetString("keeper"),
		Ended: r.GetDateTime("ended").Time(), Poster: r.GetBool("poster"), record: r}
}

// Invite finds an invite by the HMAC of its code, nil when there is none.
func (p *People) Invite(code string) (*Invite, error) { return findInvite(p.app, "code", code) }

// InviteByID finds an invite by its id, nil when there is none.
func (p *People) InviteByID(id string) (*Invite, error) { return findInvite(p.app, "id", id) }

// InviteByID is People.InviteByID outside of a transaction.
func (s *Store) InviteByID(id string) (*Invite, error) { return findInvite(s.App, "id", id) }

// FindInvite is People.Invite outside of a transaction.
func (s *Store) FindInvite(code string) (*Invite, error) { return findInvite(s.App, "code", code) }

func findInvite(app core.App, field, value string) (*Invite, error) {
	r, err := app.FindFirstRecordByData("invites", field, value)
	if absent(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("find invite: %w", err)
	}
	return inviteOf(r), nil
}

// Use counts one use of an invite.
func (p *People) Use(i *Invite) error {
	i.record.Set("used", i.Used+1)
	if err := p.app.Save(i.record); err != nil {
		return fmt.Errorf("use invite %s: %w", i.ID, err)
	}
	return nil
}

// MakeInvite stores an invite under the HMAC of its code; the same code again
// changes nothing.
func (p *People) MakeInvite(code string, i Invite) error {
	if have, err := p.Invite(code); have != nil || err != nil {
		return err
	}
	invites, err := p.app.FindCachedCollectionByNameOrId("invites")
	if err != nil {
		return fmt.Errorf("make invite: %w", err)
	}
	r := core.NewRecord(invites)
	r.Set("code", code)
	r.Set("role", string(i.Role))
	r.Set("organization", i.Organization)
	r.Set("sites", i.Sites)
	r.Set("uses", i.Uses)
	r.Set("expires", i.Expires.UTC())
	r.Set("made_by", i.MadeBy)
	r.Set("poster", i.Poster)
	if err := p.app.Save(r); err != nil {
		return fmt.Errorf("make invite: %w", err)
	}
	return p.auditInvite(inviteOf(r), i.MadeBy, "made", nil)
}

// auditInvite notes what was done to an invite; by is a user id, "" for the
// command line.
func (p *People) auditInvite(i *Invite, by, what string, more map[string]any) error {
	if by == "" {
		by = ActorOperator
	}
	detail := map[string]any{"done": what, "role": string(i.Role), "uses": i.Uses, "poster": i.Poster}
	for k, v := range more {
		detail[k] = v
	}
	return p.Audit(Audit{Act: ActInvite, Actor: by, Organization: i.Keeper, Collection: "invites", Record: i.ID, Detail: detail})
}

// setKeeper keeps on an invite whose coordinators look after it: of staff and
// managers those who serve the site, else those of the organization. Rules read
// only the record and the reader.
func (s *Store) setKeeper(app core.App, r *core.Record) error {
	keeper := r.GetString("organization")
	if role := access.Role(r.GetString("role")); role == access.Staff || role == access.Manager {
		offer, err := offerOf(app, inviteOf(r))
		if err != nil {
			return err
		}
		if len(offer.Sites) > 0 && offer.Sites[0].ServedBy != "" {
			keeper = offer.Sites[0].ServedBy
		} else if role == access.Staff {
			keeper = "" // nobody's: its owner sees nothing of the staff (R8)
		}
	}
	r.Set("keeper", keeper)
	return nil
}

// moveInvites rewrites who looks after the invites to a site when another
// organization serves it. What a coordinator of the earlier one made admits
// nobody any more (MakerStands).
func (s *Store) moveInvites(tx core.App, w *Writer, site string) error {
	found, err := tx.FindRecordsByFilter("invites", "sites.id ?= {:site}", "", 0, 0, dbx.Params{"site": site})
	if err != nil {
		return fmt.Errorf("move invites of site %s: %w", site, err)
	}
	for _, r := range found {
		before := r.GetString("keeper")
		if err := s.setKeeper(tx, r); err != nil {
			return err
		}
		if r.GetString("keeper") == before {
			continue
		}
		if err := s.saveBeside(tx, w, r); err != nil {
			return err
		}
	}
	return nil
}

// Offer is what an invite gives, for access.MayInvite.
func (p *People) Offer(i Invite) (access.Offer, error) { return offerOf(p.app, &i) }

func offerOf(app core.App, i *Invite) (access.Offer, error) {
	o := access.Offer{Role: i.Role, Organization: i.Organization}
	for _, id := range i.Sites {
		site, err := app.FindRecordById("sites", id)
		if absent(err) {
			o.Sites = append(o.Sites, access.Place{ID: id})
			continue
		}
		if err != nil {
			return o, fmt.Errorf("find site %s: %w", id, err)
		}
		o.Sites = append(o.Sites, access.Place{ID: id, Owner: site.GetString("owner"), ServedBy: site.GetString("served_by")})
	}
	return o, nil
}

// MakerStands tells whether who made an invite could make it now: people change
// roles, and sites go to others. What the command line made always stands.
func (p *People) MakerStands(i *Invite) (bool, error) {
	if i.MadeBy == "" {
		return true, nil
	}
	maker, err := p.Person(i.MadeBy)
	if absent(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	offer, err := p.Offer(*i)
	return err == nil && access.MayInvite(*maker, offer), err
}

// EndInvite ends an invite: it admits nobody any more. Ended already is no
// fault; nil when there is none of the id. by is a user id, "" for the command
// line.
func (p *People) EndInvite(id, by string) (*Invite, error) {
	i, err := findInvite(p.app, "id", id)
	if i == nil || err != nil || !i.Ended.IsZero() {
		return i, err
	}
	return i, p.end(i, by, "ended")
}

func (p *People) end(i *Invite, by, why string) error {
	i.record.Set("ended", p.store.Now().UTC())
	if err := p.app.Save(i.record); err != nil {
		return fmt.Errorf("end invite %s: %w", i.ID, err)
	}
	i.Ended = i.record.GetDateTime("ended").Time()
	return p.auditInvite(i, by, why, map[string]any{"used": i.Used})
}

// endAll ends those that a filter finds and that are not ended yet.
func (p *People) endAll(by, why, filter string, params dbx.Params) ([]string, error) {
	found, err := p.app.FindRecordsByFilter("invites", filter+" && ended = ''", "", 0, 0, params)
	if err != nil {
		return nil, fmt.Errorf("end invites: %w", err)
	}
	ids := []string{}
	for _, r := range found {
		if err := p.end(inviteOf(r), by, why); err != nil {
			return nil, err
		}
		ids = append(ids, r.Id)
	}
	return ids, nil
}

// EndInvitesBy ends every invite that a person made, when they leave, and tells
// how many.
func (p *People) EndInvitesBy(user string) (int, error) {
	ids, err := p.endAll("", "maker left", "made_by = {:user}", dbx.Params{"user": user})
	return len(ids), err
}

// EndPosters ends the posters of a site, all but one, and gives their ids.
func (p *People) EndPosters(site, but, by string) ([]string, error) {
	return p.endAll(by, "replaced", "poster = true && sites.id ?= {:site} && id != {:but}", dbx.Params{"site": site, "but": but})
}

// Invites lists the invites that an organization's coordinators look after, of
// all organizations for "", the newest first.
func (s *Store) Invites(organization string) ([]*Invite, error) {
	filter, params := "", dbx.Params{}
	if organization != "" {
		filter, params = "keeper = {:o}", dbx.Params{"o": organization}
	}
	found, err := s.App.FindRecordsByFilter("invites", filter, "-@rowid", 0, 0, params)
	if err != nil {
		return nil, fmt.Errorf("list invites: %w", err)
	}
	out := make([]*Invite, len(found))
	for i, r := range found {
		out[i] = inviteOf(r)
	}
	return out, nil
}

// Surroundings are the names of what an invite, or a person, is about.
type Surroundings struct {
	Organization    wire.Named
	Sites, ServedBy []wire.Named
}

// Surroundings names organization and sites, and who serves the sites.
func (s *Store) Surroundings(organization string, sites []string) (Surroundings, error) {
	out := Surroundings{Sites: []wire.Named{}, ServedBy: []wire.Named{}}
	var err error
	if out.Organization, err = s.named("organizations", organization); err != nil {
		return out, err
	}
	offer, err := offerOf(s.App, &Invite{Sites: sites})
	if err != nil {
		return out, err
	}
	for _, place := range offer.Sites {
		site, err := s.named("sites", place.ID)
		if err != nil {
			return out, err
		}
		out.Sites = append(out.Sites, site)
		if place.ServedBy == "" || slices.ContainsFunc(out.ServedBy, func(n wire.Named) bool { return n.ID == place.ServedBy }) {
			continue
		}
		by, err := s.named("organizations", place.ServedBy)
		if err != nil {
			return out, err
		}
		out.ServedBy = append(out.ServedBy, by)
	}
	return out, nil
}

// named gives a record's id and name; the name is "" where it is gone.
func (s *Store) named(collection, id string) (wire.Named, error) {
	r, err := s.App.FindRecordById(collection, id)
	if absent(err) {
		return wire.Named{ID: id}, nil
	}
	if err != nil {
		return wire.Named{}, fmt.Errorf("find %s %s: %w", collection, id, err)
	}
	return wire.Named{ID: id, Name: r.GetString("name")}, nil
}

// Absent tells that an error says of a record that it is not there.
func Absent(err error) bool { return absent(err) }

// StaffView is a staff person as those see them who serve their site: by a
// made label, because there is no name.
type StaffView struct {
	ID          string       `json:"id"`
	Label       string       `json:"label"`
	Sites       []wire.Named `json:"sites"`
	Unconfirmed bool         `json:"unconfirmed"`
}

// Staff lists the staff of all sites, or the unconfirmed alone, by label: the
// order in which they came would be told to nobody.
func (s *Store) Staff(unconfirmed bool) ([]StaffView, error) {
	filter := "role = 'staff'"
	if unconfirmed {
		filter += " && unconfirmed = true"
	}
	found, err := s.App.FindRecordsByFilter("users", filter, "label", 0, 0)
	if err != nil {
		return nil, fmt.Errorf("list staff: %w", err)
	}
	out := make([]StaffView, 0, len(found))
	for _, r := range found {
		around, err := s.Surroundings(r.GetString("organization"), r.GetStringSlice("sites"))
		if err != nil {
			return nil, err
		}
		out = append(out, StaffView{ID: r.Id, Label: r.GetString("label"), Sites: around.Sites, Unconfirmed: r.GetBool("unconfirmed")})
	}
	return out, nil
}
