package checklist

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	source "go/token"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/fieldpost/fieldpost/content"
)

// coded are the functions that give a fault a code, by the place of the code
// among what they are called with.
var coded = map[string]bool{"find": true, "found": true, "say": true, "fail": true, "expressionError": true}

func TestCodes(t *testing.T) {
	t.Run("[CONTENT] every code that a form may be found with is listed, once, and none that is not", func(t *testing.T) {
		used := map[string]bool{}
		for _, name := range []string{"form.go", "lint.go", "words.go", "expression.go"} {
			file, err := parser.ParseFile(source.NewFileSet(), name, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(file, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok || len(call.Args) == 0 {
					return true
				}
				fn := ""
				switch f := call.Fun.(type) {
				case *ast.Ident:
					fn = f.Name
				case *ast.SelectorExpr:
					fn = f.Sel.Name
					if fn == "say" {
						return true // of a folder
					}
				}
				lit, ok := call.Args[0].(*ast.BasicLit)
				if !coded[fn] || !ok || lit.Kind != source.STRING {
					return true
				}
				code, err := strconv.Unquote(lit.Value)
				if err != nil {
					t.Fatal(err)
				}
				used[code] = true
				return true
			})
		}
		for code := range used {
			if !slices.Contains(Codes, code) {
				t.Errorf("%s is used and not listed", code)
			}
		}
		for i, code := range Codes {
			if !used[code] || slices.Index(Codes, code) != i {
				t.Errorf("%s is listed and not used, or twice", code)
			}
		}
	})
	t.Run("[CONTENT] whatever is wrong with a form says its code and what it names", func(t *testing.T) {
		form := map[string]any{"format": 2, "key": "our_lot", "version": 1, "title::en": "Our lot", "title::es": "", "seen_by::en": "", "seen_by::es": "quien mira", "venue": "",
			"survey": []map[string]any{
				{"type": "begin_group", "name": "lot", "label::en": "The lot", "label::es": "El lote", "icon": "no_such"},
				{"type": "select_one yes_no_unsure", "name": "our_lot.01", "label::en": "An illegal thing.", "label::es": "Algo.", "weight": "heavy", "form": "both", "sources": []string{"ZZ"},
					"relevant": "${our_lot.09} = 'yes'", "constraint": "selected(."},
				{"type": "end_group"}},
			"choices": []any{}}
		raw, err := json.Marshal(form)
		if err != nil {
			t.Fatal(err)
		}
		_, faults, err := LintForm(content.Files, "our_lot", raw)
		if err != nil {
			t.Fatal(err)
		}
		got := map[string][]string{}
		for _, f := range faults {
			if f.Code == "" || !slices.Contains(Codes, f.Code) {
				t.Errorf("%s: the code %q is none", f, f.Code)
			}
			for _, a := range f.Args {
				if !strings.Contains(f.Message, a) {
					t.Errorf("%s: its message does not name %q", f.Code, a)
				}
			}
			got[f.Code] = f.Args
		}
		for code, args := range map[string][]string{"title_missing": nil, "weight": {"heavy"}, "icon_unknown": {"no_such"}, "source_unknown": {"ZZ"},
			"condition_before": {"relevant", "1", "our_lot.09"}, "venue_missing": nil, "choices": {"yes_no_unsure"}} {
			if have, there := got[code]; !there || !slices.Equal(have, args) {
				t.Errorf("%s: %q, want %q", code, have, args)
			}
		}
	})
}
