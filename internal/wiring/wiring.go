// Package wiring builds the services of an installation. The binary and the
// test rig run the same line: New, then hooks.Register.
package wiring

import (
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/fieldpost/fieldpost/content"
	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/alert"
	"github.com/fieldpost/fieldpost/internal/checklist"
	"github.com/fieldpost/fieldpost/internal/devices"
	"github.com/fieldpost/fieldpost/internal/exchange"
	"github.com/fieldpost/fieldpost/internal/export"
	"github.com/fieldpost/fieldpost/internal/httpapi"
	"github.com/fieldpost/fieldpost/internal/journal"
	"github.com/fieldpost/fieldpost/internal/prepared"
	"github.com/fieldpost/fieldpost/internal/records"
	"github.com/fieldpost/fieldpost/internal/seal"
	"github.com/fieldpost/fieldpost/internal/triage"
)

// Config is what the services take from outside; the zero value is that of
// the binary.
type Config struct {
	Now func() time.Time // nil: the system's clock
	// Owner: the caller holds the folder's lock, so that nobody else serves it.
	// Only an owner may begin another line of history.
	Owner bool
	// Settings are the operator's choices among PocketBase's settings.
	Settings records.SettingsChoice
	// Mail takes alerts of unopened emergencies (R23); nil: none are sent.
	Mail *alert.Mail
	// LookEvery is how often they are looked for; 0 is as the binary does.
	LookEvery time.Duration
	// Content is loaded instead of the binary's; nil: the binary's. Triage rules
	// are the binary's in any case.
	Content *Content
}

// Content is what an installation has to begin with: checklists and the rest.
type Content struct {
	Lists   []checklist.Checklist
	Entries []checklist.Entry
}

// Services are the parts of an installation, wired.
type Services struct {
	Key      *seal.Installation
	Store    *records.Store
	Exchange *exchange.Service
	Devices  *devices.Service
	API      *httpapi.API
	Alerts   *alert.Watcher
	KeyMade  bool // this start made the installation key
	// Shipped are the checklists that the binary carries, every version. Others
	// share them: nobody changes them.
	Shipped []checklist.Checklist
	// Entries are the rest of the content that the binary carries, shared too.
	Entries []checklist.Entry
	// NewLine says why this start began another line of history (EPOCH-2), in
	// words for the person at the server; "" if it did not.
	NewLine string

	owner   bool
	choice  records.SettingsChoice
	turns   turning
	content *Content
}

// Shipped reads the binary's content, once: it is the same for every
// installation of a process, and reading it is most of a start. Nobody changes
// what it gives.
var Shipped = sync.OnceValues(func() (*Content, error) {
	lists, err := checklist.Load(content.Files)
	if err != nil {
		return nil, err
	}
	entries, err := checklist.EntriesIn(content.Files)
	return &Content{lists, entries}, err
})

// New wires the services. It touches neither files nor the database: they are
// not open yet. Prepare does.
func New(app core.App, cfg Config) *Services {
	now := cfg.Now
	if now == nil {
		now = time.Now
	}
	key := &seal.Installation{}
	store := &records.Store{App: app, Key: key, Now: now}
	ex := exchange.New(store, key, now, func() *slog.Logger { return app.Logger() })
	store.Notify = ex.Committed
	ex.Live.Streams = httpapi.Streams(app)
	dev := &devices.Service{Store: store, Key: key, Now: now}
	s := &Services{Key: key, Store: store, Exchange: ex, Devices: dev, owner: cfg.Owner, choice: cfg.Settings, content: cfg.Content,
		API: &httpapi.API{Exchange: ex, Devices: dev, SignIn: newSignIn(app, store, dev, now), Store: store, Export: &export.Service{Store: store, Now: now}, Alerts: cfg.Mail != nil}}
	s.Alerts = s.watcher(cfg.Mail, cfg.LookEvery)
	s.API.Media = newMedia(app, store, now)
	return s
}

// DBConnect opens the databases with PocketBase's pragmas but synchronous=FULL:
// with NORMAL a power cut takes back commits that were acknowledged (goal 1).
// What their connections were asked lately they keep prepared.
func DBConnect(path string) (*dbx.DB, error) {
	db, err := prepared.Open("sqlite", DataSource(path), prepared.Most)
	if err != nil {
		return nil, err
	}
	return dbx.NewFromDB(db, "sqlite"), nil
}

