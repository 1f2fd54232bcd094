package odk

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/fieldpost/fieldpost/content"
	"github.com/fieldpost/fieldpost/internal/checklist"
)

func TestXForm(t *testing.T) {
	form, problems := ReadXLSForm(walk().bytes(t), Options{})
	if form == nil {
		t.Fatal(problems)
	}
	walk := form.Checklists()
	shipped, err := checklist.Load(content.Files)
	if err != nil {
		t.Fatal(err)
	}
	golden := func(t *testing.T, name string, lists []checklist.Checklist) {
		t.Helper()
		got, err := XForm(lists)
		if err != nil {
			t.Fatal(err)
		}
		name = filepath.Join("testdata", name+".xml")
		if *update {
			if err := os.WriteFile(name, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(name)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is another (%v); look at it, then go test -run TestXForm -update", name, err)
		}
	}
	t.Run("[CONTENT] an XForm has the words of both languages, groups, conditions and what must be answered", func(t *testing.T) {
		golden(t, "lot_walk", walk)
		got, err := XForm(walk)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{
			`<translation lang="English (en)" default="true()">`, `<translation lang="Español (es)">`,
			`<value>Una van espera horas en la orilla del estacionamiento</value>`, `<value form="guidance">¿Una van espera horas en la orilla del estacionamiento?</value>`,
			`relevant="selected( /data/vehicles/lot_walk.01 , &#39;yes&#39;) and  /data/vehicles/lot_walk.02  = &#34;yes&#34;"`, `required="true()"`,
			`constraint=". != &#39;unsure&#39; or  /data/work_and_pay/lot_walk.06  = &#39;yes&#39;"`,
		} {
			if !bytes.Contains(got, []byte(want)) {
				t.Errorf("it lacks %s", want)
			}
		}
	})
	t.Run("[CONTENT] [R25] every shipped checklist, version 1 too, is an XForm, and says what is not reviewed", func(t *testing.T) {
		versions := map[string][]checklist.Checklist{}
		for _, l := range shipped {
			name := l.Key + "." + string(rune('0'+l.Version))
			versions[name] = append(versions[name], l)
		}
		golden(t, "truck_lot", versions["truck_lot.2"])
		golden(t, "truck_lot_v1", versions["truck_lot.1"])
		for name, lists := range versions {
			got, err := XForm(lists)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			dec := xml.NewDecoder(bytes.NewReader(got))
			for err = nil; err == nil; {
				_, err = dec.Token()
			}
			if !errors.Is(err, io.EOF) {
				t.Errorf("%s: %v", name, err)
			}
			unsure := slices.ContainsFunc(lists, func(l checklist.Checklist) bool {
				return slices.ContainsFunc(l.Items, func(i checklist.Item) bool { return i.Review != "" })
			})
			if strings.Contains(string(got), "not_reviewed") != unsure {
				t.Errorf("%s: what awaits review is %v, and the form says another thing", name, unsure)
			}
		}
	})
	t.Run("[CONTENT] what is not one version of one checklist is no XForm, nor what a condition can't name", func(t *testing.T) {
		broken := slices.Clone(walk[0].Items)
		broken[1].Relevant = "${nothing} = 'yes'"
		one := walk[0]
		one.Items = broken
		for _, lists := range [][]checklist.Checklist{nil, {walk[0], shipped[0]}, {one}} {
			if _, err := XForm(lists); err == nil {
				t.Errorf("%d lists", len(lists))
			}
		}
	})
}
