package exchange

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/fieldpost/fieldpost/internal/fault"
	"github.com/fieldpost/fieldpost/internal/hlc"
	"github.com/fieldpost/fieldpost/internal/journal"
	"github.com/fieldpost/fieldpost/internal/records"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// pushing is what holds for one request: the device and its person, read once
// at the start of the transaction (PUSH-8).
type pushing struct {
	device    *records.Device
	pseudonym string
	lineage   map[string]string // device id -> pseudonym, its own included
	own       map[string]bool   // pseudonyms
	actor     string
	staff     bool  // sealed (R9): see identity
	at        int64 // ms, of this receipt
	offset    int64 // the request's own offset, for mutations without one
	kept      map[int64]kept
	family    []string // pseudonyms that share its quota; empty until it is asked for

	adopting bool           // a coordinator makes another's mutation their own (PUSH-6)
	origin   map[string]any // of what comes out of quarantine: goes into each entry's extra
}

// run gives the jobs of a group their verdicts, and answers each as soon as its
// last one is committed. Mutations of one op share a transaction: whatever
// refuses one of them does so before it writes. A mutation of several ops has
// one of its own, so that it can be rolled back; after some of those the jobs
// that are left wait for their next turn.
func (s *Service) run(group []*job) {
	left := maxAlone
	for len(group) > 0 {
		if sharing(group) {
			s.shared(group)
			group = s.answer(group)
		}
		for _, j := range group {
			if left == 0 {
				s.answer(group)
				return
			}
			if j.next < len(j.push.Mutations) && len(j.push.Mutations[j.next].Ops) > 1 {
				left--
				s.alone(j)
			}
		}
		group = s.answer(group)
	}
}

// sharing tells whether a job has something for the shared transaction: a
// mutation of at most one op, or no mutation at all.
func sharing(group []*job) bool {
	for _, j := range group {
		if j.next >= len(j.push.Mutations) || len(j.push.Mutations[j.next].Ops) <= 1 {
			return true
		}
	}
	return false
}

// shared runs the single-op mutations up to the next one of several ops, for
// all jobs in one transaction. When something unexpected breaks it, nothing of
// it stands and its mutations run again one by one.
func (s *Service) shared(group []*job) {
	type state struct {
		next     int
		verdicts int
	}
	before := make([]state, len(group))
	for i, j := range group {
		before[i] = state{j.next, len(j.verdicts)}
	}
	err := s.transact(func(tx *records.Tx) error {
		for _, j := range group {
			if j.err != nil || j.ctx != nil && j.next >= len(j.push.Mutations) {
				continue
			}
			if j.ctx == nil || j.next > 0 {
				if err := s.open(tx, j); err != nil {
					return err
				}
				if j.err != nil {
					continue
				}
			}
			if err := s.expect(tx, j); err != nil {
				return err
			}
			for j.next < len(j.push.Mutations) && len(j.push.Mutations[j.next].Ops) <= 1 {
				v, err := s.mutate(tx, j.ctx, &j.push.Mutations[j.next], j.behind())
				if err != nil {
					return err
				}
				j.verdicts = append(j.verdicts, *v)
				j.next++
			}
		}
		return nil
	})
	if err == nil {
		return
	}
	s.Log().Error("group of pushes rolled back, running its mutations one by one", "error", err)
	for i, j := range group {
		if j.err == nil {
			j.next, j.verdicts = before[i].next, j.verdicts[:before[i].verdicts]
			for j.err == nil && j.next < len(j.push.Mutations) {
				s.alone(j)
			}
			if !j.finished() {
				j.busy(err)
			}
		}
	}
}

