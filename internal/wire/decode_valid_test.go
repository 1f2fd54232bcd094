package wire

import (
	"encoding/json"
	"fmt"
	"math/rand"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"
)

// sameAsUnmarshal holds decodeValid to encoding/json.
func sameAsUnmarshal(t *testing.T, text string) {
	t.Helper()
	var want any
	err := json.Unmarshal([]byte(text), &want)
	if !json.Valid([]byte(text)) || !utf8.ValidString(text) {
		return // it is never given such a text
	}
	got, ok := decodeValid([]byte(text))
	if ok != (err == nil) {
		t.Fatalf("%s: %v, encoding/json says %v", text, ok, err)
	}
	if ok && (!reflect.DeepEqual(got, want) || fmt.Sprint(got) != fmt.Sprint(want)) { // Sprint: -0
		t.Fatalf("%s: got %#v, want %#v", text, got, want)
	}
}

// someJSON writes a value with blanks, escapes and numbers of all kinds.
func someJSON(r *rand.Rand, deep int) string {
	blank := func() string { return strings.Repeat(string(" \n\t\r"[r.Intn(4)]), r.Intn(3)*r.Intn(2)) }
	text := func() string {
		parts := []string{"a", "", "note", "é", "😀", `\n`, `\"`, `\\`, `\/`, `\u0041`, `\ud83d\ude00`, `\ud800`, `\udc00x`, "\u2028", "}", "]", ",", ":", "{", "\x7f"}
		var b strings.Builder
		for range r.Intn(4) {
			b.WriteString(parts[r.Intn(len(parts))])
		}
		return `"` + b.String() + `"`
	}
	numbers := []string{"0", "-0", "1", "-1", "1.5", "1e3", "1E+3", "1e-3", "0.1", "9007199254740993", "123456789012345678901234567890", "1e308", "1e309", "-1e400", "5e-324", "1e-400"}
	var out string
	kind := r.Intn(8)
	if deep == 0 {
		kind = r.Intn(6)
	}
	switch kind {
	case 0:
		out = []string{"true", "false", "null"}[r.Intn(3)]
	case 1, 2:
		out = numbers[r.Intn(len(numbers))]
	case 3, 4, 5:
		out = text()
	case 6:
		var parts []string
		for range r.Intn(4) {
			parts = append(parts, someJSON(r, deep-1))
		}
		out = "[" + blank() + strings.Join(parts, ",") + "]"
	case 7:
		var parts []string
		for range r.Intn(4) { // a key may come twice
			parts = append(parts, blank()+text()+blank()+":"+someJSON(r, deep-1))
		}
		out = "{" + blank() + strings.Join(parts, ",") + "}"
	}
	return blank() + out + blank()
}

func TestDecodeValid(t *testing.T) {
	t.Run("[PUSH-4] what is decoded by hand is what encoding/json makes of it", func(t *testing.T) {
		for _, text := range []string{`{}`, `[]`, ` [ ] `, `{ "a" : [ [ ] , { } ] }`, `[[[]],[{"a":{}}]]`, `{"a":1,"a":{"b":2},"a":{"c":3}}`, `{"":0}`,
			`{"\u0061":1,"a":2}`, `"x"`, `-0`, ` null `, `[1e999]`, strings.Repeat("[", 9000) + strings.Repeat("]", 9000)} {
			sameAsUnmarshal(t, text)
		}
		r := rand.New(rand.NewSource(1))
		for range 5000 {
			sameAsUnmarshal(t, someJSON(r, 5))
		}
	})
}
