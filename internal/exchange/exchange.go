// Package exchange talks: it takes what devices push, gives what they pull,
// and tells who should pull. One goroutine writes: it gathers the pushes that
// wait into one fsynced transaction (group commit), so that many phones share
// the price of a disk flush.
package exchange

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fieldpost/fieldpost/internal/fault"
	"github.com/fieldpost/fieldpost/internal/journal"
	"github.com/fieldpost/fieldpost/internal/records"
	"github.com/fieldpost/fieldpost/internal/seal"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// Service is the exchange of one installation.
type Service struct {
	Store  *records.Store
	Key    *seal.Installation
	Limits wire.Limits
	Now    func() time.Time
	Log    func() *slog.Logger
	Live   *Hub
	// MinSchema is the oldest schema that pull answers; push takes all (PUSH-9).
	MinSchema int

	jobs    chan *job
	acts    chan *act
	stop    chan struct{}
	done    chan struct{}
	waiting atomic.Int64 // mutations in jobs and in the writer's hands
	holding atomic.Int64 // bytes that they take in memory, about
	started sync.Once
	closed  sync.Once
	running atomic.Bool
	history history
	head    headKeeper
	heardOf sync.Map // device id -> heard
}

// maxGroup is how many mutations one transaction gathers; maxQueue and
// maxWaiting how many requests and mutations, and maxHolding how many bytes of
// them, decoded, may wait before the answer is `busy`: what is let in has to be
// done before a phone gives up waiting and sends all of it again.
const (
	maxGroup   = 4000
	maxQueue   = 256
	maxWaiting = 20_000
	maxHolding = 128 << 20
	maxAlone   = 20 // mutations with a transaction each, before others get a turn
)

// New makes an exchange; Start starts its writer.
func New(store *records.Store, key *seal.Installation, now func() time.Time, log func() *slog.Logger) *Service {
	s := &Service{Store: store, Key: key, Limits: wire.DefaultLimits, Now: now, Log: log, Live: NewHub(now), MinSchema: wire.MinSchema,
		head: headKeeper{make(chan struct{}, 1), make(chan struct{})},
		jobs: make(chan *job, maxQueue), acts: make(chan *act), stop: make(chan struct{}), done: make(chan struct{})}
	s.Live.Busy = func() bool { return s.waiting.Load() > 0 }
	return s
}

// Start starts the writer and the pokes, once. Close ends them.
func (s *Service) Start() {
	s.started.Do(func() {
		s.running.Store(true)
		s.Live.start()
		go s.write()
		s.moved()
		go s.keepHead()
	})
}

// Close ends the writer after the group in hand; what waits is answered busy.
// A closed service does not start again.
func (s *Service) Close() {
	s.closed.Do(func() {
		close(s.stop)
		if s.running.Load() {
			<-s.done
			<-s.head.done
			s.Live.close()
		}
	})
}

// Committed is told, after each commit, the scopes that it mattered to.
func (s *Service) Committed(scopes map[string]bool) {
	s.moved()
	s.Live.Notify(scopes)
}

// Hello tells a device whom it talks to.
func (s *Service) Hello() (*wire.Hello, error) {
	epochs, err := s.epochs(s.Store.Journal())
	if err != nil {
		return nil, err
	}
	return &wire.Hello{Protocol: []int{wire.Protocol}, Schema: wire.Schema, MinSchema: s.MinSchema, Epoch: epochs.Present().ID,
		Now: s.stampNow(), Durability: "fsync", Limits: s.Limits}, nil
}

func (s *Service) stampNow() string { return s.Now().UTC().Format(wire.TimeFormat) }

// place is a point of history that only this installation can write: what
// cursors and marks are made of.
type place struct {
	Epoch string `json:"e"`
	Seq   int64  `json:"s"`
	Hash  string `json:"h"`           // of the entry at Seq, first 16 bytes
	Scope string `json:"c,omitempty"` // cursors: the set of scopes
	Sch   int    `json:"v,omitempty"` // cursors: schema
	At    int64  `json:"t,omitempty"` // cursors: when given out, ms
	Reset bool   `json:"z,omitempty"` // cursors: in the middle of a reset
	From  int64  `json:"r,omitempty"` // cursors: head when the reset began
}

