package wiring

import (
	"fmt"
	"io"
	"time"

	"github.com/fieldpost/fieldpost/internal/journal"
	"github.com/fieldpost/fieldpost/internal/records"
)

// AuditReport is what a check of an export or of a folder's audit found;
// AuditLast what an export ends with.
type (
	AuditReport = records.AuditReport
	AuditLast   = records.AuditLast
)

// ExportAudit writes the audit since a time (zero: all) of an organization (id
// or name, "": all), as the act of whoever sits at the command line. known is
// false where there is no such organization.
func (s *Services) ExportAudit(out io.Writer, organization string, since time.Time) (last *AuditLast, known bool, err error) {
	q := records.AuditQuery{Actor: records.ActorOperator, Since: since}
	if organization != "" {
		if q.Organization, err = s.Store.OrganizationBy(organization); err != nil || q.Organization == "" {
			return nil, false, err
		}
	}
	last, err = s.Store.ExportAudit(out, q)
	return last, true, err
}

// VerifyAudit checks an export by itself.
func VerifyAudit(file io.Reader) (*AuditReport, error) { return records.VerifyAudit(file) }

// VerifyAuditIn checks further that a checked export is one of a data folder's
// history. It fills in the report.
func VerifyAuditIn(report *AuditReport, dir string) error {
	db, err := readOnly(dir)
	if err != nil {
		return err
	}
	defer db.Close()
	return report.VerifyAuditIn(journal.NewReader(db))
}

// VerifyAuditOf checks a data folder's whole journal, and in it the audit and
// the records that people are shown of it. It changes nothing.
func VerifyAuditOf(dir string) (*AuditReport, error) {
	chain, err := Verify(dir)
	if err != nil {
		return nil, err
	}
	if chain.Bad != 0 {
		return &AuditReport{Bad: fmt.Sprintf("the journal's chain is broken at entry %d: %s", chain.Bad, chain.Why)}, nil
	}
	db, err := readOnly(dir)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	return records.VerifyAuditOf(db)
}

// AuditSuperuser notes that whoever sits at the command line makes or changes a
// superuser.
func (s *Services) AuditSuperuser() error {
	return s.Store.Audit(records.Audit{Act: records.ActSuperuserWrite, Actor: records.ActorOperator, Collection: "_superusers"})
}
