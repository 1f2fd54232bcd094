package exchange

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/fault"
	"github.com/fieldpost/fieldpost/internal/hlc"
	"github.com/fieldpost/fieldpost/internal/journal"
	"github.com/fieldpost/fieldpost/internal/records"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// The states of a quarantine record.
const (
	stateHeld      = "held"
	stateReleased  = "released"
	stateAdopted   = "adopted"
	stateDismissed = "dismissed"
)

// Repair asks for something to be done with a held mutation.
type Repair struct {
	ID     string // of the quarantine record
	Ops    []any  // decoded JSON in place of what is kept; nil: as it is kept
	Reason string // of a dismissal
	// By is the person who does it: a coordinator of the record's organization.
	// Empty is the server's own command line, which may release everything and
	// adopts nothing: adopting needs somebody whose act it becomes.
	By string
}

// Release runs a held mutation again as its author, under the rules of now,
// and after it what depends on it, in order (PUSH-6). The rights of who asks
// only decide whether it is tried: what is written is decided by the author's.
// That it stays held is no error; the answer says why. not_found, not_allowed,
// not_held, bad_request, busy.
func (s *Service) Release(ctx context.Context, r Repair) (*wire.Repaired, error) {
	var out *wire.Repaired
	err := s.inWriter(ctx, func() (err error) {
		stands := map[recordName]bool{}
		var author *records.Device
		if out, author, err = s.releaseOne(r, stands, false); err != nil || out.State != stateReleased {
			return err
		}
		s.Log().Info("refused mutation released", "quarantine", r.ID)
		next, err := s.dependants(author)
		for _, id := range next {
			one, _, failed := s.releaseOne(Repair{ID: id, By: r.By}, stands, true)
			if failed == nil && one != nil {
				out.Followed = append(out.Followed, *one)
			}
			err = errors.Join(err, failed)
		}
		if err != nil {
			// The release stands. What it leaves behind stays held and can be
			// released by itself.
			s.Log().Error("what depends on a released mutation stays held", "error", err)
		}
		return nil
	})
	return out, err
}

// Adopt makes the content of a held mutation a mutation of the coordinator's
// own: their rights, their name in the journal, the original named in each
// entry. A report made so has no author: who saw it is not who enters it, and
// of staff it stays sealed. Errors as Release.
func (s *Service) Adopt(ctx context.Context, r Repair) (*wire.Repaired, error) {
	if r.By == "" {
		return nil, fault.New(fault.NotAllowed, "Adopting makes it somebody's own, and nobody was named.")
	}
	var out *wire.Repaired
	err := s.inWriter(ctx, func() (err error) {
		out, err = s.adoptOne(r)
		return err
	})
	return out, err
}

// act is something other than a push that the writer does.
type act struct {
	do   func() error
	done chan error
}

func (a *act) run(s *Service) {
	defer func() {
		if r := recover(); r != nil {
			s.Log().Error("an act in the writer broke off", "panic", fmt.Sprint(r))
			a.done <- fault.New(fault.Internal, "The server could not do this.")
		}
	}()
	a.done <- a.do()
}

// inWriter runs what writes in the one writer's goroutine, between two groups
// of pushes. Where no writer runs, in a command beside the server or without
// one, it runs here, and SQLite keeps the two apart.
func (s *Service) inWriter(ctx context.Context, do func() error) error {
	if !s.running.Load() {
		return do()
	}
	a := &act{do, make(chan error, 1)}
	select {
	case s.acts <- a:
		return <-a.done
	case <-ctx.Done():
		return fault.New(fault.Busy, "Nobody waited for the answer.").Because(ctx.Err())
	case <-s.done:
		return fault.New(fault.Busy, "The server is stopping.")
	}
}

// repairing is transact, patient with another process that writes at the same
// moment: a transaction that has read before the other's commit can't go on,
// and begins anew.
func (s *Service) repairing(fn func(tx *records.Tx) error) error {
	for try := 0; ; try++ {
		err := s.transact(fn)
		if err == nil || s.running.Load() || try == 8 || !strings.Contains(err.Error(), "database is locked") {
			if err != nil && isStorage(err) {
				return fault.New(fault.Busy, "The server can't write just now.").Because(err)
			}
			return err
		}
		time.Sleep(20 * time.Millisecond << try)
	}
}

