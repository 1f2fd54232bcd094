package client

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/fieldpost/fieldpost/internal/wire"
)

// Recovery files. A phone that cannot get through, or that nobody can unlock in
// time, gives what it holds into a file that anybody may carry to any device
// that is signed in. The phone itself notes nothing: until the server has told
// it a verdict, what it saved is waiting, and when it comes back it sends all of
// it again and is answered from the receipts.

// Exported tells what ExportRecovery wrote.
type Exported struct {
	Mutations int
	Parts     int     // signed files, one after another: each is as much as one request takes
	TooLarge  []int64 // n of those that no sealed mutation can hold: they can only be synced
}

// ExportRecovery writes everything that waits for a verdict, sealed for the
// installation and signed by this device; with parked also what needs
// attention. Nothing is written when there is nothing. It needs no server, and
// changes nothing here. Errors: ErrNotEnrolled before the device has ever met
// its server, ErrDisk, and what w fails with.
func (d *Device) ExportRecovery(w io.Writer, parked bool) (Exported, error) {
	var out Exported
	ctx := context.Background()
	var st *state
	var all []item
	err := d.store.read(ctx, "write recovery file", func(tx *sql.Tx, s *state) error {
		if st = s; s.sealKey == "" {
			return notEnrolled("This device is not enrolled, and knows nobody to seal for.")
		}
		rows, err := tx.QueryContext(ctx, `SELECT n, stamp, body, sealed FROM outbox
			WHERE state = 'waiting' OR ? AND state = 'parked' ORDER BY n`, parked)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var i item
			var stamp string
			if err := rows.Scan(&i.n, &stamp, &i.body, &i.sealed); err != nil {
				return err
			}
			if i.sealed == "" {
				if i.sealed, err = s.seal(i.n, stamp, i.body); err != nil {
					return err
				}
			}
			if len(i.sealed) > wire.MaxMutationBytes-sealedEnvelope {
				out.TooLarge = append(out.TooLarge, i.n)
				continue
			}
			all = append(all, i)
		}
		return rows.Err()
	})
	if err != nil {
		return Exported{}, err
	}
	written, err := st.recoveryParts(all, func(file []byte) error {
		_, err := w.Write(append(file, '\n'))
		return err
	})
	out.Parts, out.Mutations = written.Parts, written.Mutations
	return out, err
}

// recoveryParts makes signed files of mutations that are sealed, each as much
// as one request takes, and hands them to emit.
func (s *state) recoveryParts(all []item, emit func(file []byte) error) (out Exported, err error) {
	limit := min(s.limits.Bytes, s.limits.Inflated) * fillFactor / 100
	var part []json.RawMessage
	size := int64(sealedEnvelope)
	flush := func() error {
		if len(part) == 0 {
			return nil
		}
		file, err := s.recoveryFile(part)
		if err != nil {
			return err
		}
		if err := emit(file); err != nil {
			return err
		}
		out.Parts++
		out.Mutations += len(part)
		part, size = nil, sealedEnvelope
		return nil
	}
	for _, i := range all {
		if len(part) == s.limits.Mutations || size+i.size() > limit {
			if err := flush(); err != nil {
				return out, err
			}
		}
		text, err := i.sent()
		if err != nil {
			return out, err
		}
		part = append(part, text)
		size += i.size()
	}
	return out, flush()
}

// recoveryFile is one signed file.
func (s *state) recoveryFile(mutations []json.RawMessage) ([]byte, error) {
	signed, err := wire.RecoveryText(s.id, mutations)
	if err != nil {
		return nil, err
	}
	signature, err := sign(s.key, string(signed))
	if err != nil {
		return nil, err
	}
	return wire.RecoveryFile(signed, signature)
}

// Delivered tells what became of a recovery file. The numbers are those of the
// device that wrote it.
type Delivered struct {
	Device   string
	Verdicts []DeliveredVerdict
}

// DeliveredVerdict is the server's answer to one mutation of a file: what the
// carrier may know of it.
type DeliveredVerdict = wire.RecoveryVerdict

// Count gives how many of the file are received, must be delivered again later,
// and need attention on the device that wrote it or by a coordinator.
func (d Delivered) Count() (received, later, attention int) {
	for _, v := range d.Verdicts {
		switch v.Verdict {
		case wire.Applied, wire.Merged:
			received++
		case wire.Deferred:
			later++
		default:
			attention++
		}
	}
	return received, later, attention
}

type recoveryAnswer struct {
	Epoch    string                  `json:"epoch"`
	Now      serverTime              `json:"now"`
	Verdicts *[]wire.RecoveryVerdict `json:"verdicts"`
}

func (a *recoveryAnswer) missing() string {
	switch {
	case a.Epoch == "":
		return "epoch"
	case a.Now.IsZero():
		return "now"
	case a.Verdicts == nil:
		return "verdicts"
	}
	return ""
}

// DeliverRecovery hands in a recovery file, whoever wrote it, with this
// device's own access; nothing of it is stored here. A file twice is harmless.
// When it fails, what is told as delivered before is; deliver the same file
// again. Errors: ErrInput (not_recovery_file), ErrNotEnrolled, ErrOffline,
// ErrNotFieldpost, ErrLater, ErrRefused (bad_signature, device_forked,
// bad_request).
func (d *Device) DeliverRecovery(ctx context.Context, r io.Reader) (Delivered, error) {
	var out Delivered
	parts := json.NewDecoder(r)
	for {
		var part json.RawMessage
		err := parts.Decode(&part)
		if errors.Is(err, io.EOF) && out.Device != "" {
			return out, nil
		}
		var head struct {
			Device    string            `json:"device"`
			Mutations []json.RawMessage `json:"mutations"`
			Signature string            `json:"signature"`
		}
		if err != nil || json.Unmarshal(part, &head) != nil || head.Device == "" || head.Signature == "" ||
			out.Device != "" && out.Device != head.Device {
			return out, badInput("not_recovery_file", "The file is cut off, or is not a recovery file.",
				"Take another copy of it, or write it anew on the phone that made it.")
		}
		st, err := d.enrolled()
		if err != nil {
			return out, err
		}
		var a recoveryAnswer
		if _, _, err := d.authorized(ctx, st, request{path: "/api/sync/recovery"}, false, &a,
			func(*state, time.Time) ([]byte, error) { return bytes.TrimSpace(part), nil }); err != nil {
			return out, err
		}
		if len(*a.Verdicts) != len(head.Mutations) {
			return out, notOurs(fmt.Sprintf("%d verdicts for %d mutations.", len(*a.Verdicts), len(head.Mutations)), 200, nil)
		}
		out.Device = head.Device
		out.Verdicts = append(out.Verdicts, *a.Verdicts...)
	}
}
