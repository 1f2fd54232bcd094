package records

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/pocketbase/dbx"

	"github.com/fieldpost/fieldpost/internal/journal"
)

// AuditReport is what a check of an export, or of a folder's audit, found.
type AuditReport struct {
	Entries      int64     `json:"entries"`
	First        int64     `json:"first"` // number of the first entry
	Last         int64     `json:"last"`
	Organization string    `json:"organization"`
	Made         string    `json:"made,omitempty"`
	Epoch        string    `json:"epoch,omitempty"`
	Head         AuditHead `json:"head"`
	Bad          string    `json:"bad,omitempty"` // what is wrong, and where; "" when all is well
	places       []AuditHead
}

// auditWalk checks entry after entry.
type auditWalk struct {
	organization string
	at           AuditPoint // the entry before
	seq          int64
	said         auditSaid // of the last one
}

// next gives "" or what is wrong with an entry.
func (w *auditWalk) next(l *journal.Link) string {
	n := w.at.Number + 1
	if !l.Holds() {
		return fmt.Sprintf("entry %d was changed: its hash does not fit", n)
	}
	w.said = auditSaid{}
	if err := json.Unmarshal([]byte(l.Body), &w.said); err != nil {
		return fmt.Sprintf("entry %d can't be read", n)
	}
	place := w.said.place(w.organization)
	switch {
	case l.Collection != AuditCollection || l.Op != "create":
		return fmt.Sprintf("entry %d is none of the audit", n)
	case w.organization != "" && w.said.Fields.Organization != w.organization:
		return fmt.Sprintf("entry %d is of another organization", n)
	case place.Number != n:
		return fmt.Sprintf("entry %d is missing, or stands elsewhere: here is %d", n, place.Number)
	case place.Hash != w.at.Hash || l.Seq <= w.seq:
		return fmt.Sprintf("entry %d does not follow the one before it", n)
	}
	w.at, w.seq = AuditPoint{n, l.Hash}, l.Seq
	return ""
}

// VerifyAudit checks an export by itself: that no entry was changed, left out,
// put in or moved, and that it is whole. That nobody wrote all of it anew only
// its head shows, compared with one that is held elsewhere. An error means that
// the file could not be read.
func VerifyAudit(file io.Reader) (*AuditReport, error) {
	in := bufio.NewReader(file)
	r := &AuditReport{}
	bad := func(format string, args ...any) (*AuditReport, error) {
		r.Bad = fmt.Sprintf(format, args...)
		return r, nil
	}
	line, err := auditLine(in)
	if err != nil {
		return nil, err
	}
	var first AuditFirst
	if strict(line, &first) != nil || first.Format != AuditFormat {
		return bad("this is no audit export of format %d", AuditFormat)
	}
	r.Organization, r.Made, r.Epoch, r.First = first.Organization, first.Made, first.Epoch, first.After.Number+1
	walk := auditWalk{organization: first.Organization, at: first.After}
	if first.After.Number == 0 && first.After.Hash != zeroHash() {
		return bad("the first line names an entry before the first")
	}
	for {
		if line, err = auditLine(in); err != nil {
			return nil, err
		}
		var e AuditEntry
		if strict(line, &e) != nil {
			break // the last line, or none
		}
		if why := walk.next(&e.Link); why != "" {
			return bad("%s", why)
		}
		if e.Number != walk.at.Number {
			return bad("entry %d is numbered %d here", walk.at.Number, e.Number)
		}
		r.Entries, r.Last = r.Entries+1, e.Number
		r.places = append(r.places, AuditHead{e.Seq, e.Hash})
	}
	var last AuditLast
	if strict(line, &last) != nil {
		return bad("the file breaks off after entry %d, or a line of it can't be read", walk.at.Number)
	}
	if rest, err := auditLine(in); err != nil || len(rest) > 0 {
		return bad("something stands after the last line")
	}
	r.Head = last.Head
	said := walk.said.Fields
	switch {
	case r.Entries == 0 || last.Entries != r.Entries || last.Head != r.places[len(r.places)-1]:
		return bad("the last line does not fit the entries")
	case said.Act != ActExport || said.Collection != AuditCollection || said.Detail["after"] != float64(first.After.Number) ||
		said.Detail["organization"] != first.Organization || said.Detail["since"] != first.Since:
		return bad("the export's own entry is not the last: the end is missing, or the first line was changed")
	}
	return r, nil
}

// strict decodes a line that has these keys and no other.
func strict(line []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	err := d.Decode(into)
	if err == nil && d.More() {
		err = errors.New("more than one value")
	}
	return err
}

