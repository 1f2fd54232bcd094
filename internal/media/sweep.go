package media

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// sweepEvery is how often what is left over is looked for while a server runs.
const sweepEvery = time.Hour

// Start sweeps now and from time to time, until Close.
func (s *Service) Start() {
	s.ending = make(chan struct{})
	s.swept.Add(1)
	go func(ending <-chan struct{}) {
		defer s.swept.Done()
		for {
			if err := s.Sweep(); err != nil {
				s.Log().Error("sweep the photos", "error", err)
			}
			select {
			case <-time.After(sweepEvery):
			case <-ending:
				return
			}
		}
	}(s.ending)
}

// Close ends what Start began.
func (s *Service) Close() {
	if s.ending != nil {
		close(s.ending)
		s.swept.Wait()
		s.ending = nil
	}
}

// Sweep removes uploads that nobody goes on with, or whose record is gone, and
// whole photos that no record names: what a crash, or a backup that was made
// while one was deleted, has left.
func (s *Service) Sweep() error {
	uploads, err := os.ReadDir(filepath.Join(s.Dir(), Uploads))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, f := range uploads {
		err = errors.Join(err, s.sweepUpload(f.Name()))
	}
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return errors.Join(err, filepath.WalkDir(filepath.Join(s.Dir(), Folder), func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err != nil || s.Now().Sub(info.ModTime()) < s.Limits.Unnamed {
			return nil // gone meanwhile, or so new that its record may be on its way again
		}
		s.files.Lock()
		defer s.files.Unlock()
		return s.forget(d.Name())
	}))
}

func (s *Service) sweepUpload(name string) error {
	id, _, _ := strings.Cut(name, ".") // sealed, or opened when the power went
	a, err := s.Store.Attachment(id)
	if err != nil {
		return err
	}
	info, err := os.Stat(s.part(name))
	if err != nil || a != nil && !a.Stored && s.Now().Sub(info.ModTime()) < s.Limits.Abandoned {
		return nil
	}
	defer s.take(name, func() {})()
	return os.Remove(s.part(name))
}

// Missing names the stored photos whose bytes are not here, or not as many as
// their records say.
func (s *Service) Missing() (ids []string, all int, err error) {
	photos, err := s.Store.Photos()
	for _, p := range photos {
		if info, err := os.Stat(s.whole(p.SHA256)); err != nil || info.Size() != p.Bytes {
			ids = append(ids, p.ID)
		}
	}
	return ids, len(photos), err
}
