package simulate

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing/synctest"
	"time"
)

// A run begins when everybody is enrolled and has a first view. Up to there all
// runs of so many phones and such a limit are the same but for ids, and no seed
// has a say in it, so it is done once for all of them, with the checkers
// looking on, and each begins with a copy of the files and of what is
// remembered. What the checkers found fails every run that begins with it.

// settled is the district at that point.
type settled struct {
	files    map[string][]byte // by their names in the run's folder
	clock    time.Duration
	names    map[string]string
	content  map[string]map[string]map[string]any
	phones   []phone
	reads    []map[string]int64 // see model
	epochs   []string
	requests int
	failures []string
	log      []string
	trace    string
}

// common is how many phones the smallest district of a seed has. Scripts with
// fewer are few, and begin by themselves.
const common = 8

// beginnings holds what was made, by the limit and then by the number of phones.
var beginnings struct {
	sync.Mutex
	made map[int]map[int]*settled
}

// shared tells whether a run begins with what others begin with, too: not
// where a rule is broken from the first request on.
func shared(s *Script, tamper *Tamper) bool {
	return tamper == nil && s.Phones >= common && s.Phones <= len(roster)
}

// Prepare makes what a script begins with, unless it is there. It has to run in
// a bubble of its own: its time is not the run's.
func Prepare(s *Script, tamper *Tamper) error {
	if !shared(s, tamper) {
		return nil
	}
	beginnings.Lock()
	defer beginnings.Unlock()
	if beginnings.made[s.Limit] != nil {
		return nil
	}
	made, err := makeBeginnings(s.Limit)
	if err != nil {
		return fmt.Errorf("prepare: %w", err)
	}
	if beginnings.made == nil {
		beginnings.made = map[int]map[int]*settled{}
	}
	beginnings.made[s.Limit] = made
	return nil
}

// makeBeginnings settles one phone after the other, and keeps what there is
// after each from the smallest district on. The server does not own its
// folder: who unpacks it is the first who does (EPOCH-2).
func makeBeginnings(limit int) (made map[int]*settled, err error) {
	r, err := newRun(&Script{Phones: len(roster), Limit: limit}, nil, true)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	if err := unpack(r.home); err != nil {
		return nil, err
	}
	if r.server, err = boot(r.home, r.now, nil, limit, false); err != nil {
		return nil, err
	}
	r.up = true
	made = map[int]*settled{}
	same := map[[32]byte][]byte{}
	for i := range roster {
		if err := r.arrive(i); err != nil {
			return nil, err
		}
		if err := r.phones[i].off(); err != nil {
			return nil, err
		}
		if i+1 < common {
			continue
		}
		if made[i+1], err = r.settled(same); err != nil {
			return nil, err
		}
	}
	return made, nil
}

// settled copies the district. Files with the same content are held once.
func (r *run) settled(same map[[32]byte][]byte) (*settled, error) {
	r.server.query("PRAGMA wal_checkpoint(TRUNCATE)")
	image := filepath.Join(r.folder, "image")
	if err := copyFolder(r.home, filepath.Join(image, "server")); err != nil {
		return nil, err
	}
	s := &settled{clock: r.clock, names: maps.Clone(r.names), content: maps.Clone(r.content), requests: r.res.Requests,
		failures: slices.Clone(r.res.Failures), log: slices.Clone(r.res.Log), trace: r.hash()}
	for _, p := range r.phones {
		if err := copyFolder(p.folder, filepath.Join(image, filepath.Base(p.folder))); err != nil {
			return nil, err
		}
		one := *p
		one.r, one.d, one.disk, one.random = nil, nil, nil, nil
		s.phones = append(s.phones, one)
		s.reads = append(s.reads, maps.Clone(r.model.reads[p]))
		s.epochs = append(s.epochs, r.model.epochs[p])
	}
	var err error
	if s.files, err = readFolder(image); err != nil {
		return nil, err
	}
	for name, data := range s.files {
		sum := sha256.Sum256(data)
		if same[sum] == nil {
			same[sum] = data
		}
		s.files[name] = same[sum]
	}
	return s, os.RemoveAll(image)
}

// start puts the run where everybody is enrolled and has a first view.
func (r *run) start() error {
	beginnings.Lock()
	s := beginnings.made[r.script.Limit][r.script.Phones]
	beginnings.Unlock()
	if s == nil || !shared(r.script, r.given) {
		if err := unpack(r.home); err != nil {
			return err
		}
		if err := r.boot(); err != nil {
			return err
		}
		return r.settle()
	}
	if err := writeFolder(s.files, r.folder); err != nil {
		return err
	}
	r.clock, r.names, r.content = s.clock, maps.Clone(s.names), maps.Clone(s.content)
	r.res.Requests, r.res.Failures = s.requests, slices.Clone(s.failures)
	if r.keepLog {
		r.res.Log = slices.Clone(s.log)
	}
	r.note("begins with %s", s.trace)
	for i := range s.phones {
		p := s.phones[i]
		p.r, p.folder = r, filepath.Join(r.folder, filepath.Base(p.folder))
		p.reseed(uint64(i) + 1)
		r.phones = append(r.phones, &p)
		r.model.reads[&p], r.model.epochs[&p] = maps.Clone(s.reads[i]), s.epochs[i]
	}
	return r.boot()
}

// close ends a run and removes what it left.
func (r *run) close() error {
	err := r.end()
	synctest.Wait()
	return errors.Join(err, os.RemoveAll(r.folder))
}