// recordName names a record.
type recordName struct{ collection, id string }

// held is a held mutation as it is about to run.
type held struct {
	row     *records.Row
	receipt *journal.Receipt
	author  *records.Device // nil: not among the known devices any more
	sealed  *heldAuthor     // of staff: what was locked
	by      *access.Person  // nil: the command line
	m       *wire.Received
	ops     []any // in place of what was kept
}

// take reads a held mutation and checks that this person may act on it.
func (s *Service) take(tx *records.Tx, r Repair) (*held, error) {
	h, err := s.mine(tx, r)
	if err != nil {
		return nil, err
	}
	whole, sealed, err := s.unlockKept(h.row.Values, h.receipt)
	if err != nil {
		return nil, err
	}
	if h.sealed = sealed; sealed != nil {
		h.author, err = tx.Device(sealed.Device)
	} else {
		h.author, err = tx.DeviceByPseudonym(h.receipt.Device)
	}
	if err != nil {
		return nil, err
	}
	made := hlc.Stamp{Time: hlc.Time{Ms: h.receipt.At, Counter: int(h.receipt.N & 0xffff)}, Device: h.receipt.Device}
	var ok bool
	if h.m, ok = wire.DecodeKept(any(whole), r.Ops, made); !ok {
		return nil, fault.New(fault.BadRequest, "It could not be read when it came, and is kept as text.").WithHint("Read the text, and give the ops that it should have had.")
	}
	return h, s.reopen(h)
}

// reopen opens a sealed mutation again, here and nowhere else.
func (s *Service) reopen(h *held) error {
	if h.m.Sealed == "" || h.m.Problem != nil {
		return nil
	}
	if h.author == nil {
		return fault.New(fault.BadRequest, "It is sealed, and its device is not known any more.").WithHint("Give the ops that it should have.")
	}
	stamp := h.m.Stamp
	for _, id := range h.author.Lineage {
		if stamp.Device != id && s.Key.Device(id) == stamp.Device {
			stamp.Device = id
			break
		}
	}
	return s.openSealed(h.author.ID, h.m, stamp.String())
}

// releaseOne releases one mutation and adds the records that it made to
// stands. As a follower it is tried only if it needs one of those, and stays as
// it is while it still waits for another: then the answer is nil.
func (s *Service) releaseOne(r Repair, stands map[recordName]bool, follower bool) (*wire.Repaired, *records.Device, error) {
	out := &wire.Repaired{ID: r.ID, State: stateReleased}
	var author *records.Device
	var made []recordName
	err := s.repairing(func(tx *records.Tx) error {
		made = nil
		h, err := s.take(tx, r)
		if err != nil {
			return err
		}
		author = h.author
		if follower && !h.needs(stands) {
			out = nil
			return nil
		}
		verdict, err := s.rerun(tx, h)
		if err != nil {
			return err
		}
		out.Verdict = *verdict
		made = h.creates()
		return s.dealtWith(tx, h, stateReleased, map[string]any{})
	})
	var refused *records.Refusal
	if errors.As(err, &refused) {
		if follower && refused.Code == wire.CodeDependsOnRefused {
			return nil, author, nil
		}
		out, err = s.stays(r, refused)
		return out, author, err
	}
	for _, name := range made {
		stands[name] = true
	}
	return out, author, err
}

