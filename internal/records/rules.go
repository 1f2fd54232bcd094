package records

import (
	"fmt"

	"github.com/pocketbase/pocketbase/core"

	"github.com/fieldpost/fieldpost/internal/access"
)

// ApplyRules gives every collection of the access table the rules of the
// table, and so undoes what anybody changed by hand.
func ApplyRules(app core.App) error {
	all, err := app.FindAllCollections()
	if err != nil {
		return fmt.Errorf("apply rules: %w", err)
	}
	byName := make(map[string]*core.Collection, len(all))
	for _, c := range all {
		byName[c.Name] = c
	}
	for name, row := range access.Table {
		c := byName[name]
		if c == nil {
			return fmt.Errorf("apply rules: %s: there is no such collection", name)
		}
		if RulesHold(c, row) {
			continue
		}
		c.ListRule, c.ViewRule = text(row.List), text(row.List)
		c.CreateRule, c.UpdateRule, c.DeleteRule = text(row.Create), text(row.Update), text(row.Delete)
		if c.IsAuth() {
			c.AuthRule, c.ManageRule = new(authRule), nil
		}
		if err := app.Save(c); err != nil {
			return fmt.Errorf("apply rules of %s: %w", name, err)
		}
	}
	return nil
}

// authRule is who may sign in, whichever way: not who has left. The way by a
// partner's account (OAuth2) knows no password that could be taken away.
const authRule = `left = ""`

// RulesHold tells whether a collection has the rules of its row.
func RulesHold(c *core.Collection, row access.Collection) bool {
	same := func(have *string, want access.Rule) bool {
		w := text(want)
		return have == nil && w == nil || have != nil && w != nil && *have == *w
	}
	return same(c.ListRule, row.List) && same(c.ViewRule, row.List) && same(c.CreateRule, row.Create) &&
		same(c.UpdateRule, row.Update) && same(c.DeleteRule, row.Delete) &&
		(!c.IsAuth() || c.ManageRule == nil && c.AuthRule != nil && *c.AuthRule == authRule)
}

// FieldsStand tells whether a collection has every field of its row: dropping
// one would take its values from every record, past the journal.
func FieldsStand(c *core.Collection, row access.Collection) bool {
	for f := range row.Fields {
		if c.Fields.GetByName(f) == nil {
			return false
		}
	}
	return true
}

func text(r access.Rule) *string {
	if r == nil {
		return nil
	}
	s := r.PB()
	return &s
}