// alone runs one mutation in a transaction of its own. A refusal half way
// takes back what its first ops wrote. What fails for a reason that nobody
// foresaw is deferred: it must not stop the others.
func (s *Service) alone(j *job) {
	m := &j.push.Mutations[j.next]
	var verdict *wire.Verdict
	var refused *records.Refusal
	err := s.transact(func(tx *records.Tx) error {
		if err := s.open(tx, j); err != nil || j.err != nil {
			return err
		}
		v, err := s.mutateAll(tx, j.ctx, m, j.behind())
		verdict = v
		return err
	})
	if err != nil && !errors.As(err, &refused) {
		s.Log().Error("push of one mutation rolled back", "error", err)
		if isStorage(err) {
			j.busy(err)
			return
		}
		refused = &records.Refusal{Code: wire.CodeInvalid, Message: "The server could not apply this."}
	}
	if refused != nil {
		err = s.transact(func(tx *records.Tx) error {
			if err := s.open(tx, j); err != nil || j.err != nil {
				return err
			}
			v, err := s.mutateAll(tx, j.ctx, m, refused)
			verdict = v
			return err
		})
		if err != nil && isStorage(err) {
			j.busy(err)
			return
		}
		if err != nil {
			s.Log().Error("push of one mutation deferred", "error", err)
			verdict = later(m.N)
		}
	}
	if j.err == nil {
		j.verdicts = append(j.verdicts, *verdict)
		j.next++
	}
}

// busy ends a push that the disk does not take. What has its verdict keeps it
// and the rest is asked for again; 503 only where nothing was committed, so
// that it never hides a part (PUSH-13).
func (j *job) busy(cause error) {
	if len(j.verdicts) == 0 {
		j.err = fault.New(fault.Busy, "The server can't write just now.").Because(cause)
		return
	}
	for ; j.next < len(j.push.Mutations); j.next++ {
		j.verdicts = append(j.verdicts, *later(j.push.Mutations[j.next].N))
	}
}

func later(n int64) *wire.Verdict {
	return &wire.Verdict{N: n, Verdict: wire.Deferred, Code: wire.CodeBusy, Message: "The server can't write just now."}
}

// transact keeps a panic in the code of one mutation from taking the writer
// down with everybody else's.
func (s *Service) transact(fn func(tx *records.Tx) error) error {
	return s.Store.Transact(func(tx *records.Tx) (err error) {
		defer func() {
			if r := recover(); r != nil {
				err = fmt.Errorf("panic: %v", r)
			}
		}()
		return fn(tx)
	})
}

// isStorage tells whether an error is the disk's and not the mutation's.
func isStorage(err error) bool {
	text := err.Error()
	for _, sign := range []string{"disk is full", "disk I/O", "readonly", "read-only", "database is locked", "SQLITE_BUSY",
		"unable to open", "no space left", "deadline exceeded", "interrupted", "out of memory", "too many open files",
		"file too large", "malformed", "not a database"} { // a broken page must not become a refusal that stands
		if strings.Contains(text, sign) {
			return true
		}
	}
	return false
}

// open reads device and person and looks for a fork (PUSH-3), inside the
// transaction.
func (s *Service) open(tx *records.Tx, j *job) error {
	device, err := tx.Device(j.push.Device)
	if err != nil {
		return err
	}
	if device == nil {
		j.err = fault.New(fault.Unauthenticated, "The device is not known here.")
		return nil
	}
	c := s.pushingOf(device, j.at.UnixMilli())
	c.kept = j.kept
	if !j.push.Now.IsZero() {
		c.offset = c.at - j.push.Now.UnixMilli()
	}
	if j.ctx != nil {
		j.ctx = c
		return nil
	}
	unnamed, forked, err := s.forked(tx, c, j)
	if err != nil {
		return err
	}
	if forked {
		j.err = fault.New(fault.DeviceForked, "Another copy of this device has used these numbers.")
		return nil
	}
	j.ctx = c        // looked at: not before, or a look that failed would not be repeated
	if j.recovered { // the device itself was not here
		return nil
	}
	if unnamed { // by the day: the minute would name who it was
		return tx.ContactOfDay(device, c.at)
	}
	return tx.Contact(device, c.at)
}

// pushingOf is what holds for a device and its person at a time (ms).
func (s *Service) pushingOf(device *records.Device, at int64) *pushing {
	c := &pushing{device: device, lineage: map[string]string{}, own: map[string]bool{}, at: at, actor: s.Store.Actor(device.Person),
		staff: s.Store.Seals(device.Person)}
	for _, id := range device.Lineage {
		p := s.Key.Device(id)
		c.lineage[id], c.own[p] = p, true
	}
	c.pseudonym = c.lineage[device.ID]
	return c
}

