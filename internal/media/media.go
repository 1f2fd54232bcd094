// Package media keeps the bytes of photos: it takes them in pieces over links
// that break (tus 1.0, core and creation), checks that they are what their
// record says and nothing beside a picture, and keeps each once, by its hash.
//
// The record goes first: an upload is of an attachment that somebody pushed,
// bears its id, and is open to its author alone; sealed, to whoever carries it
// for them. So nothing of an upload is stored but the bytes: how far it is, is
// how long its file is.
//
//	<data>/uploads/<attachment id>           what came so far; in no backup
//	<data>/uploads/<attachment id>.sealed    the same of what is carried
//	<data>/media/<2 of hash>/<SHA-256, hex>  whole photos; never changed
package media

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"syscall"
	"time"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/fault"
	"github.com/fieldpost/fieldpost/internal/records"
)

// Folders of a data folder.
const (
	Folder  = "media"
	Uploads = records.UploadsFolder
)

// Limits are what an installation keeps of photos.
type Limits struct {
	Organization int64         // bytes of whole photos that one organization may have here
	Abandoned    time.Duration // after so long without a byte an upload begins anew
	Idle         time.Duration // so long a request may send nothing
	Unnamed      time.Duration // after so long a whole photo goes that no record names
}

// DefaultLimits are those of the binary.
var DefaultLimits = Limits{Organization: 5 << 30, Abandoned: 30 * 24 * time.Hour, Idle: time.Minute, Unnamed: 24 * time.Hour}

// Service keeps the photos of one installation.
type Service struct {
	Store  *records.Store
	Dir    func() string // the data folder
	Now    func() time.Time
	Log    func() *slog.Logger
	Limits Limits
	// Unchecked takes what carries more than a picture. Only the test of that
	// protection sets it, to see what would get in.
	Unchecked bool

	files   sync.Mutex // over what joins files to records, and what removes files
	opening sync.Mutex // over the one sealed photo that is in memory
	mu      sync.Mutex
	held    map[string]*hold
	ending  chan struct{}
	swept   sync.WaitGroup
}

// hold is a request that works on an upload.
type hold struct {
	stop func()
	done chan struct{}
}

// take makes a request the one that works on an upload. The newest has it: one
// that came before and still reads is told to stop, because the phone that
// sends again has given that one up, whatever the network has told us.
func (s *Service) take(id string, stop func()) (release func()) {
	mine := &hold{stop: stop, done: make(chan struct{})}
	for {
		s.mu.Lock()
		other := s.held[id]
		if other == nil {
			if s.held == nil {
				s.held = map[string]*hold{}
			}
			s.held[id] = mine
			s.mu.Unlock()
			return func() {
				s.mu.Lock()
				delete(s.held, id)
				s.mu.Unlock()
				close(mine.done)
			}
		}
		s.mu.Unlock()
		other.stop()
		<-other.done
	}
}

func (s *Service) part(name string) string { return filepath.Join(s.Dir(), Uploads, name) }

func (s *Service) whole(sum string) string { return filepath.Join(s.Dir(), Folder, sum[:2], sum) }

// photo finds the attachment that an errand's bytes are of. not_found where
// there is none, or it is not its author's: they cannot tell the two apart.
func (s *Service) photo(e *errand) (*records.Attachment, error) {
	a, err := s.Store.Attachment(e.id)
	if err != nil {
		return nil, err
	}
	if a != nil {
		ok, err := s.Store.MayHand(e.author, a)
		if err != nil {
			return nil, err
		}
		if ok {
			return a, nil
		}
	}
	return nil, noPhoto()
}

func noPhoto() error {
	return fault.New(fault.NotFound, "There is no such photo.").WithHint("The record of a photo goes first, then its bytes.")
}