// rerun runs a held mutation as its author. A *records.Refusal means that it
// stays held.
func (s *Service) rerun(tx *records.Tx, h *held) (*wire.Verdict, error) {
	switch {
	case h.author == nil:
		return nil, refuse(wire.CodeNotAllowed, "Its device is not known here any more. It can be adopted.")
	case h.author.Revoked:
		return nil, refuse(wire.CodeNotAllowed, "Its device was signed out. It can be adopted.")
	case h.by != nil && h.author.Person.Role == access.Admin:
		// The repaired ops would run with rights that a coordinator has not got.
		return nil, refuse(wire.CodeNotAllowed, "An admin wrote it. It can be released at the server's command line, or adopted.")
	case h.m.Problem != nil:
		return nil, refuse(h.m.Problem.Code, "%s", h.m.Problem.Message)
	}
	c := s.pushingOf(h.author, s.Now().UnixMilli())
	c.origin = map[string]any{"released": h.row.Values["id"]}
	corrected := hlc.Time{Ms: h.receipt.Corrected, Counter: h.m.Stamp.Counter}
	switch stamp := h.m.Stamp.String(); {
	case stamp == h.receipt.Stamp, h.sealed != nil && s.Key.Stamp(stamp) == h.receipt.Stamp:
	case h.receipt.Stamp == "" && !h.keptStamp():
		corrected = h.m.Stamp.Time
	case c.own[h.m.Stamp.Device], c.lineage[h.m.Stamp.Device] != "":
		return nil, refuse(wire.CodeInvalid, "The stamp was used for something else. It can be adopted.")
	default:
		return nil, refuse(wire.CodeInvalid, "The stamp names another device. It can be adopted.")
	}
	w := records.Writer{Person: &h.author.Person, Actor: c.actor, Device: c.pseudonym, Stored: h.m.Stamp,
		Corrected: corrected, ClockOff: h.clockOff(), At: c.at}
	if c.staff {
		w.Sealed = h.author.ID
	}
	return s.applyHeld(tx, c, h, w)
}

// adoptOne runs a held mutation as the coordinator's own.
func (s *Service) adoptOne(r Repair) (*wire.Repaired, error) {
	out := &wire.Repaired{ID: r.ID, State: stateAdopted}
	err := s.repairing(func(tx *records.Tx) error {
		h, err := s.take(tx, r)
		if err != nil {
			return err
		}
		if h.m.Problem != nil {
			return refuse(h.m.Problem.Code, "%s", h.m.Problem.Message)
		}
		at := s.Now().UnixMilli()
		own := s.Key.Rest(h.by.ID)
		c := &pushing{device: &records.Device{Person: *h.by}, pseudonym: own, lineage: map[string]string{},
			own: map[string]bool{own: true}, actor: s.Store.Actor(*h.by), at: at, adopting: true,
			origin: map[string]any{"adopted": h.row.Values["id"]}}
		stamp := hlc.Stamp{Time: hlc.Time{Ms: at}, Device: own}
		w := records.Writer{Person: h.by, Actor: c.actor, Device: own, Stored: stamp, Corrected: stamp.Time,
			ClockOff: h.clockOff(), At: at, Adopted: true}
		verdict, err := s.applyHeld(tx, c, h, w)
		if err != nil {
			return err
		}
		out.Verdict = *verdict
		return s.dealtWith(tx, h, stateAdopted, map[string]any{})
	})
	var refused *records.Refusal
	if errors.As(err, &refused) {
		return s.stays(r, refused)
	}
	return out, err
}

// applyHeld applies the mutation for whoever the context names, and looks that
// nothing of it lands with, or touches, another organization than that of the
// coordinator who asks.
func (s *Service) applyHeld(tx *records.Tx, c *pushing, h *held, w records.Writer) (*wire.Verdict, error) {
	tx.NewMutation()
	if err := s.theirs(tx, h, true); err != nil {
		return nil, err
	}
	verdict, err := s.apply(tx, c, h.m, w)
	var refused *records.Refusal
	if errors.As(err, &refused) && refused.Code == wire.CodeMissingDependency {
		return nil, refuse(wire.CodeDependsOnRefused, "%s", refused.Message)
	}
	if err != nil {
		return nil, err
	}
	verdict.N = h.receipt.N
	return verdict, s.theirs(tx, h, false)
}

// theirs checks whose the records of a mutation are: those that it deletes
// before it runs, the others after.
func (s *Service) theirs(tx *records.Tx, h *held, deletes bool) error {
	if h.by == nil {
		return nil
	}
	for _, op := range h.m.Ops {
		if (op.Op.Op == wire.OpDelete) != deletes {
			continue
		}
		if _, known := access.Table[op.Collection]; !known {
			continue // apply refuses it
		}
		row, err := tx.Find(op.Collection, op.ID)
		if err != nil {
			return err
		}
		if row != nil && organizationOf(row) != h.by.Organization {
			return refuse(wire.CodeNotAllowed, "It would belong to another organization.")
		}
	}
	return nil
}

