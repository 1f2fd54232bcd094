package records

import (
	"fmt"

	"github.com/pocketbase/pocketbase/core"

	"github.com/fieldpost/fieldpost/internal/access"
)

// ApplyRules gives every collection of the access table the rules of the
// table, and so undoes what anybody changed by hand.
func ApplyRules(app core.App) error {
	for name, row := range access.Table {
		c, err := app.FindCollectionByNameOrId(name)
		if err != nil {
			return fmt.Errorf("apply rules: %s: %w", name, err)
		}
		if RulesHold(c, row) {
			continue
		}
		c.ListRule, c.ViewRule = text(row.List), text(row.List)
		c.CreateRule, c.UpdateRule, c.DeleteRule = text(row.Create), text(row.Update), text(row.Delete)
		if c.IsAuth() {
			anybody := ""
			c.AuthRule, c.ManageRule = &anybody, nil
		}
		if err := app.Save(c); err != nil {
			return fmt.Errorf("apply rules of %s: %w", name, err)
		}
	}
	return nil
}

// RulesHold tells whether a collection has the rules of its row.
func RulesHold(c *core.Collection, row access.Collection) bool {
	same := func(have *string, want access.Rule) bool {
		w := text(want)
		return have == nil && w == nil || have != nil && w != nil && *have == *w
	}
	return same(c.ListRule, row.List) && same(c.ViewRule, row.List) && same(c.CreateRule, row.Create) &&
		same(c.UpdateRule, row.Update) && same(c.DeleteRule, row.Delete) &&
		(!c.IsAuth() || c.ManageRule == nil && c.AuthRule != nil && *c.AuthRule == "")
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

// ApplySettings keeps the settings that product requirements fix: no address
// and no account in any log, and none in the alerts for sign-ins from new
// places, which keep a fingerprint of each address (R22).
func ApplySettings(app core.App) error {
	settings := app.Settings()
	if settings.Logs.LogIP || settings.Logs.LogAuthId {
		settings.Logs.LogIP, settings.Logs.LogAuthId = false, false
		if err := app.Save(settings); err != nil {
			return fmt.Errorf("apply settings: %w", err)
		}
	}
	collections, err := app.FindAllCollections(core.CollectionTypeAuth)
	if err != nil {
		return fmt.Errorf("apply settings: %w", err)
	}
	for _, c := range collections {
		if !c.AuthAlert.Enabled {
			continue
		}
		c.AuthAlert.Enabled = false
		if err := app.Save(c); err != nil {
			return fmt.Errorf("apply settings: no alerts in %s: %w", c.Name, err)
		}
	}
	return nil
}

func text(r access.Rule) *string {
	if r == nil {
		return nil
	}
	s := r.PB()
	return &s
}
