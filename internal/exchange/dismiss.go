package exchange

import (
	"context"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/fault"
	"github.com/fieldpost/fieldpost/internal/records"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// maxWhy is the longest reason, in characters.
const maxWhy = 500

// Dismiss puts a held mutation aside that is of no use, with a reason. Nothing
// of it runs and nothing is lost: what came stays as it came, its phone goes on
// showing it as refused, and it can still be released or adopted. It no longer
// counts into its device's share. not_found, not_allowed, not_held,
// bad_request, busy.
func (s *Service) Dismiss(ctx context.Context, r Repair) (*wire.Repaired, error) {
	r.Reason = strings.TrimSpace(r.Reason)
	switch n := utf8.RuneCountInString(r.Reason); {
	case n == 0:
		return nil, fault.New(fault.BadRequest, "A reason is missing.").WithHint("Say why it is of no use. Others will read it.")
	case n > maxWhy:
		return nil, fault.Newf(fault.BadRequest, "The reason is longer than %d characters.", maxWhy).WithHint("Say it in fewer words.")
	}
	var out *wire.Repaired
	err := s.inWriter(ctx, func() error {
		return s.repairing(func(tx *records.Tx) error {
			h, err := s.mine(tx, r)
			if err != nil {
				return err
			}
			if h.row.Values["state"] == stateDismissed {
				return fault.New(fault.NotHeld, "Somebody has dealt with it already.")
			}
			code, message := word(h.row.Values["code"]), word(h.row.Values["message"])
			out = &wire.Repaired{ID: r.ID, State: stateDismissed,
				Verdict: wire.Verdict{N: h.receipt.N, Verdict: wire.Refused, Code: code, Message: message, Quarantine: r.ID}}
			repair := map[string]any{"at": s.stampNow(), "reason": r.Reason}
			a := records.Audit{Act: records.ActDismiss, Actor: records.ActorOperator, Collection: "quarantine", Record: r.ID,
				Organization: word(h.row.Values["organization"]), Reason: r.Reason}
			if h.by != nil {
				repair["by"], a.Actor = h.by.ID, h.by.ID
			}
			if err := tx.Amend(h.by, h.row, map[string]any{"state": stateDismissed, "repair": repair}); err != nil {
				return err
			}
			return tx.Audit(a)
		})
	})
	return out, err
}

// mine finds a quarantine record and checks that this person may act on it.
// What was put aside can still be released or adopted: somebody may have been
// wrong.
func (s *Service) mine(tx *records.Tx, r Repair) (*held, error) {
	h := &held{ops: r.Ops}
	var err error
	if r.By != "" {
		if h.by, err = tx.Person(r.By); err != nil {
			return nil, err
		}
		if h.by == nil || h.by.Role != access.Coordinator {
			return nil, fault.New(fault.NotAllowed, "Only a coordinator deals with what is in quarantine.")
		}
	}
	if h.row, err = tx.Find("quarantine", r.ID); err != nil {
		return nil, err
	}
	switch {
	case h.row == nil:
		return nil, fault.New(fault.NotFound, "There is nothing of that id in quarantine.").WithHint("Check the id.")
	case h.by != nil && !access.Table["quarantine"].Repair.Holds(*h.by, h.row.Values):
		return nil, fault.New(fault.NotAllowed, "It belongs to another organization.")
	case h.row.Values["state"] != stateHeld && h.row.Values["state"] != stateDismissed:
		return nil, fault.New(fault.NotHeld, "Somebody has dealt with it already.")
	}
	if h.receipt, err = tx.ReceiptOfHeld(r.ID); err != nil {
		return nil, err
	}
	if h.receipt == nil {
		return nil, fmt.Errorf("release %s: no receipt names it", r.ID)
	}
	return h, nil
}
