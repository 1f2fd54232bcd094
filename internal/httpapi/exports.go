package httpapi

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/pocketbase/pocketbase/core"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/export"
	"github.com/fieldpost/fieldpost/internal/fault"
	"github.com/fieldpost/fieldpost/internal/records"
)

// exporting holds a place for each file that is being written. Each keeps one
// moment of the database from being forgotten; the server's time limit for an
// answer bounds how long.
var exporting = make(chan struct{}, 2)

// placeToExport takes one of these places; done gives it back. busy where all
// are taken.
func placeToExport() (done func(), err error) {
	select {
	case exporting <- struct{}{}:
		return func() { <-exporting }, nil
	default:
		f := fault.New(fault.Busy, "Two files are being written already.").WithHint("Try again when they are done.")
		f.RetryAfter = 10 * time.Second
		return nil, f
	}
}

// stream answers with a file that is written as it is read. Until begin is
// called an error is an ordinary answer; after it the connection is broken off,
// so that nobody takes half a file for a whole one.
func (a *API) stream(e *core.RequestEvent, write func(begin func(mediaType, name string, rows int) (io.Writer, error)) error) error {
	var body io.Writer = e.Response
	var z *gzip.Writer
	begun := false
	begin := func(mediaType, name string, rows int) (io.Writer, error) {
		begun = true
		h := e.Response.Header()
		h.Set("Content-Type", mediaType)
		h.Set("Content-Disposition", `attachment; filename="`+name+`"`)
		h.Set("Cache-Control", "no-store")
		h.Add("Vary", "Accept-Encoding")
		if rows >= 0 {
			h.Set("Fieldpost-Rows", strconv.Itoa(rows))
		}
		if takesGzip(e.Request.Header) {
			h.Set("Content-Encoding", "gzip")
			z = writers.Get().(*gzip.Writer)
			z.Reset(e.Response)
			body = z
		}
		e.Response.WriteHeader(http.StatusOK)
		return body, nil
	}
	_, err := guarded(e, func(e *core.RequestEvent) (struct{}, error) {
		done, err := placeToExport()
		if err != nil {
			return struct{}{}, err
		}
		defer done()
		err = write(begin)
		if z != nil {
			err = errors.Join(err, z.Close())
		}
		return struct{}{}, err
	})
	if z != nil {
		writers.Put(z)
	}
	switch {
	case err == nil:
		return nil
	case !begun:
		return Fail(e, err)
	}
	if e.Request.Context().Err() == nil { // else whoever asked has gone
		e.App.Logger().Error("export broke off", "path", e.Request.URL.Path, "error", err)
	}
	panic(http.ErrAbortHandler)
}

// ExportReports is POST /api/fieldpost/exports/reports: the reason is in the
// body, because addresses end up in logs.
func (a *API) ExportReports(e *core.RequestEvent) error {
	return a.stream(e, func(begin func(string, string, int) (io.Writer, error)) error {
		by, err := a.coordinator(e)
		if err != nil {
			return err
		}
		var req export.ManyRequest
		if err := a.decode(e, &req); err != nil {
			return err
		}
		return a.Export.Many(*by, req, begin)
	})
}

// ExportAudit is POST /api/fieldpost/exports/audit (R16): the whole audit, for
// admins.
func (a *API) ExportAudit(e *core.RequestEvent) error {
	return a.stream(e, func(begin func(string, string, int) (io.Writer, error)) error {
		by, err := a.admin(e)
		if err != nil {
			return err
		}
		var req struct {
			Since string `json:"since"` // a day or a time; "" is from the beginning
		}
		if err := a.decode(e, &req); err != nil {
			return err
		}
		q := records.AuditQuery{Actor: by.ID}
		if req.Since != "" {
			if q.Since, err = time.Parse(time.DateOnly, req.Since); err != nil {
				if q.Since, err = time.Parse(time.RFC3339, req.Since); err != nil {
					return fault.New(fault.BadRequest, "since is no day and no time.").WithHint("Write 2026-01-31, or 2026-01-31T18:00:00Z.")
				}
			}
		}
		_, err = a.Store.ExportAudit(&late{begin: func() (io.Writer, error) { return begin("application/jsonl; charset=utf-8", "audit.jsonl", -1) }}, q)
		return err
	})
}

// late begins an answer with its first byte: what fails before it can be said.
type late struct {
	begin func() (io.Writer, error)
	to    io.Writer
}

func (l *late) Write(b []byte) (int, error) {
	if l.to == nil {
		to, err := l.begin()
		if err != nil {
			return 0, err
		}
		l.to = to
	}
	return l.to.Write(b)
}

// VerifyAudit is POST /api/fieldpost/audit/verify (R16): the server's own
// journal and audit, from the first entry on.
func (a *API) VerifyAudit(e *core.RequestEvent) (*records.AuditReport, error) {
	if _, err := a.admin(e); err != nil {
		return nil, err
	}
	done, err := placeToExport()
	if err != nil {
		return nil, err
	}
	defer done()
	report, err := a.Store.VerifyAudit()
	if err != nil {
		return nil, fmt.Errorf("verify audit: %w", err)
	}
	return report, nil
}

// admin is who asks, if they are an admin of the installation.
func (a *API) admin(e *core.RequestEvent) (*access.Person, error) {
	switch {
	case e.Auth == nil:
		return nil, a.notSignedIn(e)
	case e.Auth.IsSuperuser():
		return nil, fault.New(fault.NotAllowed, "A superuser is nobody's admin.").WithHint("Use the server's command line.")
	}
	p := records.PersonOf(e.Auth)
	if p.Role != access.Admin {
		return nil, fault.New(fault.NotAllowed, "This is for admins.").WithHint("Ask an admin of this installation.")
	}
	return &p, nil
}