// mutate runs a mutation of one op: a refusal comes before any write of it.
// With waits set it is put off instead.
func (s *Service) mutate(tx *records.Tx, c *pushing, m *wire.Received, waits *records.Refusal) (*wire.Verdict, error) {
	v, err := s.mutateAll(tx, c, m, waits)
	var refused *records.Refusal
	if errors.As(err, &refused) {
		return s.mutateAll(tx, c, m, refused)
	}
	return v, err
}

// mutateAll gives a mutation its verdict: the stored one when it was here
// before, else it is applied. With refused set it is not tried but refused. A
// *records.Refusal as error asks to be called again with it, after a rollback
// where ops were written.
func (s *Service) mutateAll(tx *records.Tx, c *pushing, m *wire.Received, refused *records.Refusal) (*wire.Verdict, error) {
	tx.NewMutation()
	who, err := s.identity(tx, c, m)
	if err != nil {
		return nil, err
	}
	stored, r, err := s.before(tx, c, m, who)
	if err != nil {
		return nil, err
	}
	if r != nil && r.refusal == nil {
		return &r.Verdict, s.again(tx, c, who, r)
	}
	t, err := s.timing(tx, c, m, stored, who)
	if err != nil {
		return nil, err
	}
	if refused != nil && refused.Code == wire.CodeMissingDependency && (r != nil || c.device.Revoked || m.Problem != nil) {
		refused = nil // no waiting makes it one that can be taken
	}
	receipt := journal.Receipt{Device: who.device, N: who.n, Content: who.content, Stamp: stored, Corrected: t.corrected.Ms, At: c.at}
	switch {
	case refused == nil && r != nil:
		refused = r.refusal // the stamp is not to be had
	case refused == nil && c.device.Revoked:
		refused = refuse(wire.CodeNotAllowed, signedOut)
	case refused == nil && m.Problem != nil:
		refused = &records.Refusal{Code: m.Problem.Code, Message: m.Problem.Message}
	}
	if refused == nil {
		stamp := m.Stamp.WithDevice(c.lineage[m.Stamp.Device])
		writer := records.Writer{Person: &c.device.Person, Actor: c.actor, Device: c.pseudonym, Stored: stamp,
			Corrected: t.corrected, ClockOff: clockOff(t.offset), At: c.at, Sealed: who.sealed, Unnamed: who.unnamed}
		verdict, err := s.apply(tx, c, m, writer)
		if err != nil {
			return nil, err
		}
		verdict.N = m.N
		receipt.Verdict = *verdict
		return verdict, settle(tx, t.waited, stored, receipt)
	}
	if refused.Code == wire.CodeUnconfirmed { // nothing of it was written: it waits on the device
		err := tx.Defer(c.pseudonym, m.N, stored, t.corrected.Ms, t.first)
		return &wire.Verdict{N: m.N, Verdict: wire.Deferred, Code: refused.Code, Message: refused.Message}, err
	}
	if refused.Code == wire.CodeMissingDependency {
		if c.at-t.first < 30*24*time.Hour.Milliseconds() {
			err := tx.Defer(who.device, who.n, stored, t.corrected.Ms, t.first)
			return &wire.Verdict{N: m.N, Verdict: wire.Deferred, Code: refused.Code, Message: refused.Message}, err
		}
		refused = &records.Refusal{Code: wire.CodeDependsOnRefused, Message: "What this depends on did not come within 30 days."}
	}
	receipt.Verdict = wire.Verdict{N: m.N, Verdict: wire.Refused, Code: refused.Code, Message: refused.Message}
	receipt.Verdict.Quarantine, err = s.keep(tx, c, m, who, refused, clockOff(t.offset))
	if errors.Is(err, errFull) {
		return full(m.N), nil // nothing of it was written; the device keeps it
	}
	if err != nil {
		return nil, err
	}
	return &receipt.Verdict, settle(tx, t.waited, stored, receipt)
}

