package export

import (
	"bytes"
	"compress/zlib"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf16"
)

var update = flag.Bool("update", false, "write the golden files anew")

// full is a report with everything that a sheet may hold.
func full(locale string) (Report, Options) {
	four := 4
	signs := map[string][]Sign{
		"en": {{"core.01", "Another person speaks for them, corrects them, or will not let them be alone", "strong", "saw", "en", false},
			{"core.19", "Asks for help, says they are held, or signals distress", "emergency", "told", "en", false},
			{"core.11", "Few or no belongings of their own", "context", "saw", "en", false}},
		"es": {{"core.01", "Otra persona habla por ella, la corrige o no la deja sola", "strong", "saw", "es", true},
			{"core.19", "Pide ayuda, dice que la tienen retenida o hace señas de angustia", "emergency", "told", "es", true},
			{"core.11", "Few or no belongings of their own", "context", "saw", "en", false}},
	}
	reason := map[string]string{"en": "An emergency sign was seen.", "es": "Se vio una señal de emergencia."}
	r := Report{Collection: "observations", ID: "a1b2c3d4e5f6g7h",
		Site:  &Site{"Big Río Truck Plaza", "truck_stop", "1200 N Example Rd, Kansas City, MO"},
		Point: &Point{39.09973, -94.57857}, Event: time.Date(2026, 1, 11, 4, 55, 0, 0, time.UTC), EventEnd: time.Date(2026, 1, 11, 5, 20, 0, 0, time.UTC), ClockOff: "hours",
		Signs: signs[locale], Note: "Silver van, cab to cab.\nLeft \u202etoward I-70 <b>east</b>.\x1b[2J", People: &four,
		Persons:  []Person{{"teen", []string{"tired", "red jacket"}}, {"unsure", nil}, {"", []string{"limping"}}},
		Vehicles: []Vehicle{{"van", "silver", "MO", "7X", ""}, {"semi", "", "", "", ""}, {"", "", "KS", "", "ABC 123"}}, MinorPossible: true, ManagerInvolved: true,
		Reason: reason[locale], Addenda: []string{"The van came back at two.", "A second driver <b>took over</b>."}}
	zone := time.FixedZone("CST", -6*3600)
	return r, Options{Locale: locale, Zone: zone, Now: time.Date(2026, 1, 11, 9, 30, 0, 0, time.UTC),
		Earlier: []Earlier{{"call", "hsi_tip_line", "T-4711", time.Date(2026, 1, 11, 6, 2, 0, 0, time.UTC)}}}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is another: see what differs, and write it anew with -update\n%s", name, got)
	}
}

