package records

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/fieldpost/fieldpost/internal/hlc"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// Refusal says why a write can't be: a code of PUSH-6 or PUSH-7 and a
// sentence. It is an error so that it can pass through PocketBase's hooks.
type Refusal struct {
	Code    string
	Message string
}

func (r *Refusal) Error() string { return r.Code + ": " + r.Message }

func refuse(code, format string, args ...any) *Refusal {
	return &Refusal{code, fmt.Sprintf(format, args...)}
}

func invalid(format string, args ...any) *Refusal { return refuse(wire.CodeInvalid, format, args...) }

// Normalise checks a client's value for a field strictly by its type and gives
// it as the field stores it, as decoded JSON. PocketBase alone would turn a
// wrong type into an empty value: something a person wrote would be lost.
func Normalise(field core.Field, value any) (any, *Refusal) {
	name := field.GetName()
	switch f := field.(type) {
	case *core.JSONField:
		raw, err := json.Marshal(value)
		if err != nil || int64(len(raw)) > f.CalculateMaxBodySize() {
			return nil, invalid("%s is too large.", name)
		}
		return value, nil
	case *core.BoolField:
		if value == nil {
			return false, nil
		}
		if b, ok := value.(bool); ok {
			return b, nil
		}
		return nil, invalid("%s is not true or false.", name)
	case *core.NumberField:
		if value == nil {
			return float64(0), nil
		}
		n, ok := value.(float64)
		if !ok || f.OnlyInt && n != math.Trunc(n) {
			return nil, invalid("%s is not a number.", name)
		}
		return n, nil
	case *core.DateField:
		if value == nil || value == "" {
			return "", nil
		}
		s, ok := value.(string)
		if !ok {
			return nil, invalid("%s is not a time.", name)
		}
		t, ok := parseTime(s)
		if !ok {
			return nil, invalid("%s is not an RFC 3339 time.", name)
		}
		return t.String(), nil
	case *core.RelationField:
		if f.IsMultiple() {
			list, ok := value.([]any)
			if !ok && value != nil {
				return nil, invalid("%s is not a list.", name)
			}
			for _, e := range list {
				if id, ok := e.(string); !ok || !hlc.ValidID(id) {
					return nil, invalid("%s holds something that is no id.", name)
				}
			}
			return list, nil
		}
		if value == nil || value == "" {
			return "", nil
		}
		if id, ok := value.(string); ok && hlc.ValidID(id) {
			return id, nil
		}
		return nil, invalid("%s is not an id.", name)
	case *core.SelectField:
		if f.IsMultiple() {
			return normaliseChoices(f, value)
		}
		if value == nil || value == "" {
			return "", nil
		}
		s, _ := value.(string)
		for _, v := range f.Values {
			if v == s {
				return s, nil
			}
		}
		return nil, invalid("%s is not one of %s.", name, strings.Join(f.Values, ", "))
	case *core.TextField:
		if value == nil {
			return "", nil
		}
		s, ok := value.(string)
		if !ok {
			return nil, invalid("%s is not a text.", name)
		}
		if f.Max > 0 && utf8.RuneCountInString(s) > f.Max {
			unit := "characters"
			if f.Max == 1 {
				unit = "character"
			}
			return nil, invalid("%s is longer than %d %s.", name, f.Max, unit)
		}
		return s, nil
	}
	return nil, refuse(wire.CodeNotAllowed, "%s is not written by clients.", name)
}

// normaliseChoices checks a list of choices, and gives it sorted and each once:
// it is a set.
func normaliseChoices(f *core.SelectField, value any) (any, *Refusal) {
	list, ok := value.([]any)
	if !ok && value != nil {
		return nil, invalid("%s is not a list.", f.Name)
	}
	chosen := []string{}
	for _, e := range list {
		s, ok := e.(string)
		if !ok || !slices.Contains(f.Values, s) {
			return nil, invalid("%s holds something else than %s.", f.Name, strings.Join(f.Values, ", "))
		}
		chosen = append(chosen, s)
	}
	slices.Sort(chosen)
	return Plain(slices.Compact(chosen)), nil
}

// CheckSet checks the elements that an edit of a set adds or removes. What is
// no such edit is left to merge, which refuses it.
func (t *Tx) CheckSet(collection, field string, edit any) *Refusal {
	c, err := t.app.FindCachedCollectionByNameOrId(collection)
	if err != nil {
		return refuse(wire.CodeUnknownCollection, "There is no collection of that name.")
	}
	members, _ := edit.(map[string]any)
	for _, list := range members {
		if _, r := Normalise(c.Fields.GetByName(field), list); r != nil {
			return r
		}
	}
	return nil
}

// parseTime takes RFC 3339 and PocketBase's form, years 1 to 9999.
func parseTime(s string) (types.DateTime, bool) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02 15:04:05.999999999Z07:00"} {
		if t, err := time.Parse(layout, s); err == nil {
			d, err := types.ParseDateTime(t)
			return d, err == nil && t.Year() >= 1 && t.Year() <= 9999
		}
	}
	return types.DateTime{}, false
}

// NormaliseFields normalises the fields of an op that the schema knows; those
// that it does not know come back in extra.
func (s *Store) NormaliseFields(collection *core.Collection, known func(string) bool, fields map[string]any, at hlc.Time) (values, extra map[string]any, r *Refusal) {
	values = make(map[string]any, len(fields))
	for name, v := range fields {
		if !known(name) {
			if extra == nil {
				extra = map[string]any{}
			}
			extra[name] = v
			continue
		}
		f := collection.Fields.GetByName(name)
		if f == nil {
			return nil, nil, invalid("%s is not a field.", name)
		}
		// A coordinator's client says that a report was opened, or when.
		if b, ok := v.(bool); ok && b && collection.Name == "triage" && name == "opened" {
			v = time.UnixMilli(at.Ms).UTC().Format(wire.TimeFormat)
		}
		n, r := Normalise(f, v)
		if r != nil {
			return nil, nil, r
		}
		values[name] = n
	}
	return values, extra, nil
}
