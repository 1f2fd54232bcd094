package client

import (
	"context"
	"database/sql"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/fieldpost/fieldpost/internal/hlc"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// Saved tells what a save has stored.
type Saved struct {
	N     int64    // names the mutation on this device
	Stamp string   // names it for ever
	IDs   []string // the records of the ops, in their order
}

// body is a mutation as made, without its n: a device that gets a new id gives
// new ones (PUSH-3), and all else goes out as it was made (PUSH-9).
type body struct {
	Stamp  string  `json:"stamp"`
	Offset *int64  `json:"offset"`
	Epoch  *string `json:"epoch"`
	Schema int     `json:"schema"`
	Ops    []Op    `json:"ops"`
}

// withN puts n in front of a stored body.
func withN(n int64, stored []byte) []byte {
	out := make([]byte, 0, len(stored)+24)
	out = strconv.AppendInt(append(out, `{"n":`...), n, 10)
	out = append(out, ',')
	return append(out, stored[1:]...)
}

// Do saves one mutation of one or more ops, all or nothing, and returns when
// it is on this device's disk (DEV-1). A create without an id gets one; an
// update or delete without a base gets the version of the confirmed record.
// What the ops say is not checked beyond their form: that is the server's.
// Errors: ErrInput, ErrDisk.
func (d *Device) Do(ops ...Op) (Saved, error) { return d.add(0, ops) }

// add saves a mutation, as the corrected copy of the one at pos if that is not 0.
func (d *Device) add(correctionOf int64, ops []Op) (Saved, error) {
	ops, err := d.complete(ops)
	if err != nil {
		return Saved{}, err
	}
	var saved Saved
	ctx := context.Background()
	err = d.store.tx(ctx, "save", func(tx *sql.Tx) error {
		st, err := loadState(ctx, tx)
		if err != nil {
			return err
		}
		var wiping bool
		if err := tx.QueryRow("SELECT wiping FROM device").Scan(&wiping); err != nil {
			return err
		}
		if wiping {
			return wipedAlready()
		}
		if st.n >= wire.MaxN {
			return badInput("n_used_up", "This store cannot number any more changes.", "Enrol with a new store.")
		}
		if err := fillBases(tx, ops); err != nil {
			return err
		}
		now, jumped := d.now()
		stamp, err := st.nextStamp(tx, now.UnixMilli(), jumped)
		if err != nil {
			return err
		}
		n := st.n + 1
		if aboutSelf(ops) {
			if n, err = d.farNumber(); err != nil {
				return err
			}
		} else {
			st.n = n
		}
		stored, err := json.Marshal(body{Stamp: stamp, Offset: st.offset, Epoch: st.viewEpoch, Schema: wire.Schema, Ops: ops})
		if err != nil {
			return badInput("not_json", "A field holds what JSON cannot.", "Correct the field and save again.")
		}
		if len(stored) > wire.MaxMutationBytes-32 {
			return badInput("too_large", "This is more than one change may hold (1 MiB).", "Save it in smaller parts.")
		}
		sealed := ""
		if st.seals(d.opt) {
			if sealed, err = st.seal(n, stamp, stored); err != nil {
				return err
			}
			if len(sealed) > wire.MaxMutationBytes-sealedEnvelope {
				return badInput("too_large", "This is more than one sealed change may hold (about 768 KiB).", "Save it in smaller parts.")
			}
		}
		pos, err := insertMutation(tx, item{n: n, body: stored, sealed: sealed}, stamp, now.UnixMilli(), correctionOf, ops)
		if err != nil {
			return err
		}
		if correctionOf != 0 {
			if _, err := tx.Exec("UPDATE outbox SET state = 'corrected', corrected_by = ? WHERE pos = ?", pos, correctionOf); err != nil {
				return err
			}
		}
		saved = Saved{N: n, Stamp: stamp}
		return st.save(ctx, tx)
	})
	if err != nil {
		return Saved{}, err
	}
	d.jumpNoted()
	for _, op := range ops {
		saved.IDs = append(saved.IDs, op.ID)
	}
	select {
	case d.wake <- struct{}{}:
	default:
	}
	return saved, nil
}

// aboutSelf tells whether a mutation makes a report about its person. The
// server stores nothing of who sent it, its number included (R9).
func aboutSelf(ops []Op) bool {
	for _, op := range ops {
		if op.Op == wire.OpCreate && op.Collection == "submissions" && op.Fields["about"] == "self" {
			return true
		}
	}
	return false
}

// farNumber is a number by chance, far from those given out in turn: one of
// these that is missing at the server would tell that there was such a report.
func (d *Device) farNumber() (int64, error) {
	var raw [8]byte
	if _, err := io.ReadFull(d.opt.Rand, raw[:]); err != nil {
		return 0, fmt.Errorf("number a report: %w", err)
	}
	return 1<<51 | int64(binary.BigEndian.Uint64(raw[:])>>14), nil // 2^51 to 2^52, below wire.MaxN
}

// complete checks the form of ops and gives ids to creates that have none.
func (d *Device) complete(given []Op) ([]Op, error) {
	if len(given) == 0 || len(given) > wire.MaxOps {
		return nil, badInput("bad_ops", fmt.Sprintf("A mutation has 1 to %d ops.", wire.MaxOps), "Save it in smaller parts.")
	}
	ops := make([]Op, len(given))
	for i, op := range given {
		if op.Op == wire.OpCreate && op.ID == "" {
			id, err := d.NewID()
			if err != nil {
				return nil, err
			}
			op.ID = id
		}
		if problem := formOf(op); problem != "" {
			return nil, badInput("bad_ops", problem, "Correct it and save again.")
		}
		ops[i] = op
	}
	return ops, nil
}

func formOf(op Op) string {
	switch {
	case op.Op != wire.OpCreate && op.Op != wire.OpUpdate && op.Op != wire.OpDelete:
		return "An op is create, update or delete."
	case op.Collection == "":
		return "An op names no collection."
	case !hlc.ValidID(op.ID):
		return "A record id is 15 characters a-z0-9."
	case op.Base < 0 || op.Base > wire.MaxN || op.Op == wire.OpCreate && op.Base != 0:
		return "A base is the version of the record, 0 for a create."
	case op.Op == wire.OpUpdate && len(op.Fields) == 0:
		return "An update changes at least one field."
	case op.Op == wire.OpDelete && len(op.Fields) > 0:
		return "A delete has no fields."
	}
	return ""
}

// fillBases takes the version that the person was looking at: the confirmed
// one, because what this device itself sent since never counts (MERGE-1).
func fillBases(tx *sql.Tx, ops []Op) error {
	for i := range ops {
		if ops[i].Op == wire.OpCreate || ops[i].Base != 0 {
			continue
		}
		err := tx.QueryRow("SELECT seq FROM records WHERE collection = ? AND id = ?", ops[i].Collection, ops[i].ID).Scan(&ops[i].Base)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
	}
	return nil
}

// nextStamp moves the clock on. A clock that was set back may give a time once
// more; a stamp must not, so it ticks on.
func (s *state) nextStamp(tx *sql.Tx, wall int64, jumped bool) (string, error) {
	jumped = jumped || s.offset != nil && s.offsetAt-wall > hlc.JumpTolerance
	clock, jumped := s.clock.Next(wall, jumped)
	if jumped {
		s.offset = nil
	}
	for {
		stamp := hlc.Stamp{Time: clock.Last, Device: s.id}.String()
		var used int
		if err := tx.QueryRow("SELECT count(*) FROM outbox WHERE stamp = ?", stamp).Scan(&used); err != nil {
			return "", err
		}
		if used == 0 {
			s.clock = clock
			return stamp, nil
		}
		clock.Last = clock.Last.Tick()
	}
}

func insertMutation(tx *sql.Tx, i item, stamp string, made, correctionOf int64, ops []Op) (pos int64, err error) {
	res, err := tx.Exec("INSERT INTO outbox (n, stamp, body, sealed, state, made, correction_of) VALUES (?, ?, ?, ?, 'waiting', ?, ?)",
		i.n, stamp, i.body, i.sealed, made, correctionOf)
	if err != nil {
		return 0, err
	}
	if pos, err = res.LastInsertId(); err != nil {
		return 0, err
	}
	for i, op := range ops {
		if _, err := tx.Exec("INSERT INTO touched (pos, op, kind, collection, id) VALUES (?, ?, ?, ?, ?)",
			pos, i, op.Op, op.Collection, op.ID); err != nil {
			return 0, err
		}
	}
	return pos, nil
}

// Phase says where a mutation stands in the outbox.
type Phase string

// The phases of a mutation.
const (
	Waiting      Phase = "waiting"      // to be sent
	Acknowledged Phase = "acknowledged" // applied or merged, and kept until it is held off the server's machine too
	Settled      Phase = "settled"      // that too
	Parked       Phase = "parked"       // refused, or could not be sent: a person must look
	Corrected    Phase = "corrected"    // was parked; a person made a corrected copy
)

// Entry is a mutation of the outbox.
type Entry struct {
	N            int64
	Stamp        string
	Phase        Phase
	State        State // in the words for people
	Made         time.Time
	Ops          []Op     // empty once settled
	Records      []Ref    // what the ops are about, in their order
	Verdict      *Verdict // the last one, nil before
	Code         string   // why it is parked or deferred
	Message      string
	CorrectedBy  int64           // n of the corrected copy, 0 if none
	CorrectionOf int64           // n of what this one corrects, 0 if none
	Raw          json.RawMessage // the mutation as it was made; nil once settled
	Sealed       bool            // it is sent sealed for the installation
}

// Ref names a record and what was done to it.
type Ref struct {
	Op, Collection, ID string
}

// Outbox lists mutations in the order of making: those of the given phases, or all.
func (d *Device) Outbox(phases ...Phase) ([]Entry, error) {
	var all []Entry
	ctx := context.Background()
	err := d.store.read(ctx, "list outbox", func(tx *sql.Tx, _ *state) error {
		var err error
		all, err = entries(ctx, tx, "")
		return err
	})
	if err != nil || len(phases) == 0 {
		return all, err
	}
	var some []Entry
	for _, e := range all {
		for _, p := range phases {
			if e.Phase == p {
				some = append(some, e)
			}
		}
	}
	return some, nil
}

// Mutation gives one mutation of the outbox. ErrInput when there is no such n.
func (d *Device) Mutation(n int64) (Entry, error) {
	var found []Entry
	ctx := context.Background()
	err := d.store.read(ctx, "read outbox", func(tx *sql.Tx, _ *state) error {
		var err error
		found, err = entries(ctx, tx, "WHERE o.n = ?", n)
		return err
	})
	if err != nil {
		return Entry{}, err
	}
	if len(found) == 0 {
		return Entry{}, badInput("unknown_n", fmt.Sprintf("The outbox has no number %d.", n), "List the outbox to see the numbers.")
	}
	return found[0], nil
}

func entries(ctx context.Context, tx *sql.Tx, where string, args ...any) ([]Entry, error) {
	rows, err := tx.QueryContext(ctx, `SELECT o.pos, o.n, o.stamp, o.body, o.sealed <> '', o.state, o.made, o.verdict, o.code, o.message,
		coalesce(c.n, 0), coalesce(p.n, 0),
		EXISTS (SELECT 1 FROM touched t JOIN seen s ON s.id = t.id WHERE t.pos = o.pos AND t.kind = 'create')
		FROM outbox o LEFT JOIN outbox c ON c.pos = o.corrected_by LEFT JOIN outbox p ON p.pos = o.correction_of `+where+" ORDER BY o.pos", args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []Entry
	var positions []int64
	for rows.Next() {
		var e Entry
		var pos, made int64
		var stored []byte
		var verdict string
		var seen bool
		if err := rows.Scan(&pos, &e.N, &e.Stamp, &stored, &e.Sealed, &e.Phase, &made, &verdict, &e.Code, &e.Message,
			&e.CorrectedBy, &e.CorrectionOf, &seen); err != nil {
			return nil, err
		}
		e.Made, e.State = time.UnixMilli(made).UTC(), e.Phase.state(seen)
		if stored != nil {
			var b body
			if err := json.Unmarshal(stored, &b); err != nil {
				return nil, damaged(err)
			}
			e.Ops, e.Raw = b.Ops, withN(e.N, stored)
		}
		if verdict != "" {
			e.Verdict = &Verdict{}
			if err := json.Unmarshal([]byte(verdict), e.Verdict); err != nil {
				return nil, damaged(err)
			}
		}
		all, positions = append(all, e), append(positions, pos)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	for i, pos := range positions {
		if all[i].Records, err = refs(ctx, tx, pos); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func refs(ctx context.Context, tx *sql.Tx, pos int64) ([]Ref, error) {
	rows, err := tx.QueryContext(ctx, "SELECT kind, collection, id FROM touched WHERE pos = ? ORDER BY op", pos)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []Ref
	for rows.Next() {
		var r Ref
		if err := rows.Scan(&r.Op, &r.Collection, &r.ID); err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, rows.Err()
}

// Retry sends a parked mutation again at the next sync, as it is. ErrInput when
// it is not parked.
func (d *Device) Retry(n int64) error {
	if _, err := d.parked(n); err != nil {
		return err
	}
	return d.store.tx(context.Background(), "retry", func(tx *sql.Tx) error {
		_, err := tx.Exec("UPDATE outbox SET state = 'waiting', code = '', message = '', fails = 0 WHERE n = ? AND state = 'parked'", n)
		return err
	})
}

// CorrectAs saves a corrected copy of a parked mutation as a mutation of its
// own; the parked one stays, marked as corrected. Records that the parked one
// would have created get new ids, because the server keeps the refused ones;
// what the other ops say about those ids is changed along.
func (d *Device) CorrectAs(n int64, ops ...Op) (Saved, error) {
	pos, err := d.parked(n)
	if err != nil {
		return Saved{}, err
	}
	renamed := map[string]string{}
	for _, op := range ops {
		if op.Op != wire.OpCreate || op.ID == "" {
			continue
		}
		if renamed[op.ID], err = d.NewID(); err != nil {
			return Saved{}, err
		}
	}
	copies := make([]Op, len(ops))
	for i, op := range ops {
		if id, ok := renamed[op.ID]; ok {
			op.ID = id
		}
		fields := map[string]any{}
		for k, v := range op.Fields {
			if text, ok := v.(string); ok && renamed[text] != "" {
				v = renamed[text]
			}
			fields[k] = v
		}
		if op.Fields != nil {
			op.Fields = fields
		}
		op.Base = 0 // a correction is made on what is confirmed now
		copies[i] = op
	}
	return d.add(pos, copies)
}

// parked gives the pos of a parked mutation.
func (d *Device) parked(n int64) (pos int64, err error) {
	var phase Phase
	err = d.store.tx(context.Background(), "read outbox", func(tx *sql.Tx) error {
		err := tx.QueryRow("SELECT pos, state FROM outbox WHERE n = ?", n).Scan(&pos, &phase)
		if errors.Is(err, sql.ErrNoRows) {
			return badInput("unknown_n", fmt.Sprintf("The outbox has no number %d.", n), "List the outbox to see the numbers.")
		}
		return err
	})
	if err == nil && phase != Parked {
		err = badInput("not_parked", fmt.Sprintf("Number %d does not need attention.", n), "Only what needs attention can be corrected or sent again.")
	}
	return pos, err
}
