package wiring

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/fieldpost/fieldpost/internal/devices"
	"github.com/fieldpost/fieldpost/internal/records"
	"github.com/fieldpost/fieldpost/internal/signin"
)

func newSignIn(app core.App, store *records.Store, dev *devices.Service, now func() time.Time) *signin.Service {
	return &signin.Service{Store: store, Devices: dev, Key: store.Key, Now: now, Log: func() *slog.Logger { return app.Logger() }}
}

// SignIn is the sign-in on the web.
func (s *Services) SignIn() *signin.Service { return s.API.SignIn }

// forgetSessions ends every session when history went back: a copy that is put
// into service must not bring back those that were ended since it was made.
func (s *Services) forgetSessions() error {
	if s.NewLine == "" {
		return nil
	}
	err := s.Store.TransactPeople(func(tx *records.People) error {
		_, err := tx.EndEverySession()
		return err
	})
	if err != nil {
		return fmt.Errorf("end the sessions of a former line: %w", err)
	}
	return nil
}
