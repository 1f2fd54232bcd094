package checklist

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

type conditionCase struct {
	Rule, Why string
	Given     struct {
		Text    string            `json:"text"`
		Own     string            `json:"own"`
		Answers map[string]string `json:"answers"`
	} `json:"given"`
	Expect struct {
		Holds bool `json:"holds"`
		Error bool `json:"error"`
		At    int  `json:"at"`
	} `json:"expect"`
}

type askedCase struct {
	Rule, Why string
	Given     struct {
		Items []struct {
			ID         string `json:"id"`
			Relevant   string `json:"relevant"`
			Constraint string `json:"constraint"`
			Required   bool   `json:"required"`
		} `json:"items"`
		Answers map[string]string `json:"answers"`
	} `json:"given"`
	Expect struct {
		Asked []string `json:"asked"`
		Unfit []string `json:"unfit"`
	} `json:"expect"`
}

func formVectors(t testing.TB) (conditions []conditionCase, asked []askedCase) {
	t.Helper()
	data, err := os.ReadFile("../../docs/protocol/vectors/forms.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		About string `json:"about"`
		Cases struct {
			Condition []conditionCase `json:"condition"`
			Asked     []askedCase     `json:"asked"`
		} `json:"cases"`
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&file); err != nil {
		t.Fatal(err)
	}
	if len(file.Cases.Condition) == 0 || len(file.Cases.Asked) == 0 {
		t.Fatal("there are no cases")
	}
	return file.Cases.Condition, file.Cases.Asked
}

func TestExpressionVectors(t *testing.T) {
	conditions, asked := formVectors(t)
	for _, c := range conditions {
		if c.Rule != "CONTENT" || c.Why == "" {
			t.Error("[CONTENT] a case names its rule, and why it is there")
		}
		t.Run("["+c.Rule+"] "+c.Why, func(t *testing.T) {
			e, err := ParseExpression(c.Given.Text)
			wrong, isWrong := errors.AsType[*ExpressionError](err)
			switch {
			case (err != nil) != isWrong || isWrong != c.Expect.Error:
				t.Fatalf("%q: %v", c.Given.Text, err)
			case isWrong && wrong.At != c.Expect.At:
				t.Fatalf("%q: %v, want character %d", c.Given.Text, err, c.Expect.At)
			case isWrong:
				return
			}
			if got := e.Holds(func(name string) string { return c.Given.Answers[name] }, c.Given.Own); got != c.Expect.Holds {
				t.Errorf("%q: %v", c.Given.Text, got)
			}
		})
	}
	for _, c := range asked {
		t.Run("["+c.Rule+"] "+c.Why, func(t *testing.T) {
			var items []Item
			for _, i := range c.Given.Items {
				items = append(items, Item{ID: i.ID, Relevant: i.Relevant, Constraint: i.Constraint, Required: i.Required})
			}
			var got []string
			for _, i := range Asked(items, c.Given.Answers) {
				got = append(got, i.ID)
			}
			if !slices.Equal(got, c.Expect.Asked) {
				t.Errorf("asked %q, want %q", got, c.Expect.Asked)
			}
			if got := Unfit(items, c.Given.Answers); !slices.Equal(got, c.Expect.Unfit) {
				t.Errorf("unfit %q, want %q", got, c.Expect.Unfit)
			}
		})
	}
}

func TestExpressionBounds(t *testing.T) {
	t.Run("[CONTENT] a condition nests only so deep, and is only so long", func(t *testing.T) {
		deep := func(n int) string { return strings.Repeat("(", n) + "1" + strings.Repeat(")", n) }
		nots := func(n int) string { return strings.Repeat("not(", n) + "1" + strings.Repeat(")", n) }
		for _, text := range []string{deep(MaxNesting), nots(MaxNesting), strings.Repeat(" ", MaxExpression-1) + "1"} {
			if _, err := ParseExpression(text); err != nil {
				t.Errorf("%.20q...: %v", text, err)
			}
		}
		for text, says := range map[string]string{deep(MaxNesting + 1): "nested", nots(MaxNesting + 1): "nested", strings.Repeat("(", MaxExpression): "nested",
			strings.Repeat(" ", MaxExpression) + "1": "longer", "\xff": "valid"} {
			if _, err := ParseExpression(text); err == nil || !strings.Contains(err.Error(), says) {
				t.Errorf("%.20q...: %v", text, err)
			}
		}
	})
	t.Run("[CONTENT] a condition tells what it asks for, and where", func(t *testing.T) {
		e, err := ParseExpression("'é' = ${a.1} and . = ${b.2}")
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(e.Names()); got != "[{a.1 7} {b.2 22}]" || !e.Own() {
			t.Errorf("%s, own %v", got, e.Own())
		}
	})
}

func FuzzExpression(f *testing.F) {
	conditions, _ := formVectors(f)
	for _, c := range conditions {
		f.Add(c.Given.Text, c.Given.Own, "yes")
	}
	f.Add(strings.Repeat("(", 40), "", "")
	f.Add(strings.Repeat("not(", 40), "", "")
	f.Fuzz(func(t *testing.T, text, own, answer string) {
		e, err := ParseExpression(text)
		if err != nil {
			wrong, ok := errors.AsType[*ExpressionError](err)
			if !ok || wrong.At < 1 || wrong.At > utf8.RuneCountInString(text)+1 || wrong.Message == "" {
				t.Fatalf("[CONTENT] a text is a condition or an explained error: %q: %v", text, err)
			}
			return
		}
		asked := 0
		known := map[string]bool{}
		for _, n := range e.Names() {
			known[n.Name] = true
		}
		value := func(name string) string {
			if asked++; !known[name] {
				t.Fatalf("%q asks for %q, which it does not name", text, name)
			}
			return answer
		}
		// The same answers give the same, whatever they are.
		first := e.Holds(value, own)
		if e.Holds(value, own) != first {
			t.Fatalf("%q wavers", text)
		}
		if again, err := ParseExpression("not(" + text + ")"); err == nil && again.Holds(value, own) == e.Holds(value, own) {
			t.Fatalf("not(%s) is the same as %s", text, text)
		}
		if asked > 4*len(text) {
			t.Fatalf("%q asks %d times", text, asked)
		}
	})
}
