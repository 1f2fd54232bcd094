package checklist

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// The bounds of an expression. What stands in a form is read by a machine at
// every tap; nothing that a person would write comes near them.
const (
	MaxExpression = 1000 // bytes
	MaxNesting    = 32   // parentheses and calls inside each other
)

// Expression is a condition in the part of XLSForm's XPath that forms here
// use: ${name}, the own value as ".", texts in quotes, numbers, = != < <= > >=,
// and, or, not(), selected(), true(), false() and parentheses. Values and
// comparisons are those of XPath 1.0; what was not answered is an empty text.
type Expression struct {
	root  node
	names []Reference
	own   bool
}

// Reference is a name in an expression, and the character at which its ${
// stands, counted from 1.
type Reference struct {
	Name string
	At   int
}

// ExpressionError says what of an expression can't be read.
type ExpressionError struct {
	At      int // the character, counted from 1
	Message string

	code, format string
	args         []any
}

func expressionError(code string, at int, format string, args ...any) *ExpressionError {
	return &ExpressionError{At: at, Message: fmt.Sprintf(format, args...), code: code, format: format, args: args}
}

func (e *ExpressionError) Error() string {
	return fmt.Sprintf("at character %d: %s", e.At, e.Message)
}

// Names are the names that the expression asks for, each as often as it does.
func (e *Expression) Names() []Reference { return e.names }

// Own tells whether it asks for the own value ("."), as only a constraint may.
func (e *Expression) Own() bool { return e.own }

// Holds evaluates the expression. answer gives the answer to an item, "" when
// there is none; own is the answer to the item that the expression belongs to.
func (e *Expression) Holds(answer func(name string) string, own string) bool {
	return truth(e.root(scope{answer, own}))
}

type scope struct {
	answer func(string) string
	own    string
}

// node gives a string, a float64 or a bool.
type node func(scope) any

// ParseExpression reads an expression. The error is an *ExpressionError.
func ParseExpression(text string) (*Expression, error) {
	switch {
	case len(text) > MaxExpression:
		return nil, expressionError("condition_long", 1, "longer than %d bytes", MaxExpression)
	case !utf8.ValidString(text):
		return nil, expressionError("condition_text", 1, "is no valid text")
	}
	p := &expressionParser{text: text, out: &Expression{}}
	p.next()
	root := p.or()
	if p.err == nil && p.token.kind != atEnd {
		p.fail("condition_unexpected", p.token.at, "%s is not expected here", p.token.quoted())
	}
	if p.err != nil {
		return nil, p.err
	}
	p.out.root = root
	return p.out, nil
}

type kind int

const (
	atEnd   kind = iota
	aSymbol      // ( ) , = != < <= > >=
	aWord        // and, or, the name of a function
	aName        // ${...}
	aQuote       // a text
	aNumber      // a number
	aDot         // the own value
)

type token struct {
	kind kind
	text string
	at   int // byte
}

func (t token) quoted() string {
	if t.kind == atEnd {
		return "the end"
	}
	return strconv.Quote(t.text)
}

type expressionParser struct {
	text  string
	pos   int
	token token
	depth int
	out   *Expression
	err   *ExpressionError
}

// fail keeps the first thing that is wrong, and ends the reading.
func (p *expressionParser) fail(code string, at int, format string, args ...any) {
	if p.err == nil {
		p.err = expressionError(code, p.character(at), format, args...)
	}
	p.token, p.pos = token{kind: atEnd, at: len(p.text)}, len(p.text)
}

func (p *expressionParser) character(at int) int { return utf8.RuneCountInString(p.text[:at]) + 1 }

var (
	nameToken   = regexp.MustCompile(`^\$\{([A-Za-z_][A-Za-z0-9_.-]*)\}`)
	wordToken   = regexp.MustCompile(`^[A-Za-z][A-Za-z-]*`)
	numberToken = regexp.MustCompile(`^-?([0-9]+(\.[0-9]*)?|\.[0-9]+)`)
	symbolToken = regexp.MustCompile(`^(!=|<=|>=|[(),=<>])`)
)

