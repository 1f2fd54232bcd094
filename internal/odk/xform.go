package odk

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/fieldpost/fieldpost/internal/checklist"
)

// languageNames is how an XForm calls its languages.
var languageNames = map[string]string{"en": "English (en)", "es": "Español (es)"}

// answers are those of every item, by language.
var answers = []struct {
	name  string
	words map[string]string
}{
	{"yes", map[string]string{"en": "Yes", "es": "Sí"}},
	{"no", map[string]string{"en": "No", "es": "No"}},
	{"unsure", map[string]string{"en": "Not sure", "es": "No sé"}},
}

// unreviewed is what a form says first that nobody outside has reviewed (R25).
var unreviewed = map[string]string{
	"en": "Not all of this has been reviewed: some wordings await practitioners, and the Spanish awaits native speakers too.",
	"es": "No todo esto ha sido revisado: algunas frases esperan a personas con práctica, y el español también a hablantes nativos.",
}

// reviewNote is the name of the note that says so.
const reviewNote = "not_reviewed"

// XForm writes one version of a checklist as an ODK XForm, with all the
// languages of lists, the first being the default. The lists are of the same
// items. Labels, hints and answers are itext; read-aloud texts are guidance
// hints. Weight, form, sources and icon have no place in an XForm.
func XForm(lists []checklist.Checklist) ([]byte, error) {
	if len(lists) == 0 {
		return nil, fmt.Errorf("write xform: there is no checklist")
	}
	first := lists[0]
	w := &xformWriter{at: map[string]string{}, reviewed: true}
	for _, l := range lists {
		if languageNames[l.Locale] == "" || l.Key != first.Key || l.Version != first.Version ||
			!slices.EqualFunc(l.Items, first.Items, func(a, b checklist.Item) bool { return a.ID == b.ID }) {
			return nil, fmt.Errorf("write xform of %s version %d: %s version %d (%s) has not the same items", first.Key, first.Version, l.Key, l.Version, l.Locale)
		}
		for _, i := range l.Items {
			w.reviewed = w.reviewed && i.Review == ""
		}
	}
	w.lists = lists
	return w.write()
}

type xformWriter struct {
	lists    []checklist.Checklist
	at       map[string]string // the path of each item
	reviewed bool
	enc      *xml.Encoder
	err      error
}

// open begins an element; attributes are names and values in turn.
func (w *xformWriter) open(name string, attributes ...string) {
	start := xml.StartElement{Name: xml.Name{Local: name}}
	for n := 0; n+1 < len(attributes); n += 2 {
		start.Attr = append(start.Attr, xml.Attr{Name: xml.Name{Local: attributes[n]}, Value: attributes[n+1]})
	}
	w.token(start)
}

func (w *xformWriter) close(name string) { w.token(xml.EndElement{Name: xml.Name{Local: name}}) }

func (w *xformWriter) empty(name string, attributes ...string) {
	w.open(name, attributes...)
	w.close(name)
}

func (w *xformWriter) text(name, text string, attributes ...string) {
	w.open(name, attributes...)
	w.token(xml.CharData(text))
	w.close(name)
}

func (w *xformWriter) token(t xml.Token) {
	if w.err == nil {
		w.err = w.enc.EncodeToken(t)
	}
}

func (w *xformWriter) write() ([]byte, error) {
	var b bytes.Buffer
	b.WriteString(xml.Header)
	w.enc = xml.NewEncoder(&b)
	w.enc.Indent("", "  ")
	first := w.lists[0]
	root := "/data"
	for _, i := range first.Items {
		path := root
		if i.Group != "" {
			path += "/" + i.Group
		}
		w.at[i.ID] = path + "/" + i.ID
	}
	w.open("h:html", "xmlns", "http://www.w3.org/2002/xforms", "xmlns:h", "http://www.w3.org/1999/xhtml", "xmlns:jr", "http://openrosa.org/javarosa",
		"xmlns:orx", "http://openrosa.org/xforms", "xmlns:odk", "http://www.opendatakit.org/xforms")
	w.open("h:head")
	w.text("h:title", first.Title)
	w.open("model", "odk:xforms-version", "1.0.0")
	w.itext()
	w.instance()
	if err := w.binds(); err != nil {
		return nil, err
	}
	w.close("model")
	w.close("h:head")
	w.body()
	w.close("h:html")
	if w.err == nil {
		w.err = w.enc.Close()
	}
	if w.err != nil {
		return nil, fmt.Errorf("write xform of %s: %w", first.Key, w.err)
	}
	b.WriteByte('\n')
	return b.Bytes(), nil
}

// grouped calls begin and end around the items of each group, and item for
// each item. Items of the first format are in no group.
func (w *xformWriter) grouped(begin, item func(n int), end func(n int)) {
	items := w.lists[0].Items
	for n, i := range items {
		if i.Group != "" && (n == 0 || items[n-1].Group != i.Group) {
			begin(n)
		}
		item(n)
		if i.Group != "" && (n == len(items)-1 || items[n+1].Group != i.Group) {
			end(n)
		}
	}
}

