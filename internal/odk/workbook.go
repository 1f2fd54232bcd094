package odk

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/xuri/excelize/v2"
)

// The bounds of a workbook. Nobody writes a checklist that comes near them;
// what goes beyond is a mistake or an attack.
const (
	MaxFile     = 4 << 20  // bytes of the file
	maxInflated = 24 << 20 // bytes of all that is packed in it
	maxParts    = 500      // files that are packed in it
	maxRows     = 2000     // of a sheet, empty ones counted
	maxColumns  = 200      // of a sheet
	maxItems    = 500      // questions that a form asks
	maxText     = 400      // characters of a text, as in the JSON Schema
)

// table is a sheet: its cells, by row and column from 0, without space around
// them. Row 0 holds the headers.
type table struct {
	name  string // as it is written in the workbook
	cells [][]string
	heads map[string]int // a column by its name, such as "type" or "label::en"
}

func (t *table) cell(row, column int) string {
	if row >= len(t.cells) || column < 0 || column >= len(t.cells[row]) {
		return ""
	}
	return t.cells[row][column]
}

// at gives the cell of a row in the column of that name, "" if there is none.
func (t *table) at(row int, head string) string {
	column, there := t.heads[head]
	if !there {
		return ""
	}
	return t.cell(row, column)
}

// isBare tells whether nothing stands in a row.
func (t *table) isBare(row int) bool {
	return !slices.ContainsFunc(t.cells[row], func(s string) bool { return s != "" })
}

// errTooBig says which bound a workbook goes beyond.
type errTooBig struct{ what string }

func (e errTooBig) Error() string { return e.what }

// openWorkbook reads the three sheets of a form; others are not looked at. A
// sheet that is not there is nil.
func openWorkbook(data []byte) (sheets map[string]*table, err error) {
	if len(data) > MaxFile {
		return nil, errTooBig{fmt.Sprintf("the file is larger than %d MiB", MaxFile>>20)}
	}
	if err := bounded(data); err != nil {
		return nil, err
	}
	// A file from anywhere is read by a parser that is not ours. If it panics,
	// that is a file that cannot be read, and not the end of the program.
	defer func() {
		if r := recover(); r != nil {
			sheets, err = nil, errors.New("is no workbook that can be read")
		}
	}()
	// Both limits are the same, so that nothing is unpacked into a file.
	f, err := excelize.OpenReader(bytes.NewReader(data), excelize.Options{RawCellValue: true, UnzipSizeLimit: maxInflated, UnzipXMLSizeLimit: maxInflated})
	if err != nil {
		return nil, fmt.Errorf("is no workbook that can be read: %w", err)
	}
	defer f.Close()
	sheets = map[string]*table{}
	for _, name := range f.GetSheetList() {
		which := strings.ToLower(strings.TrimSpace(name))
		if which != "survey" && which != "choices" && which != "settings" || sheets[which] != nil {
			continue
		}
		if sheets[which], err = readSheet(f, name); err != nil {
			return nil, err
		}
	}
	return sheets, nil
}

// bounded looks into the packed file before anything is unpacked. That no part
// is larger than it says is held by archive/zip.
func bounded(data []byte) error {
	packed, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return errors.New("is no .xlsx file (an older .xls, a file with a password, or damaged)")
	}
	if len(packed.File) > maxParts {
		return errTooBig{fmt.Sprintf("the file holds more than %d parts", maxParts)}
	}
	var sum uint64
	for _, part := range packed.File {
		// Each alone first: the sum of two sizes that lie could run over.
		if sum += min(part.UncompressedSize64, maxInflated+1); sum > maxInflated {
			return errTooBig{fmt.Sprintf("unpacked, the file is larger than %d MiB", maxInflated>>20)}
		}
	}
	return nil
}

func readSheet(f *excelize.File, name string) (*table, error) {
	t := &table{name: name}
	rows, err := f.Rows(name)
	if err != nil {
		return nil, fmt.Errorf("the sheet %s cannot be read: %w", name, err)
	}
	defer rows.Close()
	for rows.Next() {
		cells, err := rows.Columns()
		if err != nil {
			return nil, fmt.Errorf("the sheet %s cannot be read: %w", name, err)
		}
		for n := range cells {
			cells[n] = strings.Join(strings.Fields(strings.ToValidUTF8(cells[n], "")), " ")
		}
		for len(cells) > 0 && cells[len(cells)-1] == "" {
			cells = cells[:len(cells)-1]
		}
		if len(cells) > maxColumns {
			return nil, errTooBig{fmt.Sprintf("the sheet %s has more than %d columns", name, maxColumns)}
		}
		if len(t.cells) == maxRows {
			return nil, errTooBig{fmt.Sprintf("the sheet %s has more than %d rows", name, maxRows)}
		}
		t.cells = append(t.cells, cells)
	}
	if err := rows.Error(); err != nil {
		return nil, fmt.Errorf("the sheet %s cannot be read: %w", name, err)
	}
	for len(t.cells) > 0 && len(t.cells[len(t.cells)-1]) == 0 {
		t.cells = t.cells[:len(t.cells)-1]
	}
	return t, nil
}
