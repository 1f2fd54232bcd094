package speccheck

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/scanner"
	"go/token"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// readGo reads a Go test file. Every func TestXxx and FuzzXxx is a test and
// must name a rule in a string of its own; strings elsewhere in the file, in a
// table of cases for instance, count as tests of the rules they name.
func readGo(path, source string) (testFile, int, error) {
	f := testFile{path: path}
	set := token.NewFileSet()
	tree, err := parser.ParseFile(set, path, source, parser.SkipObjectResolution)
	if err != nil {
		var list scanner.ErrorList
		if errors.As(err, &list) && len(list) > 0 {
			return f, list[0].Pos.Line, errors.New(list[0].Msg)
		}
		return f, 1, err
	}
	for _, d := range tree.Decls {
		named := false
		ast.Inspect(d, func(n ast.Node) bool {
			lit, ok := n.(*ast.BasicLit)
			if !ok || lit.Kind != token.STRING {
				return true
			}
			text, err := strconv.Unquote(lit.Value)
			if err != nil { // the parser has accepted it, so this cannot be a string
				return true
			}
			for _, id := range ids(text) {
				named = true
				f.mentions = append(f.mentions, mention{id, set.Position(lit.Pos()).Line})
			}
			return true
		})
		if fn, ok := d.(*ast.FuncDecl); ok && isTest(fn) {
			f.tests = append(f.tests, testCase{fn.Name.Name, set.Position(fn.Pos()).Line, named})
		}
	}
	return f, 0, nil
}

// isTest tells a test from its helpers as the go command does. TestMain is none.
func isTest(fn *ast.FuncDecl) bool {
	name := fn.Name.Name
	if fn.Recv != nil || name == "TestMain" || len(fn.Type.Params.List) != 1 {
		return false
	}
	for _, prefix := range []string{"Test", "Fuzz"} {
		if rest, ok := strings.CutPrefix(name, prefix); ok {
			r, _ := utf8.DecodeRuneInString(rest)
			return rest == "" || !unicode.IsLower(r)
		}
	}
	return false
}
