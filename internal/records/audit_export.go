package records

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/fieldpost/fieldpost/internal/journal"
)

// AuditFormat is the version of the export file. docs/AUDIT.md describes it.
const AuditFormat = 1

// AuditQuery says what of the audit leaves, and to whom.
type AuditQuery struct {
	Actor        string    // as in Audit
	Organization string    // id; "" is everything
	Since        time.Time // zero is from the beginning
}

// AuditFirst is the first line of an export.
type AuditFirst struct {
	Format       int    `json:"fieldpost_audit"`
	Organization string `json:"organization"` // "" is everything
	Since        string `json:"since"`
	Made         string `json:"made"`
	Epoch        string `json:"epoch"` // the line of history that it was made on
	// After is the entry before the first one here; of zeros when there is none.
	After AuditPoint `json:"after"`
}

// AuditPoint is a place in the audit: the number and the hash of an entry.
type AuditPoint struct {
	Number int64  `json:"number"`
	Hash   string `json:"hash"`
}

// AuditEntry is a line between first and last.
type AuditEntry struct {
	Number int64 `json:"number"` // of all, or of the organization's
	journal.Link
}

// AuditLast is the last line. Head is the last entry's place in the journal.
type AuditLast struct {
	Head    AuditHead `json:"head"`
	Entries int64     `json:"entries"`
	Anchors []string  `json:"anchors"` // where the head can be found, in words
}

// AuditHead is a place in the journal.
type AuditHead struct {
	Seq  int64  `json:"seq"`
	Hash string `json:"hash"`
}

// anchors are where a head is held beside an export.
var anchors = []string{
	"the server's journal, at this seq: fieldpost audit verify FILE --dir DIR",
	"each backup made later, at this seq: fieldpost audit verify FILE --dir with the folder it is restored to",
	"each later export that goes back to before this entry: it has this entry with this hash",
	"what whoever took this file wrote down when they took it",
}

// auditSaid is what an entry says of its place.
type auditSaid struct {
	Fields struct {
		Number       int64          `json:"number"`
		Before       string         `json:"before"`
		Own          int64          `json:"own"`
		OwnBefore    string         `json:"own_before"`
		Act          string         `json:"act"`
		Organization string         `json:"organization"`
		Collection   string         `json:"collection"`
		Detail       map[string]any `json:"detail"`
	} `json:"fields"`
}

// place gives an entry's number and what it says of the one before it: of all,
// or of the organization's.
func (a *auditSaid) place(organization string) AuditPoint {
	if organization == "" {
		return AuditPoint{a.Fields.Number, a.Fields.Before}
	}
	return AuditPoint{a.Fields.Own, a.Fields.OwnBefore}
}

// ExportAudit writes the audit as a file that can be checked without the
// server. That it leaves is an act like others: the export's own entry is the
// last in it, and so the journal's head when it was made.
func (s *Store) ExportAudit(out io.Writer, q AuditQuery) (*AuditLast, error) {
	last, err := s.exportAudit(out, q)
	if err != nil {
		return nil, fmt.Errorf("export audit: %w", err)
	}
	return last, nil
}

func (s *Store) exportAudit(out io.Writer, q AuditQuery) (*AuditLast, error) {
	at := s.Now()
	first := AuditFirst{Format: AuditFormat, Organization: q.Organization, Made: at.UTC().Format(time.RFC3339Nano)}
	if !q.Since.IsZero() {
		first.Since = q.Since.UTC().Format(time.RFC3339Nano)
	}
	last := &AuditLast{Anchors: anchors}
	err := s.patiently(func(tx *Tx) (err error) {
		if first.After.Number, err = tx.auditBefore(q); err != nil {
			return err
		}
		if first.Epoch, err = tx.Epoch(); err != nil {
			return err
		}
		last.Head.Seq, err = tx.auditSeq(Audit{Act: ActExport, Actor: q.Actor, Organization: q.Organization, Collection: AuditCollection,
			Detail: map[string]any{"after": first.After.Number, "since": first.Since, "organization": q.Organization}})
		return err
	})
	if err != nil {
		return nil, err
	}
	w := json.NewEncoder(out)
	w.SetEscapeHTML(false)
	err = s.Journal().Links(AuditCollection, last.Head.Seq, func(l *journal.Link) error {
		var said auditSaid
		if err := json.Unmarshal([]byte(l.Body), &said); err != nil {
			return fmt.Errorf("read entry %d: %w", l.Seq, err)
		}
		place := said.place(q.Organization)
		if q.Organization != "" && said.Fields.Organization != q.Organization || place.Number <= first.After.Number {
			return nil
		}
		if last.Entries == 0 {
			first.After.Hash = place.Hash
			if err := w.Encode(first); err != nil {
				return err
			}
		}
		last.Entries++
		last.Head.Hash = l.Hash
		return w.Encode(AuditEntry{place.Number, *l})
	})
	if err != nil {
		return nil, err
	}
	return last, w.Encode(last)
}

// auditBefore is the number of the last entry before those that are asked for.
func (t *Tx) auditBefore(q AuditQuery) (int64, error) {
	if q.Since.IsZero() {
		return 0, nil
	}
	count, where := "number", "at<{:since}"
	if q.Organization != "" {
		count, where = "own", where+" AND organization={:o}"
	}
	var n int64
	err := t.app.NonconcurrentDB().NewQuery("SELECT coalesce(max(" + count + "),0) FROM {{audit}} WHERE " + where).
		Bind(dbx.Params{"since": q.Since.UTC().Format(types.DefaultDateLayout), "o": q.Organization}).Row(&n)
	return n, err
}

// auditSeq is Audit, and gives the entry's place in the journal.
func (t *Tx) auditSeq(a Audit) (int64, error) {
	w := t.store.System()
	w.Journal, w.cache, w.tx = t.Tx, t.cache, t
	err := t.store.audit(t.app, w, a)
	return w.seq, err
}

// OrganizationBy finds an organization by id or name; "" when there is none.
func (s *Store) OrganizationBy(idOrName string) (string, error) {
	r, err := s.App.FindRecordById("organizations", idOrName)
	if absent(err) {
		r, err = s.App.FindFirstRecordByData("organizations", "name", strings.TrimSpace(idOrName))
	}
	if absent(err) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("find organization: %w", err)
	}
	return r.Id, nil
}

func zeroHash() string { return hex.EncodeToString(make([]byte, 32)) }