// timing is when a mutation was made and came.
type timing struct {
	first     int64    // ms, of its first receipt
	corrected hlc.Time // fixed at first receipt
	offset    int64    // of the device's clock, ms
	waited    bool     // it was deferred before
}

// timing corrects a stamp (PUSH-12). What was deferred keeps the time that was
// fixed when it first came, from whichever device of the lineage: the clock may
// have been put right since.
func (s *Service) timing(tx *records.Tx, c *pushing, m *wire.Received, stored string, who *identity) (timing, error) {
	var corrected, first int64
	if stored != "" {
		var err error
		if corrected, first, err = tx.FirstDeferred(stored); err != nil {
			return timing{}, err
		}
	}
	t := timing{first: c.at, offset: c.offset, waited: first != 0}
	if m.Offset != nil {
		t.offset = *m.Offset
	}
	if t.waited && first < t.first {
		t.first = first
	}
	t.corrected = hlc.Correct(m.Stamp.Time, t.offset, t.first)
	if who.hidden() {
		// The error of a device's clock is as good as its name, so nothing of its
		// time is stored (R9).
		t.corrected = hlc.Time{Ms: t.first}
		return t, nil
	}
	if t.waited {
		t.corrected = hlc.Time{Ms: corrected, Counter: m.Stamp.Counter}
		if m.Offset == nil {
			t.offset = corrected - m.Stamp.Ms
		}
	}
	return t, nil
}

func settle(tx *records.Tx, waited bool, stamp string, receipt journal.Receipt) error {
	if waited {
		if err := tx.Undefer(stamp); err != nil {
			return err
		}
	}
	return tx.PutReceipt(receipt)
}

// earlier is what is known of a mutation before it is tried: its stored
// verdict, or why its stamp is not to be had.
type earlier struct {
	journal.Receipt
	refusal *records.Refusal
}

// before looks for the mutation's receipt, by (device, n) and by stamp
// (PUSH-2), and gives the stored stamp, empty where it can't be one.
func (s *Service) before(tx *records.Tx, c *pushing, m *wire.Received, who *identity) (string, *earlier, error) {
	r, err := tx.Receipt(who.device, who.n)
	if err != nil {
		return "", nil, err
	}
	if r != nil {
		r.Verdict.N, r.Verdict.Replayed = m.N, true
		return "", &earlier{Receipt: *r}, nil
	}
	if !m.HasTime {
		return "", nil, nil
	}
	pseudonym, ok := c.lineage[m.Stamp.Device]
	if !ok {
		return "", &earlier{refusal: &records.Refusal{Code: wire.CodeInvalid, Message: "The stamp names another device."}}, nil
	}
	stored := who.stamp(m, pseudonym)
	if r, err = tx.ReceiptByStamp(stored); err != nil {
		return "", nil, err
	}
	if r == nil {
		return stored, nil, nil
	}
	if sameMutation(r.Content, who.content) {
		r.Verdict.N, r.Verdict.Replayed = m.N, true
		return stored, &earlier{Receipt: *r}, nil
	}
	return "", &earlier{refusal: &records.Refusal{Code: wire.CodeInvalid, Message: "The stamp was used for something else."}}, nil
}

// again notes that a mutation came under another n: that number is taken now,
// and something else under it a fork (PUSH-3).
func (s *Service) again(tx *records.Tx, c *pushing, who *identity, r *earlier) error {
	if r.Device == who.device && r.N == who.n {
		return nil
	}
	receipt := r.Receipt
	receipt.Device, receipt.N, receipt.Stamp, receipt.At = who.device, who.n, "", c.at
	return settle(tx, true, r.Receipt.Stamp, receipt)
}

// clockOff says how far the clock was off (PUSH-12).
func clockOff(offset int64) string {
	if offset < 0 {
		offset = -offset
	}
	switch {
	case offset < 0: // the one number that has no opposite
		return "days"
	case offset < 2*time.Minute.Milliseconds():
		return "ok"
	case offset < time.Hour.Milliseconds():
		return "minutes"
	case offset < 24*time.Hour.Milliseconds():
		return "hours"
	}
	return "days"
}
