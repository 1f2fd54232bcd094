package card_test

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/fieldpost/fieldpost/internal/card"
)

const (
	base = "https://fieldpost.example"
	code = "K7QM-2XWP-9DTR"
)

func encode(t *testing.T, text string) card.Code {
	t.Helper()
	c, err := card.Encode(text)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// fromSVG reads the dark modules back out of a picture, border included.
func fromSVG(t *testing.T, svg string) (rows []string) {
	t.Helper()
	size := regexp.MustCompile(`viewBox="0 0 (\d+) (\d+)"`).FindStringSubmatch(svg)
	if size == nil || size[1] != size[2] {
		t.Fatalf("no square: %.100s", svg)
	}
	n := number(t, size[1])
	grid := make([][]byte, n)
	for y := range grid {
		grid[y] = []byte(strings.Repeat(".", n))
	}
	dark := svg[strings.LastIndex(svg, ` d="`):]
	for _, m := range regexp.MustCompile(`M(\d+) (\d+)h(\d+)v1h-(\d+)z`).FindAllStringSubmatch(dark, -1) {
		for x := range number(t, m[3]) {
			grid[number(t, m[2])][number(t, m[1])+x] = '#'
		}
	}
	for _, row := range grid {
		rows = append(rows, string(row))
	}
	return rows
}

func number(t *testing.T, s string) int {
	t.Helper()
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// fromBlocks reads them out of a drawing in half blocks.
func fromBlocks(drawing string, inked byte, blank byte) (rows []string) {
	for _, line := range strings.Split(strings.TrimSuffix(drawing, "\n"), "\n") {
		var upper, lower []byte
		for _, r := range line {
			u, l := blank, blank
			if r == '█' || r == '▀' {
				u = inked
			}
			if r == '█' || r == '▄' {
				l = inked
			}
			upper, lower = append(upper, u), append(lower, l)
		}
		rows = append(rows, string(upper), string(lower))
	}
	return rows
}

func TestQR(t *testing.T) {
	c := encode(t, card.Link(base, code))
	t.Run("[ENROL-2] the code is, module by module, the one that another program's reader has read", func(t *testing.T) {
		raw, err := os.ReadFile(filepath.Join("testdata", "link.txt"))
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(fromSVG(t, c.SVG()), "\n") + "\n"; got != string(raw) {
			t.Errorf("the picture differs:\n%s", got)
		}
	})
	t.Run("[ENROL-2] another link is another picture", func(t *testing.T) {
		if encode(t, card.Link(base, "K7QM-2XWP-9DTS")).SVG() == c.SVG() {
			t.Error("two codes are one picture")
		}
	})
	t.Run("[ENROL-2] on screen and on paper it is the same code, with its light border", func(t *testing.T) {
		want := fromSVG(t, c.SVG())
		for name, got := range map[string][]string{"paper": fromBlocks(c.Paper(), '#', '.'), "screen": fromBlocks(c.Terminal(), '.', '#')} {
			if strings.Join(got[:len(want)], "\n") != strings.Join(want, "\n") {
				t.Errorf("%s differs:\n%s", name, strings.Join(got, "\n"))
			}
		}
		for _, edge := range append(append([]string{}, want[:4]...), want[len(want)-4:]...) {
			if strings.Contains(edge, "#") {
				t.Errorf("the border is not light: %s", edge)
			}
		}
	})
	t.Run("[ENROL-2] a text that no code can hold is an error", func(t *testing.T) {
		if _, err := card.Encode(strings.Repeat("x", 3000)); err == nil {
			t.Error("3,000 bytes were drawn")
		}
	})
}

func TestCard(t *testing.T) {
	c := card.Card{Link: card.Link(base, code), Code: code, Host: "fieldpost.example", Organization: `Lantern <b>& Sons</b>`,
		Sites: []string{"Hotel Marmalade"}, Expires: time.Date(2026, 3, 1, 5, 0, 0, 0, time.UTC), Poster: true}
	text, err := c.Text()
	if err != nil {
		t.Fatal(err)
	}
	screen, err := c.Screen()
	if err != nil {
		t.Fatal(err)
	}
	html, err := c.HTML()
	if err != nil {
		t.Fatal(err)
	}
	t.Run("[ENROL-2] a card says code, host, organization, place and expiry, in English and Spanish", func(t *testing.T) {
		for name, said := range map[string]string{"text": text, "screen": screen, "html": html} {
			for _, want := range []string{code, "fieldpost.example", "Hotel Marmalade", "2026-03-01 05:00 UTC", "Organization", "Organización", "Good until", "Sirve hasta"} {
				if !strings.Contains(said, want) {
					t.Errorf("%s lacks %q", name, want)
				}
			}
		}
	})
	t.Run("[ENROL-2] a link carries the code in its fragment, which no browser sends", func(t *testing.T) {
		if got := card.Link(base+"/", code); got != base+"/#invite="+code {
			t.Error(got)
		}
	})
	t.Run("[R22] the page asks nobody for anything, runs nothing, and takes no name for markup", func(t *testing.T) {
		if strings.Contains(html, "<b>&") || !strings.Contains(html, "&lt;b&gt;&amp; Sons") {
			t.Error("a name is markup")
		}
		for _, bad := range []string{"<script", "src=", "url(", "@import", "<link", "href="} {
			if strings.Contains(strings.ToLower(html), bad) {
				t.Errorf("the page has %s", bad)
			}
		}
		d := xml.NewDecoder(strings.NewReader(encode(t, c.Link).SVG()))
		for {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
		}
	})
	t.Run("[R11] a card on the wall names neither the product nor what it is for", func(t *testing.T) {
		c.Link, c.Host = "https://rounds.example/#invite="+code, "rounds.example"
		quiet, err := c.HTML()
		if err != nil {
			t.Fatal(err)
		}
		for _, word := range []string{"fieldpost", "traffick", "trata", "report", "victim", "víctima"} {
			if strings.Contains(strings.ToLower(quiet), word) {
				t.Errorf("the card says %q", word)
			}
		}
	})
}
