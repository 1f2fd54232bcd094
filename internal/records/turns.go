package records

import (
	"database/sql"
	"errors"
	"fmt"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// TurnClaim is the claim that counts a device's tokens. Each token has a
// greater turn than those that were used before it was given. When one is used
// for the first time, the tokens of lower turns are over: a token that was
// taken from a phone or a backup dies with the phone's next renewal, and an
// answer that gets lost on the way costs nobody the token they have. Nothing
// is written when a token is given, and no time is kept (R9).
const TurnClaim = "turn"

// TokenStands tells whether a device's token is not over, and notes its use.
// It goes by what is known where the note cannot be written: on a full disk
// people still read.
func (s *Store) TokenStands(device string, turn int64) (bool, error) {
	if known, ok := s.turns.Load(device); ok && turn == known.(int64) {
		return true, nil
	}
	used, err := turnUsed(s.App, device)
	if err != nil {
		return false, err
	}
	if turn > used {
		if err := noteTurn(s.App.NonconcurrentDB(), device, turn); err != nil {
			s.App.Logger().Error("a token's use could not be noted", "error", err)
			return true, nil
		}
	}
	s.turns.Store(device, max(turn, used))
	return turn >= used, nil
}

// nextTurn is the turn of a token that is given now. The first token of a
// device counts as used: there is none before it to keep. Outside of a
// transaction it is the present one: a token for looking, that ends no other.
func nextTurn(app core.App, device string) (int64, error) {
	used, err := turnUsed(app, device)
	if err != nil {
		return 0, err
	}
	switch {
	case app.TxInfo() == nil:
		return max(used, 1), nil
	case used == 0:
		return 1, noteTurn(app.DB(), device, 1)
	}
	return used + 1, nil
}

func turnUsed(app core.App, device string) (used int64, err error) {
	err = app.DB().NewQuery("SELECT turn FROM {{device_tokens}} WHERE device={:d}").Bind(dbx.Params{"d": device}).Row(&used)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return 0, fmt.Errorf("tokens of device %s: %w", device, err)
	}
	return used, nil
}

func noteTurn(db dbx.Builder, device string, turn int64) error {
	_, err := db.NewQuery(`INSERT INTO {{device_tokens}} (device, turn) VALUES ({:d}, {:t})
		ON CONFLICT (device) DO UPDATE SET turn=excluded.turn WHERE excluded.turn>device_tokens.turn`).
		Bind(dbx.Params{"d": device, "t": turn}).Execute()
	if err != nil {
		return fmt.Errorf("tokens of device %s: %w", device, err)
	}
	return nil
}
