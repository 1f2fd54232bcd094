// Package card draws an invite: its link as a QR code, and a card to print
// with what a person must compare before they trust it. Pure: text in, text
// out.
package card

import (
	"fmt"
	"image/color"
	"strings"

	"github.com/boombuler/barcode/qr"
)

// quiet is the light border, in modules, that readers need around a code.
const quiet = 4

// Code is a QR code: rows of modules, true is dark. Without its border.
type Code [][]bool

// Encode makes the QR code of a text, with error correction M: a card that is
// creased or splashed is still read. The text may have up to 2,300 bytes.
func Encode(text string) (Code, error) {
	drawn, err := qr.Encode(text, qr.M, qr.Auto)
	if err != nil {
		return nil, fmt.Errorf("draw QR code: %w", err)
	}
	size := drawn.Bounds().Dx()
	code := make(Code, size)
	for y := range code {
		code[y] = make([]bool, size)
		for x := range code[y] {
			code[y][x] = drawn.At(x, y) == color.Black
		}
	}
	return code, nil
}

// dark tells of a module, border included.
func (c Code) dark(x, y int) bool {
	x, y = x-quiet, y-quiet
	return y >= 0 && y < len(c) && x >= 0 && x < len(c) && c[y][x]
}

// side is the length of a side with the border, in modules.
func (c Code) side() int { return len(c) + 2*quiet }

// SVG draws the code, one unit a module, dark on white, with no style and no
// script: it passes any content security policy.
func (c Code) SVG() string {
	n := c.side()
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" shape-rendering="crispEdges" role="img"><path fill="#fff" d="M0 0h%dv%dH0z"/><path fill="#000" d="`, n, n, n, n)
	for y := range n {
		for x := 0; x < n; x++ {
			if !c.dark(x, y) {
				continue
			}
			from := x
			for c.dark(x, y) {
				x++
			}
			fmt.Fprintf(&b, "M%d %dh%dv1h-%dz", from, y, x-from, x-from)
		}
	}
	b.WriteString(`"/></svg>`)
	return b.String()
}

// Terminal draws the code in half blocks for light text on a dark screen: two
// rows of modules a line.
func (c Code) Terminal() string { return c.blocks(func(x, y int) bool { return !c.dark(x, y) }) }

// Paper is Terminal for dark text on light paper.
func (c Code) Paper() string { return c.blocks(c.dark) }

func (c Code) blocks(inked func(x, y int) bool) string {
	var b strings.Builder
	n := c.side()
	for y := 0; y < n; y += 2 {
		for x := range n {
			switch upper, lower := inked(x, y), y+1 < n && inked(x, y+1); {
			case upper && lower:
				b.WriteRune('█')
			case upper:
				b.WriteRune('▀')
			case lower:
				b.WriteRune('▄')
			default:
				b.WriteByte(' ')
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}