// auditLine reads a line; it is empty at the end.
func auditLine(in *bufio.Reader) ([]byte, error) {
	line, err := in.ReadBytes('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read export: %w", err)
	}
	return bytes.TrimSpace(line), nil
}

// VerifyAuditIn checks that every entry of a checked export stands in a
// folder's journal, at its place: whether this is an export of that history.
// It fills in Bad.
func (r *AuditReport) VerifyAuditIn(j *journal.Reader) error {
	for i, p := range r.places {
		hash, err := j.HashAt(p.Seq)
		if err != nil {
			return err
		}
		if fmt.Sprintf("%x", hash) != p.Hash {
			r.Bad = fmt.Sprintf("entry %d is not in this folder's journal at %d: another server's, another line of history, or written anew", r.First+int64(i), p.Seq)
			return nil
		}
	}
	return nil
}

// VerifyAuditOf checks a folder's audit: its entries in the journal follow each
// other without a gap, and the records that people are shown are those that the
// journal has, each and no other.
func VerifyAuditOf(db journal.DB) (*AuditReport, error) {
	r := &AuditReport{First: 1}
	j := journal.NewReader(db)
	seq, _, err := j.Head()
	if err != nil {
		return nil, err
	}
	var rows []dbx.NullStringMap
	if err := db.NewQuery("SELECT * FROM audit").All(&rows); err != nil {
		return nil, fmt.Errorf("read audit: %w", err)
	}
	shown := map[string]dbx.NullStringMap{}
	for _, row := range rows {
		shown[row["id"].String] = row
	}
	walk := auditWalk{at: AuditPoint{0, zeroHash()}}
	stop := errors.New("bad")
	err = j.Links(AuditCollection, seq, func(l *journal.Link) error {
		if r.Bad = walk.next(l); r.Bad != "" {
			return stop
		}
		r.Entries, r.Last, r.Head = r.Entries+1, walk.at.Number, AuditHead{l.Seq, l.Hash}
		row, there := shown[l.Record]
		if !there {
			r.Bad = fmt.Sprintf("the record of entry %d (%s) is not there", r.Last, l.Record)
			return stop
		}
		delete(shown, l.Record)
		if field := differs(l.Body, row); field != "" {
			r.Bad = fmt.Sprintf("the record of entry %d (%s) was changed: %s is not what the journal has", r.Last, l.Record, field)
			return stop
		}
		return nil
	})
	if err != nil && !errors.Is(err, stop) {
		return nil, err
	}
	if r.Bad == "" && len(shown) > 0 {
		for id := range shown {
			r.Bad = "a record that the journal does not have was put in: " + id
		}
	}
	return r, nil
}

// differs names a field of a row that is not what the journal's content says.
func differs(body string, row dbx.NullStringMap) string {
	var said struct {
		Fields map[string]any `json:"fields"`
	}
	if json.Unmarshal([]byte(body), &said) != nil {
		return "its content"
	}
	for name, stored := range row {
		want, ok := said.Fields[name]
		switch {
		case name == "id":
		case name == "detail":
			if ok != (stored.Valid && stored.String != "" && stored.String != "null") || ok && !sameJSON(want, stored.String) {
				return name
			}
		case !ok:
			if stored.String != "" && stored.String != "0" {
				return name
			}
		default:
			text := fmt.Sprint(want)
			if n, isNumber := want.(float64); isNumber {
				text = strconv.FormatFloat(n, 'f', -1, 64)
			}
			if strings.TrimSuffix(stored.String, ".0") != text {
				return name
			}
		}
	}
	return ""
}

func sameJSON(want any, text string) bool {
	raw, err := json.Marshal(want)
	have, haveErr := json.Marshal(decode([]byte(text)))
	return err == nil && haveErr == nil && bytes.Equal(raw, have)
}

// VerifyAudit checks the journal's whole chain, and in it the audit, of the
// server that runs: as VerifyAuditOf does with a folder, over one moment of the
// database.
func (s *Store) VerifyAudit() (report *AuditReport, err error) {
	pool, ok := s.App.ConcurrentDB().(*dbx.DB)
	if !ok {
		return nil, errors.New("verify audit: inside a transaction")
	}
	tx, err := pool.BeginTx(context.Background(), &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return nil, fmt.Errorf("verify audit: %w", err)
	}
	defer func() {
		if end := tx.Rollback(); end != nil && err == nil { // nothing was written
			err = fmt.Errorf("verify audit: %w", end)
		}
	}()
	chain, err := journal.NewReader(tx).Verify()
	if err != nil {
		return nil, err
	}
	if chain.Bad != 0 {
		return &AuditReport{Bad: fmt.Sprintf("the journal's chain is broken at entry %d: %s", chain.Bad, chain.Why)}, nil
	}
	return VerifyAuditOf(tx)
}
