// Package pb_migrations holds the collections: their fields and indexes, one
// intent a file. Their rules are not here: they are made from the one access
// table at every start (records.ApplyRules), so that no release can ship rules
// that differ from it.
package pb_migrations

import (
	"fmt"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/migrations"
)

// register adds a migration with a down that drops what it made.
func register(file string, up func(app core.App) error, collections ...string) {
	migrations.Register(up, func(app core.App) error {
		for i := len(collections) - 1; i >= 0; i-- {
			c, err := app.FindCollectionByNameOrId(collections[i])
			if err != nil {
				return fmt.Errorf("drop collection %s: %w", collections[i], err)
			}
			if err := app.Delete(c); err != nil {
				return fmt.Errorf("drop collection %s: %w", collections[i], err)
			}
		}
		return nil
	}, file)
}

func saveCollection(app core.App, name string, fields []core.Field, indexes ...string) error {
	c := core.NewBaseCollection(name)
	c.Fields.Add(fields...)
	for _, column := range indexes {
		c.AddIndex("idx_"+name+"_"+column, false, column, "")
	}
	if err := app.Save(c); err != nil {
		return fmt.Errorf("make collection %s: %w", name, err)
	}
	return nil
}

func collectionID(app core.App, name string) (string, error) {
	c, err := app.FindCollectionByNameOrId(name)
	if err != nil {
		return "", fmt.Errorf("find collection %s: %w", name, err)
	}
	return c.Id, nil
}

// relation to one record; nothing cascades: a report outlives what it names.
func relation(name, collection string, required bool) core.Field {
	return &core.RelationField{Name: name, CollectionId: collection, MaxSelect: 1, Required: required}
}

func relations(name, collection string) core.Field {
	return &core.RelationField{Name: name, CollectionId: collection, MaxSelect: 500}
}

func text(name string, max int, required bool) core.Field {
	return &core.TextField{Name: name, Max: max, Required: required}
}

func choice(name string, required bool, values ...string) core.Field {
	return &core.SelectField{Name: name, Values: values, MaxSelect: 1, Required: required}
}

func date(name string, required bool) core.Field {
	return &core.DateField{Name: name, Required: required}
}

func yesNo(name string) core.Field { return &core.BoolField{Name: name} }

func number(name string) core.Field { return &core.NumberField{Name: name, OnlyInt: true} }

func jsonField(name string, max int64) core.Field { return &core.JSONField{Name: name, MaxSize: max} }

func hidden(f core.Field) core.Field { f.SetHidden(true); return f }