// DataSource names a database file with the pragmas that every connection has.
func DataSource(path string) string {
	return path + "?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=journal_size_limit(200000000)" +
		"&_pragma=synchronous(FULL)&_pragma=foreign_keys(ON)&_pragma=temp_store(MEMORY)&_pragma=cache_size(-32000)" +
		"&_pragma=secure_delete(ON)" // what was deleted is not left in free pages for whoever gets the file (R9, R15)
}

// Prepare runs once the database is open, at every start of every command: the
// installation key, the journal's schema, the collections, their rules, the
// epoch and the shipped content.
func (s *Services) Prepare(app core.App) error {
	db, ok := app.NonconcurrentDB().(*dbx.DB)
	if !ok {
		return fmt.Errorf("prepare: the database is inside a transaction")
	}
	if err := journal.Migrate(db.DB()); err != nil {
		return err
	}
	if err := s.openKey(app.DataDir()); err != nil {
		return err
	}
	if s.content == nil {
		var err error
		if s.content, err = Shipped(); err != nil {
			return err
		}
	}
	var err error
	s.Shipped, s.Entries = s.content.Lists, s.content.Entries
	s.Store.Catalog, s.Store.Shipped, s.Store.Content = checklist.NewCatalog(s.Shipped), s.Shipped, content.Files
	if s.Store.Triage, err = triage.Load(content.Files); err != nil {
		return err
	}
	if err := app.RunAllMigrations(); err != nil {
		return fmt.Errorf("migrate collections: %w", err)
	}
	if err := records.ApplyRules(app); err != nil {
		return err
	}
	if err := records.ApplySettings(app, s.choice); err != nil {
		return err
	}
	err = s.Store.Transact(func(tx *records.Tx) error {
		if err := tx.BeginEpoch(records.NewEpoch(), s.Store.Now().UnixMilli()); err != nil || !s.owner {
			return err
		}
		return s.settleLine(tx, app.DataDir())
	})
	if err != nil {
		return err
	}
	if err := s.forgetSessions(); err != nil {
		return err
	}
	if err := s.Store.TurnOperations(); err != nil {
		return err
	}
	// In the epoch of now: what this writes belongs to no other line of history.
	if err := s.Store.MoveToSchema2(); err != nil {
		return err
	}
	waiting, err := s.Store.LoadTriageRules()
	if err != nil {
		return err
	}
	if waiting {
		app.Logger().Warn("newer rules of triage came with this version, and the installation's own stay in force: fieldpost triage show")
	}
	held, err := s.Store.LoadChecklists(s.Shipped)
	for _, l := range held {
		app.Logger().Warn("a newer checklist waits, because one of its key was edited here: fieldpost content diff",
			"key", l.Key, "version", l.Version, "locale", l.Locale)
	}
	if err != nil {
		return err
	}
	waits, err := s.Store.LoadEntries(s.Entries)
	for _, e := range waits {
		app.Logger().Warn("newer content waits, because it was edited here: fieldpost content diff", "entry", e.String())
	}
	return err
}

// openKey opens the installation key, and makes it only for a database that
// has no history yet. Over one that has, a new or another key would orphan
// every pseudonym, receipt, invite and cursor without a word.
func (s *Services) openKey(dir string) error {
	first, err := s.Store.Journal().FirstDevice()
	if err != nil {
		return err
	}
	if first != "" && !seal.Exists(dir) {
		return fmt.Errorf("%s is missing, and the database has a history made with it: put back your copy of it", seal.KeyPath(dir))
	}
	key, made, err := seal.Open(dir)
	if err != nil {
		return err
	}
	// The first entry is of the shipped content: the system wrote it.
	if first != "" && first != key.Rest("system") {
		return fmt.Errorf("%s is the key of another installation: put back this one's", seal.KeyPath(dir))
	}
	*s.Key, s.KeyMade = *key, made
	return nil
}

// Collections are the names of the synced collections.
func Collections() []string {
	var names []string
	for name := range access.Table {
		names = append(names, name)
	}
	return names
}
