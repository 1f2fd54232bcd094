package wiring

import (
	"errors"
	"fmt"
	"time"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/card"
	"github.com/fieldpost/fieldpost/internal/devices"
	"github.com/fieldpost/fieldpost/internal/records"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// ErrNoSite says that a command named a site that is not there.
var ErrNoSite = errors.New("there is no site of that name")

// StaffView is a staff person by their label.
type StaffView = records.StaffView

// InviteRequest asks for an invite by names, as a person at the server's own
// command line gives them. What has no such name yet is made.
type InviteRequest struct {
	Role         string
	Organization string
	Sites        []string
	ServedBy     string // serves the sites that are made here
	Venue        string // kind of place of the sites that are made here
	Uses         int
	Hours        int
}

// InviteMade is an invite with its code.
type InviteMade struct {
	devices.Made
	Record wire.InviteRecord
}

// Card is the invite on paper; base is the address of the server.
func (m InviteMade) Card(base string) card.Card {
	return devices.CardOf(m.Record, m.Code, base, m.Expires)
}

// MakeInvite makes an invite.
func (s *Services) MakeInvite(req InviteRequest) (InviteMade, error) {
	i := records.Invite{Role: access.Role(req.Role), Uses: req.Uses, Expires: s.Store.Now().Add(time.Duration(req.Hours) * time.Hour)}
	err := s.Store.TransactPeople(func(tx *records.People) (err error) {
		if i.Organization, err = tx.FindOrMake("organizations", req.Organization, nil); err != nil {
			return err
		}
		for _, name := range req.Sites {
			values := map[string]any{"venue": req.Venue, "owner": i.Organization}
			if req.ServedBy != "" {
				if values["served_by"], err = tx.FindOrMake("organizations", req.ServedBy, nil); err != nil {
					return err
				}
			}
			id, err := tx.FindOrMake("sites", name, values)
			if err != nil {
				return err
			}
			i.Sites = append(i.Sites, id)
		}
		return nil
	})
	if err != nil {
		return InviteMade{}, err
	}
	made, err := s.Devices.Make(i)
	return s.withRecord(made, err)
}

// MakePoster makes a poster for the site of a name; the site's earlier one
// ends. Uses and hours 0 are those of a poster. ErrNoSite.
func (s *Services) MakePoster(site string, uses, hours int) (InviteMade, error) {
	r, err := s.Store.App.FindFirstRecordByData("sites", "name", site)
	if records.Absent(err) {
		return InviteMade{}, ErrNoSite
	}
	if err != nil {
		return InviteMade{}, fmt.Errorf("find site: %w", err)
	}
	i := records.Invite{Role: access.Staff, Sites: []string{r.Id}, Uses: uses, Poster: true,
		Organization: access.Employer(access.Place{Owner: r.GetString("owner"), ServedBy: r.GetString("served_by")})}
	if hours > 0 {
		i.Expires = s.Store.Now().Add(time.Duration(hours) * time.Hour)
	}
	made, err := s.Devices.Make(i)
	return s.withRecord(made, err)
}

func (s *Services) withRecord(made devices.Made, err error) (InviteMade, error) {
	m := InviteMade{Made: made}
	if err == nil {
		m.Record, err = s.Devices.InviteRecord(made.ID)
	}
	return m, err
}

// FindInvite gives what a code, as a person types it, stands for; false when it
// stands for nothing.
func (s *Services) FindInvite(code string) (InviteMade, bool, error) {
	i, err := s.Store.FindInvite(s.Key.Invite(devices.NormaliseCode(code)))
	if i == nil || err != nil {
		return InviteMade{}, false, err
	}
	m, err := s.withRecord(devices.Made{ID: i.ID, Code: devices.SpacedCode(code), Expires: i.Expires}, nil)
	return m, true, err
}

// PublicURL is the address of this server that somebody has put into the
// settings, "" for none.
func (s *Services) PublicURL() string { return s.API.PublicURL() }
