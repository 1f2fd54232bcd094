package exchange

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/fieldpost/fieldpost/internal/journal"
	"github.com/fieldpost/fieldpost/internal/records"
)

// headEvery is how often the head file is written while there are commits. What
// is lost within that time is noticed by the devices' marks.
const headEvery = time.Second

// headKeeper writes the head file behind the commits.
type headKeeper struct {
	moved chan struct{}
	done  chan struct{}
}

// moved tells that something was committed; it never waits.
func (s *Service) moved() {
	select {
	case s.head.moved <- struct{}{}:
	default: // it is known already
	}
}

// keepHead runs until the service stops, and writes a last time then.
func (s *Service) keepHead() {
	defer close(s.head.done)
	for {
		select {
		case <-s.head.moved:
			s.writeHead()
		case <-s.stop:
			<-s.done // the writer's last commit
			s.writeHead()
			return
		}
		select {
		case <-time.After(headEvery):
		case <-s.stop:
		}
	}
}

// writeHead writes the head file, which is in no backup and which no restore
// brings back: a database that lacks the point has lost its tail (EPOCH-2). It
// may fail without harm: an older point is as true, and a disk that is full has
// louder ways to say so.
func (s *Service) writeHead() {
	epoch, mark, err := s.mark(s.Store.Journal())
	if err == nil {
		err = replace(filepath.Join(s.Store.App.DataDir(), records.HeadFile), mark+"\n")
	}
	if err != nil {
		s.Log().Warn("the head of the history is not noted", "epoch", epoch, "error", err)
	}
}

// replace writes a small file so that a reader finds the old or the new one.
// Without fsync: after a power cut it may be empty, and then tells nothing.
func replace(path, text string) error {
	temp := path + ".new"
	if err := os.WriteFile(temp, []byte(text), 0o600); err != nil {
		return fmt.Errorf("write head: %w", err)
	}
	if err := os.Rename(temp, path); err != nil {
		return fmt.Errorf("write head: %w", err)
	}
	return nil
}

// TailLost tells whether this database lacks the newest point that a server had
// on this folder: its tail was cut off, or an older copy stands in its place. A
// file that is not there, or not whole, tells nothing. Call it under the
// folder's lock.
func (s *Service) TailLost(r *journal.Reader) (bool, error) {
	raw, err := os.ReadFile(filepath.Join(s.Store.App.DataDir(), records.HeadFile))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read head: %w", err)
	}
	if len(raw) == 0 {
		return false, nil
	}
	p, ok := s.read("mark", string(raw[:len(raw)-1]))
	if !ok {
		return false, nil
	}
	hash, err := r.HashAt(p.Seq)
	if err != nil {
		return false, err
	}
	all, err := r.Epochs()
	if err != nil {
		return false, err
	}
	// An epoch that is not known here was begun by a database that is gone.
	return hash == nil || short(hash) != p.Hash || !all.Knows(p.Epoch), nil
}