func (p *expressionParser) next() {
	for p.pos < len(p.text) && strings.IndexByte(" \t\r\n", p.text[p.pos]) >= 0 {
		p.pos++
	}
	rest, at := p.text[p.pos:], p.pos
	take := func(k kind, text string, length int) {
		p.token = token{k, text, at}
		p.pos = at + length
	}
	if rest == "" {
		take(atEnd, "", 0)
		return
	}
	if m := nameToken.FindStringSubmatch(rest); m != nil {
		take(aName, m[1], len(m[0]))
		return
	}
	if m := numberToken.FindString(rest); m != "" {
		take(aNumber, m, len(m))
		return
	}
	if m := wordToken.FindString(rest); m != "" {
		take(aWord, m, len(m))
		return
	}
	if m := symbolToken.FindString(rest); m != "" {
		take(aSymbol, m, len(m))
		return
	}
	switch rest[0] {
	case '.':
		take(aDot, ".", 1)
	case '"', '\'':
		n := strings.IndexByte(rest[1:], rest[0])
		if n < 0 {
			p.fail("condition_open_text", at, "a text begins that has no end")
			return
		}
		take(aQuote, rest[1:1+n], n+2)
	case '$':
		p.fail("condition_name", at, "a name must stand as ${name}")
	default:
		r, _ := utf8.DecodeRuneInString(rest)
		p.fail("condition_unknown", at, "%q is not known", r)
	}
}

func (p *expressionParser) or() node {
	left := p.and()
	for p.token.kind == aWord && p.token.text == "or" {
		p.next()
		a, b := left, p.and()
		left = func(s scope) any { return truth(a(s)) || truth(b(s)) }
	}
	return left
}

func (p *expressionParser) and() node {
	left := p.comparison()
	for p.token.kind == aWord && p.token.text == "and" {
		p.next()
		a, b := left, p.comparison()
		left = func(s scope) any { return truth(a(s)) && truth(b(s)) }
	}
	return left
}

func (p *expressionParser) comparison() node {
	a := p.value()
	op := p.token
	if op.kind != aSymbol || !strings.ContainsAny(op.text, "=<>") {
		return a
	}
	p.next()
	b := p.value()
	if t := p.token; t.kind == aSymbol && strings.ContainsAny(t.text, "=<>") {
		p.fail("condition_two", t.at, "two comparisons in a row; put one in parentheses")
	}
	return func(s scope) any { return compare(op.text, a(s), b(s)) }
}

func (p *expressionParser) value() node {
	t := p.token
	switch {
	case t.kind == aName:
		p.out.names = append(p.out.names, Reference{t.text, p.character(t.at)})
		p.next()
		return func(s scope) any { return s.answer(t.text) }
	case t.kind == aDot:
		p.out.own = true
		p.next()
		return func(s scope) any { return s.own }
	case t.kind == aQuote:
		p.next()
		return func(scope) any { return t.text }
	case t.kind == aNumber:
		number := numberFrom(t.text)
		p.next()
		return func(scope) any { return number }
	case t.kind == aSymbol && t.text == "(":
		p.enter(t)
		p.next()
		inner := p.or()
		p.leave()
		return inner
	case t.kind == aWord && t.text != "and" && t.text != "or":
		return p.call(t)
	}
	if p.err == nil {
		p.fail("condition_value", t.at, "a value is missing before %s", t.quoted())
	}
	return nil
}

func (p *expressionParser) call(t token) node {
	counts := map[string]int{"not": 1, "selected": 2, "true": 0, "false": 0}
	want, known := counts[t.text]
	if !known {
		p.fail("condition_function", t.at, "%q is no function here; there are not, selected, true and false", t.text)
		return nil
	}
	p.next()
	if p.token.kind != aSymbol || p.token.text != "(" {
		p.fail("condition_open", p.token.at, "( is missing after %s", t.text)
		return nil
	}
	p.enter(t)
	p.next()
	var args []node
	for n := range want {
		if n > 0 {
			if p.token.kind != aSymbol || p.token.text != "," {
				p.fail("condition_values", p.token.at, "%s takes %d values", t.text, want)
				return nil
			}
			p.next()
		}
		args = append(args, p.or())
	}
	p.leave()
	switch t.text {
	case "not":
		return func(s scope) any { return !truth(args[0](s)) }
	case "selected":
		return func(s scope) any { return selected(textFrom(args[0](s)), textFrom(args[1](s))) }
	}
	return func(scope) any { return t.text == "true" }
}

