package client

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
)

// problemNote is why an exchange failed, for a person who looks later.
type problemNote struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Hint    string `json:"hint"`
	At      int64  `json:"at"`             // Unix ms
	Push    bool   `json:"push,omitempty"` // what waits was not taken: only a push that gets through ends it
}

// noteProblem stores why an exchange failed, and that it no longer does, and
// gives the error back. A push that was answered with an error is what a person
// must learn of: neither a pull nor a dead network takes its place.
func (d *Device) noteProblem(ctx context.Context, err error, push bool) error {
	if ctx.Err() != nil || err == nil && !push {
		return err
	}
	now, _ := d.now()
	if noteErr := d.store.tx(ctx, "note problem", func(tx *sql.Tx) error {
		st, loadErr := loadState(ctx, tx)
		if loadErr != nil {
			return loadErr
		}
		before, loadErr := st.readProblem()
		if loadErr != nil {
			return loadErr
		}
		answered := push && err != nil && !errors.Is(err, ErrOffline) && !errors.Is(err, ErrNotFieldpost)
		text := ""
		switch {
		case err == nil && (before == nil || !before.Push), err != nil && before != nil && before.Push && !answered:
			return nil
		case err != nil:
			e := Explain(err)
			raw, encodeErr := encode(problemNote{e.Code, e.Message, e.Hint, now.UnixMilli(), answered})
			if encodeErr != nil {
				return encodeErr
			}
			text = string(raw)
		}
		_, writeErr := tx.ExecContext(ctx, "UPDATE device SET problem = ?", text)
		return writeErr
	}); noteErr != nil {
		return errors.Join(err, fmt.Errorf("note problem: %w", noteErr))
	}
	return err
}

// readProblem gives the problem that is noted, nil for none.
func (s *state) readProblem() (*problemNote, error) {
	if s.problem == "" {
		return nil, nil
	}
	var p problemNote
	if err := json.Unmarshal([]byte(s.problem), &p); err != nil {
		return nil, damaged(err)
	}
	return &p, nil
}

// pullProblemOver follows an answer: whatever the problem was, the server is
// there, unless a push's.
func (s *state) pullProblemOver() error {
	p, err := s.readProblem()
	if p != nil && !p.Push {
		s.problem = ""
	}
	return err
}
