package wiring

import (
	"io"

	"github.com/fieldpost/fieldpost/internal/export"
)

// ExportRequest asks for reports as a file.
type ExportRequest = export.ManyRequest

// ExportReports writes reports as a coordinator (id or e-mail) may see them.
// rows is how many; known is false where there is no such person.
func (s *Services) ExportReports(out io.Writer, as string, req ExportRequest) (rows int, known bool, err error) {
	p, err := s.Store.PersonBy(as)
	if err != nil || p == nil {
		return 0, false, err
	}
	err = s.API.Export.Many(*p, req, func(_, _ string, n int) (io.Writer, error) { rows = n; return out, nil })
	return rows, true, err
}
