package wire

import (
	"bytes"
	"encoding/json"
	"iter"
)

// The functions here take JSON apart without building it: a body of many
// megabytes must not become many more before its limits were looked at. They
// are for text that json.Valid has seen, and give parts of it, not copies.

// members gives the members of a JSON object in order, a repeated key again.
func members(object []byte) iter.Seq2[[]byte, json.RawMessage] {
	return func(yield func([]byte, json.RawMessage) bool) {
		i := skipSpace(object, skipSpace(object, 0)+1)
		for i < len(object) && object[i] != '}' {
			end, _ := skipValue(object, i)
			key := object[i+1 : end-1]
			if bytes.IndexByte(key, '\\') >= 0 {
				var plain string
				if json.Unmarshal(object[i:end], &plain) != nil {
					return // no valid JSON
				}
				key = []byte(plain)
			}
			start := skipSpace(object, skipSpace(object, end)+1)
			end, _ = skipValue(object, start)
			if !yield(key, object[start:end]) {
				return
			}
			i = skipSpace(object, end)
			if i < len(object) && object[i] == ',' {
				i = skipSpace(object, i+1)
			}
		}
	}
}

// elements gives the elements of a JSON list and how deep each is nested: 0
// for what is no object or list.
func elements(list []byte) iter.Seq2[json.RawMessage, int] {
	return func(yield func(json.RawMessage, int) bool) {
		i := skipSpace(list, skipSpace(list, 0)+1)
		for i < len(list) && list[i] != ']' {
			end, depth := skipValue(list, i)
			if !yield(list[i:end], depth) {
				return
			}
			i = skipSpace(list, end)
			if i < len(list) && list[i] == ',' {
				i = skipSpace(list, i+1)
			}
		}
	}
}

// opens tells whether a JSON value begins with a byte: { or [.
func opens(value []byte, with byte) bool {
	i := skipSpace(value, 0)
	return i < len(value) && value[i] == with
}

func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\r' || b[i] == '\t') {
		i++
	}
	return i
}

// skipValue gives the end of the value that begins at i, and its depth.
func skipValue(b []byte, i int) (end, depth int) {
	level := 0
	for i < len(b) {
		switch b[i] {
		case '"':
			for i++; i < len(b) && b[i] != '"'; i++ {
				if b[i] == '\\' {
					i++
				}
			}
		case '{', '[':
			level++
			depth = max(depth, level)
		case '}', ']':
			if level--; level < 0 { // the end of what a bare number stands in
				return i, depth
			}
		case ',', ':', ' ', '\n', '\r', '\t':
			if level == 0 {
				return i, depth
			}
			i++
			continue
		default:
			i++
			continue
		}
		i++
		if level == 0 {
			return i, depth
		}
	}
	return i, depth
}
