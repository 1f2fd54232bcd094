package devices

import (
	"slices"
	"strings"
	"time"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/card"
	"github.com/fieldpost/fieldpost/internal/fault"
	"github.com/fieldpost/fieldpost/internal/records"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// What an invite made by a person may be at most, and what a poster is unless
// said otherwise.
const (
	MaxUses    = 1000
	MaxLife    = 400 * 24 * time.Hour
	PosterUses = 200
	PosterLife = 365 * 24 * time.Hour
)

// Made is a new invite with its code, which is told this once.
type Made struct {
	ID, Code string
	Expires  time.Time
	Replaced []string // earlier posters of the site, which ended
}

// InviteAs makes an invite for the person by, with what they may give
// (access.MayInvite): not_allowed, bad_request.
func (s *Service) InviteAs(by string, req wire.InviteRequest) (Made, error) {
	i := records.Invite{Role: access.Role(req.Role), Organization: req.Organization, Sites: slices.Clone(req.Sites),
		Uses: req.Uses, Poster: req.Poster, MadeBy: by}
	switch {
	case !slices.Contains(access.Roles, i.Role):
		return Made{}, fault.New(fault.BadRequest, "`role` is not one of the roles.").WithHint(roleHint)
	case req.Uses < 0 || req.Uses > MaxUses:
		return Made{}, fault.New(fault.BadRequest, "`uses` is not from 1 to 1,000.").WithHint("Leave it out for one device.")
	case req.Hours < 0 || time.Duration(req.Hours)*time.Hour > MaxLife || req.Hours > 1e6:
		return Made{}, fault.New(fault.BadRequest, "`hours` is not from 1 to 9,600.").WithHint("Leave it out for 72 hours.")
	case len(req.Sites) > 100:
		return Made{}, fault.New(fault.BadRequest, "There are more than 100 sites.").WithHint("Make several invites.")
	}
	if req.Hours > 0 {
		i.Expires = s.Now().Add(time.Duration(req.Hours) * time.Hour)
	}
	return s.make("", i, func(tx *records.People, i *records.Invite) error {
		maker, err := tx.Person(by)
		if err != nil {
			return err
		}
		offer, err := tx.Offer(*i)
		if err != nil {
			return err
		}
		if i.Organization == "" {
			i.Organization = organizationFor(*maker, offer)
			offer.Organization = i.Organization
		}
		if !access.MayInvite(*maker, offer) {
			return fault.New(fault.NotAllowed, "Your role and organization can't give this.").
				WithHint("Coordinators invite workers and coordinators of their own organization, and staff and managers of the sites that it serves. Ask an admin for others.")
		}
		return nil
	})
}

const roleHint = "Roles: worker, staff, manager, coordinator, law_enforcement, provider, admin."

// organizationFor is whose people an invite makes where nobody said it: of
// sites, who employs there; else the maker's.
func organizationFor(maker access.Person, o access.Offer) string {
	if len(o.Sites) > 0 {
		return access.Employer(o.Sites[0])
	}
	return maker.Organization
}

// make fills in what was left out, checks and stores an invite. may, where it
// is given, refuses what its maker can't give.
func (s *Service) make(code string, i records.Invite, may func(*records.People, *records.Invite) error) (Made, error) {
	if code == "" {
		var err error
		if code, err = NewCode(); err != nil {
			return Made{}, err
		}
	}
	uses, life := 1, InviteLife
	if i.Poster {
		uses, life = PosterUses, PosterLife
	}
	if i.Uses == 0 {
		i.Uses = uses
	}
	if i.Expires.IsZero() {
		i.Expires = s.Now().Add(life)
	}
	m := Made{Code: code, Expires: i.Expires, Replaced: []string{}}
	if i.Poster && (i.Role != access.Staff || len(i.Sites) != 1) {
		return m, fault.New(fault.BadRequest, "A poster is for the staff of one site.").WithHint("Give the role staff and one site.")
	}
	err := s.Store.TransactPeople(func(tx *records.People) error {
		if may != nil {
			if err := may(tx, &i); err != nil {
				return err
			}
		}
		if i.Role == access.Staff {
			if served, err := tx.Served(i.Sites); err != nil {
				return err
			} else if !served {
				return fault.New(fault.NotAllowed, "A site that no organization serves can't enrol staff.").
					WithHint("Say first which organization serves the site.")
			}
		}
		hash := s.Key.Invite(NormaliseCode(code))
		if err := tx.MakeInvite(hash, i); err != nil {
			return err
		}
		made, err := tx.Invite(hash)
		if err != nil {
			return err
		}
		m.ID = made.ID
		if i.Poster {
			m.Replaced, err = tx.EndPosters(i.Sites[0], m.ID, i.MadeBy)
		}
		return err
	})
	return m, refused(err)
}

// Make makes an invite at the server's command line, where nobody asks what the
// maker may give.
func (s *Service) Make(i records.Invite) (Made, error) { return s.make("", i, nil) }

// Invites lists what a person may see of invites: coordinators those that
// their organization looks after, admins all. not_allowed.
func (s *Service) Invites(by string) ([]wire.InviteRecord, error) {
	maker, err := s.Store.Person(s.Store.App, by)
	if err != nil {
		return nil, err
	}
	if !access.Invites(maker.Role) {
		return nil, fault.New(fault.NotAllowed, "Your role makes no invites.")
	}
	organization := ""
	if maker.Role != access.Admin {
		if organization = maker.Organization; organization == "" {
			return []wire.InviteRecord{}, nil
		}
	}
	return s.List(organization)
}

// List lists the invites that an organization looks after, "" for all.
func (s *Service) List(organization string) ([]wire.InviteRecord, error) {
	found, err := s.Store.Invites(organization)
	if err != nil {
		return nil, err
	}
	out := make([]wire.InviteRecord, 0, len(found))
	for _, i := range found {
		r, err := s.Record(i)
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, nil
}

// Record is an invite as people see it.
func (s *Service) Record(i *records.Invite) (wire.InviteRecord, error) {
	around, err := s.Store.Surroundings(i.Organization, i.Sites)
	return wire.InviteRecord{ID: i.ID, Role: string(i.Role), Organization: around.Organization, Sites: around.Sites,
		ServedBy: around.ServedBy, Uses: i.Uses, Used: i.Used, Expires: i.Expires.UTC().Format(wire.TimeFormat),
		State: i.State(s.Now()), Poster: i.Poster, MadeBy: i.MadeBy}, err
}

// InviteRecord is List for one. not_found.
func (s *Service) InviteRecord(id string) (wire.InviteRecord, error) {
	i, err := s.Store.InviteByID(id)
	if err == nil && i == nil {
		err = noInvite()
	}
	if err != nil {
		return wire.InviteRecord{}, err
	}
	return s.Record(i)
}

func noInvite() error {
	return fault.New(fault.NotFound, "There is no such invite.").WithHint("List the invites and take one of their ids.")
}

// CardOf is the card of an invite, with the code that only its maker has; base
// is the address of the server.
func CardOf(r wire.InviteRecord, code, base string, expires time.Time) card.Card {
	c := card.Card{Link: card.Link(base, code), Code: code, Organization: r.Organization.Name, Expires: expires, Poster: r.Poster}
	if _, host, ok := strings.Cut(base, "://"); ok {
		c.Host = host
	}
	// Staff and managers deal with who serves their site, not with who owns it.
	if len(r.ServedBy) > 0 {
		c.Organization = r.ServedBy[0].Name
	}
	for _, site := range r.Sites {
		c.Sites = append(c.Sites, site.Name)
	}
	return c
}

// EndInvite ends an invite for the person by, who may see it; "" is the command
// line. not_found, not_allowed.
func (s *Service) EndInvite(id, by string) (wire.InviteRecord, error) {
	var ended *records.Invite
	err := s.Store.TransactPeople(func(tx *records.People) error {
		i, err := tx.InviteByID(id)
		if err != nil {
			return err
		}
		if by != "" {
			who, err := tx.Person(by)
			if err != nil {
				return err
			}
			if !access.Invites(who.Role) {
				return fault.New(fault.NotAllowed, "Your role ends no invites.")
			}
			if i != nil && who.Role != access.Admin && (i.Keeper == "" || i.Keeper != who.Organization) {
				i = nil // another organization's: not known here
			}
		}
		if i == nil {
			return noInvite()
		}
		ended, err = tx.EndInvite(id, by)
		return err
	})
	if err != nil {
		return wire.InviteRecord{}, refused(err)
	}
	return s.Record(ended)
}

// Confirm notes that an organization knows a staff person who came by a
// poster; by "" is the command line. not_found, not_allowed.
func (s *Service) Confirm(person, by string) (wire.Confirmed, error) {
	var c wire.Confirmed
	err := s.Store.TransactPeople(func(tx *records.People) error {
		organization := ""
		if by != "" {
			who, err := tx.Person(by)
			if err != nil {
				return err
			}
			if who.Role != access.Admin && (who.Role != access.Coordinator || who.Organization == "") {
				return fault.New(fault.NotAllowed, "Coordinators confirm the staff of the sites that their organization serves.")
			}
			if who.Role == access.Coordinator {
				organization = who.Organization
			}
		}
		user, err := tx.Confirm(person, organization, by)
		if err != nil {
			return err
		}
		if user == nil {
			return fault.New(fault.NotFound, "There is no such person among the staff of your sites.").WithHint("Ask the person for the label that their device shows.")
		}
		c = wire.Confirmed{ID: user.Id, Label: user.GetString("label")}
		return nil
	})
	return c, refused(err)
}

// Look tells what an invite would give, and uses nothing up. from is the
// address that asks, host the name that this server was asked under. Errors as
// Enroll's.
func (s *Service) Look(code, from, host string) (*wire.InviteAnswer, error) {
	i, err := s.find(code, from)
	if err == nil {
		err = s.open(i)
	}
	if err != nil {
		return nil, err
	}
	around, err := s.Store.Surroundings(i.Organization, i.Sites)
	if err != nil {
		return nil, err
	}
	return &wire.InviteAnswer{Role: string(i.Role), Organization: around.Organization, Sites: around.Sites, ServedBy: around.ServedBy,
		Expires: i.Expires.UTC().Format(wire.TimeFormat), Host: host, Unconfirmed: i.Poster}, nil
}

// find finds the invite of a code, under the limits on attempts. No wrong code
// gets as far as a transaction. invite_invalid, slow_down.
func (s *Service) find(code, from string) (i *records.Invite, err error) {
	if len(code) > 100 { // no code, and nobody's typing error
		code = code[:100]
	}
	err = s.attempts.try(from, s.Now(), func() (bool, error) {
		i, err = s.Store.FindInvite(s.Key.Invite(NormaliseCode(code)))
		return i != nil, err
	})
	if err == nil && i == nil {
		err = fault.New(fault.InviteInvalid, "The invite is not known.")
	}
	return i, err
}

// open tells whether an invite admits anybody still: invite_ended,
// invite_expired, invite_used.
func (s *Service) open(i *records.Invite) error {
	switch i.State(s.Now()) {
	case wire.InviteEnded:
		return fault.New(fault.InviteEnded, "The invite was ended.")
	case wire.InviteExpired:
		return fault.New(fault.InviteExpired, "The invite has expired.")
	case wire.InviteUsed:
		return fault.New(fault.InviteUsed, "The invite was used up.")
	}
	return nil
}