func TestTipSheet(t *testing.T) {
	for _, locale := range []string{"en", "es"} {
		r, opt := full(locale)
		t.Run("[R20] [R5] the sheet to read aloud is what it was, as text, page and sections, in "+locale, func(t *testing.T) {
			aloud, form := Make(ReadAloud, r, opt), Make(WebForm, r, opt)
			golden(t, "tip."+locale+".txt", aloud.Text())
			html, err := aloud.HTML()
			if err != nil {
				t.Fatal(err)
			}
			golden(t, "tip."+locale+".html", html)
			golden(t, "form."+locale+".txt", form.CopySections())
			pdf, err := aloud.PDF()
			if err != nil {
				t.Fatal(err)
			}
			golden(t, "tip."+locale+".pdf.txt", []byte(pdfText(t, pdf)))
		})
		t.Run("[R20] the same sheet is the same pdf, byte for byte, with fonts of its own, in "+locale, func(t *testing.T) {
			a, err := Make(ReadAloud, r, opt).PDF()
			if err != nil {
				t.Fatal(err)
			}
			for range 3 {
				b, err := Make(ReadAloud, r, opt).PDF()
				if err != nil || !bytes.Equal(a, b) {
					t.Fatalf("%d bytes, then %d: %v", len(a), len(b), err)
				}
			}
			if !bytes.Contains(a, []byte("/FontFile2")) || bytes.Contains(a, []byte("/URI")) || bytes.Contains(a, []byte("/JavaScript")) {
				t.Fatal("no font in it, or a link or script")
			}
		})
	}
	r, opt := full("en")
	t.Run("[R5] the order is the operator's: where, when, what, who, vehicle, why", func(t *testing.T) {
		var keys []string
		for _, s := range Make(ReadAloud, r, opt).Sections {
			keys = append(keys, s.Key)
		}
		if got := strings.Join(keys, " "); got != "where when what who vehicle why" {
			t.Fatal(got)
		}
		keys = nil
		for _, s := range Make(WebForm, r, opt).Sections {
			keys = append(keys, s.Key)
		}
		if got := strings.Join(keys, " "); got != "you violation where when who vehicle narrative" {
			t.Fatal(got)
		}
	})
	t.Run("[R5] the preview lists exactly the fields that are on the sheet, and each can be left out", func(t *testing.T) {
		whole := Make(ReadAloud, r, opt)
		on := func(s *Sheet) []string {
			var fields []string
			for _, section := range s.Sections {
				for _, l := range section.Lines {
					if l.Field != "" && !slices.Contains(fields, l.Field) {
						fields = append(fields, l.Field)
					}
				}
			}
			slices.SortFunc(fields, func(a, b string) int { return slices.Index(Fields, a) - slices.Index(Fields, b) })
			return fields
		}
		if !slices.Equal(on(whole), whole.Leaves) {
			t.Fatalf("on it %v, listed %v", on(whole), whole.Leaves)
		}
		for _, f := range whole.Leaves {
			less := opt
			less.Without = []string{f}
			for _, kind := range []string{ReadAloud, WebForm} {
				s := Make(kind, r, less)
				if slices.Contains(s.Leaves, f) || !slices.Contains(s.Stays, f) || !slices.Equal(on(s), s.Leaves) || len(s.Leaves) != len(whole.Leaves)-1 {
					t.Errorf("%s without %s: %v", kind, f, s.Leaves)
				}
			}
		}
		less := opt
		less.Without = []string{"note"}
		html, err := Make(ReadAloud, r, less).HTML()
		if err != nil || bytes.Contains(html, []byte("Silver van")) || bytes.Contains(Make(WebForm, r, less).CopySections(), []byte("Silver van")) {
			t.Fatal("the note left all the same", err)
		}
	})
	t.Run("[R1] nothing that is told has a field for papers, birthplace or status", func(t *testing.T) {
		bad := regexp.MustCompile(`(?i)citizen|ciudadan|nationalit|nacionalidad|birth|nacimiento|immigra|migratori|visa|passport|pasaporte`)
		for _, locale := range []string{"en", "es"} {
			r, opt := full(locale)
			for _, kind := range []string{ReadAloud, WebForm} {
				for _, s := range Make(kind, r, opt).Sections {
					for _, l := range s.Lines {
						if bad.MatchString(l.Label) || bad.MatchString(l.Field) {
							t.Errorf("%s: %+v", kind, l)
						}
					}
				}
			}
		}
		for _, f := range Fields {
			if slices.Contains(Stays, f) {
				t.Errorf("%s leaves and stays", f)
			}
		}
	})
	t.Run("[R16] [R5] a second tip on one report warns before anything else, and DHS is named", func(t *testing.T) {
		s := Make(ReadAloud, r, opt)
		if len(s.Warnings) != 1 || s.Before[0] != s.Warnings[0] || !strings.Contains(s.Before[0], "T-4711") {
			t.Fatal(s.Before)
		}
		if !strings.Contains(strings.Join(s.Before, " "), "shared inside DHS") {
			t.Fatal(s.Before)
		}
		first := opt
		first.Earlier = nil
		if s := Make(ReadAloud, r, first); len(s.Warnings) != 0 {
			t.Fatal(s.Warnings)
		}
	})
	t.Run("[R25] each sheet says that nobody has reviewed the weights, and which words wait", func(t *testing.T) {
		if s := Make(ReadAloud, r, opt); !slices.Contains(s.After, wordsOf["en"]["after.weights"]) || slices.Contains(s.After, wordsOf["en"]["after.words"]) {
			t.Fatal(s.After)
		}
		spanish, opt := full("es")
		if s := Make(ReadAloud, spanish, opt); !slices.Contains(s.After, wordsOf["es"]["after.weights"]) || !slices.Contains(s.After, wordsOf["es"]["after.words"]) {
			t.Fatal(s.After)
		}
	})
	t.Run("[R20] a page runs no script, loads nothing, and a note cannot break out of it", func(t *testing.T) {
		evil := r
		evil.Note = `</dd><script>alert(1)</script><img src=x onerror=y>` + "\u202e"
		html, err := Make(ReadAloud, evil, opt).HTML()
		if err != nil {
			t.Fatal(err)
		}
		for _, bad := range []string{"<script", "<img", "<link", "href=", " style=", "onerror=y>", "\u202e"} {
			if bytes.Contains(html, []byte(bad)) {
				t.Errorf("%s is in it", bad)
			}
		}
		if !bytes.Contains(html, []byte(strings.ReplaceAll(metaPolicy, "'", "&#39;"))) || !strings.HasPrefix(PagePolicy, "default-src 'none'; style-src 'sha256-") {
			t.Errorf("the policy is not in it: %s", PagePolicy)
		}
	})
	t.Run("[R5] an empty report makes a sheet that says what is not known", func(t *testing.T) {
		s := Make(ReadAloud, Report{Collection: "submissions"}, Options{Now: opt.Now})
		if s.Locale != "en" || len(s.Leaves) != 0 || strings.Count(string(s.Text()), "Not known.") != 6 {
			t.Fatalf("%s", s.Text())
		}
		if _, err := s.PDF(); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("[R20] letters that the font has not got are said to be lost, and long notes make pages", func(t *testing.T) {
		long := r
		long.Note = strings.Repeat("ñandú ¿qué? \U0001F600 ", 900)
		pdf, err := Make(ReadAloud, long, opt).PDF()
		if err != nil {
			t.Fatal(err)
		}
		text := pdfText(t, pdf)
		if !strings.Contains(text, "ñandú ¿qué? ?") || !strings.Contains(text, "Some letters cannot be printed") || !strings.Contains(text, "Page 3") {
			t.Fatalf("%.3000s", text)
		}
	})
	t.Run("[R20] every word of one language is there in the other, or is a choice that reads the same", func(t *testing.T) {
		choice := regexp.MustCompile(`^(kind|color|look|venue)\.`)
		for key := range wordsOf["en"] {
			if wordsOf["es"][key] == "" && key != "age." && !choice.MatchString(key) {
				t.Errorf("es: %s is missing", key)
			}
		}
		for key := range wordsOf["es"] {
			if _, ok := wordsOf["en"][key]; !ok && !choice.MatchString(key) {
				t.Errorf("en: %s is missing", key)
			}
		}
	})
}

// pdfText reads the texts of a PDF that this package made, a line each.
func pdfText(t *testing.T, pdf []byte) string {
	t.Helper()
	var out []string
	for _, m := range regexp.MustCompile(`(?s)stream\n(.*?)\nendstream`).FindAllSubmatch(pdf, -1) {
		z, err := zlib.NewReader(bytes.NewReader(m[1]))
		if err != nil {
			continue // no page
		}
		raw, err := io.ReadAll(z)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(raw, []byte("BT ")) {
			continue
		}
		out = append(out, shown(raw)...)
	}
	return strings.Join(out, "\n") + "\n"
}

// shown gives the strings in a page's content, "(...)", in UTF-16.
func shown(raw []byte) []string {
	var out []string
	for i := 0; i < len(raw); i++ {
		if raw[i] != '(' {
			continue
		}
		var b []byte
		for i++; i < len(raw) && raw[i] != ')'; i++ {
			if raw[i] == '\\' {
				i++
				if c, ok := map[byte]byte{'r': '\r', 'n': '\n'}[raw[i]]; ok {
					b = append(b, c)
					continue
				}
			}
			b = append(b, raw[i])
		}
		var units []uint16
		for j := 0; j+1 < len(b); j += 2 {
			units = append(units, uint16(b[j])<<8|uint16(b[j+1]))
		}
		out = append(out, string(utf16.Decode(units)))
	}
	if len(out) == 0 {
		return []string{fmt.Sprintf("(%d bytes without text)", len(raw))}
	}
	return out
}
