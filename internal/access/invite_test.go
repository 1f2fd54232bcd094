package access_test

import (
	"slices"
	"testing"

	"github.com/fieldpost/fieldpost/internal/access"
)

func TestWhoInvitesWhom(t *testing.T) {
	const ngo, hotel, rival = "ngo", "hotel", "rival"
	ours := access.Place{ID: "s1", Owner: hotel, ServedBy: ngo}
	theirs := access.Place{ID: "s2", Owner: hotel, ServedBy: rival}
	nobodys := access.Place{ID: "s3", Owner: hotel}
	ownerless := access.Place{ID: "s4", ServedBy: ngo}

	// The order of the roles, once more and by hand: what each may give at most.
	gives := map[access.Role][]access.Role{
		access.Coordinator: {access.Worker, access.Staff, access.Manager, access.Coordinator},
		access.Admin:       access.Roles,
	}
	atSite := func(r access.Role) bool { return r == access.Staff || r == access.Manager }
	offer := func(r access.Role) access.Offer {
		if atSite(r) {
			return access.Offer{Role: r, Organization: hotel, Sites: []access.Place{ours}}
		}
		return access.Offer{Role: r, Organization: ngo}
	}
	t.Run("[ENROL-2] of every pair of roles: nobody gives more than they have, and most give nothing", func(t *testing.T) {
		for _, maker := range access.Roles {
			for _, invited := range access.Roles {
				p := access.Person{ID: "p", Role: maker, Organization: ngo, Sites: []string{"s1"}, ServedBy: []string{ngo}}
				want := slices.Contains(gives[maker], invited)
				if got := access.MayInvite(p, offer(invited)); got != want {
					t.Errorf("%s invites %s: %v, want %v", maker, invited, got, want)
				}
			}
			if access.Invites(maker) != (len(gives[maker]) > 0) {
				t.Errorf("%s makes invites: %v", maker, access.Invites(maker))
			}
		}
		if access.MayInvite(access.Person{Role: access.Admin, Organization: ngo}, access.Offer{Role: "superuser", Organization: ngo}) {
			t.Error("a role that is none was given")
		}
	})
	t.Run("[ENROL-2] a coordinator gives nothing of another organization, nor of a site that it does not serve", func(t *testing.T) {
		p := access.Person{ID: "p", Role: access.Coordinator, Organization: ngo}
		for _, o := range []access.Offer{
			{Role: access.Worker, Organization: hotel}, {Role: access.Worker}, {Role: access.Coordinator, Organization: rival},
			{Role: access.Worker, Organization: ngo, Sites: []access.Place{ours}},
			{Role: access.Staff, Organization: hotel}, {Role: access.Staff, Organization: hotel, Sites: []access.Place{theirs}},
			{Role: access.Staff, Organization: hotel, Sites: []access.Place{ours, theirs}},
			{Role: access.Staff, Organization: hotel, Sites: []access.Place{nobodys}},
			{Role: access.Staff, Organization: rival, Sites: []access.Place{ours}}, {Role: access.Staff, Organization: ngo, Sites: []access.Place{ours}},
			{Role: access.Manager, Organization: hotel, Sites: []access.Place{theirs}}, {Role: access.Manager, Organization: rival, Sites: []access.Place{ours}},
		} {
			if access.MayInvite(p, o) {
				t.Errorf("given: %+v", o)
			}
		}
		for _, o := range []access.Offer{
			{Role: access.Staff, Organization: ngo, Sites: []access.Place{ownerless}},
			{Role: access.Manager, Organization: hotel, Sites: []access.Place{ours}},
		} {
			if !access.MayInvite(p, o) {
				t.Errorf("refused: %+v", o)
			}
		}
	})
	t.Run("[ENROL-2] who is of no organization gives nothing, not even of sites that nobody serves", func(t *testing.T) {
		p := access.Person{ID: "p", Role: access.Coordinator}
		for _, o := range []access.Offer{{Role: access.Worker}, {Role: access.Staff, Organization: hotel, Sites: []access.Place{nobodys}}} {
			if access.MayInvite(p, o) {
				t.Errorf("given: %+v", o)
			}
		}
		if access.MayInvite(access.Person{Role: access.Admin}, access.Offer{Role: access.Worker}) {
			t.Error("an admin gave a place in no organization")
		}
	})
}
