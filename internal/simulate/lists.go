package simulate

import (
	"fmt"
	"maps"
	"net/http"
	"strings"
	"sync"
)

// listed is what the list API shows a phone's person of a collection. A table
// without rows shows nothing to anybody.
func (r *run) listed(p *phone, token, collection string, filled map[string]bool) (map[string]map[string]any, error) {
	if !filled[collection] {
		return map[string]map[string]any{}, nil
	}
	return r.list(p, token, collection)
}

// list asks the list API; for content once a role.
func (r *run) list(p *phone, token, collection string) (map[string]map[string]any, error) {
	key := string(p.role) + " " + collection
	if got := r.content[key]; got != nil {
		return got, nil
	}
	got, err := r.server.list(token, collection)
	if err == nil && shipped(collection) {
		r.content[key] = got
	}
	return got, err
}

// forgetContent lets content be asked for once more for the role of one phone,
// another with the next seed: that it is there still, whatever has happened.
func (r *run) forgetContent() {
	all := r.living()
	role := string(all[r.script.Seed%uint64(len(all))].role) + " "
	maps.DeleteFunc(r.content, func(key string, _ map[string]map[string]any) bool { return strings.HasPrefix(key, role) })
}

// filled names the collections that have rows.
func (v *server) filled() map[string]bool {
	filled := map[string]bool{}
	for _, row := range v.query(rowsAnywhere()) {
		filled[text(row[0])] = true
	}
	return filled
}

var rowsAnywhere = sync.OnceValue(func() string {
	var all []string
	for _, c := range collections() {
		all = append(all, "SELECT '"+c+"' WHERE EXISTS (SELECT 1 FROM "+c+")")
	}
	return strings.Join(all, " UNION ALL ")
})

// listsOf holds what the list API showed one person at one moment: the pages of a
// sync come one after the other, and mostly nothing happens in between.
type listsOf struct {
	moment string
	lists  map[string]map[string]map[string]any
}

// at gives the lists of this moment of a server's history.
func (l *listsOf) at(moment string) map[string]map[string]map[string]any {
	if l.moment != moment {
		*l = listsOf{moment, map[string]map[string]map[string]any{}}
	}
	return l.lists
}

// list is a collection as the list API shows it to a token.
func (v *server) list(token, collection string) (map[string]map[string]any, error) {
	var page struct {
		Items []map[string]any `json:"items"`
	}
	status, err := v.rest(http.MethodGet, "/api/collections/"+collection+"/records?perPage=1000&skipTotal=1", token, nil, &page)
	if err != nil {
		return nil, err
	}
	if status != http.StatusOK && status != http.StatusForbidden {
		return nil, fmt.Errorf("list %s: %d", collection, status)
	}
	all := map[string]map[string]any{}
	for _, item := range page.Items {
		delete(item, "collectionId")
		delete(item, "collectionName")
		all[item["id"].(string)] = item
	}
	return all, nil
}
