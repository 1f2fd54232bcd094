package alert

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/fieldpost/fieldpost/internal/records"
)

// Times of R23.
const (
	// Unopened is how long an emergency may lie unopened, and how long the second
	// list waits after the first.
	Unopened = 10 * time.Minute
	// apart is the least time between two mails to one list: ten emergencies in a
	// minute wake people once. What comes in between goes with the next mail.
	apart = 2 * time.Minute
	// every is how often the watcher looks.
	every = 10 * time.Second
	// again is how long it waits after a mail server that took nothing, so that a
	// long outage is no flood of tries.
	again = time.Minute
)

// Watcher alerts the on-call lists. Its memory is the log of alerts in the
// database: a restart sends nothing twice and misses nothing. One mail can come
// twice all the same, when the process dies between the mail server's yes and
// the commit of the log: then it is sent again, under the same Message-ID.
type Watcher struct {
	Store *records.Store
	Mail  *Mail         // nil: no mail is set up, and nothing is looked for
	Board func() string // the address of the board, for the mail
	Log   func() *slog.Logger
	Every time.Duration // 0: 10 s

	mu      sync.Mutex
	failed  map[string]time.Time // organization and list -> the last try that failed
	cancel  context.CancelFunc
	stopped chan struct{}
}

// On tells whether mail is set up.
func (w *Watcher) On() bool { return w.Mail != nil }

// Start begins to watch; without a mail server there is nothing to begin.
func (w *Watcher) Start() {
	if !w.On() || w.cancel != nil {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	w.cancel, w.stopped = cancel, make(chan struct{})
	pace := w.Every
	if pace == 0 {
		pace = every
	}
	go func() {
		defer close(w.stopped)
		tick := time.NewTicker(pace)
		defer tick.Stop()
		for {
			w.Look(ctx)
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
	}()
}

// Close ends the watch and waits for what is being sent.
func (w *Watcher) Close() {
	if w.cancel == nil {
		return
	}
	w.cancel()
	<-w.stopped
	w.cancel = nil
}

// Look alerts whoever is due now. What fails is logged and tried again.
func (w *Watcher) Look(ctx context.Context) {
	w.mu.Lock()
	defer w.mu.Unlock()
	defer func() {
		if r := recover(); r != nil {
			w.Log().Error("look for unopened emergencies: panic", "panic", r)
		}
	}()
	if err := w.look(ctx); err != nil && ctx.Err() == nil {
		w.Log().Error("look for unopened emergencies", "error", err)
	}
}

// batch is what is due to one list of one organization.
type batch struct {
	organization, list string
	triages            []string
	tried              map[string]bool // those whose failure is in the log
}

func (w *Watcher) look(ctx context.Context) error {
	now := w.Store.Now()
	waiting, err := w.Store.WaitingUnopened(now.Add(-Unopened))
	if err != nil {
		return err
	}
	var due []*batch
	add := func(x records.Waiting, list string, before records.Alerted) {
		for _, b := range due {
			if b.organization == x.Organization && b.list == list {
				b.triages = append(b.triages, x.Triage)
				b.tried[x.Triage] = !before.Began.IsZero()
				return
			}
		}
		due = append(due, &batch{x.Organization, list, []string{x.Triage}, map[string]bool{x.Triage: !before.Began.IsZero()}})
	}
	for _, x := range waiting {
		if !x.First.Sent {
			add(x, records.FirstList, x.First)
		}
		// From the first try, sent or not: a mail server that is away must not put
		// off the second list for ever.
		began := x.First.Began
		if began.IsZero() {
			began = x.Received.Add(Unopened)
			if !w.noFirst(x.Organization) {
				continue // the first list is due now, and the second 10 minutes from it
			}
		}
		if !now.Before(began.Add(Unopened)) {
			add(x, records.SecondList, x.Second)
		}
	}
	for _, b := range due {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err := w.alert(ctx, b, now); err != nil {
			w.Log().Error("alert an on-call list", "organization", b.organization, "list", b.list, "error", err)
		}
	}
	return nil
}

// noFirst tells that an organization has no first list, so that the second
// need not wait for it.
func (w *Watcher) noFirst(organization string) bool {
	to, err := w.addresses(organization, records.FirstList)
	return err == nil && len(to) == 0
}

func (w *Watcher) addresses(organization, list string) ([]string, error) {
	hours, err := w.Store.DutyOf(organization)
	if err != nil {
		return nil, err
	}
	var to []string
	seen := map[string]bool{}
	for _, h := range hours {
		from := h.Mail
		if list == records.SecondList {
			from = h.Second
		}
		for _, a := range from {
			if !seen[a] {
				seen[a] = true
				to = append(to, a)
			}
		}
	}
	return to, nil
}

func (w *Watcher) alert(ctx context.Context, b *batch, now time.Time) error {
	to, err := w.addresses(b.organization, b.list)
	if err != nil || len(to) == 0 {
		return err
	}
	last, err := w.Store.LastAlert(b.organization, b.list)
	key := b.organization + " " + b.list
	if err != nil || now.Sub(last) < apart || now.Sub(w.failed[key]) < again {
		return err
	}
	a := records.Alert{Organization: b.organization, List: b.list, Triages: b.triages}
	a.People, err = w.Mail.Send(ctx, to, text(w.Mail.From, w.Board(), idOf(b.list, b.triages), now))
	if err == nil {
		delete(w.failed, key)
		a.Sent = true
		return w.Store.NoteAlert(a)
	}
	if w.failed == nil {
		w.failed = map[string]time.Time{}
	}
	w.failed[key] = now
	// Of each item one failure goes into the log, however long it lasts.
	a.Triages = nil
	for _, id := range b.triages {
		if !b.tried[id] {
			a.Triages = append(a.Triages, id)
		}
	}
	if len(a.Triages) > 0 {
		if note := w.Store.NoteAlert(a); note != nil {
			return note
		}
	}
	return err
}

// Test sends one alert to an address, as a real one would look.
func (w *Watcher) Test(ctx context.Context, to string) error {
	_, err := w.Mail.Send(ctx, []string{to}, text(w.Mail.From, w.Board(), idOf("test", []string{to}), w.Store.Now()))
	return err
}
