package odk

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"

	"github.com/fieldpost/fieldpost/internal/checklist"
)

var update = flag.Bool("update", false, "write the golden files and the workbook anew")

// sheets is a workbook: rows of cells, by the name of the sheet.
type sheets map[string][][]string

func (s sheets) bytes(t testing.TB) []byte {
	t.Helper()
	f := excelize.NewFile()
	defer f.Close()
	for _, name := range []string{"survey", "choices", "settings"} {
		if s[name] == nil {
			continue
		}
		if _, err := f.NewSheet(name); err != nil {
			t.Fatal(err)
		}
		for n, row := range s[name] {
			if err := f.SetSheetRow(name, fmt.Sprintf("A%d", n+1), &row); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := f.DeleteSheet("Sheet1"); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := f.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// walk is a workbook of ten questions as somebody who knows XLSForm writes it.
func walk() sheets {
	const yn = "select_one yn"
	return sheets{
		"survey": {
			{"type", "name", "label::English (en)", "label::Español (es)", "hint::English (en)", "hint::Español (es)", "guidance_hint::English (en)", "guidance_hint::Español (es)", "relevant", "constraint", "required", "weight", "form", "noticed_by", "sources", "icon"},
			{"begin_group", "Vehicles", "Vehicles", "Vehículos", "", "", "", "", "", "", "", "", "", "", "", "car"},
			{yn, "van_waits", "A van waits at the edge of the lot for hours", "Una van espera horas en la orilla del estacionamiento", "Any van that is not from here", "Cualquier van que no es de aquí", "Does a van wait at the edge of the lot for hours?", "¿Una van espera horas en la orilla del estacionamiento?", "", "", "yes", "context", "both", "lot patrol", "D", "van"},
			{yn, "people_inside", "People stay inside of the van", "Hay gente que se queda adentro de la van", "", "", "Do people stay inside of the van?", "¿Hay gente que se queda adentro de la van?", "${van_waits} = 'yes'", "", "", "strong", "both", "lot patrol", "D", "group"},
			{yn, "may_step_out", "They may step out when they want to", "Pueden bajarse cuando quieren", "", "", "May they step out when they want to?", "¿Pueden bajarse cuando quieren?", "selected(${van_waits}, 'yes') and ${people_inside} = \"yes\"", "", "", "context", "both", "lot patrol", "D", "door"},
			{yn, "windows_covered", "The windows of the van are covered", "Las ventanas de la van están tapadas", "", "", "Are the windows of the van covered?", "¿Las ventanas de la van están tapadas?", "${van_waits} != 'no'", "", "", "context", "both", "lot patrol", "D", "window"},
			{"end_group"},
			{},
			{"begin group", "work_and_pay", "Work and pay", "Trabajo y pago", "", "", "", "", "", "", "", "", "", "", "", "cash"},
			{yn, "crew", "A crew comes and goes together", "Una cuadrilla llega y se va junta", "", "", "Does a crew come and go together?", "¿Una cuadrilla llega y se va junta?", "", "", "true()", "context", "labor", "fuel island", "D", "group"},
			{yn, "one_pays", "One person pays for all of them", "Una sola persona paga por todos", "", "", "Does one person pay for all of them?", "¿Una sola persona paga por todos?", "${crew} = 'yes'", "", "", "context", "labor", "fuel island", "D", "cash"},
			{yn, "papers_held", "One person holds the papers of the others", "Una persona guarda los papeles de los demás", "", "", "Does one person hold the papers of the others?", "¿Una persona guarda los papeles de los demás?", "${crew} = 'yes'", ". != 'unsure' or ${one_pays} = 'yes'", "", "strong", "labor", "fuel island", "D", "id-card"},
			{yn, "afraid", "Somebody seems afraid of that person", "Alguien parece tener miedo de esa persona", "", "", "Does somebody seem afraid of that person?", "¿Alguien parece tener miedo de esa persona?", "${crew} = 'yes' or ${van_waits} = 'yes'", "", "", "strong", "both", "anyone", "D", "eye"},
			{"end group"},
			{"begin_group", "danger", "Danger", "Peligro", "", "", "", "", "", "", "", "", "", "", "", "alert"},
			{yn, "hurt", "Somebody is hurt", "Alguien está herido", "If it is happening now, call 911 first.", "Si está pasando ahora, primero llame al 911.", "Emergency. Is somebody hurt?", "Emergencia. ¿Hay alguien herido?", "", "", "", "emergency", "both", "anyone", "D", "alert"},
			{yn, "asks_for_help", "Somebody asks for help", "Alguien pide ayuda", "If it is happening now, call 911 first.", "Si está pasando ahora, primero llame al 911.", "Emergency. Does somebody ask for help?", "Emergencia. ¿Alguien pide ayuda?", "", "", "", "emergency", "both", "anyone", "D", "alert"},
			{"end_group"},
		},
		"choices": {
			{"list_name", "name", "label::English (en)", "label::Español (es)"},
			{"yn", "yes", "Yes", "Sí"}, {"yn", "no", "No", "No"}, {"yn", "unsure", "Not sure", "No sé"},
		},
		"settings": {
			{"form_title", "form_title::es", "form_id", "default_language", "seen_by::en", "seen_by::es", "venue"},
			{"Walk around the lot", "Vuelta por el estacionamiento", "lot_walk", "English (en)", "lot patrol and outreach", "rondas y promotoras", "truck_stop"},
		},
	}
}

const walkFile = "testdata/lot_walk.xlsx"

// set changes one cell, named as a spreadsheet does.
func (s sheets) set(t testing.TB, sheet, cell, text string) sheets {
	t.Helper()
	column, row, err := excelize.CellNameToCoordinates(cell)
	if err != nil {
		t.Fatal(err)
	}
	for len(s[sheet]) < row {
		s[sheet] = append(s[sheet], nil)
	}
	for len(s[sheet][row-1]) < column {
		s[sheet][row-1] = append(s[sheet][row-1], "")
	}
	s[sheet][row-1][column-1] = text
	return s
}

// places are the code, state and cell of each problem.
func places(problems []Problem) []string {
	var all []string
	for _, p := range problems {
		all = append(all, fmt.Sprintf("%s %s %s!%s%d", p.State, p.Code, p.Sheet, p.Column, p.Row))
	}
	return all
}

func TestReadXLSForm(t *testing.T) {
	t.Run("[CONTENT] a workbook of ten questions with skip logic and two languages is a checklist, with names by our rule", func(t *testing.T) {
		if *update {
			if err := os.WriteFile(walkFile, walk().bytes(t), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		data, err := os.ReadFile(walkFile)
		if err != nil {
			t.Fatal(err)
		}
		form, problems := ReadXLSForm(data, Options{})
		if form == nil || len(problems) > 0 {
			t.Fatalf("%v", problems)
		}
		if faults := form.Faults(); len(faults) > 0 {
			t.Fatal(faults)
		}
		items := form.Items()
		if len(items) != 10 || form.Key != "lot_walk" || form.Version != 1 || form.TitleES != "Vuelta por el estacionamiento" || form.Venue != "truck_stop" {
			t.Fatalf("%d items, %+v", len(items), form)
		}
		if i := items[2]; i.Name != "lot_walk.03" || i.Relevant != `selected(${lot_walk.01}, 'yes') and ${lot_walk.02} = "yes"` || i.LabelES != "Pueden bajarse cuando quieren" || i.Required {
			t.Errorf("%+v", i)
		}
		if i := items[6]; i.Constraint != ". != 'unsure' or ${lot_walk.06} = 'yes'" || i.ReviewEN != checklist.AwaitingReview || i.ReviewES != checklist.AwaitingNative || !slices.Equal(i.Sources, []string{"D"}) {
			t.Errorf("%+v", i)
		}
		if i := items[0]; !i.Required || i.ReadAloudES != "¿Una van espera horas en la orilla del estacionamiento?" || i.HintEN == "" {
			t.Errorf("%+v", i)
		}
		if form.Survey[6].Name != "work_and_pay" || form.Survey[0].Name != "vehicles" {
			t.Errorf("%+v", form.Survey[6])
		}
		// What is read is what was written, and what is committed is what this
		// test would write.
		again, _ := ReadXLSForm(walk().bytes(t), Options{})
		a, _ := json.Marshal(form)
		b, _ := json.Marshal(again)
		if !bytes.Equal(a, b) {
			t.Errorf("the workbook in testdata is another; go test -run TestReadXLSForm -update\n%s\n%s", a, b)
		}
	})
	t.Run("[CONTENT] everything that a checklist cannot take is listed at once, with sheet, row, column and a next step", func(t *testing.T) {
		w := walk().set(t, "survey", "A3", "text").
			set(t, "survey", "D4", "").
			set(t, "survey", "I5", "count-selected(${people_inside}) > 1").
			set(t, "survey", "I6", "${hurt} = 'yes'").
			set(t, "survey", "A9", "begin repeat").set(t, "survey", "A14", "end repeat").
			set(t, "survey", "A16", "select_multiple yn").set(t, "survey", "A17", "calculate").
			set(t, "survey", "A19", "integer").set(t, "survey", "B19", "how_many").
			set(t, "survey", "A20", "photo").set(t, "survey", "A21", "start").
			set(t, "survey", "Q1", "appearance").set(t, "survey", "Q3", "minimal").
			set(t, "survey", "R1", "label::French (fr)").set(t, "settings", "C2", "Lot Walk!")
		form, problems := ReadXLSForm(w.bytes(t), Options{})
		got := places(problems)
		want := []string{
			"refused key settings!C2",
			"left_out column_not_taken survey!Q1", "left_out language_not_taken survey!R1",
			"refused question_type survey!A3", "refused translation_missing survey!D4",
			"refused condition_reference survey!I4", "refused condition survey!I5", "refused condition_reference survey!I6",
			"refused repeat survey!A9", "refused select_multiple survey!A16", "refused calculate survey!A17",
			"refused question_type survey!A19", "refused question_type survey!A20", "left_out metadata survey!A21",
		}
		if form != nil {
			t.Error("there is a draft")
		}
		for _, w := range want {
			if !slices.Contains(got, w) {
				t.Errorf("%s is not named in\n%s", w, strings.Join(got, "\n"))
			}
		}
		for _, p := range problems {
			if p.Next == "" || !strings.Contains(p.String(), p.Code) {
				t.Errorf("%+v", p)
			}
		}
	})
	t.Run("[CONTENT] what may be left out is left out when that is asked for, and named; a condition on it is still refused", func(t *testing.T) {
		w := walk().set(t, "survey", "A17", "text").set(t, "survey", "A9", "begin_repeat").set(t, "survey", "A14", "end_repeat").
			set(t, "survey", "A19", "note").set(t, "survey", "C19", "Thank you")
		form, problems := ReadXLSForm(w.bytes(t), Options{LeaveOut: true, Key: "walk_two", Version: 3})
		if form == nil {
			t.Fatal(problems)
		}
		if got := places(problems); !slices.Equal(got, []string{"left_out repeat survey!A9", "left_out question_type survey!A17", "left_out note survey!A19"}) {
			t.Errorf("%q", got)
		}
		if items := form.Items(); len(items) != 5 || items[4].Name != "walk_two.05" || form.Version != 3 {
			t.Errorf("%+v", items)
		}
		if form, problems := ReadXLSForm(walk().set(t, "survey", "A3", "text").bytes(t), Options{LeaveOut: true}); form != nil || !slices.Contains(places(problems), "refused condition_reference survey!I4") {
			t.Errorf("%v", problems)
		}
	})
	t.Run("[CONTENT] weight, form, source and icon that the workbook does not say are left for the author, and lint would not pass them", func(t *testing.T) {
		w := walk()
		for n, row := range w["survey"] {
			w["survey"][n] = row[:min(len(row), 11)]
		}
		form, problems := ReadXLSForm(w.bytes(t), Options{})
		if form == nil || len(problems) > 0 {
			t.Fatal(problems)
		}
		faults := fmt.Sprint(form.Faults())
		if form.Items()[0].Weight != Undecided || !strings.Contains(faults, `lot_walk.01: weight "undecided"`) || !strings.Contains(faults, `lot_walk.10: form "undecided"`) {
			t.Error(faults)
		}
	})
	t.Run("[CONTENT] a group's condition becomes one of each of its questions; questions in no group get one; a list without unsure gets it", func(t *testing.T) {
		w := walk().set(t, "survey", "I9", "${van_waits} = 'yes'").set(t, "survey", "A15", "").set(t, "survey", "B15", "").set(t, "survey", "A18", "")
		w["choices"] = w["choices"][:3]
		for _, cell := range []string{"C15", "D15", "P15"} {
			w.set(t, "survey", cell, "")
		}
		form, problems := ReadXLSForm(w.bytes(t), Options{})
		if form == nil {
			t.Fatal(problems)
		}
		if got := places(problems); !slices.Equal(got, []string{"added answer_added choices!A2", "added group_added survey!A16"}) {
			t.Errorf("%q", got)
		}
		items := form.Items()
		if items[4].Relevant != "${lot_walk.01} = 'yes'" || items[5].Relevant != "(${lot_walk.01} = 'yes') and (${lot_walk.05} = 'yes')" {
			t.Errorf("%s, %s", items[4].Relevant, items[5].Relevant)
		}
	})
	t.Run("[CONTENT] a list with other answers is refused at each question; labels of answers are every checklist's", func(t *testing.T) {
		form, problems := ReadXLSForm(walk().set(t, "choices", "B3", "never").bytes(t), Options{})
		if got := places(problems); form != nil || len(slices.DeleteFunc(got, func(p string) bool { return !strings.HasPrefix(p, "refused choice_list survey!A") })) != 10 {
			t.Errorf("%v", problems)
		}
		form, problems = ReadXLSForm(walk().set(t, "choices", "C3", "Never").bytes(t), Options{})
		if got := places(problems); form == nil || !slices.Equal(got, []string{"left_out choice_label choices!C3"}) {
			t.Errorf("%q", got)
		}
	})
	t.Run("[CONTENT] names by our rule stay, so that a next version means the same", func(t *testing.T) {
		w := walk()
		n := 0
		for _, row := range w["survey"] {
			if len(row) > 8 && row[0] == "select_one yn" {
				n++
				row[1], row[8], row[9] = fmt.Sprintf("lot_walk.%02d", 11-n), "", ""
			}
		}
		form, problems := ReadXLSForm(w.bytes(t), Options{Version: 2})
		if form == nil || form.Items()[0].Name != "lot_walk.10" || form.Items()[9].Name != "lot_walk.01" {
			t.Errorf("%v %+v", problems, form)
		}
	})
}

func TestBounds(t *testing.T) {
	one := func(t *testing.T, data []byte, code string) {
		t.Helper()
		form, problems := ReadXLSForm(data, Options{})
		if form != nil || len(problems) != 1 || problems[0].Code != code || problems[0].State != Refused {
			t.Errorf("%+v", problems)
		}
	}
	t.Run("[CONTENT] what is no workbook, or a damaged one, is refused", func(t *testing.T) {
		whole := walk().bytes(t)
		for _, data := range [][]byte{nil, []byte("type,name,label\n"), {0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1}, whole[:len(whole)/2]} {
			one(t, data, Unreadable)
		}
	})
	t.Run("[CONTENT] a file that is too large, unpacks to too much, or has too many rows or columns is refused", func(t *testing.T) {
		one(t, make([]byte, MaxFile+1), TooBig)
		one(t, bomb(t), TooBig)
		one(t, walk().set(t, "survey", "A2100", "text").bytes(t), TooBig)
		one(t, walk().set(t, "survey", "XFD3", "text").bytes(t), TooBig)
	})
	t.Run("[CONTENT] a workbook without a survey, or without a column of it, is refused", func(t *testing.T) {
		w := walk()
		delete(w, "survey")
		one(t, w.bytes(t), SheetMissing)
		one(t, walk().set(t, "survey", "D1", "").set(t, "survey", "F1", "").set(t, "survey", "H1", "").bytes(t), ColumnMissing)
	})
}

// FuzzReadXLSForm holds that no cell makes the reader panic, and that what it
// gives is a form but for what its author decides. The cells are what is
// fuzzed: the packing would keep nearly all of it from being reached.
func FuzzReadXLSForm(f *testing.F) {
	const rule = "[CONTENT] no workbook makes the reader panic, and there is a draft or something refused"
	whole := walk().bytes(f)
	f.Add("A3", "select_one yn", "I4", "${van_waits} = 'yes'", whole)
	f.Add("A9", "begin repeat", "A14", "end repeat", []byte("PK"))
	f.Add("C3", "${van_waits}", "J5", ". = (", []byte{})
	f.Add("B3", "lot_walk.01", "I1", "label::", bomb(f))
	f.Add("A1", "type::es", "B2", "\xff__9", whole[:900])
	f.Fuzz(func(t *testing.T, cell, text, other, word string, file []byte) {
		t.Log(rule)
		for _, c := range []string{cell, other} {
			column, row, err := excelize.CellNameToCoordinates(c)
			if err != nil || row > 60 || column > 40 {
				return // no cell of the sheet: there is nothing to set
			}
		}
		ReadXLSForm(file, Options{LeaveOut: true})
		w := walk().set(t, "survey", cell, text).set(t, "survey", other, word).set(t, "choices", "B2", "yes")
		form, problems := ReadXLSForm(w.bytes(t), Options{LeaveOut: true})
		if (form == nil) != slices.ContainsFunc(problems, func(p Problem) bool { return p.State == Refused }) {
			t.Fatalf("%v", problems)
		}
	})
}

// bomb is a small file that says it unpacks to a large one.
func bomb(t testing.TB) []byte {
	t.Helper()
	f := excelize.NewFile()
	defer f.Close()
	if err := f.SetSheetName("Sheet1", "survey"); err != nil {
		t.Fatal(err)
	}
	stream, err := f.NewStreamWriter("survey")
	if err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("x", 32000)
	for n := range 900 {
		if err := stream.SetRow(fmt.Sprintf("A%d", n+1), []any{long}); err != nil {
			t.Fatal(err)
		}
	}
	if err := stream.Flush(); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := f.Write(&b); err != nil {
		t.Fatal(err)
	}
	if b.Len() > MaxFile {
		t.Fatalf("%d bytes", b.Len())
	}
	return b.Bytes()
}
