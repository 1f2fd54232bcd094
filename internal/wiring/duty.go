package wiring

import (
	"context"
	"log/slog"
	"time"

	"github.com/fieldpost/fieldpost/internal/alert"
	"github.com/fieldpost/fieldpost/internal/duty"
	"github.com/fieldpost/fieldpost/internal/records"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// What the commands about duty show and change.
type (
	Mail          = alert.Mail
	DutyChange    = records.DutyChange
	DutyHours     = duty.Hours
	DutyException = duty.Exception
)

// MailVariable is the environment variable with the mail server's address: in
// no command line that others on the machine list, in no backup.
const MailVariable = "FIELDPOST_SMTP"

// ParseMail reads a mail server's address; "" is none.
func ParseMail(text string) (*Mail, error) { return alert.ParseMail(text) }

// DutyView is how duty stands for an organization.
type DutyView struct {
	Organization string              `json:"organization"`
	Now          *wire.Duty          `json:"now"`
	Hours        []records.DutyHours `json:"hours"`
	Alerts       []records.AlertRow  `json:"alerts"` // the newest
}

// Duty shows how duty stands for an organization.
func (s *Services) Duty(organization string) (*DutyView, error) {
	v := &DutyView{Organization: organization}
	var err error
	if v.Now, err = s.Store.DutyAt(organization); err != nil {
		return nil, err
	}
	if v.Hours, err = s.Store.DutyOf(organization); err != nil {
		return nil, err
	}
	v.Alerts, err = s.Store.Alerts(organization, 20)
	return v, err
}

// TestMail sends one alert to an address through a mail server.
func (s *Services) TestMail(ctx context.Context, through *Mail, to string) error {
	w := s.watcher(through, 0)
	return w.Test(ctx, to)
}

func (s *Services) watcher(through *Mail, every time.Duration) *alert.Watcher {
	return &alert.Watcher{Store: s.Store, Mail: through, Board: s.board, Every: every, Log: func() *slog.Logger { return s.Store.App.Logger() }}
}

// board is the address that an alert names.
func (s *Services) board() string {
	base := s.PublicURL()
	if base == "" {
		base = s.SignIn().PublicURL
	}
	return base + "/board"
}
