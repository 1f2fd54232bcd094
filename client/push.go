package client

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/fieldpost/fieldpost/internal/fault"
	"github.com/fieldpost/fieldpost/internal/hlc"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// Sending, in one picture:
//
//	queue --batch--> post --answered--> verdicts noted, one transaction
//	                  |--no answer----> stop; all stays waiting
//	                  |--token--------> renew, post again (once)
//	                  |--forked-------> new id, queue again (maxForks)
//	                  |--too large----> halves
//	                  |--too slow-----> halves, and smaller batches from then on
//	                  '--at fault-----> halves, down to the one at fault (isolate.go)
//
// Each way back to the queue has a bound, so a push ends.
const (
	maxForks   = 2  // new ids in one push
	maxPasses  = 3  // times through the queue: what is deferred may be ready after what followed it
	maxRewinds = 2  // rewinds met in one push
	fillFactor = 95 // percent of a limit that a batch uses: gzip may add a little
)

// PushReport tells what a push did. Verdicts are those of this push.
type PushReport struct {
	Sent     int // mutations that got a verdict
	Verdicts []Verdict
	Parked   int  // mutations parked because they could not be sent
	Rewound  bool // the server's history went back; what it lost was sent again
	Forked   bool // the store turned out to be a copy and goes on under a new id
}

// item is a mutation that is to be sent: in clear, or sealed.
type item struct {
	pos, n int64
	fails  int
	body   []byte
	sealed string
}

// pushAnswer is the answer of push.
type pushAnswer struct {
	place
	Verdicts *[]wire.Verdict `json:"verdicts"`
}

func (a *pushAnswer) missing() string {
	if a.Verdicts == nil {
		return "verdicts"
	}
	return a.place.missing()
}

// pusher is one run through the outbox.
type pusher struct {
	d        *Device
	report   PushReport
	max      int            // mutations a batch; falls when batches are too large
	deferred map[int64]item // by pos, what was deferred in this pass
	stuck    map[int64]item // by pos, what gets no verdict: not tried again in this push
	released bool           // something stuck was parked: what waited behind it may go
	suspects []suspect      // failed alone, with nothing yet to show that others do better
	blind    int            // parked without any other mutation having done better
	answered int            // mutations that got a verdict
	decided  int            // of them, those that were not deferred
	forks    int
	rewinds  int
	slow     int
	again    bool   // start over from the first waiting mutation
	st       *state // where the device stood when this run last looked
}

// Push sends everything that waits and notes the verdicts. It fails with
// ErrOffline, ErrNotFieldpost, ErrLater, ErrRefused, ErrNotEnrolled or ErrDisk;
// whatever has no verdict is still waiting then, and the report tells what was
// done before.
func (d *Device) Push(ctx context.Context) (PushReport, error) {
	d.pushing.Lock()
	defer d.pushing.Unlock()
	p := &pusher{d: d, stuck: map[int64]item{}}
	err := p.run(ctx)
	if err == nil && p.st.problem == "" { // nothing to take back: only a push notes what a push ends
		return p.report, nil
	}
	return p.report, d.noteProblem(ctx, err, true)
}

func (p *pusher) run(ctx context.Context) error {
	ask, err := p.begin(ctx)
	if err == nil {
		err = p.st.mayAsk()
	}
	if err != nil {
		return err
	}
	p.max = p.st.limits.Mutations
	if p.d.batch > 0 {
		p.max = min(p.max, p.d.batch)
	}
	if ask {
		if err := p.post(ctx, nil); err != nil {
			return err
		}
	}
	for pass := 0; pass < maxPasses; {
		before := p.decided
		p.deferred, p.again, p.released = map[int64]item{}, false, false
		if err := p.pass(ctx); err != nil {
			return errors.Join(err, p.parkConfirmed(ctx))
		}
		if p.again { // after a fork or a rewind; both are counted
			continue
		}
		if err := p.judge(ctx); err != nil {
			return err
		}
		pass++
		if !p.released && (len(p.deferred) == 0 || p.decided == before) {
			break
		}
	}
	return nil
}

