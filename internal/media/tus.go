package media

import (
	"encoding/base64"
	"errors"
	"io"
	"mime"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/fault"
	"github.com/fieldpost/fieldpost/internal/records"
)

// Path is where uploads are made; each is at Path/<attachment id>.
const Path = "/api/sync/files"

const (
	tusVersion = "1.0.0"
	offsetType = "application/offset+octet-stream"
)

// Options is OPTIONS Path: what this server speaks. It asks nobody who they are.
func (s *Service) Options(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Tus-Resumable", tusVersion)
	h.Set("Tus-Version", tusVersion)
	h.Set("Tus-Extension", "creation")
	h.Set("Tus-Max-Size", strconv.FormatInt(records.MaxPhoto, 10))
	w.WriteHeader(http.StatusNoContent)
}

// Method is what a request asks for: tus lets a client that can send no PATCH
// name it in a header.
func Method(r *http.Request) string {
	if m := r.Header.Get("X-HTTP-Method-Override"); m != "" {
		return strings.ToUpper(m)
	}
	return r.Method
}

// spoken sets the header that every answer has, and refuses what is no tus of
// this version.
func spoken(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Tus-Resumable", tusVersion)
	w.Header().Set("Cache-Control", "no-store")
	if r.Header.Get("Tus-Resumable") == tusVersion {
		return nil
	}
	w.Header().Set("Tus-Version", tusVersion)
	return fault.New(fault.TusVersion, "This server speaks tus 1.0.0.")
}

// Post is POST Path: it begins the upload of an attachment, which
// Upload-Metadata names.
func (s *Service) Post(w http.ResponseWriter, r *http.Request, p access.Person) error {
	if err := spoken(w, r); err != nil {
		return err
	}
	length, err := count(r, "Upload-Length")
	if err != nil {
		return err
	}
	id, err := named(r.Header.Get("Upload-Metadata"))
	if err != nil {
		return err
	}
	e, err := s.about(r, p, id)
	if err != nil {
		return err
	}
	if err := s.create(e, length); err != nil {
		return err
	}
	w.Header().Set("Location", Path+"/"+id)
	w.WriteHeader(http.StatusCreated)
	return nil
}

// Head is HEAD Path/<id>: how far the upload is.
func (s *Service) Head(w http.ResponseWriter, r *http.Request, p access.Person, id string) error {
	if err := spoken(w, r); err != nil {
		return err
	}
	e, err := s.about(r, p, id)
	if err != nil {
		return err
	}
	at, length, err := s.offset(e)
	if err != nil {
		return err
	}
	w.Header().Set("Upload-Offset", strconv.FormatInt(at, 10))
	w.Header().Set("Upload-Length", strconv.FormatInt(length, 10))
	if err := s.sayVersion(w, e); err != nil {
		return err
	}
	w.WriteHeader(http.StatusOK)
	return nil
}

// sayVersion tells, of a photo that is stored, the version of its record: a
// device keeps the bytes until that is held elsewhere (PHOTO-6). Who carries
// one is not told: by the version the record could be found (RECOVERY).
func (s *Service) sayVersion(w http.ResponseWriter, e *errand) error {
	if e.key != nil {
		return nil
	}
	a, err := s.Store.Attachment(e.id)
	if err != nil || a == nil || !a.Stored {
		return err
	}
	versions, err := s.Store.Journal().Versions("attachments", []string{e.id})
	if err == nil {
		w.Header().Set("Fieldpost-Seq", strconv.FormatInt(versions[e.id], 10))
	}
	return err
}

