package export

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"html/template"
	"strings"
)

// Text is the sheet as plain text.
func (s *Sheet) Text() []byte {
	words := wordsOf[s.Locale]
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s\n%s: %s\n\n", s.Title, words["made"], s.Made)
	s.box(&b, s.Before)
	for _, section := range s.Sections {
		fmt.Fprintf(&b, "%s\n", strings.ToUpper(section.Title))
		for _, l := range section.Lines {
			if l.Label != "" {
				fmt.Fprintf(&b, "  %s: %s\n", l.Label, l.Text)
			} else {
				fmt.Fprintf(&b, "  %s\n", l.Text)
			}
		}
		b.WriteString("\n")
	}
	s.box(&b, s.After)
	return b.Bytes()
}

// box writes what is not to be told.
func (s *Sheet) box(b *bytes.Buffer, notes []string) {
	fmt.Fprintf(b, "| %s\n", wordsOf[s.Locale]["for_you"])
	for _, n := range notes {
		fmt.Fprintf(b, "| - %s\n", n)
	}
	b.WriteString("\n")
}

// CopySections is the sheet as texts to copy, one after the other, each below
// its name. What stands in brackets is for the person.
func (s *Sheet) CopySections() []byte {
	var b bytes.Buffer
	s.box(&b, s.Before)
	for _, section := range s.Sections {
		fmt.Fprintf(&b, "== %s ==\n", section.Title)
		if section.Hint != "" {
			fmt.Fprintf(&b, "[%s]\n", section.Hint)
		}
		if section.Copy != "" {
			b.WriteString(section.Copy + "\n")
		}
		b.WriteString("\n")
	}
	s.box(&b, s.After)
	return b.Bytes()
}

// style prints black on white, whatever the screen is set to.
const style = `html{background:#fff;color:#000;font:16px/1.5 sans-serif}body{max-width:42rem;margin:1.5rem auto;padding:0 1rem}` +
	`h1{font-size:1.4rem}h2{font-size:1.1rem;margin:1.2rem 0 .2rem}dl{margin:0}dt{font-weight:bold}dd{margin:0 0 .4rem 1rem}` +
	`aside{border:2px solid #000;padding:.2rem 1rem;margin:1rem 0}@media print{body{margin:0;max-width:none}section{break-inside:avoid}}`

// PagePolicy is the content security policy of a printable sheet: its one
// style by its hash, and nothing else, from nowhere.
var PagePolicy = func() string {
	sum := sha256.Sum256([]byte(style))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}()

// metaPolicy leaves out what a page cannot say of itself.
var metaPolicy = strings.TrimSuffix(PagePolicy, "; frame-ancestors 'none'")

var page = template.Must(template.New("tip").Parse(`<!DOCTYPE html>
<html lang="{{.Sheet.Locale}}">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{{.Policy}}">
<meta name="referrer" content="no-referrer">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{.Sheet.Title}}</title>
<style>{{.Style}}</style>
</head>
<body>
<h1>{{.Sheet.Title}}</h1>
<p>{{.Words.made}}: {{.Sheet.Made}}</p>
<aside>
<p><strong>{{.Words.for_you}}</strong></p>
<ul>{{range .Sheet.Before}}
<li>{{.}}</li>{{end}}
</ul>
</aside>
{{range .Sheet.Sections}}<section>
<h2>{{.Title}}</h2>{{if .Hint}}
<p><em>{{.Hint}}</em></p>{{end}}
<dl>{{range .Lines}}{{if .Label}}
<dt>{{.Label}}</dt>{{end}}
<dd>{{.Text}}</dd>{{end}}
</dl>
</section>
{{end}}<aside>
<p><strong>{{.Words.for_you}}</strong></p>
<ul>{{range .Sheet.After}}
<li>{{.}}</li>{{end}}
</ul>
</aside>
</body>
</html>
`))

// HTML is the sheet as a page to print: no script, no link, nothing from
// elsewhere.
func (s *Sheet) HTML() ([]byte, error) {
	var b bytes.Buffer
	err := page.Execute(&b, map[string]any{"Sheet": s, "Policy": metaPolicy, "Style": template.CSS(style), "Words": wordsOf[s.Locale]})
	if err != nil {
		return nil, fmt.Errorf("make page: %w", err)
	}
	return b.Bytes(), nil
}