func (w *xformWriter) itext() {
	w.open("itext")
	for n, l := range w.lists {
		attributes := []string{"lang", languageNames[l.Locale]}
		if n == 0 {
			attributes = append(attributes, "default", "true()")
		}
		w.open("translation", attributes...)
		text := func(id, label string) {
			w.open("text", "id", id)
			w.text("value", label)
			w.close("text")
		}
		if !w.reviewed {
			text("/data/"+reviewNote+":label", unreviewed[l.Locale])
		}
		w.grouped(func(n int) { text("/data/"+l.Items[n].Group+":label", l.Items[n].GroupLabel) }, func(n int) {
			i := l.Items[n]
			text(w.at[i.ID]+":label", i.Text)
			if i.Hint == "" && i.ReadAloud == "" {
				return
			}
			w.open("text", "id", w.at[i.ID]+":hint")
			if i.Hint != "" {
				w.text("value", i.Hint)
			}
			if i.ReadAloud != "" {
				w.text("value", i.ReadAloud, "form", "guidance")
			}
			w.close("text")
		}, func(int) {})
		for _, a := range answers {
			text(checklist.YesNoList+":"+a.name, a.words[l.Locale])
		}
		w.close("translation")
	}
	w.close("itext")
}

func (w *xformWriter) instance() {
	first := w.lists[0]
	w.open("instance")
	w.open("data", "id", "fieldpost."+first.Key, "version", fmt.Sprint(first.Version))
	if !w.reviewed {
		w.empty(reviewNote)
	}
	w.grouped(func(n int) { w.open(first.Items[n].Group) }, func(n int) { w.empty(first.Items[n].ID) }, func(n int) { w.close(first.Items[n].Group) })
	w.open("orx:meta")
	w.empty("orx:instanceID")
	w.close("orx:meta")
	w.close("data")
	w.close("instance")
}

func (w *xformWriter) binds() error {
	if !w.reviewed {
		w.empty("bind", "nodeset", "/data/"+reviewNote, "type", "string", "readonly", "true()")
	}
	for _, i := range w.lists[0].Items {
		attributes := []string{"nodeset", w.at[i.ID], "type", "string"}
		for _, c := range []struct{ name, text string }{{"relevant", i.Relevant}, {"constraint", i.Constraint}} {
			if c.text == "" {
				continue
			}
			xpath, err := w.xpath(c.text)
			if err != nil {
				return fmt.Errorf("write xform of %s: %s of %s: %w", w.lists[0].Key, c.name, i.ID, err)
			}
			attributes = append(attributes, c.name, xpath)
		}
		if i.Required {
			attributes = append(attributes, "required", "true()")
		}
		w.empty("bind", attributes...)
	}
	w.empty("bind", "nodeset", "/data/orx:meta/orx:instanceID", "type", "string", "readonly", "true()", "jr:preload", "uid")
	return nil
}

// xpath gives a condition with paths in place of names; all else is XPath.
func (w *xformWriter) xpath(text string) (string, error) {
	e, err := checklist.ParseExpression(text)
	if err != nil {
		return "", err
	}
	runes := []rune(text)
	for _, name := range slices.Backward(e.Names()) {
		path, there := w.at[name.Name]
		if !there {
			return "", fmt.Errorf("at character %d: there is no item %s", name.At, name.Name)
		}
		from := name.At - 1
		runes = slices.Replace(runes, from, from+utf8.RuneCountInString("${"+name.Name+"}"), []rune(" "+path+" ")...)
	}
	return strings.TrimSpace(string(runes)), nil
}

func (w *xformWriter) body() {
	items := w.lists[0].Items
	label := func(id string) { w.empty("label", "ref", "jr:itext('"+id+":label')") }
	w.open("h:body")
	if !w.reviewed {
		w.open("input", "ref", "/data/"+reviewNote)
		label("/data/" + reviewNote)
		w.close("input")
	}
	w.grouped(func(n int) {
		path := "/data/" + items[n].Group
		w.open("group", "ref", path)
		label(path)
	}, func(n int) {
		i := items[n]
		w.open("select1", "ref", w.at[i.ID])
		label(w.at[i.ID])
		if i.Hint != "" || i.ReadAloud != "" {
			w.empty("hint", "ref", "jr:itext('"+w.at[i.ID]+":hint')")
		}
		for _, a := range answers {
			w.open("item")
			w.empty("label", "ref", "jr:itext('"+checklist.YesNoList+":"+a.name+"')")
			w.text("value", a.name)
			w.close("item")
		}
		w.close("select1")
	}, func(int) { w.close("group") })
	w.close("h:body")
}
