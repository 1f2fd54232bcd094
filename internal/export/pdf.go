package export

import (
	"bytes"
	"fmt"
	"strings"
	"sync"

	"codeberg.org/go-pdf/fpdf"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/sfnt"
)

// The Go fonts (BSD licence, in the module golang.org/x/image) are embedded,
// cut to the letters that are used; they have all of Latin's accents.
const family = "Go"

var glyphs = sync.OnceValues(func() (*sfnt.Font, error) { return sfnt.Parse(goregular.TTF) })

// PDF is the sheet as a document to print: Letter, black on white, the fonts
// embedded. The same sheet gives the same bytes.
func (s *Sheet) PDF() ([]byte, error) {
	words := wordsOf[s.Locale]
	font, err := glyphs()
	if err != nil {
		return nil, fmt.Errorf("make pdf: %w", err)
	}
	lost := false
	has := func(text string) string { return printable(font, text, &lost) }

	pdf := fpdf.New("P", "mm", "Letter", "")
	pdf.SetCatalogSort(true) // the same bytes every time
	pdf.SetCreationDate(s.made.UTC())
	pdf.SetModificationDate(s.made.UTC())
	pdf.SetTitle(s.Title, true)
	pdf.SetProducer("Fieldpost", true)
	pdf.SetLang(s.Locale)
	pdf.AddUTF8FontFromBytes(family, "", goregular.TTF)
	pdf.AddUTF8FontFromBytes(family, "B", gobold.TTF)
	pdf.SetMargins(20, 18, 20)
	pdf.SetAutoPageBreak(true, 20)
	pdf.SetFooterFunc(func() {
		pdf.SetY(-14)
		pdf.SetFont(family, "", 9)
		pdf.CellFormat(0, 6, fmt.Sprintf("%s %d", words["page"], pdf.PageNo()), "", 0, "C", false, 0, "")
	})
	pdf.AddPage()
	write := func(style string, size, height float64, border, text string) {
		pdf.SetFont(family, style, size)
		pdf.MultiCell(0, height, has(text), border, "L", false)
	}
	box := func(notes []string) {
		lines := make([]string, 0, len(notes)+1)
		lines = append(lines, words["for_you"])
		for _, n := range notes {
			lines = append(lines, "- "+n)
		}
		pdf.Ln(3)
		write("", 9.5, 5, "1", strings.Join(lines, "\n"))
		pdf.Ln(2)
	}
	write("B", 16, 8, "", s.Title)
	write("", 10, 5, "", words["made"]+": "+s.Made)
	box(s.Before)
	for _, section := range s.Sections {
		pdf.Ln(2)
		write("B", 12, 6.5, "", section.Title)
		if section.Hint != "" {
			write("", 9.5, 5, "", "["+section.Hint+"]")
		}
		for _, l := range section.Lines {
			text := l.Text
			if l.Label != "" {
				text = l.Label + ": " + text
			}
			write("", 11, 5.8, "", text)
		}
	}
	after := s.After
	if lost {
		after = append([]string{words["lost"]}, after...)
	}
	box(after)
	var b bytes.Buffer
	if err := pdf.Output(&b); err != nil {
		return nil, fmt.Errorf("make pdf: %w", err)
	}
	return b.Bytes(), nil
}

// printable puts a question mark for each letter that the font has not got.
func printable(font *sfnt.Font, text string, lost *bool) string {
	var buf sfnt.Buffer
	return strings.Map(func(r rune) rune {
		if r == '\n' {
			return r
		}
		if i, err := font.GlyphIndex(&buf, r); err != nil || i == 0 {
			*lost = true
			return '?'
		}
		return r
	}, text)
}