func (p *expressionParser) enter(t token) {
	if p.depth++; p.depth > MaxNesting {
		p.fail("condition_deep", t.at, "nested more than %d deep", MaxNesting)
	}
}

func (p *expressionParser) leave() {
	p.depth--
	if p.token.kind != aSymbol || p.token.text != ")" {
		p.fail("condition_close", p.token.at, ") is missing before %s", p.token.quoted())
		return
	}
	p.next()
}

// selected tells whether choice is among the answers of a list, which stand
// apart by spaces.
func selected(list, choice string) bool {
	for _, one := range strings.Fields(list) {
		if one == strings.TrimSpace(choice) {
			return true
		}
	}
	return false
}

func compare(op string, a, b any) bool {
	if op == "=" || op == "!=" {
		var same bool
		switch {
		case is[bool](a) || is[bool](b):
			same = truth(a) == truth(b)
		case is[float64](a) || is[float64](b):
			same = numberOfValue(a) == numberOfValue(b)
		default:
			same = a == b
		}
		return same == (op == "=")
	}
	x, y := numberOfValue(a), numberOfValue(b)
	switch op {
	case "<":
		return x < y
	case "<=":
		return x <= y
	case ">":
		return x > y
	}
	return x >= y
}

func is[T any](v any) bool { _, ok := v.(T); return ok }

func truth(v any) bool {
	switch v := v.(type) {
	case bool:
		return v
	case float64:
		return v != 0 && !math.IsNaN(v)
	case string:
		return v != ""
	}
	return false
}

func numberOfValue(v any) float64 {
	switch v := v.(type) {
	case bool:
		if v {
			return 1
		}
		return 0
	case float64:
		return v
	case string:
		return numberFrom(v)
	}
	return math.NaN()
}

var numberForm = regexp.MustCompile(`^[ \t\r\n]*(-?([0-9]+(\.[0-9]*)?|\.[0-9]+))[ \t\r\n]*$`)

// numberFrom reads a number as XPath 1.0 does: no exponent, no plus.
func numberFrom(text string) float64 {
	m := numberForm.FindStringSubmatch(text)
	if m == nil {
		return math.NaN()
	}
	// Out of range gives an infinity beside its error; both are numbers to XPath.
	f, _ := strconv.ParseFloat(m[1], 64)
	return f
}

func textFrom(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case bool:
		return strconv.FormatBool(v)
	case float64:
		switch {
		case math.IsNaN(v):
			return "NaN"
		case math.IsInf(v, 1):
			return "Infinity"
		case math.IsInf(v, -1):
			return "-Infinity"
		case v == 0:
			return "0" // of both signs
		}
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return ""
}

// Asked gives the items that a person is asked, in order: those without a
// condition and those whose condition holds. An answer to an item that is not
// asked counts as none in the conditions after it. An item may ask only for
// items before it (Form.Lint), so that one pass is enough. A condition that
// can't be read hides nothing: better a question too many.
func Asked(items []Item, answers map[string]string) []Item {
	asked := make([]Item, 0, len(items))
	given := map[string]string{}
	for _, item := range items {
		if item.Relevant != "" {
			e, err := ParseExpression(item.Relevant)
			if err == nil && !e.Holds(func(name string) string { return given[name] }, given[item.ID]) {
				continue
			}
		}
		asked = append(asked, item)
		if a := answers[item.ID]; a != "" {
			given[item.ID] = a
		}
	}
	return asked
}

// Unfit gives the ids of the asked items whose answers do not fit: required
// and not answered, or against their constraint. For the screen: the server
// takes such a report all the same, because a report is worth more than its
// form.
func Unfit(items []Item, answers map[string]string) []string {
	var ids []string
	asked := Asked(items, answers)
	given := map[string]string{}
	for _, item := range asked {
		given[item.ID] = answers[item.ID]
	}
	for _, item := range asked {
		answer := given[item.ID]
		if answer == "" {
			if item.Required {
				ids = append(ids, item.ID)
			}
			continue // XLSForm: a constraint is for what was answered
		}
		if item.Constraint == "" {
			continue
		}
		e, err := ParseExpression(item.Constraint)
		if err == nil && !e.Holds(func(name string) string { return given[name] }, answer) {
			ids = append(ids, item.ID)
		}
	}
	return ids
}
