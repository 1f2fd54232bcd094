package exchange

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fieldpost/fieldpost/internal/fault"
	"github.com/fieldpost/fieldpost/internal/journal"
	"github.com/fieldpost/fieldpost/internal/merge"
	"github.com/fieldpost/fieldpost/internal/records"
)

// How far the history is held elsewhere is looked at once in lookEvery; what was
// committed longer than heldAfter ago counts as held (EPOCH-3), once a look
// believeAfter later has found it as old: a clock that is put ahead for an hour
// must not make the devices drop what no backup has.
const (
	lookEvery    = time.Minute
	heldAfter    = 30 * 24 * time.Hour
	believeAfter = 24 * time.Hour
)

// history is what this process knows of the lines of history, so that an answer
// costs no query for it. Only a start and part change them, under the folder's
// lock, so nobody else does meanwhile.
type history struct {
	known   atomic.Pointer[merge.Lines]
	look    sync.Mutex
	looked  time.Time // guarded by look, as are the next two
	aged    int64     // old enough, as a look found at agedAt
	agedAt  time.Time
	primed  atomic.Bool
	durable atomic.Int64
}

// epochs gives the lines of history of this database.
func (s *Service) epochs(r *journal.Reader) (merge.Lines, error) {
	if known := s.history.known.Load(); known != nil {
		return *known, nil
	}
	return s.readEpochs(r)
}

func (s *Service) readEpochs(r *journal.Reader) (merge.Lines, error) {
	all, err := r.Epochs()
	if err == nil {
		s.history.known.Store(&all)
	}
	return all, err
}

// durableSeq is how far the history is known to be held off this machine
// (EPOCH-3). What is told is what is stored: after a crash, or with a clock that
// was put back, it must not be less.
func (s *Service) durableSeq(r *journal.Reader, epoch string) (int64, error) {
	h := &s.history
	if !h.primed.Load() {
		h.look.Lock()
	} else if !h.look.TryLock() {
		return h.durable.Load(), nil // somebody is looking; what was found last stays true
	}
	defer h.look.Unlock()
	now := s.Now()
	if since := now.Sub(h.looked); !h.looked.IsZero() && since >= 0 && since < lookEvery {
		return h.durable.Load(), nil
	}
	stored, err := r.Durable(epoch)
	if err != nil {
		return 0, err
	}
	aged, err := r.Aged(stored, now.Add(-heldAfter).UnixMilli())
	if err != nil {
		return 0, err
	}
	aged = h.believed(aged, now)
	if aged > stored {
		err := s.Store.Transact(func(tx *records.Tx) error {
			return tx.RaiseDurable(epoch, aged, now.UnixMilli(), "age")
		})
		switch {
		case err == nil:
			stored = aged
		case isStorage(err): // no reason to answer nobody: devices keep a little longer
			s.Log().Error("how much is held elsewhere can't be noted", "error", err)
		default:
			return 0, err
		}
	}
	h.looked = now
	h.durable.Store(stored)
	h.primed.Store(true)
	return stored, nil
}

// believed gives what was old enough at a look at least believeAfter ago, and
// notes what this look found; 0 while there is no such look. Under look.
func (h *history) believed(aged int64, now time.Time) int64 {
	var was int64
	switch since := now.Sub(h.agedAt); {
	case h.agedAt.IsZero() || since < 0: // the first look, or the clock was put back
	case since < believeAfter:
		return 0
	default:
		was = h.aged
	}
	h.aged, h.agedAt = aged, now
	return was
}

// parted tells that a point of the present epoch is not in this history: two
// lines go on under its name. This is a copy of the folder or a snapshot of the
// machine, and the other one has gone further. The caller calls part and looks
// anew (EPOCH-2).
type parted struct{ epoch string }

func (p *parted) Error() string { return "another line of history goes on under epoch " + p.epoch }

// missing reads a cursor or mark and tells whether this database's history has
// not got the point that it names (EPOCH-1). The hash decides, not the seq: a
// restored server may have grown past it. *parted.
func (s *Service) missing(r *journal.Reader, purpose, text string) (place, bool, error) {
	p, ok := s.read(purpose, text)
	if !ok {
		return p, true, nil // nobody's, or another installation's: it tells nothing
	}
	hash, err := r.HashAt(p.Seq)
	if err != nil || hash != nil && short(hash) == p.Hash {
		return p, false, err
	}
	all, err := s.epochs(r)
	if err == nil && p.Epoch == all.Present().ID {
		err = &parted{p.Epoch}
	}
	return p, true, err
}

// heed looks at a push's mark before anything of the push runs: where another
// line shows, this one begins a new epoch first, so that no base of that line is
// taken for one of this (MERGE-1).
func (s *Service) heed(mark string) (rewound bool, err error) {
	if mark == "" {
		return false, nil
	}
	_, rewound, err = s.missing(s.Store.Journal(), "mark", mark)
	if p, ok := errors.AsType[*parted](err); ok {
		err = s.part(p.epoch)
	}
	return rewound, err
}

// part leaves an epoch because another line of history goes on under it, once
// for all who show that at the same time. Where the two parted nobody can say: a
// point that both have may be older than that, one that only this one has may
// be nobody's yet. What was there when the epoch began is in both, so that much
// counts as shared. It may be less than the truth; then a change that built on
// what its person had seen is taken for one that did not, and leaves a conflict.
// More than the truth would let it overwrite without a trace.
func (s *Service) part(epoch string) error {
	began := false
	err := s.Store.Transact(func(tx *records.Tx) error {
		all, err := tx.Epochs()
		if err != nil || all.Present().ID != epoch {
			return err // another request was quicker
		}
		began = true
		return tx.LeaveEpoch(records.NewEpoch(), s.Now().UnixMilli(), all.Present().Began)
	})
	if err != nil {
		return fault.New(fault.Busy, "The server can't write just now.").Because(err)
	}
	if began {
		s.Log().Warn("another copy of this database is in service: this one begins a new epoch", "former", epoch)
	}
	s.history.look.Lock()
	defer s.history.look.Unlock()
	s.history.looked = time.Time{}
	_, err = s.readEpochs(s.Store.Journal())
	return err
}
