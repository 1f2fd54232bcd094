package records

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/fieldpost/fieldpost/internal/access"
)

// plan writes the rows of one collection as the list API does, straight from
// the database: no record, no map, no reflection for each.
type plan struct {
	of      *core.Collection // as it was when the plan was made
	columns []column         // in the order of the keys, which are sorted
	suffix  []byte           // collectionId and collectionName
	idAt    int
	byIDs   string // the rows of ids, in the order of columns
	// rule is the list rule as the access table has it, and asks the places of
	// the fields that it reads. nil: the collection has another one now.
	rule access.Rule
	asks []int
	kept keptRows
}

// column is how one field is written: key is `"name":`.
type column struct {
	name string
	key  []byte
	kind kind
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
// write the visible fields. It is made anew when the collection has changed:
// PocketBase then holds another one.
func (s *Store) planOf(c *core.Collection) *plan {
	if c.IsAuth() || s.App.OnRecordEnrich().Length() > 0 {
		return nil
	}
	if known, ok := s.plans.Load(c.Name); ok && known.(*plan).of == c {
		return known.(*plan)
	}
	p := makePlan(c)
	if p != nil {
		s.plans.Store(c.Name, p)
	}
	return p
}

func makePlan(c *core.Collection) *plan {
	p := &plan{of: c}
	for _, f := range c.Fields {
		if f.GetHidden() {
			continue
		}
		col := column{name: f.GetName(), key: append(strconv.AppendQuote(nil, f.GetName()), ':')}
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
		p.columns = append(p.columns, col)
	}
	sort.Slice(p.columns, func(i, j int) bool { return p.columns[i].name < p.columns[j].name })
	p.suffix = []byte(fmt.Sprintf(`"collectionId":%q,"collectionName":%q}`, c.Id, c.Name))
	at := map[string]int{}
	var names []string
	for i, col := range p.columns {
		at[col.name] = i
		names = append(names, `"`+col.name+`"`)
	}
	p.idAt = at["id"]
	p.byIDs = "SELECT " + strings.Join(names, ",") + ` FROM "` + c.Name + `" WHERE "id" IN (SELECT value FROM json_each(?))`
	row, ours := access.Table[c.Name]
	fields, known := access.Reads(row.List)
	if !ours || !known || c.ListRule == nil || row.List == nil || *c.ListRule != row.List.PB() {
		return p
	}
	for _, f := range fields {
		i, visible := at[f]
		if kind := p.columns[i].kind; !visible || kind == asNumber || kind == asJSON {
			return p
		}
		if !slices.Contains(p.asks, i) {
			p.asks = append(p.asks, i)
		}
	}
	p.rule = row.List
	return p
}

// asked are the values of a row that the rule reads.
func (p *plan) asked(values []any) access.Values {
	v := make(access.Values, len(p.asks))
	for _, i := range p.asks {
		c := p.columns[i]
		switch c.kind {
		case asText:
			v[c.name] = textOf(values[i])
		case asBool:
			v[c.name] = isTrue(values[i])
		case asList:
			v[c.name] = decode([]byte(textOf(values[i])))
		}
	}
	return v
}

// read writes each row of a query, and gives it with its values in the order of
// the columns, which are its own until each returns.
func (p *plan) read(rows *sql.Rows, each func(id string, values []any, body json.RawMessage)) error {
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		return fmt.Errorf("view %s: %w", p.of.Name, err)
	}
	places := map[string]int{}
	for i, n := range names {
		places[n] = i
	}
	row, values := make([]any, len(names)), make([]any, len(p.columns))
	targets := make([]any, len(names))
	for i := range row {
		targets[i] = &row[i]
	}
	order := make([]int, len(p.columns))
	for i, c := range p.columns {
		place, ok := places[c.name]
		if !ok {
			return fmt.Errorf("view %s: no column %s", p.of.Name, c.name)
		}
		order[i] = place
	}
	size := 512
	for rows.Next() {
		if err := rows.Scan(targets...); err != nil {
			return fmt.Errorf("view %s: %w", p.of.Name, err)
		}
		for i, place := range order {
			values[i] = row[place]
		}
		b := append(make([]byte, 0, size), '{')
		for i, c := range p.columns {
			b = append(b, c.key...)
			b = c.kind.append(b, values[i])
			b = append(b, ',')
		}
		b = append(b, p.suffix...)
		size = len(b) + 64
		id, _ := values[p.idAt].(string)
		each(id, values, b)
	}
	return rows.Err()
}

// isTrue reads a bool as its column holds it.
func isTrue(v any) bool {
	switch x := v.(type) {
	case int64:
		return x != 0
	case bool:
		return x
	}
	return false
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
		return strconv.AppendBool(b, isTrue(v))
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
