package access_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"testing"

	"github.com/fieldpost/fieldpost/internal/access"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
)

// TestDirectory walks every person of the world, and every organization.
func TestDirectory(t *testing.T) {
	w := newWorld(t)
	hotel := w.Make("organizations", map[string]any{"name": "Motel Q", "type": "business"})
	clinic := w.Make("organizations", map[string]any{"name": "clinic", "type": "health"})
	union := w.Make("organizations", map[string]any{"name": "Nobody yet"})
	ask := func(p *person) (int, []map[string]any, string) {
		t.Helper()
		var raw json.RawMessage
		status := w.Send(http.MethodGet, p.Token, "/api/fieldpost/partners", nil, &raw)
		var said struct {
			Code     string           `json:"code"`
			Partners []map[string]any `json:"partners"`
		}
		if err := json.Unmarshal(raw, &said); err != nil {
			t.Fatal(err)
		}
		return status, said.Partners, said.Code
	}
	names := func(all []map[string]any) []any {
		out := []any{}
		for _, p := range all {
			out = append(out, p["name"])
		}
		return out
	}
	t.Run("[OPS-8] [ACCESS] each role that may be on a roster, and admins, are told partners by id, name and type; site staff and managers nothing", func(t *testing.T) {
		reads := map[access.Role]bool{access.Worker: true, access.Coordinator: true, access.LawEnforcement: true, access.Provider: true, access.Admin: true}
		roles := map[string]bool{}
		for _, p := range w.people {
			roles[p.User.Role] = true
			status, all, code := ask(p)
			if !reads[access.Role(p.User.Role)] {
				rig.Want(t, []any{status, code, all == nil}, []any{http.StatusForbidden, "not_allowed", true})
				continue
			}
			rig.Want(t, status, http.StatusOK)
			rig.Want(t, names(all), []any{"clinic", "Day <outreach>", "Night outreach", "Police unit", "Shelter"})
			for _, one := range all {
				rig.Want(t, slices.Sorted(maps.Keys(one)), []string{"id", "name", "type"})
			}
			rig.Want(t, []any{all[0]["id"], all[0]["type"], all[2]["id"], all[2]["type"]}, []any{clinic, "health", w.ngoA, ""})
		}
		rig.Want(t, len(roles), len(access.Roles))
	})
	t.Run("[OPS-8] [ACCESS] who is in it by the people of an organization goes out of it with them; the record itself stays hidden", func(t *testing.T) {
		p := w.person("worker A")
		for _, id := range []string{clinic, w.police, hotel} {
			rig.Want(t, w.Send(http.MethodGet, p.Token, "/api/collections/organizations/records/"+id, nil, nil), http.StatusNotFound)
		}
		w.set("organizations", w.shelter, map[string]any{"type": "business"})
		w.set("organizations", union, map[string]any{"type": "labor"})
		w.set("users", w.person("police officer").User.ID, map[string]any{"left": "2026-01-11 04:55:00.000Z"})
		_, all, _ := ask(p)
		rig.Want(t, names(all), []any{"clinic", "Day <outreach>", "Night outreach", "Nobody yet"})
	})
}
