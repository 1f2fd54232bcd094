package checklist

import (
	"fmt"
	"math"
	"slices"
	"testing"
)

func TestReading(t *testing.T) {
	t.Run("[R20] syllables of English are counted by spelling", func(t *testing.T) {
		for word, want := range map[string]int{"guest": 1, "people": 2, "table": 2, "looked": 1, "needed": 2, "ages": 2, "gives": 1, "violent": 3, "sexual": 3,
			"going": 2, "person": 2, "identification": 6, "quiet": 2, "carrying": 3, "region": 2, "agreed": 2, "employer": 3, "commercial": 3, "the": 1, "worker's": 2,
			"cashier": 2, "immediate": 4, "client": 2, "situation": 4} {
			if got := Yardsticks["en"].count(word); got != want {
				t.Errorf("%s: %d, want %d", word, got, want)
			}
		}
	})
	t.Run("[R20] syllables of Spanish are counted by spelling", func(t *testing.T) {
		for word, want := range map[string]int{"huésped": 2, "quien": 1, "guerra": 2, "pingüino": 3, "ahora": 3, "policía": 4, "estacionamiento": 6, "y": 1, "muy": 1,
			"ciudad": 2, "aéreo": 4, "pago": 2, "trabajadores": 5, "cuarto": 2, "paraguay": 3, "construye": 3, "oído": 3, "leer": 2, "vehículo": 4, "dieciséis": 3,
			"menor": 2, "tráiler": 2} {
			if got := Yardsticks["es"].count(word); got != want {
				t.Errorf("%s: %d, want %d", word, got, want)
			}
		}
	})
	t.Run("[R20] a number counts by its digits, and capitals by their letters", func(t *testing.T) {
		for word, want := range map[string]int{"911": 3, "18": 2, "ID": 2, "A": 1} {
			if got := Yardsticks["en"].count(word); got != want {
				t.Errorf("%s: %d, want %d", word, got, want)
			}
		}
	})
	t.Run("[R20] a text splits where a thought ends, and not at a point within a number", func(t *testing.T) {
		got := Sentences("Are they hurt? Call 911. Waits; then leaves: alone... at 2.5 miles")
		if want := []string{"Are they hurt?", "Call 911.", "Waits;", "then leaves:", "alone...", "at 2.5 miles"}; !slices.Equal(got, want) {
			t.Errorf("%q", got)
		}
	})
	t.Run("[R20] the formulas are the published ones", func(t *testing.T) {
		// 6 words, 1 sentence, 6 syllables; and 4 words, 1 sentence, 8 syllables.
		for _, c := range []struct {
			language, text string
			want           float64
		}{{"en", "The cat sat on the mat.", 0.39*6 + 11.8 - 15.59}, {"es", "Esa persona tiene miedo.", 206.84 - 60*9.0/4 - 1.02*4}} {
			got, ok := Yardsticks[c.language].Measure(c.text)
			if !ok || math.Abs(got-c.want) > 1e-9 {
				t.Errorf("%s: %v, want %v", c.text, got, c.want)
			}
		}
		if _, ok := Yardsticks["en"].Measure("", " - "); ok {
			t.Error("a text of no words was measured")
		}
	})
	t.Run("[R20] every language has a yardstick, and a bound has a hard side", func(t *testing.T) {
		for _, language := range Languages {
			y, there := Yardsticks[language]
			if !there || y.Within(y.Form, y.Form) != true {
				t.Fatal(fmt.Sprint(language, " has none"))
			}
		}
		if en, es := Yardsticks["en"], Yardsticks["es"]; en.Within(13, 11) || !en.Within(3, 11) || es.Within(30, 45) || !es.Within(90, 45) {
			t.Error("the sides are mixed up")
		}
	})
}
