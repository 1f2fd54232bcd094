package wiring

import (
	"fmt"
	"log/slog"
	"net/url"
	"strings"
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

// Public settles the address that people's browsers use: the one given, which
// the settings then keep for the commands, else the one of the settings, else
// the one that is listened on.
func (s *Services) Public(given, listening string) error {
	if given != "" {
		u, err := url.Parse(given)
		if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
			return fmt.Errorf("%q is not an address such as https://example.org", given)
		}
		given = u.Scheme + "://" + u.Host
		settings := s.Store.App.Settings()
		if settings.Meta.AppURL != given {
			if err := s.Store.Audit(records.Audit{Act: records.ActSettings, Actor: records.ActorOperator, Collection: "settings",
				Detail: map[string]any{"setting": "public_url"}}); err != nil {
				return err
			}
			settings.Meta.AppURL = given
			if err := s.Store.App.Save(settings); err != nil {
				return fmt.Errorf("keep the public address: %w", err)
			}
		}
	}
	if given == "" {
		given = s.PublicURL()
	}
	if given == "" {
		// Browsers know passkeys of localhost, and none of a number.
		given = strings.NewReplacer("//127.0.0.1:", "//localhost:", "//[::1]:", "//localhost:").Replace(listening)
	}
	s.SignIn().PublicURL = given
	return nil
}

// OperatorOr names who acts at the command line for the audit: the person, else
// the operator.
func OperatorOr(person string) string {
	if person == "" {
		return records.ActorOperator
	}
	return person
}

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
