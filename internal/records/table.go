package records

import (
	"encoding/json"
	"fmt"
	"math"
	"sort"
	"strconv"
	"strings"
	"sync"

	"github.com/pocketbase/pocketbase/core"

	"github.com/fieldpost/fieldpost/internal/access"
)

// table is a collection compiled for writing: its statements and how each
// field is stored, worked out once for each version of its schema. It writes
// what PocketBase's save would write, byte for byte (a differential test holds
// the two together), without records, hooks or the building of queries.
type table struct {
	collection *core.Collection
	columns    []tableColumn
	at         map[string]int // name -> place in columns
	sorted     []int          // places of the columns but id, by name
	references []Reference    // single relations: Field and Collection
	insert     string
	update     string // all columns but id
	read       string
}

type tableColumn struct {
	name   string
	key    string // `"name":`
	kind   kind
	update string // of this column alone
}

// tables keeps the compiled tables of a store.
type tables struct{ kept sync.Map } // name -> *table

// of gives the table of a collection, nil where PocketBase does more at a save
// than write values: accounts, files, fields that it fills in or hides.
func (s *tables) of(app core.App, c *core.Collection) (*table, error) {
	if kept, ok := s.kept.Load(c.Name); ok && kept.(*table).collection == c {
		return kept.(*table).usable(), nil
	}
	t, err := compile(app, c)
	if err != nil {
		return nil, err
	}
	s.kept.Store(c.Name, t)
	return t.usable(), nil
}

func (t *table) usable() *table {
	if t.columns == nil {
		return nil
	}
	return t
}

func compile(app core.App, c *core.Collection) (*table, error) {
	t := &table{collection: c, at: map[string]int{}}
	if !c.IsBase() {
		return t, nil
	}
	var columns []tableColumn
	for _, f := range c.Fields {
		col := tableColumn{name: f.GetName()}
		if f.GetHidden() || strings.ContainsAny(col.name, "`\"[]") {
			return t, nil
		}
		switch x := f.(type) {
		case *core.TextField:
			if x.AutogeneratePattern != "" && !x.PrimaryKey {
				return t, nil
			}
		case *core.DateField:
		case *core.SelectField:
			if x.IsMultiple() {
				return t, nil
			}
		case *core.RelationField:
			if x.IsMultiple() {
				return t, nil
			}
			target, err := app.FindCachedCollectionByNameOrId(x.CollectionId)
			if err != nil {
				return nil, fmt.Errorf("find collection of %s: %w", x.Name, err)
			}
			t.references = append(t.references, Reference{Field: x.Name, Collection: target.Name})
		case *core.NumberField:
			col.kind = asNumber
		case *core.BoolField:
			col.kind = asBool
		case *core.JSONField:
			col.kind = asJSON
		default:
			return t, nil
		}
		col.key = strconv.Quote(col.name) + ":"
		columns = append(columns, col)
	}
	var names, places, sets []string
	for i := range columns {
		name := "`" + columns[i].name + "`"
		columns[i].update = "UPDATE `" + c.Name + "` SET " + name + "=? WHERE `id`=?"
		t.at[columns[i].name] = i
		names, places = append(names, name), append(places, "?")
		if columns[i].name != "id" {
			sets = append(sets, name+"=?")
			t.sorted = append(t.sorted, i)
		}
	}
	sort.Slice(t.sorted, func(a, b int) bool { return columns[t.sorted[a]].name < columns[t.sorted[b]].name })
	list := strings.Join(names, ",")
	t.insert = "INSERT INTO `" + c.Name + "` (" + list + ") VALUES (" + strings.Join(places, ",") + ")"
	t.update = "UPDATE `" + c.Name + "` SET " + strings.Join(sets, ",") + " WHERE `id`=?"
	t.read = "SELECT " + list + " FROM `" + c.Name + "` WHERE `id`=?"
	t.columns = columns
	return t, nil
}

// stored gives a value as the column holds it. sent tells that the record has
// the field at all.
func (c *tableColumn) stored(value any, sent bool) (any, error) {
	switch c.kind {
	case asText:
		switch x := value.(type) {
		case nil:
			return "", nil
		case string:
			return x, nil
		}
	case asNumber:
		switch x := value.(type) {
		case nil:
			return float64(0), nil
		case float64:
			return x, nil
		}
	case asBool:
		switch x := value.(type) {
		case nil:
			return false, nil
		case bool:
			return x, nil
		}
	case asJSON:
		if value == nil || !sent {
			return nil, nil // as PocketBase keeps a null
		}
		text, err := appendJSON(make([]byte, 0, 64), value)
		return string(text), err
	}
	return nil, fmt.Errorf("%s: %T is not what the field holds", c.name, value)
}

// plain gives what a column holds as decoded JSON, as the list API shows it.
func (c *tableColumn) plain(value any) any {
	switch c.kind {
	case asNumber:
		switch x := value.(type) {
		case int64:
			return float64(x)
		case float64:
			return x
		}
		return float64(0)
	case asBool:
		switch x := value.(type) {
		case bool:
			return x
		case int64:
			return x != 0
		}
		return false
	case asJSON:
		switch x := value.(type) {
		case int64:
			return float64(x) // a JSON column keeps a number as one
		case float64:
			return x
		}
		return decode([]byte(textOf(value)))
	}
	return textOf(value)
}

// row fills in the values of a new row, and gives its fields as JSON, sorted
// and without those that are not set: what its journal entry says.
func (t *table) row(id string, values access.Values, row []any) ([]byte, error) {
	var err error
	for i := range t.columns {
		c := &t.columns[i]
		if c.name == "id" {
			row[i] = id
			continue
		}
		value, sent := values[c.name]
		if row[i], err = c.stored(value, sent); err != nil {
			return nil, err
		}
	}
	b := append(make([]byte, 0, 1024), '{')
	for _, i := range t.sorted {
		c := &t.columns[i]
		if IsZero(values[c.name]) {
			continue
		}
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = append(b, c.key...)
		if c.kind == asJSON {
			b = append(b, row[i].(string)...)
			continue
		}
		if b, err = appendJSON(b, row[i]); err != nil {
			return nil, err
		}
	}
	return append(b, '}'), nil
}

// appendJSON writes a decoded value as encoding/json does, without reflection.
func appendJSON(b []byte, v any) ([]byte, error) {
	switch x := v.(type) {
	case nil:
		return append(b, "null"...), nil
	case bool:
		return strconv.AppendBool(b, x), nil
	case string:
		return appendQuoted(b, x), nil
	case float64:
		if x == math.Trunc(x) && math.Abs(x) < 1e15 && (x != 0 || !math.Signbit(x)) {
			return strconv.AppendInt(b, int64(x), 10), nil
		}
	case []any:
		if x == nil {
			return append(b, "null"...), nil
		}
		b = append(b, '[')
		var err error
		for i, e := range x {
			if i > 0 {
				b = append(b, ',')
			}
			if b, err = appendJSON(b, e); err != nil {
				return b, err
			}
		}
		return append(b, ']'), nil
	case map[string]any:
		if x == nil {
			return append(b, "null"...), nil
		}
		keys := make([]string, 0, len(x))
		for k := range x {
			keys = append(keys, k)
		}
		sort.Strings(keys)
		b = append(b, '{')
		var err error
		for i, k := range keys {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(appendQuoted(b, k), ':')
			if b, err = appendJSON(b, x[k]); err != nil {
				return b, err
			}
		}
		return append(b, '}'), nil
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return b, fmt.Errorf("write json: %w", err)
	}
	return append(b, raw...), nil
}