// create begins an upload, or begins it anew.
func (s *Service) create(e *errand, length int64) error {
	a, err := s.photo(e)
	if err != nil || a.Stored {
		return err
	}
	if length > e.size(&records.Attachment{Bytes: records.MaxPhoto}) {
		return fault.Newf(fault.PhotoTooLarge, "A photo has at most %d bytes.", records.MaxPhoto)
	}
	if length != e.size(a) {
		return fault.New(fault.BadRequest, "Upload-Length is not what the photo's record says.")
	}
	used, err := s.Store.PhotoBytes(a.Organization)
	if err != nil {
		return err
	}
	if used+a.Bytes > s.Limits.Organization {
		return fault.New(fault.NoRoom, "The organization's room for photos is used up.")
	}
	defer s.take(e.upload(), func() {})()
	if err := os.MkdirAll(filepath.Dir(s.part(e.upload())), 0o700); err != nil {
		return cannotWrite(err)
	}
	f, err := os.OpenFile(s.part(e.upload()), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return cannotWrite(err)
	}
	return f.Close()
}

// offset tells how far an upload is. One whose last answer was lost is brought
// to its end.
func (s *Service) offset(e *errand) (at, length int64, err error) {
	defer s.take(e.upload(), func() {})()
	a, err := s.photo(e)
	if err != nil {
		return 0, 0, err
	}
	length = e.size(a)
	if a.Stored {
		return length, length, nil
	}
	info, err := os.Stat(s.part(e.upload()))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, 0, noPhoto() // a client of tus creates it then
	}
	if err != nil {
		return 0, 0, fmt.Errorf("look at upload %s: %w", e.id, err)
	}
	if info.Size() == length {
		if err := s.finish(e, a); err != nil {
			return 0, 0, err
		}
	}
	return info.Size(), length, nil
}

// append writes what a request sends behind what is there, and gives how far
// the upload then is. What came before a request broke off is kept.
func (s *Service) append(e *errand, offset, length int64, body io.Reader, stop func()) (at int64, err error) {
	defer s.take(e.upload(), stop)()
	a, err := s.photo(e)
	if err != nil {
		return 0, err
	}
	size := e.size(a)
	if a.Stored {
		return size, wrongOffset(size, offset)
	}
	f, err := os.OpenFile(s.part(e.upload()), os.O_WRONLY|os.O_APPEND, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, noPhoto()
	}
	if err != nil {
		return 0, cannotWrite(err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return 0, fmt.Errorf("look at upload %s: %w", e.id, err)
	}
	at = info.Size()
	if at != offset {
		return at, wrongOffset(at, offset)
	}
	if length > size-at {
		return at, fault.New(fault.PhotoTooLarge, "This is more than the photo's record says.")
	}
	n, err := io.Copy(f, io.LimitReader(body, size-at))
	at += n
	if _, full := errors.AsType[*fs.PathError](err); full {
		return at, cannotWrite(err)
	}
	if err != nil {
		return at, fault.New(fault.BadRequest, "The request broke off.").WithHint("Ask how far it is, and go on from there. Nothing is lost.").Because(err)
	}
	if at < size {
		return at, nil
	}
	if more, _ := body.Read(make([]byte, 1)); more > 0 {
		return at, errors.Join(fault.New(fault.PhotoTooLarge, "This is more than the photo's record says."), os.Truncate(s.part(e.upload()), offset))
	}
	return at, s.finish(e, a)
}

func wrongOffset(have, sent int64) error {
	if have == sent {
		return nil // it was done before, and is said again
	}
	return fault.New(fault.WrongOffset, "The upload is not at this offset.")
}

// cannotWrite tells a full disk from what is broken.
func cannotWrite(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fault.New(fault.NoRoom, "The server's disk is full.").Because(err)
	}
	return fmt.Errorf("write upload: %w", err)
}