// begin reads where the device stands, and whether to ask first: to let the
// server say that its history has gone back before anything new goes out, where
// that could change the order of two changes of one record (EPOCH-3, INV-6).
// Reports are made once and need no question, so a phone that makes nothing else
// never pays for this.
func (p *pusher) begin(ctx context.Context) (ask bool, err error) {
	err = p.d.store.read(ctx, "look for changes of what is kept", func(tx *sql.Tx, st *state) error {
		p.st = st
		return tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM outbox w JOIN touched t ON t.pos = w.pos
			JOIN touched b ON b.collection = t.collection AND b.id = t.id JOIN outbox k ON k.pos = b.pos
			WHERE w.state = 'waiting' AND k.state = 'acknowledged')`).Scan(&ask)
	})
	return ask, err
}

// pass goes once through the queue in the order of n.
func (p *pusher) pass(ctx context.Context) error {
	after := int64(0)
	for !p.again {
		batch, err := p.next(ctx, after)
		if err != nil || len(batch) == 0 {
			return err
		}
		after = batch[len(batch)-1].n
		if batch = p.sendable(batch); len(batch) == 0 {
			continue
		}
		if err := p.deliver(ctx, batch, notFailed); err != nil {
			return err
		}
	}
	return nil
}

// next reads the waiting mutations behind n that fit into one request.
func (p *pusher) next(ctx context.Context, after int64) ([]item, error) {
	var batch []item
	err := p.d.store.read(ctx, "read queue", func(tx *sql.Tx, st *state) error {
		p.st = st
		limit := min(st.limits.Bytes, st.limits.Inflated) * fillFactor / 100
		// A bare LIMIT ? would be prepared anew at each use.
		rows, err := tx.QueryContext(ctx, "SELECT pos, n, fails, body, sealed FROM outbox WHERE state = 'waiting' AND n > ? ORDER BY n LIMIT ?+0",
			after, min(p.max, st.limits.Mutations))
		if err != nil {
			return err
		}
		defer rows.Close()
		size := int64(1024) // the envelope
		for rows.Next() {
			var i item
			if err := rows.Scan(&i.pos, &i.n, &i.fails, &i.body, &i.sealed); err != nil {
				return err
			}
			if size += i.size(); size > limit && len(batch) > 0 {
				break
			}
			batch = append(batch, i)
		}
		return rows.Err()
	})
	return batch, err
}

// sendable leaves out what is stuck or was deferred, and what touches a record
// of something stuck or changes one of something deferred: order per record
// holds. A create may be just what the deferred one waits for.
func (p *pusher) sendable(batch []item) []item {
	stuck, deferred := map[Ref]bool{}, map[Ref]bool{}
	for _, i := range p.stuck {
		for _, r := range touches(i.body) {
			stuck[Ref{Collection: r.Collection, ID: r.ID}] = true
		}
	}
	for _, i := range p.deferred {
		for _, r := range touches(i.body) {
			deferred[Ref{Collection: r.Collection, ID: r.ID}] = true
		}
	}
	return slices.DeleteFunc(batch, func(i item) bool {
		_, isStuck := p.stuck[i.pos]
		if _, waits := p.deferred[i.pos]; isStuck || waits {
			return true
		}
		return len(stuck)+len(deferred) > 0 && slices.ContainsFunc(touches(i.body), func(r Ref) bool {
			record := Ref{Collection: r.Collection, ID: r.ID}
			return stuck[record] || r.Op != wire.OpCreate && deferred[record]
		})
	})
}

// touches names the records of a stored body, without what is done to them.
func touches(stored []byte) []Ref {
	var b struct {
		Ops []struct{ Op, Collection, ID string } `json:"ops"`
	}
	if json.Unmarshal(stored, &b) != nil {
		return nil // it has no known records; the server will say what is wrong
	}
	var all []Ref
	for _, op := range b.Ops {
		all = append(all, Ref(op))
	}
	return all
}

// post sends one batch and notes the answer. A nil error means that there was
// an answer with verdicts.
func (p *pusher) post(ctx context.Context, batch []item) error {
	d := p.d
	var a pushAnswer
	t, turn, err := d.authorized(ctx, p.st, request{path: "/api/sync/push"}, true, &a, func(st *state, now time.Time) ([]byte, error) {
		return pushBody(st, now, batch)
	})
	if turn == forgotten && err == nil {
		p.report.Rewound, p.again = true, true
		return nil
	}
	if turn == forked && err == nil {
		p.report.Forked, p.again = true, true
		if p.forks++; p.forks > maxForks {
			return &Error{Kind: ErrRefused, Code: string(fault.DeviceForked), Message: "The server keeps taking this device for a copy.",
				Hint: "Tell your coordinator. Everything is kept on this device."}
		}
		return nil
	}
	if err != nil {
		return err
	}
	return p.note(context.WithoutCancel(ctx), batch, &a, t)
}

func pushBody(st *state, now time.Time, batch []item) ([]byte, error) {
	head, err := encode(wire.PushRequest{Protocol: wire.Protocol, Device: st.id, Epoch: st.epoch,
		Now: now.UTC().Format(wire.TimeFormat), Mark: st.mark, Mutations: []json.RawMessage{}})
	if err != nil {
		return nil, err
	}
	// The stored bytes go out as they are.
	var b bytes.Buffer
	b.Write(bytes.TrimSuffix(head, []byte("]}")))
	for i, m := range batch {
		if i > 0 {
			b.WriteByte(',')
		}
		text, err := m.sent()
		if err != nil {
			return nil, err
		}
		b.Write(text)
	}
	b.WriteString("]}")
	return b.Bytes(), nil
}

// turn is why a push gets no answer but is to begin again from the first
// waiting mutation.
type turn int

const (
	straight  turn = iota
	forked         // the device goes on under a new id
	forgotten      // the server had forgotten the device, and with it what it had acknowledged
)

// authorized makes one exchange that needs the token. An expired token is
// renewed (DEV-6), once; a push that finds the device forked gives it a new id
// and reports that instead of an answer, and so does one that finds it
// forgotten. body is made anew for each try. st is where the device stands, of a
// person that is enrolled.
func (d *Device) authorized(ctx context.Context, st *state, r request, push bool, out any,
	body func(*state, time.Time) ([]byte, error)) (t timing, turned turn, err error) {
	for renewed := false; ; renewed = true {
		if renewed { // with the token that it has now
			if st, err = d.enrolled(); err != nil {
				return t, straight, err
			}
		}
		now, _ := d.now()
		r.method, r.base, r.token = http.MethodPost, st.url, st.token
		if r.body, err = body(st, now); err != nil {
			return t, straight, err
		}
		t, err = d.exchange(ctx, r, out)
		switch {
		case err == nil:
			return t, straight, nil
		case push && hasCode(err, fault.DeviceForked):
			return t, forked, d.fork(ctx, st)
		// A revoked device may still hand in what it holds (PUSH-10), and a
		// token made under a lost secret is not known as expired.
		case !renewed && (hasCode(err, fault.TokenExpired) || hasCode(err, fault.Unauthenticated) || push && hasCode(err, fault.DeviceRevoked)):
			lost, renewal := d.renew(ctx, st)
			if renewal != nil {
				return t, straight, renewal
			}
			if lost && push {
				return t, forgotten, nil
			}
		default:
			return t, straight, err
		}
	}
}

// enrolled reads the state; ErrNotEnrolled when there is no token.
func (d *Device) enrolled() (*state, error) {
	st, err := d.peek()
	if err == nil {
		err = st.mayAsk()
	}
	return st, err
}

// mayAsk fails with ErrNotEnrolled when there is no token.
func (s *state) mayAsk() error {
	if s.token == "" {
		return notEnrolled("This device is not enrolled.")
	}
	return nil
}

// note stores an answer: where the server stands, and each verdict. If that
// fails, the send has not (DEV-5): the mutations stay waiting, are sent again,
// and the server knows them.
func (p *pusher) note(ctx context.Context, batch []item, a *pushAnswer, t timing) error {
	verdicts := map[int64]*wire.Verdict{}
	for i := range *a.Verdicts {
		v := &(*a.Verdicts)[i]
		verdicts[v.N] = v
	}
	var answered, deferred, silent []item
	err := p.d.store.tx(ctx, "note verdicts", func(tx *sql.Tx) error {
		st, err := loadState(ctx, tx)
		if err != nil {
			return err
		}
		p.st = st
		if err := st.arrived(ctx, tx, p.d, &a.place, t); err != nil {
			return err
		}
		for _, i := range batch {
			switch v := verdicts[i.n]; {
			case v == nil || !knownVerdict(v.Verdict):
				silent = append(silent, i)
			case v.Verdict == wire.Deferred:
				deferred = append(deferred, i)
				fallthrough
			default:
				answered = append(answered, i)
				if err := st.noteVerdict(ctx, tx, i.pos, v); err != nil {
					return err
				}
			}
		}
		if err := sweep(ctx, tx, st); err != nil {
			return err
		}
		if err := settle(ctx, tx, st); err != nil {
			return err
		}
		return st.save(ctx, tx)
	})
	if err != nil {
		return err
	}
	p.d.jumpNoted()
	for _, i := range answered {
		p.report.Verdicts = append(p.report.Verdicts, *verdicts[i.n])
	}
	p.report.Sent += len(answered)
	p.answered += len(answered)
	p.decided += len(answered) - len(deferred)
	for _, i := range deferred {
		p.deferred[i.pos] = i
	}
	if a.Rewound {
		p.report.Rewound = true
		if p.rewinds++; p.rewinds <= maxRewinds {
			p.again = true
		}
	}
	for _, i := range silent { // against PUSH-4; it stays waiting
		p.stuck[i.pos] = i
	}
	if len(silent) > 0 && len(answered) == 0 {
		return notOurs("The server gave no verdict.", http.StatusOK, nil)
	}
	return nil
}

func knownVerdict(v string) bool {
	return v == wire.Applied || v == wire.Merged || v == wire.Refused || v == wire.Deferred
}

// noteVerdict moves one mutation on.
func (s *state) noteVerdict(ctx context.Context, tx *sql.Tx, pos int64, v *wire.Verdict) error {
	raw, err := encode(v)
	if err != nil {
		return err
	}
	phase, ack := Waiting, int64(0)
	switch v.Verdict {
	case wire.Applied, wire.Merged:
		phase = Acknowledged
		s.acks++
		ack = s.acks
	case wire.Refused:
		phase = Parked
	}
	_, err = tx.ExecContext(ctx, `UPDATE outbox SET state = ?, seq = ?, verdict = ?, code = ?, message = ?, fails = 0, ack = ?
		WHERE pos = ? AND state = 'waiting'`, phase, v.Seq, string(raw), v.Code, v.Message, ack, pos)
	return err
}

// sendAgain follows a history that has gone back: all acknowledged mutations
// that are still kept wait again (EPOCH-3): their n are lower, so they go before
// what is new. The view begins anew: with the old cursor the next pull would
// tell of the same rewind, and all go out once more.
func (s *state) sendAgain(ctx context.Context, tx *sql.Tx) error {
	_, err := tx.ExecContext(ctx, "UPDATE outbox SET state = 'waiting', seq = 0, ack = 0 WHERE state = 'acknowledged'")
	s.cursor = nil
	return err
}

// arrived stores where the server stands.
func (s *state) arrived(ctx context.Context, tx *sql.Tx, d *Device, a *place, t timing) error {
	if a.Rewound {
		if err := s.sendAgain(ctx, tx); err != nil {
			return err
		}
	}
	d.noteOrder(a.Wipe)
	now, jumped := d.now()
	// The clock starts anew with the next stamp, now: a stamp that finds a clock
	// set back while nobody looked would take this offset for an older one.
	if jumped || s.clock.Last.Ms-now.UnixMilli() > hlc.JumpTolerance {
		s.clock.Last.Ms, s.clock.Last.Counter = 0, 0
	}
	offset := t.offset(a.Now.Time)
	s.offset, s.offsetAt = &offset, now.UnixMilli()
	s.epoch, s.mark, s.durableSeq = &a.Epoch, &a.Mark, *a.DurableSeq
	s.contact, s.contactURL = now.UnixMilli(), s.url
	return s.pullProblemOver()
}

// settle lets go of acknowledged mutations that are held off the server's
// machine (EPOCH-3): none of them is ever sent again. Reports of staff keep
// their content: they are read back from here alone.
func settle(ctx context.Context, tx *sql.Tx, s *state) error {
	keep := s.person.Role == "staff"
	_, err := tx.ExecContext(ctx, `UPDATE outbox SET state = 'settled', sealed = '', body = CASE WHEN ? THEN body END
		WHERE state = 'acknowledged' AND seq <= ?`, keep, s.durableSeq)
	return err
}
