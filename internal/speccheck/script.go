package speccheck

import (
	"errors"
	"regexp"
	"strings"
)

var (
	// A call of test or it whose title comes next. A method of another value,
	// such as a regular expression's test, is none.
	titled = regexp.MustCompile(`(?:^|[^.\w$])(?:test|it)(?:\.(?:only|fails|concurrent|slow))*\($`)
	// A test that does not run is a test of nothing.
	idle = regexp.MustCompile(`\.(?:skip|todo|fixme)\($`)
	// Before a value, a slash begins a regular expression and does not divide.
	beforeValue = regexp.MustCompile(`(?:^|[=(,:;!&|?{}\[+\-*%<>~^]|\breturn|\btypeof|\bcase)$`)
)

// readScript reads a TypeScript or JavaScript test file. Every call of test or
// it with a title written out is a test, and its title must name a rule. Other
// strings that begin with an id count as tests of the rules they name.
func readScript(path, source string) (testFile, int, error) {
	f := testFile{path: path}
	failed := eachString(source, func(before, text string, line int) {
		if idle.MatchString(before) {
			return
		}
		found := ids(text)
		for _, id := range found {
			f.mentions = append(f.mentions, mention{id, line})
		}
		if titled.MatchString(before) {
			f.tests = append(f.tests, testCase{"the test " + quoted(text), line, len(found) > 0})
		}
	})
	if failed > 0 {
		return f, failed, errors.New("a string, comment or regular expression does not end")
	}
	// Titles that are computed cannot be judged; the file as a whole can.
	if len(f.tests) == 0 {
		f.tests = []testCase{{"the file", 1, len(f.mentions) > 0}}
	}
	return f, 0, nil
}

func quoted(s string) string {
	if r := []rune(s); len(r) > 60 {
		s = string(r[:60]) + "..."
	}
	return `"` + s + `"`
}

// eachString calls found for every string in source, with the code just before
// it (comments and spaces left out), its text with escapes as written, and its
// line. It returns 0, or the line of what does not end.
func eachString(source string, found func(before, text string, line int)) int {
	line, before := 1, ""
	for i := 0; i < len(source); {
		c, rest := source[i], source[i:]
		end := 1
		switch {
		case strings.HasPrefix(rest, "//"):
			if end = strings.IndexByte(rest, '\n'); end < 0 {
				end = len(rest)
			}
		case strings.HasPrefix(rest, "/*"):
			if end = strings.Index(rest[2:], "*/"); end < 0 {
				return line
			}
			end += 4
		case c == '\'' || c == '"' || c == '`':
			if end = closing(rest, c); end < 0 {
				return line
			}
			found(before, rest[1:end-1], line)
			before = "x"
		case c == '/' && beforeValue.MatchString(before):
			if end = closing(rest, c); end < 0 {
				return line
			}
			before = "x"
		case c == ' ' || c == '\t' || c == '\r' || c == '\n':
			// A word before a space is not the end of a longer one after it.
			if wordEnd(before) && i+1 < len(source) && wordStart(source[i+1]) {
				before += " "
			}
		default:
			before += string(rest[0])
			if len(before) > 40 {
				before = before[len(before)-40:]
			}
		}
		line += strings.Count(rest[:end], "\n")
		i += end
	}
	return 0
}

func wordStart(c byte) bool {
	return c == '_' || c == '$' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

func wordEnd(s string) bool { return s != "" && wordStart(s[len(s)-1]) }

// closing gives the length of the string, template or regular expression that
// s begins with, or -1. A slash in a character class ends nothing; code inside
// a template is passed over with its braces and strings.
func closing(s string, quote byte) int {
	class := false
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\':
			i++
		case c == '\n' && quote != '`':
			return -1
		case quote == '/' && c == '[':
			class = true
		case quote == '/' && c == ']':
			class = false
		case c == quote && !class:
			return i + 1
		case quote == '`' && strings.HasPrefix(s[i:], "${"):
			n := closingBrace(s[i+2:])
			if n < 0 {
				return -1
			}
			i += 1 + n
		}
	}
	return -1
}

// closingBrace gives the length of the code up to and with the brace that
// closes it, or -1.
func closingBrace(s string) int {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case '{':
			depth++
		case '}':
			if depth == 0 {
				return i + 1
			}
			depth--
		case '\'', '"', '`':
			n := closing(s[i:], c)
			if n < 0 {
				return -1
			}
			i += n - 1
		}
	}
	return -1
}
