package records

import (
	"encoding/json"
	"fmt"
	"sort"
	"strconv"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"
)

// plan writes the rows of one collection as the list API does, straight from
// the database: no record, no map, no reflection for each.
type plan struct {
	name    string
	columns map[string]column
	suffix  []byte // collectionId and collectionName
}

// column is how one field is written: key is `"name":`.
type column struct {
	key  []byte
	kind kind
	rank int // place among the keys, which are sorted
}

type kind int

const (
	asText kind = iota
	asNumber
	asBool
	asJSON
	asList
)

// planOf gives the plan of a collection, nil where the list API does more than
// write the visible fields.
func (s *Store) planOf(c *core.Collection) *plan {
	if c.IsAuth() || s.App.OnRecordEnrich().Length() > 0 {
		return nil
	}
	p := &plan{name: c.Name, columns: map[string]column{}}
	var names []string
	for _, f := range c.Fields {
		if f.GetHidden() {
			continue
		}
		col := column{key: append(strconv.AppendQuote(nil, f.GetName()), ':')}
		switch x := f.(type) {
		case *core.TextField, *core.DateField, *core.AutodateField, *core.EmailField, *core.URLField, *core.EditorField:
			col.kind = asText
		case *core.SelectField:
			if x.IsMultiple() {
				col.kind = asList
			}
		case *core.RelationField:
			if x.IsMultiple() {
				col.kind = asList
			}
		case *core.NumberField:
			col.kind = asNumber
		case *core.BoolField:
			col.kind = asBool
		case *core.JSONField:
			col.kind = asJSON
		default:
			return nil // a field type that this product does not use
		}
		p.columns[f.GetName()] = col
		names = append(names, f.GetName())
	}
	sort.Strings(names)
	for i, n := range names {
		col := p.columns[n]
		col.rank = i
		p.columns[n] = col
	}
	p.suffix = []byte(fmt.Sprintf(`"collectionId":%q,"collectionName":%q}`, c.Id, c.Name))
	return p
}

// read runs a query over the collection and writes each row, by id.
func (p *plan) read(q *dbx.SelectQuery, out map[string]json.RawMessage) error {
	rows, err := q.Rows()
	if err != nil {
		return fmt.Errorf("view %s: %w", p.name, err)
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		return fmt.Errorf("view %s: %w", p.name, err)
	}
	order := make([]int, len(p.columns)) // rank -> place in the row
	cols := make([]column, len(p.columns))
	idAt := -1
	for i, n := range names {
		if c, ok := p.columns[n]; ok {
			order[c.rank], cols[c.rank] = i, c
		}
		if n == "id" {
			idAt = i
		}
	}
	values := make([]any, len(names))
	targets := make([]any, len(names))
	for i := range values {
		targets[i] = &values[i]
	}
	size := 512
	for rows.Next() {
		if err := rows.Scan(targets...); err != nil {
			return fmt.Errorf("view %s: %w", p.name, err)
		}
		b := append(make([]byte, 0, size), '{')
		for rank, c := range cols {
			b = append(b, c.key...)
			b = c.kind.append(b, values[order[rank]])
			b = append(b, ',')
		}
		b = append(b, p.suffix...)
		size = len(b) + 64
		id, _ := values[idAt].(string)
		out[id] = b
	}
	return rows.Err()
}

// append writes one value in the form that the field's type has in JSON.
func (k kind) append(b []byte, v any) []byte {
	switch k {
	case asText:
		return appendQuoted(b, textOf(v))
	case asNumber:
		switch n := v.(type) {
		case int64:
			return strconv.AppendInt(b, n, 10)
		case float64:
			raw, err := json.Marshal(n)
			if err != nil {
				return append(b, '0')
			}
			return append(b, raw...)
		}
		return append(b, '0')
	case asBool:
		switch n := v.(type) {
		case int64:
			return strconv.AppendBool(b, n != 0)
		case bool:
			return strconv.AppendBool(b, n)
		}
		return append(b, "false"...)
	}
	text, isText := v.(string)
	switch {
	case !isText && v != nil || !compact(text):
		// A number that a JSON column holds as one, or what somebody wrote with
		// blanks in it: the list API's way to write it.
		var raw types.JSONRaw
		if raw.Scan(v) == nil {
			if written, err := json.Marshal(raw); err == nil {
				return append(b, written...)
			}
		}
	case text != "":
		return append(b, text...)
	case k == asList:
		return append(b, "[]"...)
	}
	return append(b, "null"...)
}

// compact tells whether encoding/json would write a JSON text as it stands.
func compact(text string) bool {
	quoted := false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			quoted = !quoted
		case c == '\\':
			i++
		case c == '<' || c == '>' || c == '&' || c == 0xe2 || c <= ' ' && !quoted:
			return false
		}
	}
	return true
}

func textOf(v any) string {
	switch x := v.(type) {
	case string:
		return x
	case []byte:
		return string(x)
	}
	return ""
}

// appendQuoted writes a JSON string; what is plain ASCII, nearly all of it,
// without a detour.
func appendQuoted(b []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		if s[i] < 0x20 || s[i] >= 0x7f || s[i] == '"' || s[i] == '\\' || s[i] == '<' || s[i] == '>' || s[i] == '&' {
			raw, err := json.Marshal(s)
			if err != nil {
				return append(b, `""`...)
			}
			return append(b, raw...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}