func (s *Service) sign(purpose string, p place) (string, error) {
	raw, err := json.Marshal(p)
	if err != nil {
		return "", err
	}
	return s.Key.Sign(purpose, raw), nil
}

func (s *Service) read(purpose, text string) (place, bool) {
	var p place
	raw, ok := s.Key.Verify(purpose, text)
	return p, ok && json.Unmarshal(raw, &p) == nil
}

func short(hash []byte) string {
	if len(hash) > 16 {
		hash = hash[:16]
	}
	return hex.EncodeToString(hash)
}

// mark names the newest point of history.
func (s *Service) mark(r *journal.Reader) (epoch, mark string, err error) {
	epochs, err := s.epochs(r)
	if err != nil {
		return "", "", err
	}
	epoch = epochs.Present().ID
	seq, hash, err := r.Head()
	if err != nil {
		return "", "", err
	}
	mark, err = s.sign("mark", place{Epoch: epoch, Seq: seq, Hash: short(hash)})
	return epoch, mark, err
}

// job is a push that waits for the writer.
type job struct {
	push   *wire.Push
	kept   map[int64]kept // copies made ahead, by n
	weight int64          // bytes in memory, about
	at     time.Time
	answer chan error
	left   <-chan struct{} // closed when nobody waits for the answer

	recovered bool // it came in a recovery file, by whomever

	answered bool // or nobody waits: the writer is done with it
	ctx      *pushing
	next     int
	verdicts []wire.Verdict
	err      error
}

// Push takes a device's mutations and answers with a verdict for each
// (PUSH-4). device is the token's; the caller has checked the token.
func (s *Service) Push(ctx context.Context, device string, push *wire.Push) (*wire.PushAnswer, error) {
	if push.Device != device {
		return nil, fault.New(fault.WrongDevice, "The device is not the one that this access belongs to.")
	}
	rewound, err := s.heed(push.Mark)
	if err != nil {
		return nil, err
	}
	verdicts, err := s.submit(ctx, push, false)
	if err != nil {
		return nil, err
	}
	r := s.Store.Journal()
	epoch, mark, err := s.mark(r)
	if err != nil {
		return nil, err
	}
	durable, err := s.durableSeq(r, epoch)
	if err != nil {
		return nil, err
	}
	return &wire.PushAnswer{Epoch: epoch, Now: s.stampNow(), Mark: mark, DurableSeq: durable, Rewound: rewound, Verdicts: verdicts}, nil
}

// submit opens what is sealed, queues a push for the writer and gives its
// verdicts. recovered tells that somebody else than the device hands it in.
func (s *Service) submit(ctx context.Context, push *wire.Push, recovered bool) ([]wire.Verdict, error) {
	if err := s.unseal(push); err != nil {
		return nil, err
	}
	copies, err := ahead(push)
	if err != nil {
		return nil, err
	}
	j := &job{push: push, kept: copies, at: s.Now(), answer: make(chan error, 1), left: ctx.Done(), recovered: recovered, verdicts: []wire.Verdict{}}
	if !s.admit(j) {
		return nil, fault.New(fault.Busy, "The server is busy.")
	}
	if recovered && !s.running.Load() { // a command beside the server: SQLite keeps the two apart
		for !j.answered {
			s.runSafely([]*job{j})
		}
		return j.verdicts, <-j.answer
	}
	select {
	case s.jobs <- j:
	default:
		s.dismiss(j)
		return nil, fault.New(fault.Busy, "The server is busy.")
	}
	select {
	case err := <-j.answer:
		if err != nil {
			return nil, err
		}
	case <-ctx.Done():
		// The device has gone. What the writer has begun it finishes, and the
		// receipt answers the next try; what it has not begun comes again.
		return nil, fault.New(fault.Busy, "Nobody waited for the answer.").Because(ctx.Err())
	case <-s.done:
		return nil, fault.New(fault.Busy, "The server is stopping.")
	}
	return j.verdicts, nil
}

// admit counts a job in, unless too much waits already. A request that comes
// alone is never too much.
func (s *Service) admit(j *job) bool {
	for i := range j.push.Mutations {
		j.weight += int64(j.push.Mutations[i].Weight)
	}
	for _, k := range j.kept {
		j.weight += int64(len(k.text))
	}
	n := int64(len(j.push.Mutations))
	waiting, holding := s.waiting.Add(n), s.holding.Add(j.weight)
	if waiting > maxWaiting && waiting > n || holding > maxHolding && holding > j.weight {
		s.dismiss(j)
		return false
	}
	return true
}

