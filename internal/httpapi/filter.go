package httpapi

import (
	"net/http"
	"strings"

	"github.com/ganigeorgiev/fexpr"
	"github.com/pocketbase/pocketbase/core"

	"github.com/fieldpost/fieldpost/internal/fault"
)

// OwnFieldsOnly lets a list be filtered and sorted by the record's own fields
// and by nothing beyond them. PocketBase does not apply the list rule of a
// collection that a filter reaches over a relation and back, so that whether a
// record is listed would tell what stands in one that is hidden: a manager
// could read a staff report by asking (R8). Superusers are let through.
func OwnFieldsOnly(e *core.RequestEvent) error {
	name, ok := listOf(e.Request)
	if !ok || e.HasSuperuserAuth() {
		return e.Next()
	}
	c, err := e.App.FindCachedCollectionByNameOrId(name)
	if err != nil {
		return e.Next() // the list says so itself
	}
	query := e.Request.URL.Query()
	for _, filter := range query["filter"] {
		groups, err := fexpr.Parse(filter)
		if err == nil && !ownGroups(c, groups) {
			return Fail(e, beyond())
		}
	}
	for _, sort := range query["sort"] {
		for _, field := range strings.Split(sort, ",") {
			if !ownField(c, strings.TrimLeft(strings.TrimSpace(field), "+-")) {
				return Fail(e, beyond())
			}
		}
	}
	return e.Next()
}

func beyond() *fault.Fault {
	return fault.New(fault.NotAllowed, "Lists are filtered and sorted by the record's own fields.").
		WithHint("Leave out what goes through another record.")
}

// listOf gives the collection of a request that lists records.
func listOf(r *http.Request) (string, bool) {
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	if len(parts) < 4 || parts[0] != "api" || parts[1] != "collections" || parts[3] != "records" {
		return "", false
	}
	return parts[2], true
}

// ownGroups walks what fexpr.Parse gives; a token that it does not know is not
// own.
func ownGroups(c *core.Collection, groups []fexpr.ExprGroup) bool {
	for _, g := range groups {
		switch x := g.Item.(type) {
		case fexpr.Expr:
			if !ownToken(c, x.Left) || !ownToken(c, x.Right) {
				return false
			}
		case fexpr.ExprGroup:
			if !ownGroups(c, []fexpr.ExprGroup{x}) {
				return false
			}
		case []fexpr.ExprGroup:
			if !ownGroups(c, x) {
				return false
			}
		default:
			return false
		}
	}
	return true
}

func ownToken(c *core.Collection, t fexpr.Token) bool {
	switch t.Type {
	case fexpr.TokenText, fexpr.TokenNumber:
		return true
	case fexpr.TokenIdentifier:
		return ownField(c, t.Literal)
	}
	return false // functions take fields of other records too
}

// ownField tells whether a path stays in the record: a plain field, a path
// inside one of its JSON fields, a literal word or a date macro.
func ownField(c *core.Collection, path string) bool {
	if strings.HasPrefix(path, "@") {
		return !strings.ContainsAny(path, ".:")
	}
	name, _, deep := strings.Cut(path, ".")
	if strings.Contains(path, "_via_") {
		return false
	}
	if !deep {
		return true
	}
	_, isJSON := c.Fields.GetByName(name).(*core.JSONField)
	return isJSON
}