// finish checks an upload that has all its bytes and makes it a stored photo.
// One that is not what its record says begins anew. The file has its place
// before the record says so, and the upload goes last: a crash between leaves
// it to be finished again.
func (s *Service) finish(e *errand, a *records.Attachment) (err error) {
	from := s.part(e.upload())
	path := from
	if e.key != nil {
		path = s.part(e.id + openedPart)
		defer func() {
			if gone := os.Remove(path); !errors.Is(gone, fs.ErrNotExist) {
				err = errors.Join(err, gone)
			}
		}()
		err = s.unseal(e, a)
	}
	if err == nil {
		err = s.check(path, a)
	}
	if err != nil {
		if f, ours := errors.AsType[*fault.Fault](err); ours && f.Code != fault.NoRoom {
			err = errors.Join(err, os.Remove(from))
		}
		return err
	}
	s.files.Lock()
	defer s.files.Unlock()
	to := s.whole(a.SHA256)
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return cannotWrite(err)
	}
	if err := os.Link(path, to); err != nil && !errors.Is(err, fs.ErrExist) {
		return cannotWrite(err)
	}
	for _, dir := range []string{filepath.Dir(to), filepath.Dir(filepath.Dir(to))} {
		if err := syncFolder(dir); err != nil {
			return fmt.Errorf("keep photo %s: %w", a.ID, err)
		}
	}
	if err := s.Store.PhotoStored(a.ID); err != nil {
		if errors.Is(err, records.ErrNoRecord) {
			return errors.Join(noPhoto(), os.Remove(from), s.forget(a.SHA256))
		}
		return err
	}
	return os.Remove(from)
}

// check reads an upload once: its hash, and that it is a picture and nothing
// else. It is on the disk when this returns.
func (s *Service) check(path string, a *records.Attachment) (err error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("check upload %s: %w", a.ID, err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := f.Sync(); err != nil {
		return cannotWrite(err)
	}
	hash := sha256.New()
	if _, err := io.Copy(hash, f); err != nil {
		return fmt.Errorf("check upload %s: %w", a.ID, err)
	}
	if hex.EncodeToString(hash.Sum(nil)) != a.SHA256 {
		return fault.New(fault.PhotoDiffers, "What came is not the photo that the record names.")
	}
	if s.Unchecked {
		return nil
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("check upload %s: %w", a.ID, err)
	}
	return Bare(f, a.Type)
}

func syncFolder(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// open gives the bytes of a stored photo to whoever may see its record.
func (s *Service) open(p access.Person, id string) (*os.File, *records.Attachment, error) {
	a, err := s.Store.Attachment(id)
	if err != nil {
		return nil, nil, err
	}
	if a == nil || !a.Stored || !a.MayRead(p) {
		return nil, nil, noPhoto()
	}
	f, err := os.Open(s.whole(a.SHA256))
	if errors.Is(err, fs.ErrNotExist) {
		s.Log().Error("the bytes of a photo are missing", "attachment", id)
		return nil, nil, noPhoto()
	}
	if err != nil {
		return nil, nil, fmt.Errorf("open photo %s: %w", id, err)
	}
	return f, a, nil
}

// Drop removes what a deleted record leaves: its upload, and its bytes if no
// other record has the same.
func (s *Service) Drop(attachment, sum string) {
	var err error
	for _, upload := range []string{attachment, attachment + sealedPart} {
		release := s.take(upload, func() {})
		if gone := os.Remove(s.part(upload)); !errors.Is(gone, fs.ErrNotExist) {
			err = errors.Join(err, gone)
		}
		release()
	}
	s.files.Lock()
	defer s.files.Unlock()
	if err = errors.Join(err, s.forget(sum)); err != nil {
		s.Log().Error("a deleted photo's bytes are still here; the next sweep takes them", "attachment", attachment, "error", err)
	}
}

var sumForm = regexp.MustCompile(`^[0-9a-f]{64}$`)

// forget removes the bytes that no stored record names. The caller holds files.
func (s *Service) forget(sum string) error {
	if !sumForm.MatchString(sum) {
		return nil
	}
	kept, err := s.Store.PhotoKept(sum)
	if err != nil || kept {
		return err
	}
	if err := os.Remove(s.whole(sum)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
