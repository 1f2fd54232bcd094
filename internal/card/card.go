package card

import (
	"fmt"
	"html/template"
	"net/url"
	"strings"
	"time"
)

// Link is the address that carries a code in its fragment: the part of an
// address that no browser sends and no server logs. base is the address of the
// server.
func Link(base, code string) string {
	return strings.TrimRight(base, "/") + "/#invite=" + url.QueryEscape(code)
}

// Card is what an invite says on paper. It names neither the product nor what
// it is for (R11).
type Card struct {
	Link, Code   string
	Host         string   // without the scheme
	Organization string   // who receives what is written
	Sites        []string // names
	Expires      time.Time
	Poster       bool // hangs on a wall, for many
}

// words are the card's sentences in one language.
type words struct {
	Lang, Title, How, Type, Address, Organization, Site, Until, Check, Poster string
}

// The Spanish awaits review by a native speaker and by practitioners (R25);
// who prints a card is told so.
var languages = []words{
	{"en", "Set up your phone", "Point the phone's camera at the square, and open the link.", "Or open the address and type the code:",
		"Address", "Organization", "Place", "Good until",
		"Before you go on, look: the phone must show this address and this organization. If it shows another one, stop, and show this card to the organization.",
		"Until the organization has confirmed you, it takes up to 20 notes a day. Nothing is lost; the rest waits on your phone."},
	{"es", "Prepare su teléfono", "Apunte la cámara del teléfono al cuadro y abra el enlace.", "O abra la dirección y escriba el código:",
		"Dirección", "Organización", "Lugar", "Sirve hasta",
		"Antes de seguir, mire: el teléfono debe mostrar esta dirección y esta organización. Si muestra otra, no siga y enseñe esta hoja a la organización.",
		"Hasta que la organización confirme quién es usted, recibe hasta 20 notas al día. Nada se pierde; lo demás espera en su teléfono."},
}

// ReviewNote is what whoever prints a card is told (R25).
const ReviewNote = "The card's Spanish awaits native and practitioner review."

// until is the day and minute in UTC, in a form that both languages read.
func (c Card) until() string { return c.Expires.UTC().Format("2006-01-02 15:04") + " UTC" }

// Text is the card for a printer or a terminal without pictures.
func (c Card) Text() (string, error) {
	code, err := Encode(c.Link)
	if err != nil {
		return "", err
	}
	return c.text(code.Paper()), nil
}

// Screen is Text with the code drawn for light text on a dark screen.
func (c Card) Screen() (string, error) {
	code, err := Encode(c.Link)
	if err != nil {
		return "", err
	}
	return c.text(code.Terminal()), nil
}

func (c Card) text(picture string) string {
	var b strings.Builder
	b.WriteString(picture)
	for _, w := range languages {
		fmt.Fprintf(&b, "\n%s\n%s\n%s %s\n", strings.ToUpper(w.Title), w.How, w.Type, c.Code)
		fmt.Fprintf(&b, "%s: %s\n%s: %s\n", w.Address, c.Host, w.Organization, c.Organization)
		if len(c.Sites) > 0 {
			fmt.Fprintf(&b, "%s: %s\n", w.Site, strings.Join(c.Sites, ", "))
		}
		fmt.Fprintf(&b, "%s: %s\n%s\n", w.Until, c.until(), w.Check)
		if c.Poster {
			fmt.Fprintln(&b, w.Poster)
		}
	}
	return b.String()
}

// HTML is the card as one page to print: no script, nothing from elsewhere.
func (c Card) HTML() (string, error) {
	code, err := Encode(c.Link)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	err = page.Execute(&b, map[string]any{"Card": c, "Until": c.until(), "Sites": strings.Join(c.Sites, ", "),
		"SVG": template.HTML(code.SVG()), "Languages": languages}) //nolint:gosec // drawn here, from modules alone
	if err != nil {
		return "", fmt.Errorf("write card: %w", err)
	}
	return b.String(), nil
}

var page = template.Must(template.New("card").Parse(`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Card</title>
<style>
body { font: 14pt/1.35 sans-serif; color: #000; background: #fff; max-width: 18cm; margin: 1cm auto; }
svg { width: 7cm; height: 7cm; display: block; margin: 0 auto; }
h2 { font-size: 18pt; margin: .6cm 0 .1cm; }
p { margin: .15cm 0; }
.code { font: bold 20pt monospace; letter-spacing: .1em; text-align: center; }
.check { border: 1.5pt solid #000; padding: .2cm .3cm; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1cm .5cm; margin: .2cm 0; }
dd { margin: 0; font-weight: bold; overflow-wrap: anywhere; }
</style>
{{.SVG}}
<p class="code">{{.Card.Code}}</p>
{{range .Languages}}<section lang="{{.Lang}}">
<h2>{{.Title}}</h2>
<p>{{.How}} {{.Type}} <b>{{$.Card.Code}}</b></p>
<dl><dt>{{.Address}}</dt><dd>{{$.Card.Host}}</dd><dt>{{.Organization}}</dt><dd>{{$.Card.Organization}}</dd>{{if $.Sites}}<dt>{{.Site}}</dt><dd>{{$.Sites}}</dd>{{end}}<dt>{{.Until}}</dt><dd>{{$.Until}}</dd></dl>
<p class="check">{{.Check}}</p>
{{if $.Card.Poster}}<p>{{.Poster}}</p>
{{end}}</section>
{{end}}</html>
`))