// dismiss counts a job out.
func (s *Service) dismiss(j *job) {
	s.waiting.Add(-int64(len(j.push.Mutations)))
	s.holding.Add(-j.weight)
}

// write runs the jobs in the order in which they came, many at a time. Two of
// one device never share a group: the second is looked at for a fork before
// anything of it runs (PUSH-3), and so must see all of the first.
func (s *Service) write() {
	defer close(s.done)
	var open []*job // taken off the queue and not answered, in order of arrival
	for {
		select {
		case a := <-s.acts: // one between two groups: neither waits for all of the other
			a.run(s)
		default:
		}
		open = s.gather(open)
		if len(open) == 0 {
			return
		}
		var group, rest []*job
		in := map[string]bool{}
		for _, j := range open {
			switch {
			case in[j.push.Device]:
			case !j.begun() && s.abandoned(j):
				continue
			default:
				in[j.push.Device] = true
				group = append(group, j)
			}
		}
		s.runSafely(group)
		for _, j := range open {
			if !j.answered {
				rest = append(rest, j)
			}
		}
		open = rest
	}
}

// gather adds to the open jobs those that wait, up to a group's size; it waits
// for one when there is none. Once the service stops it takes no more, and
// leaves only what has been begun.
func (s *Service) gather(open []*job) []*job {
	select {
	case <-s.stop:
		var begun []*job
		for _, j := range open {
			if j.begun() {
				begun = append(begun, j)
			}
		}
		return begun
	default:
	}
	for len(open) == 0 {
		select {
		case <-s.stop:
			return nil
		case a := <-s.acts:
			a.run(s)
		case j := <-s.jobs:
			open = append(open, j)
		}
	}
	size := 0
	in := map[string]bool{}
	for _, j := range open {
		in[j.push.Device] = true
		if !j.begun() { // what is begun runs a few mutations a round
			size += len(j.push.Mutations)
		}
	}
	for size < maxGroup {
		select {
		case j := <-s.jobs:
			open = append(open, j)
			if in[j.push.Device] {
				return open // has to wait its turn, and the queue with it
			}
			in[j.push.Device] = true
			size += len(j.push.Mutations)
		default:
			return open
		}
	}
	return open
}

// begun tells whether something of the job may be committed.
func (j *job) begun() bool { return j.ctx != nil || j.next > 0 }

// finished tells whether the job has all its verdicts, or an error instead. One
// without mutations has at least been looked at.
func (j *job) finished() bool {
	n := len(j.push.Mutations)
	return j.err != nil || j.next >= n && (n > 0 || j.ctx != nil)
}

// answer gives the finished jobs of a group their answers, all of them
// committed, and leaves the others.
func (s *Service) answer(group []*job) []*job {
	var rest []*job
	for _, j := range group {
		if !j.finished() {
			rest = append(rest, j)
			continue
		}
		s.reply(j)
	}
	return rest
}

// reply ends a job; the writer does not touch it any more.
func (s *Service) reply(j *job) {
	j.answered = true
	s.dismiss(j)
	if j.err == nil && allFull(j.verdicts) {
		j.err = fault.New(fault.QuarantineFull, noRoom)
		// A person has to act first; but what is saved meanwhile may be fine.
		j.err.(*fault.Fault).RetryAfter = time.Minute
	}
	j.answer <- j.err
}

// runSafely keeps a panic from ending the writer, and with it the process. What
// was committed before it has its receipts; the rest is asked for again.
func (s *Service) runSafely(group []*job) {
	defer func() {
		if r := recover(); r != nil {
			s.Log().Error("group of pushes broke off", "panic", fmt.Sprint(r))
			for _, j := range group {
				if !j.answered {
					j.err = fault.New(fault.Busy, "The server could not finish.")
					s.reply(j)
				}
			}
		}
	}()
	s.run(group)
}

// abandoned takes a job off the queue whose device has hung up: its next try
// waits in the queue already, or will.
func (s *Service) abandoned(j *job) bool {
	select {
	case <-j.left:
		j.answered = true
		s.dismiss(j)
		return true
	default:
		return false
	}
}
