package wire

import (
	"encoding/json"
	"strconv"
)

// decodeValid decodes a JSON text that json.Valid has seen, in UTF-8, into what
// json.Unmarshal makes of it, without looking at all of it once more: for a push
// that is half of the decoding. A number that no float64 holds ends it: false.
func decodeValid(text []byte) (any, bool) {
	d := validText{b: text}
	v := d.value()
	return v, !d.outOfRange
}

type validText struct {
	b          []byte
	i          int
	outOfRange bool
}

func (d *validText) value() any {
	d.i = skipSpace(d.b, d.i)
	switch d.b[d.i] {
	case '{':
		return d.object()
	case '[':
		return d.list()
	case '"':
		return d.text()
	case 't':
		d.i += len("true")
		return true
	case 'f':
		d.i += len("false")
		return false
	case 'n':
		d.i += len("null")
		return nil
	}
	return d.number()
}

// object reads an object; of a key that comes twice the last value stands.
func (d *validText) object() any {
	m := map[string]any{}
	for d.first(); d.b[d.i] != '}'; d.next() {
		key := d.text()
		d.i = skipSpace(d.b, d.i) + 1 // the colon
		m[key] = d.value()
	}
	d.i++
	return m
}

func (d *validText) list() any {
	list := []any{}
	for d.first(); d.b[d.i] != ']'; d.next() {
		list = append(list, d.value())
	}
	d.i++
	return list
}

// first goes over a bracket, next over the comma behind an element.
func (d *validText) first() { d.i = skipSpace(d.b, d.i+1) }

func (d *validText) next() {
	if d.i = skipSpace(d.b, d.i); d.b[d.i] == ',' {
		d.i = skipSpace(d.b, d.i+1)
	}
}

// text reads a string. What is more than characters between quotes goes the long
// way.
func (d *validText) text() string {
	start := d.i
	for d.i++; ; d.i++ {
		switch d.b[d.i] {
		case '"':
			d.i++
			return string(d.b[start+1 : d.i-1])
		case '\\':
			d.i, _ = skipValue(d.b, start)
			var plain string
			if json.Unmarshal(d.b[start:d.i], &plain) != nil {
				d.outOfRange = true // not reachable in valid JSON
			}
			return plain
		}
	}
}

func (d *validText) number() any {
	start := d.i
	for d.i < len(d.b) && (d.b[d.i] >= '0' && d.b[d.i] <= '9' || d.b[d.i] == '-' || d.b[d.i] == '+' || d.b[d.i] == '.' || d.b[d.i] == 'e' || d.b[d.i] == 'E') {
		d.i++
	}
	n, err := strconv.ParseFloat(string(d.b[start:d.i]), 64)
	if err != nil {
		d.outOfRange = true
	}
	return n
}