// Patch is PATCH Path/<id>: the bytes from an offset on. body is the request's,
// as it comes from the network.
func (s *Service) Patch(w http.ResponseWriter, r *http.Request, body io.Reader, p access.Person, id string) error {
	if err := spoken(w, r); err != nil {
		return err
	}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != offsetType {
		return fault.New(fault.WrongContentType, "A PATCH has the type "+offsetType+".")
	}
	offset, err := count(r, "Upload-Offset")
	if err != nil {
		return err
	}
	e, err := s.about(r, p, id)
	if err != nil {
		return err
	}
	from := &patient{Reader: body, to: http.NewResponseController(w), idle: s.Limits.Idle}
	at, err := s.append(e, offset, r.ContentLength, from, from.stop)
	from.answer()
	if err != nil {
		if fault.Is(err, fault.WrongOffset) {
			w.Header().Set("Upload-Offset", strconv.FormatInt(at, 10))
		}
		return err
	}
	w.Header().Set("Upload-Offset", strconv.FormatInt(at, 10))
	if err := s.sayVersion(w, e); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// filePolicy: a photo runs nothing and is a page of nothing.
const filePolicy = "default-src 'none'; sandbox; frame-ancestors 'none'"

// Get is GET Path/<id>: the bytes of a stored photo, to be saved and not shown
// as a page of this origin. It is no part of tus.
func (s *Service) Get(w http.ResponseWriter, p access.Person, id string) error {
	f, a, err := s.open(p, id)
	if err != nil {
		return err
	}
	defer f.Close() // it was only read
	h := w.Header()
	h.Set("Content-Type", a.Type)
	h.Set("Content-Length", strconv.FormatInt(a.Bytes, 10))
	h.Set("Content-Disposition", `attachment; filename="`+a.ID+"."+strings.TrimPrefix(a.Type, "image/")+`"`)
	h.Set("Content-Security-Policy", filePolicy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "private, no-store")
	w.WriteHeader(http.StatusOK)
	_, err = io.Copy(&slow{w, http.NewResponseController(w), s.Limits.Idle}, struct{ io.Reader }{f})
	if err != nil {
		s.Log().Debug("a photo was not fetched to its end", "attachment", id)
	}
	return nil // its status is sent
}

var countForm = regexp.MustCompile(`^[0-9]{1,15}$`)

func count(r *http.Request, header string) (int64, error) {
	text := r.Header.Get(header)
	if !countForm.MatchString(text) {
		return 0, fault.New(fault.BadRequest, header+" is missing, or no number.")
	}
	return strconv.ParseInt(text, 10, 64)
}

var idForm = regexp.MustCompile(`^[a-z0-9]{15}$`)

// named finds the attachment's id in Upload-Metadata: pairs of a key and a value
// in base64, with commas between.
func named(metadata string) (string, error) {
	for _, pair := range strings.Split(metadata, ",") {
		key, value, _ := strings.Cut(strings.TrimSpace(pair), " ")
		if key != "attachment" {
			continue
		}
		id, err := base64.StdEncoding.DecodeString(value)
		if err == nil && idForm.Match(id) {
			return string(id), nil
		}
	}
	return "", fault.New(fault.BadRequest, "Upload-Metadata names no attachment.")
}

// patient reads a request for as long as something comes: a photo over a slow
// link may take longer than any other request, and a dead one must not.
type patient struct {
	io.Reader
	to    *http.ResponseController
	idle  time.Duration
	ended atomic.Bool
}

// Read gives the network its time anew for each piece.
func (b *patient) Read(p []byte) (int, error) {
	if err := b.to.SetReadDeadline(time.Now().Add(b.idle)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return 0, err
	}
	if b.ended.Load() { // after the time was set: stop may just have taken it away
		return 0, errors.New("a newer request goes on with this upload")
	}
	return b.Reader.Read(p)
}

// stop ends a read under way, and every later one.
func (b *patient) stop() {
	b.ended.Store(true)
	_ = b.to.SetReadDeadline(time.Unix(1, 0)) // where it is not supported, the request ends by itself
}

// answer gives the answer its time, however long the request took.
func (b *patient) answer() { _ = b.to.SetWriteDeadline(time.Now().Add(b.idle)) }

// slow writes an answer for as long as somebody takes it.
type slow struct {
	w    io.Writer
	to   *http.ResponseController
	idle time.Duration
}

func (s *slow) Write(p []byte) (int, error) {
	if err := s.to.SetWriteDeadline(time.Now().Add(s.idle)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return 0, err
	}
	return s.w.Write(p)
}
