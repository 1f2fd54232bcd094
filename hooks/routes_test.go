package hooks

import (
	"encoding/json"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/router"

	"github.com/fieldpost/fieldpost/internal/httpapi"
	"github.com/fieldpost/fieldpost/internal/wiring"
)

// routesOf walks a router and gives "METHOD /path" of all that is registered.
// PocketBase shows nobody its routes, so this reads what it keeps to itself.
func routesOf(group reflect.Value, prefix string) []string {
	prefix += group.FieldByName("Prefix").String()
	var all []string
	children := group.FieldByName("children")
	for i := range children.Len() {
		child := children.Index(i).Elem().Elem()
		if child.FieldByName("children").IsValid() {
			all = append(all, routesOf(child, prefix)...)
			continue
		}
		all = append(all, child.FieldByName("Method").String()+" "+prefix+child.FieldByName("Path").String())
	}
	return all
}

func TestRoutes(t *testing.T) {
	app := core.NewBaseApp(core.BaseAppConfig{DataDir: t.TempDir()})
	r := router.NewRouter(func(w http.ResponseWriter, r *http.Request) (*core.RequestEvent, router.EventCleanupFunc) {
		return nil, nil
	})
	bindRoutes(r, wiring.New(app, wiring.Config{}))
	var registered []string
	for _, route := range routesOf(reflect.ValueOf(r.RouterGroup).Elem(), "") {
		_, path, _ := strings.Cut(route, " ")
		ours := strings.HasPrefix(path, "/api/sync/") || strings.HasPrefix(path, "/api/fieldpost/")
		if ours && !strings.HasSuffix(path, "/{path...}") {
			registered = append(registered, route)
		}
	}
	var document struct {
		Paths map[string]map[string]json.RawMessage `json:"paths"`
	}
	if err := json.Unmarshal(httpapi.OpenAPI, &document); err != nil {
		t.Fatal(err)
	}
	var described []string
	for path, methods := range document.Paths {
		for method := range methods {
			described = append(described, strings.ToUpper(method)+" "+path)
		}
	}
	slices.Sort(registered)
	slices.Sort(described)
	t.Run("[DOC] openapi.json has every route of the protocol, and none that is not there", func(t *testing.T) {
		if len(registered) < 7 || !slices.Equal(registered, described) {
			t.Fatalf("registered %v\ndescribed  %v", registered, described)
		}
	})
}
