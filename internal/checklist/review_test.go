package checklist

import (
	"fmt"
	"slices"
	"testing"
	"testing/fstest"
)

func TestAwaitingIn(t *testing.T) {
	t.Run("[R25] hotline and emergency texts stand first in the review list, then our wordings, then Spanish by setting", func(t *testing.T) {
		all := yardContent(t)
		all["hotlines/lines.json"] = &fstest.MapFile{Data: []byte(`{"lines": [{"id": "help", "title::en": "Help", "title::es": "Ayuda", "review::en": "",
			"review::es": "awaiting native and practitioner review", "then": {"text::es": "Contesta una persona", "review::es": "awaiting native and practitioner review"}}]}`)}
		list, err := AwaitingIn(all)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, a := range list {
			got = append(got, fmt.Sprint(a.Kind, " ", a.Item, " ", a.Language))
		}
		want := []string{"urgent help es", "urgent help es", "urgent core.01 es", "urgent core.01 es", "ours yard.02 en",
			"translation  es", "translation core.02 es", "translation core.03 es",
			"translation  es", "translation yard.01 es", "translation yard.02 es", "translation yard.03 es", "translation core.03 es"}
		if !slices.Equal(got, want) {
			t.Fatalf("%q", got)
		}
		if a := list[0]; a.File != "hotlines/lines.json" || a.Text != "Ayuda" || a.State != AwaitingNative {
			t.Errorf("%+v", a)
		}
		if list[1].Text != "Contesta una persona" || list[2].Text != "Alguien pide ayuda" || list[2].Original != "Someone asks for help" {
			t.Errorf("%+v", list[1:3])
		}
	})
	t.Run("[R25] content that can't be read gives no list", func(t *testing.T) {
		all := yardContent(t)
		all["guidance/bias.json"] = &fstest.MapFile{Data: []byte(`{`)}
		if _, err := AwaitingIn(all); err == nil {
			t.Error("passed")
		}
	})
}
