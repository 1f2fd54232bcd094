// Package access holds who may see and do what: roles, the rule of each
// collection, the policy of each field and the audience of each record. It is
// pure. The PocketBase rules are made from the same rules that push evaluates
// (Rule.PB and Rule.Holds), so that they cannot drift apart.
package access

import (
	"fmt"
	"slices"
	"strings"
)

// Role is what a person is here for.
type Role string

// The roles. PocketBase's superuser is not a role: it is break-glass.
const (
	Worker         Role = "worker"
	Staff          Role = "staff"
	Manager        Role = "manager"
	Coordinator    Role = "coordinator"
	LawEnforcement Role = "law_enforcement"
	Provider       Role = "provider"
	Admin          Role = "admin"
)

// Roles in the order of the access table.
var Roles = []Role{Worker, Staff, Manager, Coordinator, LawEnforcement, Provider, Admin}

// Person is the reader or writer: what their user record says.
type Person struct {
	ID           string
	Role         Role
	Organization string
	Sites        []string
	ServedBy     []string // organizations that serve the sites of staff
	Locale       string
	Label        string // made here; staff have no other name
	// Operations they are on now, by a roster, and the sites of these.
	Operations, OperationSites []string
	Unconfirmed                bool // of staff who came by a poster: nobody has said that they know them
}

// Values gives a record's field by name, as decoded JSON.
type Values map[string]any

func (v Values) text(field string) string { s, _ := v[field].(string); return s }

func (v Values) list(field string) []string {
	switch x := v[field].(type) {
	case []string:
		return x
	case []any:
		var out []string
		for _, e := range x {
			if s, ok := e.(string); ok {
				out = append(out, s)
			}
		}
		return out
	case string:
		if x != "" {
			return []string{x}
		}
	}
	return nil
}

// Rule is a condition on a record and its reader. A nil Rule is for
// superusers only.
type Rule interface {
	// PB writes the rule as a PocketBase filter.
	PB() string
	// Holds decides it for a record.
	Holds(p Person, record Values) bool
}

type roleIs []Role

func (r roleIs) PB() string {
	var parts []string
	for _, role := range r {
		parts = append(parts, fmt.Sprintf("@request.auth.role = %q", string(role)))
	}
	return "(" + strings.Join(parts, " || ") + ")"
}

func (r roleIs) Holds(p Person, _ Values) bool {
	for _, role := range r {
		if p.Role == role {
			return true
		}
	}
	return false
}

// personField compares a field with a member of the person; an empty field
// never matches.
type personField struct{ field, member string }

func (r personField) PB() string {
	return fmt.Sprintf("(%s != \"\" && %s = @request.auth.%s)", r.field, r.field, r.member)
}

func (r personField) Holds(p Person, record Values) bool {
	want := p.ID
	if r.member == "organization" {
		want = p.Organization
	}
	return want != "" && record.text(r.field) == want
}

// isNot: a field of the record has another value.
type isNot struct{ field, value string }

func (r isNot) PB() string { return fmt.Sprintf("%s != %q", r.field, r.value) }

func (r isNot) Holds(_ Person, record Values) bool { return record.text(r.field) != r.value }

// ownSite: the record's id is one of the person's sites.
type ownSite struct{}

func (ownSite) PB() string { return "@request.auth.sites.id ?= id" }

func (ownSite) Holds(p Person, record Values) bool {
	for _, s := range p.Sites {
		if s != "" && s == record.text("id") {
			return true
		}
	}
	return false
}

// siteOf: the site that a field names is one of the person's.
type siteOf struct{ field string }

func (r siteOf) PB() string {
	return fmt.Sprintf("(%s != \"\" && @request.auth.sites.id ?= %s)", r.field, r.field)
}

func (r siteOf) Holds(p Person, record Values) bool {
	return ownSite{}.Holds(p, Values{"id": record.text(r.field)})
}

// onOperation: the operation that a field names is one that the person is on
// now. The whole id counts: in reports the field is a text that a phone wrote,
// and "%" would be like any id.
type onOperation struct{ field string }

func (r onOperation) PB() string {
	return fmt.Sprintf("(%s != \"\" && @request.auth.operations.id ?= %s)", r.field, r.field)
}

func (r onOperation) Holds(p Person, record Values) bool {
	id := record.text(r.field)
	return id != "" && slices.Contains(p.Operations, id)
}

// operationSite: the record is a site of an operation that the person is on.
// The person's record has these ids in one text with blanks between, and the
// record's id is one of 15 letters and digits: likeness is equality here.
type operationSite struct{}

func (operationSite) PB() string { return "@request.auth.operation_sites ~ id" }

func (operationSite) Holds(p Person, record Values) bool {
	id := record.text("id")
	return id != "" && slices.Contains(p.OperationSites, id)
}

// inList: the person's organization is in a list field of the record.
type inList struct{ field string }

func (r inList) PB() string {
	return fmt.Sprintf("(@request.auth.organization != \"\" && %s ?= @request.auth.organization)", r.field+".id")
}

func (r inList) Holds(p Person, record Values) bool {
	for _, s := range record.list(r.field) {
		if s != "" && s == p.Organization {
			return true
		}
	}
	return false
}

type flag struct{ field string }

func (r flag) PB() string { return r.field + " = true" }

func (r flag) Holds(_ Person, record Values) bool { b, _ := record[r.field].(bool); return b }

// notSent: a REST body must not name these fields. Push refuses them by their
// policy before any rule is asked.
type notSent []string

func (r notSent) PB() string {
	var parts []string
	for _, f := range r {
		parts = append(parts, fmt.Sprintf("@request.body.%s:isset = false", f))
	}
	return strings.Join(parts, " && ")
}

func (r notSent) Holds(Person, Values) bool { return true }

type allOf []Rule

func (r allOf) PB() string { return join(r, " && ") }

func (r allOf) Holds(p Person, record Values) bool {
	for _, x := range r {
		if !x.Holds(p, record) {
			return false
		}
	}
	return true
}

type anyOf []Rule

func (r anyOf) PB() string { return join(r, " || ") }

func (r anyOf) Holds(p Person, record Values) bool {
	for _, x := range r {
		if x.Holds(p, record) {
			return true
		}
	}
	return false
}

func join(rules []Rule, by string) string {
	var parts []string
	for _, x := range rules {
		if s := x.PB(); s != "" {
			parts = append(parts, s)
		}
	}
	if len(parts) == 1 {
		return parts[0]
	}
	return "(" + strings.Join(parts, by) + ")"
}
