// Package odk speaks with the tools that the sector has: it reads a workbook
// in XLSForm into the draft of a checklist, and writes a checklist as an ODK
// XForm. It reads and writes bytes that are handed to it; files are the
// commands' business.
package odk

import (
	"fmt"
	"strings"

	"github.com/xuri/excelize/v2"
)

// The codes of what of a workbook cannot be taken as it is. They are
// permanent: scripts may act on them.
const (
	Unreadable    = "unreadable_workbook"
	TooBig        = "workbook_too_big"
	SheetMissing  = "sheet_missing"
	ColumnMissing = "column_missing"
	ColumnTwice   = "column_twice"
	ColumnUnused  = "column_not_taken"
	OtherLanguage = "language_not_taken"
	OtherType     = "question_type"
	Multiple      = "select_multiple"
	Repeat        = "repeat"
	Calculate     = "calculate"
	Metadata      = "metadata"
	Note          = "note"
	Nested        = "group_nested"
	Unbalanced    = "group_unbalanced"
	BadName       = "name"
	BadKey        = "key"
	OtherChoices  = "choice_list"
	ChoiceLabel   = "choice_label"
	Translation   = "translation_missing"
	BadText       = "text"
	BadCondition  = "condition"
	BadReference  = "condition_reference"
	BadRequired   = "required_condition"
	BadForm       = "form"
	AnswerAdded   = "answer_added"
	GroupAdded    = "group_added"
)

// next is what somebody can do about each code.
var next = map[string]string{
	Unreadable:    "Save the workbook as .xlsx, without a password, and try again.",
	TooBig:        "Take out what is no part of the form: pictures, other sheets, formatted empty rows.",
	SheetMissing:  "Add the sheet; a form has the sheets survey, choices and settings.",
	ColumnMissing: "Add the column in the first row of the sheet.",
	ColumnTwice:   "Keep one of the two columns.",
	ColumnUnused:  "Nothing to do, if the form means the same without it.",
	OtherLanguage: "Nothing to do: checklists are in English and Spanish.",
	OtherType:     "Ask it as a yes-or-no question, or take the row out (--leave-out does so).",
	Multiple:      "Make one yes-or-no question of each choice, or take the row out (--leave-out does so).",
	Repeat:        "Fill the checklist once for each; take the repeat out (--leave-out does so).",
	Calculate:     "Write the condition out where it is used, and take the row out (--leave-out does so).",
	Metadata:      "Nothing to do: a report has its own times, and names no phone.",
	Note:          "Put what the note says into the hint of a question.",
	Nested:        "End one group before the next begins.",
	Unbalanced:    "Give each begin_group its end_group.",
	BadName:       "Give each row a name of its own: letters, digits, _ . and -, a letter first.",
	BadKey:        "Set form_id in settings to a short lower-case word, or give --key.",
	OtherChoices:  "Use a list with the choices yes and no, and unsure if you like, by these names.",
	ChoiceLabel:   "Word the question so that Yes, No and Not sure answer it.",
	Translation:   "Write the text in that language.",
	BadText:       "Write plain text of at most 400 characters, without ${...}.",
	BadCondition:  "Use ${name}, texts in straight quotes, = != < <= > >=, and, or, not() and selected().",
	BadReference:  "Ask only for questions above this one that were taken.",
	BadRequired:   "Write yes or no.",
	BadForm:       "How a checklist has to be: docs/CONTENT.md",
	AnswerAdded:   "Nothing to do: who is not sure can say so.",
	GroupAdded:    "Name the group in the draft, or put the questions in a group of your own.",
}

// What became of a thing that cannot be taken as it is.
const (
	Refused = "refused"  // there is no draft before it is changed
	LeftOut = "left_out" // the draft does not have it
	Added   = "added"    // the draft has something that the workbook does not
)

// Problem is one thing of a workbook that a checklist does not take as it is.
type Problem struct {
	Code   string `json:"code"`
	State  string `json:"state"` // Refused, LeftOut, Added
	Sheet  string `json:"sheet,omitempty"`
	Row    int    `json:"row,omitempty"`    // as the spreadsheet counts; 0: the whole sheet
	Column string `json:"column,omitempty"` // its letters
	Header string `json:"header,omitempty"` // what stands in the column's first row
	What   string `json:"message"`
	Next   string `json:"next"`
}

// String names sheet, row and column before what is wrong, and ends with the
// next step.
func (p Problem) String() string {
	var b strings.Builder
	b.WriteString(p.State + " ")
	if p.Sheet != "" {
		fmt.Fprintf(&b, "%s!%s", p.Sheet, p.Column)
		if p.Row > 0 {
			fmt.Fprintf(&b, "%d", p.Row)
		}
		if p.Header != "" {
			fmt.Fprintf(&b, " (%s)", p.Header)
		}
		b.WriteString(": ")
	}
	fmt.Fprintf(&b, "%s [%s] %s", p.What, p.Code, p.Next)
	return b.String()
}

// letters is how a spreadsheet names a column, the first being 0.
func letters(column int) string {
	name, err := excelize.ColumnNumberToName(column + 1)
	if err != nil {
		return ""
	}
	return name
}
