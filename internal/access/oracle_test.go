package access_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/fieldpost/fieldpost/internal/access"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
)

// ask lists with a query and gives the status and how many were found.
func (w *world) ask(p *person, collection, key, value string) (int, int) {
	w.T.Helper()
	var page struct {
		TotalItems int `json:"totalItems"`
	}
	status := w.Send(http.MethodGet, p.Token, "/api/collections/"+collection+"/records?"+key+"="+url.QueryEscape(value), nil, &page)
	return status, page.TotalItems
}

// TestOracle tries to learn what is hidden from the answers to questions about
// it: a filter or sort on a field that is only left out of the answer tells its
// value one character at a time.
func TestOracle(t *testing.T) {
	w := newWorld(t)
	coordinator, admin := w.person("coordinator A"), w.person("admin")
	t.Run("[ACCESS] no hidden field of any collection can be filtered or sorted by", func(t *testing.T) {
		tried := map[string]bool{}
		for _, c := range w.collections() {
			for _, f := range c.Fields {
				if !f.GetHidden() {
					continue
				}
				name := f.GetName()
				tried[c.Name+"."+name] = true
				for _, p := range []*person{coordinator, admin} {
					for _, q := range [][2]string{{"filter", name + ` != ""`}, {"filter", name + `:lower ~ "a"`}, {"filter", name + `:isset = true`}, {"filter", `id != "" && ` + name + ` > "a"`},
						{"filter", `strftime("%Y", ` + name + `) != ""`}, {"filter", `(` + name + ` != "") || (id = "x")`}, {"sort", name}, {"sort", "-" + name}, {"sort", "id," + name}} {
						if status, n := w.ask(p, c.Name, q[0], q[1]); status != http.StatusBadRequest && status != http.StatusForbidden {
							t.Errorf("%s: %s %s by %s: %d, %d found", c.Name, q[0], q[1], p.name, status, n)
						}
					}
				}
			}
		}
		for _, must := range []string{"invites.code", "devices.thumbprint", "devices.key", "devices.parent", "devices.invite", "users.password", "users.tokenKey"} {
			if !tried[must] {
				t.Errorf("%s is not hidden", must)
			}
		}
	})
	t.Run("[ACCESS] nor through a relation that leads to it", func(t *testing.T) {
		for _, q := range []struct{ collection, filter string }{
			{"users", `devices_via_user.thumbprint ?!= ""`},
			{"users", `devices_via_user.key ?~ "kty"`},
			{"users", `invites_via_made_by.code ?!= ""`},
			{"devices", `user.tokenKey != ""`},
			{"devices", `user.password != ""`},
			{"organizations", `invites_via_organization.code ?!= ""`},
			{"organizations", `users_via_organization.tokenKey ?!= ""`},
			{"sites", `invites_via_sites.code ?!= ""`},
		} {
			for _, p := range []*person{coordinator, admin} {
				if status, n := w.ask(p, q.collection, "filter", q.filter); status != http.StatusBadRequest && status != http.StatusForbidden {
					t.Errorf("%s where %s by %s: %d, %d found", q.collection, q.filter, p.name, status, n)
				}
			}
		}
	})
	t.Run("[ACCESS] an e-mail that its person hides is not found by asking for it", func(t *testing.T) {
		for mail, want := range map[string]int{"seen@example.org": 1, "hidden@example.org": 0} {
			status, n := w.ask(coordinator, "users", "filter", `email = "`+mail+`"`)
			rig.Want(t, status, http.StatusOK)
			rig.Want(t, n, want)
			for _, op := range []string{"=", "?=", "~"} {
				_, n = w.ask(coordinator, "devices", "filter", `user.email `+op+` "`+mail+`"`)
				rig.Want(t, n, 0)
			}
		}
	})
	t.Run("[ACCESS] a field that is asked for by name stays hidden", func(t *testing.T) {
		for _, q := range []struct{ collection, field string }{{"invites", "code"}, {"devices", "key"}, {"devices", "thumbprint"}, {"users", "tokenKey"}} {
			var page struct {
				Items []map[string]any `json:"items"`
			}
			w.Send(http.MethodGet, admin.Token, "/api/collections/"+q.collection+"/records?fields=*,"+q.field, nil, &page)
			if len(page.Items) == 0 {
				t.Fatalf("the admin sees no %s", q.collection)
			}
			for _, item := range page.Items {
				if v, ok := item[q.field]; ok {
					t.Errorf("%s.%s: %v", q.collection, q.field, v)
				}
			}
		}
	})
	t.Run("[ACCESS] questions about another collection are for superusers", func(t *testing.T) {
		for name := range access.Table {
			status, _ := w.ask(coordinator, "checklists", "filter", `@collection.`+name+`.id ?!= ""`)
			rig.Want(t, status, http.StatusForbidden)
		}
	})
}