// dealtWith notes what became of a held mutation: who did what, with which
// ops. What was kept stays as it was.
func (s *Service) dealtWith(tx *records.Tx, h *held, state string, values map[string]any) error {
	repair := map[string]any{"at": s.stampNow()}
	if h.by != nil {
		repair["by"] = h.by.ID
	}
	if h.ops != nil {
		repair["ops"] = h.ops
	}
	if code := values["code"]; code != nil {
		repair["code"] = code
	}
	values["repair"] = repair
	if state != stateHeld {
		values["state"] = state
		for _, name := range h.creates() {
			if err := tx.ClearRefused(name.collection, name.id); err != nil {
				return err
			}
		}
	}
	if err := tx.Amend(h.by, h.row, values); err != nil || state == stateHeld {
		return err
	}
	a := records.Audit{Act: records.ActRelease, Actor: records.ActorOperator, Collection: "quarantine"}
	a.Record, _ = h.row.Values["id"].(string)
	a.Organization, _ = h.row.Values["organization"].(string)
	if h.by != nil {
		a.Actor = h.by.ID
	}
	if state == stateAdopted {
		a.Act = records.ActAdopt
	}
	return tx.Audit(a)
}

// stays notes why a mutation could not be released or adopted: it stays held,
// with the reason of now.
func (s *Service) stays(r Repair, why *records.Refusal) (*wire.Repaired, error) {
	out := &wire.Repaired{ID: r.ID, State: stateHeld}
	err := s.repairing(func(tx *records.Tx) error {
		h, err := s.take(tx, r)
		if err != nil {
			return err
		}
		out.State, _ = h.row.Values["state"].(string)
		out.Verdict = wire.Verdict{N: h.receipt.N, Verdict: wire.Refused, Code: why.Code, Message: why.Message, Quarantine: r.ID}
		return s.dealtWith(tx, h, stateHeld, map[string]any{"code": why.Code, "message": why.Message})
	})
	return out, err
}

// dependants lists, in the order in which they were made, what the device, those
// it descends from and its successors have in quarantine because of something
// that was refused.
func (s *Service) dependants(author *records.Device) ([]string, error) {
	var out []string
	err := s.repairing(func(tx *records.Tx) error {
		out = nil
		devices, err := s.family(tx, author)
		if err != nil {
			return err
		}
		list, err := s.heldOf(tx, devices)
		if err != nil {
			return err
		}
		for _, one := range list {
			row, err := tx.Find("quarantine", one.Quarantine)
			if err != nil {
				return err
			}
			if row != nil && row.Values["code"] == wire.CodeDependsOnRefused && row.Values["state"] == stateHeld {
				out = append(out, one.Quarantine)
			}
		}
		return nil
	})
	return out, err
}

// keptStamp tells whether the stamp is the one that was kept, and not made in
// place of one that could not be read.
func (h *held) keptStamp() bool {
	if h.sealed != nil {
		return h.sealed.Stamp == h.m.Stamp.String()
	}
	kept, _ := h.row.Values["mutation"].(map[string]any)
	text, _ := kept["stamp"].(string)
	return text == h.m.Stamp.String()
}

// clockOff says how far the author's clock was off, as it was found when the
// mutation came. Where the stamp could not be read nobody knows: the most.
func (h *held) clockOff() string {
	switch {
	case h.sealed != nil && h.sealed.ClockOff != "":
		return h.sealed.ClockOff
	case h.m.Offset != nil:
		return clockOff(*h.m.Offset)
	case h.keptStamp() && h.receipt.Stamp != "":
		return clockOff(h.receipt.Corrected - h.m.Stamp.Ms)
	}
	return "days"
}

// creates names the records that the mutation makes.
func (h *held) creates() []recordName {
	var out []recordName
	for _, op := range h.m.Ops {
		if op.Op.Op == wire.OpCreate {
			out = append(out, recordName{op.Collection, op.ID})
		}
	}
	return out
}

// needs tells whether the mutation touches or names one of the records.
func (h *held) needs(stands map[recordName]bool) bool {
	for _, op := range h.m.Ops {
		if stands[recordName{op.Collection, op.ID}] {
			return true
		}
		for _, v := range op.Fields {
			id, isText := v.(string)
			for name := range stands {
				if isText && id == name.id {
					return true
				}
			}
		}
	}
	return false
}
